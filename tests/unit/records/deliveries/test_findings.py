"""The check-up as a page: every rule and code has words in both languages, and nothing a user needs is lost."""

import datetime as dt
import re

import pytest
from support.cities import PROJECT
from support.deliveries import DAY, Delivery, csv_sources, event_line, profile_of, subject_line, text

import creditscore as cs
from creditscore.language import Words
from creditscore.records.deliveries import findings
from creditscore.records.deliveries.checkup import check_up
from creditscore.records.deliveries.drift import Earlier
from creditscore.records.deliveries.findings import finding_text
from creditscore.records.fault_words import code_text
from creditscore.simulate.city import simulate_city
from creditscore.simulate.parameters import CityParameters


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    made = simulate_city(CityParameters(subjects=1500), out=tmp_path_factory.mktemp("city"))
    return check_up(cs.open_records(cs.Engine.duckdb(), cs.load_project(PROJECT), data=made.data), as_of=DAY)


def worst(tmp_path):
    """A delivery in which as much as possible is wrong, beside an earlier one in which it was not."""
    where = {"column": "result", "values": ["是"]}
    parse = {"to": "amount", "rule": "parse_number", "column": "amount", "units": {"万": 10000}}
    dated = {"to": "valid_until", "rule": "parse_date", "column": "valid_until", "formats": ["%Y-%m-%d", "%Y/%m/%d"]}
    others = [{"name": "nobody", "table": "events", "file": "events.csv", "format": "csv", "where": where}]
    before, now = (
        Delivery(tmp_path / name, sources=csv_sources(events={"column": [parse, dated]}, others=others)) for name in "bn"
    )
    before.events(*(event_line(f"E{n}", amount=str(100 + n), severity="3") for n in range(60)))
    lines = [event_line(f"E{n}", amount=f"{(100 + n) * 10_000}") for n in range(35)]
    odd = [
        event_line("F1", amount="12万", valid_until="2025/01/02", result=" x "), event_line("F2", amount="x", valid_until="长期"),
        event_line("F3", kind="gossip"), event_line("F4", "S9"), event_line("F5", event_date="soon"),
        event_line("F6", valid_until="２０２５-01-02"), event_line("F7", known_date="2023-01-01"), event_line("F8", severity="99"),
    ]  # fmt: skip
    now.events(*lines, *odd)
    now.subjects(subject_line("S1"), subject_line("S2", industry="spaceport"), subject_line("S3", status="歇业"))
    return check_up(now.open(), as_of=DAY, earlier=Earlier(profile=profile_of(before.open())))


def rules_without_words(checkup):
    chinese = Words.of("zh")
    # Of these the rule is a file's name or the unit that sends.
    rows = [row for row in checkup.frame.to_dict("records") if row["section"] not in ("coverage", "malformed")]
    plain = {row["rule"] for row in rows if chinese.text(finding_text(row)) == row["rule"]}
    return sorted(rule for rule in plain if not re.fullmatch(r"\S+\.(csv|parquet|xlsx), \S+", rule))


def test_every_finding_of_a_dirty_city_has_chinese_words(city, tmp_path):
    assert rules_without_words(city) == []
    bad = worst(tmp_path)
    assert {"drift", "refused", "refused_value", "normalised", "unmapped"} <= set(bad.table()["section"])
    assert rules_without_words(bad) == []


def test_a_rule_reads_back_from_its_json_in_both_languages(tmp_path):
    frame = worst(tmp_path).frame
    messages = [(row, finding_text(row)) for row in frame.to_dict("records") if row["rule_message"]]
    assert [row["rule"] for row, message in messages if str(message) != row["rule"]] == []
    amount = next(message for row, message in messages if row["rule"] == "valid_until: another of its formats")
    assert Words.of("zh").text(amount) == "有效期至：另一种约定的日期写法"
    assert finding_text({"rule": "events.csv, utf-8", "rule_message": ""}) == "events.csv, utf-8"
    assert finding_text({"rule": "contract"}) == "contract"


def test_every_code_of_the_contracts_has_words(city, tmp_path):
    for checkup in (city, worst(tmp_path)):
        codes = checkup.table().query("rule == 'contract'")["code"].unique()
        assert [code for code in codes if code in {words.text(code_text(code)) for words in map(Words.of, ("zh", "en"))}] == []


@pytest.mark.parametrize(("lang", "head"), [("zh", "数据体检 2024-04-30：错误"), ("en", "Check-up of 2024-04-30:")])
def test_the_page_begins_with_a_summary_and_names_every_error(city, lang, head):
    page = city.to_text(lang)
    frame = city.table()
    assert page.startswith(head)
    errors = frame[frame["level"] == "error"]
    part = page.split("ERRORS" if lang == "en" else "错误（不容许）")[1].split("\n\n")[0]
    assert len([line for line in part.splitlines() if line.startswith("  ")]) == len(errors) > 5
    assert max(len(line) for line in page.splitlines() if "malformed" not in line and "late" not in line) < 700
    assert "Administrative licence" in page if lang == "en" else "行政许可" in page


def test_nothing_of_a_joined_line_is_lost(city):
    malformed = city.table().query("section == 'malformed'")
    line = next(line for line in city.to_text("en").splitlines() if line.startswith("  malformed"))
    counted = [int(part.rsplit(" ", 1)[1].replace(",", "")) for part in line.split(": ", 1)[1].split("; ")]
    assert counted == malformed["rows"].tolist()


def test_kinds_without_a_record_are_counted_at_the_end(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("events.csv", text("event_id,subject_id,kind,event_date,known_date", []))
    page = check_up(delivery.open(), as_of=dt.date(2024, 4, 30)).to_text("en")
    kinds = len(delivery.project.catalogue.item)
    assert page.splitlines()[-1] == f"  without any record: {kinds} (warnings)"


def test_columns_are_aligned_in_any_script():
    lines = list(findings.text_grid(["表", "n"], [["主体", 12], ["abc", 1234]]))
    assert lines == ["  表        n", "  主体     12", "  abc   1,234"]


def test_what_has_no_code_is_called_so_in_the_language_of_the_page(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.subjects(subject_line("S1"), subject_line("S2", industry=""))
    found = check_up(delivery.open(), as_of=DAY)
    assert "· (missing): industries without a card" in found.to_text("en")
    assert "· （缺失）" in found.to_text("zh")
    assert "(missing)" not in found.to_text("zh")
