"""Where columns are cut. The only module that imports optbinning, and it takes the splits and nothing else.

Monotone cuts are those of optbinning's program, found exactly by ``line_search``; peaks and valleys optbinning finds itself.
optbinning 1.0 keeps counts in whole numbers, sorts categories by unweighted rates and drops pure
bins. So it is given ranks of distinct values, and for each rank the weight of goods and of bads as
whole multiples of 2**-30 of the total: neither the scale of the weights, nor repeating a row instead
of weighing it, nor the order of the rows can change what it sees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import xlogy
from scipy.stats import chi2

from creditscore.config.scorecards import MIN_SHARE, SMOOTHING, Binning
from creditscore.dataframes import Floats, Ints
from creditscore.errors import DataError
from creditscore.models.bin_table import Partition
from creditscore.models.codes_in_data import undeclared_codes
from creditscore.models.evidence import cases, pseudo_share, sums
from creditscore.models.line_search import best_cuts, prebins, sums_between
from creditscore.models.sample import FeatureColumn, Sample

#: Share of a column's weight that an edge may move across for the sake of fewer digits.
_TOLERANCE = 0.002
_SLACK = 1e-9
#: Of a bin's own weight, which the solver rounds, this much is asked for.
_JUST_UNDER = 0.999
#: Weights are whole multiples of one part in this many of the total.
_UNIT = 2.0**30
#: Columns with more distinct values are searched in this many groups: 0.02 % of the weight each.
_CELLS = 4096
#: Bins that a hundred cases of the rarer class carry, and the number at which no more are of use.
_BINS, _CASES_OF_SIX_BINS, _MOST_BINS = 6, 100, 20
#: Fewest and most intervals that the search merges into bins; so many cases are for the fewest.
_PREBINS, _CASES_OF_20_PREBINS = (20, 24), 2000
#: Effective rows and expected effective cases of the rarer class in the smallest bin of a search: its WoE is then off by
#: 1 / sqrt(3) or less, and the evidence says how much of it counts.
_ROWS, _CASES_OF_A_BIN = 30.0, 3.0
#: Few rows are cut in bins of a tenth all the same.
_LARGEST_MINIMUM = 0.1
#: Share below which a text is rare where evidence is not asked for.
_RARE_SHARE = 0.005
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
#: The edge of a characteristic with a ceiling: without a record, and with one or more.
_WITHOUT_AND_WITH = (1.0,)
_Search = Literal["ascending", "descending", "peak_heuristic", "valley_heuristic"]


@dataclass(frozen=True)
class Limits:
    """How finely the rows may be cut; shares are of the total weight."""

    bins: int
    #: Groups of texts.
    groups: int
    prebins: int
    smallest: float
    #: Whether ``smallest`` was declared.
    firm: bool
    #: Texts need this share, and ``rows`` effective rows.
    rare: float
    rows: float
    smoothing: float
    #: Effective rows of the rarer class; None: evidence is not asked for.
    cases: float | None

    @classmethod
    def of(cls, sample: Sample, binning: Binning) -> Limits:
        """What is declared, else what the rows can carry, else (without evidence) constants."""
        if not binning.evidence:
            bins = binning.max_bins or _BINS
            return cls(
                bins=bins,
                groups=bins,
                prebins=_PREBINS[0],
                smallest=binning.min_share or MIN_SHARE,
                firm=True,
                rare=min(binning.rare_share or _RARE_SHARE, binning.min_share or MIN_SHARE),
                rows=0.0,
                smoothing=SMOOTHING if binning.smoothing is None else binning.smoothing,
                cases=None,
            )
        known, rows = cases(sample), sample.effective_size
        own = _BINS * (known / _CASES_OF_SIX_BINS) ** 0.2
        smallest = min(max(_ROWS / rows, _CASES_OF_A_BIN / known), _LARGEST_MINIMUM)
        return cls(
            bins=binning.max_bins or int(np.clip(round(own), 3, _MOST_BINS)),
            groups=binning.max_bins or int(np.clip(round(_BINS * (known / _CASES_OF_SIX_BINS) ** (1 / 3)), 3, _MOST_BINS)),
            prebins=int(np.clip(round(_PREBINS[0] * (known / _CASES_OF_20_PREBINS) ** 0.2), *_PREBINS)),
            smallest=binning.min_share or smallest,
            firm=binning.min_share is not None,
            rare=binning.rare_share or 0.0,
            rows=0.0 if binning.rare_share else min(_ROWS, _CASES_OF_A_BIN * rows / known),
            smoothing=pseudo_share(sample) if binning.smoothing is None else binning.smoothing,
            cases=known,
        )


def cut(
    column: FeatureColumn,
    sample: Sample,
    *,
    binning: Binning,
    special: Sequence[float | str] | None = None,
    given: Sequence[Any] | None = None,
    same_as: Mapping[str, str] | None = None,
) -> Partition:
    """The partition of a column: edges or groups ``given`` by hand, else found by optbinning under the trend.

    With trend ``auto`` the direction is the one in which bads lie; a hump or trough (trend ``none``), however narrow, is
    kept where it shows more than a search of noise would. Texts with an ``order`` are cut along it; others are grouped by
    their weighted bad rate (shrunk to that of all: a rare text is not at the end of the line by chance); rare texts are
    left to the attribute ``other``.

    Args:
        column: The column, with the rows of the sample.
        sample: The training rows.
        binning: What is declared of the cuts.
        special: Codes that are no measurements. None: nothing is declared, and a value that looks like one becomes one.
        given: Cuts by hand.
        same_as: Texts that were renamed, old to new: the old one goes where the new one is.

    Raises:
        DataError: The column cannot be cut, with the reason.
    """
    codes = tuple(sorted(str(code) if column.text else float(code) for code in special or ()))
    if column.factor.ceiling is not None:
        given = _WITHOUT_AND_WITH if given is None else given
        if not set(_WITHOUT_AND_WITH) <= set(given):
            raise DataError("splits of {name}: expected the edge 1, from which on its ceiling holds", name=column.factor.name)
    if given is not None:
        return _by_hand(column, codes, given)
    limits = Limits.of(sample, binning)
    try:
        if column.text:
            return _texts(column, sample, limits, codes, same_as or {})
        return _numbers(column, sample, limits, None if special is None else codes)
    except DataError:
        raise
    except Exception as error:  # whatever a solver raises concerns this column only
        raise DataError("binning failed ({kind}: {error})", kind=type(error).__name__, error=error) from error


def _by_hand(column: FeatureColumn, special: tuple[Any, ...], given: Sequence[Any]) -> Partition:
    factor = column.factor
    if not column.text:
        if not all(isinstance(edge, int | float | np.number) and np.isfinite(edge) for edge in given):
            raise DataError("splits of {name}: expected rising finite edges", name=factor.name)
        edges = [float(edge) for edge in given]
        if edges != sorted(set(edges)):
            raise DataError("splits of {name}: expected rising finite edges", name=factor.name)
        return Partition(factor, False, factor.trend if factor.trend != "auto" else "none", edges=tuple(edges), special=special)
    groups = tuple((group,) if isinstance(group, str) else tuple(group) for group in given if not isinstance(group, int | float))
    texts = [text for group in groups for text in group]
    if len(groups) != len(given) or len(texts) != len(set(texts)) or not all(groups) or not all(isinstance(t, str) for t in texts):
        raise DataError("splits of {name}: expected groups of texts, each text once", name=factor.name)
    return Partition(factor, True, "higher_is_riskier" if factor.order else "none", groups=groups, special=special)


def _numbers(column: FeatureColumn, sample: Sample, limits: Limits, special: tuple[Any, ...] | None) -> Partition:
    there = ~column.missing
    values, positions = np.unique(column.values[there], return_inverse=True)
    cells = np.full(len(there), len(values))
    cells[there] = positions
    good, bad = (of[:-1] for of in sample.sums(cells, len(values) + 1))
    declared = np.isin(values, np.array(special or (), dtype=np.float64))
    looks = special is None and limits.cases is not None and column.factor.trend != "none"
    squares = _squares(sample, cells, len(values))
    proposed = undeclared_codes(values, good + bad, squares, bad, least_rows=_ROWS) if looks else np.zeros(len(values), dtype=bool)
    clean = ~(declared | proposed)
    found = tuple(values[proposed].tolist())
    values, good, bad, squares = values[clean], good[clean], bad[clean], squares[clean]
    ends = _grouped(good + bad, _CELLS)
    starts = np.r_[0, ends[:-1] + 1]
    goods, bads = (np.add.reduceat(part, starts) if len(values) else part for part in (good, bad))
    if not limits.firm and len(values) <= limits.prebins:
        limits = replace(limits, smallest=_smallest_that_stands(good + bad, squares, limits))
    after, trend, searched = _search_line(goods, bads, column.factor.trend, limits)
    return Partition(
        column.factor,
        False,
        trend,
        edges=readable(values, good + bad, [int(ends[group]) for group in after]),
        special=special or found,
        searched=searched,
        proposed=found,
        constant=len(values) <= 1 and not (special or found),
    )


def _smallest_that_stands(share: Floats, squares: Floats, limits: Limits) -> float:
    """Least share of those values (of few) that have rows enough alone: many rows of small weights are many rows."""
    return float(min([limits.smallest, *(_JUST_UNDER * share[_effective(share, squares) >= _ROWS]).tolist()]))


def _effective(share: Floats, squares: Floats) -> Floats:
    """Effective rows of each cell."""
    rows: Floats = share**2 / np.where(squares > 0, squares, 1.0)
    return rows


def _squares(sample: Sample, cells: NDArray[np.intp], size: int) -> Floats:
    """Sum of the squared shares of the rows in each of the cells 0 ... size - 1; further cells are left out."""
    return sums(cells, (sample.weight / sample.total) ** 2, size + 1)[:size]


def _grouped(weight: Floats, most: int) -> NDArray[np.intp]:
    """Last positions of at most ``most`` groups of neighbouring values, about equal in weight: for speed only."""
    if len(weight) <= most:
        return np.arange(len(weight))
    middle = (np.cumsum(weight) - weight / 2) / weight.sum()
    group = np.floor(np.round(middle * most, 6))
    return np.flatnonzero(np.r_[np.diff(group) > 0, True])


def _texts(
    column: FeatureColumn, sample: Sample, limits: Limits, special: tuple[Any, ...], same_as: Mapping[str, str]
) -> Partition:
    texts = [*column.categories, ""]
    home = _homes(column, same_as)
    cells = np.where(column.missing, len(column.categories), home[column.values])
    good, bad = sample.sums(cells, len(texts))
    squares = _squares(sample, cells, len(texts))
    rows = _effective(good + bad, squares)
    allowed, ordered = set(column.factor.order) or set(column.categories), bool(column.factor.order)
    # A text of an order is rare, but not in the wrong place: it joins its neighbours.
    least = 1e-9 if ordered else max(limits.rows, 1e-9)
    kept = [
        code
        for code, text in enumerate(column.categories)
        if text in allowed and text not in special and rows[code] >= least and good[code] + bad[code] >= limits.rare
    ]
    if column.factor.order:
        line = sorted(kept, key=lambda code: column.factor.order.index(texts[code]))
    else:
        pseudo = max(limits.rare, limits.rows / sample.effective_size, limits.smoothing)
        rate = (bad + pseudo * bad.sum()) / (good + bad + pseudo * (good.sum() + bad.sum()))
        line = sorted(kept, key=lambda code: (round(float(rate[code]), 12), texts[code]))
    if not limits.firm:
        limits = replace(limits, smallest=_smallest_that_stands((good + bad)[:-1], squares[:-1], limits))
    after, _, searched = _search_line(good[line], bad[line], "higher_is_riskier", replace(limits, bins=limits.groups))
    bounds = [0, *(position + 1 for position in after), len(line)]
    renamed = [[int(code) for code in np.flatnonzero(home == text) if code != text] for text in range(len(column.categories))]
    groups = tuple(
        tuple(texts[code] for text in line[a:b] for code in (text, *renamed[text])) for a, b in pairwise(bounds) if a < b
    )
    if not column.factor.order:
        searched = max(len(line) - 1.0, 0.0)
    return Partition(
        column.factor,
        True,
        "higher_is_riskier" if column.factor.order else "none",
        groups=groups,
        special=special,
        searched=searched,
        constant=len(column.categories) <= 1,
    )


def _homes(column: FeatureColumn, same_as: Mapping[str, str]) -> NDArray[np.intp]:
    """For each text the one under which it is counted: itself, or what it was renamed to (if that occurs)."""
    position = {text: code for code, text in enumerate(column.categories)}
    home = np.arange(len(column.categories))
    for code, text in enumerate(column.categories):
        seen = {text}
        while same_as.get(text, text) in position and same_as.get(text, text) not in seen:
            text = same_as[text]
            seen.add(text)
        home[code] = position[text]
    return home


def _search_line(good: Floats, bad: Floats, trend: str, limits: Limits) -> tuple[list[int], str, float]:
    """Positions after which to cut cells that are in an order, the trend that holds, and the choices that the search had."""
    if len(good) < 2 or not (good.any() and bad.any()):
        return [], "none" if trend == "auto" else trend, 0.0
    if len(good) <= _PREBINS[0]:
        good, bad = _not_pure(good, bad, limits.smoothing)
    elif abs(concordance(good, bad) - 0.5) > _SEPARATES:
        good, bad = _not_pure(good, bad, limits.smoothing / len(good))
    if trend == "none":
        after = _search(good, bad, None, replace(limits, prebins=_PREBINS[0]))
        return after, trend, _choices(good + bad, limits.smallest) + 2.0 * len(after)
    direction = trend
    if trend == "auto":
        direction = "higher_is_riskier" if concordance(good, bad) >= 0.5 else "lower_is_riskier"
    monotone = _search(good, bad, "ascending" if direction == "higher_is_riskier" else "descending", limits)
    searched = _choices(good + bad, limits.smallest) + 0.5 * (trend == "auto")  # of two directions the better one
    if trend != "auto" or limits.cases is None or len(good) < 3:
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
    ends = _grouped(good + bad, _WINDOWS)
    starts = np.r_[0, ends[:-1] + 1]
    goods, bads = (np.add.reduceat(part, starts) for part in (good, bad))
    seen, first, last = _largest_run(goods, bads, direction, limits)
    if seen < float(chi2.isf(2 * _FALSE_HUMPS / (len(goods) * (len(goods) + 1)), 1)):
        return None
    edges = {int(ends[first - 1])} if first else set()
    edges |= {int(ends[last])} if last < len(ends) - 1 else set()
    fixed = sorted({*monotone, *edges})
    best, gain = None, _deviance(good, bad, monotone, limits)
    few = replace(limits, prebins=_PREBINS[0])
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
    if trend == "peak_heuristic" or trend == "valley_heuristic":
        return _search_turning(goods, bads, trend, limits, smallest)
    groups = prebins(goods, bads, most=limits.prebins, smallest=smallest)
    found = best_cuts(sums_between(groups, goods), sums_between(groups, bads), trend, bins=limits.bins, smallest=smallest)
    return [int(groups[group]) for group in found]


def _search_turning(good: Ints, bad: Ints, trend: _Search, limits: Limits, smallest: float) -> list[int]:
    """A peak or a valley, by optbinning."""
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


def edge_between(low: float, high: float, *, target: float, whole: bool = False) -> float:
    """The number with the fewest decimals in ``(low, high]``, the nearest to ``target`` among these.

    With ``whole`` it is an integer if there is one in the gap.

    >>> edge_between(2.0, 3.0, target=2.5), edge_between(0.1234, 0.1391, target=0.13)
    (3.0, 0.13)
    """
    reach = max(abs(low), abs(high), high - low)
    exponent = math.floor(math.log10(reach)) + 1 if reach > 0 else 0
    for power in range(exponent, exponent - 18, -1):
        if whole and power < 0:
            break
        step = float(f"1e{power}")
        middle, first, last = round(target / step), math.floor(low / step), math.ceil(high / step)
        near = {middle - 1, middle, middle + 1, first, first + 1, last - 1, last}
        inside = [value for value in (float(f"{multiple}e{power}") for multiple in near) if low < value <= high]
        if inside:
            return min(inside, key=lambda value: (abs(value - target), value))
    return high


def readable(values: Floats, weight: Floats, cuts: list[int]) -> tuple[float, ...]:
    """Rising edges with few digits for cuts after each ``values[cut]``.

    Args:
        values: Distinct values, rising.
        weight: Their shares of the weight.
        cuts: Positions after which the search cuts, rising.
    """
    if not cuts:
        return ()
    whole = bool(np.all(values == np.rint(values)))
    targets = (values[cuts] + values[np.array(cuts) + 1]) / 2
    return tuple(
        edge_between(float(values[low]), float(values[high]), target=float(target), whole=whole)
        for (low, high), target in zip(_windows(np.cumsum(weight), cuts), targets, strict=True)
    )


def _windows(reached: Floats, cuts: list[int]) -> list[tuple[int, int]]:
    """First and last value between which the edge of each cut may lie: no two edges can be the same one."""
    allowed = _TOLERANCE * float(reached[-1]) + _SLACK
    low = [min(int(np.searchsorted(reached, reached[cut] - allowed)), cut) for cut in cuts]
    far = [min(int(np.searchsorted(reached, reached[cut] + allowed, side="right")), len(reached) - 1) for cut in cuts]
    high = [max(end, cut + 1) for end, cut in zip(far, cuts, strict=True)]
    for number, (cut, later) in enumerate(pairwise(cuts)):
        if high[number] > low[number + 1]:
            high[number] = low[number + 1] = (cut + 1 + later) // 2
    return list(zip(low, high, strict=True))


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
