"""What happens to subjects: their risk, their ratings, their records, and what becomes of the records later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creditscore.dataframes import Flags, Ints
from creditscore.simulate.kinds import KINDS, LAGS, LATE, NUMBER, KindModel, Repair
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.places import INDUSTRIES, OTHER_CODES, industry_numbers
from creditscore.simulate.random_bits import Bits, bounds, exponential_table
from creditscore.simulate.subjects import Block, Subjects
from creditscore.simulate.timeline import NEVER, Time
from creditscore.vocabulary import CHANGES, ENDING_CHANGES, SUBJECT_TYPES, Change

#: About one visit in nine finds something when subjects are drawn without regard to risk.
_BASE = -2650
_CONDUCT, _DISTRESS = 900, 350
#: Added in the first year and in the two years after it.
_NEW, _YOUNG = 300, 120
_INDUSTRY_RISK = np.array([model.risk for model in INDUSTRIES] + [0] * len(OTHER_CODES), dtype=np.int64)
RATING_SCHEME = "national"
RATING_GRADES = ("优", "良", "中", "差")
#: Where the grades end on the noisy scale, in thousandths of a standard deviation (about 20, 46, 27 and 7 %).
_GRADE_CUTS = np.array([-840, 410, 1480])
#: Per cent rated by subject type, in the month of the year in which ratings appear.
_COVERAGE, _RATING_MONTH = np.array([88, 55, 60, 0, 0, 0]), 6
_NO_REPAIR = Repair(0, 1, 1)
#: The changes after which a record no longer counts, by their positions in CHANGES.
ENDS = tuple(CHANGES.index(change) for change in ENDING_CHANGES)


def conduct_at(subjects: Subjects, time: Time, rows: NDArray[Any] | slice, months: NDArray[Any]) -> Ints:
    """Conduct in a month: half the drift below its middle at the beginning, half above it at the end."""
    conduct: Ints = subjects.conduct[rows] + subjects.drift[rows] * (2 * months - time.months) // (2 * time.months)
    return conduct


def log_odds_at(subjects: Subjects, time: Time, rows: NDArray[Any], months: NDArray[Any]) -> Ints:
    """Thousandths of log-odds; ``rows`` and ``months`` go together, entry by entry."""
    day = time.starts[months]
    age = day - subjects.registered[rows]
    total: Ints = (
        _BASE
        + _INDUSTRY_RISK[subjects.industry_on(rows, day)]
        + _CONDUCT * conduct_at(subjects, time, rows, months) // 1000
        + _DISTRESS * subjects.distress[rows] // 1000
        + np.where(age < 365, _NEW, np.where(age < 1095, _YOUNG, 0))
    )
    return total


@dataclass(frozen=True)
class Ratings(Block):
    """Arrays of one entry per rating."""

    subject: Ints
    grade: NDArray[np.int8]
    day: Ints
    known: Ints


def make_ratings(parameters: CityParameters, time: Time, subjects: Subjects, *, chunk: int) -> Ratings:
    """One rating per covered subject and June: its conduct and distress, plus noise of the same size."""
    bits = Bits(parameters.seed, "ratings", chunk)
    parts = []
    for month in np.flatnonzero(time.months_of_year == _RATING_MONTH).tolist():
        day = time.starts[month] + bits.below(28, len(subjects))
        covered = bits.below(100, len(subjects)) < _COVERAGE[subjects.type]
        noise, lag = bits.normal(len(subjects)), 15 + bits.below(45, len(subjects))
        rows = np.flatnonzero(covered & (subjects.registered + 90 < day) & (subjects.ended > day) & (day <= time.end))
        visible = (600 * conduct_at(subjects, time, rows, np.full(len(rows), month)) + 300 * subjects.distress[rows]) // 1000
        grade = np.searchsorted(_GRADE_CUTS, visible + 600 * noise[rows] // 1000).astype(np.int8)
        parts.append(Ratings(rows, grade, day[rows], day[rows] + lag[rows] * np.int64(parameters.lags)))
    none = np.zeros(0, dtype=np.int64)
    return Ratings.together([*parts, Ratings(none, none.astype(np.int8), none, none)])


@dataclass(frozen=True)
class Events(Block):
    """Arrays of one entry per record; -1 and NEVER mean "none"."""

    #: Position of the subject in the arrays of subjects, of its chunk or of the city.
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
    #: Another provider than the kind's own, by its position in PROVIDERS.
    provider: NDArray[np.int8]
    #: The department that issued it, by its position in DEPARTMENTS; -1 for the kind's own provider.
    issuer: NDArray[np.int8]
    #: 1 where the subject's code is written full-width.
    form: NDArray[np.int8]

    def shifted(self, first: int) -> Events:
        """The same records with subjects counted from ``first``: from positions in a chunk to those in the city."""
        return replace(self, subject=self.subject + first)


def make_events(parameters: CityParameters, time: Time, subjects: Subjects, *, chunk: int) -> Events:
    """All records of a chunk that do not come from visits; subjects by their position in the chunk."""
    months = np.arange(time.months)
    conduct = conduct_at(subjects, time, np.arange(len(subjects))[:, None], months[None, :])
    parts = []
    for model in KINDS:
        if model.from_visits:
            continue
        bits = Bits(parameters.seed, f"kind {model.kind}", chunk)
        rows, days, level = _occurrences(bits, time, model, subjects, conduct)
        parts.append(describe(parameters, bits, model, subject=rows, day=days, conduct=level, subjects=subjects))
    events = Events.together(parts)
    numbers = np.arange(len(events), dtype=np.int64) + chunk * 10**8
    return replace(events, number=numbers, document=numbers)


def _occurrences(bits: Bits, time: Time, model: KindModel, subjects: Subjects, conduct: Ints) -> tuple[Ints, Ints, Ints]:
    """Subject, day and conduct of each record of a kind: one coin per subject and month at risk."""
    concerned = np.isin(subjects.type, [SUBJECT_TYPES.index(name) for name in model.types])
    industries = industry_numbers(*model.industries)
    if industries:
        concerned &= np.isin(subjects.industry, industries) | np.isin(subjects.later_industry, industries)
    rows = np.flatnonzero(concerned)
    months = np.flatnonzero(np.isin(time.months_of_year, model.season)) if model.season else np.arange(time.months)
    if not len(rows) or not len(months):
        return (np.zeros(0, dtype=np.int64),) * 3
    level = conduct[np.ix_(rows, months)]
    fixed = model.log_odds + model.distress * subjects.distress[rows] // 1000 + model.diligence * subjects.diligence[rows] // 1000
    odds = fixed[:, None] + model.conduct * level // 1000
    if model.negative:
        # Half the risk of the industry: the same in all months, but for those who change their trade.
        risk = np.repeat((_INDUSTRY_RISK[subjects.industry[rows]] // 2)[:, None], len(months), axis=1)
        changing = np.flatnonzero(subjects.changed[rows] < NEVER)
        industry = subjects.industry_on(rows[changing][:, None], time.starts[months][None, :])
        risk[changing] = _INDUSTRY_RISK[industry] // 2
        odds += risk
    row, month = np.nonzero(bits.hits(bounds(odds), level.shape))
    starts, stops = time.starts[months[month]], time.starts[months[month] + 1]
    day = starts + bits.below(stops - starts, len(row))
    subject = rows[row]
    possible = subjects.at_work(subject, day)
    if industries:
        possible &= np.isin(subjects.industry_on(subject, day), industries)
    return subject[possible], day[possible], level[row, month][possible]


def describe(
    parameters: CityParameters, bits: Bits, model: KindModel, *, subject: Ints, day: Ints, conduct: Ints, subjects: Subjects
) -> Events:
    """Records of one kind with known date, severity, amount, result, verification and end.

    Args:
        parameters: The city.
        bits: The stream of the kind.
        model: The kind.
        subject: The subject of each record, by its position in ``subjects``.
        day: The day of each record.
        conduct: The conduct of its subject then, in thousandths.
        subjects: The subjects.
    """
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
    # 双公示 records keep the deadline but for the planted share, which is far beyond it.
    lag = bits.pick(LAGS[model.lag], count)
    if model.double_publicity:
        late = bits.hits(parameters.share("late_publicity"), (count,))
        lag = np.where(late, LATE + bits.below(60, count), lag)
    # A proportional-odds draw among the results, worse with worse conduct.
    result = np.full(count, -1, dtype=np.int8)
    if model.cuts:
        load = (model.result_conduct * conduct + model.result_distress * subjects.distress[subject]) // 1000
        coin = bits.halves(count)
        result = np.sum([coin < bounds(cut + load) for cut in model.cuts], axis=0).astype(np.int8)
    none = np.full(count, -1, dtype=np.int8)
    zero = np.zeros(count, dtype=np.int64)
    return Events(
        subject=subject, kind=np.full(count, NUMBER[model.kind], dtype=np.int16), day=day,
        known=day + lag * np.int64(parameters.lags), severity=severity.astype(np.int8), yuan=yuan, result=result,
        verified=verified.astype(np.int8), until=until, number=zero, document=zero, incident=np.full(count, -1), provider=none,
        issuer=none, form=zero.astype(np.int8),
    )  # fmt: skip


@dataclass(frozen=True)
class Changes(Block):
    """Arrays of one entry per change; ``number`` is that of the record."""

    number: Ints
    change: NDArray[np.int8]
    effective: Ints
    known: Ints


def make_changes(parameters: CityParameters, time: Time, events: Events, *, block: int) -> Changes:
    """The changes to a block of records; only what took effect by the last day has happened.

    A dispute that is not decided by then is open: its record does not count for now, and is not gone.
    """
    bits = Bits(parameters.seed, "changes", block)
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
    happened: dict[Change, tuple[Flags, Ints]] = {
        "repaired": (repaired, repair_day),
        "withdrawn": (withdrawn, withdraw_day),
        "disputed": (disputed, object_day),
        "dispute_upheld": (disputed & upheld, decide_day),
        "dispute_rejected": (disputed & ~upheld, decide_day),
    }
    parts = []
    for change, (these, day) in happened.items():
        rows = np.flatnonzero(these & (day <= time.end))
        lag = bits.below(12, len(rows)) * np.int64(parameters.lags)
        number = np.full(len(rows), CHANGES.index(change), dtype=np.int8)
        parts.append(Changes(events.number[rows], number, day[rows], day[rows] + lag))
    return Changes.together(parts)
