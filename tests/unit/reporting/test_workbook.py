import zipfile
from dataclasses import replace

import openpyxl
import pandas as pd
import pytest

from creditscore.config.base import Label
from creditscore.reporting.sheets_plan import LIST_SHEET, RATIO_COLUMNS, RATIO_SHEET, list_columns
from creditscore.reporting.workbook import write_workbook
from creditscore.spreadsheet import read_sheet
from creditscore.spreadsheet.model import NOTE_MARK

SHEETS = [
    "说明",
    "抽查比例方案",
    "抽查名单",
    "待复核",
    "人员匹配",
    "分级分布与迁移",
    "公平性",
    "数据质量与未评级",
    "评分卡",
    "数据字典",
]
PAYLOADS = [
    "=1+1",
    "=cmd|'/C calc'!A0",
    '=HYPERLINK("https://evil.example")',
    "+1",
    "-1",
    "@SUM(1)",
    "https://evil.example",
    "</script>",
]


def test_the_workbook_has_every_sheet_and_is_the_same_bytes_twice(tmp_path, book):
    for name in ("a.xlsx", "b.xlsx"):
        report = write_workbook(tmp_path / name, book)
    assert list(report.rows) == SHEETS
    assert (report.replaced, report.truncated) == (0, 0)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


@pytest.mark.parametrize(("lang", "second"), [("en", "Ratios"), ("both", "抽查比例方案 Ratios")])
def test_other_languages_have_their_own_names(tmp_path, book, lang, second):
    report = write_workbook(tmp_path / "b.xlsx", book, lang=lang)
    assert list(report.rows)[1] == second
    assert len(read_sheet(tmp_path / "b.xlsx", RATIO_SHEET, columns=RATIO_COLUMNS)) == sum(len(plan.strata) for plan in book.plans)


def test_the_ratios_read_back_are_those_of_the_plan(tmp_path, book):
    write_workbook(tmp_path / "b.xlsx", book)
    rows = read_sheet(tmp_path / "b.xlsx", RATIO_SHEET, columns=RATIO_COLUMNS)
    strata = pd.concat([plan.strata for plan in book.plans])
    assert [row["ratio"].value for row in rows] == strata["ratio"].tolist()
    assert [row["target"].value for row in rows] == strata["target"].tolist()
    assert rows[0]["ratio"].address == "抽查比例方案!E2"


def test_the_list_holds_the_drawn_subjects_of_drawn_tasks_and_no_other(tmp_path, book):
    write_workbook(tmp_path / "b.xlsx", book)
    rows = read_sheet(tmp_path / "b.xlsx", LIST_SHEET, columns=list_columns("zh"))
    frame = book.plans[0].frame
    assert {row["subject_id"].value for row in rows} == set(frame.loc[frame["drawn"], "subject_id"])
    assert {row["task"].value for row in rows} == {"2024Q2-food"}
    assert {row["inspectors"].value for row in rows} == {"S001、S017"}
    weeks = pd.Series([row["week"].value for row in rows]).value_counts()
    assert weeks.max() - weeks.min() <= 1


def test_names_of_practitioners_are_left_out(tmp_path, book):
    people = book.subjects.assign(subject_type="practitioner", name="张三")
    frame = book.plans[0].frame.assign(name="张三")
    write_workbook(tmp_path / "b.xlsx", replace(book, subjects=people, plans=(replace(book.plans[0], frame=frame),)))
    parts = zipfile.ZipFile(tmp_path / "b.xlsx")
    assert not [name for name in parts.namelist() if "张三".encode() in parts.read(name)]
    parts.close()


def test_a_task_that_is_not_drawn_says_so(tmp_path, book):
    write_workbook(tmp_path / "b.xlsx", replace(book, plans=book.plans[1:]))
    page = openpyxl.load_workbook(tmp_path / "b.xlsx")["抽查名单"]
    assert page["A2"].value.startswith(NOTE_MARK + "未抽取")


def test_every_empty_section_says_why(tmp_path, empty_book):
    write_workbook(tmp_path / "b.xlsx", empty_book)
    pages = openpyxl.load_workbook(tmp_path / "b.xlsx")
    for name in ("抽查比例方案", "抽查名单", "待复核", "人员匹配", "分级分布与迁移", "公平性", "评分卡"):
        assert str(pages[name]["A2"].value).startswith(NOTE_MARK), name


def test_proposed_tiers_wait_on_a_sheet_of_their_own_with_their_grounds(tmp_path, book):
    write_workbook(tmp_path / "b.xlsx", book)
    rows = read_sheet(tmp_path / "b.xlsx", "待复核")
    assert len(rows) == (book.tiers["status"] == "proposed").sum() > 0
    assert {row["拟定等级"].value for row in rows} == {"D"}
    assert "D" not in {row["等级"].value for row in rows}
    assert {row["适用规则"].value for row in rows} == {"严重违法失信名单"}
    assert len({row["依据散列值"].value for row in rows}) == len(rows)


def test_payloads_in_every_text_give_no_formula_and_no_link(tmp_path, book):
    names = [PAYLOADS[at % len(PAYLOADS)] for at in range(len(book.subjects))]
    subjects = book.subjects.assign(name=names, address=names, registration_authority=names)
    frame = book.plans[0].frame.assign(name=names)
    poisoned = replace(
        book,
        subjects=subjects,
        plans=(replace(book.plans[0], frame=frame), book.plans[1]),
        contact="=1+1",
        project=Label(zh="=1+1", en="=1+1"),
        facts={"=1+1": "=2+2"},
        checkup=book.checkup.assign(rule="=1+1", examples="=1+1"),
    )
    write_workbook(tmp_path / "b.xlsx", poisoned)
    pages = openpyxl.load_workbook(tmp_path / "b.xlsx")
    cells = [cell for page in pages for row in page.iter_rows() for cell in row]
    assert any(cell.value == "=1+1" for cell in cells)
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]


def test_rows_beyond_a_sheet_go_on_in_the_next(tmp_path, book):
    report = write_workbook(tmp_path / "b.xlsx", book, max_rows=10)
    drawn = int(book.plans[0].frame["drawn"].sum())
    assert report.rows["抽查名单"] == 10
    assert sum(rows for name, rows in report.rows.items() if name.startswith("抽查名单")) == drawn
    assert len(read_sheet(tmp_path / "b.xlsx", LIST_SHEET, columns=list_columns("zh"))) == drawn


def test_every_column_is_in_the_dictionary_in_both_languages(tmp_path, book):
    write_workbook(tmp_path / "b.xlsx", book)
    rows = read_sheet(tmp_path / "b.xlsx", "数据字典")
    listed = {row["工作表"].value for row in rows}
    assert listed == set(SHEETS) - {"说明", "数据字典"}
    assert all(row["中文"].value and row["英文"].value for row in rows)


def test_the_row_equation_stands_in_the_quality_sheet(tmp_path, book):
    write_workbook(tmp_path / "b.xlsx", book)
    rows = [row for row in read_sheet(tmp_path / "b.xlsx", "数据质量与未评级") if row["类别"].value == "行数平衡"]
    figures = [row["行数"].value for row in rows]
    assert figures[0] == sum(figures[1:]) == book.counts.rows_in
