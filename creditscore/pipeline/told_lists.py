"""What may be told of a drawn task: while it runs the list of its draw, once it is closed the list of its end; nothing else.

Who replaces whom is told nobody while a task runs (:mod:`creditscore.inspection.closing`), so it is not read from the log here
either: a list that others may keep day by day must not change on the day of a replacement.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from creditscore.errors import DataError
from creditscore.inspection.closing import CLOSING, CLOSING_COLUMNS
from creditscore.inspection.csv_export import read_csv, to_csv
from creditscore.inspection.plan_folder import (
    FORMATS,
    PUBLICATION,
    PUBLICATION_COLUMNS,
    PUBLICATION_COLUMNS_2,
    RESULT_COLUMNS,
    read_manifest,
)
from creditscore.inspection.register import Register
from creditscore.inspection.task_folder import TaskFolder, open_folders
from creditscore.storage import canonical_json, sha256_file, sha256_of


@dataclass(frozen=True)
class ToldList:
    """The list of a drawn task as it may be told.

    Attributes:
        run: The run that framed the task, such as ``2024-04-30-1``; empty for a frame that was published from Python.
        as_of: The day of its tiers.
        trial: Whether its cards were signed by nobody.
        rows: One row per subject, by subject_id, every value a text: the columns of ``publication.csv`` without its format,
            and ``standing`` and ``reason``, as ``closing.csv`` has them.
    """

    task: str
    run: str
    as_of: dt.date
    trial: bool
    frame_hash: str
    drawn_on: dt.date | None
    closed_on: dt.date | None
    rows: tuple[dict[str, str], ...]

    @property
    def content(self) -> str:
        """A hash of all of it."""
        return sha256_of(
            canonical_json(
                {**self.__dict__, "as_of": str(self.as_of), "drawn_on": str(self.drawn_on), "closed_on": str(self.closed_on)}
            )
        )


def told_lists(out: Path) -> list[ToldList]:
    """The lists of all drawn tasks of a folder of runs, by task.

    Raises:
        DataError: A list is not the one that the manifest or the register names.
    """
    register = Register.of(out)
    return [_told(folder, register) for folder in open_folders(out) if register.drawn(folder.task) is not None]


def _told(folder: TaskFolder, register: Register) -> ToldList:
    manifest, lines = read_manifest(folder.path), register.of_task(folder.task)
    drawn = next(line for line in lines if line["what"] == "drawn")
    closed = next((line for line in lines if line["what"] == "closed"), None)
    told = closed is not None and bool(closed.get("closing"))
    return ToldList(
        task=folder.task,
        run=Path(folder.origin.run).name,
        as_of=dt.date.fromisoformat(manifest["about"]["as_of"]),
        trial=folder.origin.trial,
        frame_hash=manifest["frame_hash"],
        drawn_on=_day(drawn["on"]),
        closed_on=_day(closed["on"]) if closed else None,
        rows=_closing(folder, str(closed["closing"])) if closed and told else _publication(folder, manifest["format"]),
    )


def _day(text: object) -> dt.date | None:
    return dt.date.fromisoformat(str(text)) if text else None


def _closing(folder: TaskFolder, sha256: str) -> tuple[dict[str, str], ...]:
    path = folder.path / CLOSING
    if not path.is_file() or sha256_file(path) != sha256:
        raise DataError("{path}: expected the list that the register names; put it back from a backup", path=path)
    return tuple(dict(zip(CLOSING_COLUMNS, cells, strict=True)) for _line, cells in read_csv(path, CLOSING_COLUMNS))


def _publication(folder: TaskFolder, form: str) -> tuple[dict[str, str], ...]:
    """The list of the draw; of a form that tells its hash, without what was filled in since it must be that of the draw."""
    path, number = folder.path / PUBLICATION, FORMATS[form]
    columns = PUBLICATION_COLUMNS if number > 2 else PUBLICATION_COLUMNS_2
    rows = [cells for _line, cells in read_csv(path, columns)]
    at = columns.index(RESULT_COLUMNS[0])
    emptied = [[*cells[:at], *[""] * len(RESULT_COLUMNS), *cells[at + len(RESULT_COLUMNS) :]] for cells in rows]
    if number > 2 and sha256_of(to_csv(columns, emptied)) != read_manifest(folder.path)["files"][PUBLICATION]:
        raise DataError("{path}: expected the list that the manifest names; put it back from a backup", path=path)
    return tuple({**dict(zip(columns, cells, strict=True)), "standing": "drawn", "reason": ""} for cells in rows)
