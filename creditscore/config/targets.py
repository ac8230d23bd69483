"""``targets.toml``: what counts as bad, and on whom it is known."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from creditscore.config.spec import Items, Label, Name, Spec, refuse_repeats
from creditscore.vocabulary import NO_FINDING, OUTCOMES, SAMPLING_TRIGGERS, Mode, Outcome, Trigger


class InspectionTarget(Spec):
    """A finding of visits: one training row per random draw, features as of the day before the visit.

    ``weights = "design"`` weighs each row by 1/p of its draw. ``weights = "none"`` is for data
    without known probabilities: every output then says that it covers inspected subjects only.
    """

    type: Literal["inspection"]
    name: Name
    label: Label
    bad: Items[Outcome] = Field(default=("violation",), min_length=1)
    good: Items[Outcome] = Field(default=("none",), min_length=1)
    excluded: Items[Outcome] = NO_FINDING
    triggers: Items[Trigger] = Field(default=SAMPLING_TRIGGERS, min_length=1)
    #: Triggers of visits that were not drawn and may train the ranking, never a level or a metric. Their rows are as of the day
    #: before the record that set them off was known, see ``sets_off`` of the catalogue.
    rank_with: Items[Trigger] = ()
    #: On-site and off-site checks are different instruments; one target has one.
    mode: Mode = "on_site"
    severity_min: int | None = Field(default=None, ge=1, le=10)
    weights: Literal["design", "none"] = "design"
    #: Larger weights are cut to this multiple of the mean; the bias is printed.
    weight_cap: float | None = Field(default=None, gt=1)

    @model_validator(mode="after")
    def _every_outcome_once(self) -> InspectionTarget:
        named = [*self.bad, *self.good, *self.excluded]
        missing = set(OUTCOMES) - set(named)
        if missing or len(named) != len(set(named)):
            absent = ", ".join(sorted(missing)) or "none, but one is repeated"
            raise ValueError(f"bad, good and excluded name every outcome once; missing: {absent}")
        if self.weights == "design" and not set(self.triggers) <= set(SAMPLING_TRIGGERS):
            raise ValueError(
                "weights = 'design' goes with triggers random and full_coverage: other visits have no known probability"
            )
        return self

    @model_validator(mode="after")
    def _ranks_with_visits_for_cause(self) -> InspectionTarget:
        refuse_repeats(self.rank_with, "trigger of rank_with")
        wrong = set(self.rank_with) & {*SAMPLING_TRIGGERS, *self.triggers}
        if wrong:
            raise ValueError(
                f"rank_with names visits for cause (complaint, follow_up, special) that are not among triggers; "
                f"not {', '.join(sorted(wrong))}"
            )
        return self


class RegisterTarget(Spec):
    """A record that a register knows for everyone, within ``months`` after ``as_of``.

    Rows are ``every_months`` apart, at days for which ``as_of + months + lag_days`` is before the day of training and
    ``as_of + months`` before the newest day of the data.
    """

    type: Literal["register"]
    name: Name
    label: Label
    kind: Items[Name] = Field(min_length=1)
    months: int = Field(ge=1, le=60)
    lag_days: int = Field(ge=0, le=730)
    #: A subject that leaves within the window stays if it was observed this many months (the whole window, if that is shorter).
    observed_months: int = Field(default=6, ge=1)
    every_months: int = Field(default=12, ge=1, le=60)


TargetSpec = Annotated[InspectionTarget | RegisterTarget, Field(discriminator="type")]


class TargetFile(Spec):
    """The document ``targets.toml``."""

    target: Items[TargetSpec] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> TargetFile:
        refuse_repeats((target.name for target in self.target), "name")
        return self
