"""Do cards by sector hold against LightGBM on business loans, before a crisis and through it?

    python -m experiments.sba_loans.run --rehearse    # choices, within the training part: before 2003 against 2003 and 2004
    python -m experiments.sba_loans.run               # also the test part, once

Reads ../shared/data/sba_loans beside the repository, or --data. Columns are those known when the loan was
applied for, without ``term_months`` (a leak, says the README of the data). Fixed before looking: the
columns, two of them derived, the seeds, and the criterion: the best of the cards within 0.01 of the tuned
challenger that keeps the cards' trends.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import creditscore as cs
from experiments.common import markdown

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = ["employees", "new_business", "jobs_created", "jobs_retained", "franchise", "gross_approved", "sba_guaranteed"]
TEXTS = ["state", "bank_state", "urban_rural", "revolving_line", "low_doc"]
DERIVED = ["guaranteed_share", "same_state"]
COLUMNS = [*NUMBERS, *TEXTS, *DERIVED]
SPLIT = dt.date(2003, 1, 1)
DRAWS, AIM = 1000, 0.01
POOLINGS = {
    "cards, partial pooling": cs.Pooling(),
    "cards, complete pooling": cs.Pooling(level_sd=0, slope_sd=0),
    "cards, no pooling": cs.Pooling(level_sd=10, slope_sd=10),
}
OURS, TRENDS = "cards, partial pooling", "LightGBM, the cards' trends, tuned"


def main() -> None:
    """The rehearsal, then (unless told not to) the test part."""
    options = _options()
    loans = read_loans(options.data)
    train = loans[loans["split"] == "train"]
    print("## Rehearsal: trained on loans before 2003, judged on 2003 and 2004\n")
    print(judged(train[train["approval_date"] < SPLIT], train[train["approval_date"] >= SPLIT]))
    if not options.rehearse:
        print("\n## Test: trained on loans before 2005, judged on 2005 to 2007\n")
        print(judged(train, loans[loans["split"] == "test"]))


def read_loans(folder: Path) -> pd.DataFrame:
    """The loans, with the share that is guaranteed and whether borrower and bank share a state."""
    if not (folder / "loans.parquet").is_file():
        sys.exit(f"{folder}: expected the folder of SBA's loans (got nothing); give --data")
    loans = pd.read_parquet(folder / "loans.parquet")
    share = (loans["sba_guaranteed"] / loans["gross_approved"]).round(3)
    return loans.assign(guaranteed_share=share, same_state=(loans["state"] == loans["bank_state"]).astype("int64"))


def judged(train: pd.DataFrame, test: pd.DataFrame) -> str:
    """Every contender on the same rows and columns: AUC, within sectors, and against ours; calibration; whom we pick otherwise."""
    risks, cards = contenders(train, test)
    y, weight, sector = test["default"].to_numpy(), test["sample_weight"].to_numpy(), test["sector"].to_numpy()
    owner = test["borrower_id"].to_numpy()
    rows = {}
    for name, risk in risks.items():
        found = cs.evaluate(y, risk, sample_weight=weight, groups=sector, subjects=owner, n_boot=DRAWS)
        told = {head: _said(found, key) for head, key in HEADS.items()}
        pair = {"sample_weight": weight, "subjects": owner, "n_boot": DRAWS}
        told["ours minus this"] = "" if name == OURS else _three(cs.paired_difference(y, risks[OURS], risk, **pair))
        rows[name] = told
    swap = cs.swap_set(y, risks[OURS], risks[TRENDS], sample_weight=weight, reasons=cards.reasons(test[COLUMNS], industry=sector))
    best = max((found for name, found in rows.items() if name.startswith("cards")), key=lambda one: one["AUC"])
    gap = float(rows[TRENDS]["AUC"][:5]) - float(best["AUC"][:5])
    return "\n\n".join(
        (
            f"{len(train):,} loans to train, {len(test):,} to judge; default {_percent(train)} and {_percent(test)} when weighted.",
            markdown(pd.DataFrame(rows).T.rename_axis("model")),
            f"Best card within {AIM} of the tuned challenger with the cards' trends: {'yes' if gap <= AIM else 'no'} ({gap:+.3f}).",
            "The riskiest fifth by the card and by that challenger:\n\n" + markdown(swap.cells.round(3).astype(object)),
            "First reasons of the card in these cells:\n\n"
            + markdown(swap.reasons.loc[swap.reasons.sum(axis=1).nlargest(6).index]),
        )
    )


HEADS = {
    "AUC": "auc", "AUC within sectors": "within_group_auc", "observed / expected": "observed_expected",
    "calibration slope": "calibration_slope", "log loss": "log_loss",
}  # fmt: skip


def contenders(train: pd.DataFrame, test: pd.DataFrame) -> tuple[dict[str, np.ndarray], cs.IndustryScorecards]:
    """Risk of each row of ``test`` by model; and our cards. All see the columns and the sector, all but optbinning the weights."""
    y, weight, sector = train["default"], train["sample_weight"], train["sector"].tolist()
    day = train["approval_date"].map(dt.date.toordinal)
    when = {"time": day, "subjects": train["borrower_id"]}
    fitted = {
        name: cs.IndustryScorecards(pooling=pooling).fit(train[COLUMNS], y, industry=sector, sample_weight=weight, **when)
        for name, pooling in POOLINGS.items()
    }
    risks = {name: cards.predict_proba(test[COLUMNS], industry=test["sector"].tolist())[:, 1] for name, cards in fitted.items()}
    trends = fitted[OURS].pooled_.trends
    whole, new = train[[*COLUMNS, "sector"]], test[[*COLUMNS, "sector"]]
    bound = cs.fit_lightgbm(whole, y, sample_weight=weight, time=day, trends=trends)
    rivals = {
        "one card, sector a column": cs.ScorecardClassifier().fit(whole, y, sample_weight=weight, **when),
        TRENDS: bound,
        "LightGBM, free, tuned": cs.fit_lightgbm(whole, y, sample_weight=weight, time=day),
        "LightGBM, free, stumps (no interactions)": Trees(whole, y, weight, num_leaves=2, n_estimators=500, learning_rate=0.05),
        "LightGBM, the cards' trends, tuned, no weights": cs.fit_lightgbm(whole, y, time=day, trends=trends),
        "LightGBM, default, no weights": Trees(whole, y),
        "logistic regression": cs.fit_logistic(whole, y, sample_weight=weight),
    }
    risks |= {name: model.predict_proba(new)[:, 1] for name, model in rivals.items()}
    bare = cs.IndustryScorecards().fit(train[COLUMNS], y, industry=sector, **when)
    risks["cards, partial pooling, no weights"] = bare.predict_proba(test[COLUMNS], industry=test["sector"].tolist())[:, 1]
    risks["optbinning, default card, no weights"] = cs.fit_optbinning(whole, y).predict_proba(new)[:, 1]
    return risks, fitted[OURS]


class Trees:
    """LightGBM as it comes but for ``settings``; ``num_leaves=2`` has no interactions: what a sum of single columns can do."""

    def __init__(self, frame: pd.DataFrame, y: pd.Series, weight: pd.Series | None = None, **settings: float) -> None:
        import lightgbm

        self.levels = {name: sorted(frame[name].dropna().unique()) for name in [*TEXTS, "sector"]}
        model = lightgbm.LGBMClassifier(verbose=-1, n_jobs=1, random_state=0, **settings)
        self.model = model.fit(self._coded(frame), y, sample_weight=None if weight is None else weight / weight.mean())

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        """(n, 2)."""
        return self.model.predict_proba(self._coded(frame))

    def _coded(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(**{name: pd.Categorical(frame[name], categories=known) for name, known in self.levels.items()})


def _said(found: object, key: str) -> str:
    return _three((found[key], *found.intervals[key]))


def _three(values: tuple[float, float, float]) -> str:
    return "{:.3f} [{:.3f}, {:.3f}]".format(*values)


def _percent(rows: pd.DataFrame) -> str:
    return f"{100 * np.average(rows['default'], weights=rows['sample_weight']):.1f} %"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "sba_loans")
    parser.add_argument("--rehearse", action="store_true", help="the test part stays shut")
    return parser.parse_args()


if __name__ == "__main__":
    main()
