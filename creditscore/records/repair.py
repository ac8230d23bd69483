"""Credit repair (信用修复): which records will soon have been public for their shortest period."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd

from creditscore.records.open import day_of

if TYPE_CHECKING:
    from creditscore.records.records import Records

COLUMNS = ("subject_id", "kind", "event_id", "document_no", "event_date", "may_apply_from")


def repair_reminders(records: Records, *, as_of: str | dt.date, within_days: int | None = None) -> pd.DataFrame:
    """Records in force whose shortest publication period ends within some days (最短公示期届满提醒).

    Args:
        records: What is known.
        as_of: The day of the list.
        within_days: How far to look ahead; the project's ``repair_reminder_days`` by default.

    Returns:
        One row per record of a kind with ``publication_min_months``, by day and subject; ``may_apply_from`` is the first
        day on which the subject may apply for repair, in ``(as_of, as_of + within_days]``.
    """
    day = day_of(as_of)
    ahead = records.project.about.repair_reminder_days if within_days is None else within_days
    parts = []
    for item in records.project.catalogue.item:
        if item.publication_min_months:
            listed = records.listed([item.kind], day).to_pandas(date_as_object=True)
            ends = pd.to_datetime(listed["event_date"]) + pd.DateOffset(months=item.publication_min_months)
            parts.append(listed.assign(may_apply_from=ends.dt.date))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    found = pd.concat(parts, ignore_index=True)
    soon = [0 < (end - day).days <= ahead for end in found["may_apply_from"]]
    chosen: pd.DataFrame = found[soon].sort_values(["may_apply_from", "subject_id", "event_id"])[list(COLUMNS)]
    return chosen.reset_index(drop=True)


def late_reports(records: Records, *, as_of: str | dt.date) -> pd.DataFrame:
    """Timeliness of the 双公示 kinds: per kind, records received, late ones, and decisions never received (瞒报).

    Late: known after the catalogue's ``deadline_working_days`` by the project's work calendar. Missing:
    a decision of the decision register whose deadline has passed and whose document no event carries.
    """
    day, calendar = day_of(as_of), records.project.calendar
    rows = []
    for item in records.project.catalogue.item:
        if item.double_publicity and item.deadline_working_days:
            days = _days_of(records, item.kind, day)
            late = sum(n for begun, known, n in days if known > calendar.deadline(begun, item.deadline_working_days))
            missing = _missing(records, item.kind, day, item.deadline_working_days)
            rows.append({"kind": item.kind, "received": sum(n for _, _, n in days), "late": late, "missing": missing})
    return pd.DataFrame(rows, columns=["kind", "received", "late", "missing"])


def _days_of(records: Records, kind: str, day: dt.date) -> list[tuple[dt.date, dt.date, int]]:
    events = records.table("events")
    chosen = events.filter((events.kind == kind) & (events.known_date <= day))
    pairs = chosen.group_by(["event_date", "known_date"]).agg(n=chosen.count())
    table = records.engine.query(pairs).to_pydict()
    return list(zip(table["event_date"], table["known_date"], table["n"], strict=True))


def _missing(records: Records, kind: str, day: dt.date, working_days: int) -> int:
    decisions, events = records.table("decisions"), records.table("events")
    received = events.filter((events.kind == kind) & (events.known_date <= day)).select("document_no").distinct()
    absent = decisions.filter(decisions.kind == kind).anti_join(received, "document_no")
    days = absent.group_by("decision_date").agg(n=absent.count())
    table = records.engine.query(days).to_pydict()
    due = records.project.calendar.deadline
    return sum(n for begun, n in zip(table["decision_date"], table["n"], strict=True) if due(begun, working_days) < day)
