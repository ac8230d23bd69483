"""The folder of a run: what counts as finished, what comes before it, and what decides its content."""

import dataclasses
import datetime as dt
import json

import pandas as pd
import pytest
from support.projects import DAY, write_tables
from support.runs import seal

from creditscore.errors import DataError
from creditscore.pipeline.run_folder import RunFolder, input_hashes, run_key, versions


@pytest.fixture
def folder(tmp_path):
    return RunFolder.of(tmp_path / "out", DAY)


def test_a_folder_is_named_after_its_day(folder, tmp_path):
    assert folder.path == tmp_path / "out" / "2024-04-30"
    assert folder.as_of == DAY
    assert folder.out == tmp_path / "out"
    with pytest.raises(DataError, match="expected a run folder OUT/<as_of> such as 2024-04-30"):
        assert RunFolder(tmp_path / "out").as_of


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
    folder.path.mkdir(parents=True)
    folder.file("manifest.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match="expected the JSON of a manifest"):
        folder.manifest()


@pytest.mark.parametrize(("name", "opens"), [("scores.parquet", False), ("plan.xlsx", True), ("report.html", True)])
def test_a_changed_file_stops_a_run_unless_it_is_a_document(folder, name, opens):
    folder.path.mkdir(parents=True)
    folder.file(name).write_bytes(b"before")
    seal(folder)
    folder.file(name).write_bytes(b"after")
    if opens:
        assert RunFolder.opened(folder.path) == folder
    else:
        with pytest.raises(DataError, match=r"damaged or absent: scores\.parquet"):
            RunFolder.opened(folder.path)


def test_the_run_before_is_the_newest_finished_earlier_one(folder):
    assert folder.before() is None
    for day, finished in ((1, True), (15, True), (29, False)):
        other = RunFolder.of(folder.out, DAY.replace(day=day))
        other.path.mkdir(parents=True)
        if finished:
            seal(other)
    later = RunFolder.of(folder.out, dt.date(2024, 5, 31))
    later.path.mkdir()
    seal(later)
    (folder.out / "mlartifacts").mkdir()
    assert folder.before().path.name == "2024-04-15"


def test_plans_are_listed_by_task_without_hidden_folders(folder):
    assert folder.plans() == []
    for name in ("two", "one", ".new-one"):
        folder.plan(name).mkdir(parents=True)
    assert [path.name for path in folder.plans()] == ["one", "two"]
    assert RunFolder.of_plan(folder.plan("one")) == folder


@pytest.mark.parametrize("replaced", [True, False])
def test_an_interrupted_exchange_of_plans_is_put_back(folder, replaced):
    old = folder.plan(".old-one")
    old.mkdir(parents=True)
    (old / "manifest.json").write_text("old", "utf-8")
    if replaced:
        folder.plan("one").mkdir()
    folder.restore_plans()
    assert (folder.plan("one") / "manifest.json").exists() is not replaced


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


BASE = {"inputs": {"a": "1"}, "engine": "duckdb", "train": False, "cards": {"all": "c"}, "lang": "zh"}
OTHER = [{"inputs": {"a": "2"}}, {"engine": "spark"}, {"train": True}, {"cards": {"all": "d"}}, {"lang": "en"}]


def key(project, folder, **changes):
    options = {**BASE, **changes}
    return run_key(project, folder, options.pop("inputs"), **options)


@pytest.mark.parametrize("changes", OTHER, ids=[next(iter(one)) for one in OTHER])
def test_another_input_or_option_gives_another_key(project, folder, changes):
    assert key(project, folder) == key(project, folder)
    assert key(project, folder, **changes) != key(project, folder)


def test_signatures_and_the_run_before_change_the_key(project, folder):
    keys = [key(project, folder)]
    folder.path.mkdir(parents=True)
    folder.file("reviews.jsonl").write_text("signed", "utf-8")
    keys.append(key(project, folder))
    before = RunFolder.of(folder.out, dt.date(2024, 3, 31))
    before.path.mkdir()
    seal(before)
    keys.append(key(project, folder))
    keys.append(key(dataclasses.replace(project, sha256="0"), folder))
    assert len(set(keys)) == 4


def test_signed_cards_do_not_count_where_cards_are_trained(project, folder):
    assert key(project, folder, train=True) == key(project, folder, train=True, cards={})


def test_a_manifest_is_read_as_it_was_written(folder):
    folder.path.mkdir(parents=True)
    seal(folder, trained=True)
    assert folder.manifest() == json.loads(folder.file("manifest.json").read_text("utf-8"))
    assert folder.manifest()["trained"] is True
