"""No tracker and no telemetry but what a test asks for."""

import pytest


@pytest.fixture(autouse=True)
def quiet_mlflow(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
