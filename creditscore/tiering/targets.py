"""How many to draw in each stratum: ratios in ppm, rounded up in integers, and checked."""

import datetime as dt
from collections.abc import Sequence

import pandas as pd

from creditscore.config.base import ppm
from creditscore.config.policy import TierOrNone, TierPolicy
from creditscore.config.tasks import Task
from creditscore.errors import DrawError

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
        task: With a ``min_ratio``, all targets are raised together until the whole task reaches it.
    """
    keys = ["stratum", "tier", "industry", *(["region"] if task.by_region else [])]
    table = frame.assign(exempt=frame["exempt_reason"] != "").groupby(keys, sort=True)["exempt"].agg(["size", "sum"]).reset_index()
    table["population"], table["exempt"] = (table["size"] - table["sum"]).astype(int), table["sum"].astype(int)
    table["region"] = table["region"] if task.by_region else ""
    table["full_coverage"] = table["industry"].isin(policy.full_coverage)
    pairs = zip(table["industry"], table["tier"], table["full_coverage"], strict=True)
    table["ratio_ppm"] = [_MILLION if full else _ratio(policy, task, name, tier) for name, tier, full in pairs]
    table["target"] = targets(table["ratio_ppm"].tolist(), table["population"].tolist(), min_ratio=task.min_ratio)
    cells = zip(table["industry"], table["tier"], strict=True)
    table["on_site_ppm"] = [policy.rules_for(name, task=task.id).of(tier).on_site_ppm for name, tier in cells]
    table["on_site"] = on_site(table["on_site_ppm"].tolist(), table["target"].tolist())
    return table.sort_values(["tier", "stratum"], key=_in_print, ignore_index=True)[list(STRATUM_COLUMNS)]


def _ratio(policy: TierPolicy, task: Task, industry: str, tier: TierOrNone) -> int:
    return policy.rules_for(industry, task=task.id).of(tier).ratio_ppm


def on_site(shares_ppm: Sequence[int], targets: Sequence[int]) -> list[int]:
    """How many of each stratum's drawn are visited on site: the share of the target, rounded up."""
    return [rounded_up(share, target) for share, target in zip(shares_ppm, targets, strict=True)]


def targets(ratios_ppm: Sequence[int], populations: Sequence[int], *, min_ratio: float | None) -> list[int]:
    """The number to draw in each stratum, each rounded up; raised by one factor where the task's floor asks for it.

    The factor is the smallest in steps of one millionth, so that ratios keep their order; no stratum
    goes beyond its population.
    """
    floor = 0 if min_ratio is None else rounded_up(ppm(min_ratio), sum(populations))
    low, high = _MILLION, _MILLION * _MILLION
    if sum(_scaled(ratios_ppm, populations, low)) >= floor:
        return _scaled(ratios_ppm, populations, low)
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if sum(_scaled(ratios_ppm, populations, middle)) >= floor else (middle, high)
    return _scaled(ratios_ppm, populations, high)


def _scaled(ratios_ppm: Sequence[int], populations: Sequence[int], factor: int) -> list[int]:
    pairs = zip(ratios_ppm, populations, strict=True)
    return [min(size, -(-ratio * size * factor // (_MILLION * _MILLION))) for ratio, size in pairs]


def overshoot(strata: pd.DataFrame) -> int:
    """Visits that rounding up adds: the targets less the ratios' exact sum, that sum rounded up once."""
    exact = sum(ratio * size for ratio, size in zip(strata["ratio_ppm"].tolist(), strata["population"].tolist(), strict=True))
    total: int = sum(strata["target"].tolist())
    once: int = -(-exact // _MILLION)
    return total - once


def notes_on(strata: pd.DataFrame, policy: TierPolicy, task: Task, *, as_of: dt.date) -> tuple[str, ...]:
    """What a planner should know before publishing the frame."""
    total, size = int(strata["target"].sum()), int(strata["population"].sum())
    extra, notes = overshoot(strata), []
    if extra:
        notes.append(f"{total:,} visits; {extra:,} of them by rounding up per stratum or raising to the task's floor")
    if task.capacity is not None and total > task.capacity:
        notes.append(f"{total:,} visits are more than the capacity of {task.capacity:,}")
    empty = strata.loc[(strata["population"] == 0), "stratum"].tolist()
    if empty:
        notes.append(f"{len(empty)} strata are empty after exemptions: {', '.join(empty[:5])}")
    if task.min_ratio is not None and size:
        check_floor(total, size, min_ratio=task.min_ratio, where=f"task {task.id}")
    if policy.effective > as_of:
        notes.append(f"the policy is effective only on {policy.effective}")
    return tuple(notes)


def _in_print(column: pd.Series) -> pd.Series:
    return column.replace("NR", "Z") if column.name == "tier" else column
