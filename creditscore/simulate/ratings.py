"""The national public-credit comprehensive rating: yearly, not for everyone, known weeks later."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creditscore.simulate.bits import Bits, Ints
from creditscore.simulate.calendar import Time
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.risk import conduct_at
from creditscore.simulate.subjects import Subjects

SCHEME = "national"
GRADES = ("优", "良", "中", "差")
#: Where the grades end on the noisy scale, in thousandths of a standard deviation (about 20, 46, 27 and 7 %).
_CUTS = np.array([-840, 410, 1480])
#: Per cent rated by subject type.
_COVERAGE = np.array([88, 55, 60, 0, 0, 0])
_MONTH = 6


@dataclass(frozen=True)
class Ratings:
    """Arrays of one entry per rating."""

    subject: Ints
    grade: NDArray[np.int8]
    day: Ints
    known: Ints


def make_ratings(parameters: CityParameters, time: Time, subjects: Subjects, *, chunk: int) -> Ratings:
    """One rating per covered subject and June: conduct and distress seen through as much noise again."""
    bits = Bits(parameters.seed, "ratings", chunk)
    parts = []
    for month in np.flatnonzero(time.months_of_year == _MONTH).tolist():
        day = time.starts[month] + bits.below(28, len(subjects))
        covered = bits.below(100, len(subjects)) < _COVERAGE[subjects.type]
        noise, lag = bits.normal(len(subjects)), 15 + bits.below(45, len(subjects))
        rows = np.flatnonzero(covered & (subjects.registered + 90 < day) & (subjects.ended > day) & (day <= time.end))
        seen = (600 * conduct_at(subjects, time, rows, np.full(len(rows), month)) + 300 * subjects.distress[rows]) // 1000
        grade = np.searchsorted(_CUTS, seen + 600 * noise[rows] // 1000).astype(np.int8)
        parts.append(Ratings(rows, grade, day[rows], day[rows] + lag[rows] * np.int64(parameters.lags)))
    names = ("subject", "grade", "day", "known")
    none = np.zeros(0, dtype=np.int64)
    empty = Ratings(none, none.astype(np.int8), none, none)
    return Ratings(**{name: np.concatenate([getattr(part, name) for part in [*parts, empty]]) for name in names})
