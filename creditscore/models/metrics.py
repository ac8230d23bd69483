"""Weighted measures of a probability of bad, each a plain sum over cells; numpy only.

Orientation is fixed, never guessed: 1 is bad, a larger probability is a worse subject.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from creditscore.dataframes import Floats

_EPS = float(np.finfo(np.float64).eps)
#: A step of Newton's method on a convex loss that needs no watching.
_SHORT = 0.2
#: After a step this short the error is of the order of its square: digits that no float has.
_SETTLED = 1e-6


@dataclass(frozen=True)
class CellLine:
    """The probabilities of cells, rising within each group, each value once. The same for all bootstrap draws."""

    probability: Floats
    #: Position of the first cell of each group.
    starts: NDArray[np.intp]

    @cached_property
    def first(self) -> NDArray[np.intp]:
        """Of each cell, the position of the first cell of its group."""
        return np.repeat(self.starts, np.diff(np.r_[self.starts, len(self.probability)]))

    @cached_property
    def logs(self) -> tuple[Floats, Floats]:
        """Logarithms of p and of 1 − p; 0 and 1 are moved by a machine epsilon."""
        p = np.clip(self.probability, _EPS, 1 - _EPS)
        return np.log(p), np.log1p(-p)

    @cached_property
    def logit(self) -> Floats:
        """Log-odds, rising where there is one group."""
        return self.logs[0] - self.logs[1]

    @cached_property
    def squares(self) -> tuple[Floats, Floats]:
        """p² and (1 − p)²."""
        return self.probability**2, (1 - self.probability) ** 2


@dataclass(frozen=True)
class Counts:
    """Weight of goods and of bads in each cell, of all groups together; ``grouped`` has them by group where there are groups."""

    line: CellLine
    good: Floats
    bad: Floats
    grouped: Counts | None = None
    #: First guess of :func:`calibration_line`.
    start: tuple[float, float] = (1.0, 0.0)

    @cached_property
    def weight(self) -> Floats:
        """Weight of each cell."""
        return self.good + self.bad

    @cached_property
    def total(self) -> float:
        """Weight of all."""
        return float(self.weight.sum())

    @cached_property
    def expected(self) -> float:
        """Bads that the probabilities expect."""
        return dot(self.weight, self.line.probability)

    @cached_property
    def auc(self) -> float:
        """See :func:`auc`."""
        return auc(self)

    @cached_property
    def calibration(self) -> tuple[float, float]:
        """See :func:`calibration_line`."""
        return calibration_line(self, start=self.start)


class Cells:
    """The cell of each row, computed once; other weights on the same rows cost one pass."""

    def __init__(self, y: Floats, probability: Floats, groups: NDArray[np.intp] | None = None) -> None:
        group = np.zeros(len(y), dtype=np.intp) if groups is None else groups
        order = np.lexsort((probability, group))
        p, g = probability[order], group[order]
        new_group = np.r_[True, g[1:] != g[:-1]]
        new_cell = new_group | np.r_[True, p[1:] != p[:-1]]
        position = np.empty(len(y), dtype=np.intp)
        position[order] = np.cumsum(new_cell) - 1
        self._row = 2 * position + y.astype(np.intp)
        cell = np.flatnonzero(new_cell)
        self._has_groups = groups is not None
        self._grouped = CellLine(p[cell], np.flatnonzero(new_group[cell]))
        distinct, self._merged = np.unique(p[cell], return_inverse=True)
        self._whole = self._grouped if len(self._grouped.starts) == 1 else CellLine(distinct, np.zeros(1, dtype=np.intp))

    def counts(self, weight: Floats, *, start: tuple[float, float] = (1.0, 0.0)) -> Counts:
        """The cells under one weight per row; ``start`` is a first guess of their calibration."""
        sums = _sums(self._row, weight, 2 * len(self._grouped.probability))
        # Copies, since every measure runs through them and every second number is slow to read.
        parts = (sums[0::2].copy(), sums[1::2].copy())
        grouped = Counts(self._grouped, *parts) if self._has_groups else None
        if self._whole is not self._grouped:
            size = len(self._whole.probability)
            parts = (_sums(self._merged, parts[0], size), _sums(self._merged, parts[1], size))
        return Counts(self._whole, *parts, grouped, start)


def _sums(cells: NDArray[np.intp], weight: Floats, size: int) -> Floats:
    return np.bincount(cells, weights=weight, minlength=size).astype(np.float64, copy=False)


def dot(one: Floats, other: Floats) -> float:
    """Sum of products, by one thread: the same digits on every machine, and no waiting for busy cores as in BLAS."""
    return float((one * other).sum())


def auc(cells: Counts) -> float:
    """P(p of a bad > p of a good) + half of the ties, over pairs of one group; NaN without pairs."""
    good, bad = cells.good, cells.bad
    before = np.cumsum(good) - good
    before = before - before[cells.line.first]
    starts = cells.line.starts
    pairs = dot(np.add.reduceat(good, starts), np.add.reduceat(bad, starts))
    return dot(bad, before + good / 2) / pairs if pairs > 0 else float("nan")


def ks(cells: Counts) -> float:
    """Largest |share of bads − share of goods| at or below a probability, over distinct ones; of one group."""
    good, bad = np.cumsum(cells.good), np.cumsum(cells.bad)
    if good[-1] <= 0 or bad[-1] <= 0:
        return float("nan")
    return float(np.abs(bad / bad[-1] - good / good[-1]).max())


def gini(cells: Counts) -> float:
    """``2 auc - 1``."""
    return 2 * cells.auc - 1


def grouped_auc(cells: Counts) -> float:
    """The AUC over pairs of one group only, pooled by the weight of the pairs; NaN without groups."""
    return float("nan") if cells.grouped is None else cells.grouped.auc


def brier(cells: Counts) -> float:
    """Weighted mean of (probability − y)²."""
    of_good, of_bad = cells.line.squares
    return (dot(cells.good, of_good) + dot(cells.bad, of_bad)) / cells.total


def log_loss(cells: Counts) -> float:
    """Weighted mean of −ln of the probability of what happened; 0 and 1 are moved by a machine epsilon."""
    of_bad, of_good = cells.line.logs
    return -(dot(cells.bad, of_bad) + dot(cells.good, of_good)) / cells.total


def observed_expected(cells: Counts) -> float:
    """Observed bads over expected bads; NaN where none are expected."""
    return float(cells.bad.sum()) / cells.expected if cells.expected > 0 else float("nan")


def observed_rate(cells: Counts) -> float:
    """Weighted share of bads."""
    return float(cells.bad.sum()) / cells.total


def mean_predicted(cells: Counts) -> float:
    """Weighted mean of the probabilities."""
    return cells.expected / cells.total


def calibration_slope(cells: Counts) -> float:
    """Slope of :func:`calibration_line`: 1 is perfect; below 1, probabilities are too extreme."""
    return cells.calibration[0]


def calibration_intercept(cells: Counts) -> float:
    """Intercept of :func:`calibration_line`: 0 is perfect."""
    return cells.calibration[1]


def calibration_line(cells: Counts, *, start: tuple[float, float] = (1.0, 0.0)) -> tuple[float, float]:
    """Slope and intercept of logit P(bad) = intercept + slope · logit p (Cox 1958), fitted together.

    1 and 0 are perfect; with a slope below 1 the probabilities are too extreme. Both are NaN if all probabilities are equal
    or bads and goods are separated, since no finite answer exists then. ``cells`` must be of one group. ``start`` is a
    first guess that saves steps, such as the answer for other weights.

    Cards are calibrated by another function, :func:`creditscore.models.calibration.calibrate`, which allows no negative
    slope and is finite for separated rows. This one only measures, so its slope may be negative.
    """
    x, good, bad = cells.line.logit, cells.good / cells.total, cells.bad / cells.total
    nan = (float("nan"), float("nan"))
    if _separated(x, good, bad):
        return nan
    beta = np.array([start[1], start[0]]) if np.isfinite(start).all() else np.array([0.0, 1.0])
    step = np.inf
    for _ in range(60):
        beta, step = _newton(x, good, bad, beta)
        if step < _SETTLED:
            break
    return (float(beta[1]), float(beta[0])) if step < 1e-5 else nan


def _separated(x: Floats, good: Floats, bad: Floats) -> bool:
    """Whether bads and goods do not overlap, a single probability included; ``x`` rises."""
    bads, goods = np.flatnonzero(bad), np.flatnonzero(good)
    if not len(bads) or not len(goods):
        return True
    return bool(x[bads[0]] > x[goods[-1]] - 1e-12 or x[goods[0]] > x[bads[-1]] - 1e-12)


def _newton(x: Floats, good: Floats, bad: Floats, beta: Floats) -> tuple[Floats, float]:
    """One step of Newton's method; a long one is halved while it does not lower the deviance."""
    eta = beta[0] + beta[1] * x
    mean = 0.5 * (1 + np.tanh(eta / 2))
    weight = good + bad
    curve, slack = weight * mean * (1 - mean), bad - weight * mean
    gradient = np.array([slack.sum(), dot(slack, x)])
    cross = dot(curve, x)
    hessian = np.array([[curve.sum(), cross], [cross, dot(curve * x, x)]])
    step = np.linalg.lstsq(hessian, gradient, rcond=None)[0]
    if np.abs(step).max() < _SHORT:
        return beta + step, float(np.abs(step).max())
    loss = _deviance(eta, good, bad)
    for _ in range(30):
        new = beta + step
        if _deviance(new[0] + new[1] * x, good, bad) <= loss + 1e-15:
            break
        step = step / 2
    return beta + step, float(np.abs(step).max())


def _deviance(eta: Floats, good: Floats, bad: Floats) -> float:
    return dot(good, np.logaddexp(0, eta)) + dot(bad, np.logaddexp(0, -eta))


#: The measures of an evaluation by name, in their order. A new one needs its function above, a line here, and its words
#: (``reporting/words``, ``language``).
MEASURES: dict[str, Callable[[Counts], float]] = {
    "auc": attrgetter("auc"),
    "gini": gini,
    "ks": ks,
    "within_group_auc": grouped_auc,
    "brier": brier,
    "log_loss": log_loss,
    "calibration_slope": calibration_slope,
    "calibration_intercept": calibration_intercept,
    "observed_expected": observed_expected,
    "observed_rate": observed_rate,
    "mean_predicted": mean_predicted,
}
#: Those that exist only where rows have groups.
OF_GROUPS = frozenset({"within_group_auc"})
