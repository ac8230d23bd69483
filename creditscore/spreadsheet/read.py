"""Reads workbooks back, every value with its cell. The only module that imports openpyxl for workbooks."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditscore.errors import DataError
from creditscore.language import DEFAULT_LANGUAGE, Text, Words
from creditscore.spreadsheet.sheets import NOTE_MARK, Cell, Column, label_texts, plain, sheet_name

if TYPE_CHECKING:
    import pandas as pd


class RepeatedColumnError(DataError):
    """The header of a sheet has a name twice. Of a sheet without header that name is a cell, which may be personal data."""


def fill_cells(path: Path, values: Mapping[str, Any], *, out: Path) -> None:
    """Copy a workbook with some cells filled in.

    Args:
        path: The workbook.
        values: By address such as ``抽查名单!E7``.
        out: The copy.
    """
    import openpyxl

    book = openpyxl.load_workbook(path)
    for address, value in values.items():
        sheet, _, cell = address.rpartition("!")
        book[sheet][cell] = value
    out.parent.mkdir(parents=True, exist_ok=True)
    book.save(out)


def read_sheet(path: str | Path, name: Text | None = None, *, columns: Sequence[Column] = ()) -> list[dict[str, Cell]]:
    """The rows of a sheet (and of its continuations ``名单 (2)`` …), every value with its address.

    Args:
        path: The workbook.
        name: The name of the sheet; a label matches in every language. None reads the first sheet only.
        columns: The expected columns. Each is matched by its label in any language, and its ``key`` is the key in the
            result. Without them the keys are the headers of the sheet.

    Returns:
        One dict per row that holds anything, in the order of the sheet.

    Raises:
        RepeatedColumnError: Two columns have the same header.
        DataError: The file is not a workbook, it has no such sheet, or an expected column is missing.
    """
    rows: list[dict[str, Cell]] = []
    with _Opened(path) as book:
        for title in [_first(book, path)] if name is None else _matching(book.sheetnames, name, path):
            rows.extend(_rows_of(_lines(book[title], path), title, columns))
    return rows


def _matching(titles: Sequence[str], name: Text, path: str | Path) -> list[str]:
    names = label_texts(name)
    for candidate in names:
        first = sheet_name(candidate, taken={})
        if first in titles:
            parts = [sheet_name(f"{candidate} ({part})", taken={}) for part in range(2, len(titles) + 1)]
            return [first, *(part for part in parts if part in titles)]
    raise DataError(
        "{name}: expected a sheet {names!r} (got {titles})", name=Path(path).name, names=names[0], titles=", ".join(titles)
    )


def _first(book: Any, path: str | Path) -> str:
    """The name of the first sheet.

    Raises:
        DataError: There is none.
    """
    if not book.sheetnames:
        raise DataError("{file}: expected a workbook with a sheet (got none)", file=Path(path).name)
    return str(book.sheetnames[0])


def _lines(page: Any, path: str | Path) -> Iterator[tuple[Any, ...]]:
    """The cells of each row. A sheet is parsed while it is read: what is broken in it shows here.

    Raises:
        DataError: The sheet is no rows of cells, such as a chart, or is broken.
    """
    try:
        page.reset_dimensions()
        yield from page.iter_rows(values_only=True)
    except Exception as error:
        raise DataError(
            "{file}: expected a whole sheet {title!r} (got {error} on reading it)",
            file=Path(path).name,
            title=page.title,
            error=type(error).__name__,
        ) from None


def _rows_of(stream: Iterator[tuple[Any, ...]], title: str, columns: Sequence[Column]) -> Iterator[dict[str, Cell]]:
    from openpyxl.utils import get_column_letter

    keys = _keys(next(stream, ()), title, columns)
    for number, row in enumerate(stream, start=2):
        if all(value in (None, "") for value in row):
            continue
        if str(row[0]).startswith(NOTE_MARK) and not any(value is not None for value in row[1:]):
            continue
        yield {
            key: Cell(plain(row[index]) if index < len(row) else None, f"{title}!{get_column_letter(index + 1)}{number}")
            for key, index in keys.items()
        }


def _keys(header: Sequence[Any], title: str, columns: Sequence[Column]) -> dict[str, int]:
    indices: dict[str, int] = {}
    for index, text in enumerate(header):
        if text is not None and str(text).strip():
            if str(text) in indices:
                raise RepeatedColumnError("{title}: column {text!r} appears twice in the header", title=title, text=text)
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
        RepeatedColumnError: The header has a name twice.
        DataError: Not a workbook, or no such sheet.
    """
    import pandas as pd

    with _Opened(path) as book:
        title = _first(book, path) if sheet is None else _matching(book.sheetnames, sheet, path)[0]
        page = book[title]
        rows = [{key: cell.value for key, cell in row.items()} for row in _rows_of(_lines(page, path), title, ())]
        header = _keys(next(_lines(page, path), ()), title, ())
    return pd.DataFrame(rows, columns=list(header))


class _Opened:
    """An openpyxl workbook, values only, closed again; whatever it cannot open is a DataError without content."""

    def __init__(self, path: str | Path, *, limit: int = 256 * 1024**2, unpacked: int = 2 * 1024**3) -> None:
        self.path, self.limit, self.unpacked = Path(path), limit, unpacked

    def __enter__(self) -> Any:
        import openpyxl

        if not self.path.is_file():
            raise DataError("{file}: expected a workbook (got nothing)", file=self.path.name)
        if self.path.stat().st_size > self.limit:
            raise DataError(
                "{file}: expected a workbook of at most {limit:,} bytes (got {size:,})",
                file=self.path.name,
                limit=self.limit,
                size=self.path.stat().st_size,
            )
        # Opened here: what openpyxl opens itself stays open where it then fails.
        self.stream = self.path.open("rb")
        try:
            with zipfile.ZipFile(self.stream) as parts:
                size = sum(part.file_size for part in parts.infolist())
            if size > self.unpacked:
                raise DataError(
                    "{file}: expected a workbook of at most {limit:,} bytes when unpacked (got {size:,})",
                    file=self.path.name,
                    limit=self.unpacked,
                    size=size,
                )
            self.book = openpyxl.load_workbook(self.stream, read_only=True, data_only=True)
        except DataError:
            self.stream.close()
            raise
        except Exception as error:
            self.stream.close()
            raise DataError(
                "{file}: expected an .xlsx workbook (got {error} on opening it)", file=self.path.name, error=type(error).__name__
            ) from None
        return self.book

    def __exit__(self, *_: object) -> None:
        self.book.close()
        self.stream.close()
