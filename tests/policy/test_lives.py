"""Every life of lives.toml: month by month records come, are disputed, repaired and end; the tier of every month comes out."""

import itertools
import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
from support.histories import NEVER, Histories, Known, day

from creditscore.config.policy import TierPolicy
from creditscore.config.spec import read_spec
from creditscore.tiering.assignment import assign_tiers
from creditscore.tiering.signatures import Review, set_by
from creditscore.tiering.tiers import drawn_tiers

from .test_policy_cases import AUTHORITY
from .test_policy_cases import CASES as RULES

HERE = Path(__file__).parent
LIVES = tomllib.loads((HERE / "lives.toml").read_text("utf-8"))["life"]
OF_A_LIFE = {"name", "basis", "type", "registered", "months"}
OF_A_MONTH = {
    "score", "counted", "comes", "disputed", "decided", "ends", "ages", "corrected", "grade", "objected", "refused", "gone", "type", "means",
    "signed", "tier", "why", "asks", "drawn",
}  # fmt: skip
OUTCOMES = {"tier", "why", "asks", "drawn"}
#: Records in the favour of their firm: their end is no exit, and no signature rests on them.
FAVOURABLE = ("contract_performed", "safety_commitment_2023")
SCHEME, ADVERSE_GRADE = "national_public_credit", "差"
#: What happens to a record, and the column of ``Histories`` that holds its month.
CHANGES = {"disputed": "opened", "decided": "closed", "ends": "end", "ages": "aged", "corrected": "corrected"}
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
                "aged": NEVER, "amount": 1000, "corrected": NEVER, "own": True,
            }  # fmt: skip
        for word, column in CHANGES.items():
            for name in several(month.get(word)):
                rows[name][column] = number
    columns = ["subject", "event_id", "kind", "start", "end", "opened", "closed", "aged", "amount", "corrected", "own"]
    return pd.DataFrame(list(rows.values()), columns=columns)


@dataclass
class OfALife(Known):
    """What the records say of the subject in a month of its life."""

    life: dict = field(default_factory=dict)

    def said(self, name, otherwise=None):
        return latest(self.life["months"], self.month, name, otherwise)

    def subjects_on(self, as_of):
        registered = pd.Timestamp(self.life.get("registered", "2015-01-01")).date()
        kind = self.said("type", self.life.get("type", "enterprise"))
        return super().subjects_on(as_of).assign(registered_date=registered, subject_type=kind)

    def grades(self, scheme, as_of):
        grade = self.said("grade") if self.said("objected") != "open" else None
        columns = {"subject_id": "S", "grade": grade, "event_date": self.rated_on()}
        return pd.DataFrame([columns] if grade else [], columns=list(columns)).astype({"grade": "str"})

    def rated_on(self):
        """The day of the grade that counts: of the month that told it; one that an upheld objection brings back has its old day."""
        months = self.life["months"][: self.month + 1]
        told = [number for number, month in enumerate(months) if month.get("grade") == self.said("grade")]
        return (
            day(next((number for number in reversed(told) if months[number].get("objected") != "upheld"), told[-1]))
            if told
            else None
        )

    def contested_grade(self):
        """The grade under an open objection, as a row of ``standing``."""
        if self.said("objected") != "open":
            return pd.DataFrame()
        months = self.life["months"][: self.month + 1]
        counted = last_told(months, "grade") < last_told(months, "objected")
        name = f"{SCHEME}={self.said('grade')}"
        row = {
            "subject_id": "S",
            "event_id": name,
            "kind": "",
            "disputed": True,
            "counted": counted,
            "in_use": True,
            "lowers": True,
        }
        return pd.DataFrame([{**row, "severity": None, "amount": None, "result": None, "event_date": self.rated_on()}])

    def disputed(self, as_of):
        rows = self.rows()
        adverse = [kind not in FAVOURABLE for kind in rows.loc[rows["disputed"], "kind"]]
        if self.said("objected") == "open":
            adverse.append(self.said("grade") == ADVERSE_GRADE)
        return pd.DataFrame({"subject_id": ["S"] * len(adverse), "adverse": adverse}).astype({"adverse": bool})

    def exits(self, *, after, until):
        rows = self.told.records
        adverse = rows[(rows["start"] < self.month) & ~rows["kind"].isin(FAVOURABLE)]
        corrected = (adverse["corrected"] == self.month) & (adverse["end"] > self.month)
        ended = adverse[(adverse["end"] == self.month) | corrected]
        upheld = self.life["months"][self.month].get("objected") == "upheld"
        return pd.DataFrame({"subject_id": [*ended["subject"], *["S"] * upheld]}, dtype="str")

    def standing(self, as_of, subjects):
        rows = super().standing(as_of, subjects)
        rows = rows.assign(lowers=(rows["aged"] > self.month) & ~rows["kind"].isin(FAVOURABLE)).astype(object)
        return pd.concat([rows, self.contested_grade().astype(object)], ignore_index=True)


def last_told(months, name):
    """The number of the last month that says something; -1 for none."""
    return max((number for number, month in enumerate(months) if name in month), default=-1)


def latest(months, number, name, otherwise=None):
    """What was last said of something."""
    at = last_told(months[: number + 1], name)
    return months[at][name] if at >= 0 else otherwise


def policy_of(months):
    """The policy in force after some months: each ``means`` gives the records of a kind another tier."""
    tiers = dict(told.split() for month in months for told in several(month.get("means")))
    rules = [rule.model_copy(update={"tier": tiers[rule.kind]}) if rule.kind in tiers else rule for rule in POLICY.override]
    return POLICY.model_copy(update={"override": tuple(rules)})


def lived(life):
    """The row of tiers of every month; an empty one while the firm is in no register."""
    months, previous, reviews, found = life["months"], None, [], []
    refused = [[month.get("refused", False) for month in months]]
    told = Histories(["S"], ["enterprise"], records_of(months), None, pd.DataFrame(refused).to_numpy(), None, len(months))
    for number, month in enumerate(months):
        if month.get("gone"):
            previous = None
            found.append({})
            continue
        score = latest(months, number, "score")
        row = {"subject_id": "S", "as_of": day(number), "industry": "food", "score": score, "probability_ppm": 10_000}
        others = None if score else pd.DataFrame({"subject_id": ["S"], "reason": ["no_card"]})
        records = OfALife(told, number, life)
        known = {"previous": previous, "records": records, "subjects": others, "as_of": day(number)}
        counted = latest(months, number, "counted")
        if score and counted and len(records.disputed(day(number))):
            known["disputed_scores"] = pd.DataFrame([{**row, "score": counted}])
        scores = pd.DataFrame([row])[: 1 if score else 0]
        policy = policy_of(months[: number + 1])
        now = assign_tiers(scores, policy, **known, reviews=reviews)
        if "signed" in month:
            asked = now.proposed()
            assert len(asked) == 1, "a signature is given only where one is asked for"
            one = asked.iloc[0]
            given = (one.grounds_hash, day(number), one.raw_tier, one.grounds, set_by(one.rule))
            reviews.append(Review("S", month["signed"], "李四", "核实", *given))
            now = assign_tiers(scores, policy, **known, reviews=reviews)
        previous = now
        found.append(now.frame.assign(drawn=drawn_tiers(now.frame)).iloc[0])
    return found


@pytest.mark.parametrize("life", LIVES, ids=[life["name"] for life in LIVES])
def test_each_month_of_a_life_has_the_tier_that_the_rules_give(life):
    for number, (month, row) in enumerate(zip(life["months"], lived(life), strict=True), start=1):
        asks = row["raw_tier"] if row.get("status") == "proposed" else None
        found = {"tier": row.get("tier"), "why": row.get("rule", ""), "asks": asks, "drawn": row.get("drawn")}
        wanted = {"tier": month.get("tier"), "why": month.get("why", ""), "asks": month.get("asks")}
        assert found == {**wanted, "drawn": month.get("drawn", month.get("tier"))}, f"month {number}"


def test_every_life_names_its_source_and_known_words_only():
    for life in LIVES:
        assert AUTHORITY.search(life["basis"]), life["name"]
        assert set(life) <= OF_A_LIFE, life["name"]
        assert all(set(month) <= OF_A_MONTH for month in life["months"]), life["name"]
        assert all(("tier" in month) != month.get("gone", False) for month in life["months"]), life["name"]
        assert len(life["months"]) >= 3, "a life, not only a rule"


def course(life):
    """What happens in a life and follows, without its name, the names of its records and its points."""
    names = {}
    months = [{word: month[word] for word in sorted(month) if word != "score"} for month in life["months"]]
    text = json.dumps([life.get("type"), str(life.get("registered")), months], ensure_ascii=False)
    return re.sub(r"\b[EF]\d+", lambda found: names.setdefault(found[0], f"R{len(names)}"), text)


def turns(life):
    """In how many months something happens to the firm, or another tier holds than before."""
    months = life["months"]
    changed = [set(month) - OUTCOMES or month.get("tier") != before.get("tier") for before, month in itertools.pairwise(months)]
    return 1 + sum(map(bool, changed))


def test_there_are_a_hundred_lives_each_with_a_name_and_a_course_of_its_own():
    assert len(LIVES) >= 100
    assert len({life["name"] for life in LIVES}) == len(LIVES)
    courses = {}
    for life in LIVES:
        courses.setdefault(course(life), []).append(life["name"])
    assert [names for names in courses.values() if len(names) > 1] == []
    assert [life["name"] for life in LIVES if turns(life) < 2] == [], "a life in which nothing turns is a rule"


def test_no_life_has_the_name_of_a_rule():
    assert not {case["name"] for case in RULES} & {life["name"] for life in LIVES}
