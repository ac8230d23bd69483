"""The languages there are, and their translations: one folder each, ``<language>/LC_MESSAGES/creditscore.po``."""

from __future__ import annotations

from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from creditscore.errors import ConfigError

#: The language of the sentences in the code; it needs no catalogue.
SOURCE_LANGUAGE = "en"
#: The language of documents and summaries where none is named.
DEFAULT_LANGUAGE = "zh"

_FOLDER = Path(__file__).parent
_DOMAIN = "creditscore"


def languages(folder: Path | None = None) -> tuple[str, ...]:
    """The languages that can be chosen: the default, English, then each further one with a catalogue, by name."""
    further = sorted({path.parent.parent.name for path in (folder or _FOLDER).glob(f"*/LC_MESSAGES/{_DOMAIN}.[pm]o")})
    return tuple(dict.fromkeys((DEFAULT_LANGUAGE, SOURCE_LANGUAGE, *further)))


def is_language(code: str) -> bool:
    """Whether a code such as ``fr`` or ``pt_BR`` is that of a language, with a catalogue or without."""
    from babel.localedata import exists

    return exists(code)


def translations(language: str, folder: Path | None = None) -> NullTranslations:
    """The translations into a language; those of English change nothing.

    A compiled catalogue (``.mo``) is used unless its source (``.po``) is newer or alone: then the source is compiled in
    memory, so that a checkout needs no build step. Each catalogue is read once per process.

    Raises:
        ConfigError: There is no such language.
    """
    if language == SOURCE_LANGUAGE:
        return NullTranslations()
    base = (folder or _FOLDER) / language / "LC_MESSAGES"
    source, compiled = base / f"{_DOMAIN}.po", base / f"{_DOMAIN}.mo"
    if not language.isidentifier() or not (source.is_file() or compiled.is_file()):
        raise ConfigError(
            "language: expected one of {languages} (got {language!r})", languages=", ".join(languages(folder)), language=language
        )
    return _read(source, compiled)


@lru_cache
def _read(source: Path, compiled: Path) -> GNUTranslations:
    if compiled.is_file() and not (source.is_file() and source.stat().st_mtime > compiled.stat().st_mtime):
        with compiled.open("rb") as file:
            return GNUTranslations(file)
    return GNUTranslations(BytesIO(_compiled(source)))


def _compiled(source: Path) -> bytes:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with source.open("rb") as file:
        catalogue = read_po(file)
    target = BytesIO()
    write_mo(target, catalogue)
    return target.getvalue()
