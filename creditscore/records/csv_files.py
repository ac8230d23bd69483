"""Text files in pieces: every field a text, only "" missing, no line lost without being told.

A file whose quotes close within their lines is cut at line ends and read block by block in C; one whose
texts go on over lines, or that has carriage returns alone, is read by Python's exact and slower reader.
Lines with another number of fields than the header are handed back by their place among the rows, never
repaired.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from creditscore.errors import DataError
from creditscore.records.column_types import CONTROLS
from creditscore.records.encodings import TextFacts, utf8_blocks
from creditscore.records.personal import header_words, looks_like_data

_ROWS = 50_000
#: Letters of the longest field that is read; an unclosed quote makes one of the rest of a file.
_FIELD = 1 << 24
#: What else fields are cut by, where a header seems to have one column.
_DELIMITERS = ";\t|，、"


@dataclass(frozen=True)
class CsvPiece:
    """Some rows of a file: the wanted columns of the good ones, and which rows they are (from 0, header not counted)."""

    table: pa.Table
    rows: np.ndarray
    ragged: np.ndarray


@dataclass(frozen=True)
class CsvFile:
    """A text file that was examined, and its header."""

    path: Path
    facts: TextFacts
    delimiter: str
    header: tuple[str, ...]

    def pieces(self, wanted: list[str]) -> Iterator[CsvPiece]:
        """The rows in order.

        Raises:
            DataError: A quote is never closed; with the line in which it was opened.
        """
        exactly = self.facts.quotes == "across" or self.facts.lone_returns
        yield from _exactly(self, wanted) if exactly else _in_blocks(self, wanted)


def open_csv(path: Path, facts: TextFacts, delimiter: str) -> CsvFile:
    """A text file with its header read.

    Raises:
        DataError: It is empty, a name stands twice in its header, or its fields are cut by another delimiter.
    """
    reader = _reader(_lines(path, facts.encoding), delimiter)
    try:
        first = next((row for row in reader if row), None)
    except csv.Error as error:
        raise _broken(path, 1, error) from None
    if first is None:
        raise DataError("{name}: expected a header line (got an empty file)", name=path.name)
    header = tuple(plain_name(name) for name in first)
    _refuse_other_delimiter(path, first, delimiter)
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        told = header_words(header) if looks_like_data(header) else f"got {', '.join(twice)} several times"
        raise DataError("{name}: expected each column once ({told})", name=path.name, told=told)
    return CsvFile(path, facts, delimiter, header)


def plain_name(name: str) -> str:
    """A column's name without marks that nobody sees, and without blanks around it."""
    return re.sub(CONTROLS, "", name).strip()


def _refuse_other_delimiter(path: Path, header: list[str], delimiter: str) -> None:
    other = next((sign for sign in _DELIMITERS if sign != delimiter and sign in header[0]), None) if len(header) == 1 else None
    if other:
        raise DataError(
            "{name}: expected fields cut by {delimiter!r} (got one column with {other!r} in it: declare delimiter)",
            name=path.name,
            delimiter=delimiter,
            other=other,
        )


def _reader(lines: Iterable[str], delimiter: str, *, strict: bool = True) -> Any:
    """Python's reader with room for long texts; its limit is one for the whole process."""
    csv.field_size_limit(max(_FIELD, csv.field_size_limit()))
    return csv.reader(lines, delimiter=delimiter, strict=strict)


def _lines(path: Path, encoding: str) -> Iterator[str]:
    for block in utf8_blocks(path, encoding):
        yield from io.StringIO(block.decode(), newline="")


def _in_blocks(file: CsvFile, wanted: list[str]) -> Iterator[CsvPiece]:
    done, header_to_come = 0, True
    for block in utf8_blocks(file.path, file.facts.encoding):
        if header_to_come and block.strip():
            lines = block.lstrip(b"\r\n")
            block = lines[lines.index(b"\n") + 1 :] if b"\n" in lines else b""
            header_to_come = False
        if block.strip(b"\r\n"):
            piece = _parse(file, block, wanted, done)
            done += len(piece.rows) + len(piece.ragged)
            yield piece


def _parse(file: CsvFile, block: bytes, wanted: list[str], done: int) -> CsvPiece:
    bad: list[str] = []

    def note(row: pacsv.InvalidRow) -> str:
        bad.append("")
        return "skip"

    table = _read_block(file, block, wanted, note)
    if not bad:
        return CsvPiece(table, np.arange(done, done + table.num_rows), np.empty(0, dtype=np.int64))
    ragged = _ragged_rows(file, block)
    if len(ragged) != len(bad):
        raise DataError(
            "{name}: expected lines that two readers cut alike (got {n_bad} bad ones, and {n_ragged})",
            name=file.path.name,
            n_bad=len(bad),
            n_ragged=len(ragged),
        )
    rows = np.delete(np.arange(table.num_rows + len(ragged)), ragged)
    return CsvPiece(table, done + rows, done + ragged)


def _read_block(file: CsvFile, block: bytes, wanted: list[str], note: object) -> pa.Table:
    names = [f"c{place}" for place in range(len(file.header))]
    chosen = [names[file.header.index(name)] for name in wanted]
    table = pacsv.read_csv(
        pa.py_buffer(block),
        read_options=pacsv.ReadOptions(column_names=names, block_size=2 << 20),
        parse_options=pacsv.ParseOptions(
            delimiter=file.delimiter, quote_char='"' if file.facts.quotes != "none" else False, invalid_row_handler=note
        ),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True,
            include_columns=chosen or names[:1], check_utf8=False,
        ),
    )  # fmt: skip
    return table.select(chosen).rename_columns(wanted)


def _ragged_rows(file: CsvFile, block: bytes) -> np.ndarray:
    """The places of rows with another number of fields: by counting where there are no quotes, else by reading."""
    if file.facts.quotes == "none":
        letters = np.frombuffer(block if block.endswith(b"\n") else block + b"\n", dtype=np.uint8)
        ends = np.flatnonzero(letters == 0x0A)
        commas = np.searchsorted(np.flatnonzero(letters == ord(file.delimiter)), ends)
        starts = np.concatenate([[0], ends[:-1] + 1])
        # A carriage return alone is an empty line too.
        empty = (ends == starts) | ((ends == starts + 1) & (letters[starts] == 0x0D))
        fields = np.diff(commas, prepend=0)[~empty] + 1
        return np.flatnonzero(fields != len(file.header))
    rows = _reader(io.StringIO(block.decode(), newline=""), file.delimiter, strict=False)
    return np.array([n for n, row in enumerate(row for row in rows if row) if len(row) != len(file.header)], dtype=np.int64)


def _exactly(file: CsvFile, wanted: list[str]) -> Iterator[CsvPiece]:
    """By Python's reader: texts may go on over lines, and a quote must be closed somewhere."""
    reader = _reader(_lines(file.path, file.facts.encoding), file.delimiter)
    kept: list[list[str]] = []
    places: list[int] = []
    ragged: list[int] = []
    begun, number = 1, -1
    try:
        for row in reader:
            begun = reader.line_num + 1
            if not row:
                continue
            if number >= 0 and len(row) == len(file.header):
                kept.append(row)
                places.append(number)
            elif number >= 0:
                ragged.append(number)
            number += 1
            if len(kept) >= _ROWS:
                yield _piece(file, wanted, kept, places, ragged)
                kept, places, ragged = [], [], []
    except csv.Error as error:
        raise _broken(file.path, begun, error) from None
    yield _piece(file, wanted, kept, places, ragged)


def _piece(file: CsvFile, wanted: list[str], kept: list[list[str]], places: list[int], ragged: list[int]) -> CsvPiece:
    at = [file.header.index(name) for name in wanted]
    arrays = [pa.array([row[place] or None for row in kept], pa.string()) for place in at]
    table = pa.Table.from_arrays(arrays, names=wanted)
    return CsvPiece(table, np.array(places, dtype=np.int64), np.array(ragged, dtype=np.int64))


def _broken(path: Path, line: int, error: csv.Error) -> DataError:
    """What Python's reader did not like; it alone knows whether a text was too long."""
    if "field limit" in str(error):
        return DataError(
            "{name}: expected fields of at most {FIELD:,} letters (got a longer one in the row of line "
            "{line}: is a quote never closed?)",
            name=path.name,
            FIELD=_FIELD,
            line=line,
        )
    return DataError(
        "{name}: expected every quote to be closed (got one that is not, or text behind it, in the row of line {line})",
        name=path.name,
        line=line,
    )
