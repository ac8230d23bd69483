"""The history of inspections under the old policy, quarter by quarter: tiers, draws, visits for cause, penalties."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from creditscore.dataframes import Ints
from creditscore.simulate.events import Changes, Events, conduct_at, describe, make_changes
from creditscore.simulate.kinds import KINDS, NUMBER
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.random_bits import Bits
from creditscore.simulate.subjects import Subjects
from creditscore.simulate.timeline import Quarter, Time, years_of
from creditscore.simulate.visits import (
    COMPLAINT,
    FOLLOW_UP,
    NONE,
    OLD_TIERS,
    SPECIAL,
    VIOLATION,
    Calls,
    CityStaff,
    CityVisits,
    Frame,
    OldPoints,
    carry_out,
    department_of,
    random_calls,
)

#: Numbers of records from visits start here; those of chunks are smaller.
_FIRST_NUMBER = 9_000 * 10**8
_PENALISED, _ENFORCED, _CHECK_WRITTEN = 0.7, 0.25, 0.4
#: Share of complaints that set off a visit, of old tiers C and D that a campaign visits in a quarter, and of findings
#: that are followed up.
_COMPLAINTS_FOLLOWED, _CAMPAIGN, _FOLLOWED_UP = 0.30, 0.03, 0.5
#: Streams of quarters are numbered from here, behind those of chunks.
FIRST_QUARTER_BLOCK = 10_000


@dataclass(frozen=True)
class History:
    """The visits and what followed from them."""

    visits: CityVisits
    frames: list[Frame]
    events: Events
    changes: Changes
    #: The old tier by subject and quarter.
    tiers: NDArray[np.int8]


def inspect_city(
    parameters: CityParameters, time: Time, subjects: Subjects, staff: CityStaff, points: OldPoints, complaints: Events
) -> History:
    """Quarter by quarter: tiers, draws, visits for cause, the penalties that follow, which change the next tiers."""
    visits: list[CityVisits] = []
    frames, events, changes, tiers = [], [], [], []
    for number, quarter in enumerate(time.quarters):
        tier = points.tiers(number)
        tiers.append(tier.astype(np.int8))
        # Visits of each subject in the calendar year before the quarter.
        count, year = np.zeros(len(subjects), dtype=np.int64), int(quarter.name[:4])
        for earlier in visits[-4:]:
            of_year = (years_of(earlier.day) == year) & (earlier.day < quarter.start)
            count += np.bincount(earlier.subject[of_year], minlength=len(subjects))
        calls, drawn = random_calls(parameters, subjects, quarter, tier, count, number)
        calls += _calls_for_cause(parameters, time, subjects, quarter, tier, complaints, number)
        bits = Bits(parameters.seed, "visits", number)
        visited = CityVisits.together([carry_out(parameters, time, subjects, staff, bits, call) for call in calls])
        if parameters.follow_up_visits:
            # Half of the findings are looked at again after one to three months.
            again_bits = Bits(parameters.seed, "follow up", number)
            again = np.flatnonzero(visited.outcome == VIOLATION)
            again = again[again_bits.hits(_FOLLOWED_UP, (len(again),))]
            day = visited.day[again] + 30 + again_bits.below(60, len(again))
            in_time = day <= time.end
            call = Calls(visited.subject[again][in_time], day[in_time], FOLLOW_UP)
            visited = CityVisits.together([visited, carry_out(parameters, time, subjects, staff, bits, call)])
        penalties = _records_of(parameters, time, subjects, visited, number)
        later = make_changes(parameters, time, penalties, block=FIRST_QUARTER_BLOCK + number)
        points.add(penalties, later)
        visits.append(visited)
        frames += drawn
        events.append(penalties)
        changes.append(later)
    return History(CityVisits.together(visits), frames, Events.together(events), Changes.together(changes), np.stack(tiers, axis=1))


def _calls_for_cause(
    parameters: CityParameters, time: Time, subjects: Subjects, quarter: Quarter, tier: Ints, complaints: Events, number: int
) -> list[Calls]:
    """Visits set off by complaints of this quarter, and a campaign among the old tiers C and D."""
    calls, bits = [], Bits(parameters.seed, "for cause", number)
    if parameters.complaint_visits:
        heard = np.flatnonzero((complaints.known >= quarter.start) & (complaints.known < quarter.stop))
        heard = heard[bits.hits(_COMPLAINTS_FOLLOWED, (len(heard),))]
        day = complaints.known[heard] + 2 + bits.below(15, len(heard))
        chosen = (subjects.market[complaints.subject[heard]]) & (day <= time.end)
        calls.append(Calls(complaints.subject[heard][chosen], day[chosen], COMPLAINT))
    if parameters.special_visits:
        rows = np.flatnonzero(subjects.listed(quarter.start))
        rows = rows[(tier[rows] >= OLD_TIERS.index("C")) & bits.hits(_CAMPAIGN, (len(rows),))]
        calls.append(Calls(rows, quarter.start + 10 + bits.below(60, len(rows)), SPECIAL))
    return calls


def _records_of(parameters: CityParameters, time: Time, subjects: Subjects, visits: CityVisits, quarter: int) -> Events:
    """The records that follow from a quarter's visits, numbered within the quarter.

    They are issued by the department that visited, one to six weeks later (a record of the check itself: the same day).
    """
    bits = Bits(parameters.seed, "penalties", quarter)
    found, severity = visits.outcome == VIOLATION, visits.severity
    penalised = found & bits.hits(_PENALISED, (len(visits),)) & np.bool_(parameters.penalties_from_visits)
    enforced = penalised & (severity >= 6) & bits.hits(_ENFORCED, (len(visits),))
    written = (visits.outcome <= VIOLATION) & ~visits.off_site & bits.hits(_CHECK_WRITTEN, (len(visits),))
    kinds = {
        "admin_penalty_minor": penalised & (severity <= 3),
        "admin_penalty_general": penalised & (severity > 3) & (severity <= 7),
        "admin_penalty_serious": penalised & (severity >= 8),
        "compulsory_enforcement": enforced,
        "supervision_check": written,
    }
    parts = []
    for kind, chosen in kinds.items():
        rows, of_check = np.flatnonzero(chosen), kind == "supervision_check"
        wait = 0 if of_check else 5 + bits.below(38, len(rows))
        subject, day = visits.subject[rows], visits.day[rows] + wait
        conduct = conduct_at(subjects, time, subject, time.month_at(day))
        records = describe(parameters, bits, KINDS[NUMBER[kind]], subject=subject, day=day, conduct=conduct, subjects=subjects)
        department = department_of(subjects.industry_on(subject, visits.day[rows]))
        records = replace(records, issuer=department.astype(np.int8))
        if of_check:
            parts.append(replace(records, result=(visits.outcome[rows] != NONE).astype(np.int8)))
        else:
            records = replace(records, severity=visits.severity[rows].astype(np.int8))
            parts.append(records.take(records.day <= time.end))
    events = Events.together(parts)
    numbers = _FIRST_NUMBER + quarter * 10**8 + np.arange(len(events), dtype=np.int64)
    return replace(events, number=numbers, document=numbers)
