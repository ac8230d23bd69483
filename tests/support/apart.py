"""Commands in processes of their own, which are killed: each is forked from one process that has imported everything, once.

That process has never computed anything, so no thread of a library is lost when it is forked.
"""

import contextlib
import multiprocessing
import multiprocessing.forkserver
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from support.tasks import KEY

import creditscore.cli.app
import creditscore.engine
import creditscore.features.build
import creditscore.models.fitting
import creditscore.pipeline.draws
import creditscore.pipeline.prune
import creditscore.pipeline.results
import creditscore.reporting.charts
import creditscore.reporting.report  # noqa: F401
from creditscore import cli
from creditscore.inspection import sampling_frame
from creditscore.pipeline import run, run_store
from creditscore.storage import atomic_write, operations

_processes = multiprocessing.get_context("forkserver")


#: What a process that was killed leaves as its exit code.
KILLED = -signal.SIGKILL
#: What is told where nobody knows how a process ended: the standard library lost sight of it.
LOST = 255


def make_ready() -> None:
    """Start the process that imports everything; it finds modules only where the environment says."""
    # MLflow for ``support.sending``; and each process imports the main module of its parent.
    _processes.set_forkserver_preload([__name__, "support.sending", "mlflow.store.tracking.sqlalchemy_store", "pytest"])
    where = os.pathsep.join(path for path in sys.path if path)
    with mock.patch.dict(os.environ, PYTHONPATH=where, MLFLOW_DISABLE_TELEMETRY="true"):
        multiprocessing.forkserver.ensure_running()


def begin_call(task: Callable[..., None], *given: object) -> Any:
    """Start ``task(*given)``, a function of a module."""
    process = _processes.Process(target=task, args=given)
    process.start()
    return process


def begin(*words: object, dies_at: int | None = None) -> Any:
    """Start ``creditscore <words>``; it kills itself before an operation, from 0, where that is asked for."""
    return begin_call(_call, [str(word) for word in words], dies_at)


def call(*words: object, dies_at: int | None = None) -> int:
    """The exit code of ``creditscore <words>``."""
    process = begin(*words, dies_at=dies_at)
    process.join()
    return int(process.exitcode)


def killed_after(seconds: float, *words: object) -> bool:
    """Kill ``creditscore <words>`` after a time; whether it was still at work."""
    process = begin(*words)
    process.join(seconds)
    process.kill()
    process.join()
    return bool(process.exitcode == KILLED)


def _call(words: Sequence[str], dies_at: int | None) -> None:
    count = 0

    def hear(name: str, paths: tuple[Path, ...]) -> None:
        nonlocal count
        if count == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere), _without_pictures(), operations.watch(hear):
        sys.argv = ["creditscore", *words]
        cli.main()


@contextlib.contextmanager
def _without_pictures() -> Iterator[None]:
    """No tracker, and a report of one line: its pictures take longer than all the rest of a small run."""

    def page(path: Path, book: Any, *, lang: str) -> Path:
        atomic_write(path, f"{book.as_of} {lang}\n".encode())
        return path

    with (
        mock.patch.object(run_store, "write_report", page),
        mock.patch.object(run, "send_queue"),
        mock.patch.object(sampling_frame, "new_key", return_value=KEY),  # so that a command can be repeated
    ):
        yield
