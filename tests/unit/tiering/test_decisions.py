"""Decisions of persons: how those of earlier versions are read, and what a run carries to the next one without a register."""

import datetime as dt
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pytest

from creditscore.storage import sha256_of
from creditscore.tiering.assignment import assign_tiers
from creditscore.tiering.grounds import parse_grounds
from creditscore.tiering.signatures import Review, set_by

APRIL, MAY, JUNE, JULY = (dt.date(2024, month, 30) for month in (4, 5, 6, 7))
#: A risk in each tier of the policy of these tests.
RISK = {"A": 5_000, "B": 20_000, "C": 60_000, "D": 900_000}
BAD_GRADE = {"scheme": "national", "grade": "差", "tier": "C", "bound": "at_least", "basis": "x"}
WORST_GRADE = {"scheme": "national", "grade": "差", "tier": "D", "basis": "x"}
LIST = {"kind": "serious_list", "tier": "D", "basis": "x", "review": True}
#: The columns that runs of earlier versions lack.
NEW = ["score_tier", "score_since"]


class Records:
    """One firm's listings (ids), and the day of its bad grade, if any."""

    def __init__(self, *listed, graded=None):
        self.ids, self.graded = listed, graded

    def listed(self, kinds, as_of):
        return pd.DataFrame({"subject_id": "a", "kind": "serious_list", "event_id": list(self.ids)}, dtype="str")

    def grades(self, scheme, as_of):
        rows = [] if self.graded is None else [("a", "差", self.graded)]
        return pd.DataFrame(rows, columns=["subject_id", "grade", "event_date"])

    def disputed(self, as_of):
        return pd.DataFrame({"subject_id": []}, dtype="str")

    def subjects_on(self, as_of):
        return pd.DataFrame({"subject_id": []}, dtype="str")


def night(policy, tier, on, *listed, previous=None, graded=None, reviews=()):
    """The tiers of one firm whose score says ``tier``."""
    rows = pd.DataFrame({"subject_id": ["a"], "score": [600], "probability_ppm": [RISK[tier]]}).assign(as_of=on, industry="food")
    return assign_tiers(rows, policy, records=Records(*listed, graded=graded), previous=previous, reviews=reviews)


def row(tiers, *names):
    return [None if pd.isna(cell) else cell for cell in tiers.frame.loc[0, list(names)]]


def decided(tiers, decision, on):
    one = tiers.proposed().iloc[0]
    return Review("a", decision, "李四", "核实", one.grounds_hash, on, one.raw_tier, one.grounds, set_by(one.rule))


def as_before(tiers, **cells):
    """The tiers as a run of an earlier version wrote them."""
    return tiers.frame.drop(columns=NEW).assign(**cells)


def test_a_grade_is_known_with_its_day(make_policy):
    policy = make_policy(override=[BAD_GRADE])
    asked = night(policy, "A", APRIL, previous=night(policy, "A", dt.date(2024, 3, 30)), graded=dt.date(2024, 4, 1))
    ((name, digest),) = parse_grounds(asked.frame.loc[0, "grounds"])
    again = night(policy, "A", APRIL, previous=night(policy, "A", dt.date(2024, 3, 30)), graded=dt.date(2023, 4, 1))
    assert name == "national=差"
    assert digest
    assert parse_grounds(again.frame.loc[0, "grounds"]) != [(name, digest)]


@pytest.mark.parametrize("by", ["", "override"])
def test_an_older_refusal_of_a_grade_without_its_day_stands_for_grades_up_to_its_own_day(make_policy, by):
    policy = make_policy(override=[BAD_GRADE])
    first = night(policy, "A", APRIL)
    asked = night(policy, "A", MAY, previous=first, graded=dt.date(2024, 5, 2))
    old = replace(decided(asked, "reject", MAY), grounds='[["national=差",""]]', by=by)
    refused = night(policy, "A", MAY, previous=first, graded=dt.date(2024, 5, 2), reviews=[old])
    assert row(refused, "tier", "rule") == ["A", "review:rejected"]
    later = night(policy, "A", JUNE, previous=as_before(refused), graded=dt.date(2024, 5, 2), reviews=[old])
    assert row(later, "tier", "rule", "status") == ["A", "review:rejected", "final"]
    newer = night(policy, "A", JUNE, previous=as_before(refused), graded=dt.date(2024, 6, 2), reviews=[old])
    assert row(newer, "tier", "raw_tier", "status") == ["A", "C", "proposed"]


def test_d_that_an_older_signature_rests_on_a_grade_is_signed_anew_for_a_newer_one(make_policy):
    policy = make_policy(override=[WORST_GRADE])
    first = night(policy, "B", APRIL)
    asked = night(policy, "B", MAY, previous=first, graded=dt.date(2024, 5, 2))
    old = replace(decided(asked, "approve", MAY), grounds='[["national=差",""]]', by="")
    signed = night(policy, "B", MAY, previous=first, graded=dt.date(2024, 5, 2), reviews=[old])
    same = night(policy, "B", JUNE, previous=as_before(signed), graded=dt.date(2024, 5, 2), reviews=[old])
    assert row(same, "tier", "status") == ["D", "final"]
    newer = night(policy, "B", JUNE, previous=as_before(signed), graded=dt.date(2024, 6, 2), reviews=[old])
    assert row(newer, "tier", "raw_tier", "status") == ["C", "D", "proposed"]


def test_a_refusal_in_a_run_of_an_earlier_version_is_one_of_its_raw_tier(make_policy):
    policy = make_policy(override=[LIST])
    first = night(policy, "B", APRIL)
    asked = night(policy, "B", MAY, "E1", previous=first)
    refused = night(policy, "B", MAY, "E1", previous=first, reviews=[decided(asked, "reject", MAY)])
    older = as_before(refused, raw_tier="D", signed_tier=None, grounds='[["E1",""]]')
    assert row(night(policy, "B", JUNE, "E1", previous=older), "tier", "rule", "status") == ["B", "review:rejected", "final"]
    assert row(night(policy, "C", JUNE, "E1", previous=older), "tier") == ["C"], "the rest is judged without it"
    assert row(night(policy, "B", JUNE, "E1", "E2", previous=older), "raw_tier", "status") == ["D", "proposed"]


def test_a_run_carries_a_refusal_to_the_next_one_without_the_register(make_policy):
    policy = make_policy(override=[LIST])
    first = night(policy, "B", APRIL)
    asked = night(policy, "B", MAY, "E1", previous=first)
    refused = night(policy, "B", MAY, "E1", previous=first, reviews=[decided(asked, "reject", MAY)])
    assert row(refused, "raw_tier", "tier", "signed_tier", "reviewer") == ["B", "B", "D", "李四"]
    later = night(policy, "B", JUNE, "E1", previous=refused)
    assert row(later, "tier", "rule", "signed_tier") == ["B", "review:rejected", "D"]
    assert row(night(policy, "B", JULY, "E1", previous=later), "tier", "rule") == ["B", "review:rejected"]


@pytest.mark.parametrize("older", [True, False])
def test_a_refusal_that_rests_on_no_record_is_over_once_the_score_says_another_tier(make_policy, older):
    policy = make_policy()
    first = night(policy, "C", APRIL)
    refusal = decided(night(policy, "D", MAY, previous=first), "reject", MAY)
    refused = night(policy, "D", MAY, previous=first, reviews=[refusal])
    assert row(refused, "tier", "rule", "grounds") == ["C", "review:rejected", "[]"]
    before = as_before(refused, signed_tier=None) if older else refused
    same = night(policy, "D", JUNE, previous=before, reviews=[refusal])
    assert row(same, "tier", "rule") == ["C", "review:rejected"]
    left = night(policy, "C", JULY, previous=same, reviews=[refusal])
    again = night(policy, "D", dt.date(2024, 8, 30), previous=left, reviews=[refusal])
    assert row(again, "tier", "raw_tier", "status") == ["C", "D", "proposed"]


def test_a_proposal_of_an_earlier_version_that_rests_on_no_record_may_be_signed_the_night_after(make_policy):
    policy = make_policy()
    first = night(policy, "C", APRIL)
    asked = night(policy, "D", MAY, previous=first)
    signed = night(policy, "D", JUNE, previous=as_before(asked), reviews=[replace(decided(asked, "approve", MAY), by="")])
    assert row(signed, "tier", "status", "reviewer") == ["D", "final", "李四"]


class Standing(Records):
    """Records that stand: that of the firm with severity 5, and one of another firm with or without a severity."""

    def __init__(self, *, other):
        super().__init__("E1")
        self.other = other

    def standing(self, as_of, subjects, *, read=None):
        texts = {"subject_id": ["a", "b"], "event_id": ["E1", "E2"], "kind": ["serious_list"] * 2, "result": ["x"] * 2}
        flags = {name: [name == "in_use"] * 2 for name in ("in_use", "disputed", "counted")}
        numbers = {"severity": pa.array([5, self.other], pa.int32()), "amount": pa.array([None, None], pa.decimal128(18, 2))}
        return pa.table(texts | flags | numbers | {"event_date": [APRIL, APRIL], "document_no": ["", ""]})


def test_a_signature_lasts_whatever_other_firms_records_lack(make_policy):
    """The values of a record are written the same whether or not another record has no severity."""
    policy = make_policy(override=[LIST])
    rows = pd.DataFrame({"subject_id": ["a"], "score": [600], "probability_ppm": [RISK["B"]], "industry": ["food"]})

    def on(day, other, previous=None, reviews=()):
        return assign_tiers(rows.assign(as_of=day), policy, records=Standing(other=other), previous=previous, reviews=reviews)

    first = on(APRIL, None)
    for then, later in ((None, 3), (3, None)):
        asked = on(MAY, then, first)
        signed = on(MAY, then, first, [decided(asked, "approve", MAY)])
        assert row(signed, "tier", "status") == ["D", "final"]
        assert row(on(JUNE, later, signed), "tier", "status", "grounds") == ["D", "final", signed.frame.loc[0, "grounds"]]


def test_a_signature_on_a_severity_written_with_a_decimal_point_lasts(make_policy):
    """So it was written wherever some record that was asked for with it had none."""
    policy = make_policy(override=[LIST])
    digest = sha256_of('["serious_list","5.0","","x"]')[:12]
    old = Review("a", "approve", "李四", "核实", "", MAY, "D", f'[["E1","{digest}"]]', "override")
    rows = pd.DataFrame({"subject_id": ["a"], "score": [600], "probability_ppm": [RISK["B"]], "industry": ["food"]})
    for day, other in ((MAY, None), (JUNE, 3)):
        tiers = assign_tiers(rows.assign(as_of=day), policy, records=Standing(other=other), reviews=[old])
        assert row(tiers, "tier", "status") == ["D", "final"]
    other = replace(old, grounds=f'[["E1","{sha256_of("x")[:12]}"]]')
    tiers = assign_tiers(rows.assign(as_of=MAY), policy, records=Standing(other=None), reviews=[other])
    assert row(tiers, "status") == ["proposed"]
