"""How the work is spread: visits by week, and by inspector."""

import pandas as pd

from creditscore.config.base import Language
from creditscore.reporting.book import PlanPage, RunBook
from creditscore.reporting.columns import column, label_or_code, rows_of
from creditscore.reporting.words import say
from creditscore.spreadsheet import Column, Sheet

WEEK_COLUMNS: tuple[Column, ...] = (
    column("task", width=16),
    column("week", "integer"),
    column("week_from", "date", width=12),
    column("week_to", "date", width=12),
    column("workdays", "integer"),
    column("visits", "integer"),
    column("visits_on_site", "integer"),
    column("visits_off_site", "integer"),
    column("visits_merged", "integer"),
)
STAFF_COLUMNS: tuple[Column, ...] = (
    column("task", width=16),
    column("staff_id", width=16),
    column("department", width=22),
    column("staff_region", width=16),
    column("certificate_valid_to", "date", width=16),
    column("staff_visits", "integer"),
    column("staff_leads", "integer"),
)
_NOT_DRAWN = say("未抽取", "Not drawn")


def week_sheet(book: RunBook) -> Sheet:
    """One row per task and week: who is still to be visited then, on site or not, merged or not."""
    frames = [_weeks(plan) for plan in book.plans if plan.drawn]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return Sheet(say("周工作量", "Weekly load"), WEEK_COLUMNS, rows_of(frame, WEEK_COLUMNS), note=_NOT_DRAWN)


def _weeks(plan: PlanPage) -> pd.DataFrame:
    goes = plan.visits[plan.visits["replaced_by"] == ""]
    counts = {
        "visits": goes,
        "visits_on_site": goes[goes["mode"] == "on_site"],
        "visits_off_site": goes[goes["mode"] == "off_site"],
        "visits_merged": goes[goes["merged_with"] != ""],
    }
    found = {name: plan.weeks["week"].map(part["week"].value_counts()).fillna(0).astype(int) for name, part in counts.items()}
    return plan.weeks.assign(task=plan.task.id, **found)


def staff_sheet(book: RunBook, lang: Language) -> Sheet:
    """One row per task and inspector who may go: visits, and how many of them as leader; none is a row too."""
    frames = [_staff(plan) for plan in book.plans if plan.drawn and len(plan.staff)]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if frames:
        frame["staff_region"] = label_or_code(dict(book.regions), frame["staff_region"], lang)
    drawn = any(plan.drawn for plan in book.plans)
    note = say("未提供检查人员库", "No staff list was given") if drawn else _NOT_DRAWN
    return Sheet(say("人员工作量", "Load of inspectors"), STAFF_COLUMNS, rows_of(frame, STAFF_COLUMNS), note=note)


def _staff(plan: PlanPage) -> pd.DataFrame:
    teams = plan.visits.loc[(plan.visits["replaced_by"] == "") & (plan.visits["via"] == ""), "team"]
    visits, leads = pd.Series([one for team in teams for one in team]), pd.Series([team[0] for team in teams if team])
    return plan.staff.assign(
        task=plan.task.id,
        staff_visits=plan.staff["staff_id"].map(visits.value_counts()).fillna(0).astype(int),
        staff_leads=plan.staff["staff_id"].map(leads.value_counts()).fillna(0).astype(int),
    )
