"""Who is drawn, and what is found, in the first night of a city without earlier tiers and in the twelve months after it?

    python -m experiments.cold_city.run [--seeds N] [--report]

Fixed here before looking: seeds, months, the policy of the example, and two offices (the rows of rises were added later).
In one nobody signs anything; in the other
a person approves a month later whatever is proposed. Ratios are those of the tier in which a firm is drawn; what a visit would find
is the truth of the quarter, so that nothing here is luck of a draw. Whoever is proposed for D, or for C by two steps, is counted
apart, never as B.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import creditscore as cs
from creditscore.tiering.signatures import Review
from creditscore.tiering.tiers import drawn_tiers, shown_tiers
from experiments.common import PROJECT, World, markdown, run, said, world
from experiments.policy.stability import MONTHS, TRAINED, scored_months

SEEDS = range(901, 921)
SUBJECTS = 3_000
ORDER = {"A": 0, "B": 1, "C": 2, "D": 3}
OFFICES = {"nobody signs": False, "signed a month later": True}
SUMS = ("firms", "visits", "risk", "finds", "visits_as_held", "less_than_c")
#: Counted apart of the tiers: who waits for a person, and who has risen.
FALL, TWO, ONE = "C proposed by two steps", "rise by two steps in that month", "rise by one step in that month"
SHOWN = ("A", "B", "C", "D", "D?", "NR", FALL, TWO, ONE)


def one(seed: int) -> list[dict[str, Any]]:
    """The first night and the year of one city, under both offices."""
    policy = cs.load_policy(PROJECT / "tiering", on="2024-04-30").model_copy(update={"effective": TRAINED})
    with world(cs.CityParameters(subjects=SUBJECTS, seed=seed, dirt=False)) as city:
        scores, truth = scored_months(city), city.truth("risk")
        return [
            {"office": office, **row}
            for office, signs in OFFICES.items()
            for row in _year(city, scores, truth, policy, signs=signs)
        ]  # fmt: skip


def _year(
    city: World, scores: dict[dt.date, pd.DataFrame], truth: pd.DataFrame, policy: cs.TierPolicy, *, signs: bool
) -> list[dict[str, Any]]:
    previous, reviews, nights = None, [], []
    for day, rows in scores.items():
        tiers = cs.assign_tiers(rows, policy, previous=previous, records=city.records, reviews=reviews, as_of=day)
        nights.append(_night(tiers, policy, truth, day).assign(first=previous is None))
        if signs:
            reviews += [
                Review(row.subject_id, "approve", "office", "checked", row.grounds_hash, day, row.raw_tier, row.grounds)
                for row in tiers.proposed().itertuples()
            ]
        previous = tiers
    months = pd.concat(nights, ignore_index=True)
    parts = (("first night", months[months["first"]], 1), ("months after", months[~months["first"]], len(MONTHS) - 1))
    return [
        {"when": when, "shown": shown, "nights": count, **part[part["shown"] == shown][list(SUMS)].sum().to_dict()}
        for when, part, count in parts
        for shown in SHOWN
    ]  # fmt: skip


def _night(tiers: Any, policy: cs.TierPolicy, truth: pd.DataFrame, day: dt.date) -> pd.DataFrame:
    """Sums by how people are counted: firms, visits, true risk, finds, and visits had each been drawn in the tier that holds."""
    frame = tiers.frame
    quarter = truth["date"][truth["date"] <= day].max()
    risk = truth[truth["date"] == quarter].set_index("subject_id")["risk_ppm"].reindex(frame["subject_id"]).to_numpy() / 1e6
    drawn = _ratios(policy, frame["industry"], drawn_tiers(frame))
    rows = pd.DataFrame(
        {
            "shown": shown_tiers(frame), "firms": 1, "visits": drawn, "risk": risk, "finds": drawn * risk,
            "visits_as_held": _ratios(policy, frame["industry"], frame["tier"]), "less_than_c": 0,
        }
    )  # fmt: skip
    rows["less_than_c"] = ((rows["shown"] == "D?") & ~np.isin(drawn_tiers(frame).astype(str), ["C", "D"])).astype(int)
    step = (frame["tier"].map(ORDER) - frame["previous_tier"].map(ORDER)).to_numpy()
    asked = (frame["raw_tier"].map(ORDER) - frame["tier"].map(ORDER)).to_numpy()
    waits = (frame["status"] == "proposed").to_numpy()
    by_score = ~waits & (frame["rule"] == "").to_numpy()
    apart = {
        FALL: waits & (frame["raw_tier"] == "C").to_numpy() & (asked > 0),
        TWO: by_score & (step == -2),
        ONE: by_score & (step == -1),
    }
    rows = rows[np.isfinite(risk)]
    return pd.concat([rows, *(rows[flags[np.isfinite(risk)]].assign(shown=name) for name, flags in apart.items())])


def _ratios(policy: cs.TierPolicy, industry: pd.Series, tier: Any) -> np.ndarray:
    pairs = list(zip(industry.fillna(""), tier, strict=True))
    known = {(code, name): policy.rules_for(code, task=None).of(name).ratio_ppm / 1e6 for code, name in set(pairs)}
    return np.array([known[pair] for pair in pairs])


def report(results: pd.DataFrame, _folder: Path) -> None:
    """Drawn and found per tier, by office and by night."""
    print(f"\n{results['seed'].nunique()} cities of {SUBJECTS:,} subjects; mean [95 % interval over cities].")
    for (office, when), part in results.groupby(["office", "when"], sort=False):
        rows = {}
        for shown in SHOWN:
            own = part[part["shown"] == shown]
            own = own[own["firms"] > 0]
            if len(own) < 2:
                continue
            rows[{"D?": "D proposed"}.get(shown, shown)] = {
                "firms a night": said(own["firms"] / own["nights"], 1),
                "true risk, %": said(100 * own["risk"] / own["firms"], 1),
                "drawn, %": said(100 * own["visits"] / own["firms"], 1),
                "drawn if by the tier that holds, %": said(100 * own["visits_as_held"] / own["firms"], 1),
                "found per 1,000 firms": said(1000 * own["finds"] / own["firms"], 1),
            }
        print(f"\n{office}, {when}:\n\n" + markdown(pd.DataFrame(rows).T.rename_axis("counted as")))
    print(f"\nProposed for D and drawn in a tier better than C: {int(results['less_than_c'].sum())}.")


if __name__ == "__main__":
    run(one, seeds=SEEDS, report=report, folder=Path(__file__).parent)
