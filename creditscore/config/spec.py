"""TOML in, specifications out; every refusal reads ``file: key: expected (got ...)``."""

from __future__ import annotations

import datetime as dt
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_serializer, model_validator

from creditscore.errors import ConfigError
from creditscore.language import DEFAULT_LANGUAGE, SOURCE_LANGUAGE, Text, Words, _, is_language, languages

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("a name of lower-case letters, digits and _ (at most 60), starting with a letter")
    return value


def _code(value: str) -> str:
    if not _CODE.fullmatch(value):
        raise ValueError("a code of letters, digits, _ . and - (at most 40)")
    return value


#: A name that becomes a column, a file or a key: it needs no quotes in SQL, paths or HTML.
Name = Annotated[str, AfterValidator(_name)]
#: The code of an industry, a task or a region: also a file name, hence as narrow as a name.
Code = Annotated[str, AfterValidator(_code)]
#: A share or ratio in [0, 1]; arithmetic uses :func:`ppm`.
Share = Annotated[float, Field(ge=0, le=1)]
Day = dt.date


T = TypeVar("T")
#: A tuple that takes the lists of TOML and JSON too; its items are checked strictly.
Items = Annotated[tuple[T, ...], Field(strict=False)]


class Spec(BaseModel):
    """Plain data: frozen, strict in types, and neither an unknown key nor NaN or infinity is taken.

    Defaults and copies are checked like values that are given: a whole number in a field of fractions becomes one, so that
    what is written to a file and read back is equal to the last byte.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True, allow_inf_nan=False)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some values replaced and all of it checked again; nothing that was computed from the old values stays.

        Raises:
            ValidationError: The values do not fit their fields, or not each other.
        """
        if not update:
            return super().model_copy(deep=deep)
        source = super().model_copy(deep=True) if deep else self
        # Values that were given, and no computed ones: what a card cached, its hash say, is not true of the copy.
        return type(self).model_validate({**{name: getattr(source, name) for name in self.model_fields_set}, **update})


class Label(Spec):
    """The name of a thing for readers, one per language, such as ``{ zh = "食品", en = "Food", fr = "Aliments" }``.

    Cards and tasks hold labels: a field added here changes their hashes.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str] = Field(init=False)

    zh: str | None = None
    en: str | None = None

    @staticmethod
    def of(text: Text) -> Label:
        """The words of a message in every language there is, to be kept in a file."""
        return Label(**{language: Words.of(language).text(text) for language in languages()})

    @model_validator(mode="after")
    def _of_known_languages(self) -> Self:
        strange = next((language for language in self.__pydantic_extra__ if not is_language(language)), None)
        if strange is not None:
            raise ValueError(f"expected codes of languages, such as zh, en or fr; {strange} is none")
        if not self.names():
            raise ValueError("expected a name in one language at least, such as zh")
        return self

    @model_serializer
    def names(self) -> dict[str, str]:
        """The names by language: Chinese, English, then further ones as they were given."""
        given = {"zh": self.zh, "en": self.en, **self.__pydantic_extra__}
        return {language: name for language, name in given.items() if name is not None}

    def text(self, lang: str = DEFAULT_LANGUAGE) -> str:
        """The name in a language; where there is none, the English one, the Chinese one, or the first."""
        names = self.names()
        return next(names[one] for one in (lang, SOURCE_LANGUAGE, DEFAULT_LANGUAGE, *names) if one in names)


def refuse_repeats(values: Iterable[str], what: str) -> None:
    """For a validator of a list in which each ``what`` may be given once.

    Raises:
        ValueError: Some are repeated; they are named.
    """
    repeated = sorted(value for value, count in Counter(values).items() if count > 1)
    if repeated:
        raise ValueError(f"each {what} once, but {', '.join(repeated)} appears several times")


def ppm(share: float) -> int:
    """A share in whole millionths, the form in which shares are compared and multiplied."""
    return round(share * 1_000_000)


S = TypeVar("S", bound=BaseModel)
_SHOWN = 60
#: Control characters other than tab and the ends of lines.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def read_toml(path: Path) -> dict[str, Any]:
    """The document of a TOML file.

    Raises:
        ConfigError: The file is absent or cannot be read, is not UTF-8, or is not TOML (a key given twice, a number
            with leading zeros such as ``0111`` without quotes); a text has control characters, or a number more than 64 bits.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError("{path}: expected a file (got nothing)", path=path) from None
    except OSError as error:
        raise ConfigError("{path}: expected a file that can be read (got {kind})", path=path, kind=type(error).__name__) from None
    except UnicodeDecodeError as error:
        raise ConfigError("{path}: expected UTF-8 (got byte {start} that is not)", path=path, start=error.start) from None
    except RecursionError:
        raise ConfigError("{path}: expected TOML of fewer levels (lists are nested too deeply)", path=path) from None
    except ValueError as error:  # not TOML, or a number of thousands of digits
        raise ConfigError("{path}: expected TOML ({error})", path=path, error=error) from None
    _refuse_what_no_file_holds(document, path)
    return document


def _refuse_what_no_file_holds(document: dict[str, Any], file: Path) -> None:
    """TOML takes more than workbooks, pages and columns of numbers can hold.

    Raises:
        ConfigError: A text has control characters other than tab and line end; a whole number needs more than 64 bits.
    """
    for location, value in _leaves(document, ()):
        fault: Text | None = None
        if isinstance(value, str) and _CONTROL.search(value):
            fault = _("expected a text without control characters")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            fault = _("expected a whole number of at most 64 bits")
        if fault is not None:
            raise ConfigError(
                "{file}: {key}: {fault} (got {got})", file=file, key=_key(location, document), fault=fault, got=_cut(repr(value))
            )


def _leaves(value: Any, location: tuple[int | str, ...]) -> Iterator[tuple[tuple[int | str, ...], Any]]:
    if isinstance(value, dict | list):
        for step, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(one, (*location, step))
    else:
        yield location, value


def read_spec(spec: type[S], path: Path) -> S:
    """Read a TOML file as a specification.

    Raises:
        ConfigError: The file cannot be read, or a key is missing, unknown or has a wrong value; one line per fault.
    """
    return parse(spec, read_toml(path), str(path))


def parse(spec: type[S], document: dict[str, Any], file: str) -> S:
    """A parsed TOML document as a specification; ``file`` is its name in messages.

    Raises:
        ConfigError: A key is missing, unknown or has a wrong value; one line per fault.
    """
    try:
        return spec.model_validate(document)
    except ValidationError as error:
        raise _refused(error, document, file) from None


def parse_json(spec: type[S], document: dict[str, Any], file: str) -> S:
    """A parsed JSON document, in which days are texts, as a specification; ``file`` is its name in messages.

    Raises:
        ConfigError: As for :func:`parse`.
    """
    try:
        return spec.model_validate_json(json.dumps(document))
    except ValidationError as error:
        raise _refused(error, document, file) from None


def _refused(error: ValidationError, document: dict[str, Any], file: str) -> ConfigError:
    lines = []
    for fault in error.errors():
        got = "nothing"
        if fault["type"] != "missing":
            # What looks like a connection may hold a password.
            got = re.sub(r"[a-z]+://[^\s'\"]*", "(a connection)", repr(fault["input"]))
            got = _cut(got)
        lines.append(f"{file}: {_key(fault['loc'], document)}: {fault['msg']} (got {got})")
    message = "\n".join(lines)
    return ConfigError(message)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _key(location: tuple[int | str, ...], document: Any) -> str:
    """``feature[3] "wage_arrears".months``: the position and the name, since a position is hard to find in a long list."""
    text, node = "", document
    for step in location:
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            node = None
        if isinstance(step, int):
            text += f"[{step + 1}]"
            title = next((node[k] for k in ("name", "kind", "id", "code", "to") if isinstance(node, dict) and k in node), None)
            text += f' "{title}"' if isinstance(title, str) else ""
        else:
            text += f".{step}" if text else str(step)
    return text or "(whole file)"
