"""The daily reconciliation of two publicity systems (credit platform and enterprise publicity): who shows what, and should."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import ibis
import pandas as pd
import pyarrow as pa

from creditscore.dates import day_of, months_after
from creditscore.engine import unbound
from creditscore.records.arrivals import KIND_KEY
from creditscore.records.contracts import kept_table
from creditscore.records.keys import day_number
from creditscore.records.records import day_number_of
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.records.records import Records

_EPOCH = dt.date(1970, 1, 1)
_DEADLINES = pa.schema([("kind_key", pa.int32()), ("begun", pa.int32()), ("due", pa.int32())])


def late_reports(records: Records, *, as_of: str | dt.date) -> pd.DataFrame:
    """Timeliness of the 双公示 kinds: per kind, records received, late ones, and decisions never received (瞒报).

    Late: known after the catalogue's ``deadline_working_days`` by the project's work calendar. Missing:
    a decision of the decision register whose deadline has passed and whose document no event carries.

    Returns:
        One row per kind in the order of the catalogue: kind, received, late, missing.
    """
    day = day_of(as_of)
    lost = missing_decisions(records, as_of=day).groupby("kind").size()
    rows = []
    counts = received_by_kind(records, day)
    for place, item in enumerate(records.project.catalogue.item):
        if item.double_publicity:
            received, late = counts.get(place, (0, 0))
            rows.append({"kind": item.kind, "received": received, "late": late, "missing": int(lost.get(item.kind, 0))})
    return pd.DataFrame(rows, columns=["kind", "received", "late", "missing"])


def received_by_kind(records: Records, day: dt.date) -> dict[int, tuple[int, int]]:
    """Per kind's place in the catalogue, incidents known on a day, and how many of them came after their deadline."""
    seen = _first_tellings(records, day_number_of(day))
    counted = seen.group_by("kind_key").agg(n=seen.count())
    received = {row["kind_key"]: row["n"] for row in records.engine.query(counted).to_pylist()}
    late = _after_deadline(records, seen).group_by("kind_key").agg(n=ibis._.count())
    after = {row["kind_key"]: row["n"] for row in records.engine.query(late).to_pylist()}
    return {place: (n, after.get(place, 0)) for place, n in received.items()}


def _after_deadline(records: Records, seen: ir.Table) -> ir.Table:
    due = _deadlines(records, seen, "event_day")
    joined = seen.inner_join(due, [seen.kind_key == due.kind_key, seen.event_day == due.begun], rname="{name}_due")
    return joined.filter(joined.known_day > joined.due)


def _first_tellings(records: Records, number: int) -> ir.Table:
    """Of what was known on a day, one row per incident: that told first."""
    events = records.table("event_keys")
    seen = events.filter((events.known_day <= number) & (events.event_day <= number))
    columns = ["event_id", "kind_key", "event_day", "known_day"]
    told = seen.filter(seen.copies)
    place = ibis.row_number().over(group_by=told.incident_key, order_by=[told.known_day, told.event_id])
    ranked = told.mutate(telling=place)
    return seen.filter(~seen.copies).select(columns).union(ranked.filter(ranked.telling == 0).select(columns))


def missing_decisions(records: Records, *, as_of: str | dt.date) -> pd.DataFrame:
    """Decisions of the register whose deadline has passed and whose document no record known that day carries.

    Returns:
        One row per decision of a kind with a deadline: decision_id, subject_id, kind, decision_date,
        document_no; by kind and decision.
    """
    day = day_of(as_of)
    columns = ["decision_id", "subject_id", "kind", "decision_date", "document_no"]
    if not records.outcomes["decisions"].kept:
        return pd.DataFrame(columns=columns)
    decided = kept_table(TABLES["decisions"])
    decided = decided.mutate(begun=day_number(decided.decision_date))
    due = _deadlines(records, decided, "begun")
    owed = decided.inner_join(due, [decided[KIND_KEY] == due.kind_key, decided.begun == due.begun], rname="{name}_due")
    owed = owed.filter(owed.due < day_number_of(day))
    events = records.table("event_keys")
    told = events.filter((events.known_day <= day_number_of(day)) & events.document_no.notnull())
    there = told.select("kind_key", "document_no")
    absent = owed.anti_join(there, [owed[KIND_KEY] == there.kind_key, owed.document_no == there.document_no])
    found: pd.DataFrame = records.engine.query(absent.select(columns).order_by(["kind", "decision_id"])).to_pandas(
        date_as_object=True
    )
    return found


def _deadlines(records: Records, rows: ir.Table, column: str) -> ir.Table:
    """One row per kind with a deadline and day of these rows: the last day on which a report is in time.

    Working days are counted here, once a day: an engine knows no make-up days.
    """
    ends = records.engine.query(rows.aggregate(first=rows[column].min(), last=rows[column].max()))
    first, last = ends["first"][0].as_py(), ends["last"][0].as_py()
    calendar, rows = records.project.calendar, []
    for place, item in enumerate(records.project.catalogue.item):
        if item.deadline_working_days and first is not None:
            dues = calendar.deadlines(_EPOCH + dt.timedelta(days=first), last - first + 1, item.deadline_working_days)
            rows += [(place, first + step, day_number_of(due)) for step, due in enumerate(dues)]
    columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    table = pa.table([pa.array(column, pa.int32()) for column in columns], schema=_DEADLINES)
    records.engine.register("deadlines", table)
    return unbound("deadlines", _DEADLINES)


REPAIR_COLUMNS = ("subject_id", "kind", "event_id", "document_no", "event_date", "may_apply_from")


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
            ends = [months_after(day, item.publication_min_months) for day in listed["event_date"]]
            parts.append(listed.assign(may_apply_from=pd.Series(ends, index=listed.index, dtype=object)))
    if not parts:
        return pd.DataFrame(columns=list(REPAIR_COLUMNS))
    found = pd.concat(parts, ignore_index=True)
    soon = [0 < (end - day).days <= ahead for end in found["may_apply_from"]]
    chosen: pd.DataFrame = found[soon].sort_values(["may_apply_from", "subject_id", "event_id"])[list(REPAIR_COLUMNS)]
    return chosen.reset_index(drop=True)


PUBLICITY_COLUMNS = ("mismatch", "subject_id", "kind", "document_no", "event_id")
#: Changes after which a record may no longer be shown; an open dispute is marked, and shown.
_ENDS = ("repaired", "withdrawn", "dispute_upheld")


def reconcile_publicity(records: Records, *, as_of: str | dt.date) -> pd.DataFrame:
    """Where the other system's extract (table ``publicity``) and what is known here do not agree on a day.

    Compared are kinds that the catalogue calls ``published`` and of which the extract has any record; an
    incident told by several providers is shown when one telling is. On the last day of a record both are right.

    Returns:
        One row per mismatch, by kind of it, subject and document: ``still_published`` (repaired, withdrawn,
        upheld in a dispute, or past its end, and shown), ``not_published`` (stands, and is not shown),
        ``unknown_here`` (shown, and no such record was received). The target is none.
    """
    day = day_number_of(day_of(as_of))
    if not any(item.publication == "published" for item in records.project.catalogue.item):
        return pd.DataFrame({name: pd.Series(dtype="str") for name in PUBLICITY_COLUMNS})
    shown, known = _shown(records), _known(records, day)
    seen = known.inner_join(shown.select("subject_key", "document_no").distinct(), ["subject_key", "document_no"])
    incidents = seen.select("incident_key").distinct()
    kinds = shown.select("kind").distinct()
    parts = [
        _told(records, seen.filter(seen.ended), "still_published"),
        _told(
            records,
            known.filter(~known.ended & ~known.last_day).semi_join(kinds, "kind").anti_join(incidents, "incident_key"),
            "not_published",
        ),
    ]
    lost = shown.anti_join(known, ["subject_key", "document_no"])
    unknown = lost.select("subject_id", "kind", "document_no", event_id=ibis.null("string"), mismatch=ibis.literal("unknown_here"))
    table = records.engine.query(parts[0].union(parts[1]).union(unknown.select(list(PUBLICITY_COLUMNS))))
    frame: pd.DataFrame = table.to_pandas()
    return (
        frame.drop_duplicates(["mismatch", "subject_id", "document_no"])
        .sort_values(list(PUBLICITY_COLUMNS[:4]))
        .reset_index(drop=True)
    )


def _shown(records: Records) -> ir.Table:
    published = [item.kind for item in records.project.catalogue.item if item.publication == "published"]
    shown = records.table("publicity")
    return shown.filter(shown.kind.isin(published)).inner_join(records.table("subject_index"), "subject_id")


def _known(records: Records, day: int) -> ir.Table:
    """Published kinds' events known on the day: whether they have ended, and whether this is their last day."""
    published = {place: item.kind for place, item in enumerate(records.project.catalogue.item) if item.publication == "published"}
    events, hidden = records.table("event_keys"), records.table("hidden")
    seen = events.filter(events.kind_key.isin(list(published)) & (events.event_day <= day) & (events.known_day <= day))
    told = seen.filter(seen.document_no.notnull())
    over = hidden.filter(hidden.why.isin(_ENDS) & (hidden.hidden_from <= day)).select(over_key="incident_key").distinct()
    # Its own end, not that of its retention: a record may be public longer than it is used.
    ends = records.table("events").select("event_id", "valid_until")
    joined = told.left_join(over, told.incident_key == over.over_key).left_join(ends, "event_id", rname="{name}_own")
    kind = ibis.cases(*[(joined.kind_key == place, name) for place, name in published.items()], else_=ibis.null("string"))
    end = day_number(joined.valid_until)
    return joined.select(
        "event_id", "subject_key", "document_no", "incident_key", kind=kind,
        ended=joined.over_key.notnull() | (end < day).fill_null(False), last_day=(end == day).fill_null(False),
    )  # fmt: skip


def _told(records: Records, rows: ir.Table, mismatch: str) -> ir.Table:
    named = rows.inner_join(records.table("subject_index"), "subject_key").mutate(mismatch=ibis.literal(mismatch))
    return named.select(list(PUBLICITY_COLUMNS))
