"""``objections.toml``: within how many working days an objection is to be answered, since when, and by which rule."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

from pydantic import Field

from creditscore.config.spec import Day, Items, Label, Spec
from creditscore.errors import DataError
from creditscore.vocabulary import Contested, Hideable, ObjectionOutcome

#: How many may suspend again where the project says nothing of it.
SUSPENDS_AGAIN = 1
WorkingDays = Annotated[int, Field(ge=1, le=250)]


class Deadline(Spec):
    """How long an answer may take.

    ``with_other_unit`` holds where another unit has to check the record; without it that is no reason for more days.
    """

    against: Items[Contested] = Field(min_length=1)
    effective: Day
    working_days: WorkingDays
    with_other_unit: WorkingDays | None = None
    basis: str = Field(min_length=1, pattern=r"\S")


class Again(Spec):
    """How many objections to the same thing that follow an answer with new evidence may suspend it again while they are open."""

    against: Items[Hideable] = Field(min_length=1)
    effective: Day
    suspends: Annotated[int, Field(ge=0, le=10)]
    basis: str = Field(min_length=1, pattern=r"\S")


class LegalStep(Spec):
    """What the firm may do about an answer that does not help it, such as reconsideration (行政复议), and by which law."""

    against: Items[Contested] = Field(min_length=1)
    outcome: Items[ObjectionOutcome] = Field(default=("rejected",), min_length=1)
    effective: Day
    #: The first day on which it may no longer be taken; None: it is in force.
    until: Day | None = None
    label: Label
    basis: str = Field(min_length=1, pattern=r"\S")

    def holds(self, against: str, outcome: str, on: dt.date) -> bool:
        """Whether it is open against an answer that was given on a day."""
        in_force = self.effective <= on and (self.until is None or on < self.until)
        return in_force and against in self.against and outcome in self.outcome


class ObjectionFile(Spec):
    """The document ``objections.toml``; a project without it has no deadlines, and takes no objection in."""

    deadline: Items[Deadline] = ()
    again: Items[Again] = ()
    step: Items[LegalStep] = ()

    def rule(self, against: Contested, on: dt.date, *, file: Path) -> Deadline:
        """The deadline for objections that are taken in on a day; of several that of the latest ``effective``.

        Args:
            against: What they are against.
            on: The day.
            file: Where the document is, or is to be.

        Raises:
            DataError: None is in force; the message says what to add.
        """
        in_force = [one for one in self.deadline if against in one.against and one.effective <= on]
        if not in_force:
            raise DataError(
                "{file}: expected a [[deadline]] for objections against a {against}, in force on {on} (got none); add these lines, "
                "with the working days and the rule that your authority goes by (configs/yongzhou/objections.toml is an example):\n"
                "[[deadline]]\n"
                'against = ["{against}"]\n'
                "effective = {on}\n"
                "working_days = <working days>\n"
                'basis = "<the rule, or: set by the project>"',
                file=file,
                against=against,
                on=on,
            )
        return max(in_force, key=lambda one: one.effective)

    def suspends_again(self, against: Contested, on: dt.date) -> tuple[int, str]:
        """How many objections with new evidence that follow an answer may suspend what they are against, and by which rule.

        Without a rule in force it is :data:`SUSPENDS_AGAIN`, by no rule (``""``).

        Args:
            against: What they are against.
            on: The day on which the objection is taken in.
        """
        in_force = [one for one in self.again if against in one.against and one.effective <= on]
        newest = max(in_force, key=lambda one: one.effective, default=None)
        return (SUSPENDS_AGAIN, "") if newest is None else (newest.suspends, newest.basis)
