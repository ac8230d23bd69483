"""The key of a published frame: made once, kept for its owner alone, and never in a run, a workbook or a manifest.

With the key and the seed the tier of a drawn firm can be guessed from its ticket. Auditors get it with the sealed export; the
public never does. Where it is lost nobody can draw or prove: the frame is voided and published anew.
"""

from __future__ import annotations

import re
import secrets
from glob import escape
from pathlib import Path

from creditscore.errors import DataError, DrawError
from creditscore.inspection.merkle import sha256
from creditscore.storage import Journal

#: The folder of all keys below OUT.
KEYS = "keys"
#: Between task and number in the name of the key of a voided frame.
_VOID = ".void-"
_DIGITS = re.compile("[0-9a-f]{64}")


def new_key() -> str:
    """64 random hexadecimal digits."""
    return secrets.token_hex(32)


def key_hash(key: str) -> str:
    """What is published of a key, in the frame hash."""
    return sha256(key)


def key_path(out: Path, task: str) -> Path:
    """Where the key of a task lies."""
    return out / KEYS / task


def add_key(entry: Journal, task: str, key: str) -> None:
    """Keep the key of a frame that this journal publishes; it is on the disk before the frame's hash shows anywhere."""
    entry.write_secret(key_path(entry.root, task), f"{key}\n".encode())


def put_key_aside(entry: Journal, task: str, number: int) -> None:
    """Keep the key of a voided frame under the number of its void, for auditors; nothing where it is lost."""
    path = key_path(entry.root, task)
    if path.is_file():
        entry.write_secret(path.with_name(f"{task}{_VOID}{number}"), path.read_bytes())
        entry.remove(path)


def voided_keys(out: Path, task: str) -> list[Path]:
    """Where the keys of the voided frames of a task lie, in the order of their voids; without those that were lost."""
    ends = {path: path.name.removeprefix(f"{task}{_VOID}") for path in (out / KEYS).glob(f"{escape(task)}{_VOID}*")}
    return sorted((path for path, end in ends.items() if end.isdecimal()), key=lambda path: int(ends[path]))


def read_key(path: Path) -> str:
    """A key from its file; ``""`` where there is none.

    Raises:
        DataError: The file holds something else.
    """
    if not path.is_file():
        return ""
    text = path.read_text("utf-8", errors="replace").strip()
    if not _DIGITS.fullmatch(text):
        raise DataError("{path}: expected a key, 64 hexadecimal digits", path=path)
    return text


def key_beside(folder: Path, task: str) -> str:
    """The key of a task whose folder lies in ``OUT/tasks``; ``""`` for a folder elsewhere, and where the key is lost."""
    return read_key(key_path(folder.resolve().parent.parent, task))


def refuse_other_key(key: str, commitment: str, task: str) -> None:
    """Refuse a key that is not the one whose hash was published.

    Raises:
        DrawError: It is another one.
    """
    if key_hash(key) != commitment:
        raise DrawError("task {task}: the key in {folder} is not the one whose hash was published", task=task, folder=KEYS)
