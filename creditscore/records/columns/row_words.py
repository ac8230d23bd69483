"""Rows of a sheet that are no records: totals, signatures and notes, known by a list of words; and names behind such words."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.resources import files
from pathlib import Path

from creditscore.config.spec import Day, Items, Spec, read_spec

#: A family name is one sign, a given name up to three.
_HANZI = r"\u4e00-\u9fff"
_NAME = rf"(?P<first>[{_HANZI}])[{_HANZI}]{{1,3}}(?:[\u00b7\u2022][{_HANZI}]+)*|(?P<letter>[A-Z])[A-Za-z]*(?: [A-Z][A-Za-z]*)*"
#: Signs around a cell that say nothing.
_AROUND = " \t\"'()\u201c\u201d"


class RowWords(Spec):
    """The words, with the day of the list and where it comes from."""

    issued: Day
    basis: str
    totals: Items[str]
    signatures: Items[str]
    #: What a number or its unit begins with, behind a word of a total: another word behind it makes it a name.
    counters: Items[str]
    #: Words that a person's name follows behind a colon; titles, behind which a blank is enough.
    persons: Items[str]
    titles: Items[str]


@cache
def row_words() -> RowWords:
    """The list that ships."""
    return read_spec(RowWords, Path(str(files("creditscore.records"))) / "columns" / "row_words.toml")


def is_no_record(first: str) -> bool:
    """Whether a row is a total, a signature or a note, by the text of its first cell that holds anything."""
    plain = unicodedata.normalize("NFKC", first).strip(_AROUND)
    return _total().match(plain) is not None or _signature().match(plain) is not None


def without_signed_names(text: str) -> str:
    """A text in which names behind words for who made, checked or answers for something are masked."""
    return _signed().sub(lambda found: f"{found['title']}{found['first'] or found['letter']}*", text)


@cache
def _total() -> re.Pattern[str]:
    # The signs of the word are often spread over the cell.
    words = "|".join(r"\s*".join(map(re.escape, word)) for word in _longest_first(row_words().totals))
    counters = "|".join(map(re.escape, row_words().counters))
    return re.compile(rf"(?:{words})\s*(?:$|[:0-9(=-]|{counters})", re.IGNORECASE)


@cache
def _signature() -> re.Pattern[str]:
    words = "|".join(map(re.escape, _longest_first(row_words().signatures)))
    return re.compile(rf"(?:{words})(?:\s*$|\s*[:(]|\s+[^\s])", re.IGNORECASE)


@cache
def _signed() -> re.Pattern[str]:
    words, titles = row_words().persons, row_words().titles
    said = "|".join(map(re.escape, _longest_first((*words, *titles))))
    spaced = "|".join(map(re.escape, _longest_first(titles)))
    return re.compile(rf"(?P<title>(?:{said})\s*[:\uff1a]\s*|(?:{spaced})\s+)(?:{_NAME})", re.IGNORECASE)


def _longest_first(words: tuple[str, ...]) -> list[str]:
    return sorted(words, key=lambda word: (-len(word), word))
