"""How many to draw in each stratum: ratios in ppm, rounded up in integers, and checked."""

import datetime as dt
from collections.abc import Iterable, Sequence

import pandas as pd

from creditscore.config.base import ppm
from creditscore.config.policy import TierPolicy
from creditscore.config.tasks import Task
from creditscore.errors import DrawError
from creditscore.vocabulary import TierOrNone

_MILLION = 1_000_000
STRATUM_COLUMNS = (
    "stratum", "tier", "industry", "region", "population", "target", "ratio_ppm", "on_site", "on_site_ppm",
    "full_coverage", "exempt",
)  # fmt: skip


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
        found = f"{drawn:,} of {population:,} is {drawn * 100 / population:.3f} %"
        raise DrawError(f"{where}: {found}, less than {min_ratio * 100:g} %: {needed:,} are needed")


def strata_table(frame: pd.DataFrame, policy: TierPolicy, task: Task) -> pd.DataFrame:
    """One row per stratum in the order A to D, NR, then by name: population, ratio, target, and how many of it on site.

    Args:
        frame: One row per subject: ``stratum, tier, industry, region, exempt_reason``.
        policy: The ratios.
        task: With a ``min_ratio`` or a ``target``, all targets are raised together until the whole task reaches it.

    Raises:
        DrawError: The task's ``target`` is less than its ``min_ratio``, or more than there are subjects.
    """
    keys = ["stratum", "tier", "industry", *(["region"] if task.by_region else [])]
    table = frame.assign(exempt=frame["exempt_reason"] != "").groupby(keys, sort=True)["exempt"].agg(["size", "sum"]).reset_index()
    table["population"], table["exempt"] = (table["size"] - table["sum"]).astype(int), table["sum"].astype(int)
    table["region"] = table["region"] if task.by_region else ""
    table["full_coverage"] = table["industry"].isin(policy.full_coverage)
    pairs = zip(table["industry"], table["tier"], table["full_coverage"], strict=True)
    table["ratio_ppm"] = [_MILLION if full else _ratio(policy, task, name, tier) for name, tier, full in pairs]
    populations = table["population"].tolist()
    table["target"] = targets(table["ratio_ppm"].tolist(), populations, at_least=least(task, sum(populations)))
    cells = zip(table["industry"], table["tier"], strict=True)
    table["on_site_ppm"] = [policy.rules_for(name, task=task.id).of(tier).on_site_ppm for name, tier in cells]
    table["on_site"] = on_site(table["on_site_ppm"].tolist(), table["target"].tolist())
    return table.sort_values(["tier", "stratum"], key=_in_print, ignore_index=True)[list(STRATUM_COLUMNS)]


def _ratio(policy: TierPolicy, task: Task, industry: str, tier: TierOrNone) -> int:
    return policy.rules_for(industry, task=task.id).of(tier).ratio_ppm


def on_site(shares_ppm: Sequence[int], targets: Sequence[int]) -> list[int]:
    """How many of each stratum's drawn are visited on site: the share of the target, rounded up."""
    return [rounded_up(share, target) for share, target in zip(shares_ppm, targets, strict=True)]


def least(task: Task, population: int) -> int:
    """How many the whole task must draw at least: the number its plan names, or its floor, rounded up; 0 without either.

    Raises:
        DrawError: The named number is less than the floor, or more than there are subjects.
    """
    where = f"task {task.id}"
    if task.target is None:
        return 0 if task.min_ratio is None else rounded_up(ppm(task.min_ratio), population)
    if task.min_ratio is not None:
        check_floor(task.target, population, min_ratio=task.min_ratio, where=where)
    if task.target > population:
        raise DrawError(f"{where}: target {task.target:,} is more than the {population:,} subjects of its frame")
    return task.target


def targets(ratios_ppm: Sequence[int], populations: Sequence[int], *, at_least: int = 0) -> list[int]:
    """The number to draw in each stratum, each rounded up; raised by one factor until ``at_least`` are drawn in all.

    The factor is the smallest in steps of one millionth, so that ratios keep their order; no stratum
    goes beyond its population.
    """
    low, high = _MILLION, _MILLION * _MILLION
    if sum(_scaled(ratios_ppm, populations, low)) >= at_least:
        return _scaled(ratios_ppm, populations, low)
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if sum(_scaled(ratios_ppm, populations, middle)) >= at_least else (middle, high)
    return _scaled(ratios_ppm, populations, high)


def _scaled(ratios_ppm: Sequence[int], populations: Sequence[int], factor: int) -> list[int]:
    pairs = zip(ratios_ppm, populations, strict=True)
    return [min(size, -(-ratio * size * factor // (_MILLION * _MILLION))) for ratio, size in pairs]


def overshoot(strata: pd.DataFrame) -> int:
    """Visits that rounding up in every stratum adds to the ratios' exact sum, that sum rounded up once."""
    pairs = list(zip(strata["ratio_ppm"].tolist(), strata["population"].tolist(), strict=True))
    exact: int = sum(ratio * size for ratio, size in pairs)
    return sum(_rounded(pairs)) - -(-exact // _MILLION)


def raised(strata: pd.DataFrame) -> int:
    """Visits beyond the ratios that the task's floor or its named number adds."""
    pairs = zip(strata["ratio_ppm"].tolist(), strata["population"].tolist(), strict=True)
    total: int = sum(strata["target"].tolist())
    return total - sum(_rounded(pairs))


def _rounded(pairs: Iterable[tuple[int, int]]) -> list[int]:
    return [rounded_up(ratio, size) for ratio, size in pairs]


def notes_on(strata: pd.DataFrame, task: Task, *, effective: dt.date, as_of: dt.date) -> tuple[str, ...]:
    """What a planner should know before publishing the frame; ``effective`` is the first day of its policy."""
    total, size = int(strata["target"].sum()), int(strata["population"].sum())
    extra, more, notes = overshoot(strata), raised(strata), []
    if extra:
        notes.append(f"{total:,} visits; {extra:,} of them by rounding up per stratum")
    if more:
        notes.append(f"{total:,} visits; {more:,} of them beyond the ratios, for the number or floor that the task names")
    if task.capacity is not None and total > task.capacity:
        notes.append(f"{total:,} visits are more than the capacity of {task.capacity:,}")
    empty = strata.loc[(strata["population"] == 0), "stratum"].tolist()
    if empty:
        notes.append(f"{len(empty)} strata are empty after exemptions: {', '.join(empty[:5])}")
    if task.min_ratio is not None and size:
        check_floor(total, size, min_ratio=task.min_ratio, where=f"task {task.id}")
    if effective > as_of:
        notes.append(f"the policy is effective only on {effective}")
    return tuple(notes)


def _in_print(column: pd.Series) -> pd.Series:
    return column.replace("NR", "Z") if column.name == "tier" else column
