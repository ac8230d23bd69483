"""What a run keeps of each firm's own records, so that a score or tier can be explained later by documents.

Kept are the records of the catalogue that were known on the day, with what became of them, past visits without who inspected, and
the grades that are read. Not kept are records past their retention and those of anybody whom the project does not score.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.dates import day_number
from creditscore.records.adverse.contested import HIDDEN_RATINGS, HIDDEN_VISITS, states
from creditscore.records.standard.arrivals import ARRIVAL
from creditscore.records.standard.contracts import kept_table
from creditscore.records.standard.keys import day_column
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Collection

    import ibis.expr.types as ir

    from creditscore.records.records import Records

#: The files of a run with the records of firms, by the table they come from.
OWN_RECORDS = {"events": "own_records", "inspections": "own_visits", "ratings": "own_ratings"}
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


def own_events(records: Records, subjects: ir.Table, as_of: dt.date) -> pa.Table:
    """One row per record known on a day, by firm, day and id: :data:`EVENT_COLUMNS`.

    Args:
        records: What was read.
        subjects: Whose: a table with ``subject_key``.
        as_of: The day.
    """
    day, keyed, events = day_number(as_of), records.table("event_keys"), kept_table(TABLES["events"])
    known = keyed.filter((keyed.event_day <= day) & (keyed.known_day <= day)).semi_join(subjects, "subject_key")
    own_end = events.select("event_id", own_last=day_column(events.valid_until))
    known = known.inner_join(own_end, "event_id")
    over, ended = (known.valid_day < day).fill_null(False), (known.own_last < day).fill_null(False)
    known = known.filter(~over | ended).mutate(ended=ended)
    hides = _hides(records, day)
    marked = known.left_join(hides, known.incident_key == hides.hidden_key)
    told = ibis.row_number().over(group_by=[marked.incident_key, marked.ended], order_by=[marked.known_day, marked.event_key])
    marked = marked.mutate(telling=told)
    state = ibis.cases(
        (marked.why.notnull(), marked.why),
        (marked.ended, ibis.literal(EXPIRED)),
        (marked.telling > 0, ibis.literal(COPY)),
        else_=ibis.literal(COUNTS),
    )
    # What a change ended is in that state since the change; what ran out since the day after its last.
    since = ibis.coalesce(marked.hidden_from, ibis.ifelse(marked.ended, marked.own_last + 1, marked.known_day)).cast("int32")
    states = marked.select("event_id", until=marked.valid_day, state=state, since=since)
    rows = events.mutate(carried=_carried(events)).inner_join(states, "event_id")
    table = records.engine.query(rows.select(*EVENT_COLUMNS).order_by(["subject_id", "event_date", "event_id"]))
    return _with_days(table, "since", "until")


def _with_days(table: pa.Table, *columns: str) -> pa.Table:
    """Days are numbers in an engine; as Arrow has them, a number of days is a date."""
    for name in columns:
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(pa.int32()).cast(pa.date32()))
    return table


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


def own_visits(records: Records, subjects: ir.Table, as_of: dt.date) -> pa.Table:
    """One row per visit known on a day, by firm, day and id: :data:`VISIT_COLUMNS`."""
    hidden = states(records, HIDDEN_VISITS, as_of)
    return _known(records, "inspections", subjects, as_of, VISIT_COLUMNS, "inspection_id", hidden)


def own_ratings(records: Records, subjects: ir.Table, schemes: Collection[str], as_of: dt.date) -> pa.Table:
    """One row per grade of some schemes known on a day, by firm, day and scheme: :data:`RATING_COLUMNS`."""
    hidden = states(records, HIDDEN_RATINGS, as_of)
    rows = _known(records, "ratings", subjects, as_of, RATING_COLUMNS, "scheme", hidden)
    return rows.filter(pc.is_in(rows["scheme"], pa.array(sorted(schemes), pa.string())))


def _known(
    records: Records, name: str, subjects: ir.Table, as_of: dt.date, columns: tuple[str, ...], key: str, hidden: ir.Table
) -> pa.Table:
    """Rows known on a day, each with its state: hidden by an objection since a day, or counting since it was known."""
    rows = kept_table(TABLES[name])
    ids = records.table("subject_index").semi_join(subjects, "subject_key").select("subject_id")
    known = rows.filter((rows.event_date <= as_of) & (rows.known_date <= as_of)).semi_join(ids, "subject_id")
    known = known.mutate(carried=_carried(known), event_day=day_column(known.event_date))
    keys = [column for column in hidden.columns if column not in ("why", "since")]
    joined = known.left_join(hidden, keys)
    since = ibis.coalesce(joined.since, day_column(joined.known_date)).cast("int32")
    told = joined.mutate(state=ibis.coalesce(joined.why, ibis.literal(COUNTS)), since=since)
    return _with_days(records.engine.query(told.select(*columns).order_by(["subject_id", "event_date", key])), "since")
