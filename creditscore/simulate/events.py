"""Records of the four sources, kind by kind, for the subjects of one chunk."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from creditscore.simulate.bits import Bits, Ints, bounds, exponential_table
from creditscore.simulate.calendar import NEVER, Time
from creditscore.simulate.kinds import KINDS, LAGS, LATE, NUMBER, KindModel
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.risk import INDUSTRY_RISK, conduct_at
from creditscore.simulate.subjects import Subjects

Flags = NDArray[np.bool_]


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

    def take(self, rows: NDArray[np.bool_] | Ints) -> "Events":
        """The records at these places."""
        return Events(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def placed(self, first: int) -> "Events":
        """The same records with subjects counted from ``first``: from places in a chunk to places in the city."""
        return replace(self, subject=self.subject + first)

    @staticmethod
    def together(parts: "list[Events]") -> "Events":
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
