"""The draw of a task and what changes its list afterwards; draws of frames too large for a folder.

Each command holds ``OUT``, and changes the register, the task's folder and its workbook together.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from creditscore.engine import unbound
from creditscore.errors import DataError, DrawError
from creditscore.inspection.amendments import Joiner, Replacement, joiners, replacement
from creditscore.inspection.candidates import task_population
from creditscore.inspection.draw import draw_table
from creditscore.inspection.justification import Justification
from creditscore.inspection.leaves import Leave, leave
from creditscore.inspection.plan import DrawnPlan, drawn_of
from creditscore.inspection.plan_folder import LOG, MANIFEST
from creditscore.inspection.register import Register
from creditscore.inspection.task_folder import TaskFolder, published_frame, refuse_closed, refuse_second_draw
from creditscore.inspection.task_key import key_hash, read_key
from creditscore.inspection.task_steps import add_draw, add_joiners, add_leave, add_refused_draw, add_replacements
from creditscore.inspection.tickets import ALGORITHM
from creditscore.inspection.visits import Opened
from creditscore.language import DEFAULT_LANGUAGE, _
from creditscore.pipeline.last_trades import with_last_trades
from creditscore.pipeline.open_tasks import add_documents, as_drawn, load_plan, related_plans, results_of_task, run_of_task
from creditscore.pipeline.out_folder import changing
from creditscore.pipeline.people import people_of
from creditscore.pipeline.run_folder import RunFolder
from creditscore.pipeline.run_store import BookFile
from creditscore.records.reading.text_tables import read_text_table
from creditscore.storage import Journal, changed, sha256_file, write_parquet
from creditscore.tiering.tiers import Tiers, shown_tiers
from creditscore.vocabulary import PROPOSED

if TYPE_CHECKING:
    from creditscore.engine import Engine

#: The status in the register of a subject that has closed.
_CLOSED = "deregistered"
#: Outcomes of a visit at which nobody was met: the subject may still be replaced.
_NOT_MET = ("closed", "not_found")
_FRAME, _DRAWN = "frame_of_task", "drawn.parquet"
_FRAME_COLUMNS = ("subject_id", "stratum")


def draw_task(
    folder: str | Path,
    *,
    seed: str,
    by: str,
    on: dt.date | None = None,
    lang: str = DEFAULT_LANGUAGE,
) -> DrawnPlan:
    """Draw a published task, once; then write its workbook, with the drawn list.

    Args:
        folder: ``OUT/tasks/<task>``.
        seed: What the source declared in the frame published, in the declared form.
        by: Who draws.
        on: The day of the draw; that of the seed by default.
        lang: The language of the documents.

    Raises:
        DataError: The folder is none of a task.
        DrawError: The task is a draft, or drawn already (the attempt is logged); its frame was changed or its key is lost; the seed
            has another form or its day has not come; or the name is missing.
        LockedError: A run or another command is writing to the same folder.
    """
    task = TaskFolder.opened(folder)
    with changing(task.out, f"draw {task.task}") as entry:
        refused = Register.of(task.out).drawn(task.task) is not None
        if refused:
            add_refused_draw(entry, task, seed=seed, by=by, on=on)
        else:
            drawn = _draw(entry, task, seed=seed, by=by, on=on)
            _renew(entry, task, Opened(drawn, entry.appended(task.path / LOG)), lang=lang)
    if refused:
        refuse_second_draw(Register.of(task.out), task.task)
    return drawn


def _draw(entry: Journal, task: TaskFolder, *, seed: str, by: str, on: dt.date | None) -> DrawnPlan:
    frame = published_frame(task)
    if frame.format == 2:  # its people were not fixed with it: those of its run
        frame = frame.with_people(*people_of(task))
    drawn = drawn_of(frame, seed=seed, on=on)
    add_draw(entry, task, drawn, by=by)
    return drawn


def _renew(entry: Journal, task: TaskFolder, plan: Opened, *, lang: str) -> None:
    """Add the documents that change with a task to the journal."""
    add_documents(entry, related_plans(task.out, task.task) | {task.task: plan}, task.task, lang=lang)


def replace_subject(
    folder: str | Path, subject_id: str, *, why: Justification, on: dt.date, lang: str = DEFAULT_LANGUAGE
) -> Replacement:
    """Replace a drawn subject of a task by the next ticket of its stratum, and write the task's workbook again.

    Raises:
        DataError: The folder is none of a task.
        DrawError: The task is not drawn, or closed; the subject has a result of a visit already; otherwise see
            :func:`creditscore.inspection.amendments.replacement`.
        LockedError: A run or another command is writing to the same folder.
    """
    task = TaskFolder.opened(folder)
    with changing(task.out, f"plan replace {task.task}") as entry:
        plan = _drawn_plan(task)
        if subject_id in _visited(task):
            raise DrawError(
                "replacement of {subject_id}: expected a subject that was not visited (its result was handed in)",
                subject_id=subject_id,
            )
        done = replacement(plan.plan, plan.log, subject_id, why=why, on=on)
        add_replacements(entry, task, [done])
        _renew(entry, task, Opened(plan.plan, [*plan.log, *entry.appended(task.path / LOG)]), lang=lang)
    return done


def replace_closed(
    folder: str | Path, later: str | Path, *, by: str, second: str, on: dt.date, lang: str = DEFAULT_LANGUAGE
) -> list[Replacement]:
    """Replace every subject to be visited that a later run's register shows as deregistered.

    A subject stays if it was visited (it has a result) or if nobody is left in its stratum to replace it.

    Args:
        folder: A drawn ``OUT/tasks/<task>``.
        later: A run of a later day; its register shows who is deregistered.
        by: The person who decided.
        second: Who else answers for it. The evidence is the register of the later run.
        on: The day of the replacement.
        lang: The language of the documents.

    Raises:
        DataError: The folder is none of a task; or the run is not later than the one that framed it, not the current one of its day
            in the same ``OUT``, or a trial, and the task is none.
        DrawError: The task is not drawn, or closed; a name is missing, or both are of one person; or the day is refused.
        LockedError: A run or another command is writing to the same folder.
    """
    task = TaskFolder.opened(folder)
    run = _later_run(task, later)
    register = run.read("subjects").select(["subject_id", "status"]).to_pandas()
    closed = set(register.loc[register["status"] == _CLOSED, "subject_id"])
    with changing(task.out, f"plan replace {task.task}") as entry:
        plan = _drawn_plan(task)
        _refuse_earlier(run, plan.plan)
        why = Justification(reason=_CLOSED, evidence=run.name, by=by, second=second).checked(_("replacements of closed subjects"))
        replacements = _replacements(plan, closed, visited=_visited(task), why=why, on=on)
        if replacements:
            add_replacements(entry, task, replacements)
            _renew(entry, task, Opened(plan.plan, [*plan.log, *entry.appended(task.path / LOG)]), lang=lang)
    return replacements


def leave_task(folder: str | Path, staff_id: str, *, why: Justification, on: dt.date, lang: str = DEFAULT_LANGUAGE) -> Leave:
    """Put the next in line in the place of an inspector who cannot go any more, and write the task's workbook again.

    Visits with a result keep their inspectors: hand in the results of those that took place first.

    Raises:
        DataError: The folder is none of a task.
        DrawError: The task is not drawn, or closed; otherwise see :func:`creditscore.inspection.leaves.leave`.
        LockedError: A run or another command is writing to the same folder.
    """
    task = TaskFolder.opened(folder)
    with changing(task.out, f"plan leave {task.task}") as entry:
        plan = _drawn_plan(task)
        results = results_of_task(task)
        visited = set[str]() if results is None else set(results["subject_id"])
        done = leave(plan.plan, plan.log, staff_id, visited=visited, why=why, on=on)
        add_leave(entry, task, done)
        _renew(entry, task, Opened(plan.plan, [*plan.log, *entry.appended(task.path / LOG)]), lang=lang)
    return done


def _replacements(plan: Opened, closed: set[str], *, visited: set[str], why: Justification, on: dt.date) -> list[Replacement]:
    replaced = {line["replaced_by"]: line["subject_id"] for line in plan.log if line["what"] == "replaced"}
    to_visit = {*plan.plan.drawn["subject_id"], *replaced} - {*replaced.values()}
    waiting, log, replacements = sorted(closed & to_visit - visited), list(plan.log), list[Replacement]()
    while waiting:
        try:
            done = replacement(plan.plan, log, waiting.pop(0), why=why, on=on)
        except DrawError:  # nobody is left in the stratum: the closed subject keeps its visit, whose outcome is "closed"
            continue
        replacements.append(done)
        log.append(done.line())
        if done.replaced_by in closed:
            waiting.insert(0, done.replaced_by)
    return replacements


def join_late(folder: str | Path, later: str | Path, *, by: str, on: dt.date, lang: str = DEFAULT_LANGUAGE) -> list[Joiner]:
    """Give the subjects of the task's population that came after the frame their tickets, drawn or not.

    Args:
        folder: A drawn ``OUT/tasks/<task>``.
        later: A run of a later day. New subjects come from its register and tiers, and so do recusals for them.
        by: The person who entered them.
        on: The day on which they were entered.
        lang: The language of the documents.

    Raises:
        DataError: The folder is none of a task; or the run is not later than the one that framed it, not the current one of its day
            in the same ``OUT``, or a trial, and the task is none.
        DrawError: The task is not drawn, or closed; see :func:`creditscore.inspection.amendments.joiners`.
        LockedError: A run or another command is writing to the same folder.
    """
    task = TaskFolder.opened(folder)
    run = _later_run(task, later)
    framed_by = run_of_task(task)
    policy = BookFile.load(framed_by or run).policy
    register, recusals = with_last_trades(run.frame("subjects"), run), run.read("recusals").to_pandas()
    joined: list[Joiner] = []
    with changing(task.out, f"plan join {task.task}") as entry:
        plan = _drawn_plan(task)
        _refuse_earlier(run, plan.plan)
        late = _late(run, register, plan)
        if len(late):
            apart = recusals if len(recusals) else None
            joined = joiners(plan.plan, plan.log, late, policy=policy, by=by, on=on, recusals=apart)
            add_joiners(entry, task, joined, run=run.name)
            _renew(entry, task, Opened(plan.plan, [*plan.log, *entry.appended(task.path / LOG)]), lang=lang)
    return joined


def _late(run: RunFolder, register: pd.DataFrame, plan: Opened) -> pd.DataFrame:
    """The subjects of the task's population in a later run that have no ticket yet."""
    tiers = run.frame("tiers")
    population = task_population(Tiers(tiers, subjects=register), register, plan.plan.task)
    waiting = tiers["subject_id"][shown_tiers(tiers) == PROPOSED]
    population = population.assign(proposed=population["subject_id"].isin(waiting), address=_addresses(register, population))
    known = {*plan.plan.sample["subject_id"], *(line["subject_id"] for line in plan.log if line["what"] == "joined")}
    return population[~population["subject_id"].isin(known) & (population["status"] != _CLOSED)]


def _addresses(register: pd.DataFrame, subjects: pd.DataFrame) -> pd.Series:
    """The addresses of subjects where the register has them; a practitioner's is a person's."""
    if "address" not in register:
        return pd.Series("", index=subjects.index)
    known = register.drop_duplicates("subject_id").set_index("subject_id")["address"]
    addresses = subjects["subject_id"].map(known).fillna("").astype(str)
    return addresses.mask(subjects["subject_type"] == "practitioner", "")


def _drawn_plan(task: TaskFolder) -> Opened:
    """The plan of a task whose list may change.

    Raises:
        DrawError: It is not drawn, or closed.
    """
    refuse_closed(task)
    return as_drawn(task, load_plan(task))


def _visited(task: TaskFolder) -> set[str]:
    """Subjects of a task whose results say that somebody was met there."""
    results = results_of_task(task)
    return set() if results is None else set(results.loc[~results["outcome"].isin(_NOT_MET), "subject_id"])


def _later_run(task: TaskFolder, later: str | Path) -> RunFolder:
    """The run whose register and tiers say who closed and who came: the night in force, not one that somebody made for this.

    Raises:
        DataError: It is none of the task's ``OUT``, not the current one of its day, or a trial, and the task is none.
    """
    run = RunFolder.opened(later)
    current = RunFolder.current(task.out, run.as_of)
    if current is None or current.path.resolve() != run.path.resolve():
        raise DataError("{path}: expected the current run of its day in {out}, the folder of the task", path=later, out=task.out)
    if run.is_trial and not task.origin.trial:
        raise DataError(
            "{path}: expected a run with signed cards (got a trial, whose tiers are in force for nobody)", path=run.shown
        )
    return run


def _refuse_earlier(run: RunFolder, plan: DrawnPlan) -> None:
    day = plan.plan.as_of
    if run.as_of <= day:
        raise DataError("{path}: expected a run of a day after {day}", path=run.shown, day=day)


@dataclass(frozen=True)
class DrawnTable:
    """The file of a drawn list, the number of subjects drawn and the number of strata."""

    file: Path
    drawn: int
    strata: int


def draw_frame(
    engine: Engine, frame: Path, strata: Path, *, task: str, seed: str, key: Path, out: Path, encoding: str = "auto"
) -> DrawnTable:
    """Draw a frame that an engine reads from its file; the same sample as of a plan folder with the same seed.

    ``out`` gets ``drawn.parquet`` (``subject_id, stratum, ticket, mode``, by stratum and ticket), and a manifest
    with the hashes of both inputs, the seed, and the last ticket drawn of each stratum: anybody who knows the id
    of a subject can work out from it whether the subject was drawn.

    Args:
        engine: Where to compute.
        frame: Parquet with ``subject_id`` (text, NFC) and ``stratum``, one row per subject that may be drawn.
        strata: CSV with ``stratum, target`` and optionally ``on_site``, such as a ``plan.csv``.
        task: The id of the task.
        seed: The seed.
        key: The file of the frame's key, 64 hexadecimal digits.
        out: A folder that holds no draw yet.
        encoding: Of ``strata``, where its bytes do not prove it.

    Raises:
        DataError: A file or a column is missing, or a file changed while it was drawn.
        DrawError: ``out`` holds a draw already; targets cannot be met; an id cannot be part of a ticket.
    """
    for path in (frame, strata):
        if not path.is_file():
            raise DataError("{path}: expected a file (got nothing)", path=path)
    missing = sorted(set(_FRAME_COLUMNS) - set(pq.read_schema(frame).names))
    if missing:
        raise DataError(
            "{path}: expected the columns {columns} ({missing} missing)",
            path=frame,
            columns=", ".join(_FRAME_COLUMNS),
            missing=", ".join(missing),
        )
    secret = read_key(key)
    if not secret:
        raise DataError("{path}: expected a file (got nothing)", path=key)
    with changed(out, "plan draw-table") as entry:
        if (out / MANIFEST).exists():
            raise DrawError("{out}: holds a draw already; a frame is drawn once", out=out)
        inputs = {"frame": sha256_file(frame), "strata": sha256_file(strata)}
        engine.register(_FRAME, frame)
        subjects = unbound(_FRAME, pa.schema([(name, pa.string()) for name in _FRAME_COLUMNS]))
        drawn, cuts = draw_table(engine, subjects, _read_strata(strata, encoding), seed=seed, task=task, key=secret)
        table = engine.query(drawn).sort_by([("stratum", "ascending"), ("ticket", "ascending")])
        if inputs != {"frame": sha256_file(frame), "strata": sha256_file(strata)}:
            raise DataError("{path}: expected files that stay as they are while they are drawn (one was changed)", path=frame)
        write_parquet(entry.file(out / _DRAWN), table)
        document = {
            "format": "creditscore-drawn-table/2",
            "algorithm": ALGORITHM,
            "key": key_hash(secret),
            "task": task,
            "seed": seed,
            "inputs": inputs,
            "strata": cuts.to_dict("records"),
            "files": {_DRAWN: sha256_file(entry.file(out / _DRAWN))},
        }
        entry.write_json(out / MANIFEST, document)
    return DrawnTable(out / _DRAWN, table.num_rows, len(cuts))


def _read_strata(path: Path, encoding: str) -> pd.DataFrame:
    """``stratum, target, on_site`` of a CSV; without ``on_site`` everybody is visited on site."""
    rows = read_text_table(path, encoding=encoding).to_pylist()
    try:
        strata = [(row["stratum"] or "", int(row["target"]), int(row.get("on_site") or row["target"])) for row in rows]
    except (KeyError, TypeError, ValueError):
        strata = []
    if not strata:  # also where there is but one line, whatever it says
        raise DataError("{path}: expected the columns stratum, target and maybe on_site, with whole numbers", path=path)
    return pd.DataFrame(strata, columns=["stratum", "target", "on_site"])
