"""How long it takes to fit one card per industry, against nothing but the binning of the same columns by optbinning.

    python -m experiments.benchmarks.fitting [--rows 200000] [--industries 20] [--repeat 5] [--tuned-repeat 3]

40 columns (30 numbers with 5 % missing, 10 texts), weights from 1 to 10, about 4 % bad. Ours: leak alarm,
40 pooled binnings under trends, selection, regression, calibration on rows held out, one shrunk card for
each industry with baselines for its reasons; once with settings as they come (``tune="off"``), once with settings chosen on
rows held out (``tune="auto"``, the default). Theirs: 40 ``OptimalBinning.fit``, no card. Limits: 3 and 12 times theirs.
"""

import argparse
import logging
import warnings

import numpy as np
import pandas as pd

import creditscore as cs
from experiments.benchmarks.timing import held, medians, shown

NUMBERS, TEXTS = 30, 10


def population(rows: int, industries: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Columns, bad, weight and industry of each row; two in three columns tell something."""
    rng = np.random.default_rng(5)
    industry = rng.integers(0, industries, rows)
    eta, columns = -3.6 + 0.1 * (industry % 5 - 2), {}
    for place in range(NUMBERS):
        values = rng.poisson(1 + place % 4, rows).astype(float) if place % 3 else np.round(rng.normal(size=rows), 3)
        eta = eta + (0 if place % 3 == 1 else 0.15) * (values - values.mean()) / values.std()
        values[rng.random(rows) < 0.05] = np.nan
        columns[f"x{place:02d}"] = values
    for place in range(TEXTS):
        chosen = rng.integers(0, 8, rows)
        eta = eta + (0 if place % 3 == 1 else 0.06) * (chosen - 3.5)
        columns[f"t{place}"] = np.array([f"code {one}" for one in "ABCDEFGH"], dtype=object)[chosen]
    bad = rng.random(rows) < 1 / (1 + np.exp(-eta))
    names = np.array([f"i{place:02d}" for place in range(industries)], dtype=object)
    return pd.DataFrame(columns), bad.astype(int), rng.choice([1.0, 2.0, 5.0, 10.0], rows), names[industry]


def optbinnings(X: pd.DataFrame, y: np.ndarray, weight: np.ndarray) -> None:
    """One fit per column, weights as whole numbers (it truncates weighted counts)."""
    from optbinning import OptimalBinning

    for name in X:
        kind = "numerical" if name.startswith("x") else "categorical"
        OptimalBinning(name, dtype=kind, max_n_bins=6).fit(X[name].to_numpy(), y, sample_weight=weight)


def main() -> None:
    """Print the medians and what was fitted."""
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=200_000)
    options.add_argument("--industries", type=int, default=20)
    options.add_argument("--repeat", type=int, default=5)
    options.add_argument("--tuned-repeat", type=int, default=3)
    told = options.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("creditscore").setLevel(logging.ERROR)
    X, y, weight, industry = population(told.rows, told.industries)
    fitted = cs.IndustryScorecards(tune="off")

    def ours(cards: cs.IndustryScorecards) -> None:
        cards.fit(X, y, industry=industry, sample_weight=weight)

    spans = medians({"40 optbinning fits": lambda: optbinnings(X, y, weight), "ours, tune off": lambda: ours(fitted)}, told.repeat)
    spans |= medians({"ours, tuned": lambda: ours(cs.IndustryScorecards())}, told.tuned_repeat)
    left = fitted.selection_[~fitted.selection_["kept"]]
    print(f"{told.rows:,} rows, {told.industries} industries, {X.shape[1]} columns, {int(y.sum()):,} bads")
    print(f"cards: {len(fitted.scorecards_)} + pooled, {len(fitted.pooled_.features)} characteristics; {len(left)} columns left")
    shown("fitting", spans, "40 optbinning fits")
    held("fit, settings as they come", spans, "ours, tune off", "40 optbinning fits", at_most=3)
    held("fit, settings chosen", spans, "ours, tuned", "40 optbinning fits", at_most=12)


if __name__ == "__main__":
    main()
