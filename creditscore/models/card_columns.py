"""Columns of a pandas, polars or Arrow frame as plain arrays: numbers by numpy, texts by Arrow.

Numbers and texts do not mix: codes read as numbers in one month and as texts in another would all be
unseen, in silence. What cannot be meant is refused with the column and the share of rows, no cell.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from creditscore.errors import DataError

_NUMBERS = ("empty", "integer", "floating", "mixed-integer-float", "decimal", "boolean", "integer-na")


def table_of(frame: object) -> pd.DataFrame | pa.Table:
    """The frame itself (pandas) or as an Arrow table (polars, Arrow, whatever exports Arrow)."""
    if isinstance(frame, pd.DataFrame | pa.Table):
        return frame
    if isinstance(frame, pa.RecordBatch) or (hasattr(frame, "__arrow_c_stream__") and not isinstance(frame, pd.Series)):
        try:
            return pa.table(frame)
        except (pa.ArrowInvalid, TypeError):  # a single column exports Arrow, too
            raise DataError(
                "expected a pandas, polars or Arrow table (got {kind}, which is none)", kind=type(frame).__name__
            ) from None
    raise DataError("expected a pandas, polars or Arrow table (got {kind})", kind=type(frame).__name__)


def index_of(table: pd.DataFrame | pa.Table) -> pd.Index:
    """The index of a pandas frame; 0 ... n-1 for the others."""
    return table.index if isinstance(table, pd.DataFrame) else pd.RangeIndex(table.num_rows)


def require(table: pd.DataFrame | pa.Table, names: Iterable[str]) -> None:
    """Refuse a frame that lacks columns or has one of them twice."""
    present = list(table.columns) if isinstance(table, pd.DataFrame) else table.column_names
    missing = [name for name in names if name not in present]
    if missing:
        raise DataError(
            "columns missing: {missing} (found {n_present}: {map})",
            missing=", ".join(missing),
            n_present=len(present),
            map=", ".join(map(str, present[:40])),
        )
    twice = [name for name in names if present.count(name) > 1]
    if twice:
        raise DataError("columns several times: {twice}; expected each once", twice=", ".join(twice))


def column_of(table: pd.DataFrame | pa.Table, name: str) -> Any:
    """One column: a pandas Series or an Arrow chunked array."""
    return table[name] if isinstance(table, pd.DataFrame) else table.column(name)


def series_of(values: object) -> Any:
    """A vector as a pandas Series or an Arrow array, whatever it came as."""
    if isinstance(values, pd.Series | pa.Array | pa.ChunkedArray):
        return values
    if isinstance(values, pd.Index | pd.api.extensions.ExtensionArray):
        return pd.Series(values)
    if hasattr(values, "__arrow_c_stream__"):
        return pa.chunked_array(values)
    array: Any = values if isinstance(values, np.ndarray) else list(values)  # type: ignore[call-overload]
    return pd.Series(array, dtype=None if len(array) else "float64")


def is_text(column: Any) -> bool:
    """Whether a column holds texts (an all-missing one does not)."""
    if isinstance(column, pd.Series):
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = pd.Series(column.dtype.categories)
        if pd.api.types.is_object_dtype(column.dtype):
            return pd.api.types.infer_dtype(column, skipna=True) == "string"
        return bool(pd.api.types.is_string_dtype(column.dtype) and column.notna().any())
    kind = column.type.value_type if pt.is_dictionary(column.type) else column.type
    return _is_text_type(kind) and column.null_count < len(column)


def numbers(column: Any, name: str) -> NDArray[Any]:
    """A column as a numpy array of numbers, missing as NaN; no copy where the dtype is numpy's own.

    Raises:
        DataError: when it holds anything but numbers and missing values.
    """
    if isinstance(column, pd.Series):
        return _pandas_numbers(column, name)
    kind = column.type
    if pt.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if column.null_count == len(column):
        return np.full(len(column), np.nan)
    if not (pt.is_integer(kind) or pt.is_floating(kind) or pt.is_boolean(kind) or pt.is_decimal(kind)):
        raise DataError("column {name}: expected numbers (got {kind}); convert it where it is read", name=name, kind=kind)
    if pt.is_boolean(kind):
        column = column.cast(pa.uint8())
    if column.null_count or pt.is_decimal(kind):
        column = column.cast(pa.float64(), safe=False)
    return np.asarray(column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy())


def texts(column: Any, name: str) -> pa.Array:
    """A column as one Arrow array of strings (or a dictionary of strings), missing as null.

    Raises:
        DataError: when it holds anything but texts and missing values: 1 is not "1".
    """
    array = _pandas_texts(column, name) if isinstance(column, pd.Series) else column
    if array.null_count == len(array):
        return pa.nulls(len(array), pa.large_string())
    if pt.is_dictionary(array.type) and not _is_text_type(array.type.value_type):
        return _named_categories(array, name)
    kind = array.type.value_type if pt.is_dictionary(array.type) else array.type
    if not _is_text_type(kind):
        raise DataError(
            "column {name}: expected texts (got {kind}); codes such as 0111 stay texts from the file on", name=name, kind=kind
        )
    chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    return chunks[0] if len(chunks) == 1 and not pt.is_string_view(kind) else pa.concat_arrays([_large(one) for one in chunks])


def category_texts(categories: Iterable[Any], name: str) -> list[str]:
    """The texts that stand for the categories of a column: 1 and 1.0 are both "1", since files turn one into the other.

    Raises:
        DataError: when two categories would have one text, or one is neither text nor number.
    """
    found = [_category_text(one, name) for one in categories]
    if len(set(found)) != len(found):
        raise DataError("column {name}: expected categories of one type; a number and a text stand for the same", name=name)
    return found


def _category_text(value: Any, name: str) -> str:
    if isinstance(value, str | bool | np.bool_ | int | np.integer):
        return str(value)
    if isinstance(value, float | np.floating):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    raise DataError(
        "column {name}: expected categories that are texts or numbers (got {kind})", name=name, kind=type(value).__name__
    )


def _named_categories(array: Any, name: str) -> pa.Array:
    chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    texts = [pa.array(category_texts(one.dictionary.to_pylist(), name), pa.large_string()) for one in chunks]
    return pa.concat_arrays([pc.take(known, one.indices) for known, one in zip(texts, chunks, strict=True)])


def _large(array: pa.Array) -> pa.Array:
    """As large strings: views and dictionaries of views have few kernels, and dictionaries differ by chunk."""
    if pt.is_dictionary(array.type):
        return pc.take(array.dictionary.cast(pa.large_string()), array.indices)
    return array.cast(pa.large_string())


def _is_text_type(kind: pa.DataType) -> bool:
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def _pandas_numbers(column: pd.Series, name: str) -> NDArray[Any]:
    kind = column.dtype
    if isinstance(kind, np.dtype) and kind.kind in "fiub":
        return column.to_numpy()
    if isinstance(kind, pd.CategoricalDtype) and pd.api.types.is_numeric_dtype(kind.categories.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if isinstance(kind, pd.ArrowDtype):
        return numbers(pa.chunked_array(pa.array(column)), name)
    if pd.api.types.is_numeric_dtype(kind):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if bool(column.isna().all()):
        return np.full(len(column), np.nan)
    if pd.api.types.is_object_dtype(kind) and pd.api.types.infer_dtype(column, skipna=True) in _NUMBERS:
        return column.where(column.notna(), np.nan).to_numpy(dtype=np.float64)
    present = column.dropna().astype(object)
    wrong = sum(not isinstance(value, int | float | np.number) for value in present)
    share = f"{100 * wrong / len(column):.1f} % of {len(column)} rows hold something else"
    raise DataError(
        "column {name}: expected numbers (got dtype {kind}: {share}); convert it where it is read",
        name=name,
        kind=kind,
        share=share,
    )


def _pandas_texts(column: pd.Series, name: str) -> Any:
    if bool(column.isna().all()):
        return pa.nulls(len(column), pa.large_string())
    try:
        return pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise DataError(
            "column {name}: expected texts (got dtype {dtype} with mixed values)", name=name, dtype=column.dtype
        ) from None
