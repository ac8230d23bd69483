"""Reads what a planner, an inspector or a reviewer filled into the workbook; errors are named by cell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from creditscore.config.spec import ppm
from creditscore.dates import day_of
from creditscore.errors import DataError
from creditscore.inspection.plan_folder import OUTCOME_WORDS
from creditscore.language import DEFAULT_LANGUAGE, Message, Text, Words, _
from creditscore.reporting.planning_tables import DRAWN_LIST, RATIOS, REVIEWS
from creditscore.reporting.words import DECISIONS, MODE_WORDS
from creditscore.spreadsheet import Cell, label_texts, read_sheet, refuse_cells


class _Faults:
    """Collects faults by cell, so that a person mends all of them at once."""

    def __init__(self, path: str | Path) -> None:
        self.path, self.messages = Path(path), list[Message]()

    def value(self, cell: Cell, read: Callable[[Any], Any]) -> Any:
        """What ``read`` makes of a cell; where it raises a DataError, that is a fault of the cell and the value is None."""
        try:
            return read(cell.value)
        except DataError as error:
            self.add(cell, error)
            return None

    def add(self, cell: Cell, fault: Text) -> None:
        """Note a fault of a cell."""
        self.messages.append(_("{cell}: {fault}", cell=cell.address, fault=fault))

    def stop(self) -> None:
        """Refuse the workbook if there are faults.

        Raises:
            DataError: There are faults.
        """
        refuse_cells(self.messages, file=self.path)


#: What is read of each sheet; a workbook of an earlier version may lack other columns.
_RATIOS_READ = ("task", "industry", "tier", "ratio", "stratum")
_RESULTS_READ = ("task", "subject_id", "visited_on", "mode", "outcome", "found_severity")
_DECISIONS_READ = ("subject_id", "decision", "reviewer", "review_reason", "reviewed_on", "grounds_hash")


def read_ratios(path: str | Path) -> pd.DataFrame:
    """The ratios of 抽查比例方案 as they are now: ``task, stratum, tier, industry, ratio_ppm, cell``, one row per stratum.

    Raises:
        DataError: A ratio is not a number from 0 to 100 % or is 0 (no tier is exempt), or a task has a stratum twice.
    """
    faults, rows, seen = _Faults(path), [], set[tuple[str, str]]()
    for row in read_sheet(path, RATIOS.title, columns=RATIOS.pick(*_RATIOS_READ)):
        names = {key: str(row[key].value or "") for key in ("task", "stratum", "tier", "industry")}
        key = (names["task"], names["stratum"])
        if key in seen:
            faults.add(row["stratum"], _("expected each stratum of a task once"))
        seen.add(key)
        ratio = faults.value(row["ratio"], _ratio)
        rows.append({**names, "ratio_ppm": ratio, "cell": row["ratio"].address})
    faults.stop()
    return pd.DataFrame(rows, columns=["task", "stratum", "tier", "industry", "ratio_ppm", "cell"]).astype({"ratio_ppm": "int64"})


def read_results(path: str | Path) -> pd.DataFrame:
    """The results filled into 抽查名单: one row per subject with an outcome.

    Columns: ``task, subject_id, event_date, mode, outcome, severity, cell``; codes as in the table ``inspections``,
    ``mode`` empty where the cell is. Rows without an outcome are left out.

    Raises:
        DataError: An outcome without a date, a word that is not in the list, or a severity beyond 1 to 10 or
            without a violation.
    """
    faults, rows = _Faults(path), []
    for row in read_sheet(path, DRAWN_LIST.title, columns=DRAWN_LIST.pick(*_RESULTS_READ)):
        if _stripped(row["outcome"].value) in (None, ""):
            continue
        row_read: dict[str, Any] = {key: str(row[key].value or "") for key in ("task", "subject_id")}
        row_read["event_date"] = faults.value(row["visited_on"], _day)
        row_read["mode"] = faults.value(row["mode"], lambda value: _code(MODE_WORDS, value) if _stripped(value) else "")
        row_read["outcome"] = faults.value(row["outcome"], lambda value: _code(OUTCOME_WORDS, value))
        row_read["severity"] = faults.value(row["found_severity"], _severity)
        if row_read["severity"] is not None and row_read["outcome"] not in (None, "violation"):
            faults.add(row["found_severity"], _("expected nothing, since no violation was found"))
        row_read["cell"] = row["outcome"].address
        rows.append(row_read)
    faults.stop()
    columns = ["task", "subject_id", "event_date", "mode", "outcome", "severity", "cell"]
    return pd.DataFrame(rows, columns=columns).astype({"severity": "Int64"})


def read_decisions(path: str | Path) -> pd.DataFrame:
    """The decisions of 待复核: ``subject_id, decision, reviewer, reason, grounds_hash, on, cell``; open ones are left out.

    Raises:
        DataError: A decision without reviewer, reason or date, or a word that is not in the list.
    """
    faults, rows = _Faults(path), []
    for row in read_sheet(path, REVIEWS.title, columns=REVIEWS.pick(*_DECISIONS_READ)):
        if _stripped(row["decision"].value) in (None, ""):
            continue
        rows.append(
            {
                "subject_id": str(row["subject_id"].value),
                "decision": faults.value(row["decision"], lambda value: _code(DECISIONS, value)),
                "reviewer": faults.value(row["reviewer"], _text),
                "reason": faults.value(row["review_reason"], _text),
                "grounds_hash": faults.value(row["grounds_hash"], _text),
                "on": faults.value(row["reviewed_on"], _day),
                "cell": row["decision"].address,
            }
        )
    faults.stop()
    return pd.DataFrame(rows, columns=["subject_id", "decision", "reviewer", "reason", "grounds_hash", "on", "cell"])


def _ratio(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError("expected a ratio such as 3 % (got a text or nothing)")
    if value > 1:
        raise DataError("{percent:g} % > 100 %", percent=value * 100)
    if ppm(value) <= 0:
        raise DataError("{percent:g} %: expected more than 0 %, since no tier is exempt", percent=value * 100)
    return ppm(value)


def _code(table: Mapping[str, Message], value: Any) -> str:
    for code, label in table.items():
        if _stripped(value) in (code, *label_texts(label)):
            return code
    raise DataError("expected one of {words}", words=Words.of(DEFAULT_LANGUAGE).listed(table.values()))


def _day(value: Any) -> dt.date:
    try:
        return day_of(_stripped(value))
    except DataError:
        raise DataError("expected a date such as 2024-05-31") from None


def _stripped(value: Any) -> Any:
    """A text without the blanks that hands leave at its ends."""
    return value.strip() if isinstance(value, str) else value


def _severity(value: Any) -> int | None:
    if _stripped(value) in (None, ""):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or not 1 <= value <= 10:
        raise DataError("expected a whole number from 1 to 10")
    return int(value)


def _text(value: Any) -> str:
    if value is None or not str(value).strip():
        raise DataError("expected an entry (got nothing)")
    return str(value).strip()
