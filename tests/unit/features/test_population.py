"""Practitioners are scored only in a project of their own, by their own records, under an impact assessment."""

import pytest
from support.projects import DAY, documents, event, feature, item, label, subject, write_project, write_tables

from creditscore.engine import Engine
from creditscore.errors import ConfigError
from creditscore.features.build import build_features
from creditscore.features.guard import guard_features
from creditscore.features.spine import spine
from creditscore.records.records import open_records

CONDUCT = item("misconduct", population="practitioner")


def practitioners(folder, **scorecards):
    given = documents()
    catalogue = {"item": [*given["catalogue"]["item"], CONDUCT]}
    return write_project(
        folder, project={"population": "practitioner"}, catalogue=catalogue,
        features={"feature": [feature("misconduct_36m", "misconduct", months=36)]}, scorecards=scorecards,
    )  # fmt: skip


def test_a_project_of_practitioners_needs_an_impact_assessment(tmp_path):
    with pytest.raises(ConfigError, match=r"scorecards\.toml: impact_assessment_id"):
        practitioners(tmp_path)


def test_with_an_assessment_only_practitioners_are_scored(tmp_path):
    project = practitioners(tmp_path / "p", impact_assessment_id="PIA-2024-3")
    subjects = [subject("P1", subject_type="practitioner"), subject("S1"), subject("G1", subject_type="government")]
    data = write_tables(tmp_path / "d", subjects=subjects, events=[event("e", "P1", "misconduct", DAY)])
    records = open_records(Engine.duckdb(), project, data=data)
    rows = spine(records, as_of=DAY)
    assert rows.out_of_scope == {"enterprise": 1, "government": 1}
    assert build_features(records, rows, project.features)["misconduct_36m"].tolist() == [1]


def test_records_of_firms_and_persons_are_kept_apart(tmp_path):
    given = documents()
    catalogue = {"item": [*given["catalogue"]["item"], CONDUCT]}
    project = write_project(
        tmp_path, catalogue=catalogue, features={"feature": [feature("misconduct_36m", "misconduct", months=36)]}
    )
    with pytest.raises(ConfigError, match="about a practitioner"):
        guard_features(project.features, project)


def test_size_is_refused_for_bidding_and_warned_of_elsewhere(tmp_path):
    sized = {"feature": [{**feature("registered_capital_claims", "contract", source="market"), "label": label("注册资本")}]}
    project = write_project(tmp_path / "a", features=sized)
    assert len(guard_features(project.features, project)) == 1
    given = documents()
    items = [{**one, "purposes": ["bidding"]} for one in given["catalogue"]["item"]]
    bidding = write_project(tmp_path / "b", project={"purpose": "bidding"}, catalogue={"item": items}, features=sized)
    with pytest.raises(ConfigError, match="restricted"):
        guard_features(bidding.features, bidding)
