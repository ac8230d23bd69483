"""Spark sessions for the command line; from Python the caller brings one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from creditscore.errors import DataError

#: What suits one machine and no cluster: a partition for each core, no pages on a port, and of Java the quick compiler alone:
#: most of a small night are queries that run once, on which the slow one spends half of the processor. ``conf`` goes before it.
_ON_ONE_MACHINE = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": str(min(os.cpu_count() or 1, 8)),
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
#: Where ``spark-submit`` and ``spark-defaults.conf`` may name a cluster, whose settings are not ours to pin.
_TOLD_ELSEWHERE = ("PYSPARK_GATEWAY_PORT", "PYSPARK_SUBMIT_ARGS", "SPARK_CONF_DIR")
_EVERYWHERE = {"spark.ui.showConsoleProgress": "false", "spark.cleaner.referenceTracking.cleanCheckpoints": "true"}


def spark_session(*, master: str | None = None, conf: Mapping[str, str] | None = None) -> Any:
    """A Spark session for the command line.

    Args:
        master: Such as ``spark://host:7077`` or ``yarn``. None: what ``spark-submit`` or ``spark-defaults.conf`` in
            ``SPARK_CONF_DIR`` say, else all cores of this machine.
        conf: Settings of Spark by name, such as ``spark.executor.memory``; they go before ours.

    Raises:
        DataError: The extra ``spark`` or Java is absent, or Spark takes a setting for none.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise DataError("engine spark: expected pyspark; install creditscore[spark]") from None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    given = dict(conf or {})
    told = master or "spark.master" in given or any(name in os.environ for name in _TOLD_ELSEWHERE)
    own = _EVERYWHERE if told else _EVERYWHERE | _ON_ONE_MACHINE
    builder = SparkSession.builder.appName("creditscore")
    builder = builder if master is None else builder.master(master)
    for key, value in (own | given).items():
        builder = builder.config(key, value)
    try:
        return builder.getOrCreate()
    except Exception as error:
        raise DataError(
            "engine spark: expected Java 17, a master that answers and settings that Spark knows, to start a session ({kind})",
            kind=type(error).__name__,
        ) from None
