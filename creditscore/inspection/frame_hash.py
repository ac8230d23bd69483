"""The hash of a frame: of its content while it is a draft; once it is published, of what its key seals.

The hash covers the task, the day, the policy and five commitments: to the content, the people, the key, and the roots of the
trees of subjects and strata. Of these the public may see all: none tells a row without its nonce, or the content without the key.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from creditscore.errors import DrawError
from creditscore.inspection.merkle import Tree, canonical_row, content_of, sha256
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


def draft_commitments(strata: Mapping[str, str], subjects: Mapping[str, str], people: Any) -> dict[str, str]:
    """What the hash of a draft covers; it is not published.

    Args:
        strata: The canonical rows of the strata by name.
        subjects: Those of the subjects by subject_id.
        people: Pool and recusals as plain data, or None.
    """
    return {"content": _content(strata, subjects, people)}


def commitments(strata: Mapping[str, str], subjects: Mapping[str, str], people: Any, *, key: str, task: str) -> dict[str, str]:
    """What the hash of a published frame covers: hashes that tell nothing without the key; see :func:`draft_commitments`."""
    return {
        "content": keyed(_content(strata, subjects, people), key),
        "key": key_hash(key),
        "people": keyed(sha256(compact_json(people)), key),
        "strata": tree_of(strata, key=key, task=task).root,
        "subjects": tree_of(subjects, key=key, task=task).root,
    }


def _content(strata: Mapping[str, str], subjects: Mapping[str, str], people: Any) -> str:
    return sha256("|".join((content_of(strata), content_of(subjects), sha256(compact_json(people)))))


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
