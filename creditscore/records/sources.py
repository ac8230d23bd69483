"""Columns of a second file beside a source's own, by equal keys; rows neither multiply nor leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from creditscore.config.sources import Join, SourceSpec
from creditscore.config.spec import sha256_file
from creditscore.errors import DataError
from creditscore.records.column_rules import need_columns, rows_where
from creditscore.records.csv_files import CsvFile, open_csv, plain_name
from creditscore.records.encodings import examine
from creditscore.records.personal import header_words, masked, personal_columns
from creditscore.records.postgres import columns_of, fingerprint, pieces_of

_ROWS = 1 << 17
#: A float of a spreadsheet holds 15 digits; an id beyond that has lost some.
_EXACT = 10**15


@dataclass(frozen=True)
class Piece:
    """Some rows of a source: the wanted columns, and which rows they are (from 1)."""

    table: pa.Table
    rows: np.ndarray
    #: Rows that could not be cut into fields.
    ragged: np.ndarray


@dataclass(frozen=True)
class Opened:
    """A source whose rows are about to be read."""

    source: SourceSpec
    path: Path
    columns: tuple[str, ...]
    encoding: str
    #: Of a file, its SHA-256; of a database table, its fingerprint.
    sha256: str
    csv: CsvFile | None = None

    @property
    def suspicious(self) -> int:
        """Lines of a GB18030 file that look like UTF-8."""
        return self.csv.facts.utf8_lines if self.csv else 0

    def pieces(self, wanted: list[str]) -> Iterator[Piece]:
        """The rows in order, personal data masked.

        Raises:
            DataError: The file is damaged, or the database stops answering.
        """
        hidden = personal_columns(self.source, wanted)
        for piece in self._raw(wanted):
            table = _plain(piece.table)
            for name, kind in hidden.items():
                place = table.schema.get_field_index(name)
                table = table.set_column(place, name, masked(table[name].combine_chunks(), kind))
            yield Piece(table, piece.rows, piece.ragged)

    def _raw(self, wanted: list[str]) -> Iterator[Piece]:
        if self.csv is not None:
            for piece in self.csv.pieces(wanted):
                yield Piece(piece.table, piece.rows + 1, piece.ragged + 1)
            return
        if self.source.format == "postgres":
            tables = pieces_of(self.source, wanted, expected=self.sha256)
        elif self.source.format == "excel":
            tables = iter([_excel(self.path, self.source.sheet).select(wanted)])
        else:
            tables = _parquet(self.path, wanted)
        done = 1
        for table in tables:
            yield Piece(table, np.arange(done, done + table.num_rows), np.empty(0, dtype=np.int64))
            done += table.num_rows


def open_source(source: SourceSpec, data: Path) -> Opened:
    """A source found, examined and ready to be read.

    Raises:
        DataError: The file is absent or damaged, or is not wholly in one encoding (with the byte and line);
            the database cannot be read.
    """
    opened = _opened(source, data)
    twice = sorted({name for name in opened.columns if name and opened.columns.count(name) > 1})
    if twice:
        # Of a spreadsheet without its header line these may be cells.
        told = "some" if source.format == "excel" else ", ".join(twice)
        raise DataError("{place}: expected each column once (got {told} several times)", place=source.place, told=told)
    return opened


def _opened(source: SourceSpec, data: Path) -> Opened:
    if source.format == "postgres":
        return Opened(source, data, tuple(columns_of(source)), "postgres", fingerprint(source))
    path = data / source.file
    if not path.is_file():
        raise DataError(
            '{file}: expected the file of source "{name}" below {data_name}/ (got nothing)',
            file=source.file,
            name=source.name,
            data_name=data.name,
        )
    if source.format == "csv":
        facts = examine(path, source.encoding)
        text = open_csv(path, facts, source.delimiter)
        return Opened(source, path, text.header, facts.encoding, facts.sha256, text)
    if source.format == "excel":
        return Opened(source, path, tuple(_excel(path, source.sheet).column_names), "excel", sha256_file(path))
    return Opened(source, path, tuple(_parquet_file(path).schema_arrow.names), "parquet", sha256_file(path))


def read_source(source: SourceSpec, data: Path, *, wanted: list[str] | None = None) -> pa.Table:
    """All rows of a source at once: for small files that are looked up in.

    Raises:
        DataError: As :func:`open_source`; or a wanted column is not there, or a line cannot be cut.
    """
    opened = open_source(source, data)
    chosen = list(opened.columns) if wanted is None else wanted
    missing = sorted(set(chosen) - set(opened.columns))
    if missing:
        raise DataError(
            "{place}: expected column {missing} ({header_words})",
            place=source.place,
            missing=", ".join(missing),
            header_words=header_words(opened.columns),
        )
    parts = list(opened.pieces(chosen))
    ragged = sum(len(part.ragged) for part in parts)
    if ragged:
        raise DataError(
            "{place}: expected {n_columns} fields in each line (got others in {ragged} lines)",
            place=source.place,
            n_columns=len(opened.columns),
            ragged=ragged,
        )
    return (
        pa.concat_tables([part.table for part in parts])
        if parts
        else pa.table({name: pa.array([], pa.string()) for name in chosen})
    )


def _parquet_file(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None


def _parquet(path: Path, wanted: list[str]) -> Iterator[pa.Table]:
    file = _parquet_file(path)
    try:
        for batch in file.iter_batches(batch_size=_ROWS, columns=wanted):
            yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError("{name}: expected a whole Parquet file ({kind} while reading it)", name=path.name, kind=type(error).__name__)


def _excel(path: Path, sheet: str | None) -> pa.Table:
    from creditscore.spreadsheet import read_table

    try:
        frame = read_table(path, sheet=sheet)
    except DataError as error:
        # A header that stands twice may be a cell of a sheet that has no header.
        told = "expected each column once in its header" if "stands twice" in str(error) else str(error).removeprefix(f"{path}: ")
        raise DataError("{name}: {removeprefix}", name=path.name, removeprefix=told.removeprefix(f"{path.name}: ")) from None
    columns = [pa.array([_text(value) for value in frame[name]], pa.string()) for name in frame.columns]
    return pa.Table.from_arrays(columns, names=[plain_name(str(name)) for name in frame.columns])


def _text(value: object) -> str | None:
    """A cell as text: a date as 2024-04-30, a whole number without a point, a long number as the fault it is."""
    if value is None or value != value or value == "":  # NaN differs from itself
        return None
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _EXACT:
        return f"{value:.9E}"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _plain(table: pa.Table) -> pa.Table:
    """Texts as ``string``: dictionaries, large and view types and a driver's own are the writer's affair."""
    columns = []
    for column in table.columns:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
        # Bytes become a text as they are: whether they are one is asked where the column is read.
        columns.append(column.cast(_plain_type(kind), safe=not _of_bytes(kind)))
    return pa.Table.from_arrays(columns, names=table.column_names)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """Bytes are looked at as texts (and refused later where they are none); lists and floats of rare widths as usual ones."""
    of_text = pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_string(kind)
    if of_text or _of_bytes(kind):
        return pa.string()
    if pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_type)
    return pa.float32() if pa.types.is_float16(kind) else kind


def _of_bytes(kind: pa.DataType) -> bool:
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(test(kind) for test in tests)


_PLACE, _KEY, _KEY_ROWS = "place_of_row", "key_of_join_{}", "rows_of_key"


class Joins:
    """The joined files of a source, read once; pieces of the source then pass through :meth:`beside`."""

    def __init__(self, source: SourceSpec, folder: Path, columns: tuple[str, ...]) -> None:
        self._source = source
        self._files = [_read(join, source, folder) for join in source.join]
        self._there: list[pa.Table | None] = [None] * len(source.join)
        names = list(columns)
        for join in source.join:
            need_columns(names, list(join.on), source.place)
            _refuse_masked_keys(join, source)
            twice = sorted(set(join.take) & set(names))
            if twice:
                raise DataError(
                    'source "{name}": {file}: expected columns that {place} lacks (both have {twice})',
                    name=source.name,
                    file=join.file,
                    place=source.place,
                    twice=", ".join(twice),
                )
            names += join.take
        #: The source's columns and those taken.
        self.columns = tuple(names)

    def beside(self, piece: pa.Table) -> pa.Table:
        """A piece's rows in their order, with the columns that the joins take.

        Raises:
            DataError: Keys are of types that cannot be compared.
        """
        for place, join in enumerate(self._source.join):
            there = self._there[place]
            if there is None:
                there = self._there[place] = _one_per_key(self._files[place], piece, join)
            piece = _joined(piece, there, join)
        return piece


def _joined(piece: pa.Table, there: pa.Table, join: Join) -> pa.Table:
    numbered = piece.select(list(join.on)).append_column(_PLACE, pa.array(range(piece.num_rows), pa.int64()))
    keys = [_KEY.format(place) for place in range(len(join.on))]
    found = numbered.join(there, keys=list(join.on), right_keys=keys, join_type="left outer").sort_by(_PLACE)
    for name in join.take:
        piece = piece.append_column(name, found[name])
    return piece


def _refuse_masked_keys(join: Join, source: SourceSpec) -> None:
    """Masked texts are equal for different people: nothing can be found by them."""
    hidden = sorted(personal_columns(source, [*join.on, *join.on.values()]))
    if hidden:
        raise DataError(
            'source "{name}": {file}: {hidden} is called like personal data and would be masked, so no row '
            'can be found by it: declare it in personal, with kind = "none" if it is none, or with needed = '
            '"…" and the basis',
            name=source.name,
            file=join.file,
            hidden=", ".join(hidden),
        )


def _read(join: Join, source: SourceSpec, folder: Path) -> pa.Table:
    spec = SourceSpec(
        name=source.name, table=source.table, file=join.file, format=join.format, encoding=join.encoding, sheet=join.sheet,
        personal=source.personal,
    )  # fmt: skip
    looked_at = (*join.on.values(), *join.take, *((join.where.column,) if join.where else ()))
    return rows_where(read_source(spec, folder, wanted=list(dict.fromkeys(looked_at))), join.where, join.file)


def _one_per_key(table: pa.Table, piece: pa.Table, join: Join) -> pa.Table:
    """One row per key whose rows agree on all that is taken; keys in the source's types."""
    columns = {}
    for place, (own, other) in enumerate(join.on.items()):
        columns[_KEY.format(place)] = _like(table[other], piece.schema.field(own).type, f"{join.file}: {other}")
    keys = list(columns)
    given = pa.table({**columns, **{name: table[name] for name in join.take}})
    distinct = given.group_by([*keys, *join.take], use_threads=False).aggregate([])
    counted = distinct.group_by(keys, use_threads=False).aggregate([([], "count_all")]).rename_columns([*keys, _KEY_ROWS])
    alone = counted.filter(pc.equal(counted[_KEY_ROWS], 1)).drop_columns([_KEY_ROWS])
    return distinct.join(alone, keys=keys, join_type="left semi")


def _like(column: pa.ChunkedArray, kind: pa.DataType, where: str) -> pa.ChunkedArray:
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(
            "{where}: expected keys that can be read as {kind} (got {type})", where=where, kind=kind, type=column.type
        ) from None
