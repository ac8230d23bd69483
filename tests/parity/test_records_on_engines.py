"""The same rows are kept, refused and collapsed on each engine, streams and views behave alike, and the check-up agrees."""

import ibis
import pyarrow as pa
import pytest
from support.deliveries import DAY, Delivery, csv_sources, event_line, refused, rows, subject_line, text, valid_codes
from support.projects import item

from creditscore.engine import Engine
from creditscore.errors import DataError
from creditscore.records.deliveries.checkup import check_up

CHANGES = {"name": "changes", "table": "changes", "file": "changes.csv", "format": "csv"}
SCHEMA = pa.schema([("n", pa.int64()), ("text", pa.string())])
TABLE = ibis.table({"n": "int64", "text": "string"}, name="numbers")


def stream(*sizes, error=None):
    def batches():
        start = 0
        for size in sizes:
            yield pa.record_batch(
                {"n": list(range(start, start + size)), "text": [None if n % 3 else f"t{n}" for n in range(size)]}, schema=SCHEMA
            )
            start += size
        if error:
            raise error

    return pa.RecordBatchReader.from_batches(SCHEMA, batches())


def numbers(engine, table):
    return sorted(engine.query(table)["n"].to_pylist())


def test_a_stream_is_read_once_by_the_next_create(engine):
    engine.register("arriving_numbers", stream(5, 0, 7))
    given = ibis.table({"n": "int64", "text": "string"}, name="arriving_numbers")
    made = engine.create("numbers", given.mutate(n=given.n * 2))
    engine.drop("arriving_numbers")
    assert numbers(engine, made) == list(range(0, 24, 2))
    assert engine.query(made.filter(made.text.notnull()))["text"].to_pylist().count("t0") == 2


def test_a_view_follows_its_table_and_rows_can_be_deleted_by_key(engine):
    engine.register("arriving_numbers", stream(10))
    made = engine.create("numbers", ibis.table({"n": "int64", "text": "string"}, name="arriving_numbers"))
    seen = engine.view("even", made.filter(made.n % 2 == 0))
    assert numbers(engine, seen) == [0, 2, 4, 6, 8]
    engine.register("gone", pa.table({"n": pa.array([0, 4, 5, 99], pa.int64())}))
    engine.delete("numbers", ibis.table({"n": "int64"}, name="gone"), "n")
    assert numbers(engine, TABLE) == [1, 2, 3, 6, 7, 8, 9]
    if engine.name == "DuckDB":  # a view of Spark keeps the table it was made of
        assert numbers(engine, seen) == [2, 6, 8]


def test_a_stream_that_breaks_off_leaves_no_cell_in_the_error(engine):
    given = ibis.table({"n": "int64", "text": "string"}, name="arriving_numbers")

    def read():
        engine.register("arriving_numbers", stream(5, error=pa.ArrowInvalid("张三")))
        engine.create("numbers", given)

    with pytest.raises(DataError) as refusal:
        read()
    assert "张三" not in str(refusal.value)


@pytest.fixture
def delivery(tmp_path):
    """Faults of every kind that only an engine finds: unknown, repeated, conflicting, off-catalogue, told twice."""
    kinds = [item("penalty", retention_months=60), item("award"), item("complaint", "market")]
    made = Delivery(tmp_path, catalogue={"item": kinds}, sources=csv_sources(id_scheme="uscc", others=[CHANGES]))
    codes = valid_codes(5)
    made.subjects(
        *(subject_line(code, f"店{n}") for n, code in enumerate(codes[:3])), subject_line(codes[1], "店1"),
        subject_line(codes[3], "甲店"), subject_line(codes[3], "甲店", valid_from="2020-01-01", registered_date="2020-01-01"),
        subject_line(codes[4], "甲"), subject_line(codes[4], "乙"), subject_line("431103600012345"),
    )  # fmt: skip
    one, other, *_ = codes
    made.events(
        event_line("E1", one, severity="3", document_no="1号"), event_line("E1", one, severity="3", document_no="1号"),
        event_line("E2", other, severity="4"), event_line("E2", other, severity="5"), event_line("E3", codes[3]),
        event_line("E4", one, "gossip"), event_line("E5", one, known_date="2023-12-31"), event_line("E6", one, amount="-1"),
        event_line("E7", one, document_no="1号", known_date="2024-01-05"), event_line("E8", other, "award", event_date="2018-01-01"),
        "E9,too,few",
    )  # fmt: skip
    changes = [f"E{n},repaired,2024-03-01,2024-03-02" for n in (1, 3, 99)] + ["E8,disputed,2024-01-01,2024-01-01"]
    made.file("changes.csv", text("event_id,change,effective_date,known_date", [*changes, changes[0]]))
    return made


def test_both_engines_quarantine_alike_and_their_check_ups_agree(delivery, engine):
    here, there = delivery.open(engine), delivery.open(Engine.duckdb())
    for table in ("subjects", "events", "changes"):
        assert rows(here, table) == rows(there, table)
    outcomes = [{name: (o.arrived, o.kept, o.quarantined, o.collapsed) for name, o in r.outcomes.items()} for r in (here, there)]
    assert outcomes[0] == outcomes[1]
    assert refused(here) == refused(there)
    assert refused(here, "field") == refused(there, "field") == [("events", "OUT_OF_RANGE:amount", 9, "E6")]
    assert {code for _, code, _, _ in refused(here)} == {
        "ID_SHARED", "DUP_CONFLICT", "ID_OLD_NUMBER", "UNKNOWN_SUBJECT", "UNKNOWN_EVENT", "OFF_CATALOGUE", "DATE_ORDER:known_date", "RAGGED_LINE",
    }  # fmt: skip
    frames = [check_up(records, as_of=DAY).table() for records in (here, there)]
    assert frames[0].equals(frames[1])


def test_keys_of_events_are_alike(delivery, engine):
    tables = []
    for one in (engine, Engine.duckdb()):
        records = delivery.open(one)
        keyed = records.table("event_keys")
        tables.append(one.query(keyed.order_by("event_id")).to_pylist())
    assert tables[0] == tables[1]
    by_id = {row["event_id"]: row for row in tables[0]}
    assert by_id["E1"]["incident_key"] == by_id["E7"]["incident_key"]
    assert by_id["E1"]["event_key"] < by_id["E7"]["event_key"]
    assert by_id["E1"]["copies"]
    assert not by_id["E6"]["copies"]
