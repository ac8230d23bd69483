"""Which labels give cards that are right for everyone, when only those who were visited have labels?

Seeds, dates and the criterion are fixed here, before looking: a card is calibrated if over the seeds
the 95 % intervals of expected / observed and of the calibration slope both contain 1.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

import creditscore as cs
from experiments.common import World, fit_rows, interval, markdown, run, said, world

SEEDS = range(101, 121)
SUBJECTS = 20_000
#: Cards train on what was known that day, and are judged on everyone three months later.
UNTIL, JUDGED = dt.date(2023, 9, 30), dt.date(2024, 1, 1)
#: Days of everyone's label, and of the windows of twelve months in which penalties are looked for.
EVERYONE = (dt.date(2021, 10, 1), dt.date(2022, 4, 1), dt.date(2022, 10, 1), dt.date(2023, 4, 1))
WINDOWS = (dt.date(2021, 10, 1), dt.date(2022, 4, 1), dt.date(2022, 7, 1))
PENALTIES = ("admin_penalty_minor", "admin_penalty_general", "admin_penalty_serious")
ARMS = {
    "a": "all visits, unweighted",
    "b": "random draws, unweighted",
    "c": "random draws, weighted 1/p",
    "d": "everyone's label",
    "d'": "everyone's label, thinned to what (c) is worth",
    "e": "penalties, as if known of all",
}
TIERS = ("A", "B", "C", "D")
COLOURS = {"a": "#c0504d", "b": "#e39a3b", "c": "#1f6f9f", "d": "#4f7f4f", "d'": "#8fbf8f", "e": "#7f6f9f"}


def one(seed: int) -> list[dict[str, Any]]:
    """Cards of the five kinds of labels in one city, judged on everyone at a later date."""
    with world(cs.CityParameters(subjects=SUBJECTS, seed=seed, dirt=False)) as city:
        people = city.everyone(JUDGED)
        features = cs.build_features(city.records, people, city.project.features)
        return [_judged(arm, cards, people, features) for arm, cards in _fitted(city, seed).items()]


def _fitted(city: World, seed: int) -> dict[str, cs.IndustryScorecards]:
    target = city.project.targets["violation"]
    every = ("random", "full_coverage", "complaint", "follow_up", "special")
    targets = {
        "a": target.model_copy(update={"weights": "none", "triggers": every}),
        "b": target.model_copy(update={"weights": "none"}),
        "c": target,
    }
    cards = {}
    for arm, wanted in targets.items():
        rows = cs.training_rows(city.records, wanted, until=UNTIL)
        features = cs.build_features(city.records, rows, city.project.features)
        cards[arm] = fit_rows(city.cards(), features, rows)
    truth = pd.concat([city.everyone(day) for day in EVERYONE], ignore_index=True)
    truth = truth[truth["entered"]].reset_index(drop=True)
    thinned = truth.sample(round(cards["c"].effective_size_), random_state=seed)
    for arm, rows in (("d", truth), ("d'", thinned), ("e", _penalties(city))):
        features = cs.build_features(city.records, rows, city.project.features)
        cards[arm] = city.cards().fit(
            features, rows["y"], industry=rows["industry"].tolist(), time=rows["as_of"], subjects=rows["subject_id"]
        )
    return cards


def _penalties(city: World) -> pd.DataFrame:
    """Everyone at the beginning of each window; bad is who had a penalty in it that was known when training."""
    events = city.data("public_events")
    events = events[events["kind"].isin(PENALTIES) & (events["known_date"] <= UNTIL)]
    parts = []
    for day in WINDOWS:
        end = day.replace(year=day.year + 1)
        inside = events[(events["event_date"] >= day) & (events["event_date"] < end)]
        rows = city.everyone(day)
        parts.append(rows.assign(y=rows["subject_id"].isin(inside["subject_id"]).astype("int64")))
    return pd.concat(parts, ignore_index=True)


def _judged(arm: str, cards: cs.IndustryScorecards, people: pd.DataFrame, features: pd.DataFrame) -> dict[str, Any]:
    """Against what a visit of everyone would find: among those who let the inspectors in, and among all."""
    probability = cards.predict_proba(features, industry=people["industry"].tolist())[:, 1]
    inside = people["entered"].to_numpy()
    found = cs.evaluate(people["y"][inside], probability[inside])
    everyone = cs.evaluate(people["y"], probability)
    tiers = pd.DataFrame({"tier": people["old_tier"], "p": probability, "y": people["y"]})[inside].groupby("tier").mean()
    return {
        "arm": arm,
        "expected_observed": 1 / found["observed_expected"],
        "slope": found["calibration_slope"],
        "auc": found["auc"],
        "expected_observed_all": 1 / everyone["observed_expected"],
        "rate": found["mean_predicted"],
        **{f"rate_{tier}": tiers.loc[tier, "p"] for tier in TIERS},
        "truth": found["observed_rate"],
        **{f"truth_{tier}": tiers.loc[tier, "y"] for tier in TIERS},
    }


def report(results: pd.DataFrame, folder: Path) -> None:
    """The tables, the criterion, and the picture."""
    by_arm = dict(list(results.groupby("arm")))
    print(f"\n{results['seed'].nunique()} cities of {SUBJECTS:,} subjects; mean [95 % interval over cities].\n")
    measures = {
        "expected / observed": "expected_observed", "calibration slope": "slope", "AUC": "auc",
        "expected / observed, all subjects": "expected_observed_all",
    }  # fmt: skip
    table = pd.DataFrame({head: {f"({a}) {ARMS[a]}": said(r[key]) for a, r in by_arm.items()} for head, key in measures.items()})
    print(markdown(table.rename_axis("card trained on")), "\n")
    names = {"all": "rate", **{t: f"rate_{t}" for t in TIERS}}
    rates = {f"({a}) {ARMS[a]}": {t: _percent(r[key]) for t, key in names.items()} for a, r in by_arm.items()}
    truth = by_arm["c"]
    rates["truth"] = {t: _percent(truth[key.replace("rate", "truth")]) for t, key in names.items()}
    print(markdown(pd.DataFrame(rates).T.rename_axis("estimated violation rate, % (old tier)")), "\n")
    for arm, rows in by_arm.items():
        print(f"({arm}) {'calibrated' if _calibrated(rows) else 'not calibrated'} by the criterion")
    both = results.pivot(index="seed", columns="arm", values="expected_observed")
    print(f"\nweights alone, (c) - (b), expected / observed: {said(both['c'] - both['b'])}")
    share = results.assign(a=results["rate_A"] / results["truth_A"]).pivot(index="seed", columns="arm", values="a")
    print(f"weights alone, (c) - (b), expected / observed in old tier A: {said(share['c'] - share['b'])}")
    _picture(by_arm, folder)


def _percent(values: pd.Series) -> str:
    return said(100 * values, 1)


def _calibrated(rows: pd.DataFrame) -> bool:
    return all(low <= 1 <= high for _, low, high in (interval(rows["expected_observed"]), interval(rows["slope"])))


def _picture(by_arm: dict[str, pd.DataFrame], folder: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.3), gridspec_kw={"width_ratios": [1, 1.3]})
    for place, (arm, rows) in enumerate(by_arm.items()):
        for offset, key, marker in ((-0.12, "expected_observed", "o"), (0.12, "slope", "s")):
            mean, low, high = interval(rows[key])
            left.errorbar(
                mean, -place - offset, xerr=[[mean - low], [high - mean]], fmt=marker, color=COLOURS[arm], capsize=3,
                markerfacecolor=COLOURS[arm] if marker == "o" else "white",
            )  # fmt: skip
        for number, tier in enumerate(TIERS):
            mean, low, high = interval(100 * rows[f"rate_{tier}"] / rows[f"truth_{tier}"] - 100)
            right.errorbar(
                number + (place - 2.5) * 0.13, mean, yerr=[[mean - low], [high - mean]], fmt="o", color=COLOURS[arm], capsize=2,
                label=f"({arm}) {ARMS[arm]}" if number == 0 else None,
            )  # fmt: skip
    left.axvline(1, color="grey", linewidth=0.8)
    left.set_yticks([-k for k in range(len(by_arm))], [f"({arm})" for arm in by_arm])
    left.set_xlabel("filled: expected / observed; open: calibration slope")
    left.set_title("Calibration in the whole population", fontsize=10)
    right.axhline(0, color="grey", linewidth=0.8)
    right.set_xticks(range(len(TIERS)), [f"old tier {tier}" for tier in TIERS])
    right.set_ylabel("estimated rate against the truth, %")
    right.set_title("Violation rate by tier of the old policy", fontsize=10)
    figure.tight_layout(rect=(0, 0.11, 1, 1))
    figure.legend(*right.get_legend_handles_labels(), loc="lower center", ncol=3, fontsize=8, frameon=False)
    figure.savefig(folder / "selective_labels.png", dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    run(one, seeds=SEEDS, report=report, folder=Path(__file__).parent)
