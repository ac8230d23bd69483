"""At least 20,000 cells at month ends, leap days, with NULLs, late arrivals, repairs on the day, disputes and copies."""

import datetime as dt
import math
import random
from decimal import Decimal

import pandas as pd
from support.projects import event, feature, subject, write_project, write_tables

from creditscore.config.features import FeatureSpec
from creditscore.engine import Engine
from creditscore.features.build import build_features
from creditscore.records.records import open_records

from .naive import value, visible

DAYS = [
    dt.date(2023, 2, 28), dt.date(2024, 1, 31), dt.date(2024, 2, 29), dt.date(2024, 3, 1), dt.date(2024, 3, 31), dt.date(2024, 4, 30),
    dt.date(2024, 12, 31), dt.date(2025, 2, 28), dt.date(2021, 8, 31),
]  # fmt: skip
FEATURES = [
    *(feature(f"count_{m}m", months=m) for m in (1, 3, 6, 12, 24, 36)),
    feature("count_all"),
    feature("severe", severity_min=5, months=18),
    feature("large", amount_min=1000.5),
    feature("fines", aggregate="sum", column="amount", months=24),
    feature("severities", aggregate="sum", column="severity"),
    feature("largest", aggregate="max", column="amount"),
    feature("mildest", aggregate="min", column="severity", months=36),
    feature("documents", aggregate="distinct", column="document_no"),
    feature("since", aggregate="days_since_last"),
    feature("since_severe", aggregate="days_since_last", severity_min=7),
    feature("last_result", "contract", "latest", "market", column="result"),
    feature("kept", "contract", "share", "market", share_of=["kept"], prior=2, prior_share=0.8, minimum=2),
    feature("kept_plain", "contract", "share", "market", share_of=["kept", "late"], months=24),
    feature("decay", aggregate="banded_sum", bands=[{"months": 6, "weight": 3}, {"months": 12, "weight": 2}, {"months": 36, "weight": 1}]),
    feature("decay_capped", aggregate="banded_sum", bands=[{"months": 12, "weight": 2}], cap=4),
    feature("listed", "abnormal_list", "on_list"),
    feature("verified", "report", "count", "self_declared", verified=True),
    feature("unverified", "report", "count", "self_declared", verified=False),
    feature("broken", "contract", "count", "market", result=["broken"], months=12),
]  # fmt: skip
KINDS = ["penalty", "contract", "abnormal_list", "report"]


def near(random_, day):
    """A day on or beside the edges of windows."""
    months = random_.choice([0, 1, 3, 6, 12, 18, 24, 36, 50])
    moved = pd.Timestamp(day) - pd.DateOffset(months=months)
    return (moved + pd.Timedelta(days=random_.choice([-31, -1, 0, 0, 1, 2]))).date()


def population(random_):
    subjects = [subject(f"S{place:03d}") for place in range(90)]
    events, changes = [], []
    for one in subjects:
        for place in range(random_.choice([0, 1, 5, 14, 20])):
            events.append(an_event(random_, one["subject_id"], place))
    for told in events:
        while random_.random() < 0.3:
            changes += some_changes(random_, told)
    unique = {(c["event_id"], c["change"], c["effective_date"]): c for c in changes}
    return subjects, events, list(unique.values())


def some_changes(random_, told):
    """A change on or beside one of the days; a dispute often with its rejection on the same or another day."""
    day = random_.choice(DAYS) if random_.random() < 0.6 else near(random_, random_.choice(DAYS))
    kind = random_.choice(["repaired", "withdrawn", "disputed", "disputed", "dispute_upheld", "dispute_rejected"])
    chain = [(kind, day)]
    if kind == "disputed" and random_.random() < 0.7:
        chain.append(("dispute_rejected", random_.choice([day, day, *DAYS])))
    # No change takes effect before the day of its event.
    return [a_change(random_, told["event_id"], change, max(on, told["event_date"])) for change, on in chain]


def a_change(random_, event_id, change, on):
    known = on + dt.timedelta(days=random_.choice([0, 0, 0, 3, 40]))
    return {"event_id": event_id, "change": change, "effective_date": on, "known_date": known}


def an_event(random_, subject_id, place):
    day = near(random_, random_.choice(DAYS))
    some = lambda values: random_.choice([None, *values])  # noqa: E731
    return event(
        f"{subject_id}-{place:02d}", subject_id, random_.choice(KINDS), day, day + dt.timedelta(days=random_.choice([0, 0, 1, 9, 400])),
        severity=some(range(1, 11)), amount=some([Decimal("1000.50"), Decimal("1000.49"), Decimal("0.01"), Decimal("99999999.99")]),
        # Features ask for results of these kinds: an empty one is refused.
        result=random_.choice(["kept", "late", "broken"]), verified=some([True, False]), document_no=some([f"D{n}" for n in range(4)]),
        incident_id=some([None, None, "I1"]), valid_until=some([None, day + dt.timedelta(days=30), max(day, near(random_, random_.choice(DAYS)))]),
    )  # fmt: skip


def test_every_cell_equals_plain_python(tmp_path):
    random_ = random.Random(20240229)
    subjects, events, changes = population(random_)
    project = write_project(tmp_path / "project", features={"feature": FEATURES})
    data = write_tables(tmp_path / "data", subjects=subjects, events=events, changes=changes)
    records = open_records(Engine.duckdb(), project, data=data)
    assert records.rejects.num_rows == 0
    rows = pd.DataFrame([{"subject_id": one["subject_id"], "as_of": day} for one in subjects for day in DAYS])
    # All days of all subjects go day by day; few rows are joined with their events.
    cells = compared(records, rows, events, changes) + compared(records, rows.sample(frac=0.4, random_state=1), events, changes)
    assert cells >= 20_000


def compared(records, rows, events, changes):
    """The number of cells, all of them equal."""
    got = build_features(records, rows, records.project.features)
    cells, wrong = 0, []
    for place, row in enumerate(rows.itertuples()):
        seen = visible(row.subject_id, events, changes, row.as_of)
        for spec in records.project.features:
            wanted, found = expected(spec, seen, row.as_of), got.iloc[place][spec.name]
            cells += 1
            if not same(wanted, found):
                wrong.append((row.subject_id, row.as_of, spec.name, wanted, found))
    assert wrong == []
    return cells


def expected(spec: FeatureSpec, seen, as_of):
    return value(spec, seen, as_of)


def same(wanted, found):
    if wanted is None:
        return found is None or (isinstance(found, float) and math.isnan(found))
    return float(wanted) == float(found) if not isinstance(wanted, str) else wanted == found


def test_the_oracle_can_tell_a_wrong_window(tmp_path):
    spec = FeatureSpec.model_validate({**FEATURES[3], "kind": ("penalty",)})
    on_the_edge = [{"kind": "penalty", "event_date": dt.date(2023, 4, 30)}]
    assert value(spec, on_the_edge, dt.date(2024, 4, 30)) == 0
    assert value(spec, on_the_edge, dt.date(2024, 4, 29)) == 1
