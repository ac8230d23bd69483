"""Questions about subjects: codes from words and files, explanations, feedback and lists of records."""

import datetime as dt
import json
from dataclasses import dataclass

import pandas as pd
import pytest
from support.command import ASKING, creditscore

from creditscore.cli.runs import codes_asked
from creditscore.errors import DataError

CODE = "91431103MA4L0X0X0X"
CHECK = "creditscore.pipeline.credit_check"


@pytest.mark.parametrize(
    ("name", "content", "codes"),
    [("codes.txt", "S1\n\n S2 \n", ["S1", "S2"]), ("codes.csv", "代码,名称\n91,甲\n92,乙\n", ["91", "92"]), ("codes.csv", "91,甲\n", ["91"]),
     ("codes.csv", "91,,91\n92,x,93\n", ["91", "92"]),
     ("codes.txt", "\ufeffS1\n", ["S1"])],
)  # fmt: skip
def test_codes_come_from_lines_or_a_first_column(tmp_path, run, name, content, codes):
    file = tmp_path / name
    file.write_text(content, "utf-8")
    assert codes_asked([], file, run=run) == codes
    assert codes_asked([CODE], file, run=run) == [CODE, *codes]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-16-le"])
@pytest.mark.parametrize(("name", "content"), [("codes.txt", "企业全区\nS1\nS2\n"), ("codes.csv", '企业,全区\n"S1",甲\nS2,乙\n')])
def test_codes_are_read_in_any_encoding_and_with_any_line_ends(tmp_path, run, name, content, encoding, ends):
    file = tmp_path / name
    file.write_bytes(content.replace("\n", ends).encode(encoding))
    assert codes_asked([], file, run=run) == ["S1", "S2"]


def test_codes_whose_encoding_is_not_proven_are_asked_for_it(tmp_path, run):
    file = tmp_path / "codes.txt"
    file.write_bytes("永州店\nS1\n".encode("gb18030"))
    with pytest.raises(DataError, match=r'encoding = "gb18030", encoding = "big5".*--encoding'):
        codes_asked([], file, run=run)
    assert codes_asked([], file, run=run, encoding="gb18030") == ["S1"]


def test_a_line_of_codes_that_is_no_record_is_refused(tmp_path, run):
    file = tmp_path / "codes.csv"
    file.write_text('code,name\nS1,x\nS2,"y\nS3,z\n', "utf-8")
    with pytest.raises(DataError, match=r"codes\.csv: expected 2 fields .*line 3: a quote that is not closed"):
        codes_asked([], file, run=run)


def test_codes_of_a_workbook_must_be_texts(tmp_path, run):
    file = tmp_path / "codes.xlsx"
    pd.DataFrame({"代码": ["91431103", CODE]}).to_excel(file, index=False)
    assert codes_asked([], file, run=run) == ["91431103", CODE]
    pd.DataFrame({"代码": [914311030000000000]}).to_excel(file, index=False)
    with pytest.raises(DataError, match="a number that has lost digits"):
        codes_asked([], file, run=run)


def test_no_code_is_refused(tmp_path, run):
    with pytest.raises(DataError, match="expected codes, or a file of codes with --file"):
        codes_asked([" "], None, run=run)
    with pytest.raises(DataError, match="expected a file of codes"):
        codes_asked([], tmp_path / "none", run=run)
    (tmp_path / "bad").write_bytes(b"S1\xff")
    with pytest.raises(DataError, match=r"bad: expected one encoding .* at 2, line 1"):
        codes_asked([], tmp_path / "bad", run=run)


def test_a_file_is_no_code_unless_a_subject_is_called_so(tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("codes", "S00001"):
        (tmp_path / name).write_text("x", "utf-8")
    assert codes_asked(["S00001"], None, run=run) == ["S00001"]
    with pytest.raises(DataError, match="name a file with --file"):
        codes_asked(["codes"], None, run=run)


ROW = {
    "subject_id": CODE, "found": True, "tier": "B", "status": "final", "as_of": "2024-04-30", "incomplete_since": None,
    "scorecard": "c" * 64, "lists": "",
    "measures": "", "draws": [], "record": 7,
}  # fmt: skip


def test_a_credit_check_says_for_what_and_by_whom(stub, run):
    calls = stub(f"{CHECK}.lookup", pd.DataFrame([ROW]))
    said = creditscore("lookup", run.path, *ASKING, CODE, "--json")
    assert said.json["rows"][0]["record"] == 7
    ((asked, codes), options) = calls[0]
    assert (asked, codes) == (run, [CODE])
    assert options | {"lang": None} == {"purpose": "supervision", "by": "某局", "on": dt.date(2024, 5, 20), "lang": None}


def test_a_credit_check_prints_a_row_per_code(stub, run):
    stub(f"{CHECK}.lookup", pd.DataFrame([ROW, {**ROW, "found": False, "tier": None}]))
    lines = creditscore("lookup", run.path, *ASKING[:-1], "2024-04-30", CODE, "--lang", "en").out.splitlines()
    assert len(lines) == 3
    assert f"{CODE}  yes" in lines[1]


def test_an_own_draw_is_shown_with_what_recomputes_it(stub, run):
    own = {
        "subject_id": CODE, "task": "hygiene", "seed": "s", "exempt_reason": "", "drawn": True, "standing": "drawn", "target": 3,
        "population": 1200, "ticket": "0f", "text_of_ticket": f"s|hygiene|{CODE}", "last_ticket": "1a",
    }  # fmt: skip
    stub(f"{CHECK}.lookup", pd.DataFrame([{**ROW, "draws": [own]}]))
    out = creditscore("lookup", run.path, *ASKING, CODE, "--lang", "en").out
    for text in ("3 of 1,200", f'SHA-256("s|hygiene|{CODE}")', "0f", "1a"):
        assert text in out


def test_feedback_is_noted_for_a_check(stub, run):
    calls = stub(f"{CHECK}.feedback")
    said = creditscore("feedback", run.path, 7, "--result", "暂缓", "--by", "某局", "--on", "2024-05-20", "--json")
    assert said.json == {"record": 7}
    assert calls == [((run, 7), {"result": "暂缓", "by": "某局", "on": dt.date(2024, 5, 20)})]


@dataclass
class Explained:
    subject_id: str = "S1"
    points: None = None

    def to_text(self, lang):
        return f"text in {lang}"

    def to_html(self, lang):
        return f"<p>page in {lang}</p>"

    def to_json(self):
        return {"subject_id": self.subject_id}


def test_an_explanation_is_printed_and_written_as_a_page(stub, run, tmp_path):
    calls = stub(f"{CHECK}.explain", Explained())
    page = tmp_path / "new" / "page.html"
    said = creditscore("explain", run.path, "S1", "--html", page, "--lang", "en")
    assert said.out == "text in en\n"
    assert page.read_text("utf-8") == "<p>page in en</p>"
    assert calls == [((run, "S1"), {})]
    assert creditscore("explain", run.path, "S1", "--json").json == {"subject_id": "S1"}


RECORDS = pd.DataFrame(
    {"subject_id": ["G1"], "kind": ["penalty"], "event_id": ["E1"], "document_no": [None], "event_date": [dt.date(2024, 1, 2)]}
)


@pytest.fixture
def listed(stub, project, data):
    stub("creditscore.records.records.open_records")
    stub(f"{CHECK}.records_of_bodies", RECORDS)
    stub("creditscore.records.deliveries.publicity.repair_reminders", RECORDS.assign(event_id="E2"))
    return lambda *more: creditscore("records", project.folder, "--data", data, "--as-of", "2024-04-30", *more)


def test_records_are_csv_unless_a_language_or_json_is_wanted(listed):
    assert listed("--bodies").out.splitlines() == ["subject_id,kind,event_id,document_no,event_date", "G1,penalty,E1,,2024-01-02"]
    assert json.loads(listed("--repair", "--json").out)["rows"][0]["event_id"] == "E2"
    assert "penalty" in listed("--bodies", "--lang", "en").out


@pytest.mark.parametrize("kinds", [(), ("--bodies", "--repair")])
def test_records_are_of_one_kind(listed, kinds):
    said = listed(*kinds, "--lang", "en")
    assert said.code == 2
    assert "expected --bodies or --repair" in said.err
