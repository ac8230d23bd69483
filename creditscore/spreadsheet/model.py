"""What a workbook is made of: columns, sheets, and what is told about them. Imports no library of workbooks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, Literal

from creditscore.config.base import Label

Kind = Literal["text", "integer", "number", "percent", "date"]
BookLanguage = Literal["zh", "en", "both"]

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
    ``format`` replaces the number format of the kind.
    """

    key: str
    label: Label
    kind: Kind = "text"
    width: int | None = None
    choices: tuple[str, ...] = ()
    editable: bool = False
    wrap: bool = False
    format: str | None = None


@dataclass(frozen=True)
class Sheet:
    """One sheet: a header row, then one row per item of ``rows`` in the order of ``columns``.

    ``rows`` may be a generator; it is read once. ``note`` is the line shown where there are no rows.
    """

    name: Label
    columns: tuple[Column, ...]
    rows: Iterable[Sequence[object]]
    note: Label | None = None
    frozen: bool = True
    autofilter: bool = True


@dataclass(frozen=True)
class BookReport:
    """What was written: sheet names with their rows, and how many texts had to be changed to fit Excel."""

    rows: dict[str, int]
    replaced: int
    truncated: int


@dataclass(frozen=True)
class Cell:
    """A value read back, with the place it came from (``抽查比例方案!E7``)."""

    value: Any
    address: str

    @property
    def row(self) -> int:
        """The number of its row as Excel shows it: the header is row 1."""
        return int(self.address.rpartition("!")[2].lstrip(ascii_uppercase))


def label_text(label: Label, lang: BookLanguage, *, joint: str = " ") -> str:
    """A label in the book's language; both are Chinese, then English."""
    if lang == "both":
        return label.zh if label.zh == label.en else f"{label.zh}{joint}{label.en}"
    return label.text(lang)
