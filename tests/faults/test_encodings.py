"""The encoding of a text file is detected, recorded and checked to the last byte, or the file is refused."""

import pytest
from support.deliveries import EVENTS, SUBJECTS, Delivery, csv_sources, event_line, findings, rows, subject_line, text
from support.projects import write_project

from creditscore.errors import ConfigError, DataError

RARE = "永州䶮记餐饮店"  # 䶮 is in GB18030 (four bytes) and not in GBK
BODY = text(SUBJECTS, [subject_line("S1", RARE), subject_line("S2", "道县㙍店")])


def names(delivery):
    return [row["name"] for row in rows(delivery.open(), "subjects")]


def encoding_of(delivery):
    return delivery.open().arrivals[0].encoding


def test_undeclared_gb18030_is_detected_and_recorded(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("subjects.csv", BODY, "gb18030")
    assert names(delivery) == [RARE, "道县㙍店"]
    assert encoding_of(delivery) == "gb18030"
    told = findings(delivery.open(), "normalised")
    assert told["rule"].tolist() == ["encoding gb18030"]
    assert told["rows"].tolist() == [2]


@pytest.mark.parametrize("option", [{"ignore_errors": True}, {"errors": "replace"}])
def test_no_option_drops_lines_silently(tmp_path, option):
    with pytest.raises(ConfigError, match="Extra inputs are not permitted"):
        write_project(tmp_path, sources=csv_sources(subjects=option))


@pytest.mark.parametrize("label", ["utf8-lossy", "utf-8-replace", "ascii"])
def test_an_encoding_that_loses_letters_cannot_be_declared(tmp_path, label):
    with pytest.raises(ConfigError, match="encoding"):
        write_project(tmp_path, sources=csv_sources(subjects={"encoding": label}))


@pytest.mark.parametrize("label", ["gbk", "gb2312", "gb18030"])
def test_a_file_labelled_gbk_keeps_the_rare_characters_of_gb18030(tmp_path, label):
    delivery = Delivery(tmp_path, sources=csv_sources(subjects={"encoding": label}))
    delivery.file("subjects.csv", BODY, "gb18030")
    assert names(delivery) == [RARE, "道县㙍店"]
    assert encoding_of(delivery) == "gb18030"


@pytest.mark.parametrize(("encoding", "found"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16")])
def test_byte_order_marks_leave_no_trace_in_the_header(tmp_path, encoding, found):
    delivery = Delivery(tmp_path)
    delivery.file("subjects.csv", BODY, encoding)
    assert names(delivery) == [RARE, "道县㙍店"]
    assert encoding_of(delivery) == found


@pytest.mark.parametrize(("first", "then"), [("utf-8", "gb18030"), ("gb18030", "utf-8")])
def test_two_encodings_in_a_file_are_refused_with_byte_and_line(tmp_path, first, then):
    delivery = Delivery(tmp_path)
    head = text(SUBJECTS, [subject_line("S1", RARE)]).encode(first)
    delivery.file("subjects.csv", head + f"{subject_line('S2', '道县宁远餐饮')}\n".encode(then))
    with pytest.raises(DataError, match=r"subjects\.csv: expected one encoding .* at (\d+), line 3") as refused:
        delivery.open()
    byte = int(str(refused.value).split(" at ")[1].split(",")[0])
    assert byte >= len(head)
    assert "道县" not in str(refused.value)


def test_utf_8_in_a_file_declared_gb18030_is_refused(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(subjects={"encoding": "gb18030"}))
    delivery.file("subjects.csv", text(SUBJECTS, [subject_line("S1", "中国人民餐饮店")]))
    with pytest.raises(DataError, match=r"expected gb18030 throughout \(got .*line 2\)"):
        delivery.open()


def test_utf_16_without_its_mark_is_refused(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("events.csv", text(EVENTS, [event_line()]), "utf-16-le")
    with pytest.raises(DataError, match="NUL bytes: UTF-16 without its mark"):
        delivery.open()
