"""From log-odds to whole points: a two-parameter calibration folded into coefficients, constant and points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from creditscore.config.scorecards import Scaling
from creditscore.dataframes import Floats, Ints
from creditscore.models.regression import fit_regression, logistic
from creditscore.models.scoring import AttributeCodes, log_odds, points_per_log_odds, slope

#: Decimals of the intercept and the coefficients that a card prints.
_DIGITS = 6
#: Penalty on the slope: keeps it finite where bads and goods separate, and changes no printed digit elsewhere.
_MINUTE = 1e-7
#: Penalty on the intercepts of industries: keeps the one of an industry without bads finite.
_SLIGHT = 1e-4
#: After a step of this size Newton's error is of the order of its square.
_SETTLED = 1e-9


@dataclass(frozen=True)
class CardPoints:
    """The whole numbers of a card: constant, and points per attribute of each characteristic.

    ``intercept`` and ``coefficients`` are the rounded figures that the points were computed from.
    """

    constant: int
    points: tuple[Ints, ...]
    intercept: float
    coefficients: tuple[float, ...]

    def scores(self, codes: AttributeCodes) -> Ints:
        """Scores of rows of attribute codes, a column per characteristic."""
        scores = np.full(len(codes), self.constant, dtype=np.int64)
        for column, points in enumerate(self.points):
            scores += points[codes[:, column]]
        return scores


def calibrate(eta: Floats, good: Floats, bad: Floats, *, industry: Ints | None = None) -> tuple[float, float]:
    """``(a, b)`` of ``logit P(bad) = a + b eta`` by weighted maximum likelihood, b >= 0 (Cox 1958).

    Args:
        eta: Log-odds of bad before calibration, one per row or pattern.
        good: Weight of goods in each.
        bad: Weight of bads in each.
        industry: Position of the industry of each, -1 where unknown. If given, each industry has its own
            intercept, ``a`` is that of unknown industries, and ``b`` is the slope within industries.
    """
    centre = float(np.average(eta, weights=good + bad))
    design = None
    if industry is not None:
        known = np.flatnonzero(industry >= 0)
        shape = (len(eta), int(industry.max(initial=-1)) + 1)
        design = sparse.csr_matrix((np.ones(len(known)), (known, industry[known])), shape=shape)
    fit = fit_regression(-(eta - centre)[:, None], good, bad, ridge=_MINUTE, design=design, design_ridge=_SLIGHT)
    b = float(fit.coefficients[0])
    return fit.intercept - b * centre, b


def intercept_for(eta: Floats, weight: Floats, target: float) -> float:
    """The ``a`` at which the weighted mean of ``logistic(a + eta)`` is ``target`` in (0, 1).

    Newton's steps, halving the bracket where one would leave it.
    """
    share = weight / weight.sum()
    start = math.log(target / (1 - target))
    low, high = start - float(eta.max()) - 1, start - float(eta.min()) + 1
    intercept = min(max(start - float((share * eta).sum()), low), high)
    for _ in range(200):
        p = logistic(intercept + eta)
        excess, rise = float((share * p).sum()) - target, float((share * p * (1 - p)).sum())
        low, high = (low, intercept) if excess > 0 else (intercept, high)
        step = intercept - excess / rise if rise > 0 else math.inf
        step = step if low <= step <= high else (low + high) / 2
        if abs(step - intercept) < _SETTLED:
            return step
        intercept = step
    return intercept


def to_points(
    scaling: Scaling, *, intercept: float, coefficients: Floats, woe: Sequence[Floats], caps: Sequence[int | None]
) -> CardPoints:
    """Whole points of ``logit P(bad) = intercept - sum of coefficient x WoE`` on the scale.

    ``points = rint(pdo / ln 2 x coefficient x WoE)`` from the rounded figures that the card prints,
    so a reader can recompute them; ``constant`` is the score of WoE 0. Caps apply to self-declared
    characteristics, whose WoE is never negative.
    """
    factor = points_per_log_odds(scaling)
    rounded = tuple(round(float(coefficient), _DIGITS) + 0.0 for coefficient in coefficients)
    points = []
    for coefficient, values, cap in zip(rounded, woe, caps, strict=True):
        whole = np.rint(factor * coefficient * values).astype(np.int64)
        points.append(whole if cap is None else np.minimum(whole, cap))
    start = round(float(intercept), _DIGITS)
    constant = round(scaling.base_score - factor * (start + math.log(scaling.base_odds)))
    return CardPoints(constant, tuple(points), start, rounded)


def centred(scaling: Scaling, points: CardPoints, codes: AttributeCodes, weight: Floats, target: float) -> CardPoints:
    """The points with the constant moved by whole points until the mean predicted probability is nearest to ``target``.

    One point is ``ln 2 / pdo`` in log-odds: at 20 points to double the odds the mean lies within
    1.8 % of the target. Rounding and caps are made good here.
    """
    scores, positions = np.unique(points.scores(codes), return_inverse=True)
    eta: Floats = -log_odds(scaling, scores.astype(np.float64))
    target = min(max(target, 1e-9), 1 - 1e-9)
    shares: Floats = np.bincount(positions, weights=weight).astype(np.float64)
    shift = -round(round(intercept_for(eta, shares, target) / slope(scaling), _DIGITS))
    return replace(points, constant=points.constant + shift)
