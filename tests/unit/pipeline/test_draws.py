"""The draw of a plan and what changes its list afterwards hold the run and renew its documents."""

import datetime as dt
import json

import pandas as pd
import pyarrow as pa
import pytest
from support.plans import a_staff
from support.runs import finished_run

from creditscore.engine import Engine
from creditscore.errors import DataError, DrawError, LockedError
from creditscore.inspection.plan import DrawnPlan
from creditscore.inspection.plan_folder import read_log
from creditscore.pipeline.draws import draw_frame, draw_plan_folder, join_late, replace_closed, replace_subject
from creditscore.storage import LOCK, locked, write_parquet

MAY = dt.date(2024, 5, 31)
WHO = {"by": "李四", "on": dt.date(2024, 6, 3)}


@pytest.fixture
def drawn(plan, renewed):
    draw_plan_folder(plan, seed="s", on=dt.date(2024, 5, 2))
    renewed.clear()
    return plan


def first_of_largest_stratum(plan):
    """A drawn subject that others of its stratum can replace."""
    sample = DrawnPlan.from_folder(plan).sample
    left = sample.groupby("stratum")["drawn"].agg(lambda drawn: (~drawn).sum())
    return sample.loc[sample["drawn"] & (sample["stratum"] == left.idxmax()), "subject_id"].iloc[0]


def test_a_draw_renews_the_documents_of_its_run(plan, renewed):
    plan_drawn = draw_plan_folder(plan, seed="s", seed_source="lottery 7")
    assert len(plan_drawn.drawn) > 0
    assert renewed == ["2024-04-30"]
    assert [line["seed_source"] for line in read_log(plan, "drawn")] == ["lottery 7"]


def test_a_second_draw_is_refused_and_renews_nothing(drawn, renewed):
    with pytest.raises(DrawError, match="a frame is drawn once"):
        draw_plan_folder(drawn, seed="other")
    assert renewed == []


def test_a_plan_outside_of_a_run_is_drawn_without_documents(plan, renewed, tmp_path):
    copy = tmp_path / "copy" / "hygiene"
    copy.parent.mkdir()
    plan.rename(copy)
    draw_plan_folder(copy, seed="s")
    assert renewed == []
    assert not (copy.parent / LOCK).exists()


def test_a_draw_waits_for_nobody(run, plan, renewed):
    with locked(run.out), pytest.raises(LockedError):
        draw_plan_folder(plan, seed="s")
    assert read_log(plan) == []


def test_inspectors_come_from_the_run_unless_a_file_is_named(run, plan, renewed, tmp_path):
    run.write("staff", a_staff(6))
    file = tmp_path / "staff.csv"
    a_staff(3).assign(staff_id=["X1", "X2", "X3"]).to_csv(file, index=False)
    teams = draw_plan_folder(plan, seed="s", staff=file).inspectors["staff_id"]
    assert set(teams) <= {"X1", "X2", "X3"}


def test_inspectors_of_the_run_are_drawn_by_default(run, plan, renewed):
    run.write("staff", a_staff(6))
    assert set(draw_plan_folder(plan, seed="s").inspectors["staff_id"]) <= {f"P{number}" for number in range(6)}


def test_an_absent_file_of_inspectors_stops_the_draw(plan, renewed, tmp_path):
    with pytest.raises(DataError, match="nothing was drawn"):
        draw_plan_folder(plan, seed="s", staff=tmp_path / "none.csv")
    assert read_log(plan) == []


def test_a_replacement_is_logged_and_renews_the_documents(drawn, renewed):
    subject = first_of_largest_stratum(drawn)
    done = replace_subject(drawn, subject, reason="搬迁", **WHO)
    assert done.subject_id == subject
    assert done.replaced_by not in set(DrawnPlan.from_folder(drawn).drawn["subject_id"])
    assert [line["reason"] for line in read_log(drawn, "replaced")] == ["搬迁"]
    assert renewed == ["2024-04-30"]


@pytest.mark.parametrize(("outcome", "may"), [("none", False), ("violation", False), ("closed", True), ("not_found", True)])
def test_only_a_subject_that_nobody_met_is_replaced(run, drawn, renewed, outcome, may):
    subject = first_of_largest_stratum(drawn)
    rows = {"inspection_id": ["1"], "known_date": [MAY], "task": ["hygiene"], "subject_id": [subject], "outcome": [outcome]}
    run.file("results").mkdir()
    run.write("results/inspections-2024-05-31", pa.table(rows))
    if may:
        assert replace_subject(drawn, subject, reason="x", **WHO).subject_id == subject
    else:
        with pytest.raises(DrawError, match="its result was handed in"):
            replace_subject(drawn, subject, reason="x", **WHO)
        assert renewed == []


def test_closed_subjects_are_replaced_until_an_open_one_comes(run, drawn, project, renewed):
    subject = first_of_largest_stratum(drawn)
    sample = DrawnPlan.from_folder(drawn).sample
    mates = sample[sample["stratum"] == sample.set_index("subject_id").loc[subject, "stratum"]].sort_values("ticket")
    heir = mates.loc[~mates["drawn"], "subject_id"].iloc[0]
    later = finished_run(run.out, project, as_of=MAY, closed=(subject, heir))
    done = replace_closed(drawn, later.path, **WHO)
    assert [one.subject_id for one in done] == [subject, heir]
    assert done[-1].replaced_by not in (subject, heir)
    assert renewed == ["2024-04-30"]


def test_nothing_is_renewed_where_nobody_has_closed(run, drawn, project, renewed):
    later = finished_run(run.out, project, as_of=MAY)
    assert replace_closed(drawn, later.path, **WHO) == []
    assert join_late(drawn, later.path, **WHO) == []
    assert renewed == []


def test_subjects_that_came_later_join_by_the_ratio(run, drawn, project, renewed):
    later = finished_run(run.out, project, as_of=MAY, count=45, closed=("S00044",))
    joined = join_late(drawn, later.path, **WHO)
    assert [one.subject_id for one in joined] == ["S00040", "S00041", "S00042", "S00043"]
    assert renewed == ["2024-04-30"]
    assert join_late(drawn, later.path, **WHO) == []


@pytest.mark.parametrize("command", [replace_closed, join_late])
def test_a_run_of_the_plans_own_day_is_not_later(run, drawn, command):
    with pytest.raises(DataError, match="expected a run of a day after 2024-04-30"):
        command(drawn, run.path, **WHO)


@pytest.fixture
def files(tmp_path):
    """A frame of two strata as Parquet, and their targets as CSV."""
    rows = {"subject_id": [f"S{number:02d}" for number in range(20)], "stratum": ["A", "B"] * 10}
    write_parquet(tmp_path / "frame.parquet", pa.table(rows))
    (tmp_path / "strata.csv").write_text("stratum,target,on_site\nA,3,2\nB,1,\n", "utf-8-sig")
    return tmp_path


def draw(files, out="out", **changes):
    options = {"frame": files / "frame.parquet", "strata": files / "strata.csv", **changes}
    return draw_frame(Engine.duckdb(), **options, task="t", seed="s", out=files / out)


def test_a_large_frame_is_drawn_once_and_keeps_its_seed(files):
    made = draw(files)
    assert (made.drawn, made.strata) == (4, 2)
    rows = pd.read_parquet(made.file)
    assert rows.groupby("stratum")["mode"].agg(list).to_dict() == {"A": ["on_site", "on_site", "off_site"], "B": ["on_site"]}
    assert json.loads((files / "out" / "manifest.json").read_text("utf-8"))["seed"] == "s"
    with pytest.raises(DrawError, match="a frame is drawn once"):
        draw(files)
    assert draw(files, "again").file.read_bytes() == made.file.read_bytes()


def test_a_large_frame_without_its_columns_or_files_is_refused(files):
    with pytest.raises(DataError, match="expected a file"):
        draw(files, frame=files / "none.parquet")
    write_parquet(files / "frame.parquet", pa.table({"subject_id": ["S1"]}))
    with pytest.raises(DataError, match="stratum missing"):
        draw(files)


@pytest.mark.parametrize("text", ["stratum\nA\n", "stratum,target\nA,many\n"])
def test_strata_without_whole_targets_are_refused(files, text):
    (files / "strata.csv").write_text(text, "utf-8")
    with pytest.raises(DataError, match="with whole numbers"):
        draw(files)
