"""Text files in blocks: whatever the encoding, the quoting and where a block ends, the rows are those that were written."""

import codecs
import csv
import io
import re

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creditscore.config.sources import SourceSpec
from creditscore.errors import DataError
from creditscore.records.reading import csv_files, encodings, text_lines
from creditscore.records.reading.csv_files import open_csv
from creditscore.records.reading.encodings import examine
from creditscore.records.reading.sources import open_source

#: Letters of every kind that a register may hold, line ends and quotes among them; no lone surrogates.
TEXT = st.text(
    alphabet=st.characters(codec="gb18030", exclude_categories=("Cs", "Cc")) | st.sampled_from('永州䶮，"\n;1a '), max_size=12
)
LINE = st.text(
    alphabet=st.characters(codec="gb18030", exclude_categories=("Cs", "Cc")) | st.sampled_from('永州，";1a '), max_size=9
)
ROWS = st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=12)


def written(rows, *, quoting=csv.QUOTE_MINIMAL, ends="\r\n"):
    stream = io.StringIO()
    csv.writer(stream, quoting=quoting, lineterminator=ends).writerows([("a", "b", "c"), *rows])
    return stream.getvalue()


def read(path, declared="auto", heights=None):
    """Rows, their lines, and refused lines with their codes; each piece and the file account for every line."""
    file = open_csv(path, examine(path, declared), ",", heights=heights)
    pieces = list(file.pieces(["a", "b", "c"]))
    assert all(piece.lines == piece.table.num_rows + len(piece.refused) + piece.other for piece in pieces)
    assert sum(piece.lines for piece in pieces) == len(lines_of(path.read_bytes(), declared))
    table = pa.concat_tables([piece.table for piece in pieces]).to_pylist()
    numbers = [int(number) for piece in pieces for number in piece.rows]
    refused = [(int(n), code) for piece in pieces for n, code in zip(piece.refused.rows, piece.refused.codes, strict=True)]
    return [tuple(row.values()) for row in table], numbers, refused


def lines_of(content, declared="auto"):
    """The lines of a file as an editor shows them."""
    text = content.decode("utf-16" if content[:2] == codecs.BOM_UTF16_LE else "gb18030" if declared == "gb18030" else "utf-8-sig")
    parts = re.split("\r\n|\r|\n", text)
    return parts if parts[-1] else parts[:-1]


def as_read(rows):
    return [tuple(cell or None for cell in row) for row in rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=ROWS, block=st.integers(3, 200))
def test_what_was_written_is_read_where_texts_may_go_on_over_lines(tmp_path, monkeypatch, encoding, quoting, rows, block):
    monkeypatch.setattr(encodings, "_BLOCK", block)
    path = tmp_path / "some.csv"
    path.write_bytes(written(rows, quoting=quoting).encode(encoding))
    widest = dict.fromkeys("abc", 20)
    # Few characters prove nothing: the encoding is declared where there is no mark.
    got, numbers, refused = read(path, encoding if encoding in ("gb18030", "utf-8") else "auto", widest)
    # A line within a text that is by itself a record is taken for one: the text's first line is refused.
    swallowed = [row for row in rows if any(alone(line) and '"' not in QUOTED.sub("", line) for line in lines_in(row, quoting)[1:])]
    assert [row for row in got if row in as_read(rows)] == as_read([row for row in rows if row not in swallowed])
    assert bool(refused) == bool(swallowed)
    if not swallowed:
        ends = [len(lines_in(row, quoting)) for row in rows]
        assert numbers == [2 + sum(ends[:number]) for number in range(len(rows))]


def lines_in(row, quoting):
    stream = io.StringIO()
    csv.writer(stream, quoting=quoting).writerow(row)
    return re.split("\r\n|\r|\n", stream.getvalue().removesuffix("\r\n"))


QUOTED = re.compile(r'(?<![^,])"(?:[^"]|"")*"(?![^,])')


def alone(line):
    """Whether Python's strict reader takes a line for a record of three fields."""
    try:
        return len(next(csv.reader([line], strict=True), [])) == 3
    except csv.Error:
        return False


PARTS = st.sampled_from(['"', '""', ",", "\n", "\r", "\r\n", "a", "永", "1,2,3\n", '"x"', '"q,r",2,3\r\n', "x,y\n"])
BODIES = st.lists(PARTS, max_size=30).map("".join)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=BODIES, block=st.integers(1, 60))
def test_each_line_is_read_as_python_reads_it_alone_or_refused(tmp_path, monkeypatch, body, block):
    monkeypatch.setattr(encodings, "_BLOCK", block)
    path = tmp_path / "some.csv"
    path.write_bytes(f"a,b,c\n{body}".encode())
    got, numbers, refused = read(path)
    rows, codes = dict(zip(numbers, got, strict=True)), dict(refused)
    for number, line in list(enumerate(lines_of(path.read_bytes()), start=1))[1:]:
        if not line:
            assert number not in {*rows, *codes}
        elif alone(line):
            assert rows[number] == as_read(csv.reader([line], strict=True))[0]
        else:
            assert number in codes


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=BODIES, heights=st.dictionaries(st.sampled_from("abc"), st.integers(1, 4)), longest=st.sampled_from([12, 1 << 20]))
def test_it_does_not_matter_where_blocks_end(tmp_path, monkeypatch, body, heights, longest):
    monkeypatch.setattr(text_lines, "LONGEST_LINE", longest)
    monkeypatch.setattr(csv_files, "_ARROW_LINE", longest)
    path = tmp_path / "some.csv"
    path.write_bytes(f"a,b,c\n{body}".encode())
    found = []
    for block in (1 << 20, 1, 2, 3, 7, 20):
        monkeypatch.setattr(encodings, "_BLOCK", block)
        found.append(read(path, heights=heights))
    assert all(one == found[0] for one in found)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(st.tuples(LINE, LINE, LINE), min_size=1, max_size=12), cut=st.integers(0, 10_000), block=st.integers(3, 200))
def test_a_lost_quote_costs_no_other_line(tmp_path, monkeypatch, rows, cut, block):
    monkeypatch.setattr(encodings, "_BLOCK", block)
    text = written(rows, quoting=csv.QUOTE_ALL)
    quotes = [place for place, letter in enumerate(text) if letter == '"' and place > text.index("\n")]
    place = quotes[cut % len(quotes)]
    path = tmp_path / "some.csv"
    path.write_bytes((text[:place] + text[place + 1 :]).encode())
    got, numbers, refused = read(path, "utf-8")
    assert len(got) + len(refused) == len(rows)
    hit = 1 + text.count("\n", 0, place)
    assert [(number, row) for number, row in zip(numbers, got, strict=True) if number != hit] == [
        (number, row) for number, row in enumerate(as_read(rows), start=2) if number != hit
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [('1,"abc,3', "OPEN_QUOTE"), ('1,"abc"x,3', "BAD_QUOTE"), ('1,"abc" ,3', "BAD_QUOTE"), ("1,2", "RAGGED_LINE"),
     ("1,2,3,4", "RAGGED_LINE"), (" ", "RAGGED_LINE"), ('"', "OPEN_QUOTE"), (f"1,{'x' * 70},3", "LONG_LINE"),
     ('1,2,"3', "OPEN_QUOTE"), ('1,2,3,"4', "OPEN_QUOTE")],
)  # fmt: skip
def test_a_line_that_is_no_record_is_refused_with_its_reason_and_no_other(tmp_path, monkeypatch, line, code):
    monkeypatch.setattr(text_lines, "LONGEST_LINE", 60)
    monkeypatch.setattr(csv_files, "_ARROW_LINE", 60)
    path = tmp_path / "some.csv"
    path.write_text(f'a,b,c\n4,"5",6\n{line}\n7,8" pipe,9\n', "utf-8")
    assert read(path) == ([("4", "5", "6"), ("7", '8" pipe', "9")], [2, 4], [(3, code)])


def test_a_text_goes_on_over_as_many_lines_as_its_column_allows(tmp_path):
    path = tmp_path / "some.csv"
    path.write_text('a,b,c\n1,"x\ny\nz",3\n1,"x\ny\nz\nzz",3\n"1\n2",5,"6\n"\n7,8,9\n', "utf-8")
    got, numbers, refused = read(path, heights={"b": 3, "a": 2, "c": 2})
    assert (got, numbers) == ([("1", "x\ny\nz", "3"), ("1\n2", "5", "6\n"), ("7", "8", "9")], [2, 9, 12])
    # The lines behind the first of a refused record are read for themselves: no line is lost without a word.
    assert refused == [(5, "OPEN_QUOTE"), (6, "RAGGED_LINE"), (7, "RAGGED_LINE"), (8, "RAGGED_LINE")]


def test_a_line_that_is_a_record_by_itself_ends_the_text_before_it(tmp_path):
    path = tmp_path / "some.csv"
    path.write_text('a,b,c\n1,"x,3\n4,5,6\n7,"8",9\n', "utf-8")
    assert read(path, heights={"b": 9}) == ([("4", "5", "6"), ("7", "8", "9")], [3, 4], [(2, "OPEN_QUOTE")])


def test_a_header_may_go_on_over_lines_and_swallows_no_record(tmp_path):
    path = tmp_path / "some.csv"
    path.write_text('\na,"b\n",c\n1,2,3\n', "utf-8")
    assert read(path) == ([("1", "2", "3")], [4], [])
    path.write_text('a,b,"c\n1,2,3\n4,5,6"\n7,8,9\n', "utf-8")
    with pytest.raises(DataError, match=r"every quote to be closed .* row of line 1"):
        read(path)


def test_a_column_of_lines_that_the_file_lacks_is_named(tmp_path):
    path = tmp_path / "some.csv"
    path.write_text("a,b,c\n", "utf-8")
    with pytest.raises(DataError, match=r"expected columns of the file in lines of its source \(got 违法事实; "):
        read(path, heights={"违法事实": 2})


def test_a_file_with_more_columns_than_are_read_is_refused(tmp_path):
    path = tmp_path / "some.csv"
    path.write_text(",".join(f"c{n}" for n in range(20_000)) + "\n", "utf-8")
    with pytest.raises(DataError, match=r"expected at most 2,000 columns \(got 20,000: .*\[limits\]"):
        open_source(SourceSpec(name="s", table="events", file=path.name, format="csv"), tmp_path)


def test_a_file_of_carriage_returns_alone_is_streamed(tmp_path, monkeypatch):
    monkeypatch.setattr(encodings, "_BLOCK", 1000)
    path = tmp_path / "some.csv"
    path.write_text("a,b,c\r" + "1,2,3\r" * 2000, "utf-8", newline="")
    pieces = list(open_csv(path, examine(path), ",").pieces(["a"]))
    assert (sum(piece.table.num_rows for piece in pieces), len(pieces) > 10) == (2000, True)


@pytest.mark.parametrize("first", ["utf-8", "gb18030"])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.integers(1, 60), block=st.integers(3, 300))
def test_a_line_in_another_encoding_is_found_in_any_block(tmp_path, monkeypatch, first, before, block):
    monkeypatch.setattr(encodings, "_BLOCK", block)
    other = "gb18030" if first == "utf-8" else "utf-8"
    head = ("a,b,c\n" + "1,永州市冷水滩区餐饮,x\n" * before).encode(first)
    path = tmp_path / "some.csv"
    path.write_bytes(head + "2,道县宁远餐饮服务,y\n".encode(other) + "3,新田,z\n".encode(first))
    with pytest.raises(DataError, match=rf"line {before + 2}\)"):
        examine(path)


def test_a_character_that_is_cut_off_at_the_end_is_found(tmp_path):
    path = tmp_path / "some.csv"
    path.write_bytes("a,b,c\n1,2,永州".encode("gb18030")[:-1])
    with pytest.raises(DataError, match=r"line 2"):
        examine(path)


def test_the_hash_is_the_files_and_the_header_has_no_mark(tmp_path):
    import hashlib

    path = tmp_path / "some.csv"
    path.write_bytes(codecs.BOM_UTF8 + b"a,b,c\n1,2,3\n")
    facts = examine(path)
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert open_csv(path, facts, ",").header == ("a", "b", "c")


def test_lines_that_look_like_utf_8_by_chance_are_accepted(tmp_path):
    rare = "洇抭"  # in GB18030 its bytes are those of one character and a letter in UTF-8
    path = tmp_path / "some.csv"
    path.write_bytes(("a,b,c\n" + "1,永州市,x\n" * 2000 + f"2,{rare},y\n").encode("gb18030"))
    facts = examine(path)
    assert (facts.encoding, facts.utf8_lines) == ("gb18030", 1)


def test_a_title_above_the_header_is_told_where_a_column_may_go_on_over_lines(tmp_path):
    path = tmp_path / "title.csv"
    path.write_text("行政处罚台账\n文书号,违法事实\n1,a\n2,b\n", "utf-8")
    with pytest.raises(DataError, match="they stand in the row below: delete what is above the header"):
        open_csv(path, examine(path), ",", heights={"违法事实": 3})
