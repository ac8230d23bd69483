"""Watch a model: how scores and characteristics moved between two runs; and try a policy before it is signed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from creditscore.batch import read_parquet
from creditscore.config.policy import load_policy
from creditscore.models.monitor import characteristic_stability, psi, psi_table
from creditscore.pipeline.folder import RunFolder
from creditscore.pipeline.score import read_cards
from creditscore.pipeline.train import POOLED
from creditscore.records.open import open_records
from creditscore.tiering.assign import assign_tiers
from creditscore.tiering.forecast import PolicyForecast, forecast_policy

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.engine import Engine


def compare_runs(now: RunFolder, before: RunFolder) -> pd.DataFrame:
    """One row for the score and one per characteristic of the pooled card: psi, critical value, shift in points.

    The earlier run is the reference.
    """
    new, old = (read_parquet(folder.file("scores.parquet"))["score"].to_numpy() for folder in (now, before))
    table = psi_table(old, new)
    total = table.iloc[-1]
    rows = [
        {
            "name": "score",
            "psi": psi(old, new),
            "critical": float(total["Critical"]),
            "points_shift": float(new.mean() - old.mean()),
        }
    ]
    cards = read_cards(now.file("scorecards"))
    card = cards.get(POOLED) or next(iter(cards.values()))
    frames = [read_parquet(folder.file("features.parquet")).to_pandas() for folder in (before, now)]
    if set(card.features) <= set(frames[0].columns):
        moved = characteristic_stability(card, *frames).rename_axis("name").reset_index()
        rows += [{key: row.get(key) for key in rows[0]} for row in moved.to_dict("records")]
    return pd.DataFrame(rows)


def try_policy(project: Project, run: RunFolder, policy_file: Path, *, data: Path, engine: Engine) -> PolicyForecast:
    """What a policy would find and cost, from a run's scores and the past random draws in the data."""
    policy = load_policy(policy_file, on="9999-12-31")
    records = open_records(engine, project, data=data)
    scores = read_parquet(run.file("scores.parquet"))
    in_force = policy.model_copy(update={"effective": run.as_of}) if policy.effective > run.as_of else policy
    tiers = assign_tiers(scores, in_force, records=records, as_of=run.as_of)
    return forecast_policy(tiers, in_force, history=records.inspections, frames=records.frames)
