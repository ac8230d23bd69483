"""Broken lines, quotes and characters, and texts that only look empty."""

import pytest
from support.deliveries import (
    EVENTS,
    SUBJECTS,
    Delivery,
    csv_sources,
    equation,
    event_line,
    put_right,
    refused,
    rows,
    subject_line,
    text,
)

from creditscore.errors import DataError


def test_a_ragged_line_is_quarantined_and_the_others_are_read(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1"), "E2,S1,penalty,too,few", event_line("E3"))
    records = delivery.open()
    assert [row["event_id"] for row in rows(records)] == ["E1", "E3"]
    assert refused(records) == [("events", "RAGGED_LINE", 2, "")]
    assert equation(records, "events") == (3, 2, 1, 0)


def test_a_ragged_line_does_not_shift_later_row_numbers(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events("E1,S1,penalty", event_line("E2"), event_line("E3", kind="gossip"))
    assert ("events", "OFF_CATALOGUE", 3, "E3") in refused(delivery.open())


@pytest.mark.parametrize("quoted", [False, True])
def test_above_one_ragged_line_in_a_thousand_the_file_is_refused(tmp_path, quoted):
    lines = [event_line(f"E{n}", document_no='"第1号"' if quoted else "") for n in range(1000)]
    delivery = Delivery(tmp_path)
    delivery.events(*lines[:500], "x,y", "x,y", *lines[500:])
    assert len([r for r in refused(delivery.open()) if r[1] == "RAGGED_LINE"]) == 2
    delivery.events(*lines, "x,y", "x,y", "x,y")
    with pytest.raises(DataError, match=r"events\.csv: expected 10 fields in each line \(got others in 3 of 1003 rows"):
        delivery.open()


def test_an_unclosed_quote_is_refused_with_its_line(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1"), event_line("E2", result='"kept'), event_line("E3"), event_line("E4"))
    with pytest.raises(DataError, match=r"events\.csv: expected every quote to be closed .* row of line 3"):
        delivery.open()


def test_closed_quotes_may_hold_commas_quotes_and_line_ends(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.subjects(subject_line("S1", '"甲,""乙"",\n丙店"'), subject_line("S2", '"丁店"'))
    records = delivery.open()
    assert [row["name"] for row in rows(records, "subjects")] == ['甲,"乙",丙店', "丁店"]
    assert put_right(records)["name: control characters or blanks around it"] == 1


def test_control_and_direction_marks_are_removed_and_counted(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.subjects(
        subject_line("S1", "甲\x00店\x07"),
        subject_line("S2", "\u202e乙店\u200b"),
        subject_line("S3", " 丙店\u3000"),
        subject_line("S4", "丁 店"),
    )
    records = delivery.open()
    assert [row["name"] for row in rows(records, "subjects")] == ["甲店", "乙店", "丙店", "丁 店"]
    assert put_right(records) == {"name: control characters or blanks around it": 3}


def test_only_an_empty_cell_is_missing(tmp_path):
    words = ["NA", "null", "None", "nan", "N/A", "#N/A", "NULL", "-"]
    delivery = Delivery(tmp_path)
    delivery.subjects(
        *(subject_line(f"S{n}", word) for n, word in enumerate(words)), subject_line("T", ""), subject_line("U", '""')
    )
    got = [row["name"] for row in rows(delivery.open(), "subjects")]
    assert got == [*words, None, None]


def test_an_empty_file_differs_from_a_header_alone(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("events.csv", text(EVENTS, []))
    assert equation(delivery.open(), "events") == (0, 0, 0, 0)
    delivery.file("events.csv", "")
    with pytest.raises(DataError, match="expected a header line"):
        delivery.open()


def test_a_repeated_header_is_refused(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("subjects.csv", f"{SUBJECTS},name\n{subject_line()},甲\n")
    with pytest.raises(DataError, match=r"each column once .got name several times"):
        delivery.open()


def test_delimiters_are_declared_and_line_ends_recognised(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(subjects={"delimiter": "\t"}))
    delivery.file(
        "subjects.csv", text(SUBJECTS, [subject_line("S1"), "", subject_line("S2")]).replace(",", "\t").replace("\n", "\r\n")
    )
    assert [row["subject_id"] for row in rows(delivery.open(), "subjects")] == ["S1", "S2"]
