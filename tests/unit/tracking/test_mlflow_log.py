"""What a run says of itself waits on disk until MLflow has it: no tracker loses, stops or slows a run."""

import json
import logging
import os
import socket
import subprocess
import sys
import time

import pytest
from support.cards import card
from support.trackers import a_run, client_of, logged, queue

from creditscore.tracking import mlflow_log
from creditscore.tracking.mlflow_log import QUEUE, queued, send_queue, tracking_uri


def test_the_tracker_is_the_given_one_else_that_of_the_environment_else_beside_the_runs(tmp_path, monkeypatch):
    assert tracking_uri(tmp_path, None) == f"sqlite:///{tmp_path.resolve()}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracker")
    assert tracking_uri(tmp_path, None) == "http://tracker"
    assert tracking_uri(tmp_path, "sqlite:///given.db") == "sqlite:///given.db"


def test_an_empty_queue_starts_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)
    assert send_queue(tmp_path, None) == 0
    assert list(tmp_path.iterdir()) == []


def test_what_is_queued_is_on_disk_with_files_relative_to_the_folder_of_runs(tmp_path):
    report = tmp_path / ".runs" / "2024-04-30-1" / "report.html"
    report.parent.mkdir(parents=True)
    (tmp_path / "2024-04-30").symlink_to(report.parent)
    queue(tmp_path, "2024-04-30-1", a_run(files=(tmp_path / "2024-04-30" / "report.html",), cards={"food": card()}))
    document = json.loads((tmp_path / QUEUE / "2024-04-30-1" / "run.json").read_text("utf-8"))
    # The link will name another run one day.
    assert document["run"]["files"] == [".runs/2024-04-30-1/report.html"]
    assert document["run"]["cards"]["food"] == {"json": card().to_json(), "sha256": card().sha256}
    assert document["run"]["metrics"] == {"auc": 0.7}


def test_a_name_is_queued_once_and_the_oldest_comes_first(tmp_path):
    for name in ("n-10", "n-2", "n-10"):
        queue(tmp_path, name, a_run(tags={"night": name}))
    assert [entry.name for entry in queued(tmp_path)] == ["n-2", "n-10"]


def test_a_run_is_logged_with_its_numbers_files_and_cards_and_leaves_the_queue(tmp_path, capfd):
    report, gone = tmp_path / "n-1" / "report.html", tmp_path / "n-1" / "gone"
    report.parent.mkdir()
    report.write_text("all well", "utf-8")
    many = {f"scorecard {number}(a)": "f00" for number in range(101)}
    queue(tmp_path, "n-1", a_run(params=many, files=(report, gone), cards={"food": card(), "shops": card(name="shops")}))
    queue(tmp_path, "n-2", a_run(as_of="2024-05-31", cards={"food": card()}))
    waiting = {entry.name: entry for entry in queued(tmp_path)}
    assert send_queue(tmp_path, None) == 0
    assert queued(tmp_path) == []
    assert capfd.readouterr().out == ""
    uri = tracking_uri(tmp_path, None)
    first, second = sorted(logged(uri), key=lambda run: run.data.tags["as_of"])
    assert first.info.status == second.info.status == "FINISHED"
    assert first.data.metrics == {"auc": 0.7}
    # MLflow takes 100 in one call, and no brackets.
    assert first.data.params == {f"scorecard {number}_a_": "f00" for number in range(101)}
    assert first.info.start_time == int(waiting["n-1"].queued.timestamp() * 1000)
    assert {"creditscore.run": "n-1", "creditscore.log": waiting["n-1"].sha256}.items() <= first.data.tags.items()
    assert [one.path for one in client_of(uri).list_artifacts(first.info.run_id)] == ["models", "report.html", "scorecards"]
    versions = client_of(uri).search_model_versions("name = 'small.food'")
    # The second night has the same card.
    assert [(version.tags["sha256"], version.run_id) for version in versions] == [(card().sha256, first.info.run_id)]


def test_a_closed_port_and_a_silent_server_keep_the_queue_for_the_next_run(tmp_path, caplog):
    queue(tmp_path, "n-1", a_run())
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    started = time.monotonic()
    assert send_queue(tmp_path, f"http://127.0.0.1:{port}") == 1
    assert time.monotonic() - started < 2
    assert "1 of 1 runs stay queued for MLflow (http: no connection): the next run sends them" in caplog.text


def test_a_server_that_never_answers_is_left_after_the_limit(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(mlflow_log, "SEND_SECONDS", 4.0)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "600")
    queue(tmp_path, "n-1", a_run())
    with socket.create_server(("127.0.0.1", 0)) as server:
        started = time.monotonic()
        assert send_queue(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}") == 1
    assert time.monotonic() - started < 8
    assert len(caplog.records) == 1
    assert "(http: stopped after 4 s)" in caplog.text
    assert [entry.name for entry in queued(tmp_path)] == ["n-1"]


def test_a_damaged_tracker_keeps_the_queue(tmp_path, caplog):
    (tmp_path / "mlflow.db").write_bytes(b"no database " * 1000)
    queue(tmp_path, "n-1", a_run())
    with caplog.at_level(logging.WARNING):
        assert send_queue(tmp_path, None) == 1
    assert "(sqlite: DatabaseError)" in caplog.text


def test_an_entry_that_cannot_be_read_keeps_no_other_from_being_sent(tmp_path, caplog):
    for name in ("whole", "cut", "other"):
        queue(tmp_path, name, a_run())
    (tmp_path / QUEUE / "cut" / "run.json").write_text('{"run": ', "utf-8")
    (tmp_path / QUEUE / "other" / "run.json").write_text('{"format": "creditscore.tracking/2"}', "utf-8")
    assert [entry.name for entry in queued(tmp_path)] == ["whole"]
    assert sorted(record.args[1] for record in caplog.records) == ["cut", "other"]


def test_an_address_with_a_password_is_no_argument_of_a_process(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(subprocess, "run", lambda command, **how: calls.append((command, how)))
    queue(tmp_path, "n-1", a_run())
    send_queue(tmp_path, "postgresql://user:secret@host/db")
    ((command, how),) = calls
    assert "secret" not in " ".join(command)
    assert how["env"]["MLFLOW_TRACKING_URI"] == "postgresql://user:secret@host/db"
    # MLflow prints there, and what this process prints may have to be JSON.
    assert how["stdout"] == subprocess.DEVNULL


def test_a_proxy_is_left_to_mlflow(tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr(socket, "create_connection", None)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1))
    queue(tmp_path, "n-1", a_run())
    assert send_queue(tmp_path, "http://behind.example") == 1


@pytest.mark.parametrize("module", ["mlflow_log", "sender", "pyfunc"])
def test_an_import_sets_no_variable_of_the_process(module):
    # With mlflow come libraries that set some of their own.
    first = (
        "import os; import mlflow.pyfunc; before = dict(os.environ)"
        if module == "pyfunc"
        else "import os; before = dict(os.environ)"
    )
    program = f"{first}; import creditscore.tracking.{module}; assert dict(os.environ) == before"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "DO_NOT_TRACK"))}
    # Else the import of mlflow would look up a host.
    more = {"MLFLOW_DISABLE_TELEMETRY": "true"} if module == "pyfunc" else {}
    subprocess.run([sys.executable, "-c", program], env={**environment, **more}, check=True)
