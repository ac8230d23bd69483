"""Which records may count against their firm: what must not vanish because of a fault.

A record that is for sure in its firm's favour costs nothing else where it is refused. Every other one does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import ibis

from creditscore.config.project import named_schemes
from creditscore.errors import ConfigError
from creditscore.vocabulary import NO_FINDING, Outcome

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec
    from creditscore.config.policy import Override
    from creditscore.config.project import Project

#: Results of a visit that count against nobody.
_HARMLESS_OUTCOMES: tuple[Outcome, ...] = ("none", *NO_FINDING)


@dataclass(frozen=True)
class AdverseRules:
    """What counts as adverse in a project.

    ====================  =======================================================================
    table                 adverse is
    ====================  =======================================================================
    ``events``            a kind of negative polarity; a kind that cannot be read or is off the catalogue; of a
                          neutral kind a record that a feature or an override may count against its firm: not a
                          kept commitment, since a share of kept ones only rises by it. Never a positive kind
    ``inspections``       a visit whose outcome is a violation, or cannot be read
    ``ratings``           of a scheme that a feature or an override uses, any grade but the safest of its order;
                          a scheme that cannot be read or that the project does not know
    ====================  =======================================================================

    Attributes:
        known: All kinds of the catalogue.
        harmless: The kinds of which no record is adverse.
        results: Of the other neutral kinds, the results that are harmless.
        grades: The harmless grades of each scheme that is used.
        schemes: The schemes that the project knows; none where it knows no list of them.
        by_result: The kinds of which a feature reads the result.
    """

    known: tuple[str, ...]
    harmless: tuple[str, ...]
    results: dict[str, tuple[str, ...]] = field(default_factory=dict)
    grades: dict[str, tuple[str, ...]] = field(default_factory=dict)
    schemes: tuple[str, ...] = ()
    by_result: tuple[str, ...] = ()

    @classmethod
    def of(cls, project: Project) -> AdverseRules:
        """The rules of a project, from its catalogue, its features and the overrides of its newest policy."""
        overrides = _worsening(project)
        harmless: list[str] = []
        results: dict[str, tuple[str, ...]] = {}
        for item in project.catalogue.item:
            if item.polarity == "positive":
                harmless.append(item.kind)
            elif item.polarity == "neutral" and not any(rule.kind == item.kind for rule in overrides):
                readers = [feature for feature in project.features if item.kind in feature.kind]
                if not readers or all(_only_helps(feature) for feature in readers):
                    harmless.append(item.kind)
                else:
                    named = {text for feature in readers for text in (*feature.share_of, *feature.order, *feature.result)}
                    fine = tuple(sorted(one for one in named if all(_spares(feature, one) for feature in readers)))
                    results |= {item.kind: fine} if fine else {}
        named_schemes = [feature.scheme for feature in project.features] + [rule.scheme for rule in overrides]
        schemes = sorted({scheme for scheme in named_schemes if scheme})
        grades = {scheme: _harmless_grades(scheme, project, overrides) for scheme in schemes}
        by_result = sorted({kind for feature in project.features if _reads_result(feature) for kind in feature.kind})
        return cls(
            tuple(project.catalogue.by_kind), tuple(harmless), results, grades, known_schemes(project), tuple(by_result)
        )  # fmt: skip

    def adverse(self, table: str, rows: ir.Table) -> ir.BooleanValue:
        """Which rows of ``events``, ``inspections`` or ``ratings`` are adverse (an expression, never missing)."""
        if table == "inspections":
            return rows.outcome.isnull() | ~rows.outcome.isin(_HARMLESS_OUTCOMES)
        if table == "ratings":
            used, grade = list(self.grades), rows.grade.fill_null("")
            spared = [(rows.scheme == name) & grade.isin(grades) for name, grades in self.grades.items() if grades]
            concerns = rows.scheme.isnull() | rows.scheme.isin(used) if used else rows.scheme.isnull()
            concerns = concerns | ~rows.scheme.isin(list(self.schemes)) if self.schemes else concerns
        else:
            kind, result = rows.kind.fill_null(""), rows.result.fill_null("")
            spared = [(kind == name) & result.isin(results) for name, results in self.results.items()]
            concerns = ~kind.isin(self.harmless) if self.harmless else ibis.literal(True)
        adverse = concerns & ~reduce(or_, spared) if spared else concerns
        return adverse.fill_null(True)


def _reads_result(feature: FeatureSpec) -> bool:
    """Whether the value of a feature depends on the results of its records."""
    return bool(feature.result or feature.share_of or feature.column == "result" or feature.aggregate == "custom")


def known_schemes(project: Project) -> tuple[str, ...]:
    """The schemes of ratings that features, sources or overrides of the newest policy name; none where the project names none."""
    return tuple(sorted(named_schemes(project) | {rule.scheme for rule in newest_overrides(project) if rule.scheme}))


def newest_overrides(project: Project) -> list[Override]:
    """The overrides of the newest policy."""
    try:
        return list(project.policy("9999-12-31").override)
    except ConfigError:  # a project without a policy has no tiers either
        return []


def _worsening(project: Project) -> list[Override]:
    """The overrides that may worsen a tier."""
    return [rule for rule in newest_overrides(project) if rule.bound != "at_most"]


def _only_helps(feature: FeatureSpec) -> bool:
    """Whether no record can count against its firm by this feature, whatever is in it."""
    return feature.trend == "lower_is_riskier" and feature.aggregate in ("count", "sum", "max", "distinct", "banded_sum", "on_list")


def _spares(feature: FeatureSpec, result: str) -> bool:
    """Whether a record with this result cannot count against its firm by this feature."""
    if feature.result and result not in feature.result:
        return True
    if feature.aggregate == "share" and feature.minimum == 1:
        ordered = feature.trend in ("lower_is_riskier", "higher_is_riskier")
        return ordered and (result in feature.share_of) == (feature.trend == "lower_is_riskier")
    if feature.aggregate == "latest" and feature.column == "result" and feature.order:
        return result == feature.order[0]
    return _only_helps(feature)


def _harmless_grades(scheme: str, project: Project, overrides: list[Override]) -> tuple[str, ...]:
    """The grades of a scheme that are the safest in every order and that no override names."""
    orders = [feature.order for feature in project.features if feature.scheme == scheme]
    best = {order[0] for order in orders if order}
    named = {rule.grade for rule in overrides if rule.scheme == scheme}
    ordered = bool(orders) and all(orders)
    return tuple(sorted(best - named)) if ordered and len(best) == 1 else ()
