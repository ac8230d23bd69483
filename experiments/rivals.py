"""Rivals that the library does not ship."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd


class OptbinningCard:
    """The scorecard of optbinning with every default, by scikit-learn's logistic regression; missing texts are its own."""

    def __init__(self, frame: pd.DataFrame, y: pd.Series) -> None:
        from optbinning import BinningProcess, Scorecard
        from sklearn.linear_model import LogisticRegression

        texts = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
        process = BinningProcess(list(frame.columns), categorical_variables=texts)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._card: Any = Scorecard(process, LogisticRegression()).fit(_plain(frame), y.to_numpy())

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        """(n, 2): probabilities of good and bad."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._card.predict_proba(_plain(frame))


def optbinning_card(frame: pd.DataFrame, y: pd.Series) -> OptbinningCard:
    """Fitted on the rows, without weights."""
    return OptbinningCard(frame, y)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    texts = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    return frame.assign(**{name: frame[name].astype(object).where(frame[name].notna(), None) for name in texts})
