"""Disks for tests: in memory, small, and read-only."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")


@contextlib.contextmanager
def fast_folder(otherwise: Path) -> Iterator[Path]:
    """A new folder in memory; below ``otherwise`` where the machine has none."""
    if not _MEMORY.is_dir():
        yield otherwise
        return
    folder = Path(tempfile.mkdtemp(prefix="creditscore-", dir=_MEMORY))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def small_disk(folder: Path, options: str) -> Iterator[None]:
    """A small disk (``size=256k``) mounted on ``folder``; the test is skipped where this user may not mount."""
    with _mounted("-t", "tmpfs", "-o", options, "tmpfs", folder):
        yield


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """``folder`` and all below it read-only; the test is skipped where this user may not mount."""
    with _mounted("--bind", folder, folder):
        _call("mount", "-o", "remount,ro,bind", folder)
        yield


def fill(disk: Path, rest: int) -> Path:
    """Leave ``rest`` pages of the disk free; the file that takes the room."""
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    state = os.statvfs(disk)
    ballast.write_bytes(bytes((state.f_bavail - rest) * state.f_bsize))
    return ballast


def failure_of(do: Callable[[], object]) -> OSError | None:
    """The error of the system that something raises, if any."""
    try:
        do()
    except OSError as error:
        return error
    return None


@contextlib.contextmanager
def _mounted(*words: object) -> Iterator[None]:
    folder = words[-1]
    _call("mount", *words)
    try:
        yield
    finally:
        _call("umount", folder)


def _call(*words: object) -> None:
    try:
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip(f"{words[0]} is not installed")
    if done.returncode:
        pytest.skip(f"this user may not {words[0]}: {done.stderr.strip()}")
