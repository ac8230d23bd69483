"""Where the seed of a task will come from, declared before anybody can know it: source, issue or round, form and day.

A seed that nobody can choose has one spelling. So its form is a closed grammar: what the source publishes can be written in one
way only, and another text is refused.
"""

from __future__ import annotations

import datetime as dt
import re
from math import comb
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from creditscore.config.spec import Spec

#: What the two beacons publish; their form needs no words.
_BEACONS = {"drand": "64 hex", "nist": "128 HEX"}
#: A seed that people make themselves has at least so many bits. A lottery has what it has; with fewer outcomes than these, a
#: key could be looked for whose draw pleases whatever comes out.
_WITNESSED_BITS, _LOTTERY_BITS = 64, 20
_BALLS = re.compile(r"([1-9][0-9]{0,2}) of ([1-9][0-9]{0,2})")
_SIGNS = re.compile(r"([1-9][0-9]{0,2}) (digits|dice|hex|HEX)")
#: Of how many signs each place is one, and which.
_ALPHABETS = {"digits": "0123456789", "dice": "123456", "hex": "0123456789abcdef", "HEX": "0123456789ABCDEF"}
OneLine = Annotated[
    str, Field(min_length=1, max_length=200, pattern=r"^[^\s|\x00-\x1f\x7f](?:[^|\x00-\x1f\x7f]*[^\s|\x00-\x1f\x7f])?$")
]


class _Group(NamedTuple):
    """``number`` of ``size`` numbered balls in rising order; or ``number`` signs of an alphabet, as they came."""

    number: int
    size: int
    signs: str = ""

    @property
    def outcomes(self) -> int:
        """How many texts there are."""
        return int(self.size**self.number) if self.signs else comb(self.size, self.number)

    def fits(self, text: str) -> bool:
        """Whether a text is one of them."""
        if self.signs:
            return len(text) == self.number and set(text) <= set(self.signs)
        width, numbers = len(str(self.size)), text.split(" ")
        sound = all(one.isascii() and one.isdigit() and len(one) == width and 1 <= int(one) <= self.size for one in numbers)
        return sound and len(numbers) == self.number and numbers == sorted(set(numbers))


class SeedSource(Spec):
    """The source of a task's seed; part of the frame, and of its hash.

    Attributes:
        source: ``lottery``; a round of the ``drand`` or ``nist`` beacon; or ``witnessed``: dice or balls before witnesses.
        name: Which lottery, chain or place.
        issue: Its issue or round; for a witnessed seed what it is called in the minutes.
        form: How the seed is written: groups with `` + `` between them, each ``6 of 33`` (numbers of equal width in rising
            order), ``7 digits``, ``25 dice`` or ``64 hex`` (signs in the order in which they came). Not for beacons.
        day: The day on which it becomes known; no draw is made before.
    """

    source: Literal["lottery", "drand", "nist", "witnessed"]
    name: OneLine
    issue: OneLine
    form: str = ""
    day: dt.date

    @model_validator(mode="after")
    def _has_a_form(self) -> SeedSource:
        if self.source in _BEACONS:
            if self.form not in ("", _BEACONS[self.source]):
                raise ValueError(f"form: {self.source} publishes {_BEACONS[self.source]}; leave it out")
            return self
        groups = self.groups
        outcomes = 1
        for group in groups:
            outcomes *= group.outcomes
        if self.source == "witnessed" and outcomes < 2**_WITNESSED_BITS:
            raise ValueError(f"form: a witnessed seed needs at least {_WITNESSED_BITS} bits, such as 25 dice (got {self.form!r})")
        if self.source == "lottery" and outcomes < 2**_LOTTERY_BITS:
            raise ValueError(
                f"form: a lottery needs at least 2^{_LOTTERY_BITS} outcomes; take a larger one, or two issues together, such as "
                f"5 digits + 5 digits (got {self.form!r})"
            )
        return self

    @property
    def groups(self) -> tuple[_Group, ...]:
        """The parts of the form.

        Raises:
            ValueError: The form is none.
        """
        return tuple(_group(text) for text in (_BEACONS.get(self.source) or self.form).split(" + "))

    def fits(self, seed: str) -> bool:
        """Whether a text has the declared form.

        >>> about = {"source": "lottery", "name": "双色球", "issue": "2024051", "form": "6 of 33 + 1 of 16"}
        >>> lottery = SeedSource.model_validate({**about, "day": dt.date(2024, 5, 7)})
        >>> [lottery.fits(text) for text in ("03 08 17 21 26 32 + 09", "08 03 17 21 26 32 + 09", "3 8 17 21 26 32 + 9")]
        [True, False, False]
        """
        groups, parts = self.groups, seed.split(" + ")
        return len(parts) == len(groups) and all(group.fits(part) for group, part in zip(groups, parts, strict=True))

    @property
    def written(self) -> str:
        """How a seed is written, for people."""
        return _BEACONS.get(self.source) or self.form

    @property
    def text(self) -> str:
        """The source, its issue and day in one line, as it is recorded beside the seed."""
        return f"{self.source}: {self.name} {self.issue}, {self.day.isoformat()}"


def _group(text: str) -> _Group:
    if found := _BALLS.fullmatch(text):
        count, size = int(found[1]), int(found[2])
        if count <= size:
            return _Group(count, size)
    if found := _SIGNS.fullmatch(text):
        signs = _ALPHABETS[found[2]]
        return _Group(int(found[1]), len(signs), signs)
    raise ValueError(f"form: expected groups such as '6 of 33 + 1 of 16', '7 digits' or '25 dice' (got {text!r})")
