"""A night on Spark by stage: seconds after the session's start, Spark's jobs and tasks, and the contents beside those of DuckDB.

The city is simulated and its cards are trained and signed once, as for :mod:`experiments.benchmarks.night`. Both engines run the
same night of the same data into folders that are removed afterwards. Contents that differ fail the benchmark.

Asked: 3,000 subjects in at most a minute after the session's start.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import creditscore as cs
from creditscore.engine import spark_session
from creditscore.pipeline import run as night_run
from experiments.benchmarks import night

SECONDS = 60.0


class Jobs:
    """The jobs and tasks that a session has run so far."""

    def __init__(self, session: Any) -> None:
        self._store = session.sparkContext._jsc.sc().statusStore()

    def counts(self) -> tuple[int, int]:
        """Jobs and tasks."""
        jobs = self._store.jobsList(None)
        found = [jobs.apply(place) for place in range(jobs.size())]
        return len(found), sum(job.numCompletedTasks() for job in found)


def by_stage(folder: Path, subjects: int, months: int, engine: cs.Engine, jobs: Jobs | None) -> dict[str, Any]:
    """The stages of a night: name, seconds, jobs and tasks of each; and the contents that its manifest tells."""
    stages: list[tuple[str, float, int, int]] = []
    originals = {name: getattr(night_run, name) for name in night.STEPS if hasattr(night_run, name)}

    def timed(name: str, stage: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            before, clock = jobs.counts() if jobs else (0, 0), time.perf_counter()
            try:
                return stage(*given, **named)
            finally:
                took, after = time.perf_counter() - clock, jobs.counts() if jobs else (0, 0)
                stages.append((name, took, after[0] - before[0], after[1] - before[1]))

        return run

    for name, stage in originals.items():
        setattr(night_run, name, timed(name, stage))
    project, day = cs.load_project(folder / "project"), cs.CityParameters(subjects=subjects, months=months).end
    clock = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as out:
        try:
            data = folder / f"city-{subjects}-{months}" / "data"
            result = night_run.run_project(project, data=data, as_of=day, out=Path(out), engine=engine)
        finally:
            for name, stage in originals.items():
                setattr(night_run, name, stage)
        whole, contents = time.perf_counter() - clock, (result.folder.manifest() or {})["contents"]
    return {"stages": stages, "whole": whole, "contents": contents}


def main() -> None:
    """Print the stages of a night on Spark beside DuckDB's; contents that differ, or more than a minute, decide the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=3_000)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--master", help="by default this machine, as the command line has it")
    parser.add_argument("--conf", action="append", default=[], help="settings of the session, such as spark.driver.memory=2g")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "creditscore-night")
    told = parser.parse_args()
    told.folder.mkdir(parents=True, exist_ok=True)
    night.prepare(told.folder, told.subjects, told.months)
    rival = by_stage(told.folder, told.subjects, told.months, cs.Engine.duckdb(threads=2), None)
    clock = time.perf_counter()
    session = spark_session(
        master=told.master, conf={"spark.ui.retainedJobs": "100000", **dict(setting.split("=", 1) for setting in told.conf)}
    )
    session.sparkContext.setLogLevel("ERROR")
    session.range(1).count()
    start = time.perf_counter() - clock
    made = by_stage(told.folder, told.subjects, told.months, cs.Engine.spark(session), Jobs(session))
    session.stop()
    beside = {name: seconds for name, seconds, *_ in rival["stages"]}
    print(f"\n{told.subjects:,} subjects, load {os.getloadavg()[0]:.1f}, {dt.date.today()}; the session's start {start:.1f} s\n")
    print("| stage | Spark s | jobs | tasks | DuckDB s |\n|---|---|---|---|---|")
    for name, seconds, jobs, tasks in made["stages"]:
        if seconds >= 0.05 or jobs:
            print(f"| {name} | {seconds:.1f} | {jobs} | {tasks} | {beside.get(name, 0):.1f} |")
    print(f"| **whole night** | **{made['whole']:.1f}** | | | **{rival['whole']:.1f}** |")
    differ = sorted(name for name, told_ in made["contents"].items() if rival["contents"].get(name) != told_)
    print("contents equal" if not differ else f"contents differ: {differ}")
    sys.exit(0 if not differ and made["whole"] <= SECONDS else 1)


if __name__ == "__main__":
    main()
