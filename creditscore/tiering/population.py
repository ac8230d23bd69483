"""Whom a task covers, and who leaves its frame before the draw, with the reason."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.config.tasks import Population, Task
from creditscore.errors import DataError
from creditscore.tiering.columns import Flags, Texts, as_frame, day_numbers, months_before, texts, unique_ids
from creditscore.tiering.tiers import Tiers
from creditscore.vocabulary import SAMPLING_TRIGGERS

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
        raise DataError(f"task {task.id}: {what}: expected a register of subjects to see it in (give records or subjects)")
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
    day = day_numbers(visits, "event_date")
    known = (day <= np.datetime64(as_of, "D")) & ~(day_numbers(visits, "known_date") > np.datetime64(as_of, "D"))
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
            repeated |= rows & (last > months_before(task.start, months))
    return repeated


def strata_of(frame: pd.DataFrame, task: Task) -> Texts:
    """The stratum of each subject: ``task|tier|industry``, with the region too where the task asks for it."""
    parts = [frame["tier"], frame["industry"].replace("", UNKNOWN)]
    if task.by_region:
        parts.append(frame["region"].replace("", UNKNOWN))
    strange = [text for column in parts for text in sorted(set(column)) if "|" in text or not text.isprintable()]
    if strange:
        raise DataError(f"task {task.id}: expected industries and regions without '|' ({len(strange)} have it)")
    name = task.id + "|" + parts[0]
    for column in parts[1:]:
        name = name + "|" + column
    return name.to_numpy(dtype=object)
