"""Text files in pieces: every field is a text, only "" is missing, and no line is lost without being reported.

A file is read block by block. What can be read in one way only (no quotes, or each where it opens or closes a field) is cut
by Arrow in C, and its rows are counted; the other lines are read one by one by the law of :mod:`.csv_lines`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from creditscore.dataframes import Ints
from creditscore.errors import DataError
from creditscore.language import Message, _
from creditscore.records.columns.headers import lacking
from creditscore.records.columns.types import CONTROLS
from creditscore.records.fault_words import line_reasons
from creditscore.records.reading import text_lines
from creditscore.records.reading.csv_lines import RAGGED_LINE, Law, doubtful_lines, header_of, widths_of
from creditscore.records.reading.encodings import TextFacts, utf8_blocks
from creditscore.records.reading.text_lines import LF, Lines, count_feeds, end_of_lines, lines_of, lone_returns

#: Lines longer than this do not go to Arrow, whose blocks are twice as long.
_ARROW_LINE = 1 << 20
#: Lines over which a header may go on.
_HEADER_LINES = 50
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
        loose_quotes: Fields that are not quoted and have a quote in them; they are read as they are.
        cells: By column, the codes of cells that the reader itself refuses, aligned with ``table``, which has the text
            there that a person sees, if any: it is no value. Null where the cell is fine.
        normalised: What the reader itself put right, and how often.
    """

    table: pa.Table
    rows: Ints
    refused: RefusedLines
    lines: int
    other: int = 0
    header: int = 0
    continued: int = 0
    loose_quotes: int = 0
    cells: Mapping[str, pa.Array] = field(default_factory=dict)
    normalised: Mapping[Message, int] = field(default_factory=dict)


@dataclass
class _OneByOne:
    """What lines are that were read one by one, by their position."""

    #: Lines that could be read without those to come.
    read: int
    #: The wanted fields of records, and why other lines are none.
    records: dict[int, list[str | None]] = field(default_factory=dict)
    codes: dict[int, str] = field(default_factory=dict)
    #: Lines in which a record goes on.
    continued: list[int] = field(default_factory=list)
    loose_quotes: int = 0


@dataclass(frozen=True)
class CsvFile:
    """A text file that was examined, and its header.

    Attributes:
        path: The file.
        facts: How it is written.
        law: What a record of it is.
        header: The names of its columns.
        before: Blank lines before the header.
        header_lines: Lines of the header.
    """

    path: Path
    facts: TextFacts
    law: Law
    header: tuple[str, ...]
    before: int
    header_lines: int
    #: The fields of the line below the header, which is the header where that is a title.
    below: tuple[str, ...] = ()

    def pieces(self, wanted: list[str]) -> Iterator[Piece]:
        """The rows in order; each piece accounts for all of its lines.

        Raises:
            DataError: Two readers cut a line differently.
        """
        if not wanted:
            yield from (replace(piece, table=piece.table.select([])) for piece in self.pieces([self.header[0]]))
            return
        header = to_skip = self.before + self.header_lines
        line, kept = header + 1, b""
        for block, last in _with_last(utf8_blocks(self.path, self.facts.encoding)):
            data = kept + block if kept else block
            if to_skip:
                done, end = end_of_lines(data, to_skip)
                to_skip, data = to_skip - done, data[end:]
            piece, read = self._read_block(data, wanted, line, last=last)
            kept, line = data[read:], line + piece.lines
            if header and not to_skip:
                piece = replace(piece, lines=piece.lines + header, other=piece.other + header, header=self.header_lines)
                header = 0
            yield piece

    @functools.cached_property
    def _place(self) -> dict[str, int]:
        """Of each name its first column."""
        return {name: number for number, name in reversed([*enumerate(self.header)])}

    def _read_block(self, data: bytes, wanted: list[str], first: int, *, last: bool) -> tuple[Piece, int]:
        """Whole lines, the first of which is line ``first`` of the file; and how many bytes of them were read."""
        table = None
        if b'"' not in data and not len(lone_returns(data)) and len(data) <= text_lines.LONGEST_LINE:
            table = self._arrow(data, wanted, quoted=False)
            count = count_feeds(data) + (not data.endswith(b"\n") and bool(data))
            if table is not None and table.num_rows == count:
                return Piece(table, np.arange(first, first + count), RefusedLines(), count), len(data)
        return self._read_lines(lines_of(data), table, wanted, first, last=last)

    def _read_lines(self, lines: Lines, table: pa.Table | None, wanted: list[str], first: int, *, last: bool) -> tuple[Piece, int]:
        """Lines that are not all records cut in one way only; ``table`` holds those that are, if they were read already."""
        delimiter = self.law.delimiter
        blank = lines.stops == lines.starts
        doubtful = doubtful_lines(lines, delimiter) | (lines.stops - lines.starts > _ARROW_LINE)
        found = self._one_by_one(lines, np.flatnonzero(doubtful), wanted, last=last)
        plain = ~(doubtful | blank)
        plain[found.continued] = plain[found.read :] = False
        if table is None or doubtful.any():
            alike = (plain | blank).all() and not len(lone_returns(lines.data))
            table = self._arrow(lines.data if alike else _bytes_of(lines, plain), wanted, quoted=True)
        numbers = np.flatnonzero(plain)
        if table is None or table.num_rows != len(numbers):
            ragged = numbers[widths_of(lines, delimiter)[numbers] != len(self.header)]
            found.codes.update(dict.fromkeys(ragged.tolist(), RAGGED_LINE))
            plain[ragged] = False
            numbers = np.flatnonzero(plain)
            if table is None or table.num_rows != len(numbers):
                raise DataError(
                    "{file}: expected lines that two readers cut alike (got {rows} rows of {lines} lines behind line {line})",
                    file=self.path.name,
                    rows=table.num_rows if table is not None else 0,
                    lines=len(numbers),
                    line=first - 1,
                )
        if found.records:
            table, numbers = _merged(table, numbers, found.records)
        bad = sorted(found.codes)
        refused = RefusedLines(first + np.array(bad, dtype=np.int64), tuple(found.codes[number] for number in bad))
        read, goes_on = found.read, len(found.continued)
        other = int(blank[:read].sum()) - int(blank[found.continued].sum()) + goes_on
        piece = Piece(table, first + numbers, refused, read, other, continued=goes_on, loose_quotes=found.loose_quotes)
        return piece, int(lines.starts[read]) if read < len(lines) else len(lines.data)

    def _one_by_one(self, lines: Lines, doubtful: Ints, wanted: list[str], *, last: bool) -> _OneByOne:
        places = [self._place[name] for name in wanted]
        found, free = _OneByOne(len(lines)), 0
        for number in doubtful.tolist():
            if number < free:
                continue
            record, count = self.law.read(lines, number, last=last)
            if record is None:
                found.read = number
                break
            if isinstance(record, str):
                found.codes[number] = record
            else:
                found.records[number] = [record.fields[place] or None for place in places]
                found.loose_quotes += record.loose
            free = number + count
            found.continued += range(number + 1, free)
        return found

    def _arrow(self, data: bytes, wanted: list[str], *, quoted: bool) -> pa.Table | None:
        """Lines by Arrow, those of another width left out; nothing where a line is too long for it."""
        names = [f"c{number}" for number in range(len(self.header))]
        chosen = [names[self._place[name]] for name in wanted]
        if not data:
            return pa.table({name: pa.array([], pa.string()) for name in wanted})
        try:
            read = pacsv.read_csv(
                pa.py_buffer(data),
                read_options=pacsv.ReadOptions(column_names=names, block_size=2 * _ARROW_LINE),
                parse_options=pacsv.ParseOptions(
                    delimiter=self.law.delimiter, quote_char='"' if quoted else False, invalid_row_handler=lambda _: "skip"
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True,
                    include_columns=chosen or names[:1], check_utf8=False,
                ),
            )  # fmt: skip
        except pa.ArrowInvalid:
            return None
        return read.select(chosen).rename_columns(wanted)


def _merged(table: pa.Table, numbers: Ints, records: Mapping[int, Sequence[str | None]]) -> tuple[pa.Table, Ints]:
    """The rows of a table and records in the order of their lines."""
    columns = [pa.array(cells, pa.string()) for cells in zip(*records.values(), strict=True)]
    both = pa.concat_tables([table, pa.Table.from_arrays(columns, names=table.column_names)])
    joined = np.concatenate([numbers, np.array(list(records), dtype=np.int64)])
    order = np.argsort(joined, kind="stable")
    return both.take(order), joined[order]


def _with_last(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block, and whether it is the last; one empty block of no blocks."""
    before = next(blocks, b"")
    for block in blocks:
        yield before, False
        before = block
    yield before, True


def _bytes_of(lines: Lines, chosen: np.ndarray) -> bytes:
    """Some of the lines, each with an end that no reader misunderstands."""
    letters = lines.letters.copy()
    ends = lines.nexts[lines.nexts == lines.stops + 1] - 1
    letters[ends] = LF
    kept: bytes = letters[np.repeat(chosen, lines.nexts - lines.starts)].tobytes()
    return kept


def open_csv(path: Path, facts: TextFacts, delimiter: str, *, heights: Mapping[str, int] | None = None) -> CsvFile:
    """A text file with its header read.

    Args:
        path: The file.
        facts: How it is written.
        delimiter: What separates its fields.
        heights: The lines over which a text of a column may go on, where it is more than one.

    Raises:
        DataError: It is empty, a column of ``heights`` is not in it, or another delimiter separates its fields.
    """
    before, head = _first_lines(path, facts)
    if not head:
        raise DataError("{file}: expected a header line (got an empty file)", file=path.name)
    found = header_of(head, delimiter)
    if found is None:
        raise DataError(
            "{file}: expected every quote to be closed (got one that is not, or text behind it, in the row of line {line})",
            file=path.name,
            line=before + 1,
        )
    first, header_lines = found
    header = tuple(plain_name(name) for name in first)
    other = next((sign for sign in _DELIMITERS if sign != delimiter and sign in first[0]), None) if len(first) == 1 else None
    if other:
        raise DataError(
            "{file}: expected fields cut by {delimiter!r} (got one column with {other!r} in it: declare delimiter)",
            file=path.name,
            delimiter=delimiter,
            other=other,
            to_sender=_("{file}: its columns are parted by {other}, and {delimiter} was agreed: save it as CSV again"),
        )
    under = header_of([line for line in head[header_lines:] if line[0]], delimiter)
    below = tuple(map(plain_name, under[0])) if under else ()
    unknown = sorted(set(heights or {}) - set(header))
    if unknown:
        raise DataError(
            "{file}: expected columns of the file in lines of its source (got {columns}; {header})",
            file=path.name,
            columns=", ".join(unknown),
            header=lacking(unknown, header, below=below),
        )
    law = Law(delimiter, tuple((heights or {}).get(name, 1) for name in header))
    return CsvFile(path, facts, law, header, before, header_lines, below)


def _first_lines(path: Path, facts: TextFacts) -> tuple[int, list[tuple[str, str]]]:
    """How many blank lines a file begins with, and those that may be its header, each without and with its end."""
    before, head = 0, list[tuple[str, str]]()
    for block in utf8_blocks(path, facts.encoding):
        lines = lines_of(block)
        begin = 0
        if not head:
            filled = np.flatnonzero(lines.stops > lines.starts)
            begin = int(filled[0]) if len(filled) else len(lines)
            before += begin
        for number in range(begin, min(len(lines), begin + _HEADER_LINES - len(head))):
            if lines.stops[number] - lines.starts[number] > text_lines.LONGEST_LINE:
                if head:
                    return before, head
                raise DataError(
                    "{file}: expected a header (got a line of more than {size} MiB)",
                    file=path.name,
                    size=text_lines.LONGEST_LINE >> 20,
                )
            head.append((lines.text(number), lines.end(number)))
        if len(head) >= _HEADER_LINES:
            break
    return before, head


def refuse_lines(piece: Piece, file: str, *, fields: int) -> None:
    """Refuse a file that is needed whole, where a line of a piece of it is no record.

    Raises:
        DataError: With the first such lines.
    """
    if len(piece.refused):
        raise DataError(
            "{file}: expected {fields} fields in each line and every quote closed where its field ends (got others: {lines})",
            file=file,
            fields=fields,
            lines=line_reasons(zip(piece.refused.rows.tolist(), piece.refused.codes, strict=True)),
        )


def plain_name(name: str) -> str:
    """A column's name without invisible marks and without blanks around it."""
    return re.sub(CONTROLS, "", name).strip()


def physical_lines(path: Path, encoding: str, numbers: Collection[int]) -> Iterator[tuple[int, str]]:
    """Some lines of a file by their numbers (from 1), without their ends; of one that is too long only its beginning."""
    wanted, first = sorted(set(numbers)), 1
    for block in utf8_blocks(path, encoding):
        lines = lines_of(block)
        while wanted and wanted[0] < first + len(lines):
            number = wanted.pop(0)
            at = number - first
            line = block[lines.starts[at] : lines.stops[at]][: text_lines.LONGEST_LINE]
            yield number, line.decode(errors="replace")
        if not wanted:
            return
        first += len(lines)
