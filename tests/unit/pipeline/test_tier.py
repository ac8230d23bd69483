"""Tiers of a run: who has one without a score, and signatures that are whole or refused."""

import datetime as dt
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest
from support.runs import empty_run, finished_run, tier_rows
from support.tasks import bytes_below

from creditscore.engine import Engine, unbound
from creditscore.errors import DataError
from creditscore.inspection.objection_intake import Answer, Rules, add_answer, add_objection
from creditscore.inspection.objections import Filing
from creditscore.inspection.register import REGISTER, Register
from creditscore.pipeline import tier as module
from creditscore.pipeline.out_folder import changing
from creditscore.pipeline.run_folder import Deciding, RunFolder
from creditscore.pipeline.score import Scored
from creditscore.pipeline.tier import add_signatures, sign_subjects, sign_workbook, signatures, tier_subjects, unrated_subjects
from creditscore.storage import sha256_of
from creditscore.tiering.signatures import Review, grounds_hash
from creditscore.tiering.tiers import Tiers


@pytest.fixture
def folder(tmp_path):
    return empty_run(tmp_path / "runs", dt.date(2024, 4, 30))


def a_review(subject, decision="approve"):
    return Review(subject, decision, "李四", "核实属实", sha256_of(subject), dt.date(2024, 5, 2))


def signed(run):
    return signatures(Register.of(run.out), run.as_of)


def test_signatures_come_back_in_order_and_may_be_absent(folder):
    assert signed(folder) == ()
    assert add_signatures(folder, []) == 0
    assert not (folder.out / REGISTER).exists()
    add_signatures(folder, [a_review("S1")])
    assert add_signatures(folder, [a_review("S2", "reject"), a_review("S3")]) == 2
    assert [(one.subject_id, one.decision) for one in signed(folder)] == [("S1", "approve"), ("S2", "reject"), ("S3", "approve")]


def test_the_same_signature_again_changes_nothing_and_another_one_counts(folder):
    add_signatures(folder, [a_review("S1")])
    before = bytes_below(folder.out)
    assert add_signatures(folder, [a_review("S1")]) == 0
    assert bytes_below(folder.out) == before
    assert add_signatures(folder, [a_review("S1", "reject"), a_review("S2")]) == 2
    assert add_signatures(folder, [a_review("S1")]) == 1
    assert [one.decision for one in signed(folder)] == ["approve", "reject", "approve", "approve"]


def test_a_signature_is_a_line_of_the_register_and_no_byte_of_the_run(folder):
    before = bytes_below(folder.path)
    add_signatures(folder, [a_review("S1")])
    (line,) = Register.of(folder.out).lines
    assert (line["what"], line["as_of"], line["subject_id"]) == ("signed", "2024-04-30", "S1")
    assert bytes_below(folder.path) == before


#: What is objected to, and how the grounds of a tier name it.
CONTESTED = [("record", "E1", "E1"), ("visit", "V1", "visit:V1"), ("rating", "national 2024-03-01", "national=差")]


def object_to(out, against, about):
    filing = Filing("S1", against, about, "李某", "张三", dt.date(2024, 5, 1), "不实")
    with changing(out, "objection") as entry:
        return add_objection(entry, filing, rules=Rules(dt.date(2024, 5, 8), "某条例 第50条", 1))


@pytest.mark.parametrize(("against", "about", "record"), CONTESTED)
def test_nobody_approves_a_tier_on_what_its_firm_has_objected_to_until_that_is_answered(folder, against, about, record):
    review = replace(a_review("S1"), raw_tier="D", grounds=f'[["E0","0a"],["{record}","0b"]]', by="score")
    one = object_to(folder.out, against, about)
    with pytest.raises(DataError, match=f"objection {one.id} "):
        add_signatures(folder, [a_review("S2"), review])
    assert signed(folder) == ()
    with changing(folder.out, "answer") as entry:
        add_answer(entry, one.id, Answer("rejected", "已核实", "李四", dt.date(2024, 5, 3)))
    assert add_signatures(folder, [replace(review, on=dt.date(2024, 5, 3))]) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"decision": "reject"},
        {"subject_id": "S2"},
        {"grounds": '[["E2","0a"]]'},
        {"on": dt.date(2024, 4, 30)},
    ],
)
def test_an_objection_holds_off_no_refusal_no_other_ground_and_nothing_that_was_signed_before_it(folder, other):
    object_to(folder.out, "record", "E1")
    review = replace(a_review("S1"), raw_tier="D", grounds='[["E1","0a"]]', by="override")
    assert add_signatures(folder, [replace(review, **other)]) == 1


@pytest.mark.parametrize("kept", [0, 1])
def test_a_register_that_was_cut_off_is_refused_for_signing(folder, kept):
    add_signatures(folder, [a_review("S1"), a_review("S1", "reject")])
    path = folder.out / REGISTER
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:kept]))
    with pytest.raises(DataError, match="lines were cut off"):
        add_signatures(folder, [a_review("S2")])
    path.unlink()
    with pytest.raises(DataError, match="lines were cut off"):
        add_signatures(folder, [a_review("S2")])


def test_a_signature_older_than_the_tiers_it_signs_is_refused(folder):
    with pytest.raises(DataError, match="expected a day on or after 2024-04-30"):
        add_signatures(folder, [replace(a_review("S1"), on=dt.date(2024, 4, 29))])
    assert signed(folder) == ()


def test_signatures_under_later_days_do_not_count_yet(folder):
    later = empty_run(folder.out, dt.date(2024, 5, 31))
    add_signatures(later, [replace(a_review("S1"), on=dt.date(2024, 6, 1))])
    add_signatures(folder, [a_review("S2")])
    assert [one.subject_id for one in signed(folder)] == ["S2"]
    assert [one.subject_id for one in signed(later)] == ["S1", "S2"]


def test_the_tiers_of_a_trial_are_not_signed(tmp_path, project):
    trial = finished_run(tmp_path / "trial", project, trial=True)
    with pytest.raises(DataError, match="expected a run with signed cards"):
        sign_subjects(trial.shown, proposed(trial), **WHO)
    assert signed(trial) == ()


WHO = {"reviewer": "李四", "reason": "核实", "on": dt.date(2024, 5, 2)}


def proposed(run):
    return run.frame("tiers").query("status == 'proposed'")["subject_id"].tolist()


def test_proposed_subjects_are_signed_by_their_grounds(run):
    subjects = proposed(run)
    assert sign_subjects(run.path, subjects, decision="reject", **WHO) == len(subjects)
    row = run.frame("tiers").set_index("subject_id", drop=False).loc[subjects[0]]
    first = signed(run)[0]
    assert (first.subject_id, first.decision) == (subjects[0], "reject")
    assert first.grounds_hash == grounds_hash(row.to_dict())


@pytest.mark.parametrize(("subjects", "message"), [([], "expected subjects to sign"), (["S00001", "S9"], "got S00001, S9")])
def test_subjects_without_a_proposed_tier_cannot_be_signed(run, subjects, message):
    with pytest.raises(DataError, match=message):
        sign_subjects(run.path, subjects, **WHO)


def workbook(monkeypatch, run, **changes):
    rows = [
        {
            "subject_id": row["subject_id"],
            "decision": "approve",
            **WHO,
            "grounds_hash": grounds_hash(row),
            "cell": "待复核!O2",
            **changes,
        }
        for row in run.frame("tiers").query("status == 'proposed'").to_dict("records")
    ]
    monkeypatch.setattr(module, "read_decisions", lambda workbook: pd.DataFrame(rows))
    return run.file("plan.xlsx")


def test_decisions_of_the_workbook_are_signed_together(run, monkeypatch):
    assert sign_workbook(run.path, workbook(monkeypatch, run)) == len(proposed(run)) == len(signed(run))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"subject_id": "S9"}, "O2: expected a subject with a proposed tier"),
        ({"grounds_hash": "0"}, "O2: the grounds have changed"),
    ],
)
def test_a_decision_on_other_grounds_signs_nobody(run, monkeypatch, changes, message):
    with pytest.raises(DataError, match=message):
        sign_workbook(run.path, workbook(monkeypatch, run, **changes))
    assert signed(run) == ()


DAYS = ("waiting_since", "incomplete_since", "exit_on", "score_since")
NOBODY = pd.DataFrame({"subject_id": [], "industry": [], "reason": [], "quarantined_at": []}, dtype=object)
ENGINE = Engine.duckdb()
RECORDS = SimpleNamespace(
    engine=ENGINE, table=lambda name: None, subjects_on=lambda day: pa.table({"subject_id": ["S1", "S2"]})
)  # fmt: skip
POLICY = SimpleNamespace(override=())


def registered(name, rows):
    table = pa.table(rows)
    ENGINE.register(name, table)
    return unbound(name, table.schema)


SPINE = SimpleNamespace(table=registered("spine", {"subject_id": ["S1", "S2"], "industry": ["food", None]}))
SCORES = registered("scores", {
    "subject_id": ["S1"], "as_of": [dt.date(2024, 4, 30)], "industry": ["food"], "score": [500], "probability_ppm": [1],
    "reason_1": ["x"], "reason_2": ["x"], "reason_3": ["x"], "reason_4": ["x"], "scorecard": ["not read"],
})  # fmt: skip


@pytest.fixture
def quarantined(monkeypatch):
    """Who is quarantined; nobody until a test says so."""
    found = [NOBODY]
    monkeypatch.setattr(module, "quarantined_subjects", lambda records, last: found[-1])
    monkeypatch.setattr(module.LastKnown, "of", lambda before, records: None)
    return found


def test_uncarded_and_quarantined_subjects_are_unrated(quarantined):
    quarantined.append(NOBODY.reindex([0]).assign(subject_id="S9", reason="bad_code", quarantined_at="register:7"))
    unrated = unrated_subjects(RECORDS, SPINE, SCORES, quarantined[-1])
    assert list(zip(unrated["subject_id"], unrated["reason"], strict=True)) == [("S2", "no_card"), ("S9", "bad_code")]
    assert unrated["industry"].isna().all()


@pytest.mark.parametrize("trial", [False, True])
def test_tiers_are_written_by_subject_with_typed_columns_and_say_whether_they_are_a_trial(folder, monkeypatch, quarantined, trial):
    before = RunFolder.new(folder.out, dt.date(2024, 3, 31))
    before.write("tiers", pd.DataFrame({"subject_id": ["S1"]}))
    deciding = Deciding(before=before, signatures=(a_review("S1"), a_review("S2")))
    texts = (
        "industry",
        "raw_tier",
        "tier",
        "previous_tier",
        "rule",
        "status",
        "reviewer",
        "evidence",
        "whole_tier",
        "signed_tier",
        "grounds",
        "score_tier",
    )
    row = dict.fromkeys(texts, "x")
    rows = [
        {**row, "subject_id": one, "as_of": dt.date(2024, 4, 30), "score": score, **dict.fromkeys(DAYS)}
        for one, score in (("S1", 5.0), ("S2", None))
    ]
    options = {}

    def assign(scores, policy, **given):
        options.update(given)
        return Tiers(pd.DataFrame(rows))

    monkeypatch.setattr(module, "assign_tiers", assign)
    monkeypatch.setattr(module, "exits_since", lambda *_: "what left")
    scored = Scored(SPINE, None, SCORES, "scores with what is disputed")
    tier_subjects(folder, RECORDS, scored, POLICY, deciding, trial=trial)
    table = folder.read("tiers")
    assert table["subject_id"].to_pylist() == ["S1", "S2"]
    assert table["score"].to_pylist() == [5, None]
    assert table["trial"].to_pylist() == [trial] * 2
    assert {str(table.schema.field(name).type) for name in DAYS} == {"date32[day]"}
    assert [one.subject_id for one in options["reviews"]] == ["S1", "S2"]
    assert options["previous"]["subject_id"].to_pylist() == ["S1"]
    assert options["exits"] == "what left"
    assert options["disputed_scores"] == "scores with what is disputed"
    assert options["as_of"] == dt.date(2024, 4, 30)


def test_a_first_run_has_no_earlier_tiers(folder, monkeypatch, quarantined):
    asked = {}
    monkeypatch.setattr(module, "assign_tiers", lambda *_, **given: asked.update(given) or Tiers(tier_rows(5)))
    tier_subjects(folder, RECORDS, Scored(SPINE, None, SCORES, None), POLICY, Deciding(), trial=False)
    assert asked["previous"] is None
