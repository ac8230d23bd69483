"""Writes workbooks row by row in flat memory. The only module that imports xlsxwriter."""

import datetime as dt
import itertools
import logging
import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from creditscore.errors import DataError
from creditscore.language import DEFAULT_LANGUAGE, Text
from creditscore.spreadsheet.sheets import (
    MAX_ROWS,
    NOTE_MARK,
    BookReport,
    Cleaner,
    Column,
    Kind,
    Marked,
    Sheet,
    cell_words,
    column_width,
    label_text,
    sheet_name,
    text_width,
)
from creditscore.storage import move_into_place

_log = logging.getLogger(__name__)
_FONT = {"font_name": "Microsoft YaHei", "font_size": 10}
_FORMATS: dict[Kind, str] = {"text": "@", "integer": "#,##0", "number": "#,##0.000", "percent": "0.00%", "date": "yyyy-mm-dd"}
#: What cells to be filled in accept, by kind.
_ACCEPTED: dict[Kind, dict[str, Any]] = {
    "percent": {"validate": "decimal", "criteria": "between", "minimum": 0, "maximum": 1, "error_message": "0 % – 100 %"},
    "integer": {"validate": "integer", "criteria": ">=", "value": 0, "error_message": "0, 1, 2, 3 …"},
    "date": {"validate": "date", "criteria": ">=", "value": dt.date(1900, 1, 1), "error_message": "2024-05-31"},
}
#: Excel refuses a list of choices longer than this, commas counted.
_MAX_CHOICES = 255
#: Characters across an A4 page that can still be read.
_PAGE_WIDTH = 210
#: Characters that may stay in sight while the rest of a sheet is moved.
_HELD_WIDTH = 90
#: XlsxWriter keeps the height of every row in memory. Beyond this number of rows no heights are written, and the program
#: that opens the workbook chooses them.
_SIZED_ROWS = 50_000
#: Characters across a comment.
_COMMENT_WIDTH = 40
#: Points of a line of text, and characters that the button of the filter takes from a header.
_LINE, _BUTTON = 14, 3


def write_book(
    path: str | Path,
    sheets: Iterable[Sheet],
    *,
    lang: str = DEFAULT_LANGUAGE,
    title: str,
    created: dt.date,
    max_rows: int = MAX_ROWS,
) -> BookReport:
    """Write a workbook in flat memory; the same content gives the same bytes.

    Text is written as text whatever it starts with: no formula and no link comes out of data. NaN,
    None and infinite numbers are blank; half surrogates and characters that XML forbids become U+FFFD and are
    counted; texts beyond 32,767 characters end in a mark and are counted. A sheet with more than
    ``max_rows`` rows continues in ``名单 (2)``. The old file stays until the new one is complete.

    Args:
        path: The file; its folder must exist.
        sheets: In the order of the tabs.
        lang: The language of sheet names and headers; ``both`` has them in Chinese and English.
        title: The document's title property.
        created: The only date in the file's properties.
        max_rows: Data rows per sheet.

    Raises:
        DataError: A column's choices do not fit, or Excel's limits refused a cell.
        OSError: The folder cannot be written; the old file is untouched.
    """
    target = Path(path)
    # All that is not finished lies in one folder beside the file, not in the system's: names of subjects are in it.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp") as folder:
        report = _written(Path(folder) / target.name, sheets, lang, title, created, max_rows)
        written = Path(folder) / target.name
        written.chmod(0o644)
        move_into_place(written, target)
    _tell(target, report)
    return report


def _written(path: Path, sheets: Iterable[Sheet], lang: str, title: str, created: dt.date, max_rows: int) -> BookReport:
    import xlsxwriter

    options = {
        "constant_memory": True,
        "tmpdir": str(path.parent),
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_format_properties": dict(_FONT),  # a copy: XlsxWriter takes keys out of it
    }
    book = xlsxwriter.Workbook(str(path), options)
    book.use_zip64()
    book.set_properties({"title": title, "created": dt.datetime(created.year, created.month, created.day)})
    writer = _BookWriter(book, lang, max_rows)
    try:
        for sheet in sheets:
            writer.add(sheet)
    finally:
        book.close()
    return BookReport(rows=writer.rows, replaced=writer.clean.replaced, truncated=writer.clean.truncated)


def _tell(path: Path, report: BookReport) -> None:
    """What had to be changed is never silent; counts only, no content."""
    if report.replaced:
        _log.warning("%s: %s characters were replaced by U+FFFD: Excel cannot hold them", path.name, report.replaced)
    if report.truncated:
        _log.warning("%s: %s texts were cut at Excel's limit and end in a mark", path.name, report.truncated)


class _BookWriter:
    """The open workbook with its formats and the names already taken."""

    def __init__(self, book: Any, lang: str, max_rows: int) -> None:
        self.book, self.lang, self.max_rows = book, lang, max_rows
        self.clean, self.rows = Cleaner(), dict[str, int]()
        self._formats: dict[tuple[object, ...], Any] = {}

    def add(self, sheet: Sheet) -> None:
        """One sheet, or as many as its rows need."""
        rows, first = _with_sample(sheet.rows)
        base, part, written = label_text(sheet.name, self.lang), 1, -1
        while written < 0 or written == self.max_rows:
            head = next(rows, None)
            if head is None and part > 1:
                return
            written = self._part(sheet, base if part == 1 else f"{base} ({part})", head, rows, first)
            part += 1

    def _part(
        self,
        sheet: Sheet,
        name: str,
        head: Sequence[object] | None,
        rows: Iterator[Sequence[object]],
        sample: Sequence[Sequence[object]],
    ) -> int:
        title = sheet_name(name, taken=self.rows)
        page, columns = self.book.add_worksheet(title), _fitted(sheet.columns, sample, self.lang)
        self._prepare(page, sheet, columns)
        formats = [self._format(column) for column in columns]
        broken = [(index, column.width or 0) for index, column in enumerate(columns) if column.wrap]
        count, row = 0, head
        while row is not None:
            count += 1
            if broken and count <= _SIZED_ROWS:
                self._make_room(page, count, row, broken)
            self._row(page, title, count, columns, row, formats)
            row = next(rows, None) if count < self.max_rows else None
        if count == 0 and sheet.note is not None:
            self._check(page.write_string(1, 0, NOTE_MARK + label_text(sheet.note, self.lang), self._style(italic=True)), title, 1)
        self._finish(page, sheet, max(count, 1))
        self.rows[title] = count
        return count

    def _prepare(self, page: Any, sheet: Sheet, columns: Sequence[Column]) -> None:
        look = {"bold": True, "bg_color": "#E8EDF3", "bottom": 1, "text_wrap": True, "valign": "vcenter"}
        lines = 1
        for index, column in enumerate(columns):
            label, width = label_text(column.label, self.lang, joint="\n"), column.width or 0
            lines = max(lines, _lines(label, width - _BUTTON))
            page.set_column(index, index, width, self._format(column))
            # A number's header keeps clear of the filter's button, which lies at the right end of the cell.
            indent = 1 if column.kind == "text" else 2 if sheet.autofilter else 0
            header = self._style(**look, align="left" if column.kind == "text" else "right", indent=indent)
            self._check(page.write_string(0, index, label, header), page.get_name(), 0)
            if column.comment is not None:
                self._comment(page, 0, index, column.comment)
        page.set_row(0, 20 if lines == 1 else 4 + _LINE * lines)
        if sheet.frozen:
            page.freeze_panes(1, _held(columns) if sheet.held is None else sheet.held)
        self._prepare_print(page, sum(column.width or 0 for column in columns), sheet)

    @staticmethod
    def _make_room(page: Any, at: int, row: Sequence[object], broken: Sequence[tuple[int, int]]) -> None:
        """The height of a row whose broken texts need more than one line; not every program finds it by itself."""
        lines = max(_lines(str(_bare(row[index])), width - 1) for index, width in broken)
        if lines > 1:
            page.set_row(at, min(409, 2 + _LINE * lines))

    @staticmethod
    def _prepare_print(page: Any, width: float, sheet: Sheet) -> None:
        """A4 landscape; a wide sheet goes over several pages across rather than into tiny print."""
        page.set_landscape()
        page.set_paper(9)
        page.set_margins(left=0.5, right=0.5, top=0.5, bottom=0.6)
        across = math.ceil(width / _PAGE_WIDTH)
        page.fit_to_pages(across, 0)
        page.repeat_rows(0)
        keys = [column.key for column in sheet.columns]
        if across > 1 and sheet.held:
            page.repeat_columns(0, sheet.held - 1)
        elif across > 1 and "subject_id" in keys[:4]:
            page.repeat_columns(0, keys.index("subject_id"))
        page.set_footer("&L&A&R&P / &N")

    def _finish(self, page: Any, sheet: Sheet, last: int) -> None:
        """What covers a range is set once its length is known."""
        words = cell_words(self.lang)
        if sheet.autofilter:
            page.autofilter(0, 0, last, len(sheet.columns) - 1)
        for index, column in enumerate(sheet.columns):
            if column.choices:
                choices = [words.text(choice) for choice in column.choices]
                if len(",".join(choices)) > _MAX_CHOICES:
                    raise DataError(
                        "column {key}: choices need at most {MAX_CHOICES} characters in all",
                        key=column.key,
                        MAX_CHOICES=_MAX_CHOICES,
                    )
                page.data_validation(1, index, last, index, {"validate": "list", "source": choices})
            elif column.editable and column.kind in _ACCEPTED:
                page.data_validation(1, index, last, index, dict(_ACCEPTED[column.kind]))

    def _row(self, page: Any, title: str, at: int, columns: tuple[Column, ...], row: Sequence[object], formats: list[Any]) -> None:
        for index, (column, value) in enumerate(zip(columns, row, strict=True)):
            plain, look = self.clean.value(_bare(value), column.kind), formats[index]
            if isinstance(value, Marked):
                look = self._format(column, marked=True)
                self._comment(page, at, index, value.comment)
            if plain is None:
                code = page.write_blank(at, index, None, look) if column.editable or isinstance(value, Marked) else 0
            elif isinstance(plain, str):
                code = page.write_string(at, index, plain, look)
            elif isinstance(plain, dt.date):
                code = page.write_datetime(at, index, plain, look)
            else:
                code = page.write_number(at, index, plain, look)
            self._check(code, title, at)

    def _comment(self, page: Any, at: int, index: int, text: Text) -> None:
        """A comment as large as its text needs, hidden until the pointer is on the cell."""
        said = self.clean.text(cell_words(self.lang).text(text))
        height = _LINE * (1 + _lines(said, _COMMENT_WIDTH)) + 8
        look = {"author": "", "width": 8 * _COMMENT_WIDTH, "height": height, "font_name": _FONT["font_name"], "font_size": 9}
        page.write_comment(at, index, said, look)

    def _format(self, column: Column, *, marked: bool = False) -> Any:
        look: dict[str, Any] = {"num_format": column.format or _FORMATS[column.kind], "valign": "vcenter"}
        if column.kind == "text":
            look |= {"align": "left", "indent": 1, "text_wrap": column.wrap}
        else:
            look |= {"align": "right", "indent": 1}
        if column.editable:
            look |= {"bg_color": "#FFF8DC", "border": 1, "border_color": "#D9CFA0"}
        if marked:
            look |= {"bg_color": "#F9C9C4", "border": 1, "border_color": "#B3261E"}
        return self._style(**look)

    def _style(self, **look: Any) -> Any:
        key = tuple(sorted(look.items()))
        if key not in self._formats:
            self._formats[key] = self.book.add_format(_FONT | look)
        return self._formats[key]

    @staticmethod
    def _check(code: int, sheet: str, row: int) -> None:
        """XlsxWriter reports a cell that Excel cannot hold by a number and goes on."""
        if code:
            raise DataError("{sheet}: row {row}: Excel's limits refuse a cell (code {code})", sheet=sheet, row=row + 1, code=code)


def _bare(value: object) -> object:
    """A value without its mark."""
    return value.value if isinstance(value, Marked) else value


def _held(columns: Sequence[Column]) -> int:
    """How many columns stay in sight: up to the subject's id and its name, where they come first and leave room."""
    keys = [column.key for column in columns[:5]]
    counts = [keys.index(key) + 1 for key in ("name", "subject_id") if "subject_id" in keys and key in keys]
    return next((count for count in counts if sum(column.width or 0 for column in columns[:count]) <= _HELD_WIDTH), 0)


def _fitted(columns: Sequence[Column], sample: Sequence[Sequence[object]], lang: str) -> tuple[Column, ...]:
    """The columns with their widths; texts that a column would cut widen it to twice its width at most, then break into lines."""
    fitted = []
    for index, column in enumerate(columns):
        values = [_bare(row[index]) for row in sample]
        width = column.width or column_width(label_text(column.label, lang, joint="\n"), values, column.kind)
        longest = max((text_width(text) + 2 for text in values if isinstance(text, str)), default=0)
        if column.kind == "text" and not column.wrap and longest > width:
            width = min(longest, 2 * width)
            column = replace(column, wrap=longest > width)
        fitted.append(replace(column, width=width))
    return tuple(fitted)


def _lines(text: str, width: int) -> int:
    """How many lines a text takes in a column that is ``width`` characters wide."""
    if 2 * len(text) <= width and "\n" not in text:
        return 1
    # A character that is wide takes two bytes of this encoding; counting bytes is quicker than looking each one up.
    lengths = (len(line) for line in text.encode("gb18030", "replace").split(b"\n"))
    return sum(max(1, -(-length // max(width, 1))) for length in lengths)


def _with_sample(rows: Iterable[Sequence[object]], size: int = 200) -> tuple[Iterator[Sequence[object]], list[Sequence[object]]]:
    """The rows as an iterator, and the first of them to judge widths by."""
    stream = iter(rows)
    first = list(itertools.islice(stream, size))
    return itertools.chain(first, stream), first
