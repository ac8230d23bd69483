"""Integer keys and day numbers beside the standard columns: what features join and compare on.

Dates become day numbers (days since 1970-01-01) and money hundredths before they meet an engine:
integer arithmetic is the same everywhere, date arithmetic is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.engine import Engine

#: After every day there is: what is hidden for good is hidden until then.
LAST_DAY = 10_000_000


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


def key_events(engine: Engine, events: ir.Table, index: ir.Table, kinds: list[str]) -> ir.Table:
    """``event_keys``: one row per event with ``event_key`` (order of event id), ``incident_key`` and numbers.

    Events of one subject and kind with the same incident (``incident_id``, else ``document_no``) share
    the smallest event key as ``incident_key``; ``copies`` says whether there are several.
    """
    numbered = events.mutate(event_key=ibis.row_number().over(order_by=events.event_id).cast("int64"))
    joined = _kind_key(numbered, kinds).inner_join(index, "subject_id")
    plain = joined.select(
        "event_key", "event_id", "subject_key", "kind_key", "severity", "result", "verified", "provider", "document_no",
        incident=ibis.coalesce(joined.incident_id, joined.document_no),
        event_day=day_number(joined.event_date),
        known_day=day_number(joined.known_date),
        valid_day=day_number(joined.valid_until),
        cents=(joined.amount * 100).cast("int64"),
    )  # fmt: skip
    base = engine.create("event_base", plain)
    told = base.filter(base.incident.notnull())
    groups = told.group_by(["subject_key", "kind_key", "incident"]).agg(incident_key=told.event_key.min(), n=told.count())
    several = groups.filter(groups.n > 1).drop("n")
    with_key = base.left_join(several, ["subject_key", "kind_key", "incident"], rname="{name}_told")
    named = with_key.mutate(
        copies=with_key.incident_key.notnull(), incident_key=ibis.coalesce(with_key.incident_key, with_key.event_key)
    )
    keyed = engine.create("event_keys", named.drop("subject_key_told", "kind_key_told", "incident_told"))
    engine.drop("event_base")
    return keyed


def hide_changed(engine: Engine, changes: ir.Table, keyed: ir.Table) -> ir.Table:
    """``hidden``: day ranges ``[hidden_from, hidden_until)`` in which an incident does not count, and ``why``.

    A change acts from the later of its two days. Repair, withdrawal and an upheld dispute end a record
    for good; an open dispute hides it until a rejection that takes effect on or after the dispute.
    """
    named = changes.inner_join(keyed.select("event_id", "incident_key"), "event_id")
    effective = day_number(named.effective_date)
    acts = named.mutate(effective=effective, acts_from=ibis.greatest(effective, day_number(named.known_date)))
    ends = acts.filter(acts.change.isin(["repaired", "withdrawn", "dispute_upheld"]))
    last = ibis.literal(LAST_DAY, "int32")
    for_good = ends.select("incident_key", hidden_from=ends.acts_from, hidden_until=last, why=ends.change)
    return engine.create("hidden", for_good.union(_open_disputes(acts)))


def _open_disputes(acts: ir.Table) -> ir.Table:
    opened = acts.filter(acts.change == "disputed").select("incident_key", hidden_from=acts.acts_from, since=acts.effective)
    decided = acts.filter(acts.change == "dispute_rejected")
    rejected = decided.select(rejected_key=decided.incident_key, until=decided.acts_from, decided=decided.effective)
    joined = opened.left_join(rejected, [opened.incident_key == rejected.rejected_key, rejected.decided >= opened.since])
    spans = joined.group_by(["incident_key", "hidden_from", "since"]).agg(hidden_until=joined.until.min())
    closed = spans.mutate(hidden_until=ibis.coalesce(spans.hidden_until, ibis.literal(LAST_DAY, "int32")))
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


def _kind_key(events: ir.Table, kinds: list[str]) -> ir.Table:
    branches = [(events.kind == kind, place) for place, kind in enumerate(kinds)]
    return events.mutate(kind_key=ibis.cases(*branches, else_=-1).cast("int32"))
