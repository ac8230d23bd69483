"""Objections (异议) to a record, a visit's result, a grade, a tier or a draw, as lines of the register.

What an open one holds: against a record, a result or a grade, that it does not count and the tier neither rises nor falls because
of it, from the next night on, unless it was filed again and suspends nothing; against a tier or a draw nothing by itself, a person
answers it. An upheld one ends the record, the result or the grade as an upheld dispute does; what else an answer means is done by
the commands for it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from creditscore.errors import DataError
from creditscore.inspection.register import Line, Register
from creditscore.vocabulary import HIDDEN_WHILE_OPEN, Change, Contested, ObjectionOutcome

OBJECTION_KINDS = ("objected", "answered")
#: What makes two objections the same one: everything that was said when it was taken in.
SAID = ("subject_id", "against", "about", "applicant", "by", "on", "grounds", "evidence", "other_unit")
#: What was said, and found out, of objections that were taken in since they may be filed again; earlier lines lack it.
_SAID_LATER = ("new_evidence", "document_no", "earlier", "suspends", "suspends_basis")


@dataclass(frozen=True)
class Filing:
    """An objection as it comes in.

    Attributes:
        subject_id: The firm it is about.
        against: A record, the result of a visit, a grade, a tier or a draw.
        about: The id of the record or visit, scheme and day of the grade, the day of the run, or the task.
        applicant: Who objects.
        by: Who takes it in.
        on: The day.
        grounds: Why, in the words of who objects.
        evidence: Where the evidence is kept, such as a file number.
        other_unit: The unit that has to check the record, if this authority cannot.
        new_evidence: What is known now and was not when an earlier objection to the same thing was answered, such as the
            number of a document and what it shows.
    """

    subject_id: str
    against: Contested
    about: str
    applicant: str
    by: str
    on: dt.date
    grounds: str
    evidence: str = ""
    other_unit: str = ""
    new_evidence: str = ""


@dataclass(frozen=True)
class Objection(Filing):
    """An objection that was taken in, and its answer if there is one.

    Attributes:
        id: Its number, ``<year>-<n>``.
        due: The last day on which the answer is in time.
        basis: The rule behind that day.
        kind: The kind of the record, the trigger of the visit, the scheme of the grade; empty against a tier or a draw.
        provider: Who provided the record, or whose visit it was.
        document_no: The number of the record's document, by which other reports of it are known.
        earlier: The objection to the same thing that was answered last before it; empty for a first one.
        suspends: Whether what it is against does not count while it is open: a first one does, of those that follow as many
            with new evidence as the project allows.
        suspends_basis: The rule behind that number, if the project has one; empty for a first one.
        outcome: ``upheld``, ``rejected``, ``withdrawn``; empty while it is open.
        decided_by: Who decided, never the person who took it in.
        decided_on: The day of the decision.
        reason: Why it was decided so.
        withdrawal: The number of the document with which the applicant withdrew it; empty where it is not withdrawn, or was
            before such a document was asked for.
        withdrawal_date: The day of that document.
    """

    id: str = ""
    due: dt.date = dt.date.max
    basis: str = ""
    kind: str = ""
    provider: str = ""
    document_no: str = ""
    earlier: str = ""
    suspends: bool = True
    suspends_basis: str = ""
    outcome: ObjectionOutcome | str = ""
    decided_by: str = ""
    decided_on: dt.date | None = None
    reason: str = ""
    withdrawal: str = ""
    withdrawal_date: dt.date | None = None

    def answer_is(self, *answer: object) -> bool:
        """Whether its answer is this one: outcome, reason, by whom, when, and the document of a withdrawal with its day."""
        own = (self.outcome, self.reason, self.decided_by, self.decided_on, self.withdrawal, self.withdrawal_date)
        return own == answer

    def as_of(self, day: dt.date) -> Objection:
        """The objection as it stood on a day: without an answer that came later."""
        if self.decided_on is None or self.decided_on <= day:
            return self
        return replace(self, outcome="", decided_by="", decided_on=None, reason="", withdrawal="", withdrawal_date=None)

    @property
    def is_open(self) -> bool:
        """Whether nobody has answered it."""
        return not self.outcome

    @property
    def may_hide(self) -> bool:
        """Whether it keeps what it is against from counting while it is open."""
        return self.suspends and self.against in HIDDEN_WHILE_OPEN

    def is_overdue(self, on: dt.date) -> bool:
        """Whether it is open on a day after the last one for the answer."""
        return self.is_open and on > self.due

    @property
    def is_late(self) -> bool:
        """Whether it was answered after the last day for it."""
        return self.decided_on is not None and self.decided_on > self.due

    @property
    def days(self) -> int | None:
        """Calendar days from the objection to its answer; None while it is open."""
        return None if self.decided_on is None else (self.decided_on - self.on).days


def history(one: Objection, known: Iterable[Objection]) -> list[Objection]:
    """The objections to the same thing that were answered before it, the last one first."""
    by_id, found = {other.id: other for other in known}, []
    while one.earlier in by_id:
        one = by_id[one.earlier]
        found.append(one)
    return found


def objection_lines(register: Register, until: dt.date) -> tuple[Line, ...]:
    """The lines of objections and answers dated up to a day, in the order in which they were written."""
    return tuple(line for line in register.lines if line["what"] in OBJECTION_KINDS and line["on"] <= until.isoformat())


def objections_of(lines: Iterable[Line]) -> tuple[Objection, ...]:
    """The objections in some lines of a register, each with its answer as far as there; in the order in which they came in.

    Raises:
        DataError: A line holds no objection.
    """
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        try:
            if line["what"] == "objected":
                about = {name: line[name] for name in (*SAID, "basis", "kind", "provider")}
                about |= {name: line[name] for name in _SAID_LATER if name in line}
                about |= {name: dt.date.fromisoformat(line[name]) for name in ("on", "due")}
                found[line["objection"]] = {"id": line["objection"], **about}
            elif line["what"] == "answered" and line["objection"] in found:
                day = dt.date.fromisoformat(line["on"])
                answer = {"outcome": line["outcome"], "decided_by": line["by"], "decided_on": day, "reason": line["reason"]}
                if "withdrawal" in line:
                    answer |= {"withdrawal": line["withdrawal"], "withdrawal_date": dt.date.fromisoformat(line["withdrawal_date"])}
                found[line["objection"]] |= answer
        except (KeyError, ValueError, TypeError):
            raise DataError("register line {line}: expected an objection or its answer", line=line.get("number")) from None
    return tuple(Objection(**about) for about in found.values())


def all_objections(out: Path) -> tuple[Objection, ...]:
    """Every objection in the register of ``OUT``."""
    return objections_of(Register.of(out).lines)


def open_objections(out: Path, subject_id: str) -> tuple[Objection, ...]:
    """The objections of one firm that nobody has answered yet, in the order in which they came in: for its explanation."""
    return tuple(one for one in all_objections(out) if one.is_open and one.subject_id == subject_id)


def disputed_ranges(
    objections: Sequence[Objection], against: Contested
) -> Iterator[tuple[Objection, dt.date, dt.date | None, Change]]:
    """What objections against records, visits or grades hide: from a day until before another one, None for good, and why.

    Each ends its own and no other: not another one to the same thing, nor a dispute that a provider has open.
    """
    for one in (one for one in objections if one.against == against):
        if one.suspends and (one.decided_on is None or one.decided_on > one.on):
            yield one, one.on, one.decided_on, "disputed"
        if one.decided_on is not None and one.outcome == "upheld":
            yield one, one.decided_on, None, "dispute_upheld"
