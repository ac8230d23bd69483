"""``catalogue.toml``: which kinds of record exist, by what law, from whom, and for what they may serve."""

from typing import Literal

from pydantic import Field, model_validator

from creditscore.config.base import Label, Name, Purpose, Source, Spec

FoundBy = Literal["inspection", "register"]


class CatalogueItem(Spec):
    """One kind of record.

    ``found_by`` says how a record comes to be known: ``register`` kinds are known for every
    subject (a late report, tax arrears); ``inspection`` kinds only for those who were visited,
    so their bare counts measure attention as much as conduct.
    """

    kind: Name
    label: Label
    source: Source
    #: The legal act that lets the record be collected and used; without it no feature may use the kind.
    legal_basis: str = ""
    provider: str
    found_by: FoundBy = "register"
    #: What the library may use the kind for. An empty list releases it for nothing.
    purposes: tuple[Purpose, ...] = ("supervision",)
    population: Literal["market_subject", "practitioner", "any"] = "market_subject"
    polarity: Literal["negative", "positive", "neutral"] = "neutral"
    #: 双公示: licences and penalties that must be sent within ``deadline_working_days`` of the decision.
    double_publicity: bool = False
    deadline_working_days: int | None = Field(default=None, ge=1, le=60)
    retention_months: int | None = Field(default=None, ge=1)
    repair_class: Literal["minor", "general", "serious"] | None = None
    #: Months after the decision in which publication may not / must end (repair rules), if any.
    publication_min_months: int | None = Field(default=None, ge=0)
    publication_max_months: int | None = Field(default=None, ge=0)
    #: What the record is about where law forbids to score it, e.g. ``["local_branch"]``.
    concerns: tuple[Name, ...] = ()


class Catalogue(Spec):
    """All kinds of a project; the gate through which every record and feature passes."""

    edition: str
    basis: str
    item: tuple[CatalogueItem, ...]

    @model_validator(mode="after")
    def _kinds_are_unique(self) -> "Catalogue":
        kinds = [item.kind for item in self.item]
        twice = sorted({kind for kind in kinds if kinds.count(kind) > 1})
        if twice:
            raise ValueError(f"each kind once, but {', '.join(twice)} stands several times")
        return self

    @property
    def by_kind(self) -> dict[str, CatalogueItem]:
        """The items by their kind."""
        return {item.kind: item for item in self.item}
