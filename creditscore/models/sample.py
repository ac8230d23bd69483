"""The training sample: columns, labels and weights in an order that does not depend on the order of the rows."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import DataConversionWarning

from creditscore.dataframes import Flags, Floats, Ints, feature_frame
from creditscore.errors import DataError
from creditscore.models.columns import FeatureColumn, Features, factors_of, read_columns
from creditscore.models.inspector_effects import VisitTeams, read_visits

_log = logging.getLogger(__name__)
#: Most parts that the training window is divided into.
PARTS = 5
#: Powers of ten that weights may lie apart: of sums over wider ones no digit is left for the small.
_WEIGHT_DIGITS = 12
#: Weights above this, or below its inverse, are scaled.
_FAR = 2.0**100


@dataclass(frozen=True)
class Sample:
    """Rows of positive weight and rows for the ranking only, sorted by label and weight.

    Sums run over rows in this order. Rows that share a cell, a label and a weight are
    interchangeable, so every sum is the same whatever the order of the input.

    ``weight`` is that of the design: 1 / inclusion probability, say. Rows of ``ranking_only`` have none (0): they may
    teach which subjects are riskier, never how many are bad.
    """

    columns: tuple[FeatureColumn, ...]
    refused: dict[str, str]
    bad: Flags
    weight: Floats
    #: Positions in the input, in the order of this sample.
    rows: NDArray[np.intp]
    #: The number of rows of the input.
    handed_in: int
    visits: VisitTeams | None
    #: Position in ``industries``; -1 where unknown or not asked.
    industry: Ints
    industries: tuple[str, ...]
    classes: NDArray[Any]
    names: tuple[str, ...]
    #: Rows of visits that were not drawn at random.
    ranking_only: Flags
    #: Number of the subject of each row; a row without one is a subject of its own, whose number tells nothing.
    subject: Ints
    #: Place of each row's time among all times, the earliest 0; -1 where no times were given.
    moment: Ints
    #: Part of the training window in which each row lies: 0 ... ``parts`` - 1, the earliest 0.
    window: Ints

    @property
    def parts(self) -> int:
        """Number of parts of the training window: 1 without times."""
        return int(self.window.max(initial=0)) + 1

    @property
    def timed(self) -> bool:
        """Whether the times of the rows are known."""
        return bool((self.moment >= 0).all())

    @property
    def drawn(self) -> Sample:
        """The rows that may say how many are bad, with the weights of the design."""
        return self.part(~self.ranking_only) if self.ranking_only.any() else self

    def for_ranking(self, exponent: float) -> Sample:
        """The same rows with the weights that bins and slopes are fitted with.

        Those of the design to the power of ``exponent``, divided by their mean; 1 for rows of the ranking only. Powers
        below 1 give up a little of what the sample says about everyone, and win much precision where inclusion
        probabilities differ widely (Korn and Graubard, The American Statistician 49, 1995).

        Args:
            exponent: From 0 (all alike) to 1 (the weights of the design).
        """
        weight = np.ones(len(self.weight))
        drawn = ~self.ranking_only
        powered = self.weight[drawn] ** exponent
        weight[drawn] = powered / powered.mean() if drawn.any() else powered
        return replace(self, weight=weight)

    @cached_property
    def total(self) -> float:
        """Sum of the weights."""
        return float(self.weight.sum())

    @property
    def effective_size(self) -> float:
        """How many rows of equal weight say as much."""
        return effective_size(self.weight)

    @cached_property
    def bad_share(self) -> float:
        """Weighted share of bads."""
        return float(self.weight[self.bad].sum()) / self.total

    def part(self, chosen: Flags) -> Sample:
        """Some of the rows, in their order."""
        positions = np.flatnonzero(chosen)
        return replace(
            self,
            columns=tuple(column.take(positions) for column in self.columns),
            bad=self.bad[positions],
            weight=self.weight[positions],
            rows=self.rows[positions],
            visits=None if self.visits is None else self.visits.take(positions),
            industry=self.industry[positions],
            ranking_only=self.ranking_only[positions],
            subject=self.subject[positions],
            moment=self.moment[positions],
            window=self.window[positions],
        )

    def in_input(self, values: Floats) -> Floats:
        """The values, one per row of the sample, in the order of the input: one per row of it, NaN for dropped rows."""
        whole = np.full(self.handed_in, np.nan)
        whole[self.rows] = values
        return whole

    def sums(self, cells: NDArray[Any], size: int) -> tuple[Floats, Floats]:
        """Weight of goods and of bads in each cell 0 ... size - 1, as shares of the total weight."""
        shares = np.bincount(cells.astype(np.int64) * 2 + self.bad, weights=self.weight, minlength=2 * size) / self.total
        return shares[0::2], shares[1::2]


def effective_size(weight: Floats) -> float:
    """``(sum of w)² / sum of w²``: how many rows of equal weight say as much (Kish); 0 without rows."""
    if not len(weight):
        return 0.0
    relative = weight / weight.max()
    return float(relative.sum() ** 2 / (relative * relative).sum())


def read_sample(
    frame: object,
    y: object,
    *,
    features: Features,
    sample_weight: object | None,
    nuisance: object | None,
    industry: object | None = None,
    time: object | None = None,
    subjects: object | None = None,
    ranking_only: object | None = None,
) -> Sample:
    """Everything that a fit reads, checked and sorted as :class:`Sample` says. Rows of weight 0 are dropped first.

    Raises:
        DataError: Lengths differ, labels are missing or not of two classes, a weight is negative or not finite, a time
            is missing, or no row that was drawn is left.
    """
    table = feature_frame(frame)
    rows = len(table)
    if table.empty:
        lacking = "feature(s)" if rows else "rows"
        raise DataError(
            "features: found 0 {lacking} (shape={shape}) while a minimum of 1 is required.", lacking=lacking, shape=table.shape
        )
    bad, classes = _labels(y, rows)
    ranking = _flags(ranking_only, rows)
    weight = _weights(sample_weight, rows, ranking)
    keep = np.flatnonzero((weight > 0) | ranking)
    order: NDArray[np.intp] = keep[np.lexsort((weight[keep], bad[keep]))]
    drawn = bad[order][~ranking[order]]
    if not (drawn.any() and (~drawn).any()):
        raise DataError("labels: expected goods and bads with positive weight, found one class only")
    moment = _moments(time, rows)
    columns, refused = read_columns(table, factors_of(features, table))
    codes, industries = np.full(rows, -1, dtype=np.int64), tuple[str, ...]()
    if industry is not None:
        values = pd.Series(list(as_sequence(industry, rows, "industry")), dtype=object)
        positions, names = pd.factorize(values.map(industry_code), sort=True)
        codes, industries = positions.astype(np.int64), tuple(str(name) for name in names)
    return Sample(
        columns=tuple(column.take(order) for column in columns),
        refused=refused,
        bad=bad[order],
        weight=weight[order],
        rows=order,
        handed_in=rows,
        visits=None if nuisance is None else read_visits(as_sequence(nuisance, rows, "nuisance")).take(order),
        industry=codes[order],
        industries=industries,
        classes=classes,
        names=tuple(str(name) for name in table.columns),
        ranking_only=ranking[order],
        subject=_subjects(subjects, rows)[order],
        moment=moment[order],
        window=windows(moment[order]),
    )


def windows(moment: Ints) -> Ints:
    """Parts of about equally many rows, at most ``PARTS``, in the order of time. Rows of one moment are in one part.

    Args:
        moment: Place of each row's time among all times; negative where it is not known.
    """
    if not len(moment) or moment.min() < 0:
        return np.zeros(len(moment), dtype=np.int64)
    _, position, count = np.unique(moment, return_inverse=True, return_counts=True)
    middle = (np.cumsum(count) - count / 2) / len(moment)
    whole = np.floor(middle * PARTS).astype(np.int64)
    return np.unique(whole, return_inverse=True)[1].astype(np.int64)[position]


def as_sequence(values: object, rows: int, what: str) -> Sequence[Any]:
    """One value per row of a list, array, pandas, polars or Arrow column; ``what`` names it in errors.

    Raises:
        DataError: It has several dimensions, or another number of values.
    """
    if hasattr(values, "to_pylist"):
        values = values.to_pylist()
    elif hasattr(values, "to_list"):
        values = values.to_list()
    array = values if isinstance(values, (list, tuple)) else np.asarray(values, dtype=object)
    if isinstance(array, np.ndarray) and array.ndim != 1:
        raise DataError(
            "{what}: expected one value per row, found {ndim} dimensions (bad input shape {shape})",
            what=what,
            ndim=array.ndim,
            shape=array.shape,
        )
    sequence = list(array)
    if len(sequence) != rows:
        raise DataError(
            "{what}: expected one value per row ({rows}), found {n}; X and {what} have inconsistent lengths",
            what=what,
            rows=rows,
            n=len(sequence),
        )
    return sequence


def _labels(y: object, rows: int) -> tuple[Flags, NDArray[Any]]:
    if y is None:
        raise DataError("labels: requires y to be passed, but the target y is None")
    if isinstance(y, np.ndarray) and y.ndim == 2 and y.shape[1] == 1:
        warnings.warn("A column-vector y was passed when a 1d array was expected", DataConversionWarning, stacklevel=5)
        y = y.ravel()
    values = pd.Series(list(as_sequence(y, rows, "y")), dtype=object).infer_objects()
    missing = int(values.isna().sum())
    if missing:
        raise DataError("labels: {missing} of {rows} are missing; drop rows whose outcome is not known", missing=missing, rows=rows)
    try:
        classes, codes = np.unique(np.asarray(values), return_inverse=True)
    except TypeError:
        raise DataError("labels: expected two classes of one type, found several types") from None
    if len(classes) != 2:
        kind = " (a continuous target?)" if len(classes) > 2 and np.asarray(classes).dtype.kind == "f" else ""
        raise DataError(
            "labels: expected two classes, the larger one (1, True) bad; found {classes} class(es){kind}. "
            "Only binary classification is supported.",
            classes=len(classes),
            kind=kind,
        )
    if isinstance(classes[0], str):
        _log.warning("labels: of the texts %r and %r the later in order, %r, counts as bad", *map(str, (*classes, classes[1])))
    return codes == 1, classes


def _weights(weight: object | None, rows: int, ranking: Flags) -> Floats:
    """The weights of the design; 0 on rows of the ranking only, whatever is given there."""
    if weight is None:
        return np.where(ranking, 0.0, 1.0)
    values = as_sequence(weight, rows, "sample_weight")
    try:
        weights = np.asarray([np.nan if value is None or value is pd.NA else value for value in values], dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("sample_weight: expected numbers") from None
    weights = np.where(ranking, 0.0, weights)
    wrong = int((~(np.isfinite(weights) & (weights >= 0))).sum())
    if wrong:
        raise DataError("sample_weight: expected finite weights >= 0; {wrong} of {rows} are not", wrong=wrong, rows=rows)
    positive = weights[weights > 0]
    if not len(positive):
        raise DataError("sample_weight: expected some weight above 0; every weight is zero")
    if positive.max() / 10.0**_WEIGHT_DIGITS > positive.min():
        raise DataError(
            "sample_weight: the largest is more than 10^{digits} times the smallest above 0, so that the others would say nothing; "
            "expected 1 / inclusion probability, or the like",
            digits=_WEIGHT_DIGITS,
        )
    if not 1 / _FAR < positive.max() < _FAR:
        # Sums would be infinite. A power of two changes no digit, and an even one none of a square root.
        weights = np.ldexp(weights, -2 * (int(np.frexp(positive.max())[1]) // 2))
    return weights


def _flags(values: object | None, rows: int) -> Flags:
    """Which rows are of the ranking only."""
    if values is None:
        return np.zeros(rows, dtype=bool)
    flags = as_sequence(values, rows, "ranking_only")
    if not all(isinstance(flag, bool | np.bool_) for flag in flags):
        raise DataError("ranking_only: expected True or False for each row")
    return np.asarray(flags, dtype=bool)


def _subjects(values: object | None, rows: int) -> Ints:
    """A number per subject, in the order of their names; rows without one are subjects of their own."""
    if values is None:
        return np.arange(rows, dtype=np.int64)
    names = pd.Series(list(as_sequence(values, rows, "subjects")), dtype=object)
    codes = pd.factorize(names.map(str, na_action="ignore"), sort=True)[0].astype(np.int64)
    return np.where(codes < 0, rows + np.arange(rows), codes)


def _moments(values: object | None, rows: int) -> Ints:
    """The place of each time among all of them, the earliest 0; -1 throughout where none are given."""
    if values is None:
        return np.full(rows, -1, dtype=np.int64)
    times = pd.Series(list(as_sequence(values, rows, "time")), dtype=object)
    missing = int(times.isna().sum())
    if missing:
        raise DataError("time: {missing} of {rows} are missing; expected one for each row", missing=missing, rows=rows)
    try:
        return np.unique(np.asarray(times.infer_objects()), return_inverse=True)[1].astype(np.int64)
    except TypeError:
        raise DataError("time: expected days, numbers or texts that can be put in order, found several types") from None


def industry_code(value: object) -> str | None:
    """The code of an industry as text; None where it is unknown (missing or blank).

    Whole numbers lose the ``.0`` that a column gets when one of its values is missing.
    """
    if value is None or value is pd.NA or value != value:
        return None
    if isinstance(value, float | np.floating) and value.is_integer():
        return str(int(value))
    return str(value) if str(value).strip() else None
