"""Integer keys and day numbers for the standard tables: what features join and compare on.

Dates become day numbers (days since 1970-01-01) and money hundredths before they meet an engine:
integer arithmetic is the same everywhere, date arithmetic is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from creditscore.engine import unbound
from creditscore.records.standard.arrivals import ARRIVAL, KIND_KEY, LAST_DAY
from creditscore.records.standard.contracts import SUBJECT_KEY, kept_table, sharing_a_hash
from creditscore.records.tables import TABLES, StandardTable
from creditscore.vocabulary import ENDING_CHANGES, NO_FINDING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import ibis.expr.types as ir

    from creditscore.engine import Engine

#: After every day of records: what is hidden for good is hidden until then.
NEVER = 10_000_000
#: Before every day of records: what was void from the beginning is hidden from then on.
BEFORE_ALL = -10_000_000
#: More than the day numbers of two centuries, so that subject and day make one number.
_DAYS = 2**20
_VERSION_KEY = ("subject_id", "valid_from", "known_date")


def day_column(dates: ir.DateValue) -> ir.IntegerValue:
    """Days since 1970-01-01, as a column of an engine."""
    return dates.delta(ibis.date(1970, 1, 1), unit="day").cast("int32")


def date_of(days: ir.IntegerValue) -> ir.DateValue:
    """The date of a number of :func:`day_column`, as a column of an engine."""
    return (ibis.date(1970, 1, 1) + days.as_interval("D")).cast("date")


def ids_table(engine: Engine, name: str, ids: Iterable[str | None]) -> ir.Table:
    """Ids of a few subjects, each once and none missing, as a table of the engine to join with: ``subject_id``."""
    table = pa.table({"subject_id": pa.array(sorted({one for one in ids if one is not None}), pa.string())})
    engine.register(name, table)
    return unbound(name, table.schema)


def supplement_subjects(engine: Engine, subjects: StandardTable, supplements: StandardTable) -> None:
    """Replace the engine's table of subjects by its versions with missing values filled from the supplements.

    A version begins on every pair of days (valid from, known) on which any statement about the subject begins to
    count. It has the register's newest version of that pair, and for a value that the register lacks the newest
    statement of the supplements.
    """
    register, added = (
        table.mutate(known_date=ibis.coalesce(table.known_date, table.valid_from))
        for table in (unbound(part.name, part.schema) for part in (subjects, supplements))
    )
    statements = register.union(added)
    one = statements.select(*_VERSION_KEY)
    other = statements.select("subject_id", other_from="valid_from", other_known="known_date")
    pairs = one.inner_join(other, "subject_id")
    since = ibis.greatest(pairs.valid_from, pairs.other_from)
    known = ibis.greatest(pairs.known_date, pairs.other_known)
    days = engine.create("subject_days", pairs.select("subject_id", on_from=since, on_known=known).distinct())
    columns = list(subjects.columns)
    merged = engine.create("subjects_supplemented", _filled_versions(days, register, added, columns))
    engine.create(subjects.name, merged.select(columns))
    engine.drop("subjects_supplemented")
    engine.drop("subject_days")


def _filled_versions(days: ir.Table, register: ir.Table, added: ir.Table, columns: list[str]) -> ir.Table:
    def stated_by(statements: ir.Table) -> ir.Table:
        pairs = days.inner_join(statements, "subject_id")
        return pairs.filter((pairs.valid_from <= pairs.on_from) & (pairs.known_date <= pairs.on_known))

    names = [name for name in columns if name not in _VERSION_KEY]
    on = ["subject_id", "on_from", "on_known"]
    stated = stated_by(register)
    newest_first = [stated.valid_from.desc(), stated.known_date.desc()]
    age = ibis.row_number().over(group_by=[stated[name] for name in on], order_by=newest_first)
    ranked = stated.mutate(age_rank=age)
    base = ranked.filter(ranked.age_rank == 0).select(*on, **{f"register_{name}": ranked[name] for name in names})
    stated = stated_by(added)
    recency = day_column(stated.valid_from).cast("int64") * 2**32 + day_column(stated.known_date)
    newest = {f"added_{name}": stated[name].argmax(recency, where=stated[name].notnull()) for name in names}
    fills = stated.group_by(on).agg(**newest)
    joined = days.left_join(base, on, rname="{name}_of_base").left_join(fills, on, rname="{name}_of_fills")
    values = {name: ibis.coalesce(joined[f"register_{name}"], joined[f"added_{name}"]) for name in names}
    return joined.select("subject_id", valid_from=joined.on_from, known_date=joined.on_known, **values)


#: How many first characters of an id part the subjects: a unified code has its region within them.
_HEAD = 8


def index_subjects(engine: Engine, subjects: ir.Table) -> ir.Table:
    """``subject_index``: one row per subject id, with ``subject_key`` = its position in order of id, from 0.

    Numbered within the first characters of ids, after all that come before: no executor of a cluster sorts all ids.
    """
    ids = subjects.select("subject_id").distinct()
    begun = ids.mutate(beginning=ids.subject_id.left(_HEAD))
    place = ibis.row_number().over(group_by=begun.beginning, order_by=begun.subject_id)
    sizes = begun.group_by("beginning").agg(subjects=ibis._.count())
    until = sizes.subjects.sum().over(ibis.window(order_by=sizes.beginning, preceding=None, following=0))
    starts = sizes.mutate(start=until - sizes.subjects).select("beginning", "start")
    numbered = begun.mutate(place=place).inner_join(starts, "beginning")
    key = (numbered.start + numbered.place).cast("int64")
    return engine.create("subject_index", numbered.select("subject_id", subject_key=key))


def key_subjects(engine: Engine, subjects: ir.Table, index: ir.Table) -> ir.Table:
    """``subject_versions``: one row per version, with the subject's key and day numbers.

    A version without ``known_date`` counts as known on ``valid_from``.
    """
    joined = subjects.inner_join(index, "subject_id")
    known = ibis.coalesce(joined.known_date, joined.valid_from)
    days = joined.mutate(
        from_day=day_column(joined.valid_from),
        known_day=day_column(known),
        registered_day=day_column(joined.registered_date),
        deregistered_day=day_column(joined.deregistered_date),
    )
    return engine.create("subject_versions", days)


def key_events(engine: Engine, *, latest: list[int]) -> ir.Table:
    """``event_keys``: one row per event that counts, with integer keys and numbers.

    Events of one subject and kind with the same incident (``incident_id``, else ``document_no``) share an
    ``incident_key``; ``copies`` says whether there are several. ``event_key`` differs within a subject. It
    follows the event ids, whatever order the rows came in, wherever that decides anything: among the
    reports of an incident, and among events of one day of the kinds ``latest`` (positions in the catalogue),
    of which a feature of the project takes the latest.
    ``valid_day`` is the last day on which the event counts: its own end, or that of its retention. ``arrival`` is the row's
    number: what joins it with the rows of :func:`creditscore.records.standard.contracts.kept_table`.
    """
    kept = kept_table(TABLES["events"])
    # Records that are carried forward may be of a subject that the register lacks tonight.
    kept = kept.filter(kept[SUBJECT_KEY].notnull())
    kept = kept.mutate(incident=ibis.coalesce(kept.incident_id, kept.document_no), event_day=day_column(kept.event_date))
    incidents = _repeated_incidents(engine, kept)
    order = _order_by_id(engine, kept, incidents, latest)
    marked = kept.left_join(incidents, ARRIVAL, rname="{name}_reported").left_join(order, ARRIVAL, rname="{name}_order")
    # decimal(18) overflows at the hundredfold of 10^14; wider decimals are slow, so only large amounts use them.
    usual, wide = (marked.amount * 100).cast("int64"), (marked.amount.cast("decimal(21, 2)") * 100).cast("int64")
    columns = marked.select(
        ARRIVAL, "event_id", SUBJECT_KEY, "severity", "result", "verified", "provider", "document_no", "event_day",
        event_key=ibis.coalesce(marked.position, marked[ARRIVAL]),
        kind_key=marked[KIND_KEY],
        known_day=day_column(marked.known_date),
        valid_day=marked[LAST_DAY],
        cents=ibis.ifelse(marked.amount >= 10**13, wide, usual),
        incident_key=ibis.coalesce(marked.first_report, marked[ARRIVAL]),
        copies=marked.first_report.notnull(),
    )  # fmt: skip
    keyed = engine.create("event_keys", columns)
    for name in ("event_incidents", "event_order"):
        engine.drop(name)
    return keyed


def _repeated_incidents(engine: Engine, kept: ir.Table) -> ir.Table:
    """Events whose incident other events report too: ``arrival``, and ``first_report``, the first of these to arrive."""
    named = kept.filter(kept.incident.notnull())
    alike = sharing_a_hash(engine, named, named.incident, "incidents_alike")
    keys = ["subject_id", KIND_KEY, "incident"]
    suspects = engine.create("incident_suspects", named.semi_join(alike, ARRIVAL).select(ARRIVAL, *keys))
    groups = suspects.group_by(keys).agg(first_report=suspects[ARRIVAL].min(), rows=suspects.count()).filter(ibis._.rows > 1)
    repeated = engine.create("event_incidents", suspects.inner_join(groups.drop("rows"), keys).select(ARRIVAL, "first_report"))
    for name in ("incidents_alike", "incident_suspects"):
        engine.drop(name)
    return repeated


def _order_by_id(engine: Engine, keyed: ir.Table, incidents: ir.Table, latest: list[int]) -> ir.Table:
    """The position by event id, among their subject's events, of events whose order may matter."""
    chosen = keyed.filter(keyed[KIND_KEY].isin(latest) if latest else ibis.literal(False))
    step = ibis.literal(_DAYS).cast("int64")  # Spark numbers rows in 32 bits, whatever Ibis believes
    days = chosen.select(subject_key="subject_key", on=chosen.subject_key * step + chosen.event_day).group_by("on")
    crowded = days.agg(rows=ibis._.count(), subject_key=ibis._.subject_key.min()).filter(ibis._.rows > 1)
    days = engine.create("subjects_of_days", crowded.select(of_days="subject_key").distinct())
    reported = keyed.semi_join(incidents, ARRIVAL).select(of_incidents="subject_key").distinct()
    reported = engine.create("subjects_of_incidents", reported)
    joined = keyed.left_join(days, keyed.subject_key == days.of_days)
    joined = joined.left_join(reported, joined.subject_key == reported.of_incidents)
    matter = joined.filter(joined.of_days.notnull() | joined.of_incidents.notnull()).select(ARRIVAL, "subject_key", "event_id")
    position = ibis.row_number().over(group_by=matter.subject_key, order_by=matter.event_id).cast("int64")
    order = engine.create("event_order", matter.mutate(position=position).select(ARRIVAL, "position"))
    for name in ("subjects_of_days", "subjects_of_incidents"):
        engine.drop(name)
    return order


def hide_changed(engine: Engine, changes: ir.Table, keyed: ir.Table, own: ir.Table) -> ir.Table:
    """``hidden``: day ranges ``[hidden_from, hidden_until)`` in which an incident does not count, and ``why``.

    A change acts from the later of its two days. Repair, withdrawal and an upheld dispute end a record
    for good; an open dispute hides it until a rejection that takes effect on or after the dispute. Disputes are the providers':
    what objections that the authority itself has taken in hide comes as ranges, and neither ends the other.

    Args:
        engine: Where the table is made.
        changes: The changes of the sources.
        keyed: The events with their keys.
        own: Ranges of objections: ``event_id``, ``hidden_from``, ``hidden_until``, ``why``.
    """
    named = changes.inner_join(keyed.select("event_id", "incident_key"), "event_id")
    effective = day_column(named.effective_date)
    acts = named.mutate(effective=effective, acts_from=ibis.greatest(effective, day_column(named.known_date)))
    never = ibis.literal(NEVER, "int32")
    ends = acts.filter(acts.change.isin(ENDING_CHANGES))
    for_good = ends.select("incident_key", hidden_from=ends.acts_from, hidden_until=never, why=ends.change)
    opened = acts.filter(acts.change == "disputed").select("incident_key", hidden_from=acts.acts_from, since=acts.effective)
    decided = acts.filter(acts.change == "dispute_rejected")
    rejected = decided.select(rejected_key=decided.incident_key, until=decided.acts_from, decided=decided.effective)
    joined = opened.left_join(rejected, [opened.incident_key == rejected.rejected_key, rejected.decided >= opened.since])
    spans = joined.group_by(["incident_key", "hidden_from", "since"]).agg(hidden_until=joined.until.min())
    closed = spans.mutate(hidden_until=ibis.coalesce(spans.hidden_until, never))
    not_empty = closed.filter(closed.hidden_until > closed.hidden_from)
    disputes = not_empty.select("incident_key", "hidden_from", "hidden_until", why=ibis.literal("disputed"))
    ranges = own.inner_join(keyed.select("event_id", "incident_key"), "event_id").select(*disputes.columns)
    return engine.create("hidden", for_good.union(disputes).union(ranges))


def key_visits(engine: Engine, inspections: ir.Table, index: ir.Table) -> ir.Table:
    """Create ``visit_keys``, with one row per visit that could check something, and ``visit_inspectors``.

    ``found`` is 1 if the visit found a violation, else 0. ``visit_inspectors`` has one row per visit and inspector.
    """
    inside = inspections.filter(~inspections.outcome.isin(NO_FINDING)).inner_join(index, "subject_id")
    visits = inside.select(
        "inspection_id", "subject_key", "trigger", "severity",
        event_day=day_column(inside.event_date),
        known_day=day_column(inside.known_date),
        found=ibis.ifelse(inside.outcome == "violation", 1, 0).cast("int64"),
    )  # fmt: skip
    people = inspections.select("inspection_id", inspector=inspections.inspectors.unnest())
    engine.create("visit_inspectors", people.filter(people.inspector.notnull()).distinct())
    return engine.create("visit_keys", visits)
