"""The rules of a source: how its columns become the standard ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from creditscore.config.spec import Items, Spec

_DIRECTIVES = frozenset("YmdHMSz%")


class Rename(Spec):
    """The column ``column`` of the source, as it is (typed by the standard table)."""

    to: str
    rule: Literal["rename"] = "rename"
    column: str


class Constant(Spec):
    """The same value in every row."""

    to: str
    rule: Literal["constant"]
    value: str | int | bool


def _of_one_kind(*values: object) -> None:
    """Texts, whole numbers or truth values: all values of a rule are of one kind, since they fill one column."""
    kinds = sorted({type(value).__name__ for value in values if value is not None})
    if len(kinds) > 1:
        raise ValueError(f"values of one kind, texts or whole numbers or truth values, but here are {' and '.join(kinds)}")


class Map(Spec):
    """Values by a table; what is not in it becomes ``otherwise`` (missing where that is absent).

    Words in ``missing`` say that nothing is known: their value is missing, and nothing is wrong. A table that is meant to be
    partial says so by ``otherwise``. Without it a word that stands nowhere is told as unknown; where it decides whether a
    record counts against its firm, the value is refused.
    """

    to: str
    rule: Literal["map"]
    column: str
    values: dict[str, str | int | bool]
    missing: Items[str] = ()
    otherwise: str | int | bool | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Map:
        _of_one_kind(*self.values.values(), self.otherwise)
        both = sorted(set(self.values) & set(self.missing))
        if both:
            raise ValueError(f"missing: words that are not in values (got {', '.join(both)})")
        return self


class Condition(Spec):
    """A column compared with a value, and what follows where that holds."""

    column: str
    op: Literal["==", "!=", ">", ">=", "<", "<="]
    value: str | int | float
    then: str | int | bool

    @property
    def of_words(self) -> bool:
        """Whether it asks if the cell is a certain word: then any word that nothing names may be a slip."""
        return isinstance(self.value, str) and self.op in ("==", "!=")


def _others_are_named(conditions: Sequence[Condition], otherwise: object, others: Sequence[str]) -> None:
    """A rule that asks for words says which other words it expects, since a slip is none of its words either."""
    of_words = [condition for condition in conditions if condition.of_words]
    falls = otherwise is not None or any(condition.op == "!=" for condition in of_words)
    if of_words and falls and not others:
        raise ValueError("others: the other words that the column may have: what neither value nor others names may be a slip")
    if others and not of_words:
        raise ValueError("others: goes with op == or != and a text as value")
    both = sorted({str(condition.value) for condition in of_words} & set(others))
    if both:
        raise ValueError(f"others: words that no value names (got {', '.join(both)})")


class Compare(Condition):
    """``then`` where the column compares so with ``value``, else ``otherwise``; missing stays missing.

    With a text as value and ``==`` or ``!=``, ``others`` are the other words that are meant. Any further word is told as
    unknown: its value is missing, and refused where it may decide whether the record counts against its firm. "" in
    ``others`` stands for an empty cell.
    """

    to: str
    rule: Literal["compare"]
    otherwise: str | int | bool | None = None
    others: Items[str] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Compare:
        _of_one_kind(self.then, self.otherwise)
        _others_are_named([self], self.otherwise, self.others)
        return self


class Split(Spec):
    """A text cut at ``separator`` into a list (``inspectors``), or its ``part`` (from 0)."""

    to: str
    rule: Literal["split"]
    column: str
    separator: str = Field(min_length=1)
    part: int | None = Field(default=None, ge=0)


def _date_format(form: str) -> str:
    if form == "excel":
        return form
    used = re.findall(r"%(.?)", form)
    if not set(used) <= _DIRECTIVES or not {"Y", "m", "d"} <= set(used):
        raise ValueError("a date format of %Y, %m and %d (and %H %M %S %z), or excel for the day numbers of a spreadsheet")
    return form


DateFormat = Annotated[str, AfterValidator(_date_format)]


class ParseDate(Spec):
    """A text read by the first of ``formats`` that fits the whole of it; nothing is guessed.

    A format without separators takes full-width fields only (``20260304``). ``excel`` reads the day number
    of a spreadsheet (``46085``). A time of day without zone is local to the project's ``timezone``; one that
    the clocks there skipped is a fault. ``endless`` texts mean no end, in columns that hold one.
    """

    to: str
    rule: Literal["parse_date"]
    column: str
    formats: Items[DateFormat] = Field(min_length=1)
    endless: Items[str] = ("长期", "永久", "无固定期限", "9999-12-31")


class ParseNumber(Spec):
    """A text with a number: digits of any width, separators between groups of three, perhaps one of ``units`` behind it.

    ``decimal`` is the sign before the fraction, ``thousands`` the one between groups of exactly three digits (the first may
    have fewer; "" for none): by default ``12,345.67``, and ``12.345,67`` where ``decimal = ","``. ``12345,67`` and ``1,2,3``
    are no numbers by the default. The value is multiplied by ``factor`` (a column in 万元: 10000) and by its unit's number
    (``"12万"`` with ``units = { "万" = 10000 }``). What is no such text is a fault.
    """

    to: str
    rule: Literal["parse_number"]
    column: str
    factor: int = Field(default=1, ge=1)
    units: dict[str, int] = Field(default_factory=dict)
    decimal: Literal[".", ","] = "."
    thousands: Literal[",", ".", " ", "'", ""] | None = None

    @property
    def separator(self) -> str:
        """The sign between groups of three digits, or ""."""
        return {".": ",", ",": "."}[self.decimal] if self.thousands is None else self.thousands

    @model_validator(mode="after")
    def _signs_differ(self) -> ParseNumber:
        if self.thousands == self.decimal:
            raise ValueError("thousands: another sign than decimal")
        return self


class Combine(Spec):
    """The texts of several columns with ``separator`` between them; missing where one of them is."""

    to: str
    rule: Literal["combine"]
    columns: Items[str] = Field(min_length=2)
    separator: str = "-"


class Cases(Spec):
    """``then`` of the first case that holds, else ``otherwise``; a case whose column is missing does not hold.

    Of a column that is asked for words, ``others`` are those that no case names, as in :class:`Compare`; an empty cell there
    makes the value missing, unless "" is one of them.
    """

    to: str
    rule: Literal["cases"]
    case: Items[Condition] = Field(min_length=1)
    otherwise: str | int | bool | None = None
    others: Items[str] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Cases:
        _of_one_kind(*(case.then for case in self.case), self.otherwise)
        _others_are_named(self.case, self.otherwise, self.others)
        return self


ColumnRule = Annotated[
    Rename | Constant | Map | Compare | Split | ParseDate | ParseNumber | Combine | Cases, Field(discriminator="rule")
]
