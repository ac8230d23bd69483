"""The scorecard as plain, checked data: the content of its file, and nothing that it does."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from itertools import product
from typing import Final, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from creditscore.config.scorecards import Scaling
from creditscore.config.spec import Items, Spec
from creditscore.errors import DataError
from creditscore.models.characteristic import Characteristic, ColumnName
from creditscore.models.score_range import least_points
from creditscore.storage import canonical_json, parsed_json, sha256_of


def card_text(content: Mapping[str, object], what: str) -> str:
    """Canonical JSON: the same content gives the same bytes.

    Raises:
        DataError: It holds anything but plain finite JSON values.
    """
    try:
        text = canonical_json(content)
        text.encode()
    except (ValueError, TypeError) as error:
        raise DataError("{what}: training: expected plain finite JSON values ({error})", what=what, error=error) from None
    return text


def card_object(text: str, *, form: str, sha256: str | None = None) -> dict[str, JsonValue]:
    """The JSON object in ``text``. With ``sha256``, the UTF-8 bytes of the text must have that SHA-256.

    Raises:
        DataError: The hash or the format differs, a key appears twice in an object, or a number is not finite.
    """
    if not isinstance(text, str):
        raise DataError("scorecard: expected the JSON of a card as text (got {kind})", kind=type(text).__name__)
    actual = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    if sha256 is not None and actual != sha256:
        raise DataError(
            "scorecard: edited since it was signed: expected sha256 {sha256}, found {actual}; sign it again",
            sha256=sha256,
            actual=actual,
        )
    try:
        data = parsed_json(text, object_pairs_hook=_each_key_once, parse_constant=_no_constant)
    except ValueError as error:
        raise DataError("scorecard: expected the JSON of a card: {error}", error=error) from None
    if not isinstance(data, dict) or "format" not in data:
        raise DataError('scorecard: expected an object with "format": "{form}"; this file is something else', form=form)
    if data["format"] != form:
        raise DataError(
            "scorecard: format: expected {form} (got {format!r}); a newer creditscore may read it", form=form, format=data["format"]
        )
    return data


def _each_key_once(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return members


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no number of a card")


CARD_FORMAT: Final = "creditscore.scorecard/1"
#: The largest number of points. When reasons are computed, differences of points are multiplied by 1000 in 32-bit integers.
_LARGEST = 500_000


class Baseline(Spec):
    """Points per characteristic that own points are compared with when reasons are given.

    Subjects with a score below ``above_score`` may be compared with this one: it is the mean of those
    just above that cut. Without ``above_score`` it is the mean of the population, for all others.
    """

    name: str
    above_score: int | None = None
    points: dict[str, int]


class Card(Spec):
    """``score = constant + sum of points``, whole numbers; a higher score is a lower risk.

    The probability of bad is a function of the whole score (:func:`creditscore.models.scoring.of_score`):
    calibration is part of the points. ``representative`` is False if the training rows were not a random draw; the
    card then holds for inspected subjects only.
    """

    #: A figure of the training may be NaN in memory; a card with one is refused when it is written or read.
    model_config = ConfigDict(allow_inf_nan=True)

    format: Literal["creditscore.scorecard/1"] = CARD_FORMAT
    name: str
    industry: str
    target: str = ""
    scaling: Scaling
    constant: int
    characteristics: Items[Characteristic] = Field(max_length=999)
    baselines: Items[Baseline] = ()
    #: Where the card comes from: window, rows, effective size, events, shrinkage, hashes.
    training: dict[str, JsonValue] = Field(default_factory=dict)
    representative: bool = True

    @model_validator(mode="after")
    def _holds_together(self) -> Card:
        names = [one.name for one in self.characteristics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"each characteristic once, but {', '.join(twice)} appears several times")
        for baseline in self.baselines:
            if set(baseline.points) != set(names):
                differ = ", ".join(sorted(set(baseline.points) ^ set(names)))
                raise ValueError(f"baseline {baseline.name}: points for each characteristic and no other (differs in {differ})")
        for one in self.characteristics:
            if fault := self._sides_fault(one):
                raise ValueError(f"characteristic {one.name}: {fault}")
        cuts = [baseline.above_score for baseline in self.baselines]
        if len(set(cuts)) != len(cuts):
            raise ValueError("each above_score belongs to one baseline, and one baseline has none")
        points = [value for baseline in self.baselines for value in baseline.points.values()]
        # Sums on the way count, too, so no cross is set off against its sides.
        ends = [self.constant + sum(end(a.points for a in one.attributes) for one in self.characteristics) for end in (min, max)]
        if max(map(abs, [self.constant, *ends, *points])) > _LARGEST:
            raise ValueError(
                f"constant, scores and points between -{_LARGEST} and {_LARGEST} (they are 32-bit integers everywhere)"
            )
        return self

    def _sides_fault(self, one: Characteristic) -> str:
        """What is wrong between a cross and its two characteristics; "" where nothing is."""
        if one.kind != "cross":
            return ""
        own = {each.name: each for each in self.characteristics if each.kind != "cross"}
        absent = [name for name in one.features if name not in own]
        if absent:
            return f"its features are characteristics of the card (not {', '.join(absent)})"
        first, second = (own[name] for name in one.features)
        if {first.source, second.source} != {one.source}:
            return "both features have its source"
        if first.ceiling or second.ceiling:
            return "a characteristic with a ceiling is in no cross, which could lift it"
        pairs = sorted(pair for cell in one.attributes if cell.sides is not None for pair in product(*cell.sides))
        if pairs != list(product(range(len(first.attributes)), range(len(second.attributes)))):
            return "each pair of attributes of its features lies in one cell"
        return ""

    @property
    def features(self) -> tuple[ColumnName, ...]:
        """Names of the characteristics, in the order of the card."""
        return tuple(one.name for one in self.characteristics)

    @property
    def columns(self) -> tuple[ColumnName, ...]:
        """Names of the columns that are read, in the order of the card: a cross reads those of its two characteristics."""
        return tuple(one.name for one in self.read)

    @property
    def read(self) -> tuple[Characteristic, ...]:
        """The characteristics that are columns, in the order of the card: all but the crosses."""
        return tuple(one for one in self.characteristics if one.kind != "cross")

    def sides_of(self, cross: Characteristic) -> tuple[Characteristic, Characteristic]:
        """The two characteristics of a cross."""
        own = {one.name: one for one in self.characteristics}
        first, second = cross.features
        return own[first], own[second]

    @property
    def lowest(self) -> int:
        """The lowest score that can be had, crosses included.

        A bound only where crosses are far more entangled than a fit makes them: :func:`creditscore.models.score_range.least_sum`.
        """
        return self.constant + least_points(self.characteristics)

    @property
    def highest(self) -> int:
        """The highest score that can be had, as for :attr:`lowest`."""
        return self.constant - least_points(self.characteristics, sign=-1)

    @property
    def one_score(self) -> bool:
        """Whether every subject has the same score: no characteristic was kept, or none has points that differ."""
        return self.lowest == self.highest

    def to_json(self) -> str:
        """Canonical text: sorted keys, two spaces, no NaN, shortest floats, a line feed at the end."""
        return card_text(self.model_dump(), f"scorecard {self.name}")

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of :meth:`to_json` in UTF-8: the version of the card."""
        return sha256_of(self.to_json())
