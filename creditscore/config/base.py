"""What every specification shares: frozen, closed, with labels in Chinese and English."""

import datetime as dt
import re
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Language = Literal["zh", "en"]

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
    """How a thing is called before people."""

    zh: str
    en: str

    def text(self, lang: Language = "zh") -> str:
        """The label in one language."""
        return self.zh if lang == "zh" else self.en


def ppm(share: float) -> int:
    """A share as an integer number of millionths: what is compared and multiplied is never a float."""
    return round(share * 1_000_000)
