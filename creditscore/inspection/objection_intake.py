"""Taking objections in and answering them: what is refused, and what the register says of each.

One person takes an objection in, another one answers it. What was rejected is not asked again without new evidence, and how many
objections that follow an answer may suspend what they are against is bounded: a firm may ask again, and holds nothing off by it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from creditscore.errors import DataError
from creditscore.inspection.objections import OBJECTION_KINDS, SAID, Filing, Objection, objections_of
from creditscore.inspection.people import in_common, letters
from creditscore.inspection.register import REGISTER, Register, register_line
from creditscore.storage import Journal
from creditscore.vocabulary import ObjectionOutcome


@dataclass(frozen=True)
class Thing:
    """What an objection is against, as far as it says more than its id; all empty against a tier or a draw.

    Attributes:
        kind: The kind of the record, the trigger of the visit, the scheme of the grade.
        provider: Who provided the record, or whose visit it was.
        document_no: The number of the record's document: other reports of the same incident have it, too.
    """

    kind: str = ""
    provider: str = ""
    document_no: str = ""


_NAMELESS = Thing()


@dataclass(frozen=True)
class Rules:
    """What the project says of an objection on the day on which it is taken in.

    Attributes:
        due: The last day on which the answer is in time.
        basis: The rule behind that day.
        suspends_again: How many objections to one thing that follow an answer with new evidence may suspend it.
        suspends_basis: The rule behind that number, if the project has one.
    """

    due: dt.date
    basis: str
    suspends_again: int
    suspends_basis: str = ""


def add_objection(entry: Journal, filing: Filing, thing: Thing = _NAMELESS, *, rules: Rules) -> Objection:
    """Add an objection to the register; the same one once more adds nothing.

    Args:
        entry: The journal of the folder of runs.
        filing: What was said.
        thing: What it is against.
        rules: Until when it is to be answered, and how many that follow an answer may suspend again.

    Returns:
        The objection with its number; the earlier one where everything that is said is the same.

    Raises:
        DataError: A text is missing; the firm has an open objection to the same thing; one was rejected, and nothing is named
            that was not known then; the day is before that of an answer.
    """
    filing = _checked(filing)
    said = {name: getattr(filing, name) for name in SAID} | {"on": filing.on.isoformat(), "new_evidence": filing.new_evidence}
    known = objections_of(Register.of(entry.root).lines)
    for one in known:
        if {name: getattr(one, name) for name in said} | {"on": one.on.isoformat()} == said:
            return one
    answered = [one for one in known if _is_to_the_same(one, filing, thing)]
    for one in (one for one in answered if one.is_open):
        raise DataError("objection {id}: to the same thing, and open still; decide that one first", id=one.id)
    number = sum(one.on.year == filing.on.year for one in known) + 1
    body = {"objection": f"{filing.on.year}-{number}", **said, "due": rules.due.isoformat(), "basis": rules.basis}
    body |= {**asdict(thing), **_following(filing, answered, rules)}
    (line,) = entry.append(entry.root / REGISTER, [register_line("objected", **body)])
    return objections_of([line])[0]


def _is_to_the_same(one: Objection, filing: Filing, thing: Thing) -> bool:
    """Whether an objection of the firm is to what is contested now: the same id, or another report of the same document."""
    if (one.subject_id, one.against) != (filing.subject_id, filing.against):
        return False
    same_document = thing.document_no != "" and (one.kind, one.document_no) == (thing.kind, thing.document_no)
    return one.about == filing.about or same_document


def _following(filing: Filing, answered: Sequence[Objection], rules: Rules) -> dict[str, Any]:
    """What the register says of an objection beside earlier ones to the same thing, which are all answered.

    One that follows a rejection needs new evidence; one that follows a withdrawal only, to suspend again.

    Raises:
        DataError: It lacks new evidence; it is dated before an answer.
    """
    helped_nothing = [one for one in answered if one.outcome != "upheld"]
    if not helped_nothing:
        return {"earlier": "", "suspends": True, "suspends_basis": ""}
    _refuse_without_new_evidence(filing, helped_nothing)
    last = helped_nothing[-1]
    if last.decided_on is not None and filing.on < last.decided_on:
        raise DataError(
            "--on: expected a day on or after {day}, that of the answer to objection {id} to the same thing (got {on})",
            day=last.decided_on,
            id=last.id,
            on=filing.on,
        )
    again = sum(one.earlier != "" and one.suspends for one in helped_nothing)
    suspends = letters(filing.new_evidence) != "" and again < rules.suspends_again
    return {"earlier": last.id, "suspends": suspends, "suspends_basis": rules.suspends_basis}


def _refuse_without_new_evidence(filing: Filing, answered: Sequence[Objection]) -> None:
    """Refuse a repetition of what was rejected.

    Raises:
        DataError: No new evidence is named, or what was named for an earlier one.
    """
    rejected = [one for one in answered if one.outcome == "rejected"]
    if rejected and not letters(filing.new_evidence):
        raise DataError(
            "objection {id}: to the same thing, and rejected on {on}; a new one needs new evidence: name with --new-evidence what "
            "was not known then, such as the number of a document and what it shows; without any, the firm may go on against that "
            "answer as its explanation says",
            id=rejected[-1].id,
            on=rejected[-1].decided_on,
        )
    for one in answered if filing.new_evidence else ():
        if letters(filing.new_evidence) in (letters(one.grounds), letters(one.evidence), letters(one.new_evidence)):
            raise DataError(
                "--new-evidence: expected what was not known when objection {id} was answered (got what was named for that one)",
                id=one.id,
            )


@dataclass(frozen=True)
class Answer:
    """An answer as it is given.

    Attributes:
        outcome: ``upheld``, ``rejected`` or ``withdrawn``.
        reason: Why.
        by: Who decides.
        on: The day.
        withdrawal: Of a withdrawn one the number of the document with which the applicant withdrew it; else empty.
        withdrawal_date: The day of that document.
    """

    outcome: ObjectionOutcome
    reason: str
    by: str
    on: dt.date
    withdrawal: str = ""
    withdrawal_date: dt.date | None = None


def add_answer(entry: Journal, objection_id: str, answer: Answer) -> tuple[Objection, bool]:
    """Answer an objection; the same answer once more adds nothing.

    Returns:
        The objection with its answer, and whether the answer is new.

    Raises:
        DataError: There is no such objection; it has another answer; the person took it in, or objects; the day is before it;
            a text is missing; it was withdrawn, and not by a document of its applicant.
    """
    lines = [line for line in Register.of(entry.root).lines if line["what"] in OBJECTION_KINDS]
    one = next((one for one in objections_of(lines) if one.id == objection_id), None)
    if one is None:
        raise DataError("objection: expected the number of an objection, such as 2024-1 (got {id!r})", id=objection_id)
    answer = replace(answer, reason=_line_of_text(answer.reason, "reason"), by=_line_of_text(answer.by, "by"))
    if one.outcome:
        if one.answer_is(answer.outcome, answer.reason, answer.by, answer.on, answer.withdrawal.strip(), answer.withdrawal_date):
            return one, False
        raise DataError(
            "objection {id}: answered on {on} already; a new objection may follow, an answer is not changed",
            id=one.id,
            on=one.decided_on,
        )
    _refuse_same_person(one, answer.by)
    if answer.on < one.on:
        raise DataError("objection {id}: expected a day on or after {since} (got {on})", id=one.id, since=one.on, on=answer.on)
    body = {"objection": one.id, "outcome": answer.outcome, "reason": answer.reason, "by": answer.by, "on": answer.on.isoformat()}
    added = entry.append(entry.root / REGISTER, [register_line("answered", **body, **_withdrawal(one, answer))])
    return next(two for two in objections_of([*lines, *added]) if two.id == one.id), True


def _refuse_same_person(one: Objection, by: str) -> None:
    """Refuse that who took an objection in, or objects, decides on it."""
    if (common := in_common(by, one.by)) is not None:
        raise DataError(
            "objection {id}: expected a second person to decide (got {by}; {taken_by} took it in, both with {common}; names are "
            "compared without blanks, offices and what stands in brackets, and each of several in one field counts)",
            id=one.id,
            by=by,
            taken_by=one.by,
            common=common,
        )
    if (common := in_common(by, one.applicant)) is not None:
        raise DataError(
            "objection {id}: expected another person than the one who objects to decide (got {by} and {applicant}, both with "
            "{common}; names are compared without blanks, offices and what stands in brackets, and each of several in one field "
            "counts)",
            id=one.id,
            by=by,
            applicant=one.applicant,
            common=common,
        )


def _withdrawal(one: Objection, answer: Answer) -> dict[str, str]:
    """What the register says of the document with which an applicant withdrew an objection; nothing of another answer.

    Raises:
        DataError: It is missing, or of a day before the objection or after the answer; or it is given for another answer.
    """
    document, day = answer.withdrawal.strip(), answer.withdrawal_date
    if answer.outcome != "withdrawn":
        if document or day is not None:
            raise DataError(
                "--withdrawal, --withdrawal-date: expected with --outcome withdrawn only (got {got})", got=answer.outcome
            )
        return {}
    if not letters(document) or day is None:
        raise DataError(
            "objection {id}: only who objects withdraws it; name the document with which the applicant did so, its number with "
            "--withdrawal and its day with --withdrawal-date; without one, decide on it: upheld or rejected",
            id=one.id,
        )
    if not one.on <= day <= answer.on:
        raise DataError(
            "--withdrawal-date: expected a day from {since}, that of the objection, to {until}, that of the answer (got {day})",
            since=one.on,
            until=answer.on,
            day=day,
        )
    return {"withdrawal": _line_of_text(document, "withdrawal"), "withdrawal_date": day.isoformat()}


def _checked(filing: Filing) -> Filing:
    """The objection with texts in one line; evidence, old and new, and another unit may be missing.

    Raises:
        DataError: A text is missing or has line breaks.
    """
    texts = {name: _line_of_text(getattr(filing, name), name) for name in ("subject_id", "about", "applicant", "by", "grounds")}
    spare = {
        name: _line_of_text(text, name) if (text := getattr(filing, name)).strip() else ""
        for name in ("evidence", "other_unit", "new_evidence")
    }
    return Filing(against=filing.against, on=filing.on, **texts, **spare)


def _line_of_text(text: str, name: str) -> str:
    plain = text.strip()
    if not plain or not plain.isprintable():
        raise DataError("{name}: expected a text in one line (got {text!r})", name=name, text=text)
    return plain
