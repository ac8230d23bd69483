"""Does a card score the firm or the inspector?

In cities whose inspectors differ in strictness, four ways to treat the inspector are fitted to the
same random draws. Judged: how far the riskiness that a card sees goes with the strictness of the
inspectors once true risk is known (partial correlation, 0 is right), how well it ranks true risk, and the
slope of the true log-odds on the card's (1 is right). Seeds and dates are fixed here, before looking. How the level and
the slope fare where strictness goes with what a card may see: ``districts.py``.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import creditscore as cs
from experiments.common import World, fit_rows, interval, logit, markdown, run, said, two_parameters, world

SEEDS = range(301, 321)
SUBJECTS = 8_000
#: A city that visits often, so that findings make up a good part of the record, and whose inspectors differ as
#: those of Chicago did (critical violations in 2.5 to 40.8 % of visits by cluster of inspectors).
CITY = {
    "on_site_ratios": (0.10, 0.15, 0.25, 0.40),
    "strictness": 0.7,
    "county_strictness": 0.7,
    "dirt": False,
}
UNTIL, JUDGED = dt.date(2023, 9, 30), dt.date(2024, 1, 1)
WINDOW = pd.DateOffset(months=36)
ASSIGNMENTS = ("random", "districts")
ARMS = {
    "ignored": "inspector ignored, findings counted",
    "feature": "inspector as a feature, findings counted",
    "nuisance": "nuisance, findings counted",
    "both": "nuisance and finding_ratio",
    "ratio": "finding_ratio alone",
}
MEASURES = {
    "feature": "the count or ratio itself",
    "past": "with strictness of its past inspectors",
    "next": "with strictness of its next inspectors",
    "rank": "rank correlation with true risk",
    "slope": "slope of the true log-odds",
}
#: The arms that know who inspected.
JUDGED_ARMS = ("nuisance", "both")


def one(seed: int) -> list[dict[str, Any]]:
    """Five cards in each of two cities that differ only in how inspectors are assigned."""
    found = []
    for assignment in ASSIGNMENTS:
        parameters = cs.CityParameters(subjects=SUBJECTS, seed=seed, inspector_assignment=assignment, **CITY)
        with world(parameters) as city:
            found += [{"assignment": assignment, **row} for row in _in_one_city(city)]
    return found


def _in_one_city(city: World) -> list[dict[str, Any]]:
    rows = cs.training_rows(city.records, city.project.targets["violation"], until=UNTIL)
    people = city.everyone(JUDGED)
    visits = _visits(city)
    train = _columns(city, rows.frame, visits, _first(rows.frame["inspectors"]), rows)
    judged = _columns(city, people, visits, people["inspectors"].str.split(";").str[0].tolist(), people)
    people = people.assign(past=_past_strictness(people, visits))
    found = []
    for arm in ARMS:
        specs = _specs(city, arm)
        cards = city.cards(specs)
        fit_rows(cards, train, rows, **({} if arm in JUDGED_ARMS else {"nuisance": None}))
        risk = -cards.scores(judged, industry=people["industry"].tolist()).to_numpy()
        told_risk = cards.predict_proba(judged, industry=people["industry"].tolist())[:, 1]
        history = judged["finding_ratio_36m" if arm in ("both", "ratio") else "findings_36m"].to_numpy()
        slope = two_parameters(logit(told_risk), people["risk_ppm"].to_numpy() / 1e6)[1]
        found.append({"arm": arm, **_judged(risk, history, people), "slope": slope})
    return found


def _specs(city: World, arm: str) -> tuple[Any, ...]:
    """The project's features, with the bare count of findings in the place of the ratio, or the lead inspector beside them."""
    by_name = {feature.name: feature for feature in city.project.features}
    ratio = by_name.pop("finding_ratio_36m")
    if arm in ("both", "ratio"):
        return (*by_name.values(), ratio)
    count = ratio.model_copy(update={"name": "findings_36m", "unit": "records", "empty": 0})
    lead = by_name["environmental_rating"].model_copy(update={"name": "lead_inspector", "order": (), "trend": "auto"})
    return (*by_name.values(), count, *((lead,) if arm == "feature" else ()))


def _visits(city: World) -> pd.DataFrame:
    """Visits with what they found and the strictness of those who went."""
    joined = city.data("inspections").merge(city.truth("visits"), on="inspection_id")
    dates = {key: pd.to_datetime(joined[key]) for key in ("event_date", "known_date")}
    return joined.assign(found=(joined["outcome"] == "violation").astype("int64"), **dates)


def _columns(city: World, rows: pd.DataFrame, visits: pd.DataFrame, lead: list[str], wanted: Any) -> pd.DataFrame:
    past = _past(rows, visits)
    counts = past.groupby("row")["found"].sum().reindex(range(len(rows)), fill_value=0)
    features = cs.build_features(city.records, wanted, city.project.features)
    return features.assign(findings_36m=counts.to_numpy(), lead_inspector=lead)


def _past(rows: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    """The visits known on each row's day, of the 36 months before it: what finding_ratio sees."""
    keys = pd.DataFrame(
        {"row": np.arange(len(rows)), "subject_id": rows["subject_id"].to_numpy(), "day": pd.to_datetime(rows["as_of"])}
    )
    joined = keys.merge(visits[["subject_id", "event_date", "known_date", "found", "strictness"]], on="subject_id")
    known = (joined["known_date"] <= joined["day"]) & (joined["event_date"] <= joined["day"])
    return joined[known & (joined["event_date"] > joined["day"] - WINDOW)]


def _past_strictness(people: pd.DataFrame, visits: pd.DataFrame) -> np.ndarray:
    return _past(people, visits).groupby("row")["strictness"].mean().reindex(range(len(people))).to_numpy()


def _first(teams: pd.Series) -> list[str]:
    return [sorted(team)[0] for team in teams]


def _judged(risk: np.ndarray, history: np.ndarray, people: pd.DataFrame) -> dict[str, float]:
    chance = people["risk_ppm"].to_numpy() / 1e6
    truth = np.log(chance / (1 - chance))
    visited = people["past"].notna().to_numpy()
    return {
        "feature": _partial(history[visited], people["past"].to_numpy()[visited], truth[visited]),
        "past": _partial(risk[visited], people["past"].to_numpy()[visited], truth[visited]),
        "next": _partial(risk, people["strictness"].to_numpy(), truth),
        "rank": float(pd.Series(risk).corr(pd.Series(truth), method="spearman")),
    }


def _partial(risk: np.ndarray, strictness: np.ndarray, truth: np.ndarray) -> float:
    """Correlation of what a straight line through true risk leaves of each."""
    left = [values - np.polyval(np.polyfit(truth, values, 1), truth) for values in (risk.astype(float), strictness.astype(float))]
    return float(np.corrcoef(left[0], left[1])[0, 1])


def report(results: pd.DataFrame, folder: Path) -> None:
    """One table per assignment, and the picture."""
    print(f"\n{results['seed'].nunique()} cities of {SUBJECTS:,} subjects by two assignments; mean [95 % interval over cities].")
    for assignment in ASSIGNMENTS:
        here = results[results["assignment"] == assignment]
        table = {head: {ARMS[arm]: said(here.loc[here["arm"] == arm, key]) for arm in ARMS} for key, head in MEASURES.items()}
        print(f"\nInspectors assigned: {assignment}\n")
        print(markdown(pd.DataFrame(table).rename_axis("partial correlations, true risk held fixed")))
    _picture(results, folder)


def _picture(results: pd.DataFrame, folder: Path) -> None:
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True)
    for axis, key in zip(axes, ("past", "next", "rank"), strict=True):
        for shift, assignment, colour in ((-0.14, "random", "#1f6f9f"), (0.14, "districts", "#c0504d")):
            here = results[results["assignment"] == assignment].groupby("arm")[key]
            for place, arm in enumerate(ARMS):
                mean, low, high = interval(here.get_group(arm))
                axis.errorbar(
                    mean, -place - shift, xerr=[[mean - low], [high - mean]], fmt="o", color=colour, capsize=3,
                    label=f"assigned: {assignment}" if place == 0 else None,
                )  # fmt: skip
        axis.set_title(MEASURES[key] if key == "rank" else f"{MEASURES[key]},\ntrue risk held fixed", fontsize=9)
        if key != "rank":
            axis.axvline(0, color="grey", linewidth=0.8)
    axes[0].set_yticks([-k for k in range(len(ARMS))], [text.replace(", ", ",\n") for text in ARMS.values()], fontsize=8)
    axes[2].legend(fontsize=7, frameon=False)
    figure.tight_layout()
    figure.savefig(folder / "inspector_effect.png", dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    run(one, seeds=SEEDS, report=report, folder=Path(__file__).parent)
