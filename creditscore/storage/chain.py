"""Append-only files of JSON lines in which every line carries the hash of the one before.

A line that is changed, removed or inserted breaks the chain there. Cutting lines off the end does not break it. To detect that,
keep the hash of the last line (:func:`chain_head`) elsewhere.

A crash while a line is written leaves a part of it at the end: without a line end, or with zeros where a power cut lost a block.
Such a part was never told to anybody: readers pass over it, and the next writer puts it aside and goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from creditscore.errors import DataError
from creditscore.storage import operations
from creditscore.storage.files import compact_json, parsed_json, sha256_of

_log = logging.getLogger(__name__)
#: What the first line of a chain has as the hash before it.
CHAIN_START = "0" * 64


def append_chain(path: Path, bodies: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Add lines, each with ``number``, ``previous`` and ``hash``, after verifying what is there; returns them.

    Writers in several processes wait for each other, by the lock file ``.<name>.lock`` beside the chain.

    Raises:
        DataError: The file is not a whole chain; nothing was added.
    """
    operations.make_folder(path.parent)
    with FileLock(path.with_name(f".{path.name}.lock")):
        mend_chain(path)
        added = next_lines(read_chain(path), bodies)
        if added:
            operations.append(path, chain_text(added))
            operations.sync_file(path)
            operations.sync_folder(path.parent)
    return added


def next_lines(lines: list[dict[str, Any]], bodies: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines that follow the lines of a chain, each with ``number``, ``previous`` and ``hash``."""
    last, added = lines[-1]["hash"] if lines else CHAIN_START, list[dict[str, Any]]()
    for number, body in enumerate(bodies, start=len(lines) + 1):
        line = {**body, "number": number, "previous": last}
        last = sha256_of(compact_json(line))
        added.append({**line, "hash": last})
    return added


def chain_text(lines: Iterable[Mapping[str, Any]]) -> bytes:
    """Lines as they stand in the file."""
    return "".join(compact_json(line) + "\n" for line in lines).encode()


def mend_chain(path: Path) -> None:
    """Put the part of a line that a crash left at the end of a chain aside, into ``.<name>.torn-<bytes before it>``, and say so.

    The lines before it are durable afterwards: who wrote them may have been killed before that.

    Only a holder of the chain's lock, or of its folder's, may do so: another writer could be in the middle of its line.
    """
    content = path.read_bytes() if path.is_file() else b""
    whole = _whole(content)
    if whole == len(content):
        if content:
            operations.sync_file(path)
        return
    aside = path.with_name(f".{path.name}.torn-{whole}")
    operations.write(aside, content[whole:])
    operations.sync_file(aside)
    operations.sync_folder(aside.parent)
    operations.cut(path, whole)
    operations.sync_file(path)
    _log.warning(
        "%s: its last line was not whole, the writing was interrupted; the part of it was put aside as %s", path, aside.name
    )


def read_chain(path: Path) -> list[dict[str, Any]]:
    """The lines of a chain, verified; none where the file is absent. A part of a line at the end is passed over.

    Raises:
        DataError: A line does not fit; the message names it.
    """
    return _verified_lines(path.read_bytes(), path) if path.is_file() else []


def chain_head(path: Path) -> str:
    """The hash of the last line (64 zeros for an empty chain): kept elsewhere, it shows what was cut off."""
    lines = read_chain(path)
    return str(lines[-1]["hash"]) if lines else CHAIN_START


def _whole(content: bytes) -> int:
    """Where the last whole line ends. A line of JSON has no zero bytes."""
    end = content.rfind(b"\n") + 1
    while end and b"\0" in content[(start := content.rfind(b"\n", 0, end - 1) + 1) : end]:
        end = start
    return end


def _verified_lines(content: bytes, path: Path) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    last = CHAIN_START
    for number, piece in enumerate(content[: _whole(content)].split(b"\n")[:-1], start=1):
        try:
            line = parsed_json(piece)
            stored_hash = line.pop("hash")
        except (ValueError, KeyError, AttributeError, TypeError):
            raise DataError("{name} line {number}: expected a JSON object with a hash", name=path.name, number=number) from None
        if line.get("number") != number or line.get("previous") != last:
            raise DataError(
                "{name} line {number}: does not follow line {before}: a line was removed, added or moved",
                name=path.name,
                number=number,
                before=number - 1,
            )
        if sha256_of(compact_json(line)) != stored_hash:
            raise DataError(
                "{name} line {number}: its hash is not that of its content: the line was changed", name=path.name, number=number
            )
        last = stored_hash
        lines.append({**line, "hash": stored_hash})
    return lines
