"""The process that sends to MLflow, forked from one that has imported it: the imports take longer than to send a run."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from creditscore.tracking import mlflow_log, sender


@contextlib.contextmanager
def forked_sender() -> Iterator[None]:
    """Within it a night forks its sender; arguments, environment, time limit, exit code and stderr are those of a new process."""
    names = ("DEVNULL", "TimeoutExpired")
    forking = SimpleNamespace(run=_run, **{name: getattr(subprocess, name) for name in names})
    with mock.patch.object(mlflow_log, "subprocess", forking):
        yield


def _run(command: Sequence[str], *, env: Mapping[str, str], stderr: Any, timeout: float, **_streams: object) -> Any:
    from support import apart  # imports the whole product, which few tests need

    apart.make_ready()
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "stderr"
        process = apart.begin_call(_send, command[4:], dict(env), said)
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(command), timeout)
        stderr.write(said.read_bytes() if said.exists() else b"")
    return subprocess.CompletedProcess(command, process.exitcode)


def _send(words: Sequence[str], environment: Mapping[str, str], said: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["sender", *words]
    with said.open("wb") as stream, Path(os.devnull).open("wb") as nowhere:
        os.dup2(stream.fileno(), 2)
        os.dup2(nowhere.fileno(), 1)
    sys.exit(sender.main())
