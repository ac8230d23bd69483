"""Folders that are made once and never changed, and the names that point to the current ones.

A name is a symbolic link. Where a file system has no links it is a small file with the path. Either is replaced by one rename.
"""

from __future__ import annotations

from pathlib import Path

from creditscore.storage import operations
from creditscore.storage.files import atomic_write


def new_version(folder: Path, stem: str) -> Path:
    """Make the folder ``<stem>-<n>`` below ``folder``, with n one above the highest that is there."""
    highest = max((_number(path) for path in versions(folder, stem)), default=0)
    path = folder / f"{stem}-{highest + 1}"
    operations.make_folder(path)
    return path


def versions(folder: Path, stem: str) -> list[Path]:
    """The folders ``<stem>-<n>`` below ``folder``, by number."""
    paths = [path for path in folder.glob(f"{stem}-*") if path.is_dir() and path.name.removeprefix(f"{stem}-").isdecimal()]
    return sorted(paths, key=_number)


def _number(path: Path) -> int:
    return int(path.name.rpartition("-")[2])


def set_pointer(name: Path, target: Path) -> None:
    """Let a name point to a folder below the name's own folder: at once, whatever it pointed to before."""
    relative = target.relative_to(name.parent).as_posix()
    fresh = name.with_name(f".{name.name}.partial")
    operations.remove(fresh)
    try:
        operations.point(fresh, relative)
    except (OSError, NotImplementedError):  # a file system without links
        atomic_write(name, f"{relative}\n".encode())
        return
    operations.rename(fresh, name)
    operations.sync_folder(name.parent)


def pointed_to(name: Path) -> Path:
    """The folder that a name points to; the path itself where it is no name but a folder, or nothing."""
    if name.is_symlink():
        return name.parent / name.readlink()
    if name.is_file():
        try:
            target = name.parent / name.read_text("utf-8").strip()
        except (UnicodeDecodeError, OSError, ValueError):
            return name
        return target if target.is_dir() else name
    return name
