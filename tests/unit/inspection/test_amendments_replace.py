"""Closed subjects make room for the next ticket."""

import datetime as dt

import pytest
from support.tasks import drawn, replace

from creditscore import storage
from creditscore.errors import DrawError
from creditscore.inspection.plan import DrawnPlan, plan_inspections
from creditscore.inspection.plan_folder import LOG
from creditscore.inspection.verify import verify_plan

WHY = {"reason": "已注销", "by": "李四", "on": dt.date(2024, 5, 9)}


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


def test_a_chosen_replacement_is_found(folder):
    plan = DrawnPlan.from_folder(folder)
    favourite = plan.sample[~plan.sample["drawn"]].sort_values("ticket")["subject_id"].iloc[5]
    storage.append_chain(folder / LOG, [{"what": "replaced", "subject_id": plan.drawn["subject_id"][0], "replaced_by": favourite}])
    assert verify_plan(folder).findings[0].startswith(f"{LOG} line 2: {favourite} is not the next ticket")
