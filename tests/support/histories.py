"""Random histories of firms, month by month: records that come, are disputed, repaired, corrected and end; persons who sign.

Everything is drawn before the first month, so that a twin, the same firm without one record, lives through the same.
"""

import datetime as dt
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from creditscore.tiering.assignment import assign_tiers
from creditscore.tiering.grounds import parse_grounds
from creditscore.tiering.signatures import Review, set_by

NEVER = 10_000
#: Points that a record costs while it counts and its window lasts; which tier its listing sets.
POINTS = {"penalty": 45, "abnormal": 10, "serious": 10}
#: Points that a record in the favour of its firm brings in the same way: its end is no exit, and no signature rests on it.
FAVOURABLE = {"contract": 35}
WINDOW = 6
OVERRIDES = [
    {"kind": "abnormal", "tier": "C", "bound": "at_least", "basis": "x"},
    {"kind": "serious", "tier": "D", "basis": "x", "review": True},
]
TIERS = [{"name": "A", "min_score": 640}, {"name": "B", "min_score": 600}, {"name": "C", "min_score": 560}, {"name": "D"}]
CODES = {"A": 0, "B": 1, "C": 2, "D": 3, "NR": -1}


def day(month: int) -> dt.date:
    """The night of a month."""
    return (pd.Timestamp(2024, 1, 31) + pd.offsets.MonthEnd(month)).date()


@dataclass
class Histories:
    """Firms and what happens to them.

    ``records`` has one row per record: ``subject, event_id, kind, start, end, opened, closed, amount, corrected``: it counts in
    the months ``[start, end)`` except ``[opened, closed)``, when it is under dispute; from ``corrected`` on its amount is another.
    ``own`` marks the record that the twin never has. ``score``, ``refused`` and ``scored`` have a row per firm and a column per month.
    """

    ids: list[str]
    types: list[str]
    records: pd.DataFrame
    score: np.ndarray
    refused: np.ndarray
    scored: np.ndarray
    months: int

    def twins(self) -> "Histories":
        """The same firms without the record of their own."""
        return replace(self, records=self.records[~self.records["own"]])


def draw_histories(count: int, *, months: int = 12, seed: int = 1) -> Histories:
    """Histories by lot: each firm has an adverse record of its own that ends, and up to three others, one in eight in its favour."""
    rng = np.random.default_rng(seed)
    rows = []
    for firm in range(count):
        for number in range(1 + int(rng.integers(0, 4))):
            own = number == 0
            kind = str(rng.choice(list(POINTS), p=[0.55, 0.25, 0.2]))
            if not own and rng.random() < 0.3:
                kind = str(rng.choice(list(FAVOURABLE)))
            start = int(rng.integers(0, months - 3))
            end = start + 1 + int(rng.integers(0, months - start - 1)) if own or rng.random() < 0.5 else NEVER
            opened = closed = NEVER
            if rng.random() < 0.35:
                opened = start + int(rng.integers(0, 4))
                closed = opened + 1 + int(rng.integers(0, 3))
                if rng.random() < 0.4:  # upheld: the end of the dispute is the end of the record
                    end = closed
                opened, closed = (opened, min(closed, end)) if opened < end else (NEVER, NEVER)
            corrected = start + 1 + int(rng.integers(0, 6)) if rng.random() < 0.15 else NEVER
            rows.append((f"S{firm:05d}", f"E{firm:05d}-{number}", kind, start, end, opened, closed, 1000 + number, corrected, own))
    names = ["subject", "event_id", "kind", "start", "end", "opened", "closed", "amount", "corrected", "own"]
    base = rng.integers(560, 700, size=(count, 1)) + np.cumsum(rng.integers(-25, 26, size=(count, months)), axis=1)
    return Histories(
        ids=[f"S{firm:05d}" for firm in range(count)],
        types=[
            str(one) for one in rng.choice(["enterprise", "individual_business", "practitioner"], size=count, p=[0.6, 0.2, 0.2])
        ],
        records=pd.DataFrame(rows, columns=names),
        score=base,
        refused=rng.random((count, months)) < 0.04,
        scored=rng.random((count, months)) > 0.05,
        months=months,
    )


@dataclass
class Known:
    """What the records say in a month."""

    told: Histories
    month: int
    incomplete: pd.DataFrame = field(init=False)

    def __post_init__(self):
        flags = self.told.refused[:, self.month]
        self.incomplete = pd.DataFrame({"subject_id": np.array(self.told.ids, dtype=object)[flags]}, dtype="str")

    def rows(self, month=None):
        rows, month = self.told.records, self.month if month is None else month
        rows = rows[(rows["start"] <= month) & (rows["end"] > month)]
        return rows.assign(disputed=(rows["opened"] <= month) & (rows["closed"] > month), counted=rows["start"] < rows["opened"])

    def listed(self, kinds, as_of):
        rows = self.rows()
        rows = rows[rows["kind"].isin(kinds) & ~rows["disputed"]]
        return rows.rename(columns={"subject": "subject_id"})[["subject_id", "kind", "event_id"]].astype("str")

    def grades(self, scheme, as_of):
        return pd.DataFrame({"subject_id": [], "grade": []}, dtype="str")

    def disputed(self, as_of):
        rows = self.rows()
        rows = rows[rows["disputed"]]
        found = pd.DataFrame({"subject_id": rows["subject"]}, dtype="str")
        return found.assign(adverse=~rows["kind"].isin(list(FAVOURABLE)).to_numpy(dtype=bool))

    def subjects_on(self, as_of):
        return pd.DataFrame({"subject_id": self.told.ids, "subject_type": self.told.types}, dtype="str")

    def exits(self, *, after, until):
        rows = self.told.records[self.told.records["kind"].isin(list(POINTS))]
        return pd.DataFrame(
            {"subject_id": rows.loc[(rows["end"] == self.month) & (rows["start"] < rows["end"]), "subject"]}, dtype="str"
        )

    def amounts(self, rows):
        return rows["amount"] + np.where(rows["corrected"] <= self.month, 500, 0)

    def standing(self, as_of, subjects):
        rows = self.rows()
        rows = rows[rows["subject"].isin(list(subjects)) & ~rows["kind"].isin(list(FAVOURABLE))]
        return rows.assign(subject_id=rows["subject"], severity=3, result=None, in_use=True, amount=self.amounts(rows))

    def points(self, *, disputed_count=False):
        """The score of each firm."""
        rows = self.rows()
        rows = rows[(disputed_count | ~rows["disputed"]) & (self.month < rows["start"] + WINDOW)]
        each = {**POINTS, **{kind: -points for kind, points in FAVOURABLE.items()}}
        cost = rows["kind"].map(each).groupby(rows["subject"]).sum().reindex(self.told.ids).fillna(0).to_numpy(dtype=int)
        return self.told.score[:, self.month] - cost

    def scores(self):
        frame = pd.DataFrame({"subject_id": self.told.ids, "score": self.points(), "probability_ppm": 1})
        frame = frame.assign(as_of=day(self.month), industry="food", scored=self.told.scored[:, self.month])
        return frame[frame["scored"]].drop(columns="scored"), frame.loc[~frame["scored"], ["subject_id"]].assign(reason="no_card")

    def disputed_scores(self):
        frame = pd.DataFrame({"subject_id": self.told.ids, "score": self.points(disputed_count=True), "probability_ppm": 1})
        return frame[frame["subject_id"].isin(self.disputed(None)["subject_id"])]


@dataclass
class Life:
    """The tiers of every month, and every decision: ``month, subject, decision, raw_tier, records`` (ids to amounts then)."""

    frames: list[pd.DataFrame] = field(default_factory=list)
    decisions: list[tuple[int, str, str, str, dict[str, int]]] = field(default_factory=list)


def live(told: Histories, policy, *, seed: int = 7) -> Life:
    """Every month of some histories: tiers, then decisions by lot on what is proposed, then the tiers again."""
    life, previous, reviews = Life(), None, []
    for month in range(told.months):
        known, rng = Known(told, month), np.random.default_rng([seed, month])
        lots = dict(zip(told.ids, rng.random((len(told.ids), 2)), strict=True))
        scores, others = known.scores()
        given = {"previous": previous, "records": known, "subjects": others, "as_of": day(month)}
        given["disputed_scores"] = known.disputed_scores()
        proposed = assign_tiers(scores, policy, **given, reviews=reviews).proposed()
        rows = known.rows()
        amounts = dict(zip(rows["event_id"], known.amounts(rows), strict=True))
        for row in proposed.itertuples():
            signs, approves = lots[row.subject_id]
            if signs > 0.6:
                continue
            decision = "approve" if approves < 0.75 else "reject"
            reviews.append(
                Review(
                    row.subject_id,
                    decision,
                    "李四",
                    "核实",
                    row.grounds_hash,
                    day(month),
                    row.raw_tier,
                    row.grounds,
                    set_by(row.rule),
                )
            )
            records = {name: amounts[name] for name, _ in parse_grounds(row.grounds)}
            life.decisions.append((month, row.subject_id, decision, row.raw_tier, records))
        previous = assign_tiers(scores, policy, **given, reviews=reviews)
        life.frames.append(previous.frame.set_index("subject_id", drop=False))
    return life
