"""The SQL of a card: golden texts, and names and values that cannot break out."""

import os
import re
from pathlib import Path

import ibis
import pyarrow as pa
import pytest
import sqlglot
from support.cards import card, number, text

from creditscore.config.scorecards import Scaling
from creditscore.engine import Engine
from creditscore.errors import DataError
from creditscore.models.scorecard import Baseline, Scorecard
from creditscore.models.scoring_sql import position_counts

GOLDEN = Path(__file__).parents[2] / "golden"
DIALECTS = ("duckdb", "spark", "postgres")


def _golden(name, found):
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def test_the_json_is_the_golden_one():
    _golden("card.json", card().to_json())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_sql_is_the_golden_one(dialect):
    stored = Scorecard.from_json((GOLDEN / "card.json").read_text(encoding="utf-8"))
    _golden(f"card.{dialect}.sql", stored.to_sql(dialect))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_sql_parses_as_one_select_with_the_promised_columns(dialect):
    (tree,) = sqlglot.parse(card().to_sql(dialect, table="city_features"), dialect=dialect)
    names = [column.alias_or_name for column in tree.selects]
    points = [f"p_{name}" for name in card().features]
    blocks = [f"points_{source}" for source in ("base", "public", "industry", "market", "self_declared")]
    assert names == ["subject_id", "as_of", *points, *blocks, "score", "probability_ppm"]
    assert [table.name for table in tree.find_all(sqlglot.exp.Table)] == ["city_features"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("value", ["'; DROP TABLE x; --", "\\'; DROP TABLE x; --", 'a"b', "`", "\n"])
def test_a_category_stays_a_literal(dialect, value):
    odd = card(characteristics=(text("t", (((value,), 1),)),), baselines=())
    statements = sqlglot.parse(odd.to_sql(dialect), dialect=dialect)
    assert len(statements) == 1
    assert value in {literal.this for literal in statements[0].find_all(sqlglot.exp.Literal)}


def test_other_dialects_and_odd_table_names_are_refused():
    with pytest.raises(DataError, match="duckdb, spark, postgres"):
        card().to_sql("oracle")
    with pytest.raises(DataError, match="table name"):
        card().to_sql("duckdb", table="x; drop table y")


def test_the_name_of_a_card_is_not_in_the_sql():
    named = card(name="a\n; DROP TABLE x")
    assert "DROP" not in named.to_sql("duckdb")


def test_the_sql_never_asks_exp_for_more_than_postgres_can_hold():
    wide = number("x", (1,), (-9000, 9000))
    sql = card(characteristics=(wide,), baselines=(), scaling=Scaling(pdo=1)).to_sql("postgres")
    assert "LEAST(GREATEST(" in "".join(sql.split())
    assert "GREATEST" not in card().to_sql("postgres")


def test_a_ppm_near_a_half_is_a_literal_that_no_engine_rounds():
    p = 250_000.5 / 1e6
    scaling = Scaling(base_score=600, base_odds=(1 - p) / p, pdo=20)
    ladder = number("x", (1, 2), (87, 88, 89))
    sql = card(characteristics=(ladder,), baselines=(), scaling=scaling).to_sql("duckdb")
    assert re.search(r"= 600\s+THEN 25000[01]\b", sql)


def test_attributes_of_a_declared_characteristic_are_counted():
    """Their numbers are no points: no rule for points of declared ones is asked."""
    declared = number("d", (1, 2), (0, 3, 5), missing=0, source="self_declared", unverified_cap=5)
    table = pa.table({"d": pa.array([0.0, 1.5, 2.5, 2.5, None])})
    engine = Engine.duckdb()
    engine.register("declared", table)
    one = card(characteristics=(declared,), baselines=(Baseline(name="population", points={"d": 0}),))
    counts = position_counts(ibis.table({"d": "float64"}, name="declared"), one)
    assert sorted((row["position"], row["rows"]) for row in engine.query(counts).to_pylist()) == [(0, 1), (1, 1), (2, 2), (3, 1)]
