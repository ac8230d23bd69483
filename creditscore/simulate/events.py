"""Records of the four sources, kind by kind, for the subjects of one chunk."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from creditscore.simulate.bits import Bits, Ints, bounds, exponential_table
from creditscore.simulate.calendar import NEVER, Time
from creditscore.simulate.kinds import IN_TIME, KINDS, LAGS, NUMBER, KindModel
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
    of = np.isin(subjects.type, model.types)
    if model.industries:
        of &= np.isin(subjects.industry, model.industries)
    rows = np.flatnonzero(of)
    months = np.flatnonzero(np.isin(time.months_of_year, model.season)) if model.season else np.arange(time.months)
    if not len(rows) or not len(months):
        return (np.zeros(0, dtype=np.int64),) * 3
    level = conduct[np.ix_(rows, months)]
    fixed = model.log_odds + model.distress * subjects.distress[rows] // 1000 + model.diligence * subjects.diligence[rows] // 1000
    if model.negative:
        fixed = fixed + INDUSTRY_RISK[subjects.industry[rows]] // 2
    hit = bits.hits(bounds(fixed[:, None] + model.conduct * level // 1000), level.shape)
    row, month = np.nonzero(hit)
    starts, stops = time.starts[months[month]], time.starts[months[month] + 1]
    day = starts + bits.below(stops - starts, len(row))
    who = rows[row]
    alive = (day >= subjects.registered[who]) & (day <= subjects.ended[who])
    return who[alive], day[alive], level[row, month][alive]


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
        provider=np.full(count, -1, dtype=np.int8), form=np.zeros(count, dtype=np.int8),
    )  # fmt: skip


def _lag(parameters: CityParameters, bits: Bits, model: KindModel, count: int) -> Ints:
    late = parameters.dirt and parameters.late_publicity
    lags = bits.pick(IN_TIME if model.double_publicity and not late else LAGS[model.lag], count)
    return lags * np.int64(parameters.lags)


def _result(bits: Bits, model: KindModel, conduct: Ints, distress: Ints) -> NDArray[np.int8]:
    """The place of the result in the model's list: a proportional-odds draw, worse with worse conduct."""
    if not model.cuts:
        return np.full(len(conduct), -1, dtype=np.int8)
    load = (model.result_conduct * conduct + model.result_distress * distress) // 1000
    coin = bits.halves(len(conduct))
    return sum((coin < bounds(cut + load) for cut in model.cuts), np.zeros(len(conduct), dtype=np.int8)).astype(np.int8)
