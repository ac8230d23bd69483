"""Score and probability of bad: one function of a whole number, computed in one place.

``p = 1 / (1 + odds)``, ``odds = base_odds * 2 ** ((score - base_score) / pdo)`` with odds good : bad
(Siddiqi, Intelligent Credit Scoring, ch. 10). Integers (ppm) decide; floats are for people.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from creditscore.config.scorecards import Scaling

#: Beyond this log-odds the ppm is 0 or 1,000,000: no engine needs to compute exp of more.
_SATURATED = 16.0


def slope(scaling: Scaling) -> float:
    """Log-odds of one point."""
    return math.log(2) / scaling.pdo


def log_odds(scaling: Scaling, score: float) -> float:
    """Natural logarithm of the odds good : bad at a score."""
    return (score - scaling.base_score) * slope(scaling) + math.log(scaling.base_odds)


def of_score(scaling: Scaling, score: float) -> float:
    """Probability of bad at a score."""
    odds = log_odds(scaling, score)
    return 1 / (1 + math.exp(odds)) if odds < 0 else math.exp(-odds) / (1 + math.exp(-odds))


def ppm_of_score(scaling: Scaling, score: int) -> int:
    """Probability of bad at a score in millionths, rounded half up."""
    return math.floor(of_score(scaling, score) * 1_000_000 + 0.5)


def ppm_of(probability: ArrayLike) -> NDArray[np.int64]:
    """Probabilities in millionths, rounded half up as in :func:`ppm_of_score`."""
    return np.floor(np.asarray(probability, dtype=np.float64) * 1_000_000 + 0.5).astype(np.int64)


def score_of(scaling: Scaling, probability: ArrayLike) -> NDArray[np.float64]:
    """The score, not rounded, at which a probability of bad in (0, 1) stands."""
    p = np.asarray(probability, dtype=np.float64)
    return scaling.base_score + (scaling.pdo / math.log(2)) * (np.log1p(-p) - np.log(p) - math.log(scaling.base_odds))


def table(scaling: Scaling, lowest: int, highest: int) -> NDArray[np.float64]:
    """Probabilities of the scores ``lowest`` ... ``highest``, both included."""
    return np.array([of_score(scaling, score) for score in range(lowest, highest + 1)])


def ppm_table(scaling: Scaling, lowest: int, highest: int) -> NDArray[np.int32]:
    """Millionths of the scores ``lowest`` ... ``highest``, both included."""
    return np.array([ppm_of_score(scaling, score) for score in range(lowest, highest + 1)], dtype=np.int32)


def saturated(scaling: Scaling) -> tuple[int, int]:
    """Scores beyond which the ppm no longer changes (1,000,000 below the first, 0 above the second)."""
    width = (_SATURATED * scaling.pdo) / math.log(2)
    middle = scaling.base_score - scaling.pdo * math.log2(scaling.base_odds)
    return math.floor(middle - width), math.ceil(middle + width)


def near_half(scaling: Scaling, lowest: int, highest: int, *, margin: float = 1e-6) -> tuple[int, ...]:
    """Scores whose ppm an engine with another last digit of ``exp`` might round the other way."""
    low, high = saturated(scaling)
    exact = ((s, of_score(scaling, s) * 1_000_000) for s in range(max(low, lowest), min(high, highest) + 1))
    return tuple(s for s, value in exact if abs(value % 1 - 0.5) < margin)
