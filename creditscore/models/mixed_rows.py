"""The rows of a mixed model, sorted by industry and part of the window, and the Gaussians that stand for their likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from creditscore.dataframes import Floats, Ints
from creditscore.models.industry_tree import ALL
from creditscore.models.regression import information_of, logistic, spread_of_columns

#: A spread below this counts as none.
_NONE = 1e-8


@dataclass(frozen=True)
class Rows:
    """What the model is fitted on: patterns of rows, in an order that does not depend on the input's.

    Attributes:
        values: (patterns, slopes): the log-odds of bad are ``offset + level + values @ slopes``.
        good: Goods, in effective cases.
        bad: Bads, in effective cases.
        offset: Log-odds that stay as they are.
        industry: Position of the industry in the list of industries; -1 where unknown (such rows belong to the root).
        window: Part of the training window.
    """

    values: Floats
    good: Floats
    bad: Floats
    offset: Floats
    industry: Ints
    window: Ints


@dataclass(frozen=True)
class Blocks:
    """The rows sorted by node and part. Node 0 is the root, parents come before their children."""

    names: tuple[str, ...]
    parent: Ints
    depth: Ints
    #: Node and part of each block, and where its rows begin.
    node: Ints
    part: Ints
    starts: Ints
    design: Floats
    good: Floats
    bad: Floats
    offset: Floats
    #: Square of the spread of each column of the design, 1 for the level.
    square: Floats

    @classmethod
    def of(cls, rows: Rows, parents: Mapping[str, str], industries: Sequence[str]) -> Blocks:
        """The rows in the order of the blocks; ``parents`` has parents first, ``industries`` is what ``rows.industry`` counts."""
        names = (ALL, *parents)
        position = {name: number for number, name in enumerate(names)}
        parent = np.array([-1, *(position[above] for above in parents.values())], dtype=np.int64)
        depth = np.zeros(len(names), dtype=np.int64)
        for number in range(1, len(names)):
            depth[number] = depth[parent[number]] + 1
        of_code = np.array([0, *(position[code] for code in industries)], dtype=np.int64)
        node = of_code[rows.industry + 1]
        order = np.lexsort([rows.window, node])
        key = (node * (int(rows.window.max(initial=0)) + 1) + rows.window)[order]
        starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.zeros(0, dtype=np.int64)
        design = np.empty((len(order), 1 + rows.values.shape[1]), order="F")
        design[:, 0] = 1.0
        for column in range(rows.values.shape[1]):
            np.take(rows.values[:, column], order, out=design[:, column + 1], mode="clip")
        good, bad = rows.good[order], rows.bad[order]
        spread = spread_of_columns(design, good + bad)
        spread[0] = 1.0
        return cls(
            names, parent, depth, node[order][starts], rows.window[order][starts], np.append(starts, len(order)), design,
            good, bad, rows.offset[order], np.maximum(spread, _NONE),
        )  # fmt: skip

    @property
    def size(self) -> int:
        """Level and slopes."""
        return int(self.design.shape[1])

    def predictor(self, totals: Floats, shift: Floats) -> Floats:
        """Log-odds of the rows; ``totals`` has a row per block, ``shift`` an entry per part."""
        eta = self.offset.copy()
        for block, (begin, end) in enumerate(zip(self.starts[:-1], self.starts[1:], strict=True)):
            eta[begin:end] += self.design[begin:end] @ totals[block] + shift[self.part[block]]
        return eta

    def gaussian(self, eta: Floats, totals: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Precision and information of each block at ``totals``; slack and information of each part's level."""
        p = logistic(eta)
        weight = self.good + self.bad
        slack, curvature = self.bad - weight * p, weight * p * (1 - p)
        precision = np.empty((len(self.node), self.size, self.size))
        information = np.empty((len(self.node), self.size))
        for block, (begin, end) in enumerate(zip(self.starts[:-1], self.starts[1:], strict=True)):
            design = self.design[begin:end]
            precision[block] = information_of(design, curvature[begin:end])
            information[block] = slack[begin:end] @ design + precision[block] @ totals[block]
        parts = int(self.part.max(initial=0)) + 1
        of_part = np.repeat(self.part, np.diff(self.starts))
        return (
            precision,
            information,
            np.bincount(of_part, weights=slack, minlength=parts).astype(np.float64),
            np.bincount(of_part, weights=curvature, minlength=parts).astype(np.float64),
        )
