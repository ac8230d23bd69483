"""Ratings whose scheme or grade the project does not name: slips, which hide a grade, and words that concern it not.

To let a slip pass may hide an adverse grade; to refuse a true scheme holds every firm that is rated under it. So what may be
a slip or a new name is refused, and the rest is kept and told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import ibis

from creditscore.config.column_rules import Cases, Compare, Constant, Map
from creditscore.records.adverse.rules import known_schemes, newest_overrides
from creditscore.records.columns.known_words import one_slip
from creditscore.records.standard.arrivals import ARRIVAL, Arrival, source_number

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.project import Project
    from creditscore.engine import Engine

_SCHEME, _GRADE = "NOT_LISTED:scheme", "NOT_LISTED:grade"
#: Of a source with more schemes than this (or of all, with more grades) each that is not named is refused: a column of texts is
#: no column of schemes.
_MOST = 50


@dataclass(frozen=True)
class NamedRatings:
    """The schemes and grades that a project names.

    Attributes:
        schemes: The schemes; none where it names none.
        grades: By scheme that a feature or an override uses, the grades that orders and overrides name, in that order.
        ordered: The schemes of which an order lists every grade.
        declared: What rules of ``sources.toml`` write as a grade: meant to be there, named or not.
    """

    schemes: tuple[str, ...]
    grades: Mapping[str, tuple[str, ...]]
    ordered: tuple[str, ...]
    declared: tuple[str, ...]

    @property
    def words(self) -> dict[str, tuple[str, ...]]:
        """The schemes, and the grades of any of them, by standard column."""
        return {"scheme": self.schemes, "grade": tuple(dict.fromkeys(word for words in self.grades.values() for word in words))}

    @classmethod
    def of(cls, project: Project) -> NamedRatings:
        """What features, the newest policy and the sources of a project name."""
        orders = [(feature.scheme, feature.order) for feature in project.features if feature.scheme]
        named = [*orders, *((rule.scheme, (rule.grade,)) for rule in newest_overrides(project) if rule.scheme and rule.grade)]
        grades: dict[str, dict[str, None]] = {}
        for scheme, words in named:
            grades.setdefault(scheme, {}).update(dict.fromkeys(words))
        return cls(
            known_schemes(project),
            {scheme: tuple(words) for scheme, words in sorted(grades.items()) if words},
            tuple(sorted({scheme for scheme, order in orders if order})),
            _written_grades(project),
        )


def _written_grades(project: Project) -> tuple[str, ...]:
    """The grades that rules of the sources write themselves, whatever was sent."""
    written: set[object] = set()
    sources = [source for source in project.sources.source if source.table == "ratings"]
    for rule in (rule for source in sources for rule in source.column if rule.to == "grade"):
        if isinstance(rule, Constant):
            written.add(rule.value)
        elif isinstance(rule, Map):
            written |= {*rule.values.values(), rule.otherwise}
        elif isinstance(rule, Compare):
            written |= {rule.then, rule.otherwise}
        elif isinstance(rule, Cases):
            written |= {*(case.then for case in rule.case), rule.otherwise}
    return tuple(sorted(str(word) for word in written - {None}))


def doubtful_ratings(engine: Engine, rows: ir.Table, arrivals: Sequence[Arrival], named: NamedRatings) -> ir.Table:
    """Ratings whose scheme or grade may be meant for a named one: ``arrival``, ``why``.

    A scheme that the project does not name may be one if it is a single slip away from a named one, letters of either case being
    the same, or if its source has no row of any named one: then the name may have changed. A grade may be one if an order lists
    every grade of its scheme, or if it is a single slip away from a grade that an override names. What a rule of the source
    writes as a grade is none.
    """
    numbered = rows.select(ARRIVAL, "scheme", "grade", number=source_number(rows, arrivals))
    by_scheme = _doubtful_schemes(engine, numbered, arrivals, named.schemes) if named.schemes else ibis.literal(False)
    by_grade = _doubtful_grades(engine, numbered, named)
    why = ibis.cases((by_scheme, ibis.literal(_SCHEME)), (by_grade, ibis.literal(_GRADE)), else_=ibis.null("string"))
    marked = numbered.select(ARRIVAL, why=why)
    return marked.filter(marked.why.notnull())


def _doubtful_schemes(engine: Engine, numbered: ir.Table, arrivals: Sequence[Arrival], named: Collection[str]) -> ir.BooleanValue:
    unnamed = ~numbered.scheme.isin(list(named))
    found = engine.query(
        numbered.select("number", "scheme").distinct().order_by(["number", "scheme"]).limit(_MOST * len(arrivals) + 1)
    )
    by_source: dict[int, set[str]] = {}
    for row in found.to_pylist():
        by_source.setdefault(row["number"], set()).add(row["scheme"])
    everywhere = found.num_rows > _MOST * len(arrivals)
    doubtful = [ibis.literal(everywhere) & unnamed]
    for number, schemes in by_source.items():
        renamed = not schemes & set(named)
        slips = sorted(one for one in schemes - set(named) if renamed or is_slip(one, named))
        if slips:
            doubtful.append((numbered.number == number) & numbered.scheme.isin(slips))
    return reduce(or_, doubtful)


def _doubtful_grades(engine: Engine, numbered: ir.Table, named: NamedRatings) -> ir.BooleanValue:
    """Grades that no order of their scheme lists; of a scheme without an order, those that may be slips of a named grade."""
    doubtful = [ibis.literal(False)]
    for scheme, grades in named.grades.items():
        fine = [*grades, *named.declared]
        other = (numbered.scheme == scheme) & ~numbered.grade.isin(fine)
        if scheme not in named.ordered:
            words = engine.query(numbered.filter(other).select("grade").distinct().order_by("grade").limit(_MOST + 1))["grade"]
            slips = [word for word in words.to_pylist() if is_slip(word, [grade for grade in grades if len(grade) > 1])]
            other = other & numbered.grade.isin(slips) if len(words) <= _MOST else other
        doubtful.append(other)
    return reduce(or_, doubtful)


def is_slip(word: str, named: Collection[str]) -> bool:
    """Whether a word that is none of some is one slip away from one of them, letters of either case being the same."""
    plain = word.strip().casefold()
    return any(plain == one.casefold() or one_slip(plain, one.casefold()) for one in named)
