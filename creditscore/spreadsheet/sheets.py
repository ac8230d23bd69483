"""What Excel can hold: values cleaned for a cell, names for a sheet, widths for a column."""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, Literal

from creditscore.language import DEFAULT_LANGUAGE, SOURCE_LANGUAGE, Text, Words, languages

Kind = Literal["text", "integer", "number", "percent", "date"]
#: The language of a workbook with headers in two languages, Chinese and English, over Chinese cells.
BOTH = "both"
_JOINT = {BOTH: (DEFAULT_LANGUAGE, SOURCE_LANGUAGE)}

#: Excel holds 1,048,576 rows; one is the header.
MAX_ROWS = 1_048_575
#: Starts the line that says why a sheet is empty; readers skip it.
NOTE_MARK = "※ "


@dataclass(frozen=True)
class Column:
    """One column of a sheet.

    ``width`` is in characters (a Chinese one counts two); without it the label and the first rows
    decide. ``choices`` become a drop-down. ``editable`` cells are tinted; a percent among them accepts
    0 to 100 % only, an integer whole numbers from 0, a date days. ``wrap`` breaks long text; texts of the
    first rows that would be cut widen their column, and break where twice its width is not enough.
    ``format`` replaces the number format of the kind, ``comment`` is shown on the header.
    """

    key: str
    label: Text
    kind: Kind = "text"
    width: int | None = None
    choices: tuple[Text, ...] = ()
    editable: bool = False
    wrap: bool = False
    format: str | None = None
    comment: Text | None = None


@dataclass(frozen=True)
class Marked:
    """A value whose cell is tinted and has a comment that says why."""

    value: object
    comment: Text


@dataclass(frozen=True)
class Sheet:
    """One sheet: a header row, then one row per item of ``rows`` in the order of ``columns``.

    ``rows`` may be a generator; it is read once. ``note`` is the line shown where there are no rows. ``held`` first columns stay
    in sight and are printed on every page; without it those up to a subject's name.
    """

    name: Text
    columns: tuple[Column, ...]
    rows: Iterable[Sequence[object]]
    note: Text | None = None
    frozen: bool = True
    autofilter: bool = True
    held: int | None = None


@dataclass(frozen=True)
class BookReport:
    """What was written: sheet names with their rows, and how many texts had to be changed to fit Excel."""

    rows: dict[str, int]
    replaced: int
    truncated: int


@dataclass(frozen=True)
class Cell:
    """A value read from a workbook, and the address of its cell, such as ``抽查比例方案!E7``."""

    value: Any
    address: str

    @property
    def row(self) -> int:
        """The number of its row as Excel shows it: the header is row 1."""
        return int(self.address.rpartition("!")[2].lstrip(ascii_uppercase))


def label_text(label: Text, lang: str, *, joint: str = " ") -> str:
    """A label in the book's language; in a book of :data:`BOTH` the Chinese one, then the English one where it differs."""
    return joint.join(dict.fromkeys(Words.of(one).text(label) for one in _JOINT.get(lang, (lang,))))


def label_texts(label: Text, *, joint: str = " ") -> list[str]:
    """What a label may read in a workbook of any language, that of :data:`BOTH` included."""
    return [label_text(label, lang, joint=joint) for lang in (*languages(), BOTH)]


def cell_words(lang: str) -> Words:
    """The words inside the cells of a workbook."""
    return Words.of(_JOINT.get(lang, (lang,))[0])


#: Excel counts UTF-16 units.
MAX_TEXT = 32_767
TRUNCATED = "…[截断 truncated]"
#: Half surrogates, and characters that XML 1.0 does not allow.
_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff\x00-\x08\x0b\x0c\x0e-\x1f]")
#: How workbooks hold a character that their XML cannot, such as a carriage return, and protect a text that looks so.
_ESCAPED = re.compile("_x([0-9a-fA-F]{4})_")
_NOT_IN_NAME = re.compile(r"[\[\]:*?/\\]")
_WIDTHS = {"text": 10, "integer": 8, "number": 9, "percent": 9, "date": 11}
#: Beyond 15 digits Excel loses the rest; such an integer is an identifier and goes in as text.
_EXACT = 10**15


class Cleaner:
    """Makes values fit for a cell and counts what it changed."""

    def __init__(self) -> None:
        self.replaced = 0
        self.truncated = 0

    def value(self, value: object, kind: str) -> str | int | float | dt.date | None:
        """The plain value to write; None is a blank cell. Text in a column of numbers stays text."""
        if isinstance(value, str) and value:
            return self._date(value) if kind == "date" else self.text(value)
        if is_blank(value):
            return None
        if isinstance(value, dt.datetime | dt.date):
            day = value.date() if isinstance(value, dt.datetime) else value
            return day if kind == "date" else day.isoformat()
        if kind in ("integer", "number", "percent"):
            return self._number(value, kind)
        return self.text(str(value))

    def text(self, text: str) -> str:
        """Text that XML can carry and Excel can hold."""
        clean = text
        if _NOT_XML.search(text):
            clean, count = _NOT_XML.subn("\ufffd", text)
            self.replaced += count
        if len(clean) * 2 > MAX_TEXT and _units(clean) > MAX_TEXT:
            self.truncated += 1
            clean = _cut(clean, MAX_TEXT - _units(TRUNCATED)) + TRUNCATED
        return clean

    def _number(self, value: object, kind: str) -> str | int | float | None:
        number = float(value)  # type: ignore[arg-type]
        if not math.isfinite(number):
            return None
        if kind == "integer" and number.is_integer():
            whole = int(value)  # type: ignore[call-overload]
            return whole if abs(whole) < _EXACT else str(whole)
        return number

    def _date(self, text: str) -> str | dt.date:
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            return self.text(text)


def plain(value: object) -> object:
    """A cell's value as it was written: ``_x000D_`` is a carriage return, ``_x005F_x0041_`` is ``_x0041_``, midnight a date."""
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date()
    if not isinstance(value, str) or "_x" not in value:
        return value
    return _ESCAPED.sub(lambda match: _NOT_XML.sub("\ufffd", chr(int(match.group(1), 16))), value)


def is_blank(value: object) -> bool:
    """None, an empty text, NaN, NaT and pandas' NA, without importing pandas."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return value == "" if isinstance(value, str) else isinstance(value, float) and math.isnan(value)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, units: int) -> str:
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")


def sheet_name(name: str, *, taken: Container[str]) -> str:
    r"""A name Excel accepts: at most 31 characters, none of ``[]:*?/\``, no quote at the ends, not taken.

    A continuation mark such as ``(2)`` at the end survives the cutting.
    """
    clean = _NOT_IN_NAME.sub(" ", _NOT_XML.sub(" ", name)).strip(" '") or "Sheet"
    mark = re.search(r" \(\d+\)$", clean)
    tail = mark.group() if mark else ""
    stem = clean[: len(clean) - len(tail)]
    candidate, number = _fit(stem, tail), 1
    while candidate in taken:
        number += 1
        candidate = _fit(stem, f" ~{number}{tail}")
    return candidate


def _fit(stem: str, tail: str) -> str:
    return stem[: 31 - len(tail)].rstrip(" '") + tail


def column_width(label: str, values: Iterable[object], kind: str, *, most: int = 44) -> int:
    """The width of a column, in characters, that shows its header and its first rows, at most ``most``.

    A wide (East Asian) character counts as two.
    """
    header = max(text_width(line) for line in label.split("\n")) + 3
    if kind != "text":
        return min(max(header, _WIDTHS[kind] + 2), most)
    body = max((text_width(str(value)) for value in values if not is_blank(value)), default=0)
    return min(max(header, body + 2, _WIDTHS[kind]), most)


def text_width(text: str) -> int:
    """Columns a text takes in a fixed-width font: wide East Asian characters take two."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
