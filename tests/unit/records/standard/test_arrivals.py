"""Sources pass in pieces: memory holds a piece of them, places are kept, and what breaks is told once."""

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from support.deliveries import Delivery, csv_sources, event_line, refused, rows, subject_line
from support.projects import event

from creditscore.errors import DataError
from creditscore.records.standard import pieces
from creditscore.records.standard.arrivals import source_rows
from creditscore.records.standard.identity import Identifier
from creditscore.records.standard.streams import Stream
from creditscore.records.tables import TABLES

ROWS = 1 << 16


def stream_of(delivery):
    sources = [source for source in delivery.project.sources.source if source.table == "events"]
    return Stream(TABLES["events"], sources, delivery.project, delivery.data, Identifier(delivery.project))


def write_events(path, groups):
    """So many row groups of distinct events."""
    schema = TABLES["events"].schema
    first = {name: event("x", "S1", "penalty", dt.date(2024, 1, 1)).get(name) for name in schema.names}
    plain = {field.name: pa.repeat(pa.scalar(first[field.name], field.type), ROWS) for field in schema}
    with pq.ParquetWriter(path, schema, write_page_checksum=True) as writer:
        for group in range(groups):
            numbers = pc.cast(pa.array(range(group * ROWS, (group + 1) * ROWS)), pa.string())
            ids = pc.binary_join_element_wise("E", numbers, "")
            writer.write_table(pa.table({**plain, "event_id": ids, "document_no": ids}, schema=schema))


def most_memory(delivery):
    """The most that Arrow holds while the stream is read and each piece let go."""
    most = before = pa.total_allocated_bytes()
    count = 0
    for batch in stream_of(delivery).reader():
        count += batch.num_rows
        most = max(most, pa.total_allocated_bytes())
    return count, most - before


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_memory_does_not_grow_with_the_rows(tmp_path, form):
    found = {}
    for groups in (2, 12):
        delivery = Delivery(tmp_path / str(groups), sources=csv_sources(events={"file": f"events.{form}", "format": form}))
        write_events(delivery.data / "events.parquet", groups)
        if form == "csv":
            pa.csv.write_csv(pq.read_table(delivery.data / "events.parquet"), delivery.data / "events.csv")
        found[groups] = most_memory(delivery)
    assert [count for count, _ in found.values()] == [2 * ROWS, 12 * ROWS]
    assert found[12][1] < 1.5 * found[2][1]


def test_rows_are_numbered_over_all_sources_and_traced_back(tmp_path):
    more = [{"name": name, "table": "events", "file": f"{name}.csv", "format": "csv"} for name in ("none", "more")]
    delivery = Delivery(tmp_path, sources=csv_sources(others=more))
    delivery.events(event_line("E1"), event_line("E2", "S9"))
    delivery.file("none.csv", (delivery.data / "events.csv").read_text("utf-8").splitlines()[0] + "\n")
    delivery.file("more.csv", (delivery.data / "events.csv").read_text("utf-8").replace("E2", "E4").replace("E1", "E3"))
    records = delivery.open()
    assert [(row["source"], row["row"], row["key"]) for row in records.rejects.to_pylist()] == [
        ("records", 3, "E2"),
        ("more", 3, "E4"),
    ]
    names, numbers = source_rows(list(records.arrivals[1:]), pa.array([2, 3, 6, 7], pa.int64()))
    assert (names.to_pylist(), numbers.to_pylist()) == (["records", "records", "more", "more"], [2, 3, 2, 3])


def test_filtered_rows_are_counted_and_keep_the_others_numbers(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(events={"where": {"column": "result", "values": ["是"]}}))
    delivery.events(event_line("E1", result="否"), event_line("E2", "S9", result="是"), event_line("E3", result="是"))
    records = delivery.open()
    assert [row["event_id"] for row in rows(records)] == ["E3"]
    assert [entry[1:3] for entry in refused(records)] == [("UNKNOWN_SUBJECT", 3)]
    assert records.arrivals[1].left_out == 1


def test_a_library_error_is_reported_by_type_and_position_only(tmp_path, monkeypatch):
    def breaks(*given, **options):
        raise pa.ArrowInvalid("could not convert 张三")

    delivery = Delivery(tmp_path)
    delivery.subjects(subject_line("S1", "张三"))
    monkeypatch.setattr(pieces, "apply_rules", breaks)
    with pytest.raises(DataError, match=r"subjects: could not be read \(ArrowInvalid in \w+\.py, line \d+\)") as refusal:
        delivery.open()
    assert "张三" not in str(refusal.value)


def test_an_optional_source_may_be_absent(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(events={"optional": True}))
    (delivery.data / "events.csv").unlink()
    assert rows(delivery.open()) == []
