"""Compares a delivery with an earlier one: rows that fell away, columns that emptied, amounts in another unit."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from creditscore.language import Message, _
from creditscore.records.arrivals import BUCKETS_PER_POWER, Arrival
from creditscore.records.findings import Finding, Level
from creditscore.records.tables import COLUMN_WORDS

if TYPE_CHECKING:
    import pandas as pd

_SCHEMA = pa.schema(
    [("table", pa.string()), ("source", pa.string()), ("measure", pa.string()), ("name", pa.string()), ("kind", pa.string()),
     ("bucket", pa.int32()), ("n", pa.int64())]
)  # fmt: skip
#: Sources, columns and kinds with fewer rows, values or amounts than this are not compared.
_ENOUGH = 30
#: A median that moves a hundredfold is another unit (元, 万元), not another year. A PSI above 0.25 is a warning.
_OTHER_UNIT, _PSI = 2 * BUCKETS_PER_POWER, 0.25


@dataclass(frozen=True)
class Earlier:
    """What an earlier run left to compare with: its rectification list and its profile."""

    rectification: pd.DataFrame | None = None
    profile: pa.Table | None = None


#: Table, source, measure, column and kind of a count of a profile.
_Series = tuple[str, str, str, str, str]
#: A count by bucket of amounts; other measures have the one bucket None.
_Counts = dict[int | None, int]


def profile(arrivals: Iterable[Arrival], kinds: Sequence[str]) -> pa.Table:
    """Counts of a delivery, without any of its values.

    Args:
        arrivals: The sources as they were read.
        kinds: The kinds of the catalogue, in its order.

    Returns:
        One row per count: table, source, ``measure`` (``rows`` per source, ``values`` per column ``name``, ``amounts`` per
        ``kind`` and ``bucket``), name, kind, bucket (quarters of a power of ten), n.
    """
    rows: list[tuple[str, str, str, str, str, int | None, int]] = []
    for a in arrivals:
        rows.append((a.table, a.source, "rows", "", "", None, a.rows))
        rows += [(a.table, a.source, "values", name, "", None, n) for name, n in sorted(a.values.items())]
        rows += [(a.table, a.source, "amounts", "amount", kinds[k], bucket, n) for (k, bucket), n in sorted(a.amounts.items())]
    columns = list(zip(*rows, strict=True)) or [()] * len(_SCHEMA)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
    return pa.table(arrays, schema=_SCHEMA)


def drifts(now: pa.Table, before: pa.Table, *, max_row_drop: float) -> list[Finding]:
    """What changed so much that the delivery is more likely broken than the city changed.

    Args:
        now: The profile of this delivery.
        before: That of an earlier one.
        max_row_drop: The share of a source's rows that may fall away.

    Returns:
        Errors (rows fell away, a column emptied, the median of a kind's amounts moved a hundredfold) and
        warnings (half of a column's values fell away, PSI of amounts above 0.25), by table, source and column.
    """
    old, new = _by_series(before), _by_series(now)
    findings = []
    for series, counts in sorted(old.items()):
        if series[2] == "rows":
            findings += _row_drift(series, sum(counts.values()), sum(new.get(series, {}).values()), max_row_drop)
        elif series[2] == "values":
            findings += _value_drift(series, old, new)
        elif series in new:
            findings += _amount_drift(series, counts, new[series])
    return findings


def _by_series(table: pa.Table) -> dict[_Series, _Counts]:
    counts: dict[_Series, _Counts] = defaultdict(dict)
    for row in table.to_pylist():
        counts[row["table"], row["source"], row["measure"], row["name"], row["kind"]][row["bucket"]] = row["n"]
    return counts


def _drift(series: _Series, rule: Message, rows: int, level: Level) -> Finding:
    table, source, _measure, _name, kind = series
    return Finding("drift", table, rule, source, rows, kind, level)


def _row_drift(series: _Series, before: int, now: int, max_row_drop: float) -> list[Finding]:
    if before < _ENOUGH or now >= before * (1 - max_row_drop):
        return []
    return [
        _drift(
            series, _("expected about as many rows as before ({before}; got {now})", before=before, now=now), before - now, "error"
        )
    ]


def _value_drift(series: _Series, old: dict[_Series, _Counts], new: dict[_Series, _Counts]) -> list[Finding]:
    """The share of rows that have a value, then and now."""
    table, source, _measure, name, _kind = series
    rows = [sum(counts.get((table, source, "rows", "", ""), {}).values()) for counts in (old, new)]
    values = [sum(counts.get(series, {}).values()) for counts in (old, new)]
    if values[0] < _ENOUGH or not rows[1]:
        return []
    shares = [n / total for n, total in zip(values, rows, strict=True)]
    column = COLUMN_WORDS.get(name, name)
    if values[1] == 0:
        return [_drift(series, _("{column}: had values before, has none now (gone or renamed?)", column=column), rows[1], "error")]
    if shares[1] < shares[0] / 2:
        rule = _("{column}: {before:.0%} of rows had a value before, {now:.0%} now", column=column, before=shares[0], now=shares[1])
        return [_drift(series, rule, rows[1], "warning")]
    return []


def _amount_drift(series: _Series, before: _Counts, now: _Counts) -> list[Finding]:
    old, new = ({bucket or 0: n for bucket, n in counts.items()} for counts in (before, now))
    amounts = sum(new.values())
    if min(sum(old.values()), amounts) < _ENOUGH:
        return []
    moved = _median(new) - _median(old)
    if abs(moved) >= _OTHER_UNIT:
        times = 10 ** (abs(moved) / BUCKETS_PER_POWER)
        rule = (
            _("amount: the middle moved about {times:.0f}-fold up (another unit?)", times=times)
            if moved > 0
            else _("amount: the middle moved about {times:.0f}-fold down (another unit?)", times=times)
        )
        return [_drift(series, rule, amounts, "error")]
    # PSI over whole powers of ten, with half a record added to each on both sides.
    powers = sorted({bucket // BUCKETS_PER_POWER for bucket in (*old, *new)})
    shares = []
    for counts in (old, new):
        cells = [0.5 + sum(n for bucket, n in counts.items() if bucket // BUCKETS_PER_POWER == power) for power in powers]
        shares.append([cell / sum(cells) for cell in cells])
    psi = math.fsum((b - a) * math.log(b / a) for a, b in zip(*shares, strict=True))
    return [_drift(series, _("amount: PSI {psi:.2f}", psi=psi), amounts, "warning")] if psi > _PSI else []


def _median(counts: dict[int, int]) -> int:
    """The bucket of the middle amount."""
    passed, half = 0, sum(counts.values()) / 2
    for bucket in sorted(counts):
        passed += counts[bucket]
        if passed >= half:
            return bucket
    return 0
