"""Folders that all workers of one test run read, built by whichever needs them first."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """The folder ``name`` that ``build(folder)`` fills once per run of pytest, also where several workers run.

    Nobody may change it: a test that does works on a copy.
    """
    base = factory.getbasetemp()
    # A worker's folder is popen-gw0 and the like, inside that of the run.
    root = base.parent if base.name.startswith("popen-") else base
    folder, done = root / f"shared-{name}", root / f"shared-{name}.done"
    with FileLock(root / f"shared-{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            done.touch()
    return folder
