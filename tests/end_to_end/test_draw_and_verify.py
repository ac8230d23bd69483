"""The draw happens once, and anyone can redo it from the sealed export."""

import hashlib

import pytest
from support.command import creditscore
from support.seeds import numbers

from .conftest import DAY, bytes_of

FOOD = "2024Q2-food"
SEED_OF_DEMO = "03 08 17 21 26 32 + 09"
SEED = ("--seed", numbers("lottery 03 08"), "--by", "planner")


@pytest.fixture
def task(published):
    """A published task that nobody has drawn."""
    return published.tasks / FOOD


def test_a_draft_is_not_drawn(drafts):
    before = bytes_of(drafts.out)
    said = creditscore("draw", drafts.tasks / FOOD, *SEED, "--lang", "en")
    assert said.code == 2
    assert "a draft is not drawn; publish its frame first" in said.err
    assert bytes_of(drafts.out) == before


def test_a_run_draws_nothing_and_a_frame_is_drawn_only_once(task):
    assert not (task / "publication.csv").exists()
    first = creditscore("draw", task, *SEED)
    assert first.code == 0, first.err
    before = bytes_of(task.parent.parent)
    again = creditscore("draw", task, "--seed", numbers("lottery 03 08 17"), "--by", "another", "--lang", "en")
    assert again.code == 2
    assert "drawn already" in again.err
    after = bytes_of(task.parent.parent)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"register.jsonl", f"tasks/{FOOD}/log.jsonl", f"tasks/{FOOD}/task.json"}  # that it was asked for is noted


def test_rebuilding_the_documents_leaves_a_drawn_task_alone(task):
    assert creditscore("draw", task, *SEED).code == 0
    before = bytes_of(task.parent)
    said = creditscore("report", task.parent.parent / DAY)
    assert said.code == 0, said.err
    assert bytes_of(task.parent) == before


def test_the_sealed_export_verifies_and_a_changed_line_is_named(city):
    plan = city.tasks / FOOD
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


def test_a_ticket_is_the_sha256_that_the_firms_own_nonce_gives(demo):
    plan = demo.tasks / FOOD
    header, line = (plan / "sample.csv").read_text("utf-8-sig").splitlines()[:2]
    row = dict(zip(header.split(","), line.split(","), strict=False))
    told = creditscore("prove", plan, row["subject_id"], "--json").json
    nonce = told["subject"]["nonce"]
    text = f"{SEED_OF_DEMO}|{row['task']}|{row['subject_id']}|{nonce}"
    assert row["ticket"] in (hashlib.sha256(text.encode()).hexdigest(), "")
    assert nonce == hashlib.sha256("|".join((key_of(demo), FOOD, row["subject_id"], key_of(demo))).encode()).hexdigest()


def key_of(city):
    return (city.out / "keys" / FOOD).read_text("ascii").strip()


def test_the_publication_reveals_no_score_and_no_tier(demo):
    text = (demo.tasks / FOOD / "publication.csv").read_text("utf-8-sig")
    header = text.splitlines()[0].split(",")
    assert not {"score", "tier", "stratum", "inclusion_probability"} & set(header)
