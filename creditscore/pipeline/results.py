"""Read inspection results back. They become labels for later training, with the probability of their draw."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from creditscore.errors import DataError, DrawError
from creditscore.inspection.justification import Justification
from creditscore.inspection.plan import DrawnPlan, InspectionPlan
from creditscore.inspection.plan_folder import PUBLICATION, publication_with
from creditscore.inspection.register import Register
from creditscore.inspection.task_folder import TaskFolder
from creditscore.inspection.task_steps import add_line
from creditscore.inspection.visits import Opened
from creditscore.language import DEFAULT_LANGUAGE, Message, _
from creditscore.pipeline.open_tasks import (
    OpenPlan,
    add_documents,
    as_drawn,
    related_plans,
    results_hash,
    results_table,
    visits_of_tasks,
)
from creditscore.pipeline.out_folder import RESULTS, changing
from creditscore.pipeline.run_folder import WORKBOOK, trained_since
from creditscore.records.tables import TABLES
from creditscore.reporting.planning_tables import DRAWN_LIST
from creditscore.reporting.readback import read_results
from creditscore.spreadsheet import read_sheet, refuse_cells
from creditscore.spreadsheet.read import fill_cells
from creditscore.storage import Journal, locked, read_parquet, settle, write_parquet
from creditscore.vocabulary import OFF_SITE

#: The files of a data folder to which results are added; ``sources.toml`` declares them as sources.
OWN_INSPECTIONS, OWN_FRAMES = "own_inspections.parquet", "own_frames.parquet"
#: Where a task keeps the results that were corrected, as the register's line of that number sealed them.
CORRECTED = "corrected"
_SEVERITIES = 5
_log = logging.getLogger(__name__)

_Row = Mapping[Any, Any]
#: The rows of ``visits_of_tasks`` by task and subject.
_Visits = Mapping[tuple[str, str], _Row]


@dataclass(frozen=True)
class TakenResults:
    """What :func:`take_results` did.

    Attributes:
        file: The file that holds the results of the task.
        results: The number of results in the workbook.
        new: How many of them were not handed in before.
        otherwise: How many of them were checked in another mode (on site or off site) than the draw said.
        open: Visits of the task that have no result yet.
        corrected: Subjects whose earlier result was replaced, in order.
        trained: Runs that trained cards since the earlier results were known, and that may rest on them.
    """

    file: Path
    results: int
    new: int
    otherwise: int
    open: int
    corrected: tuple[str, ...] = ()
    trained: tuple[str, ...] = ()


def take_results(
    folder: str | Path,
    workbook: Path | None = None,
    *,
    known: dt.date,
    data: Path | None = None,
    correction: Justification | None = None,
    lang: str = DEFAULT_LANGUAGE,
) -> TakenResults:
    """Turn the filled-in rows of 抽查名单 into the results of a task, ``OUT/tasks/<task>/results.parquet``.

    A result has the trigger ``random`` and the probability of its draw *for that mode of visit*. In a stratum that is
    covered in full, with the probability 1, its trigger is ``full_coverage``. A visit in another mode than drawn (off
    site where the draw said on site, or the reverse) was somebody's choice: its trigger is ``special``, it has no
    probability, and no card is trained on it. Day and result are also written to the published list.

    Args:
        folder: The task's folder, drawn.
        workbook: A workbook of the task with 检查结果 filled in, by default its own ``plan.xlsx``; rows without a result are
            not yet visited.
        known: The day on which the results were handed in (their ``known_date``).
        data: A data folder, or None. Results and frames are also written to its ``own_inspections.parquet`` and
            ``own_frames.parquet``, which ``sources.toml`` declares.
        correction: Why earlier results that differ are replaced, what shows it, and who answers for it; without it they are
            refused. The new ones are known from ``known`` on; the earlier version stays in the task's folder, below
            ``corrected/``.
        lang: The language of the task's workbook.

    Returns:
        The file and counts. The file is the standard table ``inspections``: one row per result, in the order of
        ``inspection_id``.

    Raises:
        DataError: The folder is none of a task; a task that is not drawn yet also checks the item of this one; a
            cell cannot be read, names a subject that was not drawn, or has a day before the task or the draw or after
            ``known`` (the message names the cell); an earlier result of the same visit differs, or none does that is to be
            corrected; or the file of earlier results is not what the register says. Nothing is written then.
        DrawError: The task is not drawn, or closed; reason, evidence or a name of a correction is missing, or both names are of
            one person; or ``known`` lies ahead, before the draw or another line about the task, or before the day on which a
            result that is corrected was known.
        LockedError: A run or another command is writing to the same folder, or to the data folder.
    """
    task = TaskFolder.opened(folder)
    with locked(data) if data is not None else nullcontext(), changing(task.out, f"results {task.task}") as entry:
        _refuse_closed(task)
        plans = related_plans(task.out, task.task)
        plan = as_drawn(task, plans[task.task])
        visits = _visits_of(task, plans)
        file = workbook or task.path / WORKBOOK
        results = _of_task(read_results(file).to_dict("records"), task)
        refuse_cells(list(_faults(results, visits, {task.task: plan.plan}, known)), file=file)
        refuse_half_merged({task.task}, plans.values(), known=known)
        rows = [_row(result, visits[result["task"], result["subject_id"]], plan.plan, known) for result in results]
        return _add_results(entry, task, plans, visits, rows, known=known, data=data, correction=correction, lang=lang)


def _refuse_closed(task: TaskFolder) -> None:
    """Refuse results of a task that was closed, and corrections of them: its closing list is told.

    Raises:
        DrawError: The task is closed.
    """
    if task.state(Register.of(task.out)) == "closed":
        raise DrawError(
            "task {task}: closed; neither results nor corrections are taken any more; a visit whose result was wrong is delivered "
            "again with the data of its provider, under the same inspection_id, and acts in the night that knows it",
            task=task.task,
        )


def _of_task(results: Sequence[_Row], task: TaskFolder) -> list[_Row]:
    """The results without those of other drawn tasks, which a workbook of an older layout also lists; they are counted."""
    register = Register.of(task.out)
    kept = [row for row in results if row["task"] == task.task or register.drawn(str(row["task"])) is None]
    others = len(results) - len(kept)
    if others:
        _log.warning("%d rows belong to other tasks and were left: hand them in with the folders of these", others)
    return kept


def _visits_of(task: TaskFolder, plans: Mapping[str, OpenPlan]) -> _Visits:
    """The visits that serve a task, by task and subject."""
    rows = visits_of_tasks(task.out, plans).to_dict("records")
    return {(row["task"], row["subject_id"]): row for row in rows if row["task"] == task.task}


def _add_results(
    entry: Journal, task: TaskFolder, plans: Mapping[str, OpenPlan], visits: _Visits, rows: list[dict[str, Any]], *, known: dt.date,
    data: Path | None, correction: Justification | None, lang: str,
) -> TakenResults:  # fmt: skip
    """Add the results to the journal: register, the task's file, its published list, its workbook, and the data folder."""
    path, opened = task.path / RESULTS, plans[task.task]
    earlier = results_table(task)
    before = 0 if earlier is None else earlier.num_rows
    handed = pa.Table.from_pylist(rows, schema=TABLES["inspections"].schema)
    corrected = _differing(handed, earlier)
    about = _corrected(entry, task, earlier, corrected, correction, known)
    table = _with_earlier(handed, path, corrects=bool(about))
    write_parquet(entry.file(path), table)
    if data is not None and isinstance(opened, Opened):
        for file, content in _tables_for(data, table, opened.plan, corrects=bool(about)).items():
            write_parquet(entry.file(file), content)
    done = set(table["subject_id"].to_pylist())
    still_open = sum(not row["replaced_by"] and subject not in done for (_task, subject), row in visits.items())
    if table.num_rows != before or about:  # the same workbook again is no news
        outcomes = {row["subject_id"]: (row["event_date"], row["outcome"]) for row in rows}
        entry.write(task.path / PUBLICATION, publication_with(task.path, outcomes))
        counts = {"results": table.num_rows, "new": table.num_rows - before, "open": still_open, "on": known.isoformat()}
        sealed = results_hash(table)
        add_line(entry, task, "results", **counts, content=sealed, **about)
        handed_in: pd.DataFrame = table.to_pandas(date_as_object=True)
        add_documents(entry, plans, task.task, results=handed_in, lang=lang)
    otherwise, subjects = sum(row["trigger"] == "special" for row in rows), tuple(about.get("corrected", ()))
    since = min((row["known_date"] for row in corrected), default=known)
    trained = trained_since(task.out, since) if about else ()
    return TakenResults(path, len(rows), table.num_rows - before, otherwise, still_open, subjects, trained)


def _differing(table: pa.Table, earlier: pa.Table | None) -> list[dict[str, Any]]:
    """The earlier results of visits that now have another one in anything but the day on which it was known."""
    rows = {row["inspection_id"]: row for row in table.to_pylist()}
    known = [] if earlier is None else earlier.to_pylist()
    return [row for row in known if row | {"known_date": None} != rows.get(row["inspection_id"], row) | {"known_date": None}]


def _corrected(
    entry: Journal, task: TaskFolder, earlier: pa.Table | None, corrected: Sequence[_Row], correction: Justification | None,
    known: dt.date,
) -> dict[str, Any]:  # fmt: skip
    """Keep the earlier version of results that are corrected; what the register's line says of them.

    Raises:
        DataError: None differs.
        DrawError: Reason, evidence or a name is missing; or a result that is corrected was known only later than ``known``.
    """
    if correction is None:
        return {}
    why = correction.checked(_("correction of results of task {task}", task=task.task))
    if earlier is None or not corrected:
        raise DataError("results: expected results that differ from those handed in before, to correct them (none does)")
    since = max(row["known_date"] for row in corrected)
    if known < since:
        raise DrawError(
            "correction of results of task {task}: expected a day on or after {since}, on which what is corrected was known (got "
            "{known})",
            task=task.task,
            since=since,
            known=known,
        )
    sealed = [line for line in Register.of(task.out).of_task(task.task) if line["what"] == "results"]
    write_parquet(entry.file(task.path / CORRECTED / f"results-{sealed[-1]['number']}.parquet"), earlier)
    return {"corrected": sorted(row["subject_id"] for row in corrected), **asdict(why)}


def _faults(results: Iterable[_Row], visits: _Visits, drawn: Mapping[str, DrawnPlan], known: dt.date) -> Iterator[Message]:
    """One sentence per result that cannot be accepted, beginning with the address of its cell."""
    keys = set()
    for result in results:
        plan, day = drawn.get(str(result["task"])), result["event_date"]
        key, cell = (result["task"], result["subject_id"]), result["cell"]
        if key not in visits or plan is None:
            yield _("{cell}: expected a subject that this task drew", cell=cell)
        elif key in keys:
            yield _("{cell}: expected each subject once per task", cell=cell)
        elif day > known:
            yield _("{cell}: the visit is later than the day of handing in, {known}", cell=cell, known=known)
        elif day < plan.task.start:
            yield _("{cell}: the visit is before the task starts, {start}", cell=cell, start=plan.task.start)
        elif plan.drawn_on is not None and day < plan.drawn_on:
            yield _(
                "{cell}: the visit is before the draw, {drawn_on}: it was not the draw that chose the subject",
                cell=cell,
                drawn_on=plan.drawn_on,
            )
        keys.add(key)


def refuse_half_merged(tasks: set[str], plans: Iterable[OpenPlan], *, known: dt.date) -> None:
    """Refuse results of tasks whose item another task also checks, until that other task is drawn as well.

    A subject then has two chances to be visited for the item, and its probability is that of either draw. It is not
    known before both draws. A task whose period is over on the day ``known`` without a draw will not be drawn any more.

    Raises:
        DataError: A plan that is not drawn yet also checks the item of one of ``tasks``.
    """
    for task in (plan.task for plan in plans if isinstance(plan, InspectionPlan) and plan.task.end >= known):
        shared = sorted(tasks & set(task.also_checks))
        if shared:
            raise DataError(
                "task {task}: expected a drawn plan, since its visits also check the item of {others}; draw it first",
                task=task.id,
                others=", ".join(shared),
            )


def _row(result: _Row, visit: _Row, plan: DrawnPlan, known: dt.date) -> dict[str, Any]:
    """One row of ``inspections``."""
    task, subject, chance = str(result["task"]), str(result["subject_id"]), float(visit["mode_probability"])
    mode = result["mode"] or visit["mode"]
    random, certain = mode == visit["mode"], visit["full_coverage"] and chance == 1.0
    return {
        "inspection_id": f"{task}/{subject}",
        "subject_id": subject,
        "event_date": result["event_date"],
        "known_date": known,
        "trigger": "special" if not random else "full_coverage" if certain else "random",
        "task": task,
        "stratum": visit["stratum"],
        "inclusion_probability": chance if random else None,
        "mode": mode,
        "outcome": result["outcome"],
        "severity": None if pd.isna(result["severity"]) else int(result["severity"]),
        "department": plan.task.department,
        "inspectors": list(visit["team"]),
    }


def _with_earlier(table: pa.Table, path: Path, *, corrects: bool = False) -> pa.Table:
    """The results of ``table`` and those in a file, by ``inspection_id``; the file may be missing.

    A visit that is in both keeps the row of the file, and so the day on which its result was first known.

    Raises:
        DataError: They differ on the same visit in anything but ``known_date``, and ``corrects`` does not say that they may.
    """
    rows = {row["inspection_id"]: row for row in table.to_pylist()}
    known = read_parquet(path) if path.is_file() else None
    earlier = {row["inspection_id"]: row for row in known.to_pylist()} if known is not None else {}
    differing = sorted(row["inspection_id"] for row in _differing(table, known))
    if differing and not corrects:
        raise DataError(
            "results: {count} visits have another result in an earlier workbook (the first: {first}); replace it with --correct, "
            "--reason, --evidence, --by and --second if the earlier one was wrong",
            count=len(differing),
            first=differing[0],
        )
    together = {**rows, **{key: row for key, row in earlier.items() if key not in differing}}
    return pa.Table.from_pylist([together[key] for key in sorted(together)], schema=table.schema)


def _tables_for(data: Path, table: pa.Table, plan: DrawnPlan, *, corrects: bool) -> dict[Path, pa.Table]:
    """The results and the frame of their draw as files of a data folder.

    Frames have one row per stratum with visits on site: ``population`` is the number of its subjects, ``drawn`` the
    number of them that were drawn for a visit on site.
    """
    inspections, frames = data / OWN_INSPECTIONS, data / OWN_FRAMES
    earlier = read_parquet(frames).to_pylist() if frames.is_file() else []
    rows = {(row["task"], row["stratum"]): row for row in earlier}
    columns = (plan.strata[name].tolist() for name in ("stratum", "population", "on_site"))
    for stratum, population, on_site in zip(*columns, strict=True):
        if on_site:
            task = plan.task.id
            rows[task, stratum] = {"task": task, "stratum": stratum, "population": population, "drawn": on_site}
    both = pa.Table.from_pylist([rows[key] for key in sorted(rows)], schema=TABLES["frames"].schema)
    return {inspections: _with_earlier(table, inspections, corrects=corrects), frames: both}


def visit_simulated(folder: str | Path, truth: Path, *, out: Path) -> int:
    """Copy ``plan.xlsx`` of a task and fill in day, outcome and severity of every visit on its drawn list.

    This works for simulated cities only, since only there the true risk is known. Each subject is visited on the first
    day of its week. The outcome is the one that ``risk.parquet`` has for the subject in that quarter. Off site, half of
    the violations are overlooked; the ticket decides which.

    Args:
        folder: The folder of a drawn task over a simulated city.
        truth: The folder with the true risks of the city.
        out: The filled-in workbook, to be written.

    Returns:
        The number of visits.

    Raises:
        DataError: ``risk.parquet`` cannot be read, or the task is not drawn.
    """
    task = TaskFolder.opened(folder)
    settle(task.out)
    visits = visits_of_tasks(task.out, related_plans(task.out, task.task))
    visits = visits[visits["task"] == task.task]
    if visits.empty:
        raise DataError("{path}: expected a drawn task (got none): draw first", path=task.path)
    outcomes = {(row["task"], row["subject_id"]): row for row in _simulated_outcomes(visits, truth).to_dict("records")}
    cells: dict[str, Any] = {}
    for row in read_sheet(task.path / WORKBOOK, DRAWN_LIST.title, columns=DRAWN_LIST.columns):
        visit = outcomes[str(row["task"].value), str(row["subject_id"].value)]
        cells |= {
            row["visited_on"].address: visit["week_from"],
            row["outcome"].address: visit["outcome"],
            row["found_severity"].address: visit["severity"],
        }
    fill_cells(task.path / WORKBOOK, cells, out=out)
    return len(outcomes)


def _simulated_outcomes(visits: pd.DataFrame, truth: Path) -> pd.DataFrame:
    """The visits with ``outcome`` and ``severity``. A subject that ``risk.parquet`` lacks in that quarter has closed."""
    risk = read_parquet(truth / "risk.parquet").select(["subject_id", "date", "outcome"]).to_pandas()
    risk["date"] = pd.to_datetime(risk["date"])
    quarters = pd.DatetimeIndex(sorted(risk["date"].unique()))
    quarter = quarters.searchsorted(pd.to_datetime(visits["week_from"]), side="right") - 1
    keys = pd.MultiIndex.from_arrays([visits["subject_id"], quarters[quarter.clip(0)]])
    by_quarter = risk.set_index(["subject_id", "date"])["outcome"].reindex(keys)
    outcome = pd.Series(by_quarter.to_numpy(), index=visits.index).fillna("closed")
    digits = visits["ticket"].map(lambda ticket: int(ticket[-2:], 16))
    overlooked = (visits["mode"] == OFF_SITE) & (outcome == "violation") & (digits % 16 < 8)
    outcome = outcome.mask(overlooked, "none").mask(visits["replaced_by"] != "", "closed")
    severity = (1 + digits % _SEVERITIES).astype(object).where(outcome == "violation", None)
    return visits.assign(outcome=outcome, severity=severity)
