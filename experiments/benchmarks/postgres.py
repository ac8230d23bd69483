r"""How long PostgreSQL takes both ways, beside psql: a run into a database, and a table of a database as a source.

    python -m experiments.benchmarks.postgres [--rows 500000] [--repeat 5]

A server of Debian's packages is started for it on loopback, with its own defaults, and is gone afterwards. The sink writes one run
(as many scores, as many tiers) into the tables that ``creditscore sink --sql`` makes, and psql ``\copy`` writes the same rows from
CSV files into the same tables, keys and indexes in a second schema, in one transaction. The source is copied as a night copies it
(one scan, masked, as Parquet, hashed), and psql writes the same columns by ``COPY TO`` into a CSV file. Contents are compared
first. The times by the clock count: psql and the server are other processes.
"""

import argparse
import contextlib
import datetime as dt
import os
import pwd
import resource
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import duckdb
import numpy as np
import pyarrow as pa

import creditscore as cs
from creditscore.pipeline.run_folder import MANIFEST, RunFolder
from creditscore.pipeline.sink import Sink, bring_up
from creditscore.pipeline.sink_tables import SCORES, TIERS, script
from creditscore.records.reading.table_copies import copy_of, copy_tables
from creditscore.storage import file_hashes, set_pointer, write_json

PROJECT = Path(__file__).parents[2] / "configs" / "yongzhou"
VARIABLE, SECOND = "BENCHMARK_DATABASE", "second"
DAY = dt.date(2024, 4, 30)
TABLE = """
CREATE TABLE penalties AS SELECT 'E' || lpad(i::text, 12, '0') AS event_id,
  '91431103MA' || lpad((i % 99991)::text, 8, '0') AS subject_id, 'admin_penalty_general' AS kind,
  DATE '2019-05-01' + i % 1800 AS event_date, timestamptz '2019-05-02 08:00+08' + (i % 1800) * interval '1 day' AS known_date,
  '永罚〔2024〕' || i || '号' AS document_no, (i % 9999) / 100.0 AS amount, (1 + i % 10)::smallint AS severity,
  '张三' || i AS "法定代表人", repeat('x', 80) AS remark
FROM generate_series(1, {rows}) i;
"""
#: What the source reads, beside the name of a person, which is masked; the remark never leaves the server.
COLUMNS = "event_id, subject_id, kind, event_date, known_date, document_no, amount, severity"


@contextlib.contextmanager
def server() -> Iterator[tuple[Path, str]]:
    """A server with nothing in it: the folder of its programs, and a connection of its owner."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="creditscore-benchmark-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)

    def run(*words: object) -> None:
        command = [str(word) for word in words]
        subprocess.run(command, check=True, capture_output=True, user=user and user.pw_name, cwd=folder, env={"LC_ALL": "C.UTF-8"})

    run(binaries / "initdb", "-D", folder / "data", "-U", "owner", "-A", "trust", "-E", "UTF8")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories={folder}"
    run(binaries / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", options, "start")
    try:
        yield binaries, f"postgresql://owner@127.0.0.1:{port}/postgres"
    finally:
        run(binaries / "pg_ctl", "-D", folder / "data", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def a_run(out: Path, rows: int) -> None:
    """A finished run of one day with as many scores and tiers."""
    folder, random = RunFolder.new(out, DAY), np.random.default_rng(1)
    words: dict[str, list[str | None]] = {
        "industry": ["food", "retail"], "scorecard": ["a" * 64], "tier": ["A", "B", "C", "D"], "status": ["final"],
        "rule": ["score:late_reports_24m"], "reason_1": ["late_reports_24m"], "reason_2": ["penalties_24m", None],
    }  # fmt: skip
    ids = pa.array([f"91431103MA{number:08d}" for number in range(rows)])
    for table in (SCORES, TIERS):
        made = {"subject_id": ids, "as_of": pa.repeat(pa.scalar(DAY, pa.date32()), rows)}
        for name, kind in table.columns.items():
            if name in words:
                made[name] = pa.array(words[name]).take(pa.array(random.integers(len(words[name]), size=rows)))
            elif pa.types.is_integer(kind):
                made[name] = pa.array(random.integers(300, 900, size=rows), kind)
        folder.write(table.name, pa.table(made))
    write_json(folder.file(MANIFEST), {"project": "benchmark", "trial": False, "outputs": file_hashes(folder.path)})
    set_pointer(folder.shown, folder.path)


def a_project() -> cs.Project:
    """The example project with one table of a database."""
    project = cs.load_project(PROJECT)
    rule = {"to": "result", "rule": "rename", "column": "法定代表人"}
    about = {"name": "penalties", "table": "events", "format": "postgres", "database": VARIABLE, "relation": "penalties"}
    personal = {"column": "法定代表人", "kind": "name"}
    one = type(project.sources.source[0]).model_validate({**about, "personal": (personal,), "column": (rule,)})
    object.__setattr__(project, "sources", project.sources.model_copy(update={"source": (one,)}))
    return project


def paired(title: str, works: dict[str, tuple[Callable[[], object], Callable[[], object]]], repeat: int) -> None:
    """Medians of works that take turns, ours first; what makes each ready is not timed."""
    spans: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeat):
        for name, (ready, work) in works.items():
            ready()
            begun = time.perf_counter()
            work()
            spans[name].append(time.perf_counter() - begun)
    (ours, own), (theirs, other) = spans.items()
    turns = sorted(a / b for a, b in zip(own, other, strict=True))
    print(f"\n| {title} | s |\n|---|---|\n| {ours} | {statistics.median(own):.2f} |\n| {theirs} | {statistics.median(other):.2f} |")
    print(f"ratio, turn by turn: median {statistics.median(turns):.2f}, {turns[0]:.2f} to {turns[-1]:.2f}", flush=True)


def peak() -> float:
    """The most memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Compare, then time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--repeat", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, server() as (binaries, uri):
        folder = Path(temporary)

        def psql(*statements: str) -> str:
            words = [word for statement in statements for word in ("-c", statement)]
            command = [str(binaries / "psql"), uri, "-v", "ON_ERROR_STOP=1", "-qAt", *words]
            return subprocess.run(command, check=True, text=True, capture_output=True).stdout

        into_a_database(folder, psql, uri, asked.rows, asked.repeat)
        from_a_database(folder, psql, uri, asked.rows, asked.repeat)


def into_a_database(folder: Path, psql: Callable[..., str], uri: str, rows: int, repeat: int) -> None:
    """The sink beside psql's own copy of the same rows."""
    for schema in ("creditscore", SECOND):
        psql(script(schema))
    a_run(folder / "out", rows)
    sink, before = Sink.of(uri), peak()
    bring_up(folder / "out", sink)
    grown = peak() - before
    files = {table.name: folder / f"{table.name}.csv" for table in (SCORES, TIERS)}
    for name, path in files.items():
        psql(f"\\copy creditscore.{name} TO '{path}' CSV")

    def theirs() -> None:
        psql("BEGIN", *(f"\\copy {SECOND}.{name} FROM '{path}' CSV" for name, path in files.items()), "COMMIT")

    def emptied(schema: str) -> None:
        psql(f"TRUNCATE {schema}.scores, {schema}.tiers, {schema}.runs", "CHECKPOINT")

    theirs()
    for name in files:
        one, other = (f"SELECT * FROM {schema}.{name}" for schema in ("creditscore", SECOND))
        differing = psql(f"SELECT count(*) FROM (({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one})) d")
        held = psql(f"SELECT count(*) FROM creditscore.{name}")
        if (differing.strip(), held.strip()) != ("0", str(rows)):
            raise SystemExit(f"{name}: not equal")
    print(f"equal: {rows:,} scores and as many tiers, with keys and indexes; memory grew by {grown:.0f} MB")
    works = {
        "creditscore sink": (lambda: emptied("creditscore"), lambda: bring_up(folder / "out", sink)),
        "psql \\copy": (lambda: emptied(SECOND), theirs),
    }
    paired("sink", works, repeat)
    begun = time.perf_counter()
    bring_up(folder / "out", sink)
    print(f"the same again, nothing to write: {time.perf_counter() - begun:.2f} s")


def from_a_database(folder: Path, psql: Callable[..., str], uri: str, rows: int, repeat: int) -> None:
    """The copy of a source beside psql's own of the same columns."""
    psql(TABLE.format(rows=rows), "VACUUM ANALYZE penalties")
    copies, file, project = folder / "copies", folder / "penalties.csv", a_project()

    def read() -> None:
        with mock.patch.dict(os.environ, {VARIABLE: uri}):
            copy_tables(project, copies)

    def dumped(columns: str = COLUMNS) -> None:
        psql(f"\\copy (SELECT {columns} FROM penalties) TO '{file}' CSV")

    before = peak()
    read()
    grown = peak() - before
    path = copy_of(project.sources.source[0], copies).path
    # As texts; the moments as the whole numbers that the copy keeps.
    dumped(COLUMNS.replace("known_date", "(extract(epoch FROM known_date) * 1000000)::bigint"))
    amounts = COLUMNS.replace("amount", "amount::DECIMAL(18, 6)")
    csv = f"SELECT * REPLACE (column6::DECIMAL(18, 6) AS column6) FROM read_csv('{file}', header = false, all_varchar = true)"
    one, other = (f"SELECT COLUMNS(*)::VARCHAR FROM ({rows_of})" for rows_of in (f"SELECT {amounts} FROM '{path}'", csv))
    differing = duckdb.sql(f"SELECT count(*) FROM (({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one}))").fetchall()
    names = duckdb.sql(f"SELECT DISTINCT \"法定代表人\" FROM '{path}'").fetchall()
    if differing != [(0,)] or names != [("张*",)]:
        raise SystemExit("source: not equal")
    print(f"\nequal: a table of {rows:,} rows and 10 columns, 9 of them read, one masked; memory grew by {grown:.0f} MB")
    works = {
        "copied once": (lambda: shutil.rmtree(copies, ignore_errors=True), read),
        "psql COPY TO": (lambda: file.unlink(missing_ok=True), dumped),
    }
    paired("source", works, repeat)


if __name__ == "__main__":
    main()
