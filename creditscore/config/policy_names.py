"""What a tier policy names must be in the project: a rule on a misspelt kind or industry would never fire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from creditscore.config.sources import Constant, Map
from creditscore.errors import ConfigError

if TYPE_CHECKING:
    from creditscore.config.policy import Override, TierPolicy
    from creditscore.config.project import Project


def check_names(policy: TierPolicy, *, file: Path, project: Project) -> None:
    """Kinds, schemes, grades, industries and tasks of a policy against the files of its project.

    Industries are those of ``scorecards.toml`` (not checked where it names none), schemes those that features or
    sources name, grades those in the ``order`` of a feature on the scheme.

    Raises:
        ConfigError: A name is unknown, or a kind may not serve the project's purpose. One line for each.
    """
    found = [*_overrides(policy, project), *_industries(policy, project), *_tasks(policy, project)]
    if found:
        raise ConfigError("\n".join(f"{file}: {line}" for line in found))


def _overrides(policy: TierPolicy, project: Project) -> Iterator[str]:
    for place, override in enumerate(policy.override, start=1):
        where = f'override[{place}] "{override.kind or override.scheme}"'
        yield from _kind(override, where, project) if override.kind else _grade(override, where, project)


def _kind(override: Override, where: str, project: Project) -> Iterator[str]:
    items = project.catalogue.by_kind
    if override.kind not in items:
        yield _unknown(f"{where}.kind", "a kind of catalogue.toml", items, override.kind)
    elif not items[override.kind].may_serve(project.about.purpose):
        yield f"{where}.kind: expected an item with a legal basis, released for {project.about.purpose} (got {override.kind!r})"


def _grade(override: Override, where: str, project: Project) -> Iterator[str]:
    schemes = _schemes(project)
    if schemes and override.scheme not in schemes:
        yield _unknown(f"{where}.scheme", "a scheme of features.toml or sources.toml", schemes, override.scheme)
    orders = [feature.order for feature in project.features if feature.scheme == override.scheme and feature.order]
    grades = {grade for order in orders for grade in order}
    if grades and override.grade not in grades:
        yield _unknown(f"{where}.grade", f"a grade of {override.scheme}", grades, override.grade)


def _schemes(project: Project) -> set[str]:
    """The rating schemes that features read or sources set."""
    named = {feature.scheme for feature in project.features if feature.scheme}
    rules = [rule for source in project.sources.source for rule in source.column if rule.to == "scheme"]
    for rule in rules:
        if isinstance(rule, Constant):
            named.add(str(rule.value))
        if isinstance(rule, Map):
            named |= {str(value) for value in rule.values.values()}
    return named


def _industries(policy: TierPolicy, project: Project) -> Iterator[str]:
    known = [industry.code for industry in project.scorecards.industry]
    named = [(f"tier {rule.name}.industry", rule.industry) for rule in policy.tier if rule.industry]
    named += [(f'industry "{code}"', code) for code in policy.industry]
    named += [("full_coverage", code) for code in policy.full_coverage]
    named += [(f"measure[{place}].industry", one.industry) for place, one in enumerate(policy.measure, start=1) if one.industry]
    for where, code in named:
        if known and code not in known:
            yield _unknown(where, "an industry of scorecards.toml", known, code)


def _tasks(policy: TierPolicy, project: Project) -> Iterator[str]:
    for code in policy.task:
        if code not in project.tasks:
            yield _unknown(f'task "{code}"', "a task of tasks.toml", project.tasks, code)


def _unknown(where: str, what: str, known: Iterable[str], found: str | None) -> str:
    names = sorted(known)
    return f"{where}: expected {what}, one of {', '.join(names[:8])}{', …' if len(names) > 8 else ''} (got {found!r})"
