"""What each step in the life of a task adds to its folder and to the register, and what it refuses; a journal makes it happen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from creditscore.errors import DataError, DrawError
from creditscore.inspection.amendments import Joiner, Replacement, late_rows
from creditscore.inspection.closing import CLOSING
from creditscore.inspection.frame_hash import rows_by_name, tree_of
from creditscore.inspection.inspectors import DrawnFrame
from creditscore.inspection.justification import Justification, needed
from creditscore.inspection.leaves import Leave
from creditscore.inspection.plan_folder import (
    FRAME_FILES,
    LOG,
    MANIFEST,
    drawn_files,
    frame_files,
    read_frame,
    read_manifest,
)
from creditscore.inspection.register import REGISTER, Register, RegisterKind, register_line
from creditscore.inspection.sampling_frame import SamplingFrame
from creditscore.inspection.seeds import refuse_publication
from creditscore.inspection.task_folder import ORIGIN, VOIDED, TaskFolder, read_origin, refuse_undrawn
from creditscore.inspection.task_key import add_key, key_beside, put_key_aside
from creditscore.language import _
from creditscore.storage import Journal, sha256_of

_LATEST = (*FRAME_FILES, "plan.xlsx")
F = TypeVar("F", bound=SamplingFrame)


def note_origin(entry: Journal, folder: TaskFolder, **changes: Any) -> None:
    """Change ``task.json`` in a journal, beside what the journal changes there already."""
    path = entry.file(folder.path / ORIGIN)
    origin = read_origin(path) if path.is_file() else folder.origin
    entry.write_json(folder.path / ORIGIN, asdict(replace(origin, **changes)))


def add_line(entry: Journal, folder: TaskFolder, what: RegisterKind, **body: Any) -> None:
    """Add a line about a task to the register, and its hash to the task's folder.

    Raises:
        DrawError: Its day lies ahead, or before that of an earlier line about the task, be it about a frame that was voided.
    """
    line = register_line(what, task=folder.task, **body)
    _refuse_day(entry, folder, line)
    (added,) = entry.append(entry.root / REGISTER, [line])
    note_origin(entry, folder, line=added["hash"])


def _refuse_day(entry: Journal, folder: TaskFolder, line: Mapping[str, Any]) -> None:
    """Refuse a day after the machine's own, which would bar the list until then, and one before what happened to the task last.

    Nothing may look as if it had come earlier. A refused draw has the day that was asked for, and a line that was taken over
    from an older layout has what stood there.
    """
    if not _has_own_day(line):
        return
    if line["on"] > line["recorded"]:
        raise DrawError(
            "task {task}: expected a day that has come (got {on}; the machine's own day is {today})",
            task=folder.task,
            on=line["on"],
            today=line["recorded"],
        )
    registered = [one for one in entry.lines(entry.root / REGISTER) if one.get("task") == folder.task]
    last = max((one["on"] for one in (*registered, *entry.lines(folder.path / LOG)) if _has_own_day(one)), default="")
    if line["on"] < last:
        raise DrawError(
            "task {task}: expected a day on or after {last}, that of what happened to it last (got {on})",
            task=folder.task,
            last=last,
            on=line["on"],
        )


def _has_own_day(line: Mapping[str, Any]) -> bool:
    return bool(line.get("on")) and line["what"] != "draw_refused" and not line.get("adopted")


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
    if register.drawn(task) is not None:
        raise DrawError("task {task}: its frame is published already, and drawn; a draw is not taken back", task=task)
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
    source = {"seed_source": frame.task.seed.text} if frame.task.seed else {}
    run = {"run": folder.origin.run} if from_run and folder.origin.run else {}
    marked = {"trial": True} if trial else {}
    add_line(entry, folder, "published", **about, **source, **run, **marked)
    return frame


def add_void(entry: Journal, folder: TaskFolder, *, why: Justification, on: dt.date) -> str:
    """Void a published frame that is not drawn: it is kept below ``voided/``, and the task is a draft again; returns its hash.

    Raises:
        DrawError: The task is not published, or drawn; reason or names are missing, or both names are the same; or the day is
            refused (:func:`add_line`).
    """
    register = Register.of(folder.out)
    line = register.published(folder.task)
    if line is None:
        raise DrawError("task {task}: expected a published frame to void (it is a draft)", task=folder.task)
    if register.drawn(folder.task) is not None:
        raise DrawError("task {task}: drawn already; a draw is not taken back", task=folder.task)
    why = why.checked(_("void of task {task}", task=folder.task), optional=("evidence",))
    kept = folder.path / VOIDED / str(register.voids(folder.task) + 1)
    for name in _LATEST:
        if (folder.path / name).is_file():
            entry.copy(folder.path / name, kept / name)
    _write_draft_again(entry, folder)
    put_key_aside(entry, folder.task, register.voids(folder.task) + 1)
    entry.remove(folder.path / _LATEST[-1])
    note_origin(entry, folder, workbook="")
    about = {"frame_hash": line["frame_hash"], "reason": why.reason, "by": why.by, "second": why.second, "on": on.isoformat()}
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


def add_draw(entry: Journal, folder: TaskFolder, drawn: DrawnFrame, *, by: str) -> None:
    """Record a draw: in the register and in the log, and the files of the drawn plan.

    Raises:
        DrawError: The name is missing; the day is refused (:func:`add_line`); or a draw with another seed was begun under an
            older layout.
    """
    published = Register.of(folder.out).published(folder.task) or {}
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


def add_replacements(entry: Journal, folder: TaskFolder, replacements: Iterable[Replacement]) -> None:
    """Record subjects that are visited in the place of others.

    Raises:
        DrawError: The day is refused (:func:`add_line`).
    """
    for one in replacements:
        _add_change(entry, folder, "replaced", one.line(), ("subject_id", "replaced_by"))


def add_leave(entry: Journal, folder: TaskFolder, leave: Leave) -> None:
    """Record an inspector who cannot go any more, and who goes in the place of that one.

    Raises:
        DrawError: The day is refused (:func:`add_line`).
    """
    _add_change(entry, folder, "left", leave.line(), ("staff_id",))


def _add_change(entry: Journal, folder: TaskFolder, what: RegisterKind, body: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """A line of the log, and of it in the register whom it is about, why, and when."""
    (logged,) = entry.append(folder.path / LOG, [body])
    about = {name: body[name] for name in (*names, "reason", "evidence", "by", "second", "on")}
    add_line(entry, folder, what, **about, log=logged["hash"])


def add_joiners(entry: Journal, folder: TaskFolder, joiners: Iterable[Joiner], *, run: str = "") -> None:
    """Record subjects that came after the frame on one day, drawn or not; ``run`` is the one that knows them, if one does.

    Raises:
        DrawError: The day is refused (:func:`add_line`).
    """
    joined = list(joiners)
    bodies = [{"what": "joined", **asdict(one), "on": one.on.isoformat()} for one in joined]
    if bodies:
        logged = entry.append(folder.path / LOG, bodies)
        counts = {"subjects": len(joined), "drawn": sum(one.drawn for one in joined)}
        key = key_beside(folder.path, folder.task)
        root = {"late": tree_of(rows_by_name(late_rows(bodies)), key=key, task=folder.task).root} if key else {}
        known = {"run": run} if run else {}
        about = {**counts, **root, **known, "by": bodies[0]["by"], "on": bodies[0]["on"], "log": logged[-1]["hash"]}
        add_line(entry, folder, "joined", **about)


def add_closing(entry: Journal, folder: TaskFolder, listed: bytes, *, still_open: int, why: Justification, on: dt.date) -> None:
    """Put a drawn task away: no results, replacements or late subjects are taken any more.

    Args:
        entry: The journal.
        folder: The task.
        listed: What is told at its end, :func:`creditscore.inspection.closing.closing_list`.
        still_open: How many visits of that list have no result.
        why: Who closes it; where visits are open, also the reason and a second person.
        on: The day.

    Raises:
        DrawError: The task is not drawn, or closed; a name or the reason is missing; or the day is refused (:func:`add_line`).
    """
    refuse_undrawn(folder)
    open_or_not = _("closing of task {task} ({count:,} visits have no result)", task=folder.task, count=still_open)
    is_visited = folder.state(Register.of(folder.out)) == "visited"
    why = why.checked(open_or_not, optional=("reason", "evidence", "second") if is_visited else ("evidence",))
    entry.write(folder.path / CLOSING, listed)
    people = {"by": why.by, "second": why.second}
    about = {**people, "on": on.isoformat(), "reason": why.reason, "open": still_open, "closing": sha256_of(listed)}
    add_line(entry, folder, "closed", **about)
