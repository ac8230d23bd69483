"""Every life of lives.toml: month by month records come, are disputed, repaired and end; the tier of every month comes out."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
from support.histories import NEVER, Histories, Known, day

from creditscore.config.policy import TierPolicy
from creditscore.config.spec import read_spec
from creditscore.tiering.assignment import assign_tiers
from creditscore.tiering.signatures import Review
from creditscore.tiering.tiers import drawn_tiers

from .test_policy_cases import AUTHORITY
from .test_policy_cases import CASES as RULES

HERE = Path(__file__).parent
LIVES = tomllib.loads((HERE / "lives.toml").read_text("utf-8"))["life"]
OF_A_LIFE = {"name", "basis", "type", "registered", "months"}
OF_A_MONTH = {
    "score", "comes", "disputed", "decided", "ends", "corrected", "grade", "refused", "signed", "tier", "why", "asks", "drawn"
}  # fmt: skip
POLICY = read_spec(TierPolicy, HERE / "policy_2024.toml")


def several(value):
    return [value] if isinstance(value, str) else list(value or [])


def records_of(months):
    """The records of a life, as ``Histories`` has them."""
    rows = {}
    for number, month in enumerate(months):
        for told in several(month.get("comes")):
            name, kind = told.split()
            assert name not in rows, f"{name} comes once"
            rows[name] = {
                "subject": "S", "event_id": name, "kind": kind, "start": number, "end": NEVER, "opened": NEVER, "closed": NEVER,
                "amount": 1000, "corrected": NEVER, "own": True,
            }  # fmt: skip
        for word, column in (("disputed", "opened"), ("decided", "closed"), ("ends", "end"), ("corrected", "corrected")):
            for name in several(month.get(word)):
                rows[name][column] = number
    columns = ["subject", "event_id", "kind", "start", "end", "opened", "closed", "amount", "corrected", "own"]
    return pd.DataFrame(list(rows.values()), columns=columns)


@dataclass
class OfALife(Known):
    """What the records say of the subject in a month of its life."""

    life: dict = field(default_factory=dict)

    def subjects_on(self, as_of):
        register = super().subjects_on(as_of)
        return register.assign(registered_date=pd.Timestamp(self.life.get("registered", "2015-01-01")).date())

    def grades(self, scheme, as_of):
        grade = latest(self.life["months"], self.month, "grade")
        return pd.DataFrame({"subject_id": ["S"] if grade else [], "grade": [grade] if grade else []}, dtype="str")


def latest(months, number, name):
    """What was last said of something."""
    return next((month[name] for month in reversed(months[: number + 1]) if name in month), None)


def lived(life):
    """The row of tiers of every month."""
    months, previous, reviews, found = life["months"], None, [], []
    refused = [[month.get("refused", False) for month in months]]
    told = Histories(
        ["S"], [life.get("type", "enterprise")], records_of(months), None, pd.DataFrame(refused).to_numpy(), None, len(months)
    )
    for number, month in enumerate(months):
        score = latest(months, number, "score")
        row = {"subject_id": "S", "as_of": day(number), "industry": "food", "score": score, "probability_ppm": 10_000}
        others = None if score else pd.DataFrame({"subject_id": ["S"], "reason": ["no_card"]})
        known = {"previous": previous, "records": OfALife(told, number, life), "subjects": others, "as_of": day(number)}
        scores = pd.DataFrame([row])[: 1 if score else 0]
        now = assign_tiers(scores, POLICY, **known, reviews=reviews)
        if "signed" in month:
            asked = now.proposed()
            assert len(asked) == 1, "a signature is given only where one is asked for"
            one = asked.iloc[0]
            reviews.append(Review("S", month["signed"], "李四", "核实", one.grounds_hash, day(number), one.raw_tier, one.grounds))
            now = assign_tiers(scores, POLICY, **known, reviews=reviews)
        previous = now
        found.append(now.frame.assign(drawn=drawn_tiers(now.frame)).iloc[0])
    return found


@pytest.mark.parametrize("life", LIVES, ids=[life["name"] for life in LIVES])
def test_each_month_of_a_life_has_the_tier_that_the_rules_give(life):
    for number, (month, row) in enumerate(zip(life["months"], lived(life), strict=True), start=1):
        asks = row["raw_tier"] if row["status"] == "proposed" else None
        found = {"tier": row["tier"], "why": row["rule"], "asks": asks, "drawn": row["drawn"]}
        wanted = {"tier": month["tier"], "why": month.get("why", ""), "asks": month.get("asks")}
        assert found == {**wanted, "drawn": month.get("drawn", month["tier"])}, f"month {number}"


def test_every_life_names_its_source_and_known_words_only():
    for life in LIVES:
        assert AUTHORITY.search(life["basis"]), life["name"]
        assert set(life) <= OF_A_LIFE, life["name"]
        assert all(set(month) <= OF_A_MONTH for month in life["months"]), life["name"]
        assert len(life["months"]) >= 3, "a life, not only a rule"


def test_rules_and_lives_are_a_hundred_cases():
    names = [case["name"] for case in (*RULES, *LIVES)]
    assert len(set(names)) == len(names) >= 100
