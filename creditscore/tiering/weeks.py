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


def weeks_of(start: dt.date, end: dt.date, calendar: WorkCalendar, *, not_before: dt.date | None = None) -> list[Week]:
    """The weeks, Monday to Sunday, from ``start`` to ``end`` (both included), with the days that offices work.

    Days ``not_before`` some day (of the draw) are no days for a visit: a week before it has none, one around it begins then.
    """
    found: list[Week] = []
    first, begin = start, max(start, not_before or start)
    while first <= end:
        last = min(end, first + (6 - first.weekday()) * _DAY)
        opens = min(max(first, begin), last)
        days = [opens + place * _DAY for place in range((last - opens).days + 1)] if last >= begin else []
        found.append(Week(len(found) + 1, opens, last, sum(calendar.is_workday(day) for day in days)))
        first = last + _DAY
    return found


def week_after(day: dt.date, weeks: list[Week], *, ticket: str) -> Week:
    """The week of a visit that is known only on a day: one of those left, by its ticket; the last where none is left."""
    left = [week for week in weeks if week.last > day and week.workdays] or weeks[-1:]
    return left[int(ticket, 16) % len(left)]


def spread(visits: int, weeks: list[Week]) -> list[Week]:
    """The week of each visit in its order: a week's share of the visits is its share of the working days, give or take one."""
    days = [week.workdays for week in weeks] if any(week.workdays for week in weeks) else [1] * len(weeks)
    ends = list(accumulate(days))
    return [weeks[bisect_right(ends, place * ends[-1] // visits)] for place in range(visits)]
