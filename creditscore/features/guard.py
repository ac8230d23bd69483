"""What must not count cannot: every feature passes here before anything is computed.

The forbidden and restricted factors are a dated file with their legal basis (``forbidden.toml``); no
project can override it. A refusal is a ConfigError with file, key and rule.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from creditscore.config.base import Label, Name, Spec
from creditscore.config.load import read_spec
from creditscore.errors import ConfigError

if TYPE_CHECKING:
    from creditscore.config.catalogue import CatalogueItem
    from creditscore.config.features import FeatureSpec
    from creditscore.config.project import Project

_COUNTS = ("custom", "count", "sum", "max", "distinct", "banded_sum", "on_list", "days_since_last", "share")


class Factor(Spec):
    """Something features may not be about."""

    name: Name
    rule: Literal["forbidden", "restricted"]
    label: Label
    basis: str
    words: tuple[str, ...] = Field(min_length=1)


class Factors(Spec):
    """The document ``forbidden.toml``."""

    factor: tuple[Factor, ...]


@cache
def factors() -> tuple[Factor, ...]:
    """The factors that ship with the library."""
    return read_spec(Factors, Path(str(files("creditscore.features") / "forbidden.toml"))).factor


def guard_features(features: tuple[FeatureSpec, ...], project: Project) -> list[str]:
    """Refuse what law or method forbids; return the warnings.

    Raises:
        ConfigError: One line per refused feature: file, key, rule, basis.
    """
    items = project.catalogue.by_kind
    refusals: list[str] = []
    warnings: list[str] = []
    for place, feature in enumerate(features, start=1):
        used = [items[kind] for kind in feature.kind if kind in items]
        where = f'{project.folder / "features.toml"}: feature[{place}] "{feature.name}"'
        refusals += [f"{where}{fault}" for fault in _gate(feature, used, project)]
        for factor in _about(feature, used):
            line = f"{where}: about {factor.label.en} ({factor.label.zh}), which is {factor.rule}: {factor.basis}"
            refused = factor.rule == "forbidden" or project.about.purpose == "bidding"
            (refusals if refused else warnings).append(line)
    if refusals:
        raise ConfigError("\n".join(refusals))
    return warnings


def _gate(feature: FeatureSpec, used: list[CatalogueItem], project: Project) -> list[str]:
    """The catalogue's gate: legal basis, purpose, population; and no bare counts of findings."""
    purpose = project.about.purpose
    faults = []
    for item in used:
        if not item.legal_basis:
            faults.append(f'.kind: expected items with a legal basis (got "{item.kind}" without one)')
        if purpose not in item.purposes:
            released = ", ".join(item.purposes) or "nothing"
            faults.append(f'.kind: expected items released for {purpose} (got "{item.kind}", released for {released})')
        if item.population not in (project.about.population, "any"):
            faults.append(
                f'.kind: expected items about a {project.about.population} (got "{item.kind}", about a {item.population})'
            )
        if item.found_by == "inspection" and feature.aggregate in _COUNTS and not feature.reason:
            faults.append(
                f'.aggregate: "{item.kind}" is known of visited subjects only: use finding_ratio, or say in reason why a bare '
                f"{feature.aggregate} is right"
            )
        if item.source != feature.source and feature.source != "base":
            faults.append(f'.source: expected {item.source}, the source of "{item.kind}" (got {feature.source})')
    return faults


def _about(feature: FeatureSpec, used: list[CatalogueItem]) -> list[Factor]:
    texts = [
        feature.name,
        feature.label.zh,
        feature.label.en,
        feature.description,
        *feature.kind,
        *feature.result,
        *feature.share_of,
    ]
    for item in used:
        texts += [item.kind, item.label.zh, item.label.en, *item.concerns]
    text = _plain(" ".join(texts))
    return [factor for factor in factors() if any(_says(text, _plain(word)) for word in factor.words)]


def _plain(text: str) -> str:
    """Lower case, words parted by one underscore, so that "Local Branch" and local-branch read alike."""
    return re.sub(r"[\W_]+", "_", text.lower())


def _says(text: str, word: str) -> bool:
    if word.isascii():
        return re.search(rf"(?:^|_){re.escape(word)}(?:s|es)?(?:_|$)", text) is not None
    return word in text
