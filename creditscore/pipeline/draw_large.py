"""The one draw of a frame too large for a plan folder: from a Parquet file on an engine, in flat memory."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from creditscore.batch import locked, write_json, write_parquet
from creditscore.config.load import sha256_file
from creditscore.engine import unbound
from creditscore.errors import DataError, DrawError
from creditscore.tiering.draw import ALGORITHM
from creditscore.tiering.draw_table import draw_table

if TYPE_CHECKING:
    from creditscore.engine import Engine

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
            raise DataError(f"{path}: expected a file (got nothing)")
    missing = sorted(set(_COLUMNS) - set(pq.read_schema(frame).names))
    if missing:
        raise DataError(f"{frame}: expected the columns {', '.join(_COLUMNS)} ({', '.join(missing)} missing)")
    with locked(out):
        if (out / "manifest.json").exists():
            raise DrawError(f"{out}: holds a draw already; a frame is drawn once")
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
        raise DataError(f"{path}: expected the columns stratum, target and maybe on_site, with whole numbers") from None
    return pd.DataFrame(given, columns=["stratum", "target", "on_site"])
