"""Every aggregate, on each engine, against values worked out by hand."""

import datetime as dt
from decimal import Decimal

import pytest
from support.projects import event, feature, subject, write_project, write_tables

from creditscore.features.build import build_features
from creditscore.features.spine import spine
from creditscore.features.training_rows import training_rows
from creditscore.records.records import open_records

D = dt.date
FEATURES = [
    feature("penalties_12m", months=12),
    feature("penalties_all"),
    feature("severe_12m", months=12, severity_min=5),
    feature("fines_24m", aggregate="sum", column="amount", months=24),
    feature("worst_24m", aggregate="max", column="severity", months=24),
    feature("days_since", aggregate="days_since_last"),
    feature("complaint_kinds", "complaint", "distinct", "market", column="result"),
    feature("last_contract", "contract", "latest", "market", column="result"),
    feature("contracts_kept", "contract", "share", "market", share_of=["kept"], prior=2, prior_share=0.5),
    feature("decayed", aggregate="banded_sum", bands=[{"months": 6, "weight": 3}, {"months": 24, "weight": 1}], cap=6),
    feature("abnormal", "abnormal_list", "on_list"),
    {"name": "visits", "label": {"zh": "v", "en": "v"}, "unit": "ppm", "source": "industry", "aggregate": "finding_ratio", "prior": 1.0},
    {"name": "tenure", "label": {"zh": "t", "en": "t"}, "unit": "months", "source": "base", "aggregate": "tenure_months"},
    {"name": "grade", "label": {"zh": "g", "en": "g"}, "unit": "grade", "source": "base", "aggregate": "latest", "scheme": "national"},
]  # fmt: skip


@pytest.fixture(scope="module")
def records(tmp_path_factory, module_engine):
    """What all tests here read, once on each engine."""
    folder = tmp_path_factory.mktemp("records")
    project = write_project(folder / "project", features={"feature": FEATURES})
    events = [
        event("e1", "S1", "penalty", D(2023, 4, 30), severity=9, amount=Decimal("100.25")),  # one day outside (12 months, as_of]
        event("e2", "S1", "penalty", D(2023, 5, 1), severity=7, amount=50),
        event("e3", "S1", "penalty", D(2024, 4, 30), severity=2, document_no="文号1"),
        event("e4", "S1", "penalty", D(2024, 4, 30), D(2024, 4, 30), severity=2, document_no="文号1"),  # the same incident
        event("e5", "S1", "penalty", D(2024, 4, 1), D(2024, 5, 1)),  # not known yet
        event("e6", "S2", "penalty", D(2024, 1, 1)),  # repaired on the day
        event("e7", "S2", "penalty", D(2024, 1, 2)),  # under dispute
        event("e8", "S2", "penalty", D(2024, 1, 3)),  # dispute rejected: counts
        event("e9", "S2", "penalty", D(2024, 1, 4), valid_until=D(2024, 4, 29)),  # over
        event("c1", "S1", "contract", D(2022, 1, 1), result="kept"),
        event("c2", "S1", "contract", D(2024, 1, 1), result="broken"),
        event("m1", "S1", "complaint", D(2024, 1, 1), result="price"),
        event("m2", "S1", "complaint", D(2024, 1, 5), result="price"),
        event("l1", "S2", "abnormal_list", D(2020, 1, 1)),
    ]
    changes = [
        {"event_id": "e6", "change": "repaired", "effective_date": D(2024, 4, 30), "known_date": D(2024, 4, 30)},
        {"event_id": "e7", "change": "disputed", "effective_date": D(2024, 2, 1), "known_date": D(2024, 2, 1)},
        {"event_id": "e8", "change": "disputed", "effective_date": D(2024, 2, 1), "known_date": D(2024, 2, 1)},
        {"event_id": "e8", "change": "dispute_rejected", "effective_date": D(2024, 3, 1), "known_date": D(2024, 3, 2)},
    ]
    visits = [
        visit("v1", "S1", D(2023, 1, 10), "violation", ["强", "甲"]),
        visit("v2", "S2", D(2023, 1, 11), "none", ["乙", "甲"]),
        visit("v3", "S2", D(2023, 1, 12), "none", ["乙"]),
        visit("v4", "S3", D(2023, 1, 12), "closed", ["乙"]),
    ]
    ratings = [
        {"subject_id": "S1", "scheme": "national", "grade": "良", "event_date": D(2023, 1, 1), "known_date": D(2023, 2, 1)},
        {"subject_id": "S1", "scheme": "national", "grade": "差", "event_date": D(2024, 4, 1), "known_date": D(2024, 5, 2)},
    ]
    subjects = [
        subject("S1", registered_date=D(2020, 1, 31)),
        subject("S2"),
        subject("S3"),
        subject("G1", subject_type="government"),
    ]
    data = write_tables(folder / "data", subjects=subjects, events=events, changes=changes, inspections=visits, ratings=ratings)
    return open_records(module_engine, project, data=data)


def visit(key, subject_id, day, outcome, inspectors):
    return {
        "inspection_id": key, "subject_id": subject_id, "event_date": day, "known_date": day, "trigger": "random", "outcome": outcome,
        "inclusion_probability": 0.25, "mode": "on_site", "task": "t", "stratum": "s", "inspectors": inspectors,
    }  # fmt: skip


def test_each_aggregate_is_what_its_definition_says(records):
    rows = spine(records, as_of="2024-04-30")
    assert rows.out_of_scope == {"government": 1}
    got = build_features(records, rows, records.project.features)
    assert [key[0] for key in got.index] == ["S1", "S2", "S3"]
    first = got.iloc[0].to_dict()
    assert first == {
        "penalties_12m": 2, "penalties_all": 3, "severe_12m": 1, "fines_24m": 150.25, "worst_24m": 9, "days_since": 0,
        "complaint_kinds": 1, "last_contract": "broken", "contracts_kept": 500_000, "decayed": 3 * 2 + 6 + 6, "abnormal": 0,
        "visits": first["visits"], "tenure": 50, "grade": "良",
    }  # fmt: skip
    second = got.iloc[1]
    assert second["penalties_all"] == 1
    assert second["days_since"] == (D(2024, 4, 30) - D(2024, 1, 3)).days
    assert second["abnormal"] == 1
    third = got.iloc[2]
    assert third["penalties_all"] == 0
    assert third.isna()[["days_since", "last_contract", "contracts_kept", "visits", "grade"]].all()


def test_a_strict_inspector_raises_what_is_expected(records):
    got = build_features(records, spine(records, as_of="2024-04-30"), records.project.features)
    # Rates: 1 of 3 visits found something. Effects: (own + 5) / (own expected + 5).
    rate = 1_000_000 // 3
    strict = ((1_000_000 + 5_000_000) * 1_000_000) // (rate + 5_000_000)
    both = ((1_000_000 + 5_000_000) * 1_000_000) // (2 * rate + 5_000_000)
    expected = (rate * (strict + both)) // (2 * 1_000_000)
    assert got.iloc[0]["visits"] == ((1_000_000 + 1_000_000) * 1_000_000) // (expected + 1_000_000)
    assert got.iloc[1]["visits"] < 1_000_000 < got.iloc[0]["visits"]


def test_training_rows_are_random_draws_as_of_the_day_before(records):
    rows = training_rows(records, records.project.targets["violation"], until="2024-04-30")
    assert rows.frame["as_of"].tolist() == [D(2023, 1, 9), D(2023, 1, 10), D(2023, 1, 11)]
    assert rows.y.tolist() == [1, 0, 0]
    assert rows.weight.tolist() == [4.0, 4.0, 4.0]
    assert dict(zip(rows.dropped["reason"], rows.dropped["rows"], strict=True)) == {"outcome excluded": 1}
    got = build_features(records, rows, records.project.features)
    assert got["penalties_all"].tolist() == [0, 0, 0]
    assert len(got) == 3


DAYS = [D(2023, 4, 30), D(2024, 1, 31), D(2024, 2, 29), D(2024, 4, 30)]


def test_a_panel_and_single_rows_give_what_each_day_gives(records):
    features = records.project.features
    each = {day: build_features(records, spine(records, as_of=day), features).astype(object) for day in (DAYS[0], DAYS[3])}
    panel = build_features(records, {"subject_id": ["S1", "S2", "S3"] * 2, "as_of": [DAYS[3]] * 3 + [DAYS[0]] * 3}, features)
    # Four rows of three subjects on four days are no panel.
    few = build_features(records, {"subject_id": ["S1", "S2", "S3", "S1"], "as_of": [DAYS[0], DAYS[1], DAYS[2], DAYS[3]]}, features)
    wanted = {key: row for frame in each.values() for key, row in zip(frame.index, plain(frame), strict=True)}
    assert [wanted[key] for key in panel.index] == plain(panel)
    assert [wanted[key] for key in few.index if key in wanted] == [plain(few)[0], plain(few)[3]]


def plain(frame):
    """The rows as dictionaries; what is missing is None."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")
