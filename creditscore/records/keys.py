"""Integer keys and day numbers beside the standard columns: what features join and compare on.

Dates become day numbers (days since 1970-01-01) and money hundredths before they meet an engine:
integer arithmetic is the same everywhere, date arithmetic is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from creditscore.records.contracts import checked_table, kept_rows, removed_table, text_hash
from creditscore.records.stream import ARRIVAL, KIND_KEY, LAST_DAY
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.engine import Engine

#: After every day there is: what is hidden for good is hidden until then.
LAST_DAY_OF_ALL = 10_000_000
#: More than the day numbers of two centuries, so that subject and day make one number.
_DAYS = 2**20


def day_number(column: ir.DateValue) -> ir.IntegerValue:
    """Days since 1970-01-01."""
    return column.delta(ibis.date(1970, 1, 1), unit="day").cast("int32")


def index_subjects(engine: Engine, subjects: ir.Table) -> ir.Table:
    """``subject_index``: one row per subject id, with ``subject_key`` = its place in order of id."""
    ids = subjects.select("subject_id").distinct()
    return engine.create("subject_index", ids.mutate(subject_key=ibis.row_number().over(order_by=ids.subject_id).cast("int64")))


def key_subjects(engine: Engine, subjects: ir.Table, index: ir.Table) -> ir.Table:
    """``subject_versions``: the subjects with their key and day numbers (``valid_from`` known at once where no day is given)."""
    joined = subjects.inner_join(index, "subject_id")
    known = ibis.coalesce(joined.known_date, joined.valid_from)
    days = joined.mutate(
        from_day=day_number(joined.valid_from),
        known_day=day_number(known),
        registered_day=day_number(joined.registered_date),
        deregistered_day=day_number(joined.deregistered_date),
    )
    return engine.create("subject_versions", days)


def key_events(engine: Engine, index: ir.Table) -> ir.Table:
    """``event_keys``: one row per event that counts, with integer keys and numbers.

    Events of one subject and kind with the same incident (``incident_id``, else ``document_no``) share an
    ``incident_key``; ``copies`` says whether there are several. ``event_key`` differs within a subject, and
    follows the event ids wherever two of its events share a day or an incident, whatever order they came in.
    ``valid_day`` is the last day on which the event counts: its own end, or that of its retention.
    """
    checked, removed = checked_table(TABLES["events"]), removed_table(TABLES["events"])
    joined = kept_rows(checked, removed).inner_join(index, "subject_id")
    base = engine.create(
        "event_base",
        joined.select(
            ARRIVAL, "event_id", "subject_key", "severity", "result", "verified", "provider", "document_no",
            kind_key=joined[KIND_KEY],
            incident=ibis.coalesce(joined.incident_id, joined.document_no),
            event_day=day_number(joined.event_date),
            known_day=day_number(joined.known_date),
            valid_day=joined[LAST_DAY],
            cents=(joined.amount * 100).cast("int64"),
        ),
    )  # fmt: skip
    told = engine.create("event_incidents", _told_often(base))
    order = engine.create("event_order", _order(base, told))
    marked = base.left_join(told, ARRIVAL, rname="{name}_told").left_join(order, ARRIVAL, rname="{name}_order")
    named = marked.mutate(
        event_key=ibis.coalesce(marked.place, marked[ARRIVAL]),
        copies=marked.first_told.notnull(),
        incident_key=ibis.coalesce(marked.first_told, marked[ARRIVAL]),
    )
    columns = [
        "event_key", "event_id", "subject_key", "kind_key", "severity", "result", "verified", "provider", "document_no",
        "event_day", "known_day", "valid_day", "cents", "incident_key", "copies",
    ]  # fmt: skip
    keyed = engine.create("event_keys", named.select(columns))
    for name in ("event_base", "event_incidents", "event_order"):
        engine.drop(name)
    return keyed


def _told_often(base: ir.Table) -> ir.Table:
    """Events whose incident others tell too, with the first of these to arrive. Only where hashes agree are texts compared."""
    told = base.filter(base.incident.notnull()).select(ARRIVAL, "subject_key", "kind_key", "incident")
    hashed = told.mutate(incident_hash=text_hash(told.incident))
    several = hashed.group_by("incident_hash").agg(rows=hashed.count()).filter(ibis._.rows > 1)
    suspects = hashed.semi_join(several, "incident_hash")
    keys = ["subject_key", "kind_key", "incident"]
    groups = suspects.group_by(keys).agg(first_told=suspects[ARRIVAL].min(), rows=suspects.count()).filter(ibis._.rows > 1)
    return suspects.inner_join(groups.drop("rows"), keys).select(ARRIVAL, "first_told")


def _order(base: ir.Table, told: ir.Table) -> ir.Table:
    """The place by event id among their subject's events of events whose order may matter."""
    same_day = base.select(on=base.subject_key * _DAYS + base.event_day, subject="subject_key").group_by("on")
    days = same_day.agg(rows=ibis._.count(), subject=ibis._.subject.min()).filter(ibis._.rows > 1).select("subject")
    incidents = base.semi_join(told, ARRIVAL).select(subject="subject_key")
    subjects = days.union(incidents).distinct()
    matter = base.semi_join(subjects, base.subject_key == subjects.subject).select(ARRIVAL, "subject_key", "event_id")
    place = ibis.row_number().over(group_by=matter.subject_key, order_by=matter.event_id).cast("int64")
    return matter.mutate(place=place).select(ARRIVAL, "place")


def hide_changed(engine: Engine, changes: ir.Table, keyed: ir.Table) -> ir.Table:
    """``hidden``: day ranges ``[hidden_from, hidden_until)`` in which an incident does not count, and ``why``.

    A change acts from the later of its two days. Repair, withdrawal and an upheld dispute end a record
    for good; an open dispute hides it until a rejection that takes effect on or after the dispute.
    """
    named = changes.inner_join(keyed.select("event_id", "incident_key"), "event_id")
    effective = day_number(named.effective_date)
    acts = named.mutate(effective=effective, acts_from=ibis.greatest(effective, day_number(named.known_date)))
    ends = acts.filter(acts.change.isin(["repaired", "withdrawn", "dispute_upheld"]))
    last = ibis.literal(LAST_DAY_OF_ALL, "int32")
    for_good = ends.select("incident_key", hidden_from=ends.acts_from, hidden_until=last, why=ends.change)
    return engine.create("hidden", for_good.union(_open_disputes(acts)))


def _open_disputes(acts: ir.Table) -> ir.Table:
    opened = acts.filter(acts.change == "disputed").select("incident_key", hidden_from=acts.acts_from, since=acts.effective)
    decided = acts.filter(acts.change == "dispute_rejected")
    rejected = decided.select(rejected_key=decided.incident_key, until=decided.acts_from, decided=decided.effective)
    joined = opened.left_join(rejected, [opened.incident_key == rejected.rejected_key, rejected.decided >= opened.since])
    spans = joined.group_by(["incident_key", "hidden_from", "since"]).agg(hidden_until=joined.until.min())
    closed = spans.mutate(hidden_until=ibis.coalesce(spans.hidden_until, ibis.literal(LAST_DAY_OF_ALL, "int32")))
    real = closed.filter(closed.hidden_until > closed.hidden_from)
    return real.select("incident_key", "hidden_from", "hidden_until", why=ibis.literal("disputed"))


def key_visits(engine: Engine, inspections: ir.Table, index: ir.Table) -> ir.Table:
    """``visit_keys``: one row per visit that found something or nothing; ``visit_inspectors``: one per visit and inspector."""
    told = inspections.filter(inspections.outcome.isin(["none", "violation"])).inner_join(index, "subject_id")
    visits = told.select(
        "inspection_id", "subject_key", "trigger", "severity",
        event_day=day_number(told.event_date),
        known_day=day_number(told.known_date),
        found=ibis.ifelse(told.outcome == "violation", 1, 0).cast("int64"),
    )  # fmt: skip
    people = inspections.select("inspection_id", inspector=inspections.inspectors.unnest())
    engine.create("visit_inspectors", people.filter(people.inspector.notnull()).distinct())
    return engine.create("visit_keys", visits)
