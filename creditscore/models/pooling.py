"""The cards of a tree of industries: splits and slopes pooled, attributes and intercept shrunk to the parent.

The steps: the tree (``tree_of``), each industry's tables shrunk to the parent's (``groups_of``), one slope from rows
held out (``crossfit``), intercepts shrunk to the parent's (``levels_of``), whole points (``points_of``), and two tables
that show each figure with its parent's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from creditscore.config.scorecards import Industry, Pooling
from creditscore.dataframes import Flags, Floats, Ints
from creditscore.errors import DataError
from creditscore.models.bin_table import BinTable, in_order
from creditscore.models.calibration import CardPoints, calibrate, centred, intercept_for, to_points
from creditscore.models.fitting import Fit, Settings, fit_core
from creditscore.models.industry_tree import ALL, members, tree_of
from creditscore.models.regression import Patterns, logistic
from creditscore.models.sample import Sample, effective_size

FOLDS = 5
#: The slope where the fit without a fold keeps no characteristic, so that nothing was held out: half way between
#: what the rows of the fit say (1) and what a characteristic without information deserves (0).
UNPROVEN = 0.5
#: Share below which the goods or bads of an attribute are not taken.
_FLOOR = 1e-9


def cases(weight: Floats, bad: Flags) -> float:
    """Effective cases: of the rarer class, ``1 / (1 / goods + 1 / bads)`` in effective sizes.

    A hundred thousand goods with five bads are five cases: what is not known is where the bads lie.
    """
    goods, bads = effective_size(weight[~bad]), effective_size(weight[bad])
    return 0.0 if goods == 0 or bads == 0 else goods * bads / (goods + bads)


def own_weight(cases: float, prior: float) -> float:
    """``cases / (cases + prior)``: the weight of own figures (Buehlmann's credibility)."""
    return cases / (cases + prior) if cases + prior > 0 else 0.0


@dataclass(frozen=True)
class Shares:
    """Where goods and bads of a population lie: shares over the attributes of one characteristic."""

    good: Floats
    bad: Floats

    @classmethod
    def of(cls, good: Floats, bad: Floats, parent: Shares) -> Shares:
        """Shares of weights; of a class without rows the parent's (its weight is then 0 anyway)."""
        good = good / good.sum() if good.sum() > 0 else parent.good
        return cls(good, bad / bad.sum() if bad.sum() > 0 else parent.bad)

    @classmethod
    def smoothed(cls, good: Floats, bad: Floats, smoothing: float) -> Shares:
        """Shares of weights with ``smoothing`` added to each, so that none is 0."""
        floor = max(smoothing, _FLOOR)
        scale = 1 + floor * len(good)
        return cls((good / good.sum() + floor) / scale, (bad / bad.sum() + floor) / scale)

    def woe(self) -> Floats:
        """``ln(share of good / share of bad)``."""
        woe: Floats = np.log(np.maximum(self.good, _FLOOR) / np.maximum(self.bad, _FLOOR))
        return woe

    def mixed(self, parent: Shares, own_weight: float) -> Shares:
        """Own shares and the parent's: ``own_weight`` x own + (1 - own_weight) x parent's."""
        return Shares(
            own_weight * self.good + (1 - own_weight) * parent.good, own_weight * self.bad + (1 - own_weight) * parent.bad
        )


@dataclass(frozen=True)
class Group:
    """One industry (or ``all``): its tables with shrunk WoE, and how much of them is its own."""

    code: str
    parent: str
    rows: Flags
    patterns: Flags
    cases: float
    attribute_weight: float
    shares: tuple[Shares, ...]
    own: tuple[Shares, ...]
    tables: tuple[BinTable, ...]


def groups_of(sample: Sample, fit: Fit, industries: Sequence[Industry], pooling: Pooling, settings: Settings) -> dict[str, Group]:
    """Every industry's tables, parents first; the first is ``all``.

    Both shares of an attribute are mixed with the parent's by one weight per industry.

    Raises:
        DataError: See :func:`tree_of`.
    """
    parents = tree_of(sample.industries, industries)
    root = tuple(Shares.smoothed(table.good, table.bad, table.smoothing) for table in fit.tables)
    every_row, every_pattern = np.ones(len(sample.weight), dtype=bool), np.ones(len(fit.patterns.weight), dtype=bool)
    groups = {ALL: Group(ALL, "", every_row, every_pattern, cases(sample.weight, sample.bad), 1.0, root, root, fit.tables)}
    for code, parent in parents.items():
        branch = members(code, parents)
        inside = [position for position, name in enumerate(sample.industries) if name in branch]
        rows, chosen = np.isin(sample.industry, inside), np.isin(fit.patterns.industry, inside)
        known = cases(sample.weight[rows], sample.bad[rows])
        weight, patterns = own_weight(known, pooling.attribute_cases), fit.patterns.take(chosen)
        own, mixed, tables = [], [], []
        for column, (table, above) in enumerate(zip(fit.tables, groups[parent].shares, strict=True)):
            counted = _recounted(table, patterns, column)
            own.append(Shares.of(counted.good, counted.bad, above))
            mixed.append(own[-1].mixed(above, weight))
            # Neutral is what is too small in the pooled data: one that is thin here leans on the parent.
            small = table.small
            woe = in_order(table.partition, mixed[-1].woe(), counted.weight if counted.rows.any() else table.weight, small)
            tables.append(replace(counted, woe=woe, neutral=small & (woe == 0.0)))
        groups[code] = Group(code, parent, rows, chosen, known, weight, tuple(mixed), tuple(own), tuple(tables))
    return groups


def _recounted(table: BinTable, inside: Patterns, column: int) -> BinTable:
    """The attributes with the rows of one group; weights are shares of the group's."""
    size, codes = len(table.rows), inside.codes[:, column]
    rows, good, bad = (np.bincount(codes, weights=of, minlength=size) for of in (inside.rows, inside.good, inside.bad))
    total = float(good.sum() + bad.sum()) or 1.0
    return replace(table, rows=rows.astype(np.int64), good=good / total, bad=bad / total)


def _predictor(fit: Fit, group: Group, patterns: Flags) -> Floats:
    """``- sum of coefficient x WoE`` of some patterns on the card of one group."""
    woe = fit.patterns.take(patterns).woe([table.woe for table in group.tables])
    return -(woe @ fit.regression.coefficients)


@dataclass(frozen=True)
class HeldOut:
    """The result of :func:`crossfit`.

    Attributes:
        slope: The slope of the calibration for the cards that are fitted on all rows.
        eta: One log-odds of bad per row of the sample, from a fit without that row, calibrated except for the intercept;
            NaN where there is none.
    """

    slope: float
    eta: Floats


def crossfit(sample: Sample, industries: Sequence[Industry], pooling: Pooling, settings: Settings) -> HeldOut:
    """Slope of the calibration within industries, one for all of them, >= 0, from predictors of held-out rows.

    The whole fit is done again without a fifth of the rows, and applied to that fifth. On the rows of the
    fit the slope would be about 1 however much was fitted to noise. A predictor with variance ``S`` of
    signal and ``N / cases`` of noise has the slope ``S / (S + N / cases)``; the folds had
    ``(FOLDS - 1) / FOLDS`` of the cases, which is corrected for.

    A fifth in which all rows have the same predictor gives no information on the slope and is left out. If this is so
    for every fifth, the slope is ``UNPROVEN``. If the rows without some fifth cannot be fitted (a class without rows),
    the slope is 1.
    """
    fold = _folds_of(sample)
    eta = np.full(len(fold), np.nan)
    nothing_held_out = np.full(len(fold), np.nan)
    for number in range(FOLDS):
        held = fold == number
        if not _has_both(sample.bad[~held]):
            return HeldOut(1.0, nothing_held_out)
        try:
            predicted = _held_out(sample, held, industries, pooling, settings)
        except DataError:  # the rows left cannot be fitted
            return HeldOut(1.0, nothing_held_out)
        if len(predicted) and np.ptp(predicted) > 0:
            eta[held] = predicted
    there = np.isfinite(eta)
    bad, weight = sample.bad[there], sample.weight[there] / sample.total
    if not _has_both(bad):
        return HeldOut(UNPROVEN, nothing_held_out)
    _, slope = calibrate(eta[there], np.where(bad, 0.0, weight), np.where(bad, weight, 0.0), industry=sample.industry[there])
    return HeldOut(slope / (slope + (1 - slope) * (FOLDS - 1) / FOLDS) if slope < 1 else slope, slope * eta)


def _folds_of(sample: Sample) -> Ints:
    """Fold of each row. Its own content decides, so the result does not depend on the order of rows or columns."""
    team = [] if sample.visits is None else [sample.visits.team]
    columns = sorted(sample.columns, key=lambda column: column.factor.name)
    content = [*(column.values for column in columns), *team, sample.industry, sample.weight, sample.bad]
    fold = np.empty(len(sample.weight), dtype=np.int64)
    fold[np.lexsort(content)] = np.arange(len(fold)) % FOLDS
    return fold


def _has_both(bad: Flags) -> bool:
    return bool(bad.any()) and not bool(bad.all())


def _held_out(sample: Sample, held: Flags, industries: Sequence[Industry], pooling: Pooling, settings: Settings) -> Floats:
    """Predictors of the rows held out, each on the card of its industry."""
    rest, out = sample.part(~held), sample.part(held)
    fit = fit_core(rest, replace(settings, on_leak="warn"))
    groups = groups_of(rest, fit, industries, pooling, settings)
    columns = {column.factor.name: column for column in out.columns}
    codes = [table.partition.codes(columns[table.name]) for table in fit.tables]
    eta = np.zeros(len(out.weight))
    for number, code in enumerate([ALL, *sample.industries]):
        rows = out.industry == number - 1
        parts = zip(fit.regression.coefficients, groups[code].tables, codes, strict=True)
        eta[rows] = -sum((coefficient * table.woe[of[rows]] for coefficient, table, of in parts), 0.0)
    return eta


@dataclass(frozen=True)
class IndustryLevel:
    """Intercept of a group: own, the parent's, the one used, and the weight of the own."""

    used: float
    own: float
    parent: float
    own_weight: float
    #: Bad rate the used intercept gives over the group's rows.
    target: float


def levels_of(sample: Sample, fit: Fit, groups: dict[str, Group], slope: float, pooling: Pooling) -> dict[str, IndustryLevel]:
    """Intercepts, parents first.

    With E the bads that the parent's card expects in the industry's effective rows and O those observed,
    the rate used is the parent's x (O + k) / (E + k): the posterior mean of a gamma prior worth k cases
    (Buehlmann and Gisler, A Course in Credibility Theory, 2.4). No bads among many expected counts as
    evidence, no bads among few does not.
    """
    patterns = fit.patterns
    eta = slope * _predictor(fit, groups[ALL], groups[ALL].patterns)
    start = intercept_for(eta, patterns.weight, sample.bad_share)
    levels = {ALL: IndustryLevel(start, start, start, 1.0, sample.bad_share)}
    for code, group in groups.items():
        if code != ALL:
            levels[code] = _level(sample, fit, group, groups[group.parent], levels[group.parent], slope, pooling)
    return levels


def _level(
    sample: Sample, fit: Fit, group: Group, above: Group, parent: IndustryLevel, slope: float, pooling: Pooling
) -> IndustryLevel:
    rows, weight = group.patterns, fit.patterns.weight[group.patterns]
    if not rows.any():
        return IndustryLevel(parent.used, parent.used, parent.used, 0.0, parent.target)
    expected = float(np.average(logistic(parent.used + slope * _predictor(fit, above, rows)), weights=weight))
    observed = float(fit.patterns.bad[rows].sum() / weight.sum())
    size = effective_size(sample.weight[group.rows])
    own = own_weight(size * expected * (1 - expected), pooling.intercept_cases)
    target = own * observed + (1 - own) * expected
    eta = slope * _predictor(fit, group, rows)
    alone = min(max(observed, 0.5 / (size + 1)), 1 - 0.5 / (size + 1))
    return IndustryLevel(
        intercept_for(eta, weight, min(max(target, 1e-9), 1 - 1e-9)),
        intercept_for(eta, weight, alone),
        intercept_for(eta, weight, expected),
        own,
        target,
    )


def points_of(fit: Fit, group: Group, level: IndustryLevel, slope: float, settings: Settings) -> CardPoints:
    """Whole points of one industry, the constant moved so that its mean probability is the shrunk rate."""
    patterns, rows = fit.patterns, group.patterns
    points = to_points(
        settings.scaling,
        intercept=level.used,
        coefficients=slope * fit.regression.coefficients,
        woe=[table.woe for table in group.tables],
        caps=[table.partition.most_points for table in group.tables],
    )
    if not rows.any():
        return points
    return centred(settings.scaling, points, patterns.codes[rows], patterns.weight[rows], level.target)


def shrinkage_table(sample: Sample, groups: dict[str, Group], levels: dict[str, IndustryLevel]) -> pd.DataFrame:
    """One row per industry, parents first; intercepts are log-odds of bad at WoE 0.

    ``own_weight_intercept`` and ``own_weight_attributes`` are the weights of the industry's own figures.
    """
    rows = []
    for code, group in groups.items():
        if code == ALL:
            continue
        level, inside = levels[code], group.rows
        rows.append(
            {
                "industry": code,
                "parent": group.parent,
                "rows": int(inside.sum()),
                "bads": int(sample.bad[inside].sum()),
                "effective_size": round(effective_size(sample.weight[inside]), 3),
                "effective_cases": round(group.cases, 3),
                "own_weight_attributes": round(group.attribute_weight, 6),
                "own_weight_intercept": round(level.own_weight, 6),
                "intercept_own": round(level.own, 6),
                "intercept_parent": round(level.parent, 6),
                "intercept_used": round(level.used, 6),
                "bad_rate_used": round(level.target, 9),
            }
        )
    return pd.DataFrame(rows)


def attribute_table(groups: dict[str, Group]) -> pd.DataFrame:
    """One row per industry, characteristic and attribute: WoE own, parent's, used (on the trend)."""
    rows = []
    for code, group in groups.items():
        if code == ALL:
            continue
        for table, shares, parent_table in zip(group.tables, group.own, groups[group.parent].tables, strict=True):
            own, parent = Shares.smoothed(shares.good, shares.bad, table.smoothing).woe(), parent_table.woe
            for attribute in range(len(table.rows)):
                rows.append(
                    {
                        "industry": code,
                        "characteristic": table.name,
                        "attribute": table.partition.label(attribute),
                        "weight": round(float(table.weight[attribute]), 9),
                        "own_weight": round(group.attribute_weight, 6),
                        "woe_own": round(float(own[attribute]), 6),
                        "woe_parent": round(float(parent[attribute]), 6),
                        "woe_used": float(table.woe[attribute]),
                    }
                )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class IndustrySlopes:
    """Coefficients of every industry on the WoE of one fit, all >= 0; ``all`` has those of an industry that is not known."""

    fit: Fit
    parents: dict[str, str]
    industries: tuple[str, ...]
    coefficients: dict[str, Floats]

    def predictor(self, sample: Sample) -> Floats:
        """``- sum of coefficient x WoE`` of the rows of any sample with these columns and industries; no level, no inspectors."""
        columns = {column.factor.name: column for column in sample.columns}
        names = [ALL, *(code if code in self.coefficients else ALL for code in sample.industries)]
        own = np.array([self.coefficients[name] for name in names])[sample.industry + 1]
        eta = np.zeros(len(sample.weight))
        for number, table in enumerate(self.fit.tables):
            eta -= own[:, number] * table.woe[table.partition.codes(columns[table.name])]
        return eta


def slopes_of(
    sample: Sample, fit: Fit, parents: dict[str, str], pooling: Pooling, settings: Settings, *, factor: float = 1.0
) -> IndustrySlopes:
    """The coefficients of each industry: the pooled ones for now.

    Args:
        sample: The rows of the fit, with the weights of the ranking.
        fit: Their fit.
        parents: The tree of industries (:func:`~creditscore.models.industry_tree.tree_of`).
        pooling: What is declared of the variances; the rest is estimated.
        settings: How the fit was done.
        factor: Multiplies the variances between industries that persist from part to part of the window.
    """
    return IndustrySlopes(fit, parents, sample.industries, dict.fromkeys([ALL, *parents], fit.regression.coefficients))
