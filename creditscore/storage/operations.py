"""Every change that the package makes to a disk, one function each, and the one place through which they pass.

A command changes files only through these functions, so their order can be tested: a test sets :func:`watch`, hears of each
operation before it happens, and stops there or undoes what was not yet durable. Libraries that write files by themselves
(Parquet, workbooks, pictures) write to a temporary path, and :func:`written` announces it.

A change is durable once :func:`sync_file` (the content) and :func:`sync_folder` (the name) have returned.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

#: Hears the name of an operation and its paths, before it happens.
Watcher = Callable[[str, tuple[Path, ...]], None]

#: New folders are for the owner and the group only: they hold records of firms.
_FOLDER_MODE = 0o750
#: Keys are for the owner alone.
_SECRET_MODE, _SECRET_FOLDER_MODE = 0o600, 0o700
_watchers: list[Watcher] = []


@contextlib.contextmanager
def watch(watcher: Watcher) -> Iterator[None]:
    """Tell ``watcher`` of each operation of this process before it happens; what it raises stops the operation."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def announce(name: str, *paths: Path) -> None:
    """Tell the watchers of an operation that is about to happen."""
    for watcher in _watchers:
        watcher(name, paths)


def write(path: Path, content: bytes) -> None:
    """Write a new file, or all of an old one. A crash can leave a part of it, so ``path`` is never a file that is read."""
    announce("write", path)
    path.write_bytes(content)


def write_secret(path: Path, content: bytes) -> None:
    """Write a new file that its owner alone can read, from its first moment on."""
    announce("write", path)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _SECRET_MODE), "wb") as stream:
        stream.write(content)
    path.chmod(_SECRET_MODE)  # an old file of that name keeps its own mode


def written(path: Path) -> None:
    """Announce that a library has written the file ``path``."""
    announce("written", path)


def append(path: Path, content: bytes) -> None:
    """Add bytes at the end of a file, which is made where it is missing. A crash can leave a part of them."""
    announce("append", path)
    with path.open("ab") as stream:
        stream.write(content)


def cut(path: Path, size: int) -> None:
    """Cut a file to its first ``size`` bytes."""
    announce("cut", path)
    os.truncate(path, size)


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    announce("sync_file", path)
    # Windows flushes only what is open for writing; elsewhere a file that may only be read can be synced, too.
    with path.open("r+b" if os.name == "nt" else "rb") as stream:
        os.fsync(stream.fileno())


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable: files that were made, renamed and removed there."""
    announce("sync_folder", path)
    if os.name == "nt":  # Windows opens no folders; its file system writes a rename through by itself.
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def rename(source: Path, target: Path) -> None:
    """Rename a file, a link, or a folder whose new name is free. A file or link of the new name is replaced, at once."""
    announce("rename", source, target)
    source.replace(target)


def copy(source: Path, target: Path) -> None:
    """A copy of a file's content. A crash can leave a part of it.

    Never a second name for the same file: who changes the one by hand would change the other.
    """
    announce("copy", source, target)
    shutil.copyfile(source, target)


def point(name: Path, target: str) -> None:
    """Make a symbolic link ``name`` to ``target``, which is relative to the link's folder.

    Raises:
        OSError: The file system has no links, or the name is taken.
    """
    announce("point", name)
    name.symlink_to(target, target_is_directory=True)


def remove(path: Path) -> None:
    """Remove a file or a link, if it is there."""
    announce("remove", path)
    path.unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Remove a folder with everything in it, if it is there. A crash can leave a part of it."""
    announce("remove_folder", path)
    if path.is_dir():
        shutil.rmtree(path)


def make_folder(path: Path, *, secret: bool = False) -> None:
    """Make a folder and those above it, where they are missing, readable by owner and group; durable at once.

    A secret one is for the owner alone; those above it are not.

    The name of a folder that is there may not be durable yet: who made it can have been killed in between.
    """
    if path.is_dir():
        with contextlib.suppress(PermissionError):  # a folder of somebody else: not made here
            sync_folder(path.parent)
        return
    make_folder(path.parent)
    announce("make_folder", path)
    path.mkdir(mode=_SECRET_FOLDER_MODE if secret else _FOLDER_MODE, exist_ok=True)
    sync_folder(path.parent)
