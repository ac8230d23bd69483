"""Text files in pieces: every field is a text, only "" is missing, and no line is lost without being reported.

A file whose quotes close within their lines is cut at line ends and read block by block in C; one whose
texts go on over lines, or that has carriage returns alone, is read by Python's exact and slower reader.
Lines with another number of fields than the header are reported by their row number, never repaired.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from creditscore.dataframes import Ints
from creditscore.errors import DataError
from creditscore.records.column_types import CONTROLS
from creditscore.records.encodings import TextFacts, utf8_blocks
from creditscore.records.personal import header_words, looks_like_data

#: Rows of one piece where Python's reader is used.
_ROWS = 50_000
#: Letters of the longest field that is read; an unclosed quote makes one of the rest of a file.
_FIELD = 1 << 24
#: Other signs that may separate fields, where a header seems to have one column.
_DELIMITERS = ";\t|，、"


@dataclass(frozen=True)
class RefusedLines:
    """Lines that are no record, in their order: where they are, and for each the code that says why."""

    rows: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    codes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many there are."""
        return len(self.codes)


@dataclass(frozen=True)
class Piece:
    """Some rows of a source: the wanted columns, and which rows they are.

    Attributes:
        table: The wanted columns.
        rows: Where each row begins, as its sender sees it: of a text file the line (from 1, the header counts), of
            a workbook the row of the sheet, of a Parquet file or a database table the row from 1.
        refused: Lines that are no record.
        lines: Lines (or rows of a sheet) that this piece covers, whatever they hold.
        other: Of these the header, blank ones, and those in which a record only goes on.
        header: Of ``other`` those of the header.
        continued: Of ``other`` those in which a record goes on.
        cells: By column, the codes of cells that the reader itself refuses, aligned with ``table``, whose value is
            missing there; null where the cell is fine.
    """

    table: pa.Table
    rows: Ints
    refused: RefusedLines
    lines: int
    other: int = 0
    header: int = 0
    continued: int = 0
    cells: Mapping[str, pa.Array] = field(default_factory=dict)


@dataclass(frozen=True)
class CsvFile:
    """A text file that was examined, and its header."""

    path: Path
    facts: TextFacts
    delimiter: str
    header: tuple[str, ...]

    def pieces(self, wanted: list[str]) -> Iterator[Piece]:
        """The rows in order.

        Raises:
            DataError: A quote is never closed; with the line in which it was opened.
        """
        if self.facts.quotes == "across" or self.facts.lone_returns:
            yield from self._read_exactly(wanted)
            return
        first, header_to_come = 2, True
        for block in utf8_blocks(self.path, self.facts.encoding):
            if header_to_come and block.strip():
                lines = block.lstrip(b"\r\n")
                block = lines[lines.index(b"\n") + 1 :] if b"\n" in lines else b""
                header_to_come = False
            if block.strip(b"\r\n"):
                piece = self._read_block(block, wanted, first)
                first += piece.lines - piece.header
                yield piece

    def _read_block(self, block: bytes, wanted: list[str], first: int) -> Piece:
        """A block of whole lines, the first of which is row ``first``."""
        skipped: list[str] = []

        def skip(row: pacsv.InvalidRow) -> str:
            skipped.append("")
            return "skip"

        names = [f"c{number}" for number in range(len(self.header))]
        chosen = [names[self.header.index(name)] for name in wanted]
        table = pacsv.read_csv(
            pa.py_buffer(block),
            read_options=pacsv.ReadOptions(column_names=names, block_size=2 << 20),
            parse_options=pacsv.ParseOptions(
                delimiter=self.delimiter, quote_char='"' if self.facts.quotes != "none" else False, invalid_row_handler=skip
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True,
                include_columns=chosen or names[:1], check_utf8=False,
            ),
        ).select(chosen).rename_columns(wanted)  # fmt: skip
        if not skipped:
            lines, header = table.num_rows, int(first == 2)
            return Piece(table, np.arange(first, first + lines), RefusedLines(), lines + header, header, header)
        ragged = self._ragged_rows(block)
        if len(ragged) != len(skipped):
            raise DataError(
                "{file}: expected lines that two readers cut alike (got {skipped} bad ones, and {ragged})",
                file=self.path.name,
                skipped=len(skipped),
                ragged=len(ragged),
            )
        rows = np.delete(np.arange(table.num_rows + len(ragged)), ragged)
        refused = RefusedLines(first + ragged, ("RAGGED_LINE",) * len(ragged))
        lines, header = table.num_rows + len(ragged), int(first == 2)
        return Piece(table, first + rows, refused, lines + header, header, header)

    def _ragged_rows(self, block: bytes) -> Ints:
        """Rows (from 0) with another number of fields: by counting delimiters where there are no quotes, else by reading."""
        if self.facts.quotes != "none":
            rows = _reader(io.StringIO(block.decode(), newline=""), self.delimiter, strict=False)
            widths = (len(row) for row in rows if row)
            return np.array([number for number, width in enumerate(widths) if width != len(self.header)], dtype=np.int64)
        letters = np.frombuffer(block if block.endswith(b"\n") else block + b"\n", dtype=np.uint8)
        ends = np.flatnonzero(letters == 0x0A)
        commas = np.searchsorted(np.flatnonzero(letters == ord(self.delimiter)), ends)
        starts = np.concatenate([[0], ends[:-1] + 1])
        # A carriage return alone is an empty line too.
        empty = (ends == starts) | ((ends == starts + 1) & (letters[starts] == 0x0D))
        fields = np.diff(commas, prepend=0)[~empty] + 1
        return np.flatnonzero(fields != len(self.header))

    def _read_exactly(self, wanted: list[str]) -> Iterator[Piece]:
        """By Python's reader: texts may go on over lines, and a quote must be closed somewhere."""
        reader = _reader(_lines(self.path, self.facts.encoding), self.delimiter)
        positions = [self.header.index(name) for name in wanted]
        kept: list[list[str]] = []
        rows: list[int] = []
        ragged: list[int] = []

        def piece() -> Piece:
            arrays = [pa.array([row[position] or None for row in kept], pa.string()) for position in positions]
            table = pa.Table.from_arrays(arrays, names=wanted)
            refused = RefusedLines(np.array(ragged, dtype=np.int64), ("RAGGED_LINE",) * len(ragged))
            lines, header = len(rows) + len(ragged), int(2 in [*rows[:1], *ragged[:1]])
            return Piece(table, np.array(rows, dtype=np.int64), refused, lines + header, header, header)

        # Row 0 is the header.
        line, number = 1, 0
        try:
            for row in reader:
                line = reader.line_num + 1
                if not row:
                    continue
                if number and len(row) == len(self.header):
                    kept.append(row)
                    rows.append(number + 1)
                elif number:
                    ragged.append(number + 1)
                number += 1
                if len(kept) >= _ROWS:
                    yield piece()
                    kept, rows, ragged = [], [], []
        except csv.Error as error:
            raise _unreadable(self.path, line, error) from None
        yield piece()


def open_csv(path: Path, facts: TextFacts, delimiter: str) -> CsvFile:
    """A text file with its header read.

    Raises:
        DataError: It is empty, its header has a name twice, or another delimiter separates its fields.
    """
    try:
        first = next((row for row in _reader(_lines(path, facts.encoding), delimiter) if row), None)
    except csv.Error as error:
        raise _unreadable(path, 1, error) from None
    if first is None:
        raise DataError("{file}: expected a header line (got an empty file)", file=path.name)
    header = tuple(plain_name(name) for name in first)
    other = next((sign for sign in _DELIMITERS if sign != delimiter and sign in first[0]), None) if len(first) == 1 else None
    if other:
        raise DataError(
            "{file}: expected fields cut by {delimiter!r} (got one column with {other!r} in it: declare delimiter)",
            file=path.name,
            delimiter=delimiter,
            other=other,
        )
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    if repeated and looks_like_data(header):
        # The repeated names may be cells: the message must not contain them.
        raise DataError("{file}: expected each column once ({header})", file=path.name, header=header_words(header))
    if repeated:
        raise DataError(
            "{file}: expected each column once (got {columns} several times)", file=path.name, columns=", ".join(repeated)
        )
    return CsvFile(path, facts, delimiter, header)


def plain_name(name: str) -> str:
    """A column's name without invisible marks and without blanks around it."""
    return re.sub(CONTROLS, "", name).strip()


def _reader(lines: Iterable[str], delimiter: str, *, strict: bool = True) -> Any:
    """Python's reader with room for long texts; its limit is one for the whole process."""
    csv.field_size_limit(max(_FIELD, csv.field_size_limit()))
    return csv.reader(lines, delimiter=delimiter, strict=strict)


def _lines(path: Path, encoding: str) -> Iterator[str]:
    for block in utf8_blocks(path, encoding):
        yield from io.StringIO(block.decode(), newline="")


def physical_lines(path: Path, encoding: str, numbers: Collection[int]) -> Iterator[tuple[int, str]]:
    """Some lines of a file by their numbers (from 1), without their ends."""
    last = max(numbers, default=0)
    for number, line in enumerate(_lines(path, encoding), start=1):
        if number > last:
            return
        if number in numbers:
            yield number, line.rstrip("\r\n")


def _unreadable(path: Path, line: int, error: csv.Error) -> DataError:
    """The error to raise when Python's CSV reader stops. Only its text shows whether a field was too long."""
    if "field limit" in str(error):
        return DataError(
            "{file}: expected fields of at most {size:,} letters (got a longer one in the row of line {line}: "
            "is a quote never closed?)",
            file=path.name,
            size=_FIELD,
            line=line,
        )
    return DataError(
        "{file}: expected every quote to be closed (got one that is not, or text behind it, in the row of line {line})",
        file=path.name,
        line=line,
    )
