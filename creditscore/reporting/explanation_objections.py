"""Objections of an explanation in words: those that the run knew, and apart from them what was said since."""

from __future__ import annotations

from collections.abc import Iterator

from creditscore.language import Message, Text, _
from creditscore.records.adverse.contested import rating_id
from creditscore.records.own_records import COUNTS
from creditscore.reporting.explained import Explained, OwnDocument, ToldObjection
from creditscore.reporting.words import CONTESTED_WORDS
from creditscore.vocabulary import HIDDEN_WHILE_OPEN


def objections(it: Explained) -> Iterator[Text]:
    """What the run knew: open ones with the last day for an answer, and answers with what they changed."""
    known = [one for one in it.objections if not one.received_since]
    told = [one for one in known if _open_then(one) and one.suspends]
    for one in it.documents:
        if one.state == "disputed" and one.since is not None and not any(_is_meant(each, one) for each in told):
            yield _(
                "Record no. {number} has been under objection since {day}. It does not count until that is decided.",
                number=one.number, day=one.since,
            )  # fmt: skip
    for objection in known:
        yield from _opened(it, objection) if _open_then(objection) else _answered(it, objection)
    if it.points is not None and it.disputed_score not in (None, it.points.score):
        yield _(
            "The score is {score} without what is under objection and would be {counted} with it. Until that is decided the tier "
            "rises only if both are high enough, and falls only if both are low enough.",
            score=it.points.score, counted=it.disputed_score,
        )  # fmt: skip
    if it.kept != "all" and not known:
        yield _("Whether a record was under objection is not kept in this run.")


def later_objections(it: Explained) -> Iterator[Text]:
    """What came in or was answered after the run."""
    for one in (one for one in it.objections if one.is_later):
        if one.outcome:
            yield from _answered(it, one)
        else:
            yield from _opened(it, one)
    if any(one.is_later and (one.suspends or one.outcome) for one in it.objections):
        yield _("It acts from the next night on.")


def _open_then(one: ToldObjection) -> bool:
    """Whether it was open on the day of the run, whatever was said later."""
    return not one.outcome or one.answered_since


def _opened(it: Explained, one: ToldObjection) -> Iterator[Text]:
    yield _(
        "Objection {number} to {what}: received {received}, answer due by {due} (basis: {basis}).",
        number=one.number, what=_contested(it, one), received=one.received, due=one.due, basis=one.basis,
    )  # fmt: skip
    if one.earlier:
        yield _("It follows objection {earlier} to the same thing.", earlier=one.earlier)
    if one.against in HIDDEN_WHILE_OPEN and not one.received_since:
        yield from _meanwhile(it, one)
    if one.due < it.as_of and not one.received_since:
        yield _("The answer was overdue on the day of this run. Ask for it.")


def _meanwhile(it: Explained, one: ToldObjection) -> Iterator[Text]:
    """Whether the record counts while the objection to it is open."""
    if one.suspends:
        yield _("The record does not count until that is decided, and the tier neither rises nor falls because of it.")
    elif one.suspends_basis:
        yield _("It was filed again: it suspends nothing until it is upheld (basis: {basis}).", basis=one.suspends_basis)
    else:
        yield _("It was filed again: it suspends nothing until it is upheld.")


def _answered(it: Explained, one: ToldObjection) -> Iterator[Text]:
    values = {"number": one.number, "what": _contested(it, one), "received": one.received, "answered": one.answered}
    yield Message(_ANSWERS[one.outcome].message, values) if one.outcome in _ANSWERS else one.outcome
    if one.withdrawal:
        yield _("It was withdrawn by the document {document} of {day}.", document=one.withdrawal, day=one.withdrawal_date)
    if one.reason:
        yield _("Reason given: {reason}.", reason=one.reason.rstrip("。."))
    if one.against in HIDDEN_WHILE_OPEN:
        yield from _after(it, one)
    elif one.outcome == "upheld":
        yield _("What follows from it, this authority does apart from this; ask for it.")
    if one.outcome == "rejected":
        yield _("You may object again with new evidence: name what was not known then, such as a document and what it shows.")
    for step in one.steps:
        yield _("What you may still do: {step} (basis: {basis}).", step=step.label, basis=step.basis)


def _after(it: Explained, one: ToldObjection) -> Iterator[Text]:
    """What an answer changes about a record, a result or a grade; it ends no dispute but its own."""
    if one.outcome == "upheld":
        yield _("The record is at an end and no longer counts.")
        return
    # A record that has ended, or another report of it that counts, is no document of the page; where a run kept none, the answer is
    # all that is known.
    state = next((each.state for each in it.documents if _is_meant(one, each)), "" if it.kept == "all" else COUNTS)
    if one.answered_since and one.suspends:
        yield _("This objection no longer keeps the record from counting.")
    elif state == COUNTS:
        yield _("The record counts.")
    elif state == "disputed" and not any(_holds_too(other, one) for other in it.objections):
        yield _("The record still does not count: the body that provided it has an objection open itself.")


def _holds_too(other: ToldObjection, one: ToldObjection) -> bool:
    """Whether another objection to the same thing suspended it on the day of the run."""
    return _open_then(other) and other.suspends and (other.against, other.about) == (one.against, one.about)


_ANSWERS: dict[str, Message] = {
    "upheld": _("Objection {number} to {what}, received {received}: upheld on {answered}."),
    "rejected": _("Objection {number} to {what}, received {received}: rejected on {answered}."),
    "withdrawn": _("Objection {number} to {what}, received {received}: withdrawn on {answered}."),
}


def _is_meant(one: ToldObjection, document: OwnDocument) -> bool:
    """Whether an objection is against a document: a record or visit by its id, a grade by its scheme and day."""
    about = rating_id(document.id, document.event_date) if document.table == "rating" else document.id
    return one.against == document.table and one.about == about


def _contested(it: Explained, one: ToldObjection) -> Text:
    """What it is about: a record, visit or grade by its number here, else by document or id; a tier by its day; a draw's task."""
    if one.against in HIDDEN_WHILE_OPEN:
        number = next((each.number for each in it.documents if _is_meant(one, each)), None)
        return _("record {id}", id=one.document_no or one.about) if number is None else _("record no. {number}", number=number)
    if one.against == "tier":
        return _("the tier of {day}", day=one.about)
    if one.against == "draw":
        return _("the draw of {task}", task=one.about)
    return CONTESTED_WORDS.get(one.against, one.against)
