"""The adverse records of a night as they counted, kept for the next one: what it may have to carry forward."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.dates import day_number
from creditscore.records.adverse import AdverseRules
from creditscore.records.arrivals import ARRIVAL, LAST_DAY, source_rows
from creditscore.records.column_types import one_array
from creditscore.records.contracts import kept_table
from creditscore.records.incomplete import SOURCE, reading_schema
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    from creditscore.records.records import Records


def adverse_reading(records: Records, name: str, as_of: dt.date) -> pa.Table:
    """The adverse records of a table that have not ended by a day, those carried forward included.

    Args:
        records: What was read.
        name: ``events``, ``inspections`` or ``ratings``.
        as_of: The day.

    Returns:
        The columns of :func:`creditscore.records.incomplete.reading_schema`, in the order in which the records came.
    """
    kept, schema = kept_table(TABLES[name]), reading_schema(name)
    adverse = kept.filter(AdverseRules.of(records.project).adverse(name, kept))
    if name == "events":
        adverse = adverse.filter(adverse[LAST_DAY].isnull() | (adverse[LAST_DAY] >= day_number(as_of)))
    columns = [column for column in schema.names if column != SOURCE]
    rows = records.engine.query(adverse.order_by(ARRIVAL).select(ARRIVAL, *columns))
    return rows.drop_columns([ARRIVAL]).append_column(SOURCE, _sources(records, name, one_array(rows[ARRIVAL]))).cast(schema)


def _sources(records: Records, name: str, numbers: pa.Array) -> pa.Array:
    """The source of each row: of one that was carried forward, where it once came from."""
    carried, arrivals = records.outcomes[name].carried, [one for one in records.arrivals if one.table == name]
    if not len(numbers):
        return pa.array([], pa.string())
    before = pa.array(carried, pa.string()).take(pc.add(numbers.filter(pc.less(numbers, 0)), len(carried)))
    arrived = numbers.filter(pc.greater_equal(numbers, 0))
    return pa.concat_arrays([before, *([source_rows(arrivals, arrived)[0]] if len(arrived) else [])])
