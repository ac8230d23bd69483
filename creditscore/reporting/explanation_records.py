"""The records of an explanation under their numbers: what each is, what names it in an objection, and when it ends."""

from __future__ import annotations

from collections.abc import Iterator

from creditscore.language import Text, Words, _, pgettext
from creditscore.reporting.columns import Grid
from creditscore.reporting.explained import Explained, OwnDocument
from creditscore.reporting.explanation_section import Joined, Section, row_text
from creditscore.reporting.words import BETWEEN_PARTS, GRADES, RESULTS, STATES, TRIGGER_WORDS

_HEADS = (
    _("No."), pgettext("behind a score", "Record"), pgettext("of a record", "Named"), _("Happened"), _("Received"), _("From"),
    _("Details"), _("When it ends"),
)  # fmt: skip
_HOW_TO_NAME = _(
    'To object to a record, a visit or a grade, name it by what stands under "Named": the number of its document, or that which it '
    "has here."
)


def records(it: Explained, words: Words) -> Section:
    """The records under their numbers."""
    title = words.text(_("The records"))
    if it.kept == "none" and not it.documents:
        return Section(title, [words.text(_("Not kept: this run did not keep the records behind its scores. Later runs do."))])
    notes = list(_notes(it))
    if not it.documents:
        return Section(title, [words.text(one) for one in notes])
    rows = [_row(one, words, kept=it.kept == "all") for one in it.documents]
    grid = Grid(tuple(words.text(head) for head in _HEADS), tuple(rows))
    return Section(
        title, [words.text(one) for one in notes], grid, [row_text(row, grid.headers) for row in rows], style="documents"
    )


def _notes(it: Explained) -> Iterator[Text]:
    if it.kept != "all":
        yield _("This run kept some of the records only; which ones are behind which points is not kept.")
    if it.documents:
        yield _HOW_TO_NAME
    elif it.points is None and it.kept == "all":
        yield _("There is no score, so no records are behind one.")
    elif it.kept == "all":
        yield _("No records count for or against your firm here.")


def _row(one: OwnDocument, words: Words, *, kept: bool) -> tuple[str, ...]:
    received = words.text(_("not kept")) if one.known_date is None else one.known_date.isoformat()
    name = TRIGGER_WORDS.get(one.kind, one.kind) if one.table == "visit" else one.label
    named = one.named
    if one.document_no and one.document_no != named:
        # Another record has the same number, or it is not known: the id is what tells them apart.
        named = words.text(_("{id} (document {number})", id=named, number=one.document_no))
    return (
        str(one.number), words.text(name), named, one.event_date.isoformat(), received, one.provider,
        words.text(BETWEEN_PARTS).join(words.text(part) for part in _details(one, words)), words.text(_end(one, kept=kept)),
    )  # fmt: skip


def _details(one: OwnDocument, words: Words) -> Iterator[Text]:
    """Amount, severity and result, where there are any."""
    if one.amount:
        amount = float(one.amount)
        yield _("{amount} yuan", amount=words.number(amount, 0 if amount == int(amount) else 2))
    if one.severity is not None:
        yield _("severity {severity} of 10", severity=one.severity)
    if one.result:
        yield {**GRADES, **RESULTS}.get(one.result, one.result)
    if one.carried:
        yield _("carried forward")


def _end(one: OwnDocument, *, kept: bool) -> Text:
    """When and how a document ends, or that it already does not count, as far as the run kept what that takes."""
    if one.state == "disputed":
        return _("under objection, does not count")
    if one.state != "counts":
        return _("{state}: does not count since {day}", state=STATES.get(one.state, one.state), day=one.since)
    parts: list[Text] = []
    if one.ends_on is None and not kept:
        parts.append(_("not kept in this run"))
    elif one.ends_on is None:
        parts.append(_("no end is fixed") if one.table == "record" else _("until a newer one"))
    else:
        why = {"window": _("too old then"), "own_end": _("its last day is over"), "retention": _("it is kept no longer")}
        parts.append(_("counts no more from {day} ({why})", day=one.ends_on, why=why[one.ends_why]))
    if one.valid_until is not None:
        parts.append(_("valid until {day}", day=one.valid_until))
    if one.repairable:
        parts.append(_("can be repaired, see above"))
    return Joined(tuple(parts))
