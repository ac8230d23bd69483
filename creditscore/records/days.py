"""A day as a caller gives it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

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


def _no_day(name: str, found: str) -> DataError:
    return DataError(f'{name}: expected a day, as a date or "YYYY-MM-DD" (got {found})')
