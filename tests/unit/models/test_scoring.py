"""Scores in memory: every kind of value, every kind of frame, exact sums."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cards import card, frame, number, text

from creditscore.errors import DataError
from creditscore.models import scoring


def slow_points(value, one):
    """One value the slow way, from the words of the docstring."""
    by_kind = {a.kind: a.points for a in one.attributes}
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return by_kind["missing"]
    for a in one.attributes:
        if value in a.values:
            return a.points
    for a in one.attributes:
        if a.kind == "interval" and (a.lower is None or value >= a.lower) and (a.upper is None or value < a.upper):
            return a.points
    return by_kind["other"]


def test_points_are_those_of_the_definition():
    rows, found = frame(), card().points(frame())
    for one in card().characteristics:
        values = [None if pd.isna(value) else value for value in rows[one.name]]
        assert found[one.name].tolist() == [slow_points(value, one) for value in values]


def test_a_score_is_the_constant_and_its_points():
    found = card().scores(frame())
    assert (found == card().points(frame()).sum(axis=1) + 512).all()
    assert found.dtype == np.int32
    assert found.name == "score"


@pytest.mark.parametrize("widths", [(14, 14), (15, 14), (118, 118), (3, 118, 118)])
def test_a_score_is_the_sum_whatever_the_number_of_attributes(widths):
    wide = tuple(number(f"x{n}", range(1, width), range(7 * n, 7 * n + width), missing=-5) for n, width in enumerate(widths))
    one = card(characteristics=wide, baselines=())
    values = np.append(np.repeat(np.arange(120.0), 2), np.nan)
    rows = pd.DataFrame({f"x{n}": np.roll(values, 5 * n) for n in range(len(widths))})
    expected = 512 + sum(rows[f"x{n}"].clip(upper=w - 1).add(7 * n).fillna(-5) for n, w in enumerate(widths))
    assert (one.scores(rows) == expected).all()


def test_the_index_is_kept():
    rows = frame()
    for found in (card().scores(rows), card().points(rows), card().reasons(rows), card().block_points(rows), card().labels(rows)):
        pd.testing.assert_index_equal(found.index, rows.index)


def test_block_subtotals_add_up_to_the_score():
    blocks = card().block_points(frame())
    assert list(blocks) == ["points_base", "points_public", "points_industry", "points_market", "points_self_declared"]
    assert (blocks.sum(axis=1) == card().scores(frame())).all()
    assert (blocks["points_base"] == card().points(frame())["grade"] + 512).all()


@pytest.mark.parametrize(("value", "points"), [(0.9999999, 12), (1, -4), (2.999, -4), (3, -31), (-5, 12), (1e308, -31)])
def test_bins_are_left_closed(value, points):
    one = card(characteristics=card().characteristics[:1], baselines=())
    assert one.points(pd.DataFrame({"arrears": [value]}))["arrears"].tolist() == [points]


def test_a_float_edge_is_compared_with_every_digit():
    one = card(characteristics=card().characteristics[1:2], baselines=())
    values = [0.3, 0.30000000000000004, np.nextafter(0.1, 0), 0.1]
    assert one.points(pd.DataFrame({"share": values}))["share"].tolist() == [-3, 8, -20, -3]


def test_infinite_values_are_missing_with_a_warning():
    rows = frame().assign(arrears=np.inf, age=-np.inf)
    with pytest.warns(RuntimeWarning, match=r"taken as missing: age \(400\), arrears \(400\)"):
        found = card().points(rows)
    assert set(found["arrears"]) == {-6}
    assert set(found["age"]) == {0}


def test_polars_arrow_and_pandas_score_alike():
    rows = frame()
    wanted = card().scores(rows).tolist()
    table = pa.Table.from_pandas(rows, preserve_index=False)
    views = table.set_column(table.column_names.index("grade"), "grade", table["grade"].cast(pa.string_view()))
    kinds = {
        "polars": pl.from_pandas(rows),
        "polars categorical": pl.from_pandas(rows).with_columns(pl.col("grade").cast(pl.Categorical)),
        "arrow": table,
        "string view": views,
        "chunks": pa.concat_tables([table.slice(0, 150), table.slice(150)]),
        "dictionary": table.set_column(0, "grade", table["grade"].dictionary_encode()),
        "object": rows.astype({"grade": object}),
        "category": rows.astype({"grade": "category"}),
        "nullable": rows.astype({"arrears": "Int64", "training": "Int64", "age": "Float64", "grade": "string"}),
        "arrow dtypes": rows.astype(
            {"arrears": "int64[pyarrow]", "share": "float64[pyarrow]", "grade": pd.ArrowDtype(pa.string())}
        ),
        "row-major": rows.iloc[:, ::-1],
    }
    for kind, given_frame in kinds.items():
        assert card().scores(given_frame).tolist() == wanted, kind


def test_decimals_and_booleans_are_numbers():
    rows = frame(4).assign(arrears=[Decimal("0.99"), Decimal("1.00"), None, Decimal("3.00")], age=[True, False, True, True])
    assert card().points(rows)["arrears"].tolist() == [12, -4, -6, -31]
    table = pa.Table.from_pandas(rows, preserve_index=False)
    assert pa.types.is_decimal(table["arrears"].type)
    assert card().points(table)["arrears"].tolist() == [12, -4, -6, -31]
    assert set(card().points(table)["age"]) == {-8}


def test_single_precision_is_compared_as_itself():
    one = card(characteristics=card().characteristics[1:2], baselines=())
    value = np.array([0.1], dtype=np.float32)  # a little above 0.1
    assert one.points(pd.DataFrame({"share": value}))["share"].tolist() == [-3]


def test_an_all_missing_column_of_any_type_is_missing():
    for empty in (None, np.nan, pd.NA, pd.NaT):
        rows = frame(3).assign(arrears=empty, grade=empty)
        found = card().points(rows)
        assert set(found["arrears"]) == {-6}
        assert set(found["grade"]) == {-2}


def test_numbers_for_texts_are_refused_not_unseen():
    with pytest.raises(DataError, match="column grade: expected texts"):
        card().scores(frame().assign(grade=1))
    with pytest.raises(DataError, match="column grade: expected texts"):
        card().scores(frame(3).assign(grade=[1, "优", None]))
    with pytest.raises(DataError, match="column grade: expected texts"):
        card().scores(pl.from_pandas(frame()).with_columns(grade=pl.lit(1)))
    with pytest.raises(DataError, match="column grade: expected categories that are texts or numbers"):
        card().scores(frame().assign(grade=pd.Categorical([dt.date(2024, 1, 1), dt.date(2024, 1, 2)] * 200)))


def test_numeric_categories_are_texts_and_unknown_ones_are_reported(caplog):
    rows, coded = frame(), card(characteristics=(text("grade", ((("1",), 25), (("2.5",), -4)), other=-7),), baselines=())
    assert set(coded.scores(rows.assign(grade=pd.Categorical([1.0, 2.5] * 200)))) == {512 + 25, 512 - 4}
    assert not caplog.records
    assert set(coded.scores(rows.assign(grade=pd.Categorical([3, 4] * 200)))) == {512 - 7}
    assert "characteristic grade: 100.0 % of the rows have texts that the card does not know" in caplog.text


@pytest.mark.parametrize("wrong", ["a 12 secret", dt.date(2024, 1, 1), pd.Timestamp("2024-01-01")])
def test_texts_for_numbers_are_refused_without_the_cell(wrong):
    with pytest.raises(DataError, match="column arrears: expected numbers") as caught:
        card().scores(frame().assign(arrears=wrong))
    assert "secret" not in str(caught.value)


def test_a_number_column_that_is_partly_text_names_its_share():
    rows = frame(10).astype({"arrears": object})
    rows.iloc[:3, rows.columns.get_loc("arrears")] = "12万"
    with pytest.raises(DataError, match=r"30\.0 % of 10 rows"):
        card().scores(rows)


def test_missing_columns_are_named_and_other_columns_ignored():
    with pytest.raises(DataError, match="columns missing: share, training"):
        card().scores(frame().drop(columns=["training", "share"]))
    assert card().scores(frame().assign(extra="x")).equals(card().scores(frame()))


def test_a_repeated_column_is_refused():
    rows = frame()
    with pytest.raises(DataError, match="several times: age"):
        card().scores(pd.concat([rows, rows[["age"]]], axis=1))


def test_input_that_is_not_a_table_is_refused():
    with pytest.raises(DataError, match="pandas, polars or Arrow"):
        card().scores([[1, 2]])


def test_order_of_columns_and_rows_changes_nothing():
    rows = frame()
    shuffled = rows.sample(frac=1, random_state=1)[sorted(rows.columns, reverse=True)]
    assert card().scores(shuffled).sort_index().equals(card().scores(rows).sort_index())


def test_no_rows_give_no_scores():
    assert len(card().scores(frame().iloc[:0])) == 0
    assert card().points(frame().iloc[:0]).shape == (0, 5)


def test_threads_and_blocks_change_nothing(monkeypatch):
    rows = frame(5000)
    whole = card().scores(rows, threads=1)
    monkeypatch.setattr(scoring, "BLOCK", 333)
    monkeypatch.setattr(scoring, "_THREADED", 10)
    assert card().scores(rows, threads=3).equals(whole)
    assert (card().points(rows).sum(axis=1) + 512 == whole).all()


def test_the_input_is_not_changed():
    rows = frame()
    before = rows.copy(deep=True)
    card().scores(rows)
    pd.testing.assert_frame_equal(rows, before)


def test_labels_name_the_attribute():
    found = card().labels(frame(1).assign(grade="优", arrears=np.nan))
    assert found["grade"].tolist() == ["优"]
    assert found["arrears"].tolist() == ["missing"]


def test_a_card_without_characteristics_gives_its_constant():
    bare = card(characteristics=(), baselines=())
    assert bare.scores(frame(3)).tolist() == [512] * 3
    assert bare.reasons(frame(3)).isna().all(axis=None)


@settings(max_examples=60)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=False, width=64), min_size=1, max_size=40), st.data())
def test_any_number_falls_into_the_bin_that_comparison_gives(values, data):
    edges = sorted(data.draw(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6, unique=True)))
    one = card(characteristics=(number("x", edges, range(len(edges) + 1), missing=99),), baselines=())
    found = one.points(pd.DataFrame({"x": values}))["x"].tolist()
    assert found == [99 if np.isnan(v) else sum(v >= edge for edge in edges) for v in values]


def test_a_characteristic_may_have_as_many_attributes_as_a_byte_holds():
    edges = list(range(118))
    one = card(characteristics=(number("x", edges, range(119), missing=-1),), baselines=())
    values = [*range(-1, 118), None]
    assert one.points(pd.DataFrame({"x": values}))["x"].tolist() == [*range(119), -1]
    with pytest.raises(ValueError, match="at most 120"):
        text("t", [((str(i),), i) for i in range(119)])


@pytest.mark.parametrize("values", [pd.Series([1.0]), pd.Series(["a", 1.0]), pd.Series([1.0]).to_frame().iloc[0]])
@pytest.mark.parametrize("ask", ["scores", "points", "reasons", "predict_proba"])
def test_a_single_column_is_not_a_table(ask, values):
    with pytest.raises(DataError, match="expected a pandas, polars or Arrow table"):
        getattr(card(), ask)(values)


def test_a_polars_column_is_not_a_table():
    polars = pytest.importorskip("polars")
    with pytest.raises(DataError, match="expected a pandas, polars or Arrow table"):
        card().scores(polars.Series([1.0]))
