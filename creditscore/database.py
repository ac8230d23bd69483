"""PostgreSQL through Arrow: the connection, names in quotes, and what may be told of an error. The only module that imports adbc.

A connection holds a password, and a message of the server may quote a cell: neither reaches a log or an error. What is told of
an error is its class and its SQLSTATE.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from creditscore.errors import CreditScoreError, DataError


def driver() -> Any:
    """The driver: its module with ``connect``.

    Raises:
        DataError: It is not installed.
    """
    try:
        from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]
    except ImportError:
        raise DataError("PostgreSQL: expected its driver (got none); install creditscore[postgres]") from None
    return dbapi


@contextlib.contextmanager
def told(refusal: Callable[[str], CreditScoreError]) -> Iterator[None]:
    """A block in which an error of driver or server becomes a refusal.

    Args:
        refusal: Makes it of what may be told, such as ``ProgrammingError, SQLSTATE 42P01``.
    """
    try:
        from adbc_driver_manager import Error
    except ImportError:
        raise DataError("PostgreSQL: expected its driver (got none); install creditscore[postgres]") from None
    try:
        yield
    except Error as error:
        state = getattr(error, "sqlstate", None)
        raise refusal(type(error).__name__ + (f", SQLSTATE {state}" if state else "")) from None


def batches(cursor: Any, refusal: Callable[[str], CreditScoreError]) -> Iterator[pa.RecordBatch]:
    """The rows of a query that was executed, as the server sends them.

    A fault in the midst of them comes as one of Arrow, which knows no SQLSTATE, and quotes the server like the others.
    """
    reader = cursor.fetch_record_batch()
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except (pa.ArrowException, OSError) as error:
            raise refusal(type(error).__name__) from None
        yield batch


def quoted(*names: str) -> str:
    """Names in quotes, joined by dots.

    >>> quoted("exchange", 'a"b')
    '"exchange"."a""b"'
    """
    doubled = (name.replace('"', '""') for name in names)
    return ".".join(f'"{name}"' for name in doubled)


def literal(text: str) -> str:
    """A text in a statement.

    >>> literal("O'Neill")
    "'O''Neill'"
    """
    doubled = text.replace("'", "''")
    return f"E'{doubled.replace(chr(92), chr(92) * 2)}'" if "\\" in text else f"'{doubled}'"
