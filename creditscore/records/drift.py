"""A delivery beside the one before: rows that fell away, columns that emptied, amounts in another unit."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from creditscore.records.arrivals import BUCKETS_PER_POWER
from creditscore.records.findings import Finding, Level

if TYPE_CHECKING:
    import pandas as pd

    from creditscore.records.records import Records

PROFILE_SCHEMA = pa.schema(
    [("table", pa.string()), ("source", pa.string()), ("measure", pa.string()), ("name", pa.string()), ("kind", pa.string()),
     ("bucket", pa.int32()), ("n", pa.int64())]
)  # fmt: skip
#: Fewer records than this say nothing about their kind's amounts; fewer values nothing about a column.
_ENOUGH = 30
#: A middle that moves a hundredfold is another unit (元, 万元), not another year; a PSI above 0.25 is looked at.
_OTHER_UNIT, _PSI = 2 * BUCKETS_PER_POWER, 0.25


@dataclass(frozen=True)
class Earlier:
    """What an earlier run left to compare with: its rectification list and its profile."""

    rectification: pd.DataFrame | None = None
    profile: pa.Table | None = None


def profile(records: Records) -> pa.Table:
    """Counts of a delivery: ``rows`` per source, ``values`` per column, ``amounts`` per kind and bucket. No values."""
    kinds = list(records.project.catalogue.by_kind)
    rows: list[tuple[str, str, str, str, str, int | None, int]] = []
    for a in records.arrivals:
        rows.append((a.table, a.source, "rows", "", "", None, a.rows))
        rows += [(a.table, a.source, "values", name, "", None, n) for name, n in sorted(a.values.items())]
        rows += [(a.table, a.source, "amounts", "amount", kinds[k], bucket, n) for (k, bucket), n in sorted(a.amounts.items())]
    columns = list(zip(*rows, strict=True)) or [()] * len(PROFILE_SCHEMA)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, PROFILE_SCHEMA, strict=True)]
    return pa.table(arrays, schema=PROFILE_SCHEMA)


def drifts(now: pa.Table, before: pa.Table, *, max_row_drop: float) -> list[Finding]:
    """What changed so much that the delivery is more likely broken than the city changed.

    Args:
        now: The profile of this delivery.
        before: That of an earlier one.
        max_row_drop: The share of a source's rows that may fall away.

    Returns:
        Errors (rows fell away, a column emptied, the middle of a kind's amounts moved a hundredfold) and
        warnings (half of a column's values fell away, PSI of amounts above 0.25).
    """
    old, new = _by_place(before), _by_place(now)
    found = []
    for place, counts in sorted(old.items()):
        if place[2] == "rows":
            found += _rows(place, sum(counts.values()), sum(new.get(place, {}).values()), max_row_drop)
        elif place[2] == "values":
            found += _values(place, old, new)
        elif place in new:
            found += _amounts(place, counts, new[place])
    return found


_Place = tuple[str, str, str, str, str]
_Counts = dict[int | None, int]


def _by_place(table: pa.Table) -> dict[_Place, _Counts]:
    places: dict[_Place, _Counts] = defaultdict(dict)
    for row in table.to_pylist():
        places[row["table"], row["source"], row["measure"], row["name"], row["kind"]][row["bucket"]] = row["n"]
    return places


def _rows(place: _Place, before: int, now: int, most: float) -> list[Finding]:
    if before < _ENOUGH or now >= before * (1 - most):
        return []
    return [_drift(place, f"expected about as many rows as before ({before}; got {now})", before - now, "error")]


def _values(place: _Place, old: dict[_Place, _Counts], new: dict[_Place, _Counts]) -> list[Finding]:
    """The share of rows that have a value, then and now."""
    table, source, _, name, _ = place
    of = (table, source, "rows", "", "")
    rows = [sum(counts.get(of, {}).values()) for counts in (old, new)]
    values = [sum(counts.get(place, {}).values()) for counts in (old, new)]
    if values[0] < _ENOUGH or not rows[1]:
        return []
    shares = [n / total for n, total in zip(values, rows, strict=True)]
    if values[1] == 0:
        return [_drift(place, f"{name}: had values before, has none now (gone or renamed?)", rows[1], "error")]
    if shares[1] < shares[0] / 2:
        return [_drift(place, f"{name}: {shares[0]:.0%} of rows had a value before, {shares[1]:.0%} now", rows[1], "warning")]
    return []


def _amounts(place: _Place, before: _Counts, now: _Counts) -> list[Finding]:
    old, new = ({k or 0: n for k, n in counts.items()} for counts in (before, now))
    if min(sum(old.values()), sum(new.values())) < _ENOUGH:
        return []
    moved = _middle(new) - _middle(old)
    if abs(moved) >= _OTHER_UNIT:
        times, way = 10 ** (abs(moved) / BUCKETS_PER_POWER), "up" if moved > 0 else "down"
        return [_drift(place, f"amount: the middle moved about {times:.0f}-fold {way} (another unit?)", sum(new.values()), "error")]
    psi = _psi(old, new)
    return [_drift(place, f"amount: PSI {psi:.2f}", sum(new.values()), "warning")] if psi > _PSI else []


def _drift(place: _Place, rule: str, rows: int, level: Level) -> Finding:
    table, source, _, _, kind = place
    return Finding("drift", table, rule, source, rows, kind, level)


def _middle(counts: dict[int, int]) -> int:
    seen, half = 0, sum(counts.values()) / 2
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= half:
            return bucket
    return 0


def _psi(old: dict[int, int], new: dict[int, int]) -> float:
    """Over whole powers of ten, half a record added to each on both sides."""
    powers = sorted({bucket // BUCKETS_PER_POWER for bucket in (*old, *new)})
    sides = []
    for counts in (old, new):
        cells = [0.5 + sum(n for bucket, n in counts.items() if bucket // BUCKETS_PER_POWER == power) for power in powers]
        sides.append([cell / sum(cells) for cell in cells])
    return math.fsum((b - a) * math.log(b / a) for a, b in zip(*sides, strict=True))
