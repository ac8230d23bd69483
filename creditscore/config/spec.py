"""TOML in, specifications out; every refusal reads ``file: key: expected (got ...)``."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_serializer, model_validator

from creditscore.errors import ConfigError
from creditscore.language import DEFAULT_LANGUAGE, SOURCE_LANGUAGE, Text, Words, is_language, languages

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


#: A name that becomes a column, a file or a key: it can be quoted nowhere and escapes nowhere.
Name = Annotated[str, AfterValidator(_name)]
#: The code of an industry, a task or a region: also a file name, hence as narrow as a name.
Code = Annotated[str, AfterValidator(_code)]
#: A share or ratio in [0, 1]; arithmetic uses :func:`ppm`.
Share = Annotated[float, Field(ge=0, le=1)]
Day = dt.date


T = TypeVar("T")
#: A tuple that takes the lists of TOML and JSON too; what is in it is checked as strictly as everything else.
Items = Annotated[tuple[T, ...], Field(strict=False)]


class Spec(BaseModel):
    """Plain data: frozen, and a key that is not known is an error, not a wish."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Label(Spec):
    """How a thing is called before people: a name per language, such as ``{ zh = "食品", en = "Food", fr = "Aliments" }``.

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


def ppm(share: float) -> int:
    """A share as an integer number of millionths: what is compared and multiplied is never a float."""
    return round(share * 1_000_000)


S = TypeVar("S", bound=BaseModel)
_SHOWN = 60


def read_toml(path: Path) -> dict[str, Any]:
    """The document of a TOML file.

    Raises:
        ConfigError: The file is absent or cannot be read, is not UTF-8, or is not TOML (a key given twice, a number
            with leading zeros such as ``0111`` without quotes).
    """
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError("{path}: expected a file (got nothing)", path=path) from None
    except OSError as error:
        raise ConfigError("{path}: expected a file that can be read (got {kind})", path=path, kind=type(error).__name__) from None
    except UnicodeDecodeError as error:
        raise ConfigError("{path}: expected UTF-8 (got byte {start} that is not)", path=path, start=error.start) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("{path}: expected TOML ({error})", path=path, error=error) from None


def read_spec(spec: type[S], path: Path) -> S:
    """One file as one specification."""
    return parse(spec, read_toml(path), str(path))


def parse(spec: type[S], document: dict[str, Any], file: str) -> S:
    """A document of TOML as a specification, or one :class:`ConfigError` with a line per fault."""
    try:
        return spec.model_validate(document)
    except ValidationError as error:
        raise _refused(error, document, file) from None


def parse_json(spec: type[S], document: dict[str, Any], file: str) -> S:
    """A document of JSON as a specification: days are texts there. Faults as in :func:`parse`."""
    try:
        return spec.model_validate_json(json.dumps(document))
    except ValidationError as error:
        raise _refused(error, document, file) from None


def _refused(error: ValidationError, document: dict[str, Any], file: str) -> ConfigError:
    return ConfigError("\n".join(f"{file}: {_key(e['loc'], document)}: {e['msg']} (got {_found(e)})" for e in error.errors()))


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _key(location: tuple[int | str, ...], document: Any) -> str:
    """``feature[3] "wage_arrears".months``: an index alone helps nobody in a list of fifty."""
    text, node = "", document
    for step in location:
        node = _child(node, step)
        if isinstance(step, int):
            text += f"[{step + 1}]"
            title = next((node[k] for k in ("name", "kind", "id", "code", "to") if isinstance(node, dict) and k in node), None)
            text += f' "{title}"' if isinstance(title, str) else ""
        else:
            text += f".{step}" if text else str(step)
    return text or "(whole file)"


def _child(node: Any, step: int | str) -> Any:
    try:
        return node[step]
    except (KeyError, IndexError, TypeError):
        return None


def _found(error: Any) -> str:
    if error["type"] == "missing":
        return "nothing"
    # What looks like a connection may hold a password.
    shown = re.sub(r"[a-z]+://[^\s'\"]*", "(a connection)", repr(error["input"]))
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
