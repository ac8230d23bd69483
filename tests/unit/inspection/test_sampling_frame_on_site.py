"""The on-site part of a draw: the smallest of the drawn tickets, a share of each stratum rounded up."""

import dataclasses

import pytest
from support.tasks import draw, draw_folder, published

from creditscore.inspection.plan import InspectionPlan, plan_inspections
from creditscore.inspection.verify import verify_plan


@pytest.fixture
def plan(make_tiers, make_policy, make_task):
    return plan_inspections(make_tiers(400), make_policy(each={"on_site_share": 0.5}), task=make_task())


def test_the_smallest_tickets_of_each_stratum_go_on_site(plan):
    drawn = draw(plan, seed="s")
    for row in drawn.strata.itertuples():
        part = drawn.drawn[drawn.drawn["stratum"] == row.stratum].sort_values("ticket")
        first = -(-row.target // 2)
        assert row.on_site == first
        assert part["mode"].tolist() == ["on_site"] * first + ["off_site"] * (row.target - first)
    assert set(drawn.sample.loc[~drawn.sample["drawn"], "mode"]) == {""}


def test_the_share_is_part_of_what_is_published(plan):
    strata = plan.strata.assign(on_site=plan.strata["target"])
    assert dataclasses.replace(plan, strata=strata).hashed_again() != plan.frame_hash


def test_a_visit_turned_into_a_letter_is_found(plan, tmp_path):
    folder = published(tmp_path, plan)
    draw_folder(folder, seed="s")
    assert verify_plan(folder).ok
    text = (folder / "sample.csv").read_text("utf-8")
    (folder / "sample.csv").write_text(text.replace(",on_site,", ",off_site,", 1), "utf-8")
    assert "its ticket says on_site, the line off_site" in verify_plan(folder).findings[0]


def test_a_share_that_is_not_the_stratums_is_found(plan, tmp_path):
    strata = plan.strata.copy()
    strata.loc[0, "on_site"] = strata.loc[0, "target"]
    told = dataclasses.replace(plan, strata=strata, frame_hash="")
    told.frame_hash = told.hashed_again()
    told.to_csv(tmp_path / "plan")
    found = verify_plan(tmp_path / "plan").findings
    assert any("is not its share of" in line for line in found)
    assert InspectionPlan.from_folder(tmp_path / "plan").on_site()[strata.loc[0, "stratum"]] == strata.loc[0, "target"]
