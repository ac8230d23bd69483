"""One Spark session for all tests that want Spark, engines by name, and how the tests are shared among workers."""

import os
import re
import shutil
import sys

import pytest
from hypothesis import settings
from support.drawn import a_drawn_task
from support.sending import forked_sender

from creditscore.engine import Engine

# A time limit per example would test the machine, not the product.
settings.register_profile("creditscore", deadline=None)
settings.load_profile("creditscore")
#: What is begun first: the longest by far, and files that would come last and for which one worker would wait a minute.
FIRST = re.compile(r"parity/test_demo_city_on_spark\.py|unit/tracking/")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: FIRST.search(item.nodeid) is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With several workers (``-n 2``) a file goes to one of them, and all tests on Spark to one: a JVM is slow to start."""
    from xdist.scheduler import LoadFileScheduling

    class ByFileOrSpark(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return "spark" if re.search(r"[\[-]spark[\]-]|_on_spark\.py", nodeid) else super()._split_scope(nodeid)

    config.option.loadscopereorder = False
    return ByFileOrSpark(config, log)


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
        # Tests are over before the slower compiler and the parallel collector would pay.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
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


@pytest.fixture(scope="session", autouse=True)
def sender_forked():
    """A night sends to MLflow from a process that is forked; ``unit/tracking`` starts it anew, as users do."""
    with forked_sender():
        yield


ENGINES = ["duckdb", pytest.param("spark", marks=pytest.mark.spark)]


def engine_of(request):
    return Engine.duckdb() if request.param == "duckdb" else Engine.spark(request.getfixturevalue("spark_session"))


@pytest.fixture(params=ENGINES)
def engine(request):
    """Each engine in turn, empty."""
    return engine_of(request)


@pytest.fixture(scope="module", params=ENGINES)
def module_engine(request):
    """Each engine in turn, one for all tests of a file."""
    return engine_of(request)


@pytest.fixture(scope="session")
def drawn_out(tmp_path_factory):
    """A folder of runs with one drawn task, to be read; tests that change it copy it."""
    return a_drawn_task(tmp_path_factory.mktemp("drawn")).parent.parent
