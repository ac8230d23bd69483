"""Check arriving rows against their table's contract and split them: kept, quarantined with a code, collapsed.

One expression per table, run by the engine, so that the same rows are quarantined on every engine.
Codes: the rules' own (``BAD_DATE:event_date``), ``ID_*`` of identity, ``MISSING:<column>``,
``NOT_LISTED:<column>`` (outside the closed list), ``DATE_ORDER:<column>``, ``OFF_CATALOGUE``,
``UNKNOWN_SUBJECT``, ``UNKNOWN_EVENT`` and ``DUP_CONFLICT``. Identical rows collapse to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from creditscore.engine import unbound
from creditscore.records.tables import StandardTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.engine import Engine

#: Columns that arrive beside the standard ones.
ROW, SOURCE, FAULT = "row_number_in", "source_name", "fault"
REJECT_SCHEMA = pa.schema(
    [("table", pa.string()), ("source", pa.string()), ("row", pa.int64()), ("key", pa.string()), ("code", pa.string())]
)


@dataclass(frozen=True)
class Reference:
    """A column that must name a row of another table: ``UNKNOWN_SUBJECT`` where it does not."""

    column: str
    table: ir.Table
    code: str


@dataclass(frozen=True)
class Outcome:
    """What became of a table's rows: ``arrived = kept + quarantined + collapsed``."""

    arrived: int
    kept: int
    quarantined: int
    collapsed: int
    rejects: pa.Table


def enforce(
    engine: Engine, table: StandardTable, *, kinds: list[str] | None = None, references: tuple[Reference, ...] = ()
) -> Outcome:
    """Split the registered ``<table>_arriving`` into the engine table ``<table>`` and rejects.

    Args:
        engine: Holds ``<table>_arriving``: the standard columns and ``ROW``, ``SOURCE``, ``FAULT``.
        table: The contract.
        kinds: The catalogue's kinds, for tables with a ``kind``.
        references: Columns that must be found elsewhere.

    Returns:
        Counts and the quarantined rows (table, source, row in its source from 1, key, code).
    """
    arriving = unbound(f"{table.name}_arriving", arriving_schema(table))
    checked = engine.create(f"{table.name}_checked", _with_code(arriving, table, kinds, references))
    good = checked.filter(checked.code.isnull()).drop("code")
    repeated = engine.create(f"{table.name}_repeated", _repeated_keys(good, table))
    kept = engine.create(table.name, _kept(good, repeated, table))
    rejects = engine.query(_rejects(checked, repeated, table))
    arrived, left = _count(engine, checked), _count(engine, kept)
    for name in ("arriving", "checked", "repeated"):
        engine.drop(f"{table.name}_{name}")
    return Outcome(arrived, left, rejects.num_rows, arrived - left - rejects.num_rows, rejects)


def arriving_schema(table: StandardTable) -> pa.Schema:
    """The standard columns and those that arrive beside them."""
    return pa.schema([*table.columns.items(), (ROW, pa.int64()), (SOURCE, pa.string()), (FAULT, pa.string())])


def _with_code(arriving: ir.Table, table: StandardTable, kinds: list[str] | None, references: tuple[Reference, ...]) -> ir.Table:
    said = [arriving[FAULT]]
    said += [_when(arriving[name].isnull(), f"MISSING:{name}") for name in table.required]
    said += [
        _when(arriving[name].notnull() & ~arriving[name].isin(values), f"NOT_LISTED:{name}")
        for name, values in table.values.items()
    ]
    said += [_when(arriving[later] < arriving[first], f"DATE_ORDER:{later}") for first, later in table.day_pairs]
    if kinds is not None:
        said.append(_when(~arriving.kind.isin(kinds), "OFF_CATALOGUE"))
    checked = arriving.mutate(code=ibis.coalesce(*said))
    for reference in references:
        found = reference.table.select(found_key=reference.table[reference.column]).distinct()
        joined = checked.left_join(found, checked[reference.column] == found.found_key)
        code = ibis.coalesce(joined.code, _when(joined.found_key.isnull(), reference.code))
        checked = joined.mutate(code=code).drop("found_key")
    return checked


def _when(condition: ir.BooleanValue, code: str) -> ir.StringValue:
    return ibis.ifelse(condition.fill_null(False), ibis.literal(code), ibis.null("string"))


def _repeated_keys(good: ir.Table, table: StandardTable) -> ir.Table:
    """Keys of several rows, and how many different rows they have."""
    columns = list(table.columns)
    alike = good.group_by(columns).agg(first_row=good[ROW].min())
    many = good.group_by(list(table.key)).agg(rows=good.count()).filter(ibis._.rows > 1)
    among = alike.inner_join(many, list(table.key))
    return among.group_by(list(table.key)).agg(different=among.count(), first_row=among.first_row.min())


def _kept(good: ir.Table, repeated: ir.Table, table: StandardTable) -> ir.Table:
    keys = list(table.key)
    joined = good.left_join(repeated, keys, rname="{name}_repeated")
    first_of_alike = (joined.different == 1) & (joined[ROW] == joined.first_row)
    return joined.filter(joined.different.isnull() | first_of_alike.fill_null(False)).select(list(table.columns))


def _rejects(checked: ir.Table, repeated: ir.Table, table: StandardTable) -> ir.Table:
    keys = list(table.key)
    conflicts = repeated.filter(repeated.different > 1)
    in_conflict = checked.filter(checked.code.isnull()).semi_join(conflicts, keys).mutate(code=ibis.literal("DUP_CONFLICT"))
    bad = checked.filter(checked.code.notnull()).union(in_conflict)
    texts = [bad[name].cast("string").fill_null("") for name in keys]
    key = texts[0]
    for text in texts[1:]:
        key = key + "|" + text
    chosen = bad.select(table=ibis.literal(table.name), source=bad[SOURCE], row=bad[ROW], key=key, code=bad.code)
    return chosen.order_by(["source", "row"])


def _count(engine: Engine, table: ir.Table) -> int:
    return int(engine.query(table.aggregate(n=table.count()))["n"][0].as_py())
