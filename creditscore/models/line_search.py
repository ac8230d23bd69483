"""The best cuts of cells that are in an order, exactly, by dynamic programming.

The program is that of optbinning 1.0 (Navas-Palencia 2020, arXiv 2001.08025): neighbouring groups of cells, found by a
decision tree, are merged into bins so that the information value is largest, under the smallest size of a bin, the most bins
and the direction of the bad rate. Bins lie in a line, so what comes after a bin depends on that bin and the number of bins
alone (Bellman 1957). Rates and information are whole millionths, as optbinning has them: rounding decides nothing.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from creditscore.dataframes import Flags, Floats, Ints

#: Directions of the bad rate along the line; None: any course.
Direction = Literal["ascending", "descending"] | None
#: Rates and information are counted in parts of this.
_MILLION = 1e6
#: Information of what is not allowed; far below any sum.
_NEVER = -(2**60)


def prebins(good: Ints, bad: Ints, *, most: int, smallest: float) -> Ints:
    """Positions after which the cells are cut into groups with goods and bads, by a decision tree.

    Args:
        good: Whole weights of the goods of each cell.
        bad: Those of the bads.
        most: Groups at most.
        smallest: Least share of the weight in a group.
    """
    from sklearn.tree import DecisionTreeClassifier

    counts = np.concatenate([good, bad]).astype(np.float64)
    used, total = counts > 0, float(counts.sum())
    least = min(0.5, np.ceil(smallest * total) / total)
    tree = DecisionTreeClassifier(min_weight_fraction_leaf=least, max_leaf_nodes=most, random_state=0)
    cells, labels = np.tile(np.arange(len(good), dtype=np.float64), 2), np.repeat([0, 1], len(good))
    tree.fit(cells[used, None], labels[used], sample_weight=counts[used])
    inner = tree.tree_.children_left >= 0
    return _with_both(np.unique(np.floor(tree.tree_.threshold[inner])).astype(np.int64), good, bad)


def _with_both(after: Ints, good: Ints, bad: Ints) -> Ints:
    """The cuts without those of groups that have goods or bads only: such a group joins the next one, the last the one before."""
    while len(after):
        goods, bads = sums_between(after, good), sums_between(after, bad)
        pure = (goods == 0) | (bads == 0)
        if not pure.any():
            break
        pure[-2] |= pure[-1]
        after = after[~pure[:-1]]
    return after


def sums_between(after: Ints, cells: Ints) -> Ints:
    """Sums of the cells of each group."""
    return np.add.reduceat(cells, np.r_[0, after + 1])


def best_cuts(good: Ints, bad: Ints, direction: Direction, *, bins: int, smallest: float) -> list[int]:
    """Positions after which groups are cut for the largest information value; of equal ones with the fewest cuts.

    Args:
        good: Whole weights of the goods of each group, all above 0.
        bad: Those of the bads.
        direction: In which the bad rate must not fall (``ascending``) or rise.
        bins: At most.
        smallest: Least share of the weight in a bin.
    """
    size = len(good)
    rate, information = _by_bin(good, bad)
    if direction == "descending":
        rate = -rate
    if direction is None:
        rate = np.zeros_like(rate)
    allowed = _weights_by_bin(good + bad) >= np.ceil(smallest * float((good + bad).sum()))
    if direction is not None:
        allowed &= ~_not_ends(rate)[:, None]
    worth = np.where(allowed & np.tri(size, dtype=bool), information, _NEVER)
    return _best_path(worth, rate, min(bins, size))


def _by_bin(good: Ints, bad: Ints) -> tuple[Ints, Ints]:
    """Bad rate and information of the bin from group ``column`` to group ``row``, in millionths."""
    goods, bads = _weights_by_bin(good), _weights_by_bin(bad)
    there = np.tri(len(good), dtype=bool)
    goods, bads = np.where(there, goods, 1), np.where(there, bads, 1)
    p, q = bads / bad.sum(), goods / good.sum()
    rate: Floats = bads / (goods + bads)
    return (rate * _MILLION).astype(np.int64), ((p - q) * np.log(p / q) * _MILLION).astype(np.int64)


def _weights_by_bin(weight: Ints) -> Ints:
    reached = np.r_[0, np.cumsum(weight)]
    sums: Ints = reached[1:, None] - reached[None, :-1]
    return sums


def _not_ends(rate: Ints) -> Flags:
    """Groups after which no cut is looked for: what follows them lies on the wrong side of them (as optbinning rules it out)."""
    size = len(rate)
    ruled_out = np.zeros(size, dtype=bool)
    for group in range(size - 1):
        if rate[group + 1, group] > rate[group + 1, group + 1]:
            later = np.arange(group + 1, size)
            ruled_out[group] = True
            ruled_out[later[rate[later, group] > rate[later, later]] - 1] = True
    return ruled_out


def _best_path(worth: Ints, rate: Ints, bins: int) -> list[int]:
    """The cuts of the best sequence of bins whose rates do not fall.

    ``best[end, start, k]`` is the most information of ``k + 1`` bins of which the last goes from ``start`` to ``end``.
    """
    size = len(worth)
    best = np.full((size, size, bins), _NEVER, dtype=np.int64)
    before = np.full((size, size, bins), -1, dtype=np.int64)
    best[:, 0, 0] = worth[:, 0]
    for start in range(1, size):
        end = start - 1
        order = np.argsort(rate[end, :start], kind="stable")
        highest, place = _running_best(best[end, order, :-1])
        ends = np.arange(start, size)
        reach = np.searchsorted(rate[end, order], rate[ends, start], side="right") - 1
        here, known = ends[reach >= 0], reach[reach >= 0]
        found = highest[known] + worth[here, start][:, None]
        best[here, start, 1:] = np.where(found >= 0, found, _NEVER)
        before[here, start, 1:] = order[place[known]]
    return _traced(best, before)


def _running_best(of: NDArray[np.int64]) -> tuple[Ints, Ints]:
    """The largest of each row and those above it, and the first row that has it."""
    highest = np.maximum.accumulate(of, axis=0)
    first = np.r_[np.ones((1, of.shape[1]), dtype=bool), highest[1:] > highest[:-1]]
    return highest, np.maximum.accumulate(np.where(first, np.arange(len(of))[:, None], 0), axis=0)


def _traced(best: Ints, before: Ints) -> list[int]:
    last = len(best) - 1
    by_bins = best[last].max(axis=0)
    number = int(np.argmax(by_bins))
    if by_bins[number] < 0:
        return []
    end, start, after = last, int(np.argmax(best[last, :, number])), []
    while start > 0:
        after.append(start - 1)
        end, start, number = start - 1, int(before[end, start, number]), number - 1
    return after[::-1]
