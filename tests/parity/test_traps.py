"""Where engines differ on the same expression, our rules make them agree: one test a trap, each on both engines."""

import datetime as dt

import ibis
import pandas as pd
import pyarrow as pa
import pytest

from creditscore.dates import months_after, months_before
from creditscore.engine import Engine, unbound

D = dt.date


def ask(engine, table, make):
    """Register a table, build an expression over it, run it; one row out."""
    engine.register("trap", table)
    return engine.query(make(unbound("trap", table.schema))).to_pylist()


def test_a_missing_text_stays_missing(engine):
    frame = pd.DataFrame({"x": pd.array(["a", None], dtype="str")})
    table = pa.Table.from_pandas(frame, preserve_index=False).cast(pa.schema([("x", pa.string())]))
    assert ask(engine, table, lambda t: t.aggregate(n=t.x.isnull().sum(), texts=t.x.nunique())) == [{"n": 1, "texts": 1}]


def test_a_condition_that_is_null_counts_nothing(engine):
    table = pa.table({"k": [1, 1], "x": pa.array([None, None], pa.int32())})
    counted = ask(engine, table, lambda t: t.aggregate(n=t.k.count(where=(t.x > 1).fill_null(False)).fill_null(0)))
    assert counted == [{"n": 0}]


def test_division_by_zero_is_missing(engine):
    table = pa.table({"n": [1], "d": [0]})
    assert ask(engine, table, lambda t: t.select(q=(t.n * 1_000_000) // t.d.nullif(0))) == [{"q": None}]


@pytest.mark.parametrize(
    ("n", "d", "wanted"), [(2, 3, 666_666), (1, 3, 333_333), (7, 7, 1_000_000), (0, 5, 0), (999_999, 1_000_000, 999_999)]
)
def test_a_share_in_ppm_is_floored_alike(engine, n, d, wanted):
    table = pa.table({"n": [n], "d": [d]})
    assert ask(engine, table, lambda t: t.select(q=((t.n * 1_000_000) // t.d.nullif(0)).cast("int64"))) == [{"q": wanted}]


@pytest.mark.parametrize("x", [0.5, 1.5, 2.5, -0.5, -1.5, 2.999999999])
def test_a_float_becomes_an_integer_by_floor(engine, x):
    table = pa.table({"x": [x]})
    assert ask(engine, table, lambda t: t.select(n=t.x.floor().cast("int64"))) == [{"n": int(x // 1)}]


def test_sha256_of_a_text_is_what_hashlib_says(engine):
    import hashlib

    text = "lottery|2024Q2-food|91431102MA4L0000XX 永州䶮"
    table = pa.table({"x": [text]})
    assert ask(engine, table, lambda t: t.select(h=t.x.hexdigest("sha256"))) == [{"h": hashlib.sha256(text.encode()).hexdigest()}]


def test_the_newest_row_is_found_without_asof(engine):
    table = pa.table({"k": ["a", "a", "b"], "day": pa.array([1, 2, 1], pa.int32()), "x": ["old", "new", "only"]})

    def newest(t):
        ranked = t.mutate(r=ibis.row_number().over(group_by=t.k, order_by=t.day.desc()))
        return ranked.filter(ranked.r == 0).select("k", "x").order_by("k")

    assert ask(engine, table, newest) == [{"k": "a", "x": "new"}, {"k": "b", "x": "only"}]


def test_missing_values_sort_last(engine):
    table = pa.table({"x": pa.array([2, None, 1], pa.int64())})
    assert ask(engine, table, lambda t: t.order_by("x")) == [{"x": 1}, {"x": 2}, {"x": None}]


def test_a_row_number_has_the_declared_type(engine):
    table = pa.table({"x": ["b", "a"]})
    engine.register("trap", table)
    t = unbound("trap", table.schema)
    got = engine.query(t.mutate(n=ibis.row_number().over(order_by=t.x).cast("int64")).order_by("n"))
    assert got.schema.field("n").type == pa.int64()
    assert got.to_pylist() == [{"x": "a", "n": 0}, {"x": "b", "n": 1}]


def test_a_date_stays_a_date(engine):
    table = pa.table({"d": pa.array([D(2024, 2, 29)])})
    engine.register("trap", table)
    t = unbound("trap", table.schema)
    assert engine.query(t.select(e=(t.d - ibis.interval(days=1)).cast("date"))).schema.field("e").type == pa.date32()


def test_day_numbers_before_and_after_1970(engine):
    table = pa.table({"d": pa.array([D(1969, 12, 31), D(1970, 1, 1), D(2024, 2, 29), None])})
    numbers = ask(engine, table, lambda t: t.select(n=t.d.delta(ibis.date(1970, 1, 1), unit="day").cast("int32")).order_by("n"))
    assert numbers == [{"n": -1}, {"n": 0}, {"n": 19782}, {"n": None}]


def test_money_in_hundredths_sums_exactly(engine):
    import decimal

    amounts = [decimal.Decimal("0.10")] * 3 + [decimal.Decimal("99999999999999.99")]
    table = pa.table({"m": pa.array(amounts, pa.decimal128(18, 2))})
    assert ask(engine, table, lambda t: t.aggregate(s=(t.m * 100).cast("int64").sum())) == [{"s": 9_999_999_999_999_999 + 30}]


def test_months_are_counted_as_calendar_months_outside_the_engines():
    assert months_before(D(2024, 2, 29), 12) == D(2023, 2, 28)
    assert months_before(D(2024, 3, 31), 1) == D(2024, 2, 29)
    assert months_before(D(2024, 1, 15), 24) == D(2022, 1, 15)
    assert months_after(D(2024, 1, 31), 1) == D(2024, 2, 29)
    assert (D(2024, 4, 30) - months_before(D(2024, 4, 30), 24)).days != 730


def test_only_arrow_and_files_enter_an_engine():
    with pytest.raises(Exception, match=r"(?i)arriv|pandas|cast|unsupported|attribute") as told:
        Engine.duckdb().register("x", {"not": "arrow"})
    assert told.type is not AssertionError


def test_a_missing_number_of_pandas_becomes_null_not_nan(engine):
    table = pa.Table.from_pandas(pd.DataFrame({"x": [1.5, None, 2.0]}), preserve_index=False)
    assert ask(engine, table, lambda t: t.aggregate(s=t.x.sum(), n=t.x.isnull().sum())) == [{"s": 3.5, "n": 1}]


def test_the_logarithm_of_zero_is_missing(engine):
    table = pa.table({"x": [0.0]})
    assert ask(engine, table, lambda t: t.select(y=t.x.nullif(0.0).ln())) == [{"y": None}]


def test_the_minimum_over_no_rows_is_missing(engine):
    table = pa.table({"k": [1, 1], "x": pa.array([3, 4], pa.int32())})
    assert ask(engine, table, lambda t: t.group_by("k").agg(m=t.x.min(where=t.x > 9))) == [{"k": 1, "m": None}]


def test_a_condition_that_always_holds_counts_every_row(engine):
    table = pa.table({"k": [1, 1]})
    assert ask(engine, table, lambda t: t.group_by("k").agg(n=t.k.count(where=ibis.literal(True)))) == [{"k": 1, "n": 2}]


@pytest.mark.parametrize("text", ["${spark.app.name}", "${env:HOME}", "${system:user.name}", "a ${x} b", "$${x}", "${"])
def test_what_looks_like_a_variable_is_a_text(engine, text):
    table = pa.table({"x": [text, "other"]})
    found = ask(engine, table, lambda t: t.filter(t.x == text).select("x", made=ibis.literal(text)))
    assert found == [{"x": text, "made": text}]
    engine.create("kept", unbound("trap", table.schema).select(made=ibis.literal(text)))
    engine.view("seen", unbound("trap", table.schema).select(made=ibis.literal(text)))
    for name in ("kept", "seen"):
        assert engine.query(unbound(name, pa.schema([("made", pa.string())]))).to_pylist() == [{"made": text}] * 2


@pytest.mark.spark
def test_a_caller_who_substitutes_variables_changes_no_text(spark_session):
    spark_session.conf.set("spark.sql.variable.substitute", "true")
    engine = Engine.spark(spark_session)
    spark_session.conf.set("spark.sql.variable.substitute", "true")
    text = "${spark.app.name}"
    assert ask(engine, pa.table({text: [1]}), lambda t: t.select(text, made=ibis.literal(text))) == [{text: 1, "made": text}]
