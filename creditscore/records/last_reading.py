"""The adverse records of a night as they counted, kept for the next one: what it may have to carry forward."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from creditscore.dates import day_number
from creditscore.engine import unbound
from creditscore.records.adverse.readings import SOURCE, LastReading, reading_schema
from creditscore.records.adverse.rules import AdverseRules
from creditscore.records.standard.arrivals import ARRIVAL, LAST_DAY, source_number
from creditscore.records.standard.contracts import kept_table
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    from pathlib import Path

    import ibis.expr.types as ir

    from creditscore.records.records import Records


def adverse_reading(records: Records, name: str, as_of: dt.date, *, last: LastReading | None = None) -> ir.Table:
    """The adverse records of a table that have not ended by a day, those carried forward included (an expression).

    As long as rows of the register are refused, records of firms that are not in it stay as they were read last: one of the
    rows may be theirs, and when it is mended a fault in their records must not go unseen.

    Args:
        records: What was read.
        name: ``events``, ``inspections`` or ``ratings``.
        as_of: The day.
        last: The last reading.

    Returns:
        The columns of :func:`creditscore.records.adverse.readings.reading_schema`; a file of it is by the key of the table.
    """
    kept, columns = kept_table(TABLES[name]), reading_schema(name).names
    adverse = kept.filter(AdverseRules.of(records.project).adverse(name, kept))
    if name == "events":
        adverse = adverse.filter(adverse[LAST_DAY].isnull() | (adverse[LAST_DAY] >= day_number(as_of)))
    reading = _with_source(records, name, adverse).select(*columns)
    path = last.files.get(name) if last else None
    if path is None or not records.outcomes["subjects"].quarantined:
        return reading
    return reading.union(_of_absent_firms(records, name, as_of, path).select(*columns))


def _of_absent_firms(records: Records, name: str, as_of: dt.date, path: Path) -> ir.Table:
    """The records of the last reading of firms that are not in the register tonight (an expression)."""
    records.engine.register(f"{name}_before", path)
    before = unbound(f"{name}_before", reading_schema(name))
    if name == "events":
        before = before.filter(before[LAST_DAY].isnull() | (before[LAST_DAY] >= day_number(as_of)))
    elsewhere = before.anti_join(records.table("subject_index"), "subject_id")
    return elsewhere.anti_join(kept_table(TABLES[name]), list(TABLES[name].key))


def _with_source(records: Records, name: str, rows: ir.Table) -> ir.Table:
    """Rows with the source of each: of one that was carried forward, where it once came from."""
    carried, arrivals = records.outcomes[name].carried, [one for one in records.arrivals if one.table == name]
    number, nowhere = source_number(rows, arrivals), ibis.null("string")
    branches = [(number == place, ibis.literal(one.source)) for place, one in enumerate(arrivals)]
    arrived = ibis.cases(*branches, else_=nowhere) if branches else nowhere
    if not carried:
        return rows.mutate(**{SOURCE: arrived})
    places = pa.array(range(-len(carried), 0), pa.int64())
    records.engine.register(f"{name}_carried", pa.table({"place": places, "once": pa.array(carried, pa.string())}))
    once = ibis.table({"place": "int64", "once": "string"}, name=f"{name}_carried")
    joined = rows.left_join(once, rows[ARRIVAL] == once.place)
    return joined.mutate(**{SOURCE: ibis.coalesce(joined.once, arrived)})
