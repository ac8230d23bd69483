"""A standalone cluster of Spark on this machine: reading, features and scores of a city beside DuckDB, and with a worker that dies.

A master and two workers of one core are started on ports of this machine alone. The driver has 1 GiB. The steps are those of a
night from its files to ``features.parquet`` and ``scores.parquet``: tiers, frames and documents are not among them. Each run is
a process of its own and tells its seconds by step, the content hashes of both tables, and the peak of memory of the driver (of
its Java part, and of its Python part). Then the steps run again, and after half of their time one worker and its executor
are killed: the run must end with the same contents.

Asked: at most 10 times DuckDB at 500,000 subjects, contents equal, also with a worker killed, and the driver's peak the same at
50,000 and 500,000 subjects.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import creditscore as cs
from creditscore.engine import spark_session
from creditscore.pipeline.run_folder import RunFolder
from creditscore.pipeline.score import score_subjects
from creditscore.pipeline.signed_cards import signed_cards
from experiments.benchmarks import night

RATIO = 10.0
ROOT = Path(__file__).parents[2]


class Cluster:
    """A master and two workers, as processes of their own."""

    def __init__(self, folder: Path, memory: str) -> None:
        import pyspark

        self._home, self._folder = Path(pyspark.__file__).parent, folder
        self._memory, self._port = memory, _free_port()
        self.url = f"spark://127.0.0.1:{self._port}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self._all: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the master, and the workers once it listens."""
        self._all.append(self._daemon("master.Master", "--host", "127.0.0.1", "--port", str(self._port), "--webui-port", "0"))
        for _attempt in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
                break
            time.sleep(0.2)
        for number in range(2):
            self.workers.append(self._worker(number))
        self._all += self.workers
        time.sleep(5)

    def _worker(self, number: int) -> subprocess.Popen[bytes]:
        work = self._folder / f"worker-{number}"
        options = ("--host", "127.0.0.1", "--cores", "1", "--memory", self._memory, "--webui-port", "0", "--work-dir", str(work))
        return self._daemon("worker.Worker", *options, self.url)

    def _daemon(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        command = [str(self._home / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", *options]
        told = (self._folder / f"{name}-{len(self._all)}-{len(self.workers)}.log").open("wb")
        environment = {**os.environ, "SPARK_HOME": str(self._home), "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
        environment |= {"SPARK_DAEMON_MEMORY": "512m", "SPARK_LOCAL_IP": "127.0.0.1"}
        return subprocess.Popen(command, stdout=told, stderr=told, env=environment, start_new_session=True)

    def kill_a_worker(self) -> None:
        """End one worker and its executor at once, as a machine that loses its power."""
        _end(self.workers[0])

    def stop(self) -> None:
        """End all that is left."""
        for process in reversed(self._all):
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started here, and what it started."""
    for one in [*_descendants(process.pid), process.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    process.wait()


def _descendants(parent: int) -> list[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout.split("\n")
    pairs = [tuple(map(int, line.split())) for line in listed if line.strip()]
    found, open_ones = list[int](), [parent]
    while open_ones:
        own = open_ones.pop()
        children = [pid for pid, ppid in pairs if ppid == own]
        found += children
        open_ones += children
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def cluster(folder: Path, memory: str) -> Iterator[Cluster]:
    """A cluster that is started, and stopped at the end."""
    made = Cluster(folder, memory)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def steps(engine: cs.Engine, folder: Path, subjects: int, months: int) -> dict[str, Any]:
    """Seconds by step, and the contents."""
    project, day = cs.load_project(folder / "project"), cs.CityParameters(subjects=subjects, months=months).end
    took: dict[str, float] = {}

    def timed(name: str, work: Any) -> Any:
        clock = time.perf_counter()
        made = work()
        took[name] = time.perf_counter() - clock
        return made

    with tempfile.TemporaryDirectory(dir=folder) as out:
        data = folder / f"city-{subjects}-{months}" / "data"
        records = timed("read, check, standardise", lambda: cs.open_records(engine, project, data=data))
        run, cards = RunFolder.new(Path(out), day), signed_cards(project.cards)
        scored = timed("features and scores", lambda: score_subjects(run, records, cards))
        hashed = timed("content hashes", lambda: [engine.content_hash(table) for table in (scored.features, scored.scores)])
    return {"steps": took, "contents": hashed, "rows": engine_count(records)}


def engine_count(records: cs.Records) -> dict[str, int]:
    """The rows of each table that count."""
    return {name: outcome.kept for name, outcome in records.outcomes.items()}


def _run_on_spark(told: argparse.Namespace) -> dict[str, Any]:
    memory = {"spark.driver.memory": "1g", "spark.executor.memory": told.memory, "spark.cores.max": "2"}
    local = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.retainedJobs": "100000"}
    folders = {"spark.checkpoint.dir": str(told.folder / "checkpoints"), "spark.local.dir": str(told.folder / "local")}
    more = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "4", "spark.ui.retainedStages": "100000"}
    given = dict(setting.split("=", 1) for setting in told.conf)
    session = spark_session(master=told.master, conf={**memory, **local, **folders, **more, **given})
    session.sparkContext.setLogLevel("ERROR")
    session.range(2).count()
    print("begun", flush=True)
    made = steps(cs.Engine.spark(session), told.folder, told.subjects, told.months)
    jobs = session.sparkContext._jsc.sc().statusStore().jobsList(None)
    listed = [jobs.apply(place) for place in range(jobs.size())]
    made["tasks"] = sum(job.numCompletedTasks() for job in listed)
    made["lost"] = sum(job.numFailedTasks() + job.numKilledTasks() for job in listed)
    java = [int(pid) for pid in _descendants(os.getpid()) if "java" in _command(int(pid))]
    made["peak"] = {"python": _peak(os.getpid()), "java": max(map(_peak, java), default=0)}
    session.stop()
    return made


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text()
    return ""


def _peak(pid: int) -> int:
    """The largest resident size of a process, in MiB."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) >> 10
    return 0


def _part(told: argparse.Namespace, part: str, *, at: Cluster | None = None, kill_after: float = 0) -> dict[str, Any]:
    """One run in a process of its own; its peak of memory is then its own."""
    options = [f"--{name}={getattr(told, name)}" for name in ("subjects", "months", "folder", "memory")]
    options += [f"--conf={setting}" for setting in told.conf] + ([f"--master={at.url}"] if at else [])
    command = [sys.executable, "-m", "experiments.benchmarks.cluster", f"--part={part}", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        said, clock, timer = "", time.perf_counter(), None
        for line in process.stdout:
            if line.strip() == "begun":
                clock = time.perf_counter()
                if at and kill_after:
                    timer = threading.Timer(kill_after, at.kill_a_worker)
                    timer.start()
            said = line
        seconds = time.perf_counter() - clock
    if timer:
        timer.cancel()
    if process.returncode:
        raise SystemExit(f"{part}: ended with {process.returncode}")
    made = {**json.loads(said), "seconds": seconds}
    print(part, {name: round(took, 1) for name, took in made["steps"].items()}, made["peak"], file=sys.stderr, flush=True)
    return made


def main() -> None:
    """Print both engines' steps, the run with a killed worker, and peaks; contents that differ decide the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=50_000)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--memory", default="4g", help="of each executor")
    parser.add_argument("--conf", action="append", default=[], help="further settings of the session")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "creditscore-night")
    parser.add_argument("--without-kill", action="store_true")
    parser.add_argument("--part", choices=("duckdb", "spark"), help=argparse.SUPPRESS)
    parser.add_argument("--master", help=argparse.SUPPRESS)
    told = parser.parse_args()
    told.folder = told.folder.resolve()
    told.folder.mkdir(parents=True, exist_ok=True)
    if told.part == "duckdb":
        made = steps(cs.Engine.duckdb(threads=2), told.folder, told.subjects, told.months)
        print(json.dumps({**made, "peak": {"python": _peak(os.getpid())}}))
        return
    if told.part == "spark":
        print(json.dumps(_run_on_spark(told)))
        return
    night.prepare(told.folder, told.subjects, told.months)
    runs = {"DuckDB, two threads": _part(told, "duckdb")}
    try:
        with cluster(told.folder, told.memory) as running:
            runs["Spark, two workers"] = _part(told, "spark", at=running)
        if not told.without_kill:
            half = sum(runs["Spark, two workers"]["steps"].values()) / 2
            with cluster(told.folder, told.memory) as running:
                runs["Spark, one killed half-way"] = _part(told, "spark", at=running, kill_after=half)
    finally:
        for name in ("checkpoints", "local", "worker-0", "worker-1"):
            shutil.rmtree(told.folder / name, ignore_errors=True)
    sys.exit(0 if _shown(told, runs) else 1)


def _shown(told: argparse.Namespace, runs: dict[str, dict[str, Any]]) -> bool:
    rival, *others = runs.values()
    print(f"\n{told.subjects:,} subjects, {rival['rows']['events']:,} events, load {os.getloadavg()[0]:.1f}, {dt.date.today()}\n")
    names = list(rival["steps"])
    print(f"| | {' | '.join(names)} | in all | peak of the driver MiB (Python, Java) | tasks | tasks lost |")
    print("|---|" + "---|" * (len(names) + 4))
    for label, made in runs.items():
        cells = [f"{made['steps'][name]:.1f}" for name in names] + [f"{sum(made['steps'].values()):.1f}"]
        cells += [" + ".join(map(str, made["peak"].values())), str(made.get("tasks", "")), str(made.get("lost", ""))]
        print(f"| {label} | {' | '.join(cells)} |")
    ratio = sum(others[0]["steps"].values()) / sum(rival["steps"].values())
    same = all(made["contents"] == rival["contents"] and made["rows"] == rival["rows"] for made in others)
    print(f"\n{ratio:.1f} times DuckDB; asked at most {RATIO:g} at 500,000 subjects; contents {'equal' if same else 'DIFFER'}")
    if len(others) > 1:
        again = others[1]["tasks"] - others[0]["tasks"]
        extra = sum(others[1]["steps"].values()) - sum(others[0]["steps"].values())
        print(f"with a worker killed: {extra:+.1f} s, {others[1]['lost']} tasks lost, {again} computed more than without")
    return same and (ratio <= RATIO or told.subjects < 500_000)


if __name__ == "__main__":
    main()
