"""A person's name, telephone and ID number, planted in more than twenty faults, come out nowhere."""

import logging
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.deliveries import (
    EVENTS,
    SUBJECTS,
    Delivery,
    csv_sources,
    event_line,
    refused,
    rows,
    subject_line,
    text,
    valid_codes,
)  # fmt: skip
from support.nights import night, sign_a_card

from creditscore.errors import DataError
from creditscore.records.columns.personal import masked, safe_keys
from creditscore.records.deliveries.checkup import check_up

NAME, TELEPHONE, NUMBER = "张哨兵三", "13912345678", "110101199003072930"
OLD_NUMBER, PASSPORT, SPACED = "110101660307293", "G73456781", "139 1234 5679"
SENTINELS = (NAME, TELEPHONE, NUMBER, OLD_NUMBER, PASSPORT, SPACED)
PERSONS = "法定代表人,联系电话,身份证号"
CODES = valid_codes(60)
RULES = [
    {"to": "address", "column": "法定代表人"},
    {"to": "ownership", "column": "联系电话"},
    {"to": "size_class", "column": "身份证号"},
]
CHANGES = {"name": "changes", "table": "changes", "file": "changes.csv", "format": "csv"}


def delivery_of(folder, **events):
    sources = csv_sources(id_scheme="uscc", subjects={"column": RULES}, events=events, others=[CHANGES])
    delivery = Delivery(folder, sources=sources)
    register(delivery)
    delivery.file("changes.csv", "event_id,change,effective_date,known_date\n")
    return delivery


def person(line, name=NAME):
    return f"{line},{name},{TELEPHONE},{NUMBER}"


def register(delivery, *more):
    lines = [person(subject_line(code, f"店{n}")) for n, code in enumerate(CODES)]
    delivery.file("subjects.csv", text(f"{SUBJECTS},{PERSONS}", [*lines, *more]))


def bytes_below(folder):
    """Every file, workbooks and other archives unpacked."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    yield from ((path / name, archive.read(name)) for name in archive.namelist())


def assert_nowhere(folder, *texts):
    forms = {sentinel: [sentinel.encode(code) for code in ("utf-8", "gb18030", "utf-16-le")] for sentinel in SENTINELS}
    for sentinel, encoded in forms.items():
        assert not any(sentinel in said for said in texts), sentinel
        found = [path for path, content in bytes_below(folder) if any(form in content for form in encoded)]
        assert not found, (sentinel, found)


def parquet_tables(folder):
    """Compressed columns hide texts from a search of bytes."""
    return " ".join(str(pq.read_table(path).to_pydict()) for path in sorted(folder.rglob("*.parquet")))


@pytest.fixture
def everything_logged(caplog):
    caplog.set_level(logging.DEBUG)
    return caplog


#: Faults that quarantine, normalise or warn; one night has them all.
CELLS = {
    "in a date": event_line("E1", CODES[0], event_date=NAME),
    "in an amount": event_line("E2", CODES[0], amount=NAME),
    "in a severity": event_line("E3", CODES[0], severity=TELEPHONE),
    "in the kind": event_line("E4", CODES[0], kind=NAME),
    "as the id of a record": event_line(NAME, CODES[0], severity="1"),
    "as that id again, in conflict": event_line(NAME, CODES[0], severity="2"),
    "as the subject of a record": event_line("E5", NAME),
    "an ID number as the subject of a record": event_line("E6", NUMBER),
    "an ID number as the id of a record": event_line(NUMBER, CODES[0], kind="gossip"),
    "an ID number of 15 digits as the subject of a record": event_line("E9", OLD_NUMBER),
    "an ID number of 15 digits within words, for a date": event_line("E10", CODES[0], event_date=f"证{OLD_NUMBER}张三"),
    "a passport for an amount": event_line("E11", CODES[0], amount=PASSPORT),
    "a telephone in groups for a severity": event_line("E12", CODES[0], severity=f"电话{SPACED}"),
    "an ID number glued to words, for the kind": event_line("E13", CODES[0], kind=f"处罚{NUMBER}张"),
    "in an end": event_line("E7", CODES[0], valid_until=NAME),
    "in a word that no table has": event_line("E8", CODES[0], result=NAME),
}
ROWS = {
    "an ID number in place of a code": person(subject_line(NUMBER, "甲店")),
    "an ID number of 15 digits in place of a code": person(subject_line(OLD_NUMBER, "戊店")),
    "a telephone in place of a code": person(subject_line(TELEPHONE, "己店")),
    "a name in place of a code": person(subject_line(NAME, "乙店")),
    "in a closed list": person(subject_line(CODES[1], status=NAME)),
    "with control characters": person(subject_line(CODES[2]), f"{NAME[:2]}\x00{NAME[2:]}"),
    "in rows that differ by it alone": person(subject_line(CODES[3], "丙店"), "李某"),
    "in a line that is too long": person(person(subject_line(CODES[4]))),
}


def test_personal_data_appears_nowhere_after_a_whole_run(tmp_path, everything_logged):
    words = {"to": "result", "rule": "map", "column": "result", "values": {"是": "kept"}}
    delivery = delivery_of(tmp_path / "in", column=[words])
    register(delivery, *ROWS.values())
    delivery.events(*CELLS.values(), *(event_line(f"G{n}", code) for n, code in enumerate(CODES)))
    delivery.file("changes.csv", f"event_id,change,effective_date,known_date\n{NAME},repaired,2024-01-01,2024-01-02\n")
    sign_a_card(delivery)
    out = tmp_path / "out"
    said = night(delivery, out)
    assert said.code == 0, said.err
    # What is searched below is there: the log of experiments and the ledger, the report, the workbook, the lists.
    databases = [path for path, content in bytes_below(out) if content.startswith(b"SQLite format 3")]
    assert "mlflow.db" in {path.name for path in databases}
    assert len(databases) >= 2
    expected = {"report.html", "plan.xlsx", "checkup.parquet", "rejects.parquet", "rectification.parquet", "manifest.json"}
    assert expected <= {path.name for path, _ in bytes_below(out)}
    records = delivery.open()
    checkup = check_up(records, as_of="2024-04-30")
    checkup.to_excel(out / "checkup.xlsx")
    (out / "subjects.txt").write_text(str(rows(records, "subjects")), "utf-8")
    (out / "checkup.txt").write_text(checkup.to_text("zh") + checkup.to_text("en") + checkup._repr_html_(), "utf-8")
    assert_nowhere(
        out,
        said.out,
        said.err,
        everything_logged.text,
        checkup.table().to_string(),
        str(records.rejects.to_pydict()),
        parquet_tables(out),
    )
    codes = {code for _, code, _, _ in refused(records)} | {code for _, code, _, _ in refused(records, "field")}
    assert codes >= {
        "BAD_DATE:event_date",
        "BAD_VALUE:amount",
        "OFF_CATALOGUE",
        "DUP_CONFLICT",
        "UNKNOWN_SUBJECT",
        "ID_RESIDENT_NUMBER",
        "RAGGED_LINE",
    }


def two_encodings(delivery):
    delivery.file(
        "events.csv",
        text(EVENTS, [event_line("E1", document_no="永州")]).encode() + f"{event_line('E2', document_no=NAME)}\n".encode("gb18030"),
    )


def unclosed_quote_in_the_header(delivery):
    delivery.file("events.csv", text(EVENTS.replace("result", '"result'), [event_line("E1", result=NAME)]))


def texts_over_lines(delivery):
    delivery.events(*(event_line(f"E{n}", result=f'"a\n{NAME}"') for n in range(9)))


def many_ragged_lines(delivery):
    delivery.events(event_line("E1"), f"{NAME},{TELEPHONE}", f"{NAME},{NUMBER}", f"{NAME},x")


def another_kind_of_column(delivery):
    delivery.events(*(event_line(f"E{n}", amount=NAME) for n in range(30)))


def no_header(delivery):
    delivery.file("events.csv", text(event_line("E1", result=NAME), [event_line("E2", result=NAME)]))


def no_header_in_the_register(delivery):
    delivery.file("subjects.csv", "\n".join(person(subject_line(code)) for code in CODES))


def lines_cut_by_another_sign(delivery):
    delivery.file("events.csv", text(f"{EVENTS};{NAME}".replace(",", ";"), [event_line("E1", result=NAME).replace(",", ";")]))


def carriage_returns_in_texts(delivery):
    delivery.events(*(event_line(f"E{n}", result=f"a\r{NAME}") for n in range(9)))


REFUSED = [
    two_encodings, unclosed_quote_in_the_header, texts_over_lines, many_ragged_lines, another_kind_of_column, no_header, no_header_in_the_register,
    lines_cut_by_another_sign, carriage_returns_in_texts,
]  # fmt: skip


def test_sentinels_are_planted_in_more_than_twenty_faults():
    assert len(CELLS) + len(ROWS) + len(REFUSED) + len(ODD_PARQUET) >= 25
    assert all(any(sentinel[:2] in line for sentinel in SENTINELS) for line in [*CELLS.values(), *ROWS.values()])


@pytest.mark.parametrize("plant", REFUSED, ids=lambda plant: plant.__name__)
def test_a_refusal_quotes_no_cell(tmp_path, everything_logged, plant):
    delivery = delivery_of(tmp_path / "in")
    sign_a_card(delivery)
    plant(delivery)
    out = tmp_path / "out"
    said = night(delivery, out)
    assert said.code == 2
    out.mkdir(exist_ok=True)
    assert_nowhere(out, said.out, said.err, everything_logged.text)


#: Columns of Parquet that hold a name where it cannot be read.
ODD_PARQUET = {
    "bytes that are no text": pa.array([NAME.encode() + b"\xff"] * 30, pa.binary()),
    "bytes of another encoding": pa.array([NAME.encode("gb18030")] * 30, pa.binary()),
    "a list": pa.array([[NAME]] * 30),
    "a structure": pa.array([{NAME: NAME}] * 30),
}


@pytest.mark.parametrize("column", ["result", "event_date", "amount", "subject_id"])
@pytest.mark.parametrize("how", ODD_PARQUET)
def test_a_column_of_parquet_that_cannot_be_read_quotes_no_cell(tmp_path, everything_logged, how, column):
    delivery = Delivery(tmp_path, sources=csv_sources(events={"file": "events.parquet", "format": "parquet"}))
    usual = dict(zip(EVENTS.split(","), event_line().split(","), strict=True))
    table = pa.table({name: pa.array([value] * 30) for name, value in usual.items()} | {column: ODD_PARQUET[how]})
    pq.write_table(table, delivery.data / "events.parquet")
    with pytest.raises(DataError, match=f'"records" .*{column}') as refusal:
        delivery.open()
    assert_nowhere(delivery.project.folder, str(refusal.value), everything_logged.text)


def test_a_damaged_parquet_file_quotes_no_cell(tmp_path, everything_logged):
    sources = csv_sources(events={"file": "events.parquet", "format": "parquet"})
    delivery = Delivery(tmp_path / "in", sources=sources)
    sign_a_card(delivery)
    path = delivery.data / "events.parquet"
    pq.write_table(
        pa.table({name: [NAME] * 500 for name in EVENTS.split(",")}),
        path,
        compression="none",
        use_dictionary=False,
        write_page_checksum=True,
        write_statistics=False,
    )
    content = bytearray(path.read_bytes())
    content[content.index(NAME.encode())] ^= 1
    path.write_bytes(bytes(content))
    said = night(delivery, tmp_path / "out")
    assert said.code == 2
    assert "events.parquet：应为完整的 Parquet 文件" in said.err
    assert_nowhere(
        tmp_path / "out" if (tmp_path / "out").exists() else tmp_path / "in" / "project", said.out, said.err, everything_logged.text
    )


def test_joined_files_are_masked_too(tmp_path):
    join = {"file": "people.csv", "format": "csv", "on": {"subject_id": "code"}, "take": ["经营者"]}
    sources = csv_sources(subjects={"join": [join], "column": [{"to": "address", "column": "经营者"}]})
    delivery = Delivery(tmp_path, sources=sources)
    delivery.file("people.csv", f"code,经营者\nS1,{NAME}\n")
    assert [row["address"] for row in rows(delivery.open(), "subjects")] == ["张*"]


def test_masked_and_unread_columns_are_listed(tmp_path):
    delivery = delivery_of(tmp_path)
    row = rows(delivery.open(), "subjects")[0]
    assert (row["address"], row["ownership"], row["size_class"]) == ("张*", "139****5678", "110101********2930")
    assert delivery.open().arrivals[0].masked == ("法定代表人", "联系电话", "身份证号")
    plain = Delivery(tmp_path / "plain")
    plain.file("subjects.csv", text(f"{SUBJECTS},{PERSONS}", [person(subject_line("S1"))]))
    arrival = plain.open().arrivals[0]
    assert arrival.unused == ("法定代表人", "联系电话", "身份证号")
    assert arrival.masked == ()


def test_a_column_declared_as_needed_stays_plain(tmp_path):
    needed = [{"column": "法定代表人", "kind": "name", "needed": "某办法 第3条"}]
    sources = csv_sources(subjects={"column": [{"to": "address", "column": "法定代表人"}], "personal": needed})
    delivery = Delivery(tmp_path, sources=sources)
    delivery.file("subjects.csv", text(f"{SUBJECTS},法定代表人", [f"{subject_line('S1')},{NAME}"]))
    assert rows(delivery.open(), "subjects")[0]["address"] == NAME


def test_an_id_in_a_masked_column_is_refused_with_the_remedy(tmp_path):
    rule = [{"to": "subject_id", "column": "证件号码"}]
    delivery = Delivery(tmp_path, sources=csv_sources(subjects={"column": rule}))
    content = text(SUBJECTS.replace("subject_id", "证件号码"), [subject_line("S1")])
    delivery.file("subjects.csv", content)
    with pytest.raises(DataError, match=r"证件号码 .for subject_id. is called like personal data.*needed"):
        delivery.open()
    declared = Delivery(
        tmp_path / "declared", sources=csv_sources(subjects={"column": rule, "personal": [{"column": "证件号码", "kind": "none"}]})
    )
    declared.file("subjects.csv", content)
    assert rows(declared.open(), "subjects")[0]["subject_id"] == "S1"


@pytest.mark.parametrize(
    ("kind", "plain", "shown"),
    [("name", "张三", "张*"), ("name", "欧阳修文", "欧*"), ("telephone", TELEPHONE, "139****5678"), ("telephone", "8888", "****"),
     ("id_number", NUMBER, "110101********2930"), ("id_number", "E12345", "********")],
)  # fmt: skip
def test_personal_values_are_masked_by_kind(kind, plain, shown):
    assert masked(pa.array([plain, None]), kind).to_pylist() == [shown, None]


def test_keys_of_refused_rows_are_shown_unless_they_name_a_person():
    keys = pa.array(["E0001", "永罚〔2023〕12号", NAME, NUMBER, "", None])
    assert safe_keys(keys).to_pylist() == ["E0001", "永罚〔2023〕12号", "张*", "110101********2930", "", None]
