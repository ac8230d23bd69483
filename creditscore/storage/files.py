"""Whole files: written entirely or not at all, and hashed.

Two canonical forms of JSON exist: indented for files that people read (:func:`canonical_json`), compact for lines and hashes
(:func:`compact_json`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditscore.errors import DataError
from creditscore.storage import operations

if TYPE_CHECKING:
    import pyarrow as pa

_PARTIAL = ".partial"
#: Levels of nesting of a JSON file that is read.
JSON_DEPTH = 64
#: A bracket, or a text as a whole, whose brackets do not count.
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def canonical_json(document: Any, *, indent: int = 2) -> str:
    """The text of a JSON file: sorted keys, no NaN, a final line end. The same content gives the same bytes."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, indent=indent, allow_nan=False) + "\n"


def parsed_json(content: str | bytes, **hooks: Any) -> Any:
    """A JSON value, nested at most :data:`JSON_DEPTH` deep: none of our files is deeper, and deep ones exhaust the stack.

    Args:
        content: A text, or its bytes in UTF-8.
        **hooks: Those of ``json.loads``.

    Raises:
        ValueError: It is no JSON, or is nested deeper.
    """
    text = content.decode() if isinstance(content, bytes) else content
    if text.count("[") + text.count("{") > JSON_DEPTH and _depth(text) > JSON_DEPTH:
        raise ValueError(f"nested more than {JSON_DEPTH} deep")
    return json.loads(text, **hooks)


def _depth(text: str) -> int:
    """How deep brackets are nested outside of texts."""
    deepest = depth = 0
    for match in _BRACKETS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        deepest = max(deepest, depth)
    return deepest


def compact_json(value: Any) -> str:
    """One line of JSON for hashes and chains: sorted keys, no blanks, no NaN, no line end."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256_of(content: bytes | str) -> str:
    """The SHA-256 of bytes, or of a text in UTF-8, in hexadecimal digits."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; renamed to ``path`` at the end of the block, removed after an error."""
    operations.make_folder(path.parent)
    partial = path.with_name(f".{path.name}{_PARTIAL}")
    try:
        yield partial
        operations.written(partial)
        move_into_place(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def move_into_place(finished: Path, path: Path) -> None:
    """A finished file onto the disk, then under its name: a reader sees the old file or the whole new one."""
    operations.sync_file(finished)
    operations.rename(finished, path)
    operations.sync_folder(path.parent)


def atomic_write(path: Path, content: bytes, *, secret: bool = False) -> None:
    """Write bytes so that ``path`` holds either what it held or all of ``content``; a secret is for its owner alone.

    So is a folder that is made for it.
    """
    operations.make_folder(path.parent, secret=secret)
    partial = path.with_name(f".{path.name}{_PARTIAL}")
    try:
        (operations.write_secret if secret else operations.write)(partial, content)
        move_into_place(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_json(path: Path, document: Any) -> None:
    """A document in canonical JSON, UTF-8."""
    atomic_write(path, canonical_json(document).encode())


def write_parquet(path: Path, table: pa.Table) -> None:
    """An Arrow table as Parquet with page checksums (a flipped bit is then an error, not a number)."""
    import pyarrow.parquet as pq

    with atomic_path(path) as partial:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True, store_schema=False)


def read_parquet(path: Path) -> pa.Table:
    """A Parquet file with its page checksums verified.

    Raises:
        DataError: The file is absent, cut short or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, page_checksum_verification=True)
    except FileNotFoundError:
        raise DataError("{name}: expected a file (got nothing)", name=path.name) from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            "{name}: expected a whole Parquet file ({kind} while reading it)", name=path.name, kind=type(error).__name__
        ) from None


def file_hashes(folder: Path, *, leave_out: tuple[str, ...] = ()) -> dict[str, str]:
    """SHA-256 of every file below a folder by relative path; not of hidden ones or those that begin with one of ``leave_out``."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in files}
    shown = {name: path for name, path in names.items() if not any(part.startswith(".") for part in name.split("/"))}
    chosen = {name: path for name, path in shown.items() if not name.startswith(leave_out)}
    return {name: sha256_file(path) for name, path in chosen.items()}


def damaged_files(folder: Path, hashes: dict[str, str]) -> list[str]:
    """The files of a manifest that are absent or have another hash, in order."""
    return [name for name, sha in sorted(hashes.items()) if not (folder / name).is_file() or sha256_file(folder / name) != sha]
