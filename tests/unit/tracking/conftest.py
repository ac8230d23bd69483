"""No tracker and no telemetry but what a test asks for."""

import subprocess

import pytest

from creditscore.tracking import mlflow_log


@pytest.fixture(autouse=True)
def quiet_mlflow(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture(autouse=True)
def sender_started_anew(monkeypatch):
    monkeypatch.setattr(mlflow_log, "subprocess", subprocess)
