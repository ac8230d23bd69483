"""Words that a project itself uses: they are shown even where they read like a name, as 高风险, 严重 and 金额 do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from creditscore.language import Words
from creditscore.records.columns.personal import reads_like_person
from creditscore.records.tables import COLUMN_WORDS

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.config.sources import SourceSpec

#: Longer texts of a configuration are sentences.
_LONGEST = 40
#: A slip of a shorter word may be a name as well.
_SHORTEST = 3


def source_words(source: SourceSpec) -> frozenset[str]:
    """The columns, codes and words that a source's rules name, and the standard columns in Chinese."""
    return frozenset([*_texts(source.model_dump()), *(Words.of("zh").text(label) for label in COLUMN_WORDS.values())])


def project_words(project: Project) -> frozenset[str]:
    """The words of all sources, of the kinds, their providers, and of the values that features name."""
    words = {word for source in project.sources.source for word in source_words(source)}
    for item in project.catalogue.item:
        words.update((item.kind, item.provider, item.label.text("zh"), item.label.text("en")))
    for feature in project.features:
        words.update((feature.name, feature.label.text("zh"), *feature.order, *feature.result, *feature.share_of))
    return frozenset(words)


def may_be_person(text: str, known: Collection[str]) -> bool:
    """Whether a text reads like a person's name and is no known word, nor one with a single slip.

    >>> may_be_person("严重", {"严重"}), may_be_person("严重称度", {"严重程度"}), may_be_person("严重", ())
    (False, False, True)
    """
    if not reads_like_person(text) or text in known:
        return False
    return len(text) < _SHORTEST or not any(len(word) >= _SHORTEST and one_slip(text, word) for word in known)


def one_slip(text: str, other: str) -> bool:
    """Whether two texts differ by one sign (another one, one lost, one added) or by two neighbours that are swapped.

    >>> one_slip("E102", "E12"), one_slip("E12", "E21"), one_slip("E12", "E12")
    (True, True, False)
    """
    if text == other or abs(len(text) - len(other)) > 1:
        return False
    short, long = sorted((text, other), key=len)
    at = next((place for place, sign in enumerate(short) if sign != long[place]), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    rest, swapped = short[at + 1 :] == long[at + 1 :], short[at : at + 2] == long[at : at + 2][::-1]
    return rest or (swapped and short[at + 2 :] == long[at + 2 :])


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if 0 < len(value) <= _LONGEST:
            yield value
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from (*_texts(key), *_texts(entry))
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _texts(entry)
