"""The scorecard as data: canonical JSON whose SHA-256 is its version. Scoring needs nothing else."""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import pandas as pd
from pydantic import Field, JsonValue, ValidationError, model_validator

from creditscore.config.base import Language, Name, Spec
from creditscore.config.scorecards import Scaling
from creditscore.errors import DataError
from creditscore.models.attribute import Attribute, Characteristic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FORMAT", "Attribute", "Baseline", "Characteristic", "Scorecard"]

FORMAT: Final = "creditscore.scorecard/1"
#: Gaps are multiplied by 1000 when reasons are sought, in 32-bit integers.
_LARGEST = 500_000
Dialect = Literal["duckdb", "spark", "postgres"]


class Baseline(Spec):
    """Points per characteristic that own points are compared with when reasons are given.

    Subjects with a score below ``above_score`` may be compared with this one: it is the mean of those
    just above that cut. Without ``above_score`` it is the mean of the population, for all others.
    """

    name: str
    above_score: int | None = None
    points: dict[str, int]


class Scorecard(Spec):
    """``score = constant + sum of points``, whole numbers; a higher score is a lower risk.

    The probability of bad is a function of the whole score (:func:`creditscore.models.probability.of_score`):
    calibration is folded into the points. ``representative`` is False where the training rows were not
    a random draw: the card then says nothing of subjects that were not inspected.
    """

    format: Literal["creditscore.scorecard/1"] = FORMAT
    name: str
    industry: str
    target: str = ""
    scaling: Scaling
    constant: int
    characteristics: tuple[Characteristic, ...] = Field(max_length=999)
    baselines: tuple[Baseline, ...] = ()
    #: Where the card comes from: window, rows, effective size, events, shrinkage, hashes.
    training: dict[str, JsonValue] = Field(default_factory=dict)
    representative: bool = True

    @model_validator(mode="after")
    def _holds_together(self) -> "Scorecard":
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
    def features(self) -> tuple[Name, ...]:
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
        try:
            text = json.dumps(self.model_dump(), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        except (ValueError, TypeError) as error:
            raise DataError(f"scorecard {self.name}: training: expected plain finite JSON values ({error})") from None
        return text + "\n"

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of :meth:`to_json` in UTF-8: the version of the card."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str, *, sha256: str | None = None) -> "Scorecard":
        """The card whose :meth:`to_json` is ``text``.

        Raises:
            DataError: when the text is not a card, has a format this version does not know, or, with
                ``sha256``, is not byte for byte the text that has this hash (it was edited or cut).
        """
        found = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        if sha256 is not None and found != sha256:
            raise DataError(f"scorecard: edited since it was signed: expected sha256 {sha256}, found {found}; sign it again")
        return _parse(text)

    @classmethod
    def from_table(
        cls,
        table: "pd.DataFrame | str | Path",
        *,
        name: str = "expert",
        industry: str = "all",
        scaling: Scaling | None = None,
    ) -> "Scorecard":
        """A card of expert points: see :func:`creditscore.models.expert.from_table` for the columns."""
        from creditscore.models import expert

        return expert.from_table(table, name=name, industry=industry, scaling=scaling or Scaling())

    def table(self, style: Literal["summary", "detailed"] = "summary", *, lang: Language = "en") -> pd.DataFrame:
        """One row per attribute (and one for the constant); ``detailed`` adds what it was fitted on."""
        from creditscore.models import scorecard_table

        return scorecard_table.table(self, style=style, lang=lang)

    def to_sql(self, dialect: Dialect = "duckdb", *, table: str = "features") -> str:
        """A SELECT over ``table`` with keys, points per characteristic, block subtotals, score and ppm."""
        from creditscore.models import score

        return score.to_sql(self, dialect, table=table)

    def scores(self, frame: object, *, threads: int | None = None) -> pd.Series:
        """Whole scores (int32, name ``score``), one per row of ``frame``, its index kept."""
        from creditscore.models import in_memory

        return in_memory.scores(self, frame, threads=threads)

    def points(self, frame: object) -> pd.DataFrame:
        """Whole points, a column per characteristic: the sum of a row + ``constant`` is the score."""
        from creditscore.models import in_memory

        return in_memory.points(self, frame)

    def block_points(self, frame: object) -> pd.DataFrame:
        """``points_base`` (with the constant), ``points_public`` ... that add up to the score."""
        from creditscore.models import in_memory

        return in_memory.block_points(self, frame)

    def predict_proba(self, frame: object) -> "NDArray[np.float64]":
        """(n, 2): probability of good and of bad; a function of the whole score."""
        from creditscore.models import in_memory

        return in_memory.predict_proba(self, frame)

    def reasons(self, frame: object, *, top: int = 4) -> pd.DataFrame:
        """``reason_1`` ... names of the characteristics that cost most against the baseline."""
        from creditscore.models import reasons

        return reasons.reasons(self, frame, top=top)

    def improvements(self, frame: object) -> pd.DataFrame:
        """Points that each characteristic could still add (best attribute − own), one column each."""
        from creditscore.models import reasons

        return reasons.improvements(self, frame)

    def labels(self, frame: object) -> pd.DataFrame:
        """The label of the attribute each value falls in, a column per characteristic."""
        from creditscore.models import in_memory

        return in_memory.labels(self, frame)

    def diff(self, other: "Scorecard") -> pd.DataFrame:
        """What changes from this card to ``other``: one row per attribute whose bin or points differ."""
        from creditscore.models import diff

        return diff.diff(self, other)

    def _repr_html_(self) -> str:
        return self.table().to_html(index=False, escape=True)


def _parse(text: str) -> Scorecard:
    try:
        data = json.loads(text, object_pairs_hook=_each_key_once, parse_constant=_no_constant)
    except ValueError as error:
        raise DataError(f"scorecard: expected the JSON of a card: {error}") from None
    if not isinstance(data, dict) or "format" not in data:
        raise DataError(f'scorecard: expected an object with "format": "{FORMAT}"; this file is something else')
    if data["format"] != FORMAT:
        raise DataError(f"scorecard: format: expected {FORMAT} (got {data['format']!r}); a newer creditscore may read it")
    try:
        return Scorecard.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise DataError(f"scorecard: {place}: {first['msg']}") from None


def _each_key_once(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no number of a card")
