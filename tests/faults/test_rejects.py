"""A reject says which cell: its row, the sender's column, the text as it was sent but for what nobody else may see, and the rule."""

import pytest
from support.deliveries import EVENTS, Delivery, csv_sources, event_line, rows, subject_line, text

from creditscore.records.fault_words import code_text

RULES = [
    {"to": "kind", "rule": "map", "column": "类别", "values": {"处罚": "penalty"}},
    {"to": "severity", "rule": "cases", "case": [{"column": "轻", "op": ">", "value": 0, "then": 3}, {"column": "重", "op": ">", "value": 0, "then": 8}]},
    {"to": "document_no", "rule": "combine", "columns": ["字", "号"]},
]  # fmt: skip


def shown(records, *parts):
    return [
        tuple(reject[part] for part in ("row", "code", "scope", "column", "text", *parts)) for reject in records.rejects.to_pylist()
    ]


def test_a_reject_names_the_column_of_its_sender_and_shows_the_cell(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(events={"column": RULES}))
    header = EVENTS.replace("kind", "类别").replace("severity", "轻,重").replace("document_no", "字,号")
    line = "E{n},S1,{kind},{day},2024-03-01,永,1,{light},{heavy},{amount},,"
    sound = {"kind": "处罚", "day": "2024-01-01", "light": "", "heavy": "1", "amount": "5"}
    odd = [{}, {"kind": "奖励"}, {"day": "2024-02-30"}, {"light": "many"}, {"amount": "十元"}, {"day": "2024-06-01"}, {"day": ""}]
    delivery.file("events.csv", text(header, [line.format(n=n, **{**sound, **cells}) for n, cells in enumerate(odd)]))
    records = delivery.open()
    assert sorted(shown(records)) == [
        (3, "NOT_LISTED:kind", "row", "类别", "奖励"),
        (4, "BAD_DATE:event_date", "row", "event_date", "2024-02-30"),
        (5, "BAD_VALUE:severity", "field", "轻, 重", "many, 1"),
        (6, "BAD_VALUE:amount", "field", "amount", "十元"),
        (7, "DATE_ORDER:known_date", "row", "known_date", "2024-03-01"),
        (8, "MISSING:event_date", "row", "event_date", ""),
    ]
    # A cell that could not be compared decides nothing.
    assert {row["event_id"]: row["severity"] for row in rows(records)} == {"E0": 8, "E3": None, "E4": 8}
    assert all(":" in str(code_text(code)) for _row, code, *_rest in shown(records))


def test_every_cell_of_a_row_that_cannot_be_read_is_a_reject(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", event_date="gestern", known_date="heute", severity="x", amount="-1", kind="gossip"))
    records = delivery.open()
    assert shown(records) == [
        (2, "BAD_DATE:event_date", "row", "event_date", "gestern"),
        (2, "BAD_DATE:known_date", "field", "known_date", "heute"),
        (2, "BAD_VALUE:severity", "field", "severity", "x"),
        (2, "OUT_OF_RANGE:amount", "field", "amount", "-1"),
    ]
    assert records.outcomes["events"].quarantined == 1


@pytest.mark.parametrize(
    ("cell", "seen"),
    [
        ("110101199003072930", "110101********2930"),
        ("身份证 110101 19900307 293x", "身份证 110101********293X"),
        ("１１０１０１１９９００３０７２９３０", "110101********2930"),
        ("电话13912345678", "电话139****5678"),
        ("证110101660307293张", "证110101********7293张"),
        ("护照E12345678", "护照E********"),
        ("91431102MA4L16JQ9B", "91431102MA4L16JQ9B"),
        ("张三", "张*"),
        ("欧阳锋", "欧*"),
        ("阿依古丽·买买提", "阿*"),
        ("张 三", "张*"),
        ("歇业", "歇业"),
        ("2024/13/01", "2024/13/01"),
        ("a\x01b", "a\u2401b"),
        ("x" * 150, "x" * 100),
    ],
)
def test_a_text_is_shown_but_for_what_nobody_else_may_see(tmp_path, cell, seen):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", event_date=cell))
    assert shown(delivery.open()) == [(2, "BAD_DATE:event_date", "row", "event_date", seen)]


@pytest.mark.parametrize("needed", ["", "第三条"])
def test_a_personal_cell_is_masked_even_where_a_rule_needs_it(tmp_path, needed):
    personal = [{"column": "负责人", "kind": "name", **({"needed": needed} if needed else {})}]
    rule = [{"to": "severity", "column": "负责人"}]
    delivery = Delivery(tmp_path, sources=csv_sources(events={"column": rule, "personal": personal}))
    delivery.file("events.csv", text(EVENTS.replace("severity", "负责人"), [event_line("E1", severity="Ermine Zhang")]))
    assert shown(delivery.open()) == [(2, "BAD_VALUE:severity", "field", "负责人", "E*")]


def test_a_cell_over_its_limit_is_refused_and_of_a_name_the_name_alone(tmp_path):
    limits = {"cell_letters": 30, "name_letters": 10}
    delivery = Delivery(tmp_path, sources=csv_sources(limits=limits))
    delivery.subjects(subject_line("S1", "店" * 10), subject_line("S2", "店" * 11))
    delivery.events(
        event_line("E1", document_no="号" * 30), event_line("E2", document_no="号" * 31), event_line("E3", amount="1" * 31)
    )
    records = delivery.open()
    assert sorted(shown(records)) == [
        (3, "TOO_LONG:document_no", "row", "document_no", "号" * 31),
        (3, "TOO_LONG:name", "field", "name", "店" * 11),
        (4, "TOO_LONG:amount", "field", "amount", "1" * 31),
    ]
    assert {row["subject_id"]: row["name"] for row in rows(records, "subjects")} == {"S1": "店" * 10, "S2": None}
    assert {row["event_id"]: row["amount"] for row in rows(records)} == {"E1": None, "E3": None}
