"""Reads workbooks back, every value with its cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditscore.errors import DataError
from creditscore.language import DEFAULT_LANGUAGE, Message, Text, Words, _
from creditscore.spreadsheet.cells import (
    ERROR_CELL,
    MERGED_CELL,
    NO_STORED_VALUE,
    Area,
    Merged,
    RawRow,
    Unreadable,
    address,
    cell_value,
    rows,
    survey,
    whole,
)
from creditscore.spreadsheet.package import Package, SheetPart, opened
from creditscore.spreadsheet.sheets import NOTE_MARK, Cell, Column, label_texts, plain, sheet_name

if TYPE_CHECKING:
    import pandas as pd

#: How many faults are named; the rest are counted.
_NAMED = 5
#: What is wrong with a cell that has no value.
CELL_FAULTS: dict[str, Message] = {
    ERROR_CELL: _("an error of the spreadsheet such as #N/A stands in place of a value"),
    NO_STORED_VALUE: _("a formula whose value is not stored: open the workbook in a spreadsheet program and save it"),
    MERGED_CELL: _("merged cells: what does each row have?"),
}


def fill_cells(path: Path, values: Mapping[str, Any], *, out: Path) -> None:
    """Copy a workbook with some cells filled in.

    Args:
        path: The workbook.
        values: By address such as ``抽查名单!E7``.
        out: The copy.
    """
    import openpyxl

    book = openpyxl.load_workbook(path)
    for place, value in values.items():
        sheet, _mark, cell = place.rpartition("!")
        book[sheet][cell] = value
    out.parent.mkdir(parents=True, exist_ok=True)
    book.save(out)


def refuse_cells(faults: Sequence[Text], *, file: Path) -> None:
    """Refuse a workbook with cells that cannot be accepted; without faults, do nothing.

    Args:
        faults: Each with its cell, such as ``抽查名单!E7: …``; the first five are named, the rest counted.
        file: The workbook.

    Raises:
        DataError: There are faults.
    """
    if faults:
        named = faults[0]
        for fault in faults[1:_NAMED]:
            named = _("{faults}; {fault}", faults=named, fault=fault)
        if len(faults) > _NAMED:
            named = _("{faults}; and {count} more", faults=named, count=len(faults) - _NAMED)
        raise DataError("{name}: {faults}; mend the cells and import again", name=file.name, faults=named)


def read_sheet(path: str | Path, name: Text | None = None, *, columns: Sequence[Column] = ()) -> list[dict[str, Cell]]:
    """The rows of a sheet (and of its continuations ``名单 (2)`` …), every value with its address.

    Rows and columns that are hidden or filtered out are read like the others: a person filters while working.

    Args:
        path: The workbook.
        name: The name of the sheet; a label matches in every language. None reads the first sheet only.
        columns: The expected columns. Each is matched by its label in any language, and its ``key`` is the key in the
            result. Without them the keys are the headers of the sheet.

    Returns:
        One dict per row that holds anything, in the order of the sheet.

    Raises:
        DataError: The file is not a workbook, it has no such sheet, its header has a name twice, an expected column is
            missing, or a cell of one has no value: an error, a formula that was never computed, merged cells.
    """
    read: list[dict[str, Cell]] = []
    with opened(path) as package:
        sheets = [first_sheet(package)] if name is None else matching_sheets(package, name)
        texts = _texts(package)
        for sheet in sheets:
            _keys_read, rows_read = _rows_of(package, sheet, texts, columns)
            read.extend(rows_read)
    return read


def matching_sheets(package: Package, name: Text) -> list[SheetPart]:
    """The sheet of a name (a label matches in every language) and its continuations.

    Raises:
        DataError: There is none.
    """
    names, titles = label_texts(name), {sheet.name: sheet for sheet in package.sheets}
    for candidate in names:
        first = sheet_name(candidate, taken={})
        if first in titles:
            parts = [sheet_name(f"{candidate} ({part})", taken={}) for part in range(2, len(titles) + 1)]
            return [titles[first], *(titles[part] for part in parts if part in titles)]
    raise DataError(
        "{name}: expected a sheet {names!r} (got {titles})", name=package.path.name, names=names[0], titles=", ".join(titles)
    )


def first_sheet(package: Package) -> SheetPart:
    """The first sheet.

    Raises:
        DataError: There is none.
    """
    if not package.sheets:
        raise DataError("{file}: expected a workbook with a sheet (got none)", file=package.path.name)
    return package.sheets[0]


def refuse_merged_header(package: Package, sheet: SheetPart, areas: Sequence[Area], row: int) -> None:
    """Refuse a sheet whose header has merged cells.

    Raises:
        DataError: With the merged cells.
    """
    area = next((area for area in areas if area.first_row <= row <= area.last_row), None)
    if area is not None:
        cells = f"{sheet.name}!{area.address}"
        raise DataError(
            "{file}: {cell}: merged cells in the header (row {row}): expected one cell for the name of each column, "
            "and no title above them",
            file=package.path.name,
            cell=cells,
            row=row,
            to_sender=_(
                "{file}: {cell}: the header has merged cells. Delete titles above it, and write the name of each column into one "
                "cell"
            ),
        )


def _texts(package: Package) -> list[str]:
    return [str(plain(text)) for part in package.texts_shared() for text in part]


def _rows_of(
    package: Package, sheet: SheetPart, texts: Sequence[str], columns: Sequence[Column]
) -> tuple[dict[str, int], list[dict[str, Cell]]]:
    """The columns of a sheet by key, and its rows."""
    areas = survey(package, sheet).merged
    merged, keys, read, faults = Merged(areas), dict[str, int](), list[dict[str, Cell]](), list[Message]()
    header_to_come = True
    for number, values in _values(package, sheet, texts):
        if header_to_come:
            refuse_merged_header(package, sheet, areas, number)
            keys, header_to_come = _keys(values, sheet.name, columns, number), False
            continue
        with whole(package, sheet):
            areas_here = merged.areas(number)
        if list(values) == [0] and not areas_here and str(values[0]).startswith(NOTE_MARK):
            continue
        row = {}
        for key, index in keys.items():
            cell = Cell(values.get(index), address(sheet.name, index, number))
            covered = any(area.first_column <= index <= area.last_column for area in areas_here)
            fault = MERGED_CELL if covered else cell.value.code if isinstance(cell.value, Unreadable) else ""
            if fault:
                faults.append(_("{cell}: {fault}", cell=cell.address, fault=CELL_FAULTS[fault]))
            row[key] = cell
        read.append(row)
    if header_to_come:
        keys = _keys({}, sheet.name, columns)
    refuse_cells(faults, file=package.path)
    return keys, read


def _values(package: Package, sheet: SheetPart, texts: Sequence[str]) -> Iterator[tuple[int, dict[int, Any]]]:
    """The rows that hold anything: their numbers, and their values by column."""
    for row in rows(package, sheet):
        values = _row_values(package, sheet, row, texts)
        if values:
            yield row.number, values


def _row_values(package: Package, sheet: SheetPart, row: RawRow, texts: Sequence[str]) -> dict[int, Any]:
    with whole(package, sheet):
        values = {
            cell.column: texts[int(cell.text)] if cell.kind == "s" and not cell.formula else plain(cell_value(package, cell))
            for cell in row.cells
        }
    return {column: value for column, value in values.items() if value != ""}


def _keys(header: Mapping[int, Any], title: str, columns: Sequence[Column], number: int = 1) -> dict[str, int]:
    indices: dict[str, int] = {}
    for index, text in sorted(header.items()):
        if isinstance(text, Unreadable):
            raise DataError("{cell}: {fault}", cell=address(title, index, number), fault=CELL_FAULTS[text.code])
        if str(text).strip():
            if str(text) in indices:
                raise DataError("{title}: column {text!r} appears twice in the header", title=title, text=text)
            indices[str(text)] = index
    if not columns:
        return indices
    keys: dict[str, int] = {}
    for column in columns:
        known = [column.key, *label_texts(column.label, joint="\n")]
        at = next((indices[text] for text in known if text in indices), None)
        if at is None:
            raise DataError(
                "{title}: expected a column {label!r} (got {value})",
                title=title,
                label=Words.of(DEFAULT_LANGUAGE).text(column.label),
                value=", ".join(indices) or "no header",
            )
        keys[column.key] = at
    return keys


def read_table(path: str | Path, *, sheet: str | None = None) -> pd.DataFrame:
    """A sheet as a data frame: one row per row of the sheet, headers as column names, texts kept as texts.

    Args:
        path: The workbook.
        sheet: The sheet; without it the first.

    Raises:
        DataError: Not a workbook, no such sheet, a header with a name twice, or a cell without value.
    """
    import pandas as pd

    with opened(path) as package:
        part = first_sheet(package) if sheet is None else matching_sheets(package, sheet)[0]
        keys, read = _rows_of(package, part, _texts(package), ())
    return pd.DataFrame([{key: cell.value for key, cell in row.items()} for row in read], columns=list(keys))
