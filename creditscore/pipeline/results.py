"""Read inspection results back: they become next year's random labels, with the probabilities of their draw."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from creditscore.batch import write_parquet
from creditscore.errors import DataError
from creditscore.pipeline.book import load_plan
from creditscore.pipeline.folder import RunFolder
from creditscore.records.tables import TABLES
from creditscore.reporting.sheets_plan import LIST_SHEET, list_columns
from creditscore.reporting.words import MODES, OUTCOMES
from creditscore.spreadsheet import read_sheet
from creditscore.tiering.drawn import DrawnPlan

if TYPE_CHECKING:
    from creditscore.spreadsheet import Cell


def read_results(run: str | Path, workbook: Path, *, known: dt.date) -> tuple[Path, int]:
    """Turn the filled-in rows of 抽查名单 into rows of ``inspections`` below ``RUN/results/``.

    Args:
        run: The run whose plans were drawn.
        workbook: Its ``plan.xlsx`` with 检查结果 filled in; rows without a result are not yet visited.
        known: The day on which the results were handed in (their ``known_date``).

    Returns:
        The Parquet file (the standard table ``inspections``) and its number of rows. One row per result, with
        task, stratum and inclusion probability of the sealed draw. To be declared in ``sources.toml``.

    Raises:
        DataError: A cell cannot be read, or names a subject that was not drawn; the message names the cell.
    """
    folder = RunFolder.opened(run)
    drawn = {path.name: plan for path in folder.plans() if isinstance(plan := load_plan(path), DrawnPlan)}
    if not drawn:
        raise DataError(f"{folder.path}: expected a drawn plan (got none): draw first")
    sealed = {task: plan.drawn.set_index("subject_id") for task, plan in drawn.items()}
    rows = []
    for cells in read_sheet(workbook, LIST_SHEET, columns=list_columns("zh")):
        if cells["outcome"].value not in (None, ""):
            rows.append(_row(cells, sealed, drawn, known))
    table = pa.Table.from_pylist(rows, schema=TABLES["inspections"].schema)
    path = folder.file("results") / f"inspections-{known.isoformat()}.parquet"
    write_parquet(path, table.sort_by([("inspection_id", "ascending")]))
    return path, len(rows)


def _row(cells: dict[str, Cell], sealed: dict[str, Any], drawn: dict[str, DrawnPlan], known: dt.date) -> dict[str, Any]:
    task, subject = str(cells["task"].value), str(cells["subject_id"].value)
    if task not in sealed or subject not in sealed[task].index:
        raise DataError(f"{cells['subject_id'].address}: expected a subject that this task drew")
    row, people = sealed[task].loc[subject], drawn[task].inspectors
    day = _day(cells["visited_on"])
    return {
        "inspection_id": f"{task}/{subject}",
        "subject_id": subject,
        "event_date": day,
        "known_date": max(day, known),
        "trigger": "random",
        "task": task,
        "stratum": row["stratum"],
        "inclusion_probability": float(row["inclusion_probability"]),
        "mode": _word(cells["mode"], MODES) or "on_site",
        "outcome": _word(cells["outcome"], OUTCOMES),
        "severity": _severity(cells["found_severity"]),
        "department": drawn[task].task.department,
        "inspectors": people.loc[people["subject_id"] == subject, "staff_id"].tolist(),
    }


def _day(cell: Cell) -> dt.date:
    value = cell.value.date() if isinstance(cell.value, dt.datetime) else cell.value
    if not isinstance(value, dt.date):
        raise DataError(f"{cell.address}: expected the date of the visit")
    return value


def _word(cell: Cell, words: Any) -> str | None:
    if cell.value in (None, ""):
        return None
    known = {label.text(lang): key for key, label in words.items() for lang in ("zh", "en")}
    if cell.value not in known:
        raise DataError(f"{cell.address}: expected one of {', '.join(sorted(known))}")
    return str(known[cell.value])


def _severity(cell: Cell) -> int | None:
    if cell.value in (None, ""):
        return None
    if not isinstance(cell.value, int | float) or cell.value != int(cell.value) or not 1 <= cell.value <= 10:
        raise DataError(f"{cell.address}: expected a severity from 1 to 10")
    return int(cell.value)
