"""The one draw of a frame too large for a plan folder: from a Parquet file on an engine, in flat memory."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from creditscore.config.spec import sha256_file
from creditscore.engine import unbound
from creditscore.errors import DataError, DrawError
from creditscore.inspection.draw import ALGORITHM, draw_table
from creditscore.inspection.plan import DrawnPlan
from creditscore.inspection.plan_folder import draw_folder, read_manifest
from creditscore.pipeline.run_folder import DOCUMENTS, RunFolder
from creditscore.pipeline.run_store import write_documents
from creditscore.storage import LOCK, locked, read_parquet, write_json, write_parquet

if TYPE_CHECKING:
    from creditscore.engine import Engine


def draw_plan_folder(
    folder: str | Path,
    *,
    seed: str,
    seed_source: str = "",
    staff: Path | None = None,
    recusals: Path | None = None,
    on: dt.date | None = None,
    lang: str = "zh",
) -> DrawnPlan:
    """The one draw of ``plan/<task>/``; inspectors come from the run's staff unless files are given.

    ``seed_source`` says where the seed comes from (which lottery, which issue), for the log and the workbook.
    ``plan.xlsx`` of a run that holds the plan is written again with the list. Files of staff and
    recusals are Parquet or CSV with the columns of the standard tables.

    Raises:
        DrawError: It is drawn already; the frame was changed; too few inspectors may go to a subject.
        LockedError: A night or another command is at work on the runs.
    """
    root = Path(folder).resolve()
    run = RunFolder(root.parent.parent)
    people, apart = _table(staff, run.file("staff.parquet")), _table(recusals, run.file("recusals.parquet"))
    with run_held(root):
        drawn = draw_folder(root, seed=seed, seed_source=seed_source, staff=people, recusals=apart, on=on)
        renew_documents(root, lang=lang)
    return drawn


@contextlib.contextmanager
def run_held(plan: Path) -> Iterator[None]:
    """Hold the runs beside a plan, so that no night or other command writes while it changes; one that stands alone has none.

    Raises:
        LockedError: A night or another command is at work there.
    """
    run = RunFolder(plan.parent.parent)
    with_runs = plan.parent.name == "plan" and (run.file("book.json").is_file() or (run.out / LOCK).is_file())
    with locked(run.out) if with_runs else contextlib.nullcontext():
        yield


def renew_documents(plan: Path, *, lang: str) -> None:
    """Write the workbook and report of the run that holds a plan again; a plan that stands alone has none."""
    run = RunFolder(plan.parent.parent)
    if run.file("book.json").is_file() and plan.parent.name == "plan":
        write_documents(run, lang=lang)
        reseal(run)


def reseal(run: RunFolder) -> None:
    """Take the hashes of documents and frames into the manifest again, after the documents were made anew from the folder."""
    manifest = run.manifest()
    if manifest is not None:
        for name in DOCUMENTS:
            manifest["outputs"][name] = sha256_file(run.file(name))
        manifest["frames"] |= {path.name: read_manifest(path)["frame_hash"] for path in run.plans()}
        write_json(run.file("manifest.json"), manifest)


def _table(given: Path | None, kept: Path) -> Any:
    path = given or kept
    if given is not None and not given.is_file():
        raise DataError("{given}: expected a file (got nothing); nothing was drawn", given=given)
    if not path.is_file():
        return None
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype="str", keep_default_na=False)
    frame = read_parquet(path).to_pandas(date_as_object=True)
    return frame if len(frame) else None


FRAME, DRAWN = "frame_of_task", "drawn.parquet"
_COLUMNS = ("subject_id", "stratum")


@dataclass(frozen=True)
class DrawnTable:
    """Where the drawn list lies, and how many were drawn of how many strata."""

    file: Path
    drawn: int
    strata: int


def draw_frame(engine: Engine, frame: Path, strata: Path, *, task: str, seed: str, out: Path) -> DrawnTable:
    """Draw a frame that an engine reads from its file; the same sample as of a plan folder with the same seed.

    ``out`` gets ``drawn.parquet`` (``subject_id, stratum, ticket, mode``, by stratum and ticket), and a manifest
    with the hashes of both inputs, the seed, and the last ticket drawn of each stratum: who holds the id of a
    subject can tell from it whether it was drawn.

    Args:
        engine: Where to compute.
        frame: Parquet with ``subject_id`` (text, NFC) and ``stratum``, one row per subject that may be drawn.
        strata: CSV with ``stratum, target`` and maybe ``on_site``, such as a ``plan.csv``.
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
    missing = sorted(set(_COLUMNS) - set(pq.read_schema(frame).names))
    if missing:
        raise DataError(
            "{frame}: expected the columns {COLUMNS} ({missing} missing)",
            frame=frame,
            COLUMNS=", ".join(_COLUMNS),
            missing=", ".join(missing),
        )
    with locked(out):
        if (out / "manifest.json").exists():
            raise DrawError("{out}: holds a draw already; a frame is drawn once", out=out)
        engine.register(FRAME, frame)
        subjects = unbound(FRAME, pa.schema([(name, pa.string()) for name in _COLUMNS]))
        drawn, cuts = draw_table(engine, subjects, _strata(strata), seed=seed, task=task)
        table = engine.query(drawn).sort_by([("stratum", "ascending"), ("ticket", "ascending")])
        write_parquet(out / DRAWN, table)
        document = {
            "format": "creditscore-drawn-table/1",
            "algorithm": ALGORITHM,
            "task": task,
            "seed": seed,
            "inputs": {"frame": sha256_file(frame), "strata": sha256_file(strata)},
            "strata": cuts.to_dict("records"),
            "files": {DRAWN: sha256_file(out / DRAWN)},
        }
        write_json(out / "manifest.json", document)
    return DrawnTable(out / DRAWN, table.num_rows, len(cuts))


def _strata(path: Path) -> pd.DataFrame:
    """``stratum, target, on_site`` of a CSV; without ``on_site`` everybody is visited on site."""
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"))))
        given = [(row["stratum"], int(row["target"]), int(row.get("on_site") or row["target"])) for row in rows]
    except (KeyError, ValueError):
        raise DataError("{path}: expected the columns stratum, target and maybe on_site, with whole numbers", path=path) from None
    return pd.DataFrame(given, columns=["stratum", "target", "on_site"])
