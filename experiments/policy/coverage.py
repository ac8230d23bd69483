"""How often does the forecast's 95 % prediction interval hold what the next round of draws really finds?

    python -m experiments.policy.coverage [--seeds N] [--report]

400 cities of 6,000 subjects, three published tables; the card is trained on the same past visits that the forecast
speaks from, as an authority would. The criterion (92 to 98 %) stands in ``run.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from scipy import stats

import creditscore as cs
from experiments.common import markdown, run, world
from experiments.policy.run import TABLES, Round, policy_of

SEEDS = range(1001, 1401)
SUBJECTS = 6_000


def one(seed: int) -> list[dict[str, Any]]:
    """Forecast and finding of each table in one city."""
    with world(cs.CityParameters(subjects=SUBJECTS, seed=seed, dirt=False)) as city:
        round_ = Round(city)
        rows = []
        for key, name in TABLES.items():
            policy = policy_of(key)
            told = round_.forecast(policy)
            low, high, found = told.total["low"], told.total["high"], round_.found(policy, told.strata, seed)["found"]
            rows.append(
                {
                    "table": name,
                    "expected": told.total["expected"],
                    "low": low,
                    "high": high,
                    "found": found,
                    "inside": low <= found <= high,
                }
            )
        return rows


def report(results: pd.DataFrame, folder: Path) -> None:
    """Coverage by table, with an exact interval."""
    rows = {}
    for name, part in results.groupby("table", sort=False):
        inside, n = int(part["inside"].sum()), len(part)
        low, high = stats.binomtest(inside, n).proportion_ci()
        rows[name] = {
            "cities": n,
            "interval holds, %": f"{100 * inside / n:.1f} [{100 * low:.1f}, {100 * high:.1f}]",
            "below / above it": f"{int((part['found'] < part['low']).sum())} / {int((part['found'] > part['high']).sum())}",
            "expected / found": f"{part['expected'].sum() / part['found'].sum():.3f}",
            "criterion": "met" if 0.92 <= inside / n <= 0.98 else "missed",
        }
    print("\n" + markdown(pd.DataFrame(rows).T.rename_axis("ratio table")))


if __name__ == "__main__":
    run(one, seeds=SEEDS, report=report, folder=Path(__file__).parent, results="coverage.csv")
