"""Subjects' versions, external ratings and finding ratios on random days, cell by cell; and who is in scope that day."""

import datetime as dt
import random

import pandas as pd
import pytest
from support.projects import subject, write_project, write_tables

from creditscore.engine import Engine
from creditscore.features.build import build_features
from creditscore.features.spine import spine
from creditscore.records.records import open_records

from . import naive
from .test_features_against_plain_python import DAYS, near, same


def of(name, aggregate, **more):
    label = {"zh": name, "en": name}
    return {"name": name, "label": label, "unit": "x", "source": "base", "aggregate": aggregate, **more}


FEATURES = [
    of("tenure", "tenure_months"),
    of("grade", "latest", scheme="national"),
    of("grade_12m", "latest", scheme="national", months=12),
    of("grade_age", "days_since_last", scheme="national"),
    of("grade_age_12m", "days_since_last", scheme="national", months=12),
    of("ratio", "finding_ratio", prior=1.0),
    of("ratio_12m", "finding_ratio", prior=2.5, months=12),
    of("severe_24m", "finding_ratio", prior=1.0, months=24, severity_min=6, inspector_prior=2.0),
    of("severe", "finding_ratio", prior=0.5, severity_min=6, inspector_prior=2.0, empty=1_000_000),
]
LATE = [0, 0, 0, 5, 60, 400]


def some_day(random_):
    return random_.choice([near(random_, random_.choice(DAYS)), random_.choice(DAYS)])


def versions_of(random_, subject_id):
    """One to four versions; the register may learn late, know no day of registration, or correct it."""
    made, days = [], sorted({some_day(random_) for _ in range(random_.randint(1, 4))})
    for place, day in enumerate(days):
        left = place == len(days) - 1 and random_.random() < 0.3
        status = random_.choice(["revoked", "deregistered"]) if left else random_.choice(["active", "active", "suspended"])
        kind = random_.choice(["enterprise", "enterprise", "enterprise", "government"])
        made.append(
            subject(
                subject_id, valid_from=day, known_date=day + dt.timedelta(days=random_.choice(LATE)), status=status, subject_type=kind,
                registered_date=random_.choice([None, dt.date(2016, 2, 29), dt.date(2019, 8, 31), day]), deregistered_date=day if left else None,
                industry=random_.choice(["food", "shop"]),
            )
        )  # fmt: skip
    return made


def ratings_of(random_, subject_id):
    days = {some_day(random_) for _ in range(random_.randint(0, 4))}
    late = lambda day: day + dt.timedelta(days=random_.choice(LATE))  # noqa: E731
    grades = ["优", "良", "中", "差"]
    return [
        {
            "subject_id": subject_id,
            "scheme": "national",
            "grade": random_.choice(grades),
            "event_date": day,
            "known_date": late(day),
        }
        for day in sorted(days)
    ]


def visits_of(random_, subject_id):
    made = []
    for place in range(random_.randint(0, 5)):
        day = some_day(random_)
        outcome = random_.choice(["none", "none", "violation", "violation", "closed"])
        made.append({
            "inspection_id": f"{subject_id}-{place}", "subject_id": subject_id, "event_date": day,
            "known_date": day + dt.timedelta(days=random_.choice(LATE)), "trigger": random_.choice(["random", "complaint", "special"]),
            "outcome": outcome, "severity": random_.choice([None, 2, 6, 9]) if outcome == "violation" else None,
            "inspectors": random_.sample(["a", "b", "c", "d"], random_.randint(0, 3)),
        })  # fmt: skip
    return made


@pytest.fixture(scope="module")
def told():
    random_ = random.Random(20230831)
    ids = [f"S{place:03d}" for place in range(150)]
    # One that is in scope on every day, so that no day is empty.
    versions = [subject("S999", deregistered_date=None), *(version for one in ids for version in versions_of(random_, one))]
    ratings, visits = [r for one in ids for r in ratings_of(random_, one)], [v for one in ids for v in visits_of(random_, one)]
    return [*ids, "S999"], versions, ratings, visits


@pytest.fixture(scope="module")
def records(told, tmp_path_factory):
    folder = tmp_path_factory.mktemp("versions")
    _, versions, ratings, visits = told
    project = write_project(folder / "project", features={"feature": FEATURES})
    data = write_tables(folder / "data", subjects=versions, ratings=ratings, inspections=visits)
    records = open_records(Engine.duckdb(), project, data=data)
    assert records.rejects.num_rows == 0
    return records


@pytest.mark.parametrize("share", [1.0, 0.3], ids=["every day of every subject", "some rows"])
def test_every_cell_equals_plain_python(told, records, share):
    ids, versions, ratings, visits = told
    rows = pd.DataFrame([{"subject_id": one, "as_of": day} for one in ids for day in DAYS]).sample(frac=share, random_state=3)
    got = build_features(records, rows, records.project.features)
    cells, wrong = 0, []
    for place, row in enumerate(rows.itertuples()):
        for spec in records.project.features:
            wanted, found = expected(spec, row, versions, ratings, visits), got.iloc[place][spec.name]
            cells += 1
            if not same(wanted, found):
                wrong.append((row.subject_id, row.as_of, spec.name, wanted, found))
    assert cells == len(rows) * len(FEATURES)
    assert wrong == []


def expected(spec, row, versions, ratings, visits):
    if spec.aggregate == "tenure_months":
        return naive.tenure(versions, row.subject_id, row.as_of)
    if spec.aggregate == "finding_ratio":
        return naive.finding_ratio(spec, visits, row.subject_id, row.as_of)
    return naive.grade(ratings, row.subject_id, row.as_of, spec.months)[spec.aggregate == "days_since_last"]


def test_each_days_spine_holds_the_subjects_in_scope_that_day(told, records):
    ids, versions, _, _ = told
    for day in DAYS:
        rows = spine(records, as_of=day).frame
        wanted = {one: naive.version(versions, one, day)["industry"] for one in ids if naive.in_scope(versions, one, day)}
        assert dict(zip(rows["subject_id"], rows["industry"], strict=True)) == wanted
