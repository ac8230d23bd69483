"""What industries share and what is their own: slopes and levels shrunk to the parent's by estimated variances.

The steps: each industry's slopes on the card's WoE (:func:`effects_of`), its level on predictors of rows held out
(:func:`levels_of`), whole points (:func:`points_of`), and two tables that show each figure with its prior.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from creditscore.config.scorecards import Pooling
from creditscore.dataframes import Flags, Floats, Ints
from creditscore.models.bin_table import BinTable
from creditscore.models.calibration import CardPoints, centred, intercept_for, to_points
from creditscore.models.crosses import codes_in
from creditscore.models.fitting import Fit, Settings, recounted
from creditscore.models.industry_tree import ALL, members
from creditscore.models.mixed import Declared, Mixed, Variances, fit_mixed
from creditscore.models.mixed_rows import Rows
from creditscore.models.regression import logistic, patterns_of
from creditscore.models.sample import Sample, effective_size
from creditscore.models.scoring import AttributeCodes

#: Nodes and weights of Gauss and Hermite for the mean over a normal distribution.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
#: The columns of the table of levels.
SHRINKAGE = (
    "industry", "parent", "rows", "bads", "effective_size", "level_estimate", "level_prior", "prior_sd", "prior_sd_assumed",
    "level_used", "own_weight_level", "own_weight_slopes", "bad_rate_observed", "bad_rate_used", "bad_rate_gap",
)  # fmt: skip
#: Below this own weight a deviation says nothing of the estimate it was shrunk from.
_SAYS_NOTHING = 0.01


@dataclass(frozen=True)
class IndustryEffects:
    """Levels and slopes of every industry on the WoE of one fit.

    Attributes:
        fit: The fit of all industries together.
        industries: What the codes of rows count.
        mixed: The model; a slope of it may be negative, a coefficient of a card is not.
    """

    fit: Fit
    industries: tuple[str, ...]
    mixed: Mixed

    def coefficients(self, code: str) -> Floats:
        """Of an industry, or of ``all``; at least 0."""
        return np.maximum(self.mixed.total[code][1:], 0.0)

    def predictor_of(self, codes: AttributeCodes, industry: Ints, *, levels: bool) -> Floats:
        """``- sum of coefficient x WoE`` of rows by their attribute codes, with the level of the industry or without it."""
        names = (ALL, *self.industries)
        place = industry + 1
        own = np.array([self.coefficients(name) for name in names])
        eta = np.array([self.mixed.total[name][0] if levels else 0.0 for name in names])[place]
        for column, table in enumerate(self.fit.tables):
            of_cell = np.outer(own[:, column], table.woe).ravel()
            eta -= of_cell[place * len(table.woe) + codes[:, column]]
        return eta

    def predictor(self, sample: Sample) -> Floats:
        """The same without levels for the rows of another sample with these columns and industries."""
        return self.predictor_of(codes_in(self.fit.tables, sample), sample.industry, levels=False)


def effects_of(
    ranking: Sample,
    fit: Fit,
    parents: Mapping[str, str],
    pooling: Pooling,
    settings: Settings,
    *,
    known: Variances | None = None,
) -> IndustryEffects:
    """Level and slopes of each industry, from the rows of the fit.

    Weights count by their effective size in each industry and part of the window. Effects of inspectors stay those of the fit.

    Args:
        ranking: The rows of the fit, with the weights of the ranking.
        fit: Their fit.
        parents: The tree of industries.
        pooling: What is declared; the rest is estimated.
        settings: How the fit was done.
        known: Variances that were estimated from these rows and this fit, with another factor.
    """
    parts = ranking.parts
    block = np.where(ranking.industry < 0, -1, ranking.industry) * parts + ranking.window
    # Patterns are told apart by the part of the window, too: the block stands where the industry does.
    by_block = replace(ranking, industry=block + parts)
    patterns = fit.patterns if parts == 1 else patterns_of(list(fit.codes.T), by_block)
    place = patterns.industry + 1 if parts == 1 else patterns.industry
    scale = ranking.total * _cases_per_weight(block + parts, ranking.weight)
    offset = np.zeros(len(place))
    if ranking.visits is not None:
        offset = ranking.visits.design[patterns.team] @ fit.regression.effects[: len(ranking.visits.inspectors)]
    rate = ranking.bad_share
    mixed = fit_mixed(
        Rows(
            values=patterns.woe([-table.woe for table in fit.tables]),
            good=patterns.good * scale[place],
            bad=patterns.bad * scale[place],
            offset=offset,
            industry=place // parts - 1,
            window=place % parts,
        ),
        parents,
        ranking.industries,
        start=np.concatenate([[fit.regression.intercept], fit.regression.coefficients]),
        ridge=settings.ridge * rate * (1 - rate),
        declared=Declared(pooling.level_sd, pooling.slope_sd),
        factor=settings.pooling_factor,
        known=known,
    )
    return IndustryEffects(fit, ranking.industries, mixed)


def _cases_per_weight(block: Ints, weight: Floats) -> Floats:
    """Effective size by weight in each block: weights times it count as cases."""
    relative = weight / weight.max()
    total, squares = np.bincount(block, weights=relative), np.bincount(block, weights=relative**2)
    cases: Floats = np.where(total > 0, total / np.where(squares > 0, squares, 1.0), 0.0) / weight.max()
    return cases


@dataclass(frozen=True)
class IndustryLevel:
    """Level of an industry: the log-odds of bad at predictor 0.

    Attributes:
        used: That of the card.
        estimate: Of its own rows alone; without bads half a case stands for them.
        prior: That of its parent.
        prior_sd: How far industries lie from their parents, as estimated or declared.
        own_weight: How much of its deviation from the parent is its own.
        observed: Weighted share of bads; NaN without rows.
        target: Bad rate that the used level gives over the rows: the posterior mean for a new part of the window.
    """

    used: float
    estimate: float
    prior: float
    prior_sd: float
    own_weight: float
    observed: float
    target: float


@dataclass(frozen=True)
class Levels:
    """Levels by industry, the first of ``all``; and whether their SD leans on a prior, by industry."""

    of: Mapping[str, IndustryLevel]
    assumed: Mapping[str, bool]


def levels_of(drawn: Sample, eta: Floats, parents: Mapping[str, str], pooling: Pooling, factor: float) -> Levels:
    """Levels from predictors of rows that the fit did not know.

    Args:
        drawn: The rows that may say how many are bad, with the weights of the design.
        eta: Their predictors, calibrated but for the level.
        parents: The tree of industries.
        pooling: What is declared; the rest is estimated.
        factor: Multiplies the estimated variance.
    """
    order = np.lexsort([drawn.weight, drawn.bad, eta, drawn.window, drawn.industry])
    block = (drawn.industry + 1) * drawn.parts + drawn.window
    cases = (drawn.weight * _cases_per_weight(block, drawn.weight)[block])[order]
    bad = drawn.bad[order]
    start = intercept_for(eta, drawn.weight, drawn.bad_share)
    mixed = fit_mixed(
        Rows(
            values=np.zeros((len(order), 0)),
            good=np.where(bad, 0.0, cases),
            bad=np.where(bad, cases, 0.0),
            offset=eta[order],
            industry=drawn.industry[order],
            window=drawn.window[order],
        ),
        parents,
        drawn.industries,
        start=np.array([start]),
        declared=Declared(pooling.level_sd, None),
        factor=factor,
    )
    levels = {ALL: IndustryLevel(start, start, start, 0.0, 1.0, drawn.bad_share, drawn.bad_share)}
    for code, parent in parents.items():
        rows = inside(drawn.industry, drawn.industries, code, parents)
        levels[code] = _level(drawn, eta, rows, mixed, code, parent, levels[parent])
    return Levels(levels, {code: mixed.depth[code] in mixed.assumed for code in parents})


def inside(industry: Ints, industries: Sequence[str], code: str, parents: Mapping[str, str]) -> Flags:
    """The rows of an industry and of all that hang from it; ``industry`` has positions in ``industries``."""
    if code == ALL:
        return np.ones(len(industry), dtype=bool)
    branch = members(code, parents)
    return np.isin(industry, [position for position, name in enumerate(industries) if name in branch])


def _level(drawn: Sample, eta: Floats, rows: Flags, mixed: Mixed, code: str, parent: str, above: IndustryLevel) -> IndustryLevel:
    prior, prior_sd = float(mixed.total[parent][0]), float(np.sqrt(mixed.variances.between[mixed.depth[code]][0]))
    if not rows.any():
        return replace(above, estimate=np.nan, prior=above.used, prior_sd=prior_sd, own_weight=0.0, observed=np.nan)
    own, weight = eta[rows], drawn.weight[rows]
    observed = float(weight[drawn.bad[rows]].sum() / weight.sum())
    size = effective_size(weight)
    alone = min(max(observed, 0.5 / (size + 1)), 1 - 0.5 / (size + 1))
    # A new part of the window has a deviation of its own, too.
    spread = float(np.sqrt(mixed.variance[code][0] + mixed.variances.within[0]))
    share = weight / weight.sum()
    means = [float(share @ logistic(own + mixed.total[code][0] + spread * node)) for node in _NODES]
    target = float(np.average(means, weights=_WEIGHTS))
    return IndustryLevel(
        used=intercept_for(own, weight, min(max(target, 1e-9), 1 - 1e-9)),
        estimate=intercept_for(own, weight, alone),
        prior=prior,
        prior_sd=prior_sd,
        own_weight=float(mixed.own_weight[code][0]),
        observed=observed,
        target=target,
    )


def tables_of(fit: Fit, patterns: Flags) -> tuple[BinTable, ...]:
    """The attributes of the fit, counted in some of its patterns; WoE stay those of all."""
    chosen = fit.patterns.take(patterns)
    return tuple(recounted(table, chosen, column) for column, table in enumerate(fit.tables))


def points_of(
    fit: Fit, patterns: Flags, coefficients: Floats, level: IndustryLevel, settings: Settings, *, intercept: float
) -> CardPoints:
    """Whole points of one industry, the constant moved so that its mean probability is the rate of its level.

    Args:
        fit: The fit, with patterns of the drawn rows by the weights of the design.
        patterns: Those of the industry.
        coefficients: Of the industry, calibrated.
        level: Of the industry.
        settings: How the fit was done.
        intercept: The log-odds at WoE 0 where the industry has no rows.
    """
    codes, weight = fit.patterns.codes[patterns], fit.patterns.weight[patterns]
    if len(weight):
        eta = -(fit.patterns.take(patterns).woe([table.woe for table in fit.tables]) @ coefficients)
        intercept = intercept_for(eta, weight, min(max(level.target, 1e-9), 1 - 1e-9))
    points = to_points(
        settings.scaling,
        intercept=intercept,
        coefficients=coefficients,
        woe=[table.woe for table in fit.tables],
        caps=[table.partition.most_points for table in fit.tables],
    )
    return centred(settings.scaling, points, codes, weight, level.target) if len(weight) else points


def shrinkage_table(sample: Sample, parents: Mapping[str, str], levels: Levels, effects: IndustryEffects) -> pd.DataFrame:
    """One row per industry, parents first: what its rows say of its level, what its parent says, and what the card uses.

    Levels are log-odds of bad at predictor 0. ``prior_sd`` is how far industries lie from their parents, and
    ``prior_sd_assumed`` says that it leans on a prior because there are few of them. ``own_weight_slopes`` is the mean over
    the characteristics, by coefficient. ``bad_rate_gap`` is ``bad_rate_used - bad_rate_observed``.
    """
    rows = []
    for code, parent in parents.items():
        level, own = levels.of[code], inside(sample.industry, sample.industries, code, parents)
        pull = effects.coefficients(ALL) + 1e-9
        slopes = effects.mixed.own_weight[code][1:]
        rows.append(
            {
                "industry": code,
                "parent": parent,
                "rows": int(own.sum()),
                "bads": int(sample.bad[own].sum()),
                "effective_size": round(effective_size(sample.weight[own]), 3),
                "level_estimate": round(level.estimate, 6),
                "level_prior": round(level.prior, 6),
                "prior_sd": round(level.prior_sd, 6),
                "prior_sd_assumed": levels.assumed[code],
                "level_used": round(level.used, 6),
                "own_weight_level": round(level.own_weight, 6),
                "own_weight_slopes": round(float(np.average(slopes, weights=pull)), 6) if len(slopes) else 0.0,
                "bad_rate_observed": round(level.observed, 9),
                "bad_rate_used": round(level.target, 9),
                "bad_rate_gap": round(level.target - level.observed, 9),
            }
        )
    return pd.DataFrame(rows, columns=SHRINKAGE)


def slope_table(parents: Mapping[str, str], effects: IndustryEffects, slope: float) -> pd.DataFrame:
    """One row per industry and characteristic: its coefficient by its own rows, its parent's, and the one of its card.

    All are calibrated, as in the card. ``estimate`` is what the industry's rows say, ``prior + deviation / own_weight``; NaN where
    they say next to nothing. ``prior_sd`` is how far industries lie from their parents. ``used`` is never below 0.
    """
    mixed, rows = effects.mixed, []
    for code, parent in parents.items():
        own_weight, spread = mixed.own_weight[code], np.sqrt(mixed.variances.between[mixed.depth[code]])
        for number, table in enumerate(effects.fit.tables, start=1):
            own, prior = float(own_weight[number]), float(mixed.total[parent][number])
            estimate = prior + float(mixed.deviation[code][number]) / own if own > _SAYS_NOTHING else np.nan
            rows.append(
                {
                    "industry": code,
                    "characteristic": table.name,
                    "estimate": round(slope * estimate, 6),
                    "prior": round(slope * prior, 6),
                    "prior_sd": round(slope * float(spread[number]), 6),
                    "used": round(slope * float(effects.coefficients(code)[number - 1]), 6) + 0.0,
                    "own_weight": round(own, 6),
                }
            )
    columns = ["industry", "characteristic", "estimate", "prior", "prior_sd", "used", "own_weight"]
    return pd.DataFrame(rows, columns=columns)
