"""Words of the command line become days, folders, engines and runs, or a refusal that names the option."""

import datetime as dt
import json
from dataclasses import replace

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from support.command import creditscore
from support.seeds import numbers

from creditscore.cli.options import Computing, EngineName, data_of, engine_of, file_to_write, project_of, rows_of, run_of, show
from creditscore.config.project import EngineLimits
from creditscore.errors import ConfigError, DataError


@pytest.mark.parametrize("text", ["2023-02-29", "today", "30.4.2024"])
def test_a_text_that_is_no_day_is_refused_with_its_option(run, text):
    said = creditscore("draw", run.out / "tasks" / "hygiene", "--seed", numbers("s"), "--by", "A", "--on", text, "--lang", "en")
    assert (said.code, said.out) == (2, "")
    assert "--on" in said.err
    assert text in said.err


def test_a_project_is_loaded_and_checked(project, tmp_path):
    assert project_of(project.folder).sha256 == project.sha256
    with pytest.raises(ConfigError, match="expected a project folder"):
        project_of(tmp_path / "none")


def test_duckdb_is_an_engine_at_once():
    assert engine_of(Computing(EngineName.duckdb), ()).name == "DuckDB"


def test_settings_of_spark_are_refused_for_duckdb():
    for where in (Computing(EngineName.duckdb, "local[2]"), Computing(EngineName.duckdb, conf=["spark.ui.enabled=true"])):
        with pytest.raises(DataError, match="expected --engine spark with them"):
            engine_of(where, ())


@pytest.mark.parametrize("setting", ["spark.executor.memory", "executor.memory=1g", "=1"])
def test_a_setting_of_spark_has_a_name_and_a_value(tmp_path, setting):
    given = ("check", str(tmp_path), "--data", str(tmp_path), "--as-of", "2024-04-30", "--engine", "spark", "--conf", setting)
    for lang in ("en", "zh"):
        said = creditscore(*given, "--lang", lang)
        assert (said.code, said.out) == (2, "")
        assert "--conf" in said.err
        assert setting in said.err


def test_what_a_project_allows_the_machine_holds_for_duckdb(project, tmp_path):
    limits = EngineLimits(memory_limit="64MiB", spill="spilled", threads=1)
    about = project.about.model_copy(update={"engine": limits})
    engine = engine_of(Computing(EngineName.duckdb), (tmp_path, None), replace(project, folder=tmp_path, about=about))
    engine.register("rows", pa.table({"n": range(2_000_000)}))
    rows = ibis.table({"n": "int64"}, name="rows")
    wide = rows.mutate(text=(rows.n * 7919 % 2_000_003).cast("string").repeat(12))
    kept = engine.create("kept", wide.order_by("text"))  # some 170 MB
    assert (tmp_path / "spilled").is_dir()
    assert engine.query(kept.aggregate(n=kept.n.sum()))["n"].to_pylist() == [sum(range(2_000_000))]


@pytest.mark.parametrize(
    "limits",
    [{"memory_limit": "4 GB"}, {"memory_limit": "0GB"}, {"memory_limit": "half"}, {"threads": 0}, {"spill": " "}, {"cores": 2}],
)
def test_a_limit_that_is_none_is_refused(limits):
    with pytest.raises(ValidationError):
        EngineLimits(**limits)


def test_duckdb_touches_no_other_folder(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        pq.write_table(pa.table({"n": [1]}), folder / "rows.parquet")
    engine = engine_of(Computing(EngineName.duckdb), (inside,))
    engine.register("rows", inside / "rows.parquet")
    rows = ibis.table({"n": "int64"}, name="rows")
    assert engine.create("kept", rows).schema() == rows.schema()
    with pytest.raises(Exception, match="Cannot access file"):
        engine.register("rows", outside / "rows.parquet")


def test_data_must_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("x", "utf-8")
    assert data_of(tmp_path) == tmp_path
    for name in ("none", "file"):
        with pytest.raises(DataError, match="expected a folder of data"):
            data_of(tmp_path / name)


def test_a_run_is_opened_by_its_folder(run):
    assert run_of(run.path).as_of == run.as_of


def test_a_plans_folder_and_an_empty_one_are_no_runs(run, tmp_path):
    with pytest.raises(DataError, match="expected the manifest of a run"):
        run_of(run.draft("hygiene"))
    with pytest.raises(DataError, match="expected a finished run"):
        run_of(tmp_path)


def test_a_file_to_write_gets_its_folder(tmp_path):
    path = file_to_write(tmp_path / "new" / "file.xlsx", option="--excel")
    assert path.parent.is_dir()
    assert not path.exists()


def test_a_folder_or_a_file_for_a_folder_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(DataError, match=r"--html: expected a file to write \(got the folder"):
        file_to_write(tmp_path, option="--html")
    with pytest.raises(DataError, match="--html: expected a file to write"):
        file_to_write(tmp_path / "file" / "page.html", option="--html")


def test_rows_have_days_as_texts_and_null_for_what_is_missing():
    frame = pd.DataFrame({"day": pd.to_datetime(["2024-04-30", None]), "n": [1.0, None], "名": ["甲", None]})
    first, second = rows_of(frame)
    assert first["day"].startswith("2024-04-30")
    assert second == {"day": None, "n": None, "名": None}


@pytest.mark.parametrize(("as_json", "printed"), [(True, {"days": ["2024-04-30"]}), (False, "one\ntwo\n")])
def test_a_result_is_shown_as_json_or_as_lines(capsys, as_json, printed):
    show({"days": [dt.date(2024, 4, 30)]}, ["one", "two"], as_json=as_json)
    out = capsys.readouterr().out
    assert (json.loads(out) if as_json else out) == printed
