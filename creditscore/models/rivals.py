"""Plain rivals of the card: a logistic regression on the raw columns, and the scorecard of optbinning as it comes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from creditscore.dataframes import Floats, feature_frame
from creditscore.errors import DataError
from creditscore.models.columns import Factor, FeatureColumn, Features, columns_of_model
from creditscore.models.sample import read_sample


@dataclass(frozen=True)
class Rival:
    """A fitted model of another library with the columns that it was fitted on.

    ``missing`` replaces a missing text: None, or a text of its own.
    """

    model: Any
    factors: tuple[Factor, ...]
    missing: str | None

    def predict_proba(self, X: object) -> Floats:
        """The probabilities of good and of bad: an array of shape (n, 2), one row per row of ``X``.

        Columns are matched by name, so their order does not matter.

        Raises:
            DataError: A column is missing, or holds texts where numbers were fitted.
        """
        columns = columns_of_model(feature_frame(X), self.factors)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            probability: Floats = self.model.predict_proba(_model_frame(columns, missing=self.missing))
        return probability


def fit_logistic(X: object, y: object, *, features: Features = None, sample_weight: object | None = None) -> Rival:
    """Logistic regression on the same rows and weights; no trends, no bins.

    scikit-learn's pipeline: medians for missing numbers and a flag, scaling, one-hot texts, default penalty.

    Raises:
        DataError: The input cannot be used.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    missing = "(missing)"
    sample = read_sample(X, y, features=features, sample_weight=sample_weight, nuisance=None)
    numbers = [column.factor.name for column in sample.columns if not column.text]
    texts = [column.factor.name for column in sample.columns if column.text]
    prepared = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.01), texts),
    )
    model = make_pipeline(prepared, LogisticRegression(max_iter=2000))
    frame = _model_frame(sample.columns, missing=missing)
    model.fit(frame, sample.bad.astype(int), logisticregression__sample_weight=sample.weight / sample.weight.mean())
    return Rival(model, tuple(column.settled for column in sample.columns), missing)


def fit_optbinning(X: object, y: object, *, features: Features = None) -> Rival:
    """Optbinning's scorecard with every default, on the same rows; it takes no weights in its own tables, so it gets none here.

    Columns without a value are left out: it ends in an error on them.

    Raises:
        DataError: The input cannot be used, or optbinning ends in an error.
    """
    from optbinning import BinningProcess, Scorecard
    from sklearn.linear_model import LogisticRegression

    sample = read_sample(X, y, features=features, sample_weight=None, nuisance=None)
    filled = [column for column in sample.columns if not column.missing.all()]
    texts = [column.factor.name for column in filled if column.text]
    names = [column.factor.name for column in filled]
    model = Scorecard(BinningProcess(names, categorical_variables=texts), LogisticRegression(max_iter=2000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(_model_frame(filled, missing=None), sample.bad.astype(int))
        except Exception as error:  # whatever a rival raises is no fault of the cards
            raise DataError("optbinning: {kind}: {error}", kind=type(error).__name__, error=error) from error
    return Rival(model, tuple(column.settled for column in filled), None)


def _model_frame(columns: Sequence[FeatureColumn], *, missing: str | None) -> pd.DataFrame:
    frame: dict[str, Any] = {}
    for column in columns:
        values = column.values
        if column.text:
            values = np.array([*column.categories, missing], dtype=object)[column.values]
        frame[column.factor.name] = values
    return pd.DataFrame(frame)
