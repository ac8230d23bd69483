"""When a document stops counting: by the window, by its own last day, by its retention, or lighter by age."""

import datetime as dt
from decimal import Decimal

import pytest

from creditscore.config.features import FeatureSpec
from creditscore.dates import months_before
from creditscore.reporting.documents import Document, behind, leaves_on, lighter_on, value_of

DAY = dt.date(2024, 4, 30)


def spec(**options):
    given = {"name": "x", "label": {"en": "x"}, "unit": "records", "source": "public", "kind": ["penalty"], "aggregate": "count"}
    return FeatureSpec(**{**given, **options})


def record(day, **more):
    return Document("record", more.pop("id", f"E{day}"), "penalty", day, day, **more)


@pytest.mark.parametrize("happened", [dt.date(2024, 1, 31), dt.date(2024, 2, 29), dt.date(2023, 8, 31), dt.date(2023, 3, 15)])
@pytest.mark.parametrize("months", [1, 6, 12, 24])
def test_a_window_ends_on_the_first_day_on_which_the_record_is_not_behind(happened, months):
    feature, one = spec(months=months), record(happened)
    day, why = leaves_on(feature, one)
    assert why == "window"
    assert not behind(feature, [one], day)
    assert behind(feature, [one], day - dt.timedelta(days=1))
    assert months_before(day, months) >= happened


def test_the_first_of_several_ends_counts():
    one = record(DAY, until=dt.date(2024, 5, 31), valid_until=dt.date(2024, 5, 31))
    assert leaves_on(spec(months=24), one) == (dt.date(2024, 6, 1), "own_end")
    kept = record(DAY, until=dt.date(2024, 5, 31), valid_until=dt.date(2030, 1, 1))
    assert leaves_on(spec(), kept) == (dt.date(2024, 6, 1), "retention")
    assert leaves_on(spec(), record(DAY)) is None


def test_a_sum_by_age_gets_lighter_before_it_ends():
    bands = [{"months": 6, "weight": 3}, {"months": 12, "weight": 1}]
    feature, one = spec(aggregate="banded_sum", bands=bands), record(dt.date(2024, 1, 1), severity=2)
    assert value_of(feature, [one], DAY) == 6
    assert lighter_on(feature, one, DAY) == dt.date(2024, 7, 1)
    assert value_of(feature, [one], dt.date(2024, 7, 1)) == 2
    assert leaves_on(feature, one) == (dt.date(2025, 1, 1), "window")
    assert value_of(feature, [one], dt.date(2025, 1, 1)) == 0


@pytest.mark.parametrize("state", ["repaired", "withdrawn", "dispute_upheld", "disputed", "expired", "copy"])
def test_only_what_counts_is_behind_a_value(state):
    assert behind(spec(), [record(DAY, state=state)], DAY) == []
    assert len(behind(spec(), [record(DAY, state=state)], DAY, state=None)) == 1


def test_amounts_are_summed_in_hundredths():
    rows = [record(DAY, id=str(n), amount=Decimal("0.10")) for n in range(3)]
    assert value_of(spec(aggregate="sum", column="amount", unit="yuan"), rows, DAY) == 0.3
