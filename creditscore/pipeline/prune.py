"""Which old runs and attempts may go, and their removal on order. Tasks and the register stay for good."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from creditscore.dates import months_before
from creditscore.errors import DataError
from creditscore.inspection.plan_folder import read_manifest
from creditscore.inspection.register import Register
from creditscore.inspection.task_folder import open_folders
from creditscore.language import Message, _
from creditscore.pipeline.open_tasks import task_of
from creditscore.pipeline.out_folder import held, refuse_lost_names
from creditscore.pipeline.run_folder import LEDGER, MANIFEST, RUNS, RunFolder, cards_of, days_of, evidence_of
from creditscore.pipeline.run_store import BookFile
from creditscore.storage import StepLedger, journal, pointed_to, settle


@dataclass(frozen=True)
class Removal:
    """A folder that :func:`prune` removes, and why nobody needs it."""

    path: Path
    why: Message
    bytes: int


def prunable(out: Path, *, keep: int, retention_months: int | None = None) -> list[Removal]:
    """Attempts and whole old runs that may be removed, oldest first.

    Kept are: the current runs of the ``keep`` newest days, of as many days with signed cards (the next night rests on these,
    not on a trial) and of every day within the retention; every run that a task rests
    on that is not closed; the runs that trained the cards of the ``keep`` newest days; and attempts whose workbook was edited
    by hand.

    Args:
        out: The folder of runs.
        keep: How many days to keep, at least 1: the next night needs the last one.
        retention_months: Runs of a day within so many months before the newest are kept too; at least as many as the newest
            run's ``project.toml`` says (``keep_runs_months``).

    Raises:
        DataError: ``keep`` is less than 1; or the names of the days are gone.
    """
    if keep < 1:
        raise DataError("prune: expected to keep at least 1 day, which the next night needs (got {keep})", keep=keep)
    refuse_lost_names(out)
    settle(out)
    days = days_of(out)
    signed = [day for day in days if (run := RunFolder.current(out, day)) and not run.is_trial]
    newest = sorted({*days[-keep:], *signed[-keep:]})
    months = max(retention_months or 0, _declared_months(out, days))
    limit = months_before(days[-1], months) if days and months else None
    current = {pointed_to(out / day.isoformat()).name: day for day in days}
    needed = _needed_by_tasks(out) | _evidence(out, newest)
    removals = []
    for path in sorted((out / RUNS).glob("*"), key=lambda path: path.name) if (out / RUNS).is_dir() else []:
        day = current.get(path.name)
        if not (path / MANIFEST).is_file():
            why = _("unfinished")
        elif path.name in needed or RunFolder(path).is_edited():
            continue
        elif day is None:
            why = _("superseded by a later run of its day")
        elif day in newest or (limit is not None and day >= limit):
            continue
        else:
            why = _("older than the {keep} newest days", keep=keep)
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        removals.append(Removal(path, why, size))
    return removals


def prune(out: Path, *, keep: int, retention_months: int | None = None) -> list[Removal]:
    """Remove what :func:`prunable` names; a run's name goes before its folder.

    Raises:
        LockedError: A run or another command holds ``out``.
    """
    with held(out):
        removals = prunable(out, keep=keep, retention_months=retention_months)
        names = {pointed_to(out / day.isoformat()): out / day.isoformat() for day in days_of(out)}
        ledger = StepLedger(out / LEDGER)
        for removal in removals:
            ledger.forget(RunFolder(removal.path).name)
        with journal(out, "prune") as entry:
            for removal in removals:
                if removal.path in names:
                    entry.remove(names[removal.path])
                entry.remove(removal.path)
    return removals


def _evidence(out: Path, days: Iterable[dt.date]) -> set[str]:
    """The runs that trained the cards of some days' runs: what is known of these cards."""
    runs = [run for day in days if (run := RunFolder.current(out, day))]
    found = [evidence_of(out, cards_of(run)) for run in runs]
    return {run.path.name for run in found if run}


def _declared_months(out: Path, days: Sequence[dt.date]) -> int:
    """How long the project of the newest run keeps its runs."""
    run = RunFolder.current(out, days[-1]) if days else None
    return (BookFile.load(run).project.keep_runs_months or 0) if run and run.file("book.json").is_file() else 0


def _needed_by_tasks(out: Path) -> set[str]:
    """The runs that tasks rest on which are not closed; a draft only while its period lasts."""
    register, today = Register.of(out), max(days_of(out), default=dt.date.min)
    states = {folder: folder.state(register) for folder in open_folders(out)}
    ends = {folder: task_of(read_manifest(folder.path)).end for folder, state in states.items() if state == "draft"}
    folders = [folder for folder, state in states.items() if state != "closed" and ends.get(folder, today) >= today]
    return {Path(folder.origin.run).name for folder in folders if folder.origin.run}
