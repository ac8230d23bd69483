"""The scorecard as plain, checked data: what stands in its file, and nothing that it does."""

import hashlib
from functools import cached_property
from typing import Final, Literal

from pydantic import Field, JsonValue, model_validator

from creditscore.config.base import Items, Spec
from creditscore.config.scorecards import Scaling
from creditscore.models.card import text
from creditscore.models.card.attribute import Characteristic, ColumnName

FORMAT: Final = "creditscore.scorecard/1"
#: Gaps are multiplied by 1000 when reasons are sought, in 32-bit integers.
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

    The probability of bad is a function of the whole score (:func:`creditscore.models.card.probability.of_score`):
    calibration is folded into the points. ``representative`` is False where the training rows were not
    a random draw: the card then says nothing of subjects that were not inspected.
    """

    format: Literal["creditscore.scorecard/1"] = FORMAT
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
    def _holds_together(self) -> "Card":
        names = [one.name for one in self.characteristics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"each characteristic once, but {', '.join(twice)} stands several times")
        for baseline in self.baselines:
            if set(baseline.points) != set(names):
                differ = ", ".join(sorted(set(baseline.points) ^ set(names)))
                raise ValueError(f"baseline {baseline.name}: points for each characteristic and no other (differs in {differ})")
        cuts = [baseline.above_score for baseline in self.baselines]
        if len(set(cuts)) != len(cuts):
            raise ValueError("each above_score belongs to one baseline, and one baseline has none")
        points = [value for baseline in self.baselines for value in baseline.points.values()]
        if max(map(abs, [self.constant, self.lowest, self.highest, *points])) > _LARGEST:
            raise ValueError(
                f"constant, scores and points between -{_LARGEST} and {_LARGEST} (they are 32-bit integers everywhere)"
            )
        return self

    @property
    def features(self) -> tuple[ColumnName, ...]:
        """Names of the columns that are read, in the order of the card."""
        return tuple(one.name for one in self.characteristics)

    @property
    def lowest(self) -> int:
        """The lowest score that can be had."""
        return self.constant + sum(min(a.points for a in one.attributes) for one in self.characteristics)

    @property
    def highest(self) -> int:
        """The highest score that can be had."""
        return self.constant + sum(max(a.points for a in one.attributes) for one in self.characteristics)

    def to_json(self) -> str:
        """Canonical text: sorted keys, two spaces, no NaN, shortest floats, a line feed at the end."""
        return text.written(self.model_dump(), f"scorecard {self.name}")

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of :meth:`to_json` in UTF-8: the version of the card."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()
