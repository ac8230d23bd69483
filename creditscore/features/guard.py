"""What must not count cannot: every feature is checked here before anything is computed.

A refusal is a ConfigError with file, key and rule.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from creditscore.config.features import FeatureSpec
from creditscore.config.spec import Day, Items, Label, Name, Spec, read_spec
from creditscore.config.targets import RegisterTarget
from creditscore.errors import ConfigError
from creditscore.records.standard.identity import tables_of

if TYPE_CHECKING:
    from creditscore.config.catalogue import CatalogueItem
    from creditscore.config.features import FeatureSpec
    from creditscore.config.project import Project
    from creditscore.config.targets import TargetSpec


#: Names of regions as tables have them, and the part of a long one by which it is known: 永州, 江华, 湘西.
_LONG_NAME = re.compile(r"[\u4e00-\u9fff]+[省市县区州]")
_SHORT_NAME = re.compile(
    r"([\u4e00-\u9fff]{2,}?)(?:维吾尔自治区|(?:[^族]{1,3}族)+自治[州县区]|自治区|特别行政区|(?<!辖)[省市县区州])"
)


class NearWords(Spec):
    """Two lists of words that name a factor where one of each stands near the other, in either order."""

    first: Items[str] = Field(min_length=1)
    second: Items[str] = Field(min_length=1)


class GuardedFactor(Spec):
    """Something features may not be about, by whole words, or by a place followed or preceded by one of ``things``.

    ``since``: from when its source has been in force. ``excepted`` (``except``): names that hold a word and mean something else.
    ``near``: words that name it without a place.
    """

    name: Name
    rule: Literal["forbidden", "restricted"]
    since: Day
    label: Label
    basis: str
    words: Items[str] = Field(min_length=1)
    things: Items[str] = ()
    near: NearWords | None = None
    excepted: Items[str] = Field(default=(), alias="except")


#: Stands for a factor without such words.
_NOTHING_NEAR = NearWords.model_construct(first=(), second=())


class _GuardedFactors(Spec):
    """The document ``forbidden.toml``."""

    places: Items[str]
    #: What may stand between a thing and the place after it: the tax *is paid in* the city.
    between: Items[str]
    traditional: str
    factor: Items[GuardedFactor]


@cache
def _shipped() -> _GuardedFactors:
    return read_spec(_GuardedFactors, Path(str(files("creditscore.features") / "forbidden.toml")))


def guarded_factors() -> tuple[GuardedFactor, ...]:
    """The factors that ship with the library."""
    return _shipped().factor


def factors_in(texts: Iterable[str], places: Collection[str] = ()) -> list[GuardedFactor]:
    """The factors that any of some texts is about, by the words used.

    Args:
        texts: Names, labels, descriptions.
        places: Names of the project's own area, which count like 本地 and ``local``.
    """
    known = frozenset(place for one in places if (place := _plain(one).strip("_")))
    found = frozenset().union(*(_numbers_of(text, known) for text in texts))
    return [factor for number, factor in enumerate(guarded_factors()) if number in found]


@lru_cache(maxsize=4096)
def _numbers_of(text: str, places: frozenset[str]) -> frozenset[int]:
    """The positions of the factors that a text is about.

    Kept: the features of a project share most of their texts, and several steps of a run ask for the same ones.
    """
    plain = _plain(text)
    return frozenset(number for number, factor in enumerate(guarded_factors()) if _is_about(plain, factor, places))


def guarded_factors_of(feature: FeatureSpec, items: list[CatalogueItem], places: Collection[str] = ()) -> list[GuardedFactor]:
    """The factors that a feature or one of its catalogue items is about, by the words used."""
    texts = [
        feature.name, *feature.label.names().values(), feature.unit, feature.description, feature.scheme or "",
        feature.function or "", *feature.kind, *feature.result, *feature.share_of, *feature.order,
    ]  # fmt: skip
    for item in items:
        texts += [item.kind, *item.label.names().values(), *item.concerns]
    # Whose words the value itself is: the name of the office that sent the record, and with it its region.
    texts += ["inspecting office"] if feature.aggregate == "latest" and feature.column == "provider" else []
    return factors_in(texts, places)


def own_places(project: Project) -> frozenset[str]:
    """What a project's own area is called: ``places`` of ``project.toml``, and the regions of its tables, long and short."""
    names = {region.name for table in tables_of(project).regions for region in table.region}
    long = {name.removesuffix("本级") for name in names if _LONG_NAME.fullmatch(name.removesuffix("本级"))}
    short = {found[1] for name in long if (found := _SHORT_NAME.fullmatch(name))}
    return frozenset({*project.about.places, *long, *short})


def _plain(text: str) -> str:
    """Lower case, simplified, words parted by one underscore and sentences by a bar: "Local Branch" and local-branch read alike."""
    shown = "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    sentences = re.split(r"[。;!?|]+", shown.lower().translate(_simplified()))
    return "|".join(re.sub(r"[\W_]+", "_", sentence) for sentence in sentences)


@cache
def _simplified() -> dict[int, str]:
    return {ord(pair[0]): pair[1] for pair in _shipped().traditional.split()}


def _is_about(text: str, factor: GuardedFactor, places: frozenset[str]) -> bool:
    """Whether a plain text names a factor: by a word, by a place and a thing near it, or by two words near each other."""
    squeezed = text.replace("_", "")
    for other in factor.excepted:
        squeezed = squeezed.replace(other, "|")
        text = _pattern(other).sub("|", text) if other.isascii() else text
    if any(_says(text, squeezed, word) for word in factor.words):
        return True
    return any(pattern.search(text) for pattern in _english_pairs(factor, places)) or any(
        pattern.search(squeezed) for pattern in _chinese_pairs(factor, places)
    )


@cache
def _english_pairs(factor: GuardedFactor, places: frozenset[str]) -> tuple[re.Pattern[str], ...]:
    """A place, at most two words, a thing; or the other way round with at most one word between."""
    there, things, between = (_ascii(words) for words in ((*_shipped().places, *places), factor.things, _shipped().between))
    near = factor.near or _NOTHING_NEAR
    first, second = _ascii(near.first), _ascii(near.second)
    few, back = "_?(?:[a-z]+_){0,2}", f"_?(?:(?:{between})_){{0,2}}_?(?:[a-z]+_){{0,1}}"
    pairs = [(there, few, things), (things, back, there), (first, few, second), (second, few, first)]
    return tuple(
        re.compile(f"(?<![a-z])(?:{one})(?:s|es)?{gap}(?:{other})(?:s|es)?(?![a-z])") for one, gap, other in pairs if one and other
    )


@cache
def _chinese_pairs(factor: GuardedFactor, places: frozenset[str]) -> tuple[re.Pattern[str], ...]:
    """A place, at most four signs, a thing; or the other way round with hardly anything between."""
    words = ((*_shipped().places, *places), factor.things, _shipped().between)
    there, things, between = (_chinese(one) for one in words)
    near = factor.near or _NOTHING_NEAR
    first, second = _chinese(near.first), _chinese(near.second)
    # 永州市2024年社会信用体系建设工作要点 names a document.
    there = there and f"(?:{there})(?![市省县区]?[0-9]{{4}})"
    few, back = "[^|]{0,4}?", f"(?:{between}){{0,3}}[^|]{{0,1}}?"
    pairs = [(there, few, things), (things, back, there), (first, "[^|]{0,3}?", second), (second, "[^|]{0,3}?", first)]
    return tuple(re.compile(f"(?:{one}){gap}(?:{other})") for one, gap, other in pairs if one and other)


def _ascii(words: Iterable[str]) -> str:
    return "|".join(sorted(re.escape(word).replace("_", "_?") for word in words if word.isascii()))


def _chinese(words: Iterable[str]) -> str:
    return "|".join(sorted(re.escape(word) for word in words if not word.isascii()))


def _says(text: str, squeezed: str, word: str) -> bool:
    """Whether a word occurs in a text; the parts of an English one may be written together, a Chinese one apart."""
    if not word.isascii():
        return word in squeezed
    return _pattern(word).search(text) is not None


@cache
def _pattern(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z]){re.escape(word).replace('_', '(?:s|es)?_?')}(?:s|es)?(?![a-z])")


def guard_features(features: tuple[FeatureSpec, ...], project: Project) -> list[str]:
    """Refuse what law or method forbids; return the warnings.

    Raises:
        ConfigError: One line per refused feature or target of the project: file, key, rule, basis. Something is no
            feature, or a name occurs twice.
    """
    _refuse_no_features(features)
    items = project.catalogue.by_kind
    refusals = [fault for target in project.targets.values() for fault in target_faults(target, project)]
    warnings: list[str] = []
    places = own_places(project)
    for number, feature in enumerate(features, start=1):
        used = [items[kind] for kind in feature.kind if kind in items]
        where = f'{project.folder / "features.toml"}: feature[{number}] "{feature.name}"'
        refusals += [f"{where}{fault}" for fault in [*_strange(feature, project), *_gate(feature, used, project)]]
        for factor in guarded_factors_of(feature, used, places):
            line = f"{where}: about {factor.label.text('en')} ({factor.label.text('zh')}), which is {factor.rule}: {factor.basis}"
            refused = factor.rule == "forbidden" or project.about.purpose == "bidding"
            (refusals if refused else warnings).append(line)
    if refusals:
        lines = "\n".join(refusals)
        raise ConfigError(lines)
    return warnings


def under_a_warning(project: Project) -> tuple[str, ...]:
    """Names of the features that are about a guarded factor: what is not refused stands under a warning, and in no cross."""
    items = project.catalogue.by_kind
    of_feature = {one.name: [items[kind] for kind in one.kind if kind in items] for one in project.features}
    places = own_places(project)
    # What is of some industries only is in no cross anyway.
    return tuple(
        one.name for one in project.features if not one.industries and guarded_factors_of(one, of_feature[one.name], places)
    )


def _refuse_no_features(given: object) -> None:
    features = list(given) if isinstance(given, Iterable) and not isinstance(given, FeatureSpec | str) else None
    names = [feature.name for feature in features or () if isinstance(feature, FeatureSpec)]
    if features is None or len(names) < len(features):
        raise ConfigError("features: expected specifications of features, such as project.features (got something else)")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError("features: expected each name once, but {twice} appears several times", twice=", ".join(twice))


def _strange(feature: FeatureSpec, project: Project) -> list[str]:
    strange = [kind for kind in feature.kind if kind not in project.catalogue.by_kind]
    return [f'.kind: expected kinds of the catalogue (got "{kind}")' for kind in strange]


def target_faults(target: TargetSpec, project: Project) -> list[str]:
    """Why a register target may not be learnt from: kinds not in the catalogue, not free, or known of visited subjects only."""
    faults = []
    for kind in target.kind if isinstance(target, RegisterTarget) else ():
        item = project.catalogue.by_kind.get(kind)
        if item is None:
            faults.append(f'.kind: expected kinds of the catalogue (got "{kind}")')
            continue
        faults += _not_free(item, project)
        if item.found_by == "inspection":
            faults.append(f'.kind: "{kind}" is known of visited subjects only: use a target of type inspection')
    return [f'{project.folder / "targets.toml"}: target "{target.name}"{fault}' for fault in faults]


def _gate(feature: FeatureSpec, used: list[CatalogueItem], project: Project) -> list[str]:
    """The catalogue's gate: legal basis, purpose, population, block; and no bare counts of findings."""
    faults = []
    for item in used:
        faults += _not_free(item, project)
        # Whatever is computed from such records, their mere existence shows who was visited.
        if item.found_by == "inspection" and not feature.reason.strip():
            faults.append(
                f'.aggregate: "{item.kind}" is known of visited subjects only: use finding_ratio, or say in reason why a bare '
                f"{feature.aggregate} is right"
            )
        # Blocks have rules of their own: what is declared only adds, what is base is never dropped.
        if item.source != feature.source:
            faults.append(f'.source: expected {item.source}, the source of "{item.kind}" (got {feature.source})')
    return faults


def _not_free(item: CatalogueItem, project: Project) -> list[str]:
    """Why a project may not use a kind at all."""
    purpose, population, faults = project.about.purpose, project.about.population, []
    if not item.legal_basis.strip():
        faults.append(f'.kind: expected items with a legal basis (got "{item.kind}" without one)')
    if purpose not in item.purposes:
        released = ", ".join(item.purposes) or "nothing"
        faults.append(f'.kind: expected items released for {purpose} (got "{item.kind}", released for {released})')
    if item.population not in (population, "any"):
        faults.append(f'.kind: expected items about a {population} (got "{item.kind}", about a {item.population})')
    return faults
