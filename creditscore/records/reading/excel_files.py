"""Sheets as sources: every cell becomes a text by one law, and what no text can stand for is refused by its cell.

A person who looks at a sheet sees neither hidden rows nor the formulas behind its values, and takes merged cells for
several. What is read is what that person sees, or the file is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from creditscore.config.sources import Limits
from creditscore.errors import DataError
from creditscore.language import Message, _
from creditscore.records.reading.csv_files import Piece, RefusedLines, plain_name
from creditscore.records.reading.excel_cells import FirstTexts, SharedTexts, Slot, cell_text
from creditscore.records.reading.sent_back import is_first_sheet, refuse_sent_back
from creditscore.spreadsheet.cells import (
    MERGED_CELL,
    Area,
    Merged,
    RawCell,
    Survey,
    Unreadable,
    address,
    cell_value,
    column_letters,
    holds_anything,
    rows,
    survey,
    whole,
)
from creditscore.spreadsheet.package import Package, SheetPart, opened
from creditscore.spreadsheet.read import CELL_FAULTS, first_sheet, matching_sheets, refuse_merged_header
from creditscore.spreadsheet.sheets import plain

#: Cells of one piece, and its rows at least.
_CELLS, _LEAST_ROWS = 1 << 20, 1 << 10
#: Sheets and columns that a message lists.
_LISTED = 5


@dataclass(frozen=True)
class ExcelFile:
    """A sheet that was examined, and its header.

    Attributes:
        path: The workbook.
        sheet: The name of the sheet.
        header_row: The row of its header: the first that holds anything.
        columns: The names of its columns by their number from 0; those without a name are left out.
        below: The texts of the row below the header, which is the header where that is a title.
        about: What is merged and hidden.
        read_hidden: Whether hidden rows and columns are read.
        limits: What is refused.
    """

    path: Path
    sheet: str
    header_row: int
    columns: Mapping[int, str]
    below: tuple[str, ...]
    about: Survey
    read_hidden: bool
    limits: Limits

    def pieces(self, wanted: list[str]) -> Iterator[Piece]:
        """The rows in order.

        Raises:
            DataError: The sheet is damaged, a wanted column is hidden, a column without name holds anything, or there
                are too many rows.
        """
        positions = {name: position for position, name in self.columns.items()}
        slots = {positions[name]: Slot() for name in wanted}
        normalised = self._hidden(slots)
        with opened(self.path) as package:
            part = next(sheet for sheet in package.sheets if sheet.name == self.sheet)
            if part.hidden:
                normalised[_("a hidden sheet that was read")] += 1
            texts = SharedTexts(package)
            numbers: list[int] = []
            covered, header, most = 0, 1, max(_CELLS // max(len(slots), 1), _LEAST_ROWS)
            for row in self._filled(package, part, texts, slots, numbers):
                if len(numbers) >= most:
                    yield _piece(wanted, slots, texts, numbers, row - covered, header, normalised)
                    covered, header, normalised = row, 0, Counter()
                    numbers.clear()
                    for position in slots:
                        slots[position] = Slot()
            last = max(covered, numbers[-1] if numbers else self.header_row)
            yield _piece(wanted, slots, texts, numbers, last - covered, header, normalised)

    def place(self, number: int) -> str:
        """The cell of the header's name of a column, by its number among those with a name."""
        return address(self.sheet, list(self.columns)[number], self.header_row)

    def _hidden(self, slots: Mapping[int, Slot]) -> Counter[Message]:
        """Refuse what is hidden, or count it where it is to be read."""
        columns = [position for position in slots if self.about.hides(position)]
        if columns and not self.read_hidden:
            raise DataError(
                "{file}: {sheet}: expected no hidden columns among those that are read (got {columns}): show them, or declare "
                'hidden = "read"',
                file=self.path.name,
                sheet=self.sheet,
                columns=", ".join(column_letters(position) for position in sorted(columns)[:_LISTED]),
                to_sender=_("{file}: {sheet}: columns {columns} are hidden: show them, save the file, and send it again"),
            )
        counts: Counter[Message] = Counter()
        if columns:
            counts[_("hidden columns that were read")] = len(columns)
        if self.about.hidden_rows:
            counts[_("hidden rows that were read")] = self.about.hidden_rows
        return counts

    def _filled(
        self, package: Package, part: SheetPart, texts: SharedTexts, slots: dict[int, Slot], numbers: list[int]
    ) -> Iterator[int]:
        """Fill the columns row by row: the number of each row whose cells were added."""
        merged = Merged(self.about.merged)
        live: set[Area] = set()
        for row in rows(package, part):
            if row.number <= self.header_row:
                continue
            with whole(package, part):
                areas = merged.areas(row.number)
                filled = self._add_cells(package, row.cells, texts, slots, row.number, len(numbers))
            if filled:
                live.update(area for area in areas if area.first_row == row.number)
            elif not live.intersection(areas):
                continue
            for area in areas:
                for position, slot in slots.items():
                    if area.first_column <= position <= area.last_column:
                        slot.refuse(len(numbers), MERGED_CELL)
            if row.number > self.limits.sheet_rows:
                raise DataError(
                    "{file}: {sheet}: expected at most {limit:,} rows (got more: if all are meant, raise sheet_rows of [limits] in "
                    "sources.toml)",
                    file=self.path.name,
                    sheet=self.sheet,
                    limit=self.limits.sheet_rows,
                    to_sender=_("{file}: {sheet}: more than {limit:,} rows: delete what stands below the table"),
                )
            numbers.append(row.number)
            yield row.number

    def _add_cells(
        self, package: Package, cells: list[RawCell], texts: SharedTexts, slots: dict[int, Slot], row: int, index: int
    ) -> bool:
        """Add the cells of a row to their columns; whether there are any."""
        filled = False
        for cell in cells:
            column, kind, text, style, formula = cell
            if kind == "s":
                shared = int(text)
                if shared >= len(texts.array):
                    raise IndexError(shared)
                if shared in texts.blank:
                    continue
            elif not text.strip() and kind != "f":
                continue
            filled = True
            slot = slots.get(column)
            if slot is None:
                self._refuse_unnamed(column, row)
            elif kind == "s":
                slot.shared_rows.append(index)
                slot.shared.append(shared)
            else:
                known = texts.own.get((kind, text, style, formula))
                slot.add(texts.remember(package, cell) if known is None else known, index, formula=formula)
        return filled

    def _refuse_unnamed(self, column: int, row: int) -> None:
        if column not in self.columns:
            raise DataError(
                "{file}: {cell}: a column without a name in the header (row {row}) holds something: name the column, or empty it",
                file=self.path.name,
                cell=address(self.sheet, column, row),
                row=self.header_row,
            )


def open_excel(path: Path, sheet: str | None, *, read_hidden: bool, limits: Limits) -> ExcelFile:
    """A sheet with its header read.

    Args:
        path: The workbook.
        sheet: The name of the sheet. Without it the workbook's only visible sheet that holds anything, which must be its first.
        read_hidden: Whether hidden rows and columns are read; else they refuse the file.
        limits: What is refused.

    Raises:
        DataError: The file is no workbook or damaged, which sheet is meant is open, the sheet is empty, its header has
            merged cells or one without a value, rows are hidden, it has too many columns, or it was sent back.
    """
    with opened(path) as package:
        _refuse_sent_back(package)
        part = _only_sheet(package) if sheet is None else matching_sheets(package, sheet)[0]
        about = survey(package, part)
        first = _first_rows(package, part)
        if not first:
            raise DataError("{file}: {sheet}: expected a header (got an empty sheet)", file=path.name, sheet=part.name)
        number, header = first[0]
        refuse_merged_header(package, part, about.merged, number)
        for position, name in header.items():
            if isinstance(name, Unreadable):
                raise DataError(
                    "{file}: {cell}: {fault}",
                    file=path.name,
                    cell=address(part.name, position, number),
                    fault=CELL_FAULTS[name.code],
                )
        if about.hidden_rows and not read_hidden:
            raise DataError(
                "{file}: {sheet}: expected no hidden or filtered rows that hold anything (got {count}, the first of them "
                '{rows}): show them, or declare hidden = "read"',
                file=path.name,
                sheet=part.name,
                count=about.hidden_rows,
                rows=", ".join(map(str, about.hidden_listed)),
                columns=", ".join(column_letters(position) for position in header if about.hides(position)),
                to_sender=_hidden_words(any(about.hides(position) for position in header)),
            )
        below = [str(value) for value in first[1][1].values()] if len(first) > 1 else []
        columns = {position: plain_name(str(name)) for position, name in header.items()}
        return ExcelFile(path, part.name, number, columns, tuple(below), about, read_hidden, limits)


def _hidden_words(columns: bool) -> Message:
    """What the sender of a sheet with hidden rows, and perhaps hidden columns, is told."""
    if columns:
        return _(
            "{file}: {sheet}: {count} rows are hidden or filtered away (the first of them {rows}), and columns {columns} are "
            "hidden: show all rows and columns, or delete what is not meant, and save the file"
        )
    return _(
        "{file}: {sheet}: {count} rows are hidden or filtered away (the first of them {rows}): show all rows, or delete what is "
        "not meant, and save the file"
    )


def _refuse_sent_back(package: Package) -> None:
    """Refuse a workbook that was sent back, whichever of its sheets is to be read.

    Raises:
        DataError: It is one.
    """
    if package.sheets and is_first_sheet(package.sheets[0].name):
        for sheet in package.sheets[1:]:
            for _number, header in _first_rows(package, sheet)[:1]:
                names = [plain_name(name) for name in header.values() if isinstance(name, str)]
                refuse_sent_back(names, file=package.path.name)


def _only_sheet(package: Package) -> SheetPart:
    """The sheet that is meant where none is declared.

    Raises:
        DataError: The first is hidden, or several that are visible hold something.
    """
    first = first_sheet(package)
    if first.hidden:
        raise DataError(
            "{file}: its first sheet {title!r} is hidden: declare sheet (there are: {titles})",
            file=package.path.name,
            title=first.name,
            titles=", ".join(sheet.name for sheet in package.sheets[:_LISTED]),
            to_sender=_("{file}: the sheet {title} is hidden: show it, or delete it where it is not the one with the rows"),
        )
    visible = [sheet for sheet in package.sheets if sheet is not first and not sheet.hidden]
    others = [sheet.name for sheet in visible if holds_anything(package, sheet)]
    if others:
        raise DataError(
            "{file}: expected one sheet that holds anything (got {titles}): declare sheet",
            file=package.path.name,
            titles=", ".join([first.name, *others][:_LISTED]),
            to_sender=_("{file}: several sheets hold something ({titles}): keep the one with the rows, and delete the others"),
        )
    return first


def _first_rows(package: Package, part: SheetPart) -> list[tuple[int, dict[int, str | Unreadable]]]:
    """Number and texts of the first two rows that hold anything."""
    texts, found = FirstTexts(package), list[tuple[int, dict[int, str | Unreadable]]]()
    for row in rows(package, part):
        cells: dict[int, str | Unreadable] = {}
        with whole(package, part):
            for cell in row.cells:
                value = texts[int(cell.text)] if cell.kind == "s" else cell_value(package, cell)
                text = value if isinstance(value, Unreadable) else cell_text(plain(value))
                if isinstance(text, Unreadable) or text.strip():
                    cells[cell.column] = text
        if cells:
            found.append((row.number, cells))
        if len(found) == 2:
            break
    return found


def _piece(
    wanted: Sequence[str],
    slots: Mapping[int, Slot],
    texts: SharedTexts,
    numbers: Sequence[int],
    lines: int,
    header: int,
    normalised: Counter[Message],
) -> Piece:
    """The columns that were filled, as a piece of so many rows of the sheet."""
    size = len(numbers)
    named = dict(zip(wanted, slots.values(), strict=True))
    formulas = sum(slot.formulas for slot in named.values())
    if formulas:
        normalised[_("formulas read by the values that are stored for them")] += formulas
    return Piece(
        pa.Table.from_arrays([slot.array(size, texts.array) for slot in named.values()], names=list(wanted)),
        np.array(numbers, dtype=np.int64),
        RefusedLines(),
        lines,
        other=lines - size,
        header=header,
        cells={name: slot.codes(size) for name, slot in named.items() if slot.refused},
        normalised=normalised,
    )
