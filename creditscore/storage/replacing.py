"""Folders that are filled anew."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

_NEW, _OLD = ".new-", ".old-"


@contextlib.contextmanager
def replace_contents(folder: Path, *, except_for: tuple[str, ...]) -> Iterator[None]:
    """A block that starts with an empty folder and fills it; the earlier files come back if the block fails.

    Lock files, which another process may hold, and entries named in ``except_for`` are not moved (the manifest always is).
    After a kill the next call puts the earlier files back.

    Args:
        folder: What is filled anew.
        except_for: Names of entries of the folder; folders may end in ``/``.
    """
    aside = folder / ".earlier"
    locks = {path.name for path in folder.glob(".*.lock")}
    stays = {aside.name, *locks, *(name.rstrip("/") for name in except_for if name != "manifest.json")}
    existed = folder.is_dir()
    if aside.is_dir():
        _put_back(aside, folder, stays)
    aside.mkdir(parents=True)
    for path in [path for path in sorted(folder.iterdir()) if path.name not in stays]:
        path.rename(aside / path.name)
    try:
        yield
    except BaseException:
        _put_back(aside, folder, stays)
        if not existed and not any(folder.iterdir()):
            folder.rmdir()
        raise
    shutil.rmtree(aside)


def _put_back(aside: Path, folder: Path, stays: set[str]) -> None:
    for path in [path for path in folder.iterdir() if path.name not in stays]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    for path in list(aside.iterdir()):
        path.rename(folder / path.name)
    aside.rmdir()


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A path to a new folder, which replaces the folder ``path`` at the end of the block; a kill loses neither.

    After a kill between the two renames, :func:`restore_folders` brings the old folder back.
    """
    restore_folders(path.parent)
    fresh, old = path.with_name(f"{_NEW}{path.name}"), path.with_name(f"{_OLD}{path.name}")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    yield fresh
    path.rename(old)
    fresh.rename(path)
    shutil.rmtree(old)


def restore_folders(parent: Path) -> None:
    """Bring back the folders below ``parent`` whose replacement by :func:`new_folder` was interrupted."""
    for old in sorted(parent.glob(f"{_OLD}*")):
        path = old.with_name(old.name.removeprefix(_OLD))
        if not path.exists():
            old.rename(path)
