"""Signatures of a run are whole or refused."""

import datetime as dt
from dataclasses import replace

import pytest

from creditscore.errors import DataError
from creditscore.pipeline.run_folder import RunFolder
from creditscore.pipeline.tier import add_signatures, signatures
from creditscore.tiering.signatures import Review, append_reviews


@pytest.fixture
def folder(tmp_path):
    found = RunFolder.of(tmp_path / "runs", dt.date(2024, 4, 30))
    found.path.mkdir(parents=True)
    return found


def a_review(subject, decision="approve"):
    return Review(subject, decision, "李四", "核实属实", "a" * 64, dt.date(2024, 5, 2))


def test_signatures_come_back_in_order_and_may_be_absent(folder):
    assert signatures(folder) == ()
    add_signatures(folder, [])
    assert not folder.file("reviews.jsonl").exists()
    add_signatures(folder, [a_review("S1")])
    add_signatures(folder, [a_review("S2", "reject"), a_review("S3")])
    assert [(one.subject_id, one.decision) for one in signatures(folder)] == [
        ("S1", "approve"),
        ("S2", "reject"),
        ("S3", "approve"),
    ]


@pytest.mark.parametrize("kept", [0, 1])
def test_a_truncated_file_is_refused_for_reading_and_signing(folder, kept):
    add_signatures(folder, [a_review("S1"), a_review("S1", "reject")])
    path = folder.file("reviews.jsonl")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:kept]))
    with pytest.raises(DataError, match=r"2024-04-30/reviews\.jsonl: expected the signature that was given last"):
        signatures(folder)
    with pytest.raises(DataError, match="lines were cut off"):
        add_signatures(folder, [a_review("S2")])
    path.unlink()
    with pytest.raises(DataError, match="lines were cut off"):
        signatures(folder)


def test_a_signature_older_than_the_tiers_it_signs_is_refused(folder):
    with pytest.raises(DataError, match="expected a day on or after 2024-04-30"):
        add_signatures(folder, [replace(a_review("S1"), on=dt.date(2024, 4, 29))])
    assert signatures(folder) == ()


def test_a_signature_written_just_before_a_crash_counts(folder):
    add_signatures(folder, [a_review("S1")])
    append_reviews(folder.file("reviews.jsonl"), [a_review("S2")])
    assert len(signatures(folder)) == 2
