"""Tiers of many subjects: cuts, ties, signatures over several runs, refusals."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from creditscore.errors import DataError
from creditscore.tiering.assignment import assign_tiers
from creditscore.tiering.signatures import Review

DAY = dt.date(2024, 4, 30)


def scores(rows, *, on=DAY, industry="food"):
    """Rows of (subject, score, ppm)."""
    frame = pd.DataFrame(rows, columns=["subject_id", "score", "probability_ppm"])
    return frame.assign(as_of=on, industry=industry)


def by_id(tiers):
    return tiers.frame.set_index("subject_id")["tier"].to_dict()


def approve(tiers):
    return [Review(row.subject_id, "approve", "李四", "核实", row.grounds_hash, DAY) for row in tiers.proposed().itertuples()]


class Records:
    def __init__(self, listed=(), types=None, disputed=(), grades=None):
        self.rows, self.types, self.open, self.graded = list(listed), types or {}, list(disputed), grades or {}

    def listed(self, kinds, as_of):
        rows = [row for row in self.rows if row[1] in kinds]
        return pd.DataFrame(rows, columns=["subject_id", "kind", "event_id"], dtype="str")

    def grades(self, scheme, as_of):
        return pd.DataFrame({"subject_id": list(self.graded), "grade": list(self.graded.values())}, dtype="str")

    def disputed(self, as_of):
        return pd.DataFrame({"subject_id": self.open}, dtype="str")

    def subjects_on(self, as_of):
        return pd.DataFrame({"subject_id": list(self.types), "subject_type": list(self.types.values())}, dtype="str")


LIST = [{"kind": "serious_list", "tier": "D", "basis": "x", "review": True}]


def test_risk_below_a_cut_is_in_the_tier_and_at_it_in_the_next(make_policy):
    tiers = assign_tiers(scores([("a", 600, 9_999), ("b", 600, 10_000), ("c", 600, 49_999), ("d", 600, 50_000)]), make_policy())
    assert by_id(tiers) == {"a": "A", "b": "B", "c": "B", "d": "C"}


def test_ties_at_a_share_cut_get_the_better_tier(make_policy):
    cuts = [{"name": "A", "share": 0.25}, {"name": "B", "share": 0.25}, {"name": "C", "share": 0.25}, {"name": "D"}]
    rows = [("a", 700, 1), ("b", 650, 1), ("c", 650, 1), ("d", 650, 1), ("e", 600, 1), ("f", 550, 1), ("g", 540, 1), ("h", 530, 1)]
    tiers = assign_tiers(scores(rows), make_policy(tier=cuts))
    assert tiers.frame.set_index("subject_id")["raw_tier"].to_dict() == dict(zip("abcdefgh", "AAAACCDD", strict=True))
    achieved = tiers.achieved.set_index("tier")
    assert achieved["achieved_ppm"].to_dict() == {"A": 500_000, "B": 0, "C": 250_000, "D": 250_000}
    assert achieved["asked_ppm"].to_dict() == dict.fromkeys("ABCD", 250_000)


@pytest.mark.parametrize(("without", "counted"), [(530, 700), (700, 530)])
def test_a_dispute_ranks_nobody_else(make_policy, without, counted):
    """The second score of who disputes is held against the levels that the first scores of all give."""
    cuts = [{"name": "A", "share": 0.25}, {"name": "B", "share": 0.25}, {"name": "C", "share": 0.25}, {"name": "D"}]
    rows = [(one, score, 1) for one, score in zip("abcdefgh", (without, 690, 680, 670, 660, 650, 640, 630), strict=True)]
    disputed = scores([("a", counted, 1)])
    alone, told = (
        assign_tiers(scores(rows), make_policy(tier=cuts), records=Records(disputed=["a"]), disputed_scores=given).frame
        for given in (None, disputed)
    )
    assert alone["raw_tier"].tolist()[1:] == told["raw_tier"].tolist()[1:]
    assert (alone["raw_tier"][0], told["raw_tier"][0]) == ("D" if without < counted else "A", "A")


def test_shares_can_be_cut_within_each_industry(make_policy):
    cuts = [{"name": "A", "share": 0.5}, {"name": "B", "share": 0.2}, {"name": "C", "share": 0.2}, {"name": "D"}]
    rows = pd.concat([scores([("a", 700, 1), ("b", 690, 1)]), scores([("c", 500, 1), ("d", 490, 1)], industry="retail")])
    together, apart = (assign_tiers(rows, make_policy(tier=cuts, share_within=which)) for which in ("all", "industry"))
    assert together.frame["raw_tier"].tolist() == ["A", "A", "C", "D"]
    assert apart.frame["raw_tier"].tolist() == ["A", "D", "A", "D"]


def test_an_industry_can_have_cuts_of_its_own(make_policy):
    own = [{"name": name, "min_score": cut, "industry": "food"} for name, cut in (("A", 650), ("B", 600), ("C", 550))]
    policy = make_policy(tier=[*make_policy().model_dump(exclude_none=True)["tier"], *own, {"name": "D", "industry": "food"}])
    rows = pd.concat([scores([("a", 620, 1)]), scores([("b", 620, 1)], industry="retail")])
    assert by_id(assign_tiers(rows, policy)) == {"a": "B", "b": "A"}


def test_subjects_without_a_score_are_kept_as_not_rated(make_policy):
    others = pd.DataFrame({"subject_id": ["x", "y"], "reason": ["quarantined", None]})
    tiers = assign_tiers(scores([("a", 600, 1)]), make_policy(), subjects=others)
    assert by_id(tiers) == {"a": "A", "x": "NR", "y": "NR"}
    assert tiers.frame["rule"].tolist() == ["", "not_rated:quarantined", "not_rated"]
    assert tiers.counts().to_dict() == {"A": 1, "B": 0, "C": 0, "D": 0, "NR": 2}


def test_row_order_does_not_matter(make_policy):
    rng = np.random.default_rng(2)
    rows = scores([(f"S{place:03d}", int(rng.integers(450, 700)), int(rng.integers(1, 200_000))) for place in range(200)])
    one, two = assign_tiers(rows, make_policy()), assign_tiers(rows.sample(frac=1, random_state=4), make_policy())
    assert one.frame.equals(two.frame)


def test_arrow_in_gives_the_same_as_pandas(make_policy):
    import pyarrow as pa

    rows = scores([("a", 600, 1), ("b", 500, 70_000)])
    assert assign_tiers(pa.Table.from_pandas(rows), make_policy()).frame.equals(assign_tiers(rows, make_policy()).frame)


def test_a_signature_lasts_while_the_grounds_are_the_same(make_policy):
    policy, records = make_policy(override=LIST), Records([("a", "serious_list", "E1")])
    first = assign_tiers(scores([("a", 600, 1)]), policy, records=records)
    signed = assign_tiers(scores([("a", 600, 1)]), policy, records=records, reviews=approve(first))
    assert signed.frame.loc[0, ["tier", "status", "reviewer"]].tolist() == ["D", "final", "李四"]
    may = scores([("a", 590, 1)], on=dt.date(2024, 5, 31))
    later = assign_tiers(may, policy, records=records, previous=signed)
    assert later.frame.loc[0, ["tier", "status", "reviewer", "rule"]].tolist() == ["D", "final", "李四", "override:serious_list"]
    records.rows.append(("a", "serious_list", "E2"))
    more = assign_tiers(may, policy, records=records, previous=signed)
    assert more.frame.loc[0, ["tier", "status", "reviewer"]].tolist() == ["D", "final", "李四"]
    records.rows.pop(0)
    less = assign_tiers(may, policy, records=records, previous=signed)
    assert less.frame.loc[0, ["raw_tier", "tier", "status"]].tolist() == ["D", "C", "proposed"]


def test_a_signature_on_other_grounds_signs_nothing(make_policy):
    policy, records = make_policy(override=LIST), Records([("a", "serious_list", "E1")])
    reviews = approve(assign_tiers(scores([("a", 600, 1)]), policy, records=records))
    records.rows[0] = ("a", "serious_list", "E7")
    tiers = assign_tiers(scores([("a", 600, 1)]), policy, records=records, reviews=reviews)
    assert tiers.frame.loc[0, ["raw_tier", "tier", "status"]].tolist() == ["D", "B", "proposed"]


def test_the_last_decision_on_the_same_grounds_counts(make_policy):
    rows = scores([("a", 450, 300_000)])
    reviews = approve(assign_tiers(rows, make_policy()))
    withdrawn = [*reviews, Review("a", "reject", "王五", "依据不足", reviews[0].grounds_hash, DAY)]
    assert assign_tiers(rows, make_policy(), reviews=reviews).frame.loc[0, "tier"] == "D"
    tiers = assign_tiers(rows, make_policy(), reviews=withdrawn)
    assert tiers.frame.loc[0, ["tier", "rule", "reviewer"]].tolist() == ["B", "review:rejected", "王五"]
    again = assign_tiers(scores([("a", 451, 299_000)], on=dt.date(2024, 5, 31)), make_policy(), previous=tiers)
    assert again.frame.loc[0, ["tier", "rule", "status"]].tolist() == ["B", "review:rejected", "final"]


def test_migration_counts_every_subject_once(make_policy):
    before = assign_tiers(scores([("a", 600, 1), ("b", 600, 20_000)]), make_policy())
    now = assign_tiers(
        scores([("a", 600, 20_000), ("b", 600, 1), ("c", 600, 1)], on=dt.date(2024, 5, 31)), make_policy(), previous=before
    )
    table = now.migration()
    assert (table.loc["A", "B"], table.loc["B", "A"], table.loc["new", "A"], table.to_numpy().sum()) == (1, 1, 1, 3)


def test_review_of_individuals_can_be_limited_to_d(make_policy):
    records = Records(types={"a": "individual_business"})
    rows = scores([("a", 550, 70_000)])
    every = assign_tiers(rows, make_policy(), records=records)
    only_d = assign_tiers(rows, make_policy(review={"individuals": "entry_to_d"}), records=records)
    assert (every.frame.loc[0, "status"], only_d.frame.loc[0, "status"]) == ("proposed", "final")


def test_public_bodies_are_never_scored(make_policy):
    with pytest.raises(DataError, match="1 public bodies, first a"):
        assign_tiers(scores([("a", 600, 1)]), make_policy(), records=Records(types={"a": "government"}))


def test_overrides_without_records_are_refused_not_ignored(make_policy):
    with pytest.raises(DataError, match="the policy has 1 overrides"):
        assign_tiers(scores([("a", 600, 1)]), make_policy(override=LIST))


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (scores([("a", 1, 1), ("a", 2, 1)]), "one row per subject"),
        (pd.concat([scores([("a", 1, 1)]), scores([("b", 1, 1)], on=dt.date(2024, 5, 31))]), "expected one day"),
        (scores([("a", 1, 1)]).drop(columns="score"), "expected the columns score"),
        (scores([("a", 1, 1)], on=dt.date(2023, 12, 31)), "effective on or before 2023-12-31"),
    ],
)
def test_impossible_scores_are_refused(make_policy, frame, says):
    with pytest.raises(DataError, match=says):
        assign_tiers(frame, make_policy())


def test_a_subject_near_a_cut_does_not_change_back_and_forth(make_policy):
    policy = make_policy(stability={"margin": 0.2, "months": 1})
    tiers, seen = None, []
    for month in range(1, 9):
        ppm = 9_900 if month % 2 else 10_100
        on = (pd.Timestamp(2024, month, 1) + pd.offsets.MonthEnd(0)).date()
        tiers = assign_tiers(scores([("a", 600, ppm)], on=on), policy, previous=tiers)
        seen.append(tiers.frame.loc[0, "tier"])
    assert seen == ["A", *["B"] * 7]


MONTHS = {"margin": 0.1, "months": 3}
ABNORMAL = [{"kind": "abnormal", "tier": "C", "bound": "at_least", "basis": "x"}]
EXCELLENT = [{"scheme": "national", "grade": "优", "tier": "B", "bound": "at_most", "basis": "x"}]


def month_ends(count, *, after=DAY):
    return [(pd.Timestamp(after) + pd.offsets.MonthEnd(place)).date() for place in range(1, count + 1)]


def signed(rows, policy, **more):
    """Tiers after every proposal was approved."""
    return assign_tiers(rows, policy, reviews=approve(assign_tiers(rows, policy, **more)), **more)


def test_a_tier_d_waiting_to_rise_needs_no_second_signature(make_policy):
    policy = make_policy(stability=MONTHS)
    tiers, seen = signed(scores([("a", 450, 300_000)]), policy), []
    for day in month_ends(4):
        tiers = assign_tiers(scores([("a", 600, 70_000)], on=day), policy, previous=tiers)
        seen.append(tuple(tiers.frame.loc[0, ["tier", "rule", "status"]]))
    assert seen == [*[("D", "stability", "final")] * 3, ("C", "", "final")]


def test_a_rise_goes_by_one_step_after_its_months_and_needs_no_signature(make_policy):
    policy, now = make_policy(stability={"months": 1}), None
    first = signed(scores([("a", 450, 300_000)]), policy)
    seen, now = [], first
    for day in month_ends(6):
        now = assign_tiers(scores([("a", 600, 1)], on=day), policy, previous=now)
        seen.append(tuple(now.frame.loc[0, ["tier", "rule", "status"]]))
    steps = [
        (tier, rule, "final")
        for tier, waits in (("D", "C"), ("C", "B"), ("B", "A"))
        for tier, rule in ((tier, "stability"), (waits, ""))
    ]
    assert seen == steps


def test_the_end_of_a_listing_needs_no_signature_however_far_the_tier_rises(make_policy):
    policy = make_policy(override=LIST, stability=MONTHS)
    listed = signed(scores([("a", 600, 1)]), policy, records=Records([("a", "serious_list", "E1")]))
    ended = assign_tiers(scores([("a", 600, 1)], on=month_ends(1)[0]), policy, records=Records(), previous=listed)
    assert ended.frame.loc[0, ["tier", "rule", "status"]].tolist() == ["A", "override_ended", "final"]


def test_a_better_score_waits_after_an_improving_rating(make_policy):
    policy, records = make_policy(override=EXCELLENT, stability=MONTHS), Records(grades={"a": "优"})
    tiers = assign_tiers(scores([("a", 500, 70_000)]), policy, records=records)
    assert tiers.frame.loc[0, ["tier", "rule"]].tolist() == ["B", "override:national=优"]
    may = assign_tiers(scores([("a", 600, 1)], on=month_ends(1)[0]), policy, records=records, previous=tiers)
    assert may.frame.loc[0, ["raw_tier", "tier", "rule"]].tolist() == ["A", "B", "stability"]


def test_an_improving_rating_gives_disputed_records_no_effect(make_policy):
    policy = make_policy(override=EXCELLENT)
    before = assign_tiers(scores([("a", 600, 1)]), policy, records=Records(grades={"a": "优"}))
    records = Records(grades={"a": "优"}, disputed=["a"])
    tiers = assign_tiers(scores([("a", 450, 300_000)], on=month_ends(1)[0]), policy, records=records, previous=before)
    assert tiers.frame.loc[0, ["raw_tier", "tier", "rule"]].tolist() == ["B", "A", "dispute"]


def test_a_listing_lifted_after_a_dispute_ends_at_once(make_policy):
    policy, rows = make_policy(override=ABNORMAL, stability=MONTHS), [("a", 600, 20_000)]
    may, june = month_ends(2)
    listed = assign_tiers(scores(rows), policy, records=Records([("a", "abnormal", "E1")]))
    held = assign_tiers(scores(rows, on=may), policy, records=Records(disputed=["a"]), previous=listed)
    assert held.frame.loc[0, ["raw_tier", "tier", "rule", "evidence"]].tolist() == ["B", "C", "dispute", "override:abnormal E1"]
    upheld = assign_tiers(scores(rows, on=june), policy, records=Records(), previous=held)
    assert upheld.frame.loc[0, ["tier", "rule"]].tolist() == ["B", "override_ended"]


def test_a_signature_outlasts_a_dispute_that_was_rejected(make_policy):
    policy, rows, there = make_policy(override=LIST), [("a", 600, 20_000)], [("a", "serious_list", "E1")]
    may, june = month_ends(2)
    listed = signed(scores(rows), policy, records=Records(there))
    held = assign_tiers(scores(rows, on=may), policy, records=Records(disputed=["a"]), previous=listed)
    assert held.frame.loc[0, ["tier", "rule", "status", "reviewer"]].tolist() == ["D", "dispute", "final", "李四"]
    again = assign_tiers(scores(rows, on=june), policy, records=Records(there), previous=held)
    assert again.frame.loc[0, ["tier", "status", "reviewer"]].tolist() == ["D", "final", "李四"]
    other = assign_tiers(scores(rows, on=june), policy, records=Records([("a", "serious_list", "E2")]), previous=held)
    assert other.frame.loc[0, ["tier", "status"]].tolist() == ["C", "proposed"]


def test_earlier_tiers_of_a_later_day_are_refused(make_policy):
    later = assign_tiers(scores([("a", 600, 1)], on=month_ends(1)[0]), make_policy())
    with pytest.raises(DataError, match="expected those of 2024-04-30 or before"):
        assign_tiers(scores([("a", 600, 1)]), make_policy(), previous=later)


def test_a_month_without_a_run_leaves_the_wait_unchanged(make_policy):
    policy = make_policy(stability=MONTHS)
    tiers, seen = assign_tiers(scores([("a", 600, 20_000)]), policy), []
    may, _, july, august = month_ends(4)
    for day in (may, may, july, august):
        tiers = assign_tiers(scores([("a", 600, 5_000)], on=day), policy, previous=tiers)
        seen.append(tiers.frame.loc[0, "tier"])
    assert seen == ["B", "B", "B", "A"]


def test_two_runs_without_a_rating_do_not_raise_the_tier(make_policy):
    policy, days = make_policy(stability={"margin": 0.1, "months": 3}), month_ends(4, after=dt.date(2024, 3, 31))
    tiers = assign_tiers(scores([("a", 500, 200_000)], on=days[0]), policy, records=Records())
    yes = [Review("a", "approve", "李四", "核实", tiers.proposed()["grounds_hash"].iloc[0], days[0])]
    tiers = assign_tiers(scores([("a", 500, 200_000)], on=days[0]), policy, records=Records(), reviews=yes)
    assert tiers.frame["tier"].tolist() == ["D"]
    unrated = pd.DataFrame({"subject_id": ["a"], "reason": "no_card"})
    for day in days[1:3]:
        tiers = assign_tiers(scores([], on=day), policy, records=Records(), subjects=unrated, previous=tiers, as_of=day)
        assert tiers.frame["tier"].tolist() == ["NR"]
    back = assign_tiers(scores([("a", 700, 1)], on=days[3]), policy, records=Records(), previous=tiers)
    assert back.frame[["tier", "previous_tier", "rule"]].to_numpy().tolist() == [["D", "D", "stability"]]
