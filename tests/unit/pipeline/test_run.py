"""A run: its stages in order, what stops it, and what it says of itself. The stages themselves are stubs here."""

import datetime as dt
import logging
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest
from support.projects import DAY, write_tables
from support.runs import empty_run, finished_run, pooled_card, tier_rows
from support.tasks import bytes_below

from creditscore.engine import Engine, unbound
from creditscore.errors import DataError
from creditscore.pipeline import manifest
from creditscore.pipeline import run as module
from creditscore.pipeline.manifest import deciding_facts, run_log, summarise, write_manifest
from creditscore.pipeline.plans import Standing
from creditscore.pipeline.run import (
    count_rows,
    read_delivery_before,
    run_project,
    tell_drift,
    write_forecast,
    write_stability,
)
from creditscore.pipeline.run_folder import MANIFEST, SNAPSHOT, Deciding, RunFolder, input_hashes
from creditscore.pipeline.score import Scored
from creditscore.pipeline.train import Training
from creditscore.records.deliveries.checkup import CheckUp
from creditscore.records.deliveries.drift import Earlier
from creditscore.records.deliveries.findings import Finding, findings_frame
from creditscore.reporting.run_book import Figure, RowCounts
from creditscore.storage import locked, sha256_file
from creditscore.tiering.tiers import Tiers

ENGINE = Engine.duckdb()
COUNTS = RowCounts(rows_in=3, scored=2, not_rated=1)


def registered(name, rows):
    table = pa.table(rows)
    ENGINE.register(name, table)
    return unbound(name, table.schema)


SCORED = Scored(
    SimpleNamespace(out_of_scope={"revoked": 1}),
    registered("run_features", {"subject_id": ["S1", "S2", "S3"], "as_of": [DAY] * 3}),
    registered("run_scores", {"subject_id": ["S1", "S2"], "as_of": [DAY] * 2, "score": [500, 600]}),
)


@pytest.fixture
def folder(tmp_path):
    return RunFolder.new(tmp_path / "out", DAY)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def data(tmp_path):
    return write_tables(tmp_path / "data")


NAMES = (
    "open_records", "refuse_old_data", "check_up", "tell_drift", "write_checkup", "write_reading", "train_cards_of", "write_cards", "score_subjects",
    "write_own_records", "tier_subjects", "count_rows", "plan_due_tasks", "write_forecast", "write_associations", "write_stability", "save_book", "write_documents",
    "summarise", "send_queue",
)  # fmt: skip


@pytest.fixture
def stages(monkeypatch, project):
    """The names of the stages as they are called; each writes a file of its name, the manifest last."""
    called = []
    results = {
        "open_records": SimpleNamespace(project=project, engine=ENGINE),
        "train_cards_of": Training({"all": pooled_card()}, {"auc": Figure(0.7)}),
        "score_subjects": SCORED,
        "tier_subjects": Tiers(tier_rows()),
        "count_rows": COUNTS,
        "plan_due_tasks": [],
        "summarise": {"subjects": 3},
    }

    def stub(name):
        def stage(*args, **_):
            called.append(name)
            if args and isinstance(args[0], RunFolder):
                args[0].file(name).write_text(name, "utf-8")
            return results.get(name)

        monkeypatch.setattr(module, name, stage)

    for name in NAMES:
        stub(name)
    monkeypatch.setattr(module, "evidence_from", lambda run, cards: Training(cards))
    return called


@pytest.fixture
def night(project, data, out, stages):
    """Run a day; trials where ``train``."""

    def run(**options):
        return run_project(project, data=data, out=out, engine=ENGINE, **{"as_of": DAY, **options})

    return run


@pytest.fixture
def signed(monkeypatch):
    monkeypatch.setattr(module, "signed_cards", lambda cards: {"all": pooled_card()})


def test_stages_come_in_order_and_the_tracker_last(night, out, stages, signed):
    result = night()
    assert stages == [name for name in NAMES if name != "train_cards_of"]
    assert (result.fresh, result.summary) == (True, {"subjects": 3})
    assert result.folder.path == out / ".runs" / "2024-04-30-1"
    assert (out / "2024-04-30").resolve() == result.folder.path.resolve()
    assert result.folder.manifest()["trial"] is False
    assert result.folder.manifest()["facts"]["scorecard all"] == pooled_card().sha256


def test_a_night_without_signed_cards_is_refused_and_says_what_to_do(night, out, stages):
    with pytest.raises(
        DataError, match=r"expected signed cards \(got none\); train with creditscore train.*creditscore run --train"
    ):
        night()
    assert stages == []
    assert not (out / "2024-04-30").exists()


def test_a_trial_trains_and_says_that_it_is_one(night, stages):
    result = night(train=True)
    assert "train_cards_of" in stages
    assert result.folder.is_trial


def test_a_trial_does_not_take_the_place_of_a_run_with_signed_cards(night, out, stages, signed):
    night()
    before = bytes_below(out)
    with pytest.raises(DataError, match="a run with signed cards; expected another --out for a trial of the same day"):
        night(train=True)
    assert bytes_below(out) == before


def test_a_signed_run_takes_the_place_of_a_trial_and_leaves_it(night, out, stages, signed):
    trial = night(train=True).folder
    before = bytes_below(trial.path)
    result = night()
    assert (result.fresh, result.folder.path.name) == (True, "2024-04-30-2")
    assert not RunFolder.current(out, DAY).is_trial
    assert bytes_below(trial.path) == before


def test_the_same_inputs_are_worked_once(night, out, stages, signed):
    first = night()
    before = bytes_below(out)
    stages.clear()
    again = night()
    assert stages == ["send_queue"]
    assert (again.fresh, again.summary, again.folder) == (False, {"subjects": 3}, first.folder)
    assert bytes_below(out) == before


@pytest.mark.parametrize("change", ["lang", "damage", "input"])
def test_another_language_input_or_a_damaged_file_is_worked_again_beside_the_first(night, data, stages, signed, change):
    first = night().folder
    if change == "damage":
        first.file("save_book").write_text("other", "utf-8")
    if change == "input":
        (data / "events.parquet").write_bytes(b"other")
    before = bytes_below(first.path)
    again = night(lang="en" if change == "lang" else "zh")
    assert (again.fresh, again.folder.path.name) == (True, "2024-04-30-2")
    assert bytes_below(first.path) == before


def test_an_edited_workbook_is_no_damage_and_stays_where_it_is(night, stages, signed, caplog):
    first = night().folder
    first.file("plan.xlsx").write_bytes(b"edited")
    assert not night().fresh
    assert night(lang="en").fresh
    assert first.file("plan.xlsx").read_bytes() == b"edited"
    assert f"the edited file stays as {first.file('plan.xlsx')}" in caplog.text


def test_a_failed_run_leaves_nothing_and_the_run_before_as_it_was(night, out, stages, signed, monkeypatch):
    night()
    before = bytes_below(out)

    def fail(*_, **__):
        raise DataError("no")

    monkeypatch.setattr(module, "write_documents", fail)
    with pytest.raises(DataError):
        night(lang="en")
    assert bytes_below(out) == before
    monkeypatch.undo()
    with locked(out):
        pass


def test_what_a_killed_run_left_is_removed_by_the_next_and_told(night, out, stages, signed, caplog):
    left = RunFolder.new(out, DAY)
    left.file("features").write_text("half", "utf-8")
    assert RunFolder.current(out, DAY) is None
    night()
    assert not left.file("features").exists()
    assert "its unfinished attempt is removed" in caplog.text


def test_a_run_reads_copies_and_names_the_hashes_of_what_it_read(night, data, project, stages, signed, monkeypatch):
    """An input that is replaced after it was hashed: the manifest has the hash of the file that was read."""
    before, read = input_hashes(project, data)["events.parquet"], {}
    take, records = module.take_snapshot, module.open_records

    def replaced(*args, **more):
        (data / "events.parquet").write_bytes(b"replaced in between")
        return take(*args, **more)

    def look(engine, project, *, data, tables, last_reading, disputes):
        read["events"] = sha256_file(data / "events.parquet")
        read["folder"] = data.name
        return records(engine, project, data=data)

    monkeypatch.setattr(module, "take_snapshot", replaced)
    monkeypatch.setattr(module, "open_records", look)
    result = night()
    told = result.folder.manifest()["facts"]["input events.parquet"]
    assert told == read["events"] != before
    assert read["folder"] == SNAPSHOT
    assert not result.folder.file(SNAPSHOT).exists()
    assert not night().fresh


@pytest.mark.parametrize("forged", [False, True])
def test_a_run_before_that_was_changed_refuses_the_night(night, out, project, stages, signed, forged):
    """Tiers changed by hand; and the manifest too, so that all hashes fit."""
    before = finished_run(out, project, as_of=dt.date(2024, 3, 31))
    tiers = before.frame("tiers")
    before.write("tiers", tiers.assign(tier="D"))
    if forged:
        manifest = before.file(MANIFEST)
        old, new = (sha256 for sha256 in (before.manifest()["outputs"]["tiers.parquet"], sha256_file(before.file("tiers.parquet"))))
        manifest.write_text(manifest.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(DataError, match=MANIFEST if forged else r"tiers\.parquet"):
        night()
    assert RunFolder.current(out, DAY) is None


def test_a_run_that_judged_the_signed_cards_is_verified_too(night, out, project, stages, signed):
    trained = finished_run(out, project, as_of=dt.date(2024, 3, 31), trial=True)
    trained.file("book.json").write_text(trained.file("book.json").read_text("utf-8").replace("small", "smart"), "utf-8")
    with pytest.raises(DataError, match=r"book\.json"):
        night()


def test_a_signed_night_passes_over_trials_and_a_trial_does_not(night, out, project, stages, signed):
    for day, trial in ((dt.date(2024, 3, 31), False), (dt.date(2024, 4, 15), True)):
        finished_run(out, project, as_of=day, trial=trial, card=pooled_card(points=(1, -1)))
    tried = night(train=True).folder.manifest()["deciding"]["previous"]
    found = night().folder.manifest()["deciding"]["previous"]
    assert tried == sha256_file(out / "2024-04-15" / MANIFEST)
    assert found == sha256_file(out / "2024-03-31" / MANIFEST)


def test_a_signed_run_shows_how_the_run_that_trained_its_cards_judged_them(night, out, project, stages, signed, monkeypatch):
    trained = finished_run(out, project, as_of=dt.date(2024, 3, 31), trial=True)
    judged = Training({"all": pooled_card()}, {"auc": Figure(0.81)}, held_out=pd.DataFrame({"p": [0.5]}))
    asked, saved = [], {}
    monkeypatch.setattr(module, "evidence_from", lambda run, cards: (asked.append((run, cards)), judged)[1])
    monkeypatch.setattr(module, "save_book", lambda *_, training, **__: saved.update(training=training))
    result = night()
    assert asked == [(trained, {"all": pooled_card()})]
    assert saved["training"].evaluation == {"auc": Figure(0.81)}
    assert result.folder.manifest()["deciding"]["evidence"] == sha256_file(trained.file(MANIFEST))
    assert result.folder.frame("held_out")["p"].tolist() == [0.5]


def test_signed_cards_that_no_run_here_trained_have_no_judgement(night, out, project, stages, signed, monkeypatch):
    finished_run(out, project, as_of=dt.date(2024, 3, 31), trial=True, card=pooled_card(points=(1, -1)))
    monkeypatch.setattr(module, "evidence_from", lambda *_: pytest.fail("asked another run"))
    assert night().folder.manifest()["deciding"]["evidence"] == ""


def test_a_first_run_has_nothing_to_compare_with(folder):
    assert read_delivery_before(None) == Earlier()
    tell_drift(None, CheckUp(DAY, findings_frame([])), accept=False)
    write_stability(folder, None, Engine.duckdb())
    assert not folder.has("stability")


@pytest.fixture
def before(out):
    earlier = RunFolder.new(out, DAY.replace(day=1))
    earlier.write("profile", pd.DataFrame({"n": [1]}))
    earlier.write("rectification", pd.DataFrame({"subject_id": ["S1"]}))
    earlier.write("rejects", pd.DataFrame({"code": ["BAD_DATE:event_date"]}))
    return earlier


def test_a_delivery_is_compared_with_the_run_before(before):
    known = read_delivery_before(before)
    assert known.profile.to_pylist() == [{"n": 1}]
    assert known.rectification["subject_id"].tolist() == ["S1"]
    assert (known.rejects["code"].to_pylist(), known.as_of) == (["BAD_DATE:event_date"], DAY.replace(day=1))


def test_only_an_error_of_the_drift_stops_a_run_and_a_warning_is_logged(before, caplog):
    findings = {
        level: [Finding("drift", "events", "rows are gone", "events_csv", 9, "", level)] * 6 for level in ("error", "warning")
    }
    wrong, odd = (CheckUp(DAY, findings_frame(found)) for found in findings.values())
    with pytest.raises(DataError, match="against the run of 2024-04-01; if it is meant, run again with --accept") as refused:
        tell_drift(before, wrong, accept=False)
    assert str(refused.value).count("events (events_csv): rows are gone") == 5
    tell_drift(before, wrong, accept=True)
    assert not caplog.records
    tell_drift(before, odd, accept=False)
    assert caplog.messages == ["events (events_csv): rows are gone"] * 6


def register(monkeypatch, *, arrived, kept=6, quarantined=1, collapsed=1, known=5, not_yet_known=1):
    outcome = SimpleNamespace(arrived=arrived, kept=kept, quarantined=quarantined, collapsed=collapsed)
    monkeypatch.setattr(module, "subjects_in", lambda records, day: {"known": known, "not_yet_known": not_yet_known})
    return SimpleNamespace(outcomes={"subjects": outcome}, engine=ENGINE)


def test_rows_of_the_register_add_up(folder, monkeypatch):
    counts = count_rows(folder, register(monkeypatch, arrived=8, kept=6, known=4), SCORED)
    assert (counts.scored, counts.not_rated, counts.quarantined, counts.collapsed) == (2, 1, 1, 1)
    assert counts.out_of_scope == {"not_yet_known": 1, "older_version": 1, "revoked": 1}


def test_a_row_that_is_lost_stops_the_run(folder, monkeypatch):
    with pytest.raises(DataError, match="subjects: 9 rows came in and 8 are accounted for"):
        count_rows(folder, register(monkeypatch, arrived=9, kept=6, known=4), SCORED)


def test_too_few_past_visits_give_no_forecast_and_no_file(folder, monkeypatch, caplog):
    def refuse(*_, **__):
        raise DataError("no random visit")

    monkeypatch.setattr(module, "scores_before_visits", refuse)
    caplog.set_level(logging.INFO, "creditscore")
    write_forecast(folder, SimpleNamespace(), Tiers(tier_rows()), None, Training())
    assert not folder.has("forecast")
    assert "no forecast: no random visit" in caplog.text


def test_facts_name_configuration_inputs_cards_and_versions(project):
    facts = deciding_facts(project, project.policy(DAY), {"events.parquet": "e"}, {"all": pooled_card()})
    assert facts["config"] == project.sha256
    assert facts["policy"] == "2024-01-01"
    assert facts["input events.parquet"] == "e"
    assert facts["scorecard all"] == pooled_card().sha256
    assert "version duckdb" in facts


def test_a_summary_counts_subjects_and_rounds_the_auc(folder, monkeypatch):
    monkeypatch.setattr(manifest, "subjects_in", lambda records, day: {"known": 40})
    counted = [SimpleNamespace(quarantined=2, carried=()), SimpleNamespace(quarantined=3, carried=("s", "s"))]
    refused = pa.table({"subject_id": ["S1", "S1", "S2"]})
    records = SimpleNamespace(outcomes=dict(zip("ab", counted, strict=True)), incomplete=refused)
    training = Training({"all": pooled_card()}, {"auc": Figure(0.12345678, None, 0.9)})
    tiers = Tiers(tier_rows())
    summary = summarise(folder, records, tiers, training, COUNTS, [], trial=True)
    assert summary["trial"] is True
    assert (summary["carried_forward"], summary["incomplete"]) == (2, 2)
    assert summary["auc"] == {"value": 0.123457, "low": None, "high": 0.9}
    assert summary["quarantined"] == 5
    assert summary["proposed"] == len(tiers.proposed()) > 0
    assert sum(summary["tiers"].values()) == 40
    assert summarise(folder, records, tiers, Training(), COUNTS, [], trial=False)["auc"] is None


def test_a_manifest_hashes_every_file_and_names_what_decided(folder, project):
    folder.write("scores", ENGINE.query(SCORED.scores))
    folder.draft("one").mkdir(parents=True)
    (folder.draft("one") / "plan.csv").write_text("x", "utf-8")
    records = SimpleNamespace(project=project, engine=ENGINE)
    before = empty_run(folder.out, DAY.replace(day=1))
    write_manifest(
        folder, records, SCORED, COUNTS, [], trial=True, facts={}, summary={}, deciding=Deciding(before=before),
        standing=Standing(folder.out, {"hygiene": "f" * 64}), lang="en",
    )  # fmt: skip
    manifest = folder.manifest()
    assert list(manifest["outputs"]) == ["drafts/one/plan.csv", "scores.parquet"]
    assert set(manifest["contents"]) == {"features", "scores"}
    assert (manifest["project"], manifest["as_of"], manifest["engine"]) == ("small", "2024-04-30", "DuckDB")
    assert (manifest["format"], manifest["trial"], manifest["lang"]) == ("creditscore.run/3", True, "en")
    assert manifest["deciding"]["previous"] == sha256_file(before.file(MANIFEST))
    assert manifest["deciding"]["tasks"]["frames"] == {"hygiene": "f" * 64}


def test_only_new_cards_go_to_the_tracker(folder, project):
    training, tiers = Training({"all": pooled_card()}, {"auc": Figure(0.7)}), Tiers(tier_rows())
    log = run_log(folder, project, tiers, training, trained=True, facts={"version duckdb": "2"})
    assert log.cards == training.cards
    assert log.metrics["auc"] == 0.7
    assert log.metrics["tier_NR"] == float((tiers.frame["tier"] == "NR").sum())
    assert log.params == {"version.duckdb": "2"}
    assert run_log(folder, project, tiers, training, trained=False, facts={}).cards == {}
