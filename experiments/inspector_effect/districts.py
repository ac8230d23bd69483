"""Is the level right, and the slope, where inspectors are fixed to districts and strict districts have other firms?

    python -m experiments.inspector_effect.districts [--seeds N] [--report]

A light population instead of the city: what a card sees of firms goes with the district, by chance and by plan, and so does
strictness. Truth is the risk under inspectors of mean strictness. Seeds and the criterion are fixed here, before
looking: the median slope of the true log-odds on the card's lies in 0.85 to 1.15, and the median distance of its logarithm
from 0 is at most half of that in ``before.csv`` (the same seeds by the cards of version 0.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import creditscore as cs
from experiments.common import excess_loss, logit, markdown, run, said, two_parameters

SEEDS = range(1701, 1721)
DISTRICTS, INSPECTORS = 12, 3
ROWS, JUDGED = 6_000, 20_000
#: Standard deviations of strictness between districts and between inspectors of one, and its correlation with a district's firms.
STRICT, OWN, TOGETHER = 1.0, 0.3, 0.6
SLOPES, HALVED = (0.85, 1.15), 0.5


@dataclass(frozen=True)
class Visits:
    """Firms with who came, what was found, and their risk under mean strictness."""

    X: pd.DataFrame
    y: np.ndarray
    teams: list[list[str]]
    truth: np.ndarray
    subject: np.ndarray


def population(seed: int, *, rows: int = ROWS, judged: int = JUDGED) -> tuple[Visits, Visits]:
    """Visited firms, and everyone."""
    rng = np.random.default_rng(seed)
    trait = rng.normal(size=(DISTRICTS, 3))
    strict = STRICT * (TOGETHER * trait[:, 0] + np.sqrt(1 - TOGETHER**2) * rng.normal(size=DISTRICTS))
    people = strict[:, None] - strict.mean() + OWN * rng.normal(size=(DISTRICTS, INSPECTORS))
    return tuple(_drawn(rng, n, trait, people) for n in (rows, judged))


def _drawn(rng: np.random.Generator, n: int, trait: np.ndarray, people: np.ndarray) -> Visits:
    district = rng.integers(0, DISTRICTS, n)
    values = rng.normal(size=(n, 7))
    values[:, :3] = 0.6 * trait[district] + 0.8 * values[:, :3]
    eta = -2.5 + values @ np.array([0.15, 0.15, 0.15, 0.5, 0.4, 0.3, 0.0])
    pair = np.array([rng.choice(INSPECTORS, 2, replace=False) for _ in range(n)])
    met = eta + people[district[:, None], pair].mean(axis=1)
    teams = [[f"{place}-{one}" for one in two] for place, two in zip(district, pair, strict=True)]
    X = pd.DataFrame(values.round(2), columns=[f"x{place}" for place in range(7)])
    return Visits(X, (rng.random(n) < 1 / (1 + np.exp(-met))).astype(int), teams, 1 / (1 + np.exp(-eta)), np.arange(n))


def one(seed: int) -> list[dict[str, Any]]:
    """With the inspectors as a nuisance and without."""
    train, everyone = population(seed)
    found = []
    for arm, teams in (("nuisance", train.teams), ("ignored", None)):
        card = cs.ScorecardClassifier()
        card.fit(train.X, train.y, nuisance=teams, subjects=train.subject)
        risk = card.predict_proba(everyone.X)[:, 1]
        slope = two_parameters(logit(risk), everyone.truth)[1]
        found.append(
            {
                "arm": arm, "slope": slope, "excess_loss": excess_loss(everyone.truth, risk),
                "observed_expected": float(everyone.truth.mean() / risk.mean()),
            }
        )  # fmt: skip
    return found


def report(results: pd.DataFrame, folder: Path) -> None:
    """The table beside that of before, and the criterion."""
    del folder
    rows = {}
    before = pd.read_csv(Path(__file__).parent / "before.csv")
    for arm in ("nuisance", "ignored"):
        for when, table in (("before", before), ("now", results)):
            here = table[table["arm"] == arm]
            rows[f"inspectors: {arm}, {when}"] = {
                "median slope": f"{here['slope'].median():.2f}", "median |log slope|": f"{_off(here):.3f}",
                "slope": said(here["slope"], 2), "log loss above the truth's x 1000": said(here["excess_loss"], 1),
                "observed / expected": said(here["observed_expected"], 2),
            }  # fmt: skip
    print(f"\n{results['seed'].nunique()} seeds.\n\n" + markdown(pd.DataFrame(rows).T.rename_axis("card")))
    now, then = (table[table["arm"] == "nuisance"] for table in (results, before))
    middle, ratio = now["slope"].median(), _off(now) / _off(then)
    met = SLOPES[0] <= middle <= SLOPES[1] and ratio <= HALVED
    print(f"\nmedian slope {middle:.2f}, |log slope| {ratio:.2f} of before: {'met' if met else 'not met'}")


def _off(rows: pd.DataFrame) -> float:
    return float(np.abs(np.log(rows["slope"])).median())


if __name__ == "__main__":
    run(one, seeds=SEEDS, report=report, folder=Path(__file__).parent, results="districts.csv")
