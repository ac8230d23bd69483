"""Spines do not take one another's rows; a register's outcome is what was told, repaired or not."""

import datetime as dt

from support.projects import event, feature, label, subject, write_project, write_tables

from creditscore.engine import Engine
from creditscore.features.build import build_features
from creditscore.features.spine import spine
from creditscore.features.training_rows import training_rows
from creditscore.records.records import open_records

D = dt.date
REGISTER = {
    "type": "register",
    "name": "violation",
    "label": label("x"),
    "kind": ["penalty"],
    "months": 12,
    "lag_days": 30,
    "every_months": 12,
}


def opened(tmp_path, **tables):
    project = write_project(tmp_path / "project", features={"feature": [feature("penalties")]}, targets={"target": [REGISTER]})
    subjects = [subject(f"S{place}") for place in range(4)]
    return open_records(Engine.duckdb(), project, data=write_tables(tmp_path / "data", subjects=subjects, **tables))


def test_a_second_spine_leaves_the_first_as_it_was(tmp_path):
    records = opened(tmp_path, events=[event("e", "S1", "penalty", D(2023, 5, 1))])
    first, second = spine(records, as_of="2023-01-01"), spine(records, as_of="2024-01-01")
    assert build_features(records, first, records.project.features)["penalties"].tolist() == [0, 0, 0, 0]
    assert build_features(records, second, records.project.features)["penalties"].tolist() == [0, 1, 0, 0]
    assert {day for _, day in build_features(records, first, records.project.features).index} == {D(2023, 1, 1)}


def test_a_repaired_record_still_counts_and_a_withdrawn_one_never(tmp_path):
    told = [event(f"e{place}", f"S{place}", "penalty", D(2023, 6, 1)) for place in range(3)]
    changes = [
        {"event_id": "e1", "change": "repaired", "effective_date": D(2023, 7, 1), "known_date": D(2023, 7, 1)},
        {"event_id": "e2", "change": "withdrawn", "effective_date": D(2023, 7, 1), "known_date": D(2023, 7, 1)},
    ]
    old = [event("old", "S3", "award", D(2020, 1, 1))]
    records = opened(tmp_path, events=[*told, *old], changes=changes)
    rows = training_rows(records, records.project.targets["violation"], until="2024-03-01").frame
    last = rows[rows["as_of"] == rows["as_of"].max()]
    assert dict(zip(last["subject_id"], last["y"], strict=True)) == {"S0": 1, "S1": 1, "S2": 0, "S3": 0}
