"""The draw of a plan's folder and what changes the list afterwards; draws of frames too large for a folder.

Each command holds the run that the plan lies in and writes the run's documents again.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from creditscore.engine import unbound
from creditscore.errors import DataError, DrawError
from creditscore.inspection.amendments import Joiner, Replacement, draw_folder, join, replace
from creditscore.inspection.draw import ALGORITHM, draw_table
from creditscore.inspection.plan import DrawnPlan
from creditscore.inspection.plan_folder import read_log
from creditscore.inspection.sampling_frame import task_population
from creditscore.language import DEFAULT_LANGUAGE
from creditscore.pipeline.run_folder import RunFolder
from creditscore.pipeline.run_store import BookFile, read_results_of, renew_documents
from creditscore.storage import LOCK, locked, read_parquet, sha256_file, write_json, write_parquet
from creditscore.tiering.tiers import Tiers

if TYPE_CHECKING:
    from creditscore.engine import Engine

#: The status in the register of a subject that has closed.
_CLOSED = "deregistered"
#: Outcomes of a visit at which nobody was met: the subject may still be replaced.
_NOT_MET = ("closed", "not_found")
_FRAME, _DRAWN = "frame_of_task", "drawn.parquet"
_FRAME_COLUMNS = ("subject_id", "stratum")


def draw_plan_folder(
    folder: str | Path,
    *,
    seed: str,
    seed_source: str = "",
    staff: Path | None = None,
    recusals: Path | None = None,
    on: dt.date | None = None,
    lang: str = DEFAULT_LANGUAGE,
) -> DrawnPlan:
    """Draw the plan ``plan/<task>/``, once; then write the workbook and report of its run again, with the drawn list.

    Args:
        folder: A published plan that is not drawn.
        seed: A public text that nobody could know when the frame was published.
        seed_source: Where the seed comes from, such as a lottery and its issue; for the log and the workbook.
        staff: A Parquet or CSV file with the columns of the standard table ``staff``; by default the inspectors of the run.
        recusals: The same for the standard table ``recusals``.
        on: The day of the draw.
        lang: The language of the documents.

    Raises:
        DataError: A file that was named does not exist.
        DrawError: The plan is drawn already; its frame was changed; too few inspectors may go to a subject.
        LockedError: A run or another command is writing to the same folder.
    """
    root = Path(folder).resolve()
    run = RunFolder.of_plan(root)
    people, apart = _people(staff, run.file("staff.parquet")), _people(recusals, run.file("recusals.parquet"))
    with _run_held(root, lang=lang):
        return draw_folder(root, seed=seed, seed_source=seed_source, staff=people, recusals=apart, on=on)


def replace_subject(
    folder: str | Path, subject_id: str, *, reason: str, by: str, on: dt.date, lang: str = DEFAULT_LANGUAGE
) -> Replacement:
    """Replace a drawn subject of ``plan/<task>/`` by the next ticket of its stratum, and write the documents again.

    Raises:
        DrawError: The subject has a result of a visit already; otherwise see :func:`creditscore.inspection.amendments.replace`.
        LockedError: A run or another command is writing to the same folder.
    """
    root = Path(folder).resolve()
    with _run_held(root, lang=lang):
        if subject_id in _visited(root):
            raise DrawError(
                "replacement of {subject_id}: expected a subject that was not visited (its result was handed in)",
                subject_id=subject_id,
            )
        return replace(root, subject_id, reason=reason, by=by, on=on)


def replace_closed(
    folder: str | Path, later: str | Path, *, by: str, on: dt.date, lang: str = DEFAULT_LANGUAGE
) -> list[Replacement]:
    """Replace every subject to be visited that a later run's register shows as deregistered.

    A subject stays if it was visited (it has a result) or if nobody is left in its stratum to replace it.

    Args:
        folder: A drawn ``plan/<task>/``.
        later: A run of a later day; its register shows who is deregistered.
        by: The person who decided.
        on: The day of the replacement.
        lang: The language of the documents.

    Raises:
        DataError: The run is not later than the plan's.
        LockedError: A run or another command is writing to the same folder.
    """
    root, run = Path(folder).resolve(), _later_run(folder, later)
    register = run.read("subjects").select(["subject_id", "status"]).to_pandas()
    closed = set(register.loc[register["status"] == _CLOSED, "subject_id"])
    replacements: list[Replacement] = []
    with _run_held(root, lang=lang) as held:
        replaced = {line["replaced_by"]: line["subject_id"] for line in read_log(root, "replaced")}
        to_visit = {*DrawnPlan.from_folder(root).drawn["subject_id"], *replaced} - {*replaced.values()}
        waiting = sorted(closed & to_visit - _visited(root))
        while waiting:
            try:
                done = replace(root, waiting.pop(0), reason=_CLOSED, by=by, on=on)
            except DrawError:  # nobody is left in the stratum: the closed subject keeps its visit, whose outcome is "closed"
                continue
            replacements.append(done)
            if done.replaced_by in closed:
                waiting.insert(0, done.replaced_by)
        held.changed = bool(replacements)
    return replacements


def join_late(folder: str | Path, later: str | Path, *, by: str, on: dt.date, lang: str = DEFAULT_LANGUAGE) -> list[Joiner]:
    """Give the subjects of the task's population that came after the frame their tickets, drawn or not.

    Args:
        folder: A drawn ``plan/<task>/``.
        later: A run of a later day. New subjects come from its register and tiers, and so do recusals for them.
        by: The person who entered them.
        on: The day on which they were entered.
        lang: The language of the documents.

    Raises:
        DataError: The run is not later than the plan's.
        LockedError: A run or another command is writing to the same folder.
    """
    root, run = Path(folder).resolve(), _later_run(folder, later)
    plan = DrawnPlan.from_folder(root)
    register = run.frame("subjects")
    population = task_population(Tiers(run.frame("tiers"), subjects=register), register, plan.task)
    known = {*plan.sample["subject_id"], *(line["subject_id"] for line in read_log(root, "joined"))}
    late = population[~population["subject_id"].isin(known) & (population["status"] != _CLOSED)]
    policy = BookFile.load(RunFolder.of_plan(root)).policy
    recusals = run.read("recusals").to_pandas()
    with _run_held(root, lang=lang) as held:
        joined = join(root, late, policy=policy, by=by, on=on, recusals=recusals if len(recusals) else None) if len(late) else []
        held.changed = bool(joined)
    return joined


@dataclass
class _Held:
    """Whether the documents must be written again when the run is let go."""

    changed: bool = True


@contextlib.contextmanager
def _run_held(plan: Path, *, lang: str) -> Iterator[_Held]:
    """Hold the run of a plan while the plan changes, and write its documents again at the end.

    A plan that was copied out of its run has neither lock nor documents.

    Raises:
        LockedError: A run or another command is writing there.
    """
    run, inside = RunFolder.of_plan(plan), plan.parent.name == "plan"
    has_book = inside and run.file("book.json").is_file()
    beside_runs = inside and (has_book or (run.out / LOCK).is_file())
    held = _Held()
    with locked(run.out) if beside_runs else contextlib.nullcontext():
        yield held
        if held.changed and has_book:
            renew_documents(run, lang=lang)


def _people(named: Path | None, of_run: Path) -> pd.DataFrame | None:
    """The rows of the file that was named, else of the run's own file; None without rows."""
    if named is not None and not named.is_file():
        raise DataError("{path}: expected a file (got nothing); nothing was drawn", path=named)
    path = named or of_run
    if not path.is_file():
        return None
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype="str", keep_default_na=False)
    frame: pd.DataFrame = read_parquet(path).to_pandas(date_as_object=True)
    return frame if len(frame) else None


def _visited(plan: Path) -> set[str]:
    """Subjects of a plan whose results say that somebody was met there."""
    results = read_results_of(RunFolder.of_plan(plan))
    if results is None:
        return set()
    return set(results.loc[(results["task"] == plan.name) & ~results["outcome"].isin(_NOT_MET), "subject_id"])


def _later_run(folder: str | Path, later: str | Path) -> RunFolder:
    run = RunFolder.opened(later)
    day = DrawnPlan.from_folder(folder).plan.as_of
    if run.as_of <= day:
        raise DataError("{path}: expected a run of a day after {day}", path=run.path, day=day)
    return run


@dataclass(frozen=True)
class DrawnTable:
    """The file of a drawn list, the number of subjects drawn and the number of strata."""

    file: Path
    drawn: int
    strata: int


def draw_frame(engine: Engine, frame: Path, strata: Path, *, task: str, seed: str, out: Path) -> DrawnTable:
    """Draw a frame that an engine reads from its file; the same sample as of a plan folder with the same seed.

    ``out`` gets ``drawn.parquet`` (``subject_id, stratum, ticket, mode``, by stratum and ticket), and a manifest
    with the hashes of both inputs, the seed, and the last ticket drawn of each stratum: anybody who knows the id
    of a subject can work out from it whether the subject was drawn.

    Args:
        engine: Where to compute.
        frame: Parquet with ``subject_id`` (text, NFC) and ``stratum``, one row per subject that may be drawn.
        strata: CSV with ``stratum, target`` and optionally ``on_site``, such as a ``plan.csv``.
        task: The id of the task.
        seed: The seed.
        out: A folder that holds no draw yet.

    Raises:
        DataError: A file or a column is missing.
        DrawError: ``out`` holds a draw already; targets cannot be met; an id cannot be part of a ticket.
    """
    for path in (frame, strata):
        if not path.is_file():
            raise DataError("{path}: expected a file (got nothing)", path=path)
    missing = sorted(set(_FRAME_COLUMNS) - set(pq.read_schema(frame).names))
    if missing:
        raise DataError(
            "{path}: expected the columns {columns} ({missing} missing)",
            path=frame,
            columns=", ".join(_FRAME_COLUMNS),
            missing=", ".join(missing),
        )
    with locked(out):
        if (out / "manifest.json").exists():
            raise DrawError("{out}: holds a draw already; a frame is drawn once", out=out)
        engine.register(_FRAME, frame)
        subjects = unbound(_FRAME, pa.schema([(name, pa.string()) for name in _FRAME_COLUMNS]))
        drawn, cuts = draw_table(engine, subjects, _read_strata(strata), seed=seed, task=task)
        table = engine.query(drawn).sort_by([("stratum", "ascending"), ("ticket", "ascending")])
        write_parquet(out / _DRAWN, table)
        document = {
            "format": "creditscore-drawn-table/1",
            "algorithm": ALGORITHM,
            "task": task,
            "seed": seed,
            "inputs": {"frame": sha256_file(frame), "strata": sha256_file(strata)},
            "strata": cuts.to_dict("records"),
            "files": {_DRAWN: sha256_file(out / _DRAWN)},
        }
        write_json(out / "manifest.json", document)
    return DrawnTable(out / _DRAWN, table.num_rows, len(cuts))


def _read_strata(path: Path) -> pd.DataFrame:
    """``stratum, target, on_site`` of a CSV; without ``on_site`` everybody is visited on site."""
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"))))
        strata = [(row["stratum"], int(row["target"]), int(row.get("on_site") or row["target"])) for row in rows]
    except (KeyError, ValueError):
        raise DataError("{path}: expected the columns stratum, target and maybe on_site, with whole numbers", path=path) from None
    return pd.DataFrame(strata, columns=["stratum", "target", "on_site"])
