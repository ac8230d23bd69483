"""Whether records arrive in time (双公示: 7 working days), and which decisions never arrived (瞒报)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import ibis
import pandas as pd
import pyarrow as pa

from creditscore.engine import unbound
from creditscore.records.days import day_of
from creditscore.records.keys import day_number
from creditscore.records.outcomes import kept_table
from creditscore.records.records import day_number_of
from creditscore.records.stream import KIND_KEY
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
