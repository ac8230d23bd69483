"""The columns of a frame as a fit reads them: what is known of each beforehand, and its values as numbers or texts."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from creditscore.config.features import Absence, FeatureSpec, Trend
from creditscore.config.spec import Label
from creditscore.dataframes import Flags, category_texts
from creditscore.errors import DataError
from creditscore.models.characteristic import Ceiling, ColumnName
from creditscore.vocabulary import Source

#: What an estimator takes for ``features``: specifications (or plain names of columns), alone or by name; None: all columns.
Features = Iterable[FeatureSpec | str] | Mapping[str, FeatureSpec] | None
_NAME: TypeAdapter[str] = TypeAdapter(ColumnName)


@dataclass(frozen=True)
class Factor:
    """What is known of a column before the fit. ``text`` None: the data say."""

    name: str
    label: Label
    source: Source = "public"
    unit: str = ""
    trend: Trend = "auto"
    order: tuple[str, ...] = ()
    points_cap: int | None = None
    text: bool | None = None
    #: Industries whose cards may have the characteristic, with those that hang from them; empty: all.
    industries: tuple[str, ...] = ()
    #: Points at most where there is a record (a value of 1 or more).
    ceiling: Ceiling | None = None
    #: None: by the source, see :attr:`no_fault`.
    absence: Absence | None = None

    @property
    def no_fault(self) -> bool:
        """Whether a missing value tells nothing about the subject: its WoE is 0, whatever was measured.

        So it is with a characteristic of some industries: subjects of the others have no value that counts.
        """
        return self.absence == "no_fault" or (self.absence is None and self.source == "base") or bool(self.industries)

    @property
    def always(self) -> bool:
        """Whether the characteristic stays in the card whatever the statistics say: national ratings, and what has a ceiling."""
        return self.source == "base" or self.ceiling is not None

    @property
    def cap(self) -> int | None:
        """Most points a self-declared characteristic may add; None elsewhere."""
        return self.points_cap if self.source == "self_declared" else None


@dataclass(frozen=True)
class FeatureColumn:
    """One column as read: ``values`` are numbers (NaN missing), or positions in ``categories`` (-1 missing)."""

    factor: Factor
    values: NDArray[Any]
    categories: tuple[str, ...] = ()
    text: bool = False

    @property
    def missing(self) -> Flags:
        """Where there is no value."""
        return self.values < 0 if self.text else np.isnan(self.values)

    @cached_property
    def distinct(self) -> tuple[NDArray[Any], NDArray[np.int32]]:
        """Of numbers: the values that there are, rising, and each row's position among them; missing is after the last."""
        there = ~self.missing
        values, positions = np.unique(self.values[there], return_inverse=True)
        cells = np.full(len(there), len(values), dtype=np.int32)
        cells[there] = positions
        return values, cells

    def take(self, rows: NDArray[np.intp]) -> FeatureColumn:
        """The column at these rows, in this order."""
        return replace(self, values=self.values[rows])

    @property
    def settled(self) -> Factor:
        """The factor, marked as text or number as the fit read it. A later column without any value is then read alike."""
        return replace(self.factor, text=self.text)


def factors_of(features: Features, frame: pd.DataFrame) -> tuple[Factor, ...]:
    """What is asked for: the specifications in their order, or every column of the frame with trend auto.

    Raises:
        DataError: A specified column is not in the frame, or a column has a name no card can hold.
    """
    if features is None:
        return tuple(_factor(_name(column)) for column in frame.columns)
    factors = tuple(_factor(spec) for spec in (features.values() if isinstance(features, Mapping) else features))
    absent = [factor.name for factor in factors if factor.name not in frame.columns]
    if absent:
        raise DataError(
            "features: column {absent} is missing; the frame has {columns}",
            absent=", ".join(absent),
            columns=", ".join(map(str, frame.columns)),
        )
    return factors


def _factor(spec: FeatureSpec | str) -> Factor:
    if isinstance(spec, str):
        return Factor(spec, Label(zh=spec, en=spec))
    ceiling = None
    if spec.points_ceiling is not None:
        ceiling = Ceiling(points=spec.points_ceiling, signed_by=spec.ceiling_signed_by, basis=spec.ceiling_basis)
    return Factor(
        spec.name, spec.label, spec.source, spec.unit, spec.trend, spec.order, spec.points_cap, spec.is_text or bool(spec.order),
        spec.industries, ceiling, spec.absence,
    )  # fmt: skip


def _name(column: object) -> str:
    try:
        return _NAME.validate_python(column)
    except ValidationError:
        raise DataError(
            "features: column {column!r}: expected a name of 1 to 60 characters without control characters "
            "and without spaces at its ends; rename it (the label of a FeatureSpec may be any text)",
            column=column,
        ) from None


def read_column(series: pd.Series, factor: Factor) -> FeatureColumn:
    """The column as numbers or as texts. ``category`` is text, ``bool`` a number, infinity is missing (and warned of).

    Raises:
        DataError: Values are neither, or a number was declared and texts are found.
    """
    if isinstance(series.dtype, pd.ArrowDtype) and series.dtype.kind == "O" and not pd.api.types.is_string_dtype(series.dtype):
        series = series.astype(object)  # a dictionary of texts, say
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        meant = factor.text is False and pd.api.types.is_numeric_dtype(dtype.categories.dtype)
        return _numbers(series.astype(dtype.categories.dtype), factor) if meant else _categories(series, dtype.categories, factor)
    if not factor.text and series.isna().all():
        return FeatureColumn(factor, np.full(len(series), np.nan))
    if pd.api.types.is_complex_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype):
        raise DataError(
            "column {name}: expected numbers or texts, found {dtype}; give days or months instead of dates",
            name=factor.name,
            dtype=dtype,
        )
    if pd.api.types.is_numeric_dtype(dtype) and not factor.text:
        return _numbers(series, factor)
    present = series[series.notna()]
    mixed = pd.api.types.is_object_dtype(dtype) and not factor.text
    if mixed and all(isinstance(value, (numbers.Real, Decimal, np.bool_)) for value in present):
        return _numbers(series, factor)
    return _texts(series, present, factor)


def _numbers(series: pd.Series, factor: Factor) -> FeatureColumn:
    series = series.astype(object).where(series.notna(), np.nan) if pd.api.types.is_object_dtype(series.dtype) else series
    values = series.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    infinite = np.isinf(values)
    if infinite.any():
        warnings.warn(f"column {factor.name}: {int(infinite.sum())} infinite values are treated as missing", stacklevel=2)
        values[infinite] = np.nan
    return FeatureColumn(factor, values)


def _texts(series: pd.Series, present: pd.Series, factor: Factor) -> FeatureColumn:
    if factor.text is False:
        share = len(present) / max(len(series), 1)
        raise DataError(
            "column {name}: expected numbers, found {dtype} in {share:.1%} of the rows",
            name=factor.name,
            dtype=series.dtype,
            share=share,
        )
    if not pd.api.types.is_string_dtype(present):
        kind = series.dtype if not pd.api.types.is_object_dtype(series.dtype) else "other objects, or texts mixed with numbers"
        raise DataError(
            "column {name}: expected numbers or texts, found {kind}; codes such as 0111 stay texts", name=factor.name, kind=kind
        )
    codes, categories = pd.factorize(series, sort=True)
    return FeatureColumn(factor, codes.astype(np.int64), tuple(str(category) for category in categories), text=True)


def _categories(series: pd.Series, categories: pd.Index, factor: Factor) -> FeatureColumn:
    """Categories by their texts, sorted, only those that occur."""
    if factor.text is False:
        raise DataError("column {name}: expected numbers, found categories of {dtype}", name=factor.name, dtype=categories.dtype)
    names = category_texts(categories, factor.name)
    codes = series.cat.codes.to_numpy()
    used = sorted(np.unique(codes[codes >= 0]).tolist(), key=lambda code: names[code])
    sorted_codes = np.full(len(names) + 1, -1)
    sorted_codes[used] = np.arange(len(used))
    return FeatureColumn(factor, sorted_codes[codes].astype(np.int64), tuple(names[code] for code in used), text=True)


def columns_of_model(frame: pd.DataFrame, factors: Sequence[Factor]) -> tuple[FeatureColumn, ...]:
    """The columns that a fitted model reads, in the order of ``factors``; they are matched by name.

    Raises:
        DataError: A column is missing, or holds texts where numbers were fitted.
    """
    absent = [factor.name for factor in factors if factor.name not in frame.columns]
    if absent:
        raise DataError(
            "features: column {absent} is missing; the model reads {columns}",
            absent=", ".join(absent),
            columns=", ".join(factor.name for factor in factors),
        )
    columns, refused = read_columns(frame, factors)
    if refused:
        raise DataError("features: {reasons}", reasons="; ".join(refused.values()))
    return columns


def read_columns(frame: pd.DataFrame, factors: Sequence[Factor]) -> tuple[tuple[FeatureColumn, ...], dict[str, str]]:
    """The columns that can be read, and why each of the others cannot."""
    columns, refused = [], {}
    for factor in factors:
        try:
            columns.append(read_column(frame[factor.name], factor))
        except (DataError, TypeError, ValueError) as error:
            refused[factor.name] = str(error) if isinstance(error, DataError) else "values are neither numbers nor texts"
    return tuple(columns), refused
