"""What a run keeps of each firm's own records, so that a score or tier can be explained later by documents.

Kept are the records of the catalogue that were known on the day, with what became of them, past visits without who inspected, and
the grades that are read. Not kept are records past their retention and those of anybody whom the project does not score.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import ibis

from creditscore.dates import day_number
from creditscore.records.adverse.contested import HIDDEN_RATINGS, HIDDEN_VISITS, states
from creditscore.records.standard.arrivals import ARRIVAL, LAST_DAY
from creditscore.records.standard.contracts import SUBJECT_KEY, kept_table
from creditscore.records.standard.keys import date_of, day_column
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Collection

    import ibis.expr.types as ir

    from creditscore.records.records import Records

#: The files of a run with the records of firms, by the table they come from.
OWN_RECORDS = {"events": "own_records", "inspections": "own_visits", "ratings": "own_ratings"}
#: The order of rows in these files.
OWN_ORDER = {
    "events": ("subject_id", "event_date", "event_id"), "inspections": ("subject_id", "event_date", "inspection_id"),
    "ratings": ("subject_id", "event_date", "scheme"),
}  # fmt: skip
#: States of a record on the day: it counts; another report of its incident counts; it is over by its own last day. The others
#: are the changes of the vocabulary that hide it.
COUNTS, COPY, EXPIRED = "counts", "copy", "expired"
#: The columns of ``own_records.parquet``: those of the record, ``state`` and the day ``since`` which it is in it, the last day
#: ``until`` which it may count (its own end, or that of its retention), and whether it was ``carried`` forward.
EVENT_COLUMNS = (
    "subject_id", "event_id", "kind", "event_date", "known_date", "document_no", "provider", "severity", "amount", "result",
    "verified", "valid_until", "state", "since", "until", "carried",
)  # fmt: skip
#: The columns of ``own_visits.parquet``: never who inspected.
VISIT_COLUMNS = (
    "subject_id", "inspection_id", "event_date", "known_date", "trigger", "mode", "outcome", "severity", "department", "state",
    "since", "carried",
)  # fmt: skip
#: The columns of ``own_ratings.parquet``.
RATING_COLUMNS = ("subject_id", "scheme", "grade", "event_date", "known_date", "state", "since", "carried")


def own_events(records: Records, subjects: ir.Table, as_of: dt.date) -> ir.Table:
    """One row per record known on a day: :data:`EVENT_COLUMNS` (an expression; a file of it is by firm, day and id).

    Args:
        records: What was read.
        subjects: Whose: a table with ``subject_key``.
        as_of: The day.
    """
    day, events = day_number(as_of), kept_table(TABLES["events"])
    own = events.semi_join(subjects, SUBJECT_KEY)
    known = own.filter((day_column(own.event_date) <= day) & (day_column(own.known_date) <= day))
    own_last = day_column(known.valid_until)
    over, ended = (known[LAST_DAY] < day).fill_null(False), (own_last < day).fill_null(False)
    known = known.filter(~over | ended).mutate(own_last=own_last, ended=ended)
    # Few incidents have several reports: only these are compared.
    keyed = records.table("event_keys")
    reports = keyed.filter(keyed.copies).select(ARRIVAL, "incident_key", "event_key")
    several = known.select(ARRIVAL, "known_date", "ended").inner_join(reports, ARRIVAL)
    told = ibis.row_number().over(group_by=[several.incident_key, several.ended], order_by=[several.known_date, several.event_key])
    told = several.select("incident_key", told_arrival=ARRIVAL, telling=told)
    named = known.left_join(told, known[ARRIVAL] == told.told_arrival)
    marked = named.mutate(incident=ibis.coalesce(named.incident_key, named[ARRIVAL])).drop("incident_key", "told_arrival")
    hides = _hides(records, day)
    marked = marked.left_join(hides, marked.incident == hides.hidden_key)
    state = ibis.cases(
        (marked.why.notnull(), marked.why),
        (marked.ended, ibis.literal(EXPIRED)),
        ((marked.telling > 0).fill_null(False), ibis.literal(COPY)),
        else_=ibis.literal(COUNTS),
    )
    # What a change ended is in that state since the change; what ran out since the day after its last.
    known_day = day_column(marked.known_date)
    since = ibis.coalesce(marked.hidden_from, ibis.ifelse(marked.ended, marked.own_last + 1, known_day))
    days = {"since": date_of(since), "until": date_of(marked[LAST_DAY])}
    return marked.mutate(carried=_carried(marked), state=state, **days).select(*EVENT_COLUMNS)


def _carried(rows: ir.Table) -> ir.BooleanValue:
    """Whether a row was carried forward from the last reading: its arrival is below 0."""
    return rows[ARRIVAL] < 0


def _hides(records: Records, day: int) -> ir.Table:
    """One row per incident that a change hides on a day: why, and since when; what ends it comes before a dispute."""
    hidden = records.table("hidden")
    then = hidden.filter((hidden.hidden_from <= day) & (hidden.hidden_until > day))
    disputed = (then.why == "disputed").cast("int32")
    first = ibis.row_number().over(group_by=then.incident_key, order_by=[disputed, then.hidden_from, then.why])
    ranked = then.mutate(place=first)
    return ranked.filter(ranked.place == 0).select("why", "hidden_from", hidden_key="incident_key")


def own_visits(records: Records, subjects: ir.Table, as_of: dt.date) -> ir.Table:
    """One row per visit known on a day: :data:`VISIT_COLUMNS` (an expression; a file of it is by firm, day and id)."""
    hidden = states(records, HIDDEN_VISITS, as_of)
    return _known(records, "inspections", subjects, as_of, hidden).select(*VISIT_COLUMNS)


def own_ratings(records: Records, subjects: ir.Table, schemes: Collection[str], as_of: dt.date) -> ir.Table:
    """One row per grade of some schemes known on a day: :data:`RATING_COLUMNS` (an expression).

    A file of it is by firm, day and scheme.
    """
    rows = _known(records, "ratings", subjects, as_of, states(records, HIDDEN_RATINGS, as_of))
    return rows.filter(rows.scheme.isin(sorted(schemes)) if schemes else ibis.literal(False)).select(*RATING_COLUMNS)


def _known(records: Records, name: str, subjects: ir.Table, as_of: dt.date, hidden: ir.Table) -> ir.Table:
    """Rows known on a day, each with its state: hidden by an objection since a day, or counting since it was known."""
    rows = kept_table(TABLES[name])
    ids = records.table("subject_index").semi_join(subjects, SUBJECT_KEY).select("subject_id")
    known = rows.filter((rows.event_date <= as_of) & (rows.known_date <= as_of)).semi_join(ids, "subject_id")
    known = known.mutate(carried=_carried(known), event_day=day_column(known.event_date))
    keys = [column for column in hidden.columns if column not in ("why", "since")]
    joined = known.left_join(hidden, keys)
    since = date_of(ibis.coalesce(joined.since, day_column(joined.known_date)))
    return joined.mutate(state=ibis.coalesce(joined.why, ibis.literal(COUNTS)), since=since)
