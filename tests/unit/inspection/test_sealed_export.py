"""A subject's own row tells why it is visited: drawn, in the place of another, or late by the ratio."""

import datetime as dt

import pandas as pd
import pytest
from support.tasks import drawn, join, replace

from creditscore.inspection.plan import DrawnPlan, plan_inspections
from creditscore.inspection.sealed_export import own_rows

WHO = {"by": "李四", "on": dt.date(2024, 5, 9)}


@pytest.fixture
def folder(tmp_path, make_tiers, make_policy, make_task):
    plan = plan_inspections(make_tiers(60, tier="D", industry="food"), make_policy(), task=make_task())
    return drawn(tmp_path, plan, seed="s")


def own(folder, subject_id):
    (row,) = own_rows(folder, [subject_id])
    return row


def test_a_replacement_can_check_that_its_turn_had_come(folder):
    gone = DrawnPlan.from_folder(folder).drawn["subject_id"].iloc[0]
    came = replace(folder, gone, **WHO).replaced_by
    row = own(folder, came)
    assert (row["standing"], row["drawn"]) == ("replacement", False)
    assert row["ticket"] <= row["last_ticket"]
    assert (own(folder, gone)["standing"], own(folder, gone)["drawn"]) == ("replaced", True)


def test_a_late_subject_can_check_its_ticket_against_the_ratio(folder, make_policy):
    late = pd.DataFrame(
        {"subject_id": [f"N{at:03d}" for at in range(40)], "name": "新设", "industry": "food", "region": "", "tier": "D"}
    )
    found = join(folder, late, policy=make_policy(), **WHO)
    assert 0 < sum(one.drawn for one in found) < 40
    for one in found:
        row = own(folder, one.subject_id)
        assert (row["standing"], row["drawn"]) == ("late", one.drawn)
        assert one.drawn == (row["ticket"] <= row["last_ticket"])
