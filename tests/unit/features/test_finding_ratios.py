import datetime as dt

import pytest
from support.projects import subject, write_project, write_tables

from creditscore.features.build import build_features
from creditscore.features.spine import spine
from creditscore.features.training_rows import training_rows
from creditscore.records.records import open_records

D, AS_OF = dt.date, dt.date(2024, 4, 30)


def ratio(name, **more):
    label = {"zh": name, "en": name}
    return {"name": name, "label": label, "unit": "ppm", "source": "public", "aggregate": "finding_ratio", "prior": 1.0, **more}


FEATURES = [
    ratio("severe", severity_min=8),
    ratio("severe_12m", severity_min=8, months=12),
    ratio("of_any", empty=1_000_000),
    ratio("of_any_12m", months=12),
    ratio("severe_whoever", severity_min=8, inspector_prior=1_000_000.0),
    ratio("severe_6m", severity_min=8, months=6),
]


def visit(key, who, day, severity, team):
    found = {"outcome": "none"} if severity == 0 else {"outcome": "violation", "severity": severity}
    same = {"trigger": "special", "event_date": day, "known_date": day, "inspectors": [team]}
    return {"inspection_id": key, "subject_id": who, **same, **found}


VISITS = [
    visit("v1", "S1", D(2023, 1, 10), 9, "a"),
    visit("v2", "S1", D(2023, 11, 10), 3, "a"),
    visit("v3", "S2", D(2023, 1, 11), 3, "b"),
    visit("v4", "S2", D(2023, 1, 12), None, "b"),
]


@pytest.fixture
def records(tmp_path, engine):
    more = {
        "target": [
            {"type": "inspection", "name": "violation", "label": {"zh": "v", "en": "v"}, "triggers": ["special"], "weights": "none"}
        ]
    }
    project = write_project(tmp_path / "project", features={"feature": FEATURES}, targets=more)
    subjects = [subject("S1"), subject("S2", industry=None), subject("S3")]
    return open_records(engine, project, data=write_tables(tmp_path / "data", subjects=subjects, inspections=VISITS))


@pytest.fixture
def built(records):
    return build_features(records, spine(records, as_of=AS_OF), records.project.features).droplevel("as_of")


def test_a_ratio_counts_its_severity_and_window_above_and_below(built):
    # One of four visits found 8 or more: 0.25 a visit; inspector a found 1 where 0.5 were expected: (1 + 5) / (0.5 + 5).
    effect = (1 * 10**6 + 5 * 10**6) * 10**6 // (2 * 250_000 + 5 * 10**6)
    expected = 2 * (250_000 * effect // 10**6)
    assert built.loc["S1", "severe"] == 2 * 10**6 * 10**6 // (expected + 10**6)
    # Every visit found something of some severity, and of an unknown one.
    assert built.loc["S1", "of_any"] == built.loc["S2", "of_any"] == 1_000_000
    assert built.loc["S2", "severe"] < 1_000_000
    # Each window has its own visits; without any the value is missing, or what is declared.
    assert built.loc["S1", "severe_12m"] < 1_000_000 < built.loc["S1", "severe"]
    assert built["severe_12m"].isna().tolist() == [False, True, True]
    assert built["severe_6m"].isna().tolist() == [False, True, True]
    assert built.loc["S3", "of_any"] == 1_000_000
    # Inspectors pulled hard to the mean leave the bare ratio.
    assert built.loc["S1", "severe_whoever"] == pytest.approx(2 / 1.5 * 1e6, abs=2)


def test_a_visit_to_a_subject_of_unknown_industry_trains_too(records):
    rows = training_rows(records, records.project.targets["violation"], until=AS_OF)
    assert sorted(rows.frame["subject_id"]) == ["S1", "S1", "S2", "S2"]
    assert rows.frame.loc[rows.frame["subject_id"] == "S2", "industry"].isna().all()
    assert rows.dropped.empty
