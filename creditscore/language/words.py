"""Shows messages, numbers, shares, days and lists in one language."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from gettext import NullTranslations
from typing import TYPE_CHECKING, Any, Literal

from creditscore.language.catalogues import translations
from creditscore.language.message import Labelled, Message, Text, Translatable, fill, pgettext

if TYPE_CHECKING:
    from babel import Locale

#: Between the entries of a list inside a sentence.
COMMA = pgettext("between entries of a list", ", ")


@dataclass(frozen=True)
class Words:
    """One language: made by :meth:`of`, kept for the process, safe to share between threads."""

    language: str
    _translations: NullTranslations = field(repr=False, compare=False)

    @staticmethod
    def of(language: str) -> Words:
        """The words of a language.

        Raises:
            ConfigError: There is no catalogue of that language.
        """
        return _words(language)

    def text(self, said: Text) -> str:
        """A message, an error or a label in this language; in English where the catalogue lacks it.

        A plain string is data, such as a name or a code, and is returned as it is.
        """
        if isinstance(said, str):
            return said
        if not isinstance(said, Translatable):
            return said.text(self.language)
        template = (
            self._translations.gettext(said.message)
            if said.context is None
            else self._translations.pgettext(said.context, said.message)
        )
        # The empty message is the key of the catalogue's own header.
        return fill(template, said.values, self._field) if said.message else ""

    def number(self, value: float | Decimal, digits: int = 0) -> str:
        """A number such as ``12,345.67`` with the signs of the language and ``digits`` decimals; half rounds to even."""
        from babel.numbers import format_decimal

        locale = _locale(self.language)
        pattern = _with_digits(locale.decimal_formats[None].pattern, digits)
        return format_decimal(Decimal(f"{value:.{digits}f}"), format=pattern, locale=locale)

    def percent(self, share: float, digits: int = 1) -> str:
        """``12.3%`` for the share 0.123."""
        from babel.numbers import format_percent

        locale = _locale(self.language)
        pattern = _with_digits(locale.percent_formats[None].pattern, digits)
        rounded = Decimal(f"{share:.{digits}%}".removesuffix("%")) / 100
        return format_percent(rounded, format=pattern, locale=locale)

    def day(self, day: dt.date, form: Literal["iso", "medium", "long"] = "iso") -> str:
        """``2024-04-30``, as documents and tables have it in every language, or the language's own forms."""
        from babel.dates import format_date

        return day.isoformat() if form == "iso" else format_date(day, format=form, locale=_locale(self.language))

    def listed(self, entries: Iterable[object]) -> str:
        """Entries with the language's comma between them."""
        return self.text(COMMA).join(self._field(entry, "") for entry in entries)

    def template_functions(self) -> dict[str, Callable[..., str]]:
        """``_`` and ``pgettext`` as a page's template calls them: they give the sentence in this language."""

        def gettext(message: str, **values: object) -> str:
            return self.text(Message(message, values))

        def pgettext(context: str, message: str, **values: object) -> str:
            return self.text(Message(message, values, context))

        return {"_": gettext, "pgettext": pgettext}

    def _field(self, value: Any, spec: str) -> str:
        """One value of a message: formats of numbers are Python's, with the language's signs."""
        if isinstance(value, Translatable | Labelled):
            return format(self.text(value), spec)
        if isinstance(value, tuple | list):
            return format(self.listed(value), spec)
        text = format(value, spec)
        return text.translate(_signs(self.language)) if spec and isinstance(value, int | float | Decimal) else text


@lru_cache
def _words(language: str) -> Words:
    return Words(language, translations(language))


@lru_cache
def _locale(language: str) -> Locale:
    from babel import Locale

    return Locale.parse(language)


@lru_cache
def _signs(language: str) -> dict[int, str]:
    """What the comma and the point of Python's formats become."""
    from babel.numbers import get_decimal_symbol, get_group_symbol

    locale = _locale(language)
    return {ord(","): get_group_symbol(locale), ord("."): get_decimal_symbol(locale)}


def _with_digits(pattern: str, digits: int) -> str:
    """A language's pattern such as ``#,##0.###`` or ``#,##0 %`` with exactly ``digits`` decimals."""
    whole, _, rest = pattern.partition("0")
    sign = rest.lstrip(".#0")
    return f"{whole}0{'.' + '0' * digits if digits else ''}{sign}"
