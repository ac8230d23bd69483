"""How long 40 features take, against hand-written SQL, polars and pandas of the same job in the same run.

    python experiments/benchmarks/features.py [--events 10000000] [--subjects 500000] [--repeat 5] [--pandas]
    python experiments/benchmarks/features.py --panel     # eight days against one
    python experiments/benchmarks/features.py --large     # ten times the events, in parts, within 2 GB

Synthetic events of eight kinds, uniform over subjects and five years. Two jobs: ``plain`` (two clocks and
expiry, nothing told twice, nothing changed) and ``full`` (5 % of incidents told by two providers, 3 %
repaired: visibility of changes and one count per incident). All answers are compared cell by cell first.
"""

import argparse
import datetime as dt
import statistics
import tempfile
import time
from pathlib import Path

import duckdb
import ibis
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import creditscore as cs
from creditscore.config.features import FeatureSpec
from creditscore.config.spec import Label
from creditscore.dates import day_number, months_before
from creditscore.features.build import feature_table
from creditscore.features.spine import Spine, spine
from creditscore.records.records import Records
from creditscore.records.tables import TABLES
from experiments.benchmarks.timing import medians, shown

DAY = dt.date(2024, 4, 30)
KINDS = 8


def features(kinds: list[str]) -> tuple[FeatureSpec, ...]:
    """16 counts, 8 sums, 8 maxima and 8 days since the last: 40."""
    made = []
    for place, kind in enumerate(kinds):
        base = {"label": Label(zh="x", en="x"), "unit": "x", "source": "market", "kind": (kind,)}
        made += [FeatureSpec(name=f"n{m}_{place}", aggregate="count", months=m, **base) for m in (12, 24)]
        if place < KINDS // 2:
            made += [FeatureSpec(name=f"s{m}_{place}", aggregate="sum", column="severity", months=m, **base) for m in (12, 24)]
            made += [FeatureSpec(name=f"x{m}_{place}", aggregate="max", column="severity", months=m, **base) for m in (12, 24)]
        made.append(FeatureSpec(name=f"d_{place}", aggregate="days_since_last", **base))
    return tuple(made)


def event_keys(events: int, subjects: int, *, full: bool, seed: int = 1) -> tuple[pa.Table, pa.Table]:
    """The keyed events and the hidden ranges, as the records layer would leave them."""
    rng, today = np.random.default_rng(seed), day_number(DAY)
    day = today - rng.integers(-30, 5 * 365, events).astype(np.int32)
    key = np.arange(events, dtype=np.int64)
    subject, kind = rng.integers(0, subjects, events), rng.integers(0, KINDS, events).astype(np.int32)
    incident, copies = key.copy(), np.zeros(events, bool)
    if full:  # a twentieth of the events tell of the incident told just before
        again = np.flatnonzero(rng.random(events) < 0.05)
        again = again[(again > 0) & ~np.isin(again - 1, again)]
        for column in (subject, kind, day):
            column[again] = column[again - 1]
        incident[again] = again - 1
        copies[again] = copies[again - 1] = True
    valid = np.where(rng.random(events) < 0.1, day + 400, 0)
    nothing = pa.nulls(events, pa.string())
    table = pa.table({
        "event_key": key, "event_id": nothing, "subject_key": subject, "kind_key": kind,
        "severity": rng.integers(1, 11, events).astype(np.int32), "result": nothing, "verified": pa.nulls(events, pa.bool_()),
        "provider": nothing, "document_no": nothing, "incident": nothing, "event_day": day,
        "known_day": (day + rng.integers(0, 30, events)).astype(np.int32),
        "valid_day": pa.array(valid.astype(np.int32), mask=valid == 0), "cents": pa.nulls(events, pa.int64()),
        "incident_key": incident, "copies": copies,
    })  # fmt: skip
    gone = np.unique(incident[rng.random(events) < 0.03]) if full else np.empty(0, np.int64)
    started = (today - rng.integers(-200, 400, len(gone))).astype(np.int32)
    hidden = pa.table({
        "incident_key": gone, "hidden_from": started, "hidden_until": np.full(len(gone), 10_000_000, np.int32),
        "why": pa.array(["repaired"] * len(gone), pa.string()),
    })  # fmt: skip
    return table, hidden


def records_of(engine: cs.Engine, project: cs.Project, events: pa.Table, hidden: pa.Table, subjects: int) -> Records:
    """Records over tables that are already in the engine."""
    ids = pa.array([f"S{place:09d}" for place in range(subjects)])
    days = pa.array(np.full(subjects, day_number(dt.date(2015, 1, 1)), np.int32))
    given = {"subject_id": ids, "subject_type": pa.array(["enterprise"] * subjects), "status": pa.array(["active"] * subjects)}
    given["industry"] = pa.array(["x"] * subjects)
    plain = TABLES["subjects"].columns.items()
    columns = {
        name: given.get(name, days.cast(pa.date32()) if kind == pa.date32() else pa.nulls(subjects, kind)) for name, kind in plain
    }
    columns["deregistered_date"] = pa.nulls(subjects, pa.date32())
    keys = {"subject_key": pa.array(np.arange(subjects)), "from_day": days, "known_day": days, "registered_day": days}
    engine.register("subject_versions", pa.table({**columns, **keys, "deregistered_day": pa.nulls(subjects, pa.int32())}))
    engine.register("subject_index", pa.table({"subject_id": ids, "subject_key": keys["subject_key"]}))
    engine.register("event_keys", events)
    engine.register("hidden", hidden)
    return Records(engine=engine, project=project, outcomes={}, rejects=pa.table({}), arrivals=())


def by_hand(specs: tuple[FeatureSpec, ...], *, full: bool) -> str:
    """The SQL a careful analyst would write for the same columns."""
    today, after = day_number(DAY), {m: day_number(months_before(DAY, m)) for m in (12, 24)}
    words = []
    for spec in specs:
        kind = int(spec.name.rsplit("_", 1)[1])
        where = f"kind_key = {kind}" + (f" AND event_day > {after[spec.months]}" if spec.months else "")
        what = {"count": "count(*)", "sum": "coalesce(sum(severity) FILTER (WHERE {w}), 0)", "max": "max(severity)"}
        if spec.aggregate == "days_since_last":
            words.append(f"{today} - max(event_day) FILTER (WHERE {where}) AS {spec.name}")
        elif spec.aggregate == "sum":
            words.append(what["sum"].format(w=where) + f" AS {spec.name}")
        else:
            words.append(f"{what[spec.aggregate]} FILTER (WHERE {where}) AS {spec.name}")
    valid = f"(valid_day IS NULL OR valid_day >= {today})"
    seen = f"SELECT * FROM event_keys WHERE event_day <= {today} AND known_day <= {today} AND {valid}"
    if full:
        gone = f"SELECT incident_key FROM hidden WHERE hidden_from <= {today} AND hidden_until > {today}"
        seen = f"{seen} AND incident_key NOT IN ({gone})"
        rank = "row_number() OVER (PARTITION BY incident_key ORDER BY known_day, event_key)"
        seen = f"SELECT * FROM ({seen}) WHERE NOT copies UNION ALL SELECT * FROM ({seen} AND copies) QUALIFY {rank} = 1"
    return f"SELECT subject_key, {', '.join(words)} FROM ({seen}) GROUP BY subject_key"


def in_polars(events: pl.DataFrame, hidden: pl.DataFrame, specs: tuple[FeatureSpec, ...], *, full: bool) -> pl.DataFrame:
    """The same columns in polars."""
    today, after = day_number(DAY), {m: day_number(months_before(DAY, m)) for m in (12, 24)}
    seen = events.lazy().filter((pl.col("event_day") <= today) & (pl.col("known_day") <= today))
    seen = seen.filter(pl.col("valid_day").is_null() | (pl.col("valid_day") >= today))
    if full:
        gone = hidden.lazy().filter((pl.col("hidden_from") <= today) & (pl.col("hidden_until") > today))
        seen = seen.join(gone, on="incident_key", how="anti")
        seen = seen.sort("known_day", "event_key").unique("incident_key", keep="first")
    words = []
    for spec in specs:
        where = pl.col("kind_key") == int(spec.name.rsplit("_", 1)[1])
        where = where & (pl.col("event_day") > after[spec.months]) if spec.months else where
        made = {
            "count": where.sum().cast(pl.Int64), "sum": pl.col("severity").filter(where).sum(),
            "max": pl.col("severity").filter(where).max(), "days_since_last": today - pl.col("event_day").filter(where).max(),
        }  # fmt: skip
        words.append(made[spec.aggregate].alias(spec.name))
    return seen.group_by("subject_key").agg(words).collect()


def in_pandas(
    events: pd.DataFrame, hidden: pd.DataFrame, specs: tuple[FeatureSpec, ...], subjects: int, *, full: bool
) -> pd.DataFrame:
    """The same columns by masked group-bys."""
    today, after = day_number(DAY), {m: day_number(months_before(DAY, m)) for m in (12, 24)}
    seen = events[(events["event_day"] <= today) & (events["known_day"] <= today)]
    seen = seen[seen["valid_day"].isna() | (seen["valid_day"] >= today)]
    if full:
        gone = hidden.loc[(hidden["hidden_from"] <= today) & (hidden["hidden_until"] > today), "incident_key"]
        seen = seen[~seen["incident_key"].isin(gone)].sort_values(["known_day", "event_key"]).drop_duplicates("incident_key")
    out = pd.DataFrame(index=pd.RangeIndex(subjects))
    for spec in specs:
        mask = seen["kind_key"] == int(spec.name.rsplit("_", 1)[1])
        part = seen[mask & (seen["event_day"] > after[spec.months])] if spec.months else seen[mask]
        groups = part.groupby("subject_key")
        if spec.aggregate == "days_since_last":
            out[spec.name] = today - groups["event_day"].max()
        elif spec.aggregate == "count":
            out[spec.name] = groups.size().reindex(out.index, fill_value=0)
        elif spec.aggregate == "sum":
            out[spec.name] = groups["severity"].sum().reindex(out.index, fill_value=0)
        else:
            out[spec.name] = groups["severity"].max()
    return out


def aligned(frame: pd.DataFrame, specs: tuple[FeatureSpec, ...], subjects: int) -> np.ndarray:
    """All columns by subject; nothing seen is 0 for counts and sums, missing else."""
    frame = frame.set_index("subject_key") if "subject_key" in frame else frame
    frame = frame[[spec.name for spec in specs]].reindex(range(subjects))
    zero = [spec.name for spec in specs if spec.aggregate in ("count", "sum")]
    return frame.fillna(dict.fromkeys(zero, 0)).to_numpy(dtype=float, na_value=np.nan)


def timed(work, repeat: int) -> float:
    """The median of several runs."""
    spans = []
    for _ in range(repeat):
        begun = time.perf_counter()
        work()
        spans.append(time.perf_counter() - begun)
    return statistics.median(spans)


def job(events: int, subjects: int, repeat: int, *, full: bool, slow: bool) -> None:
    """One of the two jobs: compare, then time."""
    engine = cs.Engine.duckdb()
    records, specs = prepared(events, subjects, full=full, engine=engine)
    table, hidden = event_keys(events, subjects, full=full)
    rows = spine(records, as_of=DAY)
    con = duckdb.connect()
    con.register("a", table)
    con.register("b", hidden)
    con.execute("CREATE TABLE event_keys AS SELECT * FROM a; CREATE TABLE hidden AS SELECT * FROM b")
    sql = f"CREATE OR REPLACE TABLE out AS {by_hand(specs, full=full)}"
    frame, gone = pl.from_arrow(table), pl.from_arrow(hidden)
    plain, plain_hidden = (table.to_pandas(), hidden.to_pandas()) if slow else (None, None)
    ways = {
        "ours": lambda: feature_table(records, rows, specs),
        "hand": lambda: con.execute(sql),
        "polars": lambda: in_polars(frame, gone, specs, full=full),
    }
    if slow:
        ways["pandas"] = lambda: in_pandas(plain, plain_hidden, specs, subjects, full=full)
    ours = engine.query(ways["ours"]().order_by("row_key")).to_pandas()
    ours.index = range(subjects)
    ways["hand"]()
    theirs = [con.execute("SELECT * FROM out").df(), ways["polars"]().to_pandas(), *([ways["pandas"]()] if slow else [])]
    wanted = aligned(ours, specs, subjects)
    others = [aligned(one, specs, subjects) for one in theirs]
    differing = [int((~((wanted == other) | (np.isnan(wanted) & np.isnan(other)))).sum()) for other in others]
    slower = {"pandas": timed(ways.pop("pandas"), 2)} if slow else {}
    spans = {name: clock for name, (clock, _) in medians(ways, repeat).items()} | slower
    seconds = [f"{spans[name]:.2f}" if name in spans else "-" for name in ("ours", "hand", "polars", "pandas")]
    ratios = [f"{spans['ours'] / spans[name]:.2f}" if name in spans else "-" for name in ("hand", "polars", "pandas")]
    print(f"| {'full' if full else 'plain'} | {events:,} | {differing} | {' | '.join([*seconds, *ratios])} |")


def prepared(events: int, subjects: int, *, full: bool, engine: cs.Engine) -> tuple[Records, tuple[FeatureSpec, ...]]:
    """Records of synthetic events on an engine, and the forty features."""
    project = cs.load_project("configs/yongzhou")
    specs = features([item.kind for item in project.catalogue.item][:KINDS])
    market = tuple(item.model_copy(update={"source": "market", "found_by": "register"}) for item in project.catalogue.item)
    object.__setattr__(project, "catalogue", project.catalogue.model_copy(update={"item": market}))
    table, hidden = event_keys(events, subjects, full=full)
    return records_of(engine, project, table, hidden, subjects), specs


def panel(events: int, subjects: int, repeat: int) -> None:
    """All subjects on eight days in one call, against one day; the works take turns."""
    records, specs = prepared(events, subjects, full=True, engine=cs.Engine.duckdb())
    days = [months_before(DAY, 3 * quarter) for quarter in range(8)]
    spines = [spine(records, as_of=day, name=f"spine_{place}") for place, day in enumerate(days)]
    tables = [one.table.mutate(row_key=one.table.row_key + place * subjects) for place, one in enumerate(spines)]
    records.engine.create("panel_spine", ibis.union(*tables))
    rows = Spine(records, "panel_spine", {})
    engine = records.engine
    eight = engine.content_hash(feature_table(records, rows, specs).drop("row_key"))
    alone = [feature_table(records, one, specs, name=f"features_{place}") for place, one in enumerate(spines)]
    same = eight == engine.content_hash(ibis.union(*(one.drop("row_key") for one in alone)))
    for place in range(len(alone)):
        engine.drop(f"features_{place}")
    works = {"one day": lambda: feature_table(records, spines[0], specs), "eight days": lambda: feature_table(records, rows, specs)}
    shown(f"{events:,} events, eight days; the same content: {same}", medians(works, repeat), "one day")


def large(events: int, subjects: int) -> None:
    """Ten times the events from a Parquet file, in parts of the subjects, in an engine that may use 2 GB."""
    spans = {}
    with tempfile.TemporaryDirectory() as folder:
        for factor in (1, 10):
            path = Path(folder) / f"{factor}.parquet"
            write_events(path, events, subjects, factor)
            engine = cs.Engine.duckdb(memory_limit="2GB", spill=Path(folder))
            records, specs = prepared(1000, subjects * factor, full=False, engine=engine)
            engine.register("event_keys", path)
            rows = spine(records, as_of=DAY)
            begun = time.perf_counter()
            feature_table(records, rows, specs, buckets=max(1, factor * events // 12_500_000))
            spans[factor] = time.perf_counter() - begun
            print(f"{factor * events:,} events, {factor * subjects:,} subjects: {spans[factor]:.1f} s")
    print(f"ten times the events take {spans[10] / spans[1]:.1f} times as long")


def write_events(path: Path, events: int, subjects: int, factor: int) -> None:
    """``factor`` blocks of events, each about its own subjects, in one file."""
    writer = None
    for block in range(factor):
        table, _ = event_keys(events, subjects, full=False, seed=block)
        shifted = pa.array(table["subject_key"].to_numpy() + block * subjects)
        table = table.set_column(table.schema.get_field_index("subject_key"), "subject_key", shifted)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=500_000)
    if writer is not None:
        writer.close()


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--subjects", type=int, default=500_000)
    parser.add_argument("--repeat", type=int, default=5)
    for way in ("pandas", "panel", "large"):
        parser.add_argument(f"--{way}", action="store_true")
    told = parser.parse_args()
    if told.panel:
        return panel(told.events, told.subjects, told.repeat)
    if told.large:
        return large(told.events, told.subjects)
    print("| job | events | differing cells | ours s | by hand s | polars s | pandas s | ours/hand | ours/polars | ours/pandas |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for full in (False, True):
        job(told.events, told.subjects, told.repeat, full=full, slow=told.pandas)
    return None


if __name__ == "__main__":
    main()
