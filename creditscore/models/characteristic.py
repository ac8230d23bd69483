"""A characteristic of a card and its attributes as plain, checked data."""

from __future__ import annotations

import math
import unicodedata
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from creditscore.config.spec import Items, Label, Spec
from creditscore.language import Text, pgettext
from creditscore.vocabulary import Source

AttributeKind = Literal["interval", "category", "special", "missing", "other", "cell"]
_CharacteristicKind = Literal["number", "text", "cross"]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
#: Unicode categories that change a line or its direction, or that no file can hold.
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _column_name(value: str) -> str:
    if not 1 <= len(value) <= 60 or value != value.strip() or any(unicodedata.category(one) in _INVISIBLE for one in value):
        raise ValueError("a name of 1 to 60 characters without control characters and without spaces at its ends")
    return value


#: The name of a column that a card reads: wider than a FeatureSpec's, since a frame may come from anywhere.
#: It is quoted in SQL, escaped in reports and never names a file.
ColumnName = Annotated[str, AfterValidator(_column_name)]
#: Positions of attributes of the first characteristic of a cross, and of the second.
_Sides = Annotated[tuple[Items[Annotated[int, Field(ge=0)]], Items[Annotated[int, Field(ge=0)]]], Field(strict=False)]
#: What the fit calls attributes that have no values.
_NAMED = {"missing": pgettext("table of a card", "Missing"), "other": pgettext("table of a card", "Other")}
#: What the label of an attribute of codes begins with.
_SPECIAL = "special: "
#: Order of the attributes of a characteristic by kind.
_ORDER = {"interval": 0, "category": 0, "cell": 0, "special": 1, "missing": 2, "other": 3}
#: Bin codes are unsigned bytes of which the upper half means missing.
_MAX_ATTRIBUTES = 120
#: Values of one attribute. A text with more of them names its subject, and the SQL of a million takes minutes to write.
_MAX_VALUES = 10_000
#: Cells of a cross: more of them no reader can keep apart.
MAX_CELLS = 12
#: Sources whose characteristics may be crossed, both sides of one of them: no national ratings, nothing self-declared.
CROSSED_SOURCES: Final = ("public", "industry", "market")


def attribute_words(kind: AttributeKind, label: str) -> Text:
    """A label of an attribute as it is shown: what the fit made up is translated, what is data stays."""
    if kind == "special" and label.startswith(_SPECIAL):
        return pgettext("table of a card", "special: {values}", values=label.removeprefix(_SPECIAL))
    return _NAMED.get(kind, label)


class Attribute(Spec):
    """One bin: what falls in it, how many rows it was fitted on, and its points.

    An interval is left-closed, ``[lower, upper)``; ``None`` is an open end. A category or a special
    code lists its ``values``. ``missing`` takes NULL, NaN and infinities; ``other`` takes all texts that are in
    no category, because they were rare in the fit or did not occur in it. A ``cell`` of a cross takes who is in one of the
    attributes ``sides[0]`` of the first characteristic and in one of ``sides[1]`` of the second (positions from 0).
    """

    kind: AttributeKind
    lower: _Finite | None = None
    upper: _Finite | None = None
    values: Items[str | int | _Finite] = Field(default=(), max_length=_MAX_VALUES)
    #: Left out of the JSON where there are none, so that other cards keep their hash.
    sides: _Sides | None = Field(default=None, exclude_if=lambda sides: sides is None)
    label: str
    #: Rows of the training data, not weighted.
    rows: int = Field(ge=0)
    #: Share of the total training weight.
    weight: float = Field(ge=0, le=1)
    #: Weighted and smoothed; ``None`` where there were no rows (expert points).
    bad_rate: float | None = Field(default=None, ge=0, le=1)
    woe: _Finite
    points: int
    #: Too few rows to be judged: it has the points of the average subject.
    neutral: bool = False

    @model_validator(mode="after")
    def _holds_together(self) -> Attribute:
        bounded = self.lower is not None or self.upper is not None
        if self.kind in ("category", "special") and (not self.values or bounded):
            raise ValueError(f"a {self.kind} attribute has values and no lower or upper")
        if (self.kind == "cell") != (self.sides is not None):
            raise ValueError("an attribute of kind cell, and no other, has sides")
        if self.kind in ("missing", "other", "interval", "cell") and self.values:
            raise ValueError(f"an attribute of kind {self.kind} has no values")
        if self.kind in ("missing", "other", "cell") and bounded:
            raise ValueError(f"an attribute of kind {self.kind} has no lower or upper")
        if self.lower is not None and self.upper is not None and not self.lower < self.upper:
            raise ValueError(f"an interval [lower, upper) with lower < upper (got [{self.lower!r}, {self.upper!r}))")
        return self


class Ceiling(Spec):
    """The most points that a subject with such a record may have, decided by a person: the record is too rare to be weighed."""

    points: int = Field(le=-1)
    signed_by: str = Field(min_length=1)
    basis: str = Field(min_length=1)


class Characteristic(Spec):
    """One feature in a card. Attributes: intervals or categories, then special, missing, other.

    A ``number`` has intervals that cover the line without gap or overlap, special codes as it may be,
    and one ``missing``. A ``text`` has categories, one ``missing`` and one ``other``. A characteristic
    whose source is ``self_declared`` only adds: no points below 0, at most ``unverified_cap``.

    A ``cross`` is about two ``features`` together, which are characteristics of the same card. It has cells only, and its points
    are what the two leave beside their own.
    """

    name: ColumnName
    label: Label
    source: Source
    #: The two characteristics of a cross; left out of the JSON elsewhere, so that other cards keep their hash.
    features: Items[ColumnName] = Field(default=(), exclude_if=lambda features: not features)
    unit: str = ""
    kind: _CharacteristicKind
    trend: str
    coefficient: _Finite
    information_value: _Finite
    unverified_cap: int | None = Field(default=None, ge=0)
    #: Left out of the JSON where there is none, so that other cards keep their hash.
    ceiling: Ceiling | None = Field(default=None, exclude_if=lambda ceiling: ceiling is None)
    attributes: Items[Attribute] = Field(min_length=2, max_length=_MAX_ATTRIBUTES)

    @model_validator(mode="after")
    def _holds_together(self) -> Characteristic:
        for fault in (
            self._kinds_fault(),
            self._cross_fault(),
            self._values_fault(),
            self._intervals_fault(),
            self._declared_fault(),
            self._ceiling_fault(),
        ):
            if fault:
                raise ValueError(f"characteristic {self.name}: {fault}")
        return self

    def of(self, kind: AttributeKind) -> tuple[Attribute, ...]:
        """The attributes of one kind, in their order."""
        return tuple(attribute for attribute in self.attributes if attribute.kind == kind)

    @property
    def edges(self) -> tuple[float, ...]:
        """The inner edges of the intervals, rising; empty for a text."""
        return tuple(attribute.lower for attribute in self.of("interval") if attribute.lower is not None)

    def text(self, attribute: Attribute) -> str:
        """How an attribute is printed: ``label`` of the characteristic and of the bin belong together."""
        return f"{self.name} {attribute.label}"

    def _cross_fault(self) -> str:
        if (self.kind == "cross") != bool(self.features):
            return "a cross, and nothing else, has features"
        if self.kind == "cross" and len(set(self.features)) != 2:
            return "a cross has two features"
        if self.kind == "cross" and (self.source not in CROSSED_SOURCES or len(self.attributes) > MAX_CELLS or self.ceiling):
            return f"a cross of {', '.join(CROSSED_SOURCES)} has at most {MAX_CELLS} cells and no ceiling"
        return ""

    def _kinds_fault(self) -> str:
        kinds = [attribute.kind for attribute in self.attributes]
        if self.kind == "cross":
            return "" if set(kinds) == {"cell"} else "a cross has attributes of kind cell"
        order = [_ORDER[kind] for kind in kinds]
        allowed = ("interval", "special", "missing") if self.kind == "number" else ("category", "special", "missing", "other")
        if any(kind not in allowed for kind in kinds):
            return f"a {self.kind} has attributes of kind {', '.join(allowed)} (got {', '.join(sorted(set(kinds)))})"
        if kinds.count("missing") != 1 or (self.kind == "text" and kinds.count("other") != 1):
            return "one attribute of kind missing" + (" and one of kind other" if self.kind == "text" else "")
        if order != sorted(order):
            return "attributes stand as intervals or categories, special, missing, other"
        return ""

    def _values_fault(self) -> str:
        values = [value for attribute in self.attributes for value in attribute.values]
        if len(set(values)) != len(values):
            return "each value in one attribute"
        if any(isinstance(value, str) != (self.kind == "text") for value in values):
            return "texts as values of a text, numbers as special codes of a number"
        return ""

    def _intervals_fault(self) -> str:
        if self.kind != "number":
            return ""
        intervals = self.of("interval")
        uppers, lowers = [a.upper for a in intervals], [a.lower for a in intervals]
        if not intervals or lowers[0] is not None or uppers[-1] is not None:
            return "intervals begin and end with an open end"
        if any(edge is None for edge in lowers[1:]) or uppers[:-1] != lowers[1:]:
            return "each interval begins where the one before ends"
        return ""

    def _declared_fault(self) -> str:
        if self.source != "self_declared" or self.kind == "cross":
            return ""
        highest = math.inf if self.unverified_cap is None else self.unverified_cap
        points = [attribute.points for attribute in self.attributes]
        if min(points) < 0 or max(points) > highest:
            return f"self-declared points lie from 0 to {highest} (got {min(points)} to {max(points)})"
        if self.of("missing")[0].points > min(a.points for a in self.attributes if a.kind != "missing"):
            return "what is not declared has no more points than the worst that is declared"
        return ""

    def _ceiling_fault(self) -> str:
        if self.ceiling is None:
            return ""
        present = [attribute.points for attribute in self.attributes if self.has_record(attribute)]
        if not present or max(present) > self.ceiling.points:
            return f"a ceiling of {self.ceiling.points} points holds for attributes from 1 on (got {present or 'none'})"
        return ""

    @staticmethod
    def has_record(attribute: Attribute) -> bool:
        """Whether subjects in an attribute of a count have a record: all values are 1 or more."""
        return attribute.kind == "interval" and attribute.lower is not None and attribute.lower >= 1
