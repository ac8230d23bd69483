"""Plain rivals of the card: a logistic regression on the raw columns, and the scorecard of optbinning as it comes."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from creditscore.dataframes import Floats, feature_frame
from creditscore.errors import DataError
from creditscore.models.sample import Factor, FeatureColumn, Features, read_columns, read_sample


@dataclass(frozen=True)
class LogisticRival:
    """scikit-learn's pipeline: medians for missing numbers and a flag, scaling, one-hot texts, default penalty."""

    model: Any
    feature_names: tuple[str, ...]
    factors: tuple[Any, ...]

    def predict_proba(self, X: object) -> Floats:
        """(n, 2): probabilities of good and bad; columns are found by name.

        Raises:
            DataError: when a column is missing.
        """
        frame = feature_frame(X)
        absent = [name for name in self.feature_names if name not in frame.columns]
        if absent:
            raise DataError("features: column {absent} is missing", absent=", ".join(absent))
        columns, refused = read_columns(frame, self.factors)
        if refused:
            raise DataError("features: " + "; ".join(refused.values()))
        found: Floats = self.model.predict_proba(_frame(columns))
        return found


def fit_logistic(X: object, y: object, *, features: Features = None, sample_weight: object | None = None) -> LogisticRival:
    """Logistic regression on the same rows and weights; no trends, no bins.

    Raises:
        DataError: when the input cannot be used.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    sample = read_sample(X, y, features=features, sample_weight=sample_weight, nuisance=None)
    numbers = [column.factor.name for column in sample.columns if not column.text]
    texts = [column.factor.name for column in sample.columns if column.text]
    prepared = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.01), texts),
    )
    model = make_pipeline(prepared, LogisticRegression(max_iter=2000))
    frame = _frame(sample.columns)
    model.fit(frame, sample.bad.astype(int), logisticregression__sample_weight=sample.weight / sample.weight.mean())
    names = tuple(column.factor.name for column in sample.columns)
    return LogisticRival(model, names, _settled(sample.columns))


@dataclass(frozen=True)
class OptbinningRival:
    """optbinning's own card with every default, by scikit-learn's logistic regression."""

    model: Any
    factors: tuple[Any, ...]

    def predict_proba(self, X: object) -> Floats:
        """(n, 2): probabilities of good and bad; columns are found by name.

        Raises:
            DataError: when a column is missing or is not what was fitted.
        """
        frame = feature_frame(X)
        absent = [factor.name for factor in self.factors if factor.name not in frame.columns]
        if absent:
            raise DataError("features: column {absent} is missing", absent=", ".join(absent))
        columns, refused = read_columns(frame, self.factors)
        if refused:
            raise DataError("features: " + "; ".join(refused.values()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found: Floats = self.model.predict_proba(_frame(columns, missing=None))
        return found


def fit_optbinning(X: object, y: object, *, features: Features = None) -> OptbinningRival:
    """Optbinning's scorecard on the same rows; it takes no weights in its own tables, so it gets none here.

    Columns without a value are left out: it ends in an error on them.

    Raises:
        DataError: when the input cannot be used, or optbinning ends in an error.
    """
    from optbinning import BinningProcess, Scorecard
    from sklearn.linear_model import LogisticRegression

    sample = read_sample(X, y, features=features, sample_weight=None, nuisance=None)
    filled = tuple(column for column in sample.columns if not column.missing.all())
    texts = [column.factor.name for column in filled if column.text]
    names = [column.factor.name for column in filled]
    model = Scorecard(BinningProcess(names, categorical_variables=texts), LogisticRegression(max_iter=2000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(_frame(filled, missing=None), sample.bad.astype(int))
        except Exception as error:  # whatever a rival raises is no fault of the cards
            raise DataError("optbinning: {kind}: {error}", kind=type(error).__name__, error=error) from error
    return OptbinningRival(model, _settled(filled))


def _settled(columns: tuple[FeatureColumn, ...]) -> tuple[Factor, ...]:
    """What each column was when it was fitted, so that one without values is read as the same later."""
    return tuple(replace(column.factor, text=column.text) for column in columns)


def _frame(columns: tuple[FeatureColumn, ...], *, missing: str | None = "(missing)") -> pd.DataFrame:
    found: dict[str, Any] = {}
    for column in columns:
        if column.text:
            lookup = np.array([*column.categories, missing], dtype=object)
            found[column.factor.name] = lookup[column.values]
        else:
            found[column.factor.name] = column.values
    return pd.DataFrame(found)
