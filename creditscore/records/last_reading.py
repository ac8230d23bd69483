"""The adverse records of a night as they counted, kept for the next one: what it may have to carry forward."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.dates import day_number
from creditscore.engine import unbound
from creditscore.records.adverse.readings import SOURCE, LastReading, reading_schema
from creditscore.records.adverse.rules import AdverseRules
from creditscore.records.columns.types import one_array
from creditscore.records.standard.arrivals import ARRIVAL, LAST_DAY, source_rows
from creditscore.records.standard.contracts import kept_table
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from creditscore.records.records import Records


def adverse_reading(records: Records, name: str, as_of: dt.date, *, last: LastReading | None = None) -> pa.Table:
    """The adverse records of a table that have not ended by a day, those carried forward included.

    As long as rows of the register are refused, records of firms that are not in it stay as they were read last: one of the
    rows may be theirs, and when it is mended a fault in their records must not go unseen.

    Args:
        records: What was read.
        name: ``events``, ``inspections`` or ``ratings``.
        as_of: The day.
        last: The last reading.

    Returns:
        The columns of :func:`creditscore.records.adverse.readings.reading_schema`, by the key of the table, whatever order they
        came in.
    """
    kept, schema = kept_table(TABLES[name]), reading_schema(name)
    adverse = kept.filter(AdverseRules.of(records.project).adverse(name, kept))
    if name == "events":
        adverse = adverse.filter(adverse[LAST_DAY].isnull() | (adverse[LAST_DAY] >= day_number(as_of)))
    columns = [column for column in schema.names if column != SOURCE]
    rows = records.engine.query(adverse.order_by(ARRIVAL).select(ARRIVAL, *columns))
    reading = rows.drop_columns([ARRIVAL]).append_column(SOURCE, _sources(records, name, one_array(rows[ARRIVAL]))).cast(schema)
    path = last.files.get(name) if last else None
    parts = [reading] if path is None else [reading, _of_absent_firms(records, name, as_of, path)]
    return pa.concat_tables(parts).sort_by([(column, "ascending") for column in TABLES[name].key])


def _of_absent_firms(records: Records, name: str, as_of: dt.date, path: Path) -> pa.Table:
    """The records of the last reading of firms that are not in the register tonight, while rows of it are refused."""
    schema = reading_schema(name)
    if not records.outcomes["subjects"].quarantined:
        return schema.empty_table()
    records.engine.register(f"{name}_before", path)
    before = unbound(f"{name}_before", schema)
    if name == "events":
        before = before.filter(before[LAST_DAY].isnull() | (before[LAST_DAY] >= day_number(as_of)))
    elsewhere = before.anti_join(records.table("subject_index"), "subject_id")
    elsewhere = elsewhere.anti_join(kept_table(TABLES[name]), list(TABLES[name].key))
    rows = records.engine.query(elsewhere.order_by(list(TABLES[name].key)))
    records.engine.drop(f"{name}_before")
    return rows.select(schema.names).cast(schema)


def _sources(records: Records, name: str, numbers: pa.Array) -> pa.Array:
    """The source of each row: of one that was carried forward, where it once came from."""
    carried, arrivals = records.outcomes[name].carried, [one for one in records.arrivals if one.table == name]
    if not len(numbers):
        return pa.array([], pa.string())
    before = pa.array(carried, pa.string()).take(pc.add(numbers.filter(pc.less(numbers, 0)), len(carried)))
    arrived = numbers.filter(pc.greater_equal(numbers, 0))
    return pa.concat_arrays([before, *([source_rows(arrivals, arrived)[0]] if len(arrived) else [])])
