"""What codes of faults mean, in words, alone and listed with numbers of rows or lines."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from creditscore.language import Message, Text, _, pgettext
from creditscore.records.tables import COLUMN_WORDS
from creditscore.spreadsheet.read import CELL_FAULTS

#: What is wrong with a subject's code.
REASON_WORDS = {
    "ID_MISSING": _("no code"),
    "ID_OLD_NUMBER": _("15-digit number of the old register"),
    "ID_SPREADSHEET": _("turned into a number by a spreadsheet: digits are lost"),
    "ID_LENGTH": _("not 18 characters long"),
    "ID_RESIDENT_NUMBER": _("a resident identity number"),
    "ID_ALPHABET": _("characters that codes do not use"),
    "ID_CHECK_DIGIT": _("a check character that does not fit"),
    "ID_AUTHORITY": _("unknown registration authority"),
    "ID_CATEGORY": _("unknown category of body"),
    "ID_REGION": _("unknown region"),
    "ID_ORGANISATION_DIGIT": _("a check character of the organisation code that does not fit"),
    "ID_BODY": _("code of a government body or institution for a market subject"),
    "ID_PATTERN": _("not in the agreed pattern"),
    "ID_SHARED": _("one code for several subjects"),
    "ID_REUSED": _("one code used again by another register"),
    "ID_SEVERAL_CODES": _("several codes for one subject"),
}
#: What codes of refusal mean; their column follows.
_CODES = {
    "UNKNOWN_SUBJECT": _("no such subject in the register, or its code is refused"),
    "UNKNOWN_EVENT": _("no such record"),
    "OFF_CATALOGUE": _("a kind outside the catalogue"),
    "DUP_CONFLICT": _("rows of one key that disagree"),
    "incomplete": _("records against it were refused and never read whole before"),
    "no_card": _("no card for its industry"),
    "RAGGED_LINE": _("another number of fields than the header"),
    "OPEN_QUOTE": _("a quote that is not closed by the end of its text"),
    "BAD_QUOTE": _("text behind a closing quote"),
    "LONG_LINE": _("a line that is too long to be read"),
    "MISSING": _("required and missing"),
    "NOT_LISTED": _("outside its closed list"),
    "DATE_ORDER": _("before the day that it follows"),
    "CONTRADICTION": _("contradicts the status"),
    "DATE_AHEAD": _("after the day of the run, though the record was known before"),
    "BAD_DATE": _("no date in a declared form"),
    "BAD_VALUE": _("a value that cannot be read"),
    "OUT_OF_RANGE": _("outside its range"),
    "NOT_A_NUMBER": _("NaN or infinity"),
    "NUMBER_FOR_TEXT": _("a text that became a number and lost digits"),
    "TOO_LONG": _("longer than the limit in sources.toml"),
    "SKIPPED_TIME": _("an hour that the clocks skipped"),
    **CELL_FAULTS,
}  # fmt: skip


def code_text(code: str) -> Text:
    """What a code of refusal means, with its column; a code without words is shown as it is."""
    name, _mark, column = code.partition(":")
    reason = REASON_WORDS.get(name) or _CODES.get(name)
    if reason is None or not column:
        return reason or code
    return pgettext("reason of refusal", "{reason}: {column}", reason=reason, column=COLUMN_WORDS.get(column, column))


def counted_codes(codes: Mapping[str, int], *, most: int = 3) -> Message:
    """The most frequent codes of refusal in words, each with its number of rows."""
    worst = sorted(codes.items(), key=lambda code: (-code[1], code[0]))[:most]
    return _listed(_("{reason} ({rows:,})", reason=code_text(code), rows=rows) for code, rows in worst)


def line_reasons(lines: Iterable[tuple[int, str]], *, most: int = 5) -> Message:
    """The first lines that are no record, each with its reason in words."""
    return _listed(_("line {line}: {reason}", line=line, reason=code_text(code)) for line, code in itertools.islice(lines, most))


def _listed(texts: Iterable[Text]) -> Message:
    """Several texts as one, as a message lists them."""
    return Message("{listed}", {"listed": tuple(texts)})
