"""How long a record of a kind is used (保存期限): the last day on which it counts, by catalogue and by its own end."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.catalogue import CatalogueItem
from creditscore.records.faults import whole

#: More than any number of months that a catalogue may say.
_MONTHS = 2**16


def months_later(days: np.ndarray, months: np.ndarray) -> np.ndarray:
    """The same day of the month so many calendar months later, cut to that month's end (2024-02-29 and 12: 2025-02-28)."""
    month = days.astype("datetime64[M]")
    of_month = days - month.astype("datetime64[D]")
    later = month + months.astype("timedelta64[M]")
    last = (later + np.timedelta64(1, "M")).astype("datetime64[D]") - later.astype("datetime64[D]") - np.timedelta64(1, "D")
    found: np.ndarray = later.astype("datetime64[D]") + np.minimum(of_month, last)
    return found


def kind_keys(kinds: pa.Array | pa.ChunkedArray, items: tuple[CatalogueItem, ...]) -> pa.Array:
    """The place of each kind in the catalogue (int32); missing where it is not in it."""
    return pc.index_in(whole(kinds), pa.array([item.kind for item in items], pa.string()))


def last_days(table: pa.Table, keys: pa.Array, items: tuple[CatalogueItem, ...]) -> pa.Array:
    """Day numbers of the last day on which events count: ``valid_until``, or the day before their retention ends.

    Args:
        table: Events with ``event_date`` and ``valid_until``.
        keys: Their kinds' places in the catalogue.
        items: The catalogue.

    Returns:
        int32 days since 1970-01-01, missing where nothing ends.
    """
    own = pc.cast(whole(table["valid_until"]), pa.int32())
    months = pa.array([item.retention_months for item in items], pa.int32()).take(keys)
    known = pc.and_(pc.is_valid(months), pc.is_valid(whole(table["event_date"])))
    if not pc.any(known).as_py():
        return own
    days = pc.cast(pc.cast(whole(table["event_date"]), pa.int32()), pa.int64())
    # Few days and few periods: each pair of them is reckoned once.
    encoded = pc.dictionary_encode(pc.if_else(known, pc.add(pc.multiply(days, _MONTHS), months), pa.scalar(None, pa.int64())))
    pairs = encoded.dictionary.to_numpy()
    ends = months_later((pairs // _MONTHS).astype("datetime64[D]"), pairs % _MONTHS) - np.timedelta64(1, "D")
    kept_until = pa.array(ends.astype(np.int64).astype(np.int32)).take(encoded.indices)
    return pc.min_element_wise(own, kept_until)
