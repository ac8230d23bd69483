"""Dirty text files as departments send them, one a line: what is wrong, and what becomes of it. Nothing passes in silence.

``python tests/faults/test_dirty_files.py`` (with ``tests`` on the path) writes the same table to ``docs/dirty_files.md``.
"""

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.deliveries import DAY, EVENTS, Delivery, csv_sources, equation, event_line, put_right, refused, rows

from creditscore.errors import DataError
from creditscore.records.deliveries.checkup import check_up
from creditscore.records.fault_words import _CODES as CODE_WORDS

DOCUMENT = Path(__file__).parents[2] / "docs" / "dirty_files.md"
#: Characters enough to prove GB18030 (the second has four bytes there), and texts of other encodings.
PROVEN, RARE = "全区企业监督检查行政处罚决定书已送达当事人签收备查", "永州䶮记餐饮店全区企业监督检查行政处罚决定书"
TRADITIONAL = "臺灣餐飲股份有限公司國際貿易發展協會龍巖區衛生局實業開發銀行總行"
JAPANESE = "株式会社さくら商店有限会社ひまわりカフェ東京都中央区役所"
KOREAN = "주식회사한국무역서울특별시중구청대한민국정부부산수산시장"


def lines(*given, header=EVENTS, ends="\n"):
    return "".join(f"{line}{ends}" for line in [header, *given])


def some(count=3, at=None, **changed):
    """Lines of events E1, E2 …; what changed is so in the line of number ``at``."""
    return [event_line(f"E{n}", **(changed if n == at else {})) for n in range(1, count + 1)]


def of(text, encoding="utf-8"):
    return lambda: text.encode(encoding) if isinstance(text, str) else text


def with_result(text, encoding="utf-8"):
    """Three events, the second with a text in its column ``result``."""
    return of(lines(*some(at=2, result=text)), encoding)


@dataclass(frozen=True)
class Dirty:
    """A file: what is wrong with it, its bytes, and what must become of it.

    Either ``told``: the file is refused, and the message says so; or lines of ``rejects`` are refused with their codes,
    the other ``kept`` ones are read, and ``result`` is what the second of them has in that column. ``values`` are refused in
    lines that are kept; ``finding`` stands in the check-up.
    """

    name: str
    wrong: str
    content: object
    told: str = ""
    rejects: dict = field(default_factory=dict)
    kept: int = 3
    result: str | None = None
    counted: str = ""
    values: dict = field(default_factory=dict)
    finding: str = ""
    source: dict = field(default_factory=dict)

    @property
    def becomes(self):
        if self.told:
            return f"The file is refused: “{self.told}”."
        if self.rejects:
            lost = "; ".join(f"line {line} is refused: `{code}`{self._words(code)}" for line, code in self.rejects.items())
            return f"{lost[0].upper()}{lost[1:]}. Every other line is read."
        if self.values:
            lost = "; ".join(
                f"line {line} is read without its value: `{code}`{self._words(code)}" for line, code in self.values.items()
            )
            return f"{lost[0].upper()}{lost[1:]}."
        if self.finding:
            return f"The other lines are read, and the check-up warns: “{self.finding}”."
        return f"Read right{f', and counted in the check-up: “{self.counted}”' if self.counted else ''}."

    @staticmethod
    def _words(code):
        words = CODE_WORDS.get(code.split(":")[0])
        return f" ({words})" if words else ""


LINES = "that are no such records"
WORDS = {"column": [{"to": "result", "rule": "map", "column": "result", "values": {"属实": "upheld"}, "missing": ["不明"]}]}
FILES = [
    # --- lines and their ends
    Dirty("three_ends", "Lines end with LF, CRLF and CR in one file", of(f"{EVENTS}\r\n{some()[0]}\n{some()[1]}\r{some()[2]}\r\n")),
    Dirty("returns_alone", "All lines end with CR alone", of(lines(*some(), ends="\r"))),
    Dirty("no_last_end", "The last line has no end", of(lines(*some()).removesuffix("\n"))),
    Dirty("double_returns", "Lines end with CR CR LF", of(lines(*some(), ends="\r\r\n"))),
    Dirty("blank_lines", "Blank lines before the header, between records and at the end", of("\n\n" + lines(some()[0], "", "", *some()[1:], "", ""))),
    Dirty("line_of_blanks", "A line of blanks alone", of(lines(some()[0], "   ", *some()[1:])), rejects={3: "RAGGED_LINE"}),
    Dirty("field_too_many", "A comma in a text that is not quoted", with_result("kept, later"), rejects={3: "RAGGED_LINE"}, kept=2),
    Dirty("field_too_few", "A line with too few fields", of(lines(some()[0], "E2,S1,penalty", some()[2])), rejects={3: "RAGGED_LINE"}, kept=2),
    Dirty("return_in_text", "A carriage return within a text that is not quoted", of(lines(*some(1500, at=2, result="a\rb"))),
          rejects={3: "RAGGED_LINE", 4: "RAGGED_LINE"}, kept=1499),
    Dirty("feed_in_text", "A line feed within a text of a small file, not quoted", with_result("a\nb"), told=LINES),
    Dirty("cut_off", "The file breaks off within its last line", of(lines(*some())[:-30]), rejects={4: "RAGGED_LINE"}, kept=2),
    Dirty("cut_off_in_quotes", "The file breaks off within a quoted text", of(lines(*some()) + 'E4,S1,penalty,2024-01-01,2024-01-02,"永州'), rejects={5: "OPEN_QUOTE"}),
    Dirty("long_line", "A line of 17 MB", with_result("x" * (17 << 20)), rejects={3: "LONG_LINE"}, kept=2),
    Dirty("no_line_at_all", "20 MB without an end of a line", of(b"x" * (20 << 20)), told="expected a header (got a line of more than 16 MiB)"),
    Dirty("empty", "An empty file", of(b""), told="expected a header line (got an empty file)"),
    Dirty("only_blank", "Nothing but blank lines", of("\r\n\r\n\n"), told="expected a header line (got an empty file)"),
    Dirty("header_alone", "A header without records", of(lines()), kept=0),
    Dirty("header_again", "Two files in one: the header comes again", of(lines(*some(2)) + lines(event_line("E3"))), rejects={4: "BAD_DATE:event_date"}),
    # --- quotes
    Dirty("stray_quote", "A quote that opens a text and is never closed", with_result('"kept'), rejects={3: "OPEN_QUOTE"}, kept=2),
    Dirty("two_stray_quotes", "Two such quotes 30 lines apart, with nothing wrong between them",
          of(lines(*(event_line(f"E{n}", result='"kept' if n in (100, 130) else "") for n in range(1, 1501)))),
          rejects={101: "OPEN_QUOTE", 131: "OPEN_QUOTE"}, kept=1498),
    Dirty("stray_quote_closed", "A quote is lost, and the next text in quotes closes it", with_result('"kept,"x"'), rejects={3: "BAD_QUOTE"}, kept=2),
    Dirty("text_behind_quote", 'Text behind a closing quote (`"abc"x`)', with_result('"abc"x'), rejects={3: "BAD_QUOTE"}, kept=2),
    Dirty("blank_behind_quote", "A blank behind a closing quote", with_result('"abc" '), rejects={3: "BAD_QUOTE"}, kept=2),
    Dirty("backslash", r'A quote within quotes behind a backslash (`"a\"b"`)', with_result('"a\\"b"'), rejects={3: "BAD_QUOTE"}, kept=2),
    Dirty("loose_quote", 'A quote within a text that is not quoted (`5" pipe`)', with_result('5" pipe'), result='5" pipe',
          counted="a quote inside a text that is not quoted, read as it is"),
    Dirty("doubled_quotes", "Quotes and commas within quotes", with_result('"甲,""乙"""'), result='甲,"乙"'),
    Dirty("apostrophes", "Apostrophes for quotes", with_result("'a,b'"), rejects={3: "RAGGED_LINE"}, kept=2),
    Dirty("curly_quotes", "Typographic quotes", with_result("“a,b”"), rejects={3: "RAGGED_LINE"}, kept=2),
    Dirty("lines_not_declared", "Texts over lines that the source does not declare", with_result('"a\nb"'), told="say over how many in lines of the source in sources.toml"),
    Dirty("lines_declared", "A text over lines that the source declares", with_result('"甲\n乙"'), result="甲乙", source={"lines": {"result": 2}},
          counted="result: control characters or blanks around it"),
    Dirty("too_many_lines", "A text over more lines than declared", of(lines(*some(2500, at=2, result='"a\nb\nc"'))), kept=2499,
          rejects={3: "OPEN_QUOTE", 4: "RAGGED_LINE", 5: "RAGGED_LINE"}, source={"lines": {"result": 2}}),
    Dirty("swallow_declared", "A stray quote in a column that may go on over lines: the next line is a record", with_result('"kept'),
          rejects={3: "OPEN_QUOTE"}, kept=2, source={"lines": {"result": 50}}),
    Dirty("all_quoted", "Every field in quotes", of(lines(*(",".join(f'"{cell}"' for cell in line.split(",")) for line in some())))),
    Dirty("quote_in_header", "A quote in the header that is never closed", of(lines(*some(), header=EVENTS.replace("result", '"result'))), told="expected every quote to be closed"),
    Dirty("header_over_lines", "A name in the header that goes on over lines", of(lines(*some(), header=EVENTS.replace("result", '"result\n"')))),
    Dirty("header_swallows", "A quote in the header that swallows records", of('event_id,subject_id,"kind\n1,2,3\n4,5,6"\n7,8,9\n'), told="expected every quote to be closed"),
    Dirty("ragged_small", "Most lines of a small file have a field too many: the first five are told with their reason",
          of(lines(*(f"{line},x" for line in some(7)))), told="line 6: another number of fields than the header). If texts"),
    # --- errors of a spreadsheet that were saved as texts
    Dirty("error_text", "`#N/A` as a text", with_result("#N/A"), rejects={3: "ERROR_CELL:result"}, kept=2),
    Dirty("error_id", "`#REF!` as the id of a record", of(lines(some()[0], event_line("#REF!"), some()[2])), rejects={3: "ERROR_CELL:event_id"}, kept=2),
    Dirty("error_amount", "`#VALUE!` as an amount", of(lines(*some(at=2, amount="#VALUE!"))), values={3: "ERROR_CELL:amount"}),
    Dirty("error_day", "`########`, a day in a column that was too narrow", of(lines(*some(at=2, event_date="########"))),
          rejects={3: "ERROR_CELL:event_date"}, kept=2),
    Dirty("error_where", "`#DIV/0!` in the column that selects rows", with_result("#DIV/0!"), rejects={3: "ERROR_CELL:result"}, kept=0,
          source={"where": {"column": "result", "values": ["罚"], "others": [""]}}),
    Dirty("no_error", "Signs of numbers that are no error (`#3`, `##`)", with_result("#3"), result="#3"),
    # --- words
    Dirty("where_typo", "A slip in the column that selects rows", of(lines(event_line("E1", result="罚"), event_line("E2", result="罰"))), kept=1, result="罚",
          finding="result: values that where neither asks for nor knows (罰 1)", source={"where": {"column": "result", "values": ["罚"]}}),
    Dirty("where_empty", "An empty cell in the column that selects rows", of(lines(event_line("E1", result="罚"), event_line("E2"))), kept=1, result="罚",
          finding="result: empty, and where asks for its value", source={"where": {"column": "result", "values": ["罚"]}}),
    Dirty("where_others", "Values and empty cells that the source declares as not asked for (`others`)",
          of(lines(event_line("E1", result="罚"), event_line("E2", result="奖"), event_line("E3"))), kept=1, result="罚",
          source={"where": {"column": "result", "values": ["罚"], "others": ["奖", ""]}}),
    Dirty("where_blanks", "Blanks around a value that selects rows", of(lines(event_line("E1", result=" 罚\u3000"))), kept=1, result="罚",
          counted="result: control characters or blanks around it", source={"where": {"column": "result", "values": ["罚"]}}),
    Dirty("map_unknown", "A word that the table of words of a column that may count against a firm lacks", with_result("不名"),
          values={3: "NOT_LISTED:result"}, source=WORDS),
    Dirty("map_missing", "A word that the table of words declares as saying nothing (`missing`)", with_result("不明"), source=WORDS),
    Dirty("map_otherwise", "A word beyond a table that is declared partial (`otherwise`)", with_result("别的"), result="other",
          source={"column": [{**WORDS["column"][0], "otherwise": "other"}]}),
    Dirty("wide_id", "An id in signs of full width", of(lines(some()[0], event_line("Ｅ２"), some()[2])), counted="event_id: signs of full width"),
    # --- columns
    Dirty("column_twice", "A column twice", of(lines(*(f"{line},x" for line in some()), header=f"{EVENTS},result")), told="expected each column once (got result several times)"),
    Dirty("no_header", "No header: the first line is a record", of("".join(f"{line}\n" for line in some())), told="its first line looks like data: is the header there?"),
    Dirty("name_missing", "The header has a name less than the records", of(lines(*some(), header=EVENTS.removesuffix(",valid_until"))), told=LINES),
    Dirty("name_too_many", "The header has a name more than the records", of(lines(*some(), header=f"{EVENTS},remark")), told=LINES),
    Dirty("columns", "20,000 columns", of(",".join(f"c{n}" for n in range(20_000)) + "\n"), told="expected at most 2,000 columns (got 20,000"),
    Dirty("semicolons", "Semicolons between the fields", of(lines(*some()).replace(",", ";")), told="expected fields cut by ',' (got one column with ';' in it: declare delimiter)"),
    Dirty("tabs", "Tabs between the fields", of(lines(*some()).replace(",", "\t")), told="declare delimiter"),
    Dirty("wide_commas", "Full-width commas between the fields", of(lines(*some()).replace(",", "，")), told="declare delimiter"),
    Dirty("sep", "A first line `sep=,` for a spreadsheet", of("sep=,\n" + lines(*some())), told="expected a name for each column of the header"),
    Dirty("html", "A page of HTML under the name of a text", of("<html><table><tr><td>E1</td></tr></table></html>\n"), told="events needs"),
    # --- encodings
    Dirty("utf8_mark", "UTF-8 with a mark", with_result("永州", "utf-8-sig"), result="永州"),
    Dirty("utf16", "UTF-16 with a mark", with_result("永州", "utf-16"), result="永州"),
    Dirty("utf16_le", "UTF-16 without a mark, low byte first", with_result("永州", "utf-16-le"), result="永州"),
    Dirty("utf16_be", "UTF-16 without a mark, high byte first", with_result("永州", "utf-16-be"), result="永州"),
    Dirty("utf16_odd", "UTF-16 with half a character at its end", of(lines(*some()).encode("utf-16") + b"x"), told="expected utf-16 throughout"),
    Dirty("gb18030", "GB18030", with_result(PROVEN, "gb18030"), result=PROVEN),
    Dirty("gb18030_rare", "GB18030 with a character of four bytes", with_result(RARE, "gb18030"), result=RARE),
    Dirty("gb18030_mark", "GB18030 with a mark of its own", of(b"\x84\x31\x95\x33" + lines(*some(at=2, result=PROVEN)).encode("gb18030")), result=PROVEN),
    Dirty("few", "Few characters, which GB18030 and Big5 both read", with_result("永州店", "gb18030"), told='encoding = "gb18030", encoding = "big5"'),
    Dirty("big5", "Big5", with_result(TRADITIONAL, "big5"), told='encoding = "gb18030", encoding = "big5"'),
    Dirty("big5_declared", "Big5 that is declared", with_result(TRADITIONAL, "big5"), result=TRADITIONAL, source={"encoding": "big5"}),
    Dirty("shift_jis", "Shift-JIS", with_result(JAPANESE, "cp932"), told='encoding = "shift_jis"'),
    Dirty("shift_jis_declared", "Shift-JIS that is declared", with_result(JAPANESE, "cp932"), result=JAPANESE, source={"encoding": "shift_jis"}),
    Dirty("euc_kr", "EUC-KR", with_result(KOREAN, "euc_kr"), told='encoding = "euc_kr"'),
    Dirty("iso_2022", "ISO-2022-JP, all of whose bytes are ASCII", with_result(JAPANESE, "iso2022_jp"), told="got ISO-2022"),
    Dirty("latin", "Latin-1", with_result("Café Müller", "latin-1"), told="events.csv: expected"),
    Dirty("gb_in_utf8", "A line of GB18030 in UTF-8", of(lines(*some(at=2, result="永州市")).encode() + event_line("E4", result=PROVEN).encode("gb18030")), told="(got utf-8, and a byte that is not at"),
    Dirty("utf8_in_gb", "A line of UTF-8 in GB18030", of(lines(*some(at=2, result=PROVEN)).encode("gb18030") + event_line("E4", result="道县宁远餐饮").encode()), told="expected one encoding"),
    Dirty("half_character", "UTF-8 that breaks off within a character", of((lines(*some(at=2, result="永州市企业")) + "E4,永").encode()[:-1]), told="(got utf-8, and a byte that is not at"),
    Dirty("wrong_byte", "A byte that no encoding has", of(lines(*some()).encode().replace(b"E2", b"E\xff")), told="line 3)"),
    Dirty("long_nul", "A NUL in two bytes of UTF-8", of(lines(*some(at=1, result="永州市企业")).encode().replace(b"E2", b"E\xc0\x80")), told="line 3)"),
    Dirty("mark_against_declared", "The mark of UTF-16 in a file declared UTF-8", with_result("永州", "utf-16"), told="got the byte-order mark of utf-16", source={"encoding": "utf-8"}),
    Dirty("utf16_declared", "A file in UTF-8 that is declared UTF-16", with_result("永州"), told="expected utf-16 (got neither its mark nor a line end of it)", source={"encoding": "utf-16"}),
    Dirty("utf8_declared_gb", "A file in UTF-8 that is declared GB18030", with_result("全区企业监督检查行政处罚"),
          told='(got a file that is utf-8 throughout, as is seen in line 3): declare encoding = "utf-8"', source={"encoding": "gb18030"}),
    Dirty("gb_declared_utf8", "A file in GB18030 that is declared UTF-8", with_result(PROVEN, "gb18030"),
          told='(got a file that is gb18030 throughout, as is seen in line 3): declare encoding = "gb18030"', source={"encoding": "utf-8"}),
    # --- signs that nobody sees
    Dirty("nul", "A NUL in a text", with_result("ke\x00pt"), result="kept", counted="result: control characters or blanks around it"),
    Dirty("nuls", "A file of NULs", of(b"a,b\n" + bytes(4000)), told="expected text (got 4000 NUL bytes"),
    Dirty("invisible", "Signs without width and marks of direction in a text", with_result("\u202eke\u200bpt\ufeff"), result="kept",
          counted="result: control characters or blanks around it"),
    Dirty("second_mark", "Two files in one: a mark within the file", of(lines(*some(2)) + "\ufeff" + event_line("E3") + "\n"),
          counted="event_id: control characters or blanks around it"),
    # --- doubles
    Dirty("mended_below", "A mended row below its old one", of(lines(*some(at=1, amount="x"), event_line("E1", amount="5")))),
    Dirty("emptied_below", "A row with a wrong amount, and below it the same with none", of(lines(*some(at=1, amount="x"), event_line("E1"))),
          rejects={2: "DUP_CONFLICT", 5: "DUP_CONFLICT"}, kept=2),
    # --- other files
    Dirty("parquet", "A Parquet file", of(b"PAR1\x00\x00"), told="expected a text file (got a Parquet file"),
    Dirty("workbook", "A workbook", of(b"PK\x03\x04\x00"), told="expected a text file (got a workbook or another archive"),
    Dirty("old_workbook", "A workbook of the old kind", of(b"\xd0\xcf\x11\xe0\xa1"), told="expected a text file (got a workbook of the old kind"),
    Dirty("compressed", "A compressed file", of(b"\x1f\x8b\x08"), told="expected a text file (got a compressed file"),
    Dirty("pdf", "A PDF document", of(b"%PDF-1.7\n"), told="expected a text file (got a PDF document"),
]  # fmt: skip


@pytest.mark.parametrize("dirty", FILES, ids=lambda dirty: dirty.name)
def test_a_dirty_file_is_read_right_or_refused_in_words(tmp_path, dirty):
    delivery = Delivery(tmp_path, sources=csv_sources(events=dirty.source))
    content = dirty.content()
    delivery.file("events.csv", content)
    begun = time.monotonic()
    if dirty.told:
        with pytest.raises(DataError) as refusal:
            delivery.open()
        assert dirty.told in str(refusal.value)
        assert "events" in str(refusal.value)
        assert time.monotonic() - begun < 10
        return
    records = delivery.open()
    assert {line: code for _, code, line, _ in refused(records)} == dirty.rejects
    assert {line: code for _, code, line, _ in refused(records, "field") if line not in dirty.rejects} == dirty.values
    kept = rows(records)
    assert len(kept) == dirty.kept
    if dirty.result is not None:
        assert [row["result"] for row in kept] == ([None, dirty.result, None] if dirty.kept == 3 else [dirty.result])
    else:
        assert {row["result"] for row in kept} <= {None}
    assert (
        dirty.counted in put_right(records)
        if dirty.counted
        else not {"result", "event_id"} & {str(k).split(":")[0] for k in put_right(records)}
    )
    arrived = records.arrivals[1]
    assert arrived.lines == arrived.rows + arrived.header + arrived.blank + arrived.continued
    assert arrived.lines == len(re.findall("[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", content.decode(arrived.encoding)))
    assert equation(records, "events")[0] == arrived.rows - arrived.left_out
    told = check_up(records, as_of=DAY).table()
    warnings = told[(told["level"] == "warning") & (told["code"] == "records")]["rule"].tolist()
    assert any(dirty.finding in rule for rule in warnings) if dirty.finding else not any("where" in rule for rule in warnings)
    assert time.monotonic() - begun < 10


def test_there_are_enough_and_each_is_another_one():
    assert len(FILES) >= 60
    assert len({dirty.name for dirty in FILES}) == len({dirty.wrong for dirty in FILES}) == len(FILES)


def document():
    head = (
        "# Dirty text files\n\n"
        "What becomes of a text file that is not as agreed. Each line is a file of the tests (`tests/faults/test_dirty_files.py`), which\n"
        "write this table. Lines are those that an editor shows; the header is one of them. A text may go on over lines where its source\n"
        'says so in `sources.toml`, by column: `lines = { "违法事实" = 5 }`. One line in a thousand may be refused, and one in any file;\n'
        'more refuse the file. An encoding that its bytes do not prove is declared: `encoding = "gb18030"`.\n\n'
        "A word that a `map` lacks refuses its row where the column is required. Where the column is optional and may count against\n"
        "the firm (`severity`, `amount`, `verified`, `result`), its value is refused, and the firm's reading is incomplete if a feature\n"
        "reads it. Elsewhere (industry, region, size …) the value is missing, and the check-up warns of each new word. A map that is\n"
        "meant to be partial says so: `otherwise` is the value of all other words, and `missing` lists words that say nothing. `where`\n"
        "knows the values that it asks for, those that other sources of the file ask for, and `others`; any other one is told,\n"
        "of a joined file too. A line of `changes` that is no record holds the firms that its fields still tell, else each with an open dispute.\n"
        "A rating under a scheme that the project does not name is refused where it may be a slip (one sign away from a named one) or a new\n"
        "name (its source has no row of any named one); else it is kept and told. A grade that the order of its feature lacks is refused,\n"
        "and one sign away from a grade that an override names too; what a rule writes itself (a `map` with `otherwise`) is kept and told.\n"
        "A `compare` or `cases` that asks for words (`==` or `!=` and a text) lists the other words that it expects in `others`. Any further\n"
        "one may be a slip: it falls to no branch, not to `otherwise`, and is refused in the columns above; elsewhere it is missing and told.\n\n"
        "An empty `result` is refused like a misspelt one where a feature asks for results or has an order of them (`MISSING:result`); a `map` that\n"
        'lists "" in `missing` says that an empty cell tells nothing. An empty severity or amount is refused where a feature reads it and the last\n'
        "reading of the same record had one. A day that lies ahead of the run is no fault by itself, since a run for a past day may read newer data.\n"
        "It is one (`DATE_AHEAD`) where the last reading had the record known, or the last night rated the subject and no other row has it in force.\n"
        "Other days ahead are told by source, with a warning and their rows where they are far ahead and few (`max_ahead_days`, `max_ahead_share`). A row of the register that is\n"
        "in business and has a day of deregistration that has passed is refused (`CONTRADICTION`), and so is a deregistered one without a day, unless the\n"
        "source has no such days.\n\n"
        "| what is wrong | what becomes of it |\n|---|---|\n"
    )
    return head + "".join(f"| {dirty.wrong.replace('|', chr(92) + '|')} | {dirty.becomes} |\n" for dirty in FILES)


def test_the_document_says_what_is_tested():
    assert DOCUMENT.read_text("utf-8") == document()


if __name__ == "__main__":
    DOCUMENT.write_text(document(), "utf-8")
