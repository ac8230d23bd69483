"""Open a project's records: every source read, ruled, checked and kept in the engine as standard tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from creditscore.config.sources import SourceSpec
from creditscore.engine import unbound
from creditscore.errors import DataError
from creditscore.records.contracts import Between, Reference, enforce
from creditscore.records.identify import Identifier
from creditscore.records.keys import hide_changed, index_subjects, key_events, key_subjects, key_visits
from creditscore.records.outcomes import REJECT_SCHEMA, Outcome, refused_table
from creditscore.records.records import Records
from creditscore.records.registers import shared_codes
from creditscore.records.stream import ARRIVAL, Arrival, Stream
from creditscore.records.supplement import supplement_subjects
from creditscore.records.tables import TABLES, StandardTable

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.engine import Engine

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
        raise DataError(f"{folder.name}: expected a folder of data (got nothing)")
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
        raise DataError(f"subjects: expected no wrong code among those registered since {since} (got {total}: {told})")


def _refuse_too_many(name: str, outcome: Outcome, project: Project) -> None:
    """A table most of whose rows are quarantined is a broken delivery, not a register of offenders."""
    limit = project.sources.max_quarantined
    if limit is None or outcome.quarantined <= max(_FEW, limit * outcome.arrived):
        return
    worst = outcome.rules.sort_by([("rows", "descending")]).slice(0, 3).to_pylist()
    told = ", ".join(f"{rule['code']} {rule['rows']}" for rule in worst)
    raise DataError(
        f"{name}: expected at most {limit:.1%} of the rows to be quarantined (max_quarantined in sources.toml; got "
        f"{outcome.quarantined} of {outcome.arrived}: {told})"
    )
