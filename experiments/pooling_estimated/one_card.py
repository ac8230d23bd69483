"""Do cards by industry beat one card that has the industry as a characteristic?

    python -m experiments.pooling_estimated.one_card [--seeds N] [--report]

The population of ``run`` with levels that differ by N(0, 0.6), and columns that count alike in all industries, or whose
contributions are multiplied by N(1, 0.3) in each. Judged by expected log loss and AUC on new rows, four for each row of
training. Fixed before looking: in the mean over 20 seeds the log losses differ by at most 0.001 where only levels do; where slopes
differ, the cards by industry have the lower one, with an interval of the paired differences that excludes 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

import creditscore as cs
from experiments.common import excess_loss, expected_loss, markdown, run, said
from experiments.pooling_estimated.run import population

SEEDS = range(1601, 1621)
SETTINGS = {"levels": (0.6, 0.0), "levels and slopes": (0.6, 0.3)}
ARMS = {"industries": "cards by industry", "one": "one card with the industry in it"}
EQUAL = 0.001


def one(seed: int) -> list[dict[str, Any]]:
    """Both kinds of cards at both settings."""
    found = []
    for setting, (level, slope) in SETTINGS.items():
        train, new = population(seed, level=level, slope=slope)
        cards = cs.IndustryScorecards().fit(train.X, train.y, industry=list(train.industry))
        card = cs.ScorecardClassifier().fit(train.X.assign(industry=train.industry), train.y)
        risks = {
            "industries": cards.predict_proba(new.X, industry=list(new.industry))[:, 1],
            "one": card.predict_proba(new.X.assign(industry=new.industry))[:, 1],
        }
        for arm, risk in risks.items():
            judged = {"excess_loss": excess_loss(new.truth, risk), "log_loss": expected_loss(new.truth, risk)}
            found.append({"setting": setting, "arm": arm, "auc": float(roc_auc_score(new.y, risk)), **judged})
    return found


def report(results: pd.DataFrame, folder: Path) -> None:
    """A table, and the criteria."""
    del folder
    rows = {}
    for setting in SETTINGS:
        here = results[results["setting"] == setting]
        wide = here.pivot(index="seed", columns="arm", values=["log_loss", "auc", "excess_loss"])
        for arm, label in ARMS.items():
            rows[f"{label}; industries differ in {setting}"] = {
                "log loss above the truth's x 1000": said(wide["excess_loss", arm], 2), "AUC": said(wide["auc", arm], 4),
            }  # fmt: skip
        gain = wide["log_loss", "one"] - wide["log_loss", "industries"]
        low = gain.mean() - 2.093 * gain.std() / np.sqrt(len(gain))
        met = abs(gain.mean()) <= EQUAL if setting == "levels" else low > 0
        print(f"{setting}: log loss of one card less that of cards by industry {said(gain, 5)}: {'met' if met else 'not met'}")
    print(f"\n{results['seed'].nunique()} seeds; mean [95 % interval].\n\n" + markdown(pd.DataFrame(rows).T.rename_axis("card")))


if __name__ == "__main__":
    run(one, seeds=SEEDS, report=report, folder=Path(__file__).parent, results="one_card.csv")
