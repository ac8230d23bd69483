"""Fixtures: one Spark session for all tests that want Spark, engines by name."""

import os
import shutil
import sys

import pytest

from creditscore.engine import Engine


@pytest.fixture(scope="session")
def spark_session():
    """A small local Spark session, or a skip that says what is missing."""
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        pytest.skip("Java 17 is not installed: Spark cannot start")
    pyspark_sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed (extra: spark)")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = pyspark_sql.SparkSession.builder.master("local[2]").appName("creditscore-tests")
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": "UTC",
        "spark.driver.memory": "3g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.showConsoleProgress": "false",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=pytest.mark.spark)])
def engine(request):
    """Each engine in turn."""
    if request.param == "duckdb":
        return Engine.duckdb()
    return Engine.spark(request.getfixturevalue("spark_session"))
