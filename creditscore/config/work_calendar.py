"""``calendar.toml``: the official work calendar, holidays and make-up workdays (调休) by year, with their notices."""

from __future__ import annotations

import datetime as dt
from functools import cached_property

from pydantic import Field, model_validator

from creditscore.config.spec import Day, Items, Spec
from creditscore.errors import ConfigError

_DAY = dt.timedelta(days=1)


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
    """The document ``calendar.toml``.

    A project without one has plain weeks. With one, what depends on a day of a year without a notice is not known: nobody
    can tell its holidays and make-up days.
    """

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
        """Whether offices work that day; by plain weeks in a year without a notice."""
        return day in self.workdays or (day.weekday() < 5 and day not in self.holidays)

    def covers(self, day: dt.date) -> bool:
        """Whether the day's year has a notice."""
        return day.year in self._years

    def knows(self, first: dt.date, last: dt.date) -> bool:
        """Whether the working days from ``first`` to ``last`` (both included) are known; a project of plain weeks knows all."""
        return not self.year or self._years.issuperset(range(first.year, last.year + 1))

    def deadline(self, day: dt.date, working_days: int) -> dt.date:
        """The last day on which a report is in time: the ``working_days``-th workday after ``day``.

        Raises:
            ConfigError: A day up to it lies in a year whose notice ``calendar.toml`` lacks.
        """
        due = self._deadline(day, working_days)
        if not self.knows(day + _DAY, due):
            lacking = next(year for year in range((day + _DAY).year, due.year + 1) if year not in self._years)
            raise ConfigError(
                "calendar.toml: expected the notice of {year}, without which the end of {count} working days after {day} is not "
                "known (got the years {years}); add a [[year]] with the holidays and make-up workdays of that notice",
                year=lacking,
                count=working_days,
                day=day,
                years=", ".join(map(str, sorted(self._years))),
            )
        return due

    def deadlines(self, first: dt.date, days: int, working_days: int) -> list[dt.date | None]:
        """The deadline of each of ``days`` days from ``first`` on, in one pass; None where a year has no notice."""
        ahead: list[dt.date] = []
        step = first
        deadlines: list[dt.date | None] = []
        for day in (first + dt.timedelta(days=ahead_by) for ahead_by in range(days)):
            ahead = [workday for workday in ahead if workday > day]
            while len(ahead) < working_days:
                step = max(step, day) + _DAY
                if self.is_workday(step):
                    ahead.append(step)
            due = ahead[working_days - 1]
            deadlines.append(due if self.knows(day + _DAY, due) else None)
        return deadlines

    @cached_property
    def _years(self) -> frozenset[int]:
        return frozenset(year.year for year in self.year)

    def _deadline(self, day: dt.date, working_days: int) -> dt.date:
        left, step = working_days, day
        while left:
            step += _DAY
            left -= self.is_workday(step)
        return step
