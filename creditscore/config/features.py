"""``features.toml``: what is computed for a subject as of a day."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from creditscore.config.spec import Items, Label, Name, Spec
from creditscore.vocabulary import Source

Aggregate = Literal[
    "count", "sum", "max", "min", "distinct", "days_since_last", "latest", "share",
    "banded_sum", "finding_ratio", "on_list", "tenure_months", "custom",
]  # fmt: skip
Trend = Literal["higher_is_riskier", "lower_is_riskier", "auto", "none"]
#: Columns of ``events`` that ``sum``, ``max``, ``min``, ``distinct`` and ``latest`` may read.
EventColumn = Literal["amount", "severity", "result", "document_no", "provider", "event_date"]
_NEEDS_COLUMN = ("sum", "max", "min", "distinct")
_TEXT_COLUMNS = ("result", "provider")
#: Columns that stand beside the features wherever they are computed.
_TAKEN = ("row_key", "subject_key", "subject_id", "as_of", "as_of_day", "industry")
#: Nothing is 0 to these.
_COUNTING = ("count", "sum", "distinct", "banded_sum", "on_list")
_FILTERS = frozenset({"kind", "months", "severity_min", "amount_min", "result", "verified"})
#: What an aggregate reads beside the filters; whatever else is set would be a wish.
_READS: dict[str, frozenset[str]] = {
    "count": _FILTERS, "on_list": _FILTERS, "days_since_last": _FILTERS, "custom": _FILTERS | {"function"},
    "sum": _FILTERS | {"column"}, "max": _FILTERS | {"column"}, "min": _FILTERS | {"column"}, "distinct": _FILTERS | {"column"},
    "latest": _FILTERS | {"column", "order"}, "banded_sum": _FILTERS | {"bands", "cap"},
    "share": _FILTERS | {"share_of", "prior", "prior_share", "minimum"},
    "finding_ratio": frozenset({"months", "severity_min", "prior", "inspector_prior"}), "tenure_months": frozenset(),
}  # fmt: skip
_OF_RATINGS = frozenset({"scheme", "months", "order"})
_OPTIONS = frozenset().union(*_READS.values(), _OF_RATINGS)


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
    ``count``             records (an incident told by several providers is one)
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
    #: Why a bare count of findings is nevertheless right here (printed in the report).
    reason: str = ""

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, value: str) -> str:
        if value in _TAKEN:
            raise ValueError(f"a name other than {', '.join(_TAKEN)}, which stand beside the features")
        return value

    @field_validator("kind", mode="before")
    @classmethod
    def _one_kind_may_stand_alone(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _aggregate_has_what_it_needs(self) -> "FeatureSpec":
        for wrong, said in self._faults():
            if wrong:
                raise ValueError(f"aggregate {self.aggregate!r} {said}")
        return self

    def _faults(self) -> list[tuple[bool, str]]:
        a = self.aggregate
        from_records = a not in ("tenure_months", "finding_ratio") and self.scheme is None
        ages = [band.months for band in self.bands]
        idle = self._idle()
        return [
            (from_records and not self.kind, "needs kind"),
            (a == "tenure_months" and bool(self.kind), "reads the register of subjects and takes no kind"),
            (a in _NEEDS_COLUMN and self.column is None, "needs column"),
            (a in ("sum", "max", "min") and self.column not in ("amount", "severity", None), "reads amount or severity"),
            (a == "latest" and self.scheme is None and self.column not in _TEXT_COLUMNS, "needs scheme or column = 'result'"),
            (a == "share" and not self.share_of, "needs share_of"),
            (a == "banded_sum" and (not ages or ages != sorted(set(ages))), "needs bands with rising months"),
            (a == "finding_ratio" and self.prior <= 0, "needs prior > 0: without it one visit gives 0 or infinity"),
            (self.scheme is not None and a not in ("latest", "days_since_last"), "does not go with scheme"),
            ((a == "custom") != (self.function is not None), "goes with function, and function with it"),
            (bool(idle), f"does not read {', '.join(idle)}"),
            *self._faults_of_values(),
        ]

    def _idle(self) -> list[str]:
        """Options that are set and would do nothing."""
        read = _READS[self.aggregate] if self.scheme is None else _OF_RATINGS
        fields = type(self).model_fields
        return sorted(name for name in _OPTIONS - read if getattr(self, name) != fields[name].get_default())

    def _faults_of_values(self) -> list[tuple[bool, str]]:
        nothing, filtered = self.empty, bool(self.result) and not set(self.share_of) <= set(self.result)
        return [
            (nothing is not None and self.is_text != isinstance(nothing, str), f"has another type than empty = {nothing!r}"),
            (isinstance(nothing, int) and abs(nothing) >= 2**53, "is a number that empty is too large for"),
            (self.aggregate in _COUNTING and nothing not in (None, 0), "gives 0 where there is nothing, and takes no other empty"),
            (filtered, "finds none of a share_of that its result leaves out"),
            (len(self.order) != len(set(self.order)), "needs an order with each text once"),
            (self.is_text and self.trend == "lower_is_riskier", "has an order from safest to riskiest, so higher_is_riskier"),
            (self.is_text and self.trend == "higher_is_riskier" and not self.order, "needs order for a trend"),
        ]

    @property
    def is_text(self) -> bool:
        """Whether values are texts (grades, results) rather than numbers."""
        return self.aggregate == "latest"


class FeatureFile(Spec):
    """The document ``features.toml``."""

    feature: Items[FeatureSpec] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> "FeatureFile":
        names = [feature.name for feature in self.feature]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"each name once, but {', '.join(twice)} stands several times")
        return self
