"""Code tables of national standards as dated data: who may register subjects, and which regions there are."""

import re

from pydantic import Field, model_validator

from creditscore.config.base import Day, Items, Label, Spec

_DIGITS = re.compile(r"[0-9]{2,6}")


class Category(Spec):
    """What kind of body an authority registers: the second character of a code."""

    code: str = Field(min_length=1, max_length=1)
    label: Label
    #: What a subject with it is, where that is certain: a card never scores a code that says government.
    subject_type: str = ""


class Authority(Spec):
    """Who registers: the first character of a code."""

    code: str = Field(min_length=1, max_length=1)
    label: Label
    basis: str
    category: Items[Category] = Field(min_length=1)


class UsccTable(Spec):
    """Registering authorities and categories of GB 32100."""

    standard: str
    issued: Day
    basis: str
    authority: Items[Authority] = Field(min_length=1)

    @property
    def subject_types(self) -> dict[str, str]:
        """What the first two characters of a code say of the subject, where they are certain."""
        return {a.code + c.code: c.subject_type for a in self.authority for c in a.category if c.subject_type}


class Region(Spec):
    """A region; one that was renamed or merged keeps its place, since codes are for life."""

    code: str
    name: str
    #: The year in which it ended.
    until: int | None = None


class RegionTable(Spec):
    """Regions of GB/T 2260: complete for codes that start with ``under``, at so many digits.

    A region whose code starts with ``under`` must have its first ``digits`` digits in the table. Tables
    are checked one after another: provinces first, then the prefectures of one, then its counties.
    """

    standard: str
    issued: Day
    basis: str
    under: str = ""
    digits: int = Field(ge=2, le=6)
    region: Items[Region] = Field(min_length=1)

    @model_validator(mode="after")
    def _codes_fit(self) -> "RegionTable":
        for region in self.region:
            fits = _DIGITS.fullmatch(region.code) and len(region.code) == self.digits and region.code.startswith(self.under)
            if not fits:
                raise ValueError(f'expected codes of {self.digits} digits that start with "{self.under}" (got "{region.code}")')
        return self

    @property
    def codes(self) -> frozenset[str]:
        """The codes at this table's digits."""
        return frozenset(region.code for region in self.region)
