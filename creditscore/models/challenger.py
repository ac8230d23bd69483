"""The rival without points: LightGBM under the same trends. The only module that imports lightgbm and shap."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from creditscore.config.spec import Label
from creditscore.dataframes import Floats, feature_frame
from creditscore.errors import DataError
from creditscore.models.sample import Factor, FeatureColumn, Features, as_sequence, columns_of_model, read_sample
from creditscore.storage import canonical_json, sha256_of

_FORMAT = "creditscore.lightgbm/1"
#: Small on purpose: thousands of rows with few bads. One thread and ``deterministic``: the same text every time.
_PARAMETERS: Mapping[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "min_sum_hessian_in_leaf": 1.0,
    "lambda_l2": 5.0,
    "feature_fraction": 0.8,
    "bagging_freq": 0,
    # "advanced" breaks the trend it promises (LightGBM #6155, #5358; also seen here).
    "monotone_constraints_method": "intermediate",
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
_ROUNDS = 200
#: What tuning tries: leaves, rounds.
_GRID: tuple[tuple[int, int], ...] = ((4, 100), (4, 300), (15, 100), (15, 300), (31, 100))
_DIRECTION = {"higher_is_riskier": 1, "lower_is_riskier": -1}


@dataclass(frozen=True)
class LightGBMChallenger:
    """A fitted LightGBM model in its native text, with the columns and categories it was fitted on.

    ``tuning`` has one row per setting tried: leaves, rounds and the weighted log loss forward in time.
    """

    #: LightGBM's own text of the model.
    model: str
    factors: tuple[Factor, ...]
    categories: Mapping[str, tuple[str, ...]]
    tuning: tuple[tuple[int, int, float], ...] = ()
    _cache: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns in the order of the model."""
        return tuple(factor.name for factor in self.factors)

    def predict_proba(self, X: object) -> Floats:
        """(n, 2): probabilities of good and bad. Columns are found by name, in whatever order.

        Raises:
            DataError: A column is missing, or holds texts where numbers were fitted.
        """
        bad: Floats = self._booster().predict(self._matrix(feature_frame(X)), num_threads=1)
        return np.column_stack([1 - bad, bad])

    def contributions(self, X: object) -> pd.DataFrame:
        """Log-odds of bad that each column adds (SHAP values, exact for trees), and ``expected``.

        A row's sum is the log-odds of its probability.
        """
        frame = feature_frame(X)
        added = self._booster().predict(self._matrix(frame), pred_contrib=True, num_threads=1)
        return pd.DataFrame(added, columns=[*self.feature_names, "expected"], index=frame.index)

    def picture(self, X: object, path: str | Path) -> None:
        """A beeswarm of :meth:`contributions` by shap (needs ``creditscore[explain]``), as PNG or SVG by the name.

        Raises:
            DataError: shap is not installed.
        """
        try:
            import shap
        except ImportError:
            raise DataError("picture: expected the package shap (got nothing); install creditscore[explain]") from None
        from matplotlib.figure import Figure
        from matplotlib.pyplot import close, gcf

        frame = feature_frame(X)
        names = list(self.feature_names)
        explanation = shap.Explanation(self.contributions(frame)[names].to_numpy(), data=self._matrix(frame), feature_names=names)
        shap.plots.beeswarm(explanation, show=False, plot_size=(8, 0.35 * len(names) + 1.5))
        figure: Figure = gcf()
        figure.savefig(path, bbox_inches="tight", dpi=110)
        close(figure)

    def to_text(self) -> str:
        """JSON that holds the native model text, the columns and the categories."""
        columns = [
            {"name": factor.name, "text": bool(factor.text), "categories": list(self.categories.get(factor.name, ()))}
            for factor in self.factors
        ]
        content = {"format": _FORMAT, "columns": columns, "model": self.model}
        return canonical_json(content, indent=1)

    @property
    def sha256(self) -> str:
        """SHA-256 of :meth:`to_text` in UTF-8: what :func:`load_lightgbm` must be given."""
        return sha256_of(self.to_text())

    def _booster(self) -> Any:
        if "booster" not in self._cache:
            import lightgbm

            self._cache["booster"] = lightgbm.Booster(model_str=self.model)
        return self._cache["booster"]

    def _matrix(self, frame: pd.DataFrame) -> Floats:
        return _matrix(columns_of_model(frame, self.factors), self.categories)


def fit_lightgbm(
    X: object,
    y: object,
    *,
    features: Features = None,
    sample_weight: object | None = None,
    time: object | None = None,
    trends: Mapping[str, str] | None = None,
    seed: int = 0,
) -> LightGBMChallenger:
    """LightGBM on the same rows, weights and trends as the cards.

    Texts with an order become its positions and rise in risk; other texts are categories.

    Args:
        X: One row per subject and day.
        y: Two classes; the larger is bad.
        features: Specifications or names of the columns; None takes all.
        sample_weight: As for the cards.
        time: A date or number per row: a few settings are then tried by rolling origin (fitted on what lay
            before, judged by log loss on what came next). Without it the settings are fixed.
        trends: Trends for columns whose specification leaves them open, such as ``card.trends``.
        seed: Of the columns that each tree sees.

    Raises:
        DataError: The input cannot be used.
    """
    sample = read_sample(X, y, features=features, sample_weight=sample_weight, nuisance=None)
    columns, directions = sample.columns, []
    for column in columns:
        declared, settled = column.factor.trend, (trends or {}).get(column.factor.name, "")
        text_direction = 1 if column.factor.order else 0
        directions.append(text_direction if column.text else _DIRECTION.get(settled if declared == "auto" else declared, 0))
    factors = tuple(column.settled for column in columns)
    categories = {column.factor.name: column.factor.order or column.categories for column in columns if column.text}
    matrix = _matrix(columns, categories)
    nominal = [position for position, column in enumerate(columns) if column.text and not column.factor.order]
    task = _Task(matrix, sample.bad.astype(float), sample.weight / sample.weight.mean(), directions, nominal, seed)
    leaves, rounds, tried = int(_PARAMETERS["num_leaves"]), _ROUNDS, tuple[tuple[int, int, float], ...]()
    if time is not None:
        moments = pd.Series(list(as_sequence(time, sample.handed_in, "time"))).to_numpy()[sample.rows]
        tried = tuple((leaves, rounds, task.forward_loss(moments, leaves, rounds)) for leaves, rounds in _GRID)
        leaves, rounds, _ = min(tried, key=lambda one: (round(one[2], 9), one[0], one[1]))
    return LightGBMChallenger(task.fit(np.arange(len(matrix)), leaves, rounds), factors, categories, tried)


def load_lightgbm(path: str | Path, *, sha256: str) -> LightGBMChallenger:
    """The model of a file, after its hash was checked: LightGBM ends the process on a damaged text.

    Raises:
        DataError: The file is not the one that has this hash, or not a model of this library.
    """
    content = Path(path).read_bytes()
    found = sha256_of(content)
    if found != sha256:
        raise DataError(
            "{path}: expected the model with sha256 {sha256}, found {found}; it was changed or cut, and is not opened",
            path=path,
            sha256=sha256,
            found=found,
        )
    text = json.loads(content)
    if text.get("format") != _FORMAT:
        raise DataError(
            "{path}: format: expected {expected} (got {format!r})", path=path, expected=_FORMAT, format=text.get("format")
        )

    columns = text["columns"]
    factors = tuple(Factor(one["name"], Label(zh=one["name"], en=one["name"]), text=one["text"]) for one in columns)
    return LightGBMChallenger(text["model"], factors, {one["name"]: tuple(one["categories"]) for one in columns if one["text"]})


@dataclass(frozen=True)
class _Task:
    matrix: Floats
    bad: Floats
    weight: Floats
    trends: Sequence[int]
    nominal: Sequence[int]
    seed: int

    def fit(self, rows: NDArray[np.intp], leaves: int, rounds: int) -> str:
        """The model of some rows as LightGBM's text."""
        import lightgbm

        data = lightgbm.Dataset(
            self.matrix[rows],
            label=self.bad[rows],
            weight=self.weight[rows],
            categorical_feature=list(self.nominal),
            free_raw_data=False,
            params={"verbosity": -1, "num_threads": 1},
        )
        settings = {**_PARAMETERS, "num_leaves": leaves, "monotone_constraints": list(self.trends), "seed": self.seed}
        text: str = lightgbm.train(settings, data, num_boost_round=rounds).model_to_string()
        return text

    def forward_loss(self, moments: NDArray[Any], leaves: int, rounds: int, folds: int = 3) -> float:
        """Weighted log loss on each of the last quarters in turn, fitted on all before it."""
        import lightgbm

        values = np.unique(moments)
        bounds = values[np.linspace(0, len(values) - 1, folds + 2).astype(int)]
        loss, total = 0.0, 0.0
        for start, end in pairwise(bounds[1:]):
            before = np.flatnonzero(moments < start)
            after = np.flatnonzero((moments >= start) & ((moments < end) | (end == bounds[-1])))
            if len(np.unique(self.bad[before])) < 2 or not len(after):
                continue
            p = lightgbm.Booster(model_str=self.fit(before, leaves, rounds)).predict(self.matrix[after], num_threads=1)
            p = np.clip(p, 1e-9, 1 - 1e-9)
            cross = -(self.bad[after] * np.log(p) + (1 - self.bad[after]) * np.log(1 - p))
            loss, total = loss + float(self.weight[after] @ cross), total + float(self.weight[after].sum())
        return loss / total if total else float("inf")


def _matrix(columns: Sequence[FeatureColumn], categories: Mapping[str, tuple[str, ...]]) -> Floats:
    """Texts become their position in the categories of the fit; unseen ones are missing, as NaN."""
    numbers = []
    for column in columns:
        if not column.text:
            numbers.append(column.values)
            continue
        positions = {category: float(position) for position, category in enumerate(categories[column.factor.name])}
        lookup = np.array([*(positions.get(category, np.nan) for category in column.categories), np.nan])
        numbers.append(lookup[column.values])
    return np.column_stack(numbers)
