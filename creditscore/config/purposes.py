"""What a credit check may be used for: the project's closed list, and the uses that need a project of their own."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import Field

from creditscore.config.spec import Day, Items, Label, Name, Spec, read_spec
from creditscore.errors import DataError
from creditscore.vocabulary import Purpose


class LookupPurpose(Spec):
    """A use of the credit check that the project allows, by its name or one of its labels."""

    name: Name
    label: Label
    basis: str = Field(min_length=1, pattern=r"\S")

    def is_meant(self, text: str) -> bool:
        """Whether a text is the name or a label, whatever its width, case and spaces."""
        return _plain(text) in {_plain(one) for one in (self.name, *self.label.names().values())}


class OtherPurpose(Spec):
    """A use that needs a project of its own, and the words by which it is known."""

    name: Purpose
    label: Label
    basis: str
    words: Items[str] = Field(min_length=1)


class _Purposes(Spec):
    """The document ``purposes.toml``."""

    as_of: Day
    usual: Items[LookupPurpose]
    purpose: Items[OtherPurpose]


@cache
def _shipped() -> _Purposes:
    return read_spec(_Purposes, Path(str(files("creditscore.config") / "purposes.toml")))


def usual_purposes() -> tuple[LookupPurpose, ...]:
    """The list of a project that names none."""
    return _shipped().usual


def other_purposes() -> tuple[OtherPurpose, ...]:
    """The uses that ship with the library."""
    return _shipped().purpose


def other_purpose(text: str, *, own: Purpose) -> OtherPurpose | None:
    """The use that a text names and that a project of purpose ``own`` may not serve; None where it names none."""
    plain = _plain(text)
    others = (one for one in other_purposes() if one.name != own)
    return next((one for one in others if any(_plain(word) in plain for word in one.words)), None)


def purpose_of(text: str, allowed: Iterable[LookupPurpose], *, own: Purpose) -> LookupPurpose:
    """The purpose of the project's list that a text names.

    Raises:
        DataError: It is not in the list, or needs a project of its own.
    """
    known = tuple(allowed)
    names = ", ".join(f"{one.name} ({one.label.text('zh')})" for one in known)
    other = other_purpose(text, own=own)
    if other is not None:
        raise DataError(
            "--purpose: a project of {own} answers no check for {other} ({basis}); that needs a project of its own. This one "
            "answers: {names}",
            own=own,
            other=" / ".join((other.name, *other.label.names().values())),
            basis=other.basis,
            names=names,
        )
    found = next((one for one in known if one.is_meant(text)), None)
    if found is None:
        raise DataError("--purpose: expected one of the project's list: {names} (got {text!r})", names=names, text=text)
    return found


def _plain(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())
