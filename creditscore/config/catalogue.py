"""``catalogue.toml``: which kinds of record exist, by what law, from whom, and for what they may serve."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from creditscore.config.spec import Day, Items, Label, Name, Spec, refuse_repeats
from creditscore.vocabulary import SAMPLING_TRIGGERS, FoundBy, Purpose, Source, Trigger


class CatalogueItem(Spec):
    """One kind of record.

    ``found_by`` is how such a record becomes known. ``register`` kinds are known for every subject (a late report, tax
    arrears). ``inspection`` kinds are known only for visited subjects, so their counts depend on the number of visits as
    much as on conduct.
    """

    kind: Name
    label: Label
    source: Source
    #: The legal act that lets the record be collected and used; without it no feature may use the kind.
    legal_basis: str = ""
    provider: str
    found_by: FoundBy = "register"
    #: What the library may use the kind for. An empty list releases it for nothing.
    purposes: Items[Purpose] = ("supervision",)
    population: Literal["market_subject", "practitioner", "any"] = "market_subject"
    polarity: Literal["negative", "positive", "neutral"] = "neutral"
    #: 双公示: licences and penalties that must be sent within ``deadline_working_days`` of the decision.
    double_publicity: bool = False
    #: Counted by the project's work calendar (make-up days are worked), from the day of the decision.
    deadline_working_days: int | None = Field(default=None, ge=1, le=60)
    #: Months from the event date during which a record is used (the last day is the one before).
    retention_months: int | None = Field(default=None, ge=1, le=1200)
    #: Who may see it: everyone (then the other publicity system shows it, too), those it is shared with, or only the provider.
    publication: Literal["published", "shared", "internal"] = "shared"
    #: ``own_rule``: the record ends as its own act says, such as a list of debtors once the debt is paid.
    repair_class: Literal["minor", "general", "serious", "own_rule"] | None = None
    #: Months after the decision in which publication may not / must end (repair rules), if any.
    publication_min_months: int | None = Field(default=None, ge=0, le=1200)
    publication_max_months: int | None = Field(default=None, ge=0, le=1200)
    #: Triggers of the visits that such a record sets off, e.g. ``["complaint"]``: the visit is linked to it.
    sets_off: Items[Trigger] = ()
    #: What the record is about where law forbids to score it, e.g. ``["local_branch"]``.
    concerns: Items[Name] = ()

    @model_validator(mode="after")
    def _periods_fit(self) -> CatalogueItem:
        if self.double_publicity and self.deadline_working_days is None:
            raise ValueError("double_publicity: needs deadline_working_days (双公示: 7)")
        shortest, longest = self.publication_min_months or 0, self.publication_max_months
        if longest is not None and shortest > longest:
            raise ValueError(f"publication_min_months: at most publication_max_months, {longest} (got {shortest})")
        return self

    @model_validator(mode="after")
    def _sets_off_no_draw(self) -> CatalogueItem:
        refuse_repeats(self.sets_off, "trigger of sets_off")
        drawn = sorted(set(self.sets_off) & set(SAMPLING_TRIGGERS))
        if drawn:
            raise ValueError(f"sets_off: no record sets off a visit that is drawn ({', '.join(drawn)})")
        return self

    def may_serve(self, purpose: Purpose) -> bool:
        """Whether the kind may feed a feature of a project with this purpose: it has a legal basis and is released for it."""
        return bool(self.legal_basis) and purpose in self.purposes


class RepairPeriods(Spec):
    """How long records of a class of repair are published at least and at most, from a day on."""

    name: Literal["minor", "general", "serious"]
    effective: Day
    publication_min_months: int = Field(ge=0, le=1200)
    publication_max_months: int = Field(ge=0, le=1200)
    basis: str = Field(min_length=1, pattern=r"\S")

    def refuse_others(self, item: CatalogueItem) -> None:
        """Refuse an item of this class whose own periods are missing or outside those of the class.

        Raises:
            ValueError: They contradict the class.
        """
        shortest, longest = item.publication_min_months, item.publication_max_months
        if shortest is None or longest is None or shortest < self.publication_min_months or longest > self.publication_max_months:
            raise ValueError(
                f'item "{item.kind}": a record of the class {self.name} is published for {self.publication_min_months} to '
                f"{self.publication_max_months} months ({self.basis}), the item says {shortest} to {longest}; what follows an "
                "act of its own is of the class own_rule"
            )


class Catalogue(Spec):
    """All kinds of a project; the gate through which every record and feature passes."""

    edition: str
    basis: str
    item: Items[CatalogueItem]
    #: The periods of the classes of repair; where there are none, items say theirs freely.
    repair_periods: Items[RepairPeriods] = ()

    @model_validator(mode="after")
    def _items_fit_their_class(self) -> Catalogue:
        newest = {one.name: one for one in sorted(self.repair_periods, key=lambda one: one.effective)}
        for item in self.item if newest else ():
            if item.repair_class in newest:
                newest[item.repair_class].refuse_others(item)
        return self

    @model_validator(mode="after")
    def _kinds_are_unique(self) -> Catalogue:
        refuse_repeats((item.kind for item in self.item), "kind")
        return self

    @property
    def by_kind(self) -> dict[str, CatalogueItem]:
        """The items by their kind."""
        return {item.kind: item for item in self.item}
