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
        """Read the card; MLflow calls this once, and prescribes the name of the argument."""
        with open(context.artifacts["card"], encoding="utf-8") as stream:
            self._card = Scorecard.from_json(stream.read())

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """One row per row of ``model_input``: the integer score, and the calibrated probability of bad in ppm."""
        scores = self._card.scores(model_input)
        probability = self._card.predict_proba(model_input)[:, 1]
        return pd.DataFrame({"score": scores.to_numpy(), "probability_ppm": ppm_of(probability)})


mlflow.models.set_model(ScorecardModel())
