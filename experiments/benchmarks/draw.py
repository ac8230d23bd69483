"""How long a draw of 10^6 and 10^7 subjects takes on DuckDB, in what memory, and against ranking everybody.

    python experiments/benchmarks/draw.py [--subjects 10000000] [--repeat 3]

Each measurement is a process of its own. ``ranked`` is the rival: SQL as one would write it, SHA-256 of every
subject and ROW_NUMBER per stratum. Both draw the same subjects, which is checked before anything is printed.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

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
frame, strata, out = map(Path, sys.argv[1:4])
begun = time.perf_counter()
made = draw_frame(Engine.duckdb(), frame, strata, task="t", seed="s", out=out)
seconds = time.perf_counter() - begun
print(json.dumps({"seconds": seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "drawn": made.drawn}))
"""
RANKED = """
import sys, time, json, resource, duckdb
frame, strata, out = sys.argv[1:4]
begun = time.perf_counter()
connection = duckdb.connect()
connection.execute('SET enable_progress_bar = false')
connection.execute(f'''COPY (
  WITH t AS (SELECT subject_id, stratum, sha256('s|t|' || subject_id) AS ticket FROM '{frame}'),
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
#: Share drawn of each tier in ten-thousandths: Henan's table.
RATIOS = {"A": 100, "B": 200, "C": 1000, "D": 3000}


def main() -> None:
    """Print one row per size and way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    told = parser.parse_args()
    print("| subjects | way | drawn | seconds (median) | peak MB |")
    print("|---|---|---|---|---|")
    for count in (told.subjects // 10, told.subjects):
        with tempfile.TemporaryDirectory() as name:
            _measure(Path(name), count, told.repeat)


def _measure(folder: Path, count: int, repeat: int) -> None:
    frame, strata = folder / "frame.parquet", folder / "strata.csv"
    subprocess.run([sys.executable, "-c", MAKE, str(frame), str(count)], check=True)
    rows = [(f"t|{'ABCD'[k % 4]}|{k}", -(-RATIOS["ABCD"[k % 4]] * (count // 20) // 10_000)) for k in range(20)]
    strata.write_text("stratum,target\n" + "".join(f"{name},{target}\n" for name, target in rows), "utf-8")
    for way, script in (("ours", OURS), ("ranked", RANKED)):
        found = []
        for turn in range(repeat):
            out = folder / f"{way}-{turn}"
            out.mkdir()
            said = subprocess.run(
                [sys.executable, "-c", script, str(frame), str(strata), str(out)], check=True, capture_output=True
            )
            found.append(json.loads(said.stdout[said.stdout.rindex(b"{") :]))  # a bar of progress may stand before it
        seconds = statistics.median(one["seconds"] for one in found)
        print(f"| {count:,} | {way} | {found[0]['drawn']:,} | {seconds:.1f} | {max(one['mb'] for one in found):.0f} |", flush=True)
    subprocess.run([sys.executable, "-c", SAME, str(folder / "ours-0"), str(folder / "ranked-0")], check=True)


if __name__ == "__main__":
    main()
