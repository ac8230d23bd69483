"""Compares a delivery with an earlier one: rows and columns that fell away, new codes, the same file, another unit of amounts."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from creditscore.language import Message, _
from creditscore.records.columns.known_words import project_words
from creditscore.records.deliveries.codes import code_counts, code_identity, shown_code
from creditscore.records.deliveries.findings import Finding, Level
from creditscore.records.standard.arrivals import BUCKETS_PER_POWER
from creditscore.records.tables import COLUMN_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from creditscore.records.deliveries.staleness import SourceAge
    from creditscore.records.records import Records

_SCHEMA = pa.schema(
    [("table", pa.string()), ("source", pa.string()), ("measure", pa.string()), ("name", pa.string()), ("kind", pa.string()),
     ("bucket", pa.int32()), ("n", pa.int64())]
)  # fmt: skip
#: Sources, columns and kinds with fewer rows, values or amounts than this are not compared.
_ENOUGH = 30
#: Codes that a line lists, and tables that may stay as they are for months.
_LISTED, _SELDOM = 12, ("frames", "staff", "recusals", "ratings")
#: A median that moves a hundredfold is another unit (元, 万元), not another year. A PSI above 0.25 is a warning.
_OTHER_UNIT, _PSI = 2 * BUCKETS_PER_POWER, 0.25


@dataclass(frozen=True)
class Earlier:
    """What an earlier run left to compare with: its rectification list, its profile, its rejects, and its day."""

    rectification: pd.DataFrame | None = None
    profile: pa.Table | None = None
    rejects: pa.Table | None = None
    as_of: dt.date | None = None


#: Table, source, measure, column and kind of a count of a profile.
_Series = tuple[str, str, str, str, str]
#: A count by bucket of amounts; other measures have the one bucket None.
_Counts = dict[int | None, int]


def profile(records: Records, ages: Sequence[SourceAge] = ()) -> pa.Table:
    """Counts of a delivery, without any value that may be personal.

    Args:
        records: What arrived.
        ages: The newest day of each source (:func:`creditscore.records.deliveries.staleness.source_ages`).

    Returns:
        One row per count: table, source, ``measure``, name, kind, bucket, n. Measures are ``rows`` per source, ``values`` per
        column ``name``, ``amounts`` per ``kind`` and ``bucket`` (quarters of a power of ten), ``codes`` per coded column
        ``name`` and code (in ``kind``; a hash where it may be a stray cell), ``code_count`` of columns with too many codes,
        ``words`` per column ``name`` and word that its table of words lacks (as a code), ``file`` with the SHA-256 of the
        source in ``kind``, and ``newest`` with its newest day there.
    """
    kinds, known = list(records.project.catalogue.by_kind), project_words(records.project)
    rows: list[tuple[str, str, str, str, str, int | None, int]] = []
    for a in records.arrivals:
        rows.append((a.table, a.source, "rows", "", "", None, a.rows))
        rows.append((a.table, a.source, "file", "", a.sha256, None, a.rows))
        rows += [(a.table, a.source, "values", name, "", None, n) for name, n in sorted(a.values.items())]
        rows += [(a.table, a.source, "amounts", "amount", kinds[k], bucket, n) for (k, bucket), n in sorted(a.amounts.items())]
        words = sorted(a.words.items())
        rows += [(a.table, a.source, "words", name, shown_code(word, n, known), None, n) for (name, word), n in words]
    rows += [(one.table, one.source, "newest", "", one.newest.isoformat(), None, 1) for one in ages if one.newest]
    for table, source, column, code, n in code_counts(records):
        if code is None:
            rows.append((table, source, "code_count", column, "", None, n))
        else:
            rows.append((table, source, "codes", column, shown_code(code, n, known), None, n))
    columns = list(zip(*rows, strict=True)) or [()] * len(_SCHEMA)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
    return pa.table(arrays, schema=_SCHEMA)


def known_words(before: pa.Table | None) -> dict[tuple[str, str], set[str]]:
    """By source and column, what identifies the words that an earlier delivery had beyond its tables of words."""
    known: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in [] if before is None else before.to_pylist():
        if row["measure"] == "words":
            known[row["source"], row["name"]].add(code_identity(row["kind"]))
    return known


def drifts(now: pa.Table, before: pa.Table, *, max_row_drop: float, days: tuple[dt.date, dt.date] | None = None) -> list[Finding]:
    """What changed so much that the delivery is more likely broken than the city changed.

    Args:
        now: The profile of this delivery.
        before: That of an earlier one.
        max_row_drop: The share of a source's rows that may fall away.
        days: The day of the earlier delivery and that of this one: with them, the same file in another month shows.

    Returns:
        Errors (rows fell away, a column emptied, the median of a kind's amounts moved a hundredfold, most rows of a column have
        codes that it did not have, the newest day went back and rows fell away), warnings (half of a column's values fell away,
        PSI of amounts above 0.25, codes that the earlier delivery did not have, the newest day went back, the same file in
        another month) and notes (the same file of a table that seldom changes), by table, source and column.
    """
    old, new = _by_series(before), _by_series(now)
    findings = []
    for series, counts in sorted(old.items()):
        if series[2] == "rows":
            findings += _row_drift(series, sum(counts.values()), sum(new.get(series, {}).values()), max_row_drop)
        elif series[2] == "values":
            findings += _value_drift(series, old, new)
        elif series[2] == "amounts" and series in new:
            findings += _amount_drift(series, counts, new[series])
        elif series[2] == "file" and series in new:
            findings += _same_file(series, sum(counts.values()), days)
    return findings + _newest_drift(old, new) + _code_drift(old, new)


def _by_series(table: pa.Table) -> dict[_Series, _Counts]:
    counts: dict[_Series, _Counts] = defaultdict(dict)
    for row in table.to_pylist():
        counts[row["table"], row["source"], row["measure"], row["name"], row["kind"]][row["bucket"]] = row["n"]
    return counts


def _drift(series: _Series, rule: Message, rows: int, level: Level) -> Finding:
    table, source, _measure, _name, kind = series
    return Finding("drift", table, rule, source, rows, kind, level)


def _row_drift(series: _Series, before: int, now: int, max_row_drop: float) -> list[Finding]:
    # A source of which nothing came is missed however few its rows were: records against firms would be gone without a word.
    if not before or now >= before * (1 - max_row_drop) or (before < _ENOUGH and now):
        return []
    return [
        _drift(
            series, _("expected about as many rows as before ({before}; got {now})", before=before, now=now), before - now, "error"
        )
    ]


def _newest_drift(old: dict[_Series, _Counts], new: dict[_Series, _Counts]) -> list[Finding]:
    """Sources whose newest day lies before that of the earlier delivery; with fewer rows, too, it is an older file."""
    before, now = ({series[:2]: series[4] for series in counts if series[2] == "newest"} for counts in (old, new))
    findings = []
    for (table, source), day in sorted(now.items()):
        known = before.get((table, source), "")
        if day >= known:
            continue
        rows = [sum(counts.get((table, source, "rows", "", ""), {}).values()) for counts in (old, new)]
        rule = _("the newest day is {now}, before it was {before} (an older file?)", now=day, before=known)
        level: Level = "error" if _ENOUGH <= rows[0] > rows[1] else "warning"
        findings.append(Finding("drift", table, rule, source, rows[1], level=level))
    return findings


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


def _same_file(series: _Series, rows: int, days: tuple[dt.date, dt.date] | None) -> list[Finding]:
    """A source whose bytes are those of another month, where it has any row."""
    if days is None or not rows or (days[0].year, days[0].month) == (days[1].year, days[1].month):
        return []
    table, source, *_rest = series
    rule = _("the same file as in the delivery of {day}, byte for byte (was last month's sent again?)", day=days[0].isoformat())
    return [Finding("drift", table, rule, source, rows, level="note" if table in _SELDOM else "warning")]


def _code_drift(old: dict[_Series, _Counts], new: dict[_Series, _Counts]) -> list[Finding]:
    """Codes that no row of the earlier delivery had; columns whose codes became too many to be a list."""
    before, now = _codes(old), _codes(new)
    findings = []
    for (table, source, name), counts in sorted(now.items()):
        known = before.get((table, source, name), {})
        column = COLUMN_WORDS.get(name, name)
        identities = {code_identity(code) for code in known}
        added = {code: n for code, n in sorted(counts.items()) if code_identity(code) not in identities}
        if sum(known.values()) < _ENOUGH or not added:
            continue
        plain = [code for code in added if not code.startswith("#")]
        rest = len(added) - len(plain[:_LISTED])
        listed = ", ".join([*plain[:_LISTED], *([f"+{rest}"] if rest else [])])
        rule = _("{column}: codes that no row had before ({count}): {codes}", column=column, count=len(added), codes=listed)
        # Where most rows have such codes, another column came in its place, or the same one in other words.
        level: Level = "error" if 2 * sum(added.values()) > sum(counts.values()) >= _ENOUGH else "warning"
        findings.append(Finding("drift", table, rule, source, sum(added.values()), level=level))
    for series, many in sorted(new.items()):
        table, source, measure, name, _kind = series
        if measure == "code_count" and series not in old and sum(before.get((table, source, name), {}).values()) >= _ENOUGH:
            rule = _(
                "{column}: {count} different codes, before {before} (another column in its place?)",
                column=COLUMN_WORDS.get(name, name), count=sum(many.values()), before=len(before[table, source, name]),
            )  # fmt: skip
            findings.append(Finding("drift", table, rule, source, sum(many.values()), level="warning"))
    return findings


def _codes(counts: dict[_Series, _Counts]) -> dict[tuple[str, str, str], dict[str, int]]:
    """The rows of each code, by table, source and column."""
    codes: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    for (table, source, measure, name, code), rows in counts.items():
        if measure == "codes":
            codes[table, source, name][code] = sum(rows.values())
    return codes


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
