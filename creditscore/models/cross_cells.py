"""The cells of a cross: the attributes of a pair put together to at most twelve; the WoE of each is shrunk as an attribute's is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import count, product

import numpy as np

from creditscore.config.spec import Label
from creditscore.dataframes import Floats
from creditscore.models.bin_table import BinTable, Partition, project
from creditscore.models.cross_pairs import CASES, Candidate, Residuals, Side, grouped
from creditscore.models.crosses import CrossPartition, Group
from creditscore.models.evidence import Cells, sums
from creditscore.models.regression import Patterns, logistic
from creditscore.models.scoring import AttributeCodes

#: Characters of the name of a cross, and of each side where both do not fit.
_NAME, _HALF = 60, 28
_WOE_DIGITS, _HALVINGS, _STEPS = 6, 60, 100
#: Most log-odds of one Newton step, and most of a shift: a cell without bads has no finite mode of its own.
_LONGEST_STEP, _FARTHEST = 1.0, 8.0
_TRENDS = ("lower_is_riskier", "higher_is_riskier")
#: Rounds of projections on two trends; far fewer settle a table of nine cells.
_ROUNDS = 200


def cross_of(
    candidate: Candidate, tables: Sequence[BinTable], left: Residuals, patterns: Patterns, *, taken: Collection[str] = ()
) -> BinTable:
    """The cross of a pair with its cells and their WoE, counted in the rows of the sample.

    Args:
        candidate: The pair.
        tables: Of the fit.
        left: What the fit leaves.
        patterns: Of the fit.
        taken: Names that the cross cannot have.
    """
    pair = (tables[candidate.first], tables[candidate.second])
    one, other = (Side.of(table) for table in pair)
    shape = (len(one.partition.kinds), len(other.partition.kinds))
    slack, information = left.table(candidate.first, candidate.second, shape)
    parts = [
        side.groups(cuts) for side, cuts in zip((one, other), grouped(one, other, candidate.cuts, slack, information), strict=True)
    ]
    partition = _partition((one.partition, other.partition), parts, taken)
    codes = partition.codes_of(
        {table.name: left.codes[:, n] for table, n in zip(pair, (candidate.first, candidate.second), strict=True)}
    )
    size = len(partition.cells)
    rows = sums(codes, patterns.rows.astype(np.float64), size).astype(np.int64)
    good, bad = (sums(codes, of, size) for of in (patterns.good, patterns.bad))
    measured = len(parts[0][0]) * len(parts[1][0])
    small = (rows == 0) | (np.arange(size) >= measured)
    shift = _shrunk(codes, left, size)
    woe = np.where(small, 0.0, -shift)
    grid = woe[:measured].reshape(len(parts[0][0]), len(parts[1][0]))
    weight = (good + bad)[:measured].reshape(grid.shape)
    lengths = [
        sum(set(group) <= set(side.order) for group in groups) for side, (groups, _) in zip((one, other), parts, strict=True)
    ]
    woe[:measured] = _on_trends((one, other), lengths, grid, weight).ravel()
    woe = np.asarray(np.round(woe, _WOE_DIGITS) + 0.0, dtype=np.float64)
    nothing = np.zeros((size, 1))
    cells = Cells(rows[:, None], good[:, None], bad[:, None], nothing, nothing)
    return BinTable(partition, rows, good, bad, woe, small & (woe == 0.0), small, 0.0, cells)


def _partition(
    sides: tuple[Partition, Partition], parts: Sequence[tuple[Sequence[Group], Group]], taken: Collection[str]
) -> CrossPartition:
    (first, neutral), (second, other) = parts
    cells: list[tuple[Group, Group]] = list(product(first, second))
    if neutral:
        cells.append((neutral, tuple(range(len(sides[1].kinds)))))
    if other:
        cells.append((tuple(sorted(code for group in first for code in group)), other))
    factors = [side.factor for side in sides]
    names = [factor.name for factor in factors]
    name = " × ".join(names)
    if len(name) > _NAME:
        name = " × ".join(each[:_HALF].strip() for each in names)
    if name in taken:
        name = next(f"{name} ({number})" for number in count(2) if f"{name} ({number})" not in taken)
    languages = sorted(set.intersection(*(set(factor.label.names()) for factor in factors))) or ["en"]
    label = Label(**{lang: " × ".join(factor.label.text(lang) for factor in factors) for lang in languages})
    factor = replace(factors[0], name=name, label=label, unit="", trend="none", order=(), text=None)
    return CrossPartition(factor, text=False, trend="none", sides=sides, cells=tuple(cells))


def _shrunk(codes: AttributeCodes, left: Residuals, size: int) -> Floats:
    """Shift of the log-odds of bad in each cell: posterior mode under a normal prior of estimated variance."""
    information = sums(codes, left.information, size)
    firm = information >= CASES
    if firm.sum() < 2:
        return np.zeros(size)
    own, variance = _mode(codes, left, size, np.inf)
    prior = _prior(own[firm], variance[firm])
    return np.zeros(size) if prior <= 0 else _mode(codes, left, size, prior)[0]


def _mode(codes: AttributeCodes, left: Residuals, size: int, prior: float) -> tuple[Floats, Floats]:
    """Shifts at which the posterior is highest, and their variances; a step is bounded, as a far cell's would overshoot."""
    shift, precision = np.zeros(size), np.zeros(size)
    for _ in range(_STEPS):
        p = logistic(left.eta + shift[codes])
        precision = sums(codes, left.weight * p * (1 - p), size) + 1 / prior
        step = (sums(codes, left.bad - left.weight * p, size) - shift / prior) / np.maximum(precision, 1e-12)
        moved = np.clip(shift + np.clip(step, -_LONGEST_STEP, _LONGEST_STEP), -_FARTHEST, _FARTHEST)
        if np.abs(moved - shift).max() < 1e-9:
            break
        shift = moved
    return shift, 1 / np.maximum(precision, 1e-12)


def _prior(shift: Floats, variance: Floats) -> float:
    """Variance of true shifts around 0 (Paule and Mandel, 1982): at which the standardised squares have mean 1."""
    if (shift**2 / variance).sum() <= len(shift):
        return 0.0
    low, high = 0.0, float((shift**2).sum())
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        more = (shift**2 / (middle + variance)).sum() > len(shift)
        low, high = (middle, high) if more else (low, middle)
    return (low + high) / 2


def _on_trends(sides: Sequence[Side], lengths: Sequence[int], grid: Floats, weight: Floats) -> Floats:
    """WoE of measured groups, brought on the trends that a person declared: then main points and cell together keep them, too.

    Args:
        sides: Of the cross.
        lengths: Number of measured groups of each; groups of what is not measured come last and have no place on a trend.
        grid: (groups of the first, of the second).
        weight: Of the cells.
    """
    grid = grid.copy()
    declared = [_declared(side.partition) for side in sides]
    weight = np.maximum(weight, 1e-9)
    for _ in range(_ROUNDS if "none" not in declared else 1):
        before = grid.copy()
        for column in range(grid.shape[1]):
            grid[: lengths[0], column] = project(grid[: lengths[0], column], weight[: lengths[0], column], declared[0])
        for row in range(len(grid)):
            grid[row, : lengths[1]] = project(grid[row, : lengths[1]], weight[row, : lengths[1]], declared[1])
        if np.abs(grid - before).max() < 1e-12:
            break
    return grid


def _declared(partition: Partition) -> str:
    """The trend that a person declared; an order of texts rises in risk."""
    if partition.factor.order:
        return "higher_is_riskier"
    return partition.factor.trend if partition.factor.trend in _TRENDS else "none"
