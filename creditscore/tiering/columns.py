"""Frames as they come in (pandas, polars, Arrow) as pandas with the columns a step needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from creditscore.errors import DataError
from creditscore.vocabulary import TIERS

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]

_SURROGATE = re.compile("[\ud800-\udfff]")
#: What a tier is as a number: the larger, the riskier. 未评 has no place in that order.
A, B, C, D = range(len(TIERS))
NOT_RATED = -1
NONE = -2


def as_frame(data: Any, *, needs: Sequence[str], what: str) -> pd.DataFrame:
    """A frame of any kind as pandas (index dropped), after checking that ``needs`` are there.

    Raises:
        DataError: It is not a frame, or columns are missing.
    """
    frame = _to_pandas(data, what)
    missing = [name for name in needs if name not in frame.columns]
    if missing:
        found = ", ".join(map(str, frame.columns[:12]))
        raise DataError(
            "{what}: expected the columns {missing} too (got {value})", what=what, missing=", ".join(missing), value=found or "none"
        )
    return frame.reset_index(drop=True)


def _to_pandas(data: Any, what: str) -> pd.DataFrame:
    import pyarrow as pa

    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, pa.Table):
        return _arrow_to_pandas(data)
    if isinstance(getattr(data, "frame", None), pd.DataFrame):
        inner: pd.DataFrame = data.frame
        return inner
    if hasattr(data, "__arrow_c_stream__"):
        return _arrow_to_pandas(pa.table(data))
    raise DataError("{what}: expected a pandas, polars or Arrow frame (got {kind})", what=what, kind=type(data).__name__)


def _arrow_to_pandas(table: Any) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(date_as_object=False)
    return frame


def unique_ids(frame: pd.DataFrame, *, what: str) -> pd.Index:
    """The subject ids of a frame that has one row per subject.

    Raises:
        DataError: An id is missing or stands twice.
    """
    ids: pd.Index = pd.Index(frame["subject_id"])
    if ids.hasnans:
        missing = int(frame["subject_id"].isna().sum())
        raise DataError("{what}: expected a subject_id in every row (missing in {missing})", what=what, missing=missing)
    if not ids.is_unique:
        twice = ids[ids.duplicated()].unique()
        raise DataError(
            "{what}: expected one row per subject ({n_twice} subjects have several, the first is {twice})",
            what=what,
            n_twice=len(twice),
            twice=min(twice),
        )
    return ids


def texts(frame: pd.DataFrame, name: str) -> Texts:
    """A column as an object array of texts; ``""`` where it is missing or the frame has no such column.

    Half a surrogate, which no file can hold, becomes U+FFFD.
    """
    if name not in frame.columns:
        return np.full(len(frame), "", dtype=object)
    column = frame[name].astype(object)
    found = column.where(column.notna(), "").to_numpy(dtype=object)
    broken = [place for place, text in enumerate(found) if isinstance(text, str) and not text.isascii() and _SURROGATE.search(text)]
    found = found.copy() if broken else found
    for place in broken:
        found[place] = _SURROGATE.sub("\ufffd", found[place])
    return found


def day_numbers(frame: pd.DataFrame, name: str) -> npt.NDArray[np.datetime64]:
    """A column of dates as ``datetime64[D]``; NaT where it is missing or the frame has no such column."""
    if name not in frame.columns:
        return np.full(len(frame), np.datetime64("NaT", "D"))
    return pd.to_datetime(frame[name]).to_numpy(dtype="datetime64[D]")


def months_before(day: Any, months: int) -> np.datetime64:
    """The day ``months`` calendar months earlier (the last of the month where it has no such day)."""
    return np.datetime64((pd.Timestamp(day) - pd.DateOffset(months=months)).date(), "D")


def encode(tiers: Texts) -> Codes:
    """Tier names as numbers; ``NR`` is :data:`NOT_RATED`, anything empty :data:`NONE`.

    Raises:
        DataError: A text is not a tier.
    """
    known: dict[str, int] = {**{name: place for place, name in enumerate(TIERS)}, "NR": NOT_RATED, "": NONE}
    strange = sorted(set(tiers) - set(known))
    if strange:
        raise DataError("tier: expected A, B, C, D or NR (got {strange!r})", strange=strange[0])
    return np.array([known[tier] for tier in tiers], dtype=np.int8)


def decode(codes: Codes) -> Texts:
    """Numbers as tier names; ``None`` where there is none."""
    names = np.array([*TIERS, None, "NR"], dtype=object)  # -2 and -1 count from the end
    return names[codes.astype(np.int64)]
