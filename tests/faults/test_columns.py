"""Columns that are missing, renamed, new, of another type or in another unit."""

import pytest
from support.deliveries import (
    EVENTS,
    SUBJECTS,
    Delivery,
    csv_sources,
    event_line,
    findings,
    profile_of,
    refused,
    rows,
    subject_line,
    text,
)

from creditscore.errors import DataError
from creditscore.records.deliveries.drift import drifts


def without(header, lines, column):
    place = header.split(",").index(column)
    return text(_drop(header, place), [_drop(line, place) for line in lines])


def _drop(line, place):
    cells = line.split(",")
    return ",".join(cells[:place] + cells[place + 1 :])


@pytest.mark.parametrize("column", ["subject_type", "valid_from"])
def test_a_missing_required_column_is_named_in_both_languages(tmp_path, column):
    delivery = Delivery(tmp_path)
    delivery.file("subjects.csv", without(SUBJECTS, [subject_line()], column))
    words = {"subject_type": "主体类型", "valid_from": "版本起始日"}
    with pytest.raises(DataError, match=rf"subjects needs {column} \({words[column]}\): no rule gives it"):
        delivery.open()


def test_a_missing_column_that_a_rule_reads_is_refused(tmp_path):
    rules = [{"to": "kind", "column": "类型"}]
    delivery = Delivery(tmp_path, sources=csv_sources(events={"column": rules}))
    with pytest.raises(DataError, match=r"events\.csv: expected column 类型 \(there are: event_id"):
        delivery.open()


def test_a_renamed_required_column_is_refused(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(events={"expects": ["severity", "amount"]}))
    delivery.file("events.csv", text(EVENTS.replace("severity", "severity_level"), [event_line()]))
    with pytest.raises(DataError, match=r"events needs severity \(严重程度\).*severity_level"):
        delivery.open()


def test_a_renamed_optional_column_is_reported_with_both_names(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("events.csv", text(EVENTS.replace("severity", "severity_level"), [event_line(severity="9")]))
    told = findings(delivery.open(), "source").query("code == 'records'").set_index("rule")["examples"]
    assert told["columns that nothing reads"] == "severity_level"
    assert "severity" in told["standard columns that nothing gives"].split(", ")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("amount", "amuont"),
        ("amount", "AMOUNT"),
        ("amount", "ａｍｏｕｎｔ"),
        ("amount", "罚款金额（元）"),
        ("document_no", "document no."),
    ],
)
def test_a_renamed_optional_column_is_a_warning_with_its_near_match(tmp_path, name, near):
    delivery = Delivery(tmp_path)
    delivery.file("events.csv", text(EVENTS.replace(name, near), [event_line()]))
    told = findings(delivery.open(), "source").query("level == 'warning'")["rule"].tolist()
    assert told == [f"{name} is not given: is it the column {near}?"]


def test_columns_that_are_only_a_little_alike_are_no_match(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file(
        "events.csv", text(f"{EVENTS},seventh,备注,resulting_harm".replace("severity", "weight"), [f"{event_line()},a,b,c"])
    )
    assert findings(delivery.open(), "source").query("level == 'warning'").empty


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (EVENTS.replace("event_id", "event_idd"), "renamed. event_id → event_idd; there are: event_idd"),
        (EVENTS.replace("kind", "Kind"), "renamed. kind → Kind"),
        (EVENTS.replace("kind", "类别"), r"needs kind \(.*\): no rule gives it"),
        (f"{EVENTS},", "expected a name for each column of the header .got none for column 11"),
        (f"{EVENTS},备注,备注", "expected each column once .got 备注 several times"),
        (f"{EVENTS},Amount", "expected each column once .columns 8, 11 differ in case or width only"),
        (f"行政处罚信息表\n{EVENTS}", "they stand in the row below: delete what is above the header"),
        (event_line("E0"), "its first line looks like data"),
        (EVENTS.removeprefix("event_id,"), r"needs event_id \("),
    ],
    ids=["letter", "case", "other word", "unnamed", "twice", "twice but for case", "title", "no header", "one too few"],
)
def test_a_header_that_is_not_as_agreed_is_refused_with_what_to_do(tmp_path, header, message):
    delivery = Delivery(tmp_path)
    delivery.file("events.csv", text(header, [event_line()]))
    with pytest.raises(DataError, match=message):
        delivery.open()


def test_a_column_that_loses_all_values_since_yesterday_is_refused(tmp_path):
    before, now = (Delivery(tmp_path / name) for name in ("before", "now"))
    lines = [event_line(f"E{n}", severity="5") for n in range(40)]
    before.events(*lines)
    now.file("events.csv", text(EVENTS.replace("severity", "severity_level"), lines))
    found = drifts(profile_of(now.open()), profile_of(before.open()), max_row_drop=0.3)
    assert [(finding.level, str(finding.rule)) for finding in found] == [
        ("error", "severity: had values before, has none now (gone or renamed?)")
    ]


def test_an_extra_column_is_reported_and_ignored(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("events.csv", text(f"{EVENTS},备注", [f"{event_line()},机密"]))
    records = delivery.open()
    told = findings(records, "source")
    assert told[told["rule"] == "columns that nothing reads"]["examples"].tolist() == ["备注"]
    assert "机密" not in str(rows(records))


def test_a_column_of_another_type_refuses_the_file_with_its_share(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(*(event_line(f"E{n}", amount="约五万") for n in range(30)))
    with pytest.raises(DataError, match=r"expected amount to be readable .got 30 of 30 values that are not"):
        delivery.open()


def unit_drift(tmp_path, amount):
    before, now = (Delivery(tmp_path / name) for name in ("before", "now"))
    before.events(*(event_line(f"E{n}", amount=f"{20000 + 777 * n}") for n in range(40)))
    now.events(*(event_line(f"E{n}", amount=amount(20000 + 777 * n)) for n in range(40)))
    return drifts(profile_of(now.open()), profile_of(before.open()), max_row_drop=0.3)


def test_amounts_switched_from_yuan_to_ten_thousands_are_refused(tmp_path):
    found = unit_drift(tmp_path, lambda yuan: f"{yuan / 10000:.2f}")
    assert [(finding.level, finding.examples) for finding in found] == [("error", "penalty")]
    assert str(found[0].rule) == "amount: the middle moved about 10000-fold down (another unit?)"


def test_amounts_that_only_grew_are_accepted(tmp_path):
    assert unit_drift(tmp_path, lambda yuan: f"{yuan * 1.3:.2f}") == []


def test_amounts_with_another_spread_are_a_warning(tmp_path):
    found = unit_drift(tmp_path, lambda yuan: f"{yuan * (30 if yuan % 2 else 1):.2f}")
    assert [finding.level for finding in found] == ["warning"]
    assert str(found[0].rule).startswith("amount: PSI")


def test_a_declared_unit_is_converted_exactly(tmp_path):
    rule = {"to": "amount", "rule": "parse_number", "column": "amount", "factor": 10000}
    delivery = Delivery(tmp_path, sources=csv_sources(events={"column": [rule]}))
    delivery.events(event_line("E1", amount="1.23"), event_line("E2", amount="0.0001"), event_line("E3", amount="1.234567"))
    records = delivery.open()
    assert [str(row["amount"]) for row in rows(records)] == ["12300.00", "1.00", "12345.67"]
    assert refused(records, "field") == []
