"""How good probabilities of bad are: discrimination and calibration, weighted, with clustered intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from creditscore.dataframes import Flags, Floats
from creditscore.errors import DataError
from creditscore.models import metrics
from creditscore.models.metrics import Cells

UNKNOWN = "未知"


@dataclass(frozen=True)
class Rows:
    """Rows of weight > 0. ``groups`` are positions in ``group_names``; rows of one cluster are drawn together."""

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

    def take(self, chosen: Flags) -> Rows:
        """Some of the rows, without their groups."""
        return Rows(self.y[chosen], self.probability[chosen], self.weight[chosen], self.clusters[chosen])


def checked_rows(
    y: ArrayLike, probability: ArrayLike, weight: ArrayLike | None, groups: ArrayLike | None, subjects: ArrayLike | None
) -> Rows:
    """The rows, or a DataError that says what is wrong with which argument."""
    labels, chances = _labels(y), _probabilities(probability)
    weights = np.ones(len(labels)) if weight is None else _weights(weight)
    names = None if groups is None else pd.Series(np.asarray(groups, dtype=object)).map(_name)
    owners = None if subjects is None else pd.Series(np.asarray(subjects, dtype=object))
    for what, found in (("probability", chances), ("sample_weight", weights), ("groups", names), ("subjects", owners)):
        if found is not None and len(found) != len(labels):
            raise DataError(
                "{what}: expected {n_labels} rows as in y (got {n_found})", what=what, n_labels=len(labels), n_found=len(found)
            )
    if owners is not None and owners.isna().any():
        raise DataError("subjects: expected a key in every row (missing in {sum})", sum=int(owners.isna().sum()))
    kept = weights > 0
    labels = labels[kept]
    if not len(labels) or labels.min() == labels.max():
        raise DataError(
            "y: expected both 0 and 1 in rows of weight > 0 (got {n_labels} rows, {sum} of them 1)",
            n_labels=len(labels),
            sum=int(labels.sum()),
        )
    clusters = np.arange(len(labels)) if owners is None else _codes(owners[kept])[0]
    codes, kinds = (None, None) if names is None else _codes(names[kept])
    return Rows(labels, chances[kept], weights[kept], clusters, codes, kinds)


def _codes(values: pd.Series[str]) -> tuple[NDArray[np.intp], list[str]]:
    """Positions among the sorted distinct values: the same whatever the order of rows."""
    codes, kinds = pd.factorize(values.map(str), sort=True)
    return codes, [str(kind) for kind in kinds]


def _name(group: object) -> str:
    return UNKNOWN if bool(pd.isna(group)) else str(group)  # type: ignore[call-overload]


def _labels(y: ArrayLike) -> Floats:
    found = _floats(y, "y")
    if np.isnan(found).any():
        raise DataError(
            "y: expected 0 or 1 in every row (missing in {sum}); leave unlabelled rows out", sum=int(np.isnan(found).sum())
        )
    if not np.isin(found, (0, 1)).all():
        raise DataError("y: expected 0 (good) and 1 (bad) and nothing else")
    return found


def _probabilities(probability: ArrayLike) -> Floats:
    found = np.asarray(probability)
    if found.ndim == 2 and found.shape[1] == 2:
        found = found[:, 1]
    found = _floats(found, "probability")
    wrong = int((~((found >= 0) & (found <= 1))).sum())
    if wrong:
        raise DataError(
            "probability: expected numbers from 0 to 1, of bad ({wrong} rows are missing or outside); scores are no probabilities",
            wrong=wrong,
        )
    return found


def _weights(weight: ArrayLike) -> Floats:
    found = _floats(weight, "sample_weight")
    wrong = int((~(np.isfinite(found) & (found >= 0))).sum())
    if wrong:
        raise DataError("sample_weight: expected finite numbers of 0 or more ({wrong} rows are not)", wrong=wrong)
    return found


def _floats(values: ArrayLike, what: str) -> Floats:
    try:
        series = pd.Series(values if isinstance(values, pd.Series) else np.asarray(values))
        return series.to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise DataError("{what}: expected one number per row", what=what) from None


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
    # Not arrays.effective_size, whose last digit differs: evaluations are published with all their digits.
    size = float(rows.weight.sum() ** 2 / (rows.weight @ rows.weight))
    return {"n": float(len(rows.y)), "events": float(rows.y.sum()), "effective_size": size}


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
        raise DataError("n_boot: expected 2 or more bootstrap draws (got {n_boot})", n_boot=n_boot)
    generator = np.random.default_rng(seed)
    clusters = int(rows.clusters.max()) + 1
    for _ in range(n_boot):
        times = np.bincount(generator.integers(0, clusters, clusters), minlength=clusters)
        weight = rows.weight * times[rows.clusters]
        if weight.sum() > 0:
            yield weight


def _percentiles(values: Floats) -> Interval:
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
