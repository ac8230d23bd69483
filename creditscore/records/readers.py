"""Read one declared file as an Arrow table of its own columns; encodings are found out, values never guessed.

In text files everything is text and only "" is missing: ``NA`` may be a name, ``001234`` an id.
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import io
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from creditscore.batch import read_parquet
from creditscore.config.sources import SourceSpec
from creditscore.errors import DataError

#: A file with a larger share of lines of the wrong width is refused, not repaired.
_RAGGED_SHARE = 0.001


@dataclass(frozen=True)
class Raw:
    """A file as it was sent: its columns, how it was encoded, and the lines that could not be cut."""

    table: pa.Table
    encoding: str
    ragged_lines: tuple[int, ...] = ()


def read_source(source: SourceSpec, data: Path) -> Raw:
    """The rows of a source's file.

    Raises:
        DataError: The file is absent or damaged, is in no declared encoding (with the byte and line),
            or too many of its lines have the wrong number of fields.
    """
    path = data / source.file
    if not path.is_file():
        raise DataError(f'{source.file}: expected the file of source "{source.name}" below {data.name}/ (got nothing)')
    if source.format == "parquet":
        return Raw(_plain(read_parquet(path)), "parquet")
    if source.format == "excel":
        return Raw(_read_excel(path, source.sheet), "excel")
    return _read_csv(path, source.encoding)


def find_encoding(content: bytes, declared: str = "auto") -> str:
    """``utf-8-sig``, ``utf-16``, ``utf-8`` or ``gb18030``, by byte-order mark, then by strict decoding.

    GB18030 contains GBK, which lacks rare characters of names; a file called gbk is read as gb18030.
    """
    if declared == "gb18030":
        return "gb18030"
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "utf-8" if declared == "utf-8" else "gb18030"
    return "utf-8"


def _read_csv(path: Path, declared: str) -> Raw:
    content = path.read_bytes()
    encoding = find_encoding(content, declared)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path.name}: expected one encoding (got a byte that is not {encoding} at {error.start}, line {line})"
        ) from None
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise DataError(f"{path.name}: expected comma-separated lines with closed quotes ({error})") from None
    if not rows:
        raise DataError(f"{path.name}: expected a header line (got an empty file)")
    header = [name.strip() for name in rows[0]]
    body = [(number, row) for number, row in enumerate(rows[1:], start=2) if row]
    ragged = tuple(number for number, row in body if len(row) != len(header))
    if len(ragged) > _RAGGED_SHARE * len(body) + 1:
        raise DataError(
            f"{path.name}: expected {len(header)} fields in each line (got others in {len(ragged)} lines, first line {ragged[0]})"
        )
    kept = [row for _, row in body if len(row) == len(header)]
    columns = list(zip(*kept, strict=True)) if kept else [()] * len(header)
    arrays = [pa.array([value or None for value in column], pa.string()) for column in columns]
    return Raw(pa.Table.from_arrays(arrays, names=header), encoding, ragged)


def _read_excel(path: Path, sheet: str | None) -> pa.Table:
    from creditscore.spreadsheet import read_table

    frame = read_table(path, sheet=sheet)
    return pa.table({name: pa.array([_text(value) for value in frame[name]], pa.string()) for name in frame.columns})


def _text(value: object) -> str | None:
    """A cell as text: a date as 2024-04-30, a whole number without a point."""
    if value is None or value != value or value == "":  # NaN differs from itself
        return None
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _plain(table: pa.Table) -> pa.Table:
    """Texts as ``string``: dictionaries, large and view types are the writer's affair."""
    columns = []
    for column in table.columns:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        text = pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_string(kind)
        columns.append(column.cast(pa.string()) if text else column.cast(kind))
    return pa.Table.from_arrays(columns, names=table.column_names)
