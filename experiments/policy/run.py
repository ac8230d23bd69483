"""What do published ratio tables find, whom do they burden, is the forecast to be believed, and what would be best?

    python -m experiments.policy.run              # 20 cities: found, burden, the optimum; tables and picture
    python -m experiments.policy.coverage         # 400 cities: how often the forecast's interval holds what is found

Fixed here before looking: seeds, days, the three tables (as published, see configs/yongzhou/alternatives), the
visits of the optimum (as many as Henan's table makes, every ratio at least 0.5 %), and the criterion of the coverage: 92 to 98 % of
the 95 % prediction intervals hold the violations really found, for each table.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import creditscore as cs
from experiments.common import ONE_DAY, PROJECT, World, fit_rows, interval, markdown, run, said, world

SEEDS = range(601, 621)
SUBJECTS = 20_000
#: Cards train on what was known that day; the next round of visits is made the day after.
UNTIL, VISITED = dt.date(2024, 4, 30), dt.date(2024, 5, 1)
TABLES = {"henan": "Henan 2021", "bayannur": "Bayannur", "chongqing": "Chongqing"}
OPTIMUM = "optimum, as many visits as Henan's"
FLOOR = 0.005
GROUPS = ("size_class", "subject_type")
COLOURS = dict(zip([*TABLES.values(), OPTIMUM], ("#1f6f9f", "#e39a3b", "#7f6f9f", "#4f7f4f"), strict=True))


def one(seed: int) -> list[dict[str, Any]]:
    """What each table finds in one city, forecast and really; and the visits per subject by kind of firm."""
    with world(cs.CityParameters(subjects=SUBJECTS, seed=seed, dirt=False)) as city:
        round_ = Round(city)
        rows = []
        for key, name in TABLES.items():
            policy = policy_of(key)
            told = round_.forecast(policy)
            rows.append({"table": name, **_row(round_, policy, told.strata, seed)})
        rows.append({"table": OPTIMUM, **_row(round_, policy_of("henan"), round_.optimum(), seed)})
        return rows


class Round:
    """A city on the eve of a round of visits: tiers by a card of the past, and what each visit will find."""

    def __init__(self, city: World) -> None:
        rows = cs.training_rows(city.records, city.project.targets["violation"], until=UNTIL)
        features = cs.build_features(city.records, rows, city.project.features)
        self.city, self.trained_on = city, rows.frame[["subject_id", "as_of"]]
        self.cards = fit_rows(city.cards(), features, rows)
        people = city.everyone(VISITED)
        self.people = people.assign(**self._scored(people))
        self.past = self._past()

    def tiers(self, policy: cs.TierPolicy) -> Any:
        """Tiers of everyone, as if every proposal had been signed."""
        columns = ["subject_id", "as_of", "industry", "score", "probability_ppm"]
        tiers = cs.assign_tiers(self.people[columns], policy, records=self.city.records, as_of=UNTIL)
        return replace(tiers, frame=tiers.frame.assign(tier=tiers.frame["raw_tier"]))

    def forecast(self, policy: cs.TierPolicy) -> Any:
        """What the policy is expected to find."""
        records = self.city.records
        return cs.forecast_policy(
            self.tiers(policy), policy, history=records.inspections, frames=records.frames, scores=self.past, records=records
        )  # fmt: skip

    def optimum(self) -> pd.DataFrame:
        """Strata with the visits that find most, as many as Henan's table makes."""
        told = self.forecast(policy_of("henan"))
        task = next(iter(self.city.project.tasks.values())).model_copy(update={"capacity": None})
        visits = int(told.strata["visits"].sum())
        floors = dict.fromkeys((*"ABCD", "NR"), FLOOR)
        best = cs.allocate_visits({task.id: told}, tasks={task.id: task}, capacity={task.department: visits}, floors=floors)
        return best.strata.assign(visits=best.strata["visits"].round().astype(int))

    def found(self, policy: cs.TierPolicy, strata: pd.DataFrame, seed: int) -> dict[str, Any]:
        """Draw the visits of each stratum by lot and look what they find, where they are let in; their share of all violations."""
        frame = self.tiers(policy).frame[["subject_id", "tier", "industry"]]
        frame = frame.merge(self.people[["subject_id", "violation", "entered"]], on="subject_id")
        frame = frame.merge(strata[["tier", "industry", "visits"]], on=["tier", "industry"], how="left")
        lot = np.random.default_rng([seed, 7]).random(len(frame))
        rank = pd.Series(lot).groupby([frame["tier"], frame["industry"]]).rank()
        drawn = (rank <= frame["visits"].fillna(0).to_numpy()).to_numpy()
        bad = frame["violation"].to_numpy(dtype=bool)
        found = int((bad & drawn & frame["entered"].to_numpy(dtype=bool)).sum())
        return {"visits": int(drawn.sum()), "found": found, "share_found": found / float(bad.sum())}

    def burden(self, policy: cs.TierPolicy, strata: pd.DataFrame) -> dict[str, float]:
        """Expected visits per subject by size and type."""
        tiers = self.tiers(policy)
        ratio = strata.assign(ratio=strata["visits"] / strata["population"])[["tier", "industry", "ratio"]]
        frame = tiers.frame[["subject_id", "tier", "industry"]].merge(ratio, on=["tier", "industry"], how="left")
        frame = frame.merge(tiers.subjects[["subject_id", *GROUPS]], on="subject_id")
        return {
            f"{group}:{name}": float(part["ratio"].mean())
            for group in GROUPS
            for name, part in frame.groupby(frame[group].fillna("unknown"))
        }

    def _scored(self, rows: pd.DataFrame) -> dict[str, Any]:
        features = cs.build_features(self.city.records, rows[["subject_id", "as_of"]], self.city.project.features)
        industry = rows["industry"].tolist()
        risk = self.cards.predict_proba(features, industry=industry)[:, 1]
        return {
            "score": self.cards.scores(features, industry=industry).to_numpy(),
            "probability_ppm": np.rint(risk * 1e6).astype(int),
        }

    def _past(self) -> pd.DataFrame:
        """Risks on the eve of each past random visit on site, by a fit that has not seen the visit where it trained the card."""
        visits = self.city.records.inspections.to_pandas(date_as_object=True)
        random = visits["trigger"].isin(["random", "full_coverage"]) & (visits["mode"] == "on_site")
        visits = visits[random].merge(self.people[["subject_id", "industry"]], on="subject_id")
        visits = visits.assign(as_of=[day - ONE_DAY for day in visits["event_date"]])
        past = visits[["inspection_id", "subject_id", "as_of", "industry"]].assign(**self._scored(visits))
        unseen = self.trained_on.assign(p=self.cards.held_out_probability_).dropna().drop_duplicates(["subject_id", "as_of"])
        p = past.merge(unseen, on=["subject_id", "as_of"], how="left")["p"].to_numpy()
        return past.assign(probability_ppm=np.where(np.isfinite(p), np.rint(1e6 * p), past["probability_ppm"]).astype(int))


def policy_of(name: str) -> cs.TierPolicy:
    """A published table as a policy that was in force by ``UNTIL``."""
    return cs.load_policy(PROJECT / "alternatives" / f"{name}.toml", on="9999-12-31").model_copy(update={"effective": UNTIL})


def _row(round_: Round, policy: cs.TierPolicy, strata: pd.DataFrame, seed: int) -> dict[str, Any]:
    expected = float((strata["visits"] * strata["rate"]).sum())
    return {"expected": expected, **round_.found(policy, strata, seed), **round_.burden(policy, strata)}


def report(results: pd.DataFrame, folder: Path) -> None:
    """What is found and at what burden, by table; and the picture."""
    by_table = dict(list(results.groupby("table", sort=False)))
    rows = {
        name: {
            "visits": said(part["visits"], 0), "violations found": said(part["found"], 0),
            "share of all violations, %": said(100 * part["share_found"], 1),
            "expected by the forecast": said(part["expected"], 0),
            "visits per violation": said(part["visits"] / part["found"], 1),
        }
        for name, part in by_table.items()
    }  # fmt: skip
    print(f"\n{results['seed'].nunique()} cities of {SUBJECTS:,} subjects; mean [95 % interval over cities].\n")
    print(markdown(pd.DataFrame(rows).T.rename_axis("ratio table")))
    groups = [name for name in results.columns if name.split(":")[0] in GROUPS]
    burden = {
        name: {group.replace(":", ": "): said(100 * part[group], 2) for group in groups if part[group].notna().all()}
        for name, part in by_table.items()
    }
    print("\nVisits per 100 subjects by kind of firm:\n\n" + markdown(pd.DataFrame(burden).rename_axis("kind of firm")))
    _picture(by_table, folder / "policy.png")


def _picture(by_table: dict[str, pd.DataFrame], file: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.9), layout="constrained", gridspec_kw={"width_ratios": [1, 1.2]})
    for place, (name, part) in enumerate(by_table.items()):
        hits, low, high = interval(100 * part["found"] / part["visits"])
        left.barh(-place, hits, xerr=[[hits - low], [high - hits]], color=COLOURS[name], height=0.7, capsize=3)
        told = f"{interval(part['visits'])[0]:,.0f} visits\n{interval(100 * part['share_found'])[0]:.0f} % of all found"
        left.text(0.6, -place, told, va="center", color="white", fontsize=8)
    sizes = sorted(column for column in next(iter(by_table.values())).columns if column.startswith("size_class:"))
    order = [f"size_class:{name}" for name in ("micro", "small", "medium", "large") if f"size_class:{name}" in sizes]
    for place, (name, part) in enumerate(by_table.items()):
        values = [interval(100 * part[size])[0] for size in order]
        right.bar(np.arange(len(order)) + (place - 1.5) * 0.2, values, width=0.19, color=COLOURS[name], label=name)
    left.set_yticks([-place for place in range(len(by_table))], [name.replace(", ", ",\n") for name in by_table], fontsize=8)
    left.set(xlabel="violations found by 100 visits")
    left.set_title("What a table finds", fontsize=10)
    right.set_xticks(range(len(order)), [size.split(":")[1] for size in order])
    right.set(ylabel="visits per 100 firms", xlabel="size of firm")
    right.set_title("Whom it burdens", fontsize=10)
    figure.savefig(file, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    run(one, seeds=SEEDS, report=report, folder=Path(__file__).parent)
