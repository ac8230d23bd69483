"""The slope of the calibration on rows that bins, WoE and coefficients have not seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from creditscore.config.scorecards import Industry, Pooling
from creditscore.errors import DataError
from creditscore.models.fit.core import Fit, Settings, fit_core
from creditscore.models.fit.industries import Group, common_slope, groups_of
from creditscore.models.fit.pooling import ALL
from creditscore.models.training.sample import Sample

Floats = NDArray[np.float64]
FOLDS = 5
#: The slope where the fit without a fold keeps no characteristic, so that nothing was held out: half way between
#: what the rows of the fit say (1) and what a characteristic that tells nothing deserves (0).
UNPROVEN = 0.5


@dataclass(frozen=True)
class HeldOut:
    """What rows held out say: the slope for the cards of all rows, and each row's own predictor.

    ``eta`` has a log-odds of bad per row of the sample, calibrated but for the intercept, by a fit that has not seen
    the row; NaN where there is none.
    """

    slope: float
    eta: Floats


def crossfit(sample: Sample, industries: Sequence[Industry], pooling: Pooling, settings: Settings) -> HeldOut:
    """Slope of the calibration within industries, one for all of them, >= 0, from predictors of held-out rows.

    The whole fit is done again without a fifth of the rows, and applied to that fifth. On the rows of the
    fit the slope would be about 1 however much was fitted to noise. A predictor with variance ``S`` of
    signal and ``N / cases`` of noise has the slope ``S / (S + N / cases)``; the folds had
    ``(FOLDS - 1) / FOLDS`` of the cases, which is put right.
    A fifth whose predictor is the same for all says nothing of the slope and is left out; where every one
    is so, the slope is ``UNPROVEN``.
    Where the rows without a fifth cannot be fitted (a class without rows) the slope is 1.
    """
    fold = folds_of(sample)
    eta = np.full(len(fold), np.nan)
    for one in range(FOLDS):
        held = fold == one
        if not _both(sample.bad[~held]):
            return HeldOut(1.0, np.full(len(fold), np.nan))
        try:
            found = _held_out(sample, held, industries, pooling, settings)
        except DataError:  # the rows left cannot be fitted
            return HeldOut(1.0, np.full(len(fold), np.nan))
        if len(found) and np.ptp(found) > 0:
            eta[held] = found
    slope = _slope(sample, eta)
    if slope is None:
        return HeldOut(UNPROVEN, np.full(len(fold), np.nan))
    return HeldOut(slope / (slope + (1 - slope) * (FOLDS - 1) / FOLDS) if slope < 1 else slope, slope * eta)


def _slope(sample: Sample, eta: Floats) -> float | None:
    """Common slope of the predictors that there are; None where their rows have one class only."""
    there = np.isfinite(eta)
    bad, weight = sample.bad[there], sample.weight[there] / sample.total
    if not _both(bad):
        return None
    return common_slope(eta[there], np.where(bad, 0.0, weight), np.where(bad, weight, 0.0), sample.industry[there])


def folds_of(sample: Sample) -> NDArray[np.int64]:
    """Fold of each row. Its own content decides, so the order of rows and of columns is nothing."""
    team = [] if sample.visits is None else [sample.visits.team]
    columns = sorted(sample.columns, key=lambda column: column.factor.name)
    content = [*(column.values for column in columns), *team, sample.industry, sample.weight, sample.bad]
    fold = np.empty(len(sample.weight), dtype=np.int64)
    fold[np.lexsort(content)] = np.arange(len(fold)) % FOLDS
    return fold


def _both(bad: NDArray[np.bool_]) -> bool:
    return bool(bad.any()) and not bool(bad.all())


def _held_out(
    sample: Sample, held: NDArray[np.bool_], industries: Sequence[Industry], pooling: Pooling, settings: Settings
) -> Floats:
    """Predictors of the rows held out, each on the card of its industry."""
    rest, out = sample.part(~held), sample.part(held)
    fit = fit_core(rest, replace(settings, on_leak="warn"), beyond_chance=True)
    groups = groups_of(rest, fit, industries, pooling, settings)
    columns = {column.factor.name: column for column in out.columns}
    codes = [table.partition.codes(columns[table.name]) for table in fit.tables]
    eta = np.zeros(len(out.weight))
    for place, code in enumerate([ALL, *sample.industries]):
        rows = out.industry == place - 1
        eta[rows] = _predictor(fit, groups[code], [one[rows] for one in codes])
    return eta


def _predictor(fit: Fit, group: Group, codes: Sequence[NDArray[np.uint8]]) -> Floats | float:
    parts = zip(fit.regression.coefficients, group.tables, codes, strict=True)
    return -sum((coefficient * table.woe[code] for coefficient, table, code in parts), 0.0)
