"""Tables that a Spark session reads by itself: those of its catalogue (``format = "table"``) and those behind JDBC (``jdbc``)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from creditscore.engine import Relation
from creditscore.errors import DataError

if TYPE_CHECKING:
    from creditscore.config.sources import SourceSpec
    from creditscore.engine import Engine


def relation_of(source: SourceSpec) -> Relation:
    """What the engine reads for a source. The URL is in an environment variable, so that no file and no message holds a password.

    Raises:
        DataError: The variable is not set, or holds no URL of JDBC.
    """
    if source.format == "table":
        return Relation(source.relation)
    url = os.environ.get(source.database, "")
    if not url.startswith("jdbc:"):
        raise DataError(
            'source "{source}": expected a JDBC URL, such as jdbc:postgresql://host/database, in the environment variable '
            "{database} (got nothing, or another text)",
            source=source.name,
            database=source.database,
        )
    return Relation(source.relation, url)


def columns_in_session(engine: Engine | None, source: SourceSpec) -> tuple[str, ...]:
    """The columns of a source's table.

    Raises:
        DataError: The engine is not Spark; the session does not know the table, or cannot read it.
    """
    return _engine(engine, source).columns_of(relation_of(source))


def fingerprint_in_session(engine: Engine | None, source: SourceSpec) -> str:
    """A text that changes when any row of a source's table does, computed by the engine.

    Raises:
        DataError: As :func:`columns_in_session`.
    """
    return _engine(engine, source).fingerprint(relation_of(source))


def _engine(engine: Engine | None, source: SourceSpec) -> Engine:
    if engine is None or not engine.has_sessions:
        raise DataError(
            'source "{source}": format {format} is read by a Spark session alone: run with --engine spark',
            source=source.name,
            format=source.format,
        )
    return engine
