"""What became of a table's rows: the two tables they were parted into, the equation, and the list of what was refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.engine import unbound
from creditscore.errors import DataError
from creditscore.records.arrivals import ARRIVAL, FAULT, FIELDS, KIND_KEY, Arrival, Stream, arriving_schema, places
from creditscore.records.column_types import whole
from creditscore.records.personal import safe_keys
from creditscore.records.tables import StandardTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.engine import Engine

_SHARED, _REUSED = "ID_SHARED", "ID_REUSED"


def shared_codes(rows: ir.Table, arrivals: list[Arrival]) -> ir.Table:
    """All rows of codes that stand for more than one subject: ``arrival``, ``why``.

    ``ID_REUSED``: registers (sources) name different subjects under it. ``ID_SHARED``: its rows disagree on
    the day of registration or the type of subject, neither of which changes with a new version. Which of
    them is right no rule can tell, so every row is quarantined.
    """
    register = _register(rows, arrivals)
    numbered = rows.select(ARRIVAL, "subject_id", "name", "registered_date", "subject_type", register=register)
    codes = numbered.group_by("subject_id").agg(
        dates=numbered.registered_date.nunique(),
        types=numbered.subject_type.nunique(),
        names=numbered.name.nunique(),
        registers=numbered.register.nunique(),
    )
    reused = (codes.registers > 1) & (codes.names > 1)
    bad = codes.filter(reused | (codes.dates > 1) | (codes.types > 1))
    why = ibis.ifelse((bad.registers > 1) & (bad.names > 1), ibis.literal(_REUSED), ibis.literal(_SHARED))
    return numbered.inner_join(bad.select("subject_id", why=why), "subject_id").select(ARRIVAL, "why")


def _register(rows: ir.Table, arrivals: list[Arrival]) -> ir.IntegerValue:
    """The place of a row's source, by the number of its first row."""
    branches = [(rows[ARRIVAL] > arrival.first, place) for place, arrival in reversed(list(enumerate(arrivals)))]
    return ibis.cases(*branches, else_=0).cast("int32") if branches else ibis.literal(0, "int32")


def several_codes(subjects: ir.Table) -> ir.Table:
    """One row per code of a subject that has several: subject_id, name, region, registered_date.

    The same name, registered on the same day in the same region as the same type, is taken for one
    subject. It is a finding to look into, no proof, so nothing is quarantined.
    """
    keys = ["name", "region", "registered_date", "subject_type"]
    told = subjects.filter(subjects.name.notnull() & subjects.registered_date.notnull()).select("subject_id", *keys).distinct()
    several = told.group_by(keys).agg(codes=told.subject_id.nunique()).filter(ibis._.codes > 1)
    return told.semi_join(several, keys).select("subject_id", "name", "region", "registered_date")


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
            "{name}: could not be read into {engine_name}; the debug log has the query", name=table.name, engine_name=engine.name
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


#: ``scope`` says what was refused: a whole ``row``, or the value of one ``field`` of a row that was kept.
REJECT_SCHEMA = pa.schema(
    [
        ("table", pa.string()),
        ("source", pa.string()),
        ("row", pa.int64()),
        ("key", pa.string()),
        ("code", pa.string()),
        ("scope", pa.string()),
    ]
)
#: The code of a row that is the copy of another: collapsed, not refused.
COPY = "COPY"


@dataclass(frozen=True)
class Outcome:
    """What became of a table's rows: ``arrived = kept + quarantined + collapsed``."""

    arrived: int
    kept: int
    quarantined: int
    collapsed: int
    rejects: pa.Table
    #: One row per broken rule: code, scope, rows, and the key of the first row.
    rules: pa.Table = field(default_factory=lambda: pa.table({"code": [], "scope": [], "rows": [], "example": []}))


def kept_table(table: StandardTable) -> ir.Table:
    """The rows of a table that count, with what arrived beside the standard columns."""
    return unbound(f"{table.name}_rows", checked_schema(table))


def refused_table(table: StandardTable) -> ir.Table:
    """The rows of a table that do not count, each with its ``code``; ``COPY`` is that of collapsed ones."""
    return unbound(f"{table.name}_refused", checked_schema(table))


def checked_schema(table: StandardTable) -> pa.Schema:
    """The columns in which checked rows are stored."""
    schema = arriving_schema(table)
    return schema.remove(schema.get_field_index(FAULT)).append(pa.field("code", pa.string()))


def nothing_came(engine: Engine, stream: Stream) -> Outcome:
    """No row came: empty tables, and perhaps lines that could not be cut."""
    table, lines = stream.table, _ragged(stream)
    for name in ("rows", "refused"):
        engine.register(f"{table.name}_{name}", checked_schema(table).empty_table())
    engine.register(table.name, table.schema.empty_table())
    return Outcome(lines.num_rows, 0, lines.num_rows, 0, lines, _rules(lines))


def outcome_of(engine: Engine, stream: Stream) -> Outcome:
    """What became of the rows of a stream that was parted into its two tables.

    Raises:
        DataError: Rows came in that are not accounted for.
    """
    table, lines = stream.table, _ragged(stream)
    kept, refused = kept_table(table), refused_table(table)
    counts = engine.query(refused.group_by("code").agg(rows=refused.count())).to_pylist()
    rows = {row["code"]: row["rows"] for row in counts}
    left = int(engine.query(kept.aggregate(n=kept.count()))["n"][0].as_py())
    collapsed, arrived = rows.pop(COPY, 0), stream.sent + lines.num_rows
    quarantined = sum(rows.values()) + lines.num_rows
    if arrived != left + collapsed + quarantined:
        raise DataError(
            "{name}: {arrived} rows came in and {left} are accounted for: a row was lost or told several "
            "times; nothing was written",
            name=table.name,
            arrived=arrived,
            left=left + collapsed + quarantined,
        )
    rejects = pa.concat_tables(
        [*(_rejects(stream, _listed(engine, part, table)) for part in (refused, kept)), lines]
    ).combine_chunks()
    return Outcome(arrived, left, quarantined, collapsed, rejects, _rules(rejects))


def _listed(engine: Engine, rows: ir.Table, table: StandardTable) -> pa.Table:
    """The rows that were refused or lost a value, in the order in which they came."""
    bad = rows.filter(((rows.code != COPY) & rows.code.notnull()) | rows[FIELDS].notnull())
    return engine.query(bad.select(ARRIVAL, "code", FIELDS, *table.key).order_by(ARRIVAL))


def _rejects(stream: Stream, listed: pa.Table) -> pa.Table:
    """Refused rows, and refused values of rows that were kept."""
    sources, rows = (
        places(stream.arrivals, listed[ARRIVAL].combine_chunks())
        if listed.num_rows
        else (pa.array([], pa.string()), pa.array([], pa.int64()))
    )
    keys, codes, values = _keys(listed, stream.table), listed["code"].combine_chunks(), listed[FIELDS].combine_chunks()
    of_row = pc.fill_null(pc.and_(pc.is_valid(codes), pc.not_equal(codes, COPY)), False)
    table = pa.repeat(pa.scalar(stream.table.name), listed.num_rows)
    plain = pa.table([table, sources, rows, keys, codes, pa.repeat(pa.scalar("row"), listed.num_rows)], schema=REJECT_SCHEMA)
    of_kept = plain.filter(pc.invert(of_row))
    lists = pc.split_pattern(values.filter(pc.invert(of_row)), ";")
    fields = of_kept.take(pc.list_parent_indices(lists))
    fields = fields.set_column(4, "code", pc.list_flatten(lists))
    fields = fields.set_column(5, "scope", pa.repeat(pa.scalar("field"), fields.num_rows))
    return pa.concat_tables([plain.filter(of_row), fields.cast(REJECT_SCHEMA)])


def _keys(listed: pa.Table, table: StandardTable) -> pa.Array:
    """The parts of the rows' keys joined by ``|``; what stands in a column of ids and is none is masked."""
    texts = [pc.fill_null(pc.cast(whole(listed[name]), pa.string()), "") for name in table.key]
    shown = [safe_keys(text) if name.endswith(("_id", "_no")) else text for name, text in zip(table.key, texts, strict=True)]
    return pc.binary_join_element_wise(*shown, "|") if len(shown) > 1 else shown[0]


def _ragged(stream: Stream) -> pa.Table:
    parts = [
        REJECT_SCHEMA.empty_table(),
        *(_ragged_of(stream.table.name, arrival) for arrival in stream.arrivals if arrival.ragged),
    ]
    return pa.concat_tables(parts)


def _ragged_of(table: str, arrival: Arrival) -> pa.Table:
    """Lines that could not be cut have no key: their row in the source is all there is to say."""
    count = len(arrival.ragged)
    texts = {"table": table, "source": arrival.source, "key": "", "code": "RAGGED_LINE", "scope": "row"}
    columns = {name: pa.repeat(pa.scalar(text), count) for name, text in texts.items()}
    return pa.table({**columns, "row": pa.array(arrival.ragged, pa.int64())}).select(REJECT_SCHEMA.names)


def _rules(rejects: pa.Table) -> pa.Table:
    grouped = rejects.group_by(["code", "scope"], use_threads=False).aggregate([("code", "count"), ("key", "first")])
    renamed = grouped.rename_columns({"code_count": "rows", "key_first": "example"})
    return renamed.sort_by([("scope", "descending"), ("code", "ascending")])
