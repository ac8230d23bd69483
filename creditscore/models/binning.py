"""Where columns are cut. The only module that imports optbinning, and it takes the splits and nothing else.

optbinning 1.0 keeps counts in whole numbers, sorts categories by unweighted rates and drops pure
bins. So it is given ranks of distinct values, and for each rank the weight of goods and of bads as
whole multiples of 2**-30 of the total: neither the scale of the weights, nor repeating a row instead
of weighing it, nor the order of the rows can change what it sees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from creditscore.config.scorecards import Binning
from creditscore.dataframes import Floats
from creditscore.errors import DataError
from creditscore.models.bin_table import Partition
from creditscore.models.sample import FeatureColumn, Sample

#: Share of a column's weight that an edge may move across for the sake of fewer digits.
_TOLERANCE = 0.002
_SLACK = 1e-9
#: Weights are whole multiples of one part in this many of the total.
_UNIT = 2.0**30
_PREBINS = 20
#: Columns with more distinct values are searched in this many groups: 0.02 % of the weight each.
_CELLS = 4096
#: Seconds that the solver may take for a column.
_SECONDS = 30
#: A hump must have this many times the information of the best monotone cut, and this much more, to be kept.
_HUMP_RATIO, _HUMP_MARGIN = 1.5, 0.02
#: Farther than this from 0.5 a line of many values has nearly pure ends only, which optbinning would merge into one bin.
_SEPARATES = 0.45
#: The edge of a characteristic with a ceiling: without a record, and with one or more.
_WITHOUT_AND_WITH = (1.0,)
_Search = Literal["ascending", "descending", "auto"]


def cut(
    column: FeatureColumn,
    sample: Sample,
    *,
    binning: Binning,
    special: Sequence[float | str] = (),
    given: Sequence[Any] | None = None,
) -> Partition:
    """The partition of a column: edges or groups ``given`` by hand, else found by optbinning under the trend.

    With trend ``auto`` the direction is the one in which bads lie; a hump or trough (trend ``none``)
    is kept only if it has far more information. Texts with an ``order`` are cut along it; others are grouped by
    their weighted bad rate (shrunk to that of all: a rare text is not at the end of the line by chance); texts
    rarer than ``rare_share`` are left to the attribute ``other``.

    Raises:
        DataError: The column cannot be cut, with the reason.
    """
    codes = tuple(sorted(str(code) if column.text else float(code) for code in special))
    if column.factor.ceiling is not None:
        given = _WITHOUT_AND_WITH if given is None else given
        if not set(_WITHOUT_AND_WITH) <= set(given):
            raise DataError("splits of {name}: expected the edge 1, from which on its ceiling holds", name=column.factor.name)
    if given is not None:
        return _by_hand(column, codes, given)
    try:
        return _texts(column, sample, binning, codes) if column.text else _numbers(column, sample, binning, codes)
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


def _numbers(column: FeatureColumn, sample: Sample, binning: Binning, special: tuple[Any, ...]) -> Partition:
    clean = ~column.missing & ~np.isin(column.values, np.array(special, dtype=np.float64))
    values, positions = np.unique(column.values[clean], return_inverse=True)
    cells = np.full(len(clean), len(values))
    cells[clean] = positions
    good, bad = (sums[:-1] for sums in sample.sums(cells, len(values) + 1))
    ends = _grouped(good + bad)
    starts = np.r_[0, ends[:-1] + 1]
    goods, bads = (np.add.reduceat(part, starts) if len(values) else part for part in (good, bad))
    after, trend = _search_line(goods, bads, column.factor.trend, binning)
    edges = readable(values, good + bad, [int(ends[group]) for group in after])
    return Partition(column.factor, False, trend, edges=edges, special=special)


def _grouped(weight: Floats) -> NDArray[np.intp]:
    """Last positions of at most ``_CELLS`` groups of neighbouring values, about equal in weight: for speed only."""
    if len(weight) <= _CELLS:
        return np.arange(len(weight))
    middle = (np.cumsum(weight) - weight / 2) / weight.sum()
    group = np.floor(np.round(middle * _CELLS, 6))
    return np.flatnonzero(np.r_[np.diff(group) > 0, True])


def _texts(column: FeatureColumn, sample: Sample, binning: Binning, special: tuple[Any, ...]) -> Partition:
    texts = [*column.categories, ""]
    good, bad = sample.sums(np.where(column.missing, len(column.categories), column.values), len(texts))
    allowed = set(column.factor.order) or set(column.categories)
    kept = [
        code
        for code, text in enumerate(column.categories)
        if text in allowed and text not in special and good[code] + bad[code] >= min(binning.rare_share, binning.min_share)
    ]
    if column.factor.order:
        line = sorted(kept, key=lambda code: column.factor.order.index(texts[code]))
    else:
        pseudo = max(binning.rare_share, binning.smoothing)
        rate = (bad + pseudo * bad.sum()) / (good + bad + pseudo * (good.sum() + bad.sum()))
        line = sorted(kept, key=lambda code: (round(float(rate[code]), 12), texts[code]))
    after, _ = _search_line(good[line], bad[line], "higher_is_riskier", binning)
    bounds = [0, *(position + 1 for position in after), len(line)]
    groups = tuple(tuple(texts[code] for code in line[a:b]) for a, b in pairwise(bounds) if a < b)
    return Partition(column.factor, True, "higher_is_riskier" if column.factor.order else "none", groups=groups, special=special)


def _search_line(good: Floats, bad: Floats, trend: str, binning: Binning) -> tuple[list[int], str]:
    """Positions after which to cut cells that are in an order, and the trend that holds."""
    if len(good) < 2 or not (good.any() and bad.any()):
        return [], "none" if trend == "auto" else trend
    if len(good) <= _PREBINS:
        good, bad = _not_pure(good, bad, binning.smoothing)
    elif abs(concordance(good, bad) - 0.5) > _SEPARATES:
        good, bad = _not_pure(good, bad, binning.smoothing / len(good))
    if trend == "higher_is_riskier":
        return _search(good, bad, "ascending", binning), trend
    if trend == "lower_is_riskier":
        return _search(good, bad, "descending", binning), trend
    if trend == "none":
        return _search(good, bad, None, binning), trend
    return _measured(good, bad, binning)


def _measured(good: Floats, bad: Floats, binning: Binning) -> tuple[list[int], str]:
    rising = concordance(good, bad) >= 0.5
    monotone = _search(good, bad, "ascending" if rising else "descending", binning)
    trend = "higher_is_riskier" if rising else "lower_is_riskier"
    needed = _HUMP_RATIO * _information(good, bad, monotone) + _HUMP_MARGIN
    reached = np.cumsum(good + bad)
    tenths = sorted(set(np.searchsorted(reached, np.arange(1, 10) / 10 * reached[-1] - 1e-9).tolist()) - {len(good) - 1})
    if _information(good, bad, tenths) < needed:
        return monotone, trend
    hump = _search(good, bad, "auto", binning)
    return (hump, "none") if _information(good, bad, hump) >= needed else (monotone, trend)


def _not_pure(good: Floats, bad: Floats, smoothing: float) -> tuple[Floats, Floats]:
    """A pure value (a flag, a grade) stays a bin of its own instead of being merged away."""
    weight = good + bad
    less_good = np.where((good == 0) & (bad > 0), np.minimum(smoothing * good.sum(), weight / 2), 0.0)
    less_bad = np.where((bad == 0) & (good > 0), np.minimum(smoothing * bad.sum(), weight / 2), 0.0)
    return good + less_good - less_bad, bad + less_bad - less_good


def _search(good: Floats, bad: Floats, trend: _Search | None, binning: Binning) -> list[int]:
    from optbinning import OptimalBinning

    share = float((good + bad).sum())
    counts = np.rint(np.concatenate([good, bad]) * (_UNIT / share))
    counts[(counts == 0) & (np.concatenate([good, bad]) > 0)] = 1
    ranks = np.tile(np.arange(len(good), dtype=np.float64), 2)
    labels = np.repeat([0, 1], len(good))
    used = counts > 0
    smallest = min(0.5, binning.min_share / share)
    search = OptimalBinning(
        prebinning_method="cart",
        max_n_prebins=_PREBINS,
        min_prebin_size=smallest,
        min_bin_size=smallest,
        max_n_bins=binning.max_bins,
        monotonic_trend=trend,
        solver="cp",
        time_limit=_SECONDS,
        random_state=0,
    )
    search.fit(ranks[used], labels[used], sample_weight=counts[used])
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
    reached = np.cumsum(weight)
    allowed, edges = _TOLERANCE * float(reached[-1]) + _SLACK, []
    for cut_after in cuts:
        low = int(np.searchsorted(reached, reached[cut_after] - allowed))
        high = int(np.searchsorted(reached, reached[cut_after] + allowed, side="right"))
        target = (float(values[cut_after]) + float(values[cut_after + 1])) / 2
        low, high = min(low, cut_after), max(min(high, len(values) - 1), cut_after + 1)
        edges.append(edge_between(float(values[low]), float(values[high]), target=target, whole=whole))
    return tuple(edges)


def concordance(good: Floats, bad: Floats) -> float:
    """Probability that a bad is later in the order of cells than a good, ties half: the AUC of the order."""
    before = np.cumsum(good) - good
    return float((bad * (before + good / 2)).sum() / (good.sum() * bad.sum()))


def _information(good: Floats, bad: Floats, after: list[int]) -> float:
    starts = [0, *(position + 1 for position in after)]
    goods, bads = np.add.reduceat(good, starts) / good.sum(), np.add.reduceat(bad, starts) / bad.sum()
    return float(((goods - bads) * np.log((goods + 1e-4) / (bads + 1e-4))).sum())
