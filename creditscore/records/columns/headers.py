"""Headers of files: each column once and by a name, and the near match of a name that its sender changed."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence

from creditscore.errors import DataError
from creditscore.language import DEFAULT_LANGUAGE, Message, Text, Words, _
from creditscore.records.columns.personal import header_words, looks_like_data
from creditscore.records.tables import COLUMN_WORDS

#: How alike two names are that may be one: ``severity`` and ``severity_level`` 0.76, ``event_date`` and ``known_date`` 0.63.
_ALIKE, _HALF = 0.75, 0.5
#: What nobody reads in a name: blanks, and signs between or around its words.
_BETWEEN = re.compile(r"[\W_]+")
#: Places that a message lists.
_LISTED = 5


def check_header(
    columns: Sequence[str], *, file: str, limit: int, place: Callable[[int], str] | None = None, typed: bool = False
) -> None:
    """Refuse a header that has a name twice, or too many names; of a file of a program that is all.

    Args:
        columns: The names in order.
        file: Where they are, for messages.
        limit: The largest number of columns.
        place: What a column is called in messages, by its number from 0; without it ``column 3``.
        typed: The header was typed by a person: an empty name is refused, and names that differ in case or width only.

    Raises:
        DataError: With the places of the columns; their names may be cells of a file without header.
    """
    if len(columns) > limit:
        raise DataError(
            "{file}: expected at most {limit:,} columns (got {columns:,}: if all are meant, raise columns of [limits] in "
            "sources.toml)",
            file=file,
            limit=limit,
            columns=len(columns),
            to_sender=_("{file}: more than {limit:,} columns: delete those that do not belong to the table"),
        )
    at = place or (lambda position: str(position + 1))
    unnamed = [position for position, name in enumerate(columns) if not name]
    if typed and unnamed and looks_like_data(columns):
        raise DataError("{file}: expected a header ({header})", file=file, header=header_words(columns))
    if typed and unnamed:
        raise DataError(
            "{file}: expected a name for each column of the header (got none for column {places}): name it or delete it, "
            "and what stands above the header",
            file=file,
            places=_listed(at, unnamed),
        )
    repeated = _repeated(columns, str)
    if repeated and (typed or looks_like_data(columns)) and place:
        raise DataError(
            "{file}: expected each column once (got the same name in {places})", file=file, places=_listed(at, repeated)
        )
    if repeated and looks_like_data(columns):
        raise DataError("{file}: expected each column once ({header})", file=file, header=header_words(columns))
    if repeated:
        names = sorted({columns[position] for position in repeated})
        raise DataError(
            "{file}: expected each column once (got {columns} several times)", file=file, columns=", ".join(names[:_LISTED])
        )
    alike = _repeated(columns, _folded) if typed else []
    if alike:
        raise DataError(
            "{file}: expected each column once (columns {places} differ in case or width only)",
            file=file,
            places=_listed(at, alike),
        )


def near_matches(names: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    """Columns that may be meant by names that a file lacks: those that nothing else reads.

    Args:
        names: The names, standard ones too; those are also compared by their Chinese name.
        columns: The columns that may be meant.

    Returns:
        The near column by name; a name without any is left out. Nothing of a header that looks like data.
    """
    if looks_like_data(columns):
        return {}
    plain = {_plain(column): column for column in columns if _plain(column)}
    found = {}
    for name in names:
        match = next((near for word in _words(name) if (near := _near(_plain(word), plain))), None)
        if match is not None:
            found[name] = match
    return found


def lacking(names: Sequence[str], header: Sequence[str], *, below: Sequence[str] = (), used: Sequence[str] = ()) -> Text:
    """What to say of columns that a file lacks: where they may be, and which there are.

    Args:
        names: The columns.
        header: The columns of the file.
        below: The cells of the row below the header.
        used: Columns of the file that something else reads.
    """
    if {_folded(name) for name in below} & {_folded(word) for name in names for word in _words(name)}:
        return _("they stand in the row below: delete what is above the header")
    unused = [column for column in header if column not in used]
    near = near_matches(names, unused)
    if not looks_like_data(header):
        near |= _half_alike([name for name in names if name not in near], set(unused) - set(near.values()))
    return _renamed(near, header_words(header)) if near else header_words(header)


def _half_alike(names: Sequence[str], columns: Collection[str]) -> dict[str, str]:
    """Names that half of one column only resembles, such as two words of two signs of which the second was changed."""
    found = {}
    for name in names:
        words = [word for word in _words(name) if not word.isascii()]
        near = {column for column in columns for word in words if _ratio(_plain(word), _plain(column)) >= _HALF}
        if len(near) == 1:
            found[name] = near.pop()
    return found if len(set(found.values())) == len(found) else {}


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def _renamed(near: Mapping[str, str], rest: Message) -> Message:
    return _("renamed? {pairs}; {rest}", pairs=", ".join(f"{name} → {column}" for name, column in near.items()), rest=rest)


def _words(name: str) -> list[str]:
    label = COLUMN_WORDS.get(name)
    return [name] if label is None else [name, Words.of(DEFAULT_LANGUAGE).text(label)]


def _near(name: str, plain: Mapping[str, str]) -> str | None:
    if name in plain:
        return plain[name]
    close = difflib.get_close_matches(name, plain, n=1, cutoff=_ALIKE)
    # A Chinese name within a longer one: 金额 in 罚款金额.
    longer = [] if name.isascii() else [column for column in plain if len(name) > 1 and name in column]
    return plain[(close or longer)[0]] if close or longer else None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _plain(name: str) -> str:
    return _BETWEEN.sub("", _folded(name))


def _repeated(columns: Sequence[str], key: Callable[[str], str]) -> list[int]:
    """The positions of the names that are there several times."""
    positions = defaultdict(list)
    for position, name in enumerate(columns):
        if name:
            positions[key(name)].append(position)
    return sorted(position for same in positions.values() if len(same) > 1 for position in same)


def _listed(place: Callable[[int], str], positions: Sequence[int]) -> str:
    return ", ".join(place(position) for position in positions[:_LISTED])
