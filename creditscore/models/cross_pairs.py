"""Pairs of characteristics that say more together than each alone, and how their attributes are grouped.

Pairs are looked for in the two-way tables of what the additive fit leaves (Lou, Caruana, Gehrke and Hooker, Accurate
intelligible models with pairwise interactions, KDD 2013: FAST), over the attributes that the two have already. A pair counts
where the best of its two-by-two tables shows more than the best of as many would by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise

import numpy as np
from scipy.stats import chi2

from creditscore.dataframes import Floats
from creditscore.models.bin_table import BinTable, Partition
from creditscore.models.characteristic import MAX_CELLS
from creditscore.models.crosses import CrossPartition, Group, may_cross
from creditscore.models.evidence import sums
from creditscore.models.regression import Patterns, Regression, logistic
from creditscore.models.sample import Sample
from creditscore.models.scoring import AttributeCodes

#: Probability that of a sample without any interaction some pair is taken for one; and the same for a further cut of a side.
_CHANCE, _CHANCE_OF_A_CUT = 0.02, 0.02
#: Effective cases of the rarer class to be expected in a quarter of a two-by-two table.
CASES = 5.0
#: Pairs that are looked at again once the best of them is in the fit.
_LOOKED_AT_AGAIN = 20
#: Groups of measured attributes of one side.
_MOST_GROUPS = 3

_Pair = tuple[str, str]


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
class Side:
    """How a characteristic may be cut in two: measured attributes in their order, then each kind of no measurement.

    Attributes of which nothing is known (without rows, gone, too small) are in no half: ``unknown`` stays neutral.
    """

    partition: Partition
    order: Group
    apart: tuple[Group, ...]
    unknown: Group

    @classmethod
    def of(cls, table: BinTable) -> Side:
        """Those of a characteristic of a fit."""
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

    def groups(self, cuts: frozenset[int]) -> tuple[list[Group], Group]:
        """The groups that cuts make, and the attributes that stay neutral."""
        ends = sorted(cut + 1 for cut in cuts if cut < len(self.order) - 1)
        bounds = [0, *ends, len(self.order)]
        groups = [self.order[start:stop] for start, stop in pairwise(bounds)]
        own = [group for number, group in enumerate(self.apart) if len(self.order) - 1 + number in cuts]
        neutral = tuple(sorted([*self.unknown, *(code for group in self.apart if group not in own for code in group)]))
        return [tuple(sorted(group)) for group in [*groups, *own]], neutral


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
    sides = {table.name: (n, Side.of(table)) for n, table in enumerate(tables) if may_cross(table.partition, never)}
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


def _two_by_two(one: Side, other: Side, slack: Floats, information: Floats) -> Floats:
    """(cuts, cuts): chi-square of the interaction in the two-by-two table of each pair of cuts; 0 where it has too few cases."""
    shape = (2, one.cuts, 2, other.cuts)
    slack, information = ((one.halves @ of @ other.halves.T).reshape(shape) for of in (slack, information))
    enough = information.min(axis=(0, 2)) >= CASES
    information = np.maximum(information, CASES)
    shift = slack / information
    contrast = shift[0, :, 0] - shift[0, :, 1] - shift[1, :, 0] + shift[1, :, 1]
    return np.asarray(np.where(enough, contrast**2 / (1 / information).sum(axis=(0, 2)), 0.0))


def _interaction(slack: Floats, information: Floats, groups: Sequence[Sequence[Group]]) -> tuple[float, int]:
    """Chi-square of a grouped table beyond what rows and columns explain, and its degrees of freedom."""
    indicators = []
    for side, size in zip(groups, slack.shape, strict=True):
        indicator = np.zeros((len(side), size))
        for number, group in enumerate(side):
            indicator[number, list(group)] = 1.0
        indicators.append(indicator)
    slack, information = (indicators[0] @ of @ indicators[1].T for of in (slack, information))
    firm = information >= CASES
    root = np.sqrt(np.where(firm, information, 0.0)).ravel()
    rows, columns = slack.shape
    design = np.column_stack([np.kron(np.eye(rows), np.ones((columns, 1))), np.kron(np.ones((rows, 1)), np.eye(columns))])
    aim = root * (slack / np.maximum(information, CASES)).ravel()
    rest = aim - root * (design @ np.linalg.lstsq(root[:, None] * design, aim, rcond=None)[0])
    return float(rest @ rest), (rows - 1) * (columns - 1)


def _size(sides: Sequence[tuple[Sequence[Group], Group]]) -> int:
    """Number of cells of two sides with their groups and neutral attributes."""
    (first, neutral), (second, other) = sides
    return len(first) * len(second) + bool(neutral) + bool(other)


def grouped(one: Side, other: Side, cuts: tuple[int, int], slack: Floats, information: Floats) -> tuple[frozenset[int], ...]:
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
