"""Rows that no measure can tell apart, put together: one cell per group and probability, with its goods and bads.

A card has few hundred scores, so whatever is asked of a bootstrap draw is a sum over few hundred cells.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Line:
    """Where cells stand: ``probability`` rises within each group, each value once. The same for all draws."""

    probability: Floats
    #: Place of the first cell of each group.
    starts: NDArray[np.intp]

    @cached_property
    def first(self) -> NDArray[np.intp]:
        """Of each cell, the place of the first cell of its group."""
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
    """Weight of goods and of bads in each cell."""

    line: Line
    good: Floats
    bad: Floats

    @cached_property
    def weight(self) -> Floats:
        """Weight of each cell."""
        return self.good + self.bad

    @cached_property
    def total(self) -> float:
        """Weight of all."""
        return float(self.weight.sum())


class Cells:
    """Where each row falls, found once; other weights on the same rows cost one pass."""

    def __init__(self, y: Floats, probability: Floats, groups: NDArray[np.intp] | None = None) -> None:
        found = np.zeros(len(y), dtype=np.intp) if groups is None else groups
        order = np.lexsort((probability, found))
        p, g = probability[order], found[order]
        new_group = np.r_[True, g[1:] != g[:-1]]
        new_cell = new_group | np.r_[True, p[1:] != p[:-1]]
        place = np.empty(len(y), dtype=np.intp)
        place[order] = np.cumsum(new_cell) - 1
        self._row = 2 * place + y.astype(np.intp)
        cell = np.flatnonzero(new_cell)
        self._grouped = Line(p[cell], np.flatnonzero(new_group[cell]))
        distinct, self._merged = np.unique(p[cell], return_inverse=True)
        self._whole = self._grouped if len(self._grouped.starts) == 1 else Line(distinct, np.zeros(1, dtype=np.intp))

    def counts(self, weight: Floats) -> Counts:
        """The cells under other weights, by group."""
        found = _sums(self._row, weight, 2 * len(self._grouped.probability))
        # Copies, since every measure runs through them and every second place is slow to read.
        return Counts(self._grouped, found[0::2].copy(), found[1::2].copy())

    def ungrouped(self, counts: Counts) -> Counts:
        """The same with all groups in one."""
        if self._whole is self._grouped:
            return counts
        size = len(self._whole.probability)
        return Counts(self._whole, *(_sums(self._merged, part, size) for part in (counts.good, counts.bad)))


def _sums(places: NDArray[np.intp], weight: Floats, size: int) -> Floats:
    return np.bincount(places, weights=weight, minlength=size).astype(np.float64, copy=False)
