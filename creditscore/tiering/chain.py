"""An append-only file of JSON lines in which every line carries the hash of the one before.

A line that is changed, removed or put between others breaks the chain at its place. Cutting lines
off the end does not: whoever wants to see that too keeps the head (:func:`head`) elsewhere.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from creditscore.errors import DataError

START = "0" * 64


def append(path: Path, bodies: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Add lines, each with ``number``, ``previous`` and ``hash``, after verifying what is there; returns them.

    Writers in several processes wait for each other, by the lock file ``.<name>.lock`` beside the chain.

    Raises:
        DataError: The file is not a whole chain; nothing was added.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")), path.open("a+b") as stream:
        stream.seek(0)
        lines, added = _verified(stream.read(), path), list[dict[str, Any]]()
        last = lines[-1]["hash"] if lines else START
        for number, body in enumerate(bodies, start=len(lines) + 1):
            line = {**body, "number": number, "previous": last}
            last = _hash(line)
            added.append({**line, "hash": last})
        stream.write("".join(_canonical(line) + "\n" for line in added).encode())
        stream.flush()
        os.fsync(stream.fileno())
    return added


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a chain, verified; none where the file is absent.

    Raises:
        DataError: A line does not fit; the message names it.
    """
    return _verified(path.read_bytes(), path) if path.is_file() else []


def head(path: Path) -> str:
    """The hash of the last line (64 zeros for an empty chain): kept elsewhere, it shows what was cut off."""
    lines = read(path)
    return str(lines[-1]["hash"]) if lines else START


def _verified(content: bytes, path: Path) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    last = START
    pieces = content.split(b"\n")
    if pieces[-1]:
        raise DataError(f"{path.name} line {len(pieces)}: expected a whole line (it has no end: the writing was interrupted)")
    for number, piece in enumerate(pieces[:-1], start=1):
        try:
            line = json.loads(piece)
            said = line.pop("hash")
        except (ValueError, KeyError, AttributeError, TypeError):
            raise DataError(f"{path.name} line {number}: expected a JSON object with a hash") from None
        if line.get("number") != number or line.get("previous") != last:
            raise DataError(f"{path.name} line {number}: does not follow line {number - 1}: a line was removed, added or moved")
        if _hash(line) != said:
            raise DataError(f"{path.name} line {number}: its hash is not that of its content: the line was changed")
        last = said
        lines.append({**line, "hash": said})
    return lines


def _hash(line: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(line).encode()).hexdigest()


def _canonical(line: Mapping[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
