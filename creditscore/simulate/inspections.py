"""Three years of an old policy: tiers by a point table, random draws with known chances, and visits for cause."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from creditscore.dataframes import Ints
from creditscore.simulate.events import Changes, Events, conduct_at, dress, make_changes
from creditscore.simulate.kinds import KINDS, NUMBER
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.random_bits import Bits
from creditscore.simulate.subjects import Subjects
from creditscore.simulate.timeline import Quarter, Time, years_of
from creditscore.simulate.visits import (
    COMPLAINT,
    FOLLOW_UP,
    NONE,
    SPECIAL,
    VIOLATION,
    Calls,
    Frame,
    OldPoints,
    Staff,
    Visits,
    carry_out,
    department_of,
    random_calls,
)

#: Numbers of records from visits start here; those of chunks stay below.
FIRST_NUMBER = 9_000 * 10**8
_PENALISED, _ENFORCED, _CHECK_WRITTEN = 0.7, 0.25, 0.4


def penalties_of(parameters: CityParameters, time: Time, subjects: Subjects, visits: Visits, quarter: int) -> Events:
    """The records that a quarter's visits leave, numbered within the quarter."""
    bits = Bits(parameters.seed, "penalties", quarter)
    found, severity = visits.outcome == VIOLATION, visits.severity
    penalised = found & bits.hits(_PENALISED, (len(visits),)) & np.bool_(parameters.penalties_from_visits)
    enforced = penalised & (severity >= 6) & bits.hits(_ENFORCED, (len(visits),))
    written = (visits.outcome <= VIOLATION) & ~visits.off_site & bits.hits(_CHECK_WRITTEN, (len(visits),))
    made = {
        "admin_penalty_minor": penalised & (severity <= 3),
        "admin_penalty_general": penalised & (severity > 3) & (severity <= 7),
        "admin_penalty_serious": penalised & (severity >= 8),
        "compulsory_enforcement": enforced,
        "supervision_check": written,
    }
    parts = [_records(parameters, time, subjects, bits, visits, np.flatnonzero(rows), kind) for kind, rows in made.items()]
    events = Events.together(parts)
    numbers = FIRST_NUMBER + quarter * 10**8 + np.arange(len(events), dtype=np.int64)
    return replace(events, number=numbers, document=numbers)


def _records(
    parameters: CityParameters, time: Time, subjects: Subjects, bits: Bits, visits: Visits, rows: Ints, kind: str
) -> Events:
    """Records of one kind by the department that visited, one to six weeks later (the check itself: the same day)."""
    model, count = KINDS[NUMBER[kind]], len(rows)
    wait = 0 if kind == "supervision_check" else 5 + bits.below(38, count)
    who, day = visits.subject[rows], visits.day[rows] + wait
    month = time.month_at(day)
    made = dress(parameters, bits, model, subject=who, day=day, conduct=conduct_at(subjects, time, who, month), subjects=subjects)
    department = department_of(subjects.industry_on(who, visits.day[rows]))
    made = replace(made, issuer=department.astype(np.int8))
    if kind == "supervision_check":
        return replace(made, result=(visits.outcome[rows] != NONE).astype(np.int8))
    made = replace(made, severity=visits.severity[rows].astype(np.int8))
    return made.take(made.day <= time.end)


#: Share of complaints that set off a visit, and of old tiers C and D that a campaign visits in a quarter.
_COMPLAINTS_FOLLOWED, _CAMPAIGN, _FOLLOWED_UP = 0.30, 0.03, 0.5


@dataclass(frozen=True)
class History:
    """All that the visits left behind."""

    visits: Visits
    frames: list[Frame]
    events: Events
    changes: Changes
    #: The old tier by subject and quarter.
    tiers: NDArray[np.int8]


def inspect_city(
    parameters: CityParameters, time: Time, subjects: Subjects, staff: Staff, points: OldPoints, complaints: Events
) -> History:
    """Quarter by quarter: tiers, draws, visits for cause, the penalties they bring, and again."""
    visits: list[Visits] = []
    frames, events, changes, tiers = [], [], [], []
    for number, quarter in enumerate(time.quarters):
        tier = points.tiers(number)
        tiers.append(tier.astype(np.int8))
        calls, drawn = random_calls(parameters, subjects, quarter, tier, _of_this_year(visits, quarter, len(subjects)), number)
        calls += _calls_for_cause(parameters, time, subjects, quarter, tier, complaints, number)
        bits = Bits(parameters.seed, "visits", number)
        gone = Visits.together([carry_out(parameters, time, subjects, staff, bits, call) for call in calls])
        if parameters.follow_up_visits:
            again = _follow_up(parameters, time, gone, number)
            gone = Visits.together([gone, carry_out(parameters, time, subjects, staff, bits, again)])
        found = penalties_of(parameters, time, subjects, gone, number)
        later = make_changes(parameters, time, found, place=10_000 + number)
        points.add(found, later)
        visits.append(gone)
        frames += drawn
        events.append(found)
        changes.append(later)
    return History(Visits.together(visits), frames, Events.together(events), Changes.together(changes), np.stack(tiers, axis=1))


def _of_this_year(visits: list[Visits], quarter: Quarter, subjects: int) -> Ints:
    """Visits of each subject in the calendar year of the quarter, before it."""
    year = int(quarter.name[:4])
    count = np.zeros(subjects, dtype=np.int64)
    for gone in visits[-4:]:
        here = (years_of(gone.day) == year) & (gone.day < quarter.start)
        count += np.bincount(gone.subject[here], minlength=subjects)
    return count


def _calls_for_cause(
    parameters: CityParameters, time: Time, subjects: Subjects, quarter: Quarter, tier: Ints, complaints: Events, number: int
) -> list[Calls]:
    """Visits set off by complaints of this quarter, and a campaign among the old tiers C and D."""
    calls, bits = [], Bits(parameters.seed, "for cause", number)
    if parameters.complaint_visits:
        heard = np.flatnonzero((complaints.known >= quarter.start) & (complaints.known < quarter.stop))
        heard = heard[bits.hits(_COMPLAINTS_FOLLOWED, (len(heard),))]
        day = complaints.known[heard] + 2 + bits.below(15, len(heard))
        here = (subjects.market[complaints.subject[heard]]) & (day <= time.end)
        calls.append(Calls(complaints.subject[heard][here], day[here], COMPLAINT))
    if parameters.special_visits:
        rows = np.flatnonzero(subjects.listed(quarter.start))
        rows = rows[(tier[rows] >= 2) & bits.hits(_CAMPAIGN, (len(rows),))]
        calls.append(Calls(rows, quarter.start + 10 + bits.below(60, len(rows)), SPECIAL))
    return calls


def _follow_up(parameters: CityParameters, time: Time, gone: Visits, number: int) -> Calls:
    """Half of the findings are looked at again after one to three months."""
    bits = Bits(parameters.seed, "follow up", number)
    again = np.flatnonzero(gone.outcome == VIOLATION)
    again = again[bits.hits(_FOLLOWED_UP, (len(again),))]
    day = gone.day[again] + 30 + bits.below(60, len(again))
    here = day <= time.end
    return Calls(gone.subject[again][here], day[here], FOLLOW_UP)
