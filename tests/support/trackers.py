"""Runs to be logged, and what an MLflow tracker says it has."""

from creditscore.storage import journal
from creditscore.tracking.mlflow_log import RunLog, queue_run


def a_run(**changes):
    numbers = {"auc": 0.7, "nothing": float("nan"), "endless": float("inf")}
    return RunLog(**{"project": "small", "as_of": "2024-04-30", "params": {"config": "c0ffee"}, "metrics": numbers, **changes})


def queue(out, name, run):
    """Queue a run as the night does: in the journal that commits it."""
    with journal(out, name) as entry:
        queue_run(entry, name, run)


def client_of(uri):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def logged(uri):
    """All runs of a tracker, the oldest first."""
    client = client_of(uri)
    runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
    return sorted(runs, key=lambda run: run.info.start_time)
