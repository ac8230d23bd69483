"""What inspectors find: the outcome of visits, given the subject, the day, the way of checking and who goes."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from creditscore.simulate.bits import Bits, Ints, bounds, milli, ppm_of
from creditscore.simulate.calendar import Time
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.risk import conduct_at, log_odds_at
from creditscore.simulate.staff import Staff
from creditscore.simulate.subjects import Subjects
from creditscore.vocabulary import OUTCOMES, TRIGGERS

RANDOM, COVERAGE, COMPLAINT, FOLLOW_UP, SPECIAL = range(len(TRIGGERS))
NONE, VIOLATION, NOT_FOUND, CLOSED, REFUSED = range(len(OUTCOMES))
#: A complaint or an earlier finding is news: added to the log-odds of a finding on that visit.
NEWS = np.array([0, 0, 700, 500, 400])
#: Log-odds that a finding has at least severity 2, 3, … 10.
_SEVERITY = (1100, 500, 0, -500, -1000, -1600, -2300, -3000, -3700)


@dataclass(frozen=True)
class Visits:
    """Arrays of one entry per visit; ``task`` and ``stratum`` are -1 outside random draws."""

    subject: Ints
    day: Ints
    known: Ints
    trigger: Ints
    task: Ints
    stratum: Ints
    drawn: Ints
    population: Ints
    off_site: NDArray[np.bool_]
    outcome: Ints
    severity: Ints
    one: Ints
    other: Ints
    #: Truth: the chance of a finding on site by average inspectors, in ppm.
    risk: Ints

    def __len__(self) -> int:
        return len(self.subject)

    def take(self, rows: NDArray[np.bool_] | Ints) -> "Visits":
        """The visits at these places."""
        return Visits(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @staticmethod
    def together(parts: "list[Visits]") -> "Visits":
        """Several blocks as one."""
        return Visits(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Visits)})


@dataclass(frozen=True)
class Calls:
    """Who is to be visited when and why, before anybody has gone."""

    subject: Ints
    day: Ints
    trigger: int
    task: int = -1
    off_site: bool = False
    stratum: Ints | None = None
    drawn: Ints | None = None
    population: Ints | None = None


def carry_out(parameters: CityParameters, time: Time, subjects: Subjects, staff: Staff, bits: Bits, calls: Calls) -> Visits:
    """Go, look and write down."""
    rows, count = calls.subject, len(calls.subject)
    one, other = staff.pairs(parameters, bits, subjects.industry_on(rows, calls.day), subjects.county_on(rows, calls.day))
    month = time.month_at(calls.day)
    risk = log_odds_at(subjects, time, rows, month)
    seen = risk + (staff.strictness[one] + staff.strictness[other]) // 2 + NEWS[calls.trigger]
    seen = seen + (milli(parameters.off_site_sees) if calls.off_site else 0)
    outcome = look(bits, subjects, time, rows, calls.day, seen)[0]
    coin = bits.halves(count)
    above = [coin < bounds(cut + 300 * subjects.conduct[rows] // 1000) for cut in _SEVERITY]
    severity = np.where(outcome == VIOLATION, 1 + np.sum(above, axis=0), -1)
    none = np.full(count, -1, dtype=np.int64)
    lag = (1 + bits.below(20, count)) * np.int64(parameters.lags)
    return Visits(
        subject=rows, day=calls.day, known=calls.day + lag, trigger=np.full(count, calls.trigger), task=np.full(count, calls.task),
        stratum=none if calls.stratum is None else calls.stratum, drawn=none if calls.drawn is None else calls.drawn,
        population=none if calls.population is None else calls.population, off_site=np.full(count, calls.off_site),
        outcome=outcome, severity=severity, one=one, other=other, risk=ppm_of(risk).astype(np.int64),
    )  # fmt: skip


def look(bits: Bits, subjects: Subjects, time: Time, rows: Ints, day: Ints, seen: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """What a visit writes down, and whether those who get in find a violation (by ``seen``, log-odds).

    A subject that has ended is closed or gone, a suspended one closed; others may be away or shut the
    door, the riskier the more.
    """
    count = len(rows)
    conduct = conduct_at(subjects, time, rows, time.month_at(day))
    away = bits.hits(bounds(-4300 + (700 * conduct + 500 * subjects.distress[rows]) // 1000), (count,))
    shut = bits.hits(bounds(-5800 + 800 * conduct // 1000), (count,))
    found = bits.hits(bounds(seen), (count,))
    gone = bits.below(10, count) < 3
    ended, stopped = subjects.ended[rows] < day, subjects.suspended_on(rows, day)
    said = [ended & gone, ended | stopped, away, shut, found]
    return np.select(said, [NOT_FOUND, CLOSED, NOT_FOUND, REFUSED, VIOLATION], NONE), found
