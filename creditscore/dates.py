"""Days as numbers, and calendar months back from a day; the only place where months are counted.

``as_of - m months`` keeps the day of the month, cut to the month's last day (2024-02-29 less a year is
2023-02-28). The engines never subtract months: each window's start is computed here, once per day.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa

from creditscore.errors import DataError


def day_of(value: object, *, name: str = "as_of") -> dt.date:
    """A day given as a date, as ``"2024-04-30"``, or as a point in time (of which the day it shows is taken).

    Raises:
        DataError: It is none of these.
    """
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            raise _no_day(name, f"a text that is none: {value!r}") from None
    if value is None or value is pd.NaT:
        raise _no_day(name, "nothing")
    if isinstance(value, dt.datetime):
        return value.date()
    if not isinstance(value, dt.date):
        raise _no_day(name, type(value).__name__)
    return value


def days_of(values: Iterable[object]) -> list[dt.date | None]:
    """The day of each value as :func:`day_of` reads it, None where it is none; each distinct value is read once."""
    known: dict[object, dt.date | None] = {}
    days: list[dt.date | None] = []
    for value in values:
        try:
            if value not in known:
                known[value] = day_of(value)
        except DataError:
            known[value] = None
        except TypeError:  # what has no hash is no day
            days.append(None)
            continue
        days.append(known[value])
    return days


def _no_day(name: str, found: str) -> DataError:
    return DataError('{name}: expected a day, as a date or "YYYY-MM-DD" (got {found})', name=name, found=found)


_EPOCH = dt.date(1970, 1, 1)


def day_number(day: dt.date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def day_of_number(number: int) -> dt.date:
    """The day so many days after 1970-01-01."""
    return _EPOCH + dt.timedelta(days=number)


def months_before(day: dt.date, months: int) -> dt.date:
    """The same day of the month so many calendar months earlier, cut to that month's end."""
    place = day.year * 12 + day.month - 1 - months
    year, month = divmod(place, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def months_after(day: dt.date, months: int) -> dt.date:
    """The same day of the month so many calendar months later, cut to that month's end."""
    return months_before(day, -months)


def quarter_start(day: dt.date) -> dt.date:
    """The first day of a day's calendar quarter."""
    return dt.date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)


def window_column(months: int) -> str:
    """The calendar's column with the day after which a window of so many months begins."""
    return f"after_{months}"


def window_calendar(days: Iterable[dt.date], months: Iterable[int]) -> pa.Table:
    """One row per day: ``as_of_day``, ``rate_day`` (its quarter's start) and ``after_<m>`` per window length.

    An event is inside the window of m months when ``after_<m> < event_day <= as_of_day``.
    """
    ordered = sorted(set(days))
    columns: dict[str, pa.Array] = {
        "as_of_day": pa.array([day_number(day) for day in ordered], pa.int32()),
        "rate_day": pa.array([day_number(quarter_start(day)) for day in ordered], pa.int32()),
    }
    for length in sorted(set(months)):
        starts = [day_number(months_before(day, length)) for day in ordered]
        columns[window_column(length)] = pa.array(starts, pa.int32())
    return pa.table(columns)
