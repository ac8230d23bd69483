"""Old runs and attempts go on order only: said first, never what a task, the next night or the cards rest on."""

import datetime as dt
import shutil

import pytest
from support.projects import write_project
from support.runs import TASK, add_plan, empty_run, finished_run, pooled_card
from support.seeds import numbers
from support.tasks import BY, GONE, PUBLIC, because, bytes_below

from creditscore.errors import DataError
from creditscore.inspection.plan import DrawnPlan
from creditscore.pipeline.draws import draw_task, replace_subject
from creditscore.pipeline.plans import close_task, publish_task
from creditscore.pipeline.prune import prunable, prune
from creditscore.pipeline.run_folder import RunFolder, days_of, run_before

MONTH_ENDS = [dt.date(2024, 1, 31), dt.date(2024, 2, 29), dt.date(2024, 3, 31), dt.date(2024, 4, 30)]


@pytest.fixture
def out(tmp_path):
    for day in MONTH_ENDS:
        empty_run(tmp_path / "out", day)
    return tmp_path / "out"


def removed(out, **options):
    """What would be removed; then it is, and nothing else."""
    options = {"keep": 1, **options}
    before = bytes_below(out)
    said = prunable(out, **options)
    assert bytes_below(out) == before
    assert prune(out, **options) == said
    names = [one.path.name for one in said]
    after = bytes_below(out)
    gone = {name for name in before.keys() - after.keys() if name.startswith(".runs/")}
    assert {name.split("/")[1] for name in gone} == set(names)
    assert {name: content for name, content in after.items() if name.startswith((".runs/", "tasks/"))} == {
        name: content for name, content in before.items() if name.startswith((".runs/", "tasks/")) and name not in gone
    }
    return names


@pytest.mark.parametrize("keep", [1, 3, 4, 9])
def test_the_newest_days_are_kept_and_older_ones_go_with_their_names(out, keep):
    assert removed(out, keep=keep) == [f"{day}-1" for day in MONTH_ENDS[:-keep]]
    assert days_of(out) == MONTH_ENDS[-keep:]
    assert [path.name for path in sorted(out.glob("2*"))] == [str(day) for day in MONTH_ENDS[-keep:]]
    assert run_before(out, dt.date(2024, 5, 31)).as_of == MONTH_ENDS[-1]


def test_at_least_one_day_is_kept(out):
    with pytest.raises(DataError, match="expected to keep at least 1 day"):
        prunable(out, keep=0)


@pytest.mark.parametrize(("months", "gone"), [(None, 3), (0, 3), (1, 2), (2, 1), (60, 0)])
def test_days_within_the_retention_are_kept(out, months, gone):
    assert removed(out, retention_months=months) == [f"{day}-1" for day in MONTH_ENDS[:gone]]


def test_attempts_that_a_later_one_took_the_place_of_go_and_so_do_unfinished_ones(out):
    again = empty_run(out, MONTH_ENDS[-1])
    RunFolder.new(out, MONTH_ENDS[-1]).file("features").write_text("half", "utf-8")
    whys = {one.path.name: str(one.why) for one in prunable(out, keep=9)}
    assert whys == {"2024-04-30-1": "superseded by a later run of its day", "2024-04-30-3": "unfinished"}
    removed(out, keep=9)
    assert RunFolder.current(out, MONTH_ENDS[-1]) == again


def test_a_workbook_that_people_wrote_into_is_kept_with_its_run(out, project):
    edited = finished_run(out, project, as_of=MONTH_ENDS[0])
    edited.file("plan.xlsx").write_bytes(b"edited")
    assert removed(out) == [f"{day}-1" for day in MONTH_ENDS[:3]]
    assert edited.file("plan.xlsx").is_file()


@pytest.mark.parametrize("state", ["draft", "published", "drawn", "closed"])
def test_the_run_of_a_task_is_kept_until_the_task_is_closed(tmp_path, project, state):
    out = tmp_path / "out"
    run = finished_run(out, project, as_of=MONTH_ENDS[0])
    task = add_plan(run, project)
    if state != "draft":
        publish_task(task, **PUBLIC)
    if state in ("drawn", "closed"):
        draw_task(task, seed=numbers("s"), by=BY)
    if state == "closed":
        close_task(task, **because(by=BY, second="赵六", on=dt.date(2024, 5, 31), reason="x"))
    finished_run(out, project, as_of=MONTH_ENDS[-1])
    assert removed(out) == (["2024-01-31-1"] if state == "closed" else [])
    assert run.path.exists() is (state != "closed")
    assert task.is_dir()


def test_a_task_goes_on_without_the_run_of_a_closed_one_that_shared_its_visits(tmp_path):
    tasks = [{**TASK, "merge_with": ["closed"]}, {**TASK, "id": "closed"}]
    out, project = tmp_path / "out", write_project(tmp_path / "project", tasks={"task": tasks})
    goes_on = add_plan(finished_run(out, project, as_of=MONTH_ENDS[0]), project)
    closed = add_plan(finished_run(out, project, as_of=MONTH_ENDS[1]), project, "closed")
    for folder in (goes_on, closed):
        publish_task(folder, **PUBLIC)
        draw_task(folder, seed=numbers("s"), by=BY)
    close_task(closed, **because(by=BY, second="赵六", on=dt.date(2024, 5, 31), reason="x"))
    finished_run(out, project, as_of=MONTH_ENDS[-1])
    assert removed(out) == ["2024-02-29-1"]
    before = bytes_below(closed)
    drawn = DrawnPlan.from_folder(goes_on).drawn["subject_id"].tolist()
    replace_subject(goes_on, drawn[0], **because(**GONE, by=BY, on=dt.date(2024, 5, 31)))
    assert bytes_below(closed) == before


def test_the_run_that_trained_the_cards_of_a_kept_day_is_kept(tmp_path, project):
    out, other = tmp_path / "out", pooled_card(points=(1, -1))
    for day, trial, card in ((0, True, other), (1, True, None), (2, False, None), (3, True, other)):
        finished_run(out, project, as_of=MONTH_ENDS[day], trial=trial, card=card)
    assert removed(out, keep=2) == ["2024-01-31-1"]


def test_the_newest_run_with_signed_cards_is_kept_behind_trials(out):
    for day in (dt.date(2024, 5, 31), dt.date(2024, 6, 30)):
        empty_run(out, day, trial=True)
    assert removed(out) == ["2024-01-31-1", "2024-02-29-1", "2024-03-31-1", "2024-05-31-1"]
    assert run_before(out, dt.date(2024, 7, 31)).as_of == MONTH_ENDS[-1]


def test_a_day_that_is_run_again_after_it_was_removed_is_a_run_like_any_other(out, project):
    removed(out)
    again = finished_run(out, project, as_of=MONTH_ENDS[0])
    assert again.path.name == "2024-01-31-1"
    assert RunFolder.opened(again.shown) == again


def test_an_out_without_runs_has_nothing_to_remove(tmp_path):
    assert prunable(tmp_path, keep=1) == []


def test_a_run_whose_folder_was_removed_by_hand_stops_nothing(out):
    shutil.rmtree(out / ".runs" / "2024-01-31-1")
    assert removed(out) == ["2024-02-29-1", "2024-03-31-1"]
