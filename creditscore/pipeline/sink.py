"""Bring a PostgreSQL database to what a folder of runs holds: scores, tiers and reasons of each day, and the lists of drawn tasks.

Each run and each list is one transaction, so that readers see the one before or the new one whole, whatever ends the command. What
is there already is not touched. Nothing here changes ``OUT``: a database that was away is brought up by the next call.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from creditscore.database import driver, quoted, told
from creditscore.errors import DataError, LockedError
from creditscore.language import DEFAULT_LANGUAGE, Words
from creditscore.pipeline.run_folder import MANIFEST, RunFolder, days_of
from creditscore.pipeline.score import read_cards
from creditscore.pipeline.sink_tables import (
    DRAWN,
    REASONS,
    RUNS,
    SCHEMA,
    SCORES,
    TABLES,
    TASKS,
    TIERS,
    SinkTable,
    checked_schema,
)
from creditscore.pipeline.told_lists import ToldList, told_lists
from creditscore.storage import settle, sha256_file

_log = logging.getLogger(__name__)
#: Rows of one piece of a file on its way.
_ROWS = 1 << 16
_URI, _VARIABLE = re.compile(r"postgres(ql)?://\S+"), re.compile(r"[A-Z][A-Z0-9_]{1,62}")


@dataclass(frozen=True)
class Sink:
    """A schema of a database. Its connection holds a password and is in no text of this object."""

    uri: str = field(repr=False)
    schema: str = SCHEMA

    @staticmethod
    def of(place: str, schema: str = SCHEMA) -> Sink:
        """The sink of a connection ``postgresql://…``, or of the environment variable that holds one.

        Raises:
            DataError: It is neither, the variable is not set, the schema's name is refused, or the driver is not installed.
        """
        checked_schema(schema)
        driver()
        if _URI.fullmatch(place):
            return Sink(place, schema)
        if not _VARIABLE.fullmatch(place):  # it is not repeated: it may be a connection with a slip in it
            raise DataError(
                "sink: expected a connection such as postgresql://user@host/database, or the name in capitals of the environment "
                "variable that holds it"
            )
        if not _URI.fullmatch(os.environ.get(place, "")):
            raise DataError("sink: expected a connection postgresql://… in the environment variable {name}", name=place)
        return Sink(os.environ[place], schema)


@dataclass(frozen=True)
class Brought:
    """What was written: runs by name, and drawn tasks by id. ``unchanged`` were there already, runs and lists."""

    runs: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    unchanged: int = 0


def bring_up(out: Path, sink: Sink) -> Brought:
    """Write what the database lacks of a folder of runs, oldest day first; what it has already is left as it is.

    Of a day the current run counts: rows of an attempt before it are replaced, and a run with signed cards takes the place of a
    trial of its day. What ``OUT`` no longer holds stays in the database.

    Args:
        out: The folder of runs.
        sink: The database.

    Raises:
        DataError: The server is not there, refuses, or lacks the tables; it holds runs of another project; or a file of a run is
            not what its manifest says. What was written before is whole.
        LockedError: Another command is writing to the same schema.
    """
    settle(out)
    runs = [run for run in (RunFolder.current(out, day) for day in days_of(out)) if run is not None]
    written, drawn, unchanged = list[str](), list[str](), 0
    with _connected(sink) as database:
        database.refuse_other_tables()
        known = database.known(RUNS, "manifest")
        for run in runs:
            if (run.path.name, sha256_file(run.file(MANIFEST))) in known:
                unchanged += 1
            elif database.write_run(run):
                written.append(run.path.name)
                _log.info("sink: run %s", run.path.name)
        listed = database.known(TASKS, "content", name="task")
        for one in told_lists(out):
            if (one.task, one.content) in listed:
                unchanged += 1
            elif database.write_list(one):
                drawn.append(one.task)
                _log.info("sink: drawn list of %s", one.task)
    return Brought(tuple(written), tuple(drawn), unchanged)


@contextlib.contextmanager
def _connected(sink: Sink) -> Iterator[_Database]:
    with _told(), driver().connect(sink.uri, autocommit=True) as connection, connection.cursor() as cursor:
        yield _Database(cursor, sink.schema)


def _told() -> contextlib.AbstractContextManager[None]:
    return told(
        lambda error: DataError(
            "sink: expected a database that can be written ({error}): is the server up, are the tables there (creditscore sink "
            "--sql), and may the role read, insert and delete there?",
            error=error,
        )
    )


class _Database:
    """The tables of one schema, over one connection."""

    def __init__(self, cursor: Any, schema: str) -> None:
        self._cursor, self._schema = cursor, schema

    def refuse_other_tables(self) -> None:
        """Refuse tables that are not those of this version.

        Raises:
            DataError: A table or a column is missing or of another type.
        """
        found = self._rows(
            "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL) FROM pg_attribute a "
            "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = $1 AND a.attnum > 0 AND NOT a.attisdropped",
            self._schema,
        )
        kinds = {(table, column): kind for table, column, kind in found}
        wrong = [
            f"{table.name}.{column}"
            for table in TABLES
            for column, kind in table.sql_columns.items()
            if kinds.get((table.name, column)) != kind
        ]
        if wrong:
            raise DataError(
                "sink: expected the tables of this version in schema {schema} (missing or of another type: {columns}); an "
                "administrator makes them with the SQL of creditscore sink --sql",
                schema=self._schema,
                columns=", ".join(wrong[:5]),
            )

    def known(self, table: SinkTable, content: str, *, name: str = "run") -> set[tuple[str, str]]:
        """What is there: names with the hashes of their content."""
        return {(row[0], row[1]) for row in self._rows(f"SELECT {name}, {content} FROM {self._name(table)}")}  # noqa: S608

    def write_run(self, run: RunFolder) -> bool:
        """Write a run in place of what is there of its day; not, where another command has written it just now.

        Raises:
            DataError: A file is not what the manifest says; or the schema holds another project.
            LockedError: Another command is writing.
        """
        manifest = RunFolder.opened(run.path).manifest() or {}
        sealed, trial = sha256_file(run.file(MANIFEST)), run.is_trial
        day = run.as_of
        about = {"run": run.path.name, "as_of": day, "trial": trial}
        counts = {name: pq.ParquetFile(run.file(f"{name}.parquet")).metadata.num_rows for name in ("scores", "tiers")}
        with self._transaction():
            if (run.path.name, sealed) in self.known(RUNS, "manifest"):
                return False
            self._refuse_other_project(str(manifest.get("project", "")))
            for table in (RUNS, SCORES, TIERS, REASONS):
                # A trial never takes the place of a run with signed cards.
                whose = "AND trial" if trial else ""
                self._run(f"DELETE FROM {self._name(table)} WHERE as_of = $1 {whose}", day)  # noqa: S608
            self._insert(SCORES, _file(SCORES, run.file("scores.parquet"), about))
            self._insert(TIERS, _file(TIERS, run.file("tiers.parquet"), about))
            self._insert(REASONS, _table(REASONS, [{**about, **row} for row in _reasons(run)]))
            facts = {
                "project": manifest.get("project", ""),
                "manifest": sealed,
                "scored": counts["scores"],
                "subjects": counts["tiers"],
            }
            self._insert(RUNS, _table(RUNS, [{**about, **facts}]))
        return True

    def write_list(self, one: ToldList) -> bool:
        """Write the list of a drawn task in place of what is there of it; not, where another command has written it just now.

        Raises:
            LockedError: Another command is writing.
        """
        about = {"run": one.run, "as_of": one.as_of, "trial": one.trial, "task": one.task}
        facts = {"frame_hash": one.frame_hash, "drawn_on": one.drawn_on, "closed_on": one.closed_on, "content": one.content}
        rows = [{**about, **_visit(row)} for row in one.rows]
        with self._transaction():
            if (one.task, one.content) in self.known(TASKS, "content", name="task"):
                return False
            for table in (TASKS, DRAWN):
                self._run(f"DELETE FROM {self._name(table)} WHERE task = $1", one.task)  # noqa: S608
            self._insert(DRAWN, _table(DRAWN, rows))
            self._insert(TASKS, _table(TASKS, [{**about, **facts}]))
        return True

    def _refuse_other_project(self, project: str) -> None:
        others = [row[0] for row in self._rows(f"SELECT DISTINCT project FROM {self._name(RUNS)}") if row[0] != project]  # noqa: S608
        if others:
            raise DataError(
                "sink: schema {schema} holds the runs of project {other} (this run is of {project}); give each project a schema of "
                "its own (--schema)",
                schema=self._schema,
                other=others[0],
                project=project,
            )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """One transaction, alone in the schema; without its end nothing of it shows.

        Raises:
            LockedError: Another command is writing.
        """
        self._run("BEGIN ISOLATION LEVEL READ COMMITTED")
        try:
            [(alone,)] = self._rows("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", f"creditscore:{self._schema}")
            if not alone:
                raise LockedError("sink: another command is writing to schema {schema}; wait for it", schema=self._schema)
            yield
        except BaseException:
            with contextlib.suppress(Exception):  # a server that is gone has forgotten it anyhow
                self._run("ROLLBACK")
            raise
        self._run("COMMIT")

    def _insert(self, table: SinkTable, rows: tuple[pa.RecordBatchReader, int]) -> None:
        """Add rows by COPY, as a stream.

        Raises:
            DataError: The server took another number of rows.
        """
        reader, count = rows
        taken = self._cursor.adbc_ingest(table.name, reader, mode="append", db_schema_name=self._schema) if count else 0
        if taken != count:
            raise DataError(
                "sink: expected {count} rows of {table} to be written (got {taken})", count=count, table=table.name, taken=taken
            )

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        self._run(statement, *values)
        rows: list[tuple[Any, ...]] = self._cursor.fetchall()
        return rows

    def _run(self, statement: str, *values: object) -> None:
        self._cursor.execute(statement, values or None)

    def _name(self, table: SinkTable) -> str:
        return quoted(self._schema, table.name)


def _file(table: SinkTable, path: Path, about: dict[str, Any]) -> tuple[pa.RecordBatchReader, int]:
    """The rows of a run's file in the columns of a table, as a stream, and how many they are."""
    file = pq.ParquetFile(path, page_checksum_verification=True)
    there = [name for name in table.columns if name in file.schema_arrow.names and name not in about]
    # Few rows at a time: they are written as they are read, and never lie here together.
    batches = (_batch(table, batch, about) for batch in file.iter_batches(batch_size=_ROWS, columns=there))
    return pa.RecordBatchReader.from_batches(table.schema, batches), file.metadata.num_rows


def _batch(table: SinkTable, batch: pa.RecordBatch, about: dict[str, Any]) -> pa.RecordBatch:
    columns = []
    for name, kind in table.columns.items():
        if name in about:
            columns.append(pa.repeat(pa.scalar(about[name], kind), batch.num_rows))
        elif name in batch.schema.names:
            columns.append(batch.column(name).cast(kind))
        else:
            columns.append(pa.nulls(batch.num_rows, kind))
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def _table(table: SinkTable, rows: Sequence[dict[str, Any]]) -> tuple[pa.RecordBatchReader, int]:
    """A few rows in the columns of a table; the sign U+0000, which no text of the server may hold, as one that can be seen."""
    made = pa.Table.from_pylist(list(rows), schema=table.schema)
    seen = [pc.replace_substring(one, "\0", "\u2400") if pa.types.is_string(one.type) else one for one in made.columns]
    made = pa.table(seen, schema=table.schema)
    return pa.RecordBatchReader.from_batches(made.schema, made.to_batches()), made.num_rows


def _reasons(run: RunFolder) -> Iterable[dict[str, str]]:
    """What the characteristics of a run's cards are called: the card, the name, and the label in the first language."""
    words, seen = Words.of(DEFAULT_LANGUAGE), set[tuple[str, str]]()
    for card in read_cards(run.file("scorecards")).values():
        for one in card.characteristics:
            if (card.sha256, one.name) not in seen:
                seen.add((card.sha256, one.name))
                yield {"scorecard": card.sha256, "reason": one.name, "label": words.text(one.label)}


def _visit(row: dict[str, str]) -> dict[str, object]:
    """A row of a told list in the columns of the table."""
    texts = {name: row[name] for name in ("subject_id", "name", "item", "department", "standing", "reason", "result")}
    days = {"first_day": "start", "last_day": "end", "inspected_on": "inspected_on"}
    return {**texts, **{name: dt.date.fromisoformat(row[own]) if row[own] else None for name, own in days.items()}}
