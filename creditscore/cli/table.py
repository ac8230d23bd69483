"""A table in plain text: columns of equal width, numbers to the right, a Chinese sign two places wide."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

DASH = "–"


def table_lines(heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Collection[int] = ()) -> list[str]:
    """One line of heads and one per row; an empty cell is a dash.

    Args:
        heads: One per column.
        rows: Cells as they are to stand.
        numbers: The places of the columns that stand to the right.
    """
    cells = [list(heads), *([cell or DASH for cell in row] for row in rows)]
    widths = [max(_width(row[place]) for row in cells) for place in range(len(heads))]
    return ["  ".join(_padded(row[at], width, right=at in numbers) for at, width in enumerate(widths)).rstrip() for row in cells]


def whole(value: float) -> str:
    """``12,345``."""
    return f"{value:,.0f}" if value == value else DASH


def percent(value: float, digits: int = 1) -> str:
    """``12.3 %``."""
    return f"{value:.{digits}%}".replace("%", " %") if value == value else DASH


def decimal(value: float, digits: int) -> str:
    """``0.742``."""
    return f"{value:,.{digits}f}" if value == value else DASH


def _padded(cell: str, width: int, *, right: bool) -> str:
    blank = " " * (width - _width(cell))
    return blank + cell if right else cell + blank


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
