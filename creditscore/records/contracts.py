"""Check arriving rows against their table's contract and split them: kept, quarantined with a code, collapsed.

Expressions run by the engine, so that the same rows are quarantined on every engine. Codes: the rules'
own (``BAD_DATE:event_date``), ``ID_*`` of identity, ``MISSING:<column>``, ``NOT_LISTED:<column>`` (outside
the closed list), ``DATE_ORDER:<column>``, ``OFF_CATALOGUE``, ``UNKNOWN_SUBJECT``, ``UNKNOWN_EVENT``,
``DUP_CONFLICT``, ``RAGGED_LINE``. Identical rows collapse to the one that arrived first.

Rows are stored once: ``<table>_rows`` keeps those that count, ``<table>_refused`` has the few others with
their code, and the standard table is a view of the first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt

from creditscore.engine import unbound
from creditscore.errors import DataError
from creditscore.records.outcomes import COPY, Outcome, kept_table, nothing_came, outcome_of
from creditscore.records.stream import ARRIVAL, FAULT, KIND_KEY, Stream, arriving_schema
from creditscore.records.tables import StandardTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.engine import Engine

_CONFLICT = "DUP_CONFLICT"


@ibis.udf.scalar.builtin(name="hash")  # type: ignore[untyped-decorator]
def text_hash(text: dt.string) -> dt.int64:
    """The engine's own hash of a text: equal texts have equal ones. Other texts may too: only to find who to compare."""


@dataclass(frozen=True)
class Reference:
    """A column that must name a row of another table: ``UNKNOWN_SUBJECT`` where it does not."""

    column: str
    table: ir.Table
    code: str


#: What identity finds between rows: ``arrival`` and ``why``, from the rows without a fault of their own.
Between = Callable[["ir.Table"], "ir.Table"]


def enforce(engine: Engine, stream: Stream, *, references: tuple[Reference, ...] = (), between: Between | None = None) -> Outcome:
    """Read a table's stream into the engine as ``<table>``, and say what became of its rows.

    Args:
        engine: Where the table will live.
        stream: The rows.
        references: Columns that must be found elsewhere.
        between: Further faults that show only between rows.

    Returns:
        Counts, the refused rows and values, and the broken rules.

    Raises:
        DataError: A source cannot be used; rows came in that are not accounted for.
    """
    table = stream.table
    if not stream.expected:
        return nothing_came(engine, stream)
    arriving = unbound(f"{table.name}_arriving", arriving_schema(table))
    try:
        engine.register(f"{table.name}_arriving", stream.reader())
        checked = engine.create(f"{table.name}_rows", _with_code(arriving, table))
    except DataError:
        raise stream.error or DataError(
            f"{table.name}: could not be read into {engine.name}; the debug log has the query"
        ) from None
    engine.drop(f"{table.name}_arriving")
    if not stream.sent:
        return nothing_came(engine, stream)
    _part(engine, checked, table, references, between)
    engine.view(table.name, kept_table(table).select(list(table.columns)))
    return outcome_of(engine, stream)


def _with_code(arriving: ir.Table, table: StandardTable) -> ir.Table:
    """The rows with the first fault that each has by itself: no join, so that a stream only passes through."""
    said = [arriving[FAULT]]
    said += [_when(arriving[name].isnull(), f"MISSING:{name}") for name in table.required]
    said += [
        _when(arriving[name].notnull() & ~arriving[name].isin(values), f"NOT_LISTED:{name}")
        for name, values in table.values.items()
    ]
    said += [_when(arriving[later] < arriving[first], f"DATE_ORDER:{later}") for first, later in table.day_pairs]
    said += [_when(arriving[small] > arriving[large], f"OUT_OF_RANGE:{small}") for small, large in table.at_most]
    if KIND_KEY in arriving.columns:
        said.append(_when(arriving[KIND_KEY].isnull(), "OFF_CATALOGUE"))
    return arriving.mutate(code=ibis.coalesce(*said)).drop(FAULT)


def _when(condition: ir.BooleanValue, code: str) -> ir.StringValue:
    return ibis.ifelse(condition.fill_null(False), ibis.literal(code), ibis.null("string"))


def _part(
    engine: Engine, checked: ir.Table, table: StandardTable, references: tuple[Reference, ...], between: Between | None
) -> None:
    """Take the rows that do not count out of ``<table>_rows`` into ``<table>_refused``."""
    found = _found_between(engine, checked, table, references, between)
    joined = checked
    for place, one in enumerate(found):
        other = one.select(**{f"row_{place}": one[ARRIVAL], f"why_{place}": one.why})
        joined = joined.left_join(other, joined[ARRIVAL] == other[f"row_{place}"])
    code = ibis.coalesce(joined.code, *(joined[f"why_{place}"] for place in range(len(found))))
    refused = engine.create(f"{table.name}_refused", joined.mutate(code=code).filter(ibis._.code.notnull()).select(checked.columns))
    engine.delete(checked.get_name(), refused, ARRIVAL)
    for one in found:
        engine.drop(one.get_name())


def _found_between(
    engine: Engine, checked: ir.Table, table: StandardTable, references: tuple[Reference, ...], between: Between | None
) -> list[ir.Table]:
    """Tables of ``arrival`` and ``why``: rows that name nobody, what identity finds between rows, copies and conflicts.

    Small tables, and none of them is united with another: the optimiser of Spark 4 loses columns of a union
    of checkpointed tables.
    """
    name, good = table.name, checked.filter(checked.code.isnull())
    found = []
    for place, one in enumerate(references):
        there = one.table.select(found_key=one.table[one.column])
        unknown = good.anti_join(there, good[one.column] == there.found_key).select(ARRIVAL, why=ibis.literal(one.code))
        found.append(engine.create(f"{name}_unknown_{place}", unknown))
        good = good.anti_join(found[-1], ARRIVAL).select(good.columns)
    if between is not None:
        found.append(engine.create(f"{name}_between", between(good)))
        good = good.anti_join(found[-1], ARRIVAL).select(good.columns)
    alike = sharing_a_hash(engine, good, _text_of(good, table.key), f"{name}_alike")
    suspects = engine.create(f"{name}_suspects", good.semi_join(alike, ARRIVAL))
    found.append(engine.create(f"{name}_repeated", _repeated(suspects, table)))
    for other in (alike, suspects):
        engine.drop(other.get_name())
    return found


def sharing_a_hash(engine: Engine, rows: ir.Table, text: ir.StringValue, name: str) -> ir.Table:
    """The few ``arrival`` of rows whose text has a hash that another row's text has too, kept as ``name``.

    Equal texts are among them. Each step is kept: an engine that knows how few rows there are builds its
    joins on those, and never on all rows.
    """
    hashed = rows.select(ARRIVAL, text_hash=text_hash(text))
    several = hashed.group_by("text_hash").agg(rows=hashed.count()).filter(ibis._.rows > 1).select("text_hash")
    kept = engine.create(f"{name}_hashes", several)
    found = engine.create(name, hashed.semi_join(kept, "text_hash").select(ARRIVAL))
    engine.drop(f"{name}_hashes")
    return found


def _repeated(rows: ir.Table, table: StandardTable) -> ir.Table:
    """Rows whose key others have: all of them where they disagree, all but the first where they are alike."""
    alike = rows.mutate(first_alike=rows[ARRIVAL].min().over(group_by=list(table.columns)))
    ends = {"low": alike.first_alike.min(), "high": alike.first_alike.max()}
    keyed = alike.mutate(**{name: end.over(group_by=list(table.key)) for name, end in ends.items()})
    why = ibis.cases(
        (keyed.low != keyed.high, ibis.literal(_CONFLICT)),
        (keyed[ARRIVAL] != keyed.first_alike, ibis.literal(COPY)),
        else_=ibis.null("string"),
    )
    marked = keyed.select(ARRIVAL, why=why)
    return marked.filter(marked.why.notnull())


def _text_of(rows: ir.Table, key: tuple[str, ...]) -> ir.StringValue:
    texts = [rows[name].cast("string").fill_null("") for name in key]
    text = texts[0]
    for other in texts[1:]:
        text = text + "|" + other
    return text
