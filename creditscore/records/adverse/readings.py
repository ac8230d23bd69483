"""What a run keeps of its adverse records, and what the next one is told of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from creditscore.records.standard.arrivals import LAST_DAY
from creditscore.records.tables import TABLES

#: The tables with adverse records, and the files in which a run keeps those that counted.
READINGS = {"events": "adverse_records", "inspections": "adverse_visits", "ratings": "adverse_ratings"}
#: The column of the source in a reading.
SOURCE = "source"


@dataclass(frozen=True)
class LastReading:
    """The adverse records as they counted in the run before.

    Attributes:
        files: Of each table that the run kept, its Parquet file; none in a first night.
        as_of: The day of tonight's run: what ended before it is neither carried forward nor missed.
        rated: A Parquet file with the ``subject_id`` of each subject that had a tier, NR included.
    """

    files: Mapping[str, Path]
    as_of: dt.date
    rated: Path | None = None


def reading_schema(name: str) -> pa.Schema:
    """The columns in which a run keeps the adverse records of a table: the standard ones and their source."""
    schema = TABLES[name].schema
    if name == "events":
        schema = schema.append(pa.field(LAST_DAY, pa.int32()))
    return schema.append(pa.field(SOURCE, pa.string()))
