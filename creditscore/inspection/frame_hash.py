"""The hash of a frame: of its content while it is a draft; once it is published, of what its key seals.

The hash covers the task, the day, the policy and five commitments: to the content, the people, the key, and the roots of the
trees of subjects and strata. Of these the public may see all: none tells a row without its nonce, or the content without the key.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from creditscore.errors import DrawError
from creditscore.inspection.merkle import Tree, canonical_row, content_of, digits_for, root_of_groups, sha256
from creditscore.inspection.task_key import key_hash
from creditscore.inspection.tickets import nonces
from creditscore.storage import compact_json
from creditscore.vocabulary import ON_SITE

#: The format of the hashed text. Whatever changes that text (a key below, or a field that ``about`` holds, such as one
#: more field of ``Task`` or ``Label``) changes every new hash, and needs the same change in ``verify_draw.py``.
FRAME_FORMAT, FRAME_FORMAT_2 = "creditscore-frame/3", "creditscore-frame/2"


def frame_hash(about: Mapping[str, Any], commitments: Mapping[str, str]) -> str:
    """The SHA-256 of three lines: the format, ``about`` and the commitments, these two as JSON without blanks, keys in order."""
    return sha256("".join(f"{line}\n" for line in (FRAME_FORMAT, compact_json(dict(about)), compact_json(dict(commitments)))))


def draft_commitments(strata: Mapping[str, str], subjects: str, people: Any) -> dict[str, str]:
    """What the hash of a draft covers; it is not published.

    Args:
        strata: The canonical rows of the strata by name.
        subjects: The hash of the rows of the subjects, see :func:`creditscore.inspection.merkle.content_of`.
        people: Pool and recusals as plain data, or None.
    """
    return {"content": _content(strata, subjects, people)}


def commitments(
    strata: Mapping[str, str], subjects: str, people: Any, *, root: str, key: str, task: str
) -> dict[str, str]:  # fmt: skip
    """What the hash of a published frame covers: hashes that tell nothing without the key; see :func:`draft_commitments`.

    ``root`` is that of the tree over the salted rows of the subjects.
    """
    return {
        "content": keyed(_content(strata, subjects, people), key),
        "key": key_hash(key),
        "people": keyed(sha256(compact_json(people)), key),
        "strata": tree_of(strata, key=key, task=task).root,
        "subjects": root,
    }


def _content(strata: Mapping[str, str], subjects: str, people: Any) -> str:
    return sha256("|".join((content_of(strata), subjects, sha256(compact_json(people)))))


def keyed(content: str, key: str) -> str:
    """A hash of a hash that nobody can try out without the key."""
    return sha256(f"{key}|{content}|{key}")


def tree_of(rows: Mapping[str, str], *, key: str, task: str) -> Tree:
    """The tree over the salted rows."""
    return Tree.of(leaves_of(rows, key=key, task=task))


def leaves_of(rows: Mapping[str, str], *, key: str, task: str) -> dict[str, str]:
    """By name the leaf of each row, SHA-256 of ``nonce|row``."""
    return {
        name: sha256(f"{nonce}|{row}") for (name, row), nonce in zip(rows.items(), nonces(rows, key=key, task=task), strict=True)
    }


#: How many leading digits of a name's hash are kept: more than any frame is grouped by.
_PLACE = 16


@dataclass(frozen=True)
class Hashed:
    """Rows as hashes: of each row ``_PLACE`` digits of the SHA-256 of its name, and the SHA-256 of its text. 80 bytes a row."""

    #: In order; hexadecimal digits.
    entries: NDArray[np.bytes_]

    @staticmethod
    def of(parts: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Hashed:
        """Of names and texts, part by part."""
        found = [_entries(names, texts) for names, texts in parts]
        whole = np.concatenate(found) if found else np.empty(0, dtype=_ENTRY)
        whole.sort()
        return Hashed(whole)

    def has_twins(self) -> bool:
        """Whether two rows have the same place, as rows of one name have."""
        places = self.entries.astype(f"S{_PLACE}")
        return bool((places[1:] == places[:-1]).any())

    def content(self) -> str:
        """The same as :func:`creditscore.inspection.merkle.content_of`."""
        return sha256("|".join(f"{place}:{sha256('|'.join(texts))}" for place, texts in self._groups()))

    def root(self) -> str:
        """The root of :class:`creditscore.inspection.merkle.Tree` over the texts' hashes as leaves."""
        return root_of_groups(dict(self._groups()), digits_for(len(self.entries)))

    def _groups(self) -> Iterator[tuple[str, list[str]]]:
        """The texts' hashes, in order, by the leading digits of their names."""
        digits = digits_for(len(self.entries))
        for place, entries in groupby(self.entries.tolist(), key=lambda entry: entry[:digits]):
            yield place.decode(), sorted(entry[_PLACE:].decode() for entry in entries)


_ENTRY = np.dtype(f"S{_PLACE + 64}")


def _entries(names: Sequence[str], texts: Sequence[str]) -> NDArray[np.bytes_]:
    digest = hashlib.sha256
    rows = [
        digest(name.encode()).hexdigest()[:_PLACE] + digest(text.encode()).hexdigest()
        for name, text in zip(names, texts, strict=True)
    ]
    return np.array(rows, dtype=_ENTRY)


#: The fields of a stratum's row after the draw: the last ticket that was drawn, and the last that is visited on site.
DRAWN_STRATUM_KEYS = ("stratum", "population", "target", "on_site", "last", "last_on_site")


def drawn_strata(strata: pd.DataFrame, sample: pd.DataFrame) -> dict[str, str]:
    """The rows of the strata after the draw, by name; see :data:`DRAWN_STRATUM_KEYS`. ``""`` where nobody is drawn."""
    drawn = sample[sample["drawn"]]
    last = drawn.groupby("stratum")["ticket"].max()
    on_site = drawn[drawn["mode"] == ON_SITE].groupby("stratum")["ticket"].max()
    rows = strata.assign(last=strata["stratum"].map(last).fillna(""), last_on_site=strata["stratum"].map(on_site).fillna(""))
    return rows_by_name(zip(*(rows[name].tolist() for name in DRAWN_STRATUM_KEYS), strict=True))


def rows_by_name(rows: Iterable[Sequence[Any]]) -> dict[str, str]:
    """Canonical rows by their first field in NFC, the form in which it is part of tickets and nonces.

    Raises:
        DrawError: Two rows have one name.
    """
    found: dict[str, str] = {}
    for row in rows:
        name = unicodedata.normalize("NFC", row[0])
        if name in found:
            raise DrawError("frame: expected each subject once (got {last} twice)", last=name)
        found[name] = canonical_row(row)
    return found


def frame_hash_2(about: Mapping[str, Any], strata: Iterable[Sequence[Any]], subjects: Iterable[Sequence[Any]]) -> str:
    """The SHA-256 of a frame of format 2: the task, the policy, the targets and every subject with its stratum.

    The text has one line per part, each a JSON value without blanks, UTF-8: the format, ``about``
    (keys in order), the strata by name, the subjects by subject_id. Row order does not matter.

    Args:
        about: Task, day, policy.
        strata: Rows of :data:`STRATUM_COLUMNS`.
        subjects: Rows of :data:`SUBJECT_KEYS`, all texts.

    Raises:
        DrawError: A subject is in the frame twice.
    """

    def line(value: Any) -> bytes:
        return (compact_json(value) + "\n").encode()

    digest, last = hashlib.sha256(), None
    for part in (FRAME_FORMAT_2, dict(about), *sorted(map(tuple, strata))):
        digest.update(line(part))
    for row in sorted(map(tuple, subjects)):
        if row[0] == last:
            raise DrawError("frame: expected each subject once (got {last} twice)", last=last)
        last = row[0]
        digest.update(line(row))
    return digest.hexdigest()
