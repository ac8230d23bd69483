"""A run is logged whole or closed as failed, and no crash makes two of one."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.cards import card
from support.trackers import a_run, client_of, logged, queue

from creditscore.tracking import sender
from creditscore.tracking.mlflow_log import queued, tracking_uri


class Killed(BaseException):
    """The process ends here: no handler runs."""


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """An MLflow database without runs: its tables take seconds to make."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        path = tmp_path_factory.mktemp("tables") / "mlflow.db"
        client_of(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def out(tables, tmp_path):
    shutil.copy(tables, tmp_path / "mlflow.db")
    (tmp_path / "report.html").write_text("all well", "utf-8")
    queue(tmp_path, "n-1", a_run(files=(tmp_path / "report.html",), cards={"food": card()}))
    return tmp_path


def send(out):
    return sender.send(out, tracking_uri(out, None))


def statuses(out):
    return [run.info.status for run in logged(tracking_uri(out, None))]


def fails_once(monkeypatch, name, error, *, after=False):
    """The client's method ``name`` raises ``error`` when it is called first, before or after it did its work."""
    from mlflow import MlflowClient

    real, waiting = getattr(MlflowClient, name), [error]

    def method(*args, **kwargs):
        if after or not waiting:
            result = real(*args, **kwargs)
        if waiting:
            raise waiting.pop()
        return result

    monkeypatch.setattr(MlflowClient, name, method)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "call", ["create_experiment", "create_run", "log_batch", "log_artifact", "create_registered_model", "create_model_version", "set_terminated"]
)  # fmt: skip
def test_a_kill_at_any_call_leaves_one_finished_run_when_the_queue_is_sent_again(out, monkeypatch, call, after):
    fails_once(monkeypatch, call, Killed(), after=after)
    with pytest.raises(Killed):
        send(out)
    assert [entry.name for entry in queued(out)] == ["n-1"]
    assert send(out) is None
    assert queued(out) == []
    assert statuses(out).count("FINISHED") == 1
    assert set(statuses(out)) <= {"FINISHED", "FAILED"}
    assert len(client_of(tracking_uri(out, None)).search_model_versions("name = 'small.food'")) == 1


def test_a_kill_while_the_database_is_made_leaves_none_or_a_whole_one(tables, out, monkeypatch):
    from mlflow.store.tracking import sqlalchemy_store

    class Torn:
        def __init__(self, uri, _):
            path = Path(uri.removeprefix("sqlite:///"))
            path.write_bytes(tables.read_bytes()[:9000])
            path.with_name(f"{path.name}-journal").write_bytes(b"of the torn one")
            raise Killed

    (out / "mlflow.db").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(sqlalchemy_store, "SqlAlchemyStore", Torn)
        # A killed process tidies nothing up.
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(Killed):
            send(out)
    assert [path.name for path in sorted(out.glob("*mlflow.db*"))] == [".mlflow.db.partial", ".mlflow.db.partial-journal"]
    assert send(out) is None
    assert statuses(out) == ["FINISHED"]
    assert [path.name for path in out.glob("*mlflow.db*")] == ["mlflow.db"]


def test_a_kill_before_the_entry_is_removed_logs_nothing_again(out, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sender.Entry, "remove", lambda _: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            send(out)
    assert send(out) is None
    assert queued(out) == []
    assert statuses(out) == ["FINISHED"]


def test_a_run_whose_logging_fails_is_closed_as_failed_and_holds_up_no_other(out, monkeypatch):
    queue(out, "n-2", a_run(as_of="2024-05-31"))
    fails_once(monkeypatch, "log_artifact", PermissionError())
    assert isinstance(send(out), PermissionError)
    assert statuses(out) == ["FAILED", "FINISHED"]
    assert [entry.name for entry in queued(out)] == ["n-1"]
    assert send(out) is None
    assert sorted(statuses(out)) == ["FAILED", "FINISHED", "FINISHED"]


def test_a_tracker_that_is_gone_is_not_asked_for_the_next_run(out, monkeypatch):
    queue(out, "n-2", a_run(as_of="2024-05-31"))
    fails_once(monkeypatch, "log_batch", ConnectionError())
    fails_once(monkeypatch, "set_terminated", ConnectionError())
    with pytest.raises(ConnectionError):
        send(out)
    assert statuses(out) == ["RUNNING"]
    assert len(queued(out)) == 2


def test_the_same_day_with_another_content_is_another_run(out):
    send(out)
    queue(out, "n-1", a_run(params={"config": "changed"}))
    send(out)
    assert statuses(out) == ["FINISHED", "FINISHED"]


def test_more_models_than_a_page_of_the_registry_are_registered_once_each(out, monkeypatch):
    monkeypatch.setattr(sender, "_log_model", lambda *_: (out / "model").as_uri())
    industries = [f"industry_{number}" for number in range(101)]
    for name in ("n-2", "n-3"):
        queue(out, name, a_run(tags={"night": name}, cards=dict.fromkeys(industries, card())))
        assert send(out) is None
    client = client_of(tracking_uri(out, None))
    counts = [len(client.search_model_versions(f"name = 'small.{industry}'")) for industry in industries]
    assert counts == [1] * 101


@pytest.mark.parametrize(
    ("uri", "place"),
    [("sqlite:///:memory:", "mlartifacts"), ("postgresql+psycopg://host/db", "mlartifacts"), ("https://host", None)],
)
def test_a_server_keeps_artifacts_in_its_own_place(out, monkeypatch, uri, place):
    made = []
    client = SimpleNamespace(
        get_experiment_by_name=lambda _: None,
        create_experiment=lambda _, artifact_location: made.append(artifact_location) or "1",
        search_runs=lambda *_: [SimpleNamespace(info=SimpleNamespace(status="FINISHED"))],
    )
    monkeypatch.setattr(sender, "_client", lambda _: client)
    sender.send(out, uri)
    assert made == [place and (out / place).resolve().as_uri()]
