"""Do weights of 1/p belong in the ranking, in the level, or in both?

    python -m experiments.level_and_ranking.run [--seeds N] [--report]

A city of 100,000 subjects whose old policy drew 1, 4, 12 and 50 % of old tiers A to D a quarter; its tiers count records that
have been repaired or have expired, which a card may not see, so that they tell something of risk that no feature tells.
About 4,700 random draws train the cards; everyone is judged. Seeds, days and the criterion are fixed here, before
looking: the default cards' excess loss is at most 1.05 times that of an unweighted fit whose intercept and slope are then set
with 1/p on rows held out, in the mean over the cities.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

import creditscore as cs
from experiments.common import World, excess_loss, logit, markdown, run, said, two_parameters, world

SEEDS = range(1401, 1421)
CITY = {
    "subjects": 100_000,
    "on_site_ratios": (0.01, 0.04, 0.12, 0.50),
    "full_coverage": (),
    "off_site": False,
    "months": 7,
    "dirt": False,
}
UNTIL, JUDGED = dt.date(2024, 2, 29), dt.date(2024, 5, 1)
#: The last day on which the old policy gave tiers.
DRAWN = dt.date(2024, 1, 1)
OTHERS = ("complaint", "follow_up", "special")
TIERS = ("A", "B", "C", "D")
FOLDS, MOST = 5, 1.05
ARMS = {
    "ours": "default cards: random draws, weights 1/p given",
    "a": "(a) unweighted, intercept and slope set with 1/p on rows held out",
    "b": '(b) 1/p throughout (`exponent=1`, `tune="off"`)',
    "c": "(c) default cards, other visits for the ranking (`rank_with`)",
    "everyone": "everyone's label, thinned to as many rows",
}


def one(seed: int, **changed: Any) -> list[dict[str, Any]]:
    """Every arm in one city. ``changed``: parameters of the city (a smaller one for a test)."""
    with world(cs.CityParameters(**(CITY | {"seed": seed} | changed))) as city:
        people = city.everyone(JUDGED).drop(columns="old_tier")
        tiers = city.truth("risk")
        tiers = tiers[tiers["date"] == DRAWN]
        people = people.merge(tiers[["subject_id", "old_tier"]], on="subject_id")
        judged = cs.build_features(city.records, people, city.project.features)
        rows = cs.training_rows(city.records, city.project.targets["violation"], until=UNTIL)
        X = cs.build_features(city.records, rows, city.project.features)
        risks = {
            "ours": _risk(_fitted(city, X, rows, rows.weight), judged, people),
            "a": _recalibrated(city, X, rows, judged, people),
            "b": _risk(_fitted(city, X, rows, rows.weight, exponent=1.0, tune="off"), judged, people),
            "c": _with_others(city, judged, people),
            "everyone": _everyone(city, len(rows.frame), seed, judged, people),
        }
        return [{"arm": arm, "draws": len(rows.frame), **_judged(people, risk)} for arm, risk in risks.items()]


def _fitted(
    city: World, X: pd.DataFrame, rows: Any, weight: Any, ranking_only: Any = None, **settings: Any
) -> cs.IndustryScorecards:
    """Cards with the defaults of the package, not those of the project."""
    cards = cs.IndustryScorecards(features=city.project.features, industries=city.project.scorecards.industry)
    cards.set_params(**settings)
    return cards.fit(
        X, rows.y, industry=rows.industry, nuisance=rows.inspectors, time=rows.frame["as_of"],
        subjects=rows.frame["subject_id"], ranking_only=ranking_only, sample_weight=weight,
    )  # fmt: skip


def _risk(cards: cs.IndustryScorecards, judged: pd.DataFrame, people: pd.DataFrame) -> np.ndarray:
    return cards.predict_proba(judged, industry=people["industry"].tolist())[:, 1]


def _recalibrated(city: World, X: pd.DataFrame, rows: Any, judged: pd.DataFrame, people: pd.DataFrame) -> np.ndarray:
    """An unweighted fit; two parameters with 1/p on the log-odds of subjects held out."""
    codes, names = pd.factorize(rows.frame["subject_id"])
    fold = (np.random.default_rng(0).permutation(len(names)) % FOLDS)[codes]
    eta, y, industry = np.zeros(len(codes)), np.asarray(rows.y), np.asarray(rows.industry, dtype=object)
    for one_fold in range(FOLDS):
        rest, out = fold != one_fold, fold == one_fold
        teams = [team for team, stays in zip(rows.inspectors, rest, strict=True) if stays]
        part = _Rows(rows.frame[rest], y[rest], list(industry[rest]), teams)
        cards = _fitted(city, X[rest], part, None)
        eta[out] = logit(cards.predict_proba(X[out], industry=list(industry[out]))[:, 1])
    intercept, slope = two_parameters(eta, y, np.asarray(rows.weight, dtype=float))
    whole = _risk(_fitted(city, X, rows, None), judged, people)
    return 1 / (1 + np.exp(-(intercept + slope * logit(whole))))


class _Rows:
    """Some of the training rows."""

    def __init__(self, frame: pd.DataFrame, y: np.ndarray, industry: list[str], inspectors: list[Any]) -> None:
        self.frame, self.y, self.industry, self.inspectors = frame, y, industry, inspectors


def _with_others(city: World, judged: pd.DataFrame, people: pd.DataFrame) -> np.ndarray:
    """Complaint, follow-up and special visits train the ranking."""
    target = city.project.targets["violation"].model_copy(update={"rank_with": OTHERS})
    rows = cs.training_rows(city.records, target, until=UNTIL)
    X = cs.build_features(city.records, rows, city.project.features)
    return _risk(_fitted(city, X, rows, rows.weight, ranking_only=rows.ranking_only), judged, people)


def _everyone(city: World, draws: int, seed: int, judged: pd.DataFrame, people: pd.DataFrame) -> np.ndarray:
    """What as many labels of a sample with equal chances would teach."""
    rows = city.everyone(DRAWN)
    rows = rows[rows["entered"]].sample(draws, random_state=seed).reset_index(drop=True)
    X = cs.build_features(city.records, rows, city.project.features)
    part = _Rows(rows, rows["y"].to_numpy(), rows["industry"].tolist(), rows["inspectors"].str.split(";").tolist())
    return _risk(_fitted(city, X, part, None), judged, people)


def _judged(people: pd.DataFrame, risk: np.ndarray) -> dict[str, float]:
    truth = people["risk_ppm"].to_numpy() / 1e6
    drawn = np.random.default_rng(0).random(len(truth)) < truth
    tiers = pd.DataFrame({"tier": people["old_tier"], "risk": risk, "truth": truth}).groupby("tier").mean()
    return {
        "auc": float(roc_auc_score(drawn, risk)),
        "excess_loss": excess_loss(truth, risk),
        "slope": two_parameters(logit(risk), truth)[1],
        **{f"observed_expected_{tier}": float(tiers.loc[tier, "truth"] / tiers.loc[tier, "risk"]) for tier in TIERS},
    }


def report(results: pd.DataFrame, folder: Path) -> None:
    """The table, and the criterion."""
    del folder
    heads = {"AUC": ("auc", 3), "log loss above the truth's x 1000": ("excess_loss", 1), "true slope": ("slope", 2)}
    heads |= {f"observed / expected, old tier {tier}": (f"observed_expected_{tier}", 2) for tier in TIERS}
    by_arm = {arm: results[results["arm"] == arm] for arm in ARMS}
    table = {head: {ARMS[arm]: said(by_arm[arm][key], digits) for arm in ARMS} for head, (key, digits) in heads.items()}
    print(f"\n{results['seed'].nunique()} cities, {results['draws'].mean():,.0f} draws; mean [95 % interval over cities].\n")
    print(markdown(pd.DataFrame(table).rename_axis("fit")))
    means = results.pivot(index="seed", columns="arm", values="excess_loss").mean()
    ratio = means["ours"] / means["a"]
    print(f"\nours / (a): {ratio:.3f}, at most {MOST}: {'met' if ratio <= MOST else 'not met'}")
    print(f"with other visits for the ranking / ours: {means['c'] / means['ours']:.3f}")


if __name__ == "__main__":
    run(one, seeds=SEEDS, report=report, folder=Path(__file__).parent)
