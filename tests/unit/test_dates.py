"""Days as callers give them: to the check-up and every report."""

import datetime as dt
import time

import numpy as np
import pandas as pd
import pytest
from support.deliveries import Delivery, event_line

import creditscore as cs
from creditscore import dates
from creditscore.dates import day_of
from creditscore.errors import DataError
from creditscore.records.deliveries.coverage import catalogue_report
from creditscore.records.deliveries.publicity import late_reports, missing_decisions, reconcile_publicity, repair_reminders
from creditscore.records.deliveries.rectification import rectification_list

REPORTS = [
    cs.check_up, catalogue_report, late_reports, missing_decisions, reconcile_publicity, rectification_list,
    repair_reminders,
]  # fmt: skip
DAY = dt.date(2024, 4, 30)


@pytest.fixture
def zone_of_the_machine(monkeypatch):
    """Sets the time zone of the process; that of the machine again afterwards."""

    def set_to(zone):
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield set_to
    monkeypatch.undo()
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system has one time zone for all its processes")
@pytest.mark.parametrize("zone", ["UTC", "XXX24", "XXX-24", "America/Chicago"])
def test_today_is_the_day_in_china_whatever_zone_a_process_has(zone_of_the_machine, zone):
    """A zone typed before a command moved what the register records by a day; a server in UTC was a day behind until eight."""
    before = dt.datetime.now(dt.UTC)
    zone_of_the_machine(zone)
    assert dates.today() in {(moment + dt.timedelta(hours=8)).date() for moment in (before, dt.datetime.now(dt.UTC))}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    delivery = Delivery(tmp_path_factory.mktemp("days"))
    delivery.events(event_line("E1"))
    return delivery.open()


@pytest.mark.parametrize(
    "given", [DAY, "2024-04-30", dt.datetime(2024, 4, 30, 23, 59), pd.Timestamp("2024-04-30 15:00"), np.datetime64("2024-04-30")]
)
def test_a_day_may_be_given_in_any_usual_form(given):
    assert day_of(given) == DAY
    assert type(day_of(given)) is dt.date


@pytest.mark.parametrize("given", ["yesterday", "2024-13-01", "2024/04/30", "", None, pd.NaT, 20240430, 3.5, b"2024-04-30"])
def test_an_invalid_day_is_refused_in_plain_words(given):
    with pytest.raises(DataError, match=r'^as_of: expected a day, as a date or "YYYY-MM-DD" \(got '):
        day_of(given)


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.__name__)
def test_every_report_accepts_and_refuses_the_same_days(records, report):
    report(records, as_of=pd.Timestamp(DAY))
    with pytest.raises(DataError, match="as_of: expected a day"):
        report(records, as_of="yesterday")


def test_records_of_a_day_can_be_asked_for_with_a_timestamp(records):
    moment = pd.Timestamp("2024-04-30 08:00")
    assert records.listed(["penalty"], moment).num_rows == 1
    assert records.subjects_on(moment).num_rows == 1
    assert records.disputed(moment).num_rows == records.grades("national", moment).num_rows == 0


@pytest.mark.parametrize("data", [None, 3, b"data", ""])
def test_a_path_that_is_not_a_folder_is_refused(records, data):
    with pytest.raises(DataError, match="data: expected the folder of the data files"):
        cs.open_records(records.engine, records.project, data=data)
