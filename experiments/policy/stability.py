"""How often do tiers change from month to month, with the band and months that a better tier needs and without?

    python -m experiments.policy.stability [--seeds N] [--report]

And does any hard event wait? Twenty cities of 8,000 subjects, a year of months, one card trained before it.
Hard events are records that an override names (a serious-dishonesty list, a list of abnormal operation):
none may wait for band or months.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import creditscore as cs
from experiments.common import PROJECT, World, fit_rows, markdown, run, said, world

SEEDS = range(701, 721)
SUBJECTS = 8_000
TRAINED = dt.date(2023, 4, 30)
MONTHS = [dt.date(2023 + place // 12, place % 12 + 1, 1) - dt.timedelta(days=1) for place in range(5, 17)]
ORDER = {"A": 0, "B": 1, "C": 2, "D": 3}


def one(seed: int) -> list[dict[str, Any]]:
    """The year of one city under the policy as it is, and without its stability."""
    shipped = cs.load_policy(PROJECT / "tiering", on="2024-04-30").model_copy(update={"effective": TRAINED})
    loose = shipped.model_copy(update={"stability": type(shipped.stability)()})
    with world(cs.CityParameters(subjects=SUBJECTS, seed=seed, dirt=False)) as city:
        scores = scored_months(city)
        return [
            {"rule": name, **_year(city, scores, policy)}
            for name, policy in (("with band and months", shipped), ("without", loose))
        ]  # fmt: skip


def scored_months(city: World) -> dict[dt.date, pd.DataFrame]:
    """Scores at each month end, by one card trained before."""
    rows = cs.training_rows(city.records, city.project.targets["violation"], until=TRAINED)
    features = cs.build_features(city.records, rows, city.project.features)
    cards = fit_rows(city.cards(), features, rows)
    found = {}
    for day in MONTHS:
        people = cs.spine(city.records, as_of=day).frame[["subject_id", "as_of", "industry"]]
        today = cs.build_features(city.records, people[["subject_id", "as_of"]], city.project.features)
        industry = people["industry"].tolist()
        risk = cards.predict_proba(today, industry=industry)[:, 1]
        scored = {"score": cards.scores(today, industry=industry).to_numpy(), "probability_ppm": np.rint(risk * 1e6).astype(int)}
        found[day] = people.assign(**scored)
    return found


def _year(city: World, scores: dict[dt.date, pd.DataFrame], policy: cs.TierPolicy) -> dict[str, float]:
    previous, changes, worse, waited, hard = None, [], [], 0, 0
    moved: pd.Series = pd.Series(dtype=int)
    for day, rows in scores.items():
        tiers = cs.assign_tiers(rows, policy, previous=previous, records=city.records, as_of=day)
        frame = tiers.frame
        events = frame["rule"].str.startswith("override:") & frame["raw_tier"].isin(["C", "D"])
        hard += int(events.sum())
        late = frame["tier"].map(ORDER) < frame["raw_tier"].map(ORDER)
        waited += int((events & late & (frame["status"] == "final")).sum())
        if previous is not None:
            both = frame.merge(previous.frame[["subject_id", "tier"]], on="subject_id", suffixes=("", "_before"))
            both = both[both["tier"].isin(ORDER) & both["tier_before"].isin(ORDER)]
            step = both["tier"].map(ORDER) - both["tier_before"].map(ORDER)
            changes.append((step != 0).mean())
            worse.append((step > 0).mean())
            moved = moved.add((step != 0).astype(int).set_axis(both["subject_id"]), fill_value=0)
        previous = tiers
    often = float((moved >= 2).mean())
    return {
        "changes": float(np.mean(changes)), "worse": float(np.mean(worse)), "back_and_forth": often, "hard": hard, "waited": waited,
    }  # fmt: skip


def report(results: pd.DataFrame, folder: Path) -> None:
    """Changes by month with and without."""
    heads = {
        "changes": "tiers that change, % a month",
        "worse": "of these to a worse one",
        "back_and_forth": "subjects with two changes or more, % a year",
    }
    rows = {
        name: {
            **{head: said(100 * part[key], 2) for key, head in heads.items()},
            "hard events": f"{int(part['hard'].sum()):,}", "of these waited": f"{int(part['waited'].sum())}",
        }
        for name, part in results.groupby("rule", sort=False)
    }  # fmt: skip
    print(f"\n{results['seed'].nunique()} cities of {SUBJECTS:,} subjects, eleven month ends; mean [95 % interval over cities].\n")
    print(markdown(pd.DataFrame(rows).T.rename_axis("a better tier")))


if __name__ == "__main__":
    run(one, seeds=SEEDS, report=report, folder=Path(__file__).parent, results="stability.csv")
