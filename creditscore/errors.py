"""The errors that the library raises. Each is also a subclass of the built-in error that it resembles.

Messages are part of the public interface: they say where, what was expected, what was there instead and what to do.
They name rows by key and column, never by the value of a cell (a cell may be personal data).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

#: The value of an error that says the same to who sent the file: a message that is filled with the error's other values and names
#: nothing of a configuration, which its reader does not have.
TO_SENDER = "to_sender"


class CreditScoreError(Exception):
    """The base class: ``except CreditScoreError`` catches every refusal of the library.

    ``str(error)`` is English. To show the error in another language, pass it to
    :meth:`creditscore.language.Words.text`, which translates ``message`` and fills in ``values``.

    Attributes:
        message: The English sentence, with ``{name}`` where a value goes.
        values: The values by name. If there are none, the sentence is shown as it is, braces included.
        context: Always None: the sentence of an error has one meaning and needs no context to be translated.
    """

    context = None

    def __init__(self, message: str = "", /, **values: object) -> None:
        super().__init__(message)
        self.message = message
        self.values: Mapping[str, object] = values

    def told_sender(self, words: object) -> Self:
        """The error with words for who sent the file, unless it has some; they are filled with its values."""
        self.values = {TO_SENDER: words, **self.values}
        return self

    def __str__(self) -> str:
        return self.message.format(**self.values) if self.values else self.message


class ConfigError(CreditScoreError, ValueError):
    """A configuration file of the project is wrong: ``file: key: expected ... (got ...)``."""


class DataError(CreditScoreError, ValueError):
    """A table, file or value from the caller cannot be used. Nothing was written."""


class NotFittedError(CreditScoreError, ValueError):
    """An estimator was asked for scores before ``fit``."""


class DrawError(CreditScoreError, ValueError):
    """A draw, or a change after it, that is not allowed: a second draw, a changed frame, too few inspectors."""


class LockedError(CreditScoreError, ValueError):
    """Another run or command is writing to the output folder. The command line then exits with 75."""
