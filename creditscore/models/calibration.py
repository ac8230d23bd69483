"""From log-odds to whole points: a two-parameter calibration folded into coefficients, constant and points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from creditscore.config.scorecards import Scaling
from creditscore.dataframes import Floats, Ints
from creditscore.models.crossfit import HeldOut, has_both
from creditscore.models.regression import fit_regression, indicators, logistic
from creditscore.models.sample import Sample
from creditscore.models.scoring import AttributeCodes, log_odds, points_per_log_odds, slope

#: Decimals of the intercept and the coefficients that a card prints.
_DIGITS = 6
#: Penalty on the slope: keeps it finite where bads and goods separate, and changes no printed digit elsewhere.
_MINUTE = 1e-7
#: Penalty on the intercepts of industries: keeps the one of an industry without bads finite.
_SLIGHT = 1e-4
#: Keeps the second derivatives positive where every row is certain.
_JITTER = 1e-13
#: The slope where the fits without some rows keep no characteristic, so that nothing was held out: half way between
#: what the rows of the fit say (1) and what a characteristic without information deserves (0).
UNPROVEN = 0.5
#: Variance of the slopes (above 1: of their logarithms) that fits have before rows held out are looked at.
_PRIOR = 0.3**2
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
    cell = None if industry is None else industry + 1
    design = None if cell is None else indicators(np.arange(-1, cell.max(initial=0)), int(cell.max(initial=0)))
    fit = fit_regression(-(eta - centre)[:, None], good, bad, ridge=_MINUTE, design=design, cell=cell, design_ridge=_SLIGHT)
    b = float(fit.coefficients[0])
    return fit.intercept - b * centre, b


@dataclass(frozen=True)
class Slope:
    """The slope of a calibration on rows held out.

    Attributes:
        used: What the card is multiplied with: ``own_weight x found + (1 - own_weight) x 1``; above 1 the same in logarithms,
            since there a slope that is known badly is far from 1 by its scale alone.
        found: The slope of the rows held out, for a fit on all rows; 1 where no row could be held out, ``UNPROVEN`` where
            the fits without them found nothing.
        variance: Of ``found``, by the design and clustered by subject; infinite where nothing was found.
        own_weight: How much ``found`` counts against 1.
    """

    used: float
    found: float
    variance: float
    own_weight: float


def slope_of(sample: Sample, held: HeldOut, *, nuisance_ridge: float) -> Slope:
    """The slope of ``logit P(bad) = level + b eta`` on rows held out, b >= 0 (Cox 1958), shrunk towards 1 by its variance.

    Weights are those of the design. Beside the predictor stand an intercept per fold and per industry and the effects of
    inspectors: where inspectors work in districts, a predictor that follows districts would take their strictness for risk.

    A predictor with variance ``S`` of signal and ``N / cases`` of noise has the slope ``S / (S + N / cases)``; the fits
    without the row had ``held.share`` of the cases, which is corrected for.

    Args:
        sample: The training rows, with the weights of the design.
        held: Their predictors.
        nuisance_ridge: Penalty on the effects of inspectors, as in :func:`~creditscore.models.regression.fit_regression`.
    """
    there = held.there
    if not held.fitted:
        return Slope(1.0, 1.0, math.inf, 0.0)
    if not has_both(sample.bad[there]):
        return Slope(UNPROVEN, UNPROVEN, math.inf, 1.0)
    found, variance = _slope_found(sample.part(there), held.eta[there], held.fold[there], nuisance_ridge)
    if found < 1:
        whole = found + (1 - found) * held.share
        found, variance = found / whole, variance * (held.share / whole**2) ** 2
    own = _PRIOR / (_PRIOR + variance / max(found, 1.0) ** 2)
    used = found**own if found > 1 else own * found + (1 - own)
    return Slope(used, found, variance, own)


def _slope_found(rows: Sample, eta: Floats, fold: Ints, nuisance_ridge: float) -> tuple[float, float]:
    """The slope by maximum likelihood, and its variance: that by clusters (sandwich), at least that by independent rows."""
    weight = rows.weight / rows.total
    centred_eta = eta - np.average(eta, weights=weight)
    design, penalty = _nuisance(rows, fold, nuisance_ridge)
    good, bad = np.where(rows.bad, 0.0, weight), np.where(rows.bad, weight, 0.0)
    fit = fit_regression(-centred_eta[:, None], good, bad, ridge=_MINUTE, design=design, design_ridge=penalty)
    p = logistic(fit.intercept + fit.coefficients[0] * centred_eta + design @ fit.effects)
    unit = rows.bad_share * (1 - rows.bad_share)
    whole = sparse.csc_matrix(sparse.hstack([np.column_stack([np.ones(len(eta)), centred_eta]), design]))
    ridge = np.concatenate([[0.0, _MINUTE], penalty]) * unit
    curvature = whole.T @ sparse.diags_array(weight * p * (1 - p)) @ whole + sparse.diags_array(ridge + _JITTER)
    aim = np.zeros(whole.shape[1])
    aim[1] = 1.0
    influence = whole @ splu(sparse.csc_matrix(curvature)).solve(aim)
    by_subject = np.bincount(np.unique(rows.subject, return_inverse=True)[1], weights=weight * (rows.bad - p) * influence)
    subjects = len(by_subject)
    clustered = float((by_subject**2).sum()) * subjects / max(subjects - 1, 1)
    return float(fit.coefficients[0]), max(clustered, float((weight**2 * p * (1 - p) * influence**2).sum()))


def _nuisance(rows: Sample, fold: Ints, nuisance_ridge: float) -> tuple[sparse.csr_matrix, Floats]:
    """Indicators of fold and industry, and the design of the inspectors; and the penalty on each."""
    blocks, penalty = [indicators(fold, int(fold.max(initial=-1)) + 1)], [_SLIGHT]
    if rows.industry.max(initial=-1) >= 0:
        blocks.append(indicators(rows.industry, int(rows.industry.max()) + 1))
        penalty.append(_SLIGHT)
    if rows.visits is not None and rows.visits.inspectors:
        blocks.append(rows.visits.design[rows.visits.team])
        penalty.append(nuisance_ridge)
    sizes = [block.shape[1] for block in blocks]
    return sparse.csr_matrix(sparse.hstack(blocks)), np.repeat(penalty, sizes)


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
    scaling: Scaling, *, intercept: float, coefficients: Floats, woe: Sequence[Floats], caps: Sequence[int | Ints | None]
) -> CardPoints:
    """Whole points of ``logit P(bad) = intercept - sum of coefficient x WoE`` on the scale.

    ``points = rint(pdo / ln 2 x coefficient x WoE)`` from the rounded figures that the card prints,
    so a reader can recompute them; ``constant`` is the score of WoE 0. Caps are those of a characteristic
    (self-declared, whose WoE is never negative), or of each of its attributes (a ceiling where there is a record).
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
