"""The calendar of a city, and what happens to a subject in it: a move, another trade, a suspension."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creditscore.dataframes import Ints
from creditscore.dates import day_number, day_of_number
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.places import COUNTIES, INDUSTRIES
from creditscore.simulate.random_bits import Bits
from creditscore.vocabulary import MARKET_SUBJECTS

#: The day number of what does not happen.
NEVER = 2**30
#: Days after its registration before which nothing changes.
_SETTLED = 60
#: Each sort of change has its own day in a cycle of four, so that no two fall on one day.
_MOVE, _TRADE, _SUSPEND, _RESUME = range(4)
_MARKET_TYPES = len(MARKET_SUBJECTS)


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
        """The number of months with records."""
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
    count = parameters.months + parameters.history_months
    months = np.datetime64(parameters.end, "M") + np.arange(1 - count, 1)
    of_year = months.astype(np.int64) % 12 + 1
    starts = months.astype("datetime64[D]").astype(np.int64).tolist()
    end = day_number(parameters.end)
    edges = [*starts, end + 1]
    whole = count if day_of_number(end + 1).day == 1 else count - 1
    quarters = tuple(
        Quarter(f"{start.year}Q{start.month // 3 + 1}", edges[i], edges[i + 3], i)
        for i, start in enumerate(map(day_of_number, starts))
        if start.month % 3 == 1 and i >= parameters.history_months and i + 3 <= whole
    )
    return Time(np.array(edges), of_year, quarters, end)


@dataclass(frozen=True)
class _Spells:
    """Arrays of one entry per subject; a day NEVER means that it does not happen.

    ``county`` and ``industry`` are those from ``moved`` and ``changed`` on; ``..._known`` is the day on
    which the register shows it. A subject is suspended on the days ``[suspended, resumed)``.
    """

    county: NDArray[np.int8]
    moved: Ints
    moved_known: Ints
    industry: NDArray[np.int16]
    changed: Ints
    changed_known: Ints
    suspended: Ints
    suspended_known: Ints
    resumed: Ints
    resumed_known: Ints


def make_spells(
    parameters: CityParameters,
    time: Time,
    chunk: int,
    *,
    types: NDArray[np.int8],
    industries: NDArray[np.int16],
    registered: Ints,
    ended: Ints,
) -> _Spells:
    """At most one move, one change of trade and one suspension per market subject of a chunk.

    A change falls between some weeks after the registration and the end of the subject or of the city's time.
    """
    count, market = len(types), types < _MARKET_TYPES
    first, stop = np.maximum(registered, time.begin) + _SETTLED, np.minimum(ended, time.end + 1)
    lagging = np.int64(parameters.lags)

    def days_of(bits: Bits, share: float, turn: int) -> tuple[Ints, Ints]:
        """A day for the share of subjects, and when the register shows it."""
        day = _own_day(first + bits.below(np.maximum(stop - first, 1), count), turn)
        hit = bits.hits(share, (count,)) & market & (day >= first) & (day < stop)
        lag = bits.below(45, count) * lagging
        return np.where(hit, day, NEVER), np.where(hit, day + lag, NEVER)

    moving, trading, stopping = (Bits(parameters.seed, name, chunk) for name in ("moves", "trades", "suspensions"))
    moved, moved_known = days_of(moving, parameters.moves, _MOVE)
    changed, changed_known = days_of(trading, parameters.trade_changes, _TRADE)
    # Another industry by weight; a subject whose type is not found there keeps its own.
    table = tuple(number for number, model in enumerate(INDUSTRIES) for _ in range(model.weight // 10))
    other = trading.pick(table, count)
    shares = np.array([model.types for model in INDUSTRIES])
    fits = market & (shares[other, np.minimum(types, _MARKET_TYPES - 1)] > 0)
    industry = np.where(fits, other, industries).astype(np.int16)
    same = industry == industries
    changed, changed_known = np.where(same, NEVER, changed), np.where(same, NEVER, changed_known)
    suspended, suspended_known = days_of(stopping, parameters.suspensions, _SUSPEND)
    # It resumes two months to two years later, unless its end or that of the city's time comes first.
    day = _own_day(suspended + 60 + stopping.below(670, count), _RESUME)
    resumes = (suspended < NEVER) & (day < stop)
    lag = stopping.below(30, count) * lagging
    resumed, resumed_known = np.where(resumes, day, NEVER), np.where(resumes, day + lag, NEVER)
    counties = [number for number, county in enumerate(COUNTIES) for _ in range(county.weight)]
    county = moving.pick(tuple(counties), count).astype(np.int8)
    return _Spells(
        county, moved, moved_known, industry, changed, changed_known, suspended, suspended_known, resumed, resumed_known,
    )  # fmt: skip


def _own_day(day: Ints, turn: int) -> Ints:
    return day + (turn - day) % 4
