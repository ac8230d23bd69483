"""The last known trade of subjects whose trade is unknown now: plans place them by it, and a run keeps it for later nights."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from creditscore.config.tasks import Task
from creditscore.dates import months_before
from creditscore.errors import DataError
from creditscore.inspection.candidates import task_population
from creditscore.pipeline.run_folder import RunFolder
from creditscore.records.records import Records
from creditscore.tiering.tiers import Tiers

#: The table of a run: one row per subject without a trade on its day and with one before, ``subject_id, industry``, by id.
LAST_TRADES = "last_trades"
_SCHEMA = pa.schema([("subject_id", pa.string()), ("industry", pa.string())])
_YEAR = 12


def place_by_last_trade(folder: RunFolder, records: Records, tiers: Tiers, before: RunFolder | None) -> Tiers:
    """The tiers with the last known trades of their subjects, which are written into the run.

    A trade is the last known one if an earlier version of the register has it, else if the run before knew it.
    """
    register = tiers.subjects
    if register is None:
        return tiers
    without = set(register.loc[register["industry"].isna() | (register["industry"] == ""), "subject_id"])
    without &= set(tiers.frame["subject_id"])  # the register has bodies too, whose keys are in no file of a run
    known = {**dict(_of_run(before, without)), **dict(records.last_industries(folder.as_of, without))}
    kept = sorted((subject, trade) for subject, trade in known.items() if subject in without)
    folder.write(LAST_TRADES, pa.table([[row[at] for row in kept] for at in (0, 1)], schema=_SCHEMA))
    return replace(tiers, subjects=with_last_trades(register, folder))


def with_last_trades(register: pd.DataFrame, run: RunFolder) -> pd.DataFrame:
    """A register with ``last_industry``, from the run's own table; runs of earlier versions have none."""
    if not run.has(LAST_TRADES):
        return register
    trades = {row["subject_id"]: row["industry"] for row in run.read(LAST_TRADES).to_pylist()}
    return register.assign(last_industry=register["subject_id"].map(trades))


def _of_run(run: RunFolder | None, among: Collection[str]) -> Iterable[tuple[str, str]]:
    """What a run knew of some subjects: its last known trades, and those of its day."""
    if run is None or not run.has("subjects"):
        return []
    asked, found = pa.array(sorted(among), pa.string()), []
    for name in (LAST_TRADES, "subjects"):
        if run.has(name):
            rows = pq.read_table(run.file(f"{name}.parquet"), columns=["subject_id", "industry"])
            found += rows.filter(pc.is_in(rows["subject_id"], asked)).to_pylist()
    return [(row["subject_id"], row["industry"]) for row in found if row["industry"]]


def refuse_untaken(tiers: Tiers, tasks: Iterable[Task], as_of: dt.date) -> None:
    """Refuse a year's tasks that leave out who has no known trade: a gap in the data is no exemption.

    Args:
        tiers: The tiers of the day.
        tasks: All tasks of the project. Those count that begin within a year, or have begun and are not over.
        as_of: The day.

    Raises:
        DataError: Somebody without a known trade is in the regions and of the type of a task, and no task of the year takes such.
    """
    due = [task for task in tasks if task.end >= as_of and months_before(task.start, _YEAR) <= as_of]
    taken, waiting = set[str](), set[str]()
    for task in due:
        takes = task.population.takes_unknown_trade
        everybody = task if takes else task.with_unknown_trade()
        population = task_population(tiers, tiers.subjects, everybody)
        (taken if takes else waiting).update(population.loc[population["industry"] == "", "subject_id"])
    left = sorted(waiting - taken)
    if left:
        raise DataError(
            "tasks.toml: {count:,} subjects have no known trade, now or before, and no task of all trades within the year takes "
            'them; expected unknown_trade = "<task>" above the tasks',
            count=len(left),
        )
