"""The records of a project: every source read, checked and kept in the engine as standard tables, and what counts on a day."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.sources import SourceSpec
from creditscore.dates import day_number, day_of
from creditscore.engine import unbound
from creditscore.errors import DataError
from creditscore.records.adverse.carrying import register_last
from creditscore.records.adverse.contested import (
    HIDDEN_RATINGS,
    HIDDEN_VISITS,
    RANGES,
    RATING,
    RECORD_RANGES,
    Disputes,
    open_things,
    taken_away,
)
from creditscore.records.adverse.dates_ahead import dates_ahead, register_ahead
from creditscore.records.adverse.doubtful_ratings import NamedRatings, doubtful_ratings
from creditscore.records.adverse.emptied import emptied
from creditscore.records.adverse.endings import exits, standing
from creditscore.records.adverse.in_force import events_in_force, grades, grades_by_row, listed, listed_by_row
from creditscore.records.adverse.incomplete import INCOMPLETE_SCHEMA, Completion, Hanging
from creditscore.records.adverse.readings import READINGS, LastReading
from creditscore.records.fault_words import counted_codes
from creditscore.records.quarantine_limits import refuse_too_many
from creditscore.records.reading.table_copies import temporary_copies
from creditscore.records.standard.arrivals import ARRIVAL, Arrival
from creditscore.records.standard.contracts import (
    SEVERAL,
    SUBJECT_KEY,
    UNKNOWN_SUBJECT,
    Between,
    Lacking,
    Reference,
    TableCount,
    enforce,
    refused_table,
    shared_codes,
)
from creditscore.records.standard.identity import Identifier
from creditscore.records.standard.keys import (
    hide_changed,
    ids_table,
    index_subjects,
    key_events,
    key_subjects,
    key_visits,
    supplement_subjects,
)
from creditscore.records.standard.rejects import COPY, REJECT_SCHEMA
from creditscore.records.standard.streams import Stream
from creditscore.records.tables import TABLES, StandardTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.project import Project
    from creditscore.engine import Engine

#: Tables derived from the standard ones, and their columns; ``subject_versions`` adds its columns to those of subjects.
_DERIVED: dict[str, dict[str, str]] = {
    "subject_index": {"subject_id": "string", "subject_key": "int64"},
    "subject_versions": {
        "subject_key": "int64", "from_day": "int32", "known_day": "int32", "registered_day": "int32", "deregistered_day": "int32",
    },
    "event_keys": {
        ARRIVAL: "int64", "event_key": "int64", "event_id": "string", "subject_key": "int64", "kind_key": "int32",
        "severity": "int32", "result": "string", "verified": "boolean", "provider": "string", "document_no": "string",
        "event_day": "int32", "known_day": "int32", "valid_day": "int32", "cents": "int64", "incident_key": "int64",
        "copies": "boolean",
    },
    "hidden": {"incident_key": "int64", "hidden_from": "int32", "hidden_until": "int32", "why": "string"},
    "visit_keys": {
        "inspection_id": "string", "subject_key": "int64", "trigger": "string", "severity": "int32", "event_day": "int32",
        "known_day": "int32", "found": "int64",
    },
    "visit_inspectors": {"inspection_id": "string", "inspector": "string"},
}  # fmt: skip
#: Tables whose rows name a subject.
_WITH_SUBJECT = ("events", "inspections", "ratings", "recusals", "decisions")
#: The name in the engine of the ids of the subjects that had a tier in the last night.
_RATED = "rated_subjects"
#: The columns of the register on a day.
SUBJECT_COLUMNS = (
    "subject_id", "name", "subject_type", "status", "industry", "region", "registration_authority", "registered_date", "address",
    "size_class", "ownership",
)  # fmt: skip


@dataclass(frozen=True)
class Records:
    """The standard tables of a project, opened by :func:`creditscore.open_records`."""

    engine: Engine
    project: Project
    #: What became of the rows of each table.
    outcomes: dict[str, TableCount]
    #: One row per refused row or value: table, source, row, key, code, scope (``row`` or ``field``), the sender's column, text.
    rejects: pa.Table
    arrivals: tuple[Arrival, ...]
    #: Of each line of a register that is no record, by source and line: codes that stand in it and may be right.
    line_codes: Mapping[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)
    #: Whose adverse records were refused: one row per firm and refused row or value, see
    #: :data:`creditscore.records.adverse.incomplete.INCOMPLETE_SCHEMA`.
    incomplete: pa.Table = field(default_factory=INCOMPLETE_SCHEMA.empty_table)
    #: Refused rows that tell neither firm nor record, and how many firms they hold.
    hanging: tuple[Hanging, ...] = ()
    #: Whether features take in what is under dispute, see :meth:`with_disputed`.
    disputed_count: bool = False

    def with_disputed(self) -> Records:
        """The same records, of which features take in those under an open dispute as if nobody had objected."""
        return replace(self, disputed_count=True)

    def table(self, name: str) -> ir.Table:
        """The unbound table of a standard or derived name, for expressions that the engine runs."""
        if name in RANGES:
            return unbound(name, RANGES[name])
        if name not in _DERIVED:
            return unbound(name, TABLES[name].schema)
        if name != "subject_versions":
            return ibis.table(_DERIVED[name], name=name)
        days = [(column, pa.type_for_alias(kind)) for column, kind in _DERIVED[name].items()]
        return unbound(name, pa.schema([*TABLES["subjects"].columns.items(), *days]))

    def has(self, what: Literal["hidden", "copies", "hidden_visits", "hidden_ratings"]) -> bool:
        """Whether any incident is hidden by a change, or reported more than once, or any visit or grade by an objection.

        Where none is, queries skip that step.
        """
        events = self.table("event_keys")
        rows = events.filter(events.copies).select("incident_key") if what == "copies" else self.table(what).select("hidden_from")
        return bool(self.engine.query(rows.limit(1)).num_rows)

    def arrow(self, name: str) -> pa.Table:
        """All rows of a standard table, by its key."""
        table = self.table(name)
        return self.engine.query(table.order_by(list(TABLES[name].key)))

    def arrivals_of(self, table: str) -> list[Arrival]:
        """The sources of a table as they were read, without supplements: those are a table of their own while they are read."""
        supplements = {source.name for source in self.project.sources.source if source.supplement}
        return [one for one in self.arrivals if one.table == table and one.source not in supplements]

    @property
    def inspections(self) -> pa.Table:
        """One row per visit."""
        return self.arrow("inspections")

    def results(self, as_of: dt.date) -> pa.Table:
        """One row per visit whose result no upheld objection has taken away by a day."""
        visits, gone = self.inspections, taken_away(self, as_of)
        return visits.filter(pc.invert(pc.is_in(visits["inspection_id"], pa.array(sorted(gone), pa.string())))) if gone else visits

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
        versions, day = self.table("subject_versions"), day_number(day_of(as_of))
        known = versions.filter((versions.from_day <= day) & (versions.known_day <= day))
        age = ibis.row_number().over(group_by=known.subject_key, order_by=[known.from_day.desc(), known.known_day.desc()])
        ranked = known.mutate(age_rank=age)
        newest = ranked.filter(ranked.age_rank == 0).drop("age_rank")
        return newest.mutate(industry=coded(newest.industry), region=coded(newest.region))

    def subjects_on(self, as_of: dt.date) -> pa.Table:
        """One row per subject known on a day, by id, in the version of that day."""
        return self.engine.query(self.versions_on(as_of).select(*SUBJECT_COLUMNS).order_by("subject_id"))

    def last_industries(self, as_of: dt.date, among: Collection[str]) -> list[tuple[str, str]]:
        """Of some subjects the industry of the newest version that had one, and had begun and was known on a day, by id."""
        asked, day = ids_table(self.engine, "asked_industries", among), day_number(day_of(as_of))
        versions = self.table("subject_versions").semi_join(asked, "subject_id")
        then = versions.filter((versions.from_day <= day) & (versions.known_day <= day))
        known = then.mutate(industry=coded(then.industry)).filter(coded(then.industry).notnull())
        age = ibis.row_number().over(group_by=known.subject_key, order_by=[known.from_day.desc(), known.known_day.desc()])
        ranked = known.mutate(age_rank=age)
        newest = self.engine.query(ranked.filter(ranked.age_rank == 0).select("subject_id", "industry").order_by("subject_id"))
        self.engine.drop("asked_industries")
        return list(zip(newest["subject_id"].to_pylist(), newest["industry"].to_pylist(), strict=True))

    def in_force(self, as_of: dt.date) -> ir.Table:
        """The events that count on a day (an expression): happened, known, not expired, not hidden by a change."""
        return events_in_force(self, day_of(as_of))

    def listed(self, kinds: Iterable[str], as_of: dt.date) -> pa.Table:
        """One row per event of these kinds that counts on a day: subject_id, kind, event_id, document_no, event_date."""
        return listed(self, self.in_force(as_of), list(kinds))

    def listed_by_row(self, kinds: Iterable[str], rows: pa.Table) -> pa.Table:
        """The same for firms each on a day of its own, see :func:`creditscore.records.adverse.in_force.listed_by_row`."""
        return listed_by_row(self, list(kinds), rows)

    def disputed(self, as_of: dt.date) -> pa.Table:
        """One row per event, visit or grade under an open dispute on a day.

        Columns: subject_id, kind, event_id, document_no, event_date; adverse: it is for sure not in its firm's favour; and
        lifts: a good grade, by which an override may hold its firm in a better tier than its score.
        """
        events, hidden, day = self.table("event_keys"), self.table("hidden"), day_number(day_of(as_of))
        then = hidden.filter((hidden.hidden_from <= day) & (hidden.hidden_until > day))
        # A dispute that was upheld has no rejection that ends it; nor is one open about a record that was repaired since.
        over = then.filter(then.why != "disputed").select("incident_key").distinct()
        open_ones = then.filter(then.why == "disputed").anti_join(over, "incident_key")
        by_kind = self.project.catalogue.by_kind
        rows = listed(self, events.semi_join(open_ones, "incident_key"), list(by_kind))
        adverse = [by_kind[kind].polarity == "negative" for kind in rows["kind"].to_pylist()]
        found = rows.append_column("adverse", pa.array(adverse, pa.bool_()))
        found = found.append_column("lifts", pa.repeat(pa.scalar(False), found.num_rows))
        others = open_things(self, as_of)
        # Without a bad grade there may be none, and a ratio of findings falls or rises: either may cost points, too.
        unsure = {
            "document_no": pa.nulls(others.num_rows, pa.string()), "adverse": pa.repeat(False, others.num_rows),
            "lifts": pc.and_(pc.equal(others["kind"], RATING), pc.invert(others["adverse"])),
        }  # fmt: skip
        columns = [unsure.get(name, others[name] if name in others.column_names else None) for name in found.column_names]
        return pa.concat_tables([found, pa.table(columns, names=found.column_names).cast(found.schema)])

    def grades(self, scheme: str, as_of: dt.date, *, among: Collection[str] | None = None) -> pa.Table:
        """One row per subject rated under a scheme: its newest grade known on a day, if it is ``among`` some; None: any."""
        return grades(self, scheme, day_of(as_of), among=among)

    def grades_by_row(self, schemes: Iterable[str], rows: pa.Table) -> pa.Table:
        """The same for firms each on a day of its own, see :func:`creditscore.records.adverse.in_force.grades_by_row`."""
        return grades_by_row(self, list(schemes), rows)

    def exits(self, *, after: dt.date, until: dt.date) -> pa.Table:
        """The adverse records that left since an earlier night, see :func:`creditscore.records.adverse.endings.exits`."""
        return exits(self, after=after, until=until)

    def standing(self, as_of: dt.date, subjects: Iterable[str], *, read: Collection[str] | None = None) -> pa.Table:
        """What may count against some firms, see :func:`creditscore.records.adverse.endings.standing`."""
        return standing(self, as_of, subjects, read=read)


def coded(column: ir.StringValue) -> ir.StringValue:
    """A code of an industry or region, missing where it could not be one: it becomes a file name and part of a ticket."""
    usable = column.re_search("^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$") & (column != "all")
    return ibis.ifelse(usable.fill_null(False), column, ibis.null("string"))


def open_records(
    engine: Engine,
    project: Project,
    *,
    data: str | Path,
    last_reading: LastReading | None = None,
    disputes: Disputes | None = None,
    tables: Path | None = None,
) -> Records:
    """Read every source of a project into standard tables on an engine.

    Sources pass in pieces, so that memory holds a piece of them and what the engine keeps. Tables of PostgreSQL are read from
    copies, which are made where there are none, and removed: each is scanned once, all as they were at one moment.

    Args:
        engine: Where the tables will live; names of an earlier opening are replaced.
        project: Its ``sources`` say what becomes what, its ``catalogue`` which kinds may enter.
        data: The folder of the sources' files.
        last_reading: The adverse records as they counted in the run before. Of firms whose adverse records are refused
            now, those that are absent are added to the tables, and refused values are filled in; ``outcomes`` counts them
            apart, as carried forward.
        disputes: Disputes that the authority itself has taken in, and their ends.
        tables: The folder with copies of the PostgreSQL tables, see :mod:`creditscore.records.reading.table_copies`.

    Returns:
        The records. Rows that break a contract are in ``records.rejects`` with a code; identical rows
        are collapsed and counted; ``records.outcomes`` holds the equation per table.

    Raises:
        ConfigError: A table of regions is missing.
        DataError: A source is absent, damaged or lacks a column; there are no subjects; too much was quarantined.
    """
    if not isinstance(data, str | Path) or not str(data):
        raise DataError("data: expected the folder of the data files, as a text or path (got none)")
    folder = Path(data)
    if not folder.is_dir():
        raise DataError("{folder}: expected a folder of data (got nothing)", folder=folder.name)
    with temporary_copies(project) if tables is None else contextlib.nullcontext(tables) as copies:
        return _opened(_Opening(engine, project, folder, last_reading, copies), disputes or Disputes())


def _opened(opening: _Opening, disputes: Disputes) -> Records:
    """The tables one after another, and the keys by which they are joined."""
    engine, project, folder, last_reading = opening.engine, opening.project, opening.folder, opening.last
    outcomes: dict[str, TableCount] = {}
    completion = Completion(engine, project, opening.identify, last_reading, folder=folder)
    for name, table in TABLES.items():
        sources = [source for source in project.sources.source if source.table == name and not source.supplement]
        outcomes[name] = opening.read_table(table, sources)
        if name == "subjects":
            outcomes[name] = opening.supplemented(outcomes[name])
            if not outcomes[name].kept:
                raise DataError("subjects: expected at least one subject (got 0 after checks)")
            _refuse_new_errors(engine, project)
            subjects = unbound(name, table.schema)
            index = index_subjects(engine, subjects)
            key_subjects(engine, subjects, index)
        of_table = [source for source in project.sources.source if source.table == name]
        refuse_too_many(outcomes[name], of_table, opening.arrivals, project, outcomes["subjects"].rejects)
        if name in READINGS:
            # Before the changes are read: a repair of a record that is carried forward counts.
            outcomes[name] = completion.add(name, outcomes[name], [one for one in opening.arrivals if one.table == name])
    completion.add_changes(outcomes["changes"], [one for one in opening.arrivals if one.table == "changes"])
    # The kinds of which a feature takes the latest record, by their positions in the catalogue.
    kinds = list(project.catalogue.by_kind)
    latest = {kinds.index(kind) for feature in project.features if feature.aggregate == "latest" for kind in feature.kind}
    keyed = key_events(engine, latest=sorted(latest))
    engine.register("own_disputes", disputes.records)
    engine.register(HIDDEN_VISITS, disputes.visits)
    engine.register(HIDDEN_RATINGS, disputes.ratings)
    changes, own = unbound("changes", TABLES["changes"].schema), unbound("own_disputes", RECORD_RANGES)
    hide_changed(engine, changes, keyed, own)
    key_visits(engine, unbound("inspections", TABLES["inspections"].schema), index)
    rejects = pa.concat_tables([REJECT_SCHEMA.empty_table(), *(outcome.rejects for outcome in outcomes.values())])
    return Records(
        engine=engine, project=project, outcomes=outcomes, rejects=rejects, arrivals=tuple(opening.arrivals),
        incomplete=completion.incomplete, hanging=completion.hanging,
        line_codes=completion.line_codes(outcomes["subjects"], opening.arrivals),
    )  # fmt: skip


class _Opening:
    """Reads the tables of a project one after another."""

    def __init__(self, engine: Engine, project: Project, folder: Path, last: LastReading | None, tables: Path | None) -> None:
        self.engine, self.project, self.folder, self.last, self._tables = engine, project, folder, last, tables
        self.identify = Identifier(project)
        self.arrivals: list[Arrival] = []

    def read_table(self, table: StandardTable, sources: list[SourceSpec]) -> TableCount:
        """A table from its sources into the engine."""
        stream = Stream(table, sources, self.project, self.folder, self.identify, engine=self.engine, tables=self._tables)
        references: tuple[Reference, ...] = ()
        between: list[Between] = []
        subjects: ir.Table | None = None
        if table.name in _WITH_SUBJECT:
            known = unbound("subject_index", pa.schema([("subject_id", pa.string()), (SUBJECT_KEY, pa.int64())]))
            if table.name == "events":
                subjects = known
            else:
                references = (Reference("subject_id", (known,), UNKNOWN_SUBJECT),)
            if table.name == "ratings" and ((named := NamedRatings.of(self.project)).schemes or named.grades):
                between.append(lambda rows: doubtful_ratings(self.engine, rows, stream.arrivals, named))
        elif table.name == "changes":
            # A change of a refused event is kept: it acts when the event is mended, and an end costs nobody a hold till then.
            refused = refused_table(TABLES["events"])
            refused = refused.filter((refused.code != COPY) & refused.event_id.notnull())
            events = (unbound("events", TABLES["events"].schema), refused.select("event_id"))
            references = (Reference("event_id", events, "UNKNOWN_EVENT"),)
            between.append(_before_their_events)
        elif table.name == "subjects" and self._checks_codes():
            # The arrivals are complete only then.
            between.append(lambda rows: shared_codes(self.engine, rows, stream.arrivals))
        if table.name == "subjects" and self.last is not None and self.last.rated is not None:
            self.engine.register(_RATED, self.last.rated)
            rated, day = unbound(_RATED, pa.schema([("subject_id", pa.string())])), self.last.as_of
            between.append(lambda rows: register_ahead(rows, rated, day))
        last = register_last(self.engine, self.project, table.name, self.last)
        if last is not None and self.last is not None:
            known, as_of = last, self.last.as_of
            between.append(lambda rows: dates_ahead(rows, table.name, known, as_of))
        lacking: Lacking = lambda rows: None if last is None else emptied(rows, table.name, last, self.project)  # noqa: E731
        count = enforce(self.engine, stream, references=references, between=between, lacking=lacking, subjects=subjects)
        for name in (SEVERAL, _RATED, f"{table.name}_last"):
            self.engine.drop(name)
        self.arrivals += stream.arrivals
        return count

    def _checks_codes(self) -> bool:
        return self.project.sources.id_scheme == "uscc" and self.project.sources.bad_id == "quarantine"

    def supplemented(self, register: TableCount) -> TableCount:
        """The subjects with the values that supplements add; one equation for the rows of both."""
        sources = [source for source in self.project.sources.source if source.supplement]
        if not sources:
            return register
        table = replace(TABLES["subjects"], name="supplements")
        added = self.read_table(table, sources)
        supplement_subjects(self.engine, TABLES["subjects"], table)
        names = pa.repeat(pa.scalar("subjects"), added.rejects.num_rows)
        return replace(
            register, arrived=register.arrived + added.arrived, kept=register.kept + added.kept,
            quarantined=register.quarantined + added.quarantined, collapsed=register.collapsed + added.collapsed,
            rejects=pa.concat_tables([register.rejects, added.rejects.set_column(0, "table", names)]),
        )  # fmt: skip


def _before_their_events(changes: ir.Table) -> ir.Table:
    """Changes that take effect, or become known, before the day of the event that they change: ``arrival``, ``why``."""
    events = unbound("events", TABLES["events"].schema).select("event_id", "event_date")
    joined = changes.inner_join(events, "event_id")
    days = ("effective_date", "known_date")
    why = ibis.coalesce(
        *(ibis.ifelse(joined[day] < joined.event_date, ibis.literal(f"DATE_ORDER:{day}"), ibis.null("string")) for day in days)
    )
    found = joined.select(ARRIVAL, why=why)
    return found.filter(found.why.notnull())


def _refuse_new_errors(engine: Engine, project: Project) -> None:
    """Refuse a wrong code of a newly registered subject, if the project asks for it (新增零错误).

    Raises:
        DataError: There is such a code.
    """
    since = project.sources.new_since
    if since is None or project.sources.new_errors != "refuse":
        return
    refused = refused_table(TABLES["subjects"])
    wrong = refused.filter(refused.code.startswith("ID_") & (refused.registered_date >= since))
    counts = engine.query(wrong.group_by("code").agg(rows=wrong.count()).order_by("code")).to_pylist()
    if counts:
        raise DataError(
            "subjects: expected no wrong code among those registered since {since} (got {total}: {codes})",
            since=since,
            total=sum(row["rows"] for row in counts),
            codes=counted_codes({row["code"]: row["rows"] for row in counts}, most=len(counts)),
        )
