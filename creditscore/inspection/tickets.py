"""Tickets: one number per subject that the public seed decides, and that nobody outside can work out without the subject's nonce.

With the seed alone everybody could compute every ticket, and a drawn subject with a large one is in a tier with a large ratio. So
each ticket has a nonce in it, made from a key that only the authority and its auditors have; the key's hash is published before
the seed, and a subject gets its own nonce as proof.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

from creditscore.errors import DrawError

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Named in the manifest: who recomputes a draw knows by which rule. The older one is that of plans of format 2, without a key.
ALGORITHM = (
    "sha256(seed|task|subject_id|nonce), nonce sha256(key|task|subject_id|key), n smallest per stratum, "
    "of these the on_site smallest on site, v3"
)
ALGORITHM_2 = "sha256(seed|task|subject_id), n smallest per stratum, of these the on_site smallest on site, v2"


def part(text: str, *, what: str) -> str:
    """A part of a ticket in NFC.

    Raises:
        DrawError: It is empty, or holds ``|`` or a control character (then two different triples
            could give one text).
    """
    normal = text if text.isascii() else unicodedata.normalize("NFC", text)
    if not normal.strip() or "|" in normal or not normal.isprintable():
        shown = f" ({normal})" if what == "subject_id" and normal.isprintable() else ""
        raise DrawError("{what}{shown}: expected a printable text without '|' and not empty", what=what, shown=shown)
    return normal


def nonces(names: Iterable[str], *, key: str, task: str) -> list[str]:
    """The nonces of subjects, or of strata by their names, in their order: SHA-256 of ``key|task|name|key``.

    >>> nonces(["x"], key="k", task="t") == [hashlib.sha256(b"k|t|x|k").hexdigest()]
    True
    """
    start, end = hashlib.sha256(f"{key}|{task}|".encode()), f"|{key}".encode()
    result = []
    for name in names:
        digest = start.copy()
        digest.update(name.encode() + end)
        result.append(digest.hexdigest())
    return result


def tickets(subject_ids: Iterable[str], *, seed: str, task: str, key: str = "") -> list[str]:
    """The tickets of subjects in their order, 64 hexadecimal digits each.

    Args:
        subject_ids: The subjects.
        seed: The seed.
        task: The id of the task.
        key: The key of the frame. Without one: the tickets of format 2, which have no nonce in them.

    >>> (nonce,) = nonces(["x"], key="k", task="t")
    >>> tickets(["x"], seed="s", task="t", key="k") == [hashlib.sha256(f"s|t|x|{nonce}".encode()).hexdigest()]
    True

    Raises:
        DrawError: A part of a ticket is empty, or holds ``|`` or a control character.
    """
    task = part(task, what="task")
    start = hashlib.sha256(f"{part(seed, what='seed')}|{task}|".encode())
    ids = [part(subject_id, what="subject_id") for subject_id in subject_ids]
    texts = [f"{one}|{nonce}" for one, nonce in zip(ids, nonces(ids, key=key, task=task), strict=True)] if key else ids
    result = []
    for text in texts:
        digest = start.copy()
        digest.update(text.encode())
        result.append(digest.hexdigest())
    return result


def nonce_expression(name: ir.StringValue, *, key: str, task: str) -> ir.StringValue:
    """The same nonce as an Ibis expression over ids in NFC, for an engine to run."""
    import ibis

    text: ir.StringValue = ibis.literal(f"{key}|{task}|") + name + ibis.literal(f"|{key}")
    return text.hexdigest("sha256")


def ticket_expression(table: ir.Table, *, seed: str, task: str, key: str = "") -> ir.StringValue:
    """The same ticket as an Ibis expression over ``table.subject_id`` (ids in NFC), for an engine to run."""
    import ibis

    task, subject = part(task, what="task"), table["subject_id"]
    text: ir.StringValue = ibis.literal(f"{part(seed, what='seed')}|{task}|") + subject
    if key:
        text = text + "|" + nonce_expression(subject, key=key, task=task)
    return text.hexdigest("sha256")
