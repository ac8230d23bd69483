"""What a policy would find."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from creditscore.errors import DataError
from creditscore.inspection.forecast import forecast_policy
from creditscore.inspection.plan import plan_inspections
from creditscore.tiering.tiers import Tiers

RISK = {"A": 0.03, "B": 0.1, "C": 0.25, "D": 0.5}
PAST = {"A": 0.05, "B": 0.1, "C": 0.3, "D": 0.6}


def a_city(count=4000, seed=7):
    rng = np.random.default_rng(seed)
    tier = rng.choice(list("ABCD"), count, p=[0.6, 0.25, 0.1, 0.05])
    ids = [f"S{place:05d}" for place in range(count)]
    return pd.DataFrame({"subject_id": ids, "as_of": dt.date(2024, 4, 30), "industry": "food", "tier": tier})


def drawn(city, ratios, rng):
    """Row numbers by tier and the probability of each."""
    for tier, ratio in ratios.items():
        rows = np.flatnonzero(city["tier"] == tier)
        n = int(np.ceil(ratio * len(rows)))
        yield tier, rng.choice(rows, n, replace=False), n / len(rows)


def a_history(city, rng, *, years=2, risk=RISK):
    parts = []
    for year in range(years):
        for tier, rows, p in drawn(city, PAST, rng):
            part = pd.DataFrame({"subject_id": city["subject_id"].to_numpy()[rows], "inclusion_probability": p})
            part["outcome"] = np.where(rng.random(len(rows)) < risk[tier], "violation", "none")
            parts.append(part.assign(task=f"T{year}", stratum=f"T{year}|{tier}|food", event_date=dt.date(2022 + year, 3, 1)))
    return pd.concat(parts, ignore_index=True).assign(mode="on_site", trigger="random")


def test_rates_are_weighted_up_to_the_population(make_policy):
    """Eight years of draws: the total has a standard error of 0.0045, the unweighted share is off by 0.13."""
    city, history = a_city(), a_history(a_city(), np.random.default_rng(1), years=8)
    history["event_date"] = dt.date(2023, 1, 1)
    table = forecast_policy(Tiers(city), make_policy(), history=history).table().set_index("tier")
    for tier, risk in RISK.items():
        assert table.loc[tier, "rate"] == pytest.approx(risk, abs=0.05)
    truth = city["tier"].map(RISK).mean()
    assert abs(table.loc["all", "rate"] - truth) < 0.0135
    assert (history["outcome"] == "violation").mean() - truth > 0.1


def test_visits_follow_the_policy_and_full_coverage_finds_all(make_policy):
    city, rng = a_city(), np.random.default_rng(1)
    fc = forecast_policy(Tiers(city), make_policy(full_coverage=["food"]), history=a_history(city, rng))
    assert fc.total["visits"] == len(city)
    assert fc.total["share_found"] == pytest.approx(1)


def test_prediction_intervals_cover_what_the_next_draw_finds(make_policy):
    """95 % intervals over 120 seeds (400 seeds and three ratio tables gave 96.3 to 97.0 %, persistent risk or not)."""
    city, ratios, hits, seeds = a_city(2000), {"A": 0.02, "B": 0.05, "C": 0.2, "D": 0.4}, 0, 120
    policy = make_policy({**ratios, "NR": 0.05})
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        fc = forecast_policy(Tiers(city), policy, history=a_history(city, rng))
        found = sum((rng.random(len(rows)) < RISK[tier]).sum() for tier, rows, _ in drawn(city, ratios, rng))
        hits += fc.total["low"] <= found <= fc.total["high"]
    assert 0.9 <= hits / seeds <= 0.995


def test_a_tier_that_was_never_drawn_is_marked_as_extrapolated(make_policy):
    city, rng = a_city(), np.random.default_rng(1)
    history = a_history(city, rng)
    fc = forecast_policy(Tiers(city), make_policy(), history=history[~history["stratum"].str.contains(r"\|A\|")])
    table = fc.table().set_index("tier")
    assert table["extrapolated"].to_dict() == {"A": True, "B": False, "C": False, "D": False, "all": True}
    assert table.loc["A", "rate"] == table.loc["B", "rate"]
    assert any("tier A: no past random on-site visit" in str(note) for note in fc.notes)


def test_off_site_visits_are_another_instrument(make_policy):
    city, rng = a_city(), np.random.default_rng(1)
    history = a_history(city, rng)
    history.loc[history["stratum"].str.contains(r"\|A\|"), "mode"] = "off_site"
    fc = forecast_policy(Tiers(city), make_policy(), history=history)
    assert fc.table().set_index("tier").loc["A", "extrapolated"]


def test_complaint_visits_and_missing_probabilities_do_not_count(make_policy):
    city, rng = a_city(), np.random.default_rng(1)
    history = a_history(city, rng)
    complaints = history.assign(trigger="complaint", outcome="violation")
    unknown = history.assign(inclusion_probability=np.nan, outcome="violation")
    one = forecast_policy(Tiers(city), make_policy(), history=history)
    two = forecast_policy(Tiers(city), make_policy(), history=pd.concat([history, complaints, unknown]))
    assert one.total["expected"] == pytest.approx(two.total["expected"])
    assert any("no inclusion probability" in str(note) for note in two.notes)


def test_probabilities_are_rebuilt_from_old_frames(make_policy):
    city, rng = a_city(), np.random.default_rng(1)
    history = a_history(city, rng)
    sizes = city["tier"].value_counts()
    frames = history.groupby(["task", "stratum"]).size().rename("drawn").reset_index()
    frames["population"] = frames["stratum"].str.split("|").str[1].map(sizes)
    recorded = forecast_policy(Tiers(city), make_policy(), history=history)
    rebuilt = forecast_policy(Tiers(city), make_policy(), history=history.drop(columns="inclusion_probability"), frames=frames)
    assert rebuilt.total["expected"] == pytest.approx(recorded.total["expected"])


def test_the_tier_before_the_visit_counts_and_not_the_one_after(make_policy):
    """Everyone found in violation was moved to D since: by today's tiers D would look certain."""
    city, rng = a_city(), np.random.default_rng(1)
    history = a_history(city, rng)
    city.loc[city["subject_id"].isin(history.loc[history["outcome"] == "violation", "subject_id"]), "tier"] = "D"
    known = forecast_policy(Tiers(city), make_policy(), history=history).table().set_index("tier")
    assert known.loc["D", "rate"] == pytest.approx(RISK["D"], abs=0.05)
    blind = forecast_policy(Tiers(city), make_policy(), history=history.assign(stratum=history["task"]))
    assert any("rates lean outwards" in str(note) for note in blind.notes)


def test_no_violation_in_the_past_still_forecasts_some(make_policy):
    city, rng = a_city(), np.random.default_rng(1)
    fc = forecast_policy(Tiers(city), make_policy(), history=a_history(city, rng, risk=dict.fromkeys("ABCD", 0.0)))
    assert fc.total["expected"] == 0
    assert fc.total["high"] >= 1


def test_burden_is_split_by_any_column_of_the_register(make_policy):
    city, rng = a_city(), np.random.default_rng(1)
    register = pd.DataFrame({"subject_id": city["subject_id"], "size_class": np.where(city["tier"] == "D", "micro", "large")})
    fc = forecast_policy(Tiers(city, subjects=register), make_policy(), history=a_history(city, rng))
    table = fc.burden("size_class").set_index("size_class")
    assert table.loc["micro", "visits_per_subject"] > 0.29 > table.loc["large", "visits_per_subject"]
    assert table["visits"].sum() == pytest.approx(fc.total["visits"])


def test_a_history_without_random_visits_is_refused(make_policy):
    city, rng = a_city(), np.random.default_rng(1)
    with pytest.raises(DataError, match="expected random visits"):
        forecast_policy(Tiers(city), make_policy(), history=a_history(city, rng).assign(trigger="complaint"))


def test_waiting_subjects_are_drawn_by_tier_and_find_by_score(make_policy):
    city = a_city().assign(raw_tier=lambda rows: rows["tier"], score=600, probability_ppm=0)
    city["tier"] = city["tier"].replace("D", "B")
    history = a_history(city.assign(tier=city["raw_tier"]), np.random.default_rng(2), years=8)
    history = history.assign(event_date=dt.date(2023, 1, 1), inspection_id=[f"I{place}" for place in range(len(history))])
    ppm = {"A": 30_000, "B": 100_000, "C": 250_000, "D": 500_000}
    before = history[["inspection_id"]].assign(
        industry="food", score=600, probability_ppm=history["stratum"].str.split("|").str[1].map(ppm)
    )
    policy = make_policy(
        tier=[{"name": t, "max_probability": c} for t, c in (("A", 0.05), ("B", 0.15), ("C", 0.3))] + [{"name": "D"}]
    )
    told = forecast_policy(Tiers(city), policy, history=history, scores=before)
    held = city[city["tier"] == "B"]
    mixed = held["raw_tier"].map(RISK).mean()
    assert told.strata.set_index("tier").loc["B", "rate"] == pytest.approx(mixed, abs=0.03)
    assert mixed > RISK["B"] + 0.05
    assert len(told.strata) == 3


def test_only_on_site_visits_find_and_all_visits_burden(make_policy):
    city, history = a_city(), a_history(a_city(), np.random.default_rng(1))
    full = forecast_policy(Tiers(city), make_policy(), history=history)
    half = forecast_policy(Tiers(city), make_policy(each={"on_site_share": 0.5}), history=history)
    assert (half.total["visits"], half.total["visits_per_subject"]) == (full.total["visits"], full.total["visits_per_subject"])
    one = half.table().set_index("tier")
    assert one["on_site"].to_dict() == {"A": 12, "B": 11, "C": 21, "D": 30, "all": 74}
    assert (one["expected"] / one["on_site"])["A"] == pytest.approx(one.loc["A", "rate"])
    assert half.total["expected"] == pytest.approx(full.total["expected"] / 2, rel=0.03)
    assert half.total["high"] < full.total["high"]
    assert half.burden("tier")["visits"].sum() == pytest.approx(full.total["visits"])
    assert "72 of the planned visits are off site: what they find is not forecast" in map(str, half.notes)
    assert "146 visits, 74 of them on site, are expected" in half.summary()


def test_the_on_site_share_is_that_of_the_plan(make_policy, make_task):
    city, history = a_city(), a_history(a_city(), np.random.default_rng(1))
    policy, task = make_policy(each={"on_site_share": 0.3}), make_task(min_ratio=0.05)
    planned = plan_inspections(Tiers(city), policy, task=task).strata.set_index("tier")
    told = forecast_policy(Tiers(city), policy, history=history, task=task).strata.set_index("tier")
    for told_as, planned_as in (("visits", "target"), ("on_site", "on_site"), ("population", "population")):
        assert told[told_as].to_dict() == planned[planned_as].to_dict()


def test_a_tier_that_is_never_visited_on_site_is_named(make_policy, make_rules):
    rules = make_rules()
    rules["A"]["on_site_share"] = 0.0
    city, history = a_city(), a_history(a_city(), np.random.default_rng(1))
    told = forecast_policy(Tiers(city), make_policy(inspection=rules), history=history)
    row = told.table().set_index("tier").loc["A"]
    assert (row["visits"], row["on_site"], row["expected"], row["high"]) == (24, 0, 0, 0)
    assert row["rate"] > 0
    assert "tier A: never visited on site (on_site_share 0): nothing it holds is forecast to be found" in map(str, told.notes)


def test_intervals_cover_what_on_site_visits_find(make_policy):
    city, ratios, hits, seeds = a_city(2000), {"A": 0.02, "B": 0.05, "C": 0.2, "D": 0.4}, 0, 120
    policy = make_policy({**ratios, "NR": 0.05}, each={"on_site_share": 0.5})
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        told = forecast_policy(Tiers(city), policy, history=a_history(city, rng))
        on_site = told.strata.set_index("tier")["on_site"]
        found = sum((rng.random(on_site[tier]) < RISK[tier]).sum() for tier in RISK)
        hits += told.total["low"] <= found <= told.total["high"]
    assert 0.9 <= hits / seeds <= 0.995


def test_waiting_subjects_of_a_task_find_by_score(make_policy, make_task):
    city = a_city().assign(raw_tier=lambda rows: rows["tier"], score=600, probability_ppm=0)
    city["tier"] = city["tier"].replace("D", "B")
    history = a_history(city.assign(tier=city["raw_tier"]), np.random.default_rng(2))
    before = history.assign(inspection_id=[f"I{place}" for place in range(len(history))])
    ppm = {"A": 5_000, "B": 20_000, "C": 70_000, "D": 500_000}
    scores = before[["inspection_id"]].assign(industry="food", score=600, probability_ppm=before["stratum"].str[3].map(ppm))
    everyone = forecast_policy(Tiers(city), make_policy(), history=before, scores=scores)
    in_task = forecast_policy(Tiers(city), make_policy(), history=before, scores=scores, task=make_task())
    assert in_task.total["expected"] == pytest.approx(everyone.total["expected"])
    assert in_task.strata.set_index("tier").loc["B", "basis"] == "B|food;D|food"


def test_an_empty_population_and_a_level_above_1_are_refused(make_policy, make_task):
    city, history = a_city(), a_history(a_city(), np.random.default_rng(1))
    with pytest.raises(DataError, match="in task 2024Q2-food"):
        forecast_policy(Tiers(city), make_policy(), history=history, task=make_task(population={"industries": ("mining",)}))
    with pytest.raises(DataError, match="level: expected a share between 0 and 1"):
        forecast_policy(Tiers(city), make_policy(), history=history, level=95)


def test_past_full_coverage_has_probability_1_and_lone_strata_merge(make_policy):
    city, history = a_city(), a_history(a_city(), np.random.default_rng(1))
    sure = forecast_policy(Tiers(city), make_policy(), history=history.assign(inclusion_probability=1.0, trigger="full_coverage"))
    assert sure.total["effective_visits"] == pytest.approx(len(history))
    lone = history.assign(stratum=[f"{name}{place}" for place, name in enumerate(history["stratum"])])
    told = forecast_policy(Tiers(city), make_policy(), history=lone.assign(stratum=lone["stratum"].str.replace("food", "food|")))
    assert told.total["low"] < told.total["expected"] < told.total["high"]


@pytest.mark.parametrize("by", ["size_class", "region", "subject_type"])
def test_burden_sums_to_all_visits_and_unregistered_are_unknown(make_policy, by):
    city, history = a_city(), a_history(a_city(), np.random.default_rng(1))
    register = city[["subject_id"]].iloc[:3000].assign(**{by: lambda rows: np.arange(len(rows)) % 3}).astype({by: "str"})
    told = forecast_policy(Tiers(city, subjects=register), make_policy(), history=history)
    table = told.burden(by).set_index(by)
    assert table["subjects"].to_dict() == {"0": 1000, "1": 1000, "2": 1000, "unknown": 1000}
    assert table["visits"].sum() == pytest.approx(told.total["visits"])


class Lists:
    """Records of one kind: who was on a list from which day on."""

    def __init__(self, since):
        self.since = since

    def listed_by_row(self, kinds, rows):
        asked = enumerate(zip(rows["subject_id"].to_pylist(), rows["as_of"].to_pylist(), strict=True))
        found = [
            (row, one, kind, f"E{one}")
            for row, (one, day) in asked
            for kind in kinds
            if one in self.since and self.since[one] <= day
        ]
        return pd.DataFrame(found, columns=["row", "subject_id", "kind", "event_id"])


def test_past_visits_to_listed_subjects_count_for_the_lists_tier(make_policy):
    """Half of today's C are there by a list and find 10 %, the other half by their score and find 30 %."""
    rng, count = np.random.default_rng(3), 4000
    ids, listed = [f"S{place:05d}" for place in range(count)], np.arange(count) % 2 == 0
    city = pd.DataFrame({"subject_id": ids, "as_of": dt.date(2024, 4, 30), "industry": "food", "tier": "C"})
    history = pd.DataFrame(
        {"subject_id": ids, "inspection_id": ids, "event_date": dt.date(2023, 5, 9), "inclusion_probability": 0.5}
    )
    history["outcome"] = np.where(rng.random(count) < np.where(listed, 0.1, 0.3), "violation", "none")
    history = history.assign(trigger="random", mode="on_site", task="T", stratum="T|all")
    before = pd.DataFrame(
        {"inspection_id": ids, "industry": "food", "score": 600, "probability_ppm": np.where(listed, 20_000, 70_000)}
    )
    override = {"kind": "abnormal", "tier": "C", "bound": "at_least", "basis": "example"}
    policy, lists = make_policy(override=[override]), Lists({ids[place]: dt.date(2023, 3, 1) for place in np.flatnonzero(listed)})
    rates = {
        name: forecast_policy(Tiers(city.assign(raw_tier="C")), policy, history=history, scores=before, records=records).total[
            "rate"
        ]
        for name, records in (("with", lists), ("later", Lists(dict.fromkeys(lists.since, dt.date(2023, 4, 1)))), ("without", None))
    }
    assert rates["with"] == pytest.approx(0.2, abs=0.02)
    assert rates["later"] == rates["without"] == pytest.approx(0.3, abs=0.02)
