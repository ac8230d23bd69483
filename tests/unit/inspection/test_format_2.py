"""Plans of format 2, made by the version that released it: they verify, are explained, and live on by their own rule."""

import datetime as dt
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from support.plans import a_policy, a_staff
from support.tasks import because, draw_folder, join, replace

from creditscore.errors import DrawError
from creditscore.inspection.plan import DrawnPlan, InspectionPlan, drawn_of
from creditscore.inspection.plan_folder import read_manifest
from creditscore.inspection.sealed_export import own_rows
from creditscore.inspection.task_folder import TaskFolder, published_frame
from creditscore.inspection.task_steps import add_draw, add_publication, add_void
from creditscore.inspection.verify import verify_plan
from creditscore.storage import changed

GOLDEN = Path(__file__).parents[2] / "golden" / "format_2"
WHO = {"by": "李四", "on": dt.date(2024, 5, 21)}


@pytest.fixture
def out(tmp_path):
    return Path(shutil.copytree(GOLDEN, tmp_path / "out"))


@pytest.mark.parametrize("task", ["drawn", "published"])
def test_it_still_verifies(out, task):
    found = verify_plan(out / "tasks" / task)
    assert (found.findings, found.subjects) == ((), 60)
    assert "scope.key" not in found.codes


def test_its_own_rows_are_what_they_were(out):
    told = json.loads((GOLDEN / "own_rows.json").read_text("utf-8"))
    for row in told:
        assert own_rows(out / "tasks" / row["task"], [row["subject_id"]]) == [row]


@pytest.mark.parametrize(("column", "old", "new"), [("ticket", ",1,on_site", ",0,on_site"), ("tier", ",C,", ",D,")])
def test_a_forgery_of_it_is_still_found(out, column, old, new):
    path = out / "tasks" / "drawn" / "sample.csv"
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    assert not verify_plan(path.parent).ok


def test_its_list_may_still_change(out):
    folder = out / "tasks" / "drawn"
    drawn = DrawnPlan.from_folder(folder)
    waiting = drawn.strata.set_index("stratum").eval("population - target")
    firm = next(row.subject_id for row in drawn.drawn.itertuples() if waiting[row.stratum] > 1 and row.tier == "B")
    replace(folder, firm, **WHO)
    late = pd.DataFrame({"subject_id": ["M1", "M2"], "name": "新店", "industry": "food", "region": "431102", "tier": "D"})
    join(folder, late, policy=a_policy(each={"on_site_share": 0.5}), **WHO)
    assert verify_plan(folder).findings == ()
    assert read_manifest(folder)["format"] == "creditscore-plan/2"


def test_a_published_frame_is_drawn_by_the_rule_that_was_published_with_it(out):
    folder = TaskFolder.of(out, "published")
    with changed(out, "draw") as entry:
        frame = published_frame(folder).with_people(a_staff(4))
        add_draw(entry, folder, drawn_of(frame, seed="福利彩票 2024051", on=dt.date(2024, 5, 2)), by="李四")
    found = verify_plan(folder.path)
    assert (found.findings, found.seed) == ((), "福利彩票 2024051")
    assert read_manifest(folder.path)["algorithm"].endswith("v2")


def test_a_draft_of_it_is_made_anew_before_it_is_published(out):
    folder, told = TaskFolder.of(out, "published"), {"on": dt.date(2024, 5, 3), "by": "王五"}
    with changed(out, "void") as entry:
        add_void(entry, folder, **because(reason="旧版", second="李四", **told))
    with pytest.raises(DrawError, match="run the day again"), changed(out, "publish") as entry:
        add_publication(entry, folder, InspectionPlan.from_folder(folder.path), channel="公报", **told)
    with pytest.raises(DrawError, match="a draft is not drawn"):
        draw_folder(folder.path, seed="s")
