"""What is told at a task's end: replacements without pairs and days, and nothing that tells a tier."""

import datetime as dt

import pytest

from creditscore.inspection.closing import CLOSING, CLOSING_COLUMNS, closing_list, open_visits
from creditscore.inspection.csv_export import read_csv
from creditscore.inspection.plan import DrawnPlan
from creditscore.inspection.plan_folder import read_log

DAY = dt.date(2024, 6, 3)


@pytest.fixture(scope="module")
def folder(drawn_out):
    return drawn_out / "tasks" / "2024Q2-food"


@pytest.fixture(scope="module")
def rows(folder, tmp_path_factory):
    drawn = DrawnPlan.from_folder(folder)
    first = drawn.drawn["subject_id"].iloc[-1]
    path = tmp_path_factory.mktemp("closing") / CLOSING
    path.write_bytes(closing_list(drawn, read_log(folder), {first: (DAY, "none")}))
    return [dict(zip(CLOSING_COLUMNS, cells, strict=True)) for _line, cells in read_csv(path, CLOSING_COLUMNS)]


def test_everybody_who_was_drawn_or_came_is_in_it_once(folder, rows):
    log = read_log(folder)
    drawn = set(DrawnPlan.from_folder(folder).drawn["subject_id"])
    came = {line["replaced_by"] for line in log if line["what"] == "replaced"}
    late = {line["subject_id"] for line in log if line["what"] == "joined" and line["mode"]}
    assert [row["subject_id"] for row in rows] == sorted(drawn | came | late)
    gone = {line["subject_id"] for line in log if line["what"] == "replaced"}
    for row in rows:
        own = [
            name
            for name, them in (("replaced", gone), ("replacement", came), ("late", late), ("drawn", drawn))
            if row["subject_id"] in them
        ]
        assert row["standing"] == own[0]
        assert (row["reason"] != "") == (row["standing"] == "replaced")


def test_it_says_neither_who_came_for_whom_nor_when(folder, rows):
    days = {line["on"] for line in read_log(folder) if line["what"] == "replaced"}
    for row in rows:
        others = {other["subject_id"] for other in rows} - {row["subject_id"]}
        assert not others & set(row.values())
        assert not days & set(row.values())
    assert not {"tier", "stratum", "mode", "ticket", "inclusion_probability"} & set(CLOSING_COLUMNS)


def test_the_result_of_a_visit_is_in_it(rows):
    assert [(row["inspected_on"], row["result"]) for row in rows if row["result"]] == [("2024-06-03", "未发现问题")]


def test_a_visit_is_open_that_has_no_result_and_was_not_replaced(folder, rows):
    drawn, log = DrawnPlan.from_folder(folder), read_log(folder)
    waiting = [row for row in rows if row["standing"] != "replaced" and not row["result"]]
    assert 0 < len(waiting) < len(rows) - 1
    assert open_visits(drawn, log, {drawn.drawn["subject_id"].iloc[-1]}) == len(waiting)
