"""The folder ``OUT/tasks/<task>/`` of one task, from draft to closed: what commands read there, and what they add to a journal.

A folder holds the files of its plan (:mod:`creditscore.inspection.plan_folder`), ``task.json`` (from which run it was framed, and
the planner's edits) and the log of what followed the draw. Whether a frame may be published or drawn, the register says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from creditscore.errors import DataError, DrawError
from creditscore.inspection.amendments import Joiner, Replacement
from creditscore.inspection.closing import CLOSING
from creditscore.inspection.frame_hash import rows_by_name, tree_of
from creditscore.inspection.inspectors import DrawnFrame
from creditscore.inspection.leaves import Leave
from creditscore.inspection.people import same_person
from creditscore.inspection.plan_folder import (
    FRAME_FILES,
    LOG,
    MANIFEST,
    drawn_files,
    frame_files,
    read_frame,
    read_log,
    read_manifest,
)
from creditscore.inspection.register import REGISTER, STATES, Register, RegisterKind, State, register_line
from creditscore.inspection.sampling_frame import SamplingFrame
from creditscore.inspection.seeds import refuse_publication
from creditscore.inspection.task_key import KEYS, add_key, key_beside, put_key_aside
from creditscore.language import pgettext
from creditscore.storage import Journal, parsed_json, sha256_of

#: The folder of all tasks below OUT, and the file about a task's origin in its own folder.
TASKS, ORIGIN = "tasks", "task.json"
#: Where a voided frame is kept, one folder for each.
VOIDED = "voided"
_LATEST = (*FRAME_FILES, "plan.xlsx")
F = TypeVar("F", bound=SamplingFrame)


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
        return _read_origin(self.path / ORIGIN)

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


def _read_origin(path: Path) -> Origin:
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


def note_origin(entry: Journal, folder: TaskFolder, **changes: Any) -> None:
    """Change ``task.json`` in a journal, beside what the journal changes there already."""
    path = entry.file(folder.path / ORIGIN)
    origin = _read_origin(path) if path.is_file() else folder.origin
    entry.write_json(folder.path / ORIGIN, asdict(replace(origin, **changes)))


def add_line(entry: Journal, folder: TaskFolder, what: RegisterKind, **body: Any) -> None:
    """Add a line about a task to the register, and its hash to the task's folder."""
    (line,) = entry.append(entry.root / REGISTER, [register_line(what, task=folder.task, **body)])
    note_origin(entry, folder, line=line["hash"])


def add_draft(entry: Journal, folder: TaskFolder, frame: SamplingFrame, **origin: Any) -> None:
    """Make a draft of a frame, in place of the one that is there; ``origin`` are fields of :class:`Origin` that change."""
    for name, content in frame_files(frame).items():
        entry.write(folder.path / name, content)
    note_origin(entry, folder, **origin)


def copy_draft(entry: Journal, folder: TaskFolder, source: Path, **origin: Any) -> None:
    """Make a draft of a copy of the files that a run has written, see :func:`add_draft`."""
    for name in FRAME_FILES:
        entry.copy(source / name, folder.path / name)
    note_origin(entry, folder, **origin)


def add_publication(
    entry: Journal,
    folder: TaskFolder,
    frame: F,
    *,
    on: dt.date,
    channel: str,
    by: str,
    trial: bool = False,
    staff: Any = None,
    recusals: Any = None,
) -> F:
    """Publish a draft: its people, its key, its line in the register, its files; returns the frame as it is published.

    ``staff`` and ``recusals`` are those of :meth:`SamplingFrame.with_people`; without staff the draft's own people stay.

    Raises:
        DrawError: The task's frame is published already; channel or name is missing; the frame was changed since it was
            hashed; the day is before that of its tiers; or it comes from a run with unsigned cards and is not published as a trial.
    """
    register, task = Register.of(folder.out), frame.task.id
    if register.published(task) is not None:
        raise DrawError("task {task}: its frame is published already; void it first, or wait for the next period's task", task=task)
    if folder.exists() and not (folder.path / ORIGIN).is_file():
        raise DrawError(
            "{path}: expected the file that says which run made the draft (got nothing); run the day again",
            path=folder.path / ORIGIN,
        )
    if folder.origin.trial and not trial:
        raise DrawError(
            "task {task}: the run that framed it scored with cards that nobody has signed; sign the cards and run the day "
            "again, or publish with --trial, which marks the task as a trial for good",
            task=task,
        )
    if frame.format == 2:
        raise DrawError("task {task}: its draft was made by an older version; run the day again", task=task)
    if on < frame.as_of:
        raise DrawError(
            "task {task}: expected a day on or after {as_of}, that of the tiers in its frame (got {on})",
            task=task,
            as_of=frame.as_of,
            on=on,
        )
    voids = [line for line in register.lines if line["what"] == "void" and line.get("task") == task]
    refuse_publication(frame.task, on, voided_on=str(voids[-1]["on"]) if voids else "")
    frame.check_hash()
    from_run = folder.exists() and read_manifest(folder.path)["frame_hash"] == frame.frame_hash
    if not from_run:
        note_origin(entry, folder, run="")
    frame = (frame if staff is None else frame.with_people(staff, recusals)).sealed()
    frame.refuse_too_few()
    add_key(entry, task, frame.key)
    for name, content in frame_files(frame).items():
        entry.write(folder.path / name, content)
    about = {"frame_hash": frame.frame_hash, "on": on.isoformat(), "channel": needed(channel, "channel"), "by": needed(by, "by")}
    run = {"run": folder.origin.run} if from_run and folder.origin.run else {}
    marked = {"trial": True} if trial else {}
    add_line(entry, folder, "published", **about, **run, **marked)
    return frame


def add_void(entry: Journal, folder: TaskFolder, *, reason: str, by: str, second: str, on: dt.date) -> str:
    """Void a published frame that is not drawn: it is kept below ``voided/``, and the task is a draft again; returns its hash.

    Raises:
        DrawError: The task is not published, or drawn; reason or names are missing, or both names are the same.
    """
    register = Register.of(folder.out)
    line = register.published(folder.task)
    if line is None:
        raise DrawError("task {task}: expected a published frame to void (it is a draft)", task=folder.task)
    if register.drawn(folder.task) is not None:
        raise DrawError("task {task}: drawn already; a draw is not taken back", task=folder.task)
    people = {"by": needed(by, "by"), "second": needed(second, "second")}
    if same_person(people["by"], people["second"]):
        raise DrawError(
            "task {task}: expected a second person (got {by} and {second}; each of several names in one field counts)",
            task=folder.task,
            **people,
        )
    kept = folder.path / VOIDED / str(register.voids(folder.task) + 1)
    for name in _LATEST:
        if (folder.path / name).is_file():
            entry.copy(folder.path / name, kept / name)
    _write_draft_again(entry, folder)
    put_key_aside(entry, folder.task, register.voids(folder.task) + 1)
    entry.remove(folder.path / _LATEST[-1])
    note_origin(entry, folder, workbook="")
    about = {"frame_hash": line["frame_hash"], "reason": needed(reason, "reason"), **people, "on": on.isoformat()}
    add_line(entry, folder, "void", **about)
    return str(line["frame_hash"])


def _write_draft_again(entry: Journal, folder: TaskFolder) -> None:
    """The voided frame as a draft, without what its key sealed; a folder that was damaged stays until the next night."""
    try:
        frame = read_frame(folder.path)
    except (DrawError, DataError):
        return
    if frame.is_sealed:
        for name, content in frame_files(frame.unsealed()).items():
            entry.write(folder.path / name, content)


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


def add_draw(entry: Journal, folder: TaskFolder, drawn: DrawnFrame, *, by: str) -> None:
    """Record a draw: in the register and in the log, and the files of the drawn plan.

    Raises:
        DrawError: The name is missing; the day lies before that of the publication; or a draw with another seed was begun under
            an older layout.
    """
    published = Register.of(folder.out).published(folder.task) or {}
    if drawn.drawn_on is not None and drawn.drawn_on.isoformat() < published.get("on", ""):
        raise DrawError(
            "task {task}: expected a draw on or after the day on which its hash was told, {published} (got {on})",
            task=folder.task,
            published=published["on"],
            on=drawn.drawn_on,
        )
    if published.get("begun_seed", drawn.seed) != drawn.seed:
        raise DrawError(
            "task {task}: a draw with another seed was begun under the older layout and cut short; only that seed may finish it",
            task=folder.task,
        )
    files = drawn_files(drawn)
    day = drawn.drawn_on.isoformat() if drawn.drawn_on else None
    sealed = {"seed": drawn.seed, "frame_hash": drawn.frame_hash}
    source = {"seed_source": drawn.task.seed.text} if drawn.task.seed else {}
    root = {"strata": drawn.root} if drawn.root else {}
    about = {**sealed, **source, **root, "on": day, "by": needed(by, "by"), "manifest": sha256_of(files[MANIFEST])}
    for name, content in files.items():
        entry.write(folder.path / name, content)
    (logged,) = entry.append(folder.path / LOG, [{"what": "drawn", **about}])
    add_line(entry, folder, "drawn", **about, log=logged["hash"])


def add_refused_draw(entry: Journal, folder: TaskFolder, *, seed: str, by: str, on: dt.date | None) -> None:
    """Record that a second draw was asked for: in the register, and in the log, unless the folder is one from before the draw.

    A folder that is put back from a backup lacks the draw. What its log said would be lost with it, once the right one is back.
    """
    body = {"seed": seed, "by": by, "on": on.isoformat() if on else None}
    is_drawn = read_manifest(folder.path)["seed"] is not None
    logged = {"log": entry.append(folder.path / LOG, [{"what": "draw_refused", **body}])[0]["hash"]} if is_drawn else {}
    add_line(entry, folder, "draw_refused", **body, **logged)


def refuse_day(folder: TaskFolder, on: dt.date) -> None:
    """Refuse a day before that of what happened to the task last: nothing may look as if it had come before.

    Raises:
        DrawError: It is earlier.
    """
    days = [str(line.get("on") or "") for line in read_log(folder.path) if line["what"] != "draw_refused"]
    if on.isoformat() < max(days, default=""):
        raise DrawError(
            "task {task}: expected a day on or after {last}, that of the last change of its list (got {on})",
            task=folder.task,
            last=max(days),
            on=on,
        )


def add_replacements(entry: Journal, folder: TaskFolder, replacements: Iterable[Replacement]) -> None:
    """Record subjects that are visited in the place of others.

    Raises:
        DrawError: See :func:`refuse_day`.
    """
    for one in replacements:
        refuse_day(folder, one.on)
        body = {"what": "replaced", **asdict(one), "on": one.on.isoformat()}
        (logged,) = entry.append(folder.path / LOG, [body])
        about = {name: body[name] for name in ("subject_id", "replaced_by", "reason", "evidence", "by", "second", "on")}
        add_line(entry, folder, "replaced", **about, log=logged["hash"])


def add_leave(entry: Journal, folder: TaskFolder, leave: Leave) -> None:
    """Record an inspector who cannot go any more, and who goes in the place of that one.

    Raises:
        DrawError: See :func:`refuse_day`.
    """
    refuse_day(folder, leave.on)
    body = {"what": "left", **asdict(leave), "on": leave.on.isoformat()}
    (logged,) = entry.append(folder.path / LOG, [body])
    about = {name: body[name] for name in ("staff_id", "reason", "evidence", "by", "second", "on")}
    add_line(entry, folder, "left", **about, log=logged["hash"])


def add_joiners(entry: Journal, folder: TaskFolder, joiners: Iterable[Joiner]) -> None:
    """Record subjects that came after the frame, drawn or not.

    Raises:
        DrawError: See :func:`refuse_day`.
    """
    joined = list(joiners)
    for one in joined:
        refuse_day(folder, one.on)
    bodies = [{"what": "joined", **asdict(one), "on": one.on.isoformat()} for one in joined]
    if bodies:
        logged = entry.append(folder.path / LOG, bodies)
        counts = {"subjects": len(joined), "drawn": sum(one.drawn for one in joined)}
        key = key_beside(folder.path, folder.task)
        root = {"late": tree_of(rows_by_name(late_rows(bodies)), key=key, task=folder.task).root} if key else {}
        about = {**counts, **root, "by": bodies[0]["by"], "on": bodies[0]["on"], "log": logged[-1]["hash"]}
        add_line(entry, folder, "joined", **about)


#: The fields of the row of a subject that came later.
LATE_KEYS = ("subject_id", "name", "industry", "region", "tier", "stratum", "ticket", "ratio_ppm", "on_site_ppm", "mode")


def late_rows(lines: Iterable[Mapping[str, Any]]) -> list[list[Any]]:
    """The rows of subjects that came later, from their lines of the log; the register has the root of their tree."""
    return [[line[name] for name in LATE_KEYS] for line in lines]


def refuse_closing(folder: TaskFolder, reason: str) -> None:
    """Refuse to close a task that is not drawn, or with open visits and no reason.

    Raises:
        DrawError: The task is not drawn, or closed; or visits are open and no reason is given.
    """
    state = folder.state(Register.of(folder.out))
    if state not in ("drawn", "visited"):
        raise DrawError("task {task}: expected a drawn task to close (it is {state})", task=folder.task, state=STATES[state])
    if state == "drawn" and not reason.strip():
        raise DrawError("task {task}: some visits have no result; expected the reason for closing it so", task=folder.task)


def add_closing(entry: Journal, folder: TaskFolder, listed: bytes, *, by: str, on: dt.date, reason: str = "") -> None:
    """Put a drawn task away: no results, replacements or late subjects are taken any more.

    Args:
        entry: The journal.
        folder: The task.
        listed: What is told at its end, :func:`creditscore.inspection.closing.closing_list`.
        by: Who closes it.
        on: The day.
        reason: Why, where visits are open.

    Raises:
        DrawError: The name is missing; or see :func:`refuse_closing`.
    """
    refuse_closing(folder, reason)
    about = {"by": needed(by, "by"), "on": on.isoformat(), "reason": reason.strip()}
    entry.write(folder.path / CLOSING, listed)
    add_line(entry, folder, "closed", **about, closing=sha256_of(listed))


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


def refuse_closed(folder: TaskFolder) -> None:
    """Refuse to change a task that was closed.

    Raises:
        DrawError: The task is closed.
    """
    if folder.state(Register.of(folder.out)) == "closed":
        raise DrawError("task {task}: closed; nothing is added to it any more", task=folder.task)


def needed(text: str, name: str) -> str:
    """A text that may not be missing, without blanks at its ends.

    Raises:
        DrawError: It is empty, or has line breaks or other controls.
    """
    plain = text.strip()
    if not plain or not plain.isprintable():
        raise DrawError("{name}: expected a text in one line (got {text!r})", name=name, text=text)
    return plain
