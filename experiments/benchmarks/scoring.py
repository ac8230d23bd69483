"""How long scoring takes: in memory, by industry, from Parquet to Parquet, and for one subject; the rivals hold the same card.

    python -m experiments.benchmarks.scoring [--rows 1000000] [--industries 20] [--file-rows 2000000] [--repeat 5] [--only ...]

Limits: in memory optbinning, which uses one thread, takes at least 20 times our time on one thread, and by the clock on all;
cards by industry take at most 1.5 times the time of one card.

Every rival's scores are compared with ours first; a number that differs ends the run. Runs go round
robin, so that whatever else the machine does falls on all alike; medians are printed.
"""

import argparse
import importlib.util
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import creditscore as cs
from creditscore.engine import compile_sql, unbound
from creditscore.models.scoring_sql import points_expression, score_expression
from experiments.benchmarks.card_rivals import as_polars, as_sklearn, as_toad, expert_table, fit_optbinning, population
from experiments.benchmarks.fitting import population as fitting_population
from experiments.benchmarks.timing import Work, held, medians, shown

FROM = 'FROM "features"'
POINTS = "points of every characteristic, blocks, score, ppm"


def in_memory(card: cs.Scorecard, theirs, rows: int, repeat: int) -> None:
    """A pandas frame in memory to whole scores."""
    frame, _ = population(rows, seed=2)
    objects = frame.astype({name: object for name in frame if name.startswith("t")})
    pipe, native, chain = as_sklearn(card, frame.head(1000)), pl.from_pandas(frame), as_polars(card)
    works: dict[str, Work] = {
        "ours": lambda: card.scores(frame),
        "ours, 1 thread": lambda: card.scores(frame, threads=1),
        "ours, polars frame": lambda: card.scores(native),
        "polars (native frame)": lambda: native.select(chain)["score"].to_numpy(),
        "optbinning": lambda: theirs.score(objects),
        "scikit-learn": lambda: pipe.predict(frame),
    }
    if importlib.util.find_spec("toad"):
        toad = as_toad(card)
        works["toad"] = lambda: toad.predict(frame)
    else:
        print("toad is not installed: left out")
    wanted = card.scores(frame).to_numpy()
    for name, work in works.items():
        differ = int((np.asarray(work()) != wanted).sum())
        if differ:
            raise SystemExit(f"{name}: {differ} of {rows} scores differ")
    print(f"\nin memory, {rows:,} rows x {len(card.features)}: all scores equal")
    spans = medians(works, repeat)
    shown("in memory", spans, "ours")
    held("optbinning, as long as ours on one thread each", spans, "ours, 1 thread", "optbinning", at_least=20)


def by_industry(rows: int, industries: int, repeat: int) -> None:
    """Cards of many industries against the pooled card, on the same rows; by the clock and, threads apart, of the processors."""
    X, y, weight, industry = fitting_population(20_000, industries)
    cards = cs.IndustryScorecards(tune="off", cross_fit=False).fit(X, y, industry=industry, sample_weight=weight)
    frame, _, _, industry = fitting_population(rows, industries)
    frame["branch"], one = industry, cards.pooled_
    works: dict[str, Work] = {
        "one card, scores": lambda: one.scores(frame),
        "cards by industry (a column of the frame), scores": lambda: cards.scores(frame, industry="branch"),
        "cards by industry (an array of objects), scores": lambda: cards.scores(frame, industry=industry),
        "one card, probabilities": lambda: one.predict_proba(frame),
        "cards by industry (a column of the frame), probabilities": lambda: cards.predict_proba(frame, industry="branch"),
    }
    found = cards.scores(frame, industry="branch").to_numpy()
    for code, card in cards.scorecards_.items():
        if not (found[industry == code] == card.scores(frame[industry == code]).to_numpy()).all():
            raise SystemExit(f"industry {code}: scores differ")
    print(f"\n{rows:,} rows x {len(one.features)}, {industries} industries: all scores equal")
    spans = medians(works, repeat)
    shown("by industry", spans, "one card, scores")
    for kind in ("a column of the frame", "an array of objects"):
        held(f"by industry ({kind})", spans, f"cards by industry ({kind}), scores", "one card, scores", at_most=1.5)


def written(folder: Path, rows: int) -> Path:
    """A Parquet file of keys and features."""
    path, chunk = folder / "features.parquet", 500_000
    writer = None
    for start in range(0, rows, chunk):
        size = min(chunk, rows - start)
        frame, _ = population(size, seed=start + 3)
        keys = {"subject_id": [f"S{place:017d}" for place in range(start, start + size)]}
        table = pa.Table.from_pandas(pd.DataFrame(keys).join(frame), preserve_index=False)
        table = pa.table(
            {
                field: table[field].cast(pa.string()) if pa.types.is_large_string(table[field].type) else table[field]
                for field in table.column_names
            }
        )
        table = table.add_column(1, "as_of", pa.array(np.full(size, np.datetime64("2024-04-30")), pa.date32()))
        table = table.add_column(2, "industry", pa.array(["food_service"] * size))
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=122_880)
    assert writer is not None
    writer.close()
    return path


def from_file_to_file(card: cs.Scorecard, rows: int, repeat: int) -> None:
    """DuckDB runs the card's SQL; the base is reading every column and writing subject, day and score."""
    with tempfile.TemporaryDirectory(prefix="scoring-", dir=os.environ.get("TMPDIR")) as name:
        path = written(Path(name), rows)
        out = Path(name) / "out.parquet"
        connection = duckdb.connect()
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET preserve_insertion_order = false")
        connection.read_parquet(str(path)).create_view("features")
        features = unbound("features", pq.read_schema(path))
        expressions = {
            "score": score_expression(features, card).select("subject_id", "as_of", "score"),
            "score, ppm": score_expression(features, card).select("subject_id", "as_of", "score", "probability_ppm"),
            POINTS: points_expression(features, card),
            "scores.parquet (with blocks and 4 reasons)": score_expression(features, card),
        }
        queries = {label: compile_sql(one, "duckdb") for label, one in expressions.items()}
        frame = pq.read_table(path).slice(0, 200_000)
        connection.register("few_rows", frame)
        few = compile_sql(score_expression(features, card), "duckdb").replace('"features"', '"few_rows"')
        wanted = pd.Series(card.scores(frame).to_numpy(), index=frame["subject_id"].to_pandas())
        found = connection.sql(few).df().set_index("subject_id")["score"]
        if not (found.reindex(wanted.index) == wanted).all():
            raise SystemExit("SQL and memory differ")
        connection.execute(f"CREATE TABLE base AS {queries['score']}")
        columns = ", ".join(f"sum({c})" if c.startswith("x") else f"count({c})" for c in features.columns)
        works: dict[str, Work] = {
            "read": lambda: connection.execute(f"SELECT {columns} FROM features").fetchall(),
            "write": lambda: connection.execute(f"COPY base TO '{out}' (FORMAT parquet)"),
        }
        works |= {
            label: (lambda q=q: connection.execute(f"COPY ({q}) TO '{out}' (FORMAT parquet)")) for label, q in queries.items()
        }
        size = path.stat().st_size / 1e6
        print(f"\nParquet to Parquet, {rows:,} rows ({size:.0f} MB) x {len(card.features)}: scores equal those in memory")
        spans = medians(works, repeat)
        both = (spans["read"][0] + spans["write"][0], spans["read"][1] + spans["write"][1])
        shown("Parquet to Parquet", {"read + write": both, **spans}, "read + write")
        for part in (4, 1):
            first = f"(FROM features WHERE subject_id < 'S{rows // part:017d}')"
            few = f"COPY ({queries[POINTS].replace(FROM, 'FROM ' + first)}) TO '{out}' (FORMAT parquet)"
            print(f"peak memory of a process that scores {rows // part:,} rows with points: {peak(path, few)} MB")


def peak(path: Path, sql: str) -> int:
    """Peak memory in MB of a process that does nothing but run this on the file."""
    code = (
        "import duckdb, sys; c = duckdb.connect(); c.execute('SET preserve_insertion_order = false');"
        "c.execute('SET enable_progress_bar = false');"
        "c.read_parquet(sys.argv[1]).create_view('features'); c.execute(sys.argv[2]);"
        # Unlike ru_maxrss it does not begin with what the parent had.
        "print(next(int(one.split()[1]) // 1024 for one in open('/proc/self/status') if one.startswith('VmHWM')))"
    )
    return int(subprocess.run([sys.executable, "-c", code, str(path), sql], check=True, capture_output=True, text=True).stdout)


def one_subject(card: cs.Scorecard, repeat: int) -> None:
    """Everything that is said of one subject, from a loaded card."""
    frame = population(100, seed=9)[0].head(1)

    def told() -> None:
        card.scores(frame), card.predict_proba(frame), card.block_points(frame)
        card.reasons(frame), card.improvements(frame), card.labels(frame)

    told()
    span = medians({"one": told}, 20 * repeat)["one"][0]
    print(f"\none subject scored, its probability, blocks, reasons, improvements and labels: {1000 * span:.1f} ms")


def main() -> None:
    """All four."""
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=1_000_000, help="rows in memory")
    options.add_argument("--file-rows", type=int, default=2_000_000, help="rows of the file; the budget is for 10,000,000")
    options.add_argument("--repeat", type=int, default=5)
    options.add_argument("--only", choices=("memory", "industries", "file", "one"))
    options.add_argument("--industries", type=int, default=20)
    told = options.parse_args()
    logging.getLogger("creditscore").setLevel(logging.ERROR)
    if told.only in (None, "industries"):
        by_industry(told.rows, told.industries, told.repeat)
    if told.only == "industries":
        return
    theirs = fit_optbinning(*population(30_000, seed=1))
    card = cs.Scorecard.from_table(expert_table(theirs), name="benchmark")
    if told.only in (None, "memory"):
        in_memory(card, theirs, told.rows, told.repeat)
    if told.only in (None, "file"):
        from_file_to_file(card, told.file_rows, told.repeat)
    if told.only in (None, "one"):
        one_subject(card, told.repeat)


if __name__ == "__main__":
    main()
