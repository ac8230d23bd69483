"""The documents behind a value: which of a firm's own records count for a feature on a day, and when each stops counting.

The rules are those of :mod:`creditscore.features.aggregates`, for one firm and in plain Python: what they give is compared with
the value that was scored wherever something is concluded from it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import pandas as pd

from creditscore.config.features import FeatureSpec
from creditscore.config.spec import ppm
from creditscore.dates import months_after, months_before
from creditscore.records.columns.person_numbers import without_person_numbers
from creditscore.records.own_records import COUNTS
from creditscore.vocabulary import NO_FINDING

_MILLION, _MILLI = 1_000_000, 1000
Table = Literal["record", "visit", "rating"]
#: Why a record stops counting: it is older than the window, its own last day is over, its retention is.
Why = Literal["window", "own_end", "retention"]
Value = int | float | str | None


@dataclass(frozen=True)
class Document:
    """A record, visit or grade of a firm, with what is needed to find it again; nothing of anybody else.

    ``kind`` is that of the catalogue, the trigger of a visit, or the scheme of a grade; ``result`` the outcome of a visit, or the
    grade. ``state`` is ``counts``, or why it does not, ``since`` from which day; ``until`` the last day on which it may count.
    """

    table: Table
    id: str
    kind: str
    event_date: dt.date
    known_date: dt.date
    document_no: str = ""
    provider: str = ""
    severity: int | None = None
    amount: Decimal | None = None
    result: str = ""
    verified: bool | None = None
    valid_until: dt.date | None = None
    state: str = COUNTS
    since: dt.date | None = None
    until: dt.date | None = None
    carried: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from the firm's other documents."""
        return (self.table, self.id, self.event_date.isoformat())


@dataclass(frozen=True)
class Documents:
    """What a run kept of one firm. ``kept`` says how much: everything that is read, what was adverse, or nothing."""

    all: tuple[Document, ...] = ()
    kept: Literal["all", "adverse", "none"] = "none"

    @classmethod
    def of(
        cls, records: pd.DataFrame, visits: pd.DataFrame | None, ratings: pd.DataFrame | None, *, kept: Literal["all", "adverse"]
    ) -> Documents:
        """From the rows of one firm in the files of a run, whatever their order."""
        found = [_record(row) for row in _rows(records)]
        found += [_visit(row) for row in _rows(visits)]
        found += [_rating(row) for row in _rows(ratings)]
        order = {"record": 0, "visit": 1, "rating": 2}
        return cls(tuple(sorted(found, key=lambda one: (order[one.table], one.event_date, one.id))), kept)


def _rows(frame: pd.DataFrame | None) -> list[dict[str, Any]]:
    if frame is None:
        return []
    clean = frame.astype(object).where(frame.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in clean.to_dict("records")]


def _record(row: dict[str, Any]) -> Document:
    severity, verified = row.get("severity"), row.get("verified")
    return Document(
        "record", str(row["event_id"]), str(row["kind"]), row["event_date"], row["known_date"],
        document_no=without_person_numbers(row.get("document_no") or "", passports=False), provider=row.get("provider") or "",
        severity=None if severity is None else int(severity), amount=row.get("amount"), result=row.get("result") or "",
        verified=None if verified is None else bool(verified), valid_until=row.get("valid_until"), state=row.get("state") or COUNTS,
        since=row.get("since"), until=row.get("until"), carried=bool(row.get("carried")),
    )  # fmt: skip


def _visit(row: dict[str, Any]) -> Document:
    severity = row.get("severity")
    return Document(
        "visit", str(row["inspection_id"]), str(row["trigger"]), row["event_date"], row["known_date"],
        provider=row.get("department") or "", severity=None if severity is None else int(severity), result=str(row["outcome"]),
        state=row.get("state") or COUNTS, since=row.get("since"), carried=bool(row.get("carried")),
    )  # fmt: skip


def _rating(row: dict[str, Any]) -> Document:
    scheme = str(row["scheme"])
    return Document(
        "rating", scheme, scheme, row["event_date"], row["known_date"], result=str(row["grade"]), state=row.get("state") or COUNTS,
        since=row.get("since"), carried=bool(row.get("carried")),
    )  # fmt: skip


def behind(feature: FeatureSpec, documents: Iterable[Document], as_of: dt.date, *, state: str | None = COUNTS) -> list[Document]:
    """The documents from which a feature has its value on a day, newest first; none for the age of a firm.

    Args:
        feature: The feature.
        documents: The firm's.
        as_of: The day.
        state: The state that they are in; None for those in another state than counting, which would be behind it.
    """
    chosen = [one for one in documents if _is_read(feature, one, as_of)]
    chosen = [one for one in chosen if (one.state != COUNTS if state is None else one.state == state)]
    newest_first = sorted(chosen, key=lambda one: (one.event_date, one.known_date, one.id, one.result), reverse=True)
    if feature.aggregate == "latest" and feature.scheme is None:
        newest_first = [one for one in newest_first if getattr(one, feature.column or "result")]
    only_newest = feature.aggregate in ("latest", "days_since_last") and state is not None
    return newest_first[:1] if only_newest else newest_first


def _is_read(feature: FeatureSpec, one: Document, as_of: dt.date) -> bool:
    """Kind, window and filters of a feature."""
    if feature.months is not None and one.event_date <= months_before(as_of, feature.months):
        return False
    if feature.scheme is not None:
        return one.table == "rating" and one.kind == feature.scheme
    if feature.rule.source == "visits":
        return one.table == "visit" and one.result not in NO_FINDING
    if one.table != "record" or one.kind not in feature.kind:
        return False
    if feature.bands and one.event_date <= months_before(as_of, feature.bands[-1].months):
        return False
    return (
        (feature.severity_min is None or (one.severity or 0) >= feature.severity_min)
        and (feature.amount_min is None or (one.amount is not None and _cents(one) >= round(feature.amount_min * 100)))
        and (not feature.result or one.result in feature.result)
        and (feature.verified is None or one.verified == feature.verified)
    )


def leaves_on(feature: FeatureSpec, one: Document) -> tuple[dt.date, Why] | None:
    """The first day on which a document is no longer behind a feature by the passing of time, and why; None where there is none."""
    months = feature.months if feature.months is not None else feature.bands[-1].months if feature.bands else None
    ends: list[tuple[dt.date, Why]] = []
    if months is not None:
        ends.append((first_outside(one.event_date, months), "window"))
    if one.until is not None:
        ends.append((one.until + dt.timedelta(days=1), "own_end" if one.until == one.valid_until else "retention"))
    return min(ends, key=lambda end: end[0]) if ends else None


def lighter_on(feature: FeatureSpec, one: Document, as_of: dt.date) -> dt.date | None:
    """The next day on which a document of a sum by age weighs less; None in other features and in the last band."""
    steps = [first_outside(one.event_date, band.months) for band in feature.bands[:-1]]
    return min((day for day in steps if day > as_of), default=None)


def first_outside(happened: dt.date, months: int) -> dt.date:
    """The first day whose window of so many months no longer holds a day; the ends of months make it differ by some days."""
    day = months_after(happened, months)
    while months_before(day, months) < happened:
        day += dt.timedelta(days=1)
    return day


def _cents(one: Document) -> int:
    return int((one.amount or Decimal(0)) * 100)


def value_of(feature: FeatureSpec, documents: Sequence[Document], as_of: dt.date) -> Value:
    """The value that a feature over records has from some documents on a day.

    Raises:
        KeyError: The feature is not over records (a visit, a grade or the age of a firm), or is a function of one's own.
    """
    if feature.scheme is not None:
        raise KeyError(feature.name)
    value = _VALUES[feature.aggregate](feature, behind(feature, documents, as_of), as_of)
    if value is None:
        return 0 if feature.empty is None and feature.rule.zero_if_none else feature.empty
    return value


def _numbers(feature: FeatureSpec, rows: Sequence[Document]) -> list[int]:
    if feature.column == "amount":
        return [_cents(one) for one in rows if one.amount is not None]
    return [one.severity for one in rows if one.severity is not None]


def _in_units(feature: FeatureSpec, number: int | None) -> Value:
    return number if number is None or feature.column != "amount" else number / 100


def _sum(feature: FeatureSpec, rows: Sequence[Document], as_of: dt.date) -> Value:
    return _in_units(feature, sum(_numbers(feature, rows)))


def _max(feature: FeatureSpec, rows: Sequence[Document], as_of: dt.date) -> Value:
    return _in_units(feature, max(_numbers(feature, rows), default=None))


def _min(feature: FeatureSpec, rows: Sequence[Document], as_of: dt.date) -> Value:
    return _in_units(feature, min(_numbers(feature, rows), default=None))


def _distinct(feature: FeatureSpec, rows: Sequence[Document], as_of: dt.date) -> Value:
    values = {getattr(one, feature.column or "") for one in rows}
    return len(values - {None, ""})


def _share(feature: FeatureSpec, rows: Sequence[Document], as_of: dt.date) -> Value:
    hits, total = sum(one.result in feature.share_of for one in rows), len(rows)
    prior, expected = round(feature.prior * _MILLI), round(feature.prior * feature.prior_share * _MILLI)
    if total < feature.minimum or not total * _MILLI + prior:
        return None
    return ((hits * _MILLI + expected) * ppm(1.0)) // (total * _MILLI + prior)


def _banded_sum(feature: FeatureSpec, rows: Sequence[Document], as_of: dt.date) -> Value:
    total = 0
    for one in rows:
        severity = 1 if one.severity is None else one.severity
        weight = next((band.weight for band in feature.bands if one.event_date > months_before(as_of, band.months)), 0)
        total += (severity if feature.cap is None else min(severity, feature.cap)) * weight
    return total


def _latest(feature: FeatureSpec, rows: Sequence[Document], as_of: dt.date) -> Value:
    newest = max(rows, key=lambda one: (one.event_date, one.id), default=None)
    return None if newest is None else getattr(newest, feature.column or "result")


_VALUES: dict[str, Callable[[FeatureSpec, Sequence[Document], dt.date], Value]] = {
    "count": lambda _feature, rows, _day: len(rows),
    "on_list": lambda _feature, rows, _day: int(bool(rows)),
    "days_since_last": lambda _feature, rows, day: min(((day - one.event_date).days for one in rows), default=None),
    "sum": _sum, "max": _max, "min": _min, "distinct": _distinct, "share": _share, "banded_sum": _banded_sum, "latest": _latest,
}  # fmt: skip
