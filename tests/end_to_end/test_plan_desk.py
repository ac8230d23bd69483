"""The planner's desk after the draw: results in place of the draw's own mode, replacements, late subjects, edited workbooks."""

import csv
import datetime as dt

import openpyxl
import pyarrow.parquet as pq
import pytest
from support.command import creditscore

import creditscore as cs
from creditscore.inspection.plan_folder import read_log

from .conftest import PROJECT

KNOWN = ("--known", "2024-07-05")
WHO = ("--by", "李四", "--on", "2024-05-20")


@pytest.fixture
def filled(city):
    """The drawn list with a result in every row, from the truth of the city."""
    file = city.root / "filled.xlsx"
    said = creditscore("simulate-visits", city.run, "--truth", city.root / "city" / "truth", "--file", file)
    assert said.code == 0, said.err
    return file


def rows_of(path, sheet="抽查名单"):
    head, *rows = openpyxl.load_workbook(path)[sheet].iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_results_become_training_labels_with_their_modes_probability(city, filled):
    said = creditscore("results", city.run, filled, *KNOWN, "--data", city.data, "--json")
    assert said.code == 0, said.err
    own = pq.read_table(city.data / "own_inspections.parquet").to_pandas()
    assert len(own) == said.json["rows"] == len(rows_of(filled))
    assert set(own["trigger"]) == {"random"}
    tasks = {path.name: cs.verify_plan(path).ok for path in (city.run / "plan").iterdir()}
    assert all(tasks.values()), tasks
    project = cs.load_project(PROJECT)
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


def test_repeated_results_are_accepted_and_contradicting_ones_refused(city, filled):
    assert creditscore("results", city.run, filled, *KNOWN, "--data", city.data).code == 0
    first = (city.data / "own_inspections.parquet").read_bytes()
    assert creditscore("results", city.run, city.run / "plan.xlsx", "--known", "2024-07-09", "--data", city.data).code == 0
    assert (city.data / "own_inspections.parquet").read_bytes() == first
    book = openpyxl.load_workbook(filled)
    heads = [cell.value for cell in book["抽查名单"][1]]
    book["抽查名单"].cell(2, heads.index("检查结果") + 1, "不配合检查")
    book.save(filled)
    said = creditscore("results", city.run, filled, "--known", "2024-07-10", "--data", city.data)
    assert said.code == 2
    assert "此前上报的结果不同" in said.err


def test_a_visit_in_another_mode_than_drawn_has_no_probability(city, filled):
    book = openpyxl.load_workbook(filled)
    heads = [cell.value for cell in book["抽查名单"][1]]
    cell = book["抽查名单"].cell(2, heads.index("检查方式") + 1)
    cell.value = "非现场" if cell.value == "实地" else "实地"
    book.save(filled)
    said = creditscore("results", city.run, filled, *KNOWN, "--json")
    assert said.json["otherwise"] == 1
    told = pq.read_table(said.json["file"]).to_pandas()
    row = told[told["trigger"] == "special"].iloc[0]
    assert row["inclusion_probability"] is None or row["inclusion_probability"] != row["inclusion_probability"]


def test_days_after_the_results_were_handed_in_are_named_by_cell(city, filled):
    said = creditscore("results", city.run, filled, "--known", "2024-05-10")
    assert said.code == 2
    assert "检查日期晚于上报日期 2024-05-10" in said.err
    assert "抽查名单!" in said.err
    assert not (city.run / "results").exists()


def test_results_appear_in_the_visit_list_and_the_published_list(city, filled):
    assert creditscore("results", city.run, filled, *KNOWN).code == 0
    assert creditscore("report", city.run).code == 0
    assert all(row["检查结果"] for row in rows_of(city.run / "plan.xlsx"))
    for plan in (city.run / "plan").iterdir():
        with (plan / "publication.csv").open(encoding="utf-8-sig", newline="") as stream:
            assert all(row["inspected_on"] and row["result"] for row in csv.DictReader(stream))
        assert cs.verify_plan(plan).ok


def test_a_filled_in_workbook_is_kept_before_it_is_rebuilt(city, filled):
    edited = filled.read_bytes()
    (city.run / "plan.xlsx").write_bytes(edited)
    assert creditscore("report", city.run).code == 0
    kept = list((city.run / "edited").iterdir())
    assert [path.read_bytes() for path in kept] == [edited]
    assert creditscore("results", city.run, kept[0], *KNOWN).code == 0


def test_a_replacement_appears_in_the_visit_list_and_the_log(city):
    plan = city.run / "plan" / "2024Q2-general"
    row = next(row for row in rows_of(city.run / "plan.xlsx") if row["任务编号"] == plan.name)
    told = ("--subject", row["统一社会信用代码"], "--reason", "已注销")
    said = creditscore("plan", "replace", plan, *told, *WHO, "--json")
    assert said.code == 0, said.err
    came = said.json["replaced"][0]["replaced_by"]
    rows = {row["统一社会信用代码"]: row for row in rows_of(city.run / "plan.xlsx") if row["任务编号"] == plan.name}
    assert (rows[told[1]]["已由其递补"], rows[came]["来源"]) == (came, "递补")
    assert rows[came]["检查人员编号"]
    assert [line["what"] for line in read_log(plan)] == ["drawn", "replaced"]
    assert cs.verify_plan(plan).ok
    again = creditscore("plan", "replace", plan, *told, *WHO, "--lang", "en")
    assert again.code == 2
    assert "replaced already" in again.err


def test_a_second_draw_is_refused_and_logged(city):
    plan = city.run / "plan" / "2024Q2-general"
    said = creditscore("draw", plan, "--seed", "a better one", "--on", "2024-05-09")
    assert said.code == 2
    said = creditscore("plan", "log", plan, "--json")
    assert [(line["what"], line["seed"]) for line in said.json["log"]][1] == ("draw_refused", "a better one")


def test_a_visit_for_two_tasks_is_marked_and_has_one_week(city):
    rows = rows_of(city.run / "plan.xlsx")
    merged = [row for row in rows if row["合并任务"]]
    for row in merged:
        other = next(
            one for one in rows if one["统一社会信用代码"] == row["统一社会信用代码"] and one["任务编号"] == row["合并任务"]
        )
        assert other["该周起"] == row["该周起"]
        assert other["合并任务"] == row["任务编号"]
