"""Quarantined subjects: who they are, what they are called, and that no fault of an id takes a firm out of a frame."""

import pandas as pd
import pytest
from support.deliveries import DAY, SUBJECTS, Delivery, csv_sources, subject_line, text, valid_codes

from creditscore.engine import Engine
from creditscore.errors import DataError
from creditscore.features.spine import spine_on
from creditscore.pipeline.quarantined import LastKnown, quarantined_subjects
from creditscore.records.adverse.readings import LastReading
from creditscore.records.records import open_records

CODES = valid_codes(3)
NOTHING = LastKnown(pd.DataFrame({"subject_id": []}, dtype=object), frozenset())


def last_known(*rows):
    """What the run before knew: pairs of id and name."""
    frame = pd.DataFrame(rows, columns=["subject_id", "name"]).assign(industry="shop", region="431102", subject_type="enterprise")
    return LastKnown(frame, frozenset(frame["subject_id"]))


def quarantined(folder, *lines, last=NOTHING, scheme="uscc"):
    delivery = Delivery(folder, sources=csv_sources(id_scheme=scheme))
    delivery.subjects(subject_line(CODES[0], "甲店"), *lines)
    return quarantined_subjects(delivery.open(), last).set_index("subject_id")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("", "register:3"),
        ("A|B1", "register:3"),
        ("110101199003072930", "register:3"),
        ("无", "register:3"),
        ("12345", "12345"),
        (CODES[1][:-1] + "A", CODES[1][:-1] + "A"),
        ("1" + CODES[1][1:], "1" + CODES[1][1:]),
        ("9.14311E+17", "9.14311E+17"),
        ("9143110360001234512345", "9143110360001234512345"),
        ("x1" * 40, "register:3"),
    ],
)
def test_no_fault_of_an_id_takes_a_firm_out_of_its_frames(tmp_path, wrong, named):
    found = quarantined(tmp_path, subject_line(wrong, "乙店"))
    assert found.index.tolist() == [named.upper() if named.startswith("9.") else named]
    row = found.iloc[0]
    assert (row["name"], row["industry"], row["region"], row["quarantined_at"]) == ("乙店", "food", "431103", "register:3")


def test_other_faults_of_the_row_and_broken_lines_keep_the_firm_too(tmp_path):
    lines = [subject_line(CODES[1], "乙店", valid_from="yesterday"), subject_line(CODES[2], "丙店") + ",x"]
    found = quarantined(tmp_path, *lines)
    assert found["quarantined_at"].to_dict() == {CODES[1]: "register:3", CODES[2]: "register:4"}
    # Of a line that is no record the code alone is known: it belongs to every frame.
    assert found.loc[CODES[2], ["name", "industry", "region", "subject_type"]].isna().all()


def test_a_broken_line_without_a_right_code_is_a_subject_by_its_place(tmp_path):
    found = quarantined(tmp_path, subject_line("", "丙店") + ",x")
    assert found["quarantined_at"].to_dict() == {"register:3": "register:3"}
    assert found.loc["register:3", ["name", "industry", "region", "subject_type"]].isna().all()


def test_a_good_version_of_the_subject_is_enough(tmp_path):
    assert quarantined(tmp_path / "a", subject_line(CODES[0], "甲店", valid_from="yesterday")).empty
    assert quarantined(tmp_path / "b", subject_line(CODES[0], "甲店", valid_from="2020-01-01") + ",x").empty


def test_firms_that_share_a_code_are_one_each(tmp_path):
    shared = [subject_line(CODES[1], name, registered_date=day) for name, day in (("乙店", "2015-01-01"), ("丙店", "2016-01-01"))]
    assert quarantined(tmp_path / "a", *shared).index.tolist() == ["register:3", "register:4"]
    # The one that was known under the code keeps it.
    found = quarantined(tmp_path / "b", *shared, last=last_known((CODES[1], "乙店")))
    assert found.index.tolist() == [CODES[1], "register:4"]
    wrong = [subject_line("000000", name) for name in ("乙店", "丙店")]
    assert quarantined(tmp_path / "c", *wrong).index.tolist() == ["register:3", "register:4"]


def test_a_firm_that_was_known_is_found_by_its_code_or_its_name(tmp_path):
    last = last_known((CODES[1], "乙店"), (CODES[2], "丙店"))
    typo = CODES[1][:12] + ("7" if CODES[1][12] != "7" else "4") + CODES[1][13:]
    found = quarantined(tmp_path, subject_line(typo, "乙店"), subject_line("", "丙店"), last=last)
    assert found["quarantined_at"].to_dict() == {CODES[1]: "register:3", CODES[2]: "register:4"}


def test_what_a_row_does_not_say_is_as_it_was_last_known(tmp_path):
    found = quarantined(
        tmp_path, subject_line(CODES[1], "", valid_from="?", industry="", region=""), last=last_known((CODES[1], "乙店"))
    )
    assert found.loc[CODES[1], ["name", "industry", "region"]].tolist() == ["乙店", "shop", "431102"]


def test_a_known_firm_stays_while_a_line_that_may_be_its_own_cannot_be_read(tmp_path):
    found = quarantined(tmp_path, subject_line("", "?") + ",x", last=last_known((CODES[1], "乙店")))
    assert found["quarantined_at"].to_dict() == {CODES[1]: "register:3", "register:3": "register:3"}


@pytest.mark.parametrize(
    ("code", "changes", "stays"),
    [
        ("12345", {"subject_type": "government"}, False),
        ("12345", {"subject_type": "institution"}, False),
        ("11500000MB17643950", {"subject_type": ""}, False),  # the right code of a body
        ("11500000MB17643950", {}, True),  # of a market subject by its type: a wrong code
        ("11500000MB17643951", {"subject_type": ""}, True),  # a code that cannot be says nothing
        ("12345", {"status": "deregistered"}, False),
    ],
)
def test_bodies_and_closed_subjects_stay_out_of_scope(tmp_path, code, changes, stays):
    assert len(quarantined(tmp_path, subject_line(code, "乙", **changes))) == stays


def test_ids_without_check_characters_are_never_guessed(tmp_path):
    last = last_known(("S20", "乙店"))
    found = quarantined(tmp_path, subject_line("S21", "丁店", valid_from="?"), last=last, scheme="local")
    assert found.index.tolist() == ["S21"]


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.slow])])
def engine(request):
    return Engine.duckdb() if request.param == "duckdb" else Engine.spark(request.getfixturevalue("spark_session"))


AHEAD = "2030-01-01"


@pytest.mark.parametrize(
    ("versions", "code"),
    [
        ([{"valid_from": "2033-01-01"}], "DATE_AHEAD:valid_from"),
        ([{"known_date": "2033-01-01"}], "DATE_AHEAD:known_date"),
        ([{"registered_date": AHEAD}], "DATE_AHEAD:registered_date"),
        # A change that is announced, over a version in force.
        ([{}, {"valid_from": "2033-01-01"}], None),
        ([{}], None),
    ],
)
def test_a_rated_firm_with_no_version_in_force_stays_in_scope(tmp_path, engine, versions, code):
    delivery = Delivery(tmp_path, sources=csv_sources(id_scheme="uscc"))
    delivery.subjects(subject_line(CODES[0]), *(subject_line(CODES[1], "乙店", **one) for one in versions))
    rated = tmp_path / "tiers.parquet"
    pd.DataFrame({"subject_id": CODES}).to_parquet(rated)
    last = last_known((CODES[1], "乙店"))
    first = open_records(engine, delivery.project, data=delivery.data, last_reading=LastReading({}, DAY))
    assert first.outcomes["subjects"].quarantined == 0  # newer data, read for a past day
    records = open_records(engine, delivery.project, data=delivery.data, last_reading=LastReading({}, DAY, rated))
    found = quarantined_subjects(records, last).set_index("subject_id")
    scored = set(spine_on(records, DAY).frame["subject_id"])
    told = [(row["code"], row["row"]) for row in records.rejects.to_pylist()]
    if code is None:
        assert (scored, told, len(found)) == ({*CODES[:2]}, [], 0)
    else:
        assert (scored, told) == ({CODES[0]}, [(code, 3)])
        assert found[["reason", "quarantined_at", "industry"]].to_numpy().tolist() == [[code, "register:3", "food"]]


def test_a_later_version_that_is_not_yet_registered_takes_no_firm_away(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.subjects(subject_line("S1"), subject_line("S1", valid_from="2020-01-01", registered_date=AHEAD))
    rated = tmp_path / "tiers.parquet"
    pd.DataFrame({"subject_id": ["S1"]}).to_parquet(rated)
    records = open_records(Engine.duckdb(), delivery.project, data=delivery.data, last_reading=LastReading({}, DAY, rated))
    assert [row["code"] for row in records.rejects.to_pylist()] == ["DATE_AHEAD:registered_date"]
    assert spine_on(records, DAY).frame["subject_id"].tolist() == ["S1"]


@pytest.mark.parametrize(
    ("status", "left", "code", "stays"),
    [
        ("active", "2002-04-05", "CONTRADICTION:deregistered_date", True),
        ("suspended", "2015-01-01", "CONTRADICTION:deregistered_date", True),
        ("active", "2025-01-01", None, False),  # announced
        ("deregistered", "", "MISSING:deregistered_date", True),
        ("deregistered", "?", "BAD_DATE:deregistered_date", True),
        ("deregistered", "2014-01-01", None, False),
        ("revoked", "", None, False),
    ],
)
def test_a_row_whose_status_and_day_of_leaving_contradict_is_refused(tmp_path, status, left, code, stays):
    delivery = Delivery(tmp_path, sources=csv_sources(id_scheme="uscc"))
    lines = [subject_line(CODES[0]) + ",", subject_line(CODES[1], status=status) + f",{left}"]
    delivery.file("subjects.csv", text(f"{SUBJECTS},deregistered_date", lines))
    records = delivery.open()
    assert [row["code"] for row in records.rejects.to_pylist()] == ([code] if code else [])
    found = quarantined_subjects(records, last_known((CODES[1], "乙店")))
    assert found["subject_id"].tolist() == ([CODES[1]] if stays else [])
    # Of a firm that nobody rated it is known that it has left.
    assert len(quarantined_subjects(records, NOTHING)) == (stays and status != "deregistered")


def test_a_register_without_days_of_leaving_contradicts_nothing(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(id_scheme="uscc"))
    delivery.subjects(subject_line(CODES[0]), subject_line(CODES[1], status="deregistered"))
    assert delivery.open().rejects.num_rows == 0


def test_a_register_of_a_later_day_says_what_a_past_day_needs(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(max_quarantined=0.05))
    delivery.subjects(*(subject_line(f"S{n}", valid_from="2024-06-01" if n < 21 else "2015-01-01") for n in range(60)))
    rated = tmp_path / "tiers.parquet"
    pd.DataFrame({"subject_id": [f"S{n}" for n in range(60)]}).to_parquet(rated)
    with pytest.raises(DataError, match=r"21 of 60 rows.*with newest versions only cannot be read for a past day"):
        open_records(Engine.duckdb(), delivery.project, data=delivery.data, last_reading=LastReading({}, DAY, rated))
