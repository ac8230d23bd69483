"""Where cells that are in an order are cut. The only module that imports optbinning, and it takes the splits and nothing else.

Fits that only judge (five or more for every card) have their monotone cuts from ``line_search``, which solves optbinning's
program exactly and in a tenth of its time.
optbinning 1.0 keeps counts in whole numbers, sorts categories by unweighted rates and drops pure
bins. So it is given ranks of distinct values, and for each rank the weight of goods and of bads as
whole multiples of 2**-30 of the total: neither the scale of the weights, nor repeating a row instead
of weighing it, nor the order of the rows can change what it sees.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import xlogy
from scipy.stats import chi2

from creditscore.dataframes import Floats, Ints
from creditscore.errors import DataError
from creditscore.models.limits import PREBINS, Limits
from creditscore.models.line_search import best_cuts, prebins, sums_between

#: Weights are whole multiples of one part in this many of the total.
_UNIT = 2.0**30
#: The number of levels of noise varies, so that its chi-square has a longer tail than that of the mean number.
_SPREAD_OF_LEVELS = 1.25
#: Chance that a hump is found in the noise around a monotone column.
_FALSE_HUMPS = 0.002
#: Groups of neighbouring values, about equal in weight, that are looked through for humps.
_WINDOWS = 128
#: Seconds that the solver may take for a column.
_SECONDS = 30
#: Farther than this from 0.5 a line of many values has nearly pure ends only, which optbinning would merge into one bin.
_SEPARATES = 0.45
_Search = Literal["ascending", "descending", "peak_heuristic", "valley_heuristic"]


def cut_line(good: Floats, bad: Floats, trend: str, limits: Limits, *, humps: bool = True) -> tuple[list[int], str, float]:
    """Positions after which to cut cells that are in an order, the trend that holds, and the choices that the search had.

    Args:
        good: Weight of the goods of each cell.
        bad: Weight of the bads.
        trend: The one declared, or ``auto``.
        limits: How finely to cut.
        humps: Whether ``auto`` may keep a hump or trough.
    """
    if len(good) < 2 or not (good.any() and bad.any()):
        return [], "none" if trend == "auto" else trend, 0.0
    if len(good) <= PREBINS[0]:
        good, bad = _not_pure(good, bad, limits.smoothing)
    elif abs(concordance(good, bad) - 0.5) > _SEPARATES:
        good, bad = _not_pure(good, bad, limits.smoothing / len(good))
    if trend == "none":
        after = _search(good, bad, None, replace(limits, prebins=PREBINS[0]))
        return after, trend, _choices(good + bad, limits.smallest) + 2.0 * len(after)
    direction = trend
    if trend == "auto":
        direction = "higher_is_riskier" if concordance(good, bad) >= 0.5 else "lower_is_riskier"
    monotone = _search(good, bad, "ascending" if direction == "higher_is_riskier" else "descending", limits)
    searched = _choices(good + bad, limits.smallest) + 0.5 * (trend == "auto")  # of two directions the better one
    if trend != "auto" or limits.cases is None or len(good) < 3 or not humps:
        return monotone, direction, searched
    found = _hump(good, bad, monotone, direction, limits)
    return (found[0], "none", found[1]) if found else (monotone, direction, searched)


def _choices(weight: Floats, smallest: float) -> float:
    """Degrees of freedom of a monotone search in noise.

    The nearest monotone sequence to noise in ``m`` cells has ``1 + 1/2 + ... + 1/m`` levels on average (Barlow et al. 1972,
    3.3), one of them the mean; a bin holds ``smallest`` at least.
    """
    cells = max(1, min(len(weight), int(float(weight.sum()) / max(smallest, 1e-9))))
    return _SPREAD_OF_LEVELS * float((1 / np.arange(2, cells + 1)).sum())


def _hump(good: Floats, bad: Floats, monotone: list[int], direction: str, limits: Limits) -> tuple[list[int], float] | None:
    """Cuts that keep a hump or trough, with the choices that the search had; None where noise may look like it.

    Every run of neighbouring cells is compared with the best monotone curve; the largest chi-square must be beyond what the
    number of runs explains (Bonferroni). Then the bins must hold what was seen.
    """
    ends = grouped(good + bad, _WINDOWS)
    starts = np.r_[0, ends[:-1] + 1]
    goods, bads = (np.add.reduceat(part, starts) for part in (good, bad))
    seen, first, last = _largest_run(goods, bads, direction, limits)
    if seen < float(chi2.isf(2 * _FALSE_HUMPS / (len(goods) * (len(goods) + 1)), 1)):
        return None
    edges = {int(ends[first - 1])} if first else set()
    edges |= {int(ends[last])} if last < len(ends) - 1 else set()
    fixed = sorted({*monotone, *edges})
    best, gain = None, _deviance(good, bad, monotone, limits)
    few = replace(limits, prebins=PREBINS[0])
    for after in (_search(good, bad, "peak_heuristic", few), _search(good, bad, "valley_heuristic", few), fixed):
        shown = _deviance(good, bad, after, limits) - 2 * max(len(after) - len(monotone), 0)
        if shown > gain + 1e-9:
            best, gain = after, shown
    if best is None:
        return None
    return best, 2 * _choices(good + bad, limits.smallest) + 2


def _largest_run(good: Floats, bad: Floats, direction: str, limits: Limits) -> tuple[float, int, int]:
    """Chi-square, first and last cell of the run of cells that lies farthest from the best monotone curve."""
    scale = (limits.cases or 0.0) / min(float(good.sum()), float(bad.sum()))
    weight, rate = good + bad, bad / (good + bad)
    fitted = isotonic_regression(rate, weights=weight, increasing=direction == "higher_is_riskier").x
    over, noise = np.r_[0.0, np.cumsum(bad - weight * fitted)], np.r_[0.0, np.cumsum(weight * fitted * (1 - fitted))]
    reached = np.r_[0.0, np.cumsum(weight)]
    mass = reached[None, :] - reached[:, None]
    variance = noise[None, :] - noise[:, None]
    wide = np.triu(mass >= limits.smallest, 1) & (variance > 0)
    shown = np.where(wide, (over[None, :] - over[:, None]) ** 2 / np.where(wide, variance, 1.0), 0.0) * scale
    first, last = np.unravel_index(int(np.argmax(np.round(shown, 9))), shown.shape)
    return float(shown[first, last]), int(first), int(last) - 1


def _not_pure(good: Floats, bad: Floats, smoothing: float) -> tuple[Floats, Floats]:
    """A pure value (a flag, a grade) stays a bin of its own instead of being merged away."""
    weight = good + bad
    less_good = np.where((good == 0) & (bad > 0), np.minimum(smoothing * good.sum(), weight / 2), 0.0)
    less_bad = np.where((bad == 0) & (good > 0), np.minimum(smoothing * bad.sum(), weight / 2), 0.0)
    return good + less_good - less_bad, bad + less_bad - less_good


def _search(good: Floats, bad: Floats, trend: _Search | None, limits: Limits) -> list[int]:
    share = float((good + bad).sum())
    shares = np.concatenate([good, bad])
    counts = np.rint(shares * (_UNIT / share)).astype(np.int64)
    counts[(counts == 0) & (shares > 0)] = 1
    smallest = min(0.5, limits.smallest / share)
    goods, bads = np.split(counts, 2)
    if limits.judging and trend in ("ascending", "descending", None):
        groups = prebins(goods, bads, most=limits.prebins, smallest=smallest)
        found = best_cuts(sums_between(groups, goods), sums_between(groups, bads), trend, bins=limits.bins, smallest=smallest)
        return [int(groups[group]) for group in found]
    return _by_optbinning(goods, bads, trend, limits, smallest)


def _by_optbinning(good: Ints, bad: Ints, trend: _Search | None, limits: Limits, smallest: float) -> list[int]:
    from optbinning import OptimalBinning

    counts = np.concatenate([good, bad])
    ranks, labels = np.tile(np.arange(len(good), dtype=np.float64), 2), np.repeat([0, 1], len(good))
    used = counts > 0
    search = OptimalBinning(
        prebinning_method="cart",
        max_n_prebins=limits.prebins,
        min_prebin_size=smallest,
        min_bin_size=smallest,
        max_n_bins=limits.bins,
        monotonic_trend=trend,
        solver="cp",
        time_limit=_SECONDS,
        random_state=0,
    )
    search.fit(ranks[used], labels[used], sample_weight=counts[used].astype(np.float64))
    if search.status not in ("OPTIMAL", "FEASIBLE"):
        raise DataError("binning failed (solver: {status})", status=search.status)
    return sorted({int(np.floor(split)) for split in search.splits})


def grouped(weight: Floats, most: int) -> NDArray[np.intp]:
    """Last positions of at most ``most`` groups of neighbouring values, about equal in weight: for speed only."""
    if len(weight) <= most:
        return np.arange(len(weight))
    middle = (np.cumsum(weight) - weight / 2) / weight.sum()
    group = np.floor(np.round(middle * most, 6))
    return np.flatnonzero(np.r_[np.diff(group) > 0, True])


def concordance(good: Floats, bad: Floats) -> float:
    """Probability that a bad is later in the order of cells than a good, ties half: the AUC of the order."""
    before = np.cumsum(good) - good
    return float((bad * (before + good / 2)).sum() / (good.sum() * bad.sum()))


def _deviance(good: Floats, bad: Floats, after: list[int], limits: Limits) -> float:
    """Twice the log-likelihood of the bins' bad rates, in effective rows."""
    starts = [0, *(position + 1 for position in after)]
    goods, bads = np.add.reduceat(good, starts), np.add.reduceat(bad, starts)
    scale = (limits.cases or 0.0) / min(float(good.sum()), float(bad.sum()))
    return 2 * scale * float((xlogy(goods, goods / (goods + bads)) + xlogy(bads, bads / (goods + bads))).sum())
