import datetime as dt
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from support.payloads import PAYLOADS, live_parts

from creditscore.config.policy import Measure
from creditscore.config.spec import Label
from creditscore.language import _
from creditscore.reporting.planning_tables import DRAWN_LIST, RATIOS, WEEKS
from creditscore.reporting.workbook import INDEX_COLUMNS, write_index, write_task_workbook, write_workbook
from creditscore.spreadsheet import read_sheet
from creditscore.spreadsheet.sheets import NOTE_MARK

SHEETS = [
    "说明",
    "抽查比例方案",
    "待复核",
    "差异化监管措施",
    "分级分布与迁移",
    "公平性",
    "数据质量与未评级",
    "评分卡",
    "模型检验",
    "数据字典",
]
OPEN_TASKS = _("Open tasks")
TASK_SHEETS = ["说明", "抽查名单", "人员匹配", "周工作量", "人员工作量", "抽查比例方案", "数据字典"]
#: Columns whose words are ours: tiers, yes or no, hashes, and names of sheets and columns.
OURS = {
    "说明": {"项目"},
    "抽查比例方案": {"等级", "抽查时间"},
    "抽查名单": {"等级", "主体类型", "检查方式", "检查结果", "来源", "拟列 D"},
    "待复核": {"拟定等级", "上期等级", "等级", "抽查所用等级", "主体类型", "签批意见", "签批人编号", "理由", "依据散列值"},
    "差异化监管措施": {"等级"},
    "分级分布与迁移": {"类别", "上期等级", "等级", "说明"},
    "公平性": {"分组项", "说明"},
    "数据质量与未评级": {"类别"},
    "评分卡": {"来源", "中性"},
    "模型检验": {"指标"},
}


def write_task(path, book, **options):
    """The workbook of the task that is drawn."""
    return write_task_workbook(path, book, book.plans[0], **options)


@pytest.mark.parametrize(("write", "sheets"), [(write_workbook, SHEETS), (write_task, TASK_SHEETS)])
def test_a_workbook_has_every_sheet_and_reproducible_bytes(tmp_path, book, write, sheets):
    for name in ("a.xlsx", "b.xlsx"):
        report = write(tmp_path / name, book)
    assert list(report.rows) == sheets
    assert (report.replaced, report.truncated) == (0, 0)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


@pytest.mark.parametrize(("lang", "second"), [("en", "Ratios"), ("both", "抽查比例方案 Ratios")])
def test_other_languages_have_their_own_names(tmp_path, book, lang, second):
    report = write_workbook(tmp_path / "b.xlsx", book, lang=lang)
    assert list(report.rows)[1] == second
    assert len(read_sheet(tmp_path / "b.xlsx", RATIOS.title, columns=RATIOS.columns)) == sum(
        len(plan.strata) for plan in book.plans
    )


def test_the_ratios_read_back_are_those_of_the_plan(tmp_path, book):
    write_workbook(tmp_path / "b.xlsx", book)
    rows = read_sheet(tmp_path / "b.xlsx", RATIOS.title, columns=RATIOS.columns)
    strata = pd.concat([plan.strata for plan in book.plans])
    assert [row["ratio"].value for row in rows] == strata["ratio"].tolist()
    assert [row["target"].value for row in rows] == strata["target"].tolist()
    assert rows[0]["ratio"].address == "抽查比例方案!E2"


def test_the_visit_list_holds_exactly_the_drawn_subjects(tmp_path, book):
    write_task(tmp_path / "b.xlsx", book)
    rows = read_sheet(tmp_path / "b.xlsx", DRAWN_LIST.title, columns=DRAWN_LIST.columns)
    frame = book.plans[0].frame
    assert {row["subject_id"].value for row in rows} == set(frame.loc[frame["drawn"], "subject_id"])
    assert {row["task"].value for row in rows} == {"2024Q2-food"}
    assert {row["inspectors"].value for row in rows} == {"S001、S017"}
    weeks = pd.Series([row["week"].value for row in rows]).value_counts()
    assert weeks.max() - weeks.min() <= 1


def test_working_days_that_the_calendar_does_not_know_are_an_empty_cell(tmp_path, book):
    drawn = book.plans[0]
    weeks = drawn.weeks.assign(workdays=pd.array([None] * len(drawn.weeks), dtype="Int64"))
    write_task_workbook(tmp_path / "b.xlsx", book, replace(drawn, weeks=weeks))
    rows = read_sheet(tmp_path / "b.xlsx", WEEKS.title, columns=WEEKS.columns)
    assert {row["workdays"].value for row in rows} == {None}
    assert all(row["visits"].value is not None for row in rows)


def test_names_of_practitioners_are_left_out(tmp_path, book):
    people = book.subjects.assign(subject_type="practitioner", name="张三")
    frame = book.plans[0].frame.assign(name="张三")
    told = replace(book, subjects=people, plans=(replace(book.plans[0], frame=frame),))
    for write in (write_workbook, write_task):
        write(tmp_path / "b.xlsx", told)
        parts = zipfile.ZipFile(tmp_path / "b.xlsx")
        assert not [name for name in parts.namelist() if "张三".encode() in parts.read(name)]
        parts.close()


def test_a_task_that_is_not_drawn_says_so(tmp_path, book):
    write_task_workbook(tmp_path / "b.xlsx", book, book.plans[1])
    page = openpyxl.load_workbook(tmp_path / "b.xlsx")["抽查名单"]
    assert page["A2"].value.startswith(NOTE_MARK + "未抽取")


def test_every_empty_section_says_why(tmp_path, empty_book):
    write_workbook(tmp_path / "b.xlsx", empty_book)
    pages = openpyxl.load_workbook(tmp_path / "b.xlsx")
    for name in ("抽查比例方案", "待复核", "分级分布与迁移", "公平性", "评分卡"):
        assert str(pages[name]["A2"].value).startswith(NOTE_MARK), name


def test_proposed_tiers_have_their_own_sheet_with_their_grounds(tmp_path, book):
    write_workbook(tmp_path / "b.xlsx", book)
    rows = read_sheet(tmp_path / "b.xlsx", "待复核")
    assert len(rows) == (book.tiers["status"] == "proposed").sum() > 0
    assert {row["拟定等级"].value for row in rows} == {"D"}
    assert "D" not in {row["等级"].value for row in rows}
    assert {row["适用规则"].value for row in rows} == {"严重违法失信名单"}
    assert len({row["依据散列值"].value for row in rows}) == len(rows)


def texts_of(frame, payloads, *, keep=()):
    """The frame with payloads, in turn, in every column of texts."""
    kept = {"tier", "raw_tier", "previous_tier", "status", "subject_id", "as_of", "drawn", *keep}
    words = [name for name in frame.columns if name not in kept and not pd.api.types.is_numeric_dtype(frame[name])]
    bad = {name: [payloads[at % len(payloads)] for at in range(len(frame))] for name in words}
    ids = {"subject_id": payloads[0] + frame["subject_id"]} if "subject_id" in frame else {}
    return frame.assign(**bad, **ids)


def unchecked(spec, **changed):
    """A specification with values that its checks would refuse: the last line of defence is tried."""
    return type(spec).model_construct(**{name: getattr(spec, name) for name in type(spec).model_fields} | changed)


def poison(book, payloads):
    """The book with payloads in every text that does not come from us."""
    one = payloads[0]
    bad = Label(zh=one, en=one)
    plans = []
    for plan in book.plans:
        task = unchecked(plan.task, label=bad, item=one, department=one, joint_with=(one, one), id=one)
        frame = texts_of(plan.frame, payloads)
        teams = texts_of(plan.inspectors, payloads)
        strata = texts_of(plan.strata, payloads)
        visits, staff = texts_of(plan.visits, payloads), texts_of(plan.staff, payloads)
        if plan.drawn:
            visits["team"], visits["replaced_by"] = [[one, one]] * len(visits), [one, *[""] * (len(visits) - 1)]
        page = replace(plan, task=task, frame=frame, strata=strata, inspectors=teams, visits=visits, staff=staff)
        plans.append(replace(page, seed_source=one))
    cards = {}
    for code, card in book.cards.items():
        parts = []
        for part in card.characteristics:
            bins = [unchecked(one_, kind="category", label=one) if one_.kind == "interval" else one_ for one_ in part.attributes]
            parts.append(unchecked(part, label=bad, unit=one, attributes=tuple(bins)))
        cards[code] = unchecked(card, characteristics=tuple(parts), industry=one)
    measures = tuple(unchecked(m, name=bad, basis=one, department=one, industry=one) for m in book.policy.measure)
    policy = unchecked(book.policy, basis=one, signed_by=one, measure=measures)
    return replace(
        book,
        project=bad,
        authority=bad,
        purpose=one,
        run_id=one,
        contact=one,
        notes=(bad,),
        facts={one: one},
        rejects={one: 1},
        policy=policy,
        cards=cards,
        counts=replace(book.counts, out_of_scope={one: 12}),
        checkup=texts_of(book.checkup, payloads),
        by_industry=texts_of(book.by_industry, payloads),
        scores=texts_of(book.scores, payloads, keep=("scorecard",)),
        tiers=texts_of(book.tiers, payloads),
        subjects=texts_of(book.subjects, payloads, keep=("subject_type",)),
        lists=texts_of(book.lists, payloads),
        plans=tuple(plans),
        industries={},
        regions={},
        kinds={},
    )


@pytest.mark.parametrize("lang", ["zh", "en", "both"])
def test_payloads_in_every_text_give_no_formula_and_no_link(tmp_path, book, lang):
    for first in ("=1+1", *(PAYLOADS if lang == "zh" else ())):
        payloads = [first, *PAYLOADS]
        for write in (write_workbook, write_task):
            write(tmp_path / f"{write.__name__}.xlsx", poison(book, payloads), lang=lang)
            assert live_parts(tmp_path / f"{write.__name__}.xlsx") == [], first
    for path in tmp_path.glob("*.xlsx"):
        pages = openpyxl.load_workbook(path)
        cells = [cell for page in pages for row in page.iter_rows() for cell in row]
        assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]


@pytest.mark.parametrize("write", [write_workbook, write_task])
def test_every_column_of_texts_was_poisoned(tmp_path, book, write):
    write(tmp_path / "b.xlsx", poison(book, ["=1+1"]))
    pages = openpyxl.load_workbook(tmp_path / "b.xlsx")
    del pages["数据字典"]  # names of columns, all ours
    for page in pages:
        header, *rows = page.iter_rows()
        for place, head in enumerate(header):
            texts = [row[place].value for row in rows if isinstance(row[place].value, str)]
            if texts and head.value not in OURS.get(page.title, ()):
                assert [text for text in texts if "=1+1" in text], (page.title, head.value, texts[:3])


def test_rows_beyond_a_sheet_go_on_in_the_next(tmp_path, book):
    report = write_task(tmp_path / "b.xlsx", book, max_rows=10)
    drawn = int(book.plans[0].frame["drawn"].sum())
    assert report.rows["抽查名单"] == 10
    assert sum(rows for name, rows in report.rows.items() if name.startswith("抽查名单")) == drawn
    assert len(read_sheet(tmp_path / "b.xlsx", DRAWN_LIST.title, columns=DRAWN_LIST.columns)) == drawn


@pytest.mark.parametrize(("write", "sheets"), [(write_workbook, SHEETS), (write_task, TASK_SHEETS)])
def test_every_column_is_in_the_dictionary_in_both_languages(tmp_path, book, write, sheets):
    write(tmp_path / "b.xlsx", book)
    rows = read_sheet(tmp_path / "b.xlsx", "数据字典")
    pages = openpyxl.load_workbook(tmp_path / "b.xlsx", read_only=True)
    there = [(page.title, value) for page in pages for value in next(page.iter_rows(max_row=1, values_only=True))]
    assert [(row["工作表"].value, row["中文"].value) for row in rows] == there
    assert {name for name, _ in there} == set(sheets)
    for row in rows:
        assert all(row[name].value for name in ("字段", "英文", "含义（中文）", "含义（英文）")), row


def test_the_quality_sheet_shows_the_row_equation(tmp_path, book):
    write_workbook(tmp_path / "b.xlsx", book)
    rows = [row for row in read_sheet(tmp_path / "b.xlsx", "数据质量与未评级") if row["类别"].value == "行数平衡"]
    figures = [row["行数"].value for row in rows]
    assert figures[0] == sum(figures[1:]) == book.counts.rows_in


def test_measures_have_their_own_sheet_with_department_and_basis(tmp_path, book):
    d = Measure(tier="D", name=Label(zh="核查工资支付", en="check of wages"), basis="条例", department="人社局", industry="hotel")
    told = replace(
        book, policy=book.policy.model_copy(update={"measure": (*book.policy.measure, d)}), tiers=book.tiers.assign(tier="D")
    )
    write_workbook(tmp_path / "b.xlsx", told)
    rows = [{name: cell.value for name, cell in row.items()} for row in read_sheet(tmp_path / "b.xlsx", "差异化监管措施")]
    hotels = int((book.tiers["industry"] == "hotel").sum())
    assert rows == [
        {
            "等级": "D 风险高",
            "行业": "全部行业",
            "监管措施": "重点监管",
            "检查主体": "市场监管局",
            "依据": "示例",
            "数量": len(book.tiers),
        },
        {"等级": "D 风险高", "行业": "住宿", "监管措施": "核查工资支付", "检查主体": "人社局", "依据": "条例", "数量": hotels},
    ]


@pytest.mark.parametrize("write", [write_workbook, write_task])
@pytest.mark.parametrize("trial", [False, True])
def test_the_first_sheet_says_whether_nobody_has_signed_the_cards(tmp_path, book, write, trial):
    write(tmp_path / "b.xlsx", replace(book, trial=trial))
    cells = "".join(str(cell.value) for row in read_sheet(tmp_path / "b.xlsx", "说明") for cell in row.values())
    assert ("未签批，试算" in cells) is trial


@pytest.mark.parametrize("write", [write_workbook, write_task])
def test_the_first_sheet_says_that_nothing_of_it_is_published(tmp_path, book, write):
    write(tmp_path / "b.xlsx", book)
    about = {row["项目"].value: row["内容"].value for row in read_sheet(tmp_path / "b.xlsx", "说明")}
    assert about["知悉范围"].startswith("内部使用，不得公布。")


def index_row(**changes):
    day = dt.date(2024, 5, 1)
    row = dict.fromkeys(one.key for one in INDEX_COLUMNS)
    about = {"task": "2024Q2-food", "task_label": Label(zh="食品", en="food"), "period_from": day, "period_to": day}
    return {**row, **about, "state": "draft", "trial": False, "overdue": False, **changes}


@pytest.mark.parametrize(
    ("changes", "lang", "shown"),
    [
        ({}, "zh", "草案"),
        ({"state": "visited"}, "en", "visited"),
        ({"state": "published", "trial": True}, "zh", "已公布（试算）"),
        ({"state": "published", "overdue": True}, "zh", "已公布，逾期：种子已公布而未抽取"),
    ],
)
def test_the_list_of_open_tasks_shows_where_each_stands(tmp_path, changes, lang, shown):
    for name in ("a.xlsx", "b.xlsx"):
        write_index(tmp_path / name, [index_row(**changes)], created=dt.date(2024, 5, 1), lang=lang)
    (row,) = read_sheet(tmp_path / "a.xlsx", OPEN_TASKS, columns=INDEX_COLUMNS)
    assert (row["state"].value, row["task_label"].value) == (shown, "食品" if lang == "zh" else "food")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_the_first_sheet_counts_tiers_that_wait_for_a_signature(tmp_path, book):
    write_workbook(tmp_path / "b.xlsx", book)
    waiting = int((book.tiers["status"] == "proposed").sum())
    about = {row["项目"].value: row["内容"].value for row in read_sheet(tmp_path / "b.xlsx", "说明")}
    assert about["待签批"].startswith(f"{waiting} 户的拟定等级待签批")
    assert about["用途"] == "信用监管（分配抽查力量）"


def test_without_an_earlier_run_the_migration_says_why_it_is_empty(tmp_path, book):
    write_workbook(tmp_path / "b.xlsx", replace(book, tiers=book.tiers.assign(previous_tier=None)))
    rows = [row for row in read_sheet(tmp_path / "b.xlsx", "分级分布与迁移") if row["类别"].value == "等级迁移"]
    assert [row["说明"].value for row in rows] == ["没有上期等级（首次运行），无迁移可列"]


def test_grounds_are_shown_in_words(tmp_path, book):
    grounds = {"score": "score:late_reports,penalties_24m", "list": "override:serious_dishonesty_list E1 E2"}
    open_ = book.tiers["status"] == "proposed"
    for text, shown in zip(grounds.values(), ("年报迟报次数；近24个月行政处罚次数", "严重违法失信名单 E1 E2"), strict=True):
        told = replace(book, tiers=book.tiers.assign(evidence=pd.Series(text, index=book.tiers.index).where(open_)))
        write_workbook(tmp_path / "b.xlsx", told)
        assert {row["依据记录"].value for row in read_sheet(tmp_path / "b.xlsx", "待复核")} == {shown}


#: English that a Chinese workbook holds all the same: ids, hashes, codes, commands, names of files.
_ENGLISH = {"说明", "数据字典"}
_CODES = {
    "代码",
    "行业代码",
    "层",
    "任务编号",
    "抽签号（前16位）",
    "依据散列值",
    "检查人员编号",
    "人员编号",
    "回避",
    "示例（行键）",
}


def test_a_chinese_workbook_has_no_english_words(tmp_path, book):
    cards = {
        code: card.model_copy(
            update={"characteristics": tuple(one.model_copy(update={"unit": unit}) for one in card.characteristics)}
        )
        for (code, card), unit in zip(book.cards.items(), ("ppm", "days", "0 or 1"), strict=True)
    }
    rows = [{"section": "rows", "table": "subjects", "rule": "arrived = kept + quarantined + collapsed", "code": "kept", "rows": 3}]
    tiers = book.tiers.assign(industry=book.tiers["industry"].where(book.tiers.index > 3, ""))
    tiers["rule"] = tiers["rule"].replace("not_rated:quarantined", "not_rated:ID_CHECK_DIGIT")
    told = replace(book, cards=cards, checkup=pd.DataFrame(rows), tiers=tiers)
    write_workbook(tmp_path / "b.xlsx", told)
    write_task(tmp_path / "task.xlsx", told)
    for page in [page for name in ("b.xlsx", "task.xlsx") for page in openpyxl.load_workbook(tmp_path / name)]:
        header, *body = page.iter_rows(values_only=True)
        for place, head in enumerate(header):
            words = [row[place] for row in body if isinstance(row[place], str) and re.search("[a-z]{3,}", row[place])]
            if page.title not in _ENGLISH and head not in _CODES:
                assert words == [], (page.title, head)


#: Places and days that must not show: a clock of half hours, the plainest locale, a folder elsewhere, another day.
ELSEWHERE = [
    {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
    {"TZ": "Asia/Kathmandu", "LC_ALL": "POSIX", "LANG": "zh_CN.GB18030", "PYTHONUTF8": "0", "PYTHONHASHSEED": "2"},
]
WRITES_IT = """
import datetime as dt, importlib.util, sys, time
import xlsxwriter.core, xlsxwriter.workbook
from creditscore.reporting.workbook import write_workbook
later = dt.timedelta(days=int(sys.argv[3]))
class Kind(type):
    def __instancecheck__(cls, one):
        return isinstance(one, dt.datetime)
class Later(metaclass=Kind):
    @classmethod
    def now(cls, tz=None):
        return dt.datetime.now(tz) + later
xlsxwriter.core.datetime = xlsxwriter.workbook.datetime = Later
clock = time.time
time.time = lambda: clock() + later.total_seconds()
spec = importlib.util.spec_from_file_location("made", sys.argv[1])
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
write_workbook(sys.argv[2], made.make_book(count=80)[1], lang="both")
"""


def test_the_workbook_has_the_same_bytes_elsewhere_and_later(tmp_path):
    made = Path(__file__).with_name("conftest.py")
    for number, place in enumerate([{}, *ELSEWHERE]):
        told = [str(made), str(tmp_path / f"{number}.xlsx"), str(400 * number)]
        subprocess.run([sys.executable, "-c", WRITES_IT, *told], env=os.environ | place, cwd="/" if place else None, check=True)
        assert (tmp_path / f"{number}.xlsx").read_bytes() == (tmp_path / "0.xlsx").read_bytes(), place
