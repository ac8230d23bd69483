"""The register of what may happen once: frames published, voided and drawn, results handed in, tiers signed, objections.

One file, ``OUT/register.jsonl``: append-only, every line with the hash of the one before. A line is on the disk before its effect
shows. Commands ask the register, not the folders, whether a task may be framed or drawn: a folder that was lost, copied or put back
from a backup changes nothing.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from creditscore import dates
from creditscore.language import Message, pgettext
from creditscore.storage import CHAIN_START, read_chain

#: The file of the register in the folder of runs.
REGISTER = "register.jsonl"
#: What a line records.
RegisterKind = Literal[
    "published", "void", "drawn", "draw_refused", "replaced", "joined", "left", "results", "closed", "signed", "objected",
    "answered",
]  # fmt: skip
#: The life of a task: made anew by each night, its hash told, its sample drawn, every visit with a result, put away.
State = Literal["draft", "published", "drawn", "visited", "closed"]

#: The states in words.
STATES: dict[str, Message] = {
    "draft": pgettext("state of a task", "draft"),
    "published": pgettext("state of a task", "published"),
    "drawn": pgettext("state of a task", "drawn"),
    "visited": pgettext("state of a task", "visited"),
    "closed": pgettext("state of a task", "closed"),
}

Line = Mapping[str, Any]


def register_line(what: RegisterKind, **body: Any) -> dict[str, Any]:
    """A line for the register, with the operating system's user and the day in China by the machine's clock.

    Names and days that people type are not proved; neither are these two, which whoever administers the machine can set.
    """
    return {"what": what, **body, "user": operating_user(), "recorded": dates.today().isoformat()}


def operating_user() -> str:
    """The name of the operating system's user; ``unknown`` where the system has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


@dataclass(frozen=True)
class Register:
    """The lines of a register in their order."""

    lines: tuple[Line, ...] = ()

    @staticmethod
    def of(out: Path) -> Register:
        """The register of a folder of runs; empty where there is none yet.

        Raises:
            DataError: The file is not a whole chain.
        """
        return Register(tuple(read_chain(out / REGISTER)))

    @property
    def head(self) -> str:
        """The hash of the last line: kept elsewhere, it shows later whether lines were cut off or written anew."""
        return str(self.lines[-1]["hash"]) if self.lines else CHAIN_START

    def of_task(self, task: str) -> list[Line]:
        """The lines about a task since its frame was published last; none where it is a draft or its frame was voided."""
        return list(self._current.get(task, ()))

    @cached_property
    def _current(self) -> Mapping[str, list[Line]]:
        """The lines of :meth:`of_task`, by task: found in one pass, since commands ask about every task."""
        lines: dict[str, list[Line]] = {}
        for line in self.lines:
            task, what = line.get("task"), line["what"]
            if task is None:
                continue
            if what in ("published", "void"):
                lines[task] = []
            if what != "void":
                lines.setdefault(task, []).append(line)
        return lines

    def published(self, task: str) -> Line | None:
        """The line that published the frame of a task, unless it was voided."""
        return next(iter(self.of_task(task)), None)

    def drawn(self, task: str) -> Line | None:
        """The line of a task's draw."""
        return next((line for line in self.of_task(task) if line["what"] == "drawn"), None)

    def voids(self, task: str) -> int:
        """How many frames of a task were voided."""
        return sum(line["what"] == "void" and line.get("task") == task for line in self.lines)

    def state(self, task: str) -> State:
        """Where a task stands.

        A task is visited once the last results that were handed in left nobody open, until somebody is to be visited who was not
        before: in the place of another, or drawn among late subjects. Who goes there makes no difference.
        """
        lines = [
            line
            for line in self.of_task(task)
            if line["what"] not in ("left", "draw_refused") and (line["what"] != "joined" or line.get("drawn") != 0)
        ]
        kinds = [line["what"] for line in lines]
        if "closed" in kinds:
            return "closed"
        if "drawn" not in kinds:
            return "published" if kinds else "draft"
        return "visited" if kinds[-1] == "results" and lines[-1]["open"] == 0 else "drawn"

    def tasks(self) -> list[str]:
        """The tasks whose frames are published, by id; not those that were voided."""
        return sorted(task for task, lines in self._current.items() if lines)
