"""The tasks below ``OUT`` as plans, and the documents that are made of them: a workbook for each, and one that lists them all."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.tasks import Task
from creditscore.config.work_calendar import WorkCalendar
from creditscore.errors import DataError, DrawError
from creditscore.inspection.plan import DrawnPlan, InspectionPlan
from creditscore.inspection.plan_folder import MANIFEST, read_manifest, write_plan_workbook
from creditscore.inspection.register import REGISTER, Register
from creditscore.inspection.sampling_frame import SamplingFrame
from creditscore.inspection.task_folder import TASKS, VOIDED, TaskFolder, checked_log, open_folders
from creditscore.inspection.task_steps import note_origin
from creditscore.inspection.visits import Opened, merge_partners, visits_of_plans
from creditscore.language import DEFAULT_LANGUAGE
from creditscore.pipeline.out_folder import RESULTS
from creditscore.pipeline.run_folder import WORKBOOK, RunFolder, days_of
from creditscore.pipeline.run_store import BookFile, load_book
from creditscore.reporting.run_book import PlanPage, plan_pages
from creditscore.reporting.workbook import write_index, write_task_workbook
from creditscore.storage import Journal, parsed_json, read_parquet, sha256_file

_log = logging.getLogger(__name__)
#: The workbook that lists all open tasks.
INDEX = "tasks.xlsx"
#: Where the edited workbooks of a task are kept before a new one is written.
_EDITED = "edited"

#: The day that the list carries where it is empty.
_NO_DAY = dt.date(2000, 1, 1)
#: A plan that is not drawn (a draft, or published), or one that is, with its log.
OpenPlan = InspectionPlan | Opened


def load_plan(folder: TaskFolder) -> OpenPlan:
    """The plan of a task in its present state.

    Raises:
        DrawError: Its files are not those of its manifest, or its log does not end where the register says.
        DataError: A file is missing or cannot be read.
    """
    if read_manifest(folder.path)["seed"] is None:
        return InspectionPlan.from_folder(folder.path)
    return Opened(DrawnPlan.from_folder(folder.path), checked_log(folder))


def as_drawn(folder: TaskFolder, plan: OpenPlan) -> Opened:
    """The plan of a task, which must be drawn.

    Raises:
        DrawError: It is not drawn; or the folder is older than the draw that the register knows.
    """
    if isinstance(plan, Opened):
        return plan
    drawn = Register.of(folder.out).drawn(folder.task)
    if drawn is None:
        raise DrawError("task {task}: expected a drawn task; draw it first", task=folder.task)
    raise DrawError(
        "{path}: expected the drawn plan that register line {line} names (the folder is older than its draw); put the folder back "
        "from a later backup",
        path=folder.path,
        line=drawn["number"],
    )


def related_plans(out: Path, task: str) -> dict[str, OpenPlan]:
    """The plan of a task, and those whose visits may serve the same subjects at once, directly or through others, by task."""
    folders = {folder.task: folder for folder in open_folders(out)}
    tasks = {name: task_of(read_manifest(folder.path)) for name, folder in folders.items()}
    related, waiting = set[str](), [task]
    while waiting:
        name = waiting.pop()
        related.add(name)
        waiting += [other for other in merge_partners(tasks[name], tasks.values()) if other not in related]
    return {name: load_plan(folders[name]) for name in sorted(related)}


def task_of(manifest: Mapping[str, Any]) -> Task:
    """The task of a plan's manifest."""
    return Task.model_validate_json(json.dumps(manifest["about"]["task"]))


def frame_of_hash(out: Path, task: str, frame_hash: str) -> SamplingFrame:
    """The frame of a task that has a hash, be it voided since.

    Raises:
        DataError: The frame is not there any more.
    """
    folder = TaskFolder.of(out, task)
    kept = sorted((folder.path / VOIDED).glob("*")) if (folder.path / VOIDED).is_dir() else []
    for path in (folder.path, *kept):
        if (path / MANIFEST).is_file() and read_manifest(path)["frame_hash"] == frame_hash:
            return DrawnPlan.from_folder(path).plan if read_manifest(path)["seed"] else InspectionPlan.from_folder(path)
    raise DataError("{path}: expected the frame {frame_hash}… that was published", path=folder.path, frame_hash=frame_hash[:12])


def run_of_task(folder: TaskFolder) -> RunFolder | None:
    """The run that framed a task; None for a frame that was published from Python."""
    return RunFolder(folder.out / folder.origin.run) if folder.origin.run else None


def results_of_task(folder: TaskFolder) -> pd.DataFrame | None:
    """The inspection results that were handed in for a task, the columns of ``inspections``, one row per visit; None without.

    Raises:
        DataError: As of :func:`results_table`.
    """
    table = results_table(folder)
    if table is None:
        return None
    frame: pd.DataFrame = table.to_pandas(date_as_object=True)
    return frame


def results_table(folder: TaskFolder) -> pa.Table | None:
    """The results that were handed in for a task, as they were sealed in the register; None without.

    Raises:
        DataError: The file is not what the register's last line about results says: changed, an older one, or gone.
    """
    path = folder.path / RESULTS
    table = read_parquet(path) if path.is_file() else None
    handed_in = [line for line in Register.of(folder.out).of_task(folder.task) if line["what"] == "results" and "content" in line]
    if handed_in and (table is None or results_hash(table) != handed_in[-1]["content"]):
        raise DataError(
            "{path}: expected the results that register line {line} names (the file was changed, is an older one, or is gone); "
            "put it back from a backup",
            path=path,
            line=handed_in[-1]["number"],
        )
    return table


def results_hash(table: pa.Table) -> str:
    """The hash of a task's results that the register keeps (``content`` of a line ``results``); ``docs/draw.md`` describes it."""
    ordered, digest = table.sort_by("inspection_id"), hashlib.sha256()
    for name in sorted(ordered.column_names):
        column = ordered.column(name)
        if pa.types.is_list(column.type):
            column = pc.binary_join(column, ";")
        texts = pc.fill_null(pc.cast(column, pa.string()), "\x00")
        digest.update(f"{name}\x1e".encode())
        digest.update("".join(f"{text}\x1f" for text in texts.to_pylist()).encode())
    return digest.hexdigest()


def visits_of_tasks(out: Path, plans: Mapping[str, OpenPlan]) -> pd.DataFrame:
    """One row per visit of the drawn plans; see :func:`creditscore.inspection.visits.visits_of_plans`."""
    drawn = [plan for plan in plans.values() if isinstance(plan, Opened)]
    return visits_of_plans(drawn, calendar=calendar_of(out, plans))


def calendar_of(out: Path, plans: Mapping[str, OpenPlan]) -> WorkCalendar:
    """The work calendar of the newest run that framed one of the tasks and was not removed; plain weeks where there is none."""
    runs = [run for task in plans if (run := run_of_task(TaskFolder.of(out, task))) is not None]
    newest = max((run for run in runs if run.has_manifest()), key=lambda run: run.as_of, default=None)
    return BookFile.load(newest).calendar if newest is not None else WorkCalendar()


def add_documents(
    entry: Journal, plans: Mapping[str, OpenPlan], task: str, *, results: pd.DataFrame | None = None, lang: str = DEFAULT_LANGUAGE
) -> None:
    """Add to a journal the workbooks of a task that changes and of drawn ones that share visits with it, and the list of tasks.

    Those of closed tasks stay as they are. A workbook that people have edited is kept below ``edited/`` first.

    Args:
        entry: The journal of ``OUT``.
        plans: The task and those related to it, as they will be (:func:`related_plans`).
        task: The task that changes.
        results: Its results as they will be; those that it has now without them.
        lang: The language.
    """
    out = entry.root
    folders = {name: TaskFolder.of(out, name) for name in plans}
    known = {name: results_of_task(folder) for name, folder in folders.items()}
    if results is not None:
        known[task] = results
    handed_in = [frame for frame in known.values() if frame is not None]
    pages = plan_pages(list(plans.values()), calendar=calendar_of(out, plans), results=pd.concat(handed_in) if handed_in else None)
    by_task = {page.task.id: page for page in pages}
    partners, register = merge_partners(by_task[task].task, [page.task for page in pages]), Register.of(out)
    drawn = (one for one in partners if isinstance(plans[one], Opened))
    for name in sorted({task, *(one for one in drawn if register.state(one) != "closed")}):
        _keep_edited(entry, folders[name])
        _add_workbook(entry, folders[name], plans[name], by_task[name], lang=lang)
    add_index(entry, lang=lang)


def add_index(entry: Journal, *, drafts: Collection[str] = (), lang: str = DEFAULT_LANGUAGE) -> None:
    """Add to a journal the workbook ``OUT/tasks/tasks.xlsx`` of all tasks that are not closed.

    A draft that was not published before its period ended is left out.

    Args:
        entry: The journal of ``OUT``, with everything else that it changes.
        drafts: Tasks whose first draft is in the journal.
        lang: The language.
    """
    out = entry.root
    register = Register((*Register.of(out).lines, *entry.appended(out / REGISTER)))
    names = sorted({*drafts, *(folder.task for folder in open_folders(out))})
    today = max(days_of(out), default=_NO_DAY)
    rows = [_index_row(entry, name, register, today) for name in names if register.state(name) != "closed"]
    rows = [row for row in rows if row["state"] != "draft" or row["period_to"] >= today]
    created = max((row["period_from"] for row in rows), default=_NO_DAY)
    write_index(entry.file(out / TASKS / INDEX), rows, created=created, lang=lang)


def _index_row(entry: Journal, name: str, register: Register, today: dt.date) -> dict[str, Any]:
    """One task in the list. A published frame that nobody drew when its seed was known is overdue: not to draw is a choice, too."""
    manifest = parsed_json(entry.current(TaskFolder.of(entry.root, name).path / MANIFEST).read_text("utf-8"))
    task, lines = task_of(manifest), register.of_task(name)
    published, drawn = register.published(name) or {}, register.drawn(name) or {}
    results: Mapping[str, Any] = next((line for line in reversed(lines) if line["what"] == "results"), {})
    return {
        "task": name,
        "task_label": task.label,
        "check_item": task.item,
        "department": task.department,
        "period_from": task.start,
        "period_to": task.end,
        "state": register.state(name),
        "trial": bool(published.get("trial", False)),
        "frame_hash": manifest["frame_hash"] if published else None,  # a draft's is not the one to be told
        "published_on": _day(published.get("on")),
        "channel": published.get("channel"),
        "published_by": published.get("by"),
        "seed_day": task.seed.day if task.seed else None,
        "overdue": bool(published and not drawn and task.seed and task.seed.day < today),
        "drawn_on": _day(drawn.get("on")),
        "seed": drawn.get("seed"),
        "population": manifest["counts"]["population"],
        "target": manifest["counts"]["target"],
        "results": results.get("results", 0) if drawn else None,
        "open": results.get("open") if drawn else None,
    }


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _add_workbook(entry: Journal, folder: TaskFolder, plan: OpenPlan, page: PlanPage, *, lang: str) -> None:
    run = run_of_task(folder)
    if run is None and not isinstance(plan, Opened):
        return  # published from Python: there is nothing to list yet
    target = entry.file(folder.path / WORKBOOK)
    if run is not None:
        listed = set(page.visits["subject_id"]) if page.drawn else set[str]()
        write_task_workbook(target, load_book(run, only=listed), page, lang=lang)
    elif isinstance(plan, Opened):
        write_plan_workbook(plan.plan, target, lang=lang)
    note_origin(entry, folder, workbook=sha256_file(target))


def _keep_edited(entry: Journal, folder: TaskFolder) -> None:
    """Copy the workbook of a task to ``edited/plan-<hash>.xlsx``, so that what people entered there is not lost."""
    path = folder.path / WORKBOOK
    if path.is_file() and folder.origin.workbook not in ("", sha256 := sha256_file(path)):
        kept = folder.path / _EDITED / f"plan-{sha256[:12]}.xlsx"
        entry.write(kept, path.read_bytes())
        _log.warning("%s was edited since it was written: the edited file is kept as %s", path, kept)
