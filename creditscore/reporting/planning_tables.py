"""How the work is spread: visits by week, and by inspector."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from creditscore.inspection.plan_folder import OUTCOME_WORDS
from creditscore.inspection.visits import SEPARATOR
from creditscore.language import Words, _, pgettext
from creditscore.reporting.columns import column, label_or_code, period_text, rows_of, with_labels
from creditscore.reporting.run_book import PlanPage, RunBook, described
from creditscore.reporting.words import DECISIONS, MODES, STANDINGS, SUBJECT_TYPES
from creditscore.spreadsheet import Column, Sheet
from creditscore.tiering.signatures import grounds_hash

RATIO_SHEET = _("Ratios")
LIST_SHEET = _("Drawn list")
REVIEW_SHEET = _("To review")
INSPECTOR_SHEET = pgettext("sheet", "Inspectors")

#: The list shows the beginning of a ticket, enough to see the order; sample.csv holds all of it.
TICKET_SHOWN = 16

RATIO_COLUMNS: tuple[Column, ...] = (
    column("task", width=16),
    column("industry_label", width=18),
    column("tier", width=7),
    column("population", "integer"),
    column("ratio", "percent", editable=True),
    column("target", "integer"),
    column("on_site", "integer"),
    column("effective_ratio", "percent"),
    column("base_ratio", "percent"),
    column("exempt", "integer"),
    column("on_site_share", "percent"),
    column("visits_per_year", "integer"),
    column("repeat_within_months", "integer"),
    column("task_label", width=24),
    column("check_item", width=24),
    column("department"),
    column("joint_with"),
    column("period", width=25),
    column("stratum", width=28),
    column("industry"),
)


#: Columns of the drawn list; the last ones are filled in by inspectors and read back.
LIST_COLUMNS: tuple[Column, ...] = (
    column("task", width=16),
    column("order", "integer", width=7),
    column("subject_id", width=21),
    column("name", width=34),
    column("subject_type"),
    column("industry_label", width=18),
    column("region_label", width=14),
    column("registration_authority", width=22),
    column("address", width=30),
    column("tier", width=7),
    column("score", "integer"),
    column("stratum", width=28),
    column("inclusion_probability", "percent"),
    column("mode_probability", "percent"),
    column("ticket", width=18),
    column("reason_1", width=22),
    column("reason_2", width=22),
    column("reason_3", width=22),
    column("reason_4", width=22),
    column("standing", width=10),
    column("replaced_by", width=21),
    column("merged_with"),
    column("week", "integer", width=8),
    column("week_from", "date", width=12),
    column("inspectors", width=18),
    column("visited_on", "date", editable=True, width=12),
    column("mode", choices=tuple(MODES.values()), editable=True),
    column("outcome", choices=tuple(OUTCOME_WORDS.values()), editable=True, width=16),
    column("found_severity", "integer", editable=True),
)


#: Columns of the sheet on which a person signs or refuses proposed tiers.
REVIEW_COLUMNS: tuple[Column, ...] = (
    column("subject_id", width=21),
    column("name", width=34),
    column("subject_type"),
    column("industry_label", width=18),
    column("region_label", width=14),
    column("registration_authority", width=22),
    column("raw_tier", width=10),
    column("previous_tier", width=10),
    column("tier", width=10),
    column("rule", width=28),
    column("score", "integer"),
    column("reason_1", width=22),
    column("reason_2", width=22),
    column("evidence", width=24),
    column("decision", choices=tuple(DECISIONS.values()), editable=True),
    column("reviewer", editable=True, width=14),
    column("review_reason", editable=True, width=28),
    column("reviewed_on", "date", editable=True, width=12),
    column("grounds_hash", width=66),
)


INSPECTOR_COLUMNS: tuple[Column, ...] = (
    column("task", width=16),
    column("subject_id", width=21),
    column("name", width=34),
    column("region_label", width=14),
    column("inspectors", width=24),
    column("certificate", "date", width=18),
    column("recusal", width=24),
)


def ratio_sheet(book: RunBook, words: Words) -> Sheet:
    """One row per stratum of every task; the tinted ratio may be edited and read back."""
    note = _("No inspection task is due (tasks.toml)")
    frames = [_ratio_rows(book, plan) for plan in book.plans]
    frame = with_labels(book, pd.concat(frames, ignore_index=True), words) if frames else pd.DataFrame()
    if frames:
        frame["task_label"] = frame["task"].map({plan.task.id: words.text(plan.task.label) for plan in book.plans})
    return Sheet(RATIO_SHEET, RATIO_COLUMNS, rows_of(frame, RATIO_COLUMNS), note=note)


def _ratio_rows(book: RunBook, plan: PlanPage) -> pd.DataFrame:
    task, strata = plan.task, plan.strata.copy()
    rules = [
        book.policy.rules_for(industry, task=task.id).of(tier)
        for industry, tier in zip(strata["industry"], strata["tier"], strict=True)
    ]
    strata["base_ratio"] = [rule.ratio for rule in rules]
    strata["visits_per_year"] = [rule.visits_per_year for rule in rules]
    strata["repeat_within_months"] = [rule.repeat_within_months for rule in rules]
    population = pd.to_numeric(strata["population"]).astype("float64")
    strata["effective_ratio"] = pd.to_numeric(strata["target"]).astype("float64") / population.where(population > 0)
    return strata.assign(
        task=task.id,
        check_item=task.item,
        department=task.department,
        joint_with="、".join(task.joint_with),
        period=period_text(task.start, task.end),
    )


def list_sheet(book: RunBook, words: Words) -> Sheet:
    """One row per drawn subject of every drawn task, by stratum and ticket."""
    note = _("Not drawn: creditscore draw draws once, after the frame hash is published and the seed is fixed")
    return Sheet(LIST_SHEET, LIST_COLUMNS, _list_rows(book, words), note=note)


def _list_rows(book: RunBook, words: Words) -> Iterator[tuple[object, ...]]:
    for plan in book.plans:
        if plan.drawn:
            yield from rows_of(drawn_list(book, plan, words), LIST_COLUMNS)


def drawn_list(book: RunBook, plan: PlanPage, words: Words) -> pd.DataFrame:
    """One row per subject whose item is checked, by stratum and ticket, with score, reasons, authority, inspectors and week."""
    visits = plan.visits.sort_values(["stratum", "ticket", "subject_id"], kind="stable", ignore_index=True)
    drawn = described(book, visits)
    drawn = _looked_up(drawn, book.scores, ("score", "reason_1", "reason_2", "reason_3", "reason_4"))
    drawn["ticket"] = drawn["ticket"].astype("str").str[:TICKET_SHOWN]
    drawn["task"], drawn["order"] = plan.task.id, range(1, len(drawn) + 1)
    drawn["inspectors"] = ["、".join(team) for team in drawn["team"]]
    for name, table in (("mode", MODES), ("standing", STANDINGS), *((("outcome", OUTCOME_WORDS),) if "outcome" in drawn else ())):
        drawn[name] = label_or_code(table, drawn[name], words)
    drawn["merged_with"] = drawn["merged_with"].str.replace(SEPARATOR, "、")
    for name in ("merged_with", "replaced_by"):
        drawn[name] = drawn[name].where(drawn[name] != "", None)
    if "subject_type" in drawn:
        drawn["subject_type"] = label_or_code(SUBJECT_TYPES, drawn["subject_type"], words)
    return with_labels(book, drawn, words)


def _looked_up(frame: pd.DataFrame, source: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """``frame`` with columns of ``source`` by subject_id; columns the source lacks are left out."""
    if source.empty:
        return frame
    known = source.drop_duplicates("subject_id").set_index("subject_id")
    return frame.assign(**{name: frame["subject_id"].map(known[name]) for name in columns if name in known})


def _inspectors(plan: PlanPage) -> pd.DataFrame:
    """Assignments as a frame with ``inspectors`` as one text per subject; empty if the plan has none."""
    found = plan.inspectors
    if found.empty:
        return found
    texts = [one if isinstance(one, str) else "、".join(str(part) for part in one) for one in found["inspectors"]]
    return found.assign(inspectors=texts)


def review_sheet(book: RunBook, words: Words) -> Sheet:
    """One row per proposed tier that a person must sign: entries to D, two-step moves, direct rules."""
    frame = pd.DataFrame()
    if not book.tiers.empty and "status" in book.tiers:
        open_ = book.tiers[book.tiers["status"] == "proposed"].sort_values("subject_id", ignore_index=True)
        if "evidence" in open_:
            open_["grounds_hash"] = [
                grounds_hash({str(key): value for key, value in row.items()}) for row in open_.to_dict("records")
            ]
        frame = with_labels(book, _looked_up(described(book, open_), book.scores, ("reason_1", "reason_2")), words)
        if "subject_type" in frame:
            frame["subject_type"] = label_or_code(SUBJECT_TYPES, frame["subject_type"], words)
    note = _("No proposed tier waits for a signature")
    return Sheet(REVIEW_SHEET, REVIEW_COLUMNS, rows_of(frame, REVIEW_COLUMNS), note=note)


def inspector_sheet(book: RunBook, words: Words) -> Sheet:
    """One row per drawn subject: who inspects, by staff id, and what was checked."""
    frames = []
    for plan in book.plans:
        found = _inspectors(plan)
        if plan.drawn and not found.empty:
            frames.append(described(book, found.assign(task=plan.task.id)))
    frame = with_labels(book, pd.concat(frames, ignore_index=True), words) if frames else pd.DataFrame()
    drawn = any(plan.drawn for plan in book.plans)
    note = _("No staff list was given") if drawn else _("Not drawn")
    return Sheet(INSPECTOR_SHEET, INSPECTOR_COLUMNS, rows_of(frame, INSPECTOR_COLUMNS), note=note)


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
_NOT_DRAWN = _("Not drawn")


def week_sheet(book: RunBook) -> Sheet:
    """One row per task and week: who is still to be visited then, on site or not, merged or not."""
    frames = [_weeks(plan) for plan in book.plans if plan.drawn]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return Sheet(_("Weekly load"), WEEK_COLUMNS, rows_of(frame, WEEK_COLUMNS), note=_NOT_DRAWN)


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


def staff_sheet(book: RunBook, words: Words) -> Sheet:
    """One row per task and inspector who may go: visits, and how many of them as leader; none is a row too."""
    frames = [_staff(plan) for plan in book.plans if plan.drawn and len(plan.staff)]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if frames:
        frame["staff_region"] = label_or_code(dict(book.regions), frame["staff_region"], words)
    drawn = any(plan.drawn for plan in book.plans)
    note = _("No staff list was given") if drawn else _NOT_DRAWN
    return Sheet(_("Load of inspectors"), STAFF_COLUMNS, rows_of(frame, STAFF_COLUMNS), note=note)


def _staff(plan: PlanPage) -> pd.DataFrame:
    teams = plan.visits.loc[(plan.visits["replaced_by"] == "") & (plan.visits["via"] == ""), "team"]
    visits, leads = pd.Series([one for team in teams for one in team]), pd.Series([team[0] for team in teams if team])
    return plan.staff.assign(
        task=plan.task.id,
        staff_visits=plan.staff["staff_id"].map(visits.value_counts()).fillna(0).astype(int),
        staff_leads=plan.staff["staff_id"].map(leads.value_counts()).fillna(0).astype(int),
    )
