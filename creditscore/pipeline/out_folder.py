"""The folder ``OUT`` of runs, tasks and the register: held while a command changes it, adopted from an older layout, pruned."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from creditscore.errors import DataError
from creditscore.inspection.plan_folder import read_log, read_manifest
from creditscore.inspection.register import REGISTER, Register, register_line
from creditscore.inspection.task_folder import TaskFolder, refuse_forgotten
from creditscore.inspection.task_steps import add_line, note_origin
from creditscore.pipeline.run_folder import FINISHED, LEDGER, MANIFEST, RUNS, RunFolder, days_of
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
#: The seed of a draw that was begun there.
_OLD_BEGUN = ".draw"
#: How the folder of a plan began that was being written there.
_OLD_UNFINISHED = ".new-"


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
        refuse_lost_names(out)
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
        ledger, head = StepLedger(out / LEDGER), Register.of(out).head
        if (out / REGISTER).is_file() and ledger.done(REGISTER, _HEAD) != head:
            ledger.finish(REGISTER, _HEAD, head)


def _adopt(out: Path) -> None:
    """Take over runs that lie in ``OUT/<as_of>`` itself, with their frames, draws, results and signatures.

    The register gets their lines first: what was framed and drawn under the older layout is not framed or drawn again.
    """
    old = [out / day.isoformat() for day in days_of(out) if _is_old(out / day.isoformat())]
    if not old:
        return
    with journal(out, "taking over older runs") as entry:
        own = {path: _own_folder(path) for path in old}
        for plan in _old_plans(entry, old):
            path = plan.parent.parent
            _adopt_task(entry, plan, run=f"{RUNS}/{own[path].name}", results=[one / _OLD_RESULTS for one in old])
        for path in old:
            _adopt_signatures(entry, path)
            _adopt_checks(entry, path)
            _adopt_run(entry, path, own[path])
    _log.warning("%s: %d runs of an older layout were taken over; their frames and draws are in the register now", out, len(old))


def _refuse_forgotten(out: Path) -> None:
    """Refuse a register that does not know what it knew: it is gone, cut off, or put back from an older backup."""
    noted = StepLedger(out / LEDGER).done(REGISTER, _HEAD)
    if noted is not None and noted not in {line["hash"] for line in Register.of(out).lines}:
        raise DataError(
            "{path}: expected the line that was written last (its hash {noted}… is gone: lines were cut off, or the file is an "
            "older backup): put back the newest register",
            path=out / REGISTER,
            noted=noted[:12],
        )
    refuse_forgotten(out)


def refuse_lost_names(out: Path) -> None:
    """Refuse finished runs of which no day has its name: their links were lost, and a night would begin as if there were none.

    Raises:
        DataError: See above; the message says what to do.
    """
    if days_of(out):
        return
    ledger = StepLedger(out / LEDGER)
    finished = [path for path in (out / RUNS).glob("*") if ledger.done(f"{RUNS}/{path.name}", FINISHED) is not None]
    if finished:
        newest = max(finished, key=lambda path: (RunFolder(path).as_of, int(path.name.rpartition("-")[2])))
        raise DataError(
            "{out}: expected a name for each day that leads to its run (got none: the symbolic links were lost in copying); copy "
            "again with links (cp -a, rsync -a), or make for each day a file such as {name} that holds {run}",
            out=out,
            name=RunFolder(newest).as_of.isoformat(),
            run=RunFolder(newest).name,
        )


def _is_old(path: Path) -> bool:
    return not path.is_symlink() and path.is_dir()


def _own_folder(path: Path) -> Path:
    """The folder that an older run gets."""
    runs, day = path.parent / RUNS, path.name
    number = max((int(one.name.rpartition("-")[2]) for one in versions(runs, day)), default=0) + 1
    return runs / f"{day}-{number}"


def _old_plans(entry: Journal, old: Iterable[Path]) -> list[Path]:
    """One plan for each task that the register does not know: the one that was drawn first, or else framed first."""
    register, plans = Register.of(entry.root), dict[str, Path]()
    found = [file.parent for path in old for file in (path / _OLD_PLANS).glob(f"*/{MANIFEST}")]
    whole = [plan for plan in found if not plan.name.startswith(_OLD_UNFINISHED)]
    for plan in sorted(whole, key=lambda plan: (read_manifest(plan)["seed"] is None, plan.name.startswith("."), plan)):
        task = read_manifest(plan)["about"]["task"]["id"]
        if task in plans:
            _log.warning("%s: task %s was framed twice; this frame stays in its run, the one in %s holds", plan, task, plans[task])
        elif not register.of_task(task):
            plans[task] = plan
    return list(plans.values())


def _adopt_task(entry: Journal, plan: Path, *, run: str, results: Iterable[Path]) -> None:
    """A plan's folder of an older run: its files, its results, and its lines in the register."""
    manifest, day = read_manifest(plan), plan.parent.parent.name
    folder = TaskFolder.of(entry.root, manifest["about"]["task"]["id"])
    for file in sorted(path for path in plan.iterdir() if path.is_file() and not path.name.startswith(".")):
        entry.write(folder.path / file.name, file.read_bytes())
    note_origin(entry, folder, run=run)
    frame = {"frame_hash": manifest["frame_hash"], "by": "", "adopted": True}
    begun = plan / _OLD_BEGUN
    known = {"begun_seed": begun.read_text("utf-8")} if begun.is_file() and manifest["seed"] is None else {}
    add_line(entry, folder, "published", **frame, on=day, channel="", run=run, **known)
    if manifest["seed"] is not None:
        log, sealed = read_log(plan), sha256_file(plan / MANIFEST)
        about = {"seed": manifest["seed"], "on": manifest["drawn_on"], "manifest": sealed, "log": log[-1]["hash"] if log else ""}
        drawn = next((line for line in log if line["what"] == "drawn"), {})
        logged = {name: drawn[name] for name in ("seed_source", "strata", "by") if name in drawn}
        add_line(entry, folder, "drawn", **frame | about | logged)
    visited = _old_results(results, folder.task)
    if visited is not None:
        write_parquet(entry.file(folder.path / RESULTS), visited)
        add_line(entry, folder, "results", results=visited.num_rows, open=1, on=day, adopted=True)


def _old_results(folders: Iterable[Path], task: str) -> pa.Table | None:
    rows: dict[str, dict[str, object]] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("inspections-*.parquet"))):
        for row in read_parquet(path).to_pylist():
            if row["task"] == task:
                rows.setdefault(row["inspection_id"], row)
    if not rows:
        return None
    return pa.Table.from_pylist([rows[key] for key in sorted(rows)], schema=TABLES["inspections"].schema)


def _adopt_signatures(entry: Journal, path: Path) -> None:
    for line in read_chain(path / _OLD_REVIEWS):
        body = {name: line[name] for name in ("subject_id", "decision", "reviewer", "reason", "grounds_hash", "on")}
        entry.append(entry.root / REGISTER, [register_line("signed", **body, as_of=path.name, adopted=True)])


def _adopt_checks(entry: Journal, path: Path) -> None:
    """The credit checks of an older run; what came of a check names it by its new number."""
    chain = entry.root / LOOKUPS
    before = len(read_chain(chain)) + len(entry.appended(chain))
    for line in read_chain(path / LOOKUPS):
        body = {name: value for name, value in line.items() if name not in ("number", "previous", "hash")}
        about = {"about": body["about"] + before} if "about" in body else {}
        entry.append(chain, [{**body, **about, "run": path.name, "adopted": True}])


def _adopt_run(entry: Journal, path: Path, own: Path) -> None:
    """One folder ``OUT/<as_of>`` becomes the run's own folder, and its name points there."""
    aside = path / _OLD_ASIDE
    if not (path / MANIFEST).is_file() and (aside / MANIFEST).is_file():  # a rerun that was killed hid the finished run
        entry.move(aside, own)
        entry.move(path, own.with_name(f"{path.name}-{int(own.name.rpartition('-')[2]) + 1}"))
        entry.point(path, own)
    else:
        entry.move(path, own)
        if (path / MANIFEST).is_file():
            entry.point(path, own)


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
