"""The law by which the lines of a text file become records.

A record is one line, or several where a column may hold a text over lines. A line that does not hold to
the law is refused alone: the next one is read as if it had not been there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from creditscore.dataframes import Ints
from creditscore.records.reading import text_lines
from creditscore.records.reading.text_lines import CR, LF, Lines

#: Codes of lines that are no record.
RAGGED_LINE, OPEN_QUOTE, BAD_QUOTE, LONG_LINE = "RAGGED_LINE", "OPEN_QUOTE", "BAD_QUOTE", "LONG_LINE"
#: A header of fewer columns says too little: texts of several lines may look like its records.
_TELLING_WIDTH = 3
_QUOTE = 0x22
_END = np.array([LF], dtype=np.uint8)


def doubtful_lines(lines: Lines, delimiter: str) -> np.ndarray:
    """Which lines hold quotes that do not each open or close a field, or are doubled within one.

    Counted from the start of a line every other quote opens (at the start of a field, or as the second of a pair) and
    the others close (before a delimiter, the end of the line, or the second of a pair). Lines for which that holds
    are cut alike by every reader.
    """
    quotes = np.flatnonzero(lines.letters == _QUOTE)
    bounds = np.append(np.searchsorted(quotes, lines.starts), len(quotes))
    counts = np.diff(bounds)
    doubtful: np.ndarray = counts % 2 == 1
    if not len(quotes):
        return doubtful
    closes = ((np.arange(len(quotes)) - np.repeat(bounds[:-1], counts)) & 1).astype(bool)
    padded = np.concatenate([_END, lines.letters, _END])
    beside = padded[quotes + np.where(closes, 2, 0)]
    fine = (beside == ord(delimiter)) | (beside == _QUOTE) | (beside == LF) | (beside == CR)
    wrong = quotes[~fine]
    doubtful[np.searchsorted(lines.starts, wrong, side="right") - 1] = True
    return doubtful


def widths_of(lines: Lines, delimiter: str) -> Ints:
    """The number of fields of each line that is not doubtful."""
    signs = np.flatnonzero(lines.letters == ord(delimiter))
    quotes = np.flatnonzero(lines.letters == _QUOTE)
    if len(quotes):
        line = np.searchsorted(lines.starts, signs, side="right") - 1
        before = np.searchsorted(quotes, signs) - np.searchsorted(quotes, lines.starts)[line]
        signs = signs[before % 2 == 0]
    widths: Ints = np.diff(np.append(np.searchsorted(signs, lines.starts), len(signs))) + 1
    return widths


class Record:
    """A record that is read line by line."""

    def __init__(self, delimiter: str) -> None:
        self.fields: list[str] = []
        #: Quotes within fields that are not quoted.
        self.loose = 0
        #: Lines over which the field that is open goes so far; 0 where none is.
        self.height = 0
        self._parts: list[str] = []
        self._delimiter = delimiter

    @property
    def column(self) -> int:
        """The position of the field that is open."""
        return len(self.fields)

    def add(self, line: str, end: str) -> str:
        """Read a line, without and with what ends it.

        Returns:
            ``BAD_QUOTE`` where a text stands behind a closing quote, else nothing.
        """
        place = 0
        while True:
            if not self.height and line[place : place + 1] != '"':
                stop = line.find(self._delimiter, place)
                field = line[place:] if stop < 0 else line[place:stop]
                self.loose += '"' in field
                self.fields.append(field)
                if stop < 0:
                    return ""
                place = stop + 1
                continue
            close = _closing_quote(line, place if self.height else place + 1)
            begin = place if self.height else place + 1
            self.height = self.height or 1
            if close < 0:
                self._parts += (line[begin:], end)
                self.height += 1
                return ""
            self._parts.append(line[begin:close])
            self.fields.append("".join(self._parts).replace('""', '"'))
            self._parts, self.height, place = [], 0, close + 1
            if place == len(line):
                return ""
            if line[place] != self._delimiter:
                return BAD_QUOTE
            place += 1


def _closing_quote(line: str, place: int) -> int:
    while (close := line.find('"', place)) >= 0 and line[close + 1 : close + 2] == '"':
        place = close + 2
    return close


@dataclass(frozen=True)
class Law:
    """What a record of a file is: its delimiter, and for each of its columns the lines over which a text may go on."""

    delimiter: str
    heights: tuple[int, ...]

    def read(self, lines: Lines, number: int, *, last: bool) -> tuple[Record | str | None, int]:
        """The record that begins in a line, and how many lines it takes.

        Args:
            lines: Lines of a file.
            number: Of the record's first line.
            last: Whether no line follows these.

        Returns:
            The record, or the code of what is wrong with its first line, which then is all that it takes; ``None``
            where lines to come decide.
        """
        record = Record(self.delimiter)
        for at in range(number, len(lines)):
            if lines.stops[at] - lines.starts[number] > text_lines.LONGEST_LINE:
                return LONG_LINE, 1
            text = lines.text(at)
            if at > number and self._is_a_record(text):
                return OPEN_QUOTE, 1
            wrong = record.add(text, lines.end(at))
            if wrong:
                return wrong, 1
            if not record.height:
                return (record, at - number + 1) if len(record.fields) == len(self.heights) else (RAGGED_LINE, 1)
            if record.column >= len(self.heights) or record.height > self.heights[record.column]:
                return OPEN_QUOTE, 1
        return (OPEN_QUOTE, 1) if last else (None, 0)

    def _is_a_record(self, line: str) -> bool:
        """Whether a line that would go on with an open text is a record by itself: then a stray quote has opened it."""
        if len(self.heights) < _TELLING_WIDTH:
            return False
        alone = Record(self.delimiter)
        whole = not alone.add(line, "") and not alone.height and len(alone.fields) == len(self.heights)
        # A quote within a field may be the one that closes the open text.
        return whole and not alone.loose


def header_of(lines: Sequence[tuple[str, str]], delimiter: str) -> tuple[list[str], int] | None:
    """The names in the first lines of a file, and how many lines they take; a name may go on over lines.

    Returns:
        Nothing, where a quote is not closed, or closed only lines further on in what are records.
    """
    record, widest = Record(delimiter), 0
    for count, (line, end) in enumerate(lines, start=1):
        if count > 1:
            alone = Record(delimiter)
            if not alone.add(line, "") and not alone.height:
                widest = max(widest, len(alone.fields))
        if record.add(line, end):
            return None
        if not record.height:
            swallowed = widest >= max(len(record.fields), _TELLING_WIDTH)
            return None if swallowed else (record.fields, count)
    return None
