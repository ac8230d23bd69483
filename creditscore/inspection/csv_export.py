"""CSV as planners open it: UTF-8 with a mark, CRLF, nothing that a spreadsheet takes for a formula; and back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from creditscore.errors import DataError

#: Letters that a cell of a spreadsheet holds; Python's own reader of CSV takes hardly more.
_LONGEST = 32_767
#: A text that begins so would run as a formula somewhere. The quote itself, so that reading back is exact.
_GUARDED = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠", "'")


def guard(text: str) -> str:
    """A text cell with ``'`` before it where it could be taken for a formula."""
    return f"'{text}" if text.startswith(_GUARDED) else text


def unguard(text: str) -> str:
    """The text before :func:`guard`."""
    return text[1:] if text.startswith("'") else text


def to_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A table as CSV. Texts are guarded, None is empty, numbers are printed so that they read back exactly.

    Raises:
        DataError: A text is longer than a cell of a spreadsheet can be: nobody could open or read back the file.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _cell(value: Any) -> str:
    if isinstance(value, str):
        if len(value) > _LONGEST:
            raise DataError(
                "expected texts of at most {most:,} letters, as a cell of a spreadsheet holds (got one of {length:,})",
                most=_LONGEST,
                length=len(value),
            )
        return guard(value)
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def read_csv(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows of such a file: the number of the line on which each ends, and its cells.

    Raises:
        DataError: The file is absent, not UTF-8, or has other columns; a row has more or fewer cells, or cannot be cut into cells.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError("{name}: expected a file (got nothing)", name=path.name) from None
    except UnicodeDecodeError as error:
        raise DataError("{name}: expected UTF-8 (byte {start} is not)", name=path.name, start=error.start) from None
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        yield from _rows(reader, path, columns)
    except csv.Error:
        raise DataError(
            "{name} line {line_num}: expected a row that can be cut into cells", name=path.name, line_num=reader.line_num
        ) from None


def _rows(reader: Any, path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    if next(reader, None) != list(columns):
        raise DataError("{name}: expected the columns {columns}", name=path.name, columns=", ".join(columns))
    for row in reader:
        if len(row) != len(columns):
            raise DataError(
                "{name} line {line_num}: expected {n_columns} cells (got {n_row})",
                name=path.name,
                line_num=reader.line_num,
                n_columns=len(columns),
                n_row=len(row),
            )
        yield reader.line_num, [unguard(cell) for cell in row]
