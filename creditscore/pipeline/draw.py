"""Draw a published frame of a run, with the staff the run knew, and put the list into the workbook."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from creditscore.batch import LOCK, locked, read_parquet, write_json
from creditscore.config.load import sha256_file
from creditscore.errors import DataError
from creditscore.pipeline.documents import write_documents
from creditscore.pipeline.folder import DOCUMENTS, RunFolder
from creditscore.tiering.drawn import DrawnPlan
from creditscore.tiering.sealed.publish import read_manifest
from creditscore.tiering.sealed.seal import draw_folder


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
        raise DataError(f"{given}: expected a file (got nothing); nothing was drawn")
    if not path.is_file():
        return None
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype="str", keep_default_na=False)
    frame = read_parquet(path).to_pandas(date_as_object=True)
    return frame if len(frame) else None
