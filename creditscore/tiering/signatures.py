"""Signatures of reviewers under proposed tiers, and how they stand in a register."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from creditscore.errors import DataError
from creditscore.storage import sha256_of
from creditscore.vocabulary import Reason

Decision = Literal["approve", "reject"]


@dataclass(frozen=True)
class Review:
    """The decision of one person on one proposed tier. ``grounds_hash`` identifies what the tier rests on.

    ``raw_tier`` is the tier that was put to the person and ``grounds`` the records behind it
    (:func:`creditscore.tiering.grounds.grounds_text`); both are empty in signatures of earlier versions. ``by`` is what had set
    that tier, ``score`` or ``override``: who refuses what a rule makes of a record says nothing about the score. Where an earlier
    version did not write it, a refusal is one of both.
    """

    subject_id: str
    decision: Decision
    reviewer: str
    reason: str
    grounds_hash: str
    on: dt.date
    raw_tier: str = ""
    grounds: str = ""
    by: str = ""


def grounds_hash(row: Mapping[str, Any]) -> str:
    """The SHA-256 of what a row of tiers puts to a person: subject, raw tier and the records behind it.

    It ties a decision on a sheet to the night that asked for it. How long the signature lasts depends on the records. Rows of
    earlier versions, without ``grounds``, have their evidence in it.
    """
    on = "grounds" if _text(row.get("grounds")) else "evidence"
    return sha256_of(json.dumps([_text(row[key]) for key in ("subject_id", "raw_tier", on)], ensure_ascii=False))


def _text(cell: Any) -> str:
    return "" if cell is None or cell != cell else str(cell)


def latest_reviews(reviews: Iterable[Review]) -> dict[str, Review]:
    """The last decision on each grounds hash: a later signature replaces an earlier one."""
    return {review.grounds_hash: review for review in reviews}


def review_body(review: Review) -> dict[str, Any]:
    """A signature as a line of a register.

    Raises:
        DataError: It has no reviewer, no reason, no known decision or no grounds.
    """
    if review.decision not in get_args(Decision):
        raise DataError(
            "review of {subject_id}: decision: expected approve or reject (got {decision!r})",
            subject_id=review.subject_id,
            decision=review.decision,
        )
    for name in ("subject_id", "reviewer", "reason", "grounds_hash"):
        if not getattr(review, name).strip():
            raise DataError(
                "review of {subject_id}: {name}: expected a text (got nothing)", subject_id=review.subject_id, name=name
            )
    body = {
        "subject_id": review.subject_id,
        "decision": review.decision,
        "reviewer": review.reviewer,
        "reason": review.reason,
        "grounds_hash": review.grounds_hash,
        "on": review.on.isoformat(),
    }
    return body | {name: text for name in ("raw_tier", "grounds", "by") if (text := getattr(review, name))}


def review_of(line: Mapping[str, Any]) -> Review:
    """The signature in a line of a register.

    Raises:
        DataError: The line holds none.
    """
    try:
        day = dt.date.fromisoformat(line["on"])
        grounds = {name: line.get(name, "") for name in ("raw_tier", "grounds", "by")}
        return Review(line["subject_id"], line["decision"], line["reviewer"], line["reason"], line["grounds_hash"], day, **grounds)
    except (KeyError, ValueError):
        raise DataError("register line {line}: expected a review", line=line.get("number")) from None


def set_by(rule: str) -> str:
    """What had set a tier that is put to a person, by its ``rule``: :attr:`Review.by`."""
    return "override" if Reason.parse(rule).kind == "override" else "score"
