"""Who is meant by an id, whatever way it is written; and what is answered where nobody is."""

import datetime as dt
import json
from pathlib import Path

import pandas as pd
import pytest
from support.deliveries import valid_codes

from creditscore.config.project import ProjectFile
from creditscore.language import Words
from creditscore.reporting.asked_ids import AskedIds, Notice
from creditscore.reporting.explanation import json_schema

DAY = dt.date(2024, 4, 30)
CODES = valid_codes(6)


def register(**more):
    """One row per subject in the order of ``more``: id to what the register says."""
    rows = [{"subject_id": code, "subject_type": "enterprise", "status": "active", **said} for code, said in more.items()]
    return pd.DataFrame(rows)


def ids(tiers, rows=None, scheme="uscc"):
    return AskedIds(tiers, register() if rows is None else rows, scheme, DAY)


def test_tiers_and_those_without_one_are_told_apart():
    known = ids({CODES[0]: "A", CODES[1]: "NR"})
    assert [known.answer(code).kind for code in CODES[:3]] == ["rated", "not_rated", "unknown"]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"status": "deregistered"}, "deregistered"), ({"status": "revoked"}, "revoked"), ({"subject_type": "government"}, "government"),
        ({"subject_type": "institution"}, "institution"), ({"subject_type": "practitioner"}, "practitioner"),
        ({"subject_type": "government", "status": "deregistered"}, "government"),
        ({"registered_date": dt.date(2024, 5, 1)}, "not_yet_registered"), ({"registered_date": dt.date(2020, 5, 1)}, "deregistered"),
    ],
)  # fmt: skip
def test_who_is_not_rated_is_told_why(said, kind):
    known = ids({}, register(**{CODES[0]: said}))
    assert known.answer(CODES[0].lower()).kind == kind
    assert Words.of("zh").text(known.answer(CODES[0]).next_step) != Words.of("en").text(known.answer(CODES[0]).next_step)


def test_ids_of_a_scheme_of_ones_own_keep_their_case_and_hyphens():
    known = ids({"ab-1": "B", "REGISTER:5": "NR"}, scheme="local")
    assert known.answer(" AB-1").subject_id == "ab-1"
    assert known.answer("register:5").subject_id == "REGISTER:5"
    assert known.answer("ab-2").kind == "unknown"


def test_a_body_that_the_run_has_no_row_of_is_known_by_its_code():
    assert ids({}).answer("11500000MB17643950").kind == "government"


def test_a_right_code_whose_row_has_a_slip_finds_the_row():
    wrong = CODES[0][:-1] + ("0" if CODES[0][-1] != "0" else "1")
    rows = register(**{wrong: {"quarantined_at": "register:7"}})
    found = ids({wrong: "NR"}, rows).answer(CODES[0])
    assert (found.kind, found.near) == ("refused_row", (wrong,))


def test_without_a_scheme_the_ids_themselves_say_it():
    assert ids(dict.fromkeys(CODES[1:], "A"), scheme=None).answer(CODES[1][:-1] + "?").kind == "mistyped"
    assert ids({"S1": "A"}, scheme=None).answer("S2").kind == "unknown"


def test_a_rule_of_the_project_stands_first_in_the_answer_from_its_day_on():
    rules = [
        {"who": ["government"], "effective": DAY, "basis": "新规"},
        {"who": ["government", "institution"], "effective": dt.date(2020, 1, 1), "basis": "旧规"},
    ]
    about = {"name": "p", "label": {"zh": "甲"}, "authority": {"zh": "某办"}, "unscored": rules}
    project = ProjectFile.model_validate(about)
    assert [project.unscored_basis("government", day) for day in (DAY, dt.date(2024, 4, 29), dt.date(2019, 1, 1))] == [
        "新规",
        "旧规",
        "",
    ]
    assert project.unscored_basis("deregistered", DAY) == ""
    notice = Notice("S", DAY, project.authority, "government", "", "新规")
    assert notice.to_text("en").splitlines()[2:4] == [
        "Legal basis: 新规.",
        "This is a government body. Such bodies are never rated.",
    ]
    assert "新规" in notice.to_html("zh")
    assert notice.to_json()["basis"] == "新规"


def test_somebodys_own_number_is_masked():
    found = ids({}).answer("431103199001011234")
    assert found.kind == "personal_number"
    assert "19900101" not in found.asked


def test_the_schema_in_the_docs_is_that_of_the_code():
    file = Path(__file__).resolve().parents[3] / "docs" / "explanation.schema.json"
    assert json.loads(file.read_text("utf-8")) == json_schema()
