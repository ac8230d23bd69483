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
from creditscore.pipeline.run_store import opened_plan, visits_in
from creditscore.records.tables import TABLES
from creditscore.reporting.planning_tables import LIST_SHEET, list_columns
from creditscore.reporting.readback import read_results, refuse_cells
from creditscore.spreadsheet import read_sheet
from creditscore.spreadsheet.read import fill_cells
from creditscore.storage import locked, read_parquet, write_parquet
from creditscore.vocabulary import OFF_SITE

_HALF, _SEVERITIES = 8, 5


def visit_simulated(run: str | Path, truth: Path, *, out: Path) -> int:
    """Copy ``plan.xlsx`` of a run with day, outcome and severity of every visit on its drawn list. Returns how many.

    Each subject is visited on the first day of its week. What is found is what the city's truth says a visit
    of that quarter finds (``risk.parquet``); of violations every second is seen off site, by the ticket.
    Only for simulated cities: nobody else has a truth.

    Args:
        run: A run whose plans were drawn, over a simulated city.
        truth: The city's folder of truth.
        out: The filled-in workbook.

    Raises:
        DataError: There is no such truth, or nothing is drawn.
    """
    folder = RunFolder.opened(run)
    visits = visits_in(folder, [opened_plan(path) for path in folder.plans()])
    if visits.empty:
        raise DataError("{path}: expected a drawn plan (got none): draw first", path=folder.path)
    found = {(row["task"], row["subject_id"]): row for row in _outcomes(visits, truth).to_dict("records")}
    cells: dict[str, Any] = {}
    for row in read_sheet(folder.file(WORKBOOK), LIST_SHEET, columns=list_columns("zh")):
        told = found[str(row["task"].value), str(row["subject_id"].value)]
        cells |= {
            row["visited_on"].address: told["week_from"],
            row["outcome"].address: told["outcome"],
            row["found_severity"].address: told["severity"],
        }
    fill_cells(folder.file(WORKBOOK), cells, out=out)
    return len(found)


def _outcomes(visits: pd.DataFrame, truth: Path) -> pd.DataFrame:
    """The visits with ``outcome`` and ``severity``; a subject without a truth on that day has closed."""
    risk = read_parquet(truth / "risk.parquet").select(["subject_id", "date", "outcome"]).to_pandas()
    quarters = pd.DatetimeIndex(sorted(pd.to_datetime(risk["date"]).unique()))
    days = pd.to_datetime(visits["week_from"])
    place = quarters.searchsorted(days, side="right") - 1
    known = risk.assign(date=pd.to_datetime(risk["date"])).set_index(["subject_id", "date"])["outcome"]
    keys = pd.MultiIndex.from_arrays([visits["subject_id"], quarters[place.clip(0)]])
    outcome = pd.Series(known.reindex(keys).to_numpy(), index=visits.index).fillna("closed")
    digits = visits["ticket"].map(lambda ticket: int(ticket[-2:], 16))
    unseen = (visits["mode"] == OFF_SITE) & (outcome == "violation") & (digits % (2 * _HALF) < _HALF)
    outcome = outcome.mask(unseen, "none").mask(visits["replaced_by"] != "", "closed")
    severity = (1 + digits % _SEVERITIES).astype(object).where(outcome == "violation", None)
    return visits.assign(outcome=outcome, severity=severity)


#: Files of a data folder that results go to; ``sources.toml`` declares them.
OWN_INSPECTIONS, OWN_FRAMES = "own_inspections.parquet", "own_frames.parquet"

Visits = Mapping[tuple[str, str], Mapping[Any, Any]]


@dataclass(frozen=True)
class Taken:
    """What was read: the file, the number of results, and how many of them were checked otherwise than drawn."""

    file: Path
    results: int
    otherwise: int


def take_results(run: str | Path, workbook: Path, *, known: dt.date, data: Path | None = None) -> Taken:
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
            after ``known``; or a result was told otherwise before. The message names the cell; nothing is taken.
    """
    folder = RunFolder.opened(run)
    plans = [opened_plan(path) for path in folder.plans()]
    drawn = {one.plan.task.id: one.plan for one in plans if isinstance(one, Opened)}
    if not drawn:
        raise DataError("{path}: expected a drawn plan (got none): draw first", path=folder.path)
    visits: Visits = {(row["task"], row["subject_id"]): row for row in visits_in(folder, plans).to_dict("records")}
    told = read_results(workbook).to_dict("records")
    refuse_cells(list(_faults(told, visits, drawn, known)), file=workbook)
    _refuse_half_merged({str(one["task"]) for one in told}, plans)
    rows = [_row(one, visits[one["task"], one["subject_id"]], drawn[str(one["task"])], known) for one in told]
    path = folder.file("results") / f"inspections-{known.isoformat()}.parquet"
    with locked(folder.out):
        table = pa.Table.from_pylist(rows, schema=TABLES["inspections"].schema)
        for handed_in in sorted(path.parent.glob("inspections-*.parquet")):  # refused if it told one of them otherwise
            _with_earlier(table, handed_in)
        table = _with_earlier(table, path)
        for target, one in {path: table, **(_own_tables(table, drawn, data) if data else {})}.items():
            write_parquet(target, one)
        for task in sorted({row["task"] for row in rows}):
            publish_results(
                folder.plan(task), {r["subject_id"]: (r["event_date"], r["outcome"]) for r in rows if r["task"] == task}
            )
    return Taken(path, len(rows), sum(row["trigger"] == "special" for row in rows))


def _faults(told: list[dict[Any, Any]], visits: Visits, drawn: Mapping[str, DrawnPlan], known: dt.date) -> Iterator[str]:
    seen = set()
    for one in told:
        plan = drawn.get(str(one["task"]))
        key, cell = (one["task"], one["subject_id"]), one["cell"]
        if key not in visits or plan is None:
            yield f"{cell}: expected a subject that this task drew"
        elif key in seen:
            yield f"{cell}: the subject stands twice in the task"
        elif one["event_date"] > known:
            yield f"{cell}: the visit is later than the day of handing in, {known}"
        elif one["event_date"] < plan.task.start:
            yield f"{cell}: the visit is before the task starts, {plan.task.start}"
        elif plan.drawn_on is not None and one["event_date"] < plan.drawn_on:
            yield f"{cell}: the visit is before the draw, {plan.drawn_on}: it was not the draw that chose the subject"
        seen.add(key)


def _refuse_half_merged(tasks: set[str], plans: Iterable[InspectionPlan | Opened]) -> None:
    """An item that visits of another task check too is seen by the union of both draws: both must have been made."""
    for task in (plan.task for plan in plans if isinstance(plan, InspectionPlan)):
        seen_too = sorted(tasks & set(task.also_checks))
        if seen_too:
            raise DataError(
                "task {task_id}: expected it drawn: its visits check the item of {seen_too} too",
                task_id=task.id,
                seen_too=", ".join(seen_too),
            )


def _row(told: Mapping[Any, Any], visit: Mapping[Any, Any], plan: DrawnPlan, known: dt.date) -> dict[str, Any]:
    task, subject, chance = str(told["task"]), str(told["subject_id"]), float(visit["mode_probability"])
    mode = told["mode"] or visit["mode"]
    random, sure = mode == visit["mode"], visit["full_coverage"] and chance == 1.0
    return {
        "inspection_id": f"{task}/{subject}",
        "subject_id": subject,
        "event_date": told["event_date"],
        "known_date": known,
        "trigger": "special" if not random else "full_coverage" if sure else "random",
        "task": task,
        "stratum": visit["stratum"],
        "inclusion_probability": chance if random else None,
        "mode": mode,
        "outcome": told["outcome"],
        "severity": None if pd.isna(told["severity"]) else int(told["severity"]),
        "department": plan.task.department,
        "inspectors": list(visit["team"]),
    }


def _with_earlier(table: pa.Table, path: Path) -> pa.Table:
    """Together with the results that stand there, which keep the day on which they were first known.

    Raises:
        DataError: The same visit was told otherwise.
    """
    rows = {row["inspection_id"]: row for row in table.to_pylist()}
    earlier = {row["inspection_id"]: row for row in read_parquet(path).to_pylist()} if path.is_file() else {}
    differing = [key for key in sorted(earlier.keys() & rows.keys()) if _told(earlier[key]) != _told(rows[key])]
    if differing:
        raise DataError(
            "results: {n_differing} visits were told otherwise before (the first: {differing})",
            n_differing=len(differing),
            differing=differing[0],
        )
    together = {**rows, **earlier}
    return pa.Table.from_pylist([together[key] for key in sorted(together)], schema=table.schema)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "known_date"}


def _own_tables(table: pa.Table, drawn: Mapping[str, DrawnPlan], data: Path) -> dict[Path, pa.Table]:
    """The results and the frames of their draws as files of a data folder."""
    inspections, frames = data / OWN_INSPECTIONS, data / OWN_FRAMES
    earlier = read_parquet(frames).to_pylist() if frames.is_file() else []
    rows = {(row["task"], row["stratum"]): row for row in [*earlier, *(row for plan in drawn.values() for row in _frames(plan))]}
    both = pa.Table.from_pylist([rows[key] for key in sorted(rows)], schema=TABLES["frames"].schema)
    return {inspections: _with_earlier(table, inspections), frames: both}


def _frames(plan: DrawnPlan) -> Iterator[dict[str, Any]]:
    """N and n of the on-site part of each stratum that has one: the draw behind findings on site."""
    columns = (plan.strata[name].tolist() for name in ("stratum", "population", "on_site"))
    for stratum, size, n in zip(*columns, strict=True):
        if n:
            yield {"task": plan.task.id, "stratum": stratum, "population": size, "drawn": n}
