"""Credit repair (信用修复): which records will soon have been public for their shortest period."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd

from creditscore.records.days import day_of

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
