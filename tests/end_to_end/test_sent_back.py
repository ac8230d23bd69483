"""Five departments get their faulty rows back, mend the marked cells, and send again: everything is told as it is."""

import shutil
import subprocess

import openpyxl
import pyarrow.parquet as pq
import pytest
from support.command import creditscore
from support.departments import COURT, HEADERS, PENALTIES, REGISTER, UNITS, clean_rows, departments_project, spoil, write_files
from support.nights import sign_a_card
from support.payloads import live_parts

from creditscore.pipeline.reject_folder import file_names

RED = "FFF9C9C4"
HOW_TO_SEND = "请在贵单位报送文件中用改好的行替换原行（不要追加在末尾），并报送完整文件；本退回工作簿不要直接报送。"
APRIL, MAY = "2024-04-30", "2024-05-31"


class Desk:
    """The office that checks, with the departments' files."""

    def __init__(self, root):
        self.root, self.data, self.out = root, root / "data", root / "out"
        self.project = departments_project(root / "project")
        self.clean, self.sent = clean_rows(), clean_rows()
        self.wrong = spoil(self.sent)
        write_files(self.data, self.sent)

    def check(self, as_of, *more, data=None):
        called = creditscore("check", self.project.folder, "--data", data or self.data, "--as-of", as_of, "--json", *more)
        assert called.code == 0, called.err
        return called.json


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """After the first night, with the workbooks that go back."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    sign_a_card(desk)
    said = creditscore("run", desk.project.folder, "--data", desk.data, "--as-of", APRIL, "--out", desk.out)
    assert said.code == 0, said.err
    desk.told = desk.check(APRIL, "--out", desk.out, "--rejects-to", desk.root / "back", "--lang", "zh")
    return desk


def books(folder):
    return {path.name: openpyxl.load_workbook(path) for path in sorted(folder.glob("*.xlsx"))}


def listed(page):
    """The rows of a sheet by the row of the sender's file: header, cells."""
    lines = list(page.iter_rows(max_col=page.max_column))
    return {line[0].value: dict(zip([cell.value for cell in lines[0]], line, strict=True)) for line in lines[1:]}


def sheets_of(folder):
    """The sheets with rows, by the file that they are about; several units may have one each."""
    pages = {}
    for book in books(folder).values():
        for page in book.worksheets[1:]:
            name = next(file for file in HEADERS if file.rsplit(".", 1)[0] == page.title)
            pages.setdefault(name, []).append(page)
    return pages


def test_each_unit_gets_one_workbook_with_exactly_its_faulty_rows(desk):
    courts = ["永州市中级人民法院", "祁阳市人民法院"]
    assert sorted(books(desk.root / "back")) == sorted(
        file_names([*(UNITS[name] for name in UNITS if name != "失信名单.csv"), *courts]).values()
    )
    for name, pages in sheets_of(desk.root / "back").items():
        rows = sorted(row for page in pages for row in listed(page))
        assert rows == [place + 2 for place in desk.wrong[name]], name


def test_rows_are_as_sent_with_the_wrong_cells_marked_and_the_reason_said(desk):
    pages = sheets_of(desk.root / "back")
    [page] = pages[PENALTIES]
    assert tuple(cell.value for cell in page[1])[2:-2] == HEADERS[PENALTIES]
    rows = listed(page)
    for row, column, reason in (
        (4, "决定日期", "决定日期：不是约定写法的日期（应为实际存在的日期，写成 2024-01-31、2024/01/31）"), (7, "罚款金额", "应为数字，如 12000.50"),
        (8, "严重程度", "超出范围（应在 1 至 10 之间）"), (11, "统一社会信用代码", "主体不在登记库"), (13, "公示日期", "日期先后颠倒（不应早于决定日期，请核对两个日期）"),
    ):  # fmt: skip
        cells = rows[row]
        assert [name for name, cell in cells.items() if cell.fill.fgColor.rgb == RED] == [column]
        assert reason in cells["退回原因"].value
        assert cells[column].comment.text.strip() in cells["退回原因"].value
        sent = dict(zip(HEADERS[PENALTIES], desk.sent[PENALTIES][row - 2], strict=True))
        shown = {name: cell.value or "" for name, cell in cells.items() if name in sent and name != "联系人"}
        assert shown == {name: cell for name, cell in sent.items() if name != "联系人"}
    assert rows[16]["整行原文"].value.startswith("（本行可能含个人信息")
    assert {cells["退回原因"].value for page in pages[COURT] for row, cells in listed(page).items() if row != 10} == {
        "执行标的：编号相同的几行内容不一致（第 5、38 行；请保留正确的一行，删去其余各行）"
    }
    [register] = pages[REGISTER]
    assert "不在约定的用词之内（应为：存续、停业、吊销、注销；都不符合的不要勉强套用" in listed(register)[53]["退回原因"].value


def test_no_workbook_has_a_formula_a_link_hidden_or_merged_cells_or_a_person(desk):
    people = {row[2] for row in desk.clean[REGISTER]} | {row[9] for row in desk.clean[REGISTER]}
    people |= {row[7] for row in desk.clean[PENALTIES]}
    for lang in ("zh", "en", "both"):
        desk.check(APRIL, "--rejects-to", desk.root / lang, "--lang", lang)
        for name, book in books(desk.root / lang).items():
            assert live_parts(desk.root / lang / name) == []
            for page in book.worksheets:
                assert not page.merged_cells.ranges
                assert page.sheet_state == "visible"
                assert not any(one.hidden for one in [*page.row_dimensions.values(), *page.column_dimensions.values()])
                texts = [str(cell.value) for line in page.iter_rows() for cell in line if cell.value is not None]
                assert not [text for text in texts for person in people if person in text]
    [page] = sheets_of(desk.root / "zh")[REGISTER]
    masked = {cell.value: cell.comment for cell in page[1]}
    assert masked["法定代表人"].text.startswith("本列可能是个人信息")
    assert {line["法定代表人"].value[1:] for line in listed(page).values()} == {"*"}


def test_the_first_sheet_says_who_what_when_and_whom_to_ask(desk):
    book = books(desk.root / "back")["税务局.xlsx"]
    said = {row[0]: row[1] for row in book["请先看"].iter_rows(values_only=True) if row[0]}
    assert (said["退回给"], said["退回单位"], said["核对日期"]) == ("税务局", "永州市信用办", APRIL)
    assert said["欠税公告.xlsx（信用记录）"] == "收到 35 行：已读入 33 行，与其他行重复 0 行，退回 2 行（未计入）。"
    assert said["咨询"] == "市信用办数据科 0746-0000000"


def test_the_same_command_again_changes_nothing(desk):
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (desk.root / "back").iterdir()}
    desk.check(APRIL, "--out", desk.out, "--rejects-to", desk.root / "back", "--lang", "zh")
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (desk.root / "back").iterdir()} == before


def mended(desk, folder, *, but=()):
    """The files of the next month: the rows of the workbooks, their marked cells put right, in place of those of before."""
    rows = {name: [list(row) for row in lines] for name, lines in desk.sent.items()}
    for name, pages in sheets_of(folder).items():
        for page in pages:
            for row, cells in listed(page).items():
                if (name, row) in but:
                    continue
                place = row - 2
                marked = [column for column, cell in cells.items() if cell.fill.fgColor.rgb == RED]
                assert marked, (name, row)
                if place < len(desk.clean[name]):
                    truth = dict(zip(HEADERS[name], desk.clean[name][place], strict=True))
                    whole = "整行原文" in cells and cells["整行原文"].value
                    values = dict(zip(HEADERS[name], rows[name][place], strict=False))
                    rows[name][place] = list(
                        (truth if whole else {**values, **{column: truth[column] for column in marked}}).values()
                    )
                else:
                    rows[name][place] = []  # a second record of one number: withdrawn
    return {name: [row for row in lines if row] for name, lines in rows.items()}


def test_what_was_mended_is_told_as_mended_and_nothing_is_refused(desk):
    write_files(desk.root / "may", mended(desk, desk.root / "back"))
    told = desk.check(MAY, "--out", desk.out, "--rejects-to", desk.root / "back", data=desk.root / "may")
    assert [row for row in told["findings"] if row["section"] in ("refused", "refused_value")] == []
    assert sum(row["refused"] + row["values"] + row["new"] + row["withdrawn"] for row in told["deliveries"]) == 0
    faults = pq.read_table(desk.out / APRIL / "rejects.parquet").num_rows
    assert sum(row["mended"] for row in told["deliveries"]) == faults
    # Workbooks that no longer apply are gone.
    assert told["sent_back"] == []
    assert books(desk.root / "back") == {}


def test_what_was_not_mended_is_the_same_fault_since_then(desk):
    folder = desk.root / "unmended"
    desk.check(APRIL, "--rejects-to", folder)
    rows = mended(desk, folder, but=[(PENALTIES, 4)])
    rows[PENALTIES].insert(0, ["CF202409999", desk.clean[REGISTER][0][0], "新", "someday", "2024/05/01", "5", "1", "赵科员"])
    write_files(desk.root / "june", rows)
    told = desk.check(MAY, "--out", desk.out, "--rejects-to", folder, data=desk.root / "june")
    [row] = [row for row in told["deliveries"] if row["refused"]]
    assert (row["provider"], row["refused"], row["new"], row["since"][:10]) == ("市场监督管理局", 2, 1, APRIL)
    [page] = books(folder)["市场监督管理局.xlsx"].worksheets[1:]
    since = {row: cells["首次发现日期"].value.date().isoformat() for row, cells in listed(page).items()}
    assert since == {2: MAY, 5: APRIL}


def test_a_workbook_that_was_sent_back_is_no_delivery(desk):
    """Its rows are the faulty ones only: read as the file, all others of the file would be gone."""
    folder, data = desk.root / "readable", desk.root / "again"
    desk.check(APRIL, "--rejects-to", folder)
    shutil.copytree(desk.data, data)
    shutil.copy(folder / "税务局.xlsx", data / "欠税公告.xlsx")
    called = creditscore("check", desk.project.folder, "--data", data, "--as-of", MAY, "--rejects-to", desk.root / "refused")
    assert called.code == 2
    assert f"欠税公告.xlsx：这是退回的工作簿，不是报送的文件。{HOW_TO_SEND}" in called.err
    texts = [row[1] for row in books(desk.root / "refused")["税务局.xlsx"]["请先看"].iter_rows(values_only=True)]
    assert f"欠税公告.xlsx：这是退回的工作簿，不是报送的文件。{HOW_TO_SEND}" in texts
    assert any(text.startswith("1. 无法使用的文件，请按上面的说明改好") for text in texts)


def test_a_file_of_the_mended_rows_only_is_asked_about(desk):
    rows = mended(desk, desk.root / "back")
    rows["欠税公告.xlsx"] = [*rows["欠税公告.xlsx"][:3], ["???", *rows["欠税公告.xlsx"][3][1:]]]
    write_files(desk.root / "few", rows)
    desk.check(MAY, "--out", desk.out, "--rejects-to", desk.root / "fewer", data=desk.root / "few")
    texts = [row[1] for row in books(desk.root / "fewer")["税务局.xlsx"]["请先看"].iter_rows(values_only=True)]
    assert any(text.startswith("上次 35 行，本次仅 4 行，是否只报送了改正的行？") for text in texts)
    assert not any("谢谢" in text for text in texts)


def test_each_step_is_one_that_the_unit_can_take(desk):
    desk.check(APRIL, "--rejects-to", desk.root / "steps")

    def steps(name):
        rows = [row[:2] for row in books(desk.root / "steps")[name]["请先看"].iter_rows(values_only=True)]
        first = next(place for place, row in enumerate(rows) if row[0] == "怎么改")
        return [row[1] for row in rows[first:] if row[1][1:3] == ". "]

    assert HOW_TO_SEND in steps("市场监督管理局.xlsx")[2]
    assert [step[0] for step in steps("市场监督管理局.xlsx")] == ["1", "2", "3", "4", "5"]
    assert "（行政处罚.csv的“处罚编号”）" in steps("市场监督管理局.xlsx")[3]
    # A register has no numbers of records to be kept.
    assert [step[3:8] for step in steps("市行政审批局.xlsx")[3:]] == ["本不应报送"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")
@pytest.mark.parametrize("lang", ["zh", "en", "both"])
def test_another_program_opens_and_saves_them_without_repair(desk, lang):
    folder = desk.root / f"office_{lang}"
    desk.check(APRIL, "--rejects-to", folder, "--lang", lang)
    saved = folder / "saved"
    command = [
        "soffice",
        f"-env:UserInstallation=file://{folder}/profile",
        "--headless",
        "--convert-to",
        "xlsx",
        "--outdir",
        str(saved),
    ]
    subprocess.run([*command, *map(str, folder.glob("*.xlsx"))], check=True, capture_output=True, timeout=300)
    for name, book in books(folder).items():
        other = openpyxl.load_workbook(saved / name)
        for page in book.worksheets:
            cells = {cell.coordinate: cell for row in page.iter_rows() for cell in row if cell.value is not None or cell.comment}
            for place, cell in cells.items():
                twin = other[page.title][place]
                assert twin.value == cell.value, (name, page.title, place)
                assert bool(twin.comment) == bool(cell.comment)
                assert (twin.fill.fgColor.rgb == RED) == (cell.fill.fgColor.rgb == RED)
