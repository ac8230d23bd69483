"""``calendar.toml``: the official work calendar, holidays and make-up workdays (调休) by year, with their notices."""

import datetime as dt

from pydantic import Field

from creditscore.config.base import Day, Spec


class CalendarYear(Spec):
    """One year's notice of the State Council's general office."""

    year: int = Field(ge=2000, le=2100)
    basis: str = Field(min_length=1)
    #: Days off from Monday to Friday or weekend alike.
    holidays: tuple[Day, ...] = ()
    #: Saturdays and Sundays that are worked.
    workdays: tuple[Day, ...] = ()


class WorkCalendar(Spec):
    """The document ``calendar.toml``. Years without a notice have plain weeks."""

    year: tuple[CalendarYear, ...] = ()

    @property
    def holidays(self) -> frozenset[dt.date]:
        """All days off."""
        return frozenset(day for year in self.year for day in year.holidays)

    @property
    def workdays(self) -> frozenset[dt.date]:
        """All weekend days that are worked."""
        return frozenset(day for year in self.year for day in year.workdays)

    def is_workday(self, day: dt.date) -> bool:
        """Whether offices work that day."""
        return day in self.workdays or (day.weekday() < 5 and day not in self.holidays)

    def deadline(self, day: dt.date, working_days: int) -> dt.date:
        """The last day on which a report is in time: the ``working_days``-th workday after ``day``."""
        left, step = working_days, day
        while left:
            step += dt.timedelta(days=1)
            left -= self.is_workday(step)
        return step
