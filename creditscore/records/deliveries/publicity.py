"""Duties around publicity: reports in time, decisions received, repairs that become possible, and what two systems show.

The two systems are the credit platform (this one) and the enterprise publicity system, whose extract is the
table ``publicity``.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.dates import day_number, day_of, day_of_number, months_after
from creditscore.engine import unbound
from creditscore.records.standard.arrivals import KIND_KEY
from creditscore.records.standard.contracts import kept_table
from creditscore.records.standard.keys import day_column
from creditscore.records.tables import TABLES
from creditscore.vocabulary import ENDING_CHANGES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.records.records import Records

#: ``due`` is missing where the work calendar does not know it; nothing is due before ``earliest``.
_DEADLINES = pa.schema([("kind_key", pa.int32()), ("begun", pa.int32()), ("due", pa.int32()), ("earliest", pa.int32())])
_DECISION_COLUMNS = ("decision_id", "subject_id", "kind", "decision_date", "document_no")
_REPAIR_COLUMNS = ("subject_id", "kind", "event_id", "document_no", "event_date", "may_apply_from")
_PUBLICITY_COLUMNS = ("mismatch", "subject_id", "kind", "document_no", "event_id")


def late_reports(records: Records, *, as_of: str | dt.date) -> pd.DataFrame:
    """Timeliness of the 双公示 kinds: per kind, records received, late ones, and decisions never received (瞒报).

    Late: known after the catalogue's ``deadline_working_days`` by the project's work calendar. Missing:
    a decision of the decision register whose deadline has passed and whose document no event carries. Where the calendar
    does not know the deadline, a record is neither (:func:`unknown_deadlines`).

    Returns:
        One row per kind in the order of the catalogue: kind, received, late, missing.
    """
    day = day_of(as_of)
    missing = missing_decisions(records, as_of=day).groupby("kind").size()
    rows = []
    counts = received_by_kind(records, day)
    for key, item in enumerate(records.project.catalogue.item):
        if item.double_publicity:
            received = counts.get(key, Received())
            rows.append(
                {"kind": item.kind, "received": received.arrived, "late": received.late, "missing": int(missing.get(item.kind, 0))}
            )
    return pd.DataFrame(rows, columns=["kind", "received", "late", "missing"])


class Received(NamedTuple):
    """Incidents of a kind: how many, how many after their deadline, and of how many nobody can tell (``unknown``)."""

    arrived: int = 0
    late: int = 0
    unknown: int = 0


def received_by_kind(records: Records, day: dt.date) -> dict[int, Received]:
    """Incidents known on a day, by the kind's position in the catalogue.

    An incident that several providers report counts once, by the report that came first.
    """
    first = _first_reports(records, day)
    received = records.engine.query(first.group_by("kind_key").agg(n=first.count())).to_pylist()
    timed = _with_deadlines(records, first, first.kind_key, first.event_day)
    late = timed.group_by("kind_key").agg(late=(timed.known_day > timed.due).fill_null(False).sum(), unknown=_unknown(timed).sum())
    late_by_kind = {row["kind_key"]: (row["late"], row["unknown"]) for row in records.engine.query(late).to_pylist()}
    return {row["kind_key"]: Received(row["n"], *late_by_kind.get(row["kind_key"], (0, 0))) for row in received}


def unknown_deadlines(records: Records, *, as_of: str | dt.date) -> dict[str, dict[int, int]]:
    """Of ``events`` and ``decisions``, how many nobody can call late or in time, by the year whose notice is lacking.

    A report within as many days as it may take working days is in time by any calendar; a decision is not missing before,
    nor once its document came.
    """
    day = day_of(as_of)
    number, calendar = day_number(day), records.project.calendar
    unknown: dict[str, dict[int, int]] = {}
    first = _first_reports(records, day)
    timed = _with_deadlines(records, first, first.kind_key, first.event_day)
    counts = {"events": records.engine.query(_by_day(timed.filter(_unknown(timed))))}
    if records.outcomes["decisions"].kept:
        absent = _absent_decisions(records, number, lambda owed: owed.due.isnull() & (owed.earliest < number))
        counts["decisions"] = records.engine.query(_by_day(absent))
    for name, table in counts.items():
        years: Counter[int] = Counter()
        for row in table.to_pylist():
            begun = day_of_number(row["begun"])
            years[begun.year if not calendar.covers(begun) else begun.year + 1] += row["n"]
        unknown[name] = dict(sorted(years.items()))
    return unknown


def _first_reports(records: Records, day: dt.date) -> ir.Table:
    """One row per incident known on a day, by the report that came first: event_id, kind_key, event_day, known_day."""
    events, number = records.table("event_keys"), day_number(day)
    known = events.filter((events.known_day <= number) & (events.event_day <= number))
    columns = ["event_id", "kind_key", "event_day", "known_day"]
    repeated = known.filter(known.copies)
    order = ibis.row_number().over(group_by=repeated.incident_key, order_by=[repeated.known_day, repeated.event_id])
    ranked = repeated.mutate(report_rank=order)
    return known.filter(~known.copies).select(columns).union(ranked.filter(ranked.report_rank == 0).select(columns))


def _with_deadlines(records: Records, rows: ir.Table, kind: ir.Value, begun: ir.Value) -> ir.Table:
    """The rows of kinds with a deadline, with the columns of ``_DEADLINES``."""
    due = _deadlines(records, rows, begun.get_name())
    return rows.inner_join(due, [kind == due.kind_key, begun == due.begun], rname="{name}_due")


def _unknown(timed: ir.Table) -> ir.BooleanValue:
    """Whether a report came too late to be in time for certain, and its deadline is not known."""
    return timed.due.isnull() & (timed.known_day > timed.earliest)


def _by_day(rows: ir.Table) -> ir.Table:
    return rows.group_by("begun").agg(n=rows.count())


def _absent_decisions(records: Records, number: int, which: Callable[[ir.Table], ir.BooleanValue]) -> ir.Table:
    """Decisions of kinds with a deadline whose document no record known on the day carries, if ``which`` holds for them.

    They have the columns of the register and of ``_DEADLINES``.
    """
    decided = kept_table(TABLES["decisions"])
    decided = decided.mutate(decided_day=day_column(decided.decision_date))
    owed = _with_deadlines(records, decided, decided[KIND_KEY], decided.decided_day)
    owed = owed.filter(which(owed))
    events = records.table("event_keys")
    received = events.filter((events.known_day <= number) & events.document_no.notnull()).select("kind_key", "document_no")
    return owed.anti_join(received, [owed[KIND_KEY] == received.kind_key, owed.document_no == received.document_no])


def missing_decisions(records: Records, *, as_of: str | dt.date) -> pd.DataFrame:
    """Decisions of the register whose deadline has passed and whose document no record known that day carries.

    Returns:
        One row per decision of a kind with a deadline: decision_id, subject_id, kind, decision_date,
        document_no; by kind and decision.
    """
    number = day_number(day_of(as_of))
    if not records.outcomes["decisions"].kept:
        return pd.DataFrame(columns=list(_DECISION_COLUMNS))
    absent = _absent_decisions(records, number, lambda owed: owed.due < number)
    table = records.engine.query(absent.select(*_DECISION_COLUMNS).order_by(["kind", "decision_id"]))
    frame: pd.DataFrame = table.to_pandas(date_as_object=True)
    return frame


def _deadlines(records: Records, rows: ir.Table, column: str) -> ir.Table:
    """One row per kind with a deadline and day of ``column``: the last day on which a report is in time, where it is known.

    Working days are counted here, once a day: an engine knows no make-up days.
    """
    ends = records.engine.query(rows.aggregate(first=rows[column].min(), last=rows[column].max()))
    first, last = ends["first"][0].as_py(), ends["last"][0].as_py()
    # Many kinds have the same deadline, and the days of a calendar are counted one by one.
    due_days: dict[int, list[int | None]] = {}
    parts = [_DEADLINES.empty_table()]
    begun = pa.array(range(first, last + 1) if first is not None else [], pa.int32())
    for key, item in enumerate(records.project.catalogue.item if first is not None else ()):
        allowed = item.deadline_working_days
        if not allowed:
            continue
        if allowed not in due_days:
            days = records.project.calendar.deadlines(day_of_number(first), last - first + 1, allowed)
            due_days[allowed] = [None if due is None else day_number(due) for due in days]
        kinds, due = pa.repeat(pa.scalar(key, pa.int32()), len(begun)), pa.array(due_days[allowed], pa.int32())
        parts.append(pa.table([kinds, begun, due, pc.add(begun, pa.scalar(allowed, pa.int32()))], schema=_DEADLINES))
    table = pa.concat_tables(parts)
    records.engine.register("deadlines", table)
    return unbound("deadlines", _DEADLINES)


def repair_reminders(records: Records, *, as_of: str | dt.date, within_days: int | None = None) -> pd.DataFrame:
    """Records in force whose shortest publication period ends within some days (最短公示期届满提醒).

    Args:
        records: What is known.
        as_of: The day of the list.
        within_days: The days to look ahead; the project's ``repair_reminder_days`` by default.

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
            ends = [months_after(happened, item.publication_min_months) for happened in listed["event_date"]]
            parts.append(listed.assign(may_apply_from=pd.Series(ends, index=listed.index, dtype=object)))
    if not parts:
        return pd.DataFrame(columns=list(_REPAIR_COLUMNS))
    frame = pd.concat(parts, ignore_index=True)
    # A Series of bools: an empty list would choose no columns instead of no rows.
    soon = pd.Series([0 < (end - day).days <= ahead for end in frame["may_apply_from"]], index=frame.index, dtype=bool)
    chosen: pd.DataFrame = frame[soon].sort_values(["may_apply_from", "subject_id", "event_id"])[list(_REPAIR_COLUMNS)]
    return chosen.reset_index(drop=True)


def reconcile_publicity(records: Records, *, as_of: str | dt.date) -> pd.DataFrame:
    """Where the other system's extract (table ``publicity``) and what is known here do not agree on a day.

    Compared are kinds that the catalogue calls ``published`` and of which the extract has any record; an
    incident that several providers report is shown when one report is. On the last day of a record both are right.

    Returns:
        One row per mismatch, by kind of it, subject and document: ``still_published`` (repaired, withdrawn,
        upheld in a dispute, or past its end, and shown), ``not_published`` (in force, and not shown),
        ``unknown_here`` (shown, and no such record was received). The target is none.
    """
    day = day_number(day_of(as_of))
    published = {key: item.kind for key, item in enumerate(records.project.catalogue.item) if item.publication == "published"}
    if not published:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in _PUBLICITY_COLUMNS})
    index, extract = records.table("subject_index"), records.table("publicity")
    shown = extract.filter(extract.kind.isin(list(published.values()))).inner_join(index, "subject_id")
    known = _publishable(records, day, published)
    known_and_shown = known.inner_join(shown.select("subject_key", "document_no").distinct(), ["subject_key", "document_no"])
    incidents = known_and_shown.select("incident_key").distinct()
    to_show = known.filter(~known.ended & ~known.last_day).semi_join(shown.select("kind").distinct(), "kind")
    unknown = shown.anti_join(known, ["subject_key", "document_no"])
    parts = [
        known_and_shown.filter(known_and_shown.ended)
        .inner_join(index, "subject_key")
        .mutate(mismatch=ibis.literal("still_published")),
        to_show.anti_join(incidents, "incident_key")
        .inner_join(index, "subject_key")
        .mutate(mismatch=ibis.literal("not_published")),
        unknown.mutate(event_id=ibis.null("string"), mismatch=ibis.literal("unknown_here")),
    ]
    selected = [part.select(*_PUBLICITY_COLUMNS) for part in parts]
    frame: pd.DataFrame = records.engine.query(selected[0].union(selected[1]).union(selected[2])).to_pandas()
    distinct = frame.drop_duplicates(["mismatch", "subject_id", "document_no"])
    return distinct.sort_values(list(_PUBLICITY_COLUMNS[:4])).reset_index(drop=True)


def _publishable(records: Records, day: int, published: dict[int, str]) -> ir.Table:
    """Events of published kinds known on the day: whether they have ended, and whether this is their last day."""
    events, hidden = records.table("event_keys"), records.table("hidden")
    known = events.filter(events.kind_key.isin(list(published)) & (events.event_day <= day) & (events.known_day <= day))
    documented = known.filter(known.document_no.notnull())
    over = hidden.filter(hidden.why.isin(ENDING_CHANGES) & (hidden.hidden_from <= day)).select(over_key="incident_key").distinct()
    # Its own end, not that of its retention: a record may be public longer than it is used.
    ends = records.table("events").select("event_id", "valid_until")
    joined = documented.left_join(over, documented.incident_key == over.over_key).left_join(ends, "event_id", rname="{name}_own")
    end = day_column(joined.valid_until)
    return joined.select(
        "event_id", "subject_key", "document_no", "incident_key",
        kind=ibis.cases(*[(joined.kind_key == key, name) for key, name in published.items()], else_=ibis.null("string")),
        ended=joined.over_key.notnull() | (end < day).fill_null(False), last_day=(end == day).fill_null(False),
    )  # fmt: skip
