"""What becomes of records later: repairs, withdrawals, objections and the decisions on them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creditscore.dataframes import Flags, Ints
from creditscore.simulate.kinds import KINDS, LAGS, LATE, NUMBER, KindModel, Repair
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.places import INDUSTRIES, OTHER_CODES
from creditscore.simulate.random_bits import Bits, bounds, exponential_table
from creditscore.simulate.subjects import Subjects
from creditscore.simulate.timeline import NEVER, Time

#: About one visit in nine finds something when subjects are drawn without regard to risk.
BASE = -2650
CONDUCT, DISTRESS = 900, 350
#: Added in the first year and in the two years after it.
NEW, YOUNG = 300, 120
INDUSTRY_RISK = np.array([model.risk for model in INDUSTRIES] + [0] * len(OTHER_CODES), dtype=np.int64)


def conduct_at(subjects: Subjects, time: Time, rows: NDArray[Any] | slice, months: NDArray[Any]) -> Ints:
    """Conduct in a month: half the drift below its middle at the beginning, half above it at the end."""
    conduct: Ints = subjects.conduct[rows] + subjects.drift[rows] * (2 * months - time.months) // (2 * time.months)
    return conduct


def log_odds_at(subjects: Subjects, time: Time, rows: NDArray[Any], months: NDArray[Any]) -> Ints:
    """Thousandths of log-odds; ``rows`` and ``months`` go together, entry by entry."""
    day = time.starts[months]
    age = day - subjects.registered[rows]
    total: Ints = (
        BASE
        + INDUSTRY_RISK[subjects.industry_on(rows, day)]
        + CONDUCT * conduct_at(subjects, time, rows, months) // 1000
        + DISTRESS * subjects.distress[rows] // 1000
        + np.where(age < 365, NEW, np.where(age < 1095, YOUNG, 0))
    )
    return total


SCHEME = "national"
GRADES = ("优", "良", "中", "差")
#: Where the grades end on the noisy scale, in thousandths of a standard deviation (about 20, 46, 27 and 7 %).
_CUTS = np.array([-840, 410, 1480])
#: Per cent rated by subject type.
_COVERAGE = np.array([88, 55, 60, 0, 0, 0])
_MONTH = 6


@dataclass(frozen=True)
class Ratings:
    """Arrays of one entry per rating."""

    subject: Ints
    grade: NDArray[np.int8]
    day: Ints
    known: Ints


def make_ratings(parameters: CityParameters, time: Time, subjects: Subjects, *, chunk: int) -> Ratings:
    """One rating per covered subject and June: conduct and distress seen through as much noise again."""
    bits = Bits(parameters.seed, "ratings", chunk)
    parts = []
    for month in np.flatnonzero(time.months_of_year == _MONTH).tolist():
        day = time.starts[month] + bits.below(28, len(subjects))
        covered = bits.below(100, len(subjects)) < _COVERAGE[subjects.type]
        noise, lag = bits.normal(len(subjects)), 15 + bits.below(45, len(subjects))
        rows = np.flatnonzero(covered & (subjects.registered + 90 < day) & (subjects.ended > day) & (day <= time.end))
        seen = (600 * conduct_at(subjects, time, rows, np.full(len(rows), month)) + 300 * subjects.distress[rows]) // 1000
        grade = np.searchsorted(_CUTS, seen + 600 * noise[rows] // 1000).astype(np.int8)
        parts.append(Ratings(rows, grade, day[rows], day[rows] + lag[rows] * np.int64(parameters.lags)))
    names = ("subject", "grade", "day", "known")
    none = np.zeros(0, dtype=np.int64)
    empty = Ratings(none, none.astype(np.int8), none, none)
    return Ratings(**{name: np.concatenate([getattr(part, name) for part in [*parts, empty]]) for name in names})


@dataclass(frozen=True)
class Events:
    """Arrays of one entry per record; -1 and NEVER stand for "none"."""

    #: Place of the subject in the arrays it was made from.
    subject: Ints
    kind: NDArray[np.int16]
    day: Ints
    known: Ints
    severity: NDArray[np.int8]
    yuan: Ints
    result: NDArray[np.int8]
    verified: NDArray[np.int8]
    until: Ints
    #: Unique in the city: the id of the record.
    number: Ints
    #: The number that its document number is made of (its own, or that of the record it repeats).
    document: Ints
    #: The number of the incident, where the provider gives one.
    incident: Ints
    #: Another provider than the kind's own, by its place in PROVIDERS.
    provider: NDArray[np.int8]
    #: The department that issued it, by its place in DEPARTMENTS; -1 for the kind's own provider.
    issuer: NDArray[np.int8]
    #: 1 where the subject's code is written full-width.
    form: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.subject)

    def take(self, rows: NDArray[np.bool_] | Ints) -> Events:
        """The records at these places."""
        return Events(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def placed(self, first: int) -> Events:
        """The same records with subjects counted from ``first``: from places in a chunk to places in the city."""
        return replace(self, subject=self.subject + first)

    @staticmethod
    def together(parts: list[Events]) -> Events:
        """Several blocks as one."""
        return Events(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Events)})


def make_events(parameters: CityParameters, time: Time, subjects: Subjects, *, chunk: int) -> Events:
    """All records of a chunk that do not come from visits; subjects by their place in the chunk."""
    months = np.arange(time.months)
    conduct = conduct_at(subjects, time, np.arange(len(subjects))[:, None], months[None, :])
    parts = []
    for model in KINDS:
        if model.from_visits:
            continue
        bits = Bits(parameters.seed, f"kind {model.kind}", chunk)
        rows, days, level = _when(bits, time, model, subjects, conduct)
        parts.append(dress(parameters, bits, model, subject=rows, day=days, conduct=level, subjects=subjects))
    events = Events.together(parts)
    numbers = np.arange(len(events), dtype=np.int64) + chunk * 10**8
    return replace(events, number=numbers, document=numbers)


def _when(bits: Bits, time: Time, model: KindModel, subjects: Subjects, conduct: Ints) -> tuple[Ints, Ints, Ints]:
    """Subject, day and conduct of each record of a kind: one coin per subject and month at risk."""
    rows = np.flatnonzero(_concerned(model, subjects))
    months = np.flatnonzero(np.isin(time.months_of_year, model.season)) if model.season else np.arange(time.months)
    if not len(rows) or not len(months):
        return (np.zeros(0, dtype=np.int64),) * 3
    level = conduct[np.ix_(rows, months)]
    fixed = model.log_odds + model.distress * subjects.distress[rows] // 1000 + model.diligence * subjects.diligence[rows] // 1000
    odds = fixed[:, None] + model.conduct * level // 1000
    if model.negative:
        odds += _risk_of_trade(subjects, time, rows, months)
    hit = bits.hits(bounds(odds), level.shape)
    row, month = np.nonzero(hit)
    starts, stops = time.starts[months[month]], time.starts[months[month] + 1]
    day = starts + bits.below(stops - starts, len(row))
    who = rows[row]
    there = subjects.at_work(who, day)
    if model.industries:
        there &= np.isin(subjects.industry_on(who, day), model.industries)
    return who[there], day[there], level[row, month][there]


def _concerned(model: KindModel, subjects: Subjects) -> Flags:
    """Who can have such a record at some time."""
    of = np.isin(subjects.type, model.types)
    if model.industries:
        of &= np.isin(subjects.industry, model.industries) | np.isin(subjects.later_industry, model.industries)
    return of


def _risk_of_trade(subjects: Subjects, time: Time, rows: Ints, months: Ints) -> Ints:
    """Half the risk of the industry by subject and month: a column, but for those who change their trade."""
    risk = np.repeat((INDUSTRY_RISK[subjects.industry[rows]] // 2)[:, None], len(months), axis=1)
    late = np.flatnonzero(subjects.changed[rows] < NEVER)
    risk[late] = INDUSTRY_RISK[subjects.industry_on(rows[late][:, None], time.starts[months][None, :])] // 2
    return risk


def dress(
    parameters: CityParameters, bits: Bits, model: KindModel, *, subject: Ints, day: Ints, conduct: Ints, subjects: Subjects
) -> Events:
    """Known date, severity, amount, result, verification and end for records of one kind."""
    count = len(subject)
    severity = np.full(count, -1)
    if model.severity:
        low, high = model.severity
        severity = low + bits.below(high - low + 1, count)
    yuan = np.full(count, -1, dtype=np.int64)
    if model.amount:
        middle, spread = model.amount
        yuan = exponential_table()[np.clip(middle + spread * bits.normal(count) // 1000, 0, 20_000)]
    verified = np.full(count, -1)
    if model.verified is not None:
        verified = (bits.below(1000, count) < model.verified).astype(np.int64)
    until = np.full(count, NEVER, dtype=np.int64)
    if model.months_valid and parameters.expiries:
        until = day + model.months_valid * 3044 // 100
    return Events(
        subject=subject, kind=np.full(count, NUMBER[model.kind], dtype=np.int16), day=day,
        known=day + _lag(parameters, bits, model, count), severity=severity.astype(np.int8), yuan=yuan,
        result=_result(bits, model, conduct, subjects.distress[subject]), verified=verified.astype(np.int8), until=until,
        number=np.zeros(count, dtype=np.int64), document=np.zeros(count, dtype=np.int64), incident=np.full(count, -1),
        provider=np.full(count, -1, dtype=np.int8), issuer=np.full(count, -1, dtype=np.int8), form=np.zeros(count, dtype=np.int8),
    )  # fmt: skip


def _lag(parameters: CityParameters, bits: Bits, model: KindModel, count: int) -> Ints:
    """Days until the record is known; 双公示 records keep the deadline but for the planted share, which is far beyond it."""
    lags = bits.pick(LAGS[model.lag], count)
    if model.double_publicity:
        late = bits.hits(parameters.share("late_publicity"), (count,))
        lags = np.where(late, LATE + bits.below(60, count), lags)
    return lags * np.int64(parameters.lags)


def _result(bits: Bits, model: KindModel, conduct: Ints, distress: Ints) -> NDArray[np.int8]:
    """The place of the result in the model's list: a proportional-odds draw, worse with worse conduct."""
    if not model.cuts:
        return np.full(len(conduct), -1, dtype=np.int8)
    load = (model.result_conduct * conduct + model.result_distress * distress) // 1000
    coin = bits.halves(len(conduct))
    return sum((coin < bounds(cut + load) for cut in model.cuts), np.zeros(len(conduct), dtype=np.int8)).astype(np.int8)


_NO_REPAIR = Repair(0, 1, 1)


@dataclass(frozen=True)
class Changes:
    """Arrays of one entry per change; ``number`` is that of the record."""

    number: Ints
    change: NDArray[np.int8]
    effective: Ints
    known: Ints

    def __len__(self) -> int:
        return len(self.number)

    @staticmethod
    def together(parts: list[Changes]) -> Changes:
        """Several blocks as one."""
        return Changes(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Changes)})


def make_changes(parameters: CityParameters, time: Time, events: Events, *, place: int) -> Changes:
    """The changes to a block of records; only what took effect by the last day has happened.

    A dispute that is not decided by then is open: its record neither counts nor is gone.
    """
    bits = Bits(parameters.seed, "changes", place)
    repairs = [model.repair or _NO_REPAIR for model in KINDS]
    share, first, last = (np.array([getattr(r, key) for r in repairs])[events.kind] for key in ("share", "first", "last"))
    negative = np.array([model.negative for model in KINDS])[events.kind]
    count = len(events)
    repaired = (bits.below(1000, count) < share) & np.bool_(parameters.repairs)
    repair_day = events.day + first + bits.below(last - first + 1, count)
    withdrawn = bits.hits(0.004, (count,)) & negative & np.bool_(parameters.withdrawals)
    withdraw_day = events.known + 10 + bits.below(120, count)
    disputed = bits.hits(0.02, (count,)) & negative & np.bool_(parameters.disputes)
    object_day = events.known + 3 + bits.below(60, count)
    decide_day = object_day + 3 + bits.below(40, count)
    upheld = bits.hits(0.35, (count,))
    parts = [
        _block(bits, parameters, time, events, 0, repaired, repair_day),
        _block(bits, parameters, time, events, 1, withdrawn, withdraw_day),
        _block(bits, parameters, time, events, 2, disputed, object_day),
        _block(bits, parameters, time, events, 3, disputed & upheld, decide_day),
        _block(bits, parameters, time, events, 4, disputed & ~upheld, decide_day),
    ]
    return Changes.together(parts)


def _block(
    bits: Bits, parameters: CityParameters, time: Time, events: Events, change: int, these: NDArray[np.bool_], day: Ints
) -> Changes:
    rows = np.flatnonzero(these & (day <= time.end))
    lag = bits.below(12, len(rows)) * np.int64(parameters.lags)
    return Changes(events.number[rows], np.full(len(rows), change, dtype=np.int8), day[rows], day[rows] + lag)
