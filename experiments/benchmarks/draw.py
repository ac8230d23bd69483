"""How long a draw of 10^6 and 10^7 subjects takes on DuckDB, in what memory, and against ranking everybody.

    python experiments/benchmarks/draw.py [--subjects 10000000] [--repeat 3]
    python experiments/benchmarks/draw.py --sealed 1000000 [--spark]

The second makes, publishes and draws a task of that many subjects, writes its sealed export in parts, and redraws it from that
export with the key: by the one-file verifier, and by SQL that shares no code with it, on DuckDB and on Spark. All must agree.

Each measurement is a process of its own. ``ranked`` is the rival: SQL as one would write it, the ticket of every
subject (two SHA-256) and ROW_NUMBER per stratum. Both draw the same subjects, which is checked before anything is printed.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

MAKE = """
import sys, duckdb
out, count = sys.argv[1], int(sys.argv[2])
connection = duckdb.connect()
connection.execute('SET enable_progress_bar = false')
connection.execute(f'''COPY (
  SELECT printf('9143110%011d', i) AS subject_id, 't|' || substr('ABCD', 1 + (i % 4)::INT, 1) || '|' || (i % 20) AS stratum
  FROM range({count}) r(i)) TO '{out}' (FORMAT parquet)''')
"""
OURS = """
import sys, time, json, resource
from pathlib import Path
from creditscore.engine import Engine
from creditscore.pipeline.draws import draw_frame
frame, strata, out, key = map(Path, sys.argv[1:5])
begun = time.perf_counter()
made = draw_frame(Engine.duckdb(), frame, strata, task="t", seed="03 08 17 21 26 32 + 09", key=key, out=out)
seconds = time.perf_counter() - begun
print(json.dumps({"seconds": seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "drawn": made.drawn}))
"""
RANKED = """
import sys, time, json, resource, duckdb
frame, strata, out = sys.argv[1:4]
key, seed = open(sys.argv[4]).read().strip(), "03 08 17 21 26 32 + 09"
begun = time.perf_counter()
connection = duckdb.connect()
connection.execute('SET enable_progress_bar = false')
connection.execute(f'''COPY (
  WITH t AS (SELECT subject_id, stratum,
                    sha256('{seed}|t|' || subject_id || '|' || sha256('{key}|t|' || subject_id || '|{key}')) AS ticket
             FROM '{frame}'),
  r AS (SELECT *, row_number() OVER (PARTITION BY stratum ORDER BY ticket, subject_id) AS place FROM t)
  SELECT r.subject_id, r.stratum, r.ticket FROM r JOIN read_csv('{strata}', header = true, delim = ',') s USING (stratum)
  WHERE place <= target ORDER BY r.stratum, r.ticket) TO '{out}/drawn.parquet' (FORMAT parquet)''')
drawn = connection.sql(f"SELECT count(*) FROM '{out}/drawn.parquet'").fetchall()[0][0]
seconds = time.perf_counter() - begun
print(json.dumps({"seconds": seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "drawn": drawn}))
"""
SAME = """
import sys, pyarrow.parquet as pq
one, other = (pq.read_table(path + "/drawn.parquet", columns=["subject_id"])["subject_id"].to_pylist() for path in sys.argv[1:3])
sys.exit(0 if one == other else 1)
"""
SEALED = """
import sys, time, json, datetime as dt
from pathlib import Path
import numpy as np, pandas as pd
from creditscore.config.policy import TierPolicy
from creditscore.config.tasks import Task
from creditscore.inspection.export_parts import export_task
from creditscore.inspection.plan import drawn_of, plan_inspections
from creditscore.inspection.task_folder import TaskFolder, published_frame
from creditscore.inspection.task_steps import add_draw
from creditscore.storage import changed
from creditscore.tiering.tiers import Tiers
out, export, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
rng, took = np.random.default_rng(1), {}
tiers = rng.choice(["A", "B", "C", "D"], count, p=[0.5, 0.3, 0.15, 0.05])
frame = pd.DataFrame({"subject_id": [f"9143110{at:011d}" for at in range(count)], "as_of": dt.date(2024, 4, 30),
                      "industry": rng.choice([f"trade {at:02d}" for at in range(20)], count), "tier": tiers})
rules = {tier: {"ratio": ratio, "visits_per_year": 1, "on_site_share": 0.5}
         for tier, ratio in (("A", 0.01), ("B", 0.02), ("C", 0.1), ("D", 0.3), ("NR", 0.02))}
cuts = [*({"name": name, "max_probability": cut} for name, cut in (("A", 0.01), ("B", 0.05), ("C", 0.1))), {"name": "D"}]
policy = TierPolicy.model_validate({"effective": dt.date(2024, 1, 1), "basis": "x", "signed_by": "x", "tier": cuts,
                                    "inspection": rules})
source = {"source": "lottery", "name": "x", "issue": "1", "form": "6 of 33 + 1 of 16", "day": dt.date(2024, 5, 1)}
task = Task.model_validate({"id": "t", "label": {"zh": "t", "en": "t"}, "item": "t", "department": "t",
                            "start": dt.date(2024, 5, 2), "end": dt.date(2024, 6, 30), "seed": source})
def timed(name, done):
    begun = time.perf_counter()
    result = done()
    took[name] = round(time.perf_counter() - begun, 1)
    return result
plan = timed("planned", lambda: plan_inspections(Tiers(frame), policy, task=task))
timed("published", lambda: plan.publish(out=out, on=dt.date(2024, 4, 30), channel="x", by="x"))
folder = TaskFolder.of(out, "t")
def drawn():
    with changed(out, "draw") as entry:
        add_draw(entry, folder, drawn_of(published_frame(folder), seed="03 08 17 21 26 32 + 09"), by="x")
timed("drawn", drawn)
timed("exported in parts", lambda: export_task(folder, export, with_key=True))
print(json.dumps(took))
"""
#: What SQL says of the export: how many are drawn, and how many rows it would have otherwise. Two dialects, one query.
OTHERWISE = """
  WITH s AS (SELECT subject_id, stratum, ticket, drawn, mode FROM sample WHERE coalesce(exempt_reason, '') = ''),
  t AS (SELECT *, {sha}(concat('{seed}|{task}|', subject_id, '|', {sha}(concat('{key}|{task}|', subject_id, '|{key}'){bits}))
        {bits}) AS own FROM s),
  r AS (SELECT *, row_number() OVER (PARTITION BY stratum ORDER BY own) AS place FROM t),
  w AS (SELECT r.*, CASE WHEN place <= CAST(p.on_site AS INT) THEN 'on_site' WHEN place <= CAST(p.target AS INT) THEN 'off_site'
        ELSE '' END AS own_mode FROM r JOIN plan p ON r.stratum = p.stratum)
  SELECT count(*) AS n, sum(CASE WHEN own_mode <> '' THEN 1 ELSE 0 END) AS drawn,
         sum(CASE WHEN own = ticket AND own_mode = coalesce(mode, '') AND (own_mode <> '') = (drawn = '1') THEN 0 ELSE 1 END)
         AS otherwise
  FROM w
"""
REDRAWN = {
    "the one-file verifier": """
import sys, time, json, resource
sys.path.insert(0, sys.argv[4])
import verify_draw
begun = time.perf_counter()
result = verify_draw.verify(sys.argv[1])
print(json.dumps({"seconds": time.perf_counter() - begun, "cpu": time.process_time(),
                  "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                  "drawn": result.drawn, "otherwise": len(result.findings)}))
""",
    "duckdb": """
import sys, time, json, resource, duckdb
folder, told, query = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
begun = time.perf_counter()
connection = duckdb.connect()
connection.execute('SET enable_progress_bar = false')
for name, files in (("sample", "sample-*.csv.gz"), ("plan", "plan.csv")):
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_csv('{folder}/{files}', header = true, all_varchar = true)")
n, drawn, otherwise = connection.sql(query.format(**told, sha="sha256", bits="")).fetchall()[0]
print(json.dumps({"seconds": time.perf_counter() - begun, "cpu": time.process_time(),
                  "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                  "drawn": int(drawn), "otherwise": int(otherwise)}))
""",
    "spark": """
import sys, time, json, resource
from pyspark.sql import SparkSession
folder, told, query = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
begun = time.perf_counter()
session = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.driver.memory", "3g")
           .config("spark.sql.shuffle.partitions", "4").config("spark.driver.host", "127.0.0.1")
           .config("spark.driver.bindAddress", "127.0.0.1").getOrCreate())
session.sparkContext.setLogLevel("ERROR")
for name, files in (("sample", "sample-*.csv.gz"), ("plan", "plan.csv")):
    table = session.read.csv(f"{folder}/{files}", header=True)
    table.toDF(*[one.lstrip(chr(65279)) for one in table.columns]).createOrReplaceTempView(name)
n, drawn, otherwise = session.sql(query.format(**told, sha="sha2", bits=", 256")).first()
print(json.dumps({"seconds": time.perf_counter() - begun, "cpu": time.process_time(),
                  "mb": 0, "drawn": int(drawn), "otherwise": int(otherwise)}))
""",
}
#: Share drawn of each tier in ten-thousandths: Henan's table.
RATIOS = {"A": 100, "B": 200, "C": 1000, "D": 3000}


def main() -> None:
    """Print one row per size and way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--sealed", type=int, help="redraw the sealed export of a task of so many subjects")
    parser.add_argument("--spark", action="store_true", help="on Spark, too")
    told = parser.parse_args()
    if told.sealed:
        with tempfile.TemporaryDirectory() as name:
            _redraw(Path(name), told.sealed, ["duckdb", *(["spark"] if told.spark else [])])
        return
    print("| subjects | way | drawn | seconds (median) | peak MB |")
    print("|---|---|---|---|---|")
    for count in (told.subjects // 10, told.subjects):
        with tempfile.TemporaryDirectory() as name:
            _measure(Path(name), count, told.repeat)


def _redraw(folder: Path, count: int, engines: list[str]) -> None:
    """Make a sealed export of so many subjects, and redraw it in each way."""
    out, export = folder / "out", folder / "export"
    print("made:", ", ".join(f"{name} {seconds} s" for name, seconds in _said(SEALED, out, export, count).items()), flush=True)
    task = export / "tasks" / "t"
    manifest = json.loads((task / "manifest.json").read_text("utf-8"))
    told = {"seed": manifest["seed"], "task": "t", "key": (export / "keys" / "t").read_text("ascii").strip()}
    verifier = Path(__file__).resolve().parents[2] / "creditscore" / "inspection"
    print("| subjects | way | drawn | rows otherwise | seconds | of a processor | peak MB |\n|---|---|---|---|---|---|---|")
    for way in ("the one-file verifier", *engines):
        found = _said(REDRAWN[way], task, json.dumps(told), OTHERWISE, verifier)
        memory = f"{found['mb']:.0f}" if found["mb"] else "not measured"
        cpu = f"{found['cpu']:.1f}" if found["mb"] else "not measured"
        counts = f"{found['drawn']:,} | {found['otherwise']:,}"
        print(f"| {count:,} | {way} | {counts} | {found['seconds']:.1f} | {cpu} | {memory} |", flush=True)
        if (found["drawn"], found["otherwise"]) != (manifest["counts"]["drawn"], 0):
            sys.exit(f"{way}: another draw than the export's")


def _said(script: str, *arguments: object) -> dict[str, Any]:
    """The document that a script prints last, run in a process of its own."""
    said = subprocess.run([sys.executable, "-c", script, *map(str, arguments)], check=True, stdout=subprocess.PIPE)
    document: dict[str, Any] = json.loads(said.stdout[said.stdout.rindex(b"{") :])
    return document


def _measure(folder: Path, count: int, repeat: int) -> None:
    frame, strata, key = folder / "frame.parquet", folder / "strata.csv", folder / "key"
    key.write_text("0123456789abcdef" * 4 + "\n", "ascii")
    subprocess.run([sys.executable, "-c", MAKE, str(frame), str(count)], check=True)
    rows = [(f"t|{'ABCD'[k % 4]}|{k}", -(-RATIOS["ABCD"[k % 4]] * (count // 20) // 10_000)) for k in range(20)]
    strata.write_text("stratum,target\n" + "".join(f"{name},{target}\n" for name, target in rows), "utf-8")
    for way, script in (("ours", OURS), ("ranked", RANKED)):
        found = []
        for turn in range(repeat):
            out = folder / f"{way}-{turn}"
            out.mkdir()
            said = subprocess.run(
                [sys.executable, "-c", script, str(frame), str(strata), str(out), str(key)], check=True, capture_output=True
            )
            found.append(json.loads(said.stdout[said.stdout.rindex(b"{") :]))  # a bar of progress may stand before it
        seconds = statistics.median(one["seconds"] for one in found)
        print(f"| {count:,} | {way} | {found[0]['drawn']:,} | {seconds:.1f} | {max(one['mb'] for one in found):.0f} |", flush=True)
    subprocess.run([sys.executable, "-c", SAME, str(folder / "ours-0"), str(folder / "ranked-0")], check=True)


if __name__ == "__main__":
    main()
