"""The demo replaces an earlier demo and nothing else, and draws every plan of its run."""

import datetime as dt
from types import SimpleNamespace

import pytest

from creditscore.errors import DataError
from creditscore.pipeline import demo as module
from creditscore.pipeline.demo import SEED, run_demo
from creditscore.pipeline.run_folder import RunFolder, RunResult


@pytest.fixture
def stages(monkeypatch):
    """What was simulated, run and drawn, without doing it."""
    done = []

    def simulate(parameters, *, out):
        done.append(("simulate", parameters.subjects, parameters.seed))
        out.mkdir(parents=True)
        return SimpleNamespace(data=out / "data")

    def run(project, *, out, as_of, train, **_):
        folder = RunFolder.of(out, as_of)
        for task in ("one", "two"):
            folder.plan(task).mkdir(parents=True)
        done.append(("run", train))
        return RunResult(folder, True)

    def draw(path, *, seed, **_):
        done.append(("draw", path.name, seed))
        return SimpleNamespace(drawn=["S1", "S2"])

    for name, stage in (("simulate_city", simulate), ("run_project", run), ("draw_plan_folder", draw)):
        monkeypatch.setattr(module, name, stage)
    return done


def test_a_demo_simulates_trains_and_draws_every_plan(tmp_path, stages):
    demo = run_demo(None, out=tmp_path, subjects=500, seed=7)
    assert stages == [("simulate", 500, 7), ("run", True), ("draw", "one", SEED), ("draw", "two", SEED)]
    assert demo.drawn == {"one": 2, "two": 2}
    assert demo.data == tmp_path / "city" / "data"
    assert isinstance(demo.run.folder.as_of, dt.date)


def test_an_earlier_demo_is_replaced(tmp_path, stages):
    run_demo(None, out=tmp_path, subjects=500, seed=1)
    (tmp_path / "runs" / "old").mkdir()
    run_demo(None, out=tmp_path, subjects=500, seed=2)
    assert not (tmp_path / "runs" / "old").exists()


@pytest.mark.parametrize("name", ["city", "runs"])
def test_folders_that_no_demo_made_are_kept(tmp_path, stages, name):
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="choose another --out"):
        run_demo(None, out=tmp_path, subjects=500, seed=1)
    assert stages == []
    assert (tmp_path / name).is_dir()
