"""What a clerk reads of faults that nobody at the clerk's desk made, of rows that are no records, and of files that are refused."""

import ast
import re
from pathlib import Path

import openpyxl
import pytest
from support.command import creditscore
from support.deliveries import (
    DAY,
    EVENTS,
    SUBJECTS,
    Delivery,
    csv_sources,
    event_line,
    last_reading,
    subject_line,
    text,
    valid_codes,
)
from support.projects import feature

import creditscore as package
from creditscore.engine import Engine
from creditscore.errors import DataError
from creditscore.pipeline.reject_folder import write_rejects
from creditscore.records.deliveries.checkup import check_up
from creditscore.records.deliveries.drift import Earlier
from creditscore.records.deliveries.fault_history import history_table
from creditscore.records.records import open_records

UNITS = {"subjects": {"provider": "登记局"}, "events": {"provider": "法院"}}
RED = "FFF9C9C4"
#: Words of the one who keeps the project.
OPERATORS = re.compile(r"toml|max_quarantined|declare|encoding|utf-16|gb18030|source|limits|sheet_rows", re.IGNORECASE)
GOOD, REFUSED = valid_codes(2)


def sent_back(delivery, folder, earlier=None):
    """The pages of the court's workbook, after a check-up."""
    checkup = check_up(delivery.open(), as_of=DAY, earlier=earlier)
    write_rejects(folder, delivery.project, delivery.data, checkup, {}, as_of=DAY, lang="zh")
    path = folder / "法院.xlsx"
    return checkup, openpyxl.load_workbook(path) if path.is_file() else None


def reds(page):
    """The marked cells of each row, by the row of the file."""
    header = [cell.value for cell in page[1]]
    return {
        line[0].value: [name for name, cell in zip(header, line, strict=True) if cell.fill.fgColor.rgb == RED]
        for line in page.iter_rows(min_row=2)
    }


@pytest.fixture
def delivery(tmp_path):
    """A register one of whose rows has a wrong day; its subject has records of the court."""
    delivery = Delivery(tmp_path, sources=csv_sources(**UNITS, id_scheme="uscc"))
    delivery.subjects(subject_line(GOOD), subject_line(REFUSED, name="乙店", valid_from="soon"))
    delivery.events(event_line("E1", GOOD), event_line("E2", REFUSED), event_line("E3", GOOD, event_date="soon"))
    return delivery


def test_a_right_code_whose_register_row_is_refused_is_no_fault_of_its_sender(delivery, tmp_path):
    checkup, book = sent_back(delivery, tmp_path / "back")
    page = book["events"]
    assert reds(page) == {3: [], 4: ["event_date"]}
    assert page["B2"].value == "代码无误；登记库中该主体的一行已退回登记局，改正后本行即计入，本行不必处理"
    said = [row[1] for row in book["请先看"].iter_rows(values_only=True)]
    assert "退回的行中有 1 行代码无误，待登记库改正后即计入，贵单位不必处理。" in said
    [row] = checkup.deliveries[checkup.deliveries["provider"] == "法院"].to_dict("records")
    assert (row["refused"], row["waiting"], row["new"]) == (2, 1, 1)


def test_nobody_is_thanked_for_what_the_register_mended(delivery, tmp_path):
    before = check_up(delivery.open(), as_of=DAY)
    earlier = Earlier(None, before.profile, history_table(before.rejects), DAY)
    delivery.subjects(subject_line(GOOD), subject_line(REFUSED, name="乙店"))
    checkup, _book = sent_back(delivery, tmp_path / "back", earlier)
    fates = checkup.deliveries.set_index("provider")["mended"].to_dict()
    assert fates == {"登记局": 1, "法院": 0}


def test_rows_that_wait_for_the_register_stop_no_delivery(tmp_path):
    codes = valid_codes(40)
    lenient, strict = ({**UNITS[name], "max_quarantined": share} for name, share in (("subjects", 1.0), ("events", 0.01)))
    sources = csv_sources(subjects=lenient, events=strict, id_scheme="uscc")
    delivery = Delivery(tmp_path, sources=sources)
    delivery.subjects(*(subject_line(code, f"店{n}", **({"status": "?"} if n < 30 else {})) for n, code in enumerate(codes)))
    delivery.events(*(event_line(f"E{n}", code) for n, code in enumerate(codes)))
    records = delivery.open()
    assert records.outcomes["events"].quarantined == 30
    delivery.events(*(event_line(f"E{n}", code, kind="gossip") for n, code in enumerate(codes)))
    with pytest.raises(DataError, match="quarantined"):
        delivery.open()


def test_rows_about_a_file_that_is_refused_as_a_whole_are_not_their_senders_fault(tmp_path):
    changes = {"name": "ends", "table": "changes", "file": "ends.csv", "format": "csv", "provider": "信用办"}
    delivery = Delivery(tmp_path, sources=csv_sources(**UNITS, others=[changes]))
    delivery.file("events.csv", "one,two\n1,2\n")
    ends = [f"E{n},repaired,2024-03-01,2024-03-02" for n in range(30)]
    delivery.file("ends.csv", text("event_id,change,effective_date,known_date", ends))
    arguments = ("check", delivery.project.folder, "--data", delivery.data, "--as-of", DAY)
    assert creditscore(*arguments, "--rejects-to", tmp_path / "back").code == 2
    assert sorted(path.name for path in (tmp_path / "back").glob("*.xlsx")) == ["法院.xlsx"]
    delivery.file("ends.csv", text("event_id,change,effective_date,known_date", [*ends, "E0,mended,2024-03-01,2024-03-02"]))
    assert creditscore(*arguments, "--rejects-to", tmp_path / "again").code == 2
    book = openpyxl.load_workbook(tmp_path / "again" / "信用办.xlsx")
    assert list(reds(book["ends"])) == [32]
    said = [row[1] for row in book["请先看"].iter_rows(values_only=True)]
    assert "退回的行中有 30 行所指的内容应在另一份无法使用的文件中：待该文件改正后再核对，贵单位暂不必处理。" in said


def test_a_column_that_was_left_out_is_one_fault_of_the_file(tmp_path):
    sums = feature("sum", aggregate="sum", column="amount", trend="higher_is_riskier")
    delivery = Delivery(tmp_path, sources=csv_sources(**UNITS), features={"feature": [sums]})
    lines = [event_line(f"E{n}", amount="70") for n in range(30)]
    delivery.events(*lines)
    last = last_reading(delivery, Engine.duckdb())
    parts = EVENTS.split(",")
    header, *shorter = (",".join(cells[:7] + cells[8:]) for cells in [parts, *(line.split(",") for line in lines)])
    assert parts[7] == "amount"

    def pages(rows):
        delivery.file("events.csv", text(header, rows))
        records = open_records(Engine.duckdb(), delivery.project, data=delivery.data, last_reading=last)
        checkup = check_up(records, as_of=DAY, last=last)
        write_rejects(tmp_path / "back", delivery.project, delivery.data, checkup, {}, as_of=DAY, lang="zh")
        assert records.incomplete.num_rows >= 30
        return openpyxl.load_workbook(tmp_path / "back" / "法院.xlsx")

    said = "“amount”整列没有值：是否漏报了这一列，或改了列名？请补上后重新报送。"
    book = pages(shorter)
    assert book.sheetnames == ["请先看"]
    assert said in [row[1] for row in book["请先看"].iter_rows(values_only=True)]
    assert list(reds(pages([*shorter, shorter[0].replace("E0", "F0").replace("2024-01-01", "soon")])["events"])) == [32]


def test_whoever_sent_the_mended_rows_alone_is_asked_for_the_whole_file(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(**UNITS))
    delivery.events(*(event_line(f"E{n}") for n in range(40)))
    before = check_up(delivery.open(), as_of=DAY)
    delivery.events(event_line("E1"), event_line("E2"))
    _checkup, book = sent_back(delivery, tmp_path / "back", Earlier(None, before.profile, history_table(before.rejects), DAY))
    assert book is not None
    assert any("上次 40 行，本次仅 2 行" in str(row[1]) for row in book["请先看"].iter_rows(values_only=True))


def test_a_total_and_a_signature_are_to_be_deleted(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(**UNITS))
    delivery.events(event_line("E1"), event_line("合计", "", amount="12"), "填表人：李某某,x", event_line("E2", event_date="soon"))
    _checkup, book = sent_back(delivery, tmp_path / "back")
    page = book["events"]
    reasons = {row[0]: row[1] for row in page.iter_rows(min_row=2, values_only=True)}
    assert reasons[3].endswith("像是合计行、落款或备注，请删去本行")
    assert reasons[4] == "像是合计行、落款或备注，请删去本行"
    assert "日期" in reasons[5]
    assert reds(page)[3] == ["event_id"]
    assert not [cell.value for line in page.iter_rows() for cell in line if "李某某" in str(cell.value)]


def test_of_rows_that_disagree_the_cells_that_differ_are_marked(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(**UNITS))
    delivery.events(event_line("E1", amount="5", document_no="甲1"), event_line("E1", amount="6", document_no="甲1"))
    _checkup, book = sent_back(delivery, tmp_path / "back")
    assert reds(book["events"]) == {2: ["amount"], 3: ["amount"]}
    assert "请保留正确的一行，删去其余各行" in book["events"]["B2"].value


def test_every_file_that_is_refused_is_named_and_whether_the_rest_was_checked(tmp_path):
    more = [{"name": "tax", "table": "events", "file": "tax.csv", "format": "csv", "provider": "税务局"}]
    delivery = Delivery(tmp_path, sources=csv_sources(**UNITS, others=more))
    delivery.file("tax.csv", "a,b\n")
    delivery.file("events.csv", "c,d\n")
    asked = ("check", delivery.project.folder, "--data", delivery.data, "--as-of", DAY, "--rejects-to", tmp_path / "back")
    said = creditscore(*asked, "--lang", "zh")
    assert said.code == 2
    assert "tax.csv" in said.err
    assert "events.csv" in said.err
    assert "其余文件的各行已照常核对" in said.err
    assert "待退回：" in said.err
    assert "to be sent back" not in said.err
    delivery.file("subjects.csv", text(SUBJECTS.replace("status", "x"), [subject_line()]))
    assert "其余文件的各行未核对" in creditscore(*asked, "--lang", "zh").err


def told_to_senders():
    """The sentences of errors for who sent the file."""
    for path in sorted(Path(package.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "to_sender":
                yield from (
                    one.value for one in ast.walk(node.value) if isinstance(one, ast.Constant) and isinstance(one.value, str)
                )


def test_no_sentence_for_a_sender_has_words_of_the_configuration():
    sentences = list(told_to_senders())
    assert len(sentences) > 10
    assert not [sentence for sentence in sentences if OPERATORS.search(re.sub(r"{[^}]*}", "", sentence))]
