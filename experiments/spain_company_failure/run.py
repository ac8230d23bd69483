"""Does a card of public records and accounts tell failing firms that it never saw?

    python -m experiments.spain_company_failure.run

Reads ../shared/data/spain_company_failure beside the repository, or --data. 2,859 firm-years of 484 firms; bad is
a firm-year in failure (62 of 34 firms). Ten times, firms are dealt into five folds by lot and each fold is judged
by models of the other four: no firm stands on both sides. Seeds and columns are fixed before looking; nothing
is tuned. Intervals draw firms, not firm-years, and average over the ten deals.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import creditscore as cs
from experiments.common import markdown

ROOT = Path(__file__).resolve().parents[2]
SEEDS, FOLDS, DRAWS = range(10), 5, 400
#: The keys, the outcomes, and the split of the file.
NO_COLUMNS = ["firm_id", "year", "in_failure", "failure_next_year", "split"]
OURS = "creditscore, one card"


def main() -> None:
    """Every model over every deal, pooled out of fold."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "spain_company_failure")
    firms = read_firms(options.parse_args().data)
    risks = {name: out_of_fold(firms, fit) for name, fit in MODELS.items()}
    draws = {name: _draws(firms, many) for name, many in risks.items()}
    rows = {}
    for name, many in risks.items():
        told = {head: _interval(_measured(firms, many)[place], draws[name][:, place]) for place, head in enumerate(HEADS)}
        gap = draws[OURS][:, 0] - draws[name][:, 0]
        here = _measured(firms, risks[OURS])[0] - _measured(firms, many)[0]
        rows[name] = told | {"AUC, ours minus this": "" if name == OURS else _interval(here, gap)}
    bads, owners = int(firms["in_failure"].sum()), firms["firm_id"].nunique()
    print(f"\n{len(firms):,} firm-years, {bads} in failure; {len(SEEDS)} deals of {owners} firms into {FOLDS} folds.\n")
    print(markdown(pd.DataFrame(rows).T.rename_axis("model")))
    print("\n" + _card(firms))


HEADS = ("AUC", "log loss")


def read_firms(folder: Path) -> pd.DataFrame:
    """One row per firm and year."""
    if not (folder / "firm_years.parquet").is_file():
        sys.exit(f"{folder}: expected the folder of Spanish firms (got nothing); give --data")
    return pd.read_parquet(folder / "firm_years.parquet").reset_index(drop=True)


def columns(firms: pd.DataFrame) -> list[str]:
    """What may be known of a firm."""
    return [name for name in firms if name not in NO_COLUMNS]


def _plain(fit: Callable[[pd.DataFrame, pd.Series], object]) -> Callable[[pd.DataFrame], object]:
    return lambda firms: fit(firms[columns(firms)], firms["in_failure"])


def our_card(firms: pd.DataFrame) -> cs.ScorecardClassifier:
    """One default card that knows which rows are of one firm, and the years."""
    card = cs.ScorecardClassifier()
    return card.fit(firms[columns(firms)], firms["in_failure"], time=firms["year"], subjects=firms["firm_id"])


MODELS: dict[str, Callable[[pd.DataFrame], object]] = {
    OURS: our_card,
    "optbinning, default card": _plain(cs.fit_optbinning),
    "LightGBM": _plain(cs.fit_lightgbm),
    "logistic regression": _plain(cs.fit_logistic),
}


def out_of_fold(firms: pd.DataFrame, fit: Callable[[pd.DataFrame], object]) -> list[np.ndarray]:
    """Per deal: the risk of each firm-year by a model that knows nothing of its firm."""
    names, found = firms["firm_id"].unique(), []
    for seed in SEEDS:
        dealt = pd.Series(np.random.default_rng(seed).permutation(len(names)) % FOLDS, index=names)
        fold, risk = firms["firm_id"].map(dealt).to_numpy(), np.zeros(len(firms))
        for one in range(FOLDS):
            train, held = firms[fold != one], firms[fold == one]
            model = fit(train)
            risk[fold == one] = model.predict_proba(held[columns(firms)])[:, 1]
        found.append(risk)
    return found


def _measured(firms: pd.DataFrame, risks: list[np.ndarray], weight: np.ndarray | None = None) -> np.ndarray:
    """AUC and log loss, means over the deals."""
    y = firms["in_failure"].to_numpy()
    return np.mean([[_auc(y, risk, weight), _loss(y, risk, weight)] for risk in risks], axis=0)


def _auc(y: np.ndarray, risk: np.ndarray, weight: np.ndarray | None) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(y, risk, sample_weight=weight))


def _loss(y: np.ndarray, risk: np.ndarray, weight: np.ndarray | None) -> float:
    risk = np.clip(risk, 1e-6, 1 - 1e-6)
    return float(np.average(-(y * np.log(risk) + (1 - y) * np.log(1 - risk)), weights=weight))


def _draws(firms: pd.DataFrame, risks: list[np.ndarray]) -> np.ndarray:
    """(draws, measures) with firms drawn with replacement; the same draws for every model, so differences are paired."""
    codes, names = pd.factorize(firms["firm_id"])
    generator, found = np.random.default_rng(2003), []
    for _ in range(DRAWS):
        times = np.bincount(generator.integers(0, len(names), len(names)), minlength=len(names))
        found.append(_measured(firms, risks, times[codes].astype(float)))
    return np.array(found)


def _interval(value: float, draws: np.ndarray) -> str:
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _card(firms: pd.DataFrame) -> str:
    card = our_card(firms).scorecard_
    told = pd.DataFrame(
        {
            one.name: {"information value": one.information_value, "trend": one.trend, "attributes": len(one.attributes)}
            for one in card.characteristics
        }
    ).T.sort_values("information value", ascending=False)
    return "The card of all firms, its strongest characteristics:\n\n" + markdown(told.head(8).rename_axis("characteristic"))


if __name__ == "__main__":
    main()
