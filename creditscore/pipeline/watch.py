"""Watch a model: how scores and characteristics moved between two runs."""

from __future__ import annotations

import pandas as pd

from creditscore.batch import read_parquet
from creditscore.models.monitor import characteristic_stability, psi, psi_table
from creditscore.pipeline.folder import RunFolder
from creditscore.pipeline.score import read_cards
from creditscore.pipeline.train import POOLED


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
