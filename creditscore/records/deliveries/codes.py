"""The codes in the coded columns of a delivery, counted by source: few of each column, never a cell that may be personal."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import ibis
import pyarrow.compute as pc

from creditscore.records.columns.known_words import may_be_person
from creditscore.records.standard.arrivals import source_number
from creditscore.records.standard.contracts import arrived_table
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    from creditscore.records.records import Records

#: Columns of codes by table; what else is text names, numbers or describes.
_CODED = {
    "subjects": ("subject_type", "status", "industry", "region", "size_class", "ownership"),
    "events": ("kind", "result"),
    "changes": ("change",),
    "inspections": ("trigger", "mode", "outcome"),
    "ratings": ("scheme", "grade"),
    "decisions": ("kind",),
    "publicity": ("kind",),
}
#: A column with more codes than this is counted, not listed; one with far more is not even grouped.
MOST_CODES, _FAR_MORE = 300, 1000
#: What may be kept as it is: a short sign of a list, and a short Chinese word that is no name of a person. Other words are kept
#: only where several rows share them, since the one stray cell of a shifted column may be a name.
_SIGN, _LONGEST, _SHARED = re.compile(r"[A-Za-z0-9_.-]{1,40}"), 20, 3
#: Words that a line lists.
_LISTED = 12
_WORD = re.compile(r"[\u4e00-\u9fff]{1,8}")
_MANY_DIGITS = re.compile(r"[0-9]{7}")


class CodeCount(NamedTuple):
    """How many rows of a source have a code; ``code`` is None where there are too many, and ``rows`` is then how many codes."""

    table: str
    source: str
    column: str
    code: str | None
    rows: int


def code_counts(records: Records) -> Iterator[CodeCount]:
    """The codes of every source by coded column, from the rows that count, and words that its table of words lacks."""
    for table, columns in _CODED.items():
        sources = records.arrivals_of(table)
        if not sources or not records.outcomes[table].kept:
            continue
        rows = arrived_table(TABLES[table])
        number = source_number(rows, sources)
        distinct = {name: rows[name].nunique() for name in columns}
        codes = records.engine.query(rows.aggregate(**distinct)).to_pylist()[0]
        for name in columns:
            if codes[name] > _FAR_MORE:
                yield from (CodeCount(table, arrival.source, name, None, codes[name]) for arrival in sources)
                continue
            marked = rows.select(number=number, code=rows[name]).filter(ibis._.code.notnull())
            counted = records.engine.query(marked.group_by("number", "code").agg(rows=marked.count()))
            for place, arrival in enumerate(sources):
                own = counted.filter(pc.equal(counted["number"], place)).sort_by("code").to_pylist()
                found = {row["code"]: row["rows"] for row in own}
                found |= {word: n for (to, word), n in arrival.words.items() if to == name}
                if len(found) > MOST_CODES:
                    yield CodeCount(table, arrival.source, name, None, len(found))
                else:
                    yield from (CodeCount(table, arrival.source, name, code, n) for code, n in sorted(found.items()))


def shown_code(code: str, rows: int, known: Collection[str]) -> str:
    """A code as it may be kept and shown: itself, or ``#`` and a hash where it could be a stray cell of a person's.

    ``known`` are words of the project, which are no names.
    """
    plain = bool(_SIGN.fullmatch(code)) or (bool(_WORD.fullmatch(code)) and not may_be_person(code, known))
    plain = plain or (len(code) <= _LONGEST and code.isprintable() and rows >= _SHARED)
    return code if plain and not _MANY_DIGITS.search(code) and not code.startswith("#") else f"#{_hash(code)}"


def shown_words(words: Mapping[str, int], known: Collection[str]) -> str:
    """Words with their rows, the most frequent first; those that may be stray cells are only counted."""
    ordered = sorted(words.items(), key=lambda word: (-word[1], word[0]))
    plain = [(shown, n) for shown, n in ((shown_code(word, n, known), n) for word, n in ordered) if not shown.startswith("#")]
    listed = [f"{shown} {n}" for shown, n in plain[:_LISTED]]
    rest = len(ordered) - len(listed)
    return ", ".join([*listed, *([f"+{rest}"] if rest else [])])


def code_identity(shown: str) -> str:
    """What two showings of one code have in common, be one of them a hash."""
    return shown[1:] if shown.startswith("#") else _hash(shown)


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()[:16]
