"""The true risk of a subject on a day: the log-odds that an average pair of inspectors finds a violation on site."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from creditscore.simulate.bits import Ints
from creditscore.simulate.calendar import Time
from creditscore.simulate.places import INDUSTRIES, OTHER_CODES
from creditscore.simulate.subjects import Subjects

#: About one visit in nine finds something when subjects are drawn without regard to risk.
BASE = -2650
CONDUCT, DISTRESS = 900, 350
#: Added in the first year and in the two years after it.
NEW, YOUNG = 300, 120
INDUSTRY_RISK = np.array([model.risk for model in INDUSTRIES] + [0] * len(OTHER_CODES), dtype=np.int64)


def conduct_at(subjects: Subjects, time: Time, rows: NDArray[Any] | slice, months: NDArray[Any]) -> Ints:
    """Conduct in a month: half the drift below its middle at the beginning, half above it at the end."""
    conduct: Ints = subjects.conduct[rows] + subjects.drift[rows] * (2 * months - time.months) // (2 * time.months)
    return conduct


def log_odds_at(subjects: Subjects, time: Time, rows: NDArray[Any], months: NDArray[Any]) -> Ints:
    """Thousandths of log-odds; ``rows`` and ``months`` go together, entry by entry."""
    day = time.starts[months]
    age = day - subjects.registered[rows]
    total: Ints = (
        BASE
        + INDUSTRY_RISK[subjects.industry_on(rows, day)]
        + CONDUCT * conduct_at(subjects, time, rows, months) // 1000
        + DISTRESS * subjects.distress[rows] // 1000
        + np.where(age < 365, NEW, np.where(age < 1095, YOUNG, 0))
    )
    return total
