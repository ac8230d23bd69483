"""The inspectors who may be sent in a task, and who is recused: from files that are named, else of the run that framed it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from creditscore.errors import DataError
from creditscore.inspection.task_folder import TaskFolder
from creditscore.pipeline.open_tasks import run_of_task
from creditscore.records.reading.text_tables import read_text_table
from creditscore.storage import read_parquet


def people_of(
    task: TaskFolder, *, staff: Path | None = None, recusals: Path | None = None, encoding: str = "auto"
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Staff and recusals of a task; None where there are no rows.

    Args:
        task: Its folder says which run framed it.
        staff: A Parquet or CSV file with the columns of the standard table ``staff``; by default the inspectors of the run.
        recusals: The same for the standard table ``recusals``.
        encoding: Of text files that are named, where their bytes do not prove it.

    Raises:
        DataError: A file that was named does not exist or cannot be read.
    """
    run = run_of_task(task)
    people = _rows(staff, run.file("staff.parquet") if run else None, encoding)
    return people, _rows(recusals, run.file("recusals.parquet") if run else None, encoding)


def _rows(named: Path | None, of_run: Path | None, encoding: str) -> pd.DataFrame | None:
    if named is not None and not named.is_file():
        raise DataError("{path}: expected a file (got nothing); nothing was done", path=named)
    path = named or of_run
    if path is None or not path.is_file():
        return None
    if path.suffix == ".csv":
        people: pd.DataFrame = read_text_table(path, encoding=encoding).to_pandas().fillna("").astype("str")
        return people
    frame: pd.DataFrame = read_parquet(path).to_pandas(date_as_object=True)
    return frame if len(frame) else None
