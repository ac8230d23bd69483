"""The demo's city on Spark: the same features and scores, by content hash, as on DuckDB."""

import datetime as dt
import json

import pytest
from support.cities import PROJECT, small_city

from creditscore.config.project import load_project
from creditscore.engine import Engine
from creditscore.pipeline.run import run_project


@pytest.mark.spark
@pytest.mark.parametrize("subjects", [2500, pytest.param(5000, marks=pytest.mark.slow)])
def test_features_and_scores_have_the_same_content_hash(tmp_path, spark_session, subjects):
    data = small_city(tmp_path / "city", subjects=subjects)
    project = load_project(PROJECT)
    told = {}
    for engine in (Engine.duckdb(), Engine.spark(spark_session)):
        out = tmp_path / engine.name
        run_project(project, data=data, as_of=dt.date(2024, 4, 30), out=out, engine=engine, train=True)
        told[engine.name] = json.loads((out / "2024-04-30" / "manifest.json").read_text("utf-8"))
    assert told["DuckDB"]["contents"] == told["Spark"]["contents"]
    assert told["DuckDB"]["frames"] == told["Spark"]["frames"]
    assert told["DuckDB"]["summary"] == told["Spark"]["summary"]
