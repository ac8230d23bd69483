"""Tiers of firms whose adverse records are refused: no better than when they were last read whole."""

import datetime as dt

import pandas as pd
import pytest

from creditscore.tiering.assignment import assign_tiers
from creditscore.tiering.signatures import Review

APRIL, MAY, JUNE, JULY = (dt.date(2024, month, 30) for month in (4, 5, 6, 7))
#: A risk in each tier of the policy of these tests.
RISK = {"A": 5_000, "B": 20_000, "C": 60_000, "D": 900_000}
LIST = [{"kind": "serious_list", "tier": "D", "basis": "x", "review": True}]
AT_LEAST_C = [{"kind": "abnormal", "tier": "C", "bound": "at_least", "basis": "x"}]


class Records:
    """Listings by subject and kind, and the subjects of whom adverse records were refused."""

    def __init__(self, *incomplete, listed=()):
        self.incomplete = pd.DataFrame({"subject_id": list(incomplete)}, dtype="str")
        self.rows = [(*row, f"E{number}") for number, row in enumerate(listed)]

    def listed(self, kinds, as_of):
        return pd.DataFrame([row for row in self.rows if row[1] in kinds], columns=["subject_id", "kind", "event_id"], dtype="str")

    def grades(self, scheme, as_of):
        return pd.DataFrame({"subject_id": [], "grade": []}, dtype="str")

    def disputed(self, as_of):
        return pd.DataFrame({"subject_id": []}, dtype="str")

    def subjects_on(self, as_of):
        return pd.DataFrame({"subject_id": []}, dtype="str")


def night(policy, tier, on, *incomplete, previous=None, listed=(), reviews=()):
    """The tiers of one firm whose score says ``tier``."""
    rows = pd.DataFrame({"subject_id": ["a"], "score": [600], "probability_ppm": [RISK[tier]]}).assign(as_of=on, industry="food")
    return assign_tiers(rows, policy, records=Records(*incomplete, listed=listed), previous=previous, reviews=reviews)


def row(tiers, *names):
    return [None if pd.isna(cell) else cell for cell in tiers.frame.loc[0, list(names)]]


def signed(tiers):
    return [Review(one.subject_id, "approve", "李四", "核实", one.grounds_hash, APRIL) for one in tiers.proposed().itertuples()]


def test_without_a_night_read_whole_it_is_not_rated(make_policy):
    first = night(make_policy(), "A", APRIL, "a")
    assert row(first, "tier", "rule", "status", "incomplete_since") == ["NR", "not_rated:incomplete", "final", APRIL]
    second = night(make_policy(), "A", MAY, "a", previous=first)
    assert row(second, "tier", "rule", "incomplete_since") == ["NR", "not_rated:incomplete", APRIL]
    mended = night(make_policy(), "B", JUNE, previous=second)
    assert row(mended, "tier", "rule", "incomplete_since", "whole_tier") == ["B", "", None, None]


@pytest.mark.parametrize("whole", "ABCD")
@pytest.mark.parametrize("now", "ABCD")
def test_the_tier_is_at_best_that_of_the_last_whole_night(make_policy, whole, now):
    policy = make_policy()
    first = night(policy, whole, APRIL)
    first = night(policy, whole, APRIL, reviews=signed(first))
    held = night(policy, now, MAY, "a", previous=first)
    tier, rule, since, last = row(held, "tier", "rule", "incomplete_since", "whole_tier")
    assert (since, last) == (MAY, row(first, "tier")[0])
    assert tier >= row(first, "tier")[0]
    assert (rule == "incomplete") == (now < row(first, "tier")[0])


def test_the_last_whole_night_is_remembered_through_worse_ones(make_policy):
    policy = make_policy()
    first = night(policy, "B", APRIL)
    worse = night(policy, "C", MAY, "a", previous=first)
    assert row(worse, "tier", "whole_tier") == ["C", "B"]
    back = night(policy, "A", JUNE, "a", previous=worse)
    assert row(back, "tier", "rule", "whole_tier", "incomplete_since") == ["B", "incomplete", "B", MAY]
    assert row(night(policy, "A", JULY, previous=back), "tier", "whole_tier") == ["A", None]


def test_months_that_could_not_be_read_are_none_of_those_that_a_better_tier_waits(make_policy):
    policy = make_policy(stability={"months": 2})
    first = night(policy, "C", APRIL)
    unread = night(policy, "B", MAY, "a", previous=first)
    assert row(unread, "tier", "rule", "waiting_since") == ["C", "stability", None]
    waiting = night(policy, "B", JUNE, previous=unread)
    assert row(waiting, "tier", "rule", "waiting_since") == ["C", "stability", JUNE]
    again = night(policy, "B", JULY, "a", previous=waiting)
    assert row(again, "tier", "rule", "waiting_since") == ["C", "stability", JULY], "nor do they start it anew"
    august, september = (dt.date(2024, month, 30) for month in (8, 9))
    late = night(policy, "B", august, previous=again)
    assert row(late, "tier", "rule", "waiting_since") == ["C", "stability", JULY]
    assert row(night(policy, "B", september, previous=late), "tier", "rule") == ["B", ""]


def test_a_listed_firm_keeps_the_tier_of_its_listing(make_policy):
    policy = make_policy(override=AT_LEAST_C)
    first = night(policy, "A", APRIL, "a", listed=[("a", "abnormal")])
    assert row(first, "tier", "rule", "whole_tier") == ["C", "override:abnormal", None]
    off = night(policy, "A", MAY, "a", previous=first)
    assert row(off, "tier", "rule") == ["NR", "not_rated:incomplete"]


def test_an_unsigned_listing_of_a_firm_never_read_whole_leaves_it_not_rated(make_policy):
    first = night(make_policy(override=LIST), "A", APRIL, "a", listed=[("a", "serious_list")])
    assert row(first, "raw_tier", "tier", "status") == ["D", "NR", "proposed"]


def test_a_hold_keeps_evidence_and_signature(make_policy):
    policy = make_policy(override=LIST)
    reviews = signed(night(policy, "A", APRIL, listed=[("a", "serious_list")]))
    first = night(policy, "A", APRIL, listed=[("a", "serious_list")], reviews=reviews)
    held = night(policy, "A", MAY, "a", previous=first)
    assert row(held, "tier", "rule", "status", "reviewer") == ["D", "incomplete", "final", "李四"]
    assert row(held, "evidence") == row(first, "evidence")
    again = night(policy, "A", JUNE, previous=held, listed=[("a", "serious_list")])
    assert row(again, "tier", "status", "reviewer") == ["D", "final", "李四"]


def quarantined(policy, on, previous):
    nobody = pd.DataFrame({"subject_id": [], "score": [], "probability_ppm": [], "as_of": [], "industry": []})
    own = pd.DataFrame({"subject_id": ["a"], "reason": ["ID_LENGTH"], "quarantined_at": ["register:7"], "name": ["甲店"]})
    return assign_tiers(nobody, policy, records=Records(), previous=previous, subjects=own, as_of=on)


@pytest.mark.parametrize(
    ("before", "now", "rule"), [("A", "NR", "not_rated:ID_LENGTH"), ("B", "NR", "not_rated:ID_LENGTH"), ("C", "C", "incomplete")]
)
def test_a_quarantined_firm_is_not_rated_and_never_seen_less_than_before(make_policy, before, now, rule):
    policy = make_policy()
    held = quarantined(policy, MAY, night(policy, before, APRIL))
    assert row(held, "tier", "rule", "incomplete_since") == [now, rule, MAY]
    assert row(night(policy, before, JUNE, previous=held), "tier") == [before]


def test_earlier_tiers_without_these_columns_were_read_whole(make_policy):
    policy = make_policy()
    old = night(policy, "B", APRIL).frame.drop(columns=["whole_tier", "incomplete_since"])
    assert row(night(policy, "A", MAY, "a", previous=old), "tier", "whole_tier") == ["B", "B"]
