"""A replay computes a run again from the same inputs and names the outputs that differ."""

import datetime as dt

import pandas as pd
import pytest
from support.projects import write_tables
from support.runs import finished_run, seal

from creditscore.errors import DataError
from creditscore.pipeline import replay as module
from creditscore.pipeline.replay import replay_run
from creditscore.pipeline.run_folder import RunFolder, input_hashes


@pytest.fixture
def data(tmp_path):
    return write_tables(tmp_path / "data")


@pytest.fixture
def run(tmp_path, project, data):
    inputs = {f"input {name}": sha256 for name, sha256 in input_hashes(project, data).items()}
    return finished_run(tmp_path / "out", project, facts={"config": project.sha256, **inputs}, trained=True)


@pytest.fixture
def again(monkeypatch, run):
    """What the second run was asked, and how its scores differ: ``calls, change``."""
    calls, change = [], {}

    def work(project, *, out, as_of, **options):
        folder = RunFolder.of(out, as_of)
        calls.append({**options, "before": folder.before(), "reviews": folder.file("reviews.jsonl").is_file()})
        for name in run.manifest()["outputs"]:
            target = folder.file(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(run.file(name).read_bytes() + change.get(name, b""))
        seal(folder)

    monkeypatch.setattr(module, "run_project", work)
    return calls, change


def replay(run, project, data):
    return replay_run(project, run.path, data=data, engine=None)


def test_an_equal_second_run_leaves_nothing_to_name(run, project, data, again):
    assert replay(run, project, data) == []
    (call,) = again[0]
    assert (call["train"], call["accept"], call["before"], call["reviews"]) == (True, True, None, False)


def test_outputs_that_differ_or_are_gone_are_named_in_order(run, project, data, again):
    run.write("stability", pd.DataFrame({"name": ["score"]}))
    seal(run, **{key: value for key, value in run.manifest().items() if key != "outputs"})
    again[1].update({"tiers.parquet": b"x", "scores.parquet": b"x"})
    assert replay(run, project, data) == ["scores.parquet", "tiers.parquet"]


def test_the_run_before_and_the_signatures_are_there_again(run, project, data, again):
    finished_run(run.out, project, as_of=dt.date(2024, 3, 31))
    run.file("reviews.jsonl").write_text("", "utf-8")
    replay(run, project, data)
    (call,) = again[0]
    assert call["before"].path.name == "2024-03-31"
    assert call["reviews"]


@pytest.mark.parametrize("drawn", [True, False])
def test_documents_count_only_as_long_as_nothing_is_drawn(run, plan, project, data, again, drawn):
    run.file("plan.xlsx").write_bytes(b"list")
    seal(run, **{key: value for key, value in run.manifest().items() if key != "outputs"})
    (plan / "inspectors.csv").unlink(missing_ok=True)
    if drawn:
        (plan / "inspectors.csv").write_text("", "utf-8")
    again[1]["plan.xlsx"] = b"x"
    assert replay(run, project, data) == ([] if drawn else ["plan.xlsx"])


def test_other_inputs_are_named_before_anything_is_computed(run, project, data, again):
    (data / "events.parquet").write_bytes(b"other")
    (data / "ratings.parquet").unlink()
    with pytest.raises(DataError, match=r"differing: events\.parquet, ratings\.parquet"):
        replay(run, project, data)
    assert again[0] == []


def test_another_configuration_is_refused(run, project, data, again):
    manifest = run.manifest()
    seal(run, **{**manifest, "facts": {**manifest["facts"], "config": "0"}})
    with pytest.raises(DataError, match="expected the configuration of that run"):
        replay(run, project, data)
