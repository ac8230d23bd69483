"""How good probabilities of bad are: discrimination and calibration, weighted, with clustered intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from creditscore.dataframes import Flags, Floats
from creditscore.errors import DataError
from creditscore.models import metrics
from creditscore.models.metrics import Cells

#: The group of rows whose group is missing.
UNKNOWN_GROUP = "未知"
#: A group with fewer rows than this shows no AUC: it would be noise with two decimals.
_SMALLEST_GROUP = 30
#: Measures of one group, in their order.
_OF_ONE_GROUP = ("observed_rate", "mean_predicted", "observed_expected", "brier", "auc")
_Interval = tuple[float, float]


@dataclass(frozen=True)
class EvaluatedRows:
    """Rows of weight > 0. ``groups`` are positions in ``group_names``; the bootstrap draws rows of one cluster together."""

    y: Floats
    probability: Floats
    weight: Floats
    clusters: NDArray[np.intp]
    groups: NDArray[np.intp] | None = None
    group_names: list[str] | None = None

    @cached_property
    def cells(self) -> Cells:
        """The rows by group and probability."""
        return Cells(self.y, self.probability, self.groups)

    def take(self, chosen: Flags) -> EvaluatedRows:
        """Some of the rows, without their groups."""
        return EvaluatedRows(self.y[chosen], self.probability[chosen], self.weight[chosen], self.clusters[chosen])


class Evaluation(Mapping[str, float]):
    """Measures by name; ``intervals`` and ``by_group`` are computed when first asked for.

    ======================  ==================================================================
    n, events               rows of weight > 0 and bads among them, not weighted
    effective_size          (Σw)² / Σw²
    auc, gini               P(p of a bad > p of a good), ties one half; gini = 2 auc − 1
    within_group_auc        the same over pairs of one group (only with ``groups``)
    ks                      largest gap of the two distributions over distinct probabilities
    brier, log_loss         weighted means
    calibration_slope       and ``calibration_intercept`` of y on logit p, fitted together: 1 and 0
    observed_expected       observed / expected bads; with ``observed_rate`` and ``mean_predicted``
    ======================  ==================================================================
    """

    def __init__(self, rows: EvaluatedRows, *, n_boot: int, seed: int) -> None:
        self._rows, self._n_boot, self._seed = rows, n_boot, seed
        self._values = {**_sizes(rows), **measure_all(rows, rows.weight)}

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @cached_property
    def intervals(self) -> dict[str, _Interval]:
        """95 % bootstrap intervals (percentiles) of each measure, whole clusters drawn, the same every time.

        A draw is counted by cells of equal probability and its calibration starts from that of all rows:
        the numbers that its rows would give, to nine digits.
        """
        start = (self["calibration_slope"], self["calibration_intercept"])
        draws = replicates(self._rows, self._n_boot, self._seed)
        figures = [measure_all(self._rows, weight, start) for weight in draws]
        return {name: _percentiles(np.array([one[name] for one in figures])) for name in figures[0]}

    @cached_property
    def by_group(self) -> pd.DataFrame:
        """One row per group, sorted by name: size, rates, calibration, and AUC from 30 rows on.

        Rows whose group is missing are the group 未知. Without ``groups`` there is one row, ``all``.
        """
        rows = self._rows
        names = ["all"] if rows.group_names is None else rows.group_names
        codes = np.zeros(len(rows.y), dtype=np.intp) if rows.groups is None else rows.groups
        figures = [_figures_of_group(rows.take(codes == code)) for code in range(len(names))]
        return pd.DataFrame(figures, index=pd.Index(names, name="group", dtype="str"))

    def __repr__(self) -> str:
        return f"Evaluation({', '.join(f'{name}={value:.6g}' for name, value in self._values.items())})"

    def _repr_html_(self) -> str:
        return pd.Series(self._values, name="value").to_frame().to_html()


def evaluate(
    y: ArrayLike,
    probability: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    subjects: ArrayLike | None = None,
    n_boot: int = 200,
    seed: int = 0,
) -> Evaluation:
    """Judge a probability of bad (the second column of an (n, 2) array is taken) against what happened.

    ``sample_weight`` (inverse inclusion probabilities) enters every measure; its scale does not matter,
    and rows of weight 0 are left out. Rows of one of ``subjects`` are drawn together in the bootstrap.

    Raises:
        DataError: Lengths differ, y holds anything but 0 and 1, only one of them occurs, a
            probability is missing or outside [0, 1], or a weight is missing, negative or infinite.
    """
    return Evaluation(checked_rows(y, probability, sample_weight, groups, subjects), n_boot=n_boot, seed=seed)


def within_group_auc(y: ArrayLike, probability: ArrayLike, groups: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """AUC over pairs of one group, pooled by the weight of the pairs.

    Unlike the overall AUC it does not grow with differences between industries (or inspectors).

    Raises:
        DataError: As :func:`evaluate`, or no group has both bads and goods.
    """
    rows = checked_rows(y, probability, sample_weight, groups, None)
    auc = metrics.grouped_auc(rows.cells.counts(rows.weight))
    if np.isnan(auc):
        raise DataError("within_group_auc: expected at least one group with both 0 and 1 in y")
    return auc


def paired_difference(
    y: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    metric: str = "auc",
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    subjects: ArrayLike | None = None,
    n_boot: int = 400,
    seed: int = 0,
) -> tuple[float, float, float]:
    """``metric(first) − metric(second)`` on the same rows, and its 95 % bootstrap interval.

    ``metric`` is one of :data:`creditscore.models.metrics.MEASURES`. Both are computed on each draw of clusters, so what
    the two have in common cancels.

    Raises:
        DataError: As :func:`evaluate`; there is no such metric, or it needs ``groups``.
    """
    pair = [checked_rows(y, p, sample_weight, groups, subjects) for p in (first, second)]
    if metric not in metrics.MEASURES:
        raise DataError("metric: expected one of {known} (got {metric!r})", known=", ".join(metrics.MEASURES), metric=metric)
    if metric in metrics.OF_GROUPS and groups is None:
        raise DataError("paired_difference: {metric} needs groups", metric=metric)
    measure = metrics.MEASURES[metric]

    def difference(weight: Floats) -> float:
        one, other = (measure(rows.cells.counts(weight)) for rows in pair)
        return one - other

    draws = np.array([difference(weight) for weight in replicates(pair[0], n_boot, seed)])
    return (difference(pair[0].weight), *_percentiles(draws))


def measure_all(rows: EvaluatedRows, weight: Floats, start: tuple[float, float] = (1.0, 0.0)) -> dict[str, float]:
    """Every metric of the rows under these weights, by name; ``start`` is a first guess of their calibration."""
    cells = rows.cells.counts(weight, start=start)
    left_out = metrics.OF_GROUPS if rows.groups is None else ()
    return {name: measure(cells) for name, measure in metrics.MEASURES.items() if name not in left_out}


def replicates(rows: EvaluatedRows, n_boot: int, seed: int) -> Iterator[Floats]:
    """The weights of the rows in each bootstrap draw of whole clusters, the same every time for a seed.

    Raises:
        DataError: ``n_boot`` is less than 2.
    """
    if n_boot < 2:
        raise DataError("n_boot: expected 2 or more bootstrap draws (got {n_boot})", n_boot=n_boot)
    generator = np.random.default_rng(seed)
    clusters = int(rows.clusters.max()) + 1
    for _ in range(n_boot):
        times = np.bincount(generator.integers(0, clusters, clusters), minlength=clusters)
        weight = rows.weight * times[rows.clusters]
        if weight.sum() > 0:
            yield weight


def _percentiles(values: Floats) -> _Interval:
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def _sizes(rows: EvaluatedRows) -> dict[str, float]:
    # Not sample.effective_size, whose last digit differs: evaluations are published with all their digits.
    size = float(rows.weight.sum() ** 2 / (rows.weight @ rows.weight))
    return {"n": float(len(rows.y)), "events": float(rows.y.sum()), "effective_size": size}


def _figures_of_group(rows: EvaluatedRows) -> dict[str, float]:
    cells = rows.cells.counts(rows.weight)
    figures = _sizes(rows) | {name: metrics.MEASURES[name](cells) for name in _OF_ONE_GROUP}
    return figures | ({} if len(rows.y) >= _SMALLEST_GROUP else {"auc": float("nan")})


def checked_rows(
    y: ArrayLike, probability: ArrayLike, weight: ArrayLike | None, groups: ArrayLike | None, subjects: ArrayLike | None
) -> EvaluatedRows:
    """The rows of weight > 0.

    Raises:
        DataError: Lengths differ, or an argument holds something that it may not; the message says which and what.
    """
    labels, chances = _labels(y), _probabilities(probability)
    weights = np.ones(len(labels)) if weight is None else _weights(weight)
    names = owners = None
    if groups is not None:
        texts = [UNKNOWN_GROUP if bool(pd.isna(group)) else str(group) for group in np.asarray(groups, dtype=object)]
        names = pd.Series(texts, dtype=object)
    if subjects is not None:
        owners = pd.Series(np.asarray(subjects, dtype=object))
    for what, values in (("probability", chances), ("sample_weight", weights), ("groups", names), ("subjects", owners)):
        if values is not None and len(values) != len(labels):
            raise DataError("{what}: expected {rows} rows as in y (got {got})", what=what, rows=len(labels), got=len(values))
    if owners is not None and owners.isna().any():
        raise DataError("subjects: expected a key in every row (missing in {missing})", missing=int(owners.isna().sum()))
    kept = weights > 0
    labels = labels[kept]
    if not len(labels) or labels.min() == labels.max():
        raise DataError(
            "y: expected both 0 and 1 in rows of weight > 0 (got {rows} rows, {bads} of them 1)",
            rows=len(labels),
            bads=int(labels.sum()),
        )
    clusters = np.arange(len(labels)) if owners is None else _codes(owners[kept])[0]
    codes, kinds = (None, None) if names is None else _codes(names[kept])
    return EvaluatedRows(labels, chances[kept], weights[kept], clusters, codes, kinds)


def _codes(values: pd.Series[str]) -> tuple[NDArray[np.intp], list[str]]:
    """Positions among the sorted distinct values: the same whatever the order of rows."""
    codes, kinds = pd.factorize(values.map(str), sort=True)
    return codes, [str(kind) for kind in kinds]


def _labels(y: ArrayLike) -> Floats:
    labels = _floats(y, "y")
    missing = int(np.isnan(labels).sum())
    if missing:
        raise DataError("y: expected 0 or 1 in every row (missing in {missing}); leave unlabelled rows out", missing=missing)
    if not np.isin(labels, (0, 1)).all():
        raise DataError("y: expected 0 (good) and 1 (bad) and nothing else")
    return labels


def _probabilities(probability: ArrayLike) -> Floats:
    values = np.asarray(probability)
    if values.ndim == 2 and values.shape[1] == 2:
        values = values[:, 1]
    chances = _floats(values, "probability")
    wrong = int((~((chances >= 0) & (chances <= 1))).sum())
    if wrong:
        raise DataError(
            "probability: expected numbers from 0 to 1, of bad ({wrong} rows are missing or outside); scores are no probabilities",
            wrong=wrong,
        )
    return chances


def _weights(weight: ArrayLike) -> Floats:
    weights = _floats(weight, "sample_weight")
    wrong = int((~(np.isfinite(weights) & (weights >= 0))).sum())
    if wrong:
        raise DataError("sample_weight: expected finite numbers of 0 or more ({wrong} rows are not)", wrong=wrong)
    return weights


def _floats(values: ArrayLike, what: str) -> Floats:
    try:
        series = pd.Series(values if isinstance(values, pd.Series) else np.asarray(values))
        return series.to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise DataError("{what}: expected one number per row", what=what) from None
