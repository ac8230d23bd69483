"""Plans read back from their folder, and the one draw of a published folder."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pandas as pd

from creditscore.batch import atomic_write, damaged, locked
from creditscore.config.load import sha256_file
from creditscore.config.tasks import Task
from creditscore.errors import DataError, DrawError
from creditscore.tiering.drawn import SAMPLE_COLUMNS, DrawnPlan
from creditscore.tiering.people.inspectors import INSPECTOR_COLUMNS, Pool
from creditscore.tiering.plan import FRAME_COLUMNS, InspectionPlan, with_probabilities
from creditscore.tiering.sealed.log import entries, note
from creditscore.tiering.sealed.publish import BEGUN, PLAN_COLUMNS, read_manifest, write_drawn
from creditscore.tiering.sealed.sheets import read_csv
from creditscore.tiering.targets import STRATUM_COLUMNS

_INTEGERS = ("population", "target", "ratio_ppm", "on_site", "on_site_ppm", "exempt")


def read_plan(folder: Path) -> InspectionPlan:
    """An undrawn plan; see :meth:`InspectionPlan.from_folder`."""
    document = read_manifest(folder)
    if document["seed"] is not None:
        raise DrawError(f"{folder}: drawn already (seed in manifest.json); a frame is drawn once")
    return _plan(folder, document)[0]


def read_drawn(folder: Path) -> DrawnPlan:
    """A drawn plan; see :meth:`DrawnPlan.from_folder`."""
    document = read_manifest(folder)
    if document["seed"] is None:
        raise DrawError(f"{folder}: expected a drawn plan (no seed in manifest.json)")
    plan, sample = _plan(folder, document)
    changed = [name for name in damaged(folder, document["files"]) if name != "publication.csv"]  # results are entered there
    if changed:
        raise DrawError(f"{folder}: changed since the draw: {', '.join(changed)}; verify-plan names what")
    inspectors = _read(folder / "inspectors.csv", INSPECTOR_COLUMNS)
    inspectors["place"] = pd.to_numeric(inspectors["place"]).astype("int64")
    sample = sample.assign(ticket=sample["ticket"].where(sample["ticket"] != "", None), drawn=sample["drawn"] == "1")
    pool = Pool.from_dict(document["inspectors"]) if document["inspectors"] else None
    day = document["drawn_on"]
    return DrawnPlan(plan, document["seed"], sample, inspectors, pool, dt.date.fromisoformat(day) if day else None)


def draw_folder(
    folder: str | Path, *, seed: str, seed_source: str = "", staff: Any = None, recusals: Any = None, on: dt.date | None = None
) -> DrawnPlan:
    """The one draw of a published plan folder; the folder is drawn afterwards or as it was before.

    The seed is noted first, the manifest written last. ``seed_source`` says where the seed comes from, for people; the log
    keeps it. Where a draw was cut short, only the same seed
    may finish it.

    Raises:
        DrawError: The folder is drawn; its frame is not the one of its hash; a draw with another seed
            was begun; or see :meth:`InspectionPlan.draw`.
        LockedError: Another process is drawing it.
    """
    root = Path(folder)
    read_manifest(root)
    with locked(root):
        _refuse_again(root, seed, on)
        _refuse_other_seed(root, seed)
        if read_manifest(root)["seed"] is None:
            drawn = read_plan(root).draw(seed=seed, staff=staff, recusals=recusals, on=on)
            _begin(root, seed)
            write_drawn(drawn, root)
        else:  # cut short after the manifest: only the log was missing
            drawn = read_drawn(root)
        if not entries(root, "drawn"):
            note(root, "drawn", [_drawn_line(root, seed_source)])
        (root / BEGUN).unlink()
    return drawn


def _drawn_line(folder: Path, seed_source: str) -> dict[str, Any]:
    """What the log says of the draw: the manifest's hash, so that the chain's head seals whatever the manifest does."""
    told = read_manifest(folder)
    sealed = {name: told[name] for name in ("seed", "frame_hash")}
    source = {"seed_source": seed_source} if seed_source else {}
    return {**sealed, **source, "on": told["drawn_on"], "manifest": sha256_file(folder / "manifest.json")}


def _refuse_again(folder: Path, seed: str, on: dt.date | None) -> None:
    """A drawn plan stays as it is; that another draw was asked for is logged."""
    if read_manifest(folder)["seed"] is not None and not (folder / BEGUN).exists():
        note(folder, "draw_refused", [{"seed": seed, "on": on.isoformat() if on else None}])
        raise DrawError(f"{folder}: drawn already (seed in manifest.json); a frame is drawn once")


def _refuse_other_seed(folder: Path, seed: str) -> None:
    path = folder / BEGUN
    if path.exists() and path.read_text("utf-8") != seed:
        raise DrawError(f"{folder}: a draw with another seed was begun here and cut short; only that seed may finish it")


def _begin(folder: Path, seed: str) -> None:
    if not (folder / BEGUN).exists():
        atomic_write(folder / BEGUN, seed.encode())


def _plan(folder: Path, document: dict[str, Any]) -> tuple[InspectionPlan, pd.DataFrame]:
    """The plan and the rows of ``sample.csv`` as texts, after checking the frame against its hash."""
    task = task_of(folder, document)
    sample = _read(folder / "sample.csv", SAMPLE_COLUMNS)
    sample["inclusion_probability"] = [float(text) for text in sample["inclusion_probability"]]
    plan = InspectionPlan(
        task, sample[list(FRAME_COLUMNS)], strata_from(folder), document["about"], document["frame_hash"], tuple(document["notes"])
    )
    if plan.hashed_again() != plan.frame_hash or not with_probabilities(plan.frame, plan.strata).equals(plan.frame):
        raise DrawError(f"{folder}: the frame is not the one whose hash the manifest holds; verify-plan names what was changed")
    return plan, sample


def task_of(folder: Path, document: dict[str, Any]) -> Task:
    """The task that a manifest is about.

    Raises:
        DataError: There is none.
    """
    try:
        return Task.model_validate_json(json.dumps(document["about"]["task"]))
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{folder / 'manifest.json'}: about.task: expected a task") from None


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame([row for _, row in read_csv(path, columns)], columns=list(columns), dtype="str")


def strata_from(folder: Path) -> pd.DataFrame:
    """The strata of ``plan.csv``.

    Raises:
        DataError: A number cannot be read; the message names the line.
    """
    rows = []
    for line, cells in read_csv(folder / "plan.csv", PLAN_COLUMNS):
        row: dict[str, Any] = dict(zip(PLAN_COLUMNS, cells, strict=True))
        if not all(row[name].isascii() and row[name].isdigit() for name in (*_INTEGERS, "full_coverage")):
            raise DataError(f"plan.csv line {line}: expected whole numbers in {', '.join(_INTEGERS)}")
        rows.append({**row, **{name: int(row[name]) for name in _INTEGERS}, "full_coverage": row["full_coverage"] == "1"})
    return pd.DataFrame(rows, columns=[*PLAN_COLUMNS])[list(STRATUM_COLUMNS)]
