"""Does a card keep what the rows prove, and only that?

    python -m experiments.evidence.run [--seeds N] [--report]

Five small populations with one planted thing each (``populations.py``, and the industries of ``pooling_estimated``), default
cards, seeds and thresholds fixed here, before looking.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

import creditscore as cs
from experiments.common import expected_loss, markdown, run, said
from experiments.evidence import populations
from experiments.evidence.populations import NOISE, TROUGH, Rows
from experiments.pooling_estimated.run import population

SEEDS = range(1601, 1621)
#: Of the trough's log-odds (about ln 2) so much must be seen in the points for it to be found.
FOUND = 0.35
INDUSTRIES = {"industries, levels only": (0.6, 0.0), "industries, levels and slopes": (0.6, 0.3)}
REPEATS = 3
#: Figure -> what is asked of its mean over the seeds.
ASKED = {
    "early attribute: AUC without the column - AUC with it": ("at most", 0.01),
    "rare flag: share of its log-odds kept": ("at least", 0.5),
    "late list: share of its log-odds kept": ("at least", 1 / 3),
    "trough: found (share of seeds)": ("at least", 0.95),
    "trough: share of noise columns kept": ("at most", 0.05),
    "industries, levels only: AUC, one card - cards": ("at most", 0.001),
    "industries, levels only: log loss, cards - one card": ("at most", 0.001),
    "industries, levels and slopes: AUC, one card - cards": ("at most", 0.0),
    "industries, levels and slopes: log loss, cards - one card": ("at most", 0.0),
    "industries: time to fit without tuning, cards / one card": ("at most", 2.0),
    "industries: time to score, cards / one card": ("at most", 1.5),
}


def one(seed: int) -> list[dict[str, Any]]:
    """Every figure of one seed."""
    told = {**_early(seed), **_flag(seed), **_late(seed), **_trough(seed)}
    for name, (level, slope) in INDUSTRIES.items():
        told |= _industries(seed, name, level, slope)
    return [{"figure": figure, "value": value} for figure, value in told.items()]


def _fitted(rows: Rows, X: pd.DataFrame | None = None) -> cs.Scorecard:
    estimator = cs.ScorecardClassifier()
    return estimator.fit(rows.X if X is None else X, rows.y, time=rows.time).scorecard_


def _early(seed: int) -> dict[str, float]:
    train, test = populations.early_attribute(seed)
    auc = [
        roc_auc_score(test.y, _fitted(train, X).predict_proba(test.X[X.columns])[:, 1])
        for X in (train.X.drop(columns="source"), train.X)
    ]
    return {"early attribute: AUC without the column - AUC with it": float(auc[0] - auc[1])}


def _flag(seed: int) -> dict[str, float]:
    return {"rare flag: share of its log-odds kept": kept_of_flag(populations.rare_flag(seed))}


def _late(seed: int) -> dict[str, float]:
    rows = populations.late_list(seed)
    last = rows.time == rows.time.max()
    return {"late list: share of its log-odds kept": kept_of_flag(rows, last)}


def kept_of_flag(rows: Rows, within: np.ndarray | None = None) -> float:
    """Difference of points between 0 and 1 of ``listed``, in log-odds, to that of the rows (``within`` some of them)."""
    here = np.ones(len(rows.y), dtype=bool) if within is None else within
    odds = [np.log(rate / (1 - rate)) for flag in (0, 1) for rate in [rows.y[here & (rows.X["listed"] == flag)].mean()]]
    return _step(_fitted(rows), rows.X, "listed", 1.0, 0.0) / float(odds[1] - odds[0])


def _step(card: cs.Scorecard, X: pd.DataFrame, column: str, value: float, other: float) -> float:
    """How much riskier, in log-odds, the card holds ``value`` of a column than ``other``; 0 without the column."""
    if column not in card.features:
        return 0.0
    rows = pd.concat([X.iloc[:1].assign(**{column: at}) for at in (value, other)], ignore_index=True)
    points = card.points(rows)[column].to_numpy(dtype=float)
    return float((points[1] - points[0]) * np.log(2) / card.scaling.pdo)


def _trough(seed: int) -> dict[str, float]:
    rows = populations.trough(seed)
    card = _fitted(rows)
    middle = 1000 * sum(TROUGH) / 2
    steps = [_step(card, rows.X, "days", side, middle) for side in (250.0, 750.0)]
    noise = sum(name.startswith("noise") for name in card.features)
    return {
        "trough: found (share of seeds)": float(min(steps) >= FOUND),
        "trough: share of noise columns kept": noise / NOISE,
        "trough: columns kept": float(len(card.features)),
    }


def _industries(seed: int, name: str, level: float, slope: float) -> dict[str, float]:
    """Cards by industry against one card with the industry as a column."""
    train, new = population(seed, level=level, slope=slope, industries=15, rows=(500, 3_000))
    cards, one_card = cs.IndustryScorecards(), cs.ScorecardClassifier()
    cards.fit(train.X, train.y, industry=list(train.industry))
    whole, judged = (rows.X.assign(industry=rows.industry) for rows in (train, new))
    one_card.fit(whole, train.y)
    own = cards.predict_proba(new.X, industry=list(new.industry))[:, 1]
    single = one_card.predict_proba(judged)[:, 1]
    told = {
        f"{name}: AUC, one card - cards": float(roc_auc_score(new.y, single) - roc_auc_score(new.y, own)),
        f"{name}: log loss, cards - one card": expected_loss(new.truth, own) - expected_loss(new.truth, single),
    }
    if slope:
        return told
    names = list(new.industry)
    score = [_seconds(lambda: cards.scores(new.X, industry=names)), _seconds(lambda: one_card.scorecard_.scores(judged))]
    for estimator in (cards, one_card):
        estimator.set_params(tune="off")
    fit = [
        _seconds(lambda: cards.fit(train.X, train.y, industry=list(train.industry))), _seconds(lambda: one_card.fit(whole, train.y))
    ]  # fmt: skip
    return told | {
        "industries: time to fit without tuning, cards / one card": fit[0] / fit[1],
        "industries: time to score, cards / one card": score[0] / score[1],
    }


def _seconds(work: Any) -> float:
    """Median of a few runs, in seconds of the processor."""
    spans = []
    for _ in range(REPEATS):
        begun = time.process_time()
        work()
        spans.append(time.process_time() - begun)
    return float(np.median(spans))


def report(results: pd.DataFrame, folder: Path) -> None:
    """Each figure with what is asked of it."""
    del folder
    rows = {}
    for figure, here in results.groupby("figure", sort=False)["value"]:
        kind, limit = ASKED.get(figure, ("", np.nan))
        mean = here.mean()
        met = mean <= limit if kind == "at most" else mean >= limit
        rows[figure] = {
            "mean [95 % interval]": said(here, 4), "least": f"{here.min():.4f}", "most": f"{here.max():.4f}",
            "asked of the mean": f"{kind} {limit:.3g}" if kind else "", "": ("met" if met else "not met") if kind else "",
        }  # fmt: skip
    print(f"\n{results['seed'].nunique()} seeds.\n\n" + markdown(pd.DataFrame(rows).T.rename_axis("figure")))


if __name__ == "__main__":
    run(one, seeds=SEEDS, report=report, folder=Path(__file__).parent)
