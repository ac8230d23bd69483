"""The demo replaces an earlier demo and nothing else, and goes the proper way: train, sign, run, publish, draw."""

import datetime as dt
import shlex
from types import SimpleNamespace

import pytest
from support.runs import finished_run, pooled_card
from support.tasks import draft

from creditscore.errors import DataError
from creditscore.inspection.plan import plan_inspections
from creditscore.inspection.register import Register
from creditscore.pipeline import demo as module
from creditscore.pipeline.demo import CHANNEL, OFFICER, PLANNER, SEED, run_demo
from creditscore.pipeline.run_folder import RunResult
from creditscore.pipeline.signed_cards import signed_cards
from creditscore.tiering.tiers import Tiers


@pytest.fixture
def stages(monkeypatch):
    """What was simulated and run, without doing it; each run leaves the draft of a task."""
    done = []

    def simulate(parameters, *, out):
        done.append(("simulate", parameters.subjects, parameters.seed))
        out.mkdir(parents=True)
        return SimpleNamespace(data=out / "data")

    def run(project, *, out, as_of, train=False, **_):
        done.append(("run", train, sorted(signed_cards(project.cards))))
        folder = finished_run(out, project, as_of=as_of, trial=train)
        policy = project.policy(dt.date(2024, 1, 1))
        plan = plan_inspections(Tiers(folder.frame("tiers")), policy, task=project.tasks["hygiene"])
        draft(out, plan, run=folder.name, trial=train)
        return RunResult(folder, True)

    for name, stage in (("simulate_city", simulate), ("run_project", run)):
        monkeypatch.setattr(module, name, stage)
    return done


def demo_of(project, out, seed=7):
    return run_demo(project, out=out, subjects=500, seed=seed)


def test_a_demo_trains_signs_runs_publishes_and_draws(tmp_path, project, stages):
    demo = demo_of(project, tmp_path)
    assert stages == [("simulate", 500, 7), ("run", True, []), ("run", False, ["all"])]
    register = Register.of(tmp_path / "runs")
    assert [line["what"] for line in register.lines] == ["published", "drawn"]
    assert "trial" not in register.published("hygiene")
    assert (register.published("hygiene")["channel"], register.published("hygiene")["by"]) == (CHANNEL, PLANNER)
    assert register.drawn("hygiene")["seed"] == SEED
    assert demo.drawn["hygiene"] > 0
    assert not demo.run.folder.is_trial
    assert signed_cards(tmp_path / "project" / "cards") == {"all": pooled_card()}
    assert OFFICER in (tmp_path / "project" / "cards" / "signed.toml").read_text("utf-8")
    assert not list(project.cards.glob("*.json"))


def test_each_step_of_a_demo_is_a_command_that_can_be_typed(tmp_path, project, stages):
    commands = [shlex.split(command) for command in demo_of(project, tmp_path).commands]
    assert [words[1] for words in commands] == ["simulate", "train", "sign-cards", "run", "plan", "draw"]
    assert {words[0] for words in commands} == {"creditscore"}


def test_an_earlier_demo_is_replaced(tmp_path, project, stages):
    demo_of(project, tmp_path)
    (tmp_path / "runs" / "old").mkdir()
    demo_of(project, tmp_path, seed=2)
    assert not (tmp_path / "runs" / "old").exists()


@pytest.mark.parametrize("name", ["city", "project", "runs"])
def test_folders_that_no_demo_made_are_kept(tmp_path, project, stages, name):
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="choose another --out"):
        demo_of(project, tmp_path)
    assert stages == []
    assert (tmp_path / name).is_dir()
