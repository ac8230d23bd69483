"""The cards of a tree of industries: splits and slopes pooled, attributes and intercept shrunk to the parent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from creditscore.config.scorecards import Industry, Pooling
from creditscore.dataframes import Flags, Floats, Ints
from creditscore.errors import DataError
from creditscore.models.bin_table import BinTable, in_order
from creditscore.models.calibration import Points, centred, intercept_for, to_points
from creditscore.models.fitting import Fit, Settings, fit_core
from creditscore.models.regression import Patterns, fit_regression, logistic
from creditscore.models.sample import Sample, effective_size


def shrinkage_table(sample: Sample, groups: dict[str, Group], levels: dict[str, Level]) -> pd.DataFrame:
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


def attribute_table(groups: dict[str, Group], *, smoothing: float) -> pd.DataFrame:
    """One row per industry, characteristic and attribute: WoE own, parent's, used (on the trend)."""
    rows = []
    for code, group in groups.items():
        if code == ALL:
            continue
        above = groups[group.parent]
        for place, table in enumerate(group.tables):
            own, parent = Shares.smoothed(group.own[place].good, group.own[place].bad, smoothing).woe(), above.tables[place].woe
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


#: The root of the tree of industries.
ALL = "all"
_FLOOR = 1e-9


@dataclass(frozen=True)
class Shares:
    """Where goods and bads of a population lie: shares over the attributes of one characteristic."""

    good: Floats
    bad: Floats

    @classmethod
    def smoothed(cls, good: Floats, bad: Floats, smoothing: float) -> Shares:
        """Shares of weights with ``smoothing`` added to each, so that none is 0."""
        floor = max(smoothing, _FLOOR)
        scale = 1 + floor * len(good)
        return cls((good / good.sum() + floor) / scale, (bad / bad.sum() + floor) / scale)

    def woe(self) -> Floats:
        """``ln(share of good / share of bad)``."""
        found: Floats = np.log(np.maximum(self.good, _FLOOR) / np.maximum(self.bad, _FLOOR))
        return found

    def mixed(self, parent: Shares, own_weight: float) -> Shares:
        """Own shares and the parent's: ``own_weight`` x own + (1 - own_weight) x parent's."""
        return Shares(
            own_weight * self.good + (1 - own_weight) * parent.good, own_weight * self.bad + (1 - own_weight) * parent.bad
        )


def shares(good: Floats, bad: Floats, parent: Shares) -> Shares:
    """Shares of weights; of a class without rows the parent's (its weight is then 0 anyway)."""
    return Shares(
        good / good.sum() if good.sum() > 0 else parent.good,
        bad / bad.sum() if bad.sum() > 0 else parent.bad,
    )


def cases(weight: Floats, bad: Flags) -> float:
    """Effective cases: of the rarer class, ``1 / (1 / goods + 1 / bads)`` in effective sizes.

    A hundred thousand goods with five bads are five cases: what is not known is where the bads lie.
    """
    goods, bads = effective_size(weight[~bad]), effective_size(weight[bad])
    return 0.0 if goods == 0 or bads == 0 else goods * bads / (goods + bads)


def own_weight(cases: float, prior: float) -> float:
    """``cases / (cases + prior)``: the weight of own figures (Buehlmann's credibility)."""
    return cases / (cases + prior) if cases + prior > 0 else 0.0


def tree_of(found: Sequence[str], declared: Sequence[Industry]) -> dict[str, str]:
    """Parent of each industry, parents before their children; those without one hang from ``all``.

    Raises:
        DataError: when an industry is called ``all``, or a parent is not declared.
    """
    parents = {one.code: one.parent or ALL for one in declared}
    parents = {**dict.fromkeys(sorted(found), ALL), **parents}
    if ALL in parents:
        raise DataError("industry {ALL!r}: the name stands for the pooled card; call it something else", ALL=ALL)
    unknown = sorted({parent for parent in parents.values() if parent != ALL and parent not in parents})
    if unknown:
        raise DataError("industry: parent {unknown} is not an industry of industries=", unknown=", ".join(unknown))
    order: list[str] = []
    while len(order) < len(parents):
        ready = sorted(code for code, parent in parents.items() if code not in order and parent in (ALL, *order))
        if not ready:
            raise DataError("industry: parents go round in a circle")
        order += ready
    return {code: parents[code] for code in order}


def members(code: str, parents: dict[str, str]) -> set[str]:
    """The industry and all that hang from it."""
    found = {code}
    for child, parent in parents.items():  # parents come first
        if parent in found:
            found.add(child)
    return found


FOLDS = 5
#: The slope where the fit without a fold keeps no characteristic, so that nothing was held out: half way between
#: what the rows of the fit say (1) and what a characteristic that tells nothing deserves (0).
UNPROVEN = 0.5


@dataclass(frozen=True)
class HeldOut:
    """What rows held out say: the slope for the cards of all rows, and each row's own predictor.

    ``eta`` has a log-odds of bad per row of the sample, calibrated but for the intercept, by a fit that has not seen
    the row; NaN where there is none.
    """

    slope: float
    eta: Floats


def crossfit(sample: Sample, industries: Sequence[Industry], pooling: Pooling, settings: Settings) -> HeldOut:
    """Slope of the calibration within industries, one for all of them, >= 0, from predictors of held-out rows.

    The whole fit is done again without a fifth of the rows, and applied to that fifth. On the rows of the
    fit the slope would be about 1 however much was fitted to noise. A predictor with variance ``S`` of
    signal and ``N / cases`` of noise has the slope ``S / (S + N / cases)``; the folds had
    ``(FOLDS - 1) / FOLDS`` of the cases, which is put right.
    A fifth whose predictor is the same for all says nothing of the slope and is left out; where every one
    is so, the slope is ``UNPROVEN``.
    Where the rows without a fifth cannot be fitted (a class without rows) the slope is 1.
    """
    fold = folds_of(sample)
    eta = np.full(len(fold), np.nan)
    for one in range(FOLDS):
        held = fold == one
        if not _both(sample.bad[~held]):
            return HeldOut(1.0, np.full(len(fold), np.nan))
        try:
            found = _held_out(sample, held, industries, pooling, settings)
        except DataError:  # the rows left cannot be fitted
            return HeldOut(1.0, np.full(len(fold), np.nan))
        if len(found) and np.ptp(found) > 0:
            eta[held] = found
    slope = _slope(sample, eta)
    if slope is None:
        return HeldOut(UNPROVEN, np.full(len(fold), np.nan))
    return HeldOut(slope / (slope + (1 - slope) * (FOLDS - 1) / FOLDS) if slope < 1 else slope, slope * eta)


def _slope(sample: Sample, eta: Floats) -> float | None:
    """Common slope of the predictors that there are; None where their rows have one class only."""
    there = np.isfinite(eta)
    bad, weight = sample.bad[there], sample.weight[there] / sample.total
    if not _both(bad):
        return None
    return common_slope(eta[there], np.where(bad, 0.0, weight), np.where(bad, weight, 0.0), sample.industry[there])


def folds_of(sample: Sample) -> Ints:
    """Fold of each row. Its own content decides, so the order of rows and of columns is nothing."""
    team = [] if sample.visits is None else [sample.visits.team]
    columns = sorted(sample.columns, key=lambda column: column.factor.name)
    content = [*(column.values for column in columns), *team, sample.industry, sample.weight, sample.bad]
    fold = np.empty(len(sample.weight), dtype=np.int64)
    fold[np.lexsort(content)] = np.arange(len(fold)) % FOLDS
    return fold


def _both(bad: Flags) -> bool:
    return bool(bad.any()) and not bool(bad.all())


def _held_out(sample: Sample, held: Flags, industries: Sequence[Industry], pooling: Pooling, settings: Settings) -> Floats:
    """Predictors of the rows held out, each on the card of its industry."""
    rest, out = sample.part(~held), sample.part(held)
    fit = fit_core(rest, replace(settings, on_leak="warn"), beyond_chance=True)
    groups = groups_of(rest, fit, industries, pooling, settings)
    columns = {column.factor.name: column for column in out.columns}
    codes = [table.partition.codes(columns[table.name]) for table in fit.tables]
    eta = np.zeros(len(out.weight))
    for place, code in enumerate([ALL, *sample.industries]):
        rows = out.industry == place - 1
        eta[rows] = _predictor(fit, groups[code], [one[rows] for one in codes])
    return eta


def _predictor(fit: Fit, group: Group, codes: Sequence[NDArray[np.uint8]]) -> Floats | float:
    parts = zip(fit.regression.coefficients, group.tables, codes, strict=True)
    return -sum((coefficient * table.woe[code] for coefficient, table, code in parts), 0.0)


#: Industries' intercepts while the common slope is found: only there to keep one without bads finite.
_SLIGHT = 1e-4


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


@dataclass(frozen=True)
class Level:
    """Intercept of a group: own, the parent's, the one used, and the weight of the own."""

    used: float
    own: float
    parent: float
    own_weight: float
    #: Bad rate the used intercept gives over the group's rows.
    target: float


def groups_of(sample: Sample, fit: Fit, industries: Sequence[Industry], pooling: Pooling, settings: Settings) -> dict[str, Group]:
    """Every industry's tables, parents first; the first is ``all``."""
    parents = tree_of(sample.industries, industries)
    root = tuple(Shares.smoothed(table.good, table.bad, settings.binning.smoothing) for table in fit.tables)
    every_row, every_pattern = np.ones(len(sample.weight), dtype=bool), np.ones(len(fit.patterns.weight), dtype=bool)
    known = cases(sample.weight, sample.bad)
    found = {ALL: Group(ALL, "", every_row, every_pattern, known, 1.0, root, root, fit.tables)}
    for code, parent in parents.items():
        inside = [place for place, name in enumerate(sample.industries) if name in members(code, parents)]
        rows, patterns = np.isin(sample.industry, inside), np.isin(fit.patterns.industry, inside)
        known = cases(sample.weight[rows], sample.bad[rows])
        empty = Group(code, parent, rows, patterns, known, own_weight(known, pooling.attribute_cases), (), (), ())
        found[code] = _filled(empty, found[parent], fit, settings.binning.min_share)
    return found


def _filled(group: Group, parent: Group, fit: Fit, min_share: float) -> Group:
    """The group with its tables: both shares of an attribute are mixed with the parent's by one weight."""
    own, mixed, tables = [], [], []
    inside = fit.patterns.take(group.patterns)
    for place, (table, above) in enumerate(zip(fit.tables, parent.shares, strict=True)):
        counted = _counted(table, inside, place)
        own.append(shares(counted.good, counted.bad, above))
        mixed.append(own[-1].mixed(above, group.attribute_weight))
        # Neutral is what is too small in the pooled data: one that is thin here leans on the parent.
        small = table.weight < min_share
        weight = counted.weight if counted.rows.any() else table.weight
        woe = in_order(table.partition, mixed[-1].woe(), weight, small)
        tables.append(replace(counted, woe=woe, neutral=small & (woe == 0.0)))
    return replace(group, own=tuple(own), shares=tuple(mixed), tables=tuple(tables))


def _counted(table: BinTable, inside: Patterns, place: int) -> BinTable:
    """The attributes with the rows of one group; weights are shares of the group's."""
    size, codes = len(table.rows), inside.codes[:, place]
    rows, good, bad = (np.bincount(codes, weights=of, minlength=size) for of in (inside.rows, inside.good, inside.bad))
    total = float(good.sum() + bad.sum()) or 1.0
    return replace(table, rows=rows.astype(np.int64), good=good / total, bad=bad / total)


def predictor(fit: Fit, group: Group, rows: Flags) -> Floats:
    """``- sum of coefficient x WoE`` of some patterns on the card of one group."""
    woe = fit.patterns.take(rows).woe([table.woe for table in group.tables])
    return -(woe @ fit.regression.coefficients)


def common_slope(eta: Floats, good: Floats, bad: Floats, industry: Ints) -> float:
    """Slope of the calibration of predictors within industries, one for all of them, >= 0."""
    known = np.flatnonzero(industry >= 0)
    size = int(industry.max(initial=-1)) + 1
    design = sparse.csr_matrix((np.ones(len(known)), (known, industry[known])), shape=(len(eta), size))
    centre = float(np.average(eta, weights=good + bad))
    found = fit_regression(-(eta - centre)[:, None], good, bad, ridge=1e-7, design=design, design_ridge=_SLIGHT)
    return float(found.coefficients[0])


def levels_of(sample: Sample, fit: Fit, groups: dict[str, Group], slope: float, pooling: Pooling) -> dict[str, Level]:
    """Intercepts, parents first.

    With E the bads that the parent's card expects in the industry's effective rows and O those found,
    the rate used is the parent's x (O + k) / (E + k): the posterior mean of a gamma prior worth k cases
    (Buehlmann and Gisler, A Course in Credibility Theory, 2.4). No bads among many expected counts as
    evidence, no bads among few does not.
    """
    patterns = fit.patterns
    eta = slope * predictor(fit, groups[ALL], groups[ALL].patterns)
    start = intercept_for(eta, patterns.weight, sample.bad_share)
    found = {ALL: Level(start, start, start, 1.0, sample.bad_share)}
    for code, group in groups.items():
        if code != ALL:
            found[code] = _level(sample, fit, group, groups[group.parent], found[group.parent], slope, pooling)
    return found


def _level(sample: Sample, fit: Fit, group: Group, above: Group, parent: Level, slope: float, pooling: Pooling) -> Level:
    rows, weight = group.patterns, fit.patterns.weight[group.patterns]
    if not rows.any():
        return Level(parent.used, parent.used, parent.used, 0.0, parent.target)
    expected = float(np.average(logistic(parent.used + slope * predictor(fit, above, rows)), weights=weight))
    observed = float(fit.patterns.bad[rows].sum() / weight.sum())
    size = effective_size(sample.weight[group.rows])
    own = own_weight(size * expected * (1 - expected), pooling.intercept_cases)
    target = own * observed + (1 - own) * expected
    eta = slope * predictor(fit, group, rows)
    alone = min(max(observed, 0.5 / (size + 1)), 1 - 0.5 / (size + 1))
    return Level(
        intercept_for(eta, weight, min(max(target, 1e-9), 1 - 1e-9)),
        intercept_for(eta, weight, alone),
        intercept_for(eta, weight, expected),
        own,
        target,
    )


def points_of(fit: Fit, group: Group, level: Level, slope: float, settings: Settings) -> Points:
    """Whole points of one industry, the constant moved so that its mean probability is the shrunk rate."""
    points = to_points(
        settings.scaling,
        intercept=level.used,
        coefficients=slope * fit.regression.coefficients,
        woe=[table.woe for table in group.tables],
        caps=[table.partition.factor.cap for table in group.tables],
    )
    if not group.patterns.any():
        return points
    rows = group.patterns
    return centred(settings.scaling, points, fit.patterns.codes[rows], fit.patterns.weight[rows], level.target)
