"""Tables of any library become the same columns; what is no table is refused in plain words."""

import datetime as dt

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from creditscore.dataframes import (
    as_frame,
    category_texts,
    column_lists,
    date_column,
    feature_frame,
    native_table,
    texts,
    unique_ids,
)
from creditscore.errors import DataError

DAY = dt.date(2024, 4, 30)
COLUMNS = {"subject_id": ["a", "b", "c"], "score": [1, None, 3], "day": [DAY, None, DAY]}


class Exporter:
    """A table of an unknown library that exports Arrow."""

    def __arrow_c_stream__(self, requested_schema=None):
        return pa.table(COLUMNS).__arrow_c_stream__(requested_schema)


class Result:
    """An object with its rows as a pandas table."""

    frame = pd.DataFrame(COLUMNS)


TABLES = {
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "pandas with an index": lambda: pd.DataFrame(COLUMNS, index=[7, 7, 1]),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "lazy polars": lambda: pl.DataFrame(COLUMNS).lazy(),
    "arrow": lambda: pa.table(COLUMNS),
    "record batch": lambda: pa.RecordBatch.from_pydict(COLUMNS),
    "string views": lambda: pa.table({**COLUMNS, "subject_id": pa.array(COLUMNS["subject_id"], pa.string_view())}),
    "dictionary": lambda: pa.table({**COLUMNS, "subject_id": pa.array(COLUMNS["subject_id"]).dictionary_encode()}),
    "duckdb": lambda: duckdb.from_arrow(pa.table(COLUMNS)),
    "arrow stream": Exporter,
    "result": Result,
}


@pytest.mark.parametrize("library", TABLES)
def test_tables_of_any_library_give_the_same_columns(library):
    frame = as_frame(TABLES[library](), needs=["subject_id"], what="rows")
    assert list(frame.index) == [0, 1, 2]
    assert texts(frame, "subject_id").tolist() == ["a", "b", "c"]
    assert texts(frame, "absent").tolist() == ["", "", ""]
    assert date_column(frame, "day").tolist() == [DAY, None, DAY]
    assert np.isnat(date_column(frame, "absent")).all()
    assert list(unique_ids(frame, what="rows")) == ["a", "b", "c"]
    assert feature_frame(TABLES[library]())["score"].tolist() == pytest.approx([1, np.nan, 3], nan_ok=True)
    lists = column_lists(TABLES[library](), ["subject_id", "absent"], what="rows")
    assert lists == {"subject_id": ["a", "b", "c"]}


@pytest.mark.parametrize(
    "value", [None, 3, "x", [[1, 2]], COLUMNS, pd.Series([1]), pl.Series([1]), pa.array([1]), np.zeros((2, 2))]
)
def test_what_is_no_table_is_refused(value):
    with pytest.raises(DataError, match=r"^visits: expected a pandas, polars or Arrow table \(got "):
        native_table(value, what="visits")


def test_missing_columns_are_named_with_those_present():
    with pytest.raises(DataError, match=r"^rows: expected the columns task, stratum too \(got subject_id, score, day\)$"):
        as_frame(pd.DataFrame(COLUMNS), needs=["task", "subject_id", "stratum"], what="rows")


def test_every_subject_has_one_row():
    with pytest.raises(DataError, match=r"one row per subject \(2 subjects have several, the first is a\)"):
        unique_ids(pd.DataFrame({"subject_id": list("bbaac")}), what="rows")
    with pytest.raises(DataError, match=r"missing in 1"):
        unique_ids(pd.DataFrame({"subject_id": ["a", None]}), what="rows")


def test_half_a_surrogate_becomes_the_replacement_character():
    frame = pd.DataFrame({"name": pd.Series(["good", "b\ud83dad", "永州", None], dtype=object)})
    assert texts(frame, "name").tolist() == ["good", "b\ufffdad", "永州", ""]
    assert frame["name"][1] == "b\ud83dad"


def test_columns_without_names_are_numbered():
    assert list(feature_frame(np.zeros((2, 2))).columns) == ["x0", "x1"]
    assert list(feature_frame(pd.DataFrame(np.zeros((2, 2)))).columns) == ["x0", "x1"]
    with pytest.raises(DataError, match="Reshape your data"):
        feature_frame(np.zeros(3))
    with pytest.raises(DataError, match="each column once; a appears several times"):
        feature_frame(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_the_index_of_pandas_is_kept():
    assert list(feature_frame(TABLES["pandas with an index"]()).index) == [7, 7, 1]


def test_levels_of_an_index_count_as_columns():
    frame = pd.DataFrame(COLUMNS).set_index(["subject_id", "day"])
    assert column_lists(frame, ["subject_id", "score"], what="rows")["subject_id"] == ["a", "b", "c"]
    assert column_lists({"subject_id": ("a",)}, ["subject_id", "day"], what="rows") == {"subject_id": ["a"]}


def test_categories_that_would_have_one_text_are_refused():
    assert category_texts([1, 2.0, 2.5, True, "x"], "v") == ["1", "2", "2.5", "True", "x"]
    for mixed in ([1, "1"], [1, 1.0]):
        with pytest.raises(DataError, match="column v: expected categories of one type"):
            category_texts(mixed, "v")
    with pytest.raises(DataError, match="column v: expected categories that are texts or numbers"):
        category_texts([dt.date(2024, 1, 1)], "v")
