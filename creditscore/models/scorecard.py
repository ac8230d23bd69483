"""The scorecard: data whose canonical JSON is its version, and everything that can be asked of it. Scoring needs nothing else."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd
from pydantic import ValidationError

from creditscore.config.base import Language
from creditscore.config.scorecards import Scaling
from creditscore.errors import DataError
from creditscore.models import score
from creditscore.models.card import expert, in_memory
from creditscore.models.card import reasons as against_baseline
from creditscore.models.card import table as printed
from creditscore.models.card import text as as_text
from creditscore.models.card.attribute import Attribute, Characteristic
from creditscore.models.card.data import FORMAT, Baseline, Card
from creditscore.models.card.diff import diff

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FORMAT", "Attribute", "Baseline", "Characteristic", "Scorecard"]


class Scorecard(Card):
    """``score = constant + sum of points``, whole numbers; a higher score is a lower risk.

    A card is data (:class:`creditscore.models.card.data.Card` has the fields) that can be read, printed,
    compared and asked for scores. Frames may be pandas, polars or Arrow; pandas comes out.
    """

    @classmethod
    def from_json(cls, text: str, *, sha256: str | None = None) -> "Scorecard":
        """The card whose :meth:`to_json` is the text.

        Raises:
            DataError: when the text is not a card, has a format this version does not know, or, with
                ``sha256``, is not byte for byte the text that has this hash (it was edited or cut).
        """
        data = as_text.read(text, form=FORMAT, sha256=sha256)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(step) for step in first["loc"])
            raise DataError(f"scorecard: {place}: {first['msg']}") from None

    @classmethod
    def from_table(
        cls, table: pd.DataFrame | str | Path, *, name: str = "expert", industry: str = "all", scaling: Scaling | None = None
    ) -> "Scorecard":
        """A card of expert points: see :func:`creditscore.models.card.expert.from_table` for the columns."""
        return cls(**dict(expert.from_table(table, name=name, industry=industry, scaling=scaling or Scaling())))

    @property
    def splits(self) -> dict[str, list[float] | list[list[str | int | float]]]:
        """Edges or groups of texts by characteristic: edit them and hand them to ``ScorecardClassifier(splits=...)``."""
        return {
            one.name: list(one.edges) if one.kind == "number" else [list(a.values) for a in one.of("category")]
            for one in self.characteristics
        }

    @property
    def trends(self) -> dict[str, str]:
        """The trend that holds in each characteristic: what a challenger is to keep too."""
        return {one.name: one.trend for one in self.characteristics}

    def table(self, style: Literal["summary", "detailed"] = "summary", *, lang: Language = "en") -> pd.DataFrame:
        """One row per attribute (and one for the constant); ``detailed`` adds what it was fitted on."""
        return printed.table(self, style=style, lang=lang)

    def to_sql(self, dialect: score.Dialect = "duckdb", *, table: str = "features") -> str:
        """A SELECT over ``table`` with keys, points per characteristic, block subtotals, score and ppm."""
        return score.to_sql(self, dialect, table=table)

    def scores(self, frame: object, *, threads: int | None = None) -> pd.Series:
        """Whole scores (int32, name ``score``), one per row of ``frame``, its index kept."""
        return in_memory.scores(self, frame, threads=threads)

    def points(self, frame: object) -> pd.DataFrame:
        """Whole points, a column per characteristic: the sum of a row + ``constant`` is the score."""
        return in_memory.points(self, frame)

    def block_points(self, frame: object) -> pd.DataFrame:
        """``points_base`` (with the constant), ``points_public`` ... that add up to the score."""
        return in_memory.block_points(self, frame)

    def predict_proba(self, frame: object) -> "NDArray[np.float64]":
        """(n, 2): probability of good and of bad; a function of the whole score."""
        return in_memory.predict_proba(self, frame)

    def reasons(self, frame: object, *, top: int = 4) -> pd.DataFrame:
        """``reason_1`` ... names of the characteristics that cost most against the baseline."""
        return against_baseline.reasons(self, frame, top=top)

    def improvements(self, frame: object) -> pd.DataFrame:
        """Points that each characteristic could still add (best attribute − own), one column each."""
        return against_baseline.improvements(self, frame)

    def labels(self, frame: object) -> pd.DataFrame:
        """The label of the attribute each value falls in, a column per characteristic."""
        return in_memory.labels(self, frame)

    def diff(self, other: "Scorecard") -> pd.DataFrame:
        """What changes from this card to ``other``: one row per attribute whose bin or points differ."""
        return diff(self, other)

    def _repr_html_(self) -> str:
        return self.table().to_html(index=False, escape=True)
