"""Adverse records that stand on a day, and those that have left: repaired, withdrawn, disputed with success, run out.

What ages out of the window of a feature, or of its retention, has not left: it still stands behind what was decided on it.
"""

from __future__ import annotations

import datetime as dt
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Protocol

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.dates import day_number
from creditscore.engine import unbound
from creditscore.records.adverse.contested import HIDDEN_VISITS, UPHELD, VISIT, Hidden, disputed_grades, gone_things, states
from creditscore.records.adverse.readings import reading_schema
from creditscore.records.adverse.rules import AdverseRules
from creditscore.records.adverse.worsening import events_that_lower, lowering_features, visits_that_lower
from creditscore.records.standard.arrivals import ARRIVAL
from creditscore.records.standard.contracts import kept_table
from creditscore.records.standard.keys import day_column, ids_table
from creditscore.records.tables import TABLES
from creditscore.vocabulary import ENDING_CHANGES, VISIT_PREFIX

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec
    from creditscore.config.project import Project
    from creditscore.engine import Engine


class Readings(Protocol):
    """What is asked of :class:`creditscore.records.records.Records` here, which itself asks this module."""

    @property
    def engine(self) -> Engine:
        """Where the tables are."""

    @property
    def project(self) -> Project:
        """Whose features and overrides say what is adverse."""

    def table(self, name: str) -> ir.Table:
        """An unbound table."""

    def in_force(self, as_of: dt.date) -> ir.Table:
        """The events that count on a day."""

    def has(self, what: Hidden) -> bool:
        """Whether objections hide any visit or grade."""


#: Why a record left that no change ended: its own last day is over.
EXPIRED = "expired"
#: Why a record counts as one that left although it stands: it was delivered again and says less against its firm.
CORRECTED = "corrected"
#: The columns of a record that left: its firm, kind, why and the first day on which it counts no more.
ENDED_COLUMNS = ("subject_id", "event_id", "kind", "why", "ended_day")
_ENDED = pa.schema([*((name, pa.string()) for name in ENDED_COLUMNS[:-1]), (ENDED_COLUMNS[-1], pa.int32())])
#: The columns of a record that stands: what a signature on it covers.
STANDING_COLUMNS = ("subject_id", "event_id", "kind", "event_date", "amount", "severity", "result", "document_no")


def ended_events(records: Readings, as_of: dt.date) -> ir.Table:
    """One row per adverse event that had left by a day and of whose incident no report stands (an expression).

    Columns: :data:`ENDED_COLUMNS`. A change ends all reports of an incident from the later of its two days; an event of
    its own last day from the day after. Of several ends the earliest counts.
    """
    day, events = day_number(as_of), kept_table(TABLES["events"])
    keyed, hidden = records.table("event_keys"), records.table("hidden")
    known = keyed.filter((keyed.event_day <= day) & (keyed.known_day <= day)).select(ARRIVAL, "incident_key", "known_day")
    changed = hidden.filter(hidden.why.isin(ENDING_CHANGES) & (hidden.hidden_from <= day))
    by_change = known.inner_join(changed, "incident_key").select(
        ARRIVAL, "incident_key", "known_day", "why", ended_day="hidden_from"
    )
    last = day_column(events.valid_until)
    over = events.filter((last < day).fill_null(False)).select(ARRIVAL, ended_day=last + 1)
    by_itself = known.inner_join(over, ARRIVAL).select(
        ARRIVAL, "incident_key", "known_day", why=ibis.literal(EXPIRED), ended_day=ibis._.ended_day.cast("int32")
    )
    ends = by_change.union(by_itself)
    first = ibis.row_number().over(group_by=ends[ARRIVAL], order_by=[ends.ended_day, ends.why])
    ranked = ends.mutate(place=first)
    gone = ranked.filter(ranked.place == 0).anti_join(records.in_force(as_of), "incident_key")
    adverse = events.filter(AdverseRules.of(records.project).adverse("events", events)).select(
        ARRIVAL, "event_id", "subject_id", "kind"
    )
    return adverse.inner_join(gone, ARRIVAL).select(*ENDED_COLUMNS, "known_day")


def ended(records: Readings, as_of: dt.date) -> ir.Table:
    """One row per adverse record, visit and grade that had left by a day: :data:`ENDED_COLUMNS` (an expression).

    A file of it is by firm, id and kind.
    """
    rows = ended_events(records, as_of).select(*ENDED_COLUMNS)
    gone = gone_things(records, as_of)
    if not gone.num_rows:
        return rows
    others = gone.rename_columns({"since": "ended_day"}).select(list(ENDED_COLUMNS)).cast(_ENDED)
    records.engine.register("gone_things", others)
    return rows.union(unbound("gone_things", _ENDED))


def _with_gone_things(rows: pa.Table, gone: pa.Table) -> pa.Table:
    """Records that left, and the visits and grades that did, by firm and id."""
    others = gone.rename_columns({"since": "ended_day"}).select(list(ENDED_COLUMNS)).cast(rows.schema)
    return pa.concat_tables([rows, others]).sort_by([("subject_id", "ascending"), ("event_id", "ascending"), ("kind", "ascending")])


def exits(
    records: Readings, *, after: dt.date, until: dt.date, ended_before: Path | None = None, read_before: Path | None = None,
    visits_before: Path | None = None,
) -> pa.Table:  # fmt: skip
    """The records that left since an earlier night, by firm and id: :data:`ENDED_COLUMNS`.

    By their days those that were known by ``after`` and ended after it. Where that night kept what it knew, what had not
    ended then counts, however late the change arrived; and so does what stands and is milder than it was read then: as it was,
    it has left.

    Args:
        records: What was read tonight.
        after: The earlier night.
        until: Tonight.
        ended_before: The file of the records that had ended for that night.
        read_before: The file of the adverse events that it had read.
        visits_before: The file of the adverse visits that it had read: one whose result became better has left as it was, too.
    """
    gone, since = ended_events(records, until), day_number(after)
    if ended_before is None or read_before is None:
        left = gone.filter((gone.ended_day > since) & (gone.known_day <= since))
        return _with_gone_things(
            records.engine.query(left.select(*ENDED_COLUMNS)), _things_since(records, after, until, known=False)
        )
    engine = records.engine
    engine.register("ended_before", ended_before)
    engine.register("read_before", read_before)
    new = gone.anti_join(unbound("ended_before", _ENDED), "event_id")
    left = new.semi_join(unbound("read_before", reading_schema("events")), "event_id")
    gone = left.select(*ENDED_COLUMNS).union(_milder(records, until).select(*ENDED_COLUMNS))
    if visits_before is not None:
        engine.register("visits_before", visits_before)
        gone = gone.union(_milder_visits(records, until).select(*ENDED_COLUMNS))
    rows = _with_gone_things(engine.query(gone), _things_since(records, after, until, known=True))
    for name in ("ended_before", "read_before", *(["visits_before"] if visits_before is not None else [])):
        engine.drop(name)
    return rows


def _milder(records: Readings, as_of: dt.date) -> ir.Table:
    """The adverse events in force of another kind or result than in ``read_before``, or of less amount or severity (an expression).

    An empty cell is none of these: it may be a fault.
    """
    events, before = records.table("events"), unbound("read_before", reading_schema("events"))
    adverse = events.filter(AdverseRules.of(records.project).adverse("events", events))
    counting = adverse.semi_join(records.in_force(as_of).select("event_id"), "event_id")
    then = {name: f"{name}_then" for name in ("kind", "result", "amount", "severity")}
    both = counting.inner_join(before.select("event_id", **{to: before[name] for name, to in then.items()}), "event_id")
    differs = [both[name] != both[then[name]] for name in ("kind", "result")]
    less = [both[name] < both[then[name]] for name in ("amount", "severity")]
    milder = both.filter(reduce(or_, [one.fill_null(False) for one in (*differs, *less)]))
    return milder.mutate(why=ibis.literal(CORRECTED), ended_day=ibis.literal(day_number(as_of), "int32"))


def _milder_visits(records: Readings, as_of: dt.date) -> ir.Table:
    """The visits that found a violation in ``visits_before``, and none or one of less severity now (an expression).

    One under objection is among them: the correction acts, whatever is answered. One whose result was taken away is not, since it
    has left already. An empty severity is none of these: it may be a fault.
    """
    visits, before = records.table("inspections"), unbound("visits_before", reading_schema("inspections"))
    known = visits.filter((visits.event_date <= as_of) & (visits.known_date <= as_of))
    if records.has(HIDDEN_VISITS):
        hidden = states(records, HIDDEN_VISITS, as_of)
        known = known.anti_join(hidden.filter(hidden.why == UPHELD), "inspection_id")
    then = before.filter(before.outcome.notnull()).select("inspection_id", "subject_id", severity_then=before.severity)
    both = known.inner_join(then, ["inspection_id", "subject_id"])
    less = (both.severity < both.severity_then).fill_null(False)
    milder = both.filter(~AdverseRules.of(records.project).adverse("inspections", both) | less)
    return milder.mutate(
        event_id=ibis.literal(VISIT_PREFIX) + milder.inspection_id, kind=ibis.literal(VISIT), why=ibis.literal(CORRECTED),
        ended_day=ibis.literal(day_number(as_of), "int32"),
    )  # fmt: skip


def _things_since(records: Readings, after: dt.date, until: dt.date, *, known: bool) -> pa.Table:
    """The visits and grades known by an earlier night that an upheld objection has taken away since.

    ``known``: ``ended_before`` has what had ended for that night.
    """
    gone = gone_things(records, until)
    then = pc.less_equal(gone["known_date"], pa.scalar(after))
    if not known or not gone.num_rows:
        return gone.filter(pc.and_(then, pc.greater(gone["since"], day_number(after))))
    ended = unbound("ended_before", _ENDED)
    told = records.engine.query(ended.filter(ended.kind.isin(sorted(set(gone["kind"].to_pylist())))).select("kind", "event_id"))
    before = set(zip(told["kind"].to_pylist(), told["event_id"].to_pylist(), strict=True))
    pairs = zip(gone["kind"].to_pylist(), gone["event_id"].to_pylist(), strict=True)
    return gone.filter(pc.and_(then, pa.array([pair not in before for pair in pairs], pa.bool_())))


def standing(records: Readings, as_of: dt.date, subjects: Iterable[str], *, read: Collection[str] | None = None) -> pa.Table:
    """One row per incident or visit that may count against some firms on a day, by firm and id, as its first report tells it.

    Columns: :data:`STANDING_COLUMNS`, of a visit its trigger, its outcome and ``visit:`` before its id; ``in_use``: its retention
    is not over, after which it stands behind what rests on it and supports nothing new; ``lowers``: it makes its firm worse today
    (:mod:`creditscore.records.adverse.worsening`); ``disputed``: it is under an open dispute, under which it stands, and does not
    count; ``counted``: it did before that dispute. Disputed grades are rows, too: ``scheme=grade``, without a kind.

    Args:
        records: What was read.
        as_of: The day.
        subjects: Whose.
        read: The features that cards read; None for all of the project.
    """
    engine, features = records.engine, lowering_features(records.project, read)
    asked = ids_table(engine, "asked_subjects", subjects)
    events, visits = _standing_events(records, asked, features, as_of), _standing_visits(records, asked, features, as_of)
    table = engine.query(events.union(visits).order_by(["subject_id", "event_id"]))
    engine.drop("asked_subjects")
    return _with_disputed_grades(table, disputed_grades(records, as_of, subjects))


def _with_disputed_grades(rows: pa.Table, grades: pa.Table) -> pa.Table:
    """Records that stand, and below them the grades that do although they are disputed."""
    if not grades.num_rows:
        return rows
    columns = {field.name: pa.nulls(grades.num_rows, field.type) for field in rows.schema}
    columns |= {name: grades[name] for name in grades.column_names}
    columns |= {"kind": pa.repeat("", grades.num_rows)}
    columns |= {name: pa.repeat(True, grades.num_rows) for name in ("in_use", "disputed", "lowers")}
    return pa.concat_tables([rows, pa.table(columns).select(rows.column_names).cast(rows.schema)])


def _standing_events(records: Readings, asked: ir.Table, features: Sequence[FeatureSpec], as_of: dt.date) -> ir.Table:
    """The incidents of :func:`standing` (an expression)."""
    day, keyed, hidden = day_number(as_of), records.table("event_keys"), records.table("hidden")
    # Every comparison is among records of one firm: those of others need not be looked at.
    events = kept_table(TABLES["events"]).semi_join(asked, "subject_id")
    lasting = events.filter(events.valid_until.isnull() | (day_column(events.valid_until) >= day)).select(ARRIVAL)
    known = keyed.filter((keyed.event_day <= day) & (keyed.known_day <= day)).semi_join(lasting, ARRIVAL)
    hides = hidden.filter((hidden.hidden_from <= day) & (hidden.hidden_until > day))
    known = known.anti_join(hides.filter(hides.why != "disputed"), "incident_key")
    told = ibis.row_number().over(group_by=known.incident_key, order_by=[known.known_day, known.event_key])
    ranked = known.mutate(telling=told)
    in_use = (ranked.valid_day.isnull() | (ranked.valid_day >= day)).fill_null(False)
    first = ranked.filter(ranked.telling == 0).mutate(in_use=in_use)
    disputes = hides.filter(hides.why == "disputed").select(disputed_key="incident_key", opened="hidden_from")
    open_ones = disputes.group_by("disputed_key").agg(opened=disputes.opened.min())
    joined = first.left_join(open_ones, first.incident_key == open_ones.disputed_key)
    counted = (joined.known_day < joined.opened).fill_null(False)
    disputed = joined.disputed_key.notnull()
    of_a_kind = ibis.row_number().over(
        group_by=[joined.subject_key, joined.kind_key, joined.in_use & ~disputed],
        order_by=[joined.event_day.desc(), joined.event_key.desc()],
    )
    marked = joined.select(ARRIVAL, "in_use", disputed=disputed, counted=counted, place=of_a_kind)
    own = events.filter(AdverseRules.of(records.project).adverse("events", events))
    rows = own.inner_join(marked, ARRIVAL)
    rows = rows.mutate(newest=rows.place == 0)
    lowers = events_that_lower(records.project, features, rows, as_of)
    return rows.select(*STANDING_COLUMNS, "in_use", "disputed", "counted", lowers=lowers)


def _standing_visits(records: Readings, asked: ir.Table, features: Sequence[FeatureSpec], as_of: dt.date) -> ir.Table:
    """The visits of :func:`standing` (an expression): those that found a violation, in the columns of records."""
    visits = records.table("inspections")
    known = visits.filter((visits.event_date <= as_of) & (visits.known_date <= as_of)).semi_join(asked, "subject_id")
    found = known.filter(AdverseRules.of(records.project).adverse("inspections", known))
    disputed = counted = ibis.literal(False)
    if records.has(HIDDEN_VISITS):
        joined = found.left_join(states(records, HIDDEN_VISITS, as_of), "inspection_id").drop("inspection_id_right")
        found = joined.filter((joined.why != UPHELD).fill_null(True))
        disputed, counted = found.why.notnull(), (day_column(found.known_date) < found.since).fill_null(False)
    types = dict(records.table("events").schema())
    columns = {
        "subject_id": found.subject_id, "event_id": ibis.literal(VISIT_PREFIX) + found.inspection_id, "kind": found.trigger,
        "event_date": found.event_date, "amount": ibis.null(types["amount"]), "severity": found.severity, "result": found.outcome,
        "document_no": ibis.null(types["document_no"]), "in_use": ibis.literal(True), "disputed": disputed, "counted": counted,
        "lowers": visits_that_lower(features, found, as_of),
    }  # fmt: skip
    return found.select(**columns)
