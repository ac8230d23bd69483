"""Days and rows as callers give them: taken for what they show, or refused in plain words."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from support.projects import event, feature, subject, write_project, write_tables

from creditscore.engine import Engine
from creditscore.errors import ConfigError, DataError
from creditscore.features.build import build_features
from creditscore.features.spine import spine
from creditscore.features.training_rows import training_rows
from creditscore.records.records import open_records

D = dt.date
ROWS = {"subject_id": ["S1", "S0", "S1"], "as_of": [D(2024, 4, 30), D(2024, 2, 29), D(2024, 4, 30)]}
VISIT = {
    "inspection_id": "v", "subject_id": "S1", "event_date": D(2024, 3, 1), "known_date": D(2024, 3, 1), "trigger": "random",
    "outcome": "violation", "inclusion_probability": 0.5, "mode": "on_site",
}  # fmt: skip


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("given")
    project = write_project(folder / "project", features={"feature": [feature("n"), feature("n_1m", months=1)]})
    events = [event("a", "S1", "penalty", D(2024, 3, 30)), event("b", "S1", "penalty", D(2024, 3, 31))]
    data = write_tables(folder / "data", subjects=[subject("S0"), subject("S1")], events=events, inspections=[VISIT])
    return open_records(Engine.duckdb(), project, data=data)


def counted(records, rows):
    return build_features(records, rows, records.project.features)["n"].tolist()


@pytest.mark.parametrize(
    "day",
    ["2024-04-30", D(2024, 4, 30), dt.datetime(2024, 4, 30, 23), pd.Timestamp("2024-04-30 01:00", tz="Asia/Shanghai"), np.datetime64("2024-04-30")],
    ids=["text", "date", "datetime", "timestamp", "numpy"],
)  # fmt: skip
def test_a_point_in_time_is_the_day_it_shows(records, day):
    rows = spine(records, as_of=day)
    assert rows.day == D(2024, 4, 30)
    assert counted(records, rows) == [0, 2]
    assert training_rows(records, records.project.targets["violation"], until=day).until == D(2024, 4, 30)


@pytest.mark.parametrize("day", ["30 April", "2024/04/30", 20240430, None, pd.NaT, ["2024-04-30"]])
def test_an_invalid_day_is_refused(records, day):
    with pytest.raises(DataError, match="as_of: expected a day"):
        spine(records, as_of=day)
    with pytest.raises(DataError, match="until: expected a day"):
        training_rows(records, records.project.targets["violation"], until=day)


GIVEN = {
    "dates": lambda: pd.DataFrame(ROWS),
    "timestamps": lambda: pd.DataFrame({**ROWS, "as_of": pd.to_datetime(ROWS["as_of"])}),
    "texts": lambda: pd.DataFrame({**ROWS, "as_of": [str(day) for day in ROWS["as_of"]]}),
    "categories": lambda: pd.DataFrame({**ROWS, "subject_id": pd.Categorical(ROWS["subject_id"])}),
    "index": lambda: pd.DataFrame(ROWS).set_index(["subject_id", "as_of"]),
    "places_of_a_sample": lambda: pd.DataFrame(ROWS, index=[7, 7, 1]),
    "polars": lambda: pl.DataFrame(ROWS),
    "arrow": lambda: pa.table(ROWS),
    "columns": lambda: ROWS,
}


@pytest.mark.parametrize("how", GIVEN)
def test_rows_come_from_any_table_and_repeated_rows_stay(records, how):
    got = build_features(records, GIVEN[how](), records.project.features)
    assert got["n"].tolist() == [2, 0, 2]
    assert list(got.index) == list(zip(ROWS["subject_id"], ROWS["as_of"], strict=True))


def test_a_spine_and_a_feature_index_can_be_passed_as_rows(records):
    rows = spine(records, as_of="2024-04-30")
    features = build_features(records, rows, records.project.features)
    assert counted(records, rows.frame) == counted(records, rows.arrow()) == counted(records, features) == [0, 2]


def test_no_rows_give_no_features(records):
    assert counted(records, pd.DataFrame({"subject_id": [], "as_of": []})) == []


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (pd.DataFrame({"subject_id": ["S1"]}), "none named as_of"),
        (pd.DataFrame({"firm": ["S1"]}), "none named subject_id and as_of"),
        ({**ROWS, "subject_id": ["S1", None, "S1"]}, "got 1 of 3 without"),
        ({**ROWS, "subject_id": [1, 2, 3]}, "got 3 of 3 without"),
        ({**ROWS, "as_of": ["2024-04-30", "never", None]}, "as_of in every row.*got 2 of 3 without"),
        ({**ROWS, "subject_id": ["S1", "S9", "S1"]}, "got 1 rows of 3 of others"),
        ([("S1", D(2024, 4, 30))], "got list"),
        (None, "got NoneType"),
    ],
    ids=["no days", "no ids", "missing id", "numbers", "no day", "stranger", "list", "none"],
)  # fmt: skip
def test_invalid_rows_are_refused(records, rows, said):
    with pytest.raises(DataError, match=said):
        counted(records, rows)


def test_a_spine_of_other_records_is_refused(records, tmp_path):
    data = write_tables(tmp_path, subjects=[subject("A0"), subject("S1")])
    others = open_records(Engine.duckdb(), records.project, data=data)
    with pytest.raises(DataError, match="made of others"):
        counted(others, spine(records, as_of="2024-04-30"))


def test_feature_specifications_need_unique_names(records):
    features, rows = records.project.features, spine(records, as_of="2024-04-30")
    for wrong, said in (
        (features[0], "something else"),
        ("n", "something else"),
        ((*features, features[0]), "n appears several times"),
    ):
        with pytest.raises(ConfigError, match=said):
            build_features(records, rows, wrong)
    strange = (features[0].model_copy(update={"kind": ("hearsay",)}),)
    with pytest.raises(ConfigError, match="kinds of the catalogue"):
        build_features(records, rows, strange)
    assert list(build_features(records, rows, list(features)).columns) == ["n", "n_1m"]


@pytest.mark.parametrize(("day", "wanted"), [(D(2024, 4, 30), 1), (D(2024, 4, 29), 2), (D(2024, 3, 31), 2), (D(2024, 5, 1), 0)])
def test_a_month_window_excludes_its_start_and_includes_its_end(records, day, wanted):
    got = build_features(records, {"subject_id": ["S1"], "as_of": [day]}, records.project.features)
    assert got["n_1m"].tolist() == [wanted]
