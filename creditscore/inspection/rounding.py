"""Ratios as whole numbers of visits: rounded up, raised to a task's floor, and what that does to the order of the ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import pandas as pd

from creditscore.config.spec import ppm
from creditscore.config.tasks import Task
from creditscore.errors import DrawError
from creditscore.vocabulary import NOT_RATED, PRESUMED, TIER_ORDER, TIERS

_MILLION = 1_000_000


def rounded_up(ratio_ppm: int, population: int) -> int:
    """``ceil(ratio x population)`` in integers: "not less than 3 %" of 40,065 is 1,202.

    >>> rounded_up(30_000, 40_065)
    1202
    """
    return -(-ratio_ppm * population // _MILLION)


def check_floor(drawn: int, population: int, *, min_ratio: float, where: str) -> None:
    """That ``drawn`` of ``population`` is not less than a ratio.

    Raises:
        DrawError: It is less; the message says how many are needed.
    """
    needed = rounded_up(ppm(min_ratio), population)
    if drawn < needed:
        raise DrawError(
            "{where}: {drawn:,} of {population:,} is {percent:.3f} %, less than {min_percent:g} %: {needed:,} are needed",
            where=where,
            drawn=drawn,
            population=population,
            percent=drawn * 100 / population,
            min_percent=min_ratio * 100,
            needed=needed,
        )


def smallest_total(task: Task, population: int) -> int:
    """How many the whole task must draw: the number its plan names, or its floor, rounded up; 0 without either.

    Raises:
        DrawError: The named number is less than the floor, or more than there are subjects.
    """
    where = f"task {task.id}"
    if task.target is None:
        return 0 if task.min_ratio is None else rounded_up(ppm(task.min_ratio), population)
    if task.min_ratio is not None:
        check_floor(task.target, population, min_ratio=task.min_ratio, where=where)
    if task.target > population:
        raise DrawError(
            "{where}: target {target:,} is more than the {population:,} subjects of its frame",
            where=where,
            target=task.target,
            population=population,
        )
    return task.target


def targets(ratios_ppm: Sequence[int], populations: Sequence[int], *, at_least: int = 0) -> list[int]:
    """The number to draw in each stratum, each rounded up; raised by one factor until ``at_least`` are drawn in all.

    The factor is the smallest in steps of one millionth, so that ratios keep their order; no stratum
    goes beyond its population.
    """

    def scaled(factor: int) -> list[int]:
        pairs = zip(ratios_ppm, populations, strict=True)
        return [min(size, -(-ratio * size * factor // (_MILLION * _MILLION))) for ratio, size in pairs]

    low, high = _MILLION, _MILLION * _MILLION
    if sum(scaled(low)) >= at_least:
        return scaled(low)
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if sum(scaled(middle)) >= at_least else (middle, high)
    return scaled(high)


def extra_visits(strata: pd.DataFrame) -> tuple[int, int]:
    """Visits beyond the ratios' exact sum: by rounding up per stratum; and beyond the ratios, for a floor or named number."""
    pairs = list(zip(strata["ratio_ppm"].tolist(), strata["population"].tolist(), strict=True))
    exact = sum(ratio * size for ratio, size in pairs)
    rounded = sum(rounded_up(ratio, size) for ratio, size in pairs)
    return rounded - -(-exact // _MILLION), sum(strata["target"].tolist()) - rounded


class Inversion(NamedTuple):
    """Two strata of one industry of which the safer is drawn at a higher ratio, for want of halves of a visit."""

    industry: str
    safer: Mapping[Any, Any]
    riskier: Mapping[Any, Any]

    @property
    def cost(self) -> int:
        """How many more visits of the riskier stratum would bring its ratio up to that of the safer one."""
        n, size = self.safer["target"], self.safer["population"]
        return int(-(-n * self.riskier["population"] // size) - self.riskier["target"])


def inversions(strata: pd.DataFrame, places: Mapping[tuple[str, str], Mapping[str, str]]) -> list[Inversion]:
    """Where achieved ratios fall from a tier to the next riskier one of the same industry, or for NR below B; each pair once.

    Args:
        strata: The columns of ``STRATUM_COLUMNS``.
        places: By industry and region the stratum of each tier that has subjects there.
    """
    rows = {row["stratum"]: row for row in strata.to_dict("records")}
    found: dict[tuple[str, str], Inversion] = {}
    for (industry, _region), strata_of_tiers in sorted(places.items()):
        present = {tier: rows[name] for tier, name in strata_of_tiers.items() if rows[name]["population"]}
        for low, high in ordered_pairs(list(present)):
            safer, riskier = present[low], present[high]
            if safer["target"] * riskier["population"] > riskier["target"] * safer["population"]:
                found.setdefault((safer["stratum"], riskier["stratum"]), Inversion(industry, safer, riskier))
    return list(found.values())


def ordered_pairs(present: Sequence[str]) -> list[tuple[str, str]]:
    """Neighbours among the tiers that are there, from safe to risky, and the tier that NR may not fall below."""
    rated = [tier for tier in TIER_ORDER if tier in present and tier != NOT_RATED]
    below = [tier for tier in TIERS[: TIERS.index(PRESUMED) + 1] if tier in rated]
    return [*pairwise(rated), *([(below[-1], NOT_RATED)] if NOT_RATED in present and below else [])]


def notes_on(
    strata: pd.DataFrame, task: Task, about: Mapping[str, Any], places: Mapping[tuple[str, str], Mapping[str, str]]
) -> tuple[str, ...]:
    """What a planner should know before publishing the frame."""
    total, size = int(strata["target"].sum()), int(strata["population"].sum())
    (by_rounding, by_floor), notes = extra_visits(strata), []
    if by_rounding:
        notes.append(f"{total:,} visits; {by_rounding:,} of them by rounding up per stratum")
    if by_floor:
        notes.append(f"{total:,} visits; {by_floor:,} of them beyond the ratios, for the number or floor that the task names")
    if task.capacity is not None and total > task.capacity:
        notes.append(f"{total:,} visits are more than the capacity of {task.capacity:,}")
    notes += [_note_on(one) for one in inversions(strata, places)]
    lone = strata.loc[(strata["population"] == 1) & (strata["ratio_ppm"] < _MILLION), "stratum"].tolist()
    if lone and "joining" in about:
        notes.append(f"{len(lone)} strata hold one subject, which is drawn each time whatever its ratio: {', '.join(lone[:5])}")
    empty = strata.loc[(strata["population"] == 0), "stratum"].tolist()
    if empty:
        notes.append(f"{len(empty)} strata are empty after exemptions: {', '.join(empty[:5])}")
    if task.min_ratio is not None and size:
        check_floor(total, size, min_ratio=task.min_ratio, where=f"task {task.id}")
    if about["policy"]["effective"] > about["as_of"]:  # ISO days
        notes.append(f"the policy is effective only on {about['policy']['effective']}")
    return tuple(notes)


def _note_on(one: Inversion) -> str:
    """An inversion in one sentence, with its cost. ``verify_draw.py`` writes the same."""
    parts = [
        f"{row['tier']} {row['target'] / row['population'] * 100:.2f} % ({row['target']:,} of {row['population']:,})"
        for row in (one.safer, one.riskier)
    ]
    more = f"{one.cost:,} more visits would keep the order"
    return f"rounding draws {parts[0]} above {parts[1]} in {one.industry}: {more}"
