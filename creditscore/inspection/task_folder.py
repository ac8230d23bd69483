"""The folder ``OUT/tasks/<task>/`` of one task, from draft to closed: what is read there, and where the task stands.

A folder holds the files of its plan (:mod:`creditscore.inspection.plan_folder`), ``task.json`` (from which run it was framed, and
the planner's edits) and the log of what followed the draw. Whether a frame may be published or drawn, the register says.
What a step adds is in :mod:`creditscore.inspection.task_steps`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from creditscore.errors import DataError, DrawError
from creditscore.inspection.plan_folder import LOG, MANIFEST, read_frame, read_log, read_manifest
from creditscore.inspection.register import REGISTER, STATES, Register, State
from creditscore.inspection.sampling_frame import SamplingFrame
from creditscore.inspection.task_key import KEYS
from creditscore.language import Message, _, pgettext
from creditscore.storage import parsed_json

#: The folder of all tasks below OUT, and the file about a task's origin in its own folder.
TASKS, ORIGIN = "tasks", "task.json"
#: Where a voided frame is kept, one folder for each.
VOIDED = "voided"


@dataclass(frozen=True)
class Origin:
    """Where the frame of a task comes from.

    Attributes:
        run: The folder of the run that framed it, relative to ``OUT``; empty for a frame that was published from Python.
        trial: Whether that run scored with cards that nobody has signed.
        edits: The planner's ratios in parts per million, by stratum; later nights keep them.
        workbook: The SHA-256 of ``plan.xlsx`` as it was written last; another one was edited by hand.
        line: The hash of the register's last line about the task; a register without it is an older one, or another.
    """

    run: str = ""
    trial: bool = False
    edits: Mapping[str, int] = field(default_factory=dict)
    workbook: str = ""
    line: str = ""


@dataclass(frozen=True)
class TaskFolder:
    """The folder of one task below a folder of runs."""

    path: Path

    @staticmethod
    def of(out: Path, task: str) -> TaskFolder:
        """The folder of a task, there or not."""
        return TaskFolder(out / TASKS / task)

    @staticmethod
    def opened(path: str | Path) -> TaskFolder:
        """A task's folder that holds a plan.

        Raises:
            DataError: It is another folder, or lies in no folder of runs: a copy has no register, so nothing may be done with it.
        """
        folder = TaskFolder(Path(path).resolve())
        if not (folder.path / MANIFEST).is_file() or folder.path.parent.name != TASKS:
            raise DataError("{path}: expected the folder of a task, OUT/tasks/<task>", path=path)
        folder.refuse_copy()
        return folder

    @property
    def task(self) -> str:
        """The id of the task."""
        return self.path.name

    @property
    def out(self) -> Path:
        """The folder of runs and of the register."""
        return self.path.parent.parent

    def exists(self) -> bool:
        """Whether a frame of the task is there, in whatever state."""
        return (self.path / MANIFEST).is_file()

    @cached_property
    def origin(self) -> Origin:
        """Where the frame comes from.

        Raises:
            DataError: ``task.json`` cannot be read.
        """
        return read_origin(self.path / ORIGIN)

    def state(self, register: Register) -> State:
        """Where the task stands."""
        return register.state(self.task)

    def refuse_copy(self) -> None:
        """Refuse a folder that is not called after its task: the register knows tasks by the names of their folders.

        Raises:
            DataError: It has another name.
        """
        task = read_manifest(self.path)["about"]["task"]["id"]
        if task != self.task:
            raise DataError(
                "{path}: holds task {task}, a copy of another folder; move it out of {tasks}",
                path=self.path,
                task=task,
                tasks=self.path.parent,
            )


def read_origin(path: Path) -> Origin:
    """What a file ``task.json`` says; nothing where there is none.

    Raises:
        DataError: It cannot be read.
    """
    if not path.is_file():
        return Origin()
    try:
        return Origin(**parsed_json(path.read_text("utf-8")))
    except (ValueError, TypeError):
        raise DataError("{path}: expected run, trial, edits, workbook and line", path=path) from None


def open_folders(out: Path) -> list[TaskFolder]:
    """The folders of all tasks that have a frame, by id.

    Raises:
        DataError: One of them is the copy of another.
    """
    root = out / TASKS
    folders = (TaskFolder(path) for path in sorted(root.iterdir()) if not path.name.startswith(".")) if root.is_dir() else ()
    framed = [folder for folder in folders if folder.exists()]
    for folder in framed:
        folder.refuse_copy()
    return framed


def refuse_forgotten(out: Path) -> None:
    """Refuse a register that lacks what the folders of tasks rest on: it is gone, cut off, or put back from an older backup.

    Raises:
        DataError: It lacks the last line of a task.
    """
    known = {line["hash"] for line in Register.of(out).lines}
    forgotten = [folder.task for folder in open_folders(out) if folder.origin.line and folder.origin.line not in known]
    if forgotten:
        raise DataError(
            "{path}: expected the lines of every task (it lacks those of {tasks}): put back the newest register; without it "
            "nobody knows what was published and drawn",
            path=out / REGISTER,
            tasks=", ".join(forgotten),
        )


def refuse_older_layout(out: Path) -> None:
    """Refuse a folder whose tasks still lie inside its runs, ``OUT/<as_of>/plan/<task>``: one of them may be drawn already.

    Raises:
        DataError: There are such tasks.
    """
    older = [path for path in out.glob(f"*/plan/*/{MANIFEST}") if not (out / path.relative_to(out).parts[0]).is_symlink()]
    if older:
        raise DataError(
            "{path}: runs of an older layout, whose draws the register does not know yet; make the documents of one of their days "
            "anew (creditscore report OUT/<as_of>), which takes them over",
            path=out,
        )


def published_frame(folder: TaskFolder) -> SamplingFrame:
    """The frame that the register says was published.

    Raises:
        DrawError: The task is a draft or drawn; the folder holds another frame than the published one; or its key is lost.
    """
    register = Register.of(folder.out)
    line = register.published(folder.task)
    if line is None:
        raise DrawError("task {task}: a draft is not drawn; publish its frame first (creditscore plan publish)", task=folder.task)
    refuse_second_draw(register, folder.task)
    frame = read_frame(folder.path)
    if frame.frame_hash != line["frame_hash"]:
        raise DrawError(
            "{path}: expected the published frame {published}… (the folder holds {held}…); put back the folder as it was published",
            path=folder.path,
            published=line["frame_hash"][:12],
            held=frame.frame_hash[:12],
        )
    if frame.is_sealed and not frame.key:
        raise DrawError(
            "{path}: expected the key of the frame (it is lost): void the frame (creditscore plan void), and publish a new one",
            path=folder.out / KEYS / folder.task,
        )
    return frame


def refuse_second_draw(register: Register, task: str) -> None:
    """Refuse a draw of a task that was drawn.

    Raises:
        DrawError: The register knows its draw.
    """
    drawn = register.drawn(task)
    if drawn is not None:
        raise DrawError(
            "task {task}: drawn already (register line {line}, day {on}); a frame is drawn once",
            task=task,
            line=drawn["number"],
            on=drawn["on"] or pgettext("day", "not recorded"),
        )


def checked_log(folder: TaskFolder) -> list[dict[str, Any]]:
    """The log of a drawn task, which must end where the register says.

    Raises:
        DataError: It is not a whole chain.
        DrawError: It was cut off, written anew, or is gone.
    """
    log = read_log(folder.path)
    lasting = [line["hash"] for line in log if line.get("what") != "draw_refused"]
    ends = [line for line in Register.of(folder.out).of_task(folder.task) if line.get("log") and line["what"] != "draw_refused"]
    if ends and not ends[-1].get("adopted") and ends[-1]["log"] not in lasting[-1:]:
        raise DrawError(
            "{path}: expected the log that register line {line} names (it was cut off, written anew, or is gone); put it back "
            "from a backup",
            path=folder.path / LOG,
            line=ends[-1]["number"],
        )
    return log


def refuse_undrawn(folder: TaskFolder) -> None:
    """Refuse to close a task that is not drawn, or closed already.

    Raises:
        DrawError: See above.
    """
    state = folder.state(Register.of(folder.out))
    if state not in ("drawn", "visited"):
        raise DrawError("task {task}: expected a drawn task to close (it is {state})", task=folder.task, state=STATES[state])


def refuse_closed(folder: TaskFolder) -> None:
    """Refuse to change a task that was closed.

    Raises:
        DrawError: The task is closed.
    """
    if folder.state(Register.of(folder.out)) == "closed":
        raise DrawError("task {task}: closed; nothing is added to it any more", task=folder.task)


def not_seen(folder: TaskFolder) -> Message | None:
    """What the register's last line about a published or voided frame cannot show, since it was written when the seed was known.

    None where it was written before the day of the seed, and where the frame declares no seed.
    """
    lines = [line for line in Register.of(folder.out).lines if line.get("task") == folder.task]
    seed = read_manifest(folder.path)["about"]["task"].get("seed")
    what = lines[-1]["what"] if lines else ""
    if what not in ("published", "void") or not seed or str(lines[-1].get("recorded", "")) < seed["day"]:
        return None
    return _(
        "the machine's own day is {recorded}: not before the day of the seed, {seed_day}; nobody can see from the register that "
        "{done} before the seed was known: what can show it is the place where it was told, if that has a date of its own",
        recorded=lines[-1]["recorded"],
        seed_day=seed["day"],
        done=_("the frame was voided") if what == "void" else _("the frame was fixed"),
    )
