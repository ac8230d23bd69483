"""The errors a caller may meet. Every one is also the builtin it resembles.

Messages are part of the public face: what was found, what was expected, where, what to do.
They name rows by key and column, never by the value of a cell (a cell may be personal data).
"""

from __future__ import annotations

from collections.abc import Mapping


class CreditScoreError(Exception):
    """The root: ``except CreditScoreError`` catches whatever the library refuses.

    ``str(error)`` is English. Whoever shows it in another language translates ``message`` and puts in ``values``.

    Attributes:
        message: The English sentence with ``{name}`` where values go.
        values: The values by name; without any, the sentence is meant as it is, braces included.
    """

    context = None

    def __init__(self, message: str = "", /, **values: object) -> None:
        super().__init__(message)
        self.message = message
        self.values: Mapping[str, object] = values

    def __str__(self) -> str:
        return self.message.format(**self.values) if self.values else self.message


class ConfigError(CreditScoreError, ValueError):
    """A file of the project says something that cannot be meant: ``file: key: expected (got ...)``."""


class DataError(CreditScoreError, ValueError):
    """A table or frame that was handed in cannot be used; nothing was written."""


class NotFittedError(CreditScoreError, ValueError):
    """Scores were asked of an estimator before ``fit``."""


class DrawError(CreditScoreError, ValueError):
    """A draw that may not happen: a second one, a changed frame, a missing inspector."""


class LockedError(CreditScoreError, ValueError):
    """Another run holds the output folder. The command line exits with 75."""
