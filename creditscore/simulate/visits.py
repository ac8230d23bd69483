"""The old policy and its visits: inspectors, tiers by points, random draws with known chances, and what visits find."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creditscore.dataframes import Flags, Ints
from creditscore.simulate.events import ENDS, Changes, Events, conduct_at, log_odds_at
from creditscore.simulate.kinds import KINDS
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.places import CODES, COUNTIES, DEPARTMENTS, INDUSTRIES, OTHER_CODES, TASKS, industry_numbers
from creditscore.simulate.random_bits import Bits, bounds, milli, ppm_of_log_odds
from creditscore.simulate.subjects import Block, Subjects
from creditscore.simulate.timeline import Quarter, Time
from creditscore.vocabulary import OUTCOMES, TIERS, TRIGGERS

RANDOM, COVERAGE, COMPLAINT, FOLLOW_UP, SPECIAL = (
    TRIGGERS.index(trigger) for trigger in ("random", "full_coverage", "complaint", "follow_up", "special")
)
NONE, VIOLATION, NOT_FOUND, CLOSED, REFUSED = (
    OUTCOMES.index(outcome) for outcome in ("none", "violation", "not_found", "closed", "refused")
)
#: Subjects of a department for each of its inspectors.
_SUBJECTS_EACH = 250
_DEPARTMENT_OF = np.array([DEPARTMENTS.index(i.department) for i in INDUSTRIES] + [0] * len(OTHER_CODES), dtype=np.int64)
#: Points from which an old tier is B, C, D.
OLD_CUTS = (1, 4, 8)
OLD_TIERS = TIERS[: len(OLD_CUTS) + 1]
#: Quarters for which a record counts.
_WINDOW = 8
_QUARTER_DAYS = 91
_OLD_POINTS = np.array([model.old_points for model in KINDS], dtype=np.int64)
_TASK_OF = np.array([TASKS.index(model.task) for model in INDUSTRIES] + [-1] * len(OTHER_CODES))
_OFF_SITE_TASK = len(TASKS)
TASK_NAMES = (*TASKS, "documents")
_STRATA = len(OLD_TIERS) * len(CODES)
#: The quarter of the year in which industries of full coverage are visited.
_COVERED_IN = "Q2"
_MILLION = 1_000_000
#: A complaint or an earlier finding is news: added to the log-odds of a finding on that visit.
_NEWS = {RANDOM: 0, COVERAGE: 0, COMPLAINT: 700, FOLLOW_UP: 500, SPECIAL: 400}
#: Log-odds that a finding has at least severity 2, 3, … 10.
_SEVERITY = (1100, 500, 0, -500, -1000, -1600, -2300, -3000, -3700)


@dataclass(frozen=True)
class CityStaff:
    """Arrays of one entry per inspector, departments one after the other.

    A department's inspectors are split into ``groups`` equal groups; county ``k`` belongs to group
    ``k mod groups``, so that a department with fewer groups than counties lends each to several.
    """

    department: Ints
    group: Ints
    strictness: Ints
    first: Ints
    size: Ints
    groups: Ints

    def pairs(
        self, parameters: CityParameters, bits: Bits, industry: NDArray[np.int16], county: NDArray[np.int8]
    ) -> tuple[Ints, Ints]:
        """Two different inspectors of the department for each visit."""
        department = department_of(industry)
        first, size = self.first[department], self.size[department]
        if parameters.inspector_assignment == "districts":
            size = size // self.groups[department]
            first = first + county % self.groups[department] * size
        count = len(industry)
        one = bits.below(size, count)
        other = (one + 1 + bits.below(size - 1, count)) % size
        return first + one, first + other

    def names(self) -> list[str]:
        """The numbers of the inspectors."""
        return [f"ZF4311{number:04d}" for number in range(len(self.department))]


def department_of(industry: NDArray[np.int16]) -> Ints:
    """The position in DEPARTMENTS of the department that inspects an industry."""
    return _DEPARTMENT_OF[industry]


def make_staff(parameters: CityParameters) -> CityStaff:
    """Enough inspectors for the city: at least two pairs per department, strict and mild in equal measure.

    The mean over a department is 0, so that "average inspectors" means the same everywhere.
    """
    weights = np.array([sum(i.weight for i in INDUSTRIES if i.department == name) for name in DEPARTMENTS])
    wanted = parameters.subjects * weights // (sum(i.weight for i in INDUSTRIES) * _SUBJECTS_EACH)
    groups = np.clip(wanted // 2, 2, len(COUNTIES))
    size = np.maximum(-(-wanted // groups), 2) * groups
    department = np.repeat(np.arange(len(DEPARTMENTS)), size)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    group = (np.arange(len(department)) - first[department]) // (size // groups)[department]
    own = milli(parameters.strictness) * Bits(parameters.seed, "strictness").normal(len(department)) // 1000
    shared = milli(parameters.county_strictness) * Bits(parameters.seed, "county strictness").normal(len(COUNTIES)) // 1000
    strictness = own + shared[group]
    mean = np.add.reduceat(strictness, first) // size
    return CityStaff(department, group, strictness - mean[department], first, size, groups)


class OldPoints:
    """Points of each subject by quarter: a record counts from the first quarter after it is known, for eight quarters.

    Where the policy does not see repaired and expired records, one stops counting in the first quarter
    that knows of its repair, withdrawal or end.
    """

    def __init__(self, parameters: CityParameters, time: Time, subjects: int) -> None:
        self._starts = np.array([quarter.start for quarter in time.quarters], dtype=np.int64)
        before = self._starts[0] - _QUARTER_DAYS * np.arange(_WINDOW, 0, -1)
        self._edges = np.concatenate([before, self._starts])
        #: By how much a subject's points change at the start of each quarter.
        self._steps = np.zeros((subjects, len(self._starts) + 1), dtype=np.int16)
        self._counts_ended = parameters.old_tier_sees_repaired

    def add(self, events: Events, changes: Changes) -> None:
        """Count records, whose changes are among ``changes``; numbers of records rise."""
        last = len(self._starts)
        bucket = np.searchsorted(self._edges, events.known, side="right")
        begin, stop = np.clip(bucket - _WINDOW, 0, last), np.clip(bucket, 0, last)
        if not self._counts_ended:
            # The last day on which each record is known to be in force.
            last_day = events.until.copy()
            ends = np.isin(changes.change, ENDS)
            known = np.maximum(changes.effective, changes.known)[ends]
            np.minimum.at(last_day, np.searchsorted(events.number, changes.number[ends]), known)
            stop = np.minimum(stop, np.searchsorted(self._starts, last_day, side="right"))
        points = _OLD_POINTS[events.kind]
        rows = np.flatnonzero((points > 0) & (begin < stop))
        weight = points[rows].astype(np.int16)
        np.add.at(self._steps, (events.subject[rows], begin[rows]), weight)
        np.add.at(self._steps, (events.subject[rows], stop[rows]), -weight)

    def tiers(self, quarter: int) -> Ints:
        """The old tier of every subject on the first day of a quarter, by its position in OLD_TIERS."""
        total = self._steps[:, : quarter + 1].sum(axis=1)
        tiers: Ints = np.searchsorted(OLD_CUTS, total, side="right").astype(np.int64)
        return tiers


@dataclass(frozen=True)
class Frame:
    """One stratum of one task: how many there were and how many were drawn."""

    task: str
    stratum: str
    population: int
    drawn: int


def random_calls(
    parameters: CityParameters, subjects: Subjects, quarter: Quarter, tier: Ints, visits: Ints, number: int
) -> tuple[list[Calls], list[Frame]]:
    """The draws of a quarter: in each stratum, those with the smallest random tickets.

    The frame is the register's: who has ended, stopped or changed its trade without the register
    knowing is drawn as what it was.

    Args:
        parameters: The city.
        subjects: Its subjects.
        quarter: The quarter.
        tier: The old tier of each subject.
        visits: The visits of each subject in the year so far, which an annual cap counts.
        number: The quarter's position among the quarters of the city.
    """
    listed = subjects.listed(quarter.start)
    if parameters.annual_cap is not None:
        listed &= visits < parameters.annual_cap
    known = np.where(subjects.changed_known < quarter.start, subjects.later_industry, subjects.industry)
    calls, frames = [], []
    for task, name in enumerate(TASK_NAMES):
        off_site = task == _OFF_SITE_TASK
        if off_site and not parameters.off_site:
            continue
        in_full = parameters.full_coverage if not off_site and quarter.name.endswith(_COVERED_IN) else ()
        full = list(industry_numbers(*in_full))
        ratios = parameters.off_site_ratios if off_site else parameters.on_site_ratios
        ppm = np.repeat([[round(ratio * _MILLION)] for ratio in ratios], len(CODES), axis=1)
        ppm[:, full] = _MILLION
        rows = np.flatnonzero(listed & (off_site | (_TASK_OF[known] == task)))
        bits = Bits(parameters.seed, "draw", number, task)
        strata = tier[rows] * len(CODES) + known[rows]
        population = np.bincount(strata, minlength=_STRATA)
        drawn = -(-population * ppm.ravel() // _MILLION)
        order = np.lexsort((bits.words(len(strata)), strata))
        rank = np.arange(len(strata)) - (np.cumsum(population) - population)[strata[order]]
        chosen = np.sort(order[rank < drawn[strata[order]]])
        day = quarter.start + 3 + bits.below(quarter.stop - quarter.start - 6, len(chosen))
        stratum = strata[chosen]
        covered = (drawn == population)[stratum] & np.isin(stratum % len(CODES), full)
        for trigger, these in ((RANDOM, ~covered), (COVERAGE, covered)):
            calls.append(
                Calls(
                    rows[chosen][these], day[these], trigger, task=number * len(TASK_NAMES) + task, off_site=off_site,
                    stratum=stratum[these], drawn=drawn[stratum][these], population=population[stratum][these],
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


@dataclass(frozen=True)
class CityVisits(Block):
    """Arrays of one entry per visit; ``task`` and ``stratum`` are -1 outside random draws."""

    subject: Ints
    day: Ints
    known: Ints
    trigger: Ints
    task: Ints
    stratum: Ints
    drawn: Ints
    population: Ints
    off_site: Flags
    outcome: Ints
    severity: Ints
    one: Ints
    other: Ints
    #: Truth: the chance of a finding on site by average inspectors, in ppm.
    risk: Ints


@dataclass(frozen=True)
class Calls:
    """Arrays of one entry per subject to visit: when, and why."""

    subject: Ints
    day: Ints
    trigger: int
    task: int = -1
    off_site: bool = False
    stratum: Ints | None = None
    drawn: Ints | None = None
    population: Ints | None = None


def carry_out(parameters: CityParameters, time: Time, subjects: Subjects, staff: CityStaff, bits: Bits, calls: Calls) -> CityVisits:
    """The visits of calls: who goes, what they find and how severe it is."""
    rows, count = calls.subject, len(calls.subject)
    one, other = staff.pairs(parameters, bits, subjects.industry_on(rows, calls.day), subjects.county_on(rows, calls.day))
    month = time.month_at(calls.day)
    risk = log_odds_at(subjects, time, rows, month)
    odds = risk + (staff.strictness[one] + staff.strictness[other]) // 2 + _NEWS[calls.trigger]
    odds = odds + (milli(parameters.off_site_sees) if calls.off_site else 0)
    outcome = inspect(bits, subjects, time, rows, calls.day, odds)[0]
    coin = bits.halves(count)
    above = [coin < bounds(cut + 300 * subjects.conduct[rows] // 1000) for cut in _SEVERITY]
    severity = np.where(outcome == VIOLATION, 1 + np.sum(above, axis=0), -1)
    none = np.full(count, -1, dtype=np.int64)
    lag = (1 + bits.below(20, count)) * np.int64(parameters.lags)
    return CityVisits(
        subject=rows, day=calls.day, known=calls.day + lag, trigger=np.full(count, calls.trigger), task=np.full(count, calls.task),
        stratum=none if calls.stratum is None else calls.stratum, drawn=none if calls.drawn is None else calls.drawn,
        population=none if calls.population is None else calls.population, off_site=np.full(count, calls.off_site),
        outcome=outcome, severity=severity, one=one, other=other, risk=ppm_of_log_odds(risk).astype(np.int64),
    )  # fmt: skip


def inspect(bits: Bits, subjects: Subjects, time: Time, rows: Ints, day: Ints, odds: Ints) -> tuple[Ints, Flags]:
    """The outcome of each visit, and whether those who get in find a violation (log-odds ``odds``).

    A subject that has ended is closed or gone, a suspended one closed; others may be away or shut the
    door, the riskier the more.
    """
    count = len(rows)
    conduct = conduct_at(subjects, time, rows, time.month_at(day))
    away = bits.hits(bounds(-4300 + (700 * conduct + 500 * subjects.distress[rows]) // 1000), (count,))
    shut = bits.hits(bounds(-5800 + 800 * conduct // 1000), (count,))
    violation = bits.hits(bounds(odds), (count,))
    gone = bits.below(10, count) < 3
    ended, stopped = subjects.ended[rows] < day, subjects.suspended_on(rows, day)
    conditions = [ended & gone, ended | stopped, away, shut, violation]
    return np.select(conditions, [NOT_FOUND, CLOSED, NOT_FOUND, REFUSED, VIOLATION], NONE), violation
