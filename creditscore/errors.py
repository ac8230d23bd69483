"""The errors a caller may meet. Every one is also the builtin it resembles.

Messages are part of the public interface: where, what was expected, what was there instead, what to do.
They name rows by key and column, never by the value of a cell (a cell may be personal data).
"""

from __future__ import annotations

from collections.abc import Mapping


class CreditScoreError(Exception):
    """The root: ``except CreditScoreError`` catches whatever the library refuses.

    ``str(error)`` is English. Whoever shows it in another language translates ``message`` and puts in ``values``.

    Attributes:
        message: The English sentence with ``{name}`` where values go.
        values: The values by name; without any, the sentence is complete, and braces in it are text.
    """

    context = None

    def __init__(self, message: str = "", /, **values: object) -> None:
        super().__init__(message)
        self.message = message
        self.values: Mapping[str, object] = values

    def __str__(self) -> str:
        return self.message.format(**self.values) if self.values else self.message


class ConfigError(CreditScoreError, ValueError):
    """A file of the project is faulty: ``file: key: expected (got ...)``."""


class DataError(CreditScoreError, ValueError):
    """A caller's table, file or value cannot be used; nothing was written."""


class NotFittedError(CreditScoreError, ValueError):
    """Scores were asked of an estimator before ``fit``."""


class DrawError(CreditScoreError, ValueError):
    """A draw that must not happen: a second one, one of a changed frame, one without inspectors."""


class LockedError(CreditScoreError, ValueError):
    """Another run holds the output folder. The command line exits with 75."""
