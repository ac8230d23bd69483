"""Who works on a folder alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from creditscore.errors import LockedError
from creditscore.storage import operations

#: The file by which a folder is held.
LOCK = ".lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder for one command; refused at once if another holds it.

    The operating system frees the lock of a process that dies. The lock file stays: it marks a folder of runs.

    Raises:
        LockedError: Another process holds it, or this one does already.
    """
    operations.make_folder(folder)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LockedError("{folder}: another run holds this folder; wait for it or choose another --out", folder=folder) from None
    try:
        yield
    finally:
        lock.release()
        # On some systems releasing a lock removes its file.
        (folder / LOCK).touch()
