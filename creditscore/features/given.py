"""Rows of subjects and days as a caller gives them, in any table, as plain columns or a plain refusal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa

from creditscore.dates import day_of
from creditscore.errors import DataError

_NEEDED = ("subject_id", "as_of")


class ArrowStream(Protocol):
    """A table that can be read as Arrow: one of polars, pyarrow, or others."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The stream of its rows."""
        ...


#: Rows of subjects and days: pandas (the columns may stand in its index), polars, Arrow, or a mapping of columns.
Given = pd.DataFrame | Mapping[str, Any] | ArrowStream


def rows_given(rows: Given) -> pa.Table:
    """``row_key`` (the place, from 0), subject_id, as_of, as_of_day and industry of given rows, in their order.

    Raises:
        DataError: They are no table, lack ``subject_id`` or ``as_of``, or a row has no text or no day there.
    """
    columns = _columns(rows)
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise DataError("rows: expected columns subject_id and as_of (got none named {missing})", missing=" and ".join(missing))
    ids, days = columns["subject_id"], _days(columns["as_of"])
    without = sum(not isinstance(one, str) for one in ids)
    if without:
        raise DataError(
            "rows: expected a text as subject_id in every row (got {without} of {n_ids} without)", without=without, n_ids=len(ids)
        )
    return pa.table({
        "row_key": pa.array(range(len(ids)), pa.int64()),
        "subject_id": pa.array(ids, pa.string()),
        "as_of": pa.array(days, pa.date32()),
        "as_of_day": pa.array(days, pa.date32()).cast(pa.int32()),
        "industry": pa.array(_texts(columns.get("industry", [None] * len(ids))), pa.string()),
    })  # fmt: skip


def _columns(rows: Given) -> dict[str, list[Any]]:
    """The columns that a spine takes, as lists; those of pandas may stand in the index."""
    if isinstance(rows, pd.DataFrame):
        inside = [name for name in rows.index.names if name in (*_NEEDED, "industry") and name not in rows.columns]
        flat = rows.reset_index(level=inside) if inside else rows
        return {name: list(flat[name]) for name in (*_NEEDED, "industry") if name in flat.columns}
    if isinstance(rows, Mapping):
        return {name: list(rows[name]) for name in (*_NEEDED, "industry") if name in rows}
    if not hasattr(rows, "__arrow_c_stream__"):
        raise DataError(
            "rows: expected a spine, training rows, or a pandas, polars or Arrow table (got {kind})", kind=type(rows).__name__
        )
    table = pa.table(rows)
    return {name: table[name].to_pylist() for name in (*_NEEDED, "industry") if name in table.column_names}


def _days(values: list[Any]) -> list[dt.date]:
    """The days of all rows; each that is given is looked at once, for there are fewer days than rows."""
    try:
        known = {value: _day_or_none(value) for value in set(values)}
    except TypeError:  # values that cannot stand in a set are no days
        known = {}
    days = [known.get(value) if known else None for value in values]
    good = [day for day in days if day is not None]
    if len(good) < len(days):
        told = f"{len(days) - len(good)} of {len(days)} without"
        raise DataError('rows: expected a day as as_of in every row, as a date or "YYYY-MM-DD" (got {told})', told=told)
    return good


def _day_or_none(value: object) -> dt.date | None:
    try:
        return day_of(value)
    except DataError:
        return None


def _texts(values: Iterable[Any]) -> list[str | None]:
    return [None if pd.isna(value) else str(value) for value in values]
