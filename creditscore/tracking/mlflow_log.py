"""Log a run, register its cards, find the cards that carry the alias ``champion``."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditscore.errors import CreditScoreError, DataError
from creditscore.models.scorecard import Scorecard

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger(__name__)
CHAMPION = "champion"


@dataclass(frozen=True)
class RunLog:
    """What a run leaves in the tracker: names, numbers and files; no rows of data, no names of persons."""

    #: The experiment, and the first part of the names of registered models.
    project: str
    #: The day of the run, in ISO form.
    as_of: str
    params: Mapping[str, str]
    #: NaN is left out.
    metrics: Mapping[str, float]
    tags: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    #: Cards to register, by industry.
    cards: Mapping[str, Scorecard] = field(default_factory=dict)


def default_uri(out: Path) -> str:
    """The default tracker, in the folder of runs: ``sqlite:///OUT/mlflow.db``."""
    return f"sqlite:///{(out / 'mlflow.db').resolve()}"


def log_run(uri: str, run: RunLog, *, artifacts: Path) -> str | None:
    """Log a run and register its new cards, one registered model per industry.

    Args:
        uri: The tracking URI.
        run: What to log.
        artifacts: Folder for artifacts of an experiment that does not exist yet.

    Returns:
        The MLflow run id, or None where the tracker could not be reached: scores do not wait for a log.
    """
    try:
        return _log_run(_client(uri), run, artifacts)
    except Exception as error:  # the tracker may be any server; its failure must not lose the run
        _log.warning("the run was not logged: %s at %s", type(error).__name__, uri.split("://", 1)[0])
        _log.debug("why the run was not logged", exc_info=True)
        return None


def champions(uri: str, project: str) -> dict[str, Scorecard]:
    """The cards whose registered version carries the alias ``champion``, by industry; empty where there are none.

    Raises:
        DataError: The tracker does not answer; a card is not the one of its hash.
    """
    try:
        return _champions(_client(uri), project)
    except (CreditScoreError, OSError):
        raise
    except Exception as error:  # the tracker may be any server
        raise DataError(
            "tracker: expected an answer on the alias {alias} (got {kind})", alias=CHAMPION, kind=type(error).__name__
        ) from None


def _champions(client: MlflowClient, project: str) -> dict[str, Scorecard]:
    cards: dict[str, Scorecard] = {}
    for model in client.search_registered_models(filter_string=f"name LIKE '{project}.%'"):
        # `_` matches any letter in LIKE.
        if CHAMPION in model.aliases and model.name.startswith(f"{project}."):
            version = client.get_model_version_by_alias(model.name, CHAMPION)
            industry = version.tags["industry"]
            with tempfile.TemporaryDirectory() as folder:
                path = client.download_artifacts(version.run_id, f"scorecards/{industry}.json", folder)
                cards[industry] = Scorecard.from_json(Path(path).read_text("utf-8"), sha256=version.tags["sha256"])
    return cards


def _client(uri: str) -> MlflowClient:
    from mlflow import MlflowClient

    # After the import, which sets levels of its own.
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _log_run(client: MlflowClient, run: RunLog, artifacts: Path) -> str:
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.utils.time import get_current_time_millis

    experiment = client.get_experiment_by_name(run.project)
    location = artifacts.resolve().as_uri()
    experiment_id = experiment.experiment_id if experiment else client.create_experiment(run.project, artifact_location=location)
    now = get_current_time_millis()
    tags = {"as_of": run.as_of, **run.tags}
    run_id: str = client.create_run(experiment_id, run_name=f"{run.project} {run.as_of}", tags=tags).info.run_id
    metrics = [Metric(name, value, now, 0) for name, value in run.metrics.items() if value == value]  # NaN is no metric
    params = [Param(name, text[:500]) for name, text in run.params.items()]
    client.log_batch(run_id, metrics=metrics, params=params, tags=[RunTag("kind", "creditscore.run")])
    for path in run.files:
        client.log_artifact(run_id, str(path))
    for industry, card in sorted(run.cards.items()):
        client.log_text(run_id, card.to_json(), f"scorecards/{industry}.json")
        _register(client, run, run_id, industry, card)
    client.set_terminated(run_id)
    return run_id


def _register(client: MlflowClient, run: RunLog, run_id: str, industry: str, card: Scorecard) -> None:
    """Add a version to the registered model ``<project>.<industry>`` unless its newest version is this very card."""
    name = f"{run.project}.{industry}"
    known = client.search_registered_models(filter_string=f"name = '{name}'")
    if not known:
        client.create_registered_model(name)
    elif any(version.tags.get("sha256") == card.sha256 for version in known[0].latest_versions):
        return
    source = _log_model(client, run_id, industry, card)
    tags = {"sha256": card.sha256, "industry": industry, "as_of": run.as_of}
    client.create_model_version(name, source, run_id=run_id, tags=tags)


def _log_model(client: MlflowClient, run_id: str, industry: str, card: Scorecard) -> str:
    """Log the card as a pyfunc folder among the run's artifacts; returns the folder's URI."""
    from mlflow import pyfunc

    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "card.json"
        text.write_text(card.to_json(), "utf-8")
        target = Path(folder) / industry
        code = Path(__file__).with_name("pyfunc.py")
        with warnings.catch_warnings():
            # MLflow asks for an input example and type hints; the signature has this information already.
            warnings.simplefilter("ignore", UserWarning)
            files, needs = {"card": str(text)}, ["creditscore"]
            pyfunc.save_model(target, python_model=str(code), artifacts=files, pip_requirements=needs, signature=_signature(card))
        client.log_artifacts(run_id, str(target), f"models/{industry}")
    return f"{client.get_run(run_id).info.artifact_uri}/models/{industry}"


def _signature(card: Scorecard) -> Any:
    """The card's columns, none of them required: what is absent in a row is Missing."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    kinds = {"number": "double", "text": "string"}
    inputs = [ColSpec(kinds[one.kind], one.name, required=False) for one in card.characteristics]
    return ModelSignature(Schema(inputs), Schema([ColSpec("long", "score"), ColSpec("long", "probability_ppm")]))
