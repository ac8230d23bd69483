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
from support.projects import write_project

from creditscore.errors import ConfigError, DataError


def test_a_ragged_line_is_quarantined_and_the_others_are_read(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1"), "E2,S1,penalty,too,few", event_line("E3"))
    records = delivery.open()
    assert [row["event_id"] for row in rows(records)] == ["E1", "E3"]
    assert refused(records) == [("events", "RAGGED_LINE", 3, "")]
    assert equation(records, "events") == (3, 2, 1, 0)


def test_a_ragged_line_does_not_shift_later_row_numbers(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events("E1,S1,penalty", event_line("E2"), event_line("E3", kind="gossip"))
    assert ("events", "OFF_CATALOGUE", 4, "E3") in refused(delivery.open())


@pytest.mark.parametrize("quoted", [False, True])
def test_above_one_ragged_line_in_a_thousand_the_file_is_refused(tmp_path, quoted):
    lines = [event_line(f"E{n}", document_no='"第1号"' if quoted else "") for n in range(1000)]
    delivery = Delivery(tmp_path)
    delivery.events(*lines[:500], "x,y", "x,y", *lines[500:])
    assert len([r for r in refused(delivery.open()) if r[1] == "RAGGED_LINE"]) == 2
    delivery.events(*lines, "x,y", "x,y", "x,y")
    with pytest.raises(
        DataError,
        match=r"events\.csv: expected 10 fields in each line .*\(got 3 of 1003 lines .*: another number of fields than the header \(3\); "
        r"line 1002: another number of fields than the header, line 1003: another .*, line 1004: another [a-z ]*\)",
    ):
        delivery.open()


def test_an_unclosed_quote_costs_its_own_line(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1"), event_line("E2", result='"kept'), event_line("E3"), event_line("E4"))
    records = delivery.open()
    assert [row["event_id"] for row in rows(records)] == ["E1", "E3", "E4"]
    assert refused(records) == [("events", "OPEN_QUOTE", 3, "")]
    assert equation(records, "events") == (4, 3, 1, 0)


def test_two_stray_quotes_swallow_no_row_between_them(tmp_path):
    delivery = Delivery(tmp_path)
    lines = [event_line(f"E{n}", result='"kept' if n in (500, 530) else "") for n in range(1500)]
    delivery.events(*lines)
    records = delivery.open()
    assert len(rows(records)) == 1498
    assert refused(records) == [("events", "OPEN_QUOTE", line, "") for line in (502, 532)]


def test_lines_are_counted_by_what_they_are(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(events={"lines": {"result": 3}}))
    delivery.events("", event_line("E1", result='"a\nb"'), "", event_line("E2"), "x")
    found = delivery.open().arrivals[1]
    assert (found.lines, found.header, found.blank, found.continued, found.rows) == (7, 1, 2, 1, 3)


def test_many_lines_that_are_no_record_refuse_the_file_and_say_what_to_do(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(*(event_line(f"E{n}", result='"first\nsecond"') for n in range(20)))
    with pytest.raises(
        DataError, match=r"got 40 of 40 lines .*\(20\), .*\(20\); line 2: a quote .*, line 6: a quote [^,]*\)\. .*lines = {"
    ):
        delivery.open()
    delivery.project = write_project(tmp_path / "told", sources=csv_sources(events={"lines": {"result": 2}}))
    assert len(rows(delivery.open())) == 20


def test_lines_go_with_text_files_alone(tmp_path):
    with pytest.raises(ConfigError, match="lines: goes with format = 'csv'"):
        write_project(tmp_path, sources=csv_sources(events={"format": "parquet", "file": "events.parquet", "lines": {"result": 2}}))


def test_closed_quotes_may_hold_commas_quotes_and_declared_line_ends(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(subjects={"lines": {"name": 2}}))
    delivery.subjects(subject_line("S1", '"甲,""乙"",\n丙店"'), subject_line("S2", '"丁店"'), subject_line("S3", '5" 管店'))
    records = delivery.open()
    assert [row["name"] for row in rows(records, "subjects")] == ['甲,"乙",丙店', "丁店", '5" 管店']
    assert put_right(records) == {
        "name: control characters or blanks around it": 1,
        "a quote inside a text that is not quoted, read as it is": 1,
    }


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
    words = ["NA", "null", "None", "nan", "N/A", "#N / A", "NULL", "-"]
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


def test_a_small_file_may_have_a_few_bad_lines(tmp_path):
    """Two slips of a clerk in a file of seventy rows cost two rows, not the night."""
    delivery = Delivery(tmp_path)
    lines = [event_line(f"E{n}") for n in range(70)]
    delivery.events(*lines, "x,y", "x,y")
    assert len([r for r in refused(delivery.open()) if r[1] == "RAGGED_LINE"]) == 2
    delivery.events(*lines[:15], "x,y", "x,y")
    with pytest.raises(DataError, match="no such records"):
        delivery.open()
