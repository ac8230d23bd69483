"""What the run before said about each subject, row for row with today's."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from creditscore.errors import DataError
from creditscore.tiering.columns import NONE, NOT_RATED, Codes, Texts, as_frame, day_numbers, encode, texts, unique_ids


@dataclass(frozen=True)
class Past:
    """Arrays in the order of today's subjects; a subject that was not there has tier ``NONE`` and empty texts."""

    tier: Codes
    raw: Codes
    rule: Texts
    status: Texts
    reviewer: Texts
    evidence: Texts
    since: npt.NDArray[np.datetime64]


def past_of(ids: pd.Index, previous: Any, *, as_of: dt.date) -> Past:
    """The earlier tiers of these subjects.

    Args:
        ids: Today's subjects.
        previous: A ``Tiers``, or a frame with ``subject_id`` and ``tier`` and, as far as it has them,
            ``previous_tier``, ``raw_tier``, ``rule``, ``status``, ``reviewer``, ``evidence`` and ``waiting_since``.
        as_of: Today.

    Raises:
        DataError: They are of a later day than today.
    """
    empty = pd.DataFrame({"subject_id": [], "tier": []}, dtype=object)
    frame = empty if previous is None else as_frame(previous, needs=["subject_id", "tier"], what="previous tiers")
    later = day_numbers(frame, "as_of") > np.datetime64(as_of, "D")
    if later.any():
        raise DataError(f"previous tiers: expected those of {as_of} or before ({int(later.sum())} rows are of a later day)")
    rows = unique_ids(frame, what="previous tiers").get_indexer(ids)
    tier, before = encode(texts(frame, "tier")), encode(texts(frame, "previous_tier"))
    # Nobody sheds a tier by not being rated for a while: the last one lasts until the subject is rated again.
    tier = np.where((tier == NOT_RATED) & (before >= 0), before, tier)
    return Past(
        tier=_aligned(tier, rows, NONE),
        raw=_aligned(encode(texts(frame, "raw_tier")), rows, NONE),
        rule=_aligned(texts(frame, "rule"), rows, ""),
        status=_aligned(texts(frame, "status"), rows, ""),
        reviewer=_aligned(texts(frame, "reviewer"), rows, ""),
        evidence=_aligned(texts(frame, "evidence"), rows, ""),
        since=_aligned(day_numbers(frame, "waiting_since"), rows, np.datetime64("NaT", "D")),
    )


def _aligned(values: npt.NDArray[Any], rows: npt.NDArray[np.intp], missing: Any) -> npt.NDArray[Any]:
    return np.append(values, np.array([missing], dtype=values.dtype))[rows]  # -1 picks the last: missing
