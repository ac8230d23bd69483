"""The visits of a day's drawn plans: who is visited for each task, what one visit serves at once, in which week, with which p."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Any

import pandas as pd

from creditscore.config.tasks import Task
from creditscore.config.work_calendar import WorkCalendar
from creditscore.inspection.frame_rows import SEPARATOR
from creditscore.inspection.inspectors import teams_now
from creditscore.inspection.merkle import sha256
from creditscore.inspection.plan import DrawnPlan, InspectionPlan
from creditscore.inspection.sampling_frame import SamplingFrame
from creditscore.vocabulary import OFF_SITE, ON_SITE

#: The columns of the list of one plan; see :func:`list_visits`.
PLAN_VISIT_COLUMNS = (
    "task", "subject_id", "name", "industry", "region", "tier", "stratum", "inclusion_probability", "ticket", "mode",
    "mode_probability", "merged_with", "standing", "since", "replaces", "replaced_by", "team",
)  # fmt: skip
#: The columns of the visits of all plans; see :func:`visits_of_plans`.
VISIT_COLUMNS = (*PLAN_VISIT_COLUMNS, "via", "week", "week_from", "full_coverage")
_DAY = dt.timedelta(days=1)
_MILLION = 1_000_000

Row = dict[Any, Any]


@dataclass(frozen=True)
class Opened:
    """A drawn plan and the lines of its log."""

    plan: DrawnPlan
    log: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Week:
    """One calendar week of a task, cut at the task's ends; ``number`` is 1 for the first."""

    number: int
    first: dt.date
    last: dt.date
    #: By plain weeks where the calendar lacks the notice of the year: visits need a week all the same.
    workdays: int
    #: Whether the calendar knows its days.
    known: bool = True


def weeks_of(start: dt.date, end: dt.date, calendar: WorkCalendar, *, not_before: dt.date | None = None) -> list[Week]:
    """The weeks, Monday to Sunday, from ``start`` to ``end`` (both included), with the days that offices work.

    No visit is made before ``not_before``, the day of the draw: a week before it has no working days, and the week that
    holds it begins on it.
    """
    weeks: list[Week] = []
    first, begin = start, max(start, not_before or start)
    while first <= end:
        last = min(end, first + (6 - first.weekday()) * _DAY)
        opens = min(max(first, begin), last)
        days = [opens + offset * _DAY for offset in range((last - opens).days + 1)] if last >= begin else []
        worked = sum(calendar.is_workday(day) for day in days)
        weeks.append(Week(len(weeks) + 1, opens, last, worked, calendar.knows(opens, last)))
        first = last + _DAY
    return weeks


def spread(visits: int, weeks: list[Week]) -> list[Week]:
    """The week of each visit in its order: a week's share of the visits is its share of the working days, to within one visit."""
    days = [week.workdays for week in weeks] if any(week.workdays for week in weeks) else [1] * len(weeks)
    ends = list(accumulate(days))
    return [weeks[bisect_right(ends, number * ends[-1] // visits)] for number in range(visits)]


def merge_partners(task: Task, others: Iterable[Task]) -> list[str]:
    """The ids, sorted, of the tasks that a visit of this task can serve too. It is enough that one of the two names the other."""
    named = {*task.merge_with, *task.also_checks}
    return sorted(other.id for other in others if other.id in named or task.id in (*other.merge_with, *other.also_checks))


def merge_plans(plans: Sequence[InspectionPlan], *, beside: Sequence[SamplingFrame] = ()) -> list[InspectionPlan]:
    """The undrawn plans of one day with ``merged_with`` filled in, each hashed again.

    ``merged_with`` of a subject names the tasks whose frame holds it too and whose item the same visit can
    check. It is part of the frame and of its hash: fixed before any seed.

    Args:
        plans: The plans to fill in.
        beside: Other plans of the day, which do not change.
    """
    known = [*plans, *beside]
    tasks = [plan.task for plan in known]
    rows = {plan.task.id: plan.rows for plan in known}
    merged = []
    for plan in plans:
        others = merge_partners(plan.task, tasks)
        shared = plan.rows.merged({other: rows[other] for other in others})
        merged.append(plan.changed(rows=shared) if others else plan)
    return merged


def list_visits(drawn: DrawnPlan, log: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per subject that was to be visited at any time, by subject_id; the columns of :data:`PLAN_VISIT_COLUMNS`.

    ``standing`` is ``drawn``, ``replacement`` or ``late``; ``since`` is the day on which one that was not drawn was
    logged; ``replaced_by`` is empty for those who are still to be visited. ``mode_probability`` is the chance of
    being drawn *for that mode*: what makes a finding on site a label is the random on-site part, p = on_site / N of
    the stratum. ``team`` are staff ids, the leader first.
    """
    replaced = {line["subject_id"]: line for line in log if line["what"] == "replaced"}
    substitutes = {line["replaced_by"]: line for line in replaced.values()}
    sample = drawn.sample
    frame = sample[sample["drawn"] | sample["subject_id"].isin(list(substitutes))].copy()
    ids = frame["subject_id"].tolist()
    came = [substitutes.get(subject) for subject in ids]
    teams = teams_now(drawn, log)
    frame["mode"] = [line["mode"] if line else mode for line, mode in zip(came, frame["mode"], strict=True)]
    strata = drawn.strata.set_index("stratum")
    target, on_site, size = (frame["stratum"].map(strata[name]) for name in ("target", "on_site", "population"))
    frame["mode_probability"] = on_site.where(frame["mode"] == ON_SITE, target - on_site) / size
    frame["since"] = pd.Series([dt.date.fromisoformat(line["on"]) if line else None for line in came], frame.index, dtype=object)
    frame["standing"] = ["replacement" if line else "drawn" for line in came]
    frame["replaces"] = [line["subject_id"] if line else "" for line in came]
    late = [_late_row(line, drawn.task) for line in log if line["what"] == "joined" and line["mode"]]
    frame = pd.concat([frame, pd.DataFrame(late, columns=frame.columns)], ignore_index=True) if late else frame
    frame["replaced_by"] = [replaced[one]["replaced_by"] if one in replaced else "" for one in frame["subject_id"]]
    frame["team"] = [teams.get(one, []) for one in frame["subject_id"]]
    return frame[list(PLAN_VISIT_COLUMNS)].sort_values("subject_id", ignore_index=True)


def _late_row(line: Mapping[str, Any], task: Task) -> Row:
    """A late subject: p is its stratum's ratio, split by the share on site."""
    names = ("subject_id", "name", "industry", "region", "tier", "stratum", "ticket", "mode")
    share = line["on_site_ppm"] if line["mode"] == ON_SITE else _MILLION - line["on_site_ppm"]
    return {
        **{name: line[name] for name in names},
        "task": task.id,
        "drawn": True,
        "inclusion_probability": line["ratio_ppm"] / _MILLION,
        "mode_probability": line["ratio_ppm"] * share / _MILLION**2,
        "exempt_reason": "",
        "merged_with": "",
        "standing": "late",
        "since": dt.date.fromisoformat(line["on"]),
        "replaces": "",
    }


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
    opened = {one.plan.task.id: one.plan for one in plans}
    weeks = {one: weeks_of(plan.task.start, plan.task.end, days, not_before=plan.drawn_on) for one, plan in opened.items()}
    lists = {one.plan.task.id: _with_weeks(list_visits(one.plan, one.log), one.plan, weeks[one.plan.task.id]) for one in plans}
    rows = [row for task in sorted(opened) for row in _item_visits(task, opened, lists)]
    frame = _merge_visits(pd.DataFrame(rows, columns=list(VISIT_COLUMNS)), [plan.task for plan in opened.values()])
    dates = zip(frame["task"], frame["week_from"], strict=True)
    frame["week"] = [next(week.number for week in weeks[task] if day <= week.last) for task, day in dates]
    return frame.sort_values(["task", "subject_id"], ignore_index=True)


def _with_weeks(frame: pd.DataFrame, plan: DrawnPlan, weeks: list[Week]) -> pd.DataFrame:
    """Weeks go by a hash of the ticket over the whole task: each is a random part of the list, and does not change afterwards.

    By the ticket itself those of tiers with small ratios would come first, and the day of a visit, which is published, would
    tell the tier.

    Replacements and late subjects take one of the weeks that are left, by ticket; the last where none is left. In the week of
    whom it replaces a replacement would be told by the days that the list at the task's end has. In plans of format 2 it takes
    that week, if it is still to come.
    """
    chosen = frame[frame["standing"] == "drawn"]
    turn = chosen["ticket"] if plan.plan.format == 2 else chosen["ticket"].map(sha256)
    drawn = chosen.assign(turn=turn).sort_values(["turn", "subject_id"])["subject_id"].tolist()
    week_of: dict[str, Week] = dict(zip(drawn, spread(len(drawn), weeks), strict=True))
    later: list[Row] = frame[frame["standing"] != "drawn"].sort_values("subject_id").to_dict("records")
    while later:  # a replacement of a replacement waits for the one it replaces
        ready = [row for row in later if not row["replaces"] or row["replaces"] in week_of] or later
        for row in ready:
            week = week_of.get(str(row["replaces"])) if plan.plan.format == 2 else None
            if week is None or week.last <= row["since"]:
                left = [one for one in weeks if one.last > row["since"] and one.workdays] or weeks[-1:]
                week = left[int(row["ticket"], 16) % len(left)]
            week_of[str(row["subject_id"])] = week
        later = [row for row in later if row["subject_id"] not in week_of]
    full = set(plan.strata.loc[plan.strata["full_coverage"].astype(bool), "stratum"])
    return frame.assign(
        via="",
        week=0,  # numbered once merged visits have their day
        week_from=[week_of[one].first for one in frame["subject_id"]],
        full_coverage=frame["stratum"].isin(full),
    )


def _item_visits(task: str, plans: Mapping[str, DrawnPlan], lists: Mapping[str, pd.DataFrame]) -> list[Row]:
    """The list of a task and the visits of other tasks that check its item too, with p of the union of the draws."""
    own: list[Row] = lists[task].to_dict("records")
    checkers = [other for other, plan in sorted(plans.items()) if task in plan.task.also_checks]
    if not checkers:
        return own
    shared = {other: _knowing(plans[task], other) & _knowing(plans[other], task) for other in checkers}
    chances = {one: _chances(plans[one]) for one in (task, *checkers)}
    # With subjects that were replaced there: if they were visited, the result also counts for this item, and its row stays.
    elsewhere: dict[str, dict[str, Row]] = {
        other: {row["subject_id"]: row for row in lists[other].to_dict("records")} for other in checkers
    }
    visited = {subject for visits in elsewhere.values() for subject in visits}
    sample = plans[task].sample
    names = ["stratum", "merged_with", "ticket"]
    sealed = sample[sample["subject_id"].isin(visited)].set_index("subject_id")[names].to_dict("index")
    rows = {row["subject_id"]: row for row in own}
    for other in checkers:
        for subject, row in elsewhere[other].items():
            if subject in shared[other] and subject not in rows:
                rows[subject] = {**row, **sealed[subject], "task": task, "standing": "also", "replaces": "", "via": other}
    return [_with_union(row, shared, chances, elsewhere) for row in rows.values()]


def _knowing(plan: DrawnPlan, other: str) -> set[str]:
    """The subjects of a frame that was sealed in the knowledge of another task's: one side alone has not the union's chance."""
    merged = plan.sample["merged_with"]
    naming = [text for text in merged.unique().tolist() if other in text.split(SEPARATOR)]
    return set(plan.sample.loc[merged.isin(naming), "subject_id"])


def _chances(plan: DrawnPlan) -> dict[str, tuple[float, float]]:
    """By subject of the frame: the chance of a visit, and of one on site."""
    columns = (plan.strata[name].tolist() for name in ("stratum", "target", "on_site", "population"))
    strata = {name: (n / size, on_site / size) for name, n, on_site, size in zip(*columns, strict=True) if size}
    stays = plan.sample[plan.sample["exempt_reason"] == ""]
    return {subject: strata[stratum] for subject, stratum in zip(stays["subject_id"], stays["stratum"], strict=True)}


def _with_union(
    row: Row,
    shared: Mapping[str, set[str]],
    chances: Mapping[str, Mapping[str, tuple[float, float]]],
    elsewhere: Mapping[str, Mapping[str, Row]],
) -> Row:
    """The row with the probability of the union, for a subject that the frames share; on site if any visit is."""
    subject = row["subject_id"]
    checkers = [other for other in elsewhere if subject in shared[other]]
    if not checkers:
        return row
    parts = [chances[task][subject] for task in (row["task"], *checkers)]
    anywhere, on_site = (1.0 - prod(1.0 - p for p in column) for column in zip(*parts, strict=True))
    modes = {row["mode"], *(elsewhere[other][subject]["mode"] for other in checkers if subject in elsewhere[other])}
    mode = ON_SITE if ON_SITE in modes else OFF_SITE
    chance = on_site if mode == ON_SITE else anywhere - on_site
    return {**row, "mode": mode, "inclusion_probability": anywhere, "mode_probability": chance}


def _merge_visits(frame: pd.DataFrame, tasks: Sequence[Task]) -> pd.DataFrame:
    """``merged_with`` as it comes true: the tasks that visit the subject too and may be merged, all in one week.

    That is the latest of their weeks, where all of the tasks still run then.
    """
    partners = {task.id: set(merge_partners(task, tasks)) for task in tasks}
    ends = {task.id: task.end for task in tasks}
    together = frame[frame["replaced_by"] == ""].groupby("subject_id")["task"].agg(list).to_dict()
    merged = [
        SEPARATOR.join(sorted(partners[task] & set(together.get(subject, ())) - {task})) if not gone else ""
        for task, subject, gone in zip(frame["task"], frame["subject_id"], frame["replaced_by"], strict=True)
    ]
    frame = frame.assign(merged_with=merged)
    days = frame["week_from"].tolist()
    for _, rows in frame[frame["merged_with"] != ""].groupby("subject_id", sort=True):
        day = rows["week_from"].max()
        if all(day <= ends[task] for task in rows["task"]):
            for position in rows.index:
                days[position] = day
    return frame.assign(week_from=days)
