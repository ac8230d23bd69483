"""``features.toml``: what is computed for a subject as of a day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, field_validator, model_validator

from creditscore.config.spec import Code, Items, Label, Name, Spec, refuse_repeats
from creditscore.vocabulary import Source

Aggregate = Literal[
    "count", "sum", "max", "min", "distinct", "days_since_last", "latest", "share",
    "banded_sum", "finding_ratio", "on_list", "tenure_months", "custom",
]  # fmt: skip
Trend = Literal["higher_is_riskier", "lower_is_riskier", "auto", "none"]
#: Whether a missing value tells nothing about the subject (``no_fault``: WoE 0) or has a WoE of its own, as measured.
Absence = Literal["no_fault", "own"]
#: Columns of ``events`` that ``sum``, ``max``, ``min``, ``distinct`` and ``latest`` may read.
EventColumn = Literal["amount", "severity", "result", "document_no", "provider", "event_date"]
#: The key columns of every table of features.
_RESERVED = ("row_key", "subject_key", "subject_id", "as_of", "as_of_day", "industry")
#: Options that choose among the records of a subject.
_FILTERS = frozenset({"kind", "months", "severity_min", "amount_min", "result", "verified"})
#: Options that a feature over an external rating (``scheme``) reads.
_OF_RATINGS = frozenset({"scheme", "months", "order"})


@dataclass(frozen=True)
class AggregateRule:
    """What one aggregate reads and needs, and what it gives where a row has no records.

    Attributes:
        source: Where its records come from: visible events, past visits, or the register of subjects.
        reads: Options with an effect; any other one that is set is refused, since it would do nothing.
        needs: Options without which there is no value, besides ``kind`` where it reads events.
        columns: Event columns that ``column`` may name; empty for any.
        of_ratings: Whether it may read an external rating (``scheme``) instead of events.
        zero_if_none: Without records the value is 0. Elsewhere it is missing, or ``empty``.
        is_text: Whether values are texts rather than numbers.
        fault: What else is wrong with a feature of this aggregate; empty where nothing is.
    """

    source: Literal["events", "visits", "subjects"] = "events"
    reads: frozenset[str] = _FILTERS
    needs: tuple[str, ...] = ()
    columns: tuple[EventColumn, ...] = ()
    of_ratings: bool = False
    zero_if_none: bool = False
    is_text: bool = False
    fault: Callable[[FeatureSpec], str] = lambda feature: ""


def _bands_fault(feature: FeatureSpec) -> str:
    ages = [band.months for band in feature.bands]
    return "" if ages and ages == sorted(set(ages)) else "needs bands with rising months"


def _latest_fault(feature: FeatureSpec) -> str:
    return "needs scheme or column = 'result'" if feature.scheme is None and feature.column not in ("result", "provider") else ""


def _ratio_fault(feature: FeatureSpec) -> str:
    return "needs prior > 0: without it one visit gives 0 or infinity" if feature.prior <= 0 else ""


_OF_COLUMN = _FILTERS | {"column"}
#: One line per aggregate. A new one needs its name in ``Aggregate``, a line here, its expression in
#: ``features/aggregates.py``, and a line in the docstring of :class:`FeatureSpec`.
AGGREGATES: dict[Aggregate, AggregateRule] = {
    "count": AggregateRule(zero_if_none=True),
    "sum": AggregateRule(reads=_OF_COLUMN, needs=("column",), columns=("amount", "severity"), zero_if_none=True),
    "max": AggregateRule(reads=_OF_COLUMN, needs=("column",), columns=("amount", "severity")),
    "min": AggregateRule(reads=_OF_COLUMN, needs=("column",), columns=("amount", "severity")),
    "distinct": AggregateRule(reads=_OF_COLUMN, needs=("column",), zero_if_none=True),
    "days_since_last": AggregateRule(of_ratings=True),
    "latest": AggregateRule(reads=_OF_COLUMN | {"order"}, of_ratings=True, is_text=True, fault=_latest_fault),
    "share": AggregateRule(reads=_FILTERS | {"share_of", "prior", "prior_share", "minimum"}, needs=("share_of",)),
    "banded_sum": AggregateRule(reads=_FILTERS | {"bands", "cap"}, zero_if_none=True, fault=_bands_fault),
    "finding_ratio": AggregateRule(
        source="visits", reads=frozenset({"months", "severity_min", "prior", "inspector_prior"}), fault=_ratio_fault
    ),
    "on_list": AggregateRule(zero_if_none=True),
    "tenure_months": AggregateRule(source="subjects", reads=frozenset()),
    "custom": AggregateRule(reads=_FILTERS | {"function"}),
}
_OPTIONS = frozenset().union(*(rule.reads for rule in AGGREGATES.values()), _OF_RATINGS)


class Band(Spec):
    """A step of age: events younger than ``months`` (and not in an earlier band) weigh ``weight``."""

    months: int = Field(ge=1, le=600)
    weight: int = Field(ge=0, le=1000)


class FeatureSpec(Spec):
    """One feature: which records, in which window, put together how.

    The window is ``(as_of - months calendar months, as_of]`` by ``event_date``; without ``months``
    it is everything up to ``as_of``. Only what was known on ``as_of`` counts, and what a change
    repaired, withdrew or left disputed by then does not.

    ====================  =======================================================================
    aggregate             value
    ====================  =======================================================================
    ``count``             records (an incident reported by several providers is one)
    ``sum max min``       of ``column`` (``amount``: hundredths are kept; ``severity``)
    ``distinct``          distinct values of ``column``
    ``days_since_last``   days from the newest record to ``as_of``; ``empty`` where there is none
    ``latest``            text of ``column`` (``result``) in the newest record; with ``scheme``, the
                          newest grade of that external rating
    ``share``             ppm of records whose ``result`` is one of ``share_of``, shrunk: ``(n + prior
                          share x prior) / (N + prior)``; ``empty`` below ``minimum`` records
    ``banded_sum``        sum of severities by age with the weights of ``bands`` (1 without severity)
    ``finding_ratio``     ppm: findings of past visits (of at least ``severity_min``) over those expected
                          of these visits by these inspectors, both + ``prior``
    ``on_list``           1 if a listing is in force on ``as_of`` (not removed, not expired), else 0
    ``tenure_months``     completed months since ``registered_date``
    ``custom``            what ``function`` (``package.module:name``) makes of the visible events of ``kind``; the
                          function carries an oracle in plain Python that a sample of rows is compared with
    ====================  =======================================================================
    """

    name: Name
    label: Label
    unit: str
    source: Source
    description: str = ""
    kind: Items[Name] = ()
    aggregate: Aggregate
    column: EventColumn | None = None
    months: int | None = Field(default=None, ge=1, le=600)
    bands: Items[Band] = ()
    #: A single incident contributes at most this much to a ``banded_sum``.
    cap: int | None = Field(default=None, ge=1)
    share_of: Items[str] = ()
    prior: float = Field(default=0.0, ge=0, le=1_000_000, allow_inf_nan=False)
    prior_share: float = Field(default=0.5, ge=0, le=1)
    minimum: int = Field(default=1, ge=1)
    #: Expected findings that pull an inspector's effect towards 1 in a ``finding_ratio``.
    inspector_prior: float = Field(default=5.0, gt=0, le=1_000_000, allow_inf_nan=False)
    scheme: str | None = Field(default=None, min_length=1)
    function: str | None = None
    #: Industries whose cards may have this characteristic, and those that hang from them; empty: all. Elsewhere it costs and
    #: earns nothing.
    industries: Items[Code] = ()
    severity_min: int | None = Field(default=None, ge=1, le=10)
    amount_min: float | None = Field(default=None, ge=-1e13, le=1e13, allow_inf_nan=False)
    result: Items[str] = ()
    verified: bool | None = None
    trend: Trend = "auto"
    #: The order of grades or texts from safest to riskiest, for a ``latest`` that has an order.
    order: Items[str] = ()
    empty: int | str | None = None
    #: A self-declared characteristic only adds points; this many at most while unverified.
    points_cap: int | None = Field(default=None, ge=0)
    #: Points at most for a subject with such a record, whatever the statistics say: for records so grave and rare that they cannot
    #: weigh them. Who decided it, and on what ground, stands beside it and in the card.
    points_ceiling: int | None = Field(default=None, ge=-500, le=-1)
    ceiling_signed_by: str = Field(default="", max_length=200)
    ceiling_basis: str = Field(default="", max_length=1000)
    #: None: ``no_fault`` in the block ``base`` (a new firm has no national rating), ``own`` elsewhere. A count of 0 is a value.
    absence: Absence | None = None
    #: Why a bare count of findings is nevertheless right here (printed in the report).
    reason: str = ""

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, value: str) -> str:
        if value in _RESERVED:
            raise ValueError(f"a name other than {', '.join(_RESERVED)}, the keys of a table of features")
        return value

    @field_validator("kind", mode="before")
    @classmethod
    def _one_kind_may_stand_alone(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _aggregate_has_what_it_needs(self) -> FeatureSpec:
        for wrong, said in self._faults():
            if wrong:
                raise ValueError(f"aggregate {self.aggregate!r} {said}")
        return self

    def _faults(self) -> list[tuple[bool, str]]:
        """Whether something is wrong, and what; the first that holds is reported."""
        rule, of_ratings = self.rule, self.scheme is not None
        lacking = [name for name in rule.needs if not getattr(self, name)]
        other = self.column is not None and rule.columns and self.column not in rule.columns
        read = _OF_RATINGS if of_ratings else rule.reads
        fields, special = type(self).model_fields, rule.fault(self)
        idle = sorted(name for name in _OPTIONS - read if getattr(self, name) != fields[name].get_default())
        nothing, filtered = self.empty, bool(self.result) and not set(self.share_of) <= set(self.result)
        return [
            (rule.source == "events" and not of_ratings and not self.kind, "needs kind"),
            (rule.source == "subjects" and bool(self.kind), "reads the register of subjects and takes no kind"),
            (bool(lacking), f"needs {' and '.join(lacking)}"),
            (bool(other), f"reads {' or '.join(rule.columns)}"),
            (bool(special), special),
            (of_ratings and not rule.of_ratings, "does not go with scheme"),
            ((self.aggregate == "custom") != (self.function is not None), "goes with function, and function with it"),
            (bool(idle), f"does not read {', '.join(idle)}"),
            (nothing is not None and self.is_text != isinstance(nothing, str), f"has another type than empty = {nothing!r}"),
            (isinstance(nothing, int) and abs(nothing) >= 2**53, "is a number that empty is too large for"),
            (rule.zero_if_none and nothing not in (None, 0), "gives 0 where there is nothing, and takes no other empty"),
            (filtered, "finds none of a share_of that its result leaves out"),
            (len(self.order) != len(set(self.order)), "needs an order with each text once"),
            (self.is_text and self.trend == "lower_is_riskier", "has an order from safest to riskiest, so higher_is_riskier"),
            (self.is_text and self.trend == "higher_is_riskier" and not self.order, "needs order for a trend"),
            (self.absence is not None and self._never_missing, "is never missing here, so absence does nothing"),
            (self.absence == "own" and bool(self.industries), "of some industries only has no value elsewhere, which is no fault"),
            (len(self.industries) != len(set(self.industries)), "needs industries each once"),
            *self._ceiling_faults(),
        ]

    @property
    def _never_missing(self) -> bool:
        """Whether a value is always there, or absence has a rule of its own (what is self-declared only adds)."""
        return self.rule.zero_if_none or self.empty is not None or self.source == "self_declared"

    def _ceiling_faults(self) -> list[tuple[bool, str]]:
        signed = bool(self.ceiling_signed_by.strip()) and bool(self.ceiling_basis.strip())
        told = bool(self.ceiling_signed_by or self.ceiling_basis)
        whole = self.column != "amount"
        from_nothing = self.rule.zero_if_none or (self.aggregate == "max" and self.empty == 0)
        return [
            (self.points_ceiling is None and told, "has a signature or basis of a ceiling, and no points_ceiling"),
            (self.points_ceiling is not None and not signed, "needs ceiling_signed_by and ceiling_basis for its points_ceiling"),
            (
                self.points_ceiling is not None and not (whole and from_nothing and self.trend == "higher_is_riskier"),
                "takes a points_ceiling only where whole numbers count records, 0 is none, and trend is higher_is_riskier",
            ),
            (
                self.points_ceiling is not None and self.source in ("base", "self_declared"),
                "takes no points_ceiling in the blocks base and self_declared",
            ),
        ]

    @property
    def needs_result(self) -> bool:
        """Whether a record without a result cannot be judged by it: results are asked for, or have an order."""
        ordered = self.aggregate == "latest" and self.column == "result" and bool(self.order)
        return bool(self.result or self.share_of) or ordered

    @property
    def rule(self) -> AggregateRule:
        """What the aggregate of this feature reads and needs."""
        return AGGREGATES[self.aggregate]

    @property
    def is_text(self) -> bool:
        """Whether values are texts (grades, results) rather than numbers.

        The age of a grade is a number, the grade itself a text.
        """
        return self.rule.is_text


class FeatureFile(Spec):
    """The document ``features.toml``."""

    feature: Items[FeatureSpec] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> FeatureFile:
        refuse_repeats((feature.name for feature in self.feature), "name")
        return self
