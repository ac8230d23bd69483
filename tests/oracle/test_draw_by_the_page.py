"""A verifier written from ``docs/draw.md`` alone agrees with ours: on a drawn task, on proofs, and on each forgery that it can see."""

import json
import shutil
from pathlib import Path

import pytest
from oracle.draw_by_the_page import wrong_in, wrong_in_proof
from support.forger import Forger

from creditscore.inspection import verify_draw
from creditscore.inspection.proofs import own_proof
from creditscore.inspection.task_folder import TaskFolder


@pytest.fixture
def folder(drawn_out, tmp_path):
    return Path(shutil.copytree(drawn_out, tmp_path / "out")) / "tasks" / "2024Q2-food"


def by_the_page(folder):
    out = folder.parent.parent
    return wrong_in(folder, key=out / "keys" / folder.name, register=out / "register.jsonl")


def test_both_find_nothing_wrong_with_a_drawn_task(folder):
    assert verify_draw.verify(folder).findings == []
    assert by_the_page(folder) == []


def a_friend_spared(told):
    friend = told.drawn()
    other = told.waiting(friend["stratum"])
    friend["drawn"], friend["mode"], other["drawn"], other["mode"] = "0", "", "1", friend["mode"]


def a_team_that_somebody_chose(told):
    line = next(line for line in told.log if line["what"] == "joined" and line["team"])
    line["team"] = list(reversed(line["team"]))


def a_late_friend_in_a_safer_tier(told):
    told.line("joined")["tier"] = "A"


def a_seed_of_another_form(told):
    told.manifest["seed"] = "lucky"


def another_root_of_late_subjects(told):
    told.kept.add("late")
    told.line("joined", register=True)["late"] = "0" * 64


def a_replacement_for_no_reason(told):
    told.line("replaced")["reason"] = "asked for it"


def a_friend_in_the_place_of_who_left(told):
    told.line("left")["teams"][0]["team"].reverse()


def fewer_on_site_by_another_share(told):
    row = max(told.plan, key=lambda one: int(one["on_site"]))
    row["on_site_ppm"], row["on_site"] = "1", "1"


def results_dated_before_the_draw(told):
    told.line("results", register=True)["on"] = "2024-04-30"


def open_visits_closed_by_one_person(told):
    told.line("closed", register=True)["second"] = "李 四"


def visits_said_to_be_done(told):
    told.line("closed", register=True)["open"] = 0


def a_late_subject_of_another_person(told):
    told.line("joined", register=True)["by"] = "钱七"


def a_visit_kept_that_had_no_result(told):
    told.line("left")["kept"].append(told.line("left")["teams"].pop()["subject_id"])


@pytest.mark.parametrize(
    "change",
    [fewer_on_site_by_another_share, results_dated_before_the_draw, open_visits_closed_by_one_person,
     visits_said_to_be_done, a_late_subject_of_another_person, a_visit_kept_that_had_no_result,
     a_friend_in_the_place_of_who_left, a_friend_spared, a_team_that_somebody_chose, a_late_friend_in_a_safer_tier, a_seed_of_another_form,
     another_root_of_late_subjects, a_replacement_for_no_reason],
)  # fmt: skip
def test_both_find_a_forgery(folder, change):
    forger = Forger.of(folder)
    change(forger)
    forger.seal()
    assert verify_draw.verify(folder).findings
    assert by_the_page(folder)


def test_both_follow_the_proofs_of_a_firm_drawn_of_one_not_drawn_and_of_a_late_one(folder):
    rows = Forger.of(folder)
    for subject in (rows.drawn()["subject_id"], rows.waiting()["subject_id"], "N000"):
        proof = json.loads(json.dumps(own_proof(TaskFolder.opened(folder), subject)))
        assert verify_draw.check_proof(proof) == []
        assert wrong_in_proof(proof) == []
        proof["draw"]["seed"] += "0"
        assert verify_draw.check_proof(proof)
        assert wrong_in_proof(proof)
