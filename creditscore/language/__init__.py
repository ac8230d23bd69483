"""What people read, in their language: English sentences in code, catalogues beside this file, formats by Babel.

Code marks a sentence and passes its values along; the code that shows it chooses the language::

    finding = _("{rows:,} rows were quarantined", rows=12)   # a Message: nothing is translated yet
    str(finding)                                             # English
    Words.of("zh").text(finding)                             # Chinese, by zh/LC_MESSAGES/creditscore.po

A language is a folder with a catalogue. One more costs one file, ``fr/LC_MESSAGES/creditscore.po``, and no code; a
sentence that its catalogue lacks is shown in English. ``make catalogue`` brings the catalogues up to date with the code.

Nothing here changes after import, so threads need no lock. ``DEFAULT_LANGUAGE`` is a constant: it is what commands and
documents use when nobody names a language.
"""

from creditscore.language.catalogues import DEFAULT_LANGUAGE, SOURCE_LANGUAGE, is_language, languages
from creditscore.language.message import Labelled, Message, Text, Translatable, _, from_json, pgettext, to_json
from creditscore.language.words import Words

__all__ = [
    "DEFAULT_LANGUAGE",
    "SOURCE_LANGUAGE",
    "Labelled",
    "Message",
    "Text",
    "Translatable",
    "Words",
    "_",
    "from_json",
    "is_language",
    "languages",
    "pgettext",
    "to_json",
]
