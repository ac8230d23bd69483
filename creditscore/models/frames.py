"""Frames at the door of the estimators: pandas, polars, Arrow or an array in; numbers and texts out."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from creditscore.config.features import FeatureSpec, Trend
from creditscore.config.spec import Label
from creditscore.errors import DataError
from creditscore.models.card import ColumnName
from creditscore.models.card_columns import category_texts
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

    @property
    def cap(self) -> int | None:
        """Most points a self-declared characteristic may add; None elsewhere."""
        return self.points_cap if self.source == "self_declared" else None


@dataclass(frozen=True)
class Column:
    """One column as read: ``values`` are numbers (NaN missing), or places in ``categories`` (-1 missing)."""

    factor: Factor
    values: NDArray[Any]
    categories: tuple[str, ...] = ()
    text: bool = False

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where there is no value."""
        return self.values < 0 if self.text else np.isnan(self.values)

    def take(self, rows: NDArray[np.intp]) -> Column:
        """The column at these rows, in this order."""
        return Column(self.factor, self.values[rows], self.categories, self.text)


def to_pandas(frame: Any) -> pd.DataFrame:
    """A pandas frame of the same rows and columns; the index is kept where there is one.

    Takes pandas, polars, pyarrow (anything that has ``to_pandas``) and two-dimensional arrays. Columns
    without names (arrays, frames numbered 0, 1, ...) are called ``x0``, ``x1``, ...

    Raises:
        DataError: when it is none of these, or two columns have one name.
    """
    if isinstance(frame, pd.DataFrame):
        found = frame
    elif hasattr(frame, "collect") and hasattr(frame, "lazy"):
        found = frame.collect().to_pandas()
    elif hasattr(frame, "to_pandas"):
        found = frame.to_pandas()
    else:
        found = _from_array(frame)
    if len(found.columns) and all(isinstance(name, (int, np.integer)) for name in found.columns):
        found = found.set_axis([f"x{name}" for name in found.columns], axis=1)
    twice = sorted({str(name) for name in found.columns[found.columns.duplicated()]})
    if twice:
        raise DataError("features: expected each column once; {twice} stands several times", twice=", ".join(twice))
    return found


def _from_array(frame: Any) -> pd.DataFrame:
    if hasattr(frame, "toarray"):
        raise DataError("features: sparse input is not supported; hand in a dense array or a frame")
    array = np.asarray(frame)
    if array.ndim != 2:
        raise DataError(
            "features: expected a frame (pandas, polars, Arrow) or a 2D array; got {kind} of {ndim} "
            "dimensions. Reshape your data: a single feature is array.reshape(-1, 1)",
            kind=type(frame).__name__,
            ndim=array.ndim,
        )
    if np.iscomplexobj(array):
        raise DataError("features: Complex data not supported; hand in numbers or texts")
    return pd.DataFrame(array, columns=[f"x{place}" for place in range(array.shape[1])])


def factors_of(features: Features, frame: pd.DataFrame) -> tuple[Factor, ...]:
    """What is asked for: the specifications in their order, or every column of the frame with trend auto.

    Raises:
        DataError: when a specified column is not in the frame, or a column has a name no card can hold.
    """
    if features is None:
        return tuple(_factor(_name(column)) for column in frame.columns)
    found = tuple(_factor(spec) for spec in (features.values() if isinstance(features, Mapping) else features))
    absent = [factor.name for factor in found if factor.name not in frame.columns]
    if absent:
        raise DataError(
            "features: column {absent} is missing; the frame has {map}",
            absent=", ".join(absent),
            map=", ".join(map(str, frame.columns)),
        )
    return found


def _factor(spec: FeatureSpec | str) -> Factor:
    if isinstance(spec, str):
        return Factor(spec, Label(zh=spec, en=spec))
    return Factor(
        spec.name, spec.label, spec.source, spec.unit, spec.trend, spec.order, spec.points_cap, spec.is_text or bool(spec.order)
    )


def _name(column: object) -> str:
    try:
        return _NAME.validate_python(column)
    except ValidationError:
        raise DataError(
            "features: column {column!r}: expected a name of 1 to 60 characters without control characters "
            "and without spaces at its ends; rename it (the label of a FeatureSpec may be any text)",
            column=column,
        ) from None


def read_column(series: pd.Series, factor: Factor) -> Column:
    """The column as numbers or as texts. ``category`` is text, ``bool`` a number, infinity is missing (and warned of).

    Raises:
        DataError: when values are neither, or a number was declared and texts are found.
    """
    if isinstance(series.dtype, pd.ArrowDtype) and series.dtype.kind == "O" and not pd.api.types.is_string_dtype(series.dtype):
        series = series.astype(object)  # a dictionary of texts, say
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        meant = factor.text is False and pd.api.types.is_numeric_dtype(dtype.categories.dtype)
        return _numbers(series.astype(dtype.categories.dtype), factor) if meant else _categories(series, dtype.categories, factor)
    if not factor.text and series.isna().all():
        return Column(factor, np.full(len(series), np.nan))
    if pd.api.types.is_complex_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype):
        raise DataError(
            "column {name}: expected numbers or texts, found {dtype}; give days or months instead of dates",
            name=factor.name,
            dtype=dtype,
        )
    if pd.api.types.is_numeric_dtype(dtype) and not factor.text:
        return _numbers(series, factor)
    present = series[series.notna()]
    if pd.api.types.is_object_dtype(dtype) and not factor.text and all(map(_is_number, present)):
        return _numbers(series, factor)
    return _texts(series, present, factor)


def _is_number(value: object) -> bool:
    return isinstance(value, (numbers.Real, Decimal, np.bool_))


def _numbers(series: pd.Series, factor: Factor) -> Column:
    series = series.astype(object).where(series.notna(), np.nan) if pd.api.types.is_object_dtype(series.dtype) else series
    values = series.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    infinite = np.isinf(values)
    if infinite.any():
        warnings.warn(f"column {factor.name}: {int(infinite.sum())} infinite values are treated as missing", stacklevel=2)
        values[infinite] = np.nan
    return Column(factor, values)


def _texts(series: pd.Series, present: pd.Series, factor: Factor) -> Column:
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
    return Column(factor, codes.astype(np.int64), tuple(str(category) for category in categories), text=True)


def _categories(series: pd.Series, categories: pd.Index, factor: Factor) -> Column:
    """Categories by their texts, sorted, only those that occur."""
    if factor.text is False:
        raise DataError("column {name}: expected numbers, found categories of {dtype}", name=factor.name, dtype=categories.dtype)
    names = category_texts(categories, factor.name)
    places = series.cat.codes.to_numpy()
    used = sorted(np.unique(places[places >= 0]).tolist(), key=lambda place: names[place])
    lookup = np.full(len(names) + 1, -1)
    lookup[used] = np.arange(len(used))
    return Column(factor, lookup[places].astype(np.int64), tuple(names[place] for place in used), text=True)


def read_columns(frame: pd.DataFrame, factors: Sequence[Factor]) -> tuple[tuple[Column, ...], dict[str, str]]:
    """The columns that can be read, and why each of the others cannot."""
    columns, refused = [], {}
    for factor in factors:
        try:
            columns.append(read_column(frame[factor.name], factor))
        except (DataError, TypeError, ValueError) as error:
            refused[factor.name] = str(error) if isinstance(error, DataError) else "values are neither numbers nor texts"
    return tuple(columns), refused
