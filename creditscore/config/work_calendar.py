"""``calendar.toml``: the official work calendar, holidays and make-up workdays (调休) by year, with their notices."""

from __future__ import annotations

import datetime as dt
from functools import cached_property

from pydantic import Field, model_validator

from creditscore.config.spec import Day, Items, Spec


class CalendarYear(Spec):
    """One year's notice of the State Council's general office."""

    year: int = Field(ge=2000, le=2100)
    basis: str = Field(min_length=1)
    #: Days off from Monday to Friday or weekend alike.
    holidays: Items[Day] = ()
    #: Saturdays and Sundays that are worked.
    workdays: Items[Day] = ()

    @model_validator(mode="after")
    def _days_are_of_the_year(self) -> CalendarYear:
        faulty = sorted({*self.holidays} & {*self.workdays}) + [day for day in self.workdays if day.weekday() < 5]
        # A year's notice may begin with the last days of the year before.
        first, last = dt.date(self.year - 1, 12, 20), dt.date(self.year, 12, 31)
        faulty += [day for day in (*self.holidays, *self.workdays) if not first <= day <= last]
        if faulty:
            days = ", ".join(day.isoformat() for day in faulty[:3])
            raise ValueError(f"expected days of {self.year}: holidays, and worked weekend days apart from them (got {days})")
        return self


class WorkCalendar(Spec):
    """The document ``calendar.toml``. Years without a notice have plain weeks."""

    year: Items[CalendarYear] = ()

    @cached_property
    def holidays(self) -> frozenset[dt.date]:
        """All days off."""
        return frozenset(day for year in self.year for day in year.holidays)

    @cached_property
    def workdays(self) -> frozenset[dt.date]:
        """All weekend days that are worked."""
        return frozenset(day for year in self.year for day in year.workdays)

    def is_workday(self, day: dt.date) -> bool:
        """Whether offices work that day."""
        return day in self.workdays or (day.weekday() < 5 and day not in self.holidays)

    def covers(self, day: dt.date) -> bool:
        """Whether the day's year has a notice; without one its weeks are plain ones."""
        return any(year.year == day.year for year in self.year)

    def deadline(self, day: dt.date, working_days: int) -> dt.date:
        """The last day on which a report is in time: the ``working_days``-th workday after ``day``."""
        left, step = working_days, day
        while left:
            step += dt.timedelta(days=1)
            left -= self.is_workday(step)
        return step

    def deadlines(self, first: dt.date, days: int, working_days: int) -> list[dt.date]:
        """The deadline of each of ``days`` days from ``first`` on, in one pass over the calendar."""
        ahead: list[dt.date] = []
        step, deadlines = first, []
        for day in (first + dt.timedelta(days=ahead_by) for ahead_by in range(days)):
            ahead = [workday for workday in ahead if workday > day]
            while len(ahead) < working_days:
                step = max(step, day) + dt.timedelta(days=1)
                if self.is_workday(step):
                    ahead.append(step)
            deadlines.append(ahead[working_days - 1])
        return deadlines
