"""What became of a table's rows: the two tables they were parted into, the equation, and the list of what was refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.engine import unbound
from creditscore.errors import DataError
from creditscore.records.faults import whole
from creditscore.records.personal import safe_keys
from creditscore.records.stream import ARRIVAL, FAULT, FIELDS, Arrival, Stream, arriving_schema, places
from creditscore.records.tables import StandardTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.engine import Engine

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
            f"{table.name}: {arrived} rows came in and {left + collapsed + quarantined} are accounted for: a row was lost or "
            "told several times; nothing was written"
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
