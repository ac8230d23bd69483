"""MLflow keeps what a run says of itself: hashes, numbers and cards; and scores never wait for it."""

import logging
import os
from pathlib import Path

import pytest
from support.cards import card

from creditscore.tracking.mlflow_log import CHAMPION, RunLog, champions, default_uri, log_run


def a_run(cards=None):
    return RunLog("small", "2024-04-30", {"config": "c0ffee"}, {"auc": 0.7, "nothing": float("nan")}, cards=cards or {})


@pytest.fixture
def uri(tmp_path):
    return default_uri(tmp_path)


def test_telemetry_is_off_before_mlflow_is_imported(uri, tmp_path):
    assert log_run(uri, a_run(), artifacts=tmp_path / "artifacts") is not None
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["DO_NOT_TRACK"] == "true"


def test_a_run_is_logged_with_its_numbers_and_cards(uri, tmp_path):
    from mlflow import MlflowClient

    one = card()
    run_id = log_run(uri, a_run({"food": one}), artifacts=tmp_path / "artifacts")
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    run = client.get_run(run_id)
    assert run.data.metrics == {"auc": 0.7}
    assert run.data.params == {"config": "c0ffee"}
    assert [version.tags["sha256"] for version in client.search_model_versions("name = 'small.food'")] == [one.sha256]


def test_the_same_card_is_registered_once(uri, tmp_path):
    from mlflow import MlflowClient

    for _ in range(2):
        log_run(uri, a_run({"food": card()}), artifacts=tmp_path / "artifacts")
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    assert len(client.search_model_versions("name = 'small.food'")) == 1


def test_the_champion_has_an_alias_and_nothing_is_auto_promoted(uri, tmp_path):
    from mlflow import MlflowClient

    one = card()
    log_run(uri, a_run({"food": one}), artifacts=tmp_path / "artifacts")
    assert champions(uri, "small") == {}
    MlflowClient(tracking_uri=uri, registry_uri=uri).set_registered_model_alias("small.food", CHAMPION, 1)
    assert champions(uri, "small") == {"food": one}


def test_the_registered_model_scores_from_its_json(uri, tmp_path):
    import mlflow
    import pandas as pd

    one = card()
    run_id = log_run(uri, a_run({"food": one}), artifacts=tmp_path / "artifacts")
    where = next(Path(tmp_path / "artifacts").rglob("models/food"))
    assert run_id
    frame = pd.DataFrame({name: [None] for name in one.features})
    kinds = {c.name: "float64" if c.kind == "number" else "object" for c in one.characteristics}
    loaded = mlflow.pyfunc.load_model(str(where))
    assert loaded.predict(frame.astype(kinds))["score"].tolist() == one.scores(frame.astype(kinds)).tolist()


def test_a_tracker_that_cannot_be_reached_is_a_warning(caplog, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with caplog.at_level(logging.WARNING):
        assert log_run(f"sqlite:///{tmp_path}/file/m.db", a_run(), artifacts=tmp_path) is None
    assert "not logged" in caplog.text
