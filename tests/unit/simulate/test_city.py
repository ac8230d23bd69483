import datetime as dt
import math

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from creditscore.simulate.city import simulate_city
from creditscore.simulate.deliveries import PROVIDERS
from creditscore.simulate.parameters import CityParameters

SMALL = CityParameters(subjects=2500, months=18, history_months=12, missing_publicity=0.02, hostile_names=0.004)


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return simulate_city(SMALL, out=tmp_path_factory.mktemp("city"))


def read(city, name):
    return pq.read_table(city.data / f"{name}.parquet").to_pandas()


def secret(city, name):
    return pq.read_table(city.truth / f"{name}.parquet").to_pandas()


def variant(tmp_path, **changed):
    return simulate_city(SMALL.model_copy(update=changed), out=tmp_path)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(city, tmp_path):
    again = simulate_city(SMALL, out=tmp_path / "again")
    other = variant(tmp_path / "other", seed=2)
    assert again.sha256 == city.sha256
    same = {name for name, digest in city.sha256.items() if other.sha256[name] == digest}
    assert same == {"data/staff.parquet"}


def test_truth_lies_beside_the_data_and_not_in_it(city):
    assert city.truth.parent == city.data.parent
    assert not list(city.data.rglob("*truth*"))
    latent = {"conduct", "drift", "distress", "diligence", "risk_ppm", "strictness", "old_tier"}
    for path in city.data.glob("*.parquet"):
        assert not latent & set(pq.read_schema(path).names)


def test_inclusion_probabilities_are_those_of_the_frames(city):
    visits, frames = read(city, "inspections"), read(city, "frames")
    drawn = visits[visits["trigger"].isin(["random", "full_coverage"])]
    counted = drawn.groupby(["task", "stratum"]).agg(n=("subject_id", "size"), p=("inclusion_probability", "first"))
    joined = frames.set_index(["task", "stratum"]).join(counted)
    assert (joined["n"] == joined["drawn"]).all()
    assert (joined["p"] == joined["drawn"] / joined["population"]).all()
    ratios = dict(zip("ABCD", SMALL.on_site_ratios, strict=True))
    for (task, stratum), row in joined.iterrows():
        covered = "Q2" in task and stratum[2:] in SMALL.full_coverage
        if not task.endswith("documents"):
            assert row["drawn"] == math.ceil(round(row["population"] * (1 if covered else ratios[stratum[0]]), 9))
    assert visits.loc[~visits.index.isin(drawn.index), "inclusion_probability"].isna().all()
    assert (visits.loc[visits["trigger"] == "full_coverage", "inclusion_probability"] == 1).all()
    assert not drawn.duplicated(["task", "subject_id"]).any()


def test_strata_partition_each_frame_and_no_tier_is_left_out(city):
    frames = read(city, "frames")
    food = frames[frames["task"].str.endswith("food")]
    assert set(food["stratum"].str[0]) == set("ABCD")
    assert (frames["drawn"] >= 1).all()


def test_every_visit_has_two_different_inspectors_of_the_staff(city):
    pairs = read(city, "inspections")["inspectors"].str.split(";")
    known = set(read(city, "staff")["staff_id"])
    assert all(len(set(pair)) == 2 and set(pair) <= known for pair in pairs)


def test_true_risk_orders_the_findings_of_random_draws(city):
    visits = read(city, "inspections").merge(secret(city, "visits"), on="inspection_id")
    seen = visits[(visits["trigger"] == "random") & (visits["mode"] == "on_site") & visits["outcome"].isin(["none", "violation"])]
    rate = (seen["outcome"] == "violation").groupby(seen["risk_ppm"] > seen["risk_ppm"].median()).mean()
    assert rate[True] > 2 * rate[False]


def test_complaint_visits_find_more_and_off_site_checks_less(city):
    visits = read(city, "inspections")
    rate = (visits["outcome"] == "violation").groupby([visits["trigger"], visits["mode"]]).mean()
    assert rate["complaint", "on_site"] > rate["random", "on_site"] > rate["random", "off_site"]


def test_penalties_fall_on_those_who_were_visited(city):
    penalties = pq.read_table(city.data / "public_events.parquet").to_pandas()
    penalised = set(penalties.loc[penalties["kind"].str.startswith("admin_penalty"), "subject_id"])
    visited = set(read(city, "inspections")["subject_id"])
    full_width = set(secret(city, "dirt").query("dirt == 'full_width'")["key"])
    clean = penalties[~penalties["event_id"].isin(full_width)]
    assert penalised
    assert set(clean.loc[clean["kind"].str.startswith("admin_penalty"), "subject_id"]) <= visited


def test_a_penalty_comes_from_the_department_that_visited(city):
    penalties = read(city, "public_events").query("kind == 'admin_penalty_general'")
    visits = read(city, "inspections").query("outcome == 'violation'")
    pairs = set(zip(visits["subject_id"], visits["department"], strict=True))
    own = penalties[~penalties["provider"].isin(PROVIDERS) & penalties["subject_id"].isin(set(visits["subject_id"]))]
    assert set(zip(own["subject_id"], own["provider"], strict=True)) <= pairs
    assert own["provider"].nunique() > 2


def test_only_planted_dirt_is_known_before_it_happens(city):
    early = set(secret(city, "dirt").query("dirt == 'known_before_event'")["key"])
    for name in ("public_events", "industry_events", "self_declared"):
        events = read(city, name)
        wrong = events.loc[events["known_date"] < events["event_date"], "event_id"]
        assert set(wrong) <= early


def test_every_planted_fault_is_in_the_truth(city):
    dirt = secret(city, "dirt").groupby("dirt")["key"].agg(set)
    events = pa.concat_tables(
        [pq.read_table(city.data / f"{n}.parquet") for n in ("public_events", "industry_events", "self_declared")]
    )
    frame = events.to_pandas()
    twice = set(frame.loc[frame.duplicated(keep="first"), "event_id"])
    assert twice == dirt["duplicate_row"] & set(frame["event_id"])
    assert twice
    full = set(frame.loc[frame["subject_id"].str.contains("[０-９]", regex=True), "event_id"])
    assert full == dirt["full_width"] & set(frame["event_id"])
    decided = set(read(city, "decisions")["document_no"])
    published = set(frame.loc[frame["kind"].str.startswith(("admin_penalty", "administrative_licence")), "document_no"])
    assert len(decided - published) > 0
    subjects = set(read(city, "subjects")["subject_id"])
    assert dirt["wrong_check_digit"] <= subjects


def test_a_repeated_incident_shares_a_document_or_incident_number(tmp_path):
    city = variant(tmp_path, missing_publicity=0.0, told_thrice=0.3)
    told = secret(city, "dirt").query("dirt == 'told_again'")["key"]
    parts = [pq.read_table(city.data / f"{name}.parquet") for name in ("public_events", "industry_events")]
    events = pa.concat_tables(parts).to_pandas().drop_duplicates()
    again, first = events[events["event_id"].isin(told)], events[~events["event_id"].isin(told)]
    by_document = again["document_no"].isin(first["document_no"])
    by_incident = again["incident_id"].isin(first["incident_id"].dropna())
    assert (by_document != by_incident).all()
    assert by_document.any()
    assert by_incident.any()
    assert set(again["provider"]) == set(PROVIDERS)
    assert (again.groupby(again["document_no"].where(by_document, again["incident_id"])).size() == 2).all()


def test_subjects_of_all_chunks_fit_together(tmp_path, monkeypatch):
    monkeypatch.setattr("creditscore.simulate.city.CHUNK", 400)
    monkeypatch.setattr("creditscore.simulate.subjects.CHUNK", 400)
    city = variant(tmp_path, subjects=1000, dirt=False)
    subjects = set(read(city, "subjects")["subject_id"])
    events, visits = read(city, "public_events"), read(city, "inspections")
    assert len(subjects) == 1000
    assert not events.duplicated("event_id").any()
    assert set(events["subject_id"]) <= subjects
    penalised = events.loc[events["kind"].str.startswith("admin_penalty"), "subject_id"]
    assert set(penalised) <= set(visits["subject_id"])
    registered = read(city, "subjects").drop_duplicates("subject_id").set_index("subject_id")["registered_date"]
    assert (visits["event_date"] >= visits["subject_id"].map(registered)).all()
    assert (events["event_date"] >= events["subject_id"].map(registered)).all()


def test_formula_like_names_are_planted_where_dirt_is_on(tmp_path):
    assert read(variant(tmp_path / "on", hostile_names=0.02), "subjects")["name"].str.startswith("=").any()
    assert not read(variant(tmp_path / "off", dirt=False), "subjects")["name"].str.startswith(("=", "<", "@", "+")).any()


def test_the_two_publicity_systems_differ_as_the_truth_says(city):
    shown = read(city, "publicity")
    events = read(city, "public_events").drop_duplicates("event_id").set_index("event_id")
    dirt = secret(city, "dirt").groupby("dirt")["key"].agg(set)
    changes = read(city, "changes")
    repaired = set(changes.loc[changes["change"] == "repaired", "event_id"])
    gone = events[events.index.isin(repaired)]
    still = set(gone.loc[gone["document_no"].isin(shown["document_no"])].index)
    assert still == dirt["still_published"] & set(gone.index)
    assert not events.loc[sorted(dirt["not_published"] & set(events.index)), "document_no"].isin(shown["document_no"]).any()


def test_the_complaints_file_is_gb18030_with_two_forms_of_dates(city):
    text = (city.data / "market_complaints.csv").read_bytes().decode("gb18030")
    days = [line.split(",")[2] for line in text.splitlines()[1:]]
    assert {len(day) for day in days} == {10, 11}
    with pytest.raises(UnicodeDecodeError):
        (city.data / "market_complaints.csv").read_bytes().decode("utf-8")


def test_without_dirt_the_delivery_is_clean(tmp_path):
    city = variant(tmp_path, dirt=False)
    events = read(city, "public_events")
    assert secret(city, "dirt")["dirt"].tolist() == ["gb18030_file"]
    assert not events.duplicated("event_id").any()
    assert events["event_date"].max() <= SMALL.end
    assert set(events.loc[events["kind"].str.startswith("admin_penalty"), "document_no"]) <= set(
        read(city, "decisions")["document_no"]
    )


def test_switching_off_a_mechanism_leaves_other_records_alone(city, tmp_path):
    quiet = variant(tmp_path, complaint_visits=False, follow_up_visits=False, special_visits=False)
    assert set(read(quiet, "inspections")["trigger"]) == {"random", "full_coverage"}
    assert quiet.sha256["data/self_declared.parquet"] == city.sha256["data/self_declared.parquet"]
    assert quiet.sha256["data/ratings.parquet"] == city.sha256["data/ratings.parquet"]


def test_inspectors_fixed_to_districts_stay_in_their_county(city, tmp_path):
    fixed = variant(tmp_path, inspector_assignment="districts")
    visits, staff = read(fixed, "inspections"), read(fixed, "staff").set_index("staff_id")["region"]
    here = visits[visits["department"] == "市场监督管理局"]
    subjects = read(fixed, "subjects").drop_duplicates("subject_id").set_index("subject_id")["region"]
    counties = here["subject_id"].map(subjects)
    per_inspector = counties.groupby(here["inspectors"].str.split(";").str[0]).nunique()
    everyone = read(city, "inspections")
    spread = everyone["subject_id"].map(subjects).groupby(everyone["inspectors"].str.split(";").str[0]).nunique()
    assert per_inspector.mean() < 0.6 * spread.mean()
    assert staff.notna().all()


@pytest.mark.parametrize(
    ("switch", "words"),
    [
        ("repairs", {"repaired"}),
        ("withdrawals", {"withdrawn"}),
        ("disputes", {"disputed", "dispute_upheld", "dispute_rejected"}),
    ],
)
def test_each_kind_of_change_can_be_switched_off_alone(city, tmp_path, switch, words):
    everything = set(read(city, "changes")["change"])
    assert words <= everything
    assert set(read(variant(tmp_path, **{switch: False}), "changes")["change"]) == everything - words


def test_changes_never_take_effect_after_the_last_day(city):
    assert read(city, "changes")["effective_date"].max() <= SMALL.end


def test_without_lags_everything_is_known_the_same_day(tmp_path):
    city = variant(tmp_path, lags=False, dirt=False)
    for name in ("public_events", "market_events", "inspections", "ratings"):
        frame = read(city, name).rename(columns={"发生日期": "event_date", "入库日期": "known_date"})
        assert (frame["known_date"] == frame["event_date"]).all()


def test_licences_arrive_late_only_where_that_is_switched_on(city, tmp_path):
    def slowest(c):
        events = read(c, "public_events")
        licences = events[(events["kind"] == "administrative_licence") & (events["event_date"] <= SMALL.end)]
        return (pd.to_datetime(licences["known_date"]) - pd.to_datetime(licences["event_date"])).dt.days.max()

    assert slowest(city) > 11
    assert slowest(variant(tmp_path, late_publicity=0.0)) <= 7


def test_without_expiries_no_record_ends(tmp_path):
    assert read(variant(tmp_path, expiries=False), "public_events")["valid_until"].isna().all()


def test_no_subject_ends_where_deaths_are_off(tmp_path):
    assert set(read(variant(tmp_path, deaths=False, suspensions=0.0), "subjects")["status"]) == {"存续"}


def test_penalties_come_only_from_visits(tmp_path):
    kinds = set(read(variant(tmp_path, penalties_from_visits=False), "public_events")["kind"])
    assert not {kind for kind in kinds if kind.startswith("admin_penalty")}
    assert "administrative_licence" in kinds


def test_the_old_tier_without_repaired_records_is_milder(city, tmp_path):
    blind = variant(tmp_path, old_tier_sees_repaired=False)
    share = {name: (secret(c, "risk")["old_tier"] == "A").mean() for name, c in (("sees", city), ("blind", blind))}
    assert share["blind"] > share["sees"]


def test_everyones_label_follows_the_true_risk(city):
    risk = secret(city, "risk")
    assert abs(risk["violation"].mean() - risk["risk_ppm"].mean() / 1e6) < 0.01
    assert 0.08 < risk["risk_ppm"].mean() / 1e6 < 0.14


def test_ended_subjects_get_a_second_version_and_empty_visits(city):
    subjects = read(city, "subjects")
    ended = subjects[subjects["status"] != "存续"]
    assert len(ended) > 0
    assert set(ended["subject_id"]) <= set(subjects.loc[subjects["status"] == "存续", "subject_id"])
    assert set(read(city, "inspections")["outcome"]) >= {"none", "violation", "not_found"}


def test_a_quarter_cut_by_the_end_has_no_draws(tmp_path):
    city = variant(tmp_path, end=dt.date(2024, 3, 15), months=9)
    assert max(read(city, "frames")["task"]) == "2023Q4-safety"
