"""The cells of a sheet as a stream of rows, and what a person who looks at the sheet sees otherwise: merged and hidden cells."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from creditscore.errors import DataError
from creditscore.spreadsheet.package import (
    BROKEN,
    Package,
    SheetPart,
    Start,
    Style,
    UnsafeXmlError,
    entities,
    full_names,
    parse,
    parse_all,
)
from creditscore.spreadsheet.sheets import MAX_ROWS

#: The last row and column of a sheet, ``XFD1048576``.
LAST_ROW, LAST_COLUMN = MAX_ROWS + 1, 16_384
#: Merged cells of one row.
_MOST_AREAS = 2_000
#: Hidden rows that are listed.
_LISTED = 5
#: Days from 1899-12-30 to 1904-01-01, and the last day that Excel knows.
_DAYS_TO_1904, _LAST_DAY = 1462, 2_958_466
_ZERO = dt.datetime(1899, 12, 30)
#: Bytes in the XML of a sheet without which it has neither merged cells nor hidden rows or columns.
_TELLING = (b"mergeCell", b"hidden", b'width="0"', b"width='0'")
_LONGEST = max(map(len, _TELLING))


class RawCell(NamedTuple):
    """A cell that holds anything, as the file has it; columns count from 0."""

    column: int
    #: ``s`` a text by its number, ``n`` a number, ``b``, ``e``, ``d``, ``str``, ``inlineStr``; ``f`` a formula without value.
    kind: str
    text: str
    style: int
    formula: bool


class RawRow(NamedTuple):
    """A row with at least one cell, by its number in Excel; or a row that Excel keeps without any content."""

    number: int
    cells: list[RawCell]


class Area(NamedTuple):
    """Merged cells; rows count from 1 and columns from 0, both ends included."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int

    @property
    def address(self) -> str:
        """As Excel writes it: ``A2:C3``."""
        first, last = (self.first_column, self.first_row), (self.last_column, self.last_row)
        return ":".join(f"{column_letters(column)}{row}" for column, row in (first, last))


@dataclass
class Survey:
    """What is merged and hidden in a sheet."""

    merged: list[Area] = field(default_factory=list)
    #: Rows that are hidden and hold anything: how many, and the first few.
    hidden_rows: int = 0
    hidden_listed: list[int] = field(default_factory=list)
    #: First and last of the columns that are hidden, from 0.
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)

    def hides(self, column: int) -> bool:
        """Whether a column is hidden."""
        return any(first <= column <= last for first, last in self.hidden_columns)


class Merged:
    """The merged cells row by row, for rows that are asked for in ascending order."""

    def __init__(self, areas: list[Area]) -> None:
        self._coming = sorted(areas, reverse=True)
        self._here: list[Area] = []

    def areas(self, row: int) -> list[Area]:
        """The merged cells that a row belongs to.

        Raises:
            ValueError: There are more than a row can have without overlaps that Excel does not allow.
        """
        while self._coming and self._coming[-1].first_row <= row:
            self._here.append(self._coming.pop())
        self._here = [area for area in self._here if area.last_row >= row]
        if len(self._here) > _MOST_AREAS:
            raise ValueError(row)
        return self._here


def column_letters(column: int) -> str:
    """The letters of a column, counted from 0: ``A``, ``Z``, ``AA``, ``XFD``."""
    letters, number = "", column + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def address(sheet: str, column: int, row: int) -> str:
    """The address of a cell, such as ``抽查名单!E7``; the column from 0, the row from 1."""
    return f"{sheet}!{column_letters(column)}{row}"


def column_number(letters: str) -> int:
    """The column of its letters, from 0.

    Raises:
        ValueError: A sheet has no such column.
    """
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64 if "A" <= letter <= "Z" else LAST_COLUMN + 1
    if not 1 <= number <= LAST_COLUMN:
        raise ValueError(letters)
    return number - 1


def _position(address: str) -> tuple[int, int]:
    """Row from 1 and column from 0 of an address such as ``B7`` or ``$B$7``."""
    plain = address.replace("$", "")
    letters = plain.rstrip("0123456789")
    row = int(plain[len(letters) :])
    if not 1 <= row <= LAST_ROW:
        raise ValueError(address)
    return row, column_number(letters)


def survey(package: Package, sheet: SheetPart) -> Survey:
    """What is merged and hidden in a sheet. Few sheets have either: the others are only searched for the words.

    Raises:
        DataError: The sheet is broken.
    """
    result = Survey()
    with whole(package, sheet):
        if not _may_tell(package, sheet):
            return result
        row, hidden = 0, False

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal row, hidden
            if name == "row":
                row = int(attributes.get("r", row + 1))
                hidden = attributes.get("hidden") in ("1", "true")
            elif name == "col":
                if attributes.get("hidden") in ("1", "true") or float(attributes.get("width", 1)) == 0:
                    result.hidden_columns.append((int(attributes["min"]) - 1, int(attributes["max"]) - 1))
            elif name == "mergeCell":
                first, _, last = attributes["ref"].partition(":")
                area = Area(*_position(first), *_position(last or first))
                if area[:2] != area[2:]:
                    result.merged.append(area)
            elif hidden:
                # A row is counted once, whatever number of cells it has.
                hidden = False
                result.hidden_rows += 1
                if len(result.hidden_listed) < _LISTED:
                    result.hidden_listed.append(row)

        for _step in parse(package.chunks(sheet.part), ("row", "col", "mergeCell", "v", "is", "f"), start):
            pass
    return result


def _may_tell(package: Package, sheet: SheetPart) -> bool:
    tail = b""
    for number, chunk in enumerate(package.chunks(sheet.part)):
        # In UTF-16 the words look otherwise.
        if number == 0 and b"\0" in chunk[:64]:
            return True
        if any(word in tail + chunk for word in _TELLING):
            return True
        tail = chunk[-_LONGEST:]
    return False


def rows(package: Package, sheet: SheetPart) -> Iterator[RawRow]:
    """The rows of a sheet in their order; cells without content are left out, rows that the file has are not.

    Raises:
        DataError: The sheet is broken or is none, or its rows or cells are not in their order.
    """
    with whole(package, sheet):
        done: list[RawRow] = []
        for _step in parse_all(package.chunks(sheet.part), *_row_handlers(done.append)):
            yield from done
            done.clear()


def _row_handlers(done: Callable[[RawRow], None]) -> tuple[Start, Callable[[str], None], Callable[[str], None]]:
    """What the parser calls. They share variables instead of an object: a sheet has millions of cells."""
    row, row_text, column, cells = 0, "0", -1, list[RawCell]()
    kind, style, text, formula, valued = "n", 0, "", False, False
    reading = aloud = False
    columns: dict[str, int] = {}
    names = full_names(("row", "c", "v", "f", "t", "rPh"))

    def start(full_name: str, attributes: dict[str, str]) -> None:
        nonlocal row, row_text, column, cells, kind, style, text, formula, valued, reading, aloud
        name = names.get(full_name)
        if name == "v":
            reading = valued = True
        elif name == "c":
            address, before = attributes.get("r"), column
            if address is None:
                column += 1
            else:
                letters = address.rstrip("0123456789")
                if letters not in columns:
                    columns[letters] = column_number(letters)
                column = columns[letters]
                # A cell of another row than the one it stands in would be read where nobody sees it.
                if column <= before or address != letters + row_text:
                    raise ValueError(address)
            if column >= LAST_COLUMN or not row:
                raise ValueError(column)
            kind, style = attributes.get("t", "n"), int(attributes.get("s", 0))
            text, formula, valued = "", False, False
        elif name == "row":
            number = int(attributes.get("r", row + 1))
            if not row < number <= LAST_ROW:
                raise ValueError(number)
            row, row_text, column, cells = number, str(number), -1, []
        elif name == "f":
            formula = True
        elif name == "t":
            reading, valued = not aloud, True
        elif name == "rPh":
            aloud = True

    def end(full_name: str) -> None:
        nonlocal reading, aloud
        name = names.get(full_name)
        if name == "c":
            if formula and not (valued and (text or kind == "str")):
                cells.append(RawCell(column, "f", "", style, True))
            elif text:
                if kind == "s" and not (text.isascii() and text.isdigit()):
                    raise ValueError(text)
                cells.append(RawCell(column, kind, text, style, formula))
        elif name == "row":
            done(RawRow(row, cells))
        elif name == "rPh":
            aloud = False
        else:
            reading = False

    def characters(data: str) -> None:
        nonlocal text
        if reading:
            text += data

    return start, end, characters


def holds_anything(package: Package, sheet: SheetPart) -> bool:
    """Whether a sheet has a cell with content."""
    return bool(sheet.part) and any(row.cells for row in rows(package, sheet))


class whole:
    """Whatever is wrong with the XML of a sheet becomes a DataError without content."""

    def __init__(self, package: Package, sheet: SheetPart) -> None:
        self._package, self._sheet = package, sheet

    def __enter__(self) -> None:
        if not self._sheet.part:
            raise DataError(
                "{file}: expected a sheet of cells {title!r} (got a chart, or a sheet that is not in the file)",
                file=self._package.path.name,
                title=self._sheet.name,
            )

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, UnsafeXmlError):
            raise entities(self._package.path) from None
        if isinstance(error, BROKEN) and not isinstance(error, DataError):
            raise DataError(
                "{file}: expected a whole sheet {title!r} (got {error} on reading it)",
                file=self._package.path.name,
                title=self._sheet.name,
                error=type(error).__name__,
            ) from None


class Unreadable(NamedTuple):
    """What stands in place of the value of a cell that has none: the code of its fault, and what a person sees there."""

    code: str
    shown: str = ""


ERROR_CELL, NO_STORED_VALUE, MERGED_CELL = "ERROR_CELL", "NO_STORED_VALUE", "MERGED_CELL"

Value = str | int | float | bool | dt.date | dt.datetime | dt.time | dt.timedelta


def cell_value(package: Package, cell: RawCell) -> Value | Unreadable:
    """The value of a cell that is no text by number: as a person sees it, a day as a date, one with a time as a moment.

    A day that never was (``1900-02-29``, which Excel has) is a text that no rule of dates takes.

    Raises:
        ValueError: The cell holds what its type cannot.
    """
    kind, text = cell.kind, cell.text
    if kind == "f" or (cell.formula and package.uncomputed):
        return Unreadable(NO_STORED_VALUE)
    if kind == "e":
        return Unreadable(ERROR_CELL, text.strip())
    if kind in ("str", "inlineStr"):
        return text
    if kind == "b":
        return {"1": True, "0": False, "true": True, "false": False}[text.strip()]
    if kind == "d":
        return _midnight_is_a_day(dt.datetime.fromisoformat(text.strip()).replace(tzinfo=None))
    if kind != "n":
        raise ValueError(kind)
    number = _number(text)
    if isinstance(number, float) and not math.isfinite(number):
        return Unreadable(ERROR_CELL, text.strip())
    style = package.styles[cell.style] if cell.style < len(package.styles) else Style()
    if style.kind != "number":
        return _moment(number, style.kind, from_1904=package.from_1904)
    if style.digits and number >= 0 and number == int(number):
        return str(int(number)).zfill(style.digits)
    return number


def _number(text: str) -> int | float:
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return float(text) if any(sign in text for sign in ".eEnN") else int(text)


def _moment(serial: float, kind: str, *, from_1904: bool) -> Value:
    if kind == "duration":
        return dt.timedelta(milliseconds=round(serial * 86_400_000))
    if kind == "time" and 0 <= serial < 1:
        return (dt.datetime(1900, 1, 1) + dt.timedelta(milliseconds=round(serial * 86_400_000))).time()
    days = serial + _DAYS_TO_1904 if from_1904 else serial
    if not 0 <= days < _LAST_DAY:
        return serial
    if days < 1 or 60 <= days < 61:
        return "1900-01-00" if days < 1 else "1900-02-29"
    # Before the day that never was, one day more.
    days += days < 60
    return _midnight_is_a_day(_ZERO + dt.timedelta(milliseconds=round(days * 86_400_000)))


def _midnight_is_a_day(moment: dt.datetime) -> dt.date | dt.datetime:
    return moment.date() if moment.time() == dt.time() else moment
