from dataclasses import replace

import pandas as pd
import pytest

from creditscore.reporting.fairness import expected_visits, fairness_table, wilson
from creditscore.tiering.tiers import drawn_tiers
from creditscore.vocabulary import SHOWN_ORDER


@pytest.mark.parametrize(
    ("cases", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (1, 100, 0.0018, 0.0545), (0, 0, 0.0, 1.0)],
)
def test_wilson_intervals_are_those_of_the_tables(cases, total, low, high):
    assert wilson(cases, total) == pytest.approx((low, high), abs=1e-4)


def test_shares_are_of_the_group_and_sum_to_one(book):
    table = fairness_table(book)
    shown = table[table["share_D"].notna()]
    shares = shown[[f"share_{tier}" for tier in SHOWN_ORDER]].sum(axis=1)
    assert shares.tolist() == pytest.approx([1.0] * len(shown))
    assert table.groupby("attribute")["subjects"].sum().tolist() == [len(book.tiers)] * table["attribute"].nunique()


def test_groups_of_fewer_than_thirty_have_no_figures(book):
    table = fairness_table(book)
    small = table[table["subjects"] < 30]
    assert set(small["group"]) == {"practitioner", "state"}
    assert small.drop(columns=["attribute", "group", "subjects"]).isna().all(axis=None)
    assert fairness_table(book, minimum=10)["share_D"].notna().all()


def test_an_unknown_group_is_a_group(book):
    table = fairness_table(book)
    assert "unknown" in set(table.loc[table["attribute"] == "size_class", "group"])


def test_planned_visits_are_sums_of_inclusion_probabilities(book):
    total = sum(int(plan.strata["target"].sum()) for plan in book.plans)
    assert expected_visits(book).sum() == pytest.approx(total)
    table = fairness_table(book, groups=("region",))
    assert (table["visits_per_1000"] * table["subjects"] / 1000).sum() == pytest.approx(total)


def test_without_a_plan_the_policys_ratios_are_used(book):
    table = fairness_table(replace(book, plans=()), groups=("region",))
    ratio = pd.Series(drawn_tiers(book.tiers)).map(
        {tier: book.policy.inspection.of(tier).ratio for tier in ("A", "B", "C", "D", "NR")}
    )
    assert (table["visits_per_1000"] * table["subjects"] / 1000).sum() == pytest.approx(ratio.sum())


def test_row_order_does_not_matter(book):
    shuffled = replace(book, tiers=book.tiers.sample(frac=1, random_state=1), subjects=book.subjects.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(fairness_table(book), fairness_table(shuffled))
