"""Months and windows against the plain calendar of the oracle: any day, any number of months, one or many at a time."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditscore.dates import (
    day_number,
    day_of_number,
    days_of,
    months_after,
    months_before,
    quarter_start,
    shift_months,
    window_calendar,
    window_column,
)

from . import naive

D = dt.date
DAYS = st.dates(D(1900, 1, 1), D(2199, 12, 31))
MONTHS = st.integers(-600, 600)
MONTH_ENDS = [D(2024, 2, 29), D(2023, 2, 28), D(2024, 3, 31), D(2024, 12, 31), D(1969, 12, 31), D(1970, 1, 1), D(2000, 2, 29)]


@given(DAYS, MONTHS)
def test_months_before_and_after_are_those_of_the_calendar(day, months):
    assert months_before(day, months) == months_after(day, -months) == naive.months_before(day, months)
    assert type(months_before(day, months)) is D


@pytest.mark.parametrize("day", MONTH_ENDS)
@pytest.mark.parametrize("months", [0, 1, 2, 11, 12, 13, 48, 600])
def test_month_ends_are_cut_and_not_carried_over(day, months):
    assert months_before(day, months) == naive.months_before(day, months)
    assert months_after(day, months) == naive.months_before(day, -months)


@given(st.lists(st.tuples(DAYS, MONTHS), max_size=30), MONTHS)
def test_many_days_at_once_are_each_shifted_as_one(pairs, months):
    days = np.array([day for day, _ in pairs], dtype="datetime64[D]")
    own = np.array([count for _, count in pairs], dtype=np.int64)
    assert shift_months(days, months).tolist() == [naive.months_before(day, -months) for day, _ in pairs]
    assert shift_months(days, own).tolist() == [naive.months_before(day, -count) for day, count in pairs]


def test_a_missing_day_stays_missing():
    days = np.array(["NaT", "2024-02-29"], dtype="datetime64[D]")
    assert shift_months(days, 12).tolist() == [None, D(2025, 2, 28)]


@given(st.lists(DAYS, min_size=1, max_size=10), st.lists(st.integers(1, 120), max_size=4))
def test_a_window_begins_after_the_day_that_the_oracle_says(days, lengths):
    table = window_calendar(days, lengths)
    assert table.column_names == ["as_of_day", "rate_day", *(window_column(m) for m in sorted(set(lengths)))]
    for row, day in zip(table.to_pylist(), sorted(set(days)), strict=True):
        assert day_of_number(row["as_of_day"]) == day
        assert row["rate_day"] == day_number(quarter_start(day))
        assert [row[window_column(m)] for m in lengths] == [day_number(naive.months_before(day, m)) for m in lengths]


@given(DAYS)
def test_a_quarter_begins_in_its_first_month(day):
    start = quarter_start(day)
    assert (start.day, start.month % 3, start.year) == (1, 1, day.year)
    assert start <= day < months_after(start, 3)


@given(DAYS)
def test_numbers_of_days_are_those_of_the_calendar(day):
    assert day_number(day) == day.toordinal() - D(1970, 1, 1).toordinal()
    assert day_of_number(day_number(day)) == day


def test_days_of_a_column_are_read_like_single_ones():
    values = ["2024-04-30", "never", None, D(2024, 4, 30), ["2024-04-30"], np.datetime64("2024-04-30"), 3, "2024-04-30"]
    day = D(2024, 4, 30)
    assert days_of(values) == [day, None, None, day, None, day, None, day]
