"""The rows of a source that ``where`` asks for, and what stands in its column besides: no row is left out in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.sources import SourceSpec, Where
from creditscore.language import Message
from creditscore.records.columns.rules import need_columns
from creditscore.records.columns.types import BLANKS, Distinct, as_texts, one_array, plain_text


@dataclass(frozen=True)
class AskedRows:
    """Which rows of a piece are asked for.

    Attributes:
        mask: True where a row is.
        put_right: How often blanks around a value were taken away, by what was done.
        unknown: Values that are neither asked for nor known, and their rows.
        empty: Rows whose cell is empty.
    """

    mask: pa.Array
    put_right: Counter[Message]
    unknown: Counter[str]
    empty: int


def asked_rows(raw: pa.Table, where: Where, file: str, *, known: Collection[str] = ()) -> AskedRows:
    """Which rows have one of the values that ``where`` asks for.

    Args:
        raw: The rows.
        where: The column and its values.
        file: The file, for the message.
        known: Values that may be left out; "" for an empty cell.

    Raises:
        DataError: The file lacks the column.
    """
    need_columns(raw.column_names, [where.column], file)
    values = as_texts(one_array(raw[where.column]))
    asked, distinct = _texts(where.values), Distinct(values)
    words = [text if text in asked else plain_text(text) for text in distinct.values]
    mask = pc.fill_null(distinct.rows_where([word in asked for word in words]), False)
    fixed = distinct.rows_where([word in asked and word != text for word, text in zip(words, distinct.values, strict=True)])
    empty = values.null_count + distinct.rows_where([not word for word in words]).true_count
    left = distinct.rows_where([bool(word) and word not in asked and word not in known for word in words])
    counts = pc.value_counts(values.filter(left)).to_pylist() if left.true_count else []
    put_right = Counter({Message(BLANKS.message, {"column": where.column}): fixed.true_count} if fixed.true_count else {})
    return AskedRows(mask, put_right, Counter({one["values"]: one["counts"] for one in counts}), 0 if "" in known else empty)


def known_values(source: SourceSpec, sources: Iterable[SourceSpec]) -> frozenset[str]:
    """The values of the asked column that a source may leave out: those it lists, and those that others ask for in its file."""
    if source.where is None:
        return frozenset()
    return _known(source.where, [one.where for one in sources if one.read_from == source.read_from])


def known_in_file(where: Where, file: str, sheet: str | None, sources: Iterable[SourceSpec]) -> frozenset[str]:
    """As :func:`known_values`, of a joined file: what sources and joins ask for in it, and what they list."""
    own = [one.where for one in sources if (one.file, one.sheet) == (file, sheet)]
    joined = [join.where for one in sources for join in one.join if (join.file, join.sheet) == (file, sheet)]
    return _known(where, [*own, *joined])


def _known(where: Where, of_file: Iterable[Where | None]) -> frozenset[str]:
    same = [one for one in of_file if one is not None and one.column == where.column]
    return frozenset(text for one in (where, *same) for text in (*_texts(one.values), *_texts(one.others)))


def _texts(values: Iterable[str | int | bool]) -> frozenset[str]:
    """Values as cells show them. A truth value is "true" where Arrow writes it as text, and "True" or "true" in files of text."""
    texts = {str(value) for value in values}
    return frozenset(texts | {str(value).lower() for value in values if isinstance(value, bool)})
