"""Signatures: what a line of a register holds of one, and on which grounds it stands."""

import datetime as dt
from dataclasses import replace

import pytest

from creditscore.errors import DataError
from creditscore.tiering.signatures import Review, grounds_hash, latest_reviews, review_body, review_of

REVIEW = Review("S1", "approve", "李四", "核实属实", "a" * 64, dt.date(2024, 5, 2))


def test_a_signature_comes_back_from_its_line():
    assert review_of({**review_body(REVIEW), "number": 7, "what": "signed"}) == REVIEW


@pytest.mark.parametrize(
    "wrong", [{"decision": "maybe"}, {"reviewer": " "}, {"reason": ""}, {"subject_id": ""}, {"grounds_hash": ""}]
)
def test_a_signature_needs_a_subject_a_decision_a_name_a_reason_and_grounds(wrong):
    with pytest.raises(DataError, match=f"{next(iter(wrong))}: expected"):
        review_body(replace(REVIEW, **wrong))


@pytest.mark.parametrize("wrong", [{"on": "yesterday"}, {"reviewer": None}])
def test_a_line_without_a_whole_signature_is_named(wrong):
    line = {name: value for name, value in {**review_body(REVIEW), "number": 7, **wrong}.items() if value is not None}
    with pytest.raises(DataError, match="line 7: expected a review"):
        review_of(line)


def test_the_last_decision_on_the_same_grounds_holds():
    rejected, other = replace(REVIEW, decision="reject"), replace(REVIEW, grounds_hash="b" * 64)
    assert latest_reviews([REVIEW, other, rejected]) == {"a" * 64: rejected, "b" * 64: other}


def test_grounds_are_subject_tier_and_evidence_and_not_the_score():
    row = {"subject_id": "S1", "raw_tier": "D", "evidence": "override:x E1", "score": 500}
    assert grounds_hash(row) == grounds_hash({**row, "score": 501})
    assert len({grounds_hash(row), *(grounds_hash({**row, key: "other"}) for key in ("subject_id", "raw_tier", "evidence"))}) == 4
