"""Three years of an old policy: tiers by a point table, random draws with known chances, and visits for cause."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creditscore.simulate.bits import Bits, Ints
from creditscore.simulate.calendar import Quarter, Time
from creditscore.simulate.changes import Changes, make_changes
from creditscore.simulate.events import Events
from creditscore.simulate.kinds import KINDS
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.penalties import penalties_of
from creditscore.simulate.places import CODES, INDUSTRIES, TASKS
from creditscore.simulate.staff import Staff
from creditscore.simulate.subjects import Subjects
from creditscore.simulate.visits import COMPLAINT, FOLLOW_UP, RANDOM, SPECIAL, VIOLATION, Calls, Visits, carry_out

OLD_TIERS = ("A", "B", "C", "D")
#: Points from which an old tier is B, C, D.
OLD_CUTS = (1, 4, 8)
_WINDOW = 8
_OLD_POINTS = np.array([model.old_points for model in KINDS], dtype=np.int64)
_SHORT_LIVED = np.array([model.months_valid is not None and model.months_valid < 24 for model in KINDS])
_TASK_OF = np.array([TASKS.index(model.task) for model in INDUSTRIES] + [-1] * 3)
OFF_SITE_TASK = len(TASKS)
TASK_NAMES = (*TASKS, "documents")
#: Share of complaints that set off a visit, and of old tiers C and D that a campaign visits in a quarter.
_COMPLAINTS_FOLLOWED, _CAMPAIGN, _FOLLOWED_UP = 0.30, 0.03, 0.5


@dataclass(frozen=True)
class Frame:
    """One stratum of one task: how many there were and how many were drawn."""

    task: str
    stratum: str
    population: int
    drawn: int


class OldPoints:
    """Points of each subject by the quarter in which a record became known; a tier sums the last eight."""

    def __init__(self, parameters: CityParameters, time: Time, subjects: int) -> None:
        starts = [quarter.start for quarter in time.quarters]
        self._edges = np.array([starts[0] - 91 * k for k in range(_WINDOW, 0, -1)] + starts, dtype=np.int64)
        self._points = np.zeros((subjects, len(self._edges) + 1), dtype=np.int16)
        self._all = parameters.old_tier_sees_repaired

    def add(self, events: Events, changes: Changes) -> None:
        """Count records. Where the policy does not see repaired ones, what is ever repaired or soon expires never counts."""
        points = _OLD_POINTS[events.kind]
        if not self._all:
            gone = np.isin(events.number, changes.number[changes.change == 0]) | _SHORT_LIVED[events.kind]
            points = np.where(gone, 0, points)
        bucket = np.searchsorted(self._edges, events.known, side="right")
        rows = np.flatnonzero(points)
        np.add.at(self._points, (events.subject[rows], bucket[rows]), points[rows].astype(np.int16))

    def tiers(self, quarter: int) -> NDArray[np.int64]:
        """The old tier of every subject on the first day of a quarter (0 is A)."""
        total = self._points[:, quarter + 1 : quarter + 1 + _WINDOW].sum(axis=1)
        tier: Ints = np.searchsorted(OLD_CUTS, total, side="right").astype(np.int64)
        return tier


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
    visits, frames, events, changes, tiers = [], [], [], [], []
    for number, quarter in enumerate(time.quarters):
        tier = points.tiers(number)
        tiers.append(tier.astype(np.int8))
        calls, drawn = _random_calls(parameters, subjects, quarter, tier, number)
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


def _random_calls(
    parameters: CityParameters, subjects: Subjects, quarter: Quarter, tier: Ints, number: int
) -> tuple[list[Calls], list[Frame]]:
    """Each task draws, in each stratum (old tier and industry), the n smallest tickets of N: p = n/N exactly."""
    eligible = subjects.market & (subjects.registered < quarter.start) & (subjects.ending_known >= quarter.start)
    calls, frames = [], []
    for task, name in enumerate(TASK_NAMES):
        off_site = task == OFF_SITE_TASK
        if off_site and not parameters.off_site:
            continue
        rows = np.flatnonzero(eligible & (off_site | (_TASK_OF[subjects.industry] == task)))
        ratios = parameters.off_site_ratios if off_site else parameters.on_site_ratios
        bits = Bits(parameters.seed, "draw", number, task)
        stratum = tier[rows] * len(CODES) + subjects.industry[rows]
        chosen, population, drawn = _smallest_tickets(bits, stratum, ratios)
        day = quarter.start + 3 + bits.below(quarter.stop - quarter.start - 6, len(chosen))
        place = stratum[chosen]
        calls.append(
            Calls(
                rows[chosen], day, RANDOM, task=number * len(TASK_NAMES) + task, off_site=off_site,
                stratum=place, drawn=drawn[place], population=population[place],
            )
        )  # fmt: skip
        frames += [
            Frame(f"{quarter.name}-{name}", stratum_name(key), int(population[key]), int(drawn[key]))
            for key in np.flatnonzero(population).tolist()
        ]
    return calls, frames


def stratum_name(key: int) -> str:
    """``A-food_service``: the old tier and the industry."""
    return f"{OLD_TIERS[key // len(CODES)]}-{CODES[key % len(CODES)]}"


def _smallest_tickets(bits: Bits, stratum: Ints, ratios: tuple[float, ...]) -> tuple[Ints, Ints, Ints]:
    """Places of those drawn, and N and n by stratum."""
    strata = len(OLD_TIERS) * len(CODES)
    population = np.bincount(stratum, minlength=strata)
    ppm = np.repeat([round(ratio * 1_000_000) for ratio in ratios], len(CODES))
    drawn = -(-population * ppm // 1_000_000)
    order = np.lexsort((bits.words(len(stratum)), stratum))
    rank = np.arange(len(stratum)) - (np.cumsum(population) - population)[stratum[order]]
    return np.sort(order[rank < drawn[stratum[order]]]), population, drawn


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
        rows = np.flatnonzero(subjects.market & (subjects.registered < quarter.start) & (subjects.ending_known >= quarter.start))
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
