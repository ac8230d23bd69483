"""Refused rows and values that may be adverse, with what can be read of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.dates import day_number
from creditscore.engine import unbound
from creditscore.records.adverse.rules import AdverseRules
from creditscore.records.columns.types import one_array
from creditscore.records.standard.arrivals import ARRIVAL, FIELDS, LAST_DAY, Arrival, source_rows
from creditscore.records.standard.contracts import TableCount, kept_table, refused_table
from creditscore.records.standard.rejects import COPY
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.engine import Engine

#: Values that count against a firm and may be refused alone.
SOFT = {"events": ("severity", "amount", "verified", "result"), "inspections": ("severity",), "ratings": ()}
#: The column of the record's own id; ratings have none.
RECORD = {"events": "event_id", "inspections": "inspection_id"}


@dataclass(frozen=True)
class Refused:
    """A refused row, or a kept one that lacks a value."""

    subject_id: str | None
    record: str | None
    source: str
    row: int
    code: str
    registered: bool
    #: Whether it ended before tonight, by what can be read of it.
    over: bool = False
    #: Of a refused row what says which reading of a record it is; missing where it cannot be read or is in doubt.
    scheme: str | None = None
    event_date: dt.date | None = None
    known_date: dt.date | None = None
    #: Whether the row is kept, and lacks a value only.
    kept: bool = False


def refused_records(
    engine: Engine, rules: AdverseRules, name: str, arrivals: Sequence[Arrival], as_of: dt.date | None
) -> list[Refused]:
    """Refused rows of a table that may be adverse, and kept ones that lack a value.

    Args:
        engine: Where the table is.
        rules: What is adverse.
        name: ``events``, ``inspections`` or ``ratings``.
        arrivals: The sources of the table.
        as_of: The day of the night; without it nothing has ended.
    """
    table, kept = refused_table(TABLES[name]), kept_table(TABLES[name])
    bad = table.filter((table.code != COPY) & rules.adverse(name, table))
    of_days = bad.code.contains("_date") | bad.code.contains("valid_until")  # then the days themselves may be wrong
    parts = [_query(engine, name, bad, bad.code, is_over(bad, as_of) & ~of_days, kept=False)]
    if SOFT[name]:
        lacking = kept.filter(lacks(kept, name, rules) & rules.adverse(name, kept))
        parts.append(_query(engine, name, lacking, lacking[FIELDS], is_over(lacking, as_of), kept=True))
    rows = pa.concat_tables(parts)
    sources, numbers = source_rows(arrivals, one_array(rows[ARRIVAL]))
    columns = {name: rows[name].to_pylist() for name in rows.column_names if name != ARRIVAL}
    columns |= {"source": sources.to_pylist(), "row": numbers.to_pylist()}
    return [Refused(**dict(zip(columns, cells, strict=True))) for cells in zip(*columns.values(), strict=True)]


def is_over(rows: ir.Table, as_of: dt.date | None) -> ir.BooleanValue:
    """Which rows ended before a day (an expression, never missing)."""
    if as_of is None or LAST_DAY not in rows.columns:
        return ibis.literal(False)
    return (rows[LAST_DAY] < day_number(as_of)).fill_null(False)


def lacks(kept: ir.Table, name: str, rules: AdverseRules) -> ir.BooleanValue:
    """Rows of which a value that counts was refused: a result only of kinds of which a feature reads it."""
    fields = kept[FIELDS].fill_null("")
    found = {column: fields.contains(f":{column}") for column in SOFT[name]}
    if "result" in found:
        found["result"] = found["result"] & kept.kind.isin(list(rules.by_result)) if rules.by_result else ibis.literal(False)
    return reduce(or_, found.values())


def lines_refused(engine: Engine, name: str, count: TableCount, arrivals: Sequence[Arrival]) -> list[tuple[str, int, str]]:
    """Source, row and code of the refused lines of a table that are no record at all: nothing of them can be read."""
    rejects, table = count.rejects, refused_table(TABLES[name])
    whole = pc.and_(pc.equal(rejects["scope"], "row"), pc.equal(rejects["key"], ""))
    lines = rejects.filter(whole).select(["source", "row", "code"]).to_pylist()
    if not lines:
        return []
    if len(TABLES[name].key) > 1:  # the key of a record has a mark between its parts
        return [(line["source"], line["row"], line["code"]) for line in lines]
    keyless = engine.query(table.filter(table[TABLES[name].key[0]].isnull()).select(ARRIVAL))
    places = source_rows(arrivals, one_array(keyless[ARRIVAL])) if keyless.num_rows else ()
    records = set(zip(*(column.to_pylist() for column in places), strict=True))
    return [(line["source"], line["row"], line["code"]) for line in lines if (line["source"], line["row"]) not in records]


def _query(engine: Engine, name: str, rows: ir.Table, code: ir.StringValue, over: ir.BooleanValue, *, kept: bool) -> pa.Table:
    index = unbound("subject_index", pa.schema([("subject_id", pa.string())])).select(known_id="subject_id")
    record = rows[RECORD[name]] if name in RECORD else ibis.null("string")
    scheme = rows.scheme if name == "ratings" else ibis.null("string")
    in_doubt = code.contains("event_date")
    event_date = ibis.ifelse(in_doubt, ibis.null("date"), rows.event_date)
    known_date = ibis.ifelse(code.contains("known_date"), ibis.null("date"), rows.known_date)
    chosen = rows.select(
        ARRIVAL, "subject_id", record=record, code=code, over=over, scheme=scheme, event_date=event_date, known_date=known_date,
        kept=ibis.literal(kept),
    )  # fmt: skip
    joined = chosen.left_join(index, chosen.subject_id == index.known_id)
    return engine.query(joined.mutate(registered=joined.known_id.notnull()).drop("known_id").order_by(ARRIVAL))
