"""What a part of an explanation is: a heading, sentences, and maybe a table; the same for the terminal and for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from creditscore.language import Text, Words
from creditscore.reporting.columns import Grid
from creditscore.reporting.words import BETWEEN_PARTS


@dataclass(frozen=True)
class Section:
    """A heading, sentences, and maybe a table: on a page as such, in the terminal a line per row."""

    title: str
    lines: Sequence[str] = ()
    grid: Grid | None = None
    rows: Sequence[str] = ()
    after: Sequence[str] = field(default=())
    #: Stands out on the page.
    framed: bool = False
    #: The class of its table on the page.
    style: str = ""


@dataclass(frozen=True)
class Joined:
    """Several sentences as one, with the mark of the language between them."""

    parts: tuple[Text, ...]

    def text(self, language: str) -> str:
        """In a language."""
        words = Words.of(language)
        return words.text(BETWEEN_PARTS).join(words.text(part) for part in self.parts)


def row_text(row: Sequence[str], heads: Sequence[str]) -> str:
    """A row as a line of the terminal: the first cell, then what is not empty with its head."""
    first, *rest = row
    parts = [f"{head} {cell}" for head, cell in zip(heads[1:], rest, strict=True) if cell]
    return " · ".join([first, *parts])


def numbers(numbers: Sequence[int]) -> str:
    """Numbers of documents in order."""
    return ", ".join(str(one) for one in sorted(numbers))
