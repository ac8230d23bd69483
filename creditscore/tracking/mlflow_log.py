"""The queue of what MLflow is to know: each finished run leaves its log on disk, and a process of its own sends it.

An entry is one file, ``OUT/.tracking/<name>/run.json``; it goes when the tracker has all of it.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from creditscore.models.scorecard import Scorecard
from creditscore.storage import Journal, compact_json, operations, parsed_json, sha256_of

_log = logging.getLogger(__name__)
#: The folder of the queue, in the folder of runs.
QUEUE = ".tracking"
#: A server that does not take a connection in these seconds is not waited for.
CONNECT_SECONDS = 5.0
#: After these seconds the sending is stopped. A night without new cards takes 3 to 6, and up to 10 where the tracker is new.
SEND_SECONDS = 120.0
#: More of them for each card to send, which takes 0.05 in a file and 0.4 on a server nearby: else a project of many hundred
#: cards could never be logged.
SECONDS_PER_CARD = 2.0
_FORMAT = "creditscore.tracking/1"
#: MLflow's settings in the process that sends, where the user has set nothing else.
_ENVIRONMENT = {
    # Telemetry would look up a host when mlflow is imported.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # A model is JSON; nothing that needs unpickling is ever loaded.
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # The queue is what tries again: MLflow's own 7 tries of 120 seconds block a night for minutes.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
}


@dataclass(frozen=True)
class RunLog:
    """What a run leaves in the tracker: names, numbers and files; no rows of data, no names of persons."""

    #: The experiment, and the first part of the names of registered models.
    project: str
    #: The day of the run, in ISO form.
    as_of: str
    params: Mapping[str, str]
    #: What is not finite is left out.
    metrics: Mapping[str, float]
    tags: Mapping[str, str] = field(default_factory=dict)
    #: Below the folder of runs.
    files: tuple[Path, ...] = ()
    #: Cards to register, by industry.
    cards: Mapping[str, Scorecard] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A run that waits to be sent."""

    path: Path
    #: When it was queued, in UTC.
    queued: dt.datetime
    #: Of everything that is to be logged: the same log is never sent twice.
    sha256: str
    #: Texts and numbers as in :class:`RunLog`, files relative to the folder of runs, cards as JSON.
    run: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name under which it was queued."""
        return self.path.parent.name

    @property
    def cards(self) -> int:
        """How many cards there are to register."""
        return len(self.run["cards"])

    def remove(self) -> None:
        """Take it out of the queue."""
        operations.remove(self.path)
        operations.remove_folder(self.path.parent)


def tracking_uri(out: Path, given: str | None) -> str:
    """The tracker: the given one, else that of ``MLFLOW_TRACKING_URI``, else ``sqlite:///OUT/mlflow.db``."""
    return given or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(out / 'mlflow.db').resolve()}"


def queue_run(entry: Journal, name: str, run: RunLog) -> None:
    """Add what is to be logged of a run to the journal that commits it, as ``OUT/.tracking/<name>/``.

    A name that is queued already is replaced.
    """
    out = entry.root
    body = {
        "name": name,
        "project": run.project,
        "as_of": run.as_of,
        "params": dict(run.params),
        "metrics": {key: value for key, value in run.metrics.items() if math.isfinite(value)},
        "tags": dict(run.tags),
        "files": [path.resolve().relative_to(out.resolve()).as_posix() for path in run.files],
        "cards": {industry: {"json": card.to_json(), "sha256": card.sha256} for industry, card in run.cards.items()},
    }
    document = {"format": _FORMAT, "queued": dt.datetime.now(dt.UTC).isoformat(), "run": body}
    entry.write_json(out / QUEUE / name / "run.json", document)


def queued(out: Path) -> list[Entry]:
    """What waits to be sent, oldest first; what cannot be read is a warning and is left out."""
    entries = []
    for path in (out / QUEUE).glob("*/run.json"):
        try:
            entries.append(_read(path))
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("%s/%s cannot be read and is not sent to MLflow: %s", QUEUE, path.parent.name, type(error).__name__)
    return sorted(entries, key=lambda entry: (entry.queued, entry.name))


def _read(path: Path) -> Entry:
    document = parsed_json(path.read_text("utf-8"))
    if document["format"] != _FORMAT:
        raise ValueError(document["format"])
    body = document["run"]
    return Entry(path, dt.datetime.fromisoformat(document["queued"]), sha256_of(compact_json(body)), body)


def send_queue(out: Path, uri: str | None) -> int:
    """Send what is queued to the tracker, oldest first, in a process of its own; returns how many stay queued.

    A tracker that fails is a warning, never an error, and is not waited for: the next run sends what stays.

    Args:
        out: The folder of runs.
        uri: The tracker's address; None for :func:`tracking_uri`'s.
    """
    waiting = queued(out)
    if not waiting:
        return 0
    address = tracking_uri(out, uri)
    try:
        reason = _send(out, address, limit=SEND_SECONDS + SECONDS_PER_CARD * sum(entry.cards for entry in waiting))
    except Exception as error:  # whatever it is, the run is finished and its log is on disk
        reason = type(error).__name__
        _log.debug("why the queue was not sent", exc_info=True)
    stay = sum(entry.path.exists() for entry in waiting)
    if stay:
        kind = address.split("://", 1)[0]
        _log.warning("%d of %d runs stay queued for MLflow (%s: %s): the next run sends them", stay, len(waiting), kind, reason)
    return stay


def _send(out: Path, uri: str, *, limit: float) -> str:
    """Start the process that sends, and wait for it; returns why not everything was sent, if so."""
    if not _takes_connections(uri):
        return "no connection"
    # The address may hold a password: an environment is not shown to other users, arguments are.
    environment = {**_ENVIRONMENT, **os.environ, "MLFLOW_TRACKING_URI": uri}
    command = [sys.executable, "-P", "-m", "creditscore.tracking.sender", str(out)]
    with tempfile.TemporaryFile() as said:
        # MLflow prints addresses of runs; what this process prints may have to be JSON.
        none = subprocess.DEVNULL
        try:
            done = subprocess.run(command, env=environment, stdin=none, stdout=none, stderr=said, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            return f"stopped after {limit:.0f} s"
        said.seek(0)
        lines = said.read().decode(errors="replace").splitlines()
    _log.debug("the sender said: %s", "\n".join(lines))
    return lines[-1] if done.returncode and lines else f"exit {done.returncode}"


def _takes_connections(uri: str) -> bool:
    """Whether a server takes a connection; True for what is no server, or stands behind a proxy."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or parts.scheme in getproxies():
        return True
    try:
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        socket.create_connection((parts.hostname or "", port), timeout=CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
