"""How many to draw in each stratum: ratios in ppm, rounded up in integers, and checked."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.config.spec import ppm
from creditscore.config.tasks import Population, Task
from creditscore.dataframes import Flags, Texts, as_frame, day_column, texts, unique_ids
from creditscore.dates import months_before
from creditscore.errors import DataError, DrawError
from creditscore.tiering.tiers import Tiers
from creditscore.vocabulary import SAMPLING_TRIGGERS, TierOrNone

FORMAT = "creditscore-frame/2"
#: What the hash covers of each subject and of each stratum, in this order.
SUBJECT_KEYS = ("subject_id", "name", "industry", "region", "tier", "stratum", "exempt_reason", "merged_with")
STRATUM_KEYS = (
    "stratum", "tier", "industry", "region", "population", "target", "ratio_ppm", "on_site", "on_site_ppm",
    "full_coverage", "exempt",
)  # fmt: skip


def frame_hash(about: Mapping[str, Any], strata: Iterable[Sequence[Any]], subjects: Iterable[Sequence[Any]]) -> str:
    """The SHA-256 of a frame: the task, the policy, the targets and every subject with its stratum.

    The text has a line per thing, each a JSON value without blanks, UTF-8: the format, ``about``
    (keys in order), the strata by name, the subjects by subject_id. Row order does not matter.

    Args:
        about: Task, day, policy.
        strata: Rows of :data:`STRATUM_KEYS`.
        subjects: Rows of :data:`SUBJECT_KEYS`, all texts.

    Raises:
        DrawError: A subject stands in the frame twice.
    """
    digest, last = hashlib.sha256(), None
    for line in (FORMAT, dict(about), *sorted(map(tuple, strata))):
        digest.update(_line(line))
    for row in sorted(map(tuple, subjects)):
        if row[0] == last:
            raise DrawError("frame: expected each subject once (got {last} twice)", last=last)
        last = row[0]
        digest.update(_line(row))
    return digest.hexdigest()


def _line(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n").encode()


_REGISTER = ("name", "industry", "region", "subject_type", "status")
#: Why a subject leaves a frame before the draw; see :func:`exemptions`.
REASONS = ("deregistered", "annual_cap", "repeat")
UNKNOWN = "unknown"


def covered(tiers: Tiers, register: pd.DataFrame | None, task: Task) -> pd.DataFrame:
    """The subjects of a task, by subject_id: ``subject_id, tier, name, industry, region, subject_type, status``.

    What is unknown is ``""``; an unknown industry, region or type belongs to every task.

    Raises:
        DataError: The task names regions or types and there is no register to see them in.
    """
    rows = tiers.frame[["subject_id", "tier", "industry"]].astype(object).sort_values("subject_id", ignore_index=True)
    wanted = {"regions": task.population.regions, "subject_types": task.population.subject_types}
    asked = [name for name, values in wanted.items() if values]
    if register is None and (asked or task.by_region):
        what = ", ".join(asked) or "by_region"
        raise DataError(
            "task {task_id}: {what}: expected a register of subjects to see it in (give records or subjects)",
            task_id=task.id,
            what=what,
        )
    known = _looked_up(pd.Index(rows["subject_id"]), register)
    own = texts(rows, "industry")
    known["industry"] = np.where(own == "", known["industry"], own)
    # A practitioner's name is a person's: plans know practitioners by their licence number.
    known["name"] = np.where(known["subject_type"] == "practitioner", "", known["name"])
    frame = pd.DataFrame({"subject_id": rows["subject_id"], "tier": rows["tier"], **known})
    return frame[_in_population(frame, task.population)].reset_index(drop=True)


def _looked_up(ids: pd.Index, register: pd.DataFrame | None) -> dict[str, Texts]:
    if register is None or not len(register):
        return {name: np.full(len(ids), "", dtype=object) for name in _REGISTER}
    frame = as_frame(register, needs=["subject_id"], what="subjects")
    place = unique_ids(frame, what="subjects").get_indexer(ids)
    return {name: np.append(texts(frame, name), "")[place] for name in _REGISTER}


def _in_population(frame: pd.DataFrame, population: Population) -> Flags:
    inside = np.ones(len(frame), dtype=bool)
    for name, wanted in (("industry", population.industries), ("subject_type", population.subject_types)):
        if wanted:
            inside &= frame[name].isin([*wanted, ""]).to_numpy()
    if population.regions:
        prefixes = tuple(_prefix(region) for region in population.regions)
        inside &= np.array([region == "" or region.startswith(prefixes) for region in frame["region"]], dtype=bool)
    return inside


def _prefix(region: str) -> str:
    """``431100`` is the whole of ``4311``: pairs of zeros at the end name no district."""
    while len(region) > 2 and region.endswith("00"):
        region = region[:-2]
    return region


def exemptions(frame: pd.DataFrame, policy: TierPolicy, task: Task, *, history: Any, as_of: dt.date) -> Texts:
    """Why a subject leaves the frame before the draw; ``""`` for those who stay.

    ``deregistered``; ``annual_cap``: as many visits of any kind in the calendar year of the task as
    ``policy.annual_cap`` allows (several on one day are one); ``repeat``: drawn at random within the
    ``repeat_within_months`` of its tier before the task starts (not where coverage is full).
    """
    reason = np.where(frame["status"] == "deregistered", "deregistered", "").astype(object)
    if history is None:
        return reason
    visits = as_frame(history, needs=["subject_id", "event_date", "trigger"], what="history of inspections")
    day = day_column(visits, "event_date")
    known = (day <= np.datetime64(as_of, "D")) & ~(day_column(visits, "known_date") > np.datetime64(as_of, "D"))
    visits = pd.DataFrame({"subject_id": visits["subject_id"], "trigger": texts(visits, "trigger"), "day": day})[known]
    reason = np.where((reason == "") & _capped(frame, visits, policy, task), "annual_cap", reason)
    return np.where((reason == "") & _repeated(frame, visits, policy, task), "repeat", reason)


def _capped(frame: pd.DataFrame, visits: pd.DataFrame, policy: TierPolicy, task: Task) -> Flags:
    this_year = visits[visits["day"] >= np.datetime64(f"{task.start.year}-01-01", "D")]
    counts = this_year.drop_duplicates(["subject_id", "day"])["subject_id"].value_counts()
    capped: Flags = frame["subject_id"].isin(counts.index[counts >= policy.annual_cap]).to_numpy()
    return capped


def _repeated(frame: pd.DataFrame, visits: pd.DataFrame, policy: TierPolicy, task: Task) -> Flags:
    drawn = visits[visits["trigger"].isin(SAMPLING_TRIGGERS)]
    last = drawn.groupby("subject_id")["day"].max().reindex(frame["subject_id"]).to_numpy(dtype="datetime64[D]")
    repeated = np.zeros(len(frame), dtype=bool)
    for industry, tier in sorted(set(zip(frame["industry"], frame["tier"], strict=True))):
        months = policy.rules_for(industry, task=task.id).of(tier).repeat_within_months
        if months and industry not in policy.full_coverage:
            rows = (frame["industry"] == industry).to_numpy() & (frame["tier"] == tier).to_numpy()
            repeated |= rows & (last > np.datetime64(months_before(task.start, months), "D"))
    return repeated


def strata_of(frame: pd.DataFrame, task: Task) -> Texts:
    """The stratum of each subject: ``task|tier|industry``, with the region too where the task asks for it."""
    parts = [frame["tier"], frame["industry"].replace("", UNKNOWN)]
    if task.by_region:
        parts.append(frame["region"].replace("", UNKNOWN))
    strange = [text for column in parts for text in sorted(set(column)) if "|" in text or not text.isprintable()]
    if strange:
        raise DataError(
            "task {task_id}: expected industries and regions without '|' ({n_strange} have it)",
            task_id=task.id,
            n_strange=len(strange),
        )
    name = task.id + "|" + parts[0]
    for column in parts[1:]:
        name = name + "|" + column
    return name.to_numpy(dtype=object)


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
        raise DrawError(
            "{where}: {found}, less than {min_ratio:g} %: {needed:,} are needed",
            where=where,
            found=found,
            min_ratio=min_ratio * 100,
            needed=needed,
        )


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
