"""Open a project's records: every source read, ruled, checked and kept in the engine as standard tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import ibis
import pyarrow as pa

from creditscore.config.sources import SourceSpec
from creditscore.dates import day_of
from creditscore.engine import unbound
from creditscore.errors import DataError
from creditscore.records.arrivals import ARRIVAL, Arrival, Stream
from creditscore.records.contracts import REJECT_SCHEMA, Between, Outcome, Reference, enforce, refused_table, shared_codes
from creditscore.records.identity import Identifier
from creditscore.records.keys import hide_changed, index_subjects, key_events, key_subjects, key_visits, supplement_subjects
from creditscore.records.tables import TABLES, StandardTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.project import Project
    from creditscore.engine import Engine
    from creditscore.records.arrivals import Arrival
    from creditscore.records.contracts import Outcome

_EPOCH = dt.date(1970, 1, 1)

#: Derived tables, beside the standard ones, and their columns.
_DERIVED: dict[str, list[tuple[str, str]]] = {
    "subject_index": [("subject_id", "string"), ("subject_key", "int64")],
    "event_keys": [
        ("event_key", "int64"), ("event_id", "string"), ("subject_key", "int64"), ("kind_key", "int32"), ("severity", "int32"),
        ("result", "string"), ("verified", "boolean"), ("provider", "string"), ("document_no", "string"),
        ("event_day", "int32"), ("known_day", "int32"), ("valid_day", "int32"), ("cents", "int64"), ("incident_key", "int64"),
        ("copies", "boolean"),
    ],
    "hidden": [("incident_key", "int64"), ("hidden_from", "int32"), ("hidden_until", "int32"), ("why", "string")],
    "visit_keys": [
        ("inspection_id", "string"), ("subject_key", "int64"), ("trigger", "string"), ("severity", "int32"), ("event_day", "int32"),
        ("known_day", "int32"), ("found", "int64"),
    ],
    "visit_inspectors": [("inspection_id", "string"), ("inspector", "string")],
}  # fmt: skip


@dataclass(frozen=True)
class Records:
    """The standard tables of a project. Made by :func:`creditscore.open_records`."""

    engine: Engine
    project: Project
    outcomes: dict[str, Outcome]
    #: One row per refused row or value: table, source, row (from 1), key, code, scope (``row`` or ``field``).
    rejects: pa.Table
    arrivals: tuple[Arrival, ...]

    def table(self, name: str) -> ir.Table:
        """The unbound table of a standard or derived name, for expressions that the engine runs."""
        if name == "subject_versions":
            days = [(column, pa.type_for_alias(kind)) for column, kind in _SUBJECT_DAYS.items()]
            return unbound(name, pa.schema([*TABLES["subjects"].columns.items(), *days]))
        if name in _DERIVED:
            return ibis.table(dict(_DERIVED[name]), name=name)
        return unbound(name, TABLES[name].schema)

    def has(self, what: Literal["hidden", "copies"]) -> bool:
        """Whether any incident is hidden by a change, or told more than once: where none is, no query need look."""
        events, hidden = self.table("event_keys"), self.table("hidden")
        rows = hidden.select("incident_key") if what == "hidden" else events.filter(events.copies).select("incident_key")
        return bool(self.engine.query(rows.limit(1)).num_rows)

    def arrow(self, name: str) -> pa.Table:
        """All rows of a standard table, by its key."""
        table = self.table(name)
        return self.engine.query(table.order_by(list(TABLES[name].key)))

    @property
    def inspections(self) -> pa.Table:
        """One row per visit."""
        return self.arrow("inspections")

    @property
    def frames(self) -> pa.Table:
        """One row per past task and stratum, with its population N and the n drawn."""
        return self.arrow("frames")

    @property
    def staff(self) -> pa.Table:
        """One row per inspector."""
        return self.arrow("staff")

    @property
    def recusals(self) -> pa.Table:
        """One row per inspector and subject that must not meet."""
        return self.arrow("recusals")

    def versions_on(self, as_of: dt.date) -> ir.Table:
        """Per subject, the newest version that had begun and was known on a day (an expression)."""
        versions, day = self.table("subject_versions"), day_number_of(day_of(as_of))
        seen = versions.filter((versions.from_day <= day) & (versions.known_day <= day))
        newest = ibis.row_number().over(group_by=seen.subject_key, order_by=[seen.from_day.desc(), seen.known_day.desc()])
        ranked = seen.mutate(age_rank=newest)
        newest_one = ranked.filter(ranked.age_rank == 0).drop("age_rank")
        return newest_one.mutate(industry=coded(newest_one.industry), region=coded(newest_one.region))

    def subjects_on(self, as_of: dt.date) -> pa.Table:
        """One row per subject known on a day, by id, in the version of that day."""
        names = [
            "subject_id", "name", "subject_type", "status", "industry", "region", "registration_authority", "registered_date",
            "address", "size_class", "ownership",
        ]  # fmt: skip
        return self.engine.query(self.versions_on(as_of).select(names).order_by("subject_id"))

    def in_force(self, as_of: dt.date) -> ir.Table:
        """The events that count on a day (an expression): happened, known, not expired, not hidden by a change."""
        events, hidden, day = self.table("event_keys"), self.table("hidden"), day_number_of(day_of(as_of))
        not_over = events.valid_day.isnull() | (events.valid_day >= day)
        seen = events.filter((events.event_day <= day) & (events.known_day <= day) & not_over)
        gone = hidden.filter((hidden.hidden_from <= day) & (hidden.hidden_until > day))
        return seen.anti_join(gone, "incident_key")

    def listed(self, kinds: Iterable[str], as_of: dt.date) -> pa.Table:
        """One row per event of these kinds that counts on a day: subject_id, kind, event_id, document_no, event_date."""
        rows = self._named(self.in_force(as_of), list(kinds))
        return self.engine.query(rows.order_by(["subject_id", "event_date", "event_id"]))

    def disputed(self, as_of: dt.date) -> pa.Table:
        """One row per event under an open dispute on a day: subject_id, kind, event_id, document_no, event_date."""
        events, hidden, day = self.table("event_keys"), self.table("hidden"), day_number_of(day_of(as_of))
        open_ones = hidden.filter((hidden.why == "disputed") & (hidden.hidden_from <= day) & (hidden.hidden_until > day))
        rows = self._named(events.semi_join(open_ones, "incident_key"), list(self.project.catalogue.by_kind))
        return self.engine.query(rows.order_by(["subject_id", "event_date", "event_id"]))

    def grades(self, scheme: str, as_of: dt.date) -> pa.Table:
        """One row per subject rated under a scheme: its newest grade that was known on a day."""
        ratings, day = self.table("ratings"), day_of(as_of)
        seen = ratings.filter((ratings.scheme == scheme) & (ratings.event_date <= day) & (ratings.known_date <= day))
        newest = ibis.row_number().over(
            group_by=seen.subject_id, order_by=[seen.event_date.desc(), seen.known_date.desc(), seen.grade]
        )
        ranked = seen.mutate(age_rank=newest)
        rows = ranked.filter(ranked.age_rank == 0).select("subject_id", "grade", "event_date")
        return self.engine.query(rows.order_by("subject_id"))

    def _named(self, events: ir.Table, kinds: list[str]) -> ir.Table:
        """Ids, kinds and documents of keyed events."""
        originals = self.table("events")
        chosen = originals.filter(originals.kind.isin(kinds)).select("event_id", "subject_id", "kind", "document_no", "event_date")
        return chosen.semi_join(events, "event_id").select("subject_id", "kind", "event_id", "document_no", "event_date")


_SUBJECT_DAYS = {
    "subject_key": "int64", "from_day": "int32", "known_day": "int32", "registered_day": "int32", "deregistered_day": "int32",
}  # fmt: skip


def day_number_of(day: dt.date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def coded(column: ir.StringValue) -> ir.StringValue:
    """A code of an industry or region, missing where it could not be one: it becomes a file name and part of a ticket."""
    usable = column.re_search("^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$") & (column != "all")
    return ibis.ifelse(usable.fill_null(False), column, ibis.null("string"))


_WITH_SUBJECT = ("events", "inspections", "ratings", "recusals", "decisions")
#: A table that loses so many rows is looked at by its share; fewer are the everyday of deliveries.
_FEW = 100


def open_records(engine: Engine, project: Project, *, data: str | Path) -> Records:
    """Read every source of a project into standard tables on an engine.

    Sources pass in pieces, so that memory holds a piece of them and what the engine keeps.

    Args:
        engine: Where the tables will live; names of an earlier opening are replaced.
        project: Its ``sources`` say what becomes what, its ``catalogue`` which kinds may enter.
        data: The folder that the sources' files lie in.

    Returns:
        The records. Rows that break a contract are in ``records.rejects`` with a code; identical rows
        are collapsed and counted; ``records.outcomes`` holds the equation per table.

    Raises:
        ConfigError: A table of regions is not there.
        DataError: A source is absent, damaged or lacks a column; there are no subjects; too much was quarantined.
    """
    if not isinstance(data, str | Path) or not str(data):
        raise DataError("data: expected the folder of the data files, as a text or path (got none)")
    folder = Path(data)
    if not folder.is_dir():
        raise DataError("{name}: expected a folder of data (got nothing)", name=folder.name)
    opening = _Opening(engine, project, folder)
    outcomes: dict[str, Outcome] = {}
    for name, table in TABLES.items():
        sources = [source for source in project.sources.source if source.table == name and not source.supplement]
        outcomes[name] = opening.enforced(table, sources)
        if name == "subjects":
            outcomes[name] = opening.supplemented(outcomes[name])
            if not outcomes[name].kept:
                raise DataError("subjects: expected at least one subject (got 0 after checks)")
            _refuse_new_errors(engine, project)
            subjects = _unbound(TABLES[name])
            index = index_subjects(engine, subjects)
            key_subjects(engine, subjects, index)
        _refuse_too_many(name, outcomes[name], project)
    keyed = key_events(engine, index, latest=_latest(project))
    hide_changed(engine, _unbound(TABLES["changes"]), keyed)
    key_visits(engine, _unbound(TABLES["inspections"]), index)
    rejects = pa.concat_tables([REJECT_SCHEMA.empty_table(), *(o.rejects for o in outcomes.values())])
    return Records(engine=engine, project=project, outcomes=outcomes, rejects=rejects, arrivals=tuple(opening.arrivals))


class _Opening:
    """Tables of one opening, one after another, and what arrived for them."""

    def __init__(self, engine: Engine, project: Project, folder: Path) -> None:
        self._engine, self._project, self._folder = engine, project, folder
        self._identify = Identifier(project)
        self.arrivals: list[Arrival] = []

    def enforced(self, table: StandardTable, sources: list[SourceSpec]) -> Outcome:
        """A table read from its sources into the engine."""
        stream = Stream(table, sources, self._project, self._folder, self._identify)
        outcome = enforce(self._engine, stream, references=_references(table.name), between=self._between(table.name, stream))
        self.arrivals += stream.arrivals
        return outcome

    def _between(self, name: str, stream: Stream) -> Between | None:
        if name == "changes":
            return before_their_events
        sources = self._project.sources
        if name != "subjects" or sources.id_scheme != "uscc" or sources.bad_id != "quarantine":
            return None
        return lambda rows: shared_codes(rows, stream.arrivals)

    def supplemented(self, outcome: Outcome) -> Outcome:
        """The subjects with what supplements add; one equation for the statements of both."""
        sources = [source for source in self._project.sources.source if source.supplement]
        if not sources:
            return outcome
        table = replace(TABLES["subjects"], name="supplements")
        added = self.enforced(table, sources)
        supplement_subjects(self._engine, TABLES["subjects"], table)
        names = pa.repeat(pa.scalar("subjects"), added.rejects.num_rows)
        rejects = pa.concat_tables([outcome.rejects, added.rejects.set_column(0, "table", names)])
        return replace(
            outcome, arrived=outcome.arrived + added.arrived, kept=outcome.kept + added.kept,
            quarantined=outcome.quarantined + added.quarantined, collapsed=outcome.collapsed + added.collapsed, rejects=rejects,
        )  # fmt: skip


def before_their_events(changes: ibis.Table) -> ibis.Table:
    """Changes that take effect before the day of the event that they change: ``arrival``, ``why``."""
    told = _unbound(TABLES["events"]).select("event_id", "event_date")
    joined = changes.inner_join(told, "event_id")
    early = joined.filter(joined.effective_date < joined.event_date)
    return early.select(ARRIVAL, why=ibis.literal("DATE_ORDER:effective_date"))


def _latest(project: Project) -> list[int]:
    """The places of the kinds of which a feature takes the latest record."""
    kinds = list(project.catalogue.by_kind)
    used = {kind for feature in project.features if feature.aggregate == "latest" for kind in feature.kind}
    return sorted(kinds.index(kind) for kind in used)


def _unbound(table: StandardTable) -> ibis.Table:
    return unbound(table.name, table.schema)


def _references(name: str) -> tuple[Reference, ...]:
    if name in _WITH_SUBJECT:
        return (Reference("subject_id", unbound("subject_index", pa.schema([("subject_id", pa.string())])), "UNKNOWN_SUBJECT"),)
    if name == "changes":
        return (Reference("event_id", _unbound(TABLES["events"]), "UNKNOWN_EVENT"),)
    return ()


def _refuse_new_errors(engine: Engine, project: Project) -> None:
    """Where the project says so, a wrong code of a newly registered subject stops everything (新增零错误)."""
    since = project.sources.new_since
    if since is None or project.sources.new_errors != "refuse":
        return
    refused = refused_table(TABLES["subjects"])
    wrong = refused.filter(refused.code.startswith("ID_") & (refused.registered_date >= since))
    counts = engine.query(wrong.group_by("code").agg(rows=wrong.count()).order_by("code")).to_pylist()
    if counts:
        told = ", ".join(f"{row['code']} {row['rows']}" for row in counts)
        total = sum(row["rows"] for row in counts)
        raise DataError(
            "subjects: expected no wrong code among those registered since {since} (got {total}: {told})",
            since=since,
            total=total,
            told=told,
        )


def _refuse_too_many(name: str, outcome: Outcome, project: Project) -> None:
    """A table most of whose rows are quarantined is a broken delivery, not a register of offenders."""
    limit = project.sources.max_quarantined
    if limit is None or outcome.quarantined <= max(_FEW, limit * outcome.arrived):
        return
    worst = outcome.rules.sort_by([("rows", "descending")]).slice(0, 3).to_pylist()
    told = ", ".join(f"{rule['code']} {rule['rows']}" for rule in worst)
    raise DataError(
        "{name}: expected at most {limit:.1%} of the rows to be quarantined (max_quarantined in "
        "sources.toml; got {quarantined} of {arrived}: {told})",
        name=name,
        limit=limit,
        quarantined=outcome.quarantined,
        arrived=outcome.arrived,
        told=told,
    )
