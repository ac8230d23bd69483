"""How long a whole night of a city takes, by step, beside one sort of its events by DuckDB.

    python -m experiments.benchmarks.night [--subjects 500000] [--months 36] [--folder FOLDER] [--threads 2] [--memory-limit 2GB]

The city is simulated once into the folder, and so are the cards, by training on a small city and signing them. The night is
``run_project`` with signed cards, without a run before it. Its steps are the functions that ``make_run`` calls: seconds by the
clock and of the processors, the largest resident size within the step, and bytes written by system calls, spilled ones too.
The rival sorts the standardised events by subject and day, from one table of DuckDB into another. Night and sort are processes
of their own.

Asked: features, scores, tiers and frames at most 2 sorts, the whole night with its documents at most 5, below 3 GiB.
"""

from __future__ import annotations

import argparse
import datetime as dt
import functools
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

import creditscore as cs
from creditscore.pipeline import run as night
from creditscore.pipeline.signed_cards import sign_cards

PROJECT = Path(__file__).parents[2] / "configs" / "yongzhou"
#: Subjects of the city on which the cards are trained.
SMALL = 5_000
#: The steps of a night in their order, by the names of their functions; the rest of the night is shown as ``else``.
STEPS = (
    "take_snapshot", "open_records", "refuse_old_data", "check_up", "write_checkup", "write_reading", "known_training",
    "write_cards", "score_subjects", "write_own_records", "tier_subjects", "place_by_last_trade", "write_objections",
    "count_rows", "plan_due_tasks", "write_forecast", "write_associations", "write_stability", "save_book",
    "write_documents", "summarise", "write_manifest", "add_drafts",
)  # fmt: skip
#: Features, scores, tiers and frames.
CORE = ("score_subjects", "tier_subjects", "place_by_last_trade", "plan_due_tasks")
CORE_SORTS, NIGHT_SORTS, GIB = 2.0, 5.0, 3.0
SORT = "CREATE OR REPLACE TABLE sorted AS SELECT * FROM events ORDER BY subject_id, event_date"


@dataclass
class Step:
    """What one step took. ``grown`` tells that ``mib`` is only the growth of the process's maximum."""

    name: str
    seconds: float
    processor: float
    mib: float
    written: int
    grown: bool


def measured(name: str, work: Callable[[], Any], steps: list[Step]) -> Any:
    """Do a work and add what it took."""
    reset = _reset_peak()
    before, clock, busy, written = _peak(), time.perf_counter(), time.process_time(), _written()
    try:
        return work()
    finally:
        mib = _peak() if reset else _peak() - before
        took = (time.perf_counter() - clock, time.process_time() - busy)
        steps.append(Step(name, *took, mib, _written() - written, grown=not reset))


def _reset_peak() -> bool:
    """Let the kernel forget the largest resident size of this process; whether it may."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _peak() -> float:
    """The largest resident size, in MiB, since the last reset if there was one."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**10


def _written() -> int:
    """Bytes that this process has written by system calls."""
    try:
        lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    except OSError:
        return 0
    return int(lines["wchar"])


def prepare(folder: Path, subjects: int, months: int) -> None:
    """The city, the project with signed cards, and the standardised events, as far as they are not there yet."""
    data, project = folder / f"city-{subjects}-{months}", folder / "project"
    if not project.is_dir():
        _train(folder, project)
    if not data.is_dir():
        making = folder / f".city-{subjects}-{months}"
        shutil.rmtree(making, ignore_errors=True)
        cs.simulate_city(cs.CityParameters(subjects=subjects, months=months, seed=1), out=making)
        making.rename(data)
    events = folder / f"events-{subjects}-{months}.parquet"
    if not events.is_file():
        engine = cs.Engine.duckdb()
        records = cs.open_records(engine, cs.load_project(project), data=data / "data")
        _keep(engine, records.table("events"), events)


def _train(folder: Path, project: Path) -> None:
    """The project with cards that were trained on a small city and signed."""
    making = folder / ".small"
    shutil.rmtree(making, ignore_errors=True)
    parameters = cs.CityParameters(subjects=SMALL, seed=7)
    city = cs.simulate_city(parameters, out=making / "city")
    shutil.copytree(PROJECT, making / "project", ignore=shutil.ignore_patterns("*.json", "signed.toml", ".*"))
    loaded, day = cs.load_project(making / "project"), parameters.end
    night.run_project(loaded, data=city.data, as_of=day, out=making / "runs", engine=cs.Engine.duckdb(), train=True)
    sign_cards(loaded, signed_by="benchmark", on=day, run=making / "runs" / str(day))
    (making / "project").rename(project)
    shutil.rmtree(making)


def _keep(engine: cs.Engine, events: Any, path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(engine.query(events), path, compression="zstd")


def one_night(folder: Path, subjects: int, months: int, threads: int, memory_limit: str | None = None) -> dict[str, Any]:
    """The steps of a night into a folder that is removed afterwards, and what its manifest says."""
    steps: list[Step] = []
    for name in STEPS:
        stage = getattr(night, name)
        # The experiment alone measures: the product has no clocks in it.
        setattr(night, name, functools.wraps(stage)(_timed(name, stage, steps)))
    project, day = cs.load_project(folder / "project"), cs.CityParameters(subjects=subjects, months=months).end
    with tempfile.TemporaryDirectory(dir=folder) as out:
        clock, busy, written = time.perf_counter(), time.process_time(), _written()
        spill = Path(out) / ".spill" if memory_limit else None
        engine = cs.Engine.duckdb(threads=threads, memory_limit=memory_limit, spill=spill)
        data = folder / f"city-{subjects}-{months}" / "data"
        result = night.run_project(project, data=data, as_of=day, out=Path(out), engine=engine)
        whole = Step("whole night", time.perf_counter() - clock, time.process_time() - busy, 0, _written() - written, grown=False)
        manifest = result.folder.manifest() or {}
        sizes = {name: result.folder.file(name).stat().st_size for name in ("features.parquet", "scores.parquet", "tiers.parquet")}
    whole.mib = max(step.mib for step in steps)
    done = [sum(getattr(step, name) for step in steps) for name in ("seconds", "processor", "written")]
    rest = Step("else", whole.seconds - done[0], whole.processor - done[1], 0, whole.written - int(done[2]), grown=False)
    told = {"contents": manifest["contents"], "frames": manifest["frames"], "summary": manifest["summary"], "bytes": sizes}
    return {"steps": [asdict(step) for step in (*steps, rest, whole)], **told}


def _timed(name: str, stage: Callable[..., Any], steps: list[Step]) -> Callable[..., Any]:
    def timed(*given: Any, **named: Any) -> Any:
        return measured(name, lambda: stage(*given, **named), steps)

    return timed


def one_sort(folder: Path, subjects: int, months: int, threads: int) -> dict[str, Any]:
    """One sort of the events by subject and day, the second of two."""
    connection = duckdb.connect(config={"threads": threads})
    source = str(folder / f"events-{subjects}-{months}.parquet")
    connection.execute("CREATE TABLE events AS SELECT * FROM read_parquet(?)", [source])
    steps: list[Step] = []
    for _ in range(2):
        measured("one sort of the events", lambda: connection.execute(SORT), steps)
    (rows,) = connection.execute("SELECT count(*) FROM sorted").fetchone() or (0,)
    return {"steps": [asdict(steps[-1])], "events": rows}


def main() -> None:
    """Print the steps of a night beside one sort; the night's ratios decide the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=500_000)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-limit", help="of DuckDB, which spills beyond it; the process takes more")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "creditscore-night")
    parser.add_argument("--json", type=Path, help="also write what was measured to this file")
    parser.add_argument("--part", choices=("prepare", "night", "sort"), help=argparse.SUPPRESS)
    told = parser.parse_args()
    told.folder.mkdir(parents=True, exist_ok=True)
    size = (told.folder, told.subjects, told.months)
    if told.part == "prepare":
        prepare(*size)
    elif told.part == "night":
        print(json.dumps(one_night(*size, told.threads, told.memory_limit), default=str))
    elif told.part == "sort":
        print(json.dumps(one_sort(*size, told.threads)))
    else:
        _part("prepare", told)
        made, sort = json.loads(_part("night", told)), json.loads(_part("sort", told))
        if told.json:
            told.json.write_text(json.dumps({"night": made, "sort": sort}, indent=1))
        sys.exit(0 if _shown(told, made, sort) else 1)


def _part(name: str, told: argparse.Namespace) -> str:
    """One part in a process of its own: the last line that it prints."""
    options = [f"--{key}={getattr(told, key)}" for key in ("subjects", "months", "threads", "folder")]
    options += [f"--memory-limit={told.memory_limit}"] if told.memory_limit else []
    command = [sys.executable, "-m", "experiments.benchmarks.night", f"--part={name}", *options]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return said.strip().rsplit("\n", 1)[-1]


def _shown(told: argparse.Namespace, made: dict[str, Any], sort: dict[str, Any]) -> bool:
    load = os.getloadavg()[0]
    print(f"{told.subjects:,} subjects, {sort['events']:,} events, {told.threads} threads, load {load:.1f}, {dt.date.today()}\n")
    print("| step | s | CPU s | peak MiB | MB written |\n|---|---|---|---|---|")
    by_name = {step["name"]: step for step in (*made["steps"], *sort["steps"])}
    for step in by_name.values():
        memory = f"{'+' * step['grown']}{step['mib']:,.0f}" if step["mib"] else ""
        print(f"| {step['name']} | {step['seconds']:.2f} | {step['processor']:.2f} | {memory} | {step['written'] / 1e6:,.1f} |")
    rival = by_name["one sort of the events"]
    core = {kind: sum(by_name[name][kind] for name in CORE) for kind in ("seconds", "processor")}
    peak = by_name["whole night"]["mib"] / 2**10
    held = [_held("features, scores, tiers and frames", core, rival, CORE_SORTS)]
    held.append(_held("the whole night with its documents", by_name["whole night"], rival, NIGHT_SORTS))
    print(f"peak: {peak:.2f} GiB; asked below {GIB:g}: {'met' if peak < GIB else 'not met'}")
    return all(held) and peak < GIB


def _held(what: str, ours: dict[str, float], rival: dict[str, float], limit: float) -> bool:
    clock, busy = (ours[kind] / rival[kind] for kind in ("seconds", "processor"))
    met = busy <= limit
    verdict = f"at most {limit:g}: {'met' if met else 'not met'}"
    print(f"{what}: {clock:.1f} sorts by the clock, {busy:.1f} of the processors; asked {verdict}")
    return met


if __name__ == "__main__":
    main()
