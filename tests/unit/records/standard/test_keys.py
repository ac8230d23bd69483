import datetime as dt

import pyarrow as pa
import pytest
from pydantic import ValidationError
from support.projects import subject, write_project, write_tables

from creditscore.config.sources import SourceSpec
from creditscore.features.spine import spine
from creditscore.records.records import open_records
from creditscore.records.tables import TABLES
from creditscore.storage import write_parquet

D = dt.date
REGISTER = [
    subject("S1", valid_from=D(2020, 1, 1), known_date=D(2020, 1, 1), industry=None),
    subject(
        "S1", valid_from=D(2022, 1, 1), known_date=D(2022, 1, 1), industry=None, region="431122", deregistered_date=D(2024, 1, 1)
    ),
    subject("S2", valid_from=D(2020, 1, 1), known_date=D(2020, 1, 1), industry="shop"),
]


def told(key, day, known, industry):
    return subject(
        key, valid_from=day, known_date=known, industry=industry, region=None, registered_date=None, name=None, status="suspended"
    )


SUPPLEMENT = [
    told("S1", D(2021, 6, 1), D(2021, 6, 10), "food"),
    told("S1", D(2023, 6, 1), D(2023, 6, 1), "shop"),
    told("S1", D(2023, 7, 1), D(2023, 7, 1), None),
    told("S2", D(2021, 6, 1), D(2021, 6, 1), "food"),
    told("S9", D(2021, 6, 1), D(2021, 6, 1), "food"),
]


@pytest.fixture
def records(tmp_path, engine):
    sources = [{"name": t, "table": t, "file": f"{t}.parquet"} for t in TABLES]
    sources.append({"name": "trade", "table": "subjects", "file": "trade.parquet", "supplement": True})
    project = write_project(tmp_path / "project", sources={"source": sources})
    data = write_tables(tmp_path / "data", subjects=REGISTER)
    table = TABLES["subjects"]
    columns = {name: pa.array([row.get(name) for row in SUPPLEMENT], kind) for name, kind in table.columns.items()}
    write_parquet(data / "trade.parquet", pa.table(columns, schema=table.schema))
    return open_records(engine, project, data=data)


def on(records, day):
    return {row["subject_id"]: row for row in records.subjects_on(day).to_pylist()}


#: What is known of S1's industry on a day.
INDUSTRY_OF_S1 = {
    D(2021, 6, 9): None,  # told, not yet known
    D(2021, 6, 10): "food",
    D(2022, 1, 1): "food",  # the register's next version says nothing of it
    D(2023, 6, 1): "shop",
    D(2023, 7, 1): "shop",  # a statement without it takes nothing away
}


def test_the_newest_value_fills_only_gaps_of_the_register(records):
    assert {day: on(records, day)["S1"]["industry"] for day in INDUSTRY_OF_S1} == INDUSTRY_OF_S1
    last = on(records, D(2023, 12, 1))
    assert (last["S1"]["status"], last["S1"]["region"]) == ("active", "431122")
    assert last["S2"]["industry"] == "shop"


def test_the_last_known_industry_outlives_a_version_that_says_nothing(tmp_path, engine):
    versions = [told("S1", D(2021, 1, 1), D(2021, 1, 1), "food"), told("S1", D(2022, 1, 1), D(2022, 1, 1), "shop")]
    versions += [told("S1", D(2023, 1, 1), D(2023, 1, 1), None), told("S2", D(2021, 1, 1), D(2021, 1, 1), None)]
    versions += [told("S3", D(2021, 1, 1), D(2021, 1, 1), "../x")]
    project = write_project(
        tmp_path / "project", sources={"source": [{"name": t, "table": t, "file": f"{t}.parquet"} for t in TABLES]}
    )
    records = open_records(engine, project, data=write_tables(tmp_path / "data", subjects=versions))
    assert on(records, D(2023, 6, 1))["S1"]["industry"] is None
    assert records.last_industries(D(2023, 6, 1), ["S1"]) == [("S1", "shop")]
    assert records.last_industries(D(2021, 6, 1), ["S1", "S2"]) == [("S1", "food")]


def test_subjects_are_those_of_the_register_then_of_the_supplement(records):
    assert "S1" in spine(records, as_of=D(2023, 12, 31)).frame["subject_id"].tolist()
    assert "S1" not in spine(records, as_of=D(2024, 1, 1)).frame["subject_id"].tolist()
    assert "S9" not in on(records, D(2021, 5, 31))
    assert on(records, D(2021, 6, 1))["S9"]["industry"] == "food"
    # Every statement of both stands in one equation.
    outcome = records.outcomes["subjects"]
    assert (outcome.arrived, outcome.kept, outcome.quarantined, outcome.collapsed) == (8, 8, 0, 0)


def test_only_subjects_are_supplemented():
    with pytest.raises(ValidationError, match="goes with table = 'subjects'"):
        SourceSpec.model_validate({"name": "e", "table": "events", "file": "e.parquet", "supplement": True})
