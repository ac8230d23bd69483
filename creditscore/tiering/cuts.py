"""Tiers by the cuts of a policy. Everything compared is an integer: ppm of risk, points, numbers of subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from creditscore.config.policy import TierPolicy
from creditscore.config.spec import ppm as as_ppm
from creditscore.dataframes import Flags, Ints, Texts
from creditscore.tiering.tiers import UNRATED, Codes
from creditscore.vocabulary import TIERS

_MILLION = 1_000_000
#: The columns of what cuts give, see :func:`achieved`.
ACHIEVED_SCHEMA = pa.schema(
    {
        "population": pa.string(), "tier": pa.string(), "cut": pa.string(), "asked_ppm": pa.int64(), "subjects": pa.int64(),
        "achieved_ppm": pa.int64(),
    }
)  # fmt: skip


def populations(industry: Texts, policy: TierPolicy) -> Texts:
    """Which subjects are cut together: the industry where it is cut for itself, else ``""``."""
    if policy.share_within == "industry" and policy.cut_by == "share":
        return industry
    own = np.isin(industry.astype(str), list(policy.own_cuts))
    return np.where(own, industry, "")


def cut_tiers(
    score: Ints, ppm: Ints, rated: Flags, population: Texts, policy: TierPolicy, *, band: int = 0, margin: float = 0.0,
    levels: Mapping[str, tuple[int, ...]] | None = None,
) -> Codes:  # fmt: skip
    """The tier of each subject by the cuts alone (unrated ones: NR).

    A subject is in the best tier whose cut it meets: risk *below* ``max_probability``, score *at
    least* ``min_score``; for shares, score at least that of the last subject of the share, so that
    ties at a cut all get the better tier.

    Args:
        score: Points, higher is better.
        ppm: Calibrated risk in millionths.
        rated: Whether there is a score at all.
        population: Who is cut together, of :func:`populations`.
        policy: The cuts.
        band: Points above the cut that are asked for (cuts by score or share).
        margin: Share of the cut by which the risk must lie below it (cuts by risk).
        levels: Of cuts by share the lowest score in each, by population, see :func:`share_levels`; by default those of ``score``.
    """
    tiers = np.full(len(score), UNRATED, dtype=np.int8)
    for name in sorted(set(population[rated])):
        chosen = np.flatnonzero(rated & (population == name))
        kind, cuts = policy.cuts_for(name or None)
        if kind == "max_probability":
            room = _MILLION - as_ppm(margin)
            missed = [ppm[chosen].astype(np.int64) * _MILLION >= cut * room for cut in cuts]
        else:
            lowest = cuts
            if kind == "share":
                lowest = share_levels(score[chosen], cuts) if levels is None else levels[name]
            missed = [score[chosen] < level + band for level in lowest]
        tiers[chosen] = np.sum(missed, axis=0).astype(np.int8)
    return tiers


def share_levels(score: Ints, shares: tuple[int, ...]) -> tuple[int, ...]:
    """The lowest score in each cut by share: that of the n-th best, n = the shares so far, rounded down.

    Where n is 0 nobody is good enough: the level lies above every score.
    """
    return _levels(*np.unique(score, return_counts=True), shares)


def _levels(score: Ints, subjects: Ints, shares: tuple[int, ...]) -> tuple[int, ...]:
    """The same from the scores that occur, each once and rising, and how many subjects have each."""
    best_first, so_far = score[::-1].astype(np.int64), np.cumsum(subjects[::-1], dtype=np.int64)
    levels, asked = [], 0
    for share in shares:
        asked += share
        n = asked * int(so_far[-1]) // _MILLION
        levels.append(int(best_first[np.searchsorted(so_far, n)]) if n else int(best_first[0]) + 1)
    return tuple(levels)


def levels_of(counts: pd.DataFrame, policy: TierPolicy) -> dict[str, tuple[int, ...]]:
    """The levels of cuts by share, by population.

    Args:
        counts: One row per population and score of rated subjects: ``population, score, subjects``.
        policy: The cuts.
    """
    levels = {}
    for name, part in counts.sort_values("score").groupby("population"):
        kind, cuts = policy.cuts_for(str(name) or None)
        if kind == "share":
            levels[str(name)] = _levels(part["score"].to_numpy(), part["subjects"].to_numpy(), cuts)
    return levels


def achieved(tiers: Codes, population: Texts, policy: TierPolicy) -> pd.DataFrame:
    """What the cuts gave: one row per population and tier.

    Columns: ``population`` (``""`` = all), ``tier``, ``cut`` (``share``, ``min_score``,
    ``max_probability``), ``asked_ppm`` (of shares; missing otherwise), ``subjects``, ``achieved_ppm``
    of the rated (rounded down).
    """
    rows = []
    for name in sorted(set(population[tiers != UNRATED])):
        chosen = tiers[(population == name) & (tiers != UNRATED)]
        kind, cuts = policy.cuts_for(name or None)
        asked = [*cuts, _MILLION - sum(cuts)] if kind == "share" else [None] * len(TIERS)
        counts = np.bincount(chosen, minlength=len(TIERS))
        for code, tier in enumerate(TIERS):
            count = int(counts[code])
            rows.append((name, tier, kind, asked[code], count, count * _MILLION // len(chosen)))
    table = pd.DataFrame(rows, columns=ACHIEVED_SCHEMA.names)
    return table.astype({"asked_ppm": "Int64"})


def achieved_together(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """What the cuts gave among all subjects, from what they gave in each part of them."""
    keys = ["population", "tier", "cut", "asked_ppm"]
    every = pd.concat(parts, ignore_index=True)
    summed = every[[*keys, "subjects"]].groupby(keys, as_index=False, dropna=False).sum().sort_values(["population", "tier"])
    rated = summed.groupby("population")["subjects"].transform("sum")
    told = summed.assign(achieved_ppm=summed["subjects"] * _MILLION // rated).reset_index(drop=True)
    return told.astype({"asked_ppm": "Int64", **dict.fromkeys(("population", "tier", "cut"), object)})
