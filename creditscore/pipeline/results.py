"""Read inspection results back: they become next year's random labels, with the probabilities of their draw."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa

from creditscore.batch import read_parquet, write_parquet
from creditscore.errors import DataError
from creditscore.pipeline.book import load_plan
from creditscore.pipeline.folder import RunFolder
from creditscore.records.tables import TABLES
from creditscore.reporting.readback import read_results
from creditscore.tiering.drawn import DrawnPlan


def take_results(run: str | Path, workbook: Path, *, known: dt.date) -> tuple[Path, int]:
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
    sealed = {task: {row["subject_id"]: row for row in plan.drawn.to_dict("records")} for task, plan in drawn.items()}
    rows = [_row(told, sealed, drawn, known) for told in read_results(workbook).to_dict("records")]
    table = pa.Table.from_pylist(rows, schema=TABLES["inspections"].schema)
    path = folder.file("results") / f"inspections-{known.isoformat()}.parquet"
    table = _with_earlier(table, path)
    write_parquet(path, table.sort_by([("inspection_id", "ascending")]))
    return path, len(rows)


def _with_earlier(table: pa.Table, path: Path) -> pa.Table:
    """Together with the results handed in before on that day; the same visit told otherwise is refused."""
    if not path.is_file():
        return table
    earlier = {row["inspection_id"]: row for row in read_parquet(path).to_pylist()}
    now = {row["inspection_id"]: row for row in table.to_pylist()}
    differing = sorted(key for key in earlier.keys() & now.keys() if earlier[key] != now[key])
    if differing:
        raise DataError(f"results: {len(differing)} visits were told otherwise before (the first: {differing[0]})")
    return pa.Table.from_pylist(list({**earlier, **now}.values()), schema=table.schema)


def _row(told: dict[Any, Any], sealed: dict[str, dict[Any, Any]], drawn: dict[str, DrawnPlan], known: dt.date) -> dict[str, Any]:
    task, subject = str(told["task"]), str(told["subject_id"])
    if task not in sealed or subject not in sealed[task]:
        raise DataError(f"{told['cell']}: expected a subject that this task drew")
    row, people = sealed[task][subject], drawn[task].inspectors
    return {
        "inspection_id": f"{task}/{subject}",
        "subject_id": subject,
        "event_date": told["event_date"],
        "known_date": max(told["event_date"], known),
        "trigger": "random",
        "task": task,
        "stratum": row["stratum"],
        "inclusion_probability": float(row["inclusion_probability"]),
        "mode": told["mode"],
        "outcome": told["outcome"],
        "severity": None if told["severity"] is None or told["severity"] != told["severity"] else int(told["severity"]),
        "department": drawn[task].task.department,
        "inspectors": people.loc[people["subject_id"] == subject, "staff_id"].tolist(),
    }
