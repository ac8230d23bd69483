"""From the objects of tiering and models to the plain data of a book."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from creditscore.config.calendar import WorkCalendar
from creditscore.models.evaluate import Evaluation
from creditscore.reporting.book import Figure, PlanPage
from creditscore.tiering.drawn import DrawnPlan
from creditscore.tiering.plan import InspectionPlan
from creditscore.tiering.visits import Opened, visits_of_plans
from creditscore.tiering.weeks import Week, weeks_of


def plan_page(plan: InspectionPlan | DrawnPlan | Opened) -> PlanPage:
    """A plan on its own, drawn or not, as it is printed."""
    return plan_pages([Opened(plan) if isinstance(plan, DrawnPlan) else plan])[0]


def plan_pages(
    plans: Sequence[InspectionPlan | Opened],
    *,
    calendar: WorkCalendar | None = None,
    results: pd.DataFrame | None = None,
) -> tuple[PlanPage, ...]:
    """The plans of a day in their order: drawn ones with whom to visit now, in which week, and what a visit serves at once.

    ``results`` are visits that were handed in (``task, subject_id, event_date, mode, outcome, severity``): they stand
    in the list, and ``mode`` is then how the subject was checked.
    """
    days = calendar or WorkCalendar()
    visits = visits_of_plans([one for one in plans if isinstance(one, Opened)], calendar=days)
    if results is not None and len(results):
        visits = _with_results(visits, results)
    pages = []
    for one in plans:
        plan, day = (one.plan.plan, one.plan.drawn_on) if isinstance(one, Opened) else (one, None)
        weeks = weeks_of(plan.task.start, plan.task.end, days, not_before=day)
        if isinstance(one, Opened):
            drawn = one.plan
            own = visits[visits["task"] == drawn.task.id].reset_index(drop=True)
            page = _page(plan, drawn.sample, seed=drawn.seed, seed_source=_seed_source(one), weeks=weeks)
            pages.append(replace(page, visits=own, inspectors=_teams(drawn, own), staff=_staff(drawn)))
        else:
            undrawn = plan.frame.assign(ticket=None, drawn=False)
            pages.append(_page(plan, undrawn, seed="", seed_source="", weeks=weeks))
    return tuple(pages)


def _seed_source(opened: Opened) -> str:
    """Where the seed comes from, as the log of the draw says."""
    return next((str(line["seed_source"]) for line in opened.log if line["what"] == "drawn" and "seed_source" in line), "")


def _with_results(visits: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    told = results.rename(columns={"event_date": "visited_on", "severity": "found_severity", "mode": "checked"})
    columns = ["task", "subject_id", "visited_on", "checked", "outcome", "found_severity"]
    both = visits.merge(told[columns], on=["task", "subject_id"], how="left", validate="one_to_one")
    both["mode"] = both["checked"].fillna(both["mode"])
    return both.drop(columns="checked")


def _page(plan: InspectionPlan, frame: pd.DataFrame, *, seed: str, seed_source: str, weeks: list[Week]) -> PlanPage:
    return PlanPage(
        task=plan.task,
        strata=plan.strata.assign(ratio=plan.strata["ratio_ppm"] / 1_000_000, on_site_share=plan.strata["on_site_ppm"] / 1_000_000),
        frame=frame,
        frame_hash=plan.frame_hash,
        drawn=bool(seed),
        overshoot=plan.overshoot,
        raised=plan.raised,
        seed=seed,
        seed_source=seed_source,
        weeks=pd.DataFrame(
            [(week.number, week.first, week.last, week.workdays) for week in weeks],
            columns=["week", "week_from", "week_to", "workdays"],
        ),
    )


def _teams(drawn: DrawnPlan, visits: pd.DataFrame) -> pd.DataFrame:
    """One row per visit with a team: staff ids, the first day on which one of their certificates ends, who was recused."""
    if drawn.pool is None:
        return pd.DataFrame()
    ends = {member.staff_id: dt.date.fromisoformat(member.certificate_valid_to) for member in drawn.pool.members}
    rows = visits.loc[[bool(team) for team in visits["team"]], ["subject_id", "team"]].rename(columns={"team": "inspectors"})
    rows["certificate"] = [min((ends[staff] for staff in team if staff in ends), default=None) for team in rows["inspectors"]]
    recused: dict[str, list[str]] = {}
    for staff_id, subject_id in sorted(drawn.pool.recusals):
        recused.setdefault(subject_id, []).append(staff_id)
    return rows.assign(recusal=rows["subject_id"].map({subject: "、".join(staff) for subject, staff in recused.items()}))


def _staff(drawn: DrawnPlan) -> pd.DataFrame:
    """One row per inspector who may go."""
    members = drawn.pool.members if drawn.pool else ()
    rows = [(one.staff_id, one.department, one.region, dt.date.fromisoformat(one.certificate_valid_to)) for one in members]
    return pd.DataFrame(rows, columns=["staff_id", "department", "staff_region", "certificate_valid_to"])


def evaluation_figures(evaluation: Evaluation) -> dict[str, Figure]:
    """The measures with their intervals, where there are any."""
    intervals = evaluation.intervals
    return {name: Figure(value, *intervals.get(name, (None, None))) for name, value in evaluation.items()}


def evaluation_by_industry(evaluation: Evaluation) -> pd.DataFrame:
    """One row per industry of an evaluation that had industries as groups."""
    return evaluation.by_group.rename_axis("industry").reset_index()
