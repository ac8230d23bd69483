"""Closed subjects make room for the next ticket."""

import datetime as dt

import pytest
from support.tasks import GONE, drawn, replace

from creditscore import storage
from creditscore.errors import DrawError
from creditscore.inspection.plan import DrawnPlan, plan_inspections
from creditscore.inspection.plan_folder import LOG
from creditscore.inspection.verify import verify_plan

WHY = {"by": "李四", "on": dt.date(2024, 5, 9)}


@pytest.fixture
def folder(tmp_path, make_tiers, make_policy, make_task):
    plan = plan_inspections(make_tiers(30, tier="D", industry="food"), make_policy(), task=make_task())
    return drawn(tmp_path, plan, seed="s")


def test_replacements_take_the_next_tickets_and_keep_the_sample(folder):
    plan, before = DrawnPlan.from_folder(folder), (folder / "sample.csv").read_bytes()
    queue = plan.sample[~plan.sample["drawn"]].sort_values("ticket")["subject_id"].tolist()
    first, second = plan.drawn["subject_id"][:2]
    assert replace(folder, first, **WHY).replaced_by == queue[0]
    assert replace(folder, second, **WHY).replaced_by == queue[1]
    assert replace(folder, queue[0], **WHY).replaced_by == queue[2]
    assert (folder / "sample.csv").read_bytes() == before
    assert verify_plan(folder).ok


def test_only_a_drawn_subject_is_replaced_and_only_once(folder):
    plan = DrawnPlan.from_folder(folder)
    waiting, first = plan.sample.loc[~plan.sample["drawn"], "subject_id"].iloc[0], plan.drawn["subject_id"][0]
    with pytest.raises(DrawError, match="to be inspected"):
        replace(folder, waiting, **WHY)
    replace(folder, first, **WHY)
    with pytest.raises(DrawError, match="replaced already"):
        replace(folder, first, **WHY)


def test_nothing_is_dated_before_what_happened_already(folder):
    first, second = DrawnPlan.from_folder(folder).drawn["subject_id"][:2]
    replace(folder, first, **WHY)
    before = (folder / LOG).read_bytes()
    with pytest.raises(DrawError, match="expected a day on or after 2024-05-09"):
        replace(folder, second, **{**WHY, "on": dt.date(2024, 5, 8)})
    assert (folder / LOG).read_bytes() == before


def test_a_chosen_replacement_is_found(folder):
    plan = DrawnPlan.from_folder(folder)
    favourite = plan.sample[~plan.sample["drawn"]].sort_values("ticket")["subject_id"].iloc[5]
    line = {"what": "replaced", "subject_id": plan.drawn["subject_id"][0], "replaced_by": favourite, "by": "李四", **GONE}
    storage.append_chain(folder / LOG, [line])
    assert verify_plan(folder).findings[0].startswith(f"{LOG} line 2: {favourite} is not the next ticket")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"reason": "朋友所托"}, "expected a reason of deregistered, revoked"),
        ({"reason": ""}, "expected a reason of deregistered, revoked"),
        ({"evidence": " "}, "expected evidence"),
        ({"second": ""}, "a second person"),
        ({"second": "李 四（代）"}, "a second person"),
        ({"by": "x\ny"}, "the name of who decided"),
    ],
)
def test_a_replacement_needs_a_reason_of_the_list_its_evidence_and_two_persons(folder, wrong, message):
    first = DrawnPlan.from_folder(folder).drawn["subject_id"][0]
    with pytest.raises(DrawError, match=message):
        replace(folder, first, **{**WHY, **wrong})
    assert verify_plan(folder).ok


@pytest.mark.parametrize("wrong", [{"reason": "朋友所托"}, {"evidence": ""}, {"second": "李 四"}, {"second": None}])
def test_a_replacement_that_was_logged_without_them_is_found(folder, wrong):
    replace(folder, DrawnPlan.from_folder(folder).drawn["subject_id"][0], **WHY)
    kept = [
        {key: line[key] for key in line if key not in ("number", "previous", "hash")} for line in storage.read_chain(folder / LOG)
    ]
    (folder / LOG).unlink()
    storage.append_chain(folder / LOG, [kept[0], {**kept[1], **wrong}])
    assert any("without a reason of the list" in line for line in verify_plan(folder).findings)
