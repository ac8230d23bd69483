"""Spark as its users run it: a master and settings of their own, executors that die, jobs that can be told apart."""

import json
import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest

from creditscore.engine import Engine, spark_session

pytestmark = pytest.mark.spark

#: A session with two executors in processes of their own, both of which are killed once a table was made from rows.
LOSES_ITS_EXECUTORS = """
import json, os, signal, subprocess, sys
import ibis
import pyarrow as pa
from creditscore.engine import Engine, spark_session

conf = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.executor.memory": "512m"}
session = spark_session(master="local-cluster[2,1,640]", conf={**conf, "spark.checkpoint.dir": sys.argv[1]})
session.sparkContext.setLogLevel("OFF")
engine = Engine.spark(session)
engine.register("rows", pa.table({"n": list(range(1000))}))
rows = ibis.table({"n": "int64"}, name="rows")
kept = engine.create("kept", rows.filter(rows.n % 2 == 0))
before = engine.count(kept)
described = session.sparkContext.getLocalProperty("spark.job.description")
own = str(session.sparkContext.applicationId)
running = subprocess.run(["ps", "-eww", "-o", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
executors = [int(line.split()[0]) for line in running if "CoarseGrainedExecutorBackend" in line and own in line]
for one in executors:
    os.kill(one, signal.SIGKILL)
after = engine.count(kept)
print(json.dumps({"before": before, "killed": len(executors), "after": after, "described": described}))
"""


def test_a_run_outlives_its_executors_where_it_has_a_folder_for_checkpoints(tmp_path, spark_session):
    """Kept by the executors alone, the table would be lost with them. The fixture is asked for its skip without Java."""
    command = [sys.executable, "-c", LOSES_ITS_EXECUTORS, str(tmp_path / "checkpoints")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {"before": 500, "killed": 2, "after": 500, "described": "creditscore: read kept"}


@pytest.mark.parametrize(
    ("master", "folder", "warned"),
    [
        ("spark://host:7077", None, True), ("local-cluster[2,1,640]", None, True), ("yarn", "hdfs:///checkpoints", False),
        ("local[2]", None, False), ("local", None, False),
    ],
)  # fmt: skip
def test_a_cluster_without_a_folder_for_checkpoints_is_warned_about(caplog, master, folder, warned):
    class Session:
        sparkContext = SimpleNamespace(master=master, getCheckpointDir=lambda: folder)

    with caplog.at_level(logging.WARNING):
        Engine.spark(Session())
    assert ["spark.checkpoint.dir" in line for line in caplog.messages] == [True] * warned


@pytest.mark.parametrize(
    ("master", "environment", "pinned"),
    [
        (None, {}, True),
        ("spark://host:7077", {}, False),
        (None, {"SPARK_CONF_DIR": "/conf"}, False),
        (None, {"PYSPARK_GATEWAY_PORT": "1"}, False),
    ],
)
def test_settings_for_one_machine_are_pinned_where_nothing_names_a_cluster_alone(monkeypatch, master, environment, pinned):
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed (extra: spark)")
    for name in ("PYSPARK_GATEWAY_PORT", "PYSPARK_SUBMIT_ARGS", "SPARK_CONF_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = {}

    class Builder:
        def appName(self, _name):
            return self

        def master(self, _url):
            return self

        def config(self, key, value):
            settings[key] = value
            return self

        def getOrCreate(self):
            return settings

    monkeypatch.setattr(sql, "SparkSession", SimpleNamespace(builder=Builder()))
    assert spark_session(master=master) is settings
    assert ("spark.sql.shuffle.partitions" in settings) is pinned
    assert ("spark.driver.extraJavaOptions" in settings) is pinned
