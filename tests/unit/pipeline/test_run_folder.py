"""The folder of a run: what counts as finished, what comes before it, and what decides its content."""

import dataclasses
import datetime as dt
import json
import os
import shutil

import pandas as pd
import pytest
from support.projects import DAY, write_tables
from support.runs import empty_run, seal

from creditscore.errors import DataError
from creditscore.pipeline.run_folder import (
    Deciding,
    RunFolder,
    cards_of,
    days_of,
    evidence_of,
    input_hashes,
    run_before,
    run_key,
    take_snapshot,
    versions,
)
from creditscore.tiering.signatures import Review


@pytest.fixture
def folder(tmp_path):
    return RunFolder.new(tmp_path / "out", DAY)


def test_each_attempt_of_a_day_has_a_folder_of_its_own_and_the_day_one_name(folder, tmp_path):
    again = RunFolder.new(folder.out, DAY)
    assert (folder.path, again.path) == tuple(tmp_path / "out" / ".runs" / f"2024-04-30-{number}" for number in (1, 2))
    assert (folder.name, folder.as_of, folder.out) == (".runs/2024-04-30-1", DAY, tmp_path / "out")
    assert folder.shown == again.shown == tmp_path / "out" / "2024-04-30"
    with pytest.raises(DataError, match="expected a run folder OUT/<as_of> such as 2024-04-30"):
        assert RunFolder(tmp_path / "out").as_of


@pytest.mark.parametrize("named", ["day", "attempt", "text"])
def test_a_run_is_opened_by_the_name_of_its_day_or_by_its_own_folder(tmp_path, named):
    run = empty_run(tmp_path / "out")
    path = {"day": run.shown, "attempt": run.path, "text": str(run.shown)}[named]
    assert RunFolder.opened(path) == run == RunFolder.current(run.out, DAY)


def test_readers_see_finished_runs_only(tmp_path):
    run = empty_run(tmp_path / "out")
    RunFolder.new(run.out, DAY)
    RunFolder.new(run.out, dt.date(2024, 5, 31))
    assert RunFolder.current(run.out, DAY) == run
    assert RunFolder.current(run.out, dt.date(2024, 5, 31)) is None
    assert days_of(run.out) == [DAY]


def test_a_frame_comes_back_as_it_was_written(folder):
    assert not folder.has("rows")
    folder.write("rows", pd.DataFrame({"day": [DAY], "n": [1]}, index=[7]))
    assert folder.has("rows")
    assert folder.frame("rows").to_dict("records") == [{"day": DAY, "n": 1}]
    assert folder.read("rows").column_names == ["day", "n"]


def test_an_absent_table_is_refused_by_its_name(folder):
    with pytest.raises(DataError, match=r"scores\.parquet: expected a file"):
        folder.read("scores")


def test_only_a_run_with_a_manifest_is_finished(folder):
    assert folder.manifest() is None
    with pytest.raises(DataError, match="expected a finished run"):
        RunFolder.opened(folder.path)
    folder.file("manifest.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match="expected the JSON of a manifest"):
        folder.manifest()


@pytest.mark.parametrize(("name", "opens"), [("scores.parquet", False), ("plan.xlsx", True), ("report.html", True)])
def test_a_changed_file_stops_a_run_unless_it_is_a_document(folder, name, opens):
    folder.file(name).write_bytes(b"before")
    seal(folder)
    folder.file(name).write_bytes(b"after")
    if opens:
        assert RunFolder.opened(folder.path) == folder
    else:
        with pytest.raises(DataError, match=r"damaged or absent: scores\.parquet"):
            RunFolder.opened(folder.path)


def test_a_manifest_that_was_changed_after_it_was_sealed_is_found(tmp_path):
    run = empty_run(tmp_path / "out", summary={"subjects": 3})
    path = run.file("manifest.json")
    path.write_text(path.read_text("utf-8").replace("3", "4"), "utf-8")
    with pytest.raises(DataError, match=r"damaged or absent: manifest\.json"):
        RunFolder.opened(run.shown)


def test_a_run_that_was_copied_elsewhere_is_opened_without_a_seal(tmp_path):
    run = empty_run(tmp_path / "out")
    copy = shutil.copytree(run.path, tmp_path / "copy" / ".runs" / run.path.name)
    assert RunFolder.opened(copy).manifest() == run.manifest()


def test_the_run_before_is_the_newest_finished_earlier_one(folder):
    assert folder.before() is None
    for day in (1, 15):
        empty_run(folder.out, DAY.replace(day=day))
    RunFolder.new(folder.out, DAY.replace(day=29))
    empty_run(folder.out, dt.date(2024, 5, 31))
    (folder.out / "mlartifacts").mkdir()
    assert folder.before().path.name == "2024-04-15-1"


def test_a_trial_is_before_trials_only(tmp_path):
    out = tmp_path / "out"
    signed, trial = empty_run(out, DAY.replace(day=1)), empty_run(out, DAY.replace(day=15), trial=True)
    assert run_before(out, DAY) == signed
    assert run_before(out, DAY, trial=True) == trial


def test_the_run_that_trained_cards_is_the_newest_trial_with_exactly_these(tmp_path):
    out, cards = tmp_path / "out", {"scorecard all": "a", "scorecard food": "b"}
    assert evidence_of(out, {"all": "a"}) is None
    empty_run(out, dt.date(2024, 1, 31), trial=True, facts=cards)
    trained = empty_run(out, dt.date(2024, 2, 29), trial=True, facts=cards)
    for day, facts, trial in ((31, cards, False), (30, {"scorecard all": "a"}, True), (29, {"scorecard all": "c"}, True)):
        empty_run(out, dt.date(2024, 3, day), trial=trial, facts=facts)
    assert evidence_of(out, {"all": "a", "food": "b"}) == trained
    assert cards_of(trained) == {"all": "a", "food": "b"}


def test_a_workbook_that_people_wrote_into_is_known(folder):
    folder.file("plan.xlsx").write_bytes(b"as written")
    seal(folder)
    assert not folder.is_edited()
    folder.file("plan.xlsx").write_bytes(b"edited")
    assert folder.is_edited()


def test_drafts_are_listed_by_task(folder):
    assert folder.drafts() == []
    for name in ("two", "one"):
        folder.draft(name).mkdir(parents=True)
    assert [path.name for path in folder.drafts()] == ["one", "two"]


def test_versions_name_this_library_and_what_it_computes_with():
    assert {"creditscore", "duckdb", "pandas"} <= set(versions())


def test_inputs_are_hashed_where_they_exist(project, tmp_path):
    data = write_tables(tmp_path / "data")
    hashes = input_hashes(project, data)
    (data / "events.parquet").unlink()
    (data / "ratings.parquet").write_bytes(b"other")
    again = input_hashes(project, data)
    assert set(hashes) - set(again) == {"events.parquet"}
    assert [name for name in again if again[name] != hashes[name]] == ["ratings.parquet"]


def test_copies_of_the_inputs_have_the_hashes_of_the_inputs(project, tmp_path):
    data = write_tables(tmp_path / "data")
    (data / "not_declared.parquet").write_bytes(b"x")
    assert take_snapshot(project, data, tmp_path / "copy") == input_hashes(project, data)
    assert not (tmp_path / "copy" / "not_declared.parquet").exists()


BASE = {"inputs": {"a": "1"}, "deciding": Deciding(cards={"all": "c"}), "engine": "duckdb", "train": False, "lang": "zh"}
SIGNED = Review("S1", "approve", "李四", "核实", "a" * 64, DAY)
OTHER = [
    {"inputs": {"a": "2"}}, {"engine": "spark"}, {"train": True}, {"lang": "en"}, {"deciding": Deciding(cards={"all": "d"})},
    {"deciding": Deciding(cards={"all": "c"}, signatures=(SIGNED,))},
]  # fmt: skip


def key(project, **changes):
    options = {**BASE, **changes}
    return run_key(project, options.pop("inputs"), options.pop("deciding"), **options)


@pytest.mark.parametrize("changes", OTHER)
def test_another_input_card_signature_or_option_gives_another_key(project, changes):
    assert key(project) == key(project)
    assert key(project, **changes) != key(project)
    assert key(dataclasses.replace(project, sha256="0")) != key(project)


@pytest.mark.parametrize("part", ["before", "evidence"])
def test_the_run_before_and_the_run_that_trained_the_cards_change_the_key(project, tmp_path, part):
    one, other = (empty_run(tmp_path / name, summary={"from": name}) for name in ("one", "other"))
    keys = {key(project, deciding=Deciding(cards={"all": "c"}, **{part: run})) for run in (None, one, other)}
    assert len(keys) == 3


def test_a_manifest_is_read_as_it_was_written(folder):
    seal(folder, trial=True)
    assert folder.manifest() == json.loads(folder.file("manifest.json").read_text("utf-8"))
    assert folder.is_trial


@pytest.mark.skipif(os.name == "nt", reason="Windows has no groups of this kind")
def test_the_folders_of_a_run_are_for_owner_and_group_only(tmp_path):
    folder = RunFolder.new(tmp_path / "out", dt.date(2024, 4, 30))
    for path in (tmp_path / "out", folder.path.parent, folder.path):
        assert path.stat().st_mode & 0o007 == 0
