"""A folder of runs of an older version, in which each day was a folder with its plans inside, is taken over by the first command."""

import shutil

import pytest
from support.command import creditscore

from creditscore.inspection.register import Register

from .conftest import DAY, TASKS, bytes_of, copied


@pytest.fixture
def older(city):
    """The demo as an older version left it: no register, no names, each task inside its run."""
    run, plans = city.run.resolve(), city.root / "plan"
    for task in TASKS:
        copied(city.tasks / task, plans / task)
        for name in ("task.json", "plan.xlsx"):
            (plans / task / name).unlink()
    city.run.unlink()
    run.rename(city.run)
    plans.rename(city.run / "plan")
    shutil.rmtree(city.out / ".runs")
    shutil.rmtree(city.tasks)
    (city.out / "register.jsonl").unlink()
    (city.out / ".ledger.sqlite").unlink()
    return city


def test_what_was_drawn_is_in_the_register_and_not_drawn_again(older):
    before = bytes_of(older.run)
    said = creditscore("report", older.run, "--lang", "en", "--json")
    assert said.code == 0, said.err
    assert older.run.resolve().name == f"{DAY}-2"  # the documents made anew; the run itself is the first attempt
    assert bytes_of(older.out / ".runs" / f"{DAY}-1") == before
    assert said.json["report"] == str(older.run.resolve() / "report.html")
    register = Register.of(older.out)
    assert [register.state(task) for task in TASKS] == ["drawn"] * len(TASKS)
    for task in TASKS:
        assert creditscore("verify-plan", older.tasks / task).code == 0
        again = creditscore("draw", older.tasks / task, "--seed", "another", "--by", "planner", "--lang", "en")
        assert again.code == 2
        assert "drawn already" in again.err
    lines = Register.of(older.out).lines
    assert lines[: len(register.lines)] == register.lines
    assert [line["what"] for line in lines[len(register.lines) :]] == ["draw_refused"] * len(TASKS)


def test_a_plan_inside_a_run_is_no_task(older):
    said = creditscore("draw", older.run / "plan" / TASKS[0], "--seed", "another", "--by", "planner", "--lang", "en")
    assert said.code == 2
    assert "OUT/tasks/<task>" in said.err
