"""How much noise does the filter of chance let in, and what that is real does it throw away?

    python -m experiments.chance.run [--seeds N] [--report]

Thirty columns, of which 0, 4 or 15 are real: half of those count .1, half .25 in log-odds per standard deviation. 2,000 or
10,000 rows, a tenth of them bad, all of weight 1 or of weights from 1 to 25 that have nothing to do with the risk. The filter
as it is shipped stands beside the same with one level always, and beside none; columns are cut once for all of them. Settings
are the documented defaults (``tune="off"``). A column is lost to the filter where the filter dropped it; it is in the card
where it has a coefficient in the end. Fixed before looking: in each case the mean share of the noise columns that is in the card is
at most 5 %, and of the columns that count .25 the filter drops at most 5 % with 10,000 rows of equal weight.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from creditscore.models import selection
from creditscore.models.fitting import Cuts, Settings, cut_columns, fit_cut
from creditscore.models.sample import Sample, read_sample
from creditscore.models.selection import SelectionLedger
from experiments.common import excess_loss, markdown, run, said

SEEDS = range(1701, 1721)
COLUMNS, NEW = 30, 4_000
WEAK, STRONG = 0.1, 0.25
MANY = 10_000
#: Real columns, rows, weights.
CASES = (
    (0, 2_000, "equal"), (0, MANY, "equal"), (4, 2_000, "equal"), (4, MANY, "equal"), (4, MANY, "from 1 to 25"),
    (15, 2_000, "equal"), (15, MANY, "equal"), (15, MANY, "from 1 to 25"),
)  # fmt: skip
#: Level of the filter; None: as shipped.
ARMS: dict[str, float | None] = {"as shipped": None, "2 % always": 0.02, "5 % always": 0.05, "no filter": 1.0}
NOISE_ASKED, STRONG_ASKED = 0.05, 0.05
_LEVEL = selection._level


@dataclass(frozen=True)
class Population:
    """Rows, true risks and what each column counts."""

    X: pd.DataFrame
    risk: np.ndarray
    effect: dict[str, float]


def population(rng: np.random.Generator, rows: int, real: int) -> Population:
    """Numbers, counts, texts and numbers with 5 % missing in turn; the real ones are the first."""
    columns: dict[str, np.ndarray] = {}
    eta, effect = np.zeros(rows), {}
    for place in range(COLUMNS):
        name, kind = f"c{place:02d}", place % 4
        values = rng.poisson(2, rows).astype(float) if kind == 1 else rng.normal(size=rows).round(3)
        if kind == 2:
            values = rng.integers(0, 6, rows).astype(float)
        effect[name] = 0.0 if place >= real else WEAK if place % 2 else STRONG
        eta += effect[name] * (values - values.mean()) / values.std()
        if kind == 3:
            values[rng.random(rows) < 0.05] = np.nan
        columns[name] = np.array(list("ABCDEF"), dtype=object)[values.astype(int)] if kind == 2 else values
    low, high = -6.0, 2.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 / (1 + np.exp(-(eta + middle)))).mean() < 0.1 else (low, middle)
    return Population(pd.DataFrame(columns), 1 / (1 + np.exp(-(eta + low))), effect)


def one(seed: int) -> list[dict[str, Any]]:
    """All cases of one seed under every filter."""
    found = []
    for case, (real, rows, weights) in enumerate(CASES):
        rng = np.random.default_rng([5, case, seed])
        whole = population(rng, rows + NEW, real)
        y = (rng.random(rows) < whole.risk[:rows]).astype(int)
        weight = np.ones(rows) if weights == "equal" else np.exp(rng.uniform(0, np.log(25), rows))
        settings, ledger = Settings(), SelectionLedger()
        drawn = read_sample(whole.X[:rows], y, features=None, sample_weight=weight, nuisance=None)
        new = read_sample(whole.X[rows:], np.arange(NEW) % 2, features=None, sample_weight=None, nuisance=None)
        ranking = drawn.for_ranking(settings.exponent)
        cuts = cut_columns(ranking, settings, ledger)
        truth = whole.risk[rows:][new.rows]
        for arm, level in ARMS.items():
            told = _judged(ranking, cuts, settings, copy.deepcopy(ledger), whole.effect, level, new, truth)
            found.append({"real": real, "rows": rows, "weights": weights, "arm": arm, **told})
    return found


def _judged(
    ranking: Sample,
    cuts: Cuts,
    settings: Settings,
    ledger: SelectionLedger,
    effect: dict[str, float],
    level: float | None,
    new: Sample,
    truth: np.ndarray,
) -> dict[str, float]:
    """Shares of the columns in the card and dropped by the filter, and the loss on new rows."""
    used: list[float] = []

    def chosen(probabilities: Sequence[float]) -> float:
        used.append(_LEVEL(probabilities) if level is None else level)
        return used[-1]

    with patch.object(selection, "_level", chosen):
        fit = fit_cut(ranking, cuts, settings, ledger)
    inside = {table.name for table in fit.tables}
    dropped = {name for name, row in ledger.rows.items() if "chance alone" in str(row["reason"])}
    kinds = {"noise": 0.0, "weak": WEAK, "strong": STRONG}
    names = {kind: {name for name, counts in effect.items() if counts == of} for kind, of in kinds.items()}
    shares = {
        f"{kind}_{what}": len(own & of) / len(own) if own else np.nan
        for kind, own in names.items()
        for what, of in (("in_card", inside), ("dropped", dropped))
    }
    risk = 1 / (1 + np.exp(-fit.predictor(new)))
    noise_among_kept = len(inside & names["noise"]) / len(inside) if inside else 0.0
    return {**shares, "noise_among_kept": noise_among_kept, "level": used[-1], "excess_loss": excess_loss(truth, risk)}


def report(results: pd.DataFrame, folder: Path) -> None:
    """A table by case and filter, and the criteria."""
    del folder
    rows = {}
    for (real, size, weights, arm), here in results.groupby(["real", "rows", "weights", "arm"], sort=False):
        rows[f"{real} real, {size:,} rows, weights {weights}: {arm}"] = {
            "noise in the card, %": said(100 * here["noise_in_card"], 1),
            "weak ones: in the card; dropped by the filter, %": _both(here, "weak") if real else "",
            "strong ones: in the card; dropped by the filter, %": _both(here, "strong") if real else "",
            "noise among what is kept, %": f"{100 * here['noise_among_kept'].mean():.0f}",
            "level, %": f"{100 * here['level'].mean():.1f}",
            "log loss above the truth's x 1000": said(here["excess_loss"], 2),
        }
    print(f"\n{results['seed'].nunique()} seeds; mean [95 % interval].\n\n" + markdown(pd.DataFrame(rows).T.rename_axis("case")))
    shipped = results[results["arm"] == "as shipped"]
    noise = shipped.groupby(["real", "rows", "weights"])["noise_in_card"].mean()
    clear = shipped[(shipped["rows"] == MANY) & (shipped["weights"] == "equal") & (shipped["real"] > 0)]["strong_dropped"]
    for what, value, asked in (
        (f"noise in the card, the worst of {len(noise)} cases", noise.max(), NOISE_ASKED),
        (f"strong ones dropped by the filter, {MANY:,} rows of equal weight", clear.mean(), STRONG_ASKED),
    ):
        print(f"\n{what}: {value:.3f}: {'met' if value <= asked else 'not met'}")
    wide = results.pivot(index=["seed", "real", "rows", "weights"], columns="arm", values="excess_loss")
    for arm in [arm for arm in ARMS if ARMS[arm] is not None]:
        for (real, size, weights), gain in (wide[arm] - wide["as shipped"]).groupby(["real", "rows", "weights"]):
            print(f"{real} real, {size:,} rows, weights {weights}: log loss x 1000, {arm} less as shipped: {said(gain, 3)}")


def _both(here: pd.DataFrame, kind: str) -> str:
    return f"{said(100 * here[f'{kind}_in_card'], 0)}; {100 * here[f'{kind}_dropped'].mean():.0f}"


if __name__ == "__main__":
    run(one, seeds=SEEDS, report=report, folder=Path(__file__).parent)
