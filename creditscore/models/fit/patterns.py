"""Rows that the regression cannot tell apart, put together: order and repetition of rows cannot matter."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creditscore.models.training.sample import Sample

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Patterns:
    """Distinct combinations of attributes, team and industry, sorted, with their shares of the weight."""

    codes: NDArray[np.uint8]
    team: NDArray[np.int64]
    industry: NDArray[np.int64]
    good: Floats
    bad: Floats
    #: Rows of the sample, not weighted.
    rows: NDArray[np.int64]

    @property
    def weight(self) -> Floats:
        """Share of the total weight in each pattern."""
        return self.good + self.bad

    def take(self, chosen: NDArray[np.bool_]) -> "Patterns":
        """Some of the patterns, in their order."""
        whole = (self.team[chosen], self.industry[chosen], self.rows[chosen])
        return Patterns(self.codes[chosen], whole[0], whole[1], self.good[chosen], self.bad[chosen], whole[2])

    def woe(self, tables: Sequence[Floats]) -> Floats:
        """(patterns, characteristics): the WoE of each pattern's attributes."""
        if not tables:
            return np.zeros((len(self.codes), 0))
        return np.column_stack([woe[self.codes[:, place]] for place, woe in enumerate(tables)])


def patterns_of(codes: Sequence[NDArray[np.uint8]], sample: Sample) -> Patterns:
    """The patterns of a sample; ``codes`` has a column per characteristic."""
    rows = len(sample.weight)
    matrix = np.column_stack(codes) if codes else np.zeros((rows, 0), dtype=np.uint8)
    team = sample.visits.team if sample.visits is not None else np.full(rows, -1, dtype=np.int64)
    keys = np.concatenate([matrix, _bytes(team), _bytes(sample.industry)], axis=1)
    packed = np.ascontiguousarray(keys).view(np.dtype((np.void, keys.shape[1]))).ravel()
    _, first, places = np.unique(packed, return_index=True, return_inverse=True)
    good, bad = sample.sums(places, len(first))
    return Patterns(matrix[first], team[first], sample.industry[first], good, bad, np.bincount(places, minlength=len(first)))


def _bytes(values: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Eight bytes each, the largest first: so packed rows sort as numbers do."""
    return np.ascontiguousarray((values + 1).astype(">i8")).view(np.uint8).reshape(len(values), 8)
