"""Hájek estimates of violation rates and the variance of any weighted sum of them.

A rate is ``sum(w y) / sum(w)`` with ``w = 1/p`` (Hájek 1971; Särndal, Swensson and Wretman 1992,
5.7). The variance of a sum ``sum_g m_g R_g`` is that of its linearised total, by past stratum, plus
what repeated visits to one subject share.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from creditscore.tiering.columns import Flags
from creditscore.tiering.history.visits import Floats, Visits

#: Fewer pairs of visits to one subject say nothing about how persistent a violation is.
_PAIRS = 100
#: Below so many weighted violations the normal variance is too small; a half is added (Jeffreys).
_FEW = 5.0


@dataclass(frozen=True)
class Rate:
    """The violation rate of a group of past visits.

    ``effective`` is (sum w)^2 / sum w^2; ``cautious`` the rate with half a violation added, for
    intervals; ``floor`` a variance below which the estimate's own is not believed (0 if not needed).
    """

    members: Flags
    value: float
    visits: int
    effective: float
    cautious: float
    floor: float


def rate_of(visits: Visits, members: Flags) -> Rate:
    """The Hájek rate of the visits in ``members`` (at least one)."""
    weight = 1 / visits.probability[members]
    total = weight.sum()
    value = float((weight * visits.bad[members]).sum() / total)
    effective = float(total**2 / (weight**2).sum())
    few = min(value, 1 - value) * effective < _FEW
    cautious = (value * effective + 0.5) / (effective + 1) if few else value
    floor = cautious * (1 - cautious) / (effective + 1) if few else 0.0
    return Rate(members, value, int(members.sum()), effective, cautious, floor)


def persistence(visits: Visits, fitted: Floats) -> float:
    """How much of a finding stays with the subject: the correlation of two visits to one subject.

    0 where fewer than 100 pairs say so: then no past draw counts as having settled anything.

    Args:
        visits: The visits.
        fitted: The rate of each visit's cell.
    """
    spread = np.sqrt(np.maximum(fitted * (1 - fitted), 1e-9))
    residual = pd.DataFrame({"subject": visits.subject, "r": (visits.bad - fitted) / spread})
    sums = residual.assign(square=residual["r"] ** 2, one=1.0).groupby("subject")[["r", "square", "one"]].sum()
    pairs = float((sums["one"] * (sums["one"] - 1)).sum())
    if pairs < 2 * _PAIRS:
        return 0.0
    return float(np.clip((sums["r"] ** 2 - sums["square"]).sum() / pairs, 0.0, 1.0))


def variance(visits: Visits, rates: Mapping[str, Rate], planned: Mapping[str, float], *, settled: float) -> float:
    """The variance of ``sum planned[g] x rates[g]``.

    Args:
        visits: The visits behind all rates.
        rates: By group; groups may overlap.
        planned: The multiplier of each group.
        settled: The persistent share of outcomes: the finite-population correction ``1 - f`` applies to
            it alone, since the rest of what a visit finds is drawn anew every time.
    """
    linear = np.zeros(len(visits.bad))
    least = 0.0
    for name, multiplier in planned.items():
        rate = rates[name]
        weight = 1 / visits.probability[rate.members]
        linear[rate.members] += multiplier * weight / weight.sum() * (visits.bad[rate.members] - rate.value)
        least += multiplier**2 * rate.floor
    return max(_by_draw(visits, linear, settled) + _within_subjects(visits, linear), least)


def _by_draw(visits: Visits, linear: Floats, settled: float) -> float:
    """Stratified variance of the total; strata with one visit are collapsed into one of them all."""
    stratum = pd.Series(visits.draw)
    size = stratum.map(stratum.value_counts())
    table = pd.DataFrame({"stratum": stratum.where(size > 1, ""), "z": linear, "f": visits.probability})
    groups = table.groupby("stratum")
    n, spread, fraction = groups.size(), groups["z"].var(ddof=1), groups["f"].mean()
    single = table.groupby("stratum")["z"].sum() ** 2  # a lone visit in all: its own square
    return float(((1 - settled * fraction) * n * spread.where(n > 1, single)).sum())


def _within_subjects(visits: Visits, linear: Floats) -> float:
    sums = pd.Series(linear).groupby(pd.Series(visits.subject)).sum()
    return max(float((sums**2).sum() - (linear**2).sum()), 0.0)
