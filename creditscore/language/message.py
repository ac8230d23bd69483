"""A sentence and the values in it, not yet in any language."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from string import Formatter
from typing import Any, Protocol, TypeAlias, runtime_checkable


@runtime_checkable
class Translatable(Protocol):
    """What :meth:`Words.text` can show: a message, or an error that carries one."""

    @property
    def message(self) -> str:
        """The English sentence, with ``{name}`` where values go: the key of the catalogues."""

    @property
    def values(self) -> Mapping[str, object]:
        """The values by name. Without any, the sentence is shown as it is, braces included."""

    @property
    def context(self) -> str | None:
        """Distinguishes two meanings of the same English sentence; None for most sentences."""


@runtime_checkable
class Labelled(Protocol):
    """A name that a project gives in several languages; the catalogues do not have it."""

    def text(self, language: str, /) -> str:
        """The name in a language, or in another one where it has none."""


#: What :meth:`Words.text` shows. A plain string is data, such as a name or a code, and stays as it is.
Text: TypeAlias = Translatable | Labelled | str


@dataclass(frozen=True)
class Message:
    """An English sentence with named values, translated where it is shown.

    Fields are written as in ``str.format``, with plain names only: ``{rows:,}``, ``{share:.1%}``, ``{file!r}``. A value may
    be a message or a label itself; it is shown in the same language. A tuple or list is shown as its entries with the
    language's comma.
    """

    message: str
    values: Mapping[str, object] = field(default_factory=dict, hash=False)
    context: str | None = None

    def __str__(self) -> str:
        """The sentence in English."""
        return fill(self.message, self.values)

    def __format__(self, spec: str) -> str:
        """The sentence in English, padded as ``spec`` says."""
        return format(str(self), spec)


def _(message: str, /, **values: object) -> Message:
    """Mark a sentence for the catalogues; ``pybabel`` reads the literal, so it must not be an f-string."""
    return Message(message, values)


def pgettext(context: str, message: str, /, **values: object) -> Message:
    """Mark a sentence whose English has several meanings; ``context`` says which one this is."""
    return Message(message, values, context)


def to_json(said: Message) -> str:
    """A message as JSON, from which it can be shown in any language later; its values are numbers, texts, lists and messages."""
    return json.dumps(asdict(said), ensure_ascii=False)


def from_json(kept: str) -> Message:
    """The message that :func:`to_json` wrote.

    Raises:
        ValueError: It is no message.
    """
    try:
        return _message(json.loads(kept))
    except (KeyError, TypeError, AttributeError):
        raise ValueError("expected a message as JSON") from None


def _message(document: Mapping[str, Any]) -> Message:
    values = {name: _value(value) for name, value in document["values"].items()}
    return Message(document["message"], values, document["context"])


def _value(value: Any) -> object:
    if isinstance(value, list):
        return [_value(entry) for entry in value]
    return _message(value) if isinstance(value, dict) else value


def fill(template: str, values: Mapping[str, object], show: Callable[[Any, str], str] | None = None) -> str:
    """Put values into a sentence.

    Args:
        template: The sentence; its fields are plain names, with a conversion (``!r``) and a format where needed.
        values: By name. Without any, the sentence is returned as it is.
        show: Formats one value by its format specification; in English by default.

    Raises:
        KeyError: A field has no value.
        ValueError: A field is not a plain name. Only values can be shown, never their attributes or items.
    """
    return _Fields(show or _english).vformat(template, (), values) if values else template


def _english(value: Any, spec: str) -> str:
    if isinstance(value, tuple | list):
        return format(", ".join(_english(entry, "") for entry in value), spec)
    if not isinstance(value, Translatable) and isinstance(value, Labelled):
        return format(value.text("en"), spec)
    return format(value, spec)


class _Fields(Formatter):
    """``str.format`` that reads plain names only and leaves the format of a value to ``show``."""

    def __init__(self, show: Callable[[Any, str], str]) -> None:
        self._show = show

    def get_field(self, field_name: str, args: Any, kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        if not field_name.isidentifier():
            raise ValueError(f"expected a plain name in braces (got {field_name!r})")
        return kwargs[field_name], field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        return self._show(value, format_spec)
