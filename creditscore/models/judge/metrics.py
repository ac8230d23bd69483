"""Weighted measures of a probability of bad, each a plain sum over rows; numpy only.

Orientation is fixed, never guessed: 1 is bad, a larger probability is a worse subject.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: A step of Newton's method on a convex loss that needs no watching.
_SHORT = 0.2
_EPS = float(np.finfo(np.float64).eps)


class Ranking:
    """Rows sorted by group and probability once, so that each set of weights costs one pass.

    Bootstrap replicates are other weights on the same rows; ties in probability count one half.
    """

    def __init__(self, y: Floats, probability: Floats, groups: NDArray[np.intp] | None = None) -> None:
        groups = np.zeros(len(y), dtype=np.intp) if groups is None else groups
        self.order = np.lexsort((probability, groups))
        p, g = probability[self.order], groups[self.order]
        self._bad = y[self.order]
        new_group = np.r_[True, g[1:] != g[:-1]]
        new_tie = new_group | np.r_[True, p[1:] != p[:-1]]
        self._ties = np.flatnonzero(new_tie)
        # For each tie: where the first tie of its group stands among the ties.
        first = np.flatnonzero(new_group[self._ties])
        self._first = np.repeat(first, np.diff(np.r_[first, len(self._ties)]))

    def auc(self, weight: Floats) -> float:
        """P(p of a bad > p of a good) + half of the ties, over pairs of one group; NaN without pairs."""
        good, bad = self._sums(weight)
        before = np.cumsum(good) - good
        before = before - before[self._first]
        starts = np.unique(self._first)
        pairs = float(np.add.reduceat(good, starts) @ np.add.reduceat(bad, starts))
        return float(bad @ (before + good / 2)) / pairs if pairs > 0 else float("nan")

    def ks(self, weight: Floats) -> float:
        """Largest |share of bads − share of goods| at or below a probability, over distinct ones."""
        good, bad = (np.cumsum(part) for part in self._sums(weight))
        if good[-1] <= 0 or bad[-1] <= 0:
            return float("nan")
        return float(np.abs(bad / bad[-1] - good / good[-1]).max())

    def _sums(self, weight: Floats) -> tuple[Floats, Floats]:
        w = weight[self.order]
        bad = w * self._bad
        return np.add.reduceat(w - bad, self._ties), np.add.reduceat(bad, self._ties)


def brier(y: Floats, probability: Floats, weight: Floats) -> float:
    """Weighted mean of (probability − y)²."""
    return float(weight @ (probability - y) ** 2 / weight.sum())


def log_loss(y: Floats, probability: Floats, weight: Floats) -> float:
    """Weighted mean of −ln of the probability of what happened; 0 and 1 are moved by a machine epsilon."""
    p = np.clip(probability, _EPS, 1 - _EPS)
    return float(-(weight @ (y * np.log(p) + (1 - y) * np.log1p(-p))) / weight.sum())


def observed_expected(y: Floats, probability: Floats, weight: Floats) -> float:
    """Observed bads over expected bads; NaN where none are expected."""
    expected = float(weight @ probability)
    return float(weight @ y) / expected if expected > 0 else float("nan")


def calibration(y: Floats, probability: Floats, weight: Floats, *, start: tuple[float, float] = (1.0, 0.0)) -> tuple[float, float]:
    """Slope and intercept of logit P(bad) = intercept + slope · logit p (Cox 1958), fitted together.

    1 and 0 are perfect; a slope below 1 says that probabilities are too extreme. NaN where all
    probabilities are equal or bads and goods are separated: no finite answer exists. ``start`` is a
    first guess that saves steps, such as the answer for other weights.
    """
    p = np.clip(probability, _EPS, 1 - _EPS)
    x = np.log(p) - np.log1p(-p)
    w = weight / weight.sum()
    nan = (float("nan"), float("nan"))
    if np.ptp(x[w > 0]) < 1e-12 or not 0 < float(w @ y) < 1 or _separated(y, x, w):
        return nan
    beta = np.array([start[1], start[0]]) if np.isfinite(start).all() else np.array([0.0, 1.0])
    for _ in range(60):
        beta, step = _newton(y, x, w, beta)
        if step < 1e-11:
            return float(beta[1]), float(beta[0])
    return (float(beta[1]), float(beta[0])) if step < 1e-6 else nan


def effective_size(weight: Floats) -> float:
    """(Σw)² / Σw²: how many rows of equal weight say as much (Kish)."""
    return float(weight.sum() ** 2 / (weight @ weight))


def _separated(y: Floats, x: Floats, w: Floats) -> bool:
    bad, good = x[(y == 1) & (w > 0)], x[(y == 0) & (w > 0)]
    return bool(bad.min() >= good.max() or bad.max() <= good.min())


def _newton(y: Floats, x: Floats, w: Floats, beta: Floats) -> tuple[Floats, float]:
    """One step of Newton's method; a long one is halved while it does not lower the deviance."""
    eta = beta[0] + beta[1] * x
    mean = 0.5 * (1 + np.tanh(eta / 2))
    curve = w * mean * (1 - mean)
    gradient = np.array([w @ (y - mean), (w * x) @ (y - mean)])
    cross = float(curve @ x)
    hessian = np.array([[curve.sum(), cross], [cross, float(curve @ x**2)]])
    step = np.linalg.lstsq(hessian, gradient, rcond=None)[0]
    if np.abs(step).max() < _SHORT:
        return beta + step, float(np.abs(step).max())
    loss = _deviance(y, eta, w)
    for _ in range(30):
        new = beta + step
        if _deviance(y, new[0] + new[1] * x, w) <= loss + 1e-15:
            break
        step = step / 2
    return beta + step, float(np.abs(step).max())


def _deviance(y: Floats, eta: Floats, w: Floats) -> float:
    return float(w @ (np.logaddexp(0, eta) - y * eta))
