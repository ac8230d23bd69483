"""Commands that make, compare and repeat runs: what they ask of the pipeline, and what they print."""

import datetime as dt
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from support.command import creditscore
from support.runs import finished_run

from creditscore.errors import DataError, LockedError
from creditscore.pipeline.demo import Demo
from creditscore.pipeline.run_folder import RunFolder, RunResult
from creditscore.records.deliveries.checkup import CheckUp
from creditscore.records.deliveries.findings import Finding, findings_frame
from creditscore.storage import locked

SUMMARY = {
    "subjects": 1500, "register_rows": 1789, "scored": 1311, "not_rated": 8, "out_of_scope": 473, "quarantined": 226, "cards": 20,
    "auc": {"value": 0.7625, "low": 0.6266, "high": 0.8969}, "tiers": {"A": 483, "B": 634, "C": 191, "D": 0, "NR": 8},
    "proposed": 61, "trial": False, "frames": {"hygiene": {"population": 869, "target": 38}},
}  # fmt: skip
RUN = RunResult(RunFolder(Path("out/2024-04-30")), True, SUMMARY)


@pytest.fixture
def night(stub):
    return stub("creditscore.pipeline.run.run_project", RUN)


def words(project, data, *more):
    return ("run", project.folder, "--data", data, "--as-of", "2024-04-30", "--out", "out", *more)


def test_a_run_hands_its_options_on(night, project, data):
    said = creditscore(*words(project, data, "--accept", "--lang", "en", "--tracking-uri", "sqlite:///x.db"))
    assert said.code == 0, said.err
    (((loaded,), options),) = night
    assert loaded.sha256 == project.sha256
    assert (options["as_of"], options["data"], options["out"]) == (dt.date(2024, 4, 30), data, Path("out"))
    assert (options["train"], options["accept"], options["lang"]) == (False, True, "en")
    assert (options["tracking_uri"], options["engine"].name) == ("sqlite:///x.db", "DuckDB")


@pytest.mark.parametrize(("command", "more", "trains"), [("train", (), True), ("run", ("--train",), True), ("run", (), False)])
def test_training_is_asked_for_by_command_or_option(night, project, data, command, more, trains):
    assert creditscore(command, *words(project, data, *more)[1:]).code == 0
    assert night[0][1]["train"] is trains


def test_a_run_prints_counts_and_where_to_look(night, project, data):
    said = creditscore(*words(project, data, "--lang", "en"))
    for text in ("1,311", "0.762 [0.627, 0.897]", "A 483", "hygiene 38/869", "plan.xlsx", "report.html"):
        assert text in said.out


def test_a_run_prints_the_settings_that_were_chosen_with_their_losses(stub, project, data):
    chosen = {"exponent": {"value": 0.5, "held_out_loss": 0.32134}, "ridge": {"value": 16.0, "held_out_loss": 0.32}}
    stub("creditscore.pipeline.run.run_project", RunResult(RUN.folder, True, {**SUMMARY, "settings": chosen}))
    said = creditscore(*words(project, data, "--lang", "en"))
    assert "Power of the weights in the ranking 0.5 (Log loss 0.3213)  Ridge, in effective cases 16 (Log loss 0.3200)" in said.out


@pytest.mark.parametrize("trial", [False, True])
def test_a_trial_says_so_on_the_terminal(stub, project, data, trial):
    stub("creditscore.pipeline.run.run_project", RunResult(RUN.folder, True, {**SUMMARY, "trial": trial}))
    said = creditscore(*words(project, data, "--lang", "en"))
    assert ("Unsigned, trial: nobody has signed these cards." in said.out) is trial
    assert creditscore(*words(project, data, "--json")).json["trial"] is trial


def test_a_run_prints_its_summary_as_json(night, project, data):
    said = creditscore(*words(project, data, "--json"))
    assert said.json == {**SUMMARY, "run": "out/2024-04-30", "fresh": True}


@pytest.mark.parametrize(("error", "code"), [(DataError("rows are gone"), 2), (LockedError("held"), 75)])
def test_a_run_that_is_refused_prints_nothing_on_stdout(stub, project, data, error, code):
    stub("creditscore.pipeline.run.run_project", error)
    said = creditscore(*words(project, data, "--lang", "en"))
    assert (said.code, said.out, said.err) == (code, "", f"{error}\n")


@pytest.mark.parametrize("wrong", [("--as-of", "today"), ("--data", "none"), ("--engine", "spork"), ("--lang", "xx")])
def test_a_wrong_option_is_refused_before_the_run(night, project, data, wrong):
    said = creditscore(*words(project, data, *wrong))
    assert (said.code, night) == (2, [])
    assert wrong[0] in said.err or wrong[1] in said.err


def test_a_demo_takes_the_example_project_by_default(stub):
    demo = Demo(RUN, Path("demo/city/data"), {"hygiene": 38}, ("creditscore draw …",))
    calls = stub("creditscore.pipeline.demo.run_demo", demo)
    said = creditscore("demo", "--subjects", 500, "--json")
    assert (said.json["drawn"], said.json["commands"]) == ({"hygiene": 38}, ["creditscore draw …"])
    ((project,), options) = calls[0]
    assert project.about.name == "yongzhou"
    assert (options["out"], options["subjects"], options["seed"]) == (Path("demo"), 500, 1)


@pytest.mark.parametrize("wrong", [("--subjects", 499), ("--seed", -1), ("--months", 5)])
def test_a_city_has_limits(stub, wrong):
    calls = stub("creditscore.simulate.city.simulate_city")
    assert creditscore("simulate", "--out", "city", *wrong).code == 2
    assert calls == []


def test_a_city_is_simulated_with_its_parameters(stub, tmp_path):
    city = SimpleNamespace(data=tmp_path / "data", truth=tmp_path / "truth", rows={"events": 7}, sha256={"events": "e"})
    calls = stub("creditscore.simulate.city.simulate_city", city)
    said = creditscore("simulate", "--out", tmp_path, "--subjects", 600, "--months", 12, "--end", "2024-01-31", "--json")
    assert said.json["rows"] == {"events": 7}
    parameters = calls[0][0][0]
    assert (parameters.subjects, parameters.months, parameters.end) == (600, 12, dt.date(2024, 1, 31))


def test_simulated_visits_go_into_the_named_workbook(stub, run, tmp_path):
    calls = stub("creditscore.pipeline.results.visit_simulated", 38)
    file = tmp_path / "new" / "filled.xlsx"
    assert creditscore("simulate-visits", run.path, "--truth", tmp_path, "--file", file, "--json").json["rows"] == 38
    assert calls == [((run.path, tmp_path), {"out": file})]


MOVED = pd.DataFrame({"name": ["score"], "psi": [0.2], "critical": [0.1], "points_shift": [-3.5]})


def test_monitor_compares_with_the_run_before_or_a_named_one(stub, project, tmp_path):
    calls = stub("creditscore.pipeline.score.compare_runs", MOVED)
    now, before = (finished_run(tmp_path / "out", project, as_of=dt.date(2024, month, 28)) for month in (4, 3))
    older = finished_run(tmp_path / "other", project, as_of=dt.date(2024, 1, 31))
    assert creditscore("monitor", now.path, "--json").json["rows"] == MOVED.to_dict("records")
    assert creditscore("monitor", now.path, "--reference", older.path).code == 0
    assert [call[0][:2] for call in calls] == [(now, before), (now, older)]


def test_monitor_of_a_first_run_is_refused(run):
    said = creditscore("monitor", run.path, "--lang", "en")
    assert said.code == 2
    assert "name one with --reference" in said.err


@pytest.mark.parametrize("lang", ["zh", "en", "both"])
def test_report_makes_the_documents_again(stub, run, lang):
    calls = stub("creditscore.pipeline.run_store.renew_documents", run)
    said = creditscore("report", run.path, "--lang", lang, "--json")
    assert [Path(path).name for path in said.json.values()] == ["plan.xlsx", "report.html"]
    assert calls == [((run,), {"lang": lang})]


def test_report_waits_for_nobody(run):
    with locked(run.out):
        assert creditscore("report", run.path).code == 75
    assert not run.file("plan.xlsx").exists()


@pytest.mark.parametrize(("differing", "code"), [([], 0), (["scores.parquet", "tiers.parquet"], 2)])
def test_replay_names_what_differs(stub, run, project, data, differing, code):
    stub("creditscore.pipeline.replay.replay_run", differing)
    said = creditscore("replay", run.path, "--project", project.folder, "--data", data, "--json")
    assert said.code == code
    assert said.json == {"rebuilt": not differing, "differing": differing}


def test_check_prints_findings_and_writes_a_workbook(project, data, tmp_path, stub):
    written = []
    found = SimpleNamespace(
        table=lambda: pd.DataFrame({"section": ["rows"]}),
        to_text=lambda lang: f"findings in {lang}",
        to_excel=written.append,
        deliveries=pd.DataFrame({"provider": ["court"]}),
    )
    stub("creditscore.records.records.open_records")
    stub("creditscore.records.deliveries.checkup.check_up", found)
    options = ("--data", data, "--as-of", "2024-04-30", "--excel", tmp_path / "new" / "checkup.xlsx")
    assert creditscore("check", project.folder, *options, "--json").json["findings"] == [{"section": "rows"}]
    assert creditscore("check", project.folder, *options, "--json").json["deliveries"] == [{"provider": "court"}]
    assert "findings in en" in creditscore("check", project.folder, *options, "--lang", "en").out
    assert written == [tmp_path / "new" / "checkup.xlsx"] * 3


@pytest.fixture
def check_finds(monkeypatch):
    """A check-up that finds what it is told to, as if the data had it."""

    def finds(levels, warnings):
        findings = [Finding("rows", "events", "equation", part, 0) for part in ("arrived", "kept", "quarantined", "collapsed")]
        findings += [Finding("future", "events", "x", "", 1, level=level) for level in levels]
        check_up = CheckUp(dt.date(2024, 4, 30), findings_frame(findings))
        monkeypatch.setattr("creditscore.records.deliveries.checkup.check_up", lambda *_args, **_options: check_up)
        monkeypatch.setattr("creditscore.features.guard.guard_features", lambda *_args: warnings)

    return finds


@pytest.mark.parametrize(
    ("levels", "warnings", "on_warning", "on_error"),
    [
        (["info", "note"], [], 0, 0),
        (["note", "warning"], [], 3, 0),
        (["error", "note"], [], 3, 3),
        (["info"], ["feature x is like y"], 3, 0),
    ],
)
def test_a_check_raises_the_alarm_from_the_level_on_that_was_asked_for(
    check_finds, project, data, levels, warnings, on_warning, on_error
):
    check_finds(levels, warnings)
    command = ("check", project.folder, "--data", data, "--as-of", "2024-04-30", "--json")
    assert creditscore(*command).code == 0
    for level, code in (("warning", on_warning), ("error", on_error)):
        said = creditscore(*command, "--fail-on", level)
        assert said.code == code
        assert said.json["warnings"] == warnings
