"""A run: its stages in order, what stops it, and what it says of itself. The stages themselves are stubs here."""

import logging
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest
from support.projects import DAY
from support.runs import pooled_card, seal, tier_rows

from creditscore.errors import DataError
from creditscore.pipeline import run as module
from creditscore.pipeline.run import (
    Scored,
    count_rows,
    deciding_facts,
    read_delivery_before,
    refuse_broken_delivery,
    run_log,
    run_project,
    summarise,
    write_forecast,
    write_manifest,
    write_stability,
)
from creditscore.pipeline.run_folder import RunFolder
from creditscore.pipeline.train import Judgement, Training
from creditscore.records.drift import Earlier
from creditscore.records.findings import Finding
from creditscore.reporting.run_book import Figure, RowCounts
from creditscore.storage import locked
from creditscore.tiering.tiers import Tiers

ENGINE = SimpleNamespace(name="duckdb")
COUNTS = RowCounts(rows_in=3, scored=2, not_rated=1)
SCORED = Scored(
    SimpleNamespace(out_of_scope={"revoked": 1}),
    pa.table({"subject_id": ["S1", "S2", "S3"], "as_of": [DAY] * 3}),
    pa.table({"subject_id": ["S1", "S2"], "as_of": [DAY] * 2, "score": [500, 600]}),
)


@pytest.fixture
def folder(tmp_path):
    return RunFolder.of(tmp_path / "out", DAY)


@pytest.fixture
def stages(monkeypatch, project):
    """The names of the stages as they are called; each writes a file of its name, the manifest last."""
    called = []
    tiers = Tiers(tier_rows())
    results = {
        "open_records": SimpleNamespace(project=project, engine=ENGINE),
        "train_cards_of": Training({"all": pooled_card()}, Judgement({"auc": Figure(0.7)})),
        "score_subjects": SCORED,
        "tier_subjects": tiers,
        "count_rows": COUNTS,
        "plan_due_tasks": [],
        "summarise": {"subjects": 3},
    }
    names = (
        "open_records", "refuse_broken_delivery", "write_checkup", "train_cards_of", "write_cards", "score_subjects", "tier_subjects",
        "count_rows", "plan_due_tasks", "write_forecast", "write_associations", "write_stability", "save_book", "write_documents",
        "summarise", "queue_run", "send_queue",
    )  # fmt: skip

    def stub(name):
        def stage(*args, **_):
            called.append(name)
            if args and isinstance(args[0], RunFolder):
                args[0].path.mkdir(parents=True, exist_ok=True)
                args[0].file(name).write_text(name, "utf-8")
            return results.get(name)

        monkeypatch.setattr(module, name, stage)

    for name in names:
        stub(name)
    return called


def run(project, folder, **options):
    return run_project(project, data=folder.out.parent, as_of=DAY, out=folder.out, engine=ENGINE, **options)


def signed(monkeypatch):
    monkeypatch.setattr(module, "signed_cards", lambda cards: {"all": pooled_card()})


def test_stages_come_in_order_and_the_tracker_last(project, folder, stages):
    result = run(project, folder, train=True)
    assert stages == [
        "open_records", "refuse_broken_delivery", "write_checkup", "train_cards_of", "write_cards", "score_subjects", "tier_subjects",
        "count_rows", "plan_due_tasks", "write_forecast", "write_associations", "write_stability", "save_book", "write_documents",
        "summarise", "queue_run", "send_queue",
    ]  # fmt: skip
    assert (result.fresh, result.summary) == (True, {"subjects": 3})
    assert folder.manifest()["trained"] is True


def test_signed_cards_are_not_trained_again(project, folder, stages, monkeypatch):
    signed(monkeypatch)
    run(project, folder)
    assert "train_cards_of" not in stages
    assert folder.manifest()["trained"] is False
    assert folder.manifest()["facts"]["scorecard all"] == pooled_card().sha256


def test_without_signed_cards_the_run_trains(project, folder, stages):
    run(project, folder)
    assert "train_cards_of" in stages


def test_an_accepted_delivery_is_not_compared(project, folder, stages):
    run(project, folder, accept=True)
    assert "refuse_broken_delivery" not in stages


def test_the_same_inputs_are_worked_once(project, folder, stages):
    run(project, folder)
    stages.clear()
    again = run(project, folder)
    assert stages == []
    assert (again.fresh, again.summary) == (False, {"subjects": 3})


@pytest.mark.parametrize("change", ["lang", "damage"])
def test_another_language_or_a_damaged_file_is_worked_again(project, folder, stages, change):
    run(project, folder)
    stages.clear()
    if change == "damage":
        folder.file("save_book").write_text("other", "utf-8")
    assert run(project, folder, lang="en" if change == "lang" else "zh").fresh
    assert "open_records" in stages


def test_a_failed_run_leaves_the_files_of_the_one_before(project, folder, stages, monkeypatch):
    run(project, folder)
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}

    def fail(*_, **__):
        raise DataError("no")

    monkeypatch.setattr(module, "write_documents", fail)
    with pytest.raises(DataError):
        run(project, folder, lang="en")
    assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == before
    monkeypatch.undo()
    with locked(folder.out):
        pass


def test_a_first_run_has_nothing_to_compare_with(folder):
    assert read_delivery_before(folder) == Earlier()
    refuse_broken_delivery(folder, None, Earlier())
    write_stability(folder)
    assert not folder.has("stability")


@pytest.fixture
def before(folder):
    earlier = RunFolder.of(folder.out, DAY.replace(day=1))
    earlier.write("profile", pd.DataFrame({"n": [1]}))
    earlier.write("rectification", pd.DataFrame({"subject_id": ["S1"]}))
    seal(earlier)
    return earlier


def test_a_delivery_is_compared_with_the_run_before(folder, before):
    known = read_delivery_before(folder)
    assert known.profile.to_pylist() == [{"n": 1}]
    assert known.rectification["subject_id"].tolist() == ["S1"]


@pytest.mark.parametrize(("level", "stops"), [("error", True), ("warning", False)])
def test_only_an_error_of_the_drift_stops_a_run(folder, before, project, monkeypatch, level, stops):
    finding = Finding("drift", "events", "rows are gone", "events_csv", 9, "", level)
    monkeypatch.setattr(module, "_profile_of", lambda records: None)
    monkeypatch.setattr(module, "drifts", lambda *_, **__: [finding] * 6)
    earlier = read_delivery_before(folder)
    if stops:
        with pytest.raises(DataError, match="against the run of 2024-04-01; if it is meant, run again with --accept") as refused:
            refuse_broken_delivery(folder, SimpleNamespace(project=project), earlier)
        assert str(refused.value).count("events (events_csv): rows are gone") == 5
    else:
        refuse_broken_delivery(folder, SimpleNamespace(project=project), earlier)


def register(monkeypatch, *, arrived, kept=6, quarantined=1, collapsed=1, known=5, not_yet_known=1):
    outcome = SimpleNamespace(arrived=arrived, kept=kept, quarantined=quarantined, collapsed=collapsed)
    monkeypatch.setattr(module, "subjects_in", lambda records, day: {"known": known, "not_yet_known": not_yet_known})
    return SimpleNamespace(outcomes={"subjects": outcome})


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
    monkeypatch.setattr(module, "subjects_in", lambda records, day: {"known": 40})
    records = SimpleNamespace(outcomes={"a": SimpleNamespace(quarantined=2), "b": SimpleNamespace(quarantined=3)})
    training = Training({"all": pooled_card()}, Judgement({"auc": Figure(0.12345678, None, 0.9)}))
    tiers = Tiers(tier_rows())
    summary = summarise(folder, records, tiers, training, COUNTS, [])
    assert summary["auc"] == {"value": 0.123457, "low": None, "high": 0.9}
    assert summary["quarantined"] == 5
    assert summary["proposed"] == len(tiers.proposed()) > 0
    assert sum(summary["tiers"].values()) == 40
    assert summarise(folder, records, tiers, Training(), COUNTS, [])["auc"] is None


def test_a_manifest_hashes_outputs_and_content_but_no_plans(folder, project):
    folder.write("scores", SCORED.scores)
    folder.plan("one").mkdir(parents=True)
    (folder.plan("one") / "plan.csv").write_text("x", "utf-8")
    records = SimpleNamespace(project=project, engine=ENGINE)
    write_manifest(folder, records, SCORED, COUNTS, [], trained=False, facts={}, summary={})
    manifest = folder.manifest()
    assert list(manifest["outputs"]) == ["scores.parquet"]
    assert set(manifest["contents"]) == {"features", "scores"}
    assert (manifest["project"], manifest["as_of"], manifest["engine"]) == ("small", "2024-04-30", "duckdb")


def test_only_new_cards_go_to_the_tracker(folder, project):
    training, tiers = Training({"all": pooled_card()}, Judgement({"auc": Figure(0.7)})), Tiers(tier_rows())
    log = run_log(folder, project, tiers, training, trained=True, facts={"version duckdb": "2"})
    assert log.cards == training.cards
    assert log.metrics["auc"] == 0.7
    assert log.metrics["tier_NR"] == float((tiers.frame["tier"] == "NR").sum())
    assert log.params == {"version.duckdb": "2"}
    assert run_log(folder, project, tiers, training, trained=False, facts={}).cards == {}
