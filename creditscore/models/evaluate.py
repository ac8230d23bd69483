"""How good probabilities of bad are: discrimination and calibration, weighted, with clustered intervals."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from creditscore.errors import DataError
from creditscore.models.judge import metrics
from creditscore.models.judge.cells import Floats
from creditscore.models.judge.rows import Rows, checked_rows

#: A group with fewer rows than this shows no AUC: it would be noise with two decimals.
SMALLEST_GROUP = 30
Metric = Literal["auc", "gini", "ks", "brier", "log_loss", "within_group_auc"]
Interval = tuple[float, float]


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

    def __init__(self, rows: Rows, *, n_boot: int, seed: int) -> None:
        self._rows, self._n_boot, self._seed = rows, n_boot, seed
        self._values = {**_counts(rows), **_measures(rows, rows.weight, (1.0, 0.0))}

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """95 % bootstrap intervals (percentiles) of each measure, whole clusters drawn, the same every time.

        A draw is counted by cells of equal probability and its calibration starts from that of all rows:
        the numbers that its rows would give, to nine digits.
        """
        start = (self["calibration_slope"], self["calibration_intercept"])
        draws = _replicates(self._rows, self._n_boot, self._seed)
        replicates = [_measures(self._rows, weight, start) for weight in draws]
        return {name: _percentiles(np.array([one[name] for one in replicates])) for name in replicates[0]}

    @cached_property
    def by_group(self) -> pd.DataFrame:
        """One row per group, sorted by name: size, rates, calibration, and AUC from 30 rows on.

        Rows whose group is missing are the group 未知. Without ``groups`` there is one row, ``all``.
        """
        rows = self._rows
        names = ["all"] if rows.group_names is None else rows.group_names
        codes = np.zeros(len(rows.y), dtype=np.intp) if rows.groups is None else rows.groups
        found = [_group(rows.take(codes == code)) for code in range(len(names))]
        return pd.DataFrame(found, index=pd.Index(names, name="group", dtype="str"))

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
        DataError: when lengths differ, y holds anything but 0 and 1, only one of them occurs, a
            probability is missing or outside [0, 1], or a weight is missing, negative or infinite.
    """
    return Evaluation(checked_rows(y, probability, sample_weight, groups, subjects), n_boot=n_boot, seed=seed)


def within_group_auc(y: ArrayLike, probability: ArrayLike, groups: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """AUC over pairs of one group, pooled by the weight of the pairs.

    Unlike the overall AUC it gains nothing from telling industries (or inspectors) apart.

    Raises:
        DataError: as :func:`evaluate`, and when no group has both bads and goods.
    """
    rows = checked_rows(y, probability, sample_weight, groups, None)
    found = metrics.auc(rows.cells.counts(rows.weight))
    if np.isnan(found):
        raise DataError("within_group_auc: expected at least one group with both 0 and 1 in y")
    return found


def paired_difference(
    y: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    metric: Metric = "auc",
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    subjects: ArrayLike | None = None,
    n_boot: int = 400,
    seed: int = 0,
) -> tuple[float, float, float]:
    """``metric(first) − metric(second)`` on the same rows, and its 95 % bootstrap interval.

    Both are computed on each draw of clusters, so what the two have in common cancels.

    Raises:
        DataError: as :func:`evaluate`; ``within_group_auc`` needs ``groups``.
    """
    pair = [checked_rows(y, p, sample_weight, groups, subjects) for p in (first, second)]
    if metric == "within_group_auc" and groups is None:
        raise DataError("paired_difference: within_group_auc needs groups")
    draws = [[_one(rows, metric, w) for rows in pair] for w in _replicates(pair[0], n_boot, seed)]
    differences = np.array([one - other for one, other in draws])
    difference = _one(pair[0], metric, pair[0].weight) - _one(pair[1], metric, pair[1].weight)
    return (difference, *_percentiles(differences))


def _counts(rows: Rows) -> dict[str, float]:
    return {"n": float(len(rows.y)), "events": float(rows.y.sum()), "effective_size": metrics.effective_size(rows.weight)}


def _measures(rows: Rows, weight: Floats, start: Interval) -> dict[str, float]:
    grouped = rows.cells.counts(weight)
    cells = rows.cells.ungrouped(grouped)
    auc, total = metrics.auc(cells), cells.total
    slope, intercept = metrics.calibration(cells, start=start)
    found = {"auc": auc, "gini": 2 * auc - 1, "ks": metrics.ks(cells)}
    if rows.groups is not None:
        found["within_group_auc"] = metrics.auc(grouped)
    return found | {
        "brier": metrics.brier(cells),
        "log_loss": metrics.log_loss(cells),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        "observed_expected": metrics.observed_expected(cells),
        "observed_rate": float(cells.bad.sum()) / total,
        "mean_predicted": metrics.dot(cells.weight, cells.line.probability) / total,
    }


def _one(rows: Rows, metric: Metric, weight: Floats) -> float:
    grouped = rows.cells.counts(weight)
    if metric == "within_group_auc":
        return metrics.auc(grouped)
    cells = rows.cells.ungrouped(grouped)
    if metric == "gini":
        return 2 * metrics.auc(cells) - 1
    return {"auc": metrics.auc, "ks": metrics.ks, "brier": metrics.brier, "log_loss": metrics.log_loss}[metric](cells)


def _replicates(rows: Rows, n_boot: int, seed: int) -> Iterator[Floats]:
    if n_boot < 2:
        raise DataError(f"n_boot: expected 2 or more bootstrap draws (got {n_boot})")
    generator = np.random.default_rng(seed)
    clusters = int(rows.clusters.max()) + 1
    for _ in range(n_boot):
        times = np.bincount(generator.integers(0, clusters, clusters), minlength=clusters)
        weight = rows.weight * times[rows.clusters]
        if weight.sum() > 0:
            yield weight


def _percentiles(values: NDArray[np.float64]) -> Interval:
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def _group(rows: Rows) -> dict[str, float]:
    cells = rows.cells.counts(rows.weight)
    total = cells.total
    return {
        **_counts(rows),
        "observed_rate": float(cells.bad.sum()) / total,
        "mean_predicted": metrics.dot(cells.weight, cells.line.probability) / total,
        "observed_expected": metrics.observed_expected(cells),
        "brier": metrics.brier(cells),
        "auc": metrics.auc(cells) if len(rows.y) >= SMALLEST_GROUP else float("nan"),
    }
