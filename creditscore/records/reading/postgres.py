"""Tables of a PostgreSQL exchange database (库表交换): read only, all as they were at one moment, in pieces through Arrow.

The connection is in an environment variable that ``sources.toml`` names; neither it nor a message of the server (which may
quote a cell) reaches a log or an error.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from creditscore.config.sources import SourceSpec
from creditscore.database import batches, driver, quoted, told
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
#: One scan of a table by one process, from its beginning: its rows come in the order in which they lie there.
_BEGIN = (
    "SET default_transaction_read_only = on",
    "SET synchronize_seqscans = off",
    "SET max_parallel_workers_per_gather = 0",
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
)


class Moment:
    """The relations of one database as they were when the first of them was asked for, whatever is written there meanwhile."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def columns(self, source: SourceSpec) -> list[str]:
        """The columns of a source's relation, in its order; no row is read.

        Raises:
            DataError: The relation is not there, or the role may not read it.
        """
        with _told(source), self._connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {_relation(source)} LIMIT 0")  # noqa: S608 # quoted names
            names: list[str] = cursor.fetch_arrow_table().column_names
            return names

    def pieces(self, source: SourceSpec, wanted: Sequence[str]) -> Iterator[pa.Table]:
        """The rows of a relation in pieces, in one scan; only the wanted columns leave the database.

        Raises:
            DataError: As of :meth:`columns`; or the server stops answering.
        """
        with _told(source), self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT a.attname::text, t.typname::text FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "  # noqa: S608
                f"WHERE a.attrelid = '{_relation(source)}'::regclass AND a.attnum > 0 AND NOT a.attisdropped"
            )
            types = dict(cursor.fetchall())
            chosen = ", ".join(_selected(name, types.get(name, "")) for name in wanted) or "1"
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": _PIECE})
            cursor.execute(f"SELECT {chosen} FROM {_relation(source)}")  # noqa: S608 # quoted names
            for batch in batches(cursor, _refused(source)):
                yield pa.Table.from_batches([batch])


@contextlib.contextmanager
def moment(source: SourceSpec) -> Iterator[Moment]:
    """A source's database in one read-only snapshot.

    Raises:
        DataError: The driver is not installed, the variable is not set, or the server is not there.
    """
    connect = driver().connect
    uri = os.environ.get(source.database)
    if not uri:
        raise DataError(
            'source "{source}": expected a connection in the environment variable {database} (got nothing)',
            source=source.name,
            database=source.database,
        )
    with _told(source), connect(uri, autocommit=True) as connection:
        with connection.cursor() as cursor:
            for statement in _BEGIN:
                cursor.execute(statement)
        yield Moment(connection)


def columns_of(source: SourceSpec) -> list[str]:
    """The columns of a source's relation, in its order.

    Raises:
        DataError: As of :func:`moment` and :meth:`Moment.columns`.
    """
    with moment(source) as now:
        return now.columns(source)


def pieces_of(source: SourceSpec, wanted: Sequence[str]) -> Iterator[pa.Table]:
    """The rows of a relation in pieces, as they are now.

    Raises:
        DataError: As of :func:`moment` and :meth:`Moment.pieces`.
    """
    with moment(source) as now:
        yield from now.pieces(source, wanted)


def _told(source: SourceSpec) -> contextlib.AbstractContextManager[None]:
    return told(_refused(source))


def _refused(source: SourceSpec) -> Callable[[str], DataError]:
    def refused(error: str) -> DataError:
        return DataError(
            'source "{source}": expected to read {relation} of the database in {database} ({error}): is '
            "the server up, the relation there, may the role read it?",
            source=source.name,
            relation=source.relation,
            database=source.database,
            error=error,
        )

    return refused


def _selected(name: str, kind: str) -> str:
    """A column as it leaves the database, by its type.

    The driver turns money into hundredths, addresses, ranges and ids of the server's own types into bytes, and an
    endless day into one before all others. None of that may be taken for a value.
    """
    column = quoted(name)
    if kind in _ENDLESS:
        return f"CASE WHEN {column} = 'infinity' THEN '{_ENDLESS[kind]}'::{kind} ELSE {column} END AS {column}"
    if kind == "money":
        return f"{column}::numeric AS {column}"
    return column if kind in _AS_THEY_ARE or kind.startswith("_") else f"{column}::text AS {column}"


def _relation(source: SourceSpec) -> str:
    """The name in quotes; its dots separate schema and table."""
    return quoted(*source.relation.split("."))
