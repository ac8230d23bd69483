"""What holds for every subject in every month, whatever happens: lists, disputes, ratings, gaps, signatures given and refused."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from creditscore.tiering.assignment import assign_tiers
from creditscore.tiering.signatures import Review

from .test_assignment import Records, month_ends, scores

ORDER = {"A": 0, "B": 1, "C": 2, "D": 3}
RISKS = [1, 5_000, 9_500, 20_000, 47_000, 60_000, 95_000, 200_000]
OVERRIDES = [
    {"kind": "abnormal", "tier": "C", "bound": "at_least", "basis": "x"},
    {"kind": "serious", "tier": "D", "basis": "x", "review": True},
    {"scheme": "national", "grade": "优", "tier": "B", "bound": "at_most", "basis": "x"},
]


class Walk:
    """Forty subjects over the months, by lot."""

    def __init__(self, seed, policy):
        self.rng, self.policy, self.previous, self.listed, self.reviews = np.random.default_rng(seed), policy, None, [], []
        self.ids = [f"S{place:02d}" for place in range(40)]
        kinds = ["enterprise", "individual_business", "practitioner"]
        self.types = {one: str(self.rng.choice(kinds)) for one in self.ids}

    def some(self, share):
        return [one for one in self.ids if self.rng.random() < share]

    def month(self, day):
        """The tiers of a month, with the decisions a person took on them; and who disputes something."""
        added = [(one, str(self.rng.choice(["abnormal", "serious"])), f"E{day:%m}{one}") for one in self.some(0.05)]
        self.listed = [row for row in self.listed if self.rng.random() < 0.7] + added
        disputed, scored = self.some(0.15), self.some(0.9)
        records = Records(self.listed, self.types, disputed, dict.fromkeys(self.some(0.1), "优"))
        others = pd.DataFrame({"subject_id": [one for one in self.ids if one not in scored], "reason": "no_card"})
        rows = scores([(one, 600, int(self.rng.choice(RISKS))) for one in scored], on=day)
        known = {"previous": self.previous, "records": records, "subjects": others, "as_of": day}
        proposed = assign_tiers(rows, self.policy, **known).proposed()
        signed = [self.decide(row, day) for row in proposed.itertuples() if self.rng.random() < 0.7]
        before, self.previous = self.previous, assign_tiers(rows, self.policy, **known, reviews=self.reviews + signed)
        self.reviews = signed
        return before, self.previous, set(disputed)

    def decide(self, row, day):
        return Review(
            row.subject_id, str(self.rng.choice(["approve", "reject"], p=[0.7, 0.3])), "李四", "核实", row.grounds_hash, day
        )


def check(row, before, disputed, kind):
    """One subject in one month against the tier of the month before."""
    if row.status == "proposed":
        # D whose record has left is C until it is signed anew.
        assert row.tier == before or (before, row.tier) == ("D", "C"), "what is proposed does not hold yet"
    if row.tier not in ORDER or before not in ORDER:
        return
    step, by_override = ORDER[row.tier] - ORDER[before], row.rule.startswith("override:")
    signed = isinstance(row.reviewer, str)
    assert signed or not (row.tier == "D" and step > 0), "D is entered by a signature"
    assert signed or step < 2, "a fall of two steps is signed"
    assert signed or not (kind != "enterprise" and step > 0), "a person's trade falls by a signature"
    if disputed and isinstance(row.previous_tier, str):
        assert step <= 0 or (by_override and "national" not in row.rule), "a dispute lowers nobody"
        unsigned = row.tier == "C" and row.rule == "signature_ended"
        assert step >= 0 or unsigned or row.rule == "review:rejected", "a dispute lifts nobody"
    if row.status == "final" and (by_override or row.rule == ""):
        assert ORDER[row.tier] >= ORDER[row.raw_tier], "a worse tier acts at once"


@pytest.mark.parametrize("months", [0, 1, 3])
def test_every_move_of_every_subject_keeps_the_rules(make_policy, months):
    policy = make_policy(override=OVERRIDES, stability={"margin": 0.1, "months": months}, new_subject_months=3)
    for seed in range(3):
        walk, held = Walk(seed, policy), dict[str, str]()
        for day in month_ends(8, after=dt.date(2024, 1, 31)):
            _, now, disputed = walk.month(day)
            assert len(now.frame) == now.migration().to_numpy().sum() == now.counts().sum() == len(walk.ids)
            for row in now.frame.itertuples():
                # The last tier that was rated: not being rated for a month sheds none.
                check(row, held.get(row.subject_id, "B"), row.subject_id in disputed, walk.types[row.subject_id])
            rated = {row.subject_id: row.tier for row in now.frame.itertuples() if row.tier in ORDER}
            held = {**dict.fromkeys(now.frame["subject_id"], "NR"), **held, **rated}
