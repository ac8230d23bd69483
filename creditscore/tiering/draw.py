"""The draw: a ticket per subject, the smallest tickets of each stratum; of those the smallest on site, the rest off site.

``ticket = SHA-256(seed|task|subject_id)`` in hexadecimal, UTF-8, parts in NFC. Anyone with the seed
and a list of ids gets the same sample with any SHA-256, in any order; taking one drawn subject out
of a frame brings one other in and moves nobody else.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from creditscore.errors import DrawError
from creditscore.vocabulary import OFF_SITE, ON_SITE

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Named in the manifest: who recomputes a draw knows by which rule.
ALGORITHM = "sha256(seed|task|subject_id), n smallest per stratum, of these the on_site smallest on site, v2"


def part(text: str, *, what: str) -> str:
    """A part of a ticket in NFC.

    Raises:
        DrawError: It is empty, or holds ``|`` or a control character (then two different triples
            could give one text).
    """
    normal = text if text.isascii() else unicodedata.normalize("NFC", text)
    if not normal.strip() or "|" in normal or not normal.isprintable():
        shown = f" ({normal})" if what == "subject_id" and normal.isprintable() else ""
        raise DrawError(f"{what}{shown}: expected a printable text without '|' and not empty")
    return normal


def ticket(*, seed: str, task: str, subject_id: str) -> str:
    """The ticket of one subject, 64 hexadecimal digits.

    >>> ticket(seed="s", task="t", subject_id="x") == hashlib.sha256(b"s|t|x").hexdigest()
    True
    """
    return tickets([subject_id], seed=seed, task=task)[0]


def tickets(subject_ids: Iterable[str], *, seed: str, task: str) -> list[str]:
    """The tickets of many subjects, in their order."""
    start = hashlib.sha256(f"{part(seed, what='seed')}|{part(task, what='task')}|".encode())
    result = []
    for subject_id in subject_ids:
        digest = start.copy()
        digest.update(part(subject_id, what="subject_id").encode())
        result.append(digest.hexdigest())
    return result


def ticket_expression(table: "ir.Table", *, seed: str, task: str) -> "ir.StringValue":
    """The same ticket as an Ibis expression over ``table.subject_id`` (ids in NFC), for an engine to run."""
    import ibis

    text: ir.StringValue = ibis.literal(f"{part(seed, what='seed')}|{part(task, what='task')}|") + table["subject_id"]
    return text.hexdigest("sha256")


def places(stratum: pd.Series, ticket: pd.Series) -> "pd.Series[int]":
    """The place of each ticket in its stratum, 0 for the smallest; -1 for subjects that left the frame (no stratum)."""
    order = pd.DataFrame({"stratum": stratum, "ticket": ticket}).dropna(subset=["stratum"])
    order = order.sort_values(["stratum", "ticket"], kind="stable")
    return order.groupby("stratum", sort=False).cumcount().reindex(stratum.index, fill_value=-1)


def draw(stratum: pd.Series, ticket: pd.Series, *, targets: Mapping[str, int]) -> "pd.Series[bool]":
    """Who is drawn: in each stratum the ``targets[stratum]`` smallest tickets.

    Args:
        stratum: The stratum of each subject; missing for subjects that left the frame.
        ticket: Their tickets.
        targets: How many to draw.

    Raises:
        DrawError: A stratum has no target, or fewer subjects than its target.
    """
    _check_targets(stratum, targets)
    place = places(stratum, ticket)
    return (place >= 0) & (place < stratum.map(dict(targets)).fillna(0))


def modes(stratum: pd.Series, ticket: pd.Series, drawn: "pd.Series[bool]", *, on_site: Mapping[str, int]) -> "pd.Series[str]":
    """``on_site`` for the ``on_site[stratum]`` smallest tickets, ``off_site`` for the others drawn, ``""`` for the rest.

    The part on site is a random draw too: what it finds speaks for the whole stratum, with p = on_site / N.
    """
    first = places(stratum, ticket) < stratum.map(dict(on_site)).fillna(0)
    return pd.Series("", index=stratum.index).mask(drawn, OFF_SITE).mask(drawn & first, ON_SITE)


def _check_targets(stratum: pd.Series, targets: Mapping[str, int]) -> None:
    sizes: dict[Any, int] = stratum.value_counts().to_dict()
    for name, size in sorted(sizes.items()):
        if name not in targets:
            raise DrawError(f"stratum {name}: expected a target (got none)")
        if not 0 <= targets[name] <= size:
            raise DrawError(f"stratum {name}: expected a target of 0 to {size} (got {targets[name]})")
