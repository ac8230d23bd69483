"""Signatures of reviewers under proposed tiers, and how they stand in a register."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from creditscore.errors import DataError
from creditscore.storage import sha256_of

Decision = Literal["approve", "reject"]


@dataclass(frozen=True)
class Review:
    """The decision of one person on one proposed tier. ``grounds_hash`` identifies what the tier rests on."""

    subject_id: str
    decision: Decision
    reviewer: str
    reason: str
    grounds_hash: str
    on: dt.date


def grounds_hash(row: Mapping[str, Any]) -> str:
    """The SHA-256 of what a proposed tier rests on: subject, raw tier and evidence of a row of tiers.

    A signature is valid while this hash is unchanged. The score is not part of it: a point more or less does not
    end a signature, but another record or another reason does.
    """
    parts = ["" if row[key] is None or row[key] != row[key] else str(row[key]) for key in ("subject_id", "raw_tier", "evidence")]
    return sha256_of(json.dumps(parts, ensure_ascii=False))


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
    return {
        "subject_id": review.subject_id,
        "decision": review.decision,
        "reviewer": review.reviewer,
        "reason": review.reason,
        "grounds_hash": review.grounds_hash,
        "on": review.on.isoformat(),
    }


def review_of(line: Mapping[str, Any]) -> Review:
    """The signature in a line of a register.

    Raises:
        DataError: The line holds none.
    """
    try:
        day = dt.date.fromisoformat(line["on"])
        return Review(line["subject_id"], line["decision"], line["reviewer"], line["reason"], line["grounds_hash"], day)
    except (KeyError, ValueError):
        raise DataError("register line {line}: expected a review", line=line.get("number")) from None
