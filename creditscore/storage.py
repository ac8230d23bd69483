"""An append-only file of JSON lines in which every line carries the hash of the one before.

A line that is changed, removed or put between others breaks the chain at its place. Cutting lines
off the end does not: whoever wants to see that too keeps the head (:func:`head`) elsewhere.
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

from creditscore.config.spec import sha256_file
from creditscore.errors import DataError, LockedError

if TYPE_CHECKING:
    import pyarrow as pa

_PARTIAL = ".partial"
#: The file by which a folder is held.
LOCK = ".lock"


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; renamed over ``path`` on leaving, removed if an error leaves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}{_PARTIAL}")
    try:
        yield partial
        with partial.open("r+b") as stream:
            os.fsync(stream.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def atomic_write(path: Path, content: bytes) -> None:
    """Write bytes so that ``path`` holds either what it held or all of ``content``."""
    with atomic_path(path) as partial:
        partial.write_bytes(content)


def write_json(path: Path, document: Any) -> None:
    """Canonical JSON: sorted keys, two spaces, no NaN, UTF-8, a final line end."""
    atomic_write(path, canonical_json(document).encode())


def canonical_json(document: Any) -> str:
    """The text whose bytes are the same for the same content."""
    return json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


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
    """A hash of what a table says: columns by name, rows by key, every value as text.

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
    """SHA-256 of every file below a folder by relative path, hidden ones and those in ``leave_out`` apart."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in files}
    shown = {name: path for name, path in names.items() if not any(part.startswith(".") for part in name.split("/"))}
    chosen = {name: path for name, path in shown.items() if not name.startswith(leave_out)}
    return {name: sha256_file(path) for name, path in chosen.items()}


def damaged(folder: Path, hashes: dict[str, str]) -> list[str]:
    """The files of a manifest that are absent or no longer what it says."""
    return [name for name, sha in sorted(hashes.items()) if not (folder / name).is_file() or sha256_file(folder / name) != sha]


@contextlib.contextmanager
def keeping(folder: Path, *, except_for: tuple[str, ...]) -> Iterator[None]:
    """Work in an empty folder whose earlier files come back if the work fails.

    Entries named in ``except_for`` stay where they are (the manifest apart), and lock files, which another process may hold.
    After a kill the earlier files are put back the next time.
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
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for one run; refused at once where it is held.

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
class Ledger:
    """Which steps of which run are done, in SQLite: a step counts when its inputs' key is written here."""

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


def key_of(*parts: str) -> str:
    """One key for the inputs of a step."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows opens no folders; its file system writes a rename through by itself.
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
        raise DataError(
            "{name} line {n_pieces}: expected a whole line (it has no end: the writing was interrupted)",
            name=path.name,
            n_pieces=len(pieces),
        )
    for number, piece in enumerate(pieces[:-1], start=1):
        try:
            line = json.loads(piece)
            said = line.pop("hash")
        except (ValueError, KeyError, AttributeError, TypeError):
            raise DataError("{name} line {number}: expected a JSON object with a hash", name=path.name, number=number) from None
        if line.get("number") != number or line.get("previous") != last:
            raise DataError(
                "{name} line {number}: does not follow line {number_2}: a line was removed, added or moved",
                name=path.name,
                number=number,
                number_2=number - 1,
            )
        if _hash(line) != said:
            raise DataError(
                "{name} line {number}: its hash is not that of its content: the line was changed", name=path.name, number=number
            )
        last = said
        lines.append({**line, "hash": said})
    return lines


def _hash(line: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(line).encode()).hexdigest()


def _canonical(line: Mapping[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
