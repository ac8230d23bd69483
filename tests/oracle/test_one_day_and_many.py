"""A spine of one day, a panel and single rows take different ways through the engine to the same values."""

import pandas as pd
import pytest
from support.cities import PROJECT, small_city

from creditscore.config.project import load_project
from creditscore.engine import Engine
from creditscore.features.build import build_features, passes
from creditscore.features.spine import spine, spine_from_rows
from creditscore.features.visibility import ManyDays, OneDay
from creditscore.records.records import open_records

DAYS = ["2023-02-28", "2023-12-31", "2024-02-29", "2024-04-30"]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    data = small_city(tmp_path_factory.mktemp("city"), subjects=1500)
    return open_records(Engine.duckdb(), load_project(PROJECT), data=data)


@pytest.fixture(scope="module")
def singles(records):
    found = pd.concat([build_features(records, spine(records, as_of=day), records.project.features) for day in DAYS])
    assert len(found) > 5000
    return found


def way(records, rows):
    """How the rows are gone through."""
    made = spine_from_rows(records, rows, name="asked")
    return [type(parts.rows) for _, parts in passes(records, made, records.project.features, trained_on=None, buckets=None)]


def test_a_panel_gives_the_same_cells_in_the_order_of_its_rows(records, singles):
    rows = singles.index.to_frame(index=False).sample(frac=1, random_state=1)
    assert way(records, rows) == [OneDay] * len(DAYS)
    together = build_features(records, rows, records.project.features)
    pd.testing.assert_frame_equal(together, singles.loc[list(together.index)], check_dtype=False)


def test_single_rows_give_the_same_cells(records, singles):
    rows = singles.groupby("as_of").head(400).index.to_frame(index=False)
    rows = rows.groupby("as_of").sample(150, random_state=2)
    assert way(records, rows) == [ManyDays]
    some = build_features(records, rows, records.project.features)
    pd.testing.assert_frame_equal(some, singles.loc[list(some.index)], check_dtype=False)


def test_a_repeated_row_of_a_panel_stays_repeated(records, singles):
    rows = singles.index.to_frame(index=False)
    doubled = pd.concat([rows, rows.head(10)])
    assert way(records, doubled) == [OneDay] * len(DAYS)
    together = build_features(records, doubled, records.project.features)
    pd.testing.assert_frame_equal(together.tail(10), singles.head(10), check_dtype=False)


def test_temporary_tables_of_a_pass_are_dropped_after_it(records):
    before = tables(records)
    build_features(records, spine(records, as_of=DAYS[0], name="kept"), records.project.features)
    assert {name for name in tables(records) - before if not name.startswith(("kept", "built_features"))} == set()


def tables(records):
    found = records.engine._run("SELECT table_name FROM information_schema.tables")
    return set(found["table_name"].to_pylist())
