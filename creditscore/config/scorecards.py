"""``scorecards.toml``: how cards are fitted; ``cards/signed.toml``: the signed cards, the only ones that score."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from creditscore.config.spec import Code, Day, Items, Label, Name, Spec, refuse_repeats

#: Weight of the ridge penalty on coefficients, as a share of the information of the sample.
RIDGE = 0.05
#: The same for the effects of inspectors; larger pulls them to 0.
NUISANCE_RIDGE = 0.002


class Scaling(Spec):
    """``score = base_score + pdo / ln 2 * ln(odds / base_odds)`` with odds good : bad.

    At ``base_odds`` goods per bad a subject has ``base_score``; each ``pdo`` points more double the odds.

    A card holds its scaling, and its hash covers it: a field added here changes the hash of every card that is made anew.
    """

    base_score: int = Field(default=600, ge=0, le=100_000)
    base_odds: float = Field(default=50, gt=0)
    pdo: float = Field(default=20, gt=0)


class Industry(Spec):
    """A population with a card of its own; where cases are few, the ``parent``'s figures weigh more."""

    code: Code
    label: Label
    parent: Code | None = None


class Binning(Spec):
    """How attributes are cut. Shares are of the total weight."""

    max_bins: int = Field(default=6, ge=2, le=20)
    min_share: float = Field(default=0.02, gt=0, le=0.5)
    #: Texts rarer than this are left to the attribute ``other``; others are grouped until a group has ``min_share``.
    rare_share: float = Field(default=0.005, gt=0, le=0.5)
    #: Added to goods and bads of an attribute in proportion to their totals, as a share of the weight.
    smoothing: float = Field(default=0.0005, ge=0, le=0.1)


class Selection(Spec):
    """Which characteristics stay."""

    min_information_value: float = Field(default=0.005, ge=0)
    max_correlation: float = Field(default=0.9, gt=0, le=1)
    max_characteristics: int | None = Field(default=None, ge=1)


class Pooling(Spec):
    """Effective cases that the parent's figures weigh in an industry's."""

    intercept_cases: float = Field(default=50, ge=0)
    attribute_cases: float = Field(default=200, ge=0)


class ScorecardsFile(Spec):
    """The document ``scorecards.toml``."""

    target: Name
    scaling: Scaling = Scaling()
    binning: Binning = Binning()
    selection: Selection = Selection()
    pooling: Pooling = Pooling()
    ridge: float = Field(default=RIDGE, ge=0)
    nuisance_ridge: float = Field(default=NUISANCE_RIDGE, gt=0)
    nuisance: Literal["inspectors", "none"] = "inspectors"
    industry: Items[Industry] = ()
    #: Months held back from the end of the history to judge the cards on.
    test_months: int = Field(default=6, ge=1, le=60)
    #: Without effect: ``new_subject_months`` of the tier policy leaves new subjects 未评 (NR). Accepted for one release more.
    min_tenure_months: int = Field(default=0, ge=0)
    impact_assessment_id: str | None = None

    @model_validator(mode="after")
    def _parents_exist_and_do_not_circle(self) -> ScorecardsFile:
        refuse_repeats((industry.code for industry in self.industry), "industry code")
        parents = {industry.code: industry.parent for industry in self.industry}
        for code in parents:
            ancestors, step = {code}, parents[code]
            while step is not None:
                if step not in parents:
                    raise ValueError(f"industry {code}: parent {step!r} is not an industry of this file")
                if step in ancestors:
                    raise ValueError(f"industry {code}: its parents go round in a circle")
                ancestors.add(step)
                step = parents[step]
        return self


Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class SignedCard(Spec):
    """One signature: the file ``<industry>.json`` has this SHA-256, and who signed it when."""

    industry: Code
    sha256: Sha256
    signed_by: str = Field(min_length=1, max_length=200)
    on: Day


class SignedFile(Spec):
    """The document ``signed.toml``."""

    card: Items[SignedCard]

    @model_validator(mode="after")
    def _each_once(self) -> SignedFile:
        refuse_repeats((card.industry for card in self.card), "industry")
        return self
