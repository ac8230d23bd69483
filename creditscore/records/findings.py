"""One finding of the check-up: what was looked at, what was found, how often, and where to look."""

from __future__ import annotations

from typing import Literal, NamedTuple

#: ``error`` is never tolerated, ``warning`` is to be looked into, ``note`` was dealt with, ``info`` is a count.
Level = Literal["error", "warning", "note", "info"]


class Finding(NamedTuple):
    """A row of the check-up. ``examples`` are keys of rows, never values."""

    section: str
    table: str
    rule: str
    code: str
    rows: int
    examples: str = ""
    level: Level = "info"


def some(keys: list[str], most: int = 3) -> str:
    """A few keys as text."""
    return ", ".join(keys[:most])
