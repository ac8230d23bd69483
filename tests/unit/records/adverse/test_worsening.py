"""What makes a firm worse today: the grounds of a tier by score are adverse records and visits with findings, nothing else."""

import datetime as dt

import pandas as pd
import pytest
from support.plans import a_policy
from support.projects import documents, event, feature, item, subject, write_project, write_tables

from creditscore.engine import Engine
from creditscore.records.records import open_records
from creditscore.tiering.assignment import assign_tiers
from creditscore.tiering.grounds import parse_grounds
from creditscore.tiering.signatures import Review

D = dt.date
APRIL, MAY = D(2024, 4, 30), D(2024, 5, 31)
NEUTRAL = ("promise", "spot_check", "licence", "grade")
FEATURES = [
    feature("penalties", trend="higher_is_riskier", months=24),
    feature("kept", "promise", "share", share_of=["kept"], prior=2, prior_share=0.9, trend="lower_is_riskier", unit="ppm"),
    feature("failed", "spot_check", "share", share_of=["fail"], prior=2, prior_share=0.1, trend="higher_is_riskier", unit="ppm"),
    feature("licences", "licence", trend="auto"),
    feature("colour", "grade", "latest", column="result", order=["green", "blue", "yellow", "red"], trend="higher_is_riskier"),
    {**feature("visits", aggregate="finding_ratio", prior=1, inspector_prior=1, months=36, trend="higher_is_riskier"), "kind": []},
]


def visit(name, day, outcome, severity=5):
    return {
        "inspection_id": name, "subject_id": "S1", "event_date": day, "known_date": day, "trigger": "random", "outcome": outcome,
        "severity": severity if outcome == "violation" else None, "mode": "on_site",
    }  # fmt: skip


def opened(folder, events, visits=()):
    catalogue = {"item": [*documents()["catalogue"]["item"], *(item(kind, polarity="neutral") for kind in NEUTRAL)]}
    project = write_project(folder / "project", catalogue=catalogue, features={"feature": FEATURES})
    tables = {"subjects": [subject("S1")], "events": list(events), "inspections": list(visits)}
    return open_records(Engine.duckdb(), project, data=write_tables(folder / "data", **tables))


def lowering(records, *, read=None, day=APRIL):
    return [row["event_id"] for row in records.standing(day, ["S1"], read=read).to_pylist() if row["lowers"]]


IN_FAVOUR = [
    event("F1", "S1", "promise", D(2024, 1, 1), result="kept"),
    event("F2", "S1", "spot_check", D(2024, 1, 2), result="pass"),
    event("F3", "S1", "licence", D(2024, 1, 3)),
    event("F4", "S1", "grade", D(2024, 1, 4), result="blue"),
    event("F5", "S1", "award", D(2024, 1, 5)),
]
AGAINST = [
    event("A1", "S1", "penalty", D(2024, 1, 1), severity=4),
    event("A2", "S1", "promise", D(2024, 1, 2), result="broken"),
    event("A3", "S1", "spot_check", D(2024, 1, 3), result="fail"),
]


def test_what_is_in_a_firms_favour_never_makes_it_worse(tmp_path):
    records = opened(tmp_path, [*IN_FAVOUR, *AGAINST])
    assert lowering(records) == ["A1", "A2", "A3"]


def test_what_no_card_reads_or_is_too_old_makes_nobody_worse(tmp_path):
    records = opened(tmp_path, [*AGAINST, event("A0", "S1", "penalty", D(2022, 4, 30))], [visit("V1", D(2024, 2, 1), "violation")])
    assert lowering(records, read={"penalties", "visits"}) == ["A1", "visit:V1"]
    assert lowering(records, read={"penalties"}) == ["A1"]


def test_only_the_newest_grade_makes_a_firm_worse(tmp_path):
    red, green = event("G1", "S1", "grade", D(2023, 1, 1), result="red"), event("G2", "S1", "grade", D(2024, 1, 1), result="green")
    assert lowering(opened(tmp_path / "red", [red])) == ["G1"]
    assert lowering(opened(tmp_path / "both", [red, green])) == []


def test_visits_that_found_something_are_among_what_stands(tmp_path):
    visits = [
        visit("V1", D(2024, 2, 1), "violation"), visit("V2", D(2024, 2, 2), "none"), visit("V3", D(2024, 2, 3), "not_found"),
        visit("V4", D(2021, 1, 1), "violation"), visit("V5", D(2024, 5, 2), "violation"),
    ]  # fmt: skip
    rows = opened(tmp_path, [], visits).standing(APRIL, ["S1"]).to_pylist()
    assert [(row["event_id"], row["lowers"]) for row in rows] == [("visit:V1", True), ("visit:V4", False)]
    assert (rows[0]["kind"], rows[0]["result"], rows[0]["severity"]) == ("random", "violation", 5)


POLICY = a_policy(
    tier=[{"name": "A", "min_score": 600}, {"name": "B", "min_score": 550}, {"name": "C", "min_score": 500}, {"name": "D"}]
)


def tiers(records, on, **more):
    scores = pd.DataFrame({"subject_id": ["S1"], "as_of": [on], "industry": ["all"], "score": [400], "probability_ppm": [300_000]})
    return assign_tiers(scores, POLICY, records=records, as_of=on, **more)


def signed(records):
    """D in April, signed on everything that makes the firm worse."""
    asked = tiers(records, APRIL).proposed().iloc[0]
    review = Review("S1", "approve", "李四", "核实", asked.grounds_hash, APRIL, asked.raw_tier, asked.grounds)
    return parse_grounds(asked.grounds), tiers(records, APRIL, reviews=[review])


def in_may(folder, before, events, visits):
    return tiers(opened(folder, events, visits), MAY, previous=before).frame.loc[0, ["tier", "status"]].tolist()


@pytest.fixture
def april(tmp_path):
    return signed(opened(tmp_path / "april", [*IN_FAVOUR, *AGAINST], [visit("V1", D(2024, 2, 1), "violation")]))


def test_a_signature_rests_on_adverse_records_and_visits(april):
    grounds, before = april
    assert [record for record, _digest in grounds] == ["A1", "A2", "A3", "visit:V1"]
    assert before.frame.loc[0, ["tier", "status"]].tolist() == ["D", "final"]


@pytest.mark.parametrize("visits", [[], [visit("V1", D(2024, 2, 1), "none")], [visit("V1", D(2024, 2, 1), "violation", 2)]])
def test_a_visit_that_leaves_or_is_corrected_ends_the_signature(tmp_path, april, visits):
    assert in_may(tmp_path / "may", april[1], [*IN_FAVOUR, *AGAINST], visits) == ["C", "proposed"]


def test_a_favourable_record_that_leaves_ends_no_signature(tmp_path, april):
    assert in_may(tmp_path / "may", april[1], AGAINST, [visit("V1", D(2024, 2, 1), "violation")]) == ["D", "final"]


def test_the_signer_is_shown_what_makes_the_firm_worse_and_nothing_else(tmp_path):
    records = opened(tmp_path, [*IN_FAVOUR, *AGAINST], [visit("V1", D(2024, 2, 1), "violation")])
    shown = tiers(records, APRIL).asked
    assert shown["event_id"].tolist() == ["A1", "A2", "A3", "visit:V1"]
    assert shown["rests_on"].all()
