"""Open a project's records: every source read, ruled, checked and kept in the engine as standard tables."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from creditscore.config.load import sha256_file
from creditscore.config.sources import SourceSpec
from creditscore.engine import unbound
from creditscore.errors import DataError
from creditscore.records.contracts import FAULT, REJECT_SCHEMA, ROW, SOURCE, Outcome, Reference, arriving_schema, enforce
from creditscore.records.identity import compact, local_faults, uscc_faults
from creditscore.records.joins import join_files
from creditscore.records.keys import hide_changed, index_subjects, key_events, key_subjects, key_visits
from creditscore.records.readers import read_source
from creditscore.records.records import Arrival, Records
from creditscore.records.rules import Faults, apply_rules
from creditscore.records.supplement import supplement_subjects
from creditscore.records.tables import TABLES, StandardTable

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.engine import Engine

_WITH_SUBJECT = ("events", "inspections", "ratings", "recusals", "decisions")


def open_records(engine: Engine, project: Project, *, data: str | Path) -> Records:
    """Read every source of a project into standard tables on an engine.

    Args:
        engine: Where the tables will live; names of an earlier opening are replaced.
        project: Its ``sources`` say what becomes what, its ``catalogue`` which kinds may enter.
        data: The folder that the sources' files lie in.

    Returns:
        The records. Rows that break a contract are in ``records.rejects`` with a code; identical rows
        are collapsed and counted; ``records.outcomes`` holds the equation per table.

    Raises:
        DataError: A file is absent, damaged or lacks a column; there are no subjects.
    """
    folder = Path(data)
    if not folder.is_dir():
        raise DataError(f"{folder.name}: expected a folder of data (got nothing)")
    arrivals: list[Arrival] = []
    outcomes: dict[str, Outcome] = {}
    for name, table in TABLES.items():
        sources = [source for source in project.sources.source if source.table == name and not source.supplement]
        _register(engine, table, sources, project, folder, arrivals)
        outcomes[name] = _enforce(engine, table, project)
        if name == "subjects":
            outcomes[name] = _supplemented(engine, outcomes[name], project, folder, arrivals)
            if not outcomes[name].kept:
                raise DataError("subjects: expected at least one subject (got 0 after checks)")
            subjects = _unbound(TABLES[name])
            index = index_subjects(engine, subjects)
            key_subjects(engine, subjects, index)
    keyed = key_events(engine, _unbound(TABLES["events"]), index, list(project.catalogue.by_kind))
    hide_changed(engine, _unbound(TABLES["changes"]), keyed)
    key_visits(engine, _unbound(TABLES["inspections"]), index)
    rejects = pa.concat_tables([REJECT_SCHEMA.empty_table(), *(o.rejects.cast(REJECT_SCHEMA) for o in outcomes.values())])
    return Records(engine=engine, project=project, outcomes=outcomes, rejects=rejects, arrivals=tuple(arrivals))


def _unbound(table: StandardTable) -> ibis.Table:
    return unbound(table.name, table.schema)


def _supplemented(engine: Engine, outcome: Outcome, project: Project, folder: Path, arrivals: list[Arrival]) -> Outcome:
    """The subjects with what supplements add; one equation for the statements of both."""
    sources = [source for source in project.sources.source if source.supplement]
    if not sources:
        return outcome
    table = replace(TABLES["subjects"], name="supplements")
    _register(engine, table, sources, project, folder, arrivals)
    added = _enforce(engine, table, project)
    supplement_subjects(engine, TABLES["subjects"], table)
    place = added.rejects.schema.get_field_index("table")
    names = pa.array(["subjects"] * added.rejects.num_rows, pa.string())
    rejects = pa.concat_tables([outcome.rejects, added.rejects.set_column(place, "table", names)])
    return Outcome(
        outcome.arrived + added.arrived, outcome.kept + added.kept, outcome.quarantined + added.quarantined,
        outcome.collapsed + added.collapsed, rejects,
    )  # fmt: skip


def _register(
    engine: Engine, table: StandardTable, sources: list[SourceSpec], project: Project, folder: Path, arrivals: list[Arrival]
) -> None:
    parts = [_arrive(source, project, folder, arrivals) for source in sources if _there(source, folder)]
    schema = arriving_schema(table)
    engine.register(
        f"{table.name}_arriving", pa.concat_tables(parts) if parts else pa.table({f.name: pa.array([], f.type) for f in schema})
    )


def _there(source: SourceSpec, folder: Path) -> bool:
    return not source.optional or (folder / source.file).is_file()


def _arrive(source: SourceSpec, project: Project, folder: Path, arrivals: list[Arrival]) -> pa.Table:
    raw = read_source(source, folder)
    standard, faults = apply_rules(join_files(raw.table, source, folder), source, TABLES[source.table])
    standard = _identify(standard, source, project, faults)
    arrivals.append(
        Arrival(source.name, source.table, source.file, raw.encoding, raw.table.num_rows, raw.ragged_lines, dict(faults.normalised),
                sha256_file(folder / source.file))
    )  # fmt: skip
    rows = pa.array(range(1, standard.num_rows + 1), pa.int64())
    names = pa.array([source.name] * standard.num_rows, pa.string())
    return standard.append_column(ROW, rows).append_column(SOURCE, names).append_column(FAULT, faults.codes())


def _identify(table: pa.Table, source: SourceSpec, project: Project, faults: Faults) -> pa.Table:
    """Subject ids in their plain form; in the register of subjects, faulty ones get their reason."""
    if "subject_id" not in table.column_names:
        return table
    ids = table["subject_id"]
    if project.sources.id_scheme == "uscc":
        ids = compact(ids)
        changed = sum(a != b for a, b in zip(table["subject_id"].to_pylist(), ids.to_pylist(), strict=True))
        if changed:
            faults.normalised["subject_id"] = changed
        table = table.set_column(table.schema.get_field_index("subject_id"), "subject_id", ids)
    if source.table == "subjects" and project.sources.bad_id == "quarantine":
        wrong = _id_faults(table, project)
        code = wrong if faults.code is None else pa.compute.coalesce(faults.code, wrong)
        faults.code = code
    return table


def _id_faults(table: pa.Table, project: Project) -> pa.Array:
    import pyarrow.compute as pc

    ids = table["subject_id"].combine_chunks()
    if project.sources.id_scheme != "uscc":
        return local_faults(ids)
    # Practitioners are known by the number of their licence, not by a code of GB 32100.
    person = pc.fill_null(pc.equal(table["subject_type"].combine_chunks(), "practitioner"), False)
    return pc.if_else(person, local_faults(ids), uscc_faults(ids))


def _enforce(engine: Engine, table: StandardTable, project: Project) -> Outcome:
    kinds = list(project.catalogue.by_kind) if table.name in ("events", "decisions") else None
    references: tuple[Reference, ...] = ()
    if table.name in _WITH_SUBJECT:
        references = (Reference("subject_id", _unbound(TABLES["subjects"]), "UNKNOWN_SUBJECT"),)
    if table.name == "changes":
        references = (Reference("event_id", _unbound(TABLES["events"]), "UNKNOWN_EVENT"),)
    return enforce(engine, table, kinds=kinds, references=references)


def day_of(as_of: str | dt.date) -> dt.date:
    """A day given as text or date."""
    return dt.date.fromisoformat(as_of) if isinstance(as_of, str) else as_of
