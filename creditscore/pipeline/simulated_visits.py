"""Play the inspectors of a simulated city: fill the drawn list with what visits would find, from the city's truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from creditscore.batch import read_parquet
from creditscore.errors import DataError
from creditscore.pipeline.book import opened_plan, visits_in
from creditscore.pipeline.folder import WORKBOOK, RunFolder
from creditscore.reporting.sheets_plan import LIST_SHEET, list_columns
from creditscore.spreadsheet import read_sheet
from creditscore.spreadsheet.fill import fill_cells
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
        raise DataError(f"{folder.path}: expected a drawn plan (got none): draw first")
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
