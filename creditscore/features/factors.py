"""Factors that features may not be about, and how a feature is found to be about one.

The forbidden and restricted factors are a dated file with their legal basis (``forbidden.toml``); no
project can override it. Everything a feature says of itself and of its catalogue items is read.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from creditscore.config.base import Items, Label, Name, Spec
from creditscore.config.load import read_spec

if TYPE_CHECKING:
    from creditscore.config.catalogue import CatalogueItem
    from creditscore.config.features import FeatureSpec


class Factor(Spec):
    """Something features may not be about."""

    name: Name
    rule: Literal["forbidden", "restricted"]
    label: Label
    basis: str
    words: Items[str] = Field(min_length=1)


class Factors(Spec):
    """The document ``forbidden.toml``."""

    factor: Items[Factor]


@cache
def factors() -> tuple[Factor, ...]:
    """The factors that ship with the library."""
    return read_spec(Factors, Path(str(files("creditscore.features") / "forbidden.toml"))).factor


def factors_of(feature: FeatureSpec, items: list[CatalogueItem]) -> list[Factor]:
    """The factors that a feature or one of its catalogue items is about, by the words used."""
    texts = [
        feature.name, feature.label.zh, feature.label.en, feature.unit, feature.description, feature.scheme or "",
        feature.function or "", *feature.kind, *feature.result, *feature.share_of, *feature.order,
    ]  # fmt: skip
    for item in items:
        texts += [item.kind, item.label.zh, item.label.en, *item.concerns]
    # Whose words the value itself is: the name of the office that sent the record, and with it its region.
    texts += ["inspecting office"] if feature.aggregate == "latest" and feature.column == "provider" else []
    plain = [_plain(text) for text in texts]
    return [factor for factor in factors() if any(_says(text, word) for text in plain for word in factor.words)]


def _plain(text: str) -> str:
    """Lower case, words parted by one underscore, so that "Local Branch" and local-branch read alike."""
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFKC", text).lower())


def _says(text: str, word: str) -> bool:
    """Whether a word stands in a text; the parts of an English one may be written together, a Chinese one apart."""
    if not word.isascii():
        return word in text.replace("_", "")
    return _pattern(word).search(text) is not None


@cache
def _pattern(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z]){re.escape(word).replace('_', '_?')}(?:s|es)?(?![a-z])")
