"""A whole year by the command line alone: the script of experiments/whole_year on a small city."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import creditscore as cs
from creditscore.inspection.register import Register
from creditscore.pipeline.run_folder import RunFolder, cards_of

from .conftest import ROOT

# Five whole runs, each command a process of its own: two minutes.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    out = tmp_path_factory.mktemp("year") / "out"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = ROOT / "experiments" / "whole_year" / "run.sh"
    done = subprocess.run(["bash", script, out, "1500"], env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def test_the_year_ends_with_cards_trained_on_its_own_draws(year):
    own = pq.read_table(year / "city" / "data" / "own_inspections.parquet").to_pandas()
    project = cs.load_project(year / "project")
    records = cs.open_records(cs.Engine.duckdb(), project, data=year / "city" / "data")
    before, after = (
        cs.training_rows(records, project.targets["violation"], until=day).frame for day in ("2024-04-30", "2025-04-30")
    )
    mine = after["stratum"].fillna("").str.startswith("2024Q2-")
    assert mine.sum() > 20
    assert len(after) > len(before)
    assert set(after.loc[mine, "subject_id"]) <= set(own["subject_id"])


def test_every_task_of_both_years_is_drawn_once_and_verifies(year):
    register = Register.of(year / "runs")
    tasks = [f"{y}Q2-{name}" for y in (2024, 2025) for name in ("food", "general", "safety")]
    assert register.tasks() == tasks
    assert [line["task"] for line in register.lines if line["what"] == "drawn"] == tasks
    assert [register.state(task) for task in tasks] == ["closed"] * 3 + ["drawn"] * 3
    for task in tasks:
        found = cs.verify_plan(year / "runs" / "tasks" / task, register_head=register.head)
        assert found.ok, found.findings
        assert found.seed


def test_the_first_years_tasks_tell_their_ends_and_auditors_redraw_their_exports(year):
    register = Register.of(year / "runs")
    closed = [line for line in register.lines if line["what"] == "closed"]
    corrected = [line for line in register.lines if line["what"] == "results" and "corrected" in line]
    assert len(closed) == 3
    assert len(corrected) == 1
    for line in closed:
        export = year / "auditors" / "tasks" / line["task"]
        assert not (export / "sample.csv").exists()
        told = pd.read_csv(export / "closing.csv", dtype=str, encoding="utf-8-sig").fillna("")
        assert set(told.loc[told["corrected"] == "1", "subject_id"]) == set(
            corrected[0]["corrected"] if corrected[0]["task"] == line["task"] else ()
        )
        found = cs.verify_plan(export)
        assert (found.findings, len(found.held)) == ((), 9)


def test_monthly_tier_changes_do_not_alter_the_frame_of_an_open_task(year):
    assert not (year / "runs" / "2024-05-31" / "drafts").exists()


def test_the_second_years_cards_were_trained_and_signed_before_they_scored(year):
    runs = [RunFolder.opened(path) for path in sorted((year / "runs" / ".runs").iterdir())]
    assert [(run.path.name, run.is_trial) for run in runs] == [
        ("2024-04-30-1", True), ("2024-04-30-2", False), ("2024-05-31-1", False), ("2025-04-30-1", True), ("2025-04-30-2", False),
    ]  # fmt: skip
    first, second = (cards_of(runs[number]) for number in (1, 4))
    assert first != second == cards_of(runs[3])
