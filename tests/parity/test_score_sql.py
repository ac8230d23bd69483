"""The SQL of a card gives the same whole numbers and reasons as memory, on each engine."""

import datetime as dt

import duckdb
import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from support.cards import card, crossed_card, number, text

from creditscore.config.scorecards import Scaling
from creditscore.engine import compile_sql
from creditscore.errors import DataError
from creditscore.models import scoring
from creditscore.models.scoring_sql import cards_expression, score_expression

pytestmark = pytest.mark.filterwarnings("ignore:infinite values:RuntimeWarning")
TYPES = {"subject_id": "string", "as_of": "date", "industry": "string"}
MAX = np.finfo(float).max
NUMBERS = [0.0, 0.1, 0.2, 0.3, 0.1 + 0.2, 0.0999999, 1.0, 2.0, 2.5, 3.0, -9.0, 3e300, -MAX, MAX, np.inf, -np.inf, np.nan, None]
TEXTS = [
    "${spark.app.name}",
    "${env:HOME}",
    "优",
    "良",
    "it's",
    "差",
    "unseen",
    "",
    " 优",
    "NULL",
    "nan",
    "a\\b'c",
    'x"y',
    "line\nfeed",
    None,
]


def rich_card(**changes):
    odd = text("odd", ((("a\\b'c",), 5), (('x"y', "line\nfeed"), 9), (("${spark.app.name}", "${env:HOME}"), 3)), source="industry")
    one = card()
    points = {baseline.name: baseline.points | {"odd": 6} for baseline in one.baselines}
    baselines = tuple(b.model_copy(update={"points": points[b.name]}) for b in one.baselines)
    return card(**{"characteristics": (*one.characteristics, odd), "baselines": baselines, **changes})


def table(n=1500, seed=0):
    rng = np.random.default_rng(seed)

    def drawn(values, kind):
        return pa.array([values[i] for i in rng.integers(0, len(values), n)], type=kind)

    columns = {
        "arrears": drawn([0, 1, 2, 3, 50, None], pa.int64()),
        "share": drawn(NUMBERS, pa.float64()),
        "grade": drawn(TEXTS, pa.string()),
        "training": drawn([0, 1, 4, 5, 9, None], pa.int32()),
        "age": drawn(NUMBERS, pa.float64()),
        "odd": drawn(TEXTS, pa.string()),
        "kind": drawn(["甲", "乙", "it's", "unseen", "", None], pa.string()),
    }
    keys = {"subject_id": pa.array([f"s{i:05d}" for i in range(n)]), "as_of": pa.array([dt.date(2024, 4, 30)] * n)}
    return pa.table({**keys, "industry": pa.array(["food_service"] * n), **columns})


def unbound(rows):
    kinds = {pa.string(): "string", pa.int64(): "int64", pa.int32(): "int32", pa.float64(): "float64", pa.date32(): "date"}
    return ibis.table({field.name: kinds[field.type] for field in rows.schema}, name="features")


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=pytest.mark.spark)])
def run(request):
    """``(rows, sql by dialect) -> result sorted by subject``."""

    def on_duckdb(features, sql_for):
        connection = duckdb.connect()
        connection.register("features", features)
        return connection.sql(sql_for("duckdb")).to_arrow_table().sort_by("subject_id")

    def on_spark(features, sql_for):
        session = request.getfixturevalue("spark_session")
        session.createDataFrame(features).createOrReplaceTempView("features")
        return session.sql(sql_for("spark")).toArrow().sort_by("subject_id")

    return on_duckdb if request.param == "duckdb" else on_spark


def check(run, one, rows):
    expression = score_expression(unbound(rows), one)
    found = run(rows, lambda dialect: compile_sql(expression, {"spark": "pyspark"}.get(dialect, dialect)))
    scores = one.scores(rows)
    assert found["score"].to_pylist() == scores.tolist()
    assert found["probability_ppm"].to_pylist() == scoring.probability_ppm(one, scores).tolist()
    for name, values in one.block_points(rows).items():
        assert found[name].to_pylist() == values.tolist(), name
    for name, values in one.reasons(rows).astype(object).items():
        assert found[name].to_pylist() == values.where(values.notna(), None).tolist(), name
    assert set(found["scorecard"].to_pylist()) == {one.sha256}
    return found


def test_sql_gives_scores_probabilities_blocks_and_reasons_of_memory(run):
    found = check(run, rich_card(), table())
    blocks = [f"points_{source}" for source in ("base", "public", "industry", "market", "self_declared")]
    reasons = [f"reason_{place}" for place in range(1, 5)]
    assert found.column_names == [*TYPES, "scorecard", "score", "probability_ppm", *blocks, *reasons]
    assert len(set(found["reason_1"].to_pylist())) > 4
    for name in ("score", "probability_ppm", *blocks):
        assert found.schema.field(name).type == pa.int32()


@pytest.mark.parametrize("top", [4, 0])
def test_several_cards_are_one_expression_and_each_row_has_its_own(run, top):
    """Of other characteristics, in another number; equal losses are told in the order of names, as by one card alone."""
    few = card(characteristics=(number("share", (0.1, 1), (-5, 0, 4), missing=-9), number("age", (12,), (-5, 4))), baselines=())
    cards = {"food_service": rich_card(), "retail": crossed_card(name="retail"), "": few}
    rows = table(900)
    trades = pa.array([[*cards, "retail"][place % 4] or None for place in range(900)])
    rows = rows.set_column(rows.column_names.index("industry"), "industry", trades)
    features = unbound(rows)
    parts = [
        (features.filter(features.industry == trade if trade else features.industry.isnull()), one) for trade, one in cards.items()
    ]
    expression = cards_expression(parts, top=top)
    found = run(rows, lambda dialect: compile_sql(expression, {"spark": "pyspark"}.get(dialect, dialect)))
    assert found.num_rows == 900
    for trade, one in cards.items():
        own = pc.is_null(found["industry"]) if not trade else pc.equal(found["industry"], trade)
        expected = rows.filter(pc.is_null(rows["industry"]) if not trade else pc.equal(rows["industry"], trade))
        told, scores = found.filter(own), one.scores(expected)
        assert told["subject_id"].to_pylist() == expected["subject_id"].to_pylist()
        assert told["score"].to_pylist() == scores.tolist()
        assert told["probability_ppm"].to_pylist() == scoring.probability_ppm(one, scores).tolist()
        assert set(told["scorecard"].to_pylist()) == {one.sha256}
        for name, values in one.block_points(expected).items():
            assert told[name].to_pylist() == values.tolist(), name
        for name, values in one.reasons(expected, top=top).astype(object).items() if top else ():
            assert told[name].to_pylist() == values.where(values.notna(), None).tolist(), name
    assert len([name for name in found.column_names if name.startswith("reason_")]) == top


def test_no_cards_are_refused():
    with pytest.raises(DataError, match="tables with their cards"):
        cards_expression([])


def test_a_card_of_one_characteristic_without_baselines_agrees(run):
    check(run, card(characteristics=(number("share", (0.1, 1), (-5, 0, 4), missing=-9),), baselines=()), table(300))


def test_scores_far_outside_the_scale_do_not_overflow(run):
    steep = number("share", (0.1, 1), (-9000, 0, 9000), missing=-450_000)
    check(run, card(characteristics=(steep,), baselines=(), scaling=Scaling(pdo=1)), table(300))


def test_a_ppm_near_a_half_is_rounded_alike(run):
    p = 250_000.5 / 1e6
    scaling = Scaling(base_score=600, base_odds=(1 - p) / p, pdo=20)
    ladder = number("share", (0.1, 1), (87, 88, 89), missing=0)
    check(run, card(characteristics=(ladder,), baselines=(), scaling=scaling), table(300))


def test_to_sql_gives_the_points_of_memory(run):
    one, rows = rich_card(), table()
    found = run(rows, lambda dialect: one.to_sql(dialect))
    for name, values in one.points(rows).items():
        assert found[f"p_{name}"].to_pylist() == values.tolist(), name
    assert found["score"].to_pylist() == one.scores(rows).tolist()


def test_a_card_with_a_cross_agrees(run):
    one, rows = crossed_card(), table()
    check(run, one, rows)
    assert one.points(rows)["share × kind"].nunique() == 7
    found = run(rows, lambda dialect: one.to_sql(dialect))
    for name, values in one.points(rows).items():
        assert found[f"p_{name}"].to_pylist() == values.tolist(), name


@pytest.mark.spark
def test_the_text_for_spark_holds_in_a_session_that_substitutes_variables(spark_session):
    texts = ["${spark.app.name}", "a\\${env:HOME}", "it's ${x}", "plain"]
    one = card(characteristics=(text("odd", tuple(((value,), 5 + n) for n, value in enumerate(texts))),), baselines=())
    rows = pa.table({"subject_id": texts, "as_of": [dt.date(2024, 4, 30)] * 4, "odd": texts})
    spark_session.createDataFrame(rows).createOrReplaceTempView("features")
    spark_session.conf.set("spark.sql.variable.substitute", "true")
    found = spark_session.sql(one.to_sql("spark")).toArrow()
    assert dict(zip(*(found[name].to_pylist() for name in ("subject_id", "p_odd")), strict=True)) == dict(
        zip(texts, [5, 6, 7, 8], strict=True)
    )


def test_integer_columns_with_integer_edges_and_special_codes_agree(run):
    ints = number("arrears", (1, 3), (1, 2, 3), special=((50, 77),), missing=-5)
    check(run, card(characteristics=(ints,), baselines=()), table(300))


def test_columns_with_chinese_or_quoted_names_agree(run):
    names = {"arrears": "Age (years)", "share": "近24个月占比", "grade": 'a"b`c', "age": "as_of 2"}
    ones = tuple(one.model_copy(update={"name": names.get(one.name, one.name)}) for one in card().characteristics)
    named = card(characteristics=ones, baselines=())
    check(run, named, table(300).rename_columns([names.get(name, name) for name in table(1).column_names]))


def test_neighbours_of_equal_points_share_a_branch(run):
    flat = number("share", (0.1, 1, 2), (-5, -5, 4, 4), missing=-9)
    same = number("age", (1.0,), (3, 3), missing=7)
    best_first = number("arrears", (1, 3), (7, 1, 2), missing=7)
    check(run, card(characteristics=(flat, same, best_first), baselines=()), table(400))


@pytest.mark.parametrize("top", [0, 2])
def test_only_the_requested_number_of_reasons_is_given(run, top):
    rows, one = table(200), rich_card()
    found = run(
        rows, lambda dialect: compile_sql(score_expression(unbound(rows), one, top=top), {"spark": "pyspark"}.get(dialect, dialect))
    )
    assert [name for name in found.column_names if name.startswith("reason")] == [f"reason_{place + 1}" for place in range(top)]
    for name, values in (one.reasons(rows, top=top) if top else {}).items():
        assert found[name].to_pylist() == values.astype(object).where(values.notna(), None).tolist()


def test_columns_that_differ_in_capitals_only_are_refused():
    ones = (number("Age", (1,), (0, 1)), number("age", (1,), (0, 1)))
    rows = ibis.table({**TYPES, "Age": "float64", "age": "float64"}, name="features")
    with pytest.raises(DataError, match="columns Age, age differ in capital letters only"):
        score_expression(rows, card(characteristics=ones, baselines=()))


def test_unusable_columns_are_refused_before_any_engine_runs():
    rows = unbound(table(1))
    with pytest.raises(DataError, match="columns missing from the table: share"):
        score_expression(rows.drop("share"), card())
    with pytest.raises(DataError, match="column grade: expected texts"):
        score_expression(rows.mutate(grade=rows.arrears), card())
    with pytest.raises(DataError, match="column age: expected numbers"):
        score_expression(rows.mutate(age=rows.grade), card())


def test_the_sql_of_25_characteristics_stays_of_moderate_size():
    ones = tuple(number(f"x{i:02d}", (1, 2, 3, 4), (1, 2, 3, 4, 5)) for i in range(25))
    features = ibis.table({**TYPES, **{one.name: "float64" for one in ones}}, name="features")
    assert len(compile_sql(score_expression(features, card(characteristics=ones, baselines=())), "duckdb")) < 120_000
