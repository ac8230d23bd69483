"""The sources of a project: each is opened, examined, read in pieces with personal data masked, and joined with other files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.sources import Join, Limits, SourceSpec
from creditscore.errors import DataError
from creditscore.language import _
from creditscore.records.columns.headers import check_header
from creditscore.records.columns.numbers import typed_numbers
from creditscore.records.columns.personal import masked, personal_columns
from creditscore.records.columns.rules import need_columns
from creditscore.records.columns.types import Faults, as_texts, one_array, usual_types
from creditscore.records.reading.asked_rows import AskedRows, asked_rows, known_in_file
from creditscore.records.reading.csv_files import CsvFile, Piece, RefusedLines, open_csv, refuse_lines
from creditscore.records.reading.encodings import TextFacts, examine
from creditscore.records.reading.error_cells import refuse_cells, with_error_cells
from creditscore.records.reading.excel_files import ExcelFile, open_excel
from creditscore.records.reading.parquet_files import ParquetFiles, ParquetPart, hash_of, open_parquet
from creditscore.records.reading.postgres import columns_of, pieces_of
from creditscore.records.reading.sent_back import refuse_sent_back
from creditscore.records.reading.session_tables import columns_in_session
from creditscore.records.reading.table_copies import TableCopy, copy_of
from creditscore.storage import sha256_file

if TYPE_CHECKING:
    from creditscore.engine import Engine

#: How a spreadsheet program writes a text file in an encoding: the words of its menu.
_SAVE_AS_UTF8 = _(
    '{file}: cannot be read as a text. Open it in the spreadsheet program, save it as "CSV UTF-8 (comma delimited)", and send that'
)
_SAVE_AS = dict.fromkeys(
    ("gb18030", "gbk", "gb2312"),
    _(
        '{file}: cannot be read in the form that was agreed. Open it in the spreadsheet program, save it as "CSV (comma '
        'delimited)" and not as "CSV UTF-8", and send that'
    ),
)
#: Columns of a join at work, named as no source names its own.
_ROW_NUMBER, _KEY, _ROWS_OF_KEY = "place_of_row", "key_of_join_{}", "rows_of_key"


@dataclass(frozen=True)
class OpenedSource:
    """A source whose rows are about to be read."""

    source: SourceSpec
    path: Path
    columns: tuple[str, ...]
    encoding: str
    #: Of a file, its SHA-256; of a copied table of a database, the hash of what was read; of one that is read where it is, nothing.
    sha256: str
    csv: CsvFile | None = None
    excel: ExcelFile | None = None
    parquet: ParquetFiles | None = None
    copy: TableCopy | None = None

    @property
    def utf8_lines(self) -> int:
        """Lines of a GB18030 file that look like UTF-8."""
        return self.csv.facts.utf8_lines if self.csv else 0

    @property
    def below(self) -> tuple[str, ...]:
        """The row below the header, where the reader knows it."""
        reader = self.csv or self.excel
        return reader.below if reader else ()

    @property
    def parts(self) -> tuple[ParquetPart, ...]:
        """Parts that can be read one without the other, in order; none of a source that is read from its beginning to its end."""
        return self.parquet.parts if self.parquet else ()

    def pieces(self, wanted: list[str], part: ParquetPart | None = None) -> Iterator[Piece]:
        """The rows in order, personal data masked; the text of an error of a spreadsheet is a refused cell.

        Args:
            wanted: The columns.
            part: Only the rows of one of :attr:`parts`.

        Raises:
            DataError: The file is damaged, or the database stops answering.
        """
        reader = self.csv or self.excel
        if part is not None or self.parquet:
            pieces: Iterator[Piece] = (piece for one in ((part,) if part else self.parts) for piece in one.pieces(wanted))
        else:
            tables = self.copy.pieces(wanted) if self.copy else pieces_of(self.source, wanted)
            pieces = reader.pieces(wanted) if reader else numbered(tables)
        return self.shown(pieces, wanted)

    def shown(self, pieces: Iterable[Piece], wanted: list[str]) -> Iterator[Piece]:
        """Pieces as they came, their personal data masked, in the usual types."""
        personal = personal_columns(self.source, wanted)
        for piece in pieces:
            table = usual_types(piece.table)
            cells = with_error_cells(piece.cells, table)
            for name, kind in personal.items():
                position = table.schema.get_field_index(name)
                table = table.set_column(position, name, masked(table[name].combine_chunks(), kind))
            yield dataclasses.replace(piece, table=table, cells=cells)


def numbered(tables: Iterable[pa.Table]) -> Iterator[Piece]:
    """Tables of rows as pieces, numbered from 1."""
    first = 1
    for table in tables:
        yield Piece(table, np.arange(first, first + table.num_rows), RefusedLines(), table.num_rows)
        first += table.num_rows


def open_source(
    source: SourceSpec, data: Path, limits: Limits | None = None, *, engine: Engine | None = None, tables: Path | None = None
) -> OpenedSource:
    """A source examined and ready to be read.

    Args:
        source: The source.
        data: The data folder.
        limits: What is refused at the door; by default what a project without ``[limits]`` refuses.
        engine: Who reads tables of a session.
        tables: The folder of the copies of PostgreSQL tables; without it a table is read where it is.

    Raises:
        DataError: The file is absent or damaged, or is not wholly in one encoding (with the byte and line);
            the database cannot be read; a column has the name of another one; or it is a workbook that was sent back.
    """
    path, limits = data / source.file, limits or Limits()
    if source.format == "postgres" and tables is not None:
        copy = copy_of(source, tables)
        opened = OpenedSource(source, copy.path, copy.columns, "postgres", copy.sha256, copy=copy)
    elif source.format == "postgres":
        opened = OpenedSource(source, data, tuple(columns_of(source)), "postgres", "")
    elif source.of_session:
        opened = OpenedSource(source, data, columns_in_session(engine, source), source.format, "")
    elif not path.is_file() and not (source.format == "parquet" and path.is_dir()):
        raise DataError(
            '{file}: expected the file of source "{source}" below {folder}/ (got nothing)',
            file=source.file,
            source=source.name,
            folder=data.name,
            to_sender=_("{file}: the file has not come"),
        )
    elif source.format == "csv":
        facts = _examined(path, source.encoding)
        text = open_csv(path, facts, source.delimiter, heights=source.lines)
        opened = OpenedSource(source, path, text.header, facts.encoding, facts.sha256, text)
    elif source.format == "excel":
        page = open_excel(path, source.sheet, read_hidden=source.hidden == "read", limits=limits)
        opened = OpenedSource(source, path, tuple(page.columns.values()), "excel", sha256_file(path), excel=page)
    else:
        files = open_parquet(path)
        opened = OpenedSource(source, path, files.columns, "parquet", hash_of(path), parquet=files)
    refuse_sent_back(opened.columns, file=source.location)
    place = opened.excel.place if opened.excel else None
    typed = source.format in ("csv", "excel")
    check_header(opened.columns, file=source.location, limit=limits.columns, place=place, typed=typed)
    return opened


def _examined(path: Path, encoding: str) -> TextFacts:
    """What :func:`examine` says of a text file; its sender is told how to save one that is written otherwise.

    Raises:
        DataError: It is no text, or not wholly in one encoding.
    """
    try:
        return examine(path, encoding)
    except DataError as error:
        raise error.told_sender(_SAVE_AS.get(encoding, _SAVE_AS_UTF8)) from None


def read_source(source: SourceSpec, data: Path, *, wanted: list[str]) -> pa.Table:
    """The wanted columns of all rows at once, for small files to look up in.

    Raises:
        DataError: As :func:`open_source`; or a wanted column is missing, or a line is no record.
    """
    opened = open_source(source, data)
    need_columns(opened.columns, wanted, source.location, below=opened.below)
    parts = list(opened.pieces(wanted))
    for part in parts:
        refuse_cells(part, source.location)
        refuse_lines(part, source.location, fields=len(opened.columns))
    if not parts:
        return pa.table({name: pa.array([], pa.string()) for name in wanted})
    return pa.concat_tables([part.table for part in parts])


class Joins:
    """The joined files of a source, read once; each piece of the source then gets their columns by :meth:`extend`.

    A join neither adds nor removes rows: it takes values from the one row of the joined file that has the
    same key, and nothing where no row has it or several rows disagree.

    Attributes:
        columns: The source's columns and those taken.
        left_out: Of each join with ``where``, in order: the joined file, the column, and which rows were asked for.

    Raises:
        DataError: A joined file cannot be read, a key is missing or masked, or a taken column exists already.
    """

    def __init__(self, source: SourceSpec, folder: Path, columns: tuple[str, ...], *, others: Iterable[SourceSpec] = ()) -> None:
        self._source = source
        self.left_out: list[tuple[str, str, AskedRows]] = []
        self._files = [self._read(join, folder, others) for join in source.join]
        self._lookups: list[pa.Table | None] = [None] * len(source.join)
        names = list(columns)
        for join in source.join:
            need_columns(names, list(join.on), source.location)
            # Masked texts are equal for different people: they identify nobody.
            personal = sorted(personal_columns(source, [*join.on, *join.on.values()]))
            if personal:
                raise DataError(
                    'source "{source}": {file}: {columns} is called like personal data and would be masked, so no row '
                    'can be found by it: declare it in personal, with kind = "none" if it is none, or with needed = '
                    '"…" and the basis',
                    source=source.name,
                    file=join.file,
                    columns=", ".join(personal),
                )
            both = sorted(set(join.take) & set(names))
            if both:
                raise DataError(
                    'source "{source}": {file}: expected columns that {own_file} lacks (both have {columns})',
                    source=source.name,
                    file=join.file,
                    own_file=source.location,
                    columns=", ".join(both),
                )
            names += join.take
        self.columns = tuple(names)

    def _read(self, join: Join, folder: Path, others: Iterable[SourceSpec]) -> pa.Table:
        """A joined file, the rows that its ``where`` asks for; ``others`` are sources that may read it too."""
        table = _read_joined(join, self._source, folder)
        if join.where is None:
            return table
        asked = asked_rows(table, join.where, join.file, known=known_in_file(join.where, join.file, join.sheet, others))
        self.left_out.append((join.file, join.where.column, asked))
        return table.filter(asked.mask)

    def extend(self, piece: pa.Table) -> pa.Table:
        """A piece's rows in their order, with the columns that the joins take.

        Raises:
            DataError: Keys are of types that cannot be compared.
        """
        for number, join in enumerate(self._source.join):
            lookup = self._lookups[number]
            if lookup is None:
                lookup = self._lookups[number] = _one_row_per_key(self._files[number], piece, join)
            own = list(join.on)
            numbered = piece.select(own).append_column(_ROW_NUMBER, pa.array(range(piece.num_rows), pa.int64()))
            keys = [_KEY.format(position) for position in range(len(own))]
            matched = numbered.join(lookup, keys=own, right_keys=keys, join_type="left outer").sort_by(_ROW_NUMBER)
            for name in join.take:
                piece = piece.append_column(name, matched[name])
        return piece


def _read_joined(join: Join, source: SourceSpec, folder: Path) -> pa.Table:
    spec = SourceSpec(
        name=source.name, table=source.table, file=join.file, format=join.format, encoding=join.encoding, sheet=join.sheet,
        hidden=join.hidden, lines=join.lines, personal=source.personal,
    )  # fmt: skip
    needed = (*join.on.values(), *join.take, *((join.where.column,) if join.where else ()))
    return read_source(spec, folder, wanted=list(dict.fromkeys(needed)))


def _one_row_per_key(table: pa.Table, piece: pa.Table, join: Join) -> pa.Table:
    """One row per key whose rows agree on all that is taken; keys in the types of the source."""
    columns = {}
    for number, (own, other) in enumerate(join.on.items()):
        kind = piece.schema.field(own).type
        columns[_KEY.format(number)] = _typed_key(one_array(table[other]), kind, join.file, other)
    keys = list(columns)
    statements = pa.table({**columns, **{name: table[name] for name in join.take}})
    distinct = statements.group_by([*keys, *join.take], use_threads=False).aggregate([])
    counted = distinct.group_by(keys, use_threads=False).aggregate([([], "count_all")]).rename_columns([*keys, _ROWS_OF_KEY])
    unique = counted.filter(pc.equal(counted[_ROWS_OF_KEY], 1)).drop_columns([_ROWS_OF_KEY])
    return distinct.join(unique, keys=keys, join_type="left semi")


def _typed_key(column: pa.Array, kind: pa.DataType, file: str, name: str) -> pa.Array:
    """A key of a joined file in the type of the source's own column, each cell by the grammar of its type."""
    if column.type == kind:
        return column
    faults, number = Faults(len(column)), pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    try:
        typed = typed_numbers(column, kind, name, faults) if number else as_texts(column).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        typed = None
    if typed is None or faults.unreadable:
        raise DataError(
            "{file}: {column}: expected keys that can be read as {expected} (got {actual})",
            file=file,
            column=name,
            expected=kind,
            actual=column.type,
        )
    return typed
