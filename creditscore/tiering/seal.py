"""Plans read back from their folder, and the one draw of a published folder."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pandas as pd

from creditscore.batch import atomic_write, locked
from creditscore.config.tasks import Task
from creditscore.errors import DataError, DrawError
from creditscore.tiering.drawn import SAMPLE_COLUMNS, DrawnPlan
from creditscore.tiering.inspectors import INSPECTOR_COLUMNS, Pool
from creditscore.tiering.plan import FRAME_COLUMNS, InspectionPlan
from creditscore.tiering.publish import PLAN_COLUMNS, read_manifest, write_drawn
from creditscore.tiering.sheets import read_csv
from creditscore.tiering.targets import STRATUM_COLUMNS

_INTEGERS = ("population", "target", "ratio_ppm", "exempt")
#: Written before anything else of a draw and removed after the manifest: a crash between leaves the seed behind.
_BEGUN = ".draw"


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
    inspectors = pd.DataFrame(
        [row for _, row in read_csv(folder / "inspectors.csv", INSPECTOR_COLUMNS)], columns=list(INSPECTOR_COLUMNS)
    )
    inspectors["place"] = pd.to_numeric(inspectors["place"]).astype("int64")
    sample = sample.assign(ticket=sample["ticket"].where(sample["ticket"] != "", None), drawn=sample["drawn"] == "1")
    pool = Pool.from_dict(document["inspectors"]) if document["inspectors"] else None
    day = document["drawn_on"]
    return DrawnPlan(plan, document["seed"], sample, inspectors, pool, dt.date.fromisoformat(day) if day else None)


def draw_folder(folder: str | Path, *, seed: str, staff: Any = None, recusals: Any = None, on: dt.date | None = None) -> DrawnPlan:
    """The one draw of a published plan folder; the folder is drawn afterwards or as it was before.

    The seed is noted first, the manifest written last. Where a draw was cut short, only the same seed
    may finish it.

    Raises:
        DrawError: The folder is drawn; its frame is not the one of its hash; a draw with another seed
            was begun; or see :meth:`InspectionPlan.draw`.
        LockedError: Another process is drawing it.
    """
    root = Path(folder)
    read_manifest(root)
    with locked(root):
        drawn = read_plan(root).draw(seed=seed, staff=staff, recusals=recusals, on=on)
        _begin(root, seed)
        write_drawn(drawn, root)
        (root / _BEGUN).unlink()
    return drawn


def _begin(folder: Path, seed: str) -> None:
    path = folder / _BEGUN
    if path.exists():
        if path.read_text("utf-8") != seed:
            raise DrawError(f"{folder}: a draw with another seed was begun here and cut short; only that seed may finish it")
        return
    atomic_write(path, seed.encode())


def _plan(folder: Path, document: dict[str, Any]) -> tuple[InspectionPlan, pd.DataFrame]:
    """The plan and the rows of ``sample.csv`` as texts, after checking the frame against its hash."""
    try:
        task = Task.model_validate_json(json.dumps(document["about"]["task"]))
    except (KeyError, ValueError):
        raise DataError(f"{folder / 'manifest.json'}: about.task: expected a task") from None
    sample = pd.DataFrame(
        [row for _, row in read_csv(folder / "sample.csv", SAMPLE_COLUMNS)], columns=list(SAMPLE_COLUMNS), dtype="str"
    )
    sample["inclusion_probability"] = pd.to_numeric(sample["inclusion_probability"]).astype(float)
    plan = InspectionPlan(
        task, sample[list(FRAME_COLUMNS)], strata_from(folder), document["about"], document["frame_hash"], tuple(document["notes"])
    )
    if plan.hashed_again() != plan.frame_hash:
        raise DrawError(f"{folder}: the frame is not the one whose hash the manifest holds; verify-plan names what was changed")
    return plan, sample


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
