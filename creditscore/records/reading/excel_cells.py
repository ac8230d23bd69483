"""The cells of a sheet as texts, and the columns of a piece that they make."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.spreadsheet.cells import RawCell, Unreadable, cell_value
from creditscore.spreadsheet.package import Package
from creditscore.spreadsheet.sheets import plain

#: Texts of cells that are remembered: few days and numbers are all different.
_REMEMBERED = 1 << 16
#: A float of a spreadsheet holds 15 digits; an id beyond that has lost some.
_EXACT = 10**15


@dataclass
class Slot:
    """The cells of one column of a piece: row and content of those that hold anything."""

    shared_rows: list[int] = field(default_factory=list)
    shared: list[int] = field(default_factory=list)
    own_rows: list[int] = field(default_factory=list)
    own: list[str | None] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    formulas: int = 0

    def add(self, text: str | Unreadable, index: int, *, formula: bool) -> None:
        """Add a cell that holds its own value, or its fault, at a row of the piece."""
        if isinstance(text, Unreadable):
            self.refuse(index, text.code)
            if text.shown:
                self.own_rows.append(index)
                self.own.append(text.shown)
            return
        self.formulas += formula
        self.own_rows.append(index)
        self.own.append(text)

    def refuse(self, index: int, code: str) -> None:
        """Refuse the cell of a row; its first fault stays."""
        self.refused.setdefault(index, code)

    def array(self, size: int, texts: pa.Array) -> pa.Array:
        """The texts of all rows of the piece, those that a person sees in refused cells too."""
        column = _placed(texts, self.shared_rows, self.shared, size)
        if self.own:
            own = _placed(pa.array(self.own, pa.string()), self.own_rows, range(len(self.own)), size)
            column = pc.coalesce(column, own)
        return column

    def codes(self, size: int) -> pa.Array:
        """The codes of refused cells."""
        codes = pa.array(list(self.refused.values()), pa.string())
        return _placed(codes, list(self.refused), range(len(self.refused)), size)


def _placed(values: pa.Array, at: Sequence[int], which: Sequence[int], size: int) -> pa.Array:
    """Some of ``values`` at their rows, missing elsewhere."""
    indices = np.full(size, -1, dtype=np.int64)
    indices[np.array(at, dtype=np.int64)] = np.array(which, dtype=np.int64)
    return values.take(pa.array(indices, mask=indices < 0))


class SharedTexts:
    """The texts that cells refer to by number: in Arrow's memory, where millions of them fit."""

    def __init__(self, package: Package) -> None:
        parts, self.blank, first = [pa.array([], pa.string())], set[int](), 0
        for part in package.texts_shared():
            texts = [str(plain(text)) for text in part]
            self.blank.update(first + at for at, text in enumerate(texts) if not text.strip())
            parts.append(pa.array(texts, pa.string()))
            first += len(texts)
        self.array = pa.concat_arrays(parts)
        #: Texts of cells that hold their own value, by what the cell holds.
        self.own: dict[tuple[str, str, int, bool], str | Unreadable] = {}

    def remember(self, package: Package, cell: RawCell) -> str | Unreadable:
        """The text of a cell that holds its own value, or its fault."""
        value = cell_value(package, cell)
        text = value if isinstance(value, Unreadable) else cell_text(plain(value))
        if len(self.own) < _REMEMBERED:
            self.own[cell[1:]] = text
        return text


class FirstTexts:
    """The first of these texts, read as far as they are asked for: a header needs few."""

    def __init__(self, package: Package) -> None:
        self._parts, self._known = package.texts_shared(), list[str]()

    def __getitem__(self, number: int) -> str:
        while number >= len(self._known):
            part = next(self._parts, None)
            if part is None:
                raise IndexError(number)
            self._known += part
        return str(plain(self._known[number]))


def cell_text(value: object) -> str:
    """The value of a cell as text: a date as 2024-04-30, a whole number without a point, 15 digits of others.

    A time of day that is not midnight stays, so that the rules for dates decide. A number of too many digits keeps an
    exponent, so that it is recognised as the fault that it is.
    """
    if isinstance(value, str | bool):
        return str(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(" ", timespec="milliseconds" if value.microsecond else "seconds")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dt.time):
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
    if isinstance(value, dt.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if isinstance(value, int | float):
        if abs(value) >= _EXACT:
            return f"{value:.9E}"
        return str(int(value)) if value == int(value) else f"{value:.15g}"
    raise TypeError(type(value))
