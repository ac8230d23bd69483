"""Results of visits, and grades, to which firms have objected: since when they do not count, and what has left by an upheld one.

That a visit took place is not in dispute: it stays in the history of draws. Its result counts for its firm no more, from the day
of the objection on; once upheld it leaves what is known of all visits, too. Under a disputed grade the earlier grades of the same
scheme, which it had replaced, do not come back; they do once it is taken away.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.dates import day_number
from creditscore.records.adverse.rules import AdverseRules
from creditscore.records.standard.keys import day_column
from creditscore.vocabulary import VISIT_PREFIX

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.project import Project
    from creditscore.engine import Engine

_RANGE = [("hidden_from", pa.int32()), ("hidden_until", pa.int32()), ("why", pa.string())]
#: Day ranges ``[hidden_from, hidden_until)`` in which a record, the result of a visit, or a grade does not count, and why.
RECORD_RANGES = pa.schema([("event_id", pa.string()), *_RANGE])
VISIT_RANGES = pa.schema([("inspection_id", pa.string()), *_RANGE])
RATING_RANGES = pa.schema([("subject_id", pa.string()), ("scheme", pa.string()), ("event_day", pa.int32()), *_RANGE])
#: The names of these tables in an engine.
HIDDEN_VISITS: Final = "hidden_visits"
HIDDEN_RATINGS: Final = "hidden_ratings"
Hidden = Literal["hidden_visits", "hidden_ratings"]
RANGES: dict[Hidden, pa.Schema] = {HIDDEN_VISITS: VISIT_RANGES, HIDDEN_RATINGS: RATING_RANGES}
#: Why something is hidden while its objection is open, and for good.
DISPUTED, UPHELD = "disputed", "dispute_upheld"
#: What stands as the kind of a visit or a grade where records have theirs.
VISIT, RATING = "visit", "rating"


@dataclass(frozen=True)
class Disputes:
    """What objections that the authority itself has taken in do.

    Attributes:
        records: To records: rows of :data:`RECORD_RANGES`. They hide every report of the incident, as changes of sources do.
        visits: To results of visits: rows of :data:`VISIT_RANGES`.
        ratings: To grades: rows of :data:`RATING_RANGES`.
    """

    records: pa.Table = field(default_factory=RECORD_RANGES.empty_table)
    visits: pa.Table = field(default_factory=VISIT_RANGES.empty_table)
    ratings: pa.Table = field(default_factory=RATING_RANGES.empty_table)


class Contested(Protocol):
    """What is asked of :class:`creditscore.records.records.Records` here, which itself asks this module."""

    @property
    def engine(self) -> Engine:
        """Where the tables are."""

    @property
    def project(self) -> Project:
        """Whose features and overrides say what is adverse."""

    def table(self, name: str) -> ir.Table:
        """An unbound table."""

    def has(self, what: Hidden) -> bool:
        """Whether a table of ranges has rows."""


def rating_id(scheme: str, day: object) -> str:
    """What names a grade of a firm: its scheme and the day on which it was given.

    >>> rating_id("national", "2024-03-01")
    'national 2024-03-01'
    """
    return f"{scheme} {day}"


def parse_rating_id(text: str) -> tuple[str, dt.date]:
    """Scheme and day of a grade from what names it.

    Raises:
        ValueError: There is no day at its end.
    """
    scheme, _blank, day = text.rpartition(" ")
    return scheme, dt.date.fromisoformat(day)


def counting_ratings(ratings: ir.Table, hidden: ir.Table | None) -> ir.Table:
    """Rows of ``subject_id``, ``scheme``, ``event_day`` and ``as_of_day`` without those hidden on that day (an expression).

    Args:
        ratings: The rows.
        hidden: Ranges as in :data:`RATING_RANGES`; None where there are none.
    """
    if hidden is None:
        return ratings
    open_ones, gone = hidden.filter(hidden.why == DISPUTED), hidden.filter(hidden.why == UPHELD)
    kept = ratings.anti_join(gone, [*_then(ratings, gone), ratings.event_day == gone.event_day])
    return kept.anti_join(open_ones, [*_then(kept, open_ones), kept.event_day <= open_ones.event_day])


def _then(ratings: ir.Table, hidden: ir.Table) -> list[ir.BooleanValue]:
    """Grades of the same firm and scheme, on a day of the range."""
    return [
        ratings.subject_id == hidden.subject_id,
        ratings.scheme == hidden.scheme,
        hidden.hidden_from <= ratings.as_of_day,
        hidden.hidden_until > ratings.as_of_day,
    ]


def states(records: Contested, name: Hidden, as_of: dt.date) -> ir.Table:
    """One row per visit or grade that is hidden on a day (an expression): its key, ``why``, and ``since`` when."""
    day, hidden = day_number(as_of), records.table(name)
    then = hidden.filter((hidden.hidden_from <= day) & (hidden.hidden_until > day))
    keys = [column for column in RANGES[name].names if column not in dict(_RANGE)]
    # Of several objections to one thing an upheld one decides: the smaller of the two texts.
    return then.group_by(keys).agg(why=then.why.min(), since=then.hidden_from.min())


def taken_away(records: Contested, as_of: dt.date) -> set[str]:
    """The visits whose result an upheld objection has taken away by a day, by id."""
    if not records.has(HIDDEN_VISITS):
        return set()
    hidden = states(records, HIDDEN_VISITS, as_of)
    return set(records.engine.query(hidden.filter(hidden.why == UPHELD).select("inspection_id"))["inspection_id"].to_pylist())


def hidden_things(records: Contested, as_of: dt.date) -> pa.Table:
    """One row per visit and grade that is hidden on a day, by firm, kind and id.

    Columns: ``subject_id``, ``kind`` (visit or rating), ``event_id``, ``event_date``, ``known_date``, ``scheme``, ``grade``,
    ``why``, ``since`` (a day number), ``adverse``, and ``newest``: of a grade, whether it is the newest of its scheme.
    """
    found = [records.engine.query(part(records, as_of)) for name, part in _THINGS.items() if records.has(name)]
    rows = pa.concat_tables([_HIDDEN.empty_table(), *(part.select(_HIDDEN.names).cast(_HIDDEN) for part in found)])
    return rows.sort_by([(name, "ascending") for name in ("subject_id", "kind", "event_id")])


_HIDDEN = pa.schema(
    [
        ("subject_id", pa.string()), ("kind", pa.string()), ("event_id", pa.string()), ("event_date", pa.date32()),
        ("known_date", pa.date32()), ("scheme", pa.string()), ("grade", pa.string()), ("why", pa.string()), ("since", pa.int32()),
        ("adverse", pa.bool_()), ("newest", pa.bool_()),
    ]
)  # fmt: skip


def _hidden_visits(records: Contested, as_of: dt.date) -> ir.Table:
    visits = records.table("inspections").inner_join(states(records, HIDDEN_VISITS, as_of), "inspection_id")
    return visits.select(
        "subject_id", "event_date", "known_date", "why", "since", kind=ibis.literal(VISIT), newest=ibis.literal(True),
        event_id=ibis.literal(VISIT_PREFIX) + visits.inspection_id, scheme=ibis.null("string"), grade=ibis.null("string"),
        adverse=AdverseRules.of(records.project).adverse("inspections", visits),
    )  # fmt: skip


def _hidden_ratings(records: Contested, as_of: dt.date) -> ir.Table:
    ratings = records.table("ratings")
    known = ratings.filter((ratings.event_date <= as_of) & (ratings.known_date <= as_of))
    latest = ibis.row_number().over(group_by=[known.subject_id, known.scheme], order_by=known.event_date.desc())
    known = known.mutate(event_day=day_column(known.event_date), place=latest)
    rows = known.inner_join(states(records, HIDDEN_RATINGS, as_of), ["subject_id", "scheme", "event_day"])
    return rows.select(
        "subject_id", "event_date", "known_date", "why", "since", "scheme", "grade", kind=ibis.literal(RATING),
        event_id=rows.scheme + " " + rows.event_date.cast("string"), newest=rows.place == 0,
        adverse=AdverseRules.of(records.project).adverse("ratings", rows),
    )  # fmt: skip


_THINGS: dict[Hidden, Callable[[Contested, dt.date], ir.Table]] = {HIDDEN_VISITS: _hidden_visits, HIDDEN_RATINGS: _hidden_ratings}


def open_things(records: Contested, as_of: dt.date) -> pa.Table:
    """The visits and grades under an open objection that would count without it: the rows of :func:`hidden_things`."""
    rows = hidden_things(records, as_of)
    return rows.filter(pc.and_(pc.equal(rows["why"], DISPUTED), rows["newest"]))


def gone_things(records: Contested, as_of: dt.date) -> pa.Table:
    """The adverse visits and grades that an upheld objection has taken away by a day: the rows of :func:`hidden_things`."""
    rows = hidden_things(records, as_of)
    return rows.filter(pc.and_(pc.equal(rows["why"], UPHELD), rows["adverse"]))


def disputed_grades(records: Contested, as_of: dt.date, subjects: Iterable[str]) -> pa.Table:
    """The disputed grades of some firms: ``subject_id``, ``event_id`` (``scheme=grade``), ``event_date``, ``counted``.

    ``counted``: the grade was known before the day of the objection.
    """
    rows, asked = open_things(records, as_of), pa.array(sorted(set(subjects)), pa.string())
    rows = rows.filter(pc.and_(pc.equal(rows["kind"], RATING), pc.is_in(rows["subject_id"], asked)))
    named = pc.binary_join_element_wise(rows["scheme"], rows["grade"], "=")
    counted = pc.less(rows["known_date"].cast(pa.int32()), rows["since"])
    columns = [rows["subject_id"], named, rows["event_date"], counted]
    return pa.table(columns, names=["subject_id", "event_id", "event_date", "counted"])
