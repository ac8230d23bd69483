"""The sealed export for auditors: a task's folder and the register, with the sample in numbered, compressed parts.

The parts together are ``sample.csv`` byte for byte, but for the first line, which each has: the manifest's hash, which register
and log seal, holds for both. A sample of millions is so sent and read piece by piece.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

from creditscore.errors import DataError
from creditscore.inspection.closing import CLOSING
from creditscore.inspection.plan_folder import LOG, MANIFEST, PUBLICATION, read_manifest
from creditscore.inspection.register import REGISTER
from creditscore.inspection.task_folder import TASKS, VOIDED, TaskFolder
from creditscore.inspection.task_key import KEYS, key_path, voided_keys
from creditscore.storage import atomic_write

#: How many rows a part has.
PART_ROWS = 100_000
_FILES = ("plan.csv", "sample.sha256", "inspectors.csv", PUBLICATION, CLOSING, LOG, MANIFEST)


def export_task(folder: TaskFolder, out: Path, *, rows: int = PART_ROWS, with_key: bool = False) -> Path:
    """Write the sealed export of a task, and return its folder, ``out/tasks/<task>``: ``verify_draw.py`` checks it there.

    Its voided frames go along as they were put aside, so that auditors can see what each of them would have drawn.

    Args:
        folder: The task.
        out: A folder that holds no export of the task.
        rows: How many rows a part has.
        with_key: Whether the keys go with it, that of the task and those of its voided frames, to ``out/keys``: for auditors alone.

    Raises:
        DataError: There is an export already; ``rows`` is less than 1; the key is lost; or a file is missing.
    """
    read_manifest(folder.path)
    target, key = out / TASKS / folder.task, key_path(folder.out, folder.task)
    if target.exists() or (out.exists() and not out.is_dir()):
        raise DataError("{path}: expected a folder without an export of this task", path=out)
    if rows < 1:
        raise DataError("--rows: expected 1 or more (got {rows})", rows=rows)
    sample = folder.path / "sample.csv"
    for path in (sample, *([key] if with_key else [])):
        if not path.is_file():
            raise DataError("{path}: expected a file (got nothing)", path=path)
    for number, part in enumerate(parts_of(sample, rows), start=1):
        atomic_write(target / f"sample-{number:04}.csv.gz", compressed(part))
    for name in _FILES:
        if (folder.path / name).is_file():
            atomic_write(target / name, (folder.path / name).read_bytes())
    if (folder.out / REGISTER).is_file():
        atomic_write(out / REGISTER, (folder.out / REGISTER).read_bytes())
    for path in sorted((folder.path / VOIDED).glob("*/*")):
        atomic_write(target / path.relative_to(folder.path), path.read_bytes())
    if with_key:
        for path in (key, *voided_keys(folder.out, folder.task)):
            atomic_write(out / KEYS / path.name, path.read_bytes(), secret=True)
    return target


def parts_of(path: Path, rows: int) -> Iterator[bytes]:
    """A CSV file in parts of so many rows, each with the first line; a cell may hold line ends."""
    with path.open("rb") as stream:
        first = stream.readline()
        part, count, quotes = io.BytesIO(first), 0, 0
        part.seek(0, io.SEEK_END)
        for line in stream:
            if count == rows and quotes % 2 == 0:
                yield part.getvalue()
                part, count = io.BytesIO(first), 0
                part.seek(0, io.SEEK_END)
            part.write(line)
            quotes += line.count(b'"')
            count += quotes % 2 == 0
        yield part.getvalue()


def compressed(content: bytes) -> bytes:
    """Gzip without a name and a time in it: the same bytes each time."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as stream:
        stream.write(content)
    return buffer.getvalue()
