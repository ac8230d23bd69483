"""Odd cells of every column end alike on each engine: the same rows are kept, and the same cells refused with the same texts."""

import random

import pyarrow as pa
from support.cells import ODD_TEXTS
from support.deliveries import Delivery, csv_sources, refused, rows
from support.projects import item

from creditscore.engine import Engine
from creditscore.storage import write_parquet

SOUND = {
    "kind": "penalty", "event_date": "2024-01-01", "known_date": "2024-01-02", "document_no": "1号", "incident_id": "I1",
    "severity": "3", "金额": "1.234,5", "result": "kept", "provider": "甲局", "verified": "true", "valid_until": "2026-01-01",
}  # fmt: skip
RULES = [
    {"to": "amount", "rule": "parse_number", "column": "金额", "decimal": ",", "units": {"万元": 10_000}},
    {"to": "valid_until", "rule": "parse_date", "column": "valid_until", "formats": ["%Y-%m-%d", "%Y年%m月%d日", "excel"]},
]


def odd_events(subjects: int) -> pa.Table:
    """Each odd text in each column, sound cells around it; and rows with several odd cells."""
    made = []
    for column in (*SOUND, "subject_id", "event_id"):
        made += [{column: cell} for cell in ODD_TEXTS]
    dice = random.Random(18)
    made += [{column: dice.choice(ODD_TEXTS) for column in dice.sample(list(SOUND), 3)} for _ in range(1_500)]
    events = [{**SOUND, "event_id": f"E{n}", "subject_id": f"S{n % subjects}", **odd} for n, odd in enumerate(made)]
    return pa.table({name: pa.array([event[name] for event in events], pa.string()) for name in events[0]})


def test_odd_cells_of_every_column_end_alike_on_each_engine(tmp_path, engine):
    sources = csv_sources(
        subjects={"format": "parquet", "file": "s.parquet"}, events={"format": "parquet", "file": "e.parquet", "column": RULES},
        max_quarantined=1.0,
    )  # fmt: skip
    delivery = Delivery(tmp_path, catalogue={"item": [item("penalty")]}, sources=sources)
    subjects = {"valid_from": "2015-01-01", "known_date": "2015-01-01", "subject_type": "enterprise", "status": "active"}
    names = [*ODD_TEXTS, "店" * 201]
    table = {name: pa.array([cell] * len(names)) for name, cell in subjects.items()}
    table |= {"subject_id": pa.array([f"S{n}" for n in range(len(names))]), "name": pa.array(names)}
    write_parquet(delivery.data / "s.parquet", pa.table(table))
    events = odd_events(len(names))
    write_parquet(delivery.data / "e.parquet", events)
    here, there = delivery.open(engine), delivery.open(Engine.duckdb())
    for name in ("subjects", "events"):
        assert rows(here, name) == rows(there, name)
        assert len(rows(here, name)) > 100
    order = [(name, "ascending") for name in here.rejects.column_names]
    assert here.rejects.sort_by(order).equals(there.rejects.sort_by(order))
    assert {code.partition(":")[0] for code in here.rejects["code"].to_pylist()} >= {
        "BAD_VALUE", "OUT_OF_RANGE", "BAD_DATE", "MISSING", "UNKNOWN_SUBJECT", "OFF_CATALOGUE", "DATE_ORDER", "TOO_LONG",
    }  # fmt: skip
    wrong = [(n, "TOO_LONG:name") for n, name in enumerate(names) if len(name) > 200]
    wrong += [(n, "ERROR_CELL:name") for n, name in enumerate(names) if name.startswith("#")]
    assert sorted(entry for entry in refused(here, "field") if entry[0] == "subjects") == sorted(
        ("subjects", code, n + 1, f"S{n}|2015-01-01") for n, code in wrong
    )
    # A cell that could not be read is shown as it was sent, under the sender's name of its column.
    shown = {(r["row"], r["code"]): (r["column"], r["text"]) for r in here.rejects.to_pylist() if r["table"] == "events"}
    sent = events["金额"].to_pylist()
    bad = {row: text for (row, code), (column, text) in shown.items() if code == "BAD_VALUE:amount" and column == "金额"}
    assert len(bad) > 100
    harmless = {row: text for row, text in bad.items() if sent[row - 1].isprintable() and not sent[row - 1].startswith("张")}
    assert all(text == sent[row - 1][:100] for row, text in harmless.items())
    assert len(harmless) > 80
