"""An explanation in words: the same sections for the terminal and for a page that can be printed.

Short sentences that the owner of a small shop understands; what needs a word of the office is said in other words, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from creditscore.language import Text, Words, _, pgettext
from creditscore.reporting.explained import Explained
from creditscore.reporting.explanation_advice import advice
from creditscore.reporting.explanation_objections import later_objections, objections
from creditscore.reporting.explanation_points import characteristics, why
from creditscore.reporting.explanation_records import records
from creditscore.reporting.explanation_section import Section
from creditscore.reporting.explanation_tier import incomplete, rule, tier
from creditscore.reporting.report import render_page

_CLOCKS = _(
    "Each record has two days: when it happened and when it was received here. It counts only once both have come; a repair that "
    "is received later takes effect on the day it is received."
)
_OBJECT = _(
    "Anyone who believes that a record is wrong may object to the body that made it or to this authority. While the "
    "objection is open the record does not count and the tier neither rises nor falls because of it."
)
_REPAIR = _("A record that was repaired, withdrawn or has expired no longer counts from the day this is in effect and known here.")
#: Headings are numbered in the way of the language.
_NUMBERS = (
    pgettext("number of a heading", "1"), pgettext("number of a heading", "2"), pgettext("number of a heading", "3"),
    pgettext("number of a heading", "4"), pgettext("number of a heading", "5"), pgettext("number of a heading", "6"),
    pgettext("number of a heading", "7"), pgettext("number of a heading", "8"), pgettext("number of a heading", "9"),
    pgettext("number of a heading", "10"),
)  # fmt: skip


def to_text(it: Explained, lang: str) -> str:
    """Plain text, one fact a line."""
    words = Words.of(lang)
    lines = [_title(it, words), _subtitle(it, words)]
    for section in _sections(it, words):
        lines += ["", section.title, *(f"  {line}" for line in (*section.lines, *section.rows, *section.after))]
    return "\n".join(lines) + "\n"


def to_html(it: Explained, lang: str) -> str:
    """A page: no script, no link out, everything escaped."""
    words = Words.of(lang)
    parts = {"heading": _title(it, words), "subtitle": _subtitle(it, words), "sections": list(_sections(it, words))}
    return render_page("explain.html.j2", parts, lang=lang, title=f"{it.subject_id} {it.as_of.isoformat()}")


def _title(it: Explained, words: Words) -> str:
    return words.text(_("{name}: why this tier", name=it.name or it.subject_id))


def _subtitle(it: Explained, words: Words) -> str:
    run = it.run or it.as_of.isoformat()
    return words.text(
        _("{id} · {authority} · as of {day} · run {run}", id=it.subject_id, authority=it.authority, day=it.as_of, run=run)
    )


def _sections(it: Explained, words: Words) -> Iterator[Section]:
    """The sections under numbered headings."""
    for number, section in zip(_NUMBERS, _unnumbered(it, words), strict=False):
        yield replace(section, title=words.text(_("{number}. {title}", number=number, title=section.title)))


def _unnumbered(it: Explained, words: Words) -> Iterator[Section]:
    yield _framed(_("The rule and its legal basis"), rule(it), words)
    yield _framed(_("The tier and what it means"), tier(it), words)
    if it.incomplete_since:
        yield _framed(_("Records that could not be read"), incomplete(it), words)
    said = list(objections(it))
    if said:
        yield _framed(pgettext("of a firm", "Objections"), said, words)
    if it.points is not None:
        yield why(it, it.points, words)
    yield Section(words.text(_("What you can do")), [words.text(one) for one in advice(it)])
    if it.points is not None:
        yield characteristics(it.points, words)
    yield records(it, words)
    later = list(later_objections(it))
    if later:
        yield _framed(_("What was said since then, not yet in this tier"), later, words)
    closing: list[Text] = [_CLOCKS, _REPAIR, _OBJECT]
    if it.contact:
        closing.append(_("Whom to ask: {contact}", contact=it.contact))
    if it.points is not None:
        closing.append(_("Scorecard (sha256): {card}", card=it.points.card))
    yield Section(words.text(_("How it works, and whom to ask")), [words.text(one) for one in closing])


def _framed(title: Text, lines: Iterable[Text], words: Words) -> Section:
    return Section(words.text(title), [words.text(one) for one in lines], framed=True)
