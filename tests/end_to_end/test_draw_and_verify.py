"""The draw happens once, and anyone can redo it from the sealed export."""

import hashlib

import pytest
from support.command import creditscore

from .conftest import bytes_of


@pytest.fixture
def plan(undrawn):
    """A plan that nobody has drawn."""
    return undrawn / "2024-04-30" / "plan" / "2024Q2-food"


def test_a_run_draws_nothing_and_a_frame_is_drawn_only_once(plan):
    assert not (plan / "publication.csv").exists()
    first = creditscore("draw", plan, "--seed", "lottery 03 08")
    assert first.code == 0, first.err
    before = bytes_of(plan)
    again = creditscore("draw", plan, "--seed", "lottery 03 08 17", "--lang", "en")
    assert again.code == 2
    assert "drawn already" in again.err
    after = bytes_of(plan)
    assert [name for name in after if after[name] != before.get(name)] == ["log.jsonl"]  # that it was asked for is noted


def test_rebuilding_the_documents_leaves_a_drawn_plan_alone(plan):
    assert creditscore("draw", plan, "--seed", "lottery 03 08").code == 0
    before = bytes_of(plan)
    said = creditscore("report", plan.parent.parent)
    assert said.code == 0, said.err
    assert bytes_of(plan) == before


def test_the_sealed_export_verifies_and_a_changed_line_is_named(city):
    plan = city.run / "plan" / "2024Q2-food"
    said = creditscore("verify-plan", plan)
    assert said.code == 0
    assert "未核对" in said.out  # what an export cannot prove is said each time
    sample = plan / "sample.csv"
    lines = sample.read_bytes().split(b"\r\n")
    place = next(number for number, line in enumerate(lines[1:], start=1) if b",1," in line)
    lines[place] = lines[place].replace(b",1,", b",0,", 1)
    sample.write_bytes(b"\r\n".join(lines))
    said = creditscore("verify-plan", plan)
    assert said.code == 2
    assert f"line {place + 1}" in said.out


def test_a_ticket_is_the_sha256_anyone_can_compute(city):
    plan = city.run / "plan" / "2024Q2-food"
    header, line = (plan / "sample.csv").read_text("utf-8-sig").splitlines()[:2]
    row = dict(zip(header.split(","), line.split(","), strict=False))
    told = f"demo lottery 03 08 17 21|{row['task']}|{row['subject_id']}"
    assert row["ticket"] in (hashlib.sha256(told.encode()).hexdigest(), "")


def test_the_publication_reveals_no_score_and_no_tier(city):
    text = (city.run / "plan" / "2024Q2-food" / "publication.csv").read_text("utf-8-sig")
    header = text.splitlines()[0].split(",")
    assert not {"score", "tier", "stratum", "inclusion_probability"} & set(header)
