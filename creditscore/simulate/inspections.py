"""Three years of an old policy: tiers by a point table, random draws with known chances, and visits for cause."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creditscore.simulate.bits import Bits, Ints
from creditscore.simulate.calendar import Quarter, Time, years_of
from creditscore.simulate.changes import Changes, make_changes
from creditscore.simulate.draws import Frame, random_calls
from creditscore.simulate.events import Events
from creditscore.simulate.old_tiers import OldPoints
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.penalties import penalties_of
from creditscore.simulate.staff import Staff
from creditscore.simulate.subjects import Subjects
from creditscore.simulate.visits import COMPLAINT, FOLLOW_UP, SPECIAL, VIOLATION, Calls, Visits, carry_out

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
