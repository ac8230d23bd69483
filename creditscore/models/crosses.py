"""Crosses: what two characteristics of one source say together, beside what each says alone.

Pairs are looked for in the two-way tables of what the additive fit leaves (Lou, Caruana, Gehrke and Hooker, Accurate
intelligible models with pairwise interactions, KDD 2013: FAST), over the attributes that the two have already. A pair counts
where the best of its two-by-two tables shows more than the best of as many would by chance. Its attributes are then put
together to at most twelve named cells, and the WoE of a cell is shrunk as that of an attribute is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, count, pairwise, product

import numpy as np
from scipy.stats import chi2

from creditscore.config.spec import Label
from creditscore.dataframes import Floats
from creditscore.errors import DataError
from creditscore.models.bin_table import BinTable, Partition, project
from creditscore.models.card import CROSSED_SOURCES, MAX_CELLS, AttributeKind
from creditscore.models.columns import FeatureColumn
from creditscore.models.evidence import Cells, sums
from creditscore.models.regression import Patterns, Regression, logistic, matrix_of
from creditscore.models.sample import Sample
from creditscore.models.scoring import AttributeCodes

#: Probability that of a sample without any interaction some pair is taken for one; and the same for a further cut of a side.
_CHANCE, _CHANCE_OF_A_CUT = 0.02, 0.02
#: Effective cases of the rarer class to be expected in a quarter of a two-by-two table.
_CASES = 5.0
#: Pairs that are looked at again once the best of them is in the fit.
_LOOKED_AT_AGAIN = 20
#: Groups of measured attributes of one side.
_MOST_GROUPS = 3
#: Characters of the name of a cross, and of each side where both do not fit.
_NAME, _HALF = 60, 28
_WOE_DIGITS, _HALVINGS, _STEPS = 6, 60, 100
#: Most log-odds of one Newton step, and most of a shift: a cell without bads has no finite mode of its own.
_LONGEST_STEP, _FARTHEST = 1.0, 8.0
_TRENDS = ("lower_is_riskier", "higher_is_riskier")
#: Rounds of projections on two trends; far fewer settle a table of nine cells.
_ROUNDS = 200

_Pair = tuple[str, str]
_Group = tuple[int, ...]
_Rectangle = tuple[_Group, _Group]


@dataclass(frozen=True)
class CrossPartition(Partition):
    """How two characteristics are crossed: cells, each the pairs of some attributes of the first with some of the second."""

    sides: tuple[Partition, ...] = ()
    cells: tuple[_Rectangle, ...] = ()

    @property
    def kinds(self) -> tuple[AttributeKind, ...]:
        """Kind of each attribute: all are cells."""
        cell: AttributeKind = "cell"
        return (cell,) * len(self.cells)

    def codes(self, column: FeatureColumn) -> AttributeCodes:
        """Refused: a cross has no column of its own."""
        raise DataError("a cross has no column of its own (got {name})", name=column.factor.name)

    def codes_of(self, own: Mapping[str, AttributeCodes]) -> AttributeCodes:
        """The cell in which each row falls, by the attributes of both sides."""
        first, second = (own[side.factor.name] for side in self.sides)
        return np.asarray(self._table[first, second])

    @cached_property
    def _table(self) -> AttributeCodes:
        table = np.zeros([len(side.kinds) for side in self.sides], dtype=np.uint8)
        for number, cell in enumerate(self.cells):
            table[np.ix_(*cell)] = number
        return table

    def label(self, code: int) -> str:
        """How the cell is called: both sides with their attributes."""
        pairs = zip(self.sides, self.cells[code], strict=True)
        return " & ".join(f"{side.factor.name} {group_label(side, group)}" for side, group in pairs)


def group_label(side: Partition, group: Sequence[int]) -> str:
    """Some attributes of a side in one label; neighbouring intervals are one."""
    if len(group) == len(side.kinds):
        return "any"
    inside = [code for code in group if side.kinds[code] == "interval"]
    runs: list[list[int]] = []
    for code in inside:
        if runs and runs[-1][-1] == code - 1:
            runs[-1].append(code)
        else:
            runs.append([code])
    merged = [f"{side.label(run[0]).split(', ')[0]}, {side.label(run[-1]).split(', ')[1]}" for run in runs]
    return ", ".join([*merged, *(side.label(code) for code in group if code not in inside)])


def is_cross(table: BinTable) -> bool:
    """Whether a table is that of a cross."""
    return isinstance(table.partition, CrossPartition)


def codes_by(tables: Sequence[BinTable], own: Mapping[str, AttributeCodes]) -> list[AttributeCodes]:
    """A column of codes per table; those of crosses follow from the codes of their sides.

    Args:
        tables: Of characteristics and crosses.
        own: Codes of the characteristics, by name.
    """
    return [t.partition.codes_of(own) if isinstance(t.partition, CrossPartition) else own[t.name] for t in tables]


def codes_in(tables: Sequence[BinTable], sample: Sample) -> AttributeCodes:
    """(rows, tables): the attribute in which each row of a sample with the columns of the tables falls."""
    columns = {column.factor.name: column for column in sample.columns}
    own = {table.name: table.partition.codes(columns[table.name]) for table in tables if not is_cross(table)}
    return matrix_of(codes_by(tables, own), len(sample.weight))


@dataclass(frozen=True)
class Candidate:
    """A pair of characteristics, by position, and how much its best two-by-two table shows (chi-square, one degree)."""

    first: int
    second: int
    shown: float
    cuts: tuple[int, int]
    #: The pairs, by name, that show most: another cross is looked for among them.
    ahead: frozenset[_Pair]


@dataclass(frozen=True)
class _Side:
    """How a characteristic may be cut in two: measured attributes in their order, then each kind of no measurement.

    Attributes of which nothing is known (without rows, gone, too small) are in no half: ``unknown`` stays neutral.
    """

    partition: Partition
    order: _Group
    apart: tuple[_Group, ...]
    unknown: _Group

    @classmethod
    def of(cls, table: BinTable) -> _Side:
        partition, kinds = table.partition, table.partition.kinds
        known = [code for code in range(len(kinds)) if not table.small[code]]
        measured = [code for code in known if kinds[code] in ("interval", "category")]
        if partition.text and not partition.factor.order:
            measured.sort(key=lambda code: (table.woe[code], code))
        apart = tuple((code,) for code in known if kinds[code] not in ("interval", "category"))
        return cls(partition, tuple(measured), apart, tuple(np.flatnonzero(table.small).tolist()))

    @property
    def cuts(self) -> int:
        """Number of ways to cut it in two; none where nothing is measured."""
        return len(self.order) - 1 + len(self.apart) if self.order else 0

    @cached_property
    def halves(self) -> Floats:
        """(2 x cuts, attributes): who is in the lower half of each cut, then who is in the upper."""
        lower, upper = (np.zeros((self.cuts, len(self.partition.kinds))) for _ in range(2))
        for cut in range(len(self.order) - 1):
            lower[cut, list(self.order[: cut + 1])] = 1.0
            upper[cut, list(self.order[cut + 1 :])] = 1.0
        for number, group in enumerate(self.apart):
            lower[len(self.order) - 1 + number, list(self.order)] = 1.0
            upper[len(self.order) - 1 + number, list(group)] = 1.0
        return np.concatenate([lower, upper])

    def groups(self, cuts: frozenset[int]) -> tuple[list[_Group], _Group]:
        """The groups that cuts make, and the attributes that stay neutral."""
        ends = sorted(cut + 1 for cut in cuts if cut < len(self.order) - 1)
        bounds = [0, *ends, len(self.order)]
        groups = [self.order[start:stop] for start, stop in pairwise(bounds)]
        own = [group for number, group in enumerate(self.apart) if len(self.order) - 1 + number in cuts]
        neutral = tuple(sorted([*self.unknown, *(code for group in self.apart if group not in own for code in group)]))
        return [tuple(sorted(group)) for group in [*groups, *own]], neutral


def may_cross(partition: Partition, never: Sequence[str] = ()) -> bool:
    """Whether a characteristic may be a side of a cross.

    National ratings, what is self-declared and what a person bounds stay as they are; nor may a cross say anything of firms
    that lack what is no fault to lack.
    """
    factor = partition.factor
    return (
        factor.source in CROSSED_SOURCES
        and not factor.always
        and not factor.no_fault
        and factor.name not in never
        and not isinstance(partition, CrossPartition)
    )


@dataclass(frozen=True)
class Residuals:
    """What a fit leaves, by pattern: sums in effective cases."""

    codes: AttributeCodes
    slack: Floats
    information: Floats
    eta: Floats
    bad: Floats
    weight: Floats

    @classmethod
    def of(cls, patterns: Patterns, eta: Floats, size: float) -> Residuals:
        """Those of patterns with log-odds ``eta``; ``size`` is the effective number of rows."""
        p, weight, bad = logistic(eta), patterns.weight * size, patterns.bad * size
        return cls(patterns.codes, bad - weight * p, weight * p * (1 - p), eta, bad, weight)

    def table(self, first: int, second: int, shape: tuple[int, int]) -> tuple[Floats, Floats]:
        """Slack and information by pair of attributes."""
        key = self.codes[:, first].astype(np.intp) * shape[1] + self.codes[:, second]
        size = shape[0] * shape[1]
        slack, information = (sums(key, of, size).reshape(shape) for of in (self.slack, self.information))
        return slack, information


def predictor_with_effects(patterns: Patterns, woe: Floats, regression: Regression, sample: Sample) -> Floats:
    """Log-odds of bad of patterns with the effects of their inspectors and industries."""
    eta = regression.predictor(woe)
    inspectors = 0
    if sample.visits is not None:
        inspectors = len(sample.visits.inspectors)
        eta = eta + sample.visits.design[patterns.team] @ regression.effects[:inspectors]
    if len(sample.industries):
        eta = eta + np.append(regression.effects[inspectors:], 0.0)[patterns.industry]
    return eta


def best_pair(
    tables: Sequence[BinTable], left: Residuals, never: Sequence[str] = (), among: frozenset[_Pair] | None = None
) -> Candidate | None:
    """The pair that shows most beyond chance in what the fit leaves; None where none does.

    Pairs are of one source. Chance is that of the best of all two-by-two tables that there are (Bonferroni).

    Args:
        tables: Of the fit; pairs that are crosses of it already are not looked for.
        left: What the fit leaves.
        never: Characteristics that are no side of a cross.
        among: Pairs of names to look at; None: all.
    """
    sides = {table.name: (n, _Side.of(table)) for n, table in enumerate(tables) if may_cross(table.partition, never)}
    taken = {_names_of(table.partition) for table in tables if isinstance(table.partition, CrossPartition)}
    found, looked_at = [], 0
    for pair in combinations(sorted(sides), 2):
        (first, one), (second, other) = (sides[name] for name in pair)
        if one.partition.factor.source != other.partition.factor.source or one.cuts < 1 or other.cuts < 1:
            continue
        looked_at += one.cuts * other.cuts
        if pair in taken or (among is not None and pair not in among):
            continue
        slack, information = left.table(first, second, (len(one.partition.kinds), len(other.partition.kinds)))
        shown = np.round(_two_by_two(one, other, slack, information), 9)
        place = int(np.argmax(shown))
        found.append((-float(shown.flat[place]), pair, (first, second), (place // other.cuts, place % other.cuts)))
    found.sort()
    if not found or -found[0][0] < chi2.isf(_CHANCE / looked_at, 1):
        return None
    strength, _, places, cuts = found[0]
    return Candidate(*places, -strength, cuts, frozenset(pair for _, pair, *_ in found[:_LOOKED_AT_AGAIN]))


def _names_of(cross: CrossPartition) -> _Pair:
    first, second = (side.factor.name for side in cross.sides)
    return first, second


def _two_by_two(one: _Side, other: _Side, slack: Floats, information: Floats) -> Floats:
    """(cuts, cuts): chi-square of the interaction in the two-by-two table of each pair of cuts; 0 where it has too few cases."""
    shape = (2, one.cuts, 2, other.cuts)
    slack, information = ((one.halves @ of @ other.halves.T).reshape(shape) for of in (slack, information))
    enough = information.min(axis=(0, 2)) >= _CASES
    information = np.maximum(information, _CASES)
    shift = slack / information
    contrast = shift[0, :, 0] - shift[0, :, 1] - shift[1, :, 0] + shift[1, :, 1]
    return np.asarray(np.where(enough, contrast**2 / (1 / information).sum(axis=(0, 2)), 0.0))


def _interaction(slack: Floats, information: Floats, groups: Sequence[Sequence[_Group]]) -> tuple[float, int]:
    """Chi-square of a grouped table beyond what rows and columns explain, and its degrees of freedom."""
    indicators = []
    for side, size in zip(groups, slack.shape, strict=True):
        indicator = np.zeros((len(side), size))
        for number, group in enumerate(side):
            indicator[number, list(group)] = 1.0
        indicators.append(indicator)
    slack, information = (indicators[0] @ of @ indicators[1].T for of in (slack, information))
    firm = information >= _CASES
    root = np.sqrt(np.where(firm, information, 0.0)).ravel()
    rows, columns = slack.shape
    design = np.column_stack([np.kron(np.eye(rows), np.ones((columns, 1))), np.kron(np.ones((rows, 1)), np.eye(columns))])
    aim = root * (slack / np.maximum(information, _CASES)).ravel()
    rest = aim - root * (design @ np.linalg.lstsq(root[:, None] * design, aim, rcond=None)[0])
    return float(rest @ rest), (rows - 1) * (columns - 1)


def _size(sides: Sequence[tuple[Sequence[_Group], _Group]]) -> int:
    """Number of cells of two sides with their groups and neutral attributes."""
    (first, neutral), (second, other) = sides
    return len(first) * len(second) + bool(neutral) + bool(other)


def _grouped(one: _Side, other: _Side, cuts: tuple[int, int], slack: Floats, information: Floats) -> tuple[frozenset[int], ...]:
    """Further cuts of either side, the best first, as long as each shows more than the best of all would by chance."""
    chosen = (frozenset({cuts[0]}), frozenset({cuts[1]}))
    while True:
        shown, freedom = _interaction(
            slack, information, [side.groups(of)[0] for side, of in zip((one, other), chosen, strict=True)]
        )
        steps = [
            (side, (chosen[0] | {cut}, chosen[1]) if side == 0 else (chosen[0], chosen[1] | {cut}))
            for side, of in enumerate((one, other))
            for cut in range(of.cuts)
            if cut not in chosen[side]
        ]
        best, gain = None, 0.0
        for side, step in steps:
            parts = [of.groups(own) for of, own in zip((one, other), step, strict=True)]
            measured = sum(cut < len((one, other)[side].order) - 1 for cut in step[side]) + 1
            if measured > _MOST_GROUPS or _size(parts) > MAX_CELLS:
                continue
            found, free = _interaction(slack, information, [groups for groups, _ in parts])
            more = round(found - shown - float(chi2.isf(_CHANCE_OF_A_CUT / len(steps), max(free - freedom, 1))), 9)
            if more > gain:
                best, gain = step, more
        if best is None:
            return chosen
        chosen = best


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
    one, other = (_Side.of(table) for table in pair)
    shape = (len(one.partition.kinds), len(other.partition.kinds))
    slack, information = left.table(candidate.first, candidate.second, shape)
    parts = [
        side.groups(cuts) for side, cuts in zip((one, other), _grouped(one, other, candidate.cuts, slack, information), strict=True)
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
    sides: tuple[Partition, Partition], parts: Sequence[tuple[Sequence[_Group], _Group]], taken: Collection[str]
) -> CrossPartition:
    (first, neutral), (second, other) = parts
    cells: list[_Rectangle] = list(product(first, second))
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
    firm = information >= _CASES
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


def _on_trends(sides: Sequence[_Side], lengths: Sequence[int], grid: Floats, weight: Floats) -> Floats:
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
