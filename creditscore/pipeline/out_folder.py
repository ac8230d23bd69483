"""The folder ``OUT`` of runs, tasks and the register: held while a command changes it, adopted from an older layout, pruned."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from creditscore.errors import DataError
from creditscore.inspection.plan_folder import read_log, read_manifest
from creditscore.inspection.register import REGISTER, Register, register_line
from creditscore.inspection.task_folder import ORIGIN, Origin, TaskFolder, open_folders
from creditscore.pipeline.run_folder import LEDGER, MANIFEST, RUNS, RunFolder, days_of
from creditscore.records.tables import TABLES
from creditscore.storage import (
    Journal,
    StepLedger,
    complete,
    is_pending,
    journal,
    locked,
    operations,
    read_chain,
    read_parquet,
    sha256_file,
    versions,
    write_parquet,
)

_log = logging.getLogger(__name__)
#: The results of a task, one row per visit with the columns of ``inspections``.
RESULTS = "results.parquet"
#: The step of the ledger that keeps the head of the register.
_HEAD = "head"
#: The file of credit checks, a chain.
LOOKUPS = "lookups.jsonl"
#: What an older layout kept inside the folder of a run.
_OLD_PLANS, _OLD_RESULTS, _OLD_REVIEWS, _OLD_ASIDE = "plan", "results", "reviews.jsonl", ".earlier"


@contextlib.contextmanager
def held(out: Path) -> Iterator[None]:
    """Hold ``OUT``; what an interrupted command left is completed, and an older layout is adopted.

    Raises:
        LockedError: A run or another command holds it.
        DataError: The register is missing although tasks are there, or it is damaged.
    """
    with locked(out):
        complete(out)
        _adopt(out)
        _refuse_forgotten(out)
        yield


@contextlib.contextmanager
def changing(out: Path, what: str) -> Iterator[Journal]:
    """Hold ``OUT`` and change files there together, see :func:`creditscore.storage.journal`.

    Raises:
        LockedError: A run or another command holds it.
        DataError: As of :func:`held`.
    """
    with held(out):
        with journal(out, what) as entry:
            yield entry
        if (out / REGISTER).is_file():
            StepLedger(out / LEDGER).finish(REGISTER, _HEAD, Register.of(out).head)


def _adopt(out: Path) -> None:
    """Take over runs that lie in ``OUT/<as_of>`` itself, with their frames, draws, results and signatures.

    The register gets their lines first: what was framed and drawn under the older layout is not framed or drawn again.
    """
    old = [out / day.isoformat() for day in days_of(out) if _is_old(out / day.isoformat())]
    if not old:
        return
    with journal(out, "taking over older runs") as entry:
        for path in old:
            _adopt_run(entry, path)
    _log.warning("%s: %d runs of an older layout were taken over; their frames and draws are in the register now", out, len(old))


def _refuse_forgotten(out: Path) -> None:
    """Refuse a register that does not know what it knew: it is gone, cut off, or put back from an older backup."""
    register = Register.of(out)
    noted = StepLedger(out / LEDGER).done(REGISTER, _HEAD)
    if noted is not None and noted not in {line["hash"] for line in register.lines}:
        raise DataError(
            "{path}: expected the line that was written last (its hash {noted}… is gone: lines were cut off, or the file is an "
            "older backup): put back the newest register",
            path=out / REGISTER,
            noted=noted[:12],
        )
    forgotten = [folder.task for folder in open_folders(out) if folder.origin.published and not register.published(folder.task)]
    if forgotten:
        raise DataError(
            "{path}: expected the lines of published tasks (it does not know {tasks}): put back the newest register; without it "
            "nobody knows what was drawn",
            path=out / REGISTER,
            tasks=", ".join(forgotten),
        )


def _is_old(path: Path) -> bool:
    return not path.is_symlink() and path.is_dir()


def _adopt_run(entry: Journal, path: Path) -> None:
    """One folder ``OUT/<as_of>`` becomes the run's own folder; its tasks move to ``OUT/tasks``."""
    out, day = path.parent, path.name
    number = max((int(one.name.rpartition("-")[2]) for one in versions(out / RUNS, day)), default=0) + 1
    own = out / RUNS / f"{day}-{number}"
    register = Register.of(out)
    for plan in sorted((path / _OLD_PLANS).glob(f"*/{MANIFEST}")):
        if register.published(plan.parent.name) is None:
            _adopt_task(entry, plan.parent, run=f"{RUNS}/{own.name}")
    for line in read_chain(path / _OLD_REVIEWS):
        body = {name: line[name] for name in ("subject_id", "decision", "reviewer", "reason", "grounds_hash", "on")}
        entry.append(out / REGISTER, [register_line("signed", **body, as_of=day, adopted=True)])
    checks = read_chain(path / LOOKUPS)
    if checks:
        entry.append(out / LOOKUPS, [{**line, "run": day, "adopted": True} for line in checks])
    aside = path / _OLD_ASIDE
    if not (path / MANIFEST).is_file() and (aside / MANIFEST).is_file():  # a rerun that was killed hid the finished run
        entry.move(aside, own)
        entry.move(path, own.with_name(f"{day}-{number + 1}"))
        entry.point(path, own)
    else:
        entry.move(path, own)
        if (path / MANIFEST).is_file():
            entry.point(path, own)


def _adopt_task(entry: Journal, plan: Path, *, run: str) -> None:
    """A plan's folder of an older run: its files, its results, and its lines in the register."""
    out, task = entry.root, plan.name
    folder, manifest = TaskFolder.of(out, task), read_manifest(plan)
    for file in sorted(path for path in plan.iterdir() if path.is_file() and not path.name.startswith(".")):
        entry.write(folder.path / file.name, file.read_bytes())
    entry.write_json(folder.path / ORIGIN, asdict(Origin(run=run, published=True)))
    day = plan.parent.parent.name
    published = {"frame_hash": manifest["frame_hash"], "on": day, "channel": "", "by": "", "run": run, "adopted": True}
    lines = [register_line("published", task=task, **published)]
    if manifest["seed"] is not None:
        about = {"seed": manifest["seed"], "frame_hash": manifest["frame_hash"], "on": manifest["drawn_on"], "by": ""}
        log = read_log(plan)
        head = log[-1]["hash"] if log else ""
        sealed = sha256_file(plan / MANIFEST)
        lines.append(register_line("drawn", task=task, **about, manifest=sealed, log=head, adopted=True))
    results = _old_results(plan.parent.parent / _OLD_RESULTS, task)
    if results is not None:
        write_parquet(entry.file(folder.path / RESULTS), results)
        lines.append(register_line("results", task=task, results=results.num_rows, open=1, on=day, adopted=True))
    entry.append(out / REGISTER, lines)


def _old_results(folder: Path, task: str) -> pa.Table | None:
    rows: dict[str, dict[str, object]] = {}
    for path in sorted(folder.glob("inspections-*.parquet")):
        for row in read_parquet(path).to_pylist():
            if row["task"] == task:
                rows.setdefault(row["inspection_id"], row)
    if not rows:
        return None
    return pa.Table.from_pylist([rows[key] for key in sorted(rows)], schema=TABLES["inspections"].schema)


@contextlib.contextmanager
def removed_on_error(folder: Path) -> Iterator[None]:
    """A block that fills the new folder of a run; it goes if the block fails before the run is the one of its day."""
    run = RunFolder(folder)
    try:
        yield
    except BaseException:
        if not is_pending(run.out) and RunFolder.current(run.out, run.as_of) != run:
            with contextlib.suppress(OSError):  # the fault itself is what people must hear of
                operations.remove_folder(folder)
        raise


def remove_unfinished(out: Path) -> None:
    """Remove what killed runs left: attempts without a manifest. The caller holds ``out``."""
    for path in sorted((out / RUNS).glob("*")) if (out / RUNS).is_dir() else []:
        if not (path / MANIFEST).is_file():
            _log.warning("%s: a run was stopped here; its unfinished attempt is removed", path)
            operations.remove_folder(path)
