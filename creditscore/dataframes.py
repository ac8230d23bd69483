"""Any caller's table (pandas, polars, Arrow, DuckDB, whatever narwhals or Arrow can read) as plain columns.

The only module that imports narwhals. Numbers and texts do not mix: codes read as numbers in one month and as texts in
another would all count as unknown texts, without a warning. Errors name the column and the share of rows, never a cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from creditscore.errors import DataError
from creditscore.language import pgettext

#: The array types of the whole package. ``Texts`` are objects: ``str``, or None where a docstring allows it.
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Texts = NDArray[np.object_]
Days = NDArray[np.datetime64]


class ArrowStream(Protocol):
    """A table that exports Arrow, of polars, pyarrow or any other library."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The stream of its rows."""
        ...


#: A table, or its columns by name.
AnyTable = pd.DataFrame | Mapping[str, Any] | ArrowStream

_NUMBERS = ("empty", "integer", "floating", "mixed-integer-float", "decimal", "boolean", "integer-na")
_SURROGATE = re.compile("[\ud800-\udfff]")


# Tables


def native_table(table: object, *, what: str = "features") -> pd.DataFrame | pa.Table:
    """The table itself where it is pandas or Arrow, any other as an Arrow table of its rows.

    Args:
        table: A table of any library; lazy ones are collected. Of an object with a pandas table as ``frame``, that table.
        what: What the table is, for the error.

    Raises:
        DataError: It is not a table.
    """
    native = _native(table)
    if native is None:
        raise DataError("{what}: expected a pandas, polars or Arrow table (got {kind})", what=what, kind=type(table).__name__)
    return native


def _native(table: object) -> pd.DataFrame | pa.Table | None:
    if isinstance(table, pd.DataFrame | pa.Table):
        return table
    if isinstance(inner := getattr(table, "frame", None), pd.DataFrame):
        return inner
    known = nw.from_native(table, pass_through=True)
    if isinstance(known, nw.LazyFrame):
        known = known.collect(backend="pyarrow")
    if isinstance(known, nw.DataFrame):
        return known.to_arrow()
    if not hasattr(table, "__arrow_c_stream__") or isinstance(table, pd.Series):
        return None
    try:
        return pa.table(table)
    except (pa.ArrowInvalid, TypeError):  # a single column exports Arrow, too
        return None


def _to_pandas(table: pd.DataFrame | pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table if isinstance(table, pd.DataFrame) else table.to_pandas(date_as_object=False)
    return frame


def as_frame(table: Any, *, needs: Sequence[str], what: str) -> pd.DataFrame:
    """A table of any library as pandas, rows numbered from 0, with at least the columns ``needs``.

    Raises:
        DataError: It is not a table, or columns are missing.
    """
    frame = _to_pandas(native_table(table, what=what))
    missing = [name for name in needs if name not in frame.columns]
    if missing:
        present = ", ".join(map(str, frame.columns[:12])) or pgettext("list", "none")
        raise DataError(
            "{what}: expected the columns {missing} too (got {present})", what=what, missing=", ".join(missing), present=present
        )
    return frame.reset_index(drop=True)


def feature_frame(table: object) -> pd.DataFrame:
    """A table of any library, or an array of two dimensions, as pandas; the index of pandas is kept.

    Columns without names (of arrays, or numbered 0, 1, ...) are called ``x0``, ``x1``, ...

    Raises:
        DataError: It is none of these, or two columns have one name.
    """
    native = _native(table)
    frame = _array_frame(table) if native is None else _to_pandas(native)
    if len(frame.columns) and all(isinstance(name, int | np.integer) for name in frame.columns):
        frame = frame.set_axis([f"x{name}" for name in frame.columns], axis=1)
    repeated = sorted({str(name) for name in frame.columns[frame.columns.duplicated()]})
    if repeated:
        raise DataError("features: expected each column once; {repeated} appears several times", repeated=", ".join(repeated))
    return frame


def _array_frame(values: Any) -> pd.DataFrame:
    if hasattr(values, "toarray"):
        raise DataError("features: sparse input is not supported; hand in a dense array or a frame")
    array = np.asarray(values)
    if array.ndim != 2:
        raise DataError(
            "features: expected a frame (pandas, polars, Arrow) or a 2D array; got {kind} of {ndim} "
            "dimensions. Reshape your data: a single feature is array.reshape(-1, 1)",
            kind=type(values).__name__,
            ndim=array.ndim,
        )
    if np.iscomplexobj(array):
        raise DataError("features: Complex data not supported; hand in numbers or texts")
    return pd.DataFrame(array, columns=[f"x{position}" for position in range(array.shape[1])])


def column_lists(table: AnyTable, names: Sequence[str], *, what: str) -> dict[str, list[Any]]:
    """Those of the named columns that the table has, as lists; levels of a pandas index count as columns.

    Raises:
        DataError: It is neither a table nor columns by name.
    """
    if isinstance(table, Mapping):
        return {name: list(table[name]) for name in names if name in table}
    native = native_table(table, what=what)
    if isinstance(native, pa.Table):
        return {name: native[name].to_pylist() for name in names if name in native.column_names}
    levels = [name for name in native.index.names if name in names and name not in native.columns]
    flat = native.reset_index(level=levels) if levels else native
    return {name: list(flat[name]) for name in names if name in flat.columns}


def require_columns(table: pd.DataFrame | pa.Table, names: Iterable[str]) -> None:
    """Check that a table has each of these columns once.

    Raises:
        DataError: One is missing or repeated.
    """
    present = list(table.columns) if isinstance(table, pd.DataFrame) else table.column_names
    missing = [name for name in names if name not in present]
    if missing:
        raise DataError(
            "columns missing: {missing} (found {n_present}: {present})",
            missing=", ".join(missing),
            n_present=len(present),
            present=", ".join(map(str, present[:40])),
        )
    repeated = [name for name in names if present.count(name) > 1]
    if repeated:
        raise DataError("columns several times: {repeated}; expected each once", repeated=", ".join(repeated))


def index_of(table: pd.DataFrame | pa.Table) -> pd.Index:
    """The index of a pandas frame; 0 ... n-1 for the others."""
    return table.index if isinstance(table, pd.DataFrame) else pd.RangeIndex(table.num_rows)


# Columns of a pandas frame that as_frame gave


def unique_ids(frame: pd.DataFrame, *, what: str) -> pd.Index:
    """The subject ids of a frame that has one row per subject.

    Raises:
        DataError: An id is missing, or one is in two rows.
    """
    ids: pd.Index = pd.Index(frame["subject_id"])
    if ids.hasnans:
        missing = int(frame["subject_id"].isna().sum())
        raise DataError("{what}: expected a subject_id in every row (missing in {missing})", what=what, missing=missing)
    if not ids.is_unique:
        repeated = ids[ids.duplicated()].unique()
        raise DataError(
            "{what}: expected one row per subject ({n_repeated} subjects have several, the first is {first})",
            what=what,
            n_repeated=len(repeated),
            first=min(repeated),
        )
    return ids


def texts(frame: pd.DataFrame, name: str) -> Texts:
    """A column as texts; ``""`` where it is missing or the frame has no such column.

    Half a surrogate, which no file can hold, becomes U+FFFD.
    """
    if name not in frame.columns:
        return np.full(len(frame), "", dtype=object)
    column = frame[name]
    if isinstance(column.dtype, pd.StringDtype) and column.dtype.storage == "pyarrow":  # Arrow holds no half of a surrogate
        return column.fillna("").to_numpy(dtype=object)
    column = column.astype(object)
    values = column.where(column.notna(), "").to_numpy(dtype=object)
    broken = [row for row, text in enumerate(values) if isinstance(text, str) and not text.isascii() and _SURROGATE.search(text)]
    values = values.copy() if broken else values
    for row in broken:
        values[row] = _SURROGATE.sub("\ufffd", values[row])
    return values


def date_column(frame: pd.DataFrame, name: str) -> Days:
    """A column of dates as ``datetime64[D]``; NaT where it is missing or the frame has no such column."""
    if name not in frame.columns:
        return np.full(len(frame), np.datetime64("NaT", "D"))
    return pd.to_datetime(frame[name]).to_numpy(dtype="datetime64[D]")


# Single columns, for scoring: numbers by numpy, texts by Arrow, no copy where none is needed


def column_of(table: pd.DataFrame | pa.Table, name: str) -> Any:
    """One column: a pandas Series or an Arrow chunked array."""
    return table[name] if isinstance(table, pd.DataFrame) else table.column(name)


def as_column(values: object) -> Any:
    """One value per row, of any library, as a pandas Series or an Arrow array."""
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
        DataError: It holds anything but numbers and missing values.
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


def _pandas_numbers(column: pd.Series, name: str) -> NDArray[Any]:
    kind = column.dtype
    if isinstance(kind, np.dtype) and kind.kind in "fiub":
        return column.to_numpy()
    if isinstance(kind, pd.ArrowDtype):
        return numbers(pa.chunked_array(pa.array(column)), name)
    values_of = kind.categories.dtype if isinstance(kind, pd.CategoricalDtype) else kind
    if pd.api.types.is_numeric_dtype(values_of):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if bool(column.isna().all()):
        return np.full(len(column), np.nan)
    if pd.api.types.is_object_dtype(kind) and pd.api.types.infer_dtype(column, skipna=True) in _NUMBERS:
        return column.where(column.notna(), np.nan).to_numpy(dtype=np.float64)
    wrong = sum(not isinstance(value, int | float | np.number) for value in column.dropna().astype(object))
    raise DataError(
        "column {name}: expected numbers (got dtype {kind}: {share:.1f} % of {rows} rows hold something else); "
        "convert it where it is read",
        name=name,
        kind=kind,
        share=100 * wrong / len(column),
        rows=len(column),
    )


def arrow_texts(column: Any, name: str) -> pa.Array:
    """A column as one Arrow array of strings (or a dictionary of strings), missing as null.

    Raises:
        DataError: It holds anything but texts and missing values: 1 is not "1".
    """
    array = _pandas_texts(column, name) if isinstance(column, pd.Series) else column
    if array.null_count == len(array):
        return pa.nulls(len(array), pa.large_string())
    chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    is_dictionary = pt.is_dictionary(array.type)
    kind = array.type.value_type if is_dictionary else array.type
    if not _is_text_type(kind):
        if not is_dictionary:
            raise DataError(
                "column {name}: expected texts (got {kind}); codes such as 0111 stay texts from the file on", name=name, kind=kind
            )
        named = [pa.array(category_texts(one.dictionary.to_pylist(), name), pa.large_string()) for one in chunks]
        return pa.concat_arrays([pc.take(known, one.indices) for known, one in zip(named, chunks, strict=True)])
    if len(chunks) == 1 and not pt.is_string_view(kind):
        return chunks[0]
    # Views and dictionaries of views have few kernels, and dictionaries differ by chunk.
    if is_dictionary:
        return pa.concat_arrays([pc.take(one.dictionary.cast(pa.large_string()), one.indices) for one in chunks])
    return pa.concat_arrays([one.cast(pa.large_string()) for one in chunks])


def _pandas_texts(column: pd.Series, name: str) -> Any:
    if bool(column.isna().all()):
        return pa.nulls(len(column), pa.large_string())
    try:
        return pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise DataError(
            "column {name}: expected texts (got dtype {dtype} with mixed values)", name=name, dtype=column.dtype
        ) from None


def _is_text_type(kind: pa.DataType) -> bool:
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def category_texts(categories: Iterable[Any], name: str) -> list[str]:
    """The texts of a column's categories: 1 and 1.0 are both "1", since files turn one into the other.

    Raises:
        DataError: Two categories would have one text, or one is neither text nor number.
    """
    names = []
    for value in categories:
        if isinstance(value, str | bool | np.bool_ | int | np.integer):
            names.append(str(value))
        elif isinstance(value, float | np.floating):
            names.append(str(int(value)) if float(value).is_integer() else repr(float(value)))
        else:
            kind = type(value).__name__
            raise DataError("column {name}: expected categories that are texts or numbers (got {kind})", name=name, kind=kind)
    if len(set(names)) != len(names):
        raise DataError("column {name}: expected categories of one type; a number and a text are written the same", name=name)
    return names
