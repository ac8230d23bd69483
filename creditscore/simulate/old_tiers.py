"""The tiers of the old policy: a point table over the records of two years, which may see what a new card may not."""

import numpy as np
from numpy.typing import NDArray

from creditscore.simulate.bits import Ints
from creditscore.simulate.calendar import Time
from creditscore.simulate.changes import Changes
from creditscore.simulate.events import Events
from creditscore.simulate.kinds import KINDS
from creditscore.simulate.parameters import CityParameters
from creditscore.vocabulary import CHANGES

OLD_TIERS = ("A", "B", "C", "D")
#: Points from which an old tier is B, C, D.
OLD_CUTS = (1, 4, 8)
#: Quarters for which a record counts.
_WINDOW = 8
_QUARTER_DAYS = 91
_OLD_POINTS = np.array([model.old_points for model in KINDS], dtype=np.int64)
_ENDS = tuple(CHANGES.index(change) for change in ("repaired", "withdrawn", "dispute_upheld"))


class OldPoints:
    """Points of each subject by quarter: a record counts from the first quarter after it is known, for eight quarters.

    Where the policy does not see repaired and expired records, one stops counting in the first quarter
    that knows of its repair, withdrawal or end.
    """

    def __init__(self, parameters: CityParameters, time: Time, subjects: int) -> None:
        self._starts = np.array([quarter.start for quarter in time.quarters], dtype=np.int64)
        before = self._starts[0] - _QUARTER_DAYS * np.arange(_WINDOW, 0, -1)
        self._edges = np.concatenate([before, self._starts])
        #: What a subject's points change by at the start of each quarter.
        self._steps = np.zeros((subjects, len(self._starts) + 1), dtype=np.int16)
        self._blind = parameters.old_tier_sees_repaired

    def add(self, events: Events, changes: Changes) -> None:
        """Count records, whose changes are among ``changes``; numbers of records rise."""
        last = len(self._starts)
        bucket = np.searchsorted(self._edges, events.known, side="right")
        begin, stop = np.clip(bucket - _WINDOW, 0, last), np.clip(bucket, 0, last)
        if not self._blind:
            stop = np.minimum(stop, np.searchsorted(self._starts, _last_days(events, changes), side="right"))
        points = _OLD_POINTS[events.kind]
        rows = np.flatnonzero((points > 0) & (begin < stop))
        weight = points[rows].astype(np.int16)
        np.add.at(self._steps, (events.subject[rows], begin[rows]), weight)
        np.add.at(self._steps, (events.subject[rows], stop[rows]), -weight)

    def tiers(self, quarter: int) -> NDArray[np.int64]:
        """The old tier of every subject on the first day of a quarter (0 is A)."""
        total = self._steps[:, : quarter + 1].sum(axis=1)
        tier: Ints = np.searchsorted(OLD_CUTS, total, side="right").astype(np.int64)
        return tier


def _last_days(events: Events, changes: Changes) -> Ints:
    """The last day on which each record is known to stand."""
    last = events.until.copy()
    ends = np.isin(changes.change, _ENDS)
    day = np.maximum(changes.effective, changes.known)[ends]
    np.minimum.at(last, np.searchsorted(events.number, changes.number[ends]), day)
    return last
