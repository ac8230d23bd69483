"""A replay computes a run again from the same inputs and names the outputs that differ."""

import datetime as dt
import shutil

import pandas as pd
import pytest
from support.projects import write_tables
from support.runs import add_plan, finished_run, seal
from support.seeds import numbers
from support.tasks import BY, PUBLIC, because, bytes_below

from creditscore.errors import DataError
from creditscore.pipeline import replay as module
from creditscore.pipeline.draws import draw_task
from creditscore.pipeline.open_tasks import frame_of_hash
from creditscore.pipeline.plans import Standing, publish_task, void_task
from creditscore.pipeline.replay import replay_run
from creditscore.pipeline.run_folder import MANIFEST, Deciding, input_hashes
from creditscore.storage import sha256_file

MARCH = dt.date(2024, 3, 31)


@pytest.fixture
def data(tmp_path):
    return write_tables(tmp_path / "data")


@pytest.fixture
def facts(project, data):
    inputs = {f"input {name}": sha256 for name, sha256 in input_hashes(project, data).items()}
    return {"config": project.sha256, **inputs}


def decided(out, *, signatures=0, **parts):
    return {**Deciding(**parts).facts(), "tasks": Standing.of(out).facts(), "signatures_counted": signatures}


@pytest.fixture
def run(tmp_path, project, facts):
    return finished_run(tmp_path / "out", project, facts=facts, trial=True, deciding=decided(tmp_path / "out"))


@pytest.fixture
def again(monkeypatch, request):
    """What the second run was asked, and how its scores differ: ``calls, change``."""
    calls, change = [], {}

    def work(folder, project, policy, deciding, standing, **options):
        run = request.getfixturevalue("run")
        calls.append(
            {**options, "deciding": deciding, "standing": standing, "read": sorted(input_hashes(project, folder.file(".inputs")))}
        )
        for name in run.manifest()["outputs"]:
            target = folder.file(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(run.file(name).read_bytes() + change.get(name, b""))
        seal(folder)
        return [], None

    monkeypatch.setattr(module, "make_run", work)
    return calls, change


def replay(run, project, data):
    return replay_run(project, run.shown, data=data, engine=None)


def test_an_equal_second_run_leaves_nothing_to_name_and_no_trace(run, project, data, again):
    before = bytes_below(run.out)
    assert replay(run, project, data) == []
    (call,) = again[0]
    assert (call["cards"], call["accept"], call["lang"]) == ({}, True, "zh")
    assert call["deciding"] == Deciding()
    assert call["read"] == sorted(input_hashes(project, data))
    assert bytes_below(run.out) == before


def test_outputs_that_differ_or_are_gone_are_named_in_order(run, project, data, again):
    run.write("stability", pd.DataFrame({"name": ["score"]}))
    seal(run, **{key: value for key, value in run.manifest().items() if key != "outputs"})
    again[1].update({"tiers.parquet": b"x", "scores.parquet": b"x"})
    assert replay(run, project, data) == ["scores.parquet", "tiers.parquet"]


def test_the_runs_it_rests_on_and_its_signatures_are_there_again(tmp_path, project, facts, data, again, monkeypatch):
    out = tmp_path / "out"
    before = finished_run(out, project, as_of=MARCH)
    monkeypatch.setattr(module, "signatures", lambda register, day: ("one", "two", "given later"))
    rests_on = decided(out, before=before, evidence=before, signatures=2)
    finished_run(out, project, facts=facts, deciding=rests_on)
    finished_run(out, project, as_of=MARCH, count=50)  # the day was run again since
    run = finished_run(out, project, facts=facts, deciding=rests_on)
    monkeypatch.setattr(module, "make_run", lambda folder, *args, **_: (again[0].append(args), seal(folder)))
    replay(run, project, data)
    (_project, _policy, deciding, _standing) = again[0][-1]
    assert (deciding.before, deciding.evidence, deciding.signatures) == (before, before, ("one", "two"))


def test_a_run_that_it_rests_on_and_is_gone_is_named(tmp_path, project, facts, data):
    out = tmp_path / "out"
    before = finished_run(out, project, as_of=MARCH)
    sha256 = sha256_file(before.file(MANIFEST))
    run = finished_run(out, project, facts=facts, deciding=decided(out, before=before))
    shutil.rmtree(before.path)
    with pytest.raises(DataError, match=rf"the run that this one rests on \(its manifest {sha256[:12]}… is gone\)"):
        replay(run, project, data)


@pytest.mark.parametrize("since", ["nothing", "void", "drawn"])
def test_frames_that_were_published_then_are_found_whatever_became_of_them(tmp_path, project, facts, data, monkeypatch, since):
    out = tmp_path / "out"
    task = add_plan(finished_run(out, project, as_of=MARCH), project)
    frame_hash = publish_task(task, **PUBLIC).frame_hash
    run = finished_run(out, project, facts=facts, trial=True, deciding=decided(out))
    if since == "void":
        void_task(task, **because(reason="名单有误", by="王五", second="赵六", on=dt.date(2024, 5, 1)))
        add_plan(finished_run(out, project, as_of=dt.date(2024, 5, 31), count=50), project)
    if since == "drawn":
        draw_task(task, seed=numbers("s"), by=BY)
    asked = []
    monkeypatch.setattr(module, "make_run", lambda folder, *args, **_: (asked.append(args[3]), seal(folder)))
    replay(run, project, data)
    (standing,) = asked
    assert standing.frames == {"hygiene": frame_hash}
    assert frame_of_hash(standing.out, "hygiene", frame_hash).frame_hash == frame_hash


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


def test_a_run_of_an_older_version_is_refused_in_a_sentence(tmp_path, project, facts, data):
    run = finished_run(tmp_path / "out", project, facts=facts)
    with pytest.raises(DataError, match="expected a run of this version"):
        replay(run, project, data)
