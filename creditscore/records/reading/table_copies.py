"""Copies of database tables: each table is read once, in one moment with the others, and everything later reads the copy.

A copy holds the columns that the project reads, personal data masked as the reader masks it, in a Parquet file, and beside it
what is known of it: all columns of the table, the types that they had, and the hash of what was read. Whether a table has changed
is told by that hash, so by one reading: the server's counters of changes are neither exact nor kept through a crash, and a
transaction's number says nothing about a view.
"""

from __future__ import annotations

import base64
import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from creditscore.engine import Engine, unbound
from creditscore.errors import DataError
from creditscore.records.columns.personal import masked, personal_columns
from creditscore.records.columns.sent_cells import wanted_columns
from creditscore.records.columns.types import usual_types
from creditscore.records.reading.error_cells import error_cells
from creditscore.records.reading.postgres import Moment, moment
from creditscore.records.tables import TABLES
from creditscore.storage import operations, parsed_json, sha256_of, write_json

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.config.sources import SourceSpec

#: The folder of copies beside the copied files of a run.
FOLDER = ".tables"
#: Rows of one piece of a copy, as they are read back.
_ROWS = 1 << 17
_COPIED = "copied_table"


@dataclass(frozen=True)
class TableCopy:
    """The copy of a source's table.

    Attributes:
        columns: All columns of the table, also those that were not copied.
        sha256: The hash of what was read: the rows in any order, the columns that are wanted, personal data masked.
        kinds: The types that the copied columns had; those without a plain text are kept as whole numbers or texts.
    """

    path: Path
    columns: tuple[str, ...]
    sha256: str
    kinds: pa.Schema

    def pieces(self, wanted: Sequence[str]) -> Iterator[pa.Table]:
        """The rows in the order of the table, in pieces.

        Raises:
            DataError: The copy is damaged, or lacks a wanted column.
        """
        try:
            with pq.ParquetFile(self.path, page_checksum_verification=True) as file:
                names = [name for name in wanted if name in self.kinds.names] if wanted else None
                if wanted and len(names or ()) < len(wanted):
                    raise DataError("{file}: expected a copy of every wanted column", file=self.path.name)
                for batch in file.iter_batches(batch_size=_ROWS, columns=names):
                    yield _restored(pa.Table.from_batches([batch]), self.kinds)
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                "{file}: expected a whole Parquet file ({error} while reading it)", file=self.path.name, error=type(error).__name__
            ) from None


def copy_of(source: SourceSpec, folder: Path) -> TableCopy:
    """The copy of a source's table in a folder that :func:`copy_tables` filled.

    Raises:
        DataError: It is not there.
    """
    path = folder / _file(source)
    about = path.with_suffix(".json")
    if not about.is_file():
        raise DataError('source "{source}": expected the copy of its table (got none)', source=source.name)
    document = parsed_json(about.read_text("utf-8"))
    kinds = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(document["kinds"])))
    return TableCopy(path, tuple(document["columns"]), document["sha256"], kinds)


def database_sources(project: Project) -> list[SourceSpec]:
    """The sources of a project that are tables of a database."""
    return [source for source in project.sources.source if source.format == "postgres"]


def copy_tables(project: Project, folder: Path) -> None:
    """Copy the tables of a project's databases into a folder; each table is scanned once, those of a database in one moment.

    Args:
        project: Whose sources.
        folder: For its owner only; it is made.

    Raises:
        DataError: A table cannot be read, or a column is of a type that cannot be kept.
    """
    operations.make_folder(folder, secret=True)
    for sources in _grouped(database_sources(project), by="database").values():
        with moment(sources[0]) as now:
            for same in _grouped(sources, by="relation").values():
                _copy_relation(now, same, folder)
    _hash_copies(project, folder)


def table_hashes(project: Project, folder: Path | None) -> dict[str, str]:
    """The hash of each copied table by its place; of one that several sources read, one of all their copies.

    Raises:
        DataError: There is a table and no copy of it.
    """
    places: dict[str, list[str]] = {}
    for source in database_sources(project):
        if folder is None:
            raise DataError('source "{source}": expected the copy of its table (got none)', source=source.name)
        places.setdefault(source.location, []).append(copy_of(source, folder).sha256)
    return {place: own[0] if len(own) == 1 else sha256_of("\n".join(sorted(own))) for place, own in places.items()}


@contextlib.contextmanager
def temporary_copies(project: Project) -> Iterator[Path | None]:
    """The copies of a project's tables for as long as the block lasts; None where it has no tables.

    Raises:
        DataError: As of :func:`copy_tables`.
    """
    if not database_sources(project):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="creditscore-") as folder:
        copy_tables(project, Path(folder) / FOLDER)
        yield Path(folder) / FOLDER


def _grouped(sources: Sequence[SourceSpec], *, by: str) -> dict[str, list[SourceSpec]]:
    groups: dict[str, list[SourceSpec]] = {}
    for source in sources:
        groups.setdefault(getattr(source, by), []).append(source)
    return groups


def _copy_relation(now: Moment, sources: Sequence[SourceSpec], folder: Path) -> None:
    """One scan of a relation for all sources that read it, each into its own copy, since each says what is personal."""
    columns = now.columns(sources[0])
    wanted = {source.name: wanted_columns(source, TABLES[source.table], columns) for source in sources}
    read = [name for name in columns if any(name in own for own in wanted.values())]
    writers: dict[str, pq.ParquetWriter] = {}
    kinds: dict[str, pa.Schema] = {}
    with contextlib.ExitStack() as stack:
        for piece in now.pieces(sources[0], read):
            for source in sources:
                own = piece.select(wanted[source.name]) if wanted[source.name] else piece
                try:
                    plain = _without_personal(_unwrapped(own), source)
                    stored = _stored(plain)
                except pa.ArrowException as error:
                    raise DataError(
                        'source "{source}": expected columns of {relation} that can be kept ({error})',
                        source=source.name,
                        relation=source.relation,
                        error=type(error).__name__,
                    ) from None
                if source.name not in writers:
                    kinds[source.name] = plain.schema
                    writer = pq.ParquetWriter(folder / _file(source), stored.schema, write_page_checksum=True)
                    writers[source.name] = stack.enter_context(writer)
                writers[source.name].write_table(stored)
    for source in sources:
        # A relation without rows gives no piece: its columns are texts that nobody has seen.
        if source.name not in writers:
            kinds[source.name] = pa.schema([(name, pa.string()) for name in wanted[source.name]] or [("?column?", pa.int32())])
            pq.write_table(kinds[source.name].empty_table(), folder / _file(source))
        operations.written(folder / _file(source))
        schema = base64.b64encode(kinds[source.name].serialize().to_pybytes()).decode()
        write_json((folder / _file(source)).with_suffix(".json"), {"columns": columns, "kinds": schema, "sha256": ""})


def _hash_copies(project: Project, folder: Path) -> None:
    """Note the content hash of each copy. An engine of its own computes it, within the limits that the project sets."""
    limits = project.about.engine
    engine = Engine.duckdb(threads=limits.threads, memory_limit=limits.memory_limit, spill=folder / "spill", folders=[folder])
    for source in database_sources(project):
        path = folder / _file(source)
        engine.register(_COPIED, path)
        found = engine.content_hash(unbound(_COPIED, pq.read_schema(path)))
        about = path.with_suffix(".json")
        write_json(about, {**parsed_json(about.read_text("utf-8")), "sha256": found})


def _without_personal(table: pa.Table, source: SourceSpec) -> pa.Table:
    """A piece with personal data masked as its reader masks it. Texts of a spreadsheet's errors stay: they refuse their cell."""
    for name, kind in personal_columns(source, table.column_names).items():
        column = usual_types(table.select([name]))[name].combine_chunks()
        errors = error_cells(pa.table({name: column})).get(name)
        hidden = masked(column, kind)
        if errors is not None:
            hidden = pc.if_else(pc.is_valid(errors), column, hidden)
        table = table.set_column(table.schema.get_field_index(name), name, hidden)
    return table


def _unwrapped(table: pa.Table) -> pa.Table:
    """A piece in types of Arrow itself: of one that the driver describes by a type of its own, how it is stored."""
    columns = [
        column.cast(column.type.storage_type) if isinstance(column.type, pa.BaseExtensionType) else column
        for column in table.columns
    ]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _stored(table: pa.Table) -> pa.Table:
    """A piece in types that have a plain text, so that its content can be hashed on an engine."""
    columns = []
    for column in table.columns:
        kind = column.type
        if pa.types.is_timestamp(kind):
            column = column.cast(pa.int64())
        elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            texts = [None if cell is None else cell.hex() for cell in column.to_pylist()]
            column = pa.chunked_array([pa.array(texts, pa.string())])
        elif pa.types.is_list(kind):
            column = column.cast(pa.list_(pa.string()))
        columns.append(column)
    return pa.Table.from_arrays(columns, names=table.column_names)


def _restored(table: pa.Table, kinds: pa.Schema) -> pa.Table:
    """A piece of a copy in the types that its columns had."""
    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = kinds.field(name).type
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            cells = [None if cell is None else bytes.fromhex(cell) for cell in column.to_pylist()]
            column = pa.chunked_array([pa.array(cells, pa.binary())])
        columns.append(column if column.type == kind else column.cast(kind))
    return pa.Table.from_arrays(columns, names=table.column_names)


def _file(source: SourceSpec) -> str:
    """The name of a source's copy: its own name may be one that no file system takes."""
    return f"{sha256_of(source.name)[:16]}.parquet"
