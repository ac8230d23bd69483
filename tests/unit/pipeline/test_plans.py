"""Which tasks are framed, which frames stay as they are, and which edited ratios are taken."""

import datetime as dt
from types import SimpleNamespace

import pandas as pd
import pytest
from support.projects import label, write_project
from support.runs import TASK, finished_run

from creditscore.errors import DataError, DrawError
from creditscore.inspection.plan_folder import BEGUN, read_manifest
from creditscore.pipeline import plans
from creditscore.pipeline.plans import import_ratios, plan_due_tasks, tasks_due
from creditscore.pipeline.run_store import load_plan
from creditscore.tiering.tiers import Tiers

JULY = {**TASK, "id": "july", "label": label("七月"), "start": dt.date(2024, 7, 1), "end": dt.date(2024, 7, 31)}


@pytest.mark.parametrize(
    ("day", "due"),
    [((2024, 3, 30), []), ((2024, 3, 31), ["hygiene"]), ((2024, 5, 31), ["hygiene", "july"]), ((2024, 6, 30), ["hygiene", "july"]),
     ((2024, 7, 1), ["july"]), ((2024, 8, 1), [])],
)  # fmt: skip
def test_a_task_is_due_from_a_month_before_until_its_last_day(tmp_path, day, due):
    project = write_project(tmp_path, tasks={"task": [JULY, TASK]})
    assert [task.id for task in tasks_due(project, dt.date(*day))] == due


def plan_now(run, project):
    records = SimpleNamespace(project=project, inspections=None)
    tiers = Tiers(run.frame("tiers"), subjects=run.frame("subjects"))
    return plan_due_tasks(run, records, tiers, project.policy(run.as_of))


@pytest.fixture(autouse=True)
def without_records(monkeypatch):
    """Plans of tiers alone: no register, no past visits."""
    plan = plans.plan_inspections
    monkeypatch.setattr(plans, "plan_inspections", lambda tiers, policy, *, task, **_: plan(tiers, policy, task=task))


def test_the_frame_of_a_due_task_is_written_and_returned(run, project):
    (plan,) = plan_now(run, project)
    assert plan.task.id == "hygiene"
    assert read_manifest(run.plan("hygiene"))["frame_hash"] == plan.frame_hash


def test_an_undrawn_frame_is_written_again_by_the_next_run(run, plan, project):
    (plan / "leftover").write_text("x", "utf-8")
    assert len(plan_now(run, project)) == 1
    assert not (plan / "leftover").exists()


def drawn(path):
    load_plan(path).draw(seed="s").to_csv(path)


def begun(path):
    (path / BEGUN).write_text("s", "utf-8")


@pytest.mark.parametrize("change", [drawn, begun])
def test_a_frame_whose_seed_is_known_stays(run, plan, project, change):
    change(plan)
    before = (plan / "manifest.json").read_bytes()
    assert plan_now(run, project) == []
    assert (plan / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("day", [dt.date(2024, 4, 15), dt.date(2024, 5, 31)])
@pytest.mark.parametrize("finished", [True, False])
def test_a_frame_of_another_finished_day_stays(run, plan, project, day, finished):
    other = finished_run(run.out, project, as_of=day)
    if not finished:
        run.file("manifest.json").unlink()
    assert len(plan_now(other, project)) == (0 if finished else 1)


def test_a_task_without_anybody_gets_no_frame_and_a_warning(run, project, monkeypatch, caplog):
    def refuse(*_, **__):
        raise DrawError("task hygiene: nobody to inspect")

    monkeypatch.setattr(plans, "plan_inspections", refuse)
    assert plan_now(run, project) == []
    assert "no frame: task hygiene: nobody to inspect" in caplog.text


def edit(monkeypatch, plan, change, stratum=None):
    """Ratios as the workbook gives them after ``change(ratio_ppm)``, for one stratum or all."""
    rows = [
        {"task": "hygiene", "stratum": row["stratum"], "cell": f"抽查比例方案!E{at}", "ratio_ppm": change(row["ratio_ppm"])}
        for at, row in enumerate(load_plan(plan).strata.to_dict("records"), start=2)
        if stratum in (None, row["tier"])
    ]
    monkeypatch.setattr(plans, "read_ratios", lambda workbook: pd.DataFrame(rows))
    return rows


def test_edited_ratios_change_targets_and_hash_of_the_frame(run, plan, monkeypatch, renewed):
    before = load_plan(plan)
    edit(monkeypatch, plan, lambda ratio: min(1_000_000, 3 * ratio))
    visits = import_ratios(run.path, run.file("plan.xlsx"))
    after = load_plan(plan)
    assert visits == {"hygiene": sum(after.targets().values())}
    assert visits["hygiene"] > sum(before.targets().values())
    assert after.frame_hash != before.frame_hash
    assert after.about["ratios"] == "edited by the planner"
    assert renewed == ["2024-04-30"]


def test_an_edited_frame_is_not_written_again_by_a_run(run, plan, project, monkeypatch, renewed):
    edit(monkeypatch, plan, lambda ratio: min(1_000_000, 3 * ratio))
    import_ratios(run.path, run.file("plan.xlsx"))
    assert plan_now(run, project) == []


def test_ratios_as_they_are_change_nothing(run, plan, monkeypatch, renewed):
    edit(monkeypatch, plan, lambda ratio: ratio)
    assert import_ratios(run.path, run.file("plan.xlsx")) == {}
    assert renewed == []


def test_ratios_that_fall_towards_risk_are_refused_by_cell(run, plan, monkeypatch, renewed):
    rows = edit(monkeypatch, plan, lambda ratio: 10, stratum="C")
    before = (plan / "manifest.json").read_bytes()
    with pytest.raises(DataError, match=rf"{rows[0]['cell']}: ratios must not fall from A to D"):
        import_ratios(run.path, run.file("plan.xlsx"))
    assert (plan / "manifest.json").read_bytes() == before
    assert renewed == []


def test_a_row_of_no_stratum_is_refused_by_cell(run, plan, monkeypatch):
    row = {"task": "hygiene", "stratum": "none", "cell": "抽查比例方案!E9", "ratio_ppm": 1}
    monkeypatch.setattr(plans, "read_ratios", lambda workbook: pd.DataFrame([row]))
    with pytest.raises(DataError, match="E9: expected a task and a stratum of this run"):
        import_ratios(run.path, run.file("plan.xlsx"))


@pytest.mark.parametrize("change", [drawn, begun])
def test_ratios_of_a_drawn_plan_are_refused(run, plan, monkeypatch, change):
    edit(monkeypatch, plan, lambda ratio: min(1_000_000, 3 * ratio))
    change(plan)
    with pytest.raises(DrawError, match="task hygiene: drawn already, or its draw was begun"):
        import_ratios(run.path, run.file("plan.xlsx"))
