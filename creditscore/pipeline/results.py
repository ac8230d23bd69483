"""Read inspection results back: they become next year's random labels, with the probabilities of their draw."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from creditscore.errors import DataError
from creditscore.inspection.plan import DrawnPlan, InspectionPlan
from creditscore.inspection.plan_folder import publish_results
from creditscore.inspection.visits import Opened
from creditscore.pipeline.run_folder import WORKBOOK, RunFolder
from creditscore.pipeline.run_store import open_plans, visits_of_run
from creditscore.records.tables import TABLES
from creditscore.reporting.planning_tables import DRAWN_LIST
from creditscore.reporting.readback import read_results, refuse_cells
from creditscore.spreadsheet import read_sheet
from creditscore.spreadsheet.read import fill_cells
from creditscore.storage import locked, read_parquet, write_parquet
from creditscore.vocabulary import OFF_SITE

#: Files of a data folder that results go to; ``sources.toml`` declares them.
OWN_INSPECTIONS, OWN_FRAMES = "own_inspections.parquet", "own_frames.parquet"
_SEVERITIES = 5

_Row = Mapping[Any, Any]
#: The rows of ``visits_of_run`` by task and subject.
_Visits = Mapping[tuple[str, str], _Row]


@dataclass(frozen=True)
class TakenResults:
    """What was read: the file, the number of results, and how many of them were checked otherwise than drawn."""

    file: Path
    results: int
    otherwise: int


def take_results(run: str | Path, workbook: Path, *, known: dt.date, data: Path | None = None) -> TakenResults:
    """Turn the filled-in rows of 抽查名单 into rows of ``inspections`` below ``RUN/results/``.

    A result counts as random, with the probability that its draw had *for that way of checking*. A subject
    that was checked otherwise than drawn (off site where the draw said on site, or the other way) was
    chosen by somebody: its trigger is ``special``, and it trains nothing. The published lists get day and result.

    Args:
        run: The run whose plans were drawn.
        workbook: Its ``plan.xlsx`` with 检查结果 filled in; rows without a result are not yet visited.
        known: The day on which the results were handed in (their ``known_date``).
        data: A data folder: results and frames also go into its ``own_inspections.parquet`` and
            ``own_frames.parquet``, which ``sources.toml`` declares.

    Returns:
        The file (the standard table ``inspections``, one row per result, by inspection_id) and counts.

    Raises:
        DataError: A cell cannot be read, names a subject that was not drawn, or a day before the task or the draw, or
            after ``known``; or an earlier result of the same visit differs. The message names the cell; nothing is taken.
        LockedError: A run or another command is writing in the same place.
    """
    folder = RunFolder.opened(run)
    plans = open_plans(folder)
    drawn = {opened.plan.task.id: opened.plan for opened in plans if isinstance(opened, Opened)}
    if not drawn:
        raise DataError("{path}: expected a drawn plan (got none): draw first", path=folder.path)
    visits: _Visits = {(row["task"], row["subject_id"]): row for row in visits_of_run(folder, plans).to_dict("records")}
    results = read_results(workbook).to_dict("records")
    refuse_cells(list(_faults(results, visits, drawn, known)), file=workbook)
    refuse_half_merged({str(result["task"]) for result in results}, plans)
    rows = [_row(result, visits[result["task"], result["subject_id"]], drawn[str(result["task"])], known) for result in results]
    path = folder.file("results") / f"inspections-{known.isoformat()}.parquet"
    with locked(folder.out):
        table = pa.Table.from_pylist(rows, schema=TABLES["inspections"].schema)
        for earlier in sorted(path.parent.glob("inspections-*.parquet")):  # refused if one of them differs
            _with_earlier(table, earlier)
        table = _with_earlier(table, path)
        for file, content in {path: table, **(_tables_for(data, table, drawn) if data else {})}.items():
            write_parquet(file, content)
        for task in sorted({row["task"] for row in rows}):
            outcomes = {row["subject_id"]: (row["event_date"], row["outcome"]) for row in rows if row["task"] == task}
            publish_results(folder.plan(task), outcomes)
    return TakenResults(path, len(rows), sum(row["trigger"] == "special" for row in rows))


def _faults(results: Iterable[_Row], visits: _Visits, drawn: Mapping[str, DrawnPlan], known: dt.date) -> Iterator[str]:
    """One line per result that cannot be taken, beginning with its cell."""
    keys = set()
    for result in results:
        plan, day = drawn.get(str(result["task"])), result["event_date"]
        key, cell = (result["task"], result["subject_id"]), result["cell"]
        if key not in visits or plan is None:
            yield f"{cell}: expected a subject that this task drew"
        elif key in keys:
            yield f"{cell}: the subject stands twice in the task"
        elif day > known:
            yield f"{cell}: the visit is later than the day of handing in, {known}"
        elif day < plan.task.start:
            yield f"{cell}: the visit is before the task starts, {plan.task.start}"
        elif plan.drawn_on is not None and day < plan.drawn_on:
            yield f"{cell}: the visit is before the draw, {plan.drawn_on}: it was not the draw that chose the subject"
        keys.add(key)


def refuse_half_merged(tasks: set[str], plans: Iterable[InspectionPlan | Opened]) -> None:
    """Wait for all draws of an item: one that visits of another task check too has the union of both probabilities.

    Raises:
        DataError: A plan that is not drawn yet checks the item of one of ``tasks`` too.
    """
    for task in (plan.task for plan in plans if isinstance(plan, InspectionPlan)):
        shared = sorted(tasks & set(task.also_checks))
        if shared:
            raise DataError(
                "task {task}: expected it drawn: its visits check the item of {others} too",
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


def _with_earlier(table: pa.Table, path: Path) -> pa.Table:
    """Results together with those in a file, which keep the day on which they were first known.

    Raises:
        DataError: The two differ on the same visit.
    """
    rows = {row["inspection_id"]: row for row in table.to_pylist()}
    earlier = {row["inspection_id"]: row for row in read_parquet(path).to_pylist()} if path.is_file() else {}
    both = sorted(earlier.keys() & rows.keys())
    differing = [key for key in both if earlier[key] | {"known_date": None} != rows[key] | {"known_date": None}]
    if differing:
        raise DataError(
            "results: {count} visits were told otherwise before (the first: {first})", count=len(differing), first=differing[0]
        )
    together = {**rows, **earlier}
    return pa.Table.from_pylist([together[key] for key in sorted(together)], schema=table.schema)


def _tables_for(data: Path, table: pa.Table, drawn: Mapping[str, DrawnPlan]) -> dict[Path, pa.Table]:
    """The results and the frames of their draws as files of a data folder.

    A frame has N and n of the on-site part of each stratum that has one: the draw behind findings on site.
    """
    inspections, frames = data / OWN_INSPECTIONS, data / OWN_FRAMES
    earlier = read_parquet(frames).to_pylist() if frames.is_file() else []
    rows = {(row["task"], row["stratum"]): row for row in earlier}
    for plan in drawn.values():
        columns = (plan.strata[name].tolist() for name in ("stratum", "population", "on_site"))
        for stratum, population, on_site in zip(*columns, strict=True):
            if on_site:
                task = plan.task.id
                rows[task, stratum] = {"task": task, "stratum": stratum, "population": population, "drawn": on_site}
    both = pa.Table.from_pylist([rows[key] for key in sorted(rows)], schema=TABLES["frames"].schema)
    return {inspections: _with_earlier(table, inspections), frames: both}


def visit_simulated(run: str | Path, truth: Path, *, out: Path) -> int:
    """Copy ``plan.xlsx`` of a run with day, outcome and severity of every visit on its drawn list.

    Each subject is visited on the first day of its week. What is found is what the city's truth says a visit
    of that quarter finds (``risk.parquet``); of violations half are not found off site, by the ticket.
    Only for simulated cities: nobody else has a truth.

    Args:
        run: A run whose plans were drawn, over a simulated city.
        truth: The city's folder of truth.
        out: The filled-in workbook.

    Returns:
        The number of visits.

    Raises:
        DataError: There is no such truth, or nothing is drawn.
    """
    folder = RunFolder.opened(run)
    visits = visits_of_run(folder, open_plans(folder))
    if visits.empty:
        raise DataError("{path}: expected a drawn plan (got none): draw first", path=folder.path)
    outcomes = {(row["task"], row["subject_id"]): row for row in _simulated_outcomes(visits, truth).to_dict("records")}
    cells: dict[str, Any] = {}
    for row in read_sheet(folder.file(WORKBOOK), DRAWN_LIST.title, columns=DRAWN_LIST.columns):
        visit = outcomes[str(row["task"].value), str(row["subject_id"].value)]
        cells |= {
            row["visited_on"].address: visit["week_from"],
            row["outcome"].address: visit["outcome"],
            row["found_severity"].address: visit["severity"],
        }
    fill_cells(folder.file(WORKBOOK), cells, out=out)
    return len(outcomes)


def _simulated_outcomes(visits: pd.DataFrame, truth: Path) -> pd.DataFrame:
    """The visits with ``outcome`` and ``severity``; a subject without a truth on that day has closed."""
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
