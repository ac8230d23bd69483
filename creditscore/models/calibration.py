"""From log-odds to whole points: a two-parameter calibration folded into coefficients, constant and points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creditscore.config.scorecards import Scaling
from creditscore.dataframes import Floats, Ints
from creditscore.models.regression import fit_regression, logistic

DIGITS = 6
#: After a step of this size Newton's error is of the order of its square.
_SETTLED = 1e-9


@dataclass(frozen=True)
class Points:
    """The whole numbers of a card: constant, and points per attribute of each characteristic."""

    constant: int
    points: tuple[Ints, ...]
    intercept: float
    coefficients: tuple[float, ...]

    def scores(self, codes: NDArray[np.uint8]) -> Ints:
        """Scores of rows of attribute codes."""
        found = np.full(len(codes), self.constant, dtype=np.int64)
        for place, points in enumerate(self.points):
            found += points[codes[:, place]]
        return found


def two_parameter(eta: Floats, good: Floats, bad: Floats) -> tuple[float, float]:
    """``(a, b)`` of ``logit P(bad) = a + b eta`` by weighted maximum likelihood, b >= 0 (Cox 1958).

    A minute ridge keeps b finite where bads and goods separate.
    """
    centre = float(np.average(eta, weights=good + bad))
    fit = fit_regression(-(eta - centre)[:, None], good, bad, ridge=1e-7)
    slope = float(fit.coefficients[0])
    return fit.intercept - slope * centre, slope


def intercept_for(eta: Floats, weight: Floats, target: float) -> float:
    """The ``a`` at which the weighted mean of ``logistic(a + eta)`` is ``target`` in (0, 1).

    Newton's steps, halving the bracket where one would leave it.
    """
    share = weight / weight.sum()
    start = math.log(target / (1 - target))
    low, high = start - float(eta.max()) - 1, start - float(eta.min()) + 1
    found = min(max(start - float((share * eta).sum()), low), high)
    for _ in range(200):
        p = logistic(found + eta)
        excess, slope = float((share * p).sum()) - target, float((share * p * (1 - p)).sum())
        low, high = (low, found) if excess > 0 else (found, high)
        step = found - excess / slope if slope > 0 else math.inf
        step = step if low <= step <= high else (low + high) / 2
        if abs(step - found) < _SETTLED:
            return step
        found = step
    return found


def to_points(
    scaling: Scaling,
    *,
    intercept: float,
    coefficients: Floats,
    woe: Sequence[Floats],
    caps: Sequence[int | None],
) -> Points:
    """Whole points of ``logit P(bad) = intercept - sum of coefficient x WoE`` on the scale.

    ``points = rint(pdo / ln 2 x coefficient x WoE)`` from the rounded figures that the card prints,
    so a reader can recompute them; ``constant`` is the score of WoE 0. Caps apply to self-declared
    characteristics, whose WoE is never negative.
    """
    factor = scaling.pdo / math.log(2)
    rounded = tuple(round(float(one), DIGITS) + 0.0 for one in coefficients)
    points = []
    for coefficient, values, cap in zip(rounded, woe, caps, strict=True):
        whole = np.rint(factor * coefficient * values).astype(np.int64)
        points.append(whole if cap is None else np.minimum(whole, cap))
    start = round(float(intercept), DIGITS)
    constant = round(scaling.base_score - factor * (start + math.log(scaling.base_odds)))
    return Points(constant, tuple(points), start, rounded)


def centred(scaling: Scaling, points: Points, codes: NDArray[np.uint8], weight: Floats, target: float) -> Points:
    """The points with the constant moved by whole points until mean predicted is nearest to ``target``.

    One point is ``ln 2 / pdo`` in log-odds: at 20 points to double the odds the mean lies within
    1.8 % of the target. Rounding and caps are made good here.
    """
    unit = math.log(2) / scaling.pdo
    scores, places = np.unique(points.scores(codes), return_inverse=True)
    eta: Floats = -((scores - scaling.base_score).astype(np.float64) * unit + math.log(scaling.base_odds))
    target = min(max(target, 1e-9), 1 - 1e-9)
    shares: Floats = np.bincount(places, weights=weight).astype(np.float64)
    shift = -round(round(intercept_for(eta, shares, target) / unit, DIGITS))
    return Points(points.constant + shift, points.points, points.intercept, points.coefficients)
