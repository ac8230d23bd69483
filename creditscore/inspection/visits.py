"""The visits of a day's drawn plans: each plan's roll, what one visit serves at once, the week, and p of every item."""

from __future__ import annotations

import dataclasses
import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np
import pandas as pd

from creditscore.config.tasks import Task
from creditscore.config.work_calendar import WorkCalendar
from creditscore.inspection.plan import DrawnPlan, InspectionPlan
from creditscore.vocabulary import OFF_SITE, ON_SITE

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Week:
    """One calendar week of a task, cut at the task's ends; ``number`` is 1 for the first."""

    number: int
    first: dt.date
    last: dt.date
    workdays: int


def weeks_of(start: dt.date, end: dt.date, calendar: WorkCalendar, *, not_before: dt.date | None = None) -> list[Week]:
    """The weeks, Monday to Sunday, from ``start`` to ``end`` (both included), with the days that offices work.

    Days ``not_before`` some day (of the draw) are no days for a visit: a week before it has none, one around it begins then.
    """
    found: list[Week] = []
    first, begin = start, max(start, not_before or start)
    while first <= end:
        last = min(end, first + (6 - first.weekday()) * _DAY)
        opens = min(max(first, begin), last)
        days = [opens + place * _DAY for place in range((last - opens).days + 1)] if last >= begin else []
        found.append(Week(len(found) + 1, opens, last, sum(calendar.is_workday(day) for day in days)))
        first = last + _DAY
    return found


def week_after(day: dt.date, weeks: list[Week], *, ticket: str) -> Week:
    """The week of a visit that is known only on a day: one of those left, by its ticket; the last where none is left."""
    left = [week for week in weeks if week.last > day and week.workdays] or weeks[-1:]
    return left[int(ticket, 16) % len(left)]


def spread(visits: int, weeks: list[Week]) -> list[Week]:
    """The week of each visit in its order: a week's share of the visits is its share of the working days, give or take one."""
    days = [week.workdays for week in weeks] if any(week.workdays for week in weeks) else [1] * len(weeks)
    ends = list(accumulate(days))
    return [weeks[bisect_right(ends, place * ends[-1] // visits)] for place in range(visits)]


#: Between the ids in ``merged_with``.
SEPARATOR = ";"


def partners(task: Task, others: Iterable[Task]) -> list[str]:
    """The ids of the tasks that a visit of this one can serve too, whichever of the two says so, in order."""
    named = {*task.merge_with, *task.also_checks}
    return sorted(other.id for other in others if other.id in named or task.id in (*other.merge_with, *other.also_checks))


def merge_plans(plans: Sequence[InspectionPlan], *, beside: Sequence[InspectionPlan] = ()) -> list[InspectionPlan]:
    """The undrawn plans of one day with ``merged_with`` filled in, each hashed again.

    ``merged_with`` of a subject names the tasks whose frame holds it too and whose item the same visit can
    check. It is part of the frame and of its hash: fixed before any seed. ``beside`` are plans of the day that
    stand already and do not change.
    """
    known = [*plans, *beside]
    tasks = [plan.task for plan in known]
    inside = {plan.task.id: plan.frame.loc[plan.frame["exempt_reason"] == "", "subject_id"] for plan in known}
    return [_merged(plan, partners(plan.task, tasks), inside) for plan in plans]


def _merged(plan: InspectionPlan, others: Sequence[str], inside: Mapping[str, pd.Series]) -> InspectionPlan:
    if not others:
        return plan
    frame, texts = plan.frame.copy(), np.full(len(plan.frame), "", dtype=object)
    stays = (frame["exempt_reason"] == "").to_numpy()
    for other in others:
        shared = stays & frame["subject_id"].isin(inside[other]).to_numpy()
        texts = np.where(shared, np.where(texts == "", other, texts + SEPARATOR + other), texts)
    frame["merged_with"] = texts
    merged = dataclasses.replace(plan, frame=frame, frame_hash="")
    merged.frame_hash = merged.hashed_again()
    return merged


def either(*probabilities: float) -> float:
    """The chance that at least one of several independent draws takes a subject.

    >>> either(0.5, 0.5)
    0.75
    """
    if len(probabilities) == 1:
        return probabilities[0]
    return 1.0 - prod(1.0 - p for p in probabilities)


ROLL_COLUMNS = (
    "task", "subject_id", "name", "industry", "region", "tier", "stratum", "inclusion_probability", "ticket", "mode",
    "mode_probability", "merged_with", "standing", "since", "replaces", "replaced_by", "team",
)  # fmt: skip
_MILLION = 1_000_000


def roll(drawn: DrawnPlan, log: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per subject that was to be visited at any time, by subject_id.

    ``standing`` is ``drawn``, ``replacement`` or ``late``; ``since`` is the day on which one that was not drawn was
    logged; ``replaced_by`` is empty for those who are still to be visited. ``mode_probability`` is the chance of
    being drawn *for that mode*: what makes a finding on site a label is the random on-site part, p = on_site / N of
    the stratum. ``team`` are staff ids, the leader first.
    """
    replaced = {line["subject_id"]: line for line in log if line["what"] == "replaced"}
    came = {line["replaced_by"]: line for line in log if line["what"] == "replaced"}
    sample = drawn.sample
    frame = sample[sample["drawn"] | sample["subject_id"].isin(list(came))].copy()
    frame["mode"] = [
        came[one]["mode"] if one in came else mode for one, mode in zip(frame["subject_id"], frame["mode"], strict=True)
    ]
    frame["mode_probability"] = _by_mode(frame, drawn.strata)
    frame["since"] = [dt.date.fromisoformat(came[one]["on"]) if one in came else None for one in frame["subject_id"]]
    frame["standing"] = ["replacement" if one in came else "drawn" for one in frame["subject_id"]]
    frame["replaces"] = [came[one]["subject_id"] if one in came else "" for one in frame["subject_id"]]
    teams = drawn.inspectors.sort_values(["subject_id", "place"]).groupby("subject_id")["staff_id"].agg(list).to_dict()
    teams |= {one: list(line["team"]) for one, line in came.items()}
    frame["team"] = [teams.get(one, []) for one in frame["subject_id"]]
    late = [_late(line, drawn) for line in log if line["what"] == "joined" and line["mode"]]
    frame = pd.concat([frame, pd.DataFrame(late, columns=frame.columns)], ignore_index=True) if late else frame
    frame["replaced_by"] = [replaced[one]["replaced_by"] if one in replaced else "" for one in frame["subject_id"]]
    return frame[list(ROLL_COLUMNS)].sort_values("subject_id", ignore_index=True)


def _by_mode(frame: pd.DataFrame, strata: pd.DataFrame) -> list[float]:
    columns = (strata[name].tolist() for name in ("stratum", "on_site", "target", "population"))
    numbers = {stratum: (on_site, target - on_site, size) for stratum, on_site, target, size in zip(*columns, strict=True)}
    found = []
    for stratum, mode in zip(frame["stratum"], frame["mode"], strict=True):
        on_site, off_site, size = numbers[stratum]
        found.append((on_site if mode == ON_SITE else off_site) / size)
    return found


def _late(line: Mapping[str, Any], drawn: DrawnPlan) -> dict[str, Any]:
    """A late subject as a row: p is its stratum's ratio, split by the share on site."""
    names = ("subject_id", "name", "industry", "region", "tier", "stratum", "ticket", "mode")
    share = line["on_site_ppm"] if line["mode"] == ON_SITE else _MILLION - line["on_site_ppm"]
    return {
        **{name: line[name] for name in names},
        "task": drawn.task.id,
        "drawn": True,
        "inclusion_probability": line["ratio_ppm"] / _MILLION,
        "mode_probability": line["ratio_ppm"] * share / _MILLION**2,
        "exempt_reason": "",
        "merged_with": "",
        "standing": "late",
        "since": dt.date.fromisoformat(line["on"]),
        "replaces": "",
        "team": list(line["team"]),
    }


VISIT_COLUMNS = (*ROLL_COLUMNS, "via", "week", "week_from", "full_coverage")


@dataclass(frozen=True)
class Opened:
    """A drawn plan and the lines of its log."""

    plan: DrawnPlan
    log: Sequence[Mapping[str, Any]] = ()


def visits_of_plans(plans: Sequence[Opened], *, calendar: WorkCalendar | None = None) -> pd.DataFrame:
    """One row per task and subject whose item is checked, by task and subject_id; the columns of :data:`VISIT_COLUMNS`.

    - ``standing``: ``drawn``, ``replacement``, ``late``, or ``also``: not drawn for this task, but visited for
      the task in ``via``, every visit of which checks this item too.
    - ``inclusion_probability`` and ``mode_probability`` (the chance of a visit in this mode) are those of the
      item: where another task's visits check it too, of the union of the draws.
    - ``merged_with``: the tasks that are served by the same visit, joined by ``;``.
    - ``week`` (1 for the task's first) and its first day; a merged visit has one week.

    Subjects that were replaced stay in it with ``replaced_by``: their outcome is a result too.
    """
    days = calendar or WorkCalendar()
    given = {one.plan.task.id: one for one in plans}
    rolls = {task: _with_weeks(roll(one.plan, one.log), one.plan, days) for task, one in given.items()}
    rows = [row for task in sorted(given) for row in _of_task(task, given, rolls)]
    frame = _one_visit_for_all(pd.DataFrame(rows, columns=list(VISIT_COLUMNS)), [one.plan for one in plans], days)
    return frame.sort_values(["task", "subject_id"], ignore_index=True)


def _with_weeks(frame: pd.DataFrame, plan: DrawnPlan, calendar: WorkCalendar) -> pd.DataFrame:
    """Weeks go by ticket over the whole task, so that each is a random part of the list, and stay as they are.

    A replacement takes the week of its place, if that is still to come; it and late subjects else one that is left.
    """
    weeks = weeks_of(plan.task.start, plan.task.end, calendar, not_before=plan.drawn_on)
    drawn = frame[frame["standing"] == "drawn"].sort_values(["ticket", "subject_id"])["subject_id"].tolist()
    found: dict[str, Week] = dict(zip(drawn, spread(len(drawn), weeks), strict=True))
    later: list[dict[Any, Any]] = frame[frame["standing"] != "drawn"].sort_values("subject_id").to_dict("records")
    while later:  # a replacement of a replacement waits for its place
        ready = [row for row in later if not row["replaces"] or row["replaces"] in found] or later
        found |= {str(row["subject_id"]): _week_of(row, found.get(str(row["replaces"])), weeks) for row in ready}
        later = [row for row in later if row["subject_id"] not in found]
    full = set(plan.strata.loc[plan.strata["full_coverage"].astype(bool), "stratum"])
    return frame.assign(
        via="",
        week=0,  # by the day, once merged visits have theirs
        week_from=[found[one].first for one in frame["subject_id"]],
        full_coverage=frame["stratum"].isin(full),
    )


def _week_of(row: Mapping[Any, Any], taken: Week | None, weeks: list[Week]) -> Week:
    """The week of a replacement or a late subject, which is known only since some day."""
    return taken if taken and taken.last > row["since"] else week_after(row["since"], weeks, ticket=row["ticket"])


def _of_task(task: str, given: Mapping[str, Opened], rolls: Mapping[str, pd.DataFrame]) -> list[dict[Any, Any]]:
    """The roll of a task and the visits of other tasks that check its item too, with p of either draw."""
    own: list[dict[Any, Any]] = rolls[task].to_dict("records")
    seers = [other for other, one in sorted(given.items()) if task in one.plan.task.also_checks]
    if not seers:
        return own
    shared = {other: _naming(given[task].plan, other) & _naming(given[other].plan, task) for other in seers}
    names, sample = ["stratum", "merged_with", "ticket"], given[task].plan.sample
    sealed = sample[sample["subject_id"].isin(_seen_by(seers, rolls))].set_index("subject_id")[names].to_dict("index")
    chances = {one: _chances(given[one].plan) for one in (task, *seers)}
    # Those replaced there too: what was found at their door is found for this item, and a row does not change afterwards.
    elsewhere = {other: {row["subject_id"]: row for row in rolls[other].to_dict("records")} for other in seers}
    rows, here = {row["subject_id"]: row for row in own}, {"task": task, "standing": "also", "replaces": ""}
    for other in seers:
        for subject, row in elsewhere[other].items():
            if subject in shared[other] and subject not in rows:
                rows[subject] = {**row, **sealed[subject], **here, "via": other}
    return [_of_either(row, shared, chances, elsewhere) for row in rows.values()]


def _naming(plan: DrawnPlan, other: str) -> set[str]:
    """The subjects of a frame that was sealed in the knowledge of another task's: one side alone has not the union's chance."""
    merged = plan.sample["merged_with"]
    naming = [text for text in merged.unique().tolist() if other in text.split(SEPARATOR)]
    return set(plan.sample.loc[merged.isin(naming), "subject_id"])


def _seen_by(tasks: Sequence[str], rolls: Mapping[str, pd.DataFrame]) -> set[str]:
    return {subject for task in tasks for subject in rolls[task]["subject_id"]}


def _chances(plan: DrawnPlan) -> dict[str, tuple[float, float]]:
    """By subject of the frame: the chance of a visit, and of one on site."""
    columns = (plan.strata[name].tolist() for name in ("stratum", "target", "on_site", "population"))
    strata = {name: (n / size, on_site / size) for name, n, on_site, size in zip(*columns, strict=True) if size}
    stays = plan.sample[plan.sample["exempt_reason"] == ""]
    return {subject: strata[stratum] for subject, stratum in zip(stays["subject_id"], stays["stratum"], strict=True)}


def _of_either(
    row: dict[Any, Any],
    shared: Mapping[str, set[str]],
    chances: Mapping[str, Mapping[str, tuple[float, float]]],
    elsewhere: Mapping[str, Mapping[str, Mapping[Any, Any]]],
) -> dict[Any, Any]:
    """The row with the probability of the union, for a subject that both frames share; on site if either visit is."""
    subject = row["subject_id"]
    seers = [other for other in elsewhere if subject in shared[other]]
    if not seers:
        return row
    parts = [chances[task][subject] for task in (row["task"], *seers)]
    anywhere, on_site = either(*(p for p, _ in parts)), either(*(p for _, p in parts))
    modes = {row["mode"], *(elsewhere[other][subject]["mode"] for other in seers if subject in elsewhere[other])}
    mode = ON_SITE if ON_SITE in modes else OFF_SITE
    chance = on_site if mode == ON_SITE else anywhere - on_site
    return {**row, "mode": mode, "inclusion_probability": anywhere, "mode_probability": chance}


def _one_visit_for_all(frame: pd.DataFrame, plans: Sequence[DrawnPlan], calendar: WorkCalendar) -> pd.DataFrame:
    """``merged_with`` as what comes true: the tasks that visit the subject too and may be merged, in one week."""
    tasks = [plan.task for plan in plans]
    allowed = {task.id: set(partners(task, tasks)) for task in tasks}
    together = frame[frame["replaced_by"] == ""].groupby("subject_id")["task"].agg(list).to_dict()
    merged = [
        SEPARATOR.join(sorted(allowed[task] & set(together.get(subject, ())) - {task})) if not gone else ""
        for task, subject, gone in zip(frame["task"], frame["subject_id"], frame["replaced_by"], strict=True)
    ]
    frame = frame.assign(merged_with=merged, week_from=_shared_weeks(frame.assign(merged_with=merged), tasks))
    weeks = {one.task.id: weeks_of(one.task.start, one.task.end, calendar, not_before=one.drawn_on) for one in plans}
    numbers = [_number(weeks[task], day) for task, day in zip(frame["task"], frame["week_from"], strict=True)]
    return frame.assign(week=numbers)


def _shared_weeks(frame: pd.DataFrame, tasks: Sequence[Task]) -> list[Any]:
    """The first day of each visit's week: of a merged visit the latest among its tasks, where all of them still run then."""
    ends = {task.id: task.end for task in tasks}
    days = frame["week_from"].tolist()
    for _, rows in frame[frame["merged_with"] != ""].groupby("subject_id", sort=True):
        day = rows["week_from"].max()
        if all(day <= ends[task] for task in rows["task"]):
            for place in rows.index:
                days[place] = day
    return days


def _number(weeks: Sequence[Week], day: Any) -> int:
    return next(week.number for week in weeks if day <= week.last)
