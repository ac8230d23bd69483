"""Days and months: the only place where days are read from what callers write and where months are counted.

``day - m months`` keeps the day of the month, cut to the month's last day (2024-02-29 less a year is 2023-02-28).
The engines never subtract months: each window's start is computed here, once per day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from creditscore.errors import DataError

#: Whose clocks show the day where nothing else is said: that of the authorities whom the product serves. The zone of the machine's
#: own settings would let whoever starts a command choose the day, and be a day behind on servers that run in UTC.
ZONE = "Asia/Shanghai"
_EPOCH = dt.date(1970, 1, 1)


def today() -> dt.date:
    """The day in China by the machine's own clock, whatever its time zone; read here alone, so that tests can set it."""
    return dt.datetime.now(ZoneInfo(ZONE)).date()


def day_of(value: object, *, name: str = "as_of") -> dt.date:
    """A day written as a date, as ``"2024-04-30"``, or as a point in time (of which the day it shows is taken).

    Args:
        value: The day.
        name: What it is called in the error.

    Raises:
        DataError: It is none of these.
    """
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            got = repr(value)
    elif value is None or value is pd.NaT:
        raise DataError('{name}: expected a day, as a date or "YYYY-MM-DD" (got nothing)', name=name)
    elif isinstance(value, dt.datetime):
        return value.date()
    elif isinstance(value, dt.date):
        return value
    else:
        got = type(value).__name__
    raise DataError('{name}: expected a day, as a date or "YYYY-MM-DD" (got {got})', name=name, got=got)


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


def day_number(day: dt.date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def day_of_number(number: int) -> dt.date:
    """The day with this number of days after 1970-01-01."""
    return _EPOCH + dt.timedelta(days=number)


def shift_months(days: NDArray[np.datetime64], months: int | NDArray[np.int64]) -> NDArray[np.datetime64]:
    """The same day of the month ``months`` calendar months later (earlier if negative), cut to that month's end.

    Args:
        days: ``datetime64[D]``; NaT stays NaT.
        months: One number for all days, or one per day.
    """
    start = days.astype("datetime64[M]")
    shifted = start + np.asarray(months).astype("timedelta64[M]")
    first = shifted.astype("datetime64[D]")
    last = (shifted + 1).astype("datetime64[D]") - 1
    moved: NDArray[np.datetime64] = np.minimum(first + (days - start.astype("datetime64[D]")), last)
    return moved


def shift_as(days: NDArray[np.datetime64], start: dt.date, end: dt.date) -> NDArray[np.datetime64]:
    """Each day as much later as ``end`` is after ``start``.

    By whole months where both are the same day of the month, or the last one, so that a month of 30 days is as long as one of
    31; else by days. NaT stays NaT.
    """
    months = 12 * (end.year - start.year) + end.month - start.month
    last = all((day + dt.timedelta(days=1)).day == 1 for day in (start, end))
    return shift_months(days, months) if last or start.day == end.day else days + np.timedelta64((end - start).days, "D")


def months_after(day: dt.date, months: int) -> dt.date:
    """The same day of the month ``months`` calendar months later, cut to that month's end."""
    return day_of_number(int(shift_months(np.array(day, dtype="datetime64[D]"), months).astype(np.int64)))


def months_before(day: dt.date, months: int) -> dt.date:
    """The same day of the month ``months`` calendar months earlier, cut to that month's end."""
    return months_after(day, -months)


def quarter_start(day: dt.date) -> dt.date:
    """The first day of a day's calendar quarter."""
    return dt.date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)


def window_column(months: int) -> str:
    """The column of :func:`window_calendar` with the day after which a window of this many months begins."""
    return f"after_{months}"


def window_calendar(days: Iterable[dt.date], months: Iterable[int]) -> pa.Table:
    """One row per day: ``as_of_day``, ``rate_day`` (its quarter's start) and ``after_<m>`` per window length.

    All are days since 1970-01-01. An event is inside the window of m months when ``after_<m> < event_day <= as_of_day``.
    """
    ordered = sorted(set(days))
    array = np.array(ordered, dtype="datetime64[D]")
    columns = {"as_of_day": array, "rate_day": np.array([quarter_start(day) for day in ordered], dtype="datetime64[D]")}
    columns |= {window_column(length): shift_months(array, -length) for length in sorted(set(months))}
    return pa.table({name: pa.array(column.astype(np.int32), pa.int32()) for name, column in columns.items()})
