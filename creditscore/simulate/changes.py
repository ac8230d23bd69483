"""What becomes of records later: repairs, withdrawals, objections and the decisions on them."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from creditscore.simulate.bits import Bits, Ints
from creditscore.simulate.calendar import Time
from creditscore.simulate.events import Events
from creditscore.simulate.kinds import KINDS, Repair
from creditscore.simulate.parameters import CityParameters

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
    def together(parts: "list[Changes]") -> "Changes":
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
