"""A characteristic of a scorecard and its attributes (bins): points as plain, checked data."""

import math
import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from creditscore.config.base import Items, Label, Spec
from creditscore.vocabulary import Source

AttributeKind = Literal["interval", "category", "special", "missing", "other"]
CharacteristicKind = Literal["number", "text"]
Finite = Annotated[float, Field(allow_inf_nan=False)]
#: Unicode categories that change a line or its direction, or that no file can hold.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _column_name(value: str) -> str:
    if not 1 <= len(value) <= 60 or value != value.strip() or any(unicodedata.category(one) in _UNSEEN for one in value):
        raise ValueError("a name of 1 to 60 characters without control characters and without spaces at its ends")
    return value


#: The name of a column that a card reads: wider than a FeatureSpec's, since a frame may come from anywhere.
#: It is quoted in SQL, escaped in reports and never names a file.
ColumnName = Annotated[str, AfterValidator(_column_name)]
#: Order in which attributes stand; a stable sort by it may not change anything.
_PLACE = {"interval": 0, "category": 0, "special": 1, "missing": 2, "other": 3}
#: Bin codes are unsigned bytes of which the upper half means missing.
MAX_ATTRIBUTES = 120


class Attribute(Spec):
    """One bin: what falls in it, how many rows it was fitted on, and its points.

    An interval is left-closed, ``[lower, upper)``; ``None`` is an open end. A category or a special
    code lists its ``values``. ``missing`` takes NULL, NaN and infinities; ``other`` takes texts that
    the fit has not seen.
    """

    kind: AttributeKind
    lower: Finite | None = None
    upper: Finite | None = None
    values: Items[str | int | Finite] = ()
    label: str
    #: Rows of the training data, not weighted.
    rows: int = Field(ge=0)
    #: Share of the total training weight.
    weight: float = Field(ge=0, le=1)
    #: Weighted and smoothed; ``None`` where there were no rows (expert points).
    bad_rate: float | None = Field(default=None, ge=0, le=1)
    woe: Finite
    points: int
    #: Too few rows to be judged: it has the points of the average subject.
    neutral: bool = False

    @model_validator(mode="after")
    def _holds_together(self) -> "Attribute":
        bounded = self.lower is not None or self.upper is not None
        if self.kind in ("category", "special") and (not self.values or bounded):
            raise ValueError(f"a {self.kind} attribute has values and no lower or upper")
        if self.kind in ("missing", "other", "interval") and self.values:
            raise ValueError(f"an attribute of kind {self.kind} has no values")
        if self.kind in ("missing", "other") and bounded:
            raise ValueError(f"an attribute of kind {self.kind} has no lower or upper")
        if self.lower is not None and self.upper is not None and not self.lower < self.upper:
            raise ValueError(f"an interval [lower, upper) with lower < upper (got [{self.lower!r}, {self.upper!r}))")
        return self


class Characteristic(Spec):
    """One feature in a card. Attributes: intervals or categories, then special, missing, other.

    A ``number`` has intervals that cover the line without gap or overlap, special codes as it may be,
    and one ``missing``. A ``text`` has categories, one ``missing`` and one ``other``. A characteristic
    whose source is ``self_declared`` only adds: no points below 0, at most ``unverified_cap``.
    """

    name: ColumnName
    label: Label
    source: Source
    unit: str = ""
    kind: CharacteristicKind
    trend: str
    coefficient: Finite
    information_value: Finite
    unverified_cap: int | None = Field(default=None, ge=0)
    attributes: Items[Attribute] = Field(min_length=2, max_length=MAX_ATTRIBUTES)

    @model_validator(mode="after")
    def _holds_together(self) -> "Characteristic":
        for fault in (self._kinds_fault(), self._values_fault(), self._intervals_fault(), self._declared_fault()):
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

    def _kinds_fault(self) -> str:
        kinds = [attribute.kind for attribute in self.attributes]
        places = [_PLACE[kind] for kind in kinds]
        allowed = ("interval", "special", "missing") if self.kind == "number" else ("category", "special", "missing", "other")
        if any(kind not in allowed for kind in kinds):
            return f"a {self.kind} has attributes of kind {', '.join(allowed)} (got {', '.join(sorted(set(kinds)))})"
        if kinds.count("missing") != 1 or (self.kind == "text" and kinds.count("other") != 1):
            return "one attribute of kind missing" + (" and one of kind other" if self.kind == "text" else "")
        if places != sorted(places):
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
        if self.kind == "text":
            return ""
        intervals = self.of("interval")
        uppers, lowers = [a.upper for a in intervals], [a.lower for a in intervals]
        if not intervals or lowers[0] is not None or uppers[-1] is not None:
            return "intervals begin and end with an open end"
        if any(edge is None for edge in lowers[1:]) or uppers[:-1] != lowers[1:]:
            return "each interval begins where the one before ends"
        return ""

    def _declared_fault(self) -> str:
        if self.source != "self_declared":
            return ""
        highest = math.inf if self.unverified_cap is None else self.unverified_cap
        points = [attribute.points for attribute in self.attributes]
        if min(points) < 0 or max(points) > highest:
            return f"self-declared points lie from 0 to {highest} (got {min(points)} to {max(points)})"
        if self.of("missing")[0].points > min(a.points for a in self.attributes if a.kind != "missing"):
            return "what is not declared has no more points than the worst that is declared"
        return ""
