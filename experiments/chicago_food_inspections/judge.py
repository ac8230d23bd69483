"""Judge risks over the test window by the city's own protocol, with one bootstrap for all of them."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd

DRAWS, SEED = 1000, 20140901
MEASURES = ("auc", "mean_days_earlier", "share_first_half", "within_inspector", "within_industry")


def protocol(data: Path):
    """The module ``chicago_protocol`` of the data's folder."""
    spec = importlib.util.spec_from_file_location("chicago_protocol", data / "chicago_protocol.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def auc(y: np.ndarray, risk: np.ndarray) -> float:
    """P(risk of a bad > risk of a good), ties one half."""
    ranks = pd.Series(risk).rank().to_numpy()
    bad = int(y.sum())
    return float((ranks[y == 1].sum() - bad * (bad + 1) / 2) / (bad * (len(y) - bad)))


def within(y: np.ndarray, risk: np.ndarray, groups: np.ndarray) -> float:
    """AUC over pairs of one group, pooled by the number of pairs."""
    won = pairs = 0.0
    for group in np.unique(groups):
        inside = groups == group
        bad = int(y[inside].sum())
        count = bad * (int(inside.sum()) - bad)
        if count:
            won, pairs = won + count * auc(y[inside], risk[inside]), pairs + count
    return won / pairs


def measures(test: pd.DataFrame, risk: np.ndarray, evaluate) -> dict:
    """The protocol's measures and the AUC among visits of one inspector group and of one industry."""
    y = test["y"].to_numpy()
    found = evaluate(test["inspection_date"], risk, y, test["inspection_id"])
    within_groups = {
        "within_inspector": within(y, risk, test["inspector_group"].to_numpy()),
        "within_industry": within(y, risk, test["industry"].fillna("unknown").to_numpy()),
    }
    return {**found, **within_groups}


def bootstrap(test: pd.DataFrame, risks: dict, evaluate) -> dict:
    """Per contender a (draws, measures) array; all see the same draws of licences, so differences are paired."""
    places = test.groupby("subject_id", sort=True).indices
    owners, generator = list(places.values()), np.random.default_rng(SEED)
    found = {name: [] for name in risks}
    for _ in range(DRAWS):
        drawn = np.concatenate([owners[i] for i in generator.integers(0, len(owners), len(owners))])
        sample = test.iloc[drawn]
        for name, risk in risks.items():
            one = measures(sample, risk[drawn], evaluate)
            found[name].append([one[measure] for measure in MEASURES])
    return {name: np.array(draws) for name, draws in found.items()}


def interval(draws: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of the draws."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def random_order(test: pd.DataFrame, evaluate, draws: int = 200) -> pd.DataFrame:
    """The protocol's measures of orders by lot."""
    generator = np.random.default_rng(SEED)
    return pd.DataFrame([measures(test, generator.random(len(test)), evaluate) for _ in range(draws)])
