"""Integer keys and day numbers beside the standard columns: what features join and compare on.

Dates become day numbers (days since 1970-01-01) and money hundredths before they meet an engine:
integer arithmetic is the same everywhere, date arithmetic is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from creditscore.engine import unbound
from creditscore.records.arrivals import ARRIVAL, KIND_KEY, LAST_DAY
from creditscore.records.contracts import kept_table, sharing_a_hash
from creditscore.records.tables import TABLES, StandardTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.engine import Engine

_KEYS = ("subject_id", "valid_from", "known_date")


def supplement_subjects(engine: Engine, subjects: StandardTable, supplements: StandardTable) -> None:
    """Replace the engine's table of subjects by its versions with the supplements' values in them."""
    register = _told(unbound(subjects.name, subjects.schema))
    added = _told(unbound(supplements.name, supplements.schema))
    versions = _versions(engine.create("subject_days", _days(register.union(added))), register, added, list(subjects.columns))
    merged = engine.create("subjects_supplemented", versions)
    engine.create(subjects.name, merged.select(list(subjects.columns)))
    engine.drop("subjects_supplemented")
    engine.drop("subject_days")


def _told(table: ir.Table) -> ir.Table:
    return table.mutate(known_date=ibis.coalesce(table.known_date, table.valid_from))


def _days(statements: ir.Table) -> ir.Table:
    """Per subject, every pair of days at which what is known of it may change."""
    one = statements.select(*_KEYS)
    other = statements.select("subject_id", other_from="valid_from", other_known="known_date")
    pairs = one.inner_join(other, "subject_id")
    since = ibis.greatest(pairs.valid_from, pairs.other_from)
    known = ibis.greatest(pairs.known_date, pairs.other_known)
    return pairs.select("subject_id", on_from=since, on_known=known).distinct()


def _versions(days: ir.Table, register: ir.Table, added: ir.Table, columns: list[str]) -> ir.Table:
    told = [name for name in columns if name not in _KEYS]
    of_register = {f"register_{name}": ibis._[name] for name in told}
    base = _newest(days, register).select("subject_id", "on_from", "on_known", **of_register)
    seen = _seen(days, added)
    age = day_number(seen.valid_from).cast("int64") * 2**32 + day_number(seen.known_date)
    newest = {f"added_{name}": seen[name].argmax(age, where=seen[name].notnull()) for name in told}
    fills = seen.group_by(["subject_id", "on_from", "on_known"]).agg(**newest)
    on = ["subject_id", "on_from", "on_known"]
    joined = days.left_join(base, on, rname="{name}_of_base").left_join(fills, on, rname="{name}_of_fills")
    values = {name: ibis.coalesce(joined[f"register_{name}"], joined[f"added_{name}"]) for name in told}
    return joined.select("subject_id", valid_from=joined.on_from, known_date=joined.on_known, **values)


def _seen(days: ir.Table, statements: ir.Table) -> ir.Table:
    pairs = days.inner_join(statements, "subject_id")
    return pairs.filter((pairs.valid_from <= pairs.on_from) & (pairs.known_date <= pairs.on_known))


def _newest(days: ir.Table, register: ir.Table) -> ir.Table:
    seen = _seen(days, register)
    place = ibis.row_number().over(
        group_by=[seen.subject_id, seen.on_from, seen.on_known], order_by=[seen.valid_from.desc(), seen.known_date.desc()]
    )
    ranked = seen.mutate(place=place)
    return ranked.filter(ranked.place == 0).drop("place")


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


def key_events(engine: Engine, index: ir.Table, *, latest: list[int]) -> ir.Table:
    """``event_keys``: one row per event that counts, with integer keys and numbers.

    Events of one subject and kind with the same incident (``incident_id``, else ``document_no``) share an
    ``incident_key``; ``copies`` says whether there are several. ``event_key`` differs within a subject. It
    follows the event ids, whatever order the rows came in, wherever that decides anything: among the
    tellings of an incident, and among events of one day of the kinds ``latest`` (places in the catalogue),
    of which a feature of the project takes the latest.
    ``valid_day`` is the last day on which the event counts: its own end, or that of its retention.
    """
    kept = kept_table(TABLES["events"])
    kept = kept.mutate(incident=ibis.coalesce(kept.incident_id, kept.document_no), event_day=day_number(kept.event_date))
    told = _told_often(engine, kept)
    order = _order(engine, kept.inner_join(index, "subject_id"), told, latest)
    joined = kept.inner_join(index, "subject_id")
    marked = joined.left_join(told, ARRIVAL, rname="{name}_told").left_join(order, ARRIVAL, rname="{name}_order")
    keyed = engine.create("event_keys", _keyed(marked))
    for name in ("event_incidents", "event_order"):
        engine.drop(name)
    return keyed


def _keyed(marked: ir.Table) -> ir.Table:
    """The columns of ``event_keys``."""
    return marked.select(
        "event_id", "subject_key", "severity", "result", "verified", "provider", "document_no", "event_day",
        event_key=ibis.coalesce(marked.place, marked[ARRIVAL]),
        kind_key=marked[KIND_KEY],
        known_day=day_number(marked.known_date),
        valid_day=marked[LAST_DAY],
        cents=_cents(marked.amount),
        incident_key=ibis.coalesce(marked.first_told, marked[ARRIVAL]),
        copies=marked.first_told.notnull(),
    )  # fmt: skip


def _cents(amount: ir.DecimalValue) -> ir.IntegerValue:
    """An amount in hundredths. In 18 digits the hundredfold of 10^14 has no room; wider ones are slow, and taken for such alone."""
    usual, wide = (amount * 100).cast("int64"), (amount.cast("decimal(21, 2)") * 100).cast("int64")
    return ibis.ifelse(amount >= 10**13, wide, usual)


def _told_often(engine: Engine, kept: ir.Table) -> ir.Table:
    """Events whose incident others tell too, with the first of these to arrive."""
    told = kept.filter(kept.incident.notnull())
    alike = sharing_a_hash(engine, told, told.incident, "incidents_alike")
    keys = ["subject_id", KIND_KEY, "incident"]
    suspects = engine.create("incident_suspects", told.semi_join(alike, ARRIVAL).select(ARRIVAL, *keys))
    groups = suspects.group_by(keys).agg(first_told=suspects[ARRIVAL].min(), rows=suspects.count()).filter(ibis._.rows > 1)
    found = engine.create("event_incidents", suspects.inner_join(groups.drop("rows"), keys).select(ARRIVAL, "first_told"))
    for name in ("incidents_alike", "incident_suspects"):
        engine.drop(name)
    return found


def _order(engine: Engine, keyed: ir.Table, told: ir.Table, latest: list[int]) -> ir.Table:
    """The place by event id, among their subject's events, of events whose order may matter."""
    chosen = keyed.filter(keyed[KIND_KEY].isin(latest) if latest else ibis.literal(False))
    step = ibis.literal(_DAYS).cast("int64")  # Spark numbers rows in 32 bits, whatever Ibis believes
    days = chosen.select(subject_key="subject_key", on=chosen.subject_key * step + chosen.event_day).group_by("on")
    crowded = days.agg(rows=ibis._.count(), subject_key=ibis._.subject_key.min()).filter(ibis._.rows > 1)
    days = engine.create("subjects_of_days", crowded.select(of_days="subject_key").distinct())
    incidents = engine.create("subjects_of_incidents", keyed.semi_join(told, ARRIVAL).select(of_incidents="subject_key").distinct())
    joined = keyed.left_join(days, keyed.subject_key == days.of_days)
    joined = joined.left_join(incidents, joined.subject_key == incidents.of_incidents)
    matter = joined.filter(joined.of_days.notnull() | joined.of_incidents.notnull()).select(ARRIVAL, "subject_key", "event_id")
    place = ibis.row_number().over(group_by=matter.subject_key, order_by=matter.event_id).cast("int64")
    found = engine.create("event_order", matter.mutate(place=place).select(ARRIVAL, "place"))
    for name in ("subjects_of_days", "subjects_of_incidents"):
        engine.drop(name)
    return found


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
