"""Identical rows collapse, conflicting rows are all quarantined, and joins never multiply rows."""

import ibis
import pyarrow as pa
import pytest
from support.deliveries import Delivery, csv_sources, equation, event_line, refused, rows, subject_line
from support.projects import write_project

from creditscore.engine import Engine
from creditscore.errors import DataError
from creditscore.records.standard import contracts
from creditscore.records.standard.contracts import Reference, enforce
from creditscore.records.standard.identity import Identifier
from creditscore.records.standard.streams import Stream
from creditscore.records.tables import TABLES


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.slow])])
def engine(request):
    return Engine.duckdb() if request.param == "duckdb" else Engine.spark(request.getfixturevalue("spark_session"))


def test_identical_rows_collapse_to_one_and_are_counted(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.subjects(subject_line("S1"), subject_line("S1"), subject_line("S2"))
    delivery.events(event_line("E1"), event_line("E1"), event_line("E1"))
    records = delivery.open()
    assert equation(records, "subjects") == (3, 2, 0, 1)
    assert equation(records, "events") == (3, 1, 0, 2)
    assert refused(records) == []


def test_rows_identical_after_normalisation_collapse(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.subjects(subject_line("S1", "甲店"), subject_line("S1", " 甲店\u200b"))
    assert equation(delivery.open(), "subjects") == (2, 1, 0, 1)


def test_conflicting_rows_of_one_key_are_all_quarantined(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.subjects(subject_line("S1", "甲店"), subject_line("S1", "乙店"), subject_line("S1", "甲店"), subject_line("S2"))
    records = delivery.open()
    assert equation(records, "subjects") == (4, 1, 3, 0)
    assert refused(records) == [("subjects", "DUP_CONFLICT", row, "S1|2015-01-01") for row in (2, 3, 4)]


def test_both_versions_of_a_contradictory_record_are_quarantined(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", severity="3"), event_line("E1", severity="4"), event_line("E2"))
    records = delivery.open()
    assert [row["event_id"] for row in rows(records)] == ["E2"]
    assert [entry[1] for entry in refused(records)] == ["DUP_CONFLICT", "DUP_CONFLICT"]


def test_a_faulty_row_does_not_quarantine_a_good_row_of_its_key(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", kind="gossip"), event_line("E1"))
    records = delivery.open()
    assert [row["event_id"] for row in rows(records)] == ["E1"]
    assert [entry[1] for entry in refused(records)] == ["OFF_CATALOGUE"]


BAD, MENDED = event_line("E1", amount="x", severity="3"), event_line("E1", amount="100", severity="3")


@pytest.mark.parametrize("lines", [(BAD, MENDED), (MENDED, BAD), (BAD, MENDED, MENDED), (BAD, BAD, MENDED)])
def test_a_mended_row_below_its_old_one_is_the_one_that_counts(engine, tmp_path, lines):
    delivery = Delivery(tmp_path)
    delivery.events(*lines)
    records = delivery.open(engine)
    assert [(row["amount"], row["severity"]) for row in rows(records)] == [(100, 3)]
    assert equation(records, "events") == (len(lines), 1, 0, len(lines) - 1)
    assert refused(records) == refused(records, "field") == []
    assert records.incomplete.num_rows == 0


@pytest.mark.parametrize(
    "double",
    [event_line("E1", severity="3"), event_line("E1", amount="100", severity="4"), event_line("E1", amount="y", severity="x")],
    ids=["empty", "another value changed", "as wrong"],
)
def test_a_double_that_does_not_mend_a_refused_value_is_no_copy_of_it(engine, tmp_path, double):
    delivery = Delivery(tmp_path)
    delivery.events(BAD, double)
    records = delivery.open(engine)
    assert rows(records) == []
    assert {entry[1] for entry in refused(records)} == {"DUP_CONFLICT"}
    assert set(records.incomplete["subject_id"].to_pylist()) == {"S1"}


def stream_of_events(tmp_path):
    project = write_project(tmp_path / "project", sources=csv_sources())
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1"), event_line("E2"))
    sources = [source for source in project.sources.source if source.table == "events"]
    return Stream(TABLES["events"], sources, project, delivery.data, Identifier(project))


def test_a_reference_with_a_repeated_key_multiplies_no_rows(tmp_path):
    engine = Engine.duckdb()
    engine.register("twice", pa.table({"subject_id": ["S1", "S1"]}))
    reference = Reference("subject_id", (ibis.table({"subject_id": "string"}, name="twice"),), "UNKNOWN_SUBJECT")
    outcome = enforce(engine, stream_of_events(tmp_path), references=(reference,))
    assert (outcome.arrived, outcome.kept) == (2, 2)


def test_rows_that_multiply_in_a_join_stop_the_run(tmp_path, monkeypatch):
    original = contracts._with_code

    def doubled(*given):
        rows = original(*given)
        return rows.cross_join(ibis.table({"n": "int64"}, name="two")).drop("n")

    engine = Engine.duckdb()
    engine.register("two", pa.table({"n": pa.array([1, 2], pa.int64())}))
    monkeypatch.setattr(contracts, "_with_code", doubled)
    with pytest.raises(DataError, match="events: 2 rows came in and 4 are accounted for: a row was lost or counted several times"):
        enforce(engine, stream_of_events(tmp_path))
