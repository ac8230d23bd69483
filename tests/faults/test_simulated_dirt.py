"""On a simulated city with its dirt on: every planted fault is found by its key, and nothing else is flagged."""

import datetime as dt

import pandas as pd
import pyarrow.parquet as pq
import pytest
from support.cities import PROJECT
from support.deliveries import put_right

from creditscore.config.project import load_project
from creditscore.engine import Engine
from creditscore.records.deliveries.checkup import check_up
from creditscore.records.deliveries.publicity import late_reports, missing_decisions, reconcile_publicity
from creditscore.records.deliveries.rectification import rectification_list
from creditscore.records.records import open_records
from creditscore.records.standard.contracts import refused_table
from creditscore.records.standard.keys import day_column
from creditscore.records.tables import TABLES
from creditscore.simulate.city import simulate_city
from creditscore.simulate.parameters import CityParameters

DAY = dt.date(2024, 4, 30)
FILES = ("public_events", "industry_events", "self_declared")


class City:
    """What was opened, what was planted (keys by kind of dirt), and the rows as they were sent."""

    def __init__(self, folder):
        made = simulate_city(CityParameters(subjects=3000), out=folder)
        self.records = open_records(Engine.duckdb(), load_project(PROJECT), data=made.data)
        self.frame = check_up(self.records, as_of=DAY).table()
        dirt = pq.read_table(made.truth / "dirt.parquet").to_pandas()
        self.planted = dirt.groupby("dirt")["key"].agg(set).to_dict()
        parts = [pq.read_table(made.data / f"{name}.parquet").to_pandas() for name in FILES]
        market = pq.read_table(made.data / "market_events.parquet").to_pandas()
        complaints = pd.read_csv(made.data / "market_complaints.csv", encoding="gb18030", dtype=str)
        parts.append(market.rename(columns={"记录号": "event_id", "统一社会信用代码": "subject_id"}))
        parts.append(complaints.rename(columns={"工单号": "event_id", "信用代码": "subject_id"}))
        self.sent = pd.concat([part[["event_id", "subject_id"]] for part in parts], ignore_index=True)
        self.refused = self.records.rejects.to_pandas()

    def keys(self, table, code):
        rows = self.refused[(self.refused["table"] == table) & (self.refused["code"] == code)]
        return set(rows["key"].str.split("|").str[0])

    def ids(self, expr):
        return set(self.records.engine.query(expr.select("event_id"))["event_id"].to_pylist())

    @property
    def bad_subjects(self):
        return self.planted["wrong_check_digit"] | self.planted["old_number"]

    @property
    def lost(self):
        """Records that were refused, and why is planted: of a subject with a wrong code, or known before they happened."""
        return set(self.sent.loc[self.sent["subject_id"].isin(self.bad_subjects), "event_id"]) | self.planted["known_before_event"]


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return City(tmp_path_factory.mktemp("city"))


def test_wrong_codes_are_found_each_with_its_reason(city):
    assert city.keys("subjects", "ID_CHECK_DIGIT") == city.planted["wrong_check_digit"]
    assert city.keys("subjects", "ID_OLD_NUMBER") == city.planted["old_number"]
    listed = rectification_list(city.records, as_of=DAY)
    assert set(listed["subject_id"]) == city.bad_subjects


def test_duplicate_rows_are_found(city):
    refused = refused_table(TABLES["events"])
    copies = city.ids(refused.filter(refused.code == "COPY"))
    assert copies == city.planted["duplicate_row"] - city.lost


def test_full_width_codes_and_odd_dates_are_corrected_and_counted(city):
    sent = city.sent["event_id"]
    assert put_right(city.records) == {
        "subject_id: full width, lower case or spaces": sent.isin(city.planted["full_width"]).sum(),
        "event_date: another of its formats": sent.isin(city.planted["mixed_date"]).sum(),
    }


def test_the_file_in_gb18030_is_found(city):
    assert {a.file for a in city.records.arrivals if a.encoding == "gb18030"} == city.planted["gb18030_file"]


def test_records_known_too_early_or_dated_ahead_are_found(city):
    assert city.keys("events", "DATE_ORDER:known_date") == city.planted["known_before_event"] - set(
        city.sent.loc[city.sent["subject_id"].isin(city.bad_subjects), "event_id"]
    )
    events = city.records.table("events")
    future = city.ids(events.filter(day_column(events.event_date) > (DAY - dt.date(1970, 1, 1)).days))
    assert future == city.planted["future_record"] - city.lost


def test_repeated_incidents_are_found(city):
    events = city.records.table("event_keys")
    told = city.records.engine.query(events.filter(events.copies).select("event_id", "incident_key")).to_pandas()
    again = told["event_id"].isin(city.planted["told_again"])
    assert set(told.loc[again, "event_id"]) == city.planted["told_again"] - city.lost
    # What is left of each group is at most the telling that the others repeat.
    assert (told[~again].groupby("incident_key").size() == 1).all()


def test_records_after_their_deadline_are_found(city):
    late = late_reports(city.records, as_of=DAY)["late"].sum()
    known = city.records.table("event_keys")
    by_then = city.ids(known.filter(known.known_day <= (DAY - dt.date(1970, 1, 1)).days))
    assert late == len(city.planted["late_publicity"] & by_then)
    assert late > 100


def test_decisions_that_never_arrived_are_found(city):
    missing = {"E" + key[1:] for key in missing_decisions(city.records, as_of=DAY)["decision_id"]}
    known = city.records.table("event_keys")
    by_then = city.ids(known.filter(known.known_day <= (DAY - dt.date(1970, 1, 1)).days))
    to_come = (city.planted["late_publicity"] | city.planted["future_record"]) - by_then
    assert missing >= city.planted["missing_publicity"] - city.lost
    # Nobody else is accused: on that day the others had not arrived either, and their deadline had passed.
    assert missing - city.planted["missing_publicity"] <= to_come | city.planted["known_before_event"]


def test_the_two_publicity_systems_differ_where_it_was_planted(city):
    found = reconcile_publicity(city.records, as_of=DAY)
    by_kind = found.groupby("mismatch")["event_id"].agg(set)
    assert by_kind["still_published"] == city.planted["still_published"] - city.lost
    changes = city.records.arrow("changes").to_pandas()
    not_told_yet = set(changes.loc[(changes["effective_date"] <= DAY) & (changes["known_date"] > DAY), "event_id"])
    assert by_kind["not_published"] >= city.planted["not_published"] - city.lost
    # The other system already shows what this one will be told in a few days: a repair.
    assert by_kind["not_published"] - city.planted["not_published"] <= not_told_yet


def test_nothing_else_is_refused(city):
    codes = city.refused.groupby("table")["code"].agg(set).to_dict()
    assert codes == {
        "subjects": {"ID_CHECK_DIGIT", "ID_OLD_NUMBER"},
        "events": {"DATE_ORDER:known_date", "UNKNOWN_SUBJECT"},
        "changes": {"DATE_ORDER:effective_date"},  # those of refused events are kept
        "inspections": {"UNKNOWN_SUBJECT"},
        "ratings": {"UNKNOWN_SUBJECT"},
        "decisions": {"UNKNOWN_SUBJECT"},
    }
    assert set(city.refused["scope"]) == {"row"}
    # A record that was sent with a day to come has changes of the days before it.
    assert city.keys("changes", "DATE_ORDER:effective_date") <= city.planted["future_record"]
    assert city.keys("events", "UNKNOWN_SUBJECT") <= city.lost
    for table in ("inspections", "ratings", "decisions"):
        rows = refused_table(TABLES[table])
        unknown = city.records.engine.query(rows.filter(rows.code == "UNKNOWN_SUBJECT").select("subject_id"))
        assert set(unknown["subject_id"].to_pylist()) <= city.bad_subjects


def test_unmatched_changes_are_those_of_refused_or_missing_records(city):
    lost_or_never_sent = city.lost | city.planted["missing_publicity"]
    assert city.keys("changes", "UNKNOWN_EVENT") <= lost_or_never_sent


def test_the_check_up_reports_only_planted_faults(city):
    loud = city.frame[city.frame["level"].isin(["warning", "error"])]
    sections = {"refused", "identity", "incomplete", "malformed", "supplier", "late", "missing", "publicity"}
    # Records that are dated ahead are planted, too: they are told as slips where they are far ahead.
    assert set(loud["section"]) - {"future"} == sections
    assert set(loud.loc[loud["section"] == "identity", "code"]) == {"ID_CHECK_DIGIT", "ID_OLD_NUMBER"}


def test_a_city_without_dirt_is_clean(tmp_path):
    made = simulate_city(CityParameters(subjects=600, months=12, history_months=12, dirt=False), out=tmp_path)
    records = open_records(Engine.duckdb(), load_project(PROJECT), data=made.data)
    assert records.rejects.num_rows == 0
    frame = check_up(records, as_of=DAY).table()
    not_told_yet = frame["section"] == "publicity"
    loud = frame[frame["level"].isin(["warning", "error"]) & ~not_told_yet]
    assert set(loud["section"]) <= {"coverage"}
