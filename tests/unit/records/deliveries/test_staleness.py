"""Each source has its own newest day: one that stopped is noticed however new the others are."""

import datetime as dt

import pytest
from support.deliveries import EVENTS, Delivery, csv_sources, event_line, text

from creditscore.config.project import load_project
from creditscore.errors import ConfigError, DataError
from creditscore.records.deliveries.checkup import check_up
from creditscore.records.deliveries.staleness import refuse_old_data, source_ages

D = dt.date
DAY, SINCE = D(2024, 4, 30), D(2020, 1, 1)
COURTS = {"name": "courts", "table": "events", "file": "courts.csv", "format": "csv"}
LATER = {"name": "later", "table": "events", "file": "later.csv", "format": "csv", "optional": True}
STAFF = {"name": "staff", "table": "staff", "file": "staff.csv", "format": "csv"}


def limit(source, days, effective=SINCE, basis="某规定"):
    return {"source": source, "effective": effective, "days": days, "basis": basis}


def delivery_with(folder, *limits, courts="2023-06-01", records="2024-04-29"):
    delivery = Delivery(folder, sources=csv_sources(others=[COURTS, LATER, STAFF]), project={"max_age": list(limits)})
    delivery.file("staff.csv", "staff_id,certificate_valid_to\n")
    delivery.events(event_line("E1", known_date=records))
    delivery.file("courts.csv", text(EVENTS, [event_line("C1", event_date="2023-01-01", known_date=courts)] if courts else []))
    return delivery


def ages(delivery, day=DAY):
    return {one.source: one.newest for one in source_ages(delivery.open(), day)}


def test_each_source_has_its_own_newest_day(tmp_path):
    told = ages(delivery_with(tmp_path))
    assert (told["records"], told["courts"], told["later"]) == (D(2024, 4, 29), D(2023, 6, 1), None)
    assert "staff" not in told


def test_what_is_not_yet_known_makes_nothing_newer(tmp_path):
    assert ages(delivery_with(tmp_path, records="2024-06-01"))["records"] is None


def test_a_row_that_was_refused_makes_nothing_newer(tmp_path):
    delivery = delivery_with(tmp_path)
    delivery.events(event_line("E1", known_date="2024-01-03"), event_line("E2", known_date="2024-04-29", kind="gossip"))
    assert ages(delivery)["records"] == D(2024, 1, 3)


def test_one_source_that_stopped_is_refused_by_its_name_day_limit_and_rule(tmp_path):
    delivery = delivery_with(tmp_path, limit("records", 90), limit("courts", 90, basis="某月报制度"))
    with pytest.raises(DataError) as refusal:
        refuse_old_data(delivery.open(), DAY)
    for told in ('source "courts"', "90 days", "rule of 2020-01-01: 某月报制度", "2023-06-01", "334 days before 2024-04-30"):
        assert told in str(refusal.value)
    assert "records" not in str(refusal.value).replace("expected records", "")


def test_every_old_source_is_told_at_once(tmp_path):
    delivery = delivery_with(tmp_path, limit("records", 90), limit("courts", 90), limit("later", 90), courts="")
    with pytest.raises(DataError) as refusal:
        refuse_old_data(delivery.open(), D(2024, 9, 30))
    assert 'source "records"' in str(refusal.value)
    assert str(refusal.value).count("there are none") == 2


def test_the_limit_holds_to_the_day(tmp_path):
    refuse_old_data(delivery_with(tmp_path / "in", limit("courts", 334)).open(), DAY)
    with pytest.raises(DataError):
        refuse_old_data(delivery_with(tmp_path / "out", limit("courts", 333)).open(), DAY)


def test_of_several_rules_that_in_force_on_the_day_counts(tmp_path):
    rules = (limit("courts", 30, effective=D(2024, 5, 1)), limit("courts", 400))
    refuse_old_data(delivery_with(tmp_path / "before", *rules).open(), DAY)
    with pytest.raises(DataError, match="rule of 2024-05-01"):
        refuse_old_data(delivery_with(tmp_path / "after", *rules).open(), D(2024, 5, 1))


def told_of(delivery):
    table = check_up(delivery.open(), as_of=DAY).table()
    return {(row["code"], row["level"]): str(row["rule"]) for row in table.to_dict("records") if row["section"] == "age"}


def test_the_check_up_tells_every_source_and_those_without_a_limit(tmp_path):
    told = told_of(delivery_with(tmp_path, limit("courts", 90), limit("register", 3000)))
    assert told["courts", "error"] == "newest day 2023-06-01, limit 90 days"
    assert told["records", "warning"] == "newest day 2024-04-29, and no limit of age in project.toml"
    assert told["later", "info"].startswith("newest day none")


def test_a_limit_longer_than_any_feature_looks_back_is_told(tmp_path):
    assert "it stops nothing" in told_of(delivery_with(tmp_path, limit("records", 3000)))["records", "warning"]


@pytest.mark.parametrize("name", ["public", "staff", "nobody"])
def test_a_limit_names_a_declared_source_with_days(tmp_path, name):
    with pytest.raises(ConfigError, match=r"max_age\[1\].source.*records"):
        delivery_with(tmp_path, limit(name, 90))


def test_the_example_limits_every_source_that_it_rates_by():
    project = load_project("configs/yongzhou")
    limited = {rule.source: rule.days for rule in project.about.ages_on(DAY)}
    rated_by = {
        source.name for source in project.sources.source
        if source.table in ("subjects", "events", "changes", "ratings", "inspections") and not source.optional
    }  # fmt: skip
    assert set(limited) == rated_by
    assert max(limited.values()) <= 31 * 15
