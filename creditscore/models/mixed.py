"""A logistic mixed model over a tree of industries: level and slopes of each industry, shrunk by estimated variances.

Interface only so far; see :func:`fit_mixed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from creditscore.dataframes import Floats, Ints


@dataclass(frozen=True)
class Rows:
    """What the model is fitted on: rows (or patterns of rows) in an order that does not depend on the input's.

    Attributes:
        values: (rows, slopes): the covariates; the log-odds of bad are ``offset + level + values @ slopes``.
        good: Weight of goods.
        bad: Weight of bads.
        offset: Log-odds that stay as they are.
        industry: Position of the industry in ``industries``; -1 where unknown (such rows belong to the root).
        window: Part of the training window.
    """

    values: Floats
    good: Floats
    bad: Floats
    offset: Floats
    industry: Ints
    window: Ints


@dataclass(frozen=True)
class Spread:
    """Standard deviations: ``level``, and one per slope."""

    level: float
    slopes: Floats


@dataclass(frozen=True)
class Mixed:
    """The fitted model; vectors have the level first, then the slopes.

    Attributes:
        total: By industry (and ``all``): level and slopes to use for a new part of the window, ancestors included.
        variance: By industry: posterior variances of ``total``.
        between: By depth in the tree (1: industries that hang from ``all``): SDs that persist.
        within: SDs of industry x part of the window.
        assumed: Depths with so few industries that a prior was used for the SDs.
    """

    total: Mapping[str, Floats]
    variance: Mapping[str, Floats]
    between: Mapping[int, Spread]
    within: Spread
    assumed: frozenset[int]


def fit_mixed(rows: Rows, parents: Mapping[str, str], industries: Sequence[str], *, factor: float = 1.0) -> Mixed:
    """To come: see the class. ``factor`` multiplies the variances that persist."""
    raise NotImplementedError
