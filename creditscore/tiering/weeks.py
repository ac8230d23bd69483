"""The weekly load of a task: visits spread over its weeks by working days, in the order of their tickets."""

import datetime as dt
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from creditscore.config.calendar import WorkCalendar

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Week:
    """One calendar week of a task, cut at the task's ends; ``number`` is 1 for the first."""

    number: int
    first: dt.date
    last: dt.date
    workdays: int


def weeks_of(start: dt.date, end: dt.date, calendar: WorkCalendar) -> list[Week]:
    """The weeks, Monday to Sunday, from ``start`` to ``end`` (both included), with the days that offices work."""
    found: list[Week] = []
    first = start
    while first <= end:
        last = min(end, first + (6 - first.weekday()) * _DAY)
        days = [first + place * _DAY for place in range((last - first).days + 1)]
        found.append(Week(len(found) + 1, first, last, sum(calendar.is_workday(day) for day in days)))
        first = last + _DAY
    return found


def spread(visits: int, weeks: list[Week]) -> list[Week]:
    """The week of each visit in its order: a week's share of the visits is its share of the working days, give or take one."""
    days = [week.workdays for week in weeks] if any(week.workdays for week in weeks) else [1] * len(weeks)
    ends = list(accumulate(days))
    return [weeks[bisect_right(ends, place * ends[-1] // visits)] for place in range(visits)]
