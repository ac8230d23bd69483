"""The only module that knows how files are written: whole or not at all, hashed, locked, chained line by line.

Two canonical forms of JSON exist: indented for files that people read (:func:`canonical_json`), compact for lines and hashes
(:func:`compact_json`). A chain is an append-only file of JSON lines in which every line carries the hash of the one before:
a line that is changed, removed or inserted breaks the chain there. Cutting lines off the end does not break it. To detect that,
keep the hash of the last line (:func:`chain_head`) elsewhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from creditscore.errors import DataError, LockedError

if TYPE_CHECKING:
    import pyarrow as pa

_PARTIAL = ".partial"
_NEW, _OLD = ".new-", ".old-"
#: The file by which a folder is held.
LOCK = ".lock"


def canonical_json(document: Any, *, indent: int = 2) -> str:
    """The text of a JSON file: sorted keys, no NaN, a final line end. The same content gives the same bytes."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, indent=indent, allow_nan=False) + "\n"


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
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}{_PARTIAL}")
    try:
        yield partial
        move_into_place(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def move_into_place(written: Path, path: Path) -> None:
    """A finished file onto the disk, then under its name: a reader sees the old file or the whole new one."""
    with written.open("r+b") as stream:
        os.fsync(stream.fileno())
    written.replace(path)
    if os.name == "nt":  # Windows opens no folders; its file system writes a rename through by itself.
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def atomic_write(path: Path, content: bytes) -> None:
    """Write bytes so that ``path`` holds either what it held or all of ``content``."""
    with atomic_path(path) as partial:
        partial.write_bytes(content)


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


def content_sha256(table: pa.Table, keys: list[str]) -> str:
    """A hash of a table's content: columns by name, rows by key, every value as text.

    The same on every engine, for any row order, thread count or Parquet writer.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    ordered = table.sort_by([(key, "ascending") for key in keys])
    digest = hashlib.sha256()
    for name in sorted(ordered.column_names):
        column = ordered.column(name)
        if pa.types.is_list(column.type):
            column = pc.binary_join(column, ";")
        texts = pc.fill_null(pc.cast(column, pa.string()), "\x00")
        digest.update(f"{name}\x1e".encode())
        for chunk in texts.chunks:
            digest.update("\x1f".join(chunk.to_pylist()).encode() + b"\x1f" if len(chunk) else b"")
    return digest.hexdigest()


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


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder for one run; refused at once if another run holds it.

    The operating system frees the lock of a process that dies. The lock file stays: it marks a folder of runs.

    Raises:
        LockedError: Another process holds it, or this one does already.
    """
    folder.mkdir(parents=True, exist_ok=True)
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


@dataclass(frozen=True)
class StepLedger:
    """The finished steps of each run, in SQLite: a step is done once the key of its inputs is written here."""

    path: Path

    def done(self, run: str, step: str) -> str | None:
        """The key under which a step was finished last, if it was."""
        with self._open() as connection:
            row = connection.execute("SELECT key FROM steps WHERE run = ? AND step = ?", (run, step)).fetchone()
        return None if row is None else str(row[0])

    def finish(self, run: str, step: str, key: str) -> None:
        """Note a step as finished for these inputs."""
        with self._open() as connection:
            connection.execute("INSERT OR REPLACE INTO steps VALUES (?, ?, ?)", (run, step, key))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=30)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("CREATE TABLE IF NOT EXISTS steps (run TEXT, step TEXT, key TEXT, PRIMARY KEY (run, step))")
            with connection:
                yield connection
        finally:
            connection.close()


def step_key(*parts: str) -> str:
    """One key for the inputs of a step."""
    return sha256_of("\n".join(parts))


#: What the first line of a chain has as the hash before it.
_CHAIN_START = "0" * 64


def append_chain(path: Path, bodies: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Add lines, each with ``number``, ``previous`` and ``hash``, after verifying what is there; returns them.

    Writers in several processes wait for each other, by the lock file ``.<name>.lock`` beside the chain.

    Raises:
        DataError: The file is not a whole chain; nothing was added.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")), path.open("a+b") as stream:
        stream.seek(0)
        lines, added = _verified_lines(stream.read(), path), list[dict[str, Any]]()
        last = lines[-1]["hash"] if lines else _CHAIN_START
        for number, body in enumerate(bodies, start=len(lines) + 1):
            line = {**body, "number": number, "previous": last}
            last = sha256_of(compact_json(line))
            added.append({**line, "hash": last})
        stream.write("".join(compact_json(line) + "\n" for line in added).encode())
        stream.flush()
        os.fsync(stream.fileno())
    return added


def read_chain(path: Path) -> list[dict[str, Any]]:
    """The lines of a chain, verified; none where the file is absent.

    Raises:
        DataError: A line does not fit; the message names it.
    """
    return _verified_lines(path.read_bytes(), path) if path.is_file() else []


def chain_head(path: Path) -> str:
    """The hash of the last line (64 zeros for an empty chain): kept elsewhere, it shows what was cut off."""
    lines = read_chain(path)
    return str(lines[-1]["hash"]) if lines else _CHAIN_START


def _verified_lines(content: bytes, path: Path) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    last = _CHAIN_START
    pieces = content.split(b"\n")
    if pieces[-1]:
        raise DataError(
            "{name} line {number}: expected a whole line (it has no end: the writing was interrupted)",
            name=path.name,
            number=len(pieces),
        )
    for number, piece in enumerate(pieces[:-1], start=1):
        try:
            line = json.loads(piece)
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
