"""Tables of a PostgreSQL exchange database (库表交换): read only, in one snapshot, in pieces through Arrow.

The only module that imports adbc. The connection is in an environment variable that ``sources.toml``
names; neither it nor a message of the server (which may quote a cell) reaches a log or an error.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from creditscore.config.sources import SourceSpec
from creditscore.errors import DataError

#: Bytes of one piece, as a hint to the driver.
_PIECE = str(16 << 20)
#: The last day of the calendar, which is no end, in the types that know an endless day; at noon whatever the zone.
_ENDLESS = {"date": "9999-12-31", "timestamp": "9999-12-31", "timestamptz": "9999-12-31 12:00:00+00"}
#: Types that the driver hands over unchanged; arrays (their names begin with _) become lists.
_AS_THEY_ARE = frozenset(
    [
        "bool", "int2", "int4", "int8", "oid", "float4", "float8", "numeric", "text", "varchar", "bpchar", "name", "json", "jsonb",
        "xml", "bytea",
    ]
)  # fmt: skip
_BEGIN = "SET default_transaction_read_only = on; SET synchronize_seqscans = off; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def columns_of(source: SourceSpec) -> list[str]:
    """The columns of a source's relation, in its order.

    Raises:
        DataError: The variable is not set, the server or the relation is not there, or the role may not read it.
    """
    with _reading(source) as cursor:
        cursor.execute(f"SELECT * FROM {_quoted(source.relation)} LIMIT 0")  # noqa: S608 # quoted names
        names: list[str] = cursor.fetch_arrow_table().column_names
        return names


def pieces_of(source: SourceSpec, wanted: list[str], *, expected: str) -> Iterator[pa.Table]:
    """The rows of a relation in pieces; only the wanted columns leave the database.

    Args:
        source: Its relation.
        wanted: Columns.
        expected: The fingerprint that the relation must have in the snapshot that is read.

    Raises:
        DataError: The relation changed since its fingerprint was taken.
    """
    with _reading(source) as cursor:
        cursor.execute(
            "SELECT a.attname::text, t.typname::text FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "  # noqa: S608
            f"WHERE a.attrelid = '{_quoted(source.relation)}'::regclass AND a.attnum > 0 AND NOT a.attisdropped"
        )
        types = dict(cursor.fetchall())
        chosen = ", ".join(_selected(name, types.get(name, "")) for name in wanted) or "1"
        if _fingerprint(cursor, source) != expected:
            raise DataError(
                'source "{source}": {relation} changed while it was being read; run again',
                source=source.name,
                relation=source.relation,
            )
        cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": _PIECE})
        cursor.execute(f"SELECT {chosen} FROM {_quoted(source.relation)}")  # noqa: S608 # quoted names
        for batch in cursor.fetch_record_batch():
            yield pa.Table.from_batches([batch])


def _selected(name: str, kind: str) -> str:
    """A column as it leaves the database, by its type.

    The driver turns money into hundredths, addresses, ranges and ids of the server's own types into bytes, and an
    endless day into one before all others. None of that may be taken for a value.
    """
    column = _quoted(name, dots=False)
    if kind in _ENDLESS:
        return f"CASE WHEN {column} = 'infinity' THEN '{_ENDLESS[kind]}'::{kind} ELSE {column} END AS {column}"
    if kind == "money":
        return f"{column}::numeric AS {column}"
    return column if kind in _AS_THEY_ARE or kind.startswith("_") else f"{column}::text AS {column}"


def fingerprint(source: SourceSpec) -> str:
    """A text that changes when any row of the relation does: the number of rows and the sum of their hashes.

    Computed in the database, whatever the order of its rows; one row more or less, or another value, shows.

    Raises:
        DataError: As :func:`columns_of`.
    """
    with _reading(source) as cursor:
        return _fingerprint(cursor, source)


def _fingerprint(cursor: Any, source: SourceSpec) -> str:
    row_hash = "('x' || substr(md5(t::text), 1, 15))::bit(60)::bigint"
    counted = f"SELECT count(*)::text || ':' || coalesce(sum({row_hash}), 0)::text FROM {_quoted(source.relation)} AS t"  # noqa: S608
    cursor.execute(counted)
    return str(cursor.fetchone()[0])


@contextlib.contextmanager
def _reading(source: SourceSpec) -> Iterator[Any]:
    """A cursor in one read-only snapshot. Of an error of the driver only its class is reported: its text may hold data."""
    try:
        from adbc_driver_manager import Error
        from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]
    except ImportError:
        raise DataError(
            'source "{source}": expected a PostgreSQL driver; install creditscore[postgres]', source=source.name
        ) from None
    uri = os.environ.get(source.database)
    if not uri:
        raise DataError(
            'source "{source}": expected a connection in the environment variable {database} (got nothing)',
            source=source.name,
            database=source.database,
        )
    try:
        with dbapi.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
            for statement in _BEGIN.split("; "):
                cursor.execute(statement)
            yield cursor
    except Error as error:
        state = f", SQLSTATE {error.sqlstate}" if getattr(error, "sqlstate", None) else ""
        raise DataError(
            'source "{source}": expected to read {relation} of the database in {database} ({error}{state}): is '
            "the server up, the relation there, may the role read it?",
            source=source.name,
            relation=source.relation,
            database=source.database,
            error=type(error).__name__,
            state=state,
        ) from None


def _quoted(name: str, *, dots: bool = True) -> str:
    """A name in quotes; the dots of a relation separate schema and table."""
    parts = (part.replace('"', '""') for part in (name.split(".") if dots else [name]))
    return ".".join(f'"{part}"' for part in parts)
