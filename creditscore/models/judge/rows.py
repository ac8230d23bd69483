"""Rows to be judged: labels, probabilities, weights, groups and clusters, checked once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from creditscore.errors import DataError
from creditscore.models.judge.cells import Cells, Floats

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

    def take(self, chosen: NDArray[np.bool_]) -> "Rows":
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
            raise DataError(f"{what}: expected {len(labels)} rows as in y (got {len(found)})")
    if owners is not None and owners.isna().any():
        raise DataError(f"subjects: expected a key in every row (missing in {int(owners.isna().sum())})")
    kept = weights > 0
    labels = labels[kept]
    if not len(labels) or labels.min() == labels.max():
        raise DataError(f"y: expected both 0 and 1 in rows of weight > 0 (got {len(labels)} rows, {int(labels.sum())} of them 1)")
    clusters = np.arange(len(labels)) if owners is None else _codes(owners[kept])[0]
    codes, kinds = (None, None) if names is None else _codes(names[kept])
    return Rows(labels, chances[kept], weights[kept], clusters, codes, kinds)


def _codes(values: "pd.Series[str]") -> tuple[NDArray[np.intp], list[str]]:
    """Positions among the sorted distinct values: the same whatever the order of rows."""
    codes, kinds = pd.factorize(values.map(str), sort=True)
    return codes, [str(kind) for kind in kinds]


def _name(group: object) -> str:
    return UNKNOWN if bool(pd.isna(group)) else str(group)  # type: ignore[call-overload]


def _labels(y: ArrayLike) -> Floats:
    found = _floats(y, "y")
    if np.isnan(found).any():
        raise DataError(f"y: expected 0 or 1 in every row (missing in {int(np.isnan(found).sum())}); leave unlabelled rows out")
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
            f"probability: expected numbers from 0 to 1, of bad ({wrong} rows are missing or outside); scores are no probabilities"
        )
    return found


def _weights(weight: ArrayLike) -> Floats:
    found = _floats(weight, "sample_weight")
    wrong = int((~(np.isfinite(found) & (found >= 0))).sum())
    if wrong:
        raise DataError(f"sample_weight: expected finite numbers of 0 or more ({wrong} rows are not)")
    return found


def _floats(values: ArrayLike, what: str) -> Floats:
    try:
        series = pd.Series(values if isinstance(values, pd.Series) else np.asarray(values))
        return series.to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise DataError(f"{what}: expected one number per row") from None
