"""Small strata are joined before rounding, so that ratios keep their order."""

import dataclasses
import datetime as dt
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.plans import a_policy, a_task
from support.tasks import draw_folder, join, published

from creditscore.config.policy import TierPolicy
from creditscore.config.spec import read_spec
from creditscore.inspection.plan import plan_inspections
from creditscore.inspection.rounding import inversions, rounded_up
from creditscore.inspection.strata import is_joined
from creditscore.inspection.verify import verify_plan
from creditscore.pipeline.plans import _ratio_faults
from creditscore.tiering.tiers import Tiers
from creditscore.vocabulary import TIERS

DAY = dt.date(2024, 4, 30)
HENAN = Path(__file__).parents[3] / "configs" / "yongzhou" / "alternatives" / "henan.toml"


def tiers_of(sizes):
    """Subjects by tier and industry: ``{("A", "bakery"): 3}``."""
    rows = [(tier, industry) for (tier, industry), size in sizes.items() for _ in range(size)]
    ids = [f"S{at:05d}" for at in range(len(rows))]
    frame = pd.DataFrame({"subject_id": ids, "as_of": DAY, "tier": [r[0] for r in rows], "industry": [r[1] for r in rows]})
    return Tiers(frame)


def many_industries(seed, count, subjects):
    """A town: a few large trades, many small ones."""
    rng = np.random.default_rng(seed)
    shares = rng.pareto(1.0, count) + 0.05
    industries = rng.choice([f"i{at:02d}" for at in range(count)], subjects, p=shares / shares.sum())
    tiers = rng.choice(["A", "B", "C", "D", "NR"], subjects, p=[0.5, 0.25, 0.12, 0.08, 0.05])
    return tiers_of(Counter(zip(tiers.tolist(), industries.tolist(), strict=True)))


def ratios(strata):
    return dict(zip(strata["stratum"], (strata["target"] / strata["population"]).tolist(), strict=True))


def test_strata_of_a_tier_with_less_than_one_visit_each_are_one():
    sizes = {("A", "bakery"): 30, ("A", "florist"): 40, ("A", "food"): 900, ("D", "bakery"): 3, ("D", "florist"): 10}
    strata = plan_inspections(tiers_of(sizes), a_policy(), task=a_task(id="t")).strata.set_index("stratum")
    assert strata[["population", "target"]].T.to_dict("list") == {
        "t|A|": [70, 1], "t|A|food": [900, 9], "t|D|bakery": [3, 1], "t|D|florist": [10, 3],
    }  # fmt: skip
    assert strata.loc["t|A|", "industry"] == ""


def test_the_industry_stays_a_column_and_the_probability_is_that_of_all():
    plan = plan_inspections(tiers_of({("A", "bakery"): 30, ("A", "florist"): 40}), a_policy(), task=a_task())
    assert plan.frame["industry"].value_counts().to_dict() == {"florist": 40, "bakery": 30}
    assert set(plan.frame["inclusion_probability"]) == {1 / 70}


@pytest.mark.parametrize("more", [{"full_coverage": ["mining"]}, {"industry": {"mining": a_policy().inspection.model_dump()}}])
def test_industries_with_rules_of_their_own_are_never_joined(more):
    sizes = {("A", "mining"): 5, ("A", "bakery"): 5, ("A", "florist"): 5}
    plan = plan_inspections(tiers_of(sizes), a_policy(**more), task=a_task(id="t"))
    assert plan.strata["stratum"].tolist() == ["t|A|", "t|A|mining"]
    apart = plan.about["joining"]["apart"]
    assert list(apart) == ["mining"]
    assert set(apart["mining"]) == {"ratios_ppm", "on_site_ppm"}
    assert apart["mining"]["ratios_ppm"]["A"] == (1_000_000 if "full_coverage" in more else 10_000)


def test_regions_that_are_drawn_apart_stay_apart():
    tiers = tiers_of({("A", "bakery"): 8, ("A", "florist"): 8})
    regions = pd.DataFrame({"subject_id": tiers.frame["subject_id"], "region": ["431102", "431103"] * 8})
    plan = plan_inspections(tiers, a_policy(), task=a_task(id="t", by_region=True), subjects=regions)
    assert plan.strata["stratum"].tolist() == ["t|A||431102", "t|A||431103"]


def test_an_unknown_industry_is_joined_too_and_told_apart_from_the_joined_one():
    alone = plan_inspections(tiers_of({("A", ""): 8, ("D", ""): 8}), a_policy(), task=a_task(id="t")).strata
    assert (alone["stratum"].tolist(), alone["industry"].tolist()) == (["t|A|unknown", "t|D|unknown"], ["", ""])
    joined = plan_inspections(tiers_of({("A", ""): 8, ("A", "bakery"): 8}), a_policy(), task=a_task(id="t"))
    assert joined.strata["stratum"].tolist() == ["t|A|"]


@pytest.mark.parametrize("seed", range(5))
def test_henans_ratios_rise_from_a_to_d_over_joined_strata_and_within_every_industry(seed, tmp_path):
    tiers, policy = many_industries(seed, 40, 3000), read_spec(TierPolicy, HENAN)
    plan = plan_inspections(tiers, policy, task=a_task())
    achieved, places = ratios(plan.strata), plan.places()
    joined = [achieved[name] for name in plan.strata["stratum"] if is_joined(name) and "|NR|" not in name]
    assert joined == sorted(joined)
    told = inversions(plan.strata, places)
    printed = [note for note in plan.notes if note.startswith("rounding draws")]
    for names in places.values():
        present = [names[tier] for tier in TIERS if tier in names]
        for safer, riskier in pairwise(present):
            pair = (safer, riskier) in {(one.safer["stratum"], one.riskier["stratum"]) for one in told}
            assert (achieved[safer] > achieved[riskier]) == pair
    assert len(printed) == len(told)
    alone = sum(rounded_up(policy.inspection.of(t).ratio_ppm, n) for (t, _), n in cells(tiers).items())
    exact = sum(policy.inspection.of(t).ratio_ppm * n for (t, _), n in cells(tiers).items())
    before = alone - -(-exact // 1_000_000)
    assert plan.overshoot <= before / 2, (plan.overshoot, before)
    assert verify_plan(plan.to_csv(tmp_path / "plan")).ok


def cells(tiers):
    return Counter(zip(tiers.frame["tier"], tiers.frame["industry"], strict=True))


def test_an_inversion_is_printed_with_what_it_costs_to_undo_it(tmp_path):
    policy = a_policy({"A": 0.15, "B": 0.2, "C": 0.2, "NR": 0.2})
    plan = plan_inspections(tiers_of({("A", "food"): 8, ("B", "food"): 10}), policy, task=a_task())
    assert [note for note in plan.notes if "above" in note] == [
        "rounding draws A 25.00 % (2 of 8) above B 20.00 % (2 of 10) in food: 1 more visits would keep the order"
    ]
    folder = plan.to_csv(tmp_path / "plan")
    assert verify_plan(folder).ok
    text = (folder / "manifest.json").read_text("utf-8")
    (folder / "manifest.json").write_text(text.replace("1 more visits", "9 more visits"), "utf-8")
    assert "notes is not what plan.csv gives" in " ".join(verify_plan(folder).findings)


@pytest.mark.parametrize(("size", "more", "told"), [(1, {}, True), (2, {}, False), (1, {"full_coverage": ["mining"]}, False)])
def test_a_lone_firm_that_is_drawn_each_time_is_told_to_the_planner(tmp_path, size, more, told):
    rules = more or {"industry": {"mining": a_policy().inspection.model_dump()}}
    sizes = {("A", "mining"): size, ("A", "bakery"): 50, ("A", "florist"): 50}
    plan = plan_inspections(tiers_of(sizes), a_policy(**rules), task=a_task(id="t"))
    line = "1 strata hold one subject, which is drawn each time whatever its ratio: t|A|mining"
    assert (line in plan.notes) is told
    folder = plan.to_csv(tmp_path / "plan")
    assert verify_plan(folder).ok
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    notes = [note for note in manifest["notes"] if note != line] if told else [*manifest["notes"], line]
    (folder / "manifest.json").write_text(json.dumps({**manifest, "notes": notes}), "utf-8")
    assert "notes is not what plan.csv gives" in " ".join(verify_plan(folder).findings)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["A", "B", "C", "D", "NR"]), st.sampled_from("uvwxyz")), st.integers(1, 60), min_size=1
    )
)
def test_every_fall_of_a_ratio_has_its_line_and_the_cost_named_there_undoes_it(sizes):
    plan = plan_inspections(tiers_of(sizes), a_policy(), task=a_task(capacity=3))
    for one in inversions(plan.strata, plan.places()):
        more = one.riskier["target"] + one.cost
        assert one.safer["target"] * one.riskier["population"] <= more * one.safer["population"]
        assert one.safer["target"] * one.riskier["population"] > (more - 1) * one.safer["population"]
    total = sum(plan.targets().values())
    assert (total > 3) == any("more than the capacity of 3" in note for note in plan.notes)


def test_a_late_subject_comes_to_the_joined_stratum_where_its_trade_had_nobody(tmp_path):
    sizes = {("D", "food"): 60, ("A", "bakery"): 30, ("A", "florist"): 40}
    folder = published(tmp_path, plan_inspections(tiers_of(sizes), a_policy(), task=a_task(id="t")))
    draw_folder(folder, seed="s")
    rows = [("L1", "A", "toys"), ("L2", "A", "bakery"), ("L3", "D", "food"), ("L4", "D", "toys")]
    late = pd.DataFrame(rows, columns=["subject_id", "tier", "industry"]).assign(name="", region="")
    joined = join(folder, late, policy=a_policy(), by="李四", on=dt.date(2024, 5, 20))
    assert [one.stratum for one in joined] == ["t|A|", "t|A|", "t|D|food", "t|D|toys"]
    assert verify_plan(folder).ok


def test_a_planner_may_edit_the_ratio_of_joined_strata_and_the_order_is_still_asked_for(tmp_path):
    sizes = {("A", "bakery"): 30, ("A", "florist"): 40, ("B", "bakery"): 60, ("B", "florist"): 3}
    plan = plan_inspections(tiers_of(sizes), a_policy(), task=a_task(id="t"))
    assert plan.strata["stratum"].tolist() == ["t|A|", "t|B|florist", "t|B|bakery"][:1] + sorted(["t|B|bakery", "t|B|florist"])
    raised = plan.with_ratios([15_000, 20_000, 20_000])
    assert raised.targets()["t|A|"] == 2
    assert _ratio_faults(raised, {}) == []
    assert verify_plan(raised.to_csv(tmp_path / "plan")).ok
    assert len(_ratio_faults(plan.with_ratios([30_000, 20_000, 20_000]), {})) == 2


def test_a_small_stratum_kept_apart_to_be_drawn_less_is_found(tmp_path):
    """An insider leaves one small industry out of the joined stratum and hashes everything again."""
    plan = plan_inspections(
        tiers_of({("A", "bakery"): 30, ("A", "florist"): 40, ("A", "toys"): 20}), a_policy(), task=a_task(id="t")
    )
    other = plan_inspections(
        tiers_of({("A", "bakery"): 30, ("A", "florist"): 40, ("A", "toys"): 20}),
        a_policy(industry={"toys": a_policy().inspection.model_dump()}),
        task=a_task(id="t"),
    )
    about = {**other.about, "joining": plan.about["joining"]}
    forged = dataclasses.replace(other, about=about).changed()
    found = verify_plan(forged.to_csv(tmp_path / "plan")).findings
    assert any("is in a stratum that is not its own" in line for line in found)
