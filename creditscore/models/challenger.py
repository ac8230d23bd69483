"""The challenger: a LightGBM model under the same trends as the cards, to compare them with.

The only module that imports lightgbm and shap.
"""

from __future__ import annotations

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
from creditscore.models.columns import Factor, FeatureColumn, Features, columns_of_model
from creditscore.models.sample import as_sequence, read_sample
from creditscore.storage import canonical_json, parsed_json, sha256_of

_FORMAT = "creditscore.lightgbm/1"
#: A small model on purpose: there are thousands of rows with few bads. One thread and ``deterministic`` give the same
#: model text every time.
_PARAMETERS: Mapping[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "min_sum_hessian_in_leaf": 1.0,
    "lambda_l2": 5.0,
    "feature_fraction": 0.8,
    "bagging_freq": 0,
    # "advanced" can break the trends that were asked for (LightGBM #6155, #5358; it happened here too).
    "monotone_constraints_method": "intermediate",
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
_ROUNDS = 200
#: The settings that tuning tries: (leaves, rounds).
_GRID: tuple[tuple[int, int], ...] = ((4, 100), (4, 300), (15, 100), (15, 300), (31, 100))
_DIRECTION = {"higher_is_riskier": 1, "lower_is_riskier": -1}


@dataclass(frozen=True)
class LightGBMChallenger:
    """A fitted LightGBM model with the columns and categories it was fitted on.

    Attributes:
        model: The model in LightGBM's own text format.
        factors: The columns, in the order of the model.
        categories: The categories of each text column, by column. A text that is not among them counts as missing.
        tuning: One row per setting that was tried: leaves, rounds and the weighted log loss (in nats) on later rows.
    """

    model: str
    factors: tuple[Factor, ...]
    categories: Mapping[str, tuple[str, ...]]
    tuning: tuple[tuple[int, int, float], ...] = ()
    _cache: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns, in the order of the model."""
        return tuple(factor.name for factor in self.factors)

    def predict_proba(self, X: object) -> Floats:
        """The probabilities of good and of bad: an array of shape (n, 2), one row per row of ``X`` in its order.

        Columns are matched by name, so their order does not matter.

        Raises:
            DataError: A column is missing, or holds texts where the model was fitted on numbers.
        """
        bad: Floats = self._booster().predict(self._matrix(feature_frame(X)), num_threads=1)
        return np.column_stack([1 - bad, bad])

    def contributions(self, X: object) -> pd.DataFrame:
        """How much each column adds to the log-odds of bad: SHAP values, which are exact for trees.

        One row per row of ``X`` with its index, one column per feature, and ``expected``, which is the same in all rows.
        The sum of a row is the log-odds of its probability of bad.

        Raises:
            DataError: As for :meth:`predict_proba`.
        """
        frame = feature_frame(X)
        added = self._booster().predict(self._matrix(frame), pred_contrib=True, num_threads=1)
        return pd.DataFrame(added, columns=[*self.feature_names, "expected"], index=frame.index)

    def picture(self, X: object, path: str | Path) -> None:
        """Draw the beeswarm plot of :meth:`contributions`; it needs ``creditscore[explain]``.

        Args:
            X: The rows to show.
            path: The file to write. Its suffix sets the format, such as ``.png`` or ``.svg``.

        Raises:
            DataError: The package shap is not installed, or as for :meth:`predict_proba`.
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
        """The model, its columns and its categories as JSON: what :func:`load_lightgbm` reads from a file."""
        columns = [
            {"name": factor.name, "text": bool(factor.text), "categories": list(self.categories.get(factor.name, ()))}
            for factor in self.factors
        ]
        content = {"format": _FORMAT, "columns": columns, "model": self.model}
        return canonical_json(content, indent=1)

    @property
    def sha256(self) -> str:
        """The SHA-256 of :meth:`to_text` in UTF-8; :func:`load_lightgbm` asks for it."""
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
    """Fit LightGBM on the same rows, weights and trends as the cards.

    A text column with a declared order becomes the position in that order, and its risk may only rise along it. Other
    text columns are treated as categories.

    Args:
        X: One row per subject and day.
        y: The label of each row, of two classes; the larger one is bad.
        features: Specifications or names of the columns; None takes all columns.
        sample_weight: One weight per row, not negative, such as 1/p; rows of weight 0 are dropped. None weighs all alike.
        time: A date or number per row. With it, a few settings are tried by rolling origin: each is fitted on earlier
            rows and judged by the log loss on the rows that follow. Without it, the settings are fixed.
        trends: Trends by column for columns whose specification has the trend ``auto``, such as ``card.trends``.
        seed: The random seed of the choice of columns for each tree.

    Raises:
        DataError: Lengths differ, labels or weights cannot be used, or a column is neither numbers nor texts.
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
    task = _FitTask(matrix, sample.bad.astype(float), sample.weight / sample.weight.mean(), directions, nominal, seed)
    leaves, rounds, tried = int(_PARAMETERS["num_leaves"]), _ROUNDS, tuple[tuple[int, int, float], ...]()
    if time is not None:
        moments = pd.Series(list(as_sequence(time, sample.handed_in, "time"))).to_numpy()[sample.rows]
        tried = tuple((leaves, rounds, task.forward_loss(moments, leaves, rounds)) for leaves, rounds in _GRID)
        leaves, rounds, _ = min(tried, key=lambda one: (round(one[2], 9), one[0], one[1]))
    return LightGBMChallenger(task.fit(np.arange(len(matrix)), leaves, rounds), factors, categories, tried)


def load_lightgbm(path: str | Path, *, sha256: str) -> LightGBMChallenger:
    """Load a model from a file that holds the output of :meth:`LightGBMChallenger.to_text`.

    The hash is checked first, because LightGBM ends the whole process when it reads a damaged model.

    Args:
        path: The file.
        sha256: The expected SHA-256 of the file, as 64 hexadecimal digits; see :attr:`LightGBMChallenger.sha256`.

    Raises:
        DataError: The file has another hash, or is not a model of this library.
        OSError: The file cannot be read.
    """
    content = Path(path).read_bytes()
    actual = sha256_of(content)
    if actual != sha256:
        raise DataError(
            "{path}: expected a model with SHA-256 {sha256} (got {actual}); the file was changed or cut off, and was not opened",
            path=path,
            sha256=sha256,
            actual=actual,
        )
    text = parsed_json(content)
    if text.get("format") != _FORMAT:
        raise DataError(
            "{path}: format: expected {expected} (got {format!r})", path=path, expected=_FORMAT, format=text.get("format")
        )

    columns = text["columns"]
    factors = tuple(Factor(one["name"], Label(zh=one["name"], en=one["name"]), text=one["text"]) for one in columns)
    return LightGBMChallenger(text["model"], factors, {one["name"]: tuple(one["categories"]) for one in columns if one["text"]})


@dataclass(frozen=True)
class _FitTask:
    """The input of a fit: a row of ``matrix`` per row of the sample, a trend (1, -1 or 0) per column."""

    matrix: Floats
    bad: Floats
    weight: Floats
    trends: Sequence[int]
    nominal: Sequence[int]
    seed: int

    def fit(self, rows: NDArray[np.intp], leaves: int, rounds: int) -> str:
        """Fit on these rows, and return the model in LightGBM's text format."""
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
        """The weighted mean log loss (in nats) on later rows, each predicted by a fit on all rows before its fold.

        The moments are cut into ``folds`` + 1 parts with as many distinct moments each. All but the first part are
        predicted. The result is infinite if no part could be.
        """
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
    """One column per feature. A text becomes its position in ``categories``; one that is not there becomes NaN (missing)."""
    numbers = []
    for column in columns:
        if not column.text:
            numbers.append(column.values)
            continue
        positions = {category: float(position) for position, category in enumerate(categories[column.factor.name])}
        lookup = np.array([*(positions.get(category, np.nan) for category in column.categories), np.nan])
        numbers.append(lookup[column.values])
    return np.column_stack(numbers)
