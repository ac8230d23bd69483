"""Every case of cases.toml: what is known of a subject goes in; tier, rule and status come out."""

import datetime as dt
import re
import tomllib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from creditscore.config.policy import TierPolicy, load_policy
from creditscore.config.spec import read_spec
from creditscore.errors import DrawError
from creditscore.inspection.rounding import check_floor, rounded_up
from creditscore.tiering.assignment import assign_tiers
from creditscore.tiering.signatures import Review

HERE = Path(__file__).parent
CASES = tomllib.loads((HERE / "cases.toml").read_text("utf-8"))["case"]
KNOWN = {
    "name", "basis", "on", "score", "reasons", "records", "grade", "disputed", "previous", "previous_raw", "previous_rule",
    "previous_since", "previous_evidence", "previous_reviewer", "evidence", "subject_type", "registered", "signed", "raw", "tier", "rule", "status", "reviewer", "waiting_since",
}  # fmt: skip
FAVOURABLE = ("contract_performed",)
DAY = dt.date(2024, 4, 30)
#: A law, a document number, or the place whose published rule it is.
AUTHORITY = re.compile("〔|令第|条例|法 第|宁夏|永州")


class Known:
    """What the records say of the one subject of a case."""

    def __init__(self, case):
        self.case = case

    def listed(self, kinds, as_of):
        found = [kind for kind in self.case.get("records", []) if kind in kinds]
        rows = [{"subject_id": "S", "kind": kind, "event_id": f"E-{kind}"} for kind in found]
        return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in ("subject_id", "kind", "event_id")]))

    def grades(self, scheme, as_of):
        found = [self.case["grade"]] if "grade" in self.case else []
        return pa.table({"subject_id": pa.array(["S"] * len(found), pa.string()), "grade": pa.array(found, pa.string())})

    def disputed(self, as_of):
        kinds = self.case.get("disputed", [])
        return pa.table({"subject_id": pa.array(["S"] * len(kinds), pa.string()), "adverse": [k not in FAVOURABLE for k in kinds]})

    def subjects_on(self, as_of):
        registered = self.case.get("registered", dt.date(2015, 1, 1))
        row = {"subject_id": "S", "subject_type": self.case.get("subject_type", "enterprise"), "industry": "food"}
        return pa.Table.from_pylist([{**row, "registered_date": registered}])


def judge(case, reviews=()):
    day = case.get("on", DAY)
    reasons = {f"reason_{place}": reason for place, reason in enumerate(case.get("reasons", []), start=1)}
    row = {"subject_id": "S", "as_of": day, "industry": "food", "score": case.get("score"), "probability_ppm": 10_000, **reasons}
    scores = pd.DataFrame([row])[: 1 if "score" in case else 0]
    unscored = None if "score" in case else pd.DataFrame({"subject_id": ["S"], "reason": ["no_card"]})
    previous = None
    if "previous" in case:
        raw, rule = case.get("previous_raw", case["previous"]), case.get("previous_rule", "")
        told = {"subject_id": "S", "tier": case["previous"], "raw_tier": raw, "rule": rule, "status": "final"}
        told |= {name: case.get(f"previous_{name}") for name in ("evidence", "reviewer")}
        previous = pd.DataFrame([{**told, "waiting_since": case.get("previous_since")}])
    policy = read_spec(TierPolicy, HERE / "policy_2024.toml")
    return assign_tiers(scores, policy, previous=previous, records=Known(case), subjects=unscored, reviews=reviews, as_of=day)


def decide(case):
    """The tiers of a case, after the signature where there is one."""
    tiers = judge(case)
    if "signed" not in case:
        return tiers.frame.iloc[0]
    proposed = tiers.proposed()
    assert len(proposed) == 1, "a signature is given only where one is asked for"
    review = Review("S", case["signed"], "李四", "核实", proposed["grounds_hash"][0], case.get("on", DAY))
    return judge(case, [review]).frame.iloc[0]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_case_gives_the_tier_rule_and_status_it_names(case):
    row = decide(case)
    found = {name: row[name] for name in ("tier", "rule", "status")}
    assert found == {"tier": case["tier"], "rule": case.get("rule", ""), "status": case.get("status", "final")}
    assert row["raw_tier"] == case.get("raw", case["tier"])
    assert (row["reviewer"] if isinstance(row["reviewer"], str) else None) == case.get("reviewer")
    if "evidence" in case:
        assert row["evidence"] == case["evidence"]
    if "waiting_since" in case:
        assert row["waiting_since"] == case["waiting_since"]


def test_every_case_names_its_source_and_known_words_only():
    assert len({case["name"] for case in CASES}) == len(CASES)
    for case in CASES:
        assert AUTHORITY.search(case["basis"]), case["name"]
        assert set(case) <= KNOWN, case["name"]


TABLES = tomllib.loads((HERE / "ratios.toml").read_text("utf-8"))["table"]


@pytest.mark.parametrize("table", TABLES, ids=[table["name"] for table in TABLES])
def test_a_published_table_gives_the_published_number_of_visits(table):
    policy = load_policy(HERE.parents[1] / "configs" / "yongzhou" / "alternatives" / f"{table['policy']}.toml", on="9999-12-31")
    rules = policy.rules_for("", task=None)
    made = {tier: rounded_up(rules.of(tier).ratio_ppm, count) for tier, count in table["population"].items()}
    assert made == table["visits"]


def test_chizhous_target_of_1200_is_below_three_percent_of_40065():
    """The plan says "not less than 3 %" and 1,200: the one contradicts the other."""
    with pytest.raises(DrawError, match=r"2\.995 %.*1,202 are needed"):
        check_floor(1200, 40_065, min_ratio=0.03, where="Chizhou 2024")
    check_floor(1202, 40_065, min_ratio=0.03, where="Chizhou 2024")
