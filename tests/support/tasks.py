"""The folder of a task, from draft to drawn, made as the product makes it: through the register and in journals."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from support.seeds import numbers

from creditscore.config.policy import TierPolicy
from creditscore.inspection import leaves, sampling_frame
from creditscore.inspection.amendments import Joiner, Replacement, joiners, replacement
from creditscore.inspection.closing import closing_list, open_visits
from creditscore.inspection.justification import Justification
from creditscore.inspection.leaves import Leave
from creditscore.inspection.plan import DrawnPlan, InspectionPlan, PublishedPlan, drawn_of
from creditscore.inspection.plan_folder import PUBLICATION, publication_with, read_log
from creditscore.inspection.task_folder import TaskFolder, published_frame
from creditscore.inspection.task_steps import add_closing, add_draft, add_draw, add_joiners, add_leave, add_line, add_replacements
from creditscore.storage import changed, file_hashes

#: When, where and by whom the frames of tests are published.
PUBLIC = {"on": dt.date(2024, 4, 30), "channel": "公报第1号", "by": "王五"}
BY = "李四"


def because(*, on: dt.date, **texts: str) -> dict[str, Any]:
    """The arguments of a step that somebody answers for: why it is taken, and on which day."""
    return {"why": Justification(**texts), "on": on}


#: The key of frames that are published here, so that a draw can be repeated.
KEY = "0123456789abcdef" * 4


def publish(plan: InspectionPlan, out: Path | None = None, *, staff: Any = None, recusals: Any = None) -> PublishedPlan:
    """A published frame; without ``out`` one in memory, which nobody has drawn, however often it is published."""
    framed = dataclasses.replace(plan) if staff is None else plan.with_people(staff, recusals)
    with mock.patch.object(sampling_frame, "new_key", return_value=KEY):
        return framed.publish(out=out, **PUBLIC)


def of_format_2(plan: InspectionPlan) -> InspectionPlan:
    """The frame as older versions made it, without a key."""
    return plan.changed(format=2)


def draw(plan: InspectionPlan, *, seed: str, staff: Any = None, recusals: Any = None, **options: Any) -> DrawnPlan:
    """The draw of a plan in memory; a seed of another form than its task declares gives numbers of that form."""
    return publish(plan, staff=staff, recusals=recusals).draw(seed=_seed(plan, seed), **options)


def _seed(plan: Any, seed: str) -> str:
    return numbers(seed) if plan.task.seed and plan.format > 2 else seed


def draft(out: Path, plan: InspectionPlan, **origin: Any) -> Path:
    """A draft in ``OUT/tasks/<task>``; ``origin`` are fields of ``task.json``."""
    folder = TaskFolder.of(out, plan.task.id)
    with changed(out, "run") as entry:
        add_draft(entry, folder, plan, **origin)
    return folder.path


def published(out: Path, plan: InspectionPlan, **people: Any) -> Path:
    """A published task in ``OUT/tasks/<task>``."""
    publish(plan, out, **people)
    return TaskFolder.of(out, plan.task.id).path


def drawn(out: Path, plan: InspectionPlan, *, staff: Any = None, recusals: Any = None, **options: Any) -> Path:
    """A drawn task in ``OUT/tasks/<task>``."""
    folder = published(out, plan, staff=staff, recusals=recusals)
    draw_folder(folder, **options)
    return folder


def draw_folder(folder: Path, *, seed: str, by: str = BY, **options: Any) -> DrawnPlan:
    """Draw a published task; a seed of another form than it declares gives numbers of that form."""
    task = TaskFolder.opened(folder)
    with changed(task.out, "draw") as entry:
        frame = published_frame(task)
        plan = drawn_of(frame, seed=_seed(frame, seed), **options)
        add_draw(entry, task, plan, by=by)
    return plan


#: Why a subject is replaced, what shows it, and who else answers for it.
GONE = {"reason": "deregistered", "evidence": "注销通知书 2024-7", "second": "王五"}


def replace(folder: Path, subject_id: str, *, by: str, on: dt.date, **why: str) -> Replacement:
    """Replace a subject of a drawn task."""
    task = TaskFolder.opened(folder)
    with changed(task.out, "replace") as entry:
        told = because(by=by, on=on, **{**GONE, **why})
        done = replacement(DrawnPlan.from_folder(folder), read_log(folder), subject_id, **told)
        add_replacements(entry, task, [done])
    return done


def join(folder: Path, subjects: Any, *, policy: TierPolicy, by: str, on: dt.date, recusals: Any = None) -> list[Joiner]:
    """Let late subjects join a drawn task."""
    task = TaskFolder.opened(folder)
    with changed(task.out, "join") as entry:
        plan = DrawnPlan.from_folder(folder)
        late = joiners(plan, read_log(folder), subjects, policy=policy, by=by, on=on, recusals=recusals)
        add_joiners(entry, task, late)
    return late


#: Why an inspector leaves, what shows it, and who answers for it.
ILL = {"reason": "ill", "evidence": "病假条 2024-3", "by": BY, "second": "王五", "on": dt.date(2024, 5, 9)}


def leave(folder: Path, staff_id: str, *, visited: Iterable[str] = (), **why: Any) -> Leave:
    """Let an inspector of a drawn task leave it."""
    task = TaskFolder.opened(folder)
    with changed(task.out, "leave") as entry:
        told = because(**{**ILL, **why})
        done = leaves.leave(DrawnPlan.from_folder(folder), read_log(folder), staff_id, visited=set(visited), **told)
        add_leave(entry, task, done)
    return done


def hand_in(folder: Path, results: Mapping[str, tuple[dt.date, str]], *, on: dt.date) -> None:
    """Hand in the first results of a drawn task, day and outcome by subject: in its published list, and in the register."""
    task, late = TaskFolder.opened(folder), [line for line in read_log(folder, "joined") if line["mode"]]
    to_visit = len(DrawnPlan.from_folder(folder).drawn) + len(late)
    counts = {"results": len(results), "new": len(results), "open": to_visit - len(results)}
    with changed(task.out, "results") as entry:
        entry.write(folder / PUBLICATION, publication_with(folder, results))
        add_line(entry, task, "results", **counts, on=on.isoformat(), content="0" * 64)


def close(folder: Path, *, by: str, on: dt.date, results: Any = None) -> None:
    """Put a drawn task away; ``results`` are day and outcome by subject, and are entered in its published list before."""
    task = TaskFolder.opened(folder)
    with changed(task.out, "results") as entry:
        entry.write(folder / PUBLICATION, publication_with(folder, results or {}))
    with changed(task.out, "close") as entry:
        plan, log = DrawnPlan.from_folder(folder), read_log(folder)
        listed, still_open = closing_list(plan, log, results or {}), open_visits(plan, log, results or {})
        why = because(reason="rest of the visits next year", by=by, second="王五", on=on)
        add_closing(entry, task, listed, still_open=still_open, **why)


def bytes_below(folder: Path, *, leave_out: Iterable[str] = ()) -> dict[str, bytes]:
    """The content of every file below a folder, hidden ones too, but for locks and names that are left out."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: path.read_bytes() for name, path in named.items() if not name.endswith(("lock", *leave_out))}


def hashes_below(folder: Path) -> dict[str, str]:
    """The hash of every visible file below a folder."""
    return file_hashes(folder)
