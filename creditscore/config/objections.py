"""``objections.toml``: within how many working days an objection is to be answered, since when, and by which rule."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import Field

from creditscore.config.spec import Day, Items, Spec
from creditscore.errors import DataError
from creditscore.vocabulary import Contested

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


class ObjectionFile(Spec):
    """The document ``objections.toml``."""

    deadline: Items[Deadline] = ()

    def rule(self, against: Contested, on: dt.date) -> Deadline:
        """The deadline for objections that are taken in on a day; of several that of the latest ``effective``.

        Raises:
            DataError: None is in force.
        """
        in_force = [one for one in self.deadline if against in one.against and one.effective <= on]
        if not in_force:
            raise DataError(
                "objections.toml: expected a [[deadline]] for objections against a {against}, in force on {on} (got none)",
                against=against,
                on=on,
            )
        return max(in_force, key=lambda one: one.effective)
