"""Workbooks that go back: odd names of units, files in the way, whole files that are refused, a stop anywhere."""

import datetime as dt
import json

import openpyxl
import pytest
from support.command import creditscore
from support.deliveries import DAY, EVENTS, Delivery, csv_sources, event_line, subject_line, text
from support.readings import keep_reading

from creditscore.engine import Engine
from creditscore.pipeline import reject_folder
from creditscore.pipeline.reject_folder import file_names, write_rejects
from creditscore.records.adverse.readings import LastReading
from creditscore.records.deliveries.checkup import check_up
from creditscore.records.records import open_records
from creditscore.storage import operations

UNITS = {"subjects": {"provider": "登记局"}, "events": {"provider": "法院"}}


@pytest.fixture
def delivery(tmp_path):
    """One wrong record of the court."""
    delivery = Delivery(tmp_path, sources=csv_sources(**UNITS))
    delivery.events(event_line("E1"), event_line("E2", event_date="soon"))
    return delivery


def send_back(delivery, folder, *more):
    return creditscore("check", delivery.project.folder, "--data", delivery.data, "--as-of", DAY, "--rejects-to", folder, *more)


def shown(path):
    """The cells of every sheet of a workbook."""
    return {page.title: list(page.iter_rows(values_only=True)) for page in openpyxl.load_workbook(path).worksheets}


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_names_of_units_become_names_of_files_that_every_system_takes():
    odd = [
        "CON", "con", "nul.txt", "a/b", "a\\b", "a:b", "..", ".", "", " x ", "x", "X", "市场监督管理局", "长" * 300, "长" * 301, "a\u202eb",
        "Ａ", "é", "e\u0301", "=1+1", "LPT1", "~$book", "a\nb", "-rf",
    ]  # fmt: skip
    names = file_names(odd)
    assert len({name.casefold() for name in names.values()}) == len(odd)
    for name in names.values():
        assert len(name.encode()) < 160
        assert name.isprintable()
        assert not set(name) & set('<>:"/\\|?*')
        assert name.split(".")[0].casefold() not in ("con", "nul", "lpt1")
        assert name.strip(" .") == name
        assert not name.startswith("~")
    assert names["市场监督管理局"] == "市场监督管理局.xlsx"
    assert file_names(list(reversed(odd))) == names


def test_a_file_in_the_way_is_never_overwritten(delivery, tmp_path):
    folder = tmp_path / "back"
    folder.mkdir()
    (folder / "法院.xlsx").write_text("somebody's own")
    said = send_back(delivery, folder)
    assert said.code == 2
    assert "法院.xlsx 已不是本命令写出时的样子" in said.err
    assert content(folder) == {"法院.xlsx": b"somebody's own"}


def test_a_workbook_that_was_mended_stays_until_it_is_moved(delivery, tmp_path):
    folder = tmp_path / "back"
    assert send_back(delivery, folder).code == 0
    book = openpyxl.load_workbook(folder / "法院.xlsx")
    book.worksheets[1]["F2"] = "2024-01-01"
    book.save(folder / "法院.xlsx")
    before = content(folder)
    delivery.events(event_line("E2", event_date="later"))
    assert send_back(delivery, folder).code == 2
    assert content(folder) == before
    # Nothing is wrong any more: the mended workbook is nobody's but the court's.
    delivery.events(event_line("E2"))
    said = send_back(delivery, folder)
    assert said.code == 0
    assert (folder / "法院.xlsx").read_bytes() == before["法院.xlsx"]


def test_other_files_of_the_folder_stay(delivery, tmp_path):
    folder = tmp_path / "back"
    folder.mkdir()
    (folder / "notes.xlsx").write_text("mine")
    assert send_back(delivery, folder).code == 0
    delivery.events(event_line("E2"))
    assert send_back(delivery, folder).code == 0
    assert sorted(content(folder)) == ["notes.xlsx", "rejects.json"]


@pytest.mark.parametrize("damage", ["{", "[]", '{"files": 3}', '{"files": {"../x.xlsx": ["0"]}}'])
def test_a_damaged_list_of_files_is_a_refusal(delivery, tmp_path, damage):
    folder = tmp_path / "back"
    folder.mkdir()
    (folder / "rejects.json").write_text(damage)
    assert send_back(delivery, folder).code == 2
    assert list(content(folder)) == ["rejects.json"]


def test_a_file_for_a_folder_is_refused(delivery, tmp_path):
    (tmp_path / "back").write_text("x")
    said = send_back(delivery, tmp_path / "back")
    assert said.code == 2
    assert "--rejects-to" in said.err


class Stopped(BaseException):
    """A kill."""


def test_a_stop_anywhere_is_finished_by_the_same_command(delivery, tmp_path):
    folder = tmp_path / "back"
    other = Delivery(tmp_path / "other", sources=csv_sources(**UNITS))
    other.subjects(subject_line("S1"), subject_line("S2", status="gone"))
    other.events(event_line("E9", kind="gossip"))
    checkups = [(one, check_up(one.open(), as_of=DAY)) for one in (delivery, other)]

    def write(number, into):
        one, checkup = checkups[number]
        return write_rejects(into, one.project, one.data, checkup, {}, as_of=DAY, lang="zh")

    expected = []
    for number in (0, 1):
        write(number, tmp_path / f"whole{number}")
        expected.append(content(tmp_path / f"whole{number}"))
    done = 0
    for stop in range(200):
        write(0, folder)
        assert content(folder) == expected[0]
        count = 0

        def watcher(name, paths, stop=stop):
            nonlocal count
            count += 1
            if count > stop:
                raise Stopped

        try:
            with operations.watch(watcher):
                write(1, folder)
        except Stopped:
            # Whatever is there is whole, and the next call ends where an undisturbed one does.
            for name, found in content(folder).items() if not list(folder.glob(".rejects-*")) else ():
                assert name == "rejects.json" or found in (expected[0].get(name), expected[1].get(name))
            write(1, folder)
        else:
            done = stop
        assert content(folder) == expected[1]
        if done:
            break
    assert done > 5


def test_a_file_that_is_refused_as_a_whole_goes_back_with_the_message_and_the_others_with_their_rows(delivery, tmp_path):
    more = [{"name": "tax", "table": "events", "file": "tax.csv", "format": "csv", "provider": "税务局"}]
    delivery = Delivery(tmp_path / "more", sources=csv_sources(**UNITS, others=more))
    delivery.events(event_line("E1"), event_line("E2", event_date="soon"))
    delivery.file("tax.csv", EVENTS.replace("kind", "typ") + "\n" + event_line("T1") + "\n")
    folder = tmp_path / "back"
    said = send_back(delivery, folder, "--lang", "en")
    assert said.code == 2
    assert "tax.csv" in said.err
    first = dict(row[:2] for row in shown(folder / "税务局.xlsx")["Read this first"] if row[0])
    texts = [row[1] for row in shown(folder / "税务局.xlsx")["Read this first"]]
    assert first["File tax.csv"].startswith("The whole file could not be used")
    assert [text for text in texts if "the column kind" in text and "give it the agreed name again" in text]
    assert [row[0] for row in shown(folder / "法院.xlsx")["events"][1:]] == [3]


def test_a_source_that_is_mostly_refused_goes_back_with_its_rows_and_the_command_is_refused(delivery, tmp_path):
    delivery.events(*(event_line(f"E{n}", kind="gossip") for n in range(40)))
    said = send_back(delivery, tmp_path / "back")
    assert said.code == 2
    sheets = shown(tmp_path / "back" / "法院.xlsx")
    assert len(sheets["events"]) == 41
    said = "".join(str(row[1]) for row in sheets["请先看"])
    assert "40 行中有 40 行有误" in said
    # Words of the one who keeps the project are none for a clerk; nor is a count of rows that do not count.
    assert not [word for word in ("max_quarantined", "sources.toml", "已读入") if word in said]


def test_a_refused_file_hides_no_other_faults(delivery, tmp_path):
    more = [{"name": "tax", "table": "events", "file": "tax.csv", "format": "csv", "provider": "税务局"}]
    delivery = Delivery(tmp_path / "more", sources=csv_sources(**UNITS, others=more))
    delivery.events(event_line("E1"), event_line("E2", event_date="soon"))
    delivery.file("tax.csv", text(EVENTS, [f"{event_line(f'T{n}')},x" for n in range(7)]))
    said = creditscore("check", delivery.project.folder, "--data", delivery.data, "--as-of", DAY)
    assert said.code == 2
    # The first five lines with their reasons, and how many there are, in the language of the page.
    for line in (2, 3, 4, 5, 6):
        assert f"第 {line} 行：字段数与表头不符" in said.err
    assert "第 7 行" not in said.err
    assert "7 行中有 7 行不符：字段数与表头不符（7）" in said.err
    assert "RAGGED_LINE" not in said.err + said.out
    assert "E2 (records:3)" in said.out
    assert "tax：tax.csv" in said.out.replace("tax: tax.csv", "tax：tax.csv")
    as_json = creditscore("check", delivery.project.folder, "--data", delivery.data, "--as-of", DAY, "--json")
    assert (as_json.code, as_json.json["code"]) == (2, 2)
    assert "E2 (records:3)" in as_json.err


@pytest.mark.parametrize("form", ["csv", "excel"])
def test_an_error_cell_comes_back_as_it_was_shown(tmp_path, form):
    file = f"events.{'csv' if form == 'csv' else 'xlsx'}"
    delivery = Delivery(
        tmp_path, sources=csv_sources(subjects=UNITS["subjects"], events={**UNITS["events"], "file": file, "format": form})
    )
    lines = [event_line("E1", amount="#VALUE!"), event_line("#N/A")]
    if form == "csv":
        delivery.events(*lines)
    else:
        book = openpyxl.Workbook()
        for line in [EVENTS, *lines]:
            book.active.append([cell or None for cell in line.split(",")])
        for address, error in (("H2", "#VALUE!"), ("A3", "#N/A")):
            book.active[address].value, book.active[address].data_type = error, "e"
        book.save(delivery.data / file)
    assert {row["text"] for row in delivery.open().rejects.to_pylist()} == {"#VALUE!", "#N/A"}
    assert send_back(delivery, tmp_path / "back").code == 0
    back = list(shown(tmp_path / "back" / "法院.xlsx").values())[1]
    assert [(row[0], row[2], row[9]) for row in back[1:]] == [(2, "E1", "#VALUE!"), (3, "#N/A", None)]


def test_who_hangs_on_a_line_that_tells_nothing_is_told_to_its_sender(delivery, tmp_path):
    delivery.subjects(subject_line("S1"), subject_line("S2"))
    delivery.events(event_line("E1"), event_line("E2", "S2"), event_line("E3", "S2"))
    reading = keep_reading(delivery.open(), "events", DAY, tmp_path / "reading.parquet")
    last = LastReading({"events": reading}, DAY)
    delivery.events("x,y", event_line("E3", "S2"))
    records = open_records(Engine.duckdb(), delivery.project, data=delivery.data, last_reading=last)
    checkup = check_up(records, as_of=DAY)
    write_rejects(tmp_path / "back", delivery.project, delivery.data, checkup, {}, as_of=DAY, lang="zh")
    reason = shown(tmp_path / "back" / "法院.xlsx")["events"][1][1]
    assert "在本行改正或下次报送时删去之前，2 家缺少记录的主体等级不会变好" in reason
    assert "这些行既看不出主体、也看不出记录" in checkup.to_text("zh")


@pytest.mark.parametrize("register", ["", "subject_id\nS1\n"])
def test_without_a_register_only_the_message_goes_back(delivery, tmp_path, register):
    delivery.file("subjects.csv", register)
    said = send_back(delivery, tmp_path / "back", "--json")
    assert (said.code, said.json["code"]) == (2, 2)
    assert sorted(content(tmp_path / "back")) == ["rejects.json", "登记局.xlsx"]


def test_a_workbook_that_lists_not_all_rows_says_so(delivery, tmp_path, monkeypatch):
    monkeypatch.setattr(reject_folder, "MOST_ROWS", 2)
    delivery.events(event_line("E0"), *(event_line(f"E{n}", event_date="soon") for n in range(1, 6)))
    assert send_back(delivery, tmp_path / "back").code == 0
    sheets = shown(tmp_path / "back" / "法院.xlsx")
    assert [row[0] for row in sheets["events"][1:]] == [3, 4]
    assert any("前 2 行；另有 3 行" in str(row[1]) for row in sheets["请先看"])


def test_a_column_of_the_file_may_be_called_like_one_of_ours(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(**UNITS))
    header = f"{EVENTS},原文件行号,Why it is sent back"
    delivery.file("events.csv", text(header, [f"{event_line('E1', event_date='soon')},7,x"]))
    for lang in ("zh", "en", "both"):
        assert send_back(delivery, tmp_path / lang, "--lang", lang).code == 0
        rows = list(shown(tmp_path / lang / "法院.xlsx").values())[1]
        assert len(set(rows[0])) == len(rows[0])
        assert dict(zip(rows[0], rows[1], strict=True))["原文件行号"] == "7"


def test_who_sent_a_source_without_a_unit_is_its_departments_or_else_the_sender_of_the_file(tmp_path):
    visits, recusals = (
        {"name": name, "table": name, "file": f"{name}.csv", "format": "csv"} for name in ("inspections", "recusals")
    )
    delivery = Delivery(tmp_path, sources=csv_sources(**UNITS, others=[visits, recusals]))
    head = "inspection_id,subject_id,event_date,known_date,trigger,outcome,department"
    lines = [f"V{n},S1,soon,2024-01-02,random,none,{unit}" for n, unit in enumerate(["应急管理局"] * 3 + ["环境局"] * 3)]
    delivery.file("inspections.csv", text(head, lines))
    delivery.file("recusals.csv", "staff_id,subject_id\nI1,S9\n")
    assert send_back(delivery, tmp_path / "back", "--lang", "zh").code == 0
    assert {path.stem for path in (tmp_path / "back").glob("*.xlsx")} == {"应急管理局", "环境局", "recusals"}
    assert len(shown(tmp_path / "back" / "环境局.xlsx")["inspections"]) == 4
    assert shown(tmp_path / "back" / "recusals.xlsx")["请先看"][1] == (
        "退回给",
        "recusals.csv 的报送单位（配置中未写明是哪个单位）",
    )


def test_payloads_go_back_as_texts(delivery, tmp_path):
    cell = '=HYPERLINK("https://evil.example")'
    delivery.events(event_line("E1", event_date="@SUM(A1)", document_no=cell.replace('"', "")))
    assert send_back(delivery, tmp_path / "back").code == 0
    page = openpyxl.load_workbook(tmp_path / "back" / "法院.xlsx")["events"]
    texts = {cell.value: cell.data_type for row in page.iter_rows() for cell in row}
    assert texts["@SUM(A1)"] == texts["=HYPERLINK(https://evil.example)"] == "s"
    assert json.loads((tmp_path / "back" / "rejects.json").read_text())["as_of"] == dt.date(2024, 4, 30).isoformat()
