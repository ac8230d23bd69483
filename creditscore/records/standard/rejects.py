"""Rejects: each refused row or value with its code, its place and the text of its cell, fit to be shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.records.columns.known_words import may_be_person, project_words
from creditscore.records.columns.personal import safe_keys, shown_texts
from creditscore.records.columns.sent_cells import BETWEEN_COLUMNS
from creditscore.records.columns.types import FIELD_MARK, TEXT_MARK, as_texts, one_array
from creditscore.records.standard.arrivals import ARRIVAL, FAULT_TEXT, FIELD_TEXTS, FIELDS, source_rows
from creditscore.records.standard.streams import Stream
from creditscore.records.tables import StandardTable

#: A reject: one refused row or value, as stored. ``scope`` says what was refused: a whole ``row``, or the value of
#: one ``field`` (a further fault of a refused row is one of these too). ``column`` is the sender's name of the column
#: that the code is about, or several joined by a comma; ``text`` is its cell as it was sent, fit to be shown, and "" where
#: it is missing; where the fault shows only between rows or columns it is the value that was read.
REJECT_SCHEMA = pa.schema(
    [
        ("table", pa.string()),
        ("source", pa.string()),
        ("row", pa.int64()),
        ("key", pa.string()),
        ("code", pa.string()),
        ("scope", pa.string()),
        ("column", pa.string()),
        ("text", pa.string()),
    ]
)
#: The code of a row that is the copy of another: collapsed, not refused.
COPY = "COPY"
#: The standard column of codes that do not name it.
_COLUMN_OF = {"UNKNOWN_SUBJECT": "subject_id", "UNKNOWN_EVENT": "event_id", "OFF_CATALOGUE": "kind"}


def columns_of(code: str, table: StandardTable) -> tuple[str, ...]:
    """The columns that a code is about: the one that it names, that of its kind, or those of the key.

    They are standard ones, but for a cell of the column that ``where`` asks about: nobody may know whether its row is meant.
    """
    name, _mark, column = code.partition(":")
    column = column or _COLUMN_OF.get(name, "subject_id" if name.startswith("ID_") else "")
    return (column,) if column else table.key


def rejects_of(stream: Stream, bad: pa.Table) -> pa.Table:
    """Refused rows, and refused values; parts of a key are joined by ``|``."""
    table = stream.table
    if not bad.num_rows:
        return REJECT_SCHEMA.empty_table()
    sources, rows = source_rows(stream.arrivals, bad[ARRIVAL].combine_chunks())
    codes = one_array(bad["code"])
    words = project_words(stream.project)
    keys = _shown(bad, table.key, "|", words)
    names = pa.repeat(pa.scalar(table.name), bad.num_rows)
    places = pa.table([names, sources, rows, keys], names=REJECT_SCHEMA.names[:4])
    of_row = pc.fill_null(pc.not_equal(codes, COPY), False)
    refused = bad.filter(of_row)
    texts = one_array(refused[FAULT_TEXT])
    for code in pc.unique(one_array(refused["code"]).filter(pc.is_null(texts))).to_pylist():
        found = pc.and_(pc.equal(refused["code"], code), pc.is_null(texts))
        texts = pc.if_else(found, _shown(refused, columns_of(code, table), BETWEEN_COLUMNS, words), texts)
    lists, listed = pc.split_pattern(one_array(bad[FIELDS]), FIELD_MARK), pc.split_pattern(one_array(bad[FIELD_TEXTS]), TEXT_MARK)
    parts = [
        (places.filter(of_row), codes.filter(of_row), "row", texts),
        (places.take(pc.list_parent_indices(lists)), pc.list_flatten(lists), "field", pc.list_flatten(listed)),
    ]
    return pa.concat_tables([_with_columns(stream, *part) for part in parts])


def _shown(rows: pa.Table, columns: Sequence[str], mark: str, words: Collection[str]) -> pa.Array:
    """The values of columns as one text per row. A stray cell in a column of ids may be personal data, and is masked.

    ``words`` are shown even if they read like names.
    """
    shown = []
    for name in columns:
        is_key = name.endswith(("_id", "_no"))
        texts = shown_texts(as_texts(one_array(rows[name])), lambda text: may_be_person(text, words), keys=is_key)
        shown.append(safe_keys(texts) if is_key else texts)
    return pc.binary_join_element_wise(*shown, mark) if len(shown) > 1 else shown[0]


def _with_columns(stream: Stream, places: pa.Table, codes: pa.Array, scope: str, texts: pa.Array) -> pa.Table:
    """Rejects with the sender's names of their columns, which each source has its own of."""
    names = {arrival.source: arrival.names for arrival in stream.arrivals}
    pairs = pa.table({"source": places["source"], "code": codes})
    # There are few pairs of source and code.
    known = pairs.group_by(["source", "code"], use_threads=False).aggregate([])
    columns = [
        BETWEEN_COLUMNS.join(names[pair["source"]].get(column, column) for column in columns_of(pair["code"], stream.table))
        for pair in known.to_pylist()
    ]
    keys = [pc.binary_join_element_wise(one_array(part["source"]), one_array(part["code"]), TEXT_MARK) for part in (pairs, known)]
    column = pa.array(columns, pa.string()).take(pc.index_in(keys[0], keys[1]))
    scopes = pa.repeat(pa.scalar(scope), len(codes))
    return pa.table([*places.columns, codes, scopes, column, texts], schema=REJECT_SCHEMA)


def line_rejects(stream: Stream) -> pa.Table:
    """Rejects of lines that could not be cut. They have no key: their row in the source is all that is known."""
    parts = [REJECT_SCHEMA.empty_table()]
    for arrival in stream.arrivals:
        if arrival.refused:
            rows, codes = zip(*arrival.refused, strict=True)
            texts = {"table": stream.table.name, "source": arrival.source, "key": "", "scope": "row", "column": "", "text": ""}
            columns = {name: pa.repeat(pa.scalar(text), len(rows)) for name, text in texts.items()}
            numbered = {"code": pa.array(codes), "row": pa.array(rows, pa.int64())}
            parts.append(pa.table({**columns, **numbered}).select(REJECT_SCHEMA.names))
    return pa.concat_tables(parts)


def broken_rules(rejects: pa.Table) -> pa.Table:
    """One row per code and scope of some rejects: code, scope, rows, and the key of the first row."""
    grouped = rejects.group_by(["code", "scope"], use_threads=False).aggregate([("code", "count"), ("key", "first")])
    renamed = grouped.rename_columns({"code_count": "rows", "key_first": "example"})
    return renamed.sort_by([("scope", "descending"), ("code", "ascending")])
