"""The life of a task: drafts of every night, edited ratios, what is published once, voided by two, and closed."""

import datetime as dt
import json
import shutil
from types import SimpleNamespace

import pandas as pd
import pytest
from support.projects import label, write_project
from support.runs import TASK, add_plan, finished_run
from support.seeds import numbers, source
from support.tasks import BY, GONE, PUBLIC, because, bytes_below

from creditscore.engine import Engine, unbound
from creditscore.errors import DataError, DrawError
from creditscore.inspection.plan import DrawnPlan, InspectionPlan
from creditscore.inspection.plan_folder import read_manifest
from creditscore.inspection.register import Register
from creditscore.inspection.task_folder import TaskFolder
from creditscore.pipeline import plans
from creditscore.pipeline.draws import draw_task, replace_subject
from creditscore.pipeline.open_tasks import add_index, frame_of_hash
from creditscore.pipeline.out_folder import changing
from creditscore.pipeline.plans import (
    Standing,
    add_drafts,
    close_task,
    import_ratios,
    plan_due_tasks,
    publish_task,
    tasks_due,
    void_task,
)
from creditscore.records.tables import TABLES
from creditscore.spreadsheet import read_sheet
from creditscore.storage import changed
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


def without_register(project):
    """Records in which nobody is registered, and nobody was visited."""
    engine = Engine.duckdb()
    for name in ("subjects", "inspections"):
        engine.register(name, TABLES[name].schema.empty_table())
    tables = {name: unbound(name, TABLES[name].schema) for name in ("subjects", "inspections")}
    return SimpleNamespace(project=project, engine=engine, table=tables.get, versions_on=lambda _day: tables["subjects"])


def plan_now(run, project):
    """What the night of a run plans, and its drafts in ``OUT/tasks``."""
    tiers, standing = Tiers(run.frame("tiers"), subjects=run.frame("subjects")), Standing.of(run.out)
    made = plan_due_tasks(run, without_register(project), tiers, project.policy(run.as_of), standing)
    with changing(run.out, "run") as entry:
        add_drafts(entry, run, made, standing, trial=False, lang="zh")
    return made


def test_the_draft_of_a_due_task_is_in_the_run_and_in_the_tasks_own_folder(run, project):
    (plan,) = plan_now(run, project)
    assert plan.task.id == "hygiene"
    for folder in (run.draft("hygiene"), run.out / "tasks" / "hygiene"):
        assert read_manifest(folder)["frame_hash"] == plan.frame_hash
    assert (run.out / "tasks" / "tasks.xlsx").is_file()


def test_a_draft_is_made_anew_by_the_next_night(run, task, project):
    later = finished_run(run.out, project, as_of=dt.date(2024, 5, 31), count=50)
    (plan,) = plan_now(later, project)
    assert read_manifest(task)["frame_hash"] == plan.frame_hash
    assert len(plan.frame) == 50
    assert TaskFolder.opened(task).origin.run == later.name


@pytest.mark.parametrize("state", ["published", "drawn"])
@pytest.mark.parametrize("day", [dt.date(2024, 4, 30), dt.date(2024, 5, 31), dt.date(2024, 4, 15)])
def test_a_frame_that_was_published_stays_whatever_night_follows(run, project, request, state, day):
    folder = request.getfixturevalue(state)
    other = finished_run(run.out, project, as_of=day, count=50)
    before = bytes_below(folder)
    assert plan_now(other, project) == []
    assert other.drafts() == []
    assert bytes_below(folder) == before


def test_a_published_task_whose_folder_is_gone_is_not_framed_again(run, published, project, caplog):
    shutil.rmtree(published)
    assert plan_now(finished_run(run.out, project, as_of=dt.date(2024, 5, 31)), project) == []
    assert "its folder is gone; put it back from a backup" in caplog.text


def test_a_task_without_anybody_gets_no_draft_and_a_warning(run, project, monkeypatch, caplog):
    def refuse(*_, **__):
        raise DrawError("task hygiene: nobody to inspect")

    monkeypatch.setattr(plans.InspectionPlan, "over", refuse)
    assert plan_now(run, project) == []
    assert "no draft: task hygiene: nobody to inspect" in caplog.text


def edit(monkeypatch, task, change, stratum=None):
    """Ratios as the workbook gives them after ``change(ratio_ppm)``, for one tier or all."""
    strata = (DrawnPlan if read_manifest(task)["seed"] else InspectionPlan).from_folder(task).strata
    rows = [
        {"task": "hygiene", "stratum": row["stratum"], "cell": f"抽查比例方案!E{at}", "ratio_ppm": change(row["ratio_ppm"])}
        for at, row in enumerate(strata.to_dict("records"), start=2)
        if stratum in (None, row["tier"])
    ]
    monkeypatch.setattr(plans, "read_ratios", lambda workbook: pd.DataFrame(rows))
    return rows


def tripled(ratio):
    return min(1_000_000, 3 * ratio)


@pytest.mark.parametrize("named", ["out", "name of the day", "folder of the run"])
def test_edited_ratios_change_targets_and_hash_of_the_draft_and_no_run(run, task, monkeypatch, named):
    before, runs = InspectionPlan.from_folder(task), bytes_below(run.out / ".runs")
    edit(monkeypatch, task, tripled)
    path = {"out": run.out, "name of the day": run.shown, "folder of the run": run.path}[named]
    visits = import_ratios(path, run.file("plan.xlsx"))
    after = InspectionPlan.from_folder(task)
    assert visits == {"hygiene": sum(after.targets().values())}
    assert visits["hygiene"] > sum(before.targets().values())
    assert after.frame_hash != before.frame_hash
    assert after.about["ratios"] == "edited by the planner"
    assert bytes_below(run.out / ".runs") == runs


def test_the_planners_ratios_are_those_of_the_next_nights_draft(run, task, project, monkeypatch):
    rows = edit(monkeypatch, task, tripled)
    import_ratios(run.out, run.file("plan.xlsx"))
    (plan,) = plan_now(finished_run(run.out, project, as_of=dt.date(2024, 5, 31), count=50), project)
    ratios = dict(zip(plan.strata["stratum"], plan.strata["ratio_ppm"], strict=True))
    assert {row["stratum"]: row["ratio_ppm"] for row in rows}.items() <= ratios.items()
    assert InspectionPlan.from_folder(task).frame_hash == plan.frame_hash
    (again,) = plan_now(finished_run(run.out, project, as_of=dt.date(2024, 6, 15), count=60), project)
    assert again.about["ratios"] == "edited by the planner"


def test_ratios_that_no_longer_fit_give_way_to_the_policys_and_are_told(run, task, project, monkeypatch, caplog):
    edit(monkeypatch, task, lambda ratio: min(1_000_000, ratio + 50_000), stratum="C")
    import_ratios(run.out, run.file("plan.xlsx"))
    monkeypatch.setattr(plans, "_ratio_faults", lambda plan, edited: ["ratios must not fall"])
    (plan,) = plan_now(finished_run(run.out, project, as_of=dt.date(2024, 5, 31)), project)
    assert "ratios" not in plan.about
    assert "the planner's ratios no longer fit" in caplog.text


@pytest.mark.parametrize("again", [False, True])
def test_ratios_as_they_are_change_nothing(run, task, monkeypatch, again):
    if again:
        edit(monkeypatch, task, tripled)
        import_ratios(run.out, run.file("plan.xlsx"))
    edit(monkeypatch, task, lambda ratio: ratio)
    before = bytes_below(run.out)
    assert import_ratios(run.out, run.file("plan.xlsx")) == {}
    assert bytes_below(run.out) == before


def test_ratios_that_fall_towards_risk_are_refused_by_cell(run, task, monkeypatch):
    rows, before = edit(monkeypatch, task, lambda ratio: 10, stratum="C"), bytes_below(run.out)
    with pytest.raises(DataError, match=rf"{rows[0]['cell']}: ratios must not fall from A to D"):
        import_ratios(run.out, run.file("plan.xlsx"))
    assert bytes_below(run.out) == before


def test_a_row_of_no_stratum_is_refused_by_cell(run, task, monkeypatch):
    row = {"task": "hygiene", "stratum": "none", "cell": "抽查比例方案!E9", "ratio_ppm": 1}
    monkeypatch.setattr(plans, "read_ratios", lambda workbook: pd.DataFrame([row]))
    with pytest.raises(DataError, match="E9: expected a task and a stratum of an open task"):
        import_ratios(run.out, run.file("plan.xlsx"))


def test_only_the_tasks_on_the_sheet_are_read(run, task, project, monkeypatch):
    shutil.copytree(task, task.parent / "other")
    manifest = read_manifest(task)
    manifest["about"]["task"]["id"] = "other"
    (task.parent / "other" / "manifest.json").write_text(json.dumps(manifest), "utf-8")  # no longer what its hash says
    edit(monkeypatch, task, tripled)
    assert list(import_ratios(run.out, run.file("plan.xlsx"))) == ["hygiene"]


@pytest.mark.parametrize("state", ["published", "drawn"])
def test_ratios_of_a_published_frame_are_refused(run, monkeypatch, request, state):
    folder = request.getfixturevalue(state)
    edit(monkeypatch, folder, tripled)
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match=f"task hygiene: its frame is {state}, so its ratios can no longer change"):
        import_ratios(run.out, run.file("plan.xlsx"))
    assert bytes_below(run.out) == before


VOID = {"reason": "名单有误", "by": "王五", "second": "赵六", "on": dt.date(2024, 5, 1)}


def test_a_publication_tells_the_hash_and_writes_register_and_workbook(run, task):
    frame = publish_task(task, **PUBLIC)
    line = Register.of(run.out).published("hygiene")
    assert (line["frame_hash"], line["on"], line["channel"], line["by"]) == (frame.frame_hash, "2024-04-30", "公报第1号", "王五")
    assert line["run"] == run.name
    assert line["user"]
    assert (task / "plan.xlsx").is_file()


@pytest.mark.parametrize("state", ["published", "drawn"])
def test_a_frame_is_published_once(run, request, state):
    folder = request.getfixturevalue(state)
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match="published already"):
        publish_task(folder, **PUBLIC)
    assert bytes_below(run.out) == before


@pytest.mark.parametrize("wrong", [{"channel": " "}, {"by": ""}, {"by": "two\nlines"}])
def test_a_publication_needs_channel_and_name(run, task, wrong):
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match="expected a text in one line"):
        publish_task(task, **{**PUBLIC, **wrong})
    assert bytes_below(run.out) == before


def test_a_draft_of_a_trial_is_published_as_a_trial_only(run, project):
    task = add_plan(finished_run(run.out, project, trial=True), project)
    with pytest.raises(DrawError, match="publish with --trial"):
        publish_task(task, **PUBLIC)
    publish_task(task, **PUBLIC, trial=True)
    assert Register.of(run.out).published("hygiene")["trial"] is True
    (row,) = read_sheet(run.out / "tasks" / "tasks.xlsx", "未结任务")
    assert "试算" in "".join(str(cell.value) for cell in row.values())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"reason": ""}, "a reason"),
        ({"second": " "}, "the name of a second"),
        ({"by": ""}, "the name of who"),
        ({"second": "王五"}, "a second"),
    ],
)
def test_to_void_a_frame_needs_a_reason_and_two_people(run, published, wrong, told):
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match=f"void of task hygiene: expected {told}"):
        void_task(published, **because(**{**VOID, **wrong}))
    assert bytes_below(run.out) == before


@pytest.mark.parametrize(
    ("state", "message"), [("task", "expected a published frame to void"), ("drawn", "a draw is not taken back")]
)
def test_only_a_published_frame_that_is_not_drawn_is_voided(run, request, state, message):
    folder = request.getfixturevalue(state)
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match=message):
        void_task(folder, **because(**VOID))
    assert bytes_below(run.out) == before


def test_a_published_frame_that_nobody_drew_when_its_seed_was_known_is_overdue(run, published, project):
    finished_run(run.out, project, as_of=dt.date(2024, 5, 31), count=50)
    with changed(run.out, "index") as entry:
        add_index(entry, lang="en")
    (row,) = read_sheet(run.out / "tasks" / "tasks.xlsx", "Open tasks")
    assert row["State"].value == "published, overdue: its seed is known and nothing is drawn"
    draw_task(published, seed=numbers("s"), by=BY, on=dt.date(2024, 5, 31), lang="en")
    (row,) = read_sheet(run.out / "tasks" / "tasks.xlsx", "Open tasks")
    assert row["State"].value == "drawn"


def test_a_voided_frame_is_kept_and_the_next_night_makes_a_new_draft(run, published, tmp_path):
    frame = {name: (published / name).read_bytes() for name in ("plan.csv", "sample.csv", "manifest.json")}
    frame_hash = void_task(published, **because(**VOID))
    assert Register.of(run.out).state("hygiene") == "draft"
    assert (run.out / "keys" / "hygiene.void-1").is_file()
    assert not (run.out / "keys" / "hygiene").exists()
    later = write_project(tmp_path / "later", tasks={"task": [{**TASK, "seed": source(dt.date(2024, 6, 1))}]})
    (plan,) = plan_now(finished_run(run.out, later, as_of=dt.date(2024, 5, 31), count=50), later)
    assert plan.frame_hash != frame_hash
    assert {name: (published / "voided" / "1" / name).read_bytes() for name in frame} == frame
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match="expected a day on or after 2024-05-31"):
        publish_task(published, **PUBLIC)
    assert bytes_below(run.out) == before
    again = publish_task(published, **{**PUBLIC, "on": dt.date(2024, 5, 31)}).frame_hash
    assert Register.of(run.out).published("hygiene")["frame_hash"] == again
    for number, hash_of in ((1, frame_hash), (0, again)):
        assert frame_of_hash(run.out, "hygiene", hash_of).frame_hash == hash_of, number
    void_task(published, **because(**{**VOID, "on": dt.date(2024, 5, 31)}))
    assert Register.of(run.out).voids("hygiene") == 2
    assert (published / "voided" / "2" / "manifest.json").is_file()
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match="expected a published frame to void"):
        void_task(published, **because(**VOID))
    assert bytes_below(run.out) == before


def test_a_frame_that_was_published_and_is_gone_is_named(run, published):
    with pytest.raises(DataError, match="expected the frame 0000"):
        frame_of_hash(run.out, "hygiene", "0" * 64)


CLOSE = {"by": "王五", "second": "赵六", "on": dt.date(2024, 7, 1)}


def test_a_drawn_task_is_closed_once_with_a_reason_while_visits_are_open(run, drawn, project):
    with pytest.raises(DrawError, match=r"\(\d+ visits have no result\): expected a reason"):
        close_task(drawn, **because(**CLOSE))
    close_task(drawn, **because(**CLOSE, reason="改日再查"))
    assert Register.of(run.out).state("hygiene") == "closed"
    assert read_sheet(run.out / "tasks" / "tasks.xlsx", "未结任务") == []
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match="expected a drawn task to close"):
        close_task(drawn, **because(**CLOSE, reason="改日再查"))
    assert bytes_below(run.out) == before
    assert plan_now(finished_run(run.out, project, as_of=dt.date(2024, 5, 31)), project) == []


@pytest.mark.parametrize("wrong", [{"second": ""}, {"second": "王 五"}, {"reason": "。"}, {"by": ""}])
def test_a_task_with_open_visits_is_closed_by_two_persons_with_a_reason(run, drawn, wrong):
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match="visits have no result"):
        close_task(drawn, **because(**{**CLOSE, "reason": "改日再查", **wrong}))
    assert bytes_below(run.out) == before
    close_task(drawn, **because(**CLOSE, reason="改日再查"))
    line, waiting = Register.of(run.out).lines[-1], len(DrawnPlan.from_folder(drawn).drawn)
    assert (line["by"], line["second"], line["reason"], line["open"]) == ("王五", "赵六", "改日再查", waiting)


@pytest.mark.parametrize("state", ["task", "published"])
def test_a_task_that_is_not_drawn_is_not_closed(request, state):
    with pytest.raises(DrawError, match="expected a drawn task to close"):
        close_task(request.getfixturevalue(state), **because(**CLOSE, reason="x"))


def test_a_published_workbook_that_people_wrote_into_is_kept(drawn, caplog):
    (drawn / "plan.xlsx").write_bytes(b"edited")
    replace_subject(
        drawn, DrawnPlan.from_folder(drawn).drawn["subject_id"].iloc[-1], **because(**GONE, by="李四", on=dt.date(2024, 5, 9))
    )
    (kept,) = (drawn / "edited").iterdir()
    assert kept.read_bytes() == b"edited"
    assert (drawn / "plan.xlsx").read_bytes() != b"edited"
    assert "was edited since it was written" in caplog.text
