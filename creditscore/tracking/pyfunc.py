"""A scorecard as an MLflow pyfunc: models-from-code over the card's JSON, no pickle anywhere.

MLflow runs this file from a copy among its artifacts, so it imports the package by absolute names.
"""

from __future__ import annotations

from typing import Any

import mlflow.pyfunc
import pandas as pd

from creditscore.models.scorecard import Scorecard
from creditscore.models.scoring import ppm_of


class ScorecardModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc] # untyped base
    """Scores frames with the card in the artifact ``card``."""

    def load_context(self, context: Any) -> None:
        """Read the card; MLflow calls this once, and prescribes the name of the argument.

        Raises:
            DataError: The card is not the one that was logged.
        """
        with open(context.artifacts["card"], encoding="utf-8", newline="") as stream:
            self._card = Scorecard.from_json(stream.read(), sha256=context.model_config["sha256"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """One row per row of ``model_input``: the integer score, and the calibrated probability of bad in ppm.

        A column that is absent is Missing in every row, as an empty cell is; others than the card's are not read.
        """
        frame = pd.DataFrame(model_input)
        empty = {"number": "float64", "text": "object"}
        absent = {one.name: empty[one.kind] for one in self._card.read if one.name not in frame}
        filled = frame.assign(**{name: pd.Series(None, index=frame.index, dtype=kind) for name, kind in absent.items()})
        scores, probability = self._card.scores(filled), self._card.predict_proba(filled)[:, 1]
        return pd.DataFrame({"score": scores, "probability_ppm": ppm_of(probability)}, index=frame.index)


mlflow.models.set_model(ScorecardModel())
