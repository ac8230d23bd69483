"""The process that sends the queue to MLflow: ``python -m creditscore.tracking.sender OUT``, the address in the environment.

A run is known by the hash of its log, a tag that it has from its first moment on: a queue that is sent again after a
crash closes the half-logged run as failed, and finds the finished one.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from creditscore.models.scorecard import Scorecard
from creditscore.storage import atomic_path, locked
from creditscore.tracking.mlflow_log import QUEUE, Entry, queued

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: Tags of a run: the name under which it was queued, and the hash of its log.
RUN_TAG, LOG_TAG = "creditscore.run", "creditscore.log"
#: What MLflow takes in one call, of params and of metrics.
_BATCH = 100
#: Addresses of a store on this machine or of a database: the artifacts then lie beside the runs. A server has its own place.
_LOCAL = ("", "file", "sqlite", "postgresql", "mysql", "mssql")
_log = logging.getLogger(__name__)


def main() -> int:
    """Send the queue of the folder in the arguments; the last line on stderr says what failed, if anything did."""
    out = Path(sys.argv[1])
    try:
        with locked(out / QUEUE):
            failed = send(out, os.environ["MLFLOW_TRACKING_URI"])
    except Exception as error:  # the tracker may be any server
        _log.debug("why nothing more was sent", exc_info=True)
        failed = error
    if failed is not None:
        sys.stderr.write(f"\n{type(failed).__name__}\n")
    return 0 if failed is None else 1


def send(out: Path, uri: str) -> Exception | None:
    """Send what is queued, oldest first; what cannot be sent stays, and its error is returned.

    Raises:
        Exception: The tracker cannot be reached, or no longer.
    """
    _make_database(uri, out)
    client, failed = _client(uri), None
    for entry in queued(out):
        try:
            _send_once(client, entry, out, local=urlsplit(uri).scheme.split("+")[0] in _LOCAL)
        except _LogError as error:
            failed = error.cause
        else:
            entry.remove()
    return failed


def _make_database(uri: str, out: Path) -> None:
    """Make the tables of a new SQLite tracker under another name, and rename it: half of the tables could never be used.

    Raises:
        FileExistsError: Another process made one meanwhile.
    """
    path = Path(uri.removeprefix("sqlite:///").split("?")[0])
    if not uri.startswith("sqlite:///") or path.name == ":memory:" or path.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with atomic_path(path) as partial:
        # What a kill left; SQLite would apply an old journal to the new file.
        for leftover in (partial, partial.with_name(f"{partial.name}-journal")):
            leftover.unlink(missing_ok=True)
        SqlAlchemyStore(f"sqlite:///{partial}", _artifacts(out)).engine.dispose()
        if path.exists():
            raise FileExistsError(path)


def _artifacts(out: Path) -> str:
    """The place of artifacts beside the runs."""
    return (out / "mlartifacts").resolve().as_uri()


class _LogError(Exception):
    """One run could not be logged and was closed as failed: the tracker answers, and the others may be logged."""

    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


def _client(uri: str) -> MlflowClient:
    from mlflow import MlflowClient

    # After the import, which sets levels of its own.
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _send_once(client: MlflowClient, entry: Entry, out: Path, *, local: bool) -> None:
    """Log a run that the tracker does not have as a finished one."""
    experiment = _experiment(client, entry, out, local=local)
    for run in client.search_runs([experiment], f"tags.`{LOG_TAG}` = '{entry.sha256}'"):
        if run.info.status == "FINISHED":
            return
        if run.info.status != "FAILED":
            client.set_terminated(run.info.run_id, "FAILED")
    tags = {**entry.run["tags"], "as_of": entry.run["as_of"], "kind": RUN_TAG, RUN_TAG: entry.name, LOG_TAG: entry.sha256}
    start, title = int(entry.queued.timestamp() * 1000), f"{entry.run['project']} {entry.run['as_of']}"
    run_id = client.create_run(experiment, start_time=start, tags=tags, run_name=title).info.run_id
    try:
        _log_content(client, run_id, entry, out)
        client.set_terminated(run_id)
    except Exception as error:  # the tracker may be any server
        _log.debug("why the run was not logged", exc_info=True)
        client.set_terminated(run_id, "FAILED")
        raise _LogError(error) from error


def _experiment(client: MlflowClient, entry: Entry, out: Path, *, local: bool) -> str:
    name = entry.run["project"]
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    return str(client.create_experiment(name, artifact_location=_artifacts(out) if local else None))


def _log_content(client: MlflowClient, run_id: str, entry: Entry, out: Path) -> None:
    from mlflow.entities import Metric, Param

    run, when = entry.run, int(entry.queued.timestamp() * 1000)
    for part in _parts(run["params"]):
        client.log_batch(run_id, params=[Param(_key(name), text[:500]) for name, text in part])
    for part in _parts(run["metrics"]):
        client.log_batch(run_id, metrics=[Metric(_key(name), value, when, 0) for name, value in part])
    for path in [out / name for name in run["files"]]:
        # An old run may have been removed by order since it was queued.
        if path.is_file():
            client.log_artifact(run_id, str(path))
    for industry, card in sorted(run["cards"].items()):
        client.log_text(run_id, card["json"], f"scorecards/{industry}.json")
        _register(client, run, run_id, industry, Scorecard.from_json(card["json"], sha256=card["sha256"]))


def _parts(values: Mapping[str, Any]) -> Iterator[list[tuple[str, Any]]]:
    items: Iterable[tuple[str, Any]] = iter(sorted(values.items()))
    while part := list(itertools.islice(items, _BATCH)):
        yield part


def _key(name: str) -> str:
    """A name that MLflow takes: letters, digits and ``_ . - : / `` and blanks."""
    return re.sub(r"[^\w.\-: /]", "_", name)


def _register(client: MlflowClient, run: Mapping[str, Any], run_id: str, industry: str, card: Scorecard) -> None:
    """Add a version to the registered model ``<project>.<industry>`` unless its newest version is this very card."""
    from mlflow.exceptions import MlflowException

    name = f"{run['project']}.{industry}"
    try:
        # By its name: a search answers in pages.
        known = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        known = client.create_registered_model(name)
    if any(version.tags.get("sha256") == card.sha256 for version in known.latest_versions or ()):
        return
    source = _log_model(client, run_id, industry, card)
    tags = {"sha256": card.sha256, "industry": industry, "as_of": run["as_of"]}
    client.create_model_version(name, source, run_id=run_id, tags=tags)


def _log_model(client: MlflowClient, run_id: str, industry: str, card: Scorecard) -> str:
    """Log the card as a pyfunc folder among the run's artifacts; returns the folder's URI."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / industry
        save_model(card, target)
        client.log_artifacts(run_id, str(target), f"models/{industry}")
    return f"{client.get_run(run_id).info.artifact_uri}/models/{industry}"


def save_model(card: Scorecard, target: Path) -> None:
    """Write the card as a pyfunc folder: its JSON, the hash that its JSON must have, and the code that scores.

    The signature has no inputs: MLflow would refuse whole numbers in a column of numbers. The card takes the same
    columns as everywhere; the model's metadata name them.
    """
    from mlflow import pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # MLflow asks for an input example and type hints.
        warnings.simplefilter("ignore", UserWarning)
        text = Path(folder) / "card.json"
        text.write_bytes(card.to_json().encode())
        pyfunc.save_model(
            target,
            python_model=str(Path(__file__).with_name("pyfunc.py")),
            artifacts={"card": str(text)},
            model_config={"sha256": card.sha256},
            metadata={"sha256": card.sha256, "columns": {one.name: one.kind for one in card.read}},
            pip_requirements=["creditscore"],
            signature=ModelSignature(outputs=Schema([ColSpec("long", "score"), ColSpec("long", "probability_ppm")])),
        )


if __name__ == "__main__":
    sys.exit(main())
