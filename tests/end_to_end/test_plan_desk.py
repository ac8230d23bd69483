"""The planner's desk after the draw: results in place of the draw's own mode, replacements, late subjects, edited workbooks."""

import csv
import datetime as dt

import openpyxl
import pyarrow.parquet as pq
import pytest
from support.command import creditscore
from support.seeds import numbers

import creditscore as cs
from creditscore.inspection.plan_folder import read_log
from creditscore.inspection.register import Register

from .conftest import TASKS, bytes_of

KNOWN = ("--known", "2024-07-05")
GONE = ("--reason", "deregistered", "--evidence", "注销通知书 7", "--second", "王五")
WHO = ("--by", "李四", "--on", "2024-05-20")
GENERAL = "2024Q2-general"


def visited(city, task=GENERAL):
    """A copy of the task's workbook with a result in every row, from the truth of the city."""
    file = city.root / f"{task}.xlsx"
    said = creditscore("simulate-visits", city.tasks / task, "--truth", city.root / "city" / "truth", "--file", file)
    assert said.code == 0, said.err
    return file


@pytest.fixture
def filled(city):
    return visited(city)


def rows_of(path, sheet="抽查名单"):
    head, *rows = openpyxl.load_workbook(path)[sheet].iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


def open_tasks(city):
    """The rows of the list of open tasks, by task."""
    _head, *rows = openpyxl.load_workbook(city.tasks / "tasks.xlsx").worksheets[0].iter_rows(values_only=True)
    return {row[0]: row for row in rows}


def test_results_of_all_tasks_become_training_labels_with_their_modes_probability(city):
    files, runs = {task: visited(city, task) for task in TASKS}, bytes_of(city.out / ".runs")
    for task, file in files.items():
        said = creditscore("results", city.tasks / task, file, *KNOWN, "--data", city.data, "--json")
        assert said.code == 0, said.err
        assert (said.json["rows"], said.json["open"]) == (len(rows_of(file)), 0)
        assert cs.verify_plan(city.tasks / task).ok
    assert bytes_of(city.out / ".runs") == runs
    own = pq.read_table(city.data / "own_inspections.parquet").to_pandas()
    assert len(own) == sum(len(rows_of(file)) for file in files.values())
    assert set(own["trigger"]) == {"random"}
    project = cs.load_project(city.project)
    records = cs.open_records(cs.Engine.duckdb(), project, data=city.data)
    labels = cs.training_rows(records, project.targets["violation"], until="2024-08-31").frame
    mine = labels[labels["stratum"].fillna("").str.startswith("2024Q2-")]
    on_site = own[(own["mode"] == "on_site") & own["outcome"].isin(["none", "violation"])]
    known = records.subjects_on(dt.date(2024, 8, 31))["subject_id"].to_pylist()  # a faulty code is drawn and trains nothing
    on_site = on_site[on_site["subject_id"].isin(known)]
    assert len(mine) == len(on_site) > 20
    chance = on_site.set_index("subject_id")["inclusion_probability"].groupby(level=0).max()
    shared = mine.set_index("subject_id")["weight"].groupby(level=0).min()
    assert (shared * chance.reindex(shared.index)).round(6).nunique() == 1  # weights are 1/p, divided by their mean


def test_the_tasks_own_workbook_is_read_where_no_file_is_named(city, filled):
    task = city.tasks / GENERAL
    (task / "plan.xlsx").write_bytes(filled.read_bytes())
    said = creditscore("results", task, *KNOWN, "--json")
    assert said.code == 0, said.err
    assert said.json["new"] == len(rows_of(filled))
    assert [path.read_bytes() for path in (task / "edited").iterdir()] == [filled.read_bytes()]


def test_repeated_results_are_accepted_and_contradicting_ones_refused(city, filled):
    task = city.tasks / GENERAL
    assert creditscore("results", task, filled, *KNOWN, "--data", city.data).code == 0
    before, labels = bytes_of(city.out), (city.data / "own_inspections.parquet").read_bytes()
    again = creditscore("results", task, "--known", "2024-07-09", "--data", city.data, "--json")
    assert again.code == 0, again.err
    assert again.json["new"] == 0
    assert bytes_of(city.out) == before
    assert (city.data / "own_inspections.parquet").read_bytes() == labels
    book = openpyxl.load_workbook(filled)
    heads = [cell.value for cell in book["抽查名单"][1]]
    book["抽查名单"].cell(2, heads.index("检查结果") + 1, "不配合检查")
    book.save(filled)
    said = creditscore("results", task, filled, "--known", "2024-07-10", "--data", city.data)
    assert said.code == 2
    assert "与先前工作簿的结果不同" in said.err
    assert bytes_of(city.out) == before


def test_a_visit_in_another_mode_than_drawn_has_no_probability(city, filled):
    book = openpyxl.load_workbook(filled)
    heads = [cell.value for cell in book["抽查名单"][1]]
    cell = book["抽查名单"].cell(2, heads.index("检查方式") + 1)
    cell.value = "非现场" if cell.value == "实地" else "实地"
    book.save(filled)
    said = creditscore("results", city.tasks / GENERAL, filled, *KNOWN, "--json")
    assert said.json["otherwise"] == 1
    told = pq.read_table(said.json["file"]).to_pandas()
    row = told[told["trigger"] == "special"].iloc[0]
    assert row["inclusion_probability"] is None or row["inclusion_probability"] != row["inclusion_probability"]


def test_days_after_the_results_were_handed_in_are_named_by_cell(city, filled):
    said = creditscore("results", city.tasks / GENERAL, filled, "--known", "2024-05-10")
    assert said.code == 2
    assert "检查日期晚于上报日期 2024-05-10" in said.err
    assert "抽查名单!" in said.err
    assert not (city.tasks / GENERAL / "results.parquet").exists()


def test_results_appear_in_the_visit_list_and_the_published_list(city, filled):
    task = city.tasks / GENERAL
    assert creditscore("results", task, filled, *KNOWN).code == 0
    assert all(row["检查结果"] for row in rows_of(task / "plan.xlsx"))
    with (task / "publication.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert all(row["inspected_on"] and row["result"] for row in csv.DictReader(stream))
    assert cs.verify_plan(task).ok
    assert Register.of(city.out).state(GENERAL) == "visited"
    assert open_tasks(city)[GENERAL][-1] == cs.verify_plan(task).frame_hash


def test_a_filled_in_workbook_is_kept_before_it_is_written_anew(city, filled):
    task = city.tasks / GENERAL
    (task / "plan.xlsx").write_bytes(filled.read_bytes())
    subject = rows_of(filled)[0]["统一社会信用代码"]
    assert creditscore("plan", "replace", task, "--subject", subject, *GONE, *WHO).code == 0
    (kept,) = (task / "edited").iterdir()
    assert kept.read_bytes() == filled.read_bytes()


def test_a_replacement_appears_in_the_visit_list_and_the_log(city):
    task = city.tasks / GENERAL
    told = ("--subject", rows_of(task / "plan.xlsx")[0]["统一社会信用代码"], *GONE)
    said = creditscore("plan", "replace", task, *told, *WHO, "--json")
    assert said.code == 0, said.err
    came = said.json["replaced"][0]["replaced_by"]
    rows = {row["统一社会信用代码"]: row for row in rows_of(task / "plan.xlsx")}
    assert (rows[told[1]]["已由其递补"], rows[came]["来源"]) == (came, "递补")
    assert rows[came]["检查人员编号"]
    assert [line["what"] for line in read_log(task)] == ["drawn", "replaced"]
    assert cs.verify_plan(task).ok
    before = bytes_of(city.out)
    again = creditscore("plan", "replace", task, *told, *WHO, "--lang", "en")
    assert again.code == 2
    assert "replaced already" in again.err
    assert bytes_of(city.out) == before


def test_a_second_draw_is_refused_and_logged(city):
    task = city.tasks / GENERAL
    said = creditscore("draw", task, "--seed", numbers("a better one"), "--by", "李四", "--on", "2024-05-09")
    assert said.code == 2
    said = creditscore("plan", "log", task, "--json")
    assert [line["what"] for line in said.json["log"]] == ["published", "drawn", "draw_refused"]
    assert said.json["log"][-1]["seed"] == numbers("a better one")


def test_a_visit_for_two_tasks_is_marked_and_has_one_week(city):
    rows = {task: {row["统一社会信用代码"]: row for row in rows_of(city.tasks / task / "plan.xlsx")} for task in TASKS}
    for task, listed in rows.items():
        for subject, row in listed.items():
            if row["合并任务"]:
                other = rows[row["合并任务"]][subject]
                assert (other["该周起"], other["合并任务"]) == (row["该周起"], task)


def test_a_closed_task_takes_no_results_and_leaves_the_list(city, filled):
    task = city.tasks / GENERAL
    assert creditscore("results", task, filled, *KNOWN).code == 0
    assert creditscore("plan", "close", task, "--by", "李四", "--on", "2024-07-06").code == 0
    before = bytes_of(city.out)
    assert open_tasks(city).keys() == {*TASKS} - {GENERAL}
    for command in (
        ("results", task, filled, *KNOWN),
        ("plan", "close", task, *WHO),
        ("draw", task, "--seed", numbers("s"), "--by", "李四"),
    ):
        assert creditscore(*command).code == 2
        noted = {f"tasks/{GENERAL}/log.jsonl", f"tasks/{GENERAL}/task.json", "register.jsonl"}
        assert {name for name, text in bytes_of(city.out).items() if before[name] != text} <= noted
