"""The life of a task in its order, from register and log: its frames, its draw, what changed its list, its results, its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from creditscore.inspection.plan_folder import read_log, read_manifest
from creditscore.inspection.register import REGISTER, Register
from creditscore.inspection.task_folder import TASKS

#: A correction of results is a line ``results`` of the register; whoever reads a task's life must tell it apart.
CORRECTED = "corrected"


@dataclass(frozen=True)
class Event:
    """One thing that happened to a task.

    Attributes:
        what: The kind of its line, or :data:`CORRECTED`.
        line: Its line of the register, with what the log says beside it; a line of the log alone where no register knows of it.
        frame: Of which frame of the task it is, from 1: a voided frame is followed by the next one.
        late: The lines of the log of those who came together, of an event ``joined``.
    """

    what: str
    line: Mapping[str, Any]
    frame: int
    late: Sequence[Mapping[str, Any]] = ()


def history_of(folder: Path) -> list[Event]:
    """What happened to a task, in the order in which the register has it; a copy without a register has its log alone.

    Lines of the log that the register does not know come last.

    Args:
        folder: The folder of a task, or a copy of it.

    Raises:
        DataError: The folder holds no plan; log or register is no whole chain.
    """
    task, log = read_manifest(folder)["about"]["task"]["id"], read_log(folder)
    root = folder.resolve().parent
    has_register = root.name == TASKS and (root.parent / REGISTER).is_file()
    lines = [line for line in Register.of(root.parent).lines if line.get("task") == task] if has_register else []
    return list(_events(lines, log))


def _events(lines: Sequence[Mapping[str, Any]], log: Sequence[Mapping[str, Any]]) -> Iterator[Event]:
    waiting, frame = {line["hash"]: line for line in log}, 1
    joined = iter([line for line in log if line["what"] == "joined"])
    for line in lines:
        what = line["what"]
        late = list(islice(joined, line.get("subjects", 0))) if what == "joined" else []
        logged = waiting.pop(line.get("log", ""), {})
        for one in late:
            waiting.pop(one["hash"], None)
        beside = {} if what == "joined" else logged
        yield Event(CORRECTED if what == "results" and line.get("corrected") else what, {**beside, **line}, frame, late)
        frame += what == "void"
    yield from (Event(line["what"], line, frame, [line] if line["what"] == "joined" else ()) for line in waiting.values())
