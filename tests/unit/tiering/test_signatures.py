"""Signatures: append-only and chained."""

import datetime as dt
import hashlib
import json

import pytest

from creditscore.errors import DataError
from creditscore.storage import chain_head
from creditscore.tiering.signatures import Review, append_reviews, grounds_hash, read_reviews


def sign(path, subject_id, decision="approve", reviewer="李四", reason="核实属实"):
    append_reviews(path, [Review(subject_id, decision, reviewer, reason, "a" * 64, dt.date(2024, 5, 2))])


@pytest.fixture
def signed(tmp_path):
    path = tmp_path / "reviews.jsonl"
    for place in range(5):
        sign(path, f"S{place}")
    return path


def test_signatures_are_read_back_in_order(signed):
    reviews = read_reviews(signed)
    assert [review.subject_id for review in reviews] == ["S0", "S1", "S2", "S3", "S4"]
    assert (reviews[0].reviewer, reviews[0].on.isoformat()) == ("李四", "2024-05-02")


def test_an_absent_file_has_no_signatures(tmp_path):
    assert read_reviews(tmp_path / "reviews.jsonl") == ()


def test_a_changed_line_is_named(signed):
    lines = signed.read_text("utf-8").splitlines()
    line = json.loads(lines[2])
    lines[2] = json.dumps({**line, "decision": "reject"}, ensure_ascii=False)
    signed.write_text("\n".join(lines) + "\n", "utf-8")
    with pytest.raises(DataError, match=r"reviews\.jsonl line 3: its hash is not that of its content"):
        read_reviews(signed)


def test_a_line_with_a_new_hash_does_not_fit_the_next_line(signed):
    lines = [json.loads(line) for line in signed.read_text("utf-8").splitlines()]
    forged = {**lines[2], "decision": "reject"}
    forged.pop("hash")
    text = json.dumps(forged, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    lines[2] = {**forged, "hash": hashlib.sha256(text.encode()).hexdigest()}
    signed.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    with pytest.raises(DataError, match="line 4: does not follow line 3"):
        read_reviews(signed)


def test_a_removed_and_a_moved_line_are_named(signed):
    lines = signed.read_text("utf-8").splitlines(keepends=True)
    signed.write_text("".join(lines[:1] + lines[2:]), "utf-8")
    with pytest.raises(DataError, match="line 2: does not follow line 1"):
        read_reviews(signed)
    signed.write_text("".join([lines[0], lines[2], lines[1], *lines[3:]]), "utf-8")
    with pytest.raises(DataError, match="line 2"):
        read_reviews(signed)


def test_a_torn_last_line_is_put_aside_told_and_signed_anew(signed, caplog):
    whole = signed.read_bytes()
    signed.write_bytes(whole[:-10])
    assert len(read_reviews(signed)) == 4
    sign(signed, "S9")
    assert [review.subject_id for review in read_reviews(signed)][-1] == "S9"
    assert len(read_reviews(signed)) == 5
    (aside,) = signed.parent.glob(".reviews.jsonl.torn-*")
    assert whole[:-10].endswith(b"\n" + aside.read_bytes())
    assert "not whole" in caplog.text


def test_the_hash_kept_elsewhere_reveals_removed_lines(signed):
    before = chain_head(signed)
    lines = signed.read_text("utf-8").splitlines(keepends=True)
    signed.write_text("".join(lines[:-1]), "utf-8")
    assert len(read_reviews(signed)) == 4
    assert chain_head(signed) != before


@pytest.mark.parametrize(
    ("decision", "reviewer", "reason"), [("maybe", "李四", "x"), ("approve", " ", "x"), ("approve", "李四", "")]
)
def test_a_signature_needs_a_decision_a_name_and_a_reason(tmp_path, decision, reviewer, reason):
    with pytest.raises(DataError, match="expected"):
        sign(tmp_path / "r.jsonl", "S1", decision, reviewer, reason)


def test_grounds_are_subject_tier_and_evidence_and_not_the_score():
    row = {"subject_id": "S1", "raw_tier": "D", "evidence": "override:x E1", "score": 500}
    assert grounds_hash(row) == grounds_hash({**row, "score": 501})
    assert len({grounds_hash(row), *(grounds_hash({**row, key: "other"}) for key in ("subject_id", "raw_tier", "evidence"))}) == 4
