"""Text files in blocks: whatever the encoding, the quoting and where a block ends, the rows are those that were written."""

import codecs
import csv
import io

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creditscore.errors import DataError
from creditscore.records import encodings
from creditscore.records.csv_files import open_csv
from creditscore.records.encodings import examine

#: Letters of every kind that a register may hold, line ends and quotes among them; no lone surrogates.
TEXT = st.text(
    alphabet=st.characters(codec="gb18030", exclude_categories=("Cs", "Cc")) | st.sampled_from('永州䶮，"\n;1a '), max_size=12
)
ROWS = st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=12)


def written(rows, *, quoting=csv.QUOTE_MINIMAL, ends="\r\n"):
    stream = io.StringIO()
    csv.writer(stream, quoting=quoting, lineterminator=ends).writerows([("a", "b", "c"), *rows])
    return stream.getvalue()


def read(path, declared="auto"):
    file = open_csv(path, examine(path, declared), ",")
    pieces = list(file.pieces(["a", "b", "c"]))
    table = pa.concat_tables([piece.table for piece in pieces]).to_pylist() if pieces else []
    numbers = [int(number) for piece in pieces for number in piece.rows]
    ragged = [int(number) for piece in pieces for number in piece.ragged]
    return [tuple(row.values()) for row in table], numbers, ragged


def as_read(rows):
    return [tuple(cell or None for cell in row) for row in rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, block=st.integers(3, 200))
def test_what_was_written_is_read(tmp_path, monkeypatch, encoding, quoting, rows, block):
    monkeypatch.setattr(encodings, "_BLOCK", block)
    path = tmp_path / "some.csv"
    path.write_bytes(written(rows, quoting=quoting).encode(encoding))
    got, numbers, ragged = read(path, "gb18030" if encoding == "gb18030" else "auto")
    assert got == as_read(rows)
    assert numbers == list(range(1, len(rows) + 1))
    assert ragged == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plain=st.lists(
        st.sampled_from(["1,2,3", "永,州,店", "x", "1,2", "a,b,c,d", "", '"q",2,3', '"q,r",2,3']), min_size=1, max_size=30
    ),
    block=st.integers(3, 60),
)
def test_ragged_lines_are_reported_by_position_and_shift_no_other(tmp_path, monkeypatch, plain, block):
    monkeypatch.setattr(encodings, "_BLOCK", block)
    path = tmp_path / "some.csv"
    path.write_text("a,b,c\n" + "".join(f"{line}\n" for line in plain), "utf-8")
    rows = [row for row in csv.reader(plain) if row]
    got, numbers, ragged = read(path)
    assert got == as_read([row for row in rows if len(row) == 3])
    assert numbers == [number for number, row in enumerate(rows, start=1) if len(row) == 3]
    assert ragged == [number for number, row in enumerate(rows, start=1) if len(row) != 3]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, cut=st.integers(0, 10_000), block=st.integers(3, 200))
def test_an_unpaired_quote_is_refused_or_changes_the_field_count(tmp_path, monkeypatch, rows, cut, block):
    monkeypatch.setattr(encodings, "_BLOCK", block)
    text = written(rows, quoting=csv.QUOTE_ALL)
    quotes = [place for place, letter in enumerate(text) if letter == '"']
    place = quotes[cut % len(quotes)]
    path = tmp_path / "some.csv"
    path.write_bytes((text[:place] + text[place + 1 :]).encode())
    try:
        wanted = [row for row in csv.reader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True) if row]
    except csv.Error:
        with pytest.raises(DataError, match=r"every quote to be closed|expected each column once|header"):
            read(path)
        return
    try:
        got, _, ragged = read(path)
    except (DataError, ValueError):
        return  # the header itself was hit
    assert len(got) + len(ragged) == len(wanted) - 1


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
