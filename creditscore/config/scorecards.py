"""``scorecards.toml``: how cards are fitted. ``cards/signed.toml``: the cards that may score, each with its signature."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from creditscore.config.spec import Code, Day, Items, Label, Name, Spec, refuse_repeats

#: Weight of the ridge penalty on coefficients, as a share of the information of the sample, where none is chosen by the data.
RIDGE = 0.05
#: Power of the weights of the design in bins and slopes, where none is chosen by the data.
EXPONENT = 0.5
#: The same for the effects of inspectors. A larger penalty pulls these effects closer to 0.
NUISANCE_RIDGE = 0.002
#: Smallest share of an attribute, and what is added to shares, where nothing is declared and evidence is not asked for.
MIN_SHARE, SMOOTHING = 0.02, 0.0005


class Scaling(Spec):
    """``score = base_score + pdo / ln 2 * ln(odds / base_odds)`` with odds good : bad.

    A subject with ``base_odds`` goods per bad has ``base_score`` points; every further ``pdo`` points double the odds.

    A card contains its scaling, so the hash of the card covers it: a new field here changes the hash of every new card.
    """

    base_score: int = Field(default=600, ge=0, le=100_000)
    base_odds: float = Field(default=50, gt=0)
    pdo: float = Field(default=20, gt=0)


class Industry(Spec):
    """A population with its own card. The fewer its cases, the more it borrows from the industry ``parent``.

    Without a ``parent`` it borrows from the card of all rows.
    """

    code: Code
    label: Label
    parent: Code | None = None


class Binning(Spec):
    """How a characteristic is divided into attributes. Shares are shares of the total weight, from 0 to 1.

    What is None follows from the rows: with ``evidence`` an attribute stands by its rows and cases, never by its share. A
    number that is declared goes before.
    """

    #: WoE is shrunk by its estimated variance, and a characteristic must show more than chance may. Without it WoE is the
    #: plain smoothed one, and what is None has constants (six bins, 2 %, .5 %, .0005): then a whole weight counts exactly
    #: like repeated rows. With it two equal rows are more evidence than one of weight 2.
    evidence: bool = True
    #: None: six at a hundred cases of the rarer class, and more with the fifth root of the cases.
    max_bins: int | None = Field(default=None, ge=2, le=20)
    #: Smallest share of an attribute; below it an attribute is neutral. None: about 30 effective rows and 3 cases to be
    #: expected where cuts are searched, and none is neutral for being small.
    min_share: float | None = Field(default=None, gt=0, le=0.5)
    #: Texts rarer than this go to the attribute ``other``. None: those with fewer than 30 effective rows.
    rare_share: float | None = Field(default=None, gt=0, le=0.5)
    #: Added to the share of goods and to the share of bads of each attribute, so that neither is 0. None: half a case.
    smoothing: float | None = Field(default=None, ge=0, le=0.1)

    @property
    def least_share(self) -> float | None:
        """Share below which an attribute is neutral whatever it shows; None: there is no such share."""
        return self.min_share if self.min_share is not None or self.evidence else MIN_SHARE


class Selection(Spec):
    """Which characteristics stay in the cards.

    ``max_characteristics``: crosses are counted; they have the places that columns leave, and those of source ``base`` stay
    beyond it. None sets no limit.
    """

    min_information_value: float = Field(default=0.005, ge=0)
    max_correlation: float = Field(default=0.9, gt=0, le=1)
    max_characteristics: int | None = Field(default=None, ge=1)
    #: Most crosses of two characteristics of one source. Each must gain on rows held out, so ``tune = "off"`` has none.
    max_crosses: int = Field(default=3, ge=0, le=10)
    #: Characteristics that no cross may use.
    never_crossed: Items[str] = ()
    #: A characteristic leaves whose attributes have moved farther (PSI) from the first to the last part of the training
    #: window. None: it is told, and stays.
    max_drift: float | None = Field(default=None, gt=0)
    #: Texts that were renamed, by characteristic: ``{"industry": {"old code": "new code"}}``. The old and the new are one
    #: attribute, so that neither comes or goes.
    same_as: dict[str, dict[str, str]] = Field(default_factory=dict)


class Pooling(Spec):
    """How far industries lie from their parents, as standard deviations in log-odds of bad; None: estimated from the rows.

    ``level_sd`` is that of the level, ``slope_sd`` that of what one standard deviation of a characteristic counts. With 0 an
    industry has its parent's; with a large number its own, however few its cases.
    """

    level_sd: float | None = Field(default=None, ge=0, le=100)
    slope_sd: float | None = Field(default=None, ge=0, le=100)


class ScorecardsFile(Spec):
    """The content of ``scorecards.toml``; ``target`` is a name in ``targets.toml``."""

    target: Name
    scaling: Scaling = Scaling()
    binning: Binning = Binning()
    selection: Selection = Selection()
    pooling: Pooling = Pooling()
    #: ``auto``: settings that this file does not state are chosen on rows held out, forward in time.
    tune: Literal["auto", "off"] = "auto"
    #: Whether the slope of the probabilities comes from rows held out; else from the rows of the fit.
    cross_fit: bool = True
    #: None: chosen on rows held out.
    ridge: float | None = Field(default=None, ge=0)
    #: Power of the weights of the design in bins and slopes, from 0 (all rows alike) to 1. None: chosen on rows held out.
    exponent: float | None = Field(default=None, ge=0, le=1)
    #: What the estimated variances between industries are multiplied by. None: chosen on rows held out.
    pooling_factor: float | None = Field(default=None, ge=0)
    nuisance_ridge: float = Field(default=NUISANCE_RIDGE, gt=0)
    nuisance: Literal["inspectors", "none"] = "inspectors"
    industry: Items[Industry] = ()
    #: Months at the end of the history on which the cards are judged.
    test_months: int = Field(default=6, ge=1, le=60)
    #: Deprecated and ignored, accepted for one more release. Use ``new_subject_months`` of the tier policy: it keeps new
    #: subjects unrated (未评, NR).
    min_tenure_months: int = Field(default=0, ge=0)
    #: The number of the personal-information impact assessment; required where the subjects are persons.
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
    """One signature: the SHA-256 of the file ``<industry>.json``, who signed it and on which day."""

    industry: Code
    sha256: Sha256
    signed_by: str = Field(min_length=1, max_length=200)
    on: Day


class SignedFile(Spec):
    """The content of ``cards/signed.toml``: at most one card per industry."""

    card: Items[SignedCard]

    @model_validator(mode="after")
    def _each_once(self) -> SignedFile:
        refuse_repeats((card.industry for card in self.card), "industry")
        return self
