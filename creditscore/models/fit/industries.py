"""The cards of a tree of industries: splits and slopes pooled, attributes and intercept shrunk to the parent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from creditscore.config.scorecards import Industry, Pooling
from creditscore.models.bins.table import BinTable, in_order
from creditscore.models.fit.calibration import Points, centred, intercept_for, to_points
from creditscore.models.fit.core import Fit, Settings
from creditscore.models.fit.patterns import Patterns
from creditscore.models.fit.pooling import ALL, Shares, cases, members, own_weight, shares, tree_of
from creditscore.models.fit.regression import fit_regression, logistic
from creditscore.models.training.sample import Sample, effective_size

Floats = NDArray[np.float64]
#: Industries' intercepts while the common slope is found: only there to keep one without bads finite.
_SLIGHT = 1e-4


@dataclass(frozen=True)
class Group:
    """One industry (or ``all``): its tables with shrunk WoE, and how much of them is its own."""

    code: str
    parent: str
    rows: NDArray[np.bool_]
    patterns: NDArray[np.bool_]
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


def predictor(fit: Fit, group: Group, rows: NDArray[np.bool_]) -> Floats:
    """``- sum of coefficient x WoE`` of some patterns on the card of one group."""
    woe = fit.patterns.take(rows).woe([table.woe for table in group.tables])
    return -(woe @ fit.regression.coefficients)


def common_slope(eta: Floats, good: Floats, bad: Floats, industry: NDArray[np.int64]) -> float:
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
