"""Rows that are read where they are kept: by the executors of a cluster, or by what its session knows; never by this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

#: What makes rows: from the rows of a relation (of files nothing), and the number of the part that they are.
Reader = Callable[[Iterator[pa.RecordBatch], int], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Relation:
    """A table that a Spark session reads by itself.

    Attributes:
        name: Its name in the session's catalogue, or in the database behind ``url``.
        url: Of a database, the URL of JDBC. It may hold a password and is never shown.
    """

    name: str
    url: str = field(default="", repr=False)


@dataclass(frozen=True)
class Part:
    """Rows that are read by one task, or, of a relation, by one task for each of its partitions.

    Attributes:
        read: Makes the rows. It runs in a process of an executor, which has a copy of what it holds.
        relation: Where the rows come from that it is given; None: it opens files by itself.
        columns: The columns of the relation that it is given.
    """

    read: Reader
    relation: Relation | None = None
    columns: tuple[str, ...] = ()
