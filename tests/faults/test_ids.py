"""Ids stay texts, each fault of a code has its own reason, and a missing key joins nothing."""

import openpyxl
import pyarrow as pa
import pytest
from support.deliveries import (
    DAY,
    Delivery,
    csv_sources,
    equation,
    event_line,
    findings,
    put_right,
    refused,
    rows,
    subject_line,
    valid_codes,
)  # fmt: skip
from support.projects import subject

from creditscore.errors import ConfigError, DataError
from creditscore.records.tables import TABLES
from creditscore.storage import write_parquet

GOOD = "91350100M000100Y43"


def uscc(tmp_path, **top):
    return Delivery(tmp_path, sources=csv_sources(id_scheme="uscc", **top))


def parquet_subjects(tmp_path, ids):
    delivery = Delivery(tmp_path, sources=csv_sources(subjects={"file": "subjects.parquet", "format": "parquet"}))
    columns = {name: pa.array([subject("x").get(name)] * len(ids), kind) for name, kind in TABLES["subjects"].columns.items()}
    write_parquet(delivery.data / "subjects.parquet", pa.table({**columns, "subject_id": ids}))
    return delivery


def test_a_code_written_as_a_number_is_refused_not_rounded(tmp_path):
    delivery = parquet_subjects(tmp_path, pa.array([9.1431103000000001e17, 7.0, float("nan")], pa.float64()))
    records = delivery.open()
    assert refused(records) == [
        ("subjects", "NUMBER_FOR_TEXT:subject_id", 1, "|2015-01-01"),
        ("subjects", "NUMBER_FOR_TEXT:subject_id", 3, "|2015-01-01"),
    ]
    assert [row["subject_id"] for row in rows(records, "subjects")] == ["7"]
    assert put_right(records) == {"subject_id: a number in place of a text": 1}


def test_a_whole_column_of_codes_as_numbers_refuses_the_file(tmp_path):
    delivery = parquet_subjects(tmp_path, pa.array([9.1e17] * 30, pa.float64()))
    with pytest.raises(DataError, match=r"expected subject_id to be readable .got 30 of 30 values that are not"):
        delivery.open()


def test_a_spreadsheet_that_lost_digits_is_reported(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(subjects={"file": "subjects.xlsx", "format": "excel"}, id_scheme="uscc"))
    book = openpyxl.Workbook()
    for row in (
        ["subject_id", "valid_from", "subject_type", "status"],
        [911103000000001234, DAY, "enterprise", "active"],
        [GOOD, DAY, "enterprise", "active"],
    ):
        book.active.append(row)
    book.save(delivery.data / "subjects.xlsx")
    records = delivery.open()
    assert [entry[1] for entry in refused(records)] == ["ID_SPREADSHEET"]
    assert [(row["subject_id"], row["valid_from"]) for row in rows(records, "subjects")] == [(GOOD, DAY)]


def test_ids_that_look_like_numbers_stay_texts(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.subjects(subject_line("001234"), subject_line("1E5"), subject_line("0x1F"), subject_line("12.50"))
    delivery.events(event_line("0007", "001234"), event_line("1e3", "1E5"))
    records = delivery.open()
    assert [row["subject_id"] for row in rows(records, "subjects")] == ["001234", "0x1F", "12.50", "1E5"]
    assert [row["event_id"] for row in rows(records)] == ["0007", "1e3"]


REASONS = {
    "": "ID_MISSING",
    "431103600012345": "ID_OLD_NUMBER",
    "9.14311E+17": "ID_SPREADSHEET",
    "91350100M000100Y4": "ID_LENGTH",
    "91350100M000100Y4Z": "ID_ALPHABET",
    "91350100M000100Y44": "ID_CHECK_DIGIT",
    "110101199003072930": "ID_RESIDENT_NUMBER",
    "C91101000000000003": "ID_CHECK_DIGIT",
    "990000006000373411": "ID_CATEGORY",
    "91999999600037341N": "ID_REGION",
    "91110000600037342P": "ID_ORGANISATION_DIGIT",
    GOOD: None,
    "11500000MB17643950": None,  # remainder 0: 31 - 0 is no place in the alphabet
    "Y1110000600037341Y": None,  # stdnum wants a digit in front
}


def test_every_fault_of_a_code_has_its_own_reason(tmp_path):
    delivery = uscc(tmp_path)
    types = {code: "government" if code.startswith("11") else "enterprise" for code in REASONS}
    delivery.subjects(*(subject_line(code, f"甲{n}", subject_type=types[code]) for n, code in enumerate(REASONS)))
    records = delivery.open()
    by_row = {row: code for _, code, row, _ in refused(records)}
    assert by_row == {n: reason for n, reason in enumerate(REASONS.values(), start=2) if reason}
    assert equation(records, "subjects") == (14, 3, 11, 0)
    assert {r[3].split("|")[0] for r in refused(records) if r[1] == "ID_RESIDENT_NUMBER"} == {"110101********2930"}


def test_bad_codes_are_kept_only_where_the_project_allows_it(tmp_path):
    delivery = uscc(tmp_path, bad_id="warn")
    delivery.subjects(subject_line("431103600012345"), subject_line(GOOD))
    records = delivery.open()
    assert equation(records, "subjects") == (2, 2, 0, 0)
    assert put_right(records) == {"subject_id: ID_OLD_NUMBER, kept all the same": 1}


def test_a_government_bodys_code_is_never_a_market_subject(tmp_path):
    delivery = uscc(tmp_path)
    delivery.subjects(subject_line("11500000MB17643950", subject_type="enterprise"), subject_line(GOOD))
    assert [entry[1] for entry in refused(delivery.open())] == ["ID_BODY"]


def test_full_width_lower_case_and_spaced_codes_are_one_key(tmp_path):
    delivery = uscc(tmp_path)
    delivery.subjects(subject_line(GOOD))
    full = "".join(chr(ord(letter) + 0xFEE0) for letter in GOOD)
    forms = [full, GOOD.lower(), f"{GOOD[:4]} {GOOD[4:]}", f"{GOOD[:8]}-{GOOD[8:]}", GOOD]
    delivery.events(*(event_line(f"E{n}", form) for n, form in enumerate(forms)))
    records = delivery.open()
    assert {row["subject_id"] for row in rows(records)} == {GOOD}
    assert put_right(records) == {"subject_id: full width, lower case or spaces": 4}


def test_a_missing_key_is_quarantined_and_matches_no_other(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.subjects(subject_line("S1"), subject_line(""))
    delivery.events(event_line("E1"), event_line("E2", ""), event_line("", "S1"))
    records = delivery.open()
    assert [row["event_id"] for row in rows(records)] == ["E1"]
    assert [(table, code) for table, code, _, _ in refused(records)] == [
        ("events", "MISSING:event_id"), ("events", "MISSING:subject_id"), ("subjects", "ID_MISSING"),
    ]  # fmt: skip


def test_a_record_of_an_unregistered_subject_is_quarantined(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", "S1"), event_line("E2", "S9"))
    assert refused(delivery.open()) == [("events", "UNKNOWN_SUBJECT", 3, "E2")]


def test_codes_of_another_scheme_are_checked_by_it(tmp_path):
    licences = {"name": "licences", "table": "subjects", "file": "licences.csv", "format": "csv", "id_scheme": "practice_licence"}
    delivery = Delivery(tmp_path, sources=csv_sources(id_scheme="uscc", id_pattern="ZY[0-9]{6}", others=[licences]))
    delivery.subjects(subject_line(GOOD))
    header = "subject_id,valid_from,subject_type,status"
    delivery.file("licences.csv", f"{header}\nZY000001,2020-01-01,practitioner,active\nZY1,2020-01-01,practitioner,active\n")
    records = delivery.open()
    assert [entry[1:3] for entry in refused(records)] == [("ID_PATTERN", 3)]
    assert [row["subject_id"] for row in rows(records, "subjects")] == [GOOD, "ZY000001"]


def test_lei_codes_are_checked_by_their_own_check_digits(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(id_scheme="lei"))
    delivery.subjects(subject_line("5493001KJTIIGC8Y1R12"), subject_line("5493001KJTIIGC8Y1R17"), subject_line("5493001KJTIIGC8Y1"))
    assert [entry[1] for entry in refused(delivery.open())] == ["ID_CHECK_DIGIT", "ID_LENGTH"]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([("甲店", "2015-01-01", "enterprise"), ("甲店", "2018-05-05", "enterprise")], "ID_SHARED"),
        ([("甲店", "2015-01-01", "enterprise"), ("甲店", "2015-01-01", "individual_business")], "ID_SHARED"),
    ],
)
def test_one_code_on_two_subjects_is_quarantined_whole(tmp_path, lines, code):
    delivery = uscc(tmp_path)
    day = iter(["2015-01-01", "2020-01-01"])
    delivery.subjects(
        *(subject_line(GOOD, n, registered_date=r, subject_type=t, valid_from=next(day)) for n, r, t in lines),
        subject_line("11500000MB17643950", subject_type="government"),
    )
    records = delivery.open()
    assert [entry[1] for entry in refused(records)] == [code, code]
    assert equation(records, "subjects") == (3, 1, 2, 0)


def test_a_code_of_two_subjects_in_two_registers_counts_as_reuse(tmp_path):
    other = {"name": "other_register", "table": "subjects", "file": "other.csv", "format": "csv"}
    delivery = Delivery(tmp_path, sources=csv_sources(id_scheme="uscc", others=[other]))
    delivery.subjects(subject_line(GOOD, "甲店"), subject_line("11500000MB17643950", "某局", subject_type="government"))
    delivery.file("other.csv", f"{'subject_id,valid_from,name,subject_type,status'}\n{GOOD},2016-01-01,乙厂,enterprise,active\n")
    assert [entry[:3] for entry in refused(delivery.open())] == [("subjects", "ID_REUSED", 2), ("subjects", "ID_REUSED", 2)]


def test_a_new_version_of_a_subject_is_not_a_second_subject(tmp_path):
    delivery = uscc(tmp_path)
    delivery.subjects(subject_line(GOOD, "甲店"), subject_line(GOOD, "甲店（更名）", valid_from="2020-01-01"))
    assert refused(delivery.open()) == []


def test_one_subject_with_two_codes_is_reported_and_kept(tmp_path):
    delivery = uscc(tmp_path)
    one, other, third = valid_codes(3)
    delivery.subjects(
        subject_line(one, "甲店"), subject_line(other, "甲店"), subject_line(third, "甲店", registered_date="2016-01-01")
    )
    records = delivery.open()
    assert equation(records, "subjects") == (3, 3, 0, 0)
    told = findings(records, "identity")
    assert told[["code", "rows", "level"]].values.tolist() == [["ID_SEVERAL_CODES", 2, "warning"]]
    assert set(told["examples"][0].split(", ")) == {one, other}


def test_an_unknown_table_of_regions_is_refused_by_name(tmp_path):
    delivery = uscc(tmp_path, regions=["gbt2260_nowhere"])
    with pytest.raises(ConfigError, match=r"regions: expected one of gbt2260_43.*got 'gbt2260_nowhere'"):
        delivery.open()
