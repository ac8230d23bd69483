"""How long reading, checking and standardising events takes, against DuckDB's own read + cast + write in the same run.

    python experiments/benchmarks/records.py [--events 1000000] [--subjects 500000] [--repeat 5] [--format csv] [--memory 2GB]

Synthetic events of ten kinds with valid unified social credit codes, 13 columns, as Parquet and as CSV. Ours is the whole
of ``open_records``: subjects checked by GB 32100, every text and value of the events checked, contracts, duplicates,
retention, and the integer keys. The rival casts the columns and writes Parquet, nothing else. Every measurement is a process
of its own, so that its peak memory is its own. ``--memory`` adds ours in an engine that may use so much and spills the rest.
Both answers are compared first. ``processor`` is the ratio of processor times: on a machine that does other work it says
more than that of the clock.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import creditscore as cs
from creditscore.records.records import Records
from creditscore.simulate.subjects import credit_codes

PROJECT = Path(__file__).parents[2] / "configs" / "yongzhou"
KINDS = (
    "administrative_licence", "admin_penalty_minor", "admin_penalty_general", "late_annual_report", "commitment",
    "contract_performance", "spot_check", "tax_arrears", "wage_arrears", "court_judgment",
)  # fmt: skip
CASTS = (
    "event_id, subject_id, kind, event_date::DATE AS event_date, known_date::DATE AS known_date, document_no, incident_id, "
    "severity::INT AS severity, amount::DECIMAL(18,2) AS amount, result, provider, verified::BOOLEAN AS verified, "
    "valid_until::DATE AS valid_until"
)
_HEADER = (
    "format", "events", "equal", "ours s", "DuckDB s", "ratio (budget 2.2)", "processor", "ours MB", "DuckDB MB", "ours bounded s",
    "bounded MB",
)  # fmt: skip
READ = {"parquet": "read_parquet('{}')", "csv": "read_csv('{}', all_varchar = true)"}
EVENTS = """
CREATE MACRO h(x) AS (hash(x) % 1000000007)::BIGINT;
CREATE TABLE e AS SELECT 'E' || lpad(i::VARCHAR, 13, '0') AS event_id, s.id AS subject_id,
  {kinds}[1 + h(i * 7) % {n_kinds}] AS kind,
  DATE '2019-05-01' + (h(i * 3) % 1800)::INT AS event_date,
  DATE '2019-05-01' + (h(i * 3) % 1800 + h(i * 5) % 10)::INT AS known_date,
  '永罚〔' || (2019 + h(i) % 5) || '〕' || lpad(i::VARCHAR, 13, '0') || '号' AS document_no,
  CASE WHEN i % 50 = 0 THEN 'I' || lpad((i // 3)::VARCHAR, 10, '0') END AS incident_id,
  (1 + h(i * 11) % 10)::INT AS severity,
  CASE WHEN i % 3 = 0 THEN ((h(i * 13) % 10000000) / 100.0)::DECIMAL(18,2) END AS amount,
  CASE WHEN i % 2 = 0 OR {kinds}[1 + h(i * 7) % {n_kinds}] IN {told}
    THEN ['kept', 'broken', 'pending'][1 + i % 3] END AS result,
  '市场监督管理局' AS provider,
  NULL::BOOLEAN AS verified, CASE WHEN i % 4 = 0 THEN DATE '2024-06-01' + (h(i * 17) % 1500)::INT END AS valid_until
FROM range({events}) t(i) JOIN s ON s.k = h(i) % {subjects}
"""


def make(folder: Path, events: int, subjects: int) -> None:
    """The files of both formats."""
    codes = credit_codes(["91431103"], np.zeros(subjects, dtype=int), np.arange(subjects), offset=0)
    ids = pa.array([code.decode() for code in codes.tolist()])
    con = duckdb.connect()
    con.register("given", pa.table({"k": pa.array(range(subjects), pa.int64()), "id": ids}))
    con.execute("CREATE TABLE s AS SELECT * FROM given")
    # A record of a kind whose result a feature reads is not complete without one.
    features = cs.load_project(PROJECT).features
    told = tuple(sorted({kind for feature in features if feature.needs_result for kind in feature.kind} & set(KINDS)))
    con.execute(EVENTS.format(kinds=list(KINDS), n_kinds=len(KINDS), told=told, events=events, subjects=subjects))
    con.execute(f"COPY e TO '{folder / 'events.csv'}' (HEADER)")
    with pq.ParquetWriter(
        folder / "events.parquet", con.sql("SELECT * FROM e LIMIT 0").to_arrow_table().schema, write_page_checksum=True
    ) as out:
        for start in range(0, events, 1 << 20):
            out.write_table(con.sql(f"SELECT * FROM e LIMIT {1 << 20} OFFSET {start}").to_arrow_table())
    begun = pa.array([15000] * subjects, pa.int32()).cast(pa.date32())
    texts = {"subject_type": "enterprise", "status": "active", "industry": "retail", "region": "431103"}
    plain = {name: pa.array([text] * subjects) for name, text in texts.items()}
    table = {"subject_id": ids, "name": pa.array([f"企业{n}" for n in range(subjects)]), **plain}
    pq.write_table(
        pa.table({**table, "valid_from": begun, "known_date": begun, "registered_date": begun}), folder / "subjects.parquet"
    )


def project_of(form: str) -> cs.Project:
    """The example project with two sources."""
    project = cs.load_project(PROJECT)
    spec = type(project.sources.source[0])
    sources = (
        spec(name="register", table="subjects", file="subjects.parquet"),
        spec(name="records", table="events", file=f"events.{form}", format=form),
    )
    object.__setattr__(project, "sources", project.sources.model_copy(update={"source": sources}))
    return project


def ours(folder: Path, form: str, memory: str) -> Records:
    limits = {"memory_limit": memory, "spill": folder / "spill"} if memory else {}
    return cs.open_records(cs.Engine.duckdb(**limits), project_of(form), data=folder)


def theirs(folder: Path, form: str) -> None:
    source = READ[form].format(folder / f"events.{form}")
    duckdb.connect().execute(f"COPY (SELECT {CASTS} FROM {source}) TO '{folder / 'cast.parquet'}'")


def child(folder: Path, form: str, way: str, memory: str) -> None:
    """One measurement; prints seconds, processor seconds and peak memory in MB."""
    begun, worked = time.perf_counter(), time.process_time()
    ours(folder, form, memory) if way == "ours" else theirs(folder, form)
    seconds, busy = time.perf_counter() - begun, time.process_time() - worked
    # Not getrusage: its maximum begins with the parent's memory at the fork.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(json.dumps([seconds, busy, int(status["VmHWM"].split()[0]) / 1024]))


def measured(folder: Path, form: str, way: str, memory: str = "") -> tuple[float, float, float]:
    words = [sys.executable, __file__, "--child", str(folder), form, way, memory]
    seconds, busy, peak = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    return seconds, busy, peak


def same(folder: Path, form: str) -> bool:
    """Whether ours and the rival's rows agree cell by cell, by id."""
    records = ours(folder, form, "")
    if records.rejects.num_rows:
        raise ValueError(f"{records.rejects.num_rows} refused rows or values: the rival refuses none")
    theirs(folder, form)
    mine, other = records.arrow("events"), pq.read_table(folder / "cast.parquet").sort_by("event_id")
    return bool(mine.combine_chunks().equals(other.cast(mine.schema).combine_chunks()))


def main(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="records-") as name:
        small, folder = Path(name) / "small", Path(name) / "full"
        for place, events in ((small, min(options.events, 200_000)), (folder, options.events)):
            place.mkdir()
            make(place, events, min(options.subjects, events // 2))
        print(f"| {' | '.join(_HEADER)} |")
        for form in options.format:
            spans: dict[str, list[tuple[float, float, float]]] = {"ours": [], "theirs": [], "bounded": []}
            for _ in range(options.repeat):
                spans["theirs"].append(measured(folder, form, "theirs"))
                spans["ours"].append(measured(folder, form, "ours"))
            if options.memory:
                spans["bounded"].append(measured(folder, form, "ours", options.memory))
            told = {way: [statistics.median(part) for part in zip(*runs, strict=True)] for way, runs in spans.items() if runs}
            (mine, worked, peak), (other, other_worked, other_peak) = told["ours"], told["theirs"]
            bounded = "{0:.1f} | {2:.0f}".format(*told["bounded"]) if "bounded" in told else "- | -"
            ratios = f"{mine / other:.2f} | {worked / other_worked:.2f}"
            figures = f"{mine:.1f} | {other:.1f} | {ratios} | {peak:.0f} | {other_peak:.0f} | {bounded}"
            print(f"| {form} | {options.events:,} | {same(small, form)} | {figures} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), *sys.argv[3:6])
    else:
        parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
        parser.add_argument("--events", type=int, default=1_000_000)
        parser.add_argument("--subjects", type=int, default=500_000)
        parser.add_argument("--repeat", type=int, default=5)
        parser.add_argument("--format", nargs="+", choices=["parquet", "csv"], default=["parquet", "csv"])
        parser.add_argument("--memory", default="", help="such as 2GB: also measure ours within it")
        main(parser.parse_args())
