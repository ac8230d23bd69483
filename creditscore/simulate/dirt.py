"""What real deliveries have wrong: planted here, each instance listed for the truth."""

from dataclasses import dataclass, field, replace

import numpy as np

from creditscore.simulate.bits import Bits, Ints
from creditscore.simulate.calendar import Time
from creditscore.simulate.events import Events
from creditscore.simulate.kinds import KINDS, LATE, NUMBER
from creditscore.simulate.parameters import CityParameters

#: Who else tells of an incident.
PROVIDERS = ("12345热线", "信用信息平台")
_TOLD = tuple(NUMBER[kind] for kind in ("safety_incident", "wage_arrears", "admin_penalty_general", "admin_penalty_serious"))
_PUBLISHED = np.array([model.double_publicity for model in KINDS])
#: Added to the number of a record told again; a chunk has fewer records than this.
_AGAIN = 4 * 10**7


@dataclass
class Ledger:
    """What was planted: the kind of dirt and the number of the record; places in the city of subjects with hostile names."""

    dirt: list[str] = field(default_factory=list)
    number: list[int] = field(default_factory=list)
    hostile: list[int] = field(default_factory=list)

    def note(self, dirt: str, numbers: Ints) -> None:
        """Write down instances of one kind of dirt."""
        self.dirt += [dirt] * len(numbers)
        self.number += numbers.tolist()


@dataclass(frozen=True)
class Delivery:
    """A block of records as sent, and the decisions that ought to have been sent."""

    events: Events
    decided: Events


def soil(parameters: CityParameters, time: Time, events: Events, ledger: Ledger, *, place: int) -> Delivery:
    """A block of clean records as the departments would send it. Rows keep their order; what is added follows them."""
    decided = events.take(_PUBLISHED[events.kind])
    if not parameters.dirt:
        return Delivery(events, decided)
    bits = Bits(parameters.seed, "dirt", place)
    events = _told_thrice(parameters, bits, events, ledger)
    events = _future(parameters, bits, time, events, ledger)
    late = _PUBLISHED[events.kind] & (events.known - events.day >= LATE) & (events.provider < 0)
    ledger.note("late_publicity", events.number[late & (events.day <= time.end)])
    full = bits.hits(parameters.full_width, (len(events),))
    ledger.note("full_width", events.number[full])
    events = replace(events, form=full.astype(np.int8))
    # A late one is not lost as well: each fault can be counted by itself.
    lost = ~late & _PUBLISHED[events.kind] & bits.hits(parameters.missing_publicity, (len(events),)) & (events.provider < 0)
    ledger.note("missing_publicity", events.number[lost])
    events = events.take(~lost)
    twice = np.flatnonzero(bits.hits(parameters.duplicate_rows, (len(events),)))
    ledger.note("duplicate_row", events.number[twice])
    return Delivery(Events.together([events, events.take(twice)]), decided)


def _told_thrice(parameters: CityParameters, bits: Bits, events: Events, ledger: Ledger) -> Events:
    """Some incidents come from two more providers a few days later: half by incident number, half by document number only."""
    told = np.isin(events.kind, _TOLD) & bits.hits(parameters.told_thrice, (len(events),))
    rows = np.flatnonzero(told)
    if not len(rows):
        return events
    by_incident = bits.hits(0.5, (len(rows),))
    incident = events.incident.copy()
    incident[rows] = np.where(by_incident, events.number[rows], -1)
    events = replace(events, incident=incident)
    again = []
    for provider in range(len(PROVIDERS)):
        source = events.take(rows)
        number = source.number + _AGAIN * (provider + 1)
        again.append(
            replace(
                source, number=number, document=np.where(by_incident, number, source.document),
                known=source.known + 2 + bits.below(25, len(rows)), provider=np.full(len(rows), provider, dtype=np.int8),
            )
        )  # fmt: skip
        ledger.note("told_again", number)
    return Events.together([events, *again])


def _future(parameters: CityParameters, bits: Bits, time: Time, events: Events, ledger: Ledger) -> Events:
    """Some records bear a date after the last day; half of those claim to have been known before it."""
    moved = bits.hits(parameters.future_records, (len(events),)) & (events.provider < 0)
    day = np.where(moved, time.end + 1 + bits.below(60, len(events)), events.day)
    early = moved & bits.hits(0.5, (len(events),))
    ledger.note("future_record", events.number[moved & ~early])
    ledger.note("known_before_event", events.number[early])
    return replace(events, day=day, known=np.where(early, time.end, np.where(moved, day, events.known)))
