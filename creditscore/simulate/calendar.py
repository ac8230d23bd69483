"""Days as integers since 1970-01-01, and the months and quarters of a city's time."""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from creditscore.simulate.bits import Ints
from creditscore.simulate.parameters import CityParameters

_EPOCH = dt.date(1970, 1, 1).toordinal()
NEVER = 2**30


def day_number(day: dt.date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH


def day_of(number: int) -> dt.date:
    """The date of a day number."""
    return dt.date.fromordinal(number + _EPOCH)


def years_of(days: Ints) -> Ints:
    """The calendar year of each day."""
    return days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970


@dataclass(frozen=True)
class Quarter:
    """A calendar quarter: its name ``2023Q1`` and its days ``[start, stop)``."""

    name: str
    start: int
    stop: int
    #: The index of its first month in the months of the city.
    month: int


@dataclass(frozen=True)
class Time:
    """The months of a city: month ``m`` has days ``[starts[m], starts[m + 1])``."""

    starts: Ints
    months_of_year: Ints
    quarters: tuple[Quarter, ...]
    end: int

    @property
    def months(self) -> int:
        """How many months of records there are."""
        return len(self.months_of_year)

    @property
    def begin(self) -> int:
        """The first day of records."""
        return int(self.starts[0])

    def month_at(self, days: Ints) -> Ints:
        """The index of the month of each day, the first or last month outside."""
        return np.clip(np.searchsorted(self.starts, days, side="right") - 1, 0, self.months - 1)


def time_of(parameters: CityParameters) -> Time:
    """The calendar of a city. The month of ``end`` is the last one, cut at ``end``."""
    last = parameters.end.year * 12 + parameters.end.month - 1
    count = parameters.months + parameters.history_months
    numbers = range(last - count + 1, last + 1)
    starts = [day_number(dt.date(n // 12, n % 12 + 1, 1)) for n in numbers]
    end = day_number(parameters.end)
    edges = [*starts, end + 1]
    whole = count if day_of(end + 1).day == 1 else count - 1
    quarters = tuple(
        Quarter(f"{n // 12}Q{n % 12 // 3 + 1}", edges[i], edges[i + 3], i)
        for i, n in enumerate(numbers)
        if n % 3 == 0 and i >= parameters.history_months and i + 3 <= whole
    )
    return Time(np.array(edges), np.array([n % 12 + 1 for n in numbers]), quarters, end)
