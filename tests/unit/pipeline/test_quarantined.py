"""Quarantined subjects: who they are, what they are called, and that no fault of an id takes a firm out of a frame."""

import pandas as pd
import pytest
from support.deliveries import Delivery, csv_sources, subject_line, valid_codes

from creditscore.pipeline.quarantined import LastKnown, quarantined_subjects

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
