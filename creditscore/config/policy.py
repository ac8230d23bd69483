"""``tiering/<date>.toml``: tiers, overrides, ratios and measures in force from a day, with their basis."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from creditscore.config.spec import Code, Day, Items, Label, Name, Share, Spec, ppm, read_spec
from creditscore.dates import day_of
from creditscore.errors import ConfigError
from creditscore.storage import compact_json, sha256_of
from creditscore.vocabulary import NOT_RATED, PRESUMED, RISKIEST, TIERS, NotRatedWhy, Reason, Tier, TierOrNone

#: A text that is not blank: a legal basis, or who signed.
NonBlank = Annotated[str, Field(min_length=1, pattern=r"\S")]


class TierRule(Spec):
    """Where a tier ends. The riskiest tier takes what is left and has no cut.

    ``max_probability`` (calibrated risk below it), ``min_score`` (at least it) or ``share`` (this
    share of the subjects, best first; ties at the cut get the better tier). With ``industry`` the
    rule holds for that industry alone; then every tier has one for it.
    """

    name: Tier
    industry: Code | None = None
    max_probability: Share | None = None
    min_score: int | None = None
    share: Share | None = None


class Override(Spec):
    """A record that sets or bounds the tier, whatever the score.

    ``kind`` is a catalogue kind in force on the day, ``scheme`` with ``grade`` an external rating.
    ``bound = "at_least"`` only worsens (the tier or a riskier one), ``"at_most"`` only improves,
    ``"exactly"`` sets. Where several fire, the most severe outcome wins. ``review``: what it sets is
    signed by a person, whatever the tier. ``expires`` is the last day on which the rule holds.
    """

    kind: Name | None = None
    scheme: str | None = None
    grade: str | None = None
    tier: Tier
    bound: Literal["exactly", "at_least", "at_most"] = "exactly"
    basis: NonBlank
    review: bool = False
    expires: Day | None = None

    @model_validator(mode="after")
    def _names_one_ground(self) -> Override:
        if (self.kind is None) == (self.scheme is None) or (self.scheme is None) != (self.grade is None):
            raise ValueError("an override names a kind, or a scheme and a grade")
        return self

    @property
    def reason(self) -> Reason:
        """The text in ``tiers.rule`` where it applies: of the kind, or of the scheme and grade."""
        return Reason("override", self.kind or f"{self.scheme}={self.grade}")


class InspectionRule(Spec):
    """What a tier means for inspection, per task and period."""

    ratio: float = Field(gt=0, le=1)
    visits_per_year: int = Field(ge=1, le=365)
    repeat_within_months: int = Field(default=0, ge=0, le=60)
    on_site_share: Share = 1.0

    @model_validator(mode="after")
    def _ratio_is_one_that_counts(self) -> InspectionRule:
        if self.ratio_ppm < 1:
            raise ValueError("ratio: at least one millionth: a smaller one is 0, and no tier is exempt")
        return self

    @property
    def ratio_ppm(self) -> int:
        """The ratio in millionths."""
        return ppm(self.ratio)

    @property
    def on_site_ppm(self) -> int:
        """The share of the drawn subjects that is visited on site, in millionths; the others are checked off site."""
        return ppm(self.on_site_share)


class InspectionRules(Spec):
    """One rule per tier and one for 未评 (NR): a field for each of ``vocabulary.TIER_ORDER``, in that order."""

    A: InspectionRule
    B: InspectionRule
    C: InspectionRule
    D: InspectionRule
    NR: InspectionRule

    @model_validator(mode="after")
    def _riskier_tiers_are_seen_more(self) -> InspectionRules:
        rules = [self.of(tier) for tier in TIERS]
        ratios, visits = [rule.ratio_ppm for rule in rules], [rule.visits_per_year for rule in rules]
        if ratios != sorted(ratios) or visits != sorted(visits):
            raise ValueError(f"ratio and visits_per_year must not fall from {TIERS[0]} to {RISKIEST}")
        presumed = TIERS.index(PRESUMED)
        if not ratios[0] < ratios[presumed] < ratios[-1]:
            raise ValueError(f"ratios need {TIERS[0]} below {PRESUMED} and {PRESUMED} below {RISKIEST}")
        if self.NR.ratio_ppm < ratios[presumed] or self.NR.visits_per_year < visits[presumed]:
            raise ValueError(f"NR must not be below {PRESUMED}: a typo is no exemption")
        return self

    def of(self, tier: TierOrNone) -> InspectionRule:
        """The rule of one tier."""
        rule: InspectionRule = getattr(self, tier)
        return rule


class Measure(Spec):
    """A differentiated measure of supervision (差异化监管措施) for a tier, maybe of one industry."""

    tier: TierOrNone
    name: Label
    basis: NonBlank
    department: str
    industry: Code | None = None
    #: Of tier NR: only for those who are not rated for this reason; None: for whoever is in the tier.
    not_rated: NotRatedWhy | None = None

    @model_validator(mode="after")
    def _reason_of_nr(self) -> Measure:
        if self.not_rated is not None and self.tier != NOT_RATED:
            raise ValueError(f"not_rated: only of tier {NOT_RATED} (got tier {self.tier})")
        return self

    def is_for(self, tier: str, industry: str | None, rule: str) -> bool:
        """Whether it concerns a subject of a tier and an industry, with this text of the rule that decided."""
        if self.tier != tier or self.industry not in (None, industry):
            return False
        return self.not_rated is None or Reason.parse(rule).why_not_rated == self.not_rated


class Stability(Spec):
    """What a better tier needs. Worse ones act at once.

    The subject must lie beyond the cut of a better tier than its own by ``band`` points (cuts by score or
    share) or by ``margin``, a share of the cut (cuts by risk: 0.1 asks for a risk below nine tenths of
    it), in every run of ``months`` calendar months. The last two runs decide how far it then rises.
    """

    band: int = Field(default=0, ge=0)
    margin: float = Field(default=0.0, ge=0, lt=1)
    months: int = Field(default=0, ge=0, le=60)


class ReviewRule(Spec):
    """What a person signs, besides every entry to D and every fall of two steps.

    ``individuals`` are individual businesses and practitioners: natural persons, for whom either
    every worse tier is signed or only D.
    """

    individuals: Literal["every_downgrade", "entry_to_d"] = "every_downgrade"


class TierPolicy(Spec):
    """The rules of one dated file."""

    effective: Day
    basis: NonBlank
    signed_by: NonBlank
    tier: Items[TierRule]
    override: Items[Override] = ()
    inspection: InspectionRules
    #: Ratios of single industries that differ from the general ones.
    industry: dict[Code, InspectionRules] = Field(default_factory=dict)
    #: Ratios of single tasks, by task id; they go before those of the industry.
    task: dict[Code, InspectionRules] = Field(default_factory=dict)
    #: Whether a cut by ``share`` divides all subjects together or each industry for itself.
    share_within: Literal["all", "industry"] = "all"
    #: Industries in which every subject is visited every period.
    full_coverage: Items[Code] = ()
    #: Most visits a year to one subject, of all departments together.
    annual_cap: int = Field(default=4, ge=1, le=3650)
    stability: Stability = Stability()
    review: ReviewRule = ReviewRule()
    measure: Items[Measure] = ()
    #: Tier of a subject that is registered for fewer months than this: NR.
    new_subject_months: int = Field(default=0, ge=0, le=600)

    @model_validator(mode="after")
    def _tiers_cover_the_line(self) -> TierPolicy:
        for industry in sorted({rule.industry or "" for rule in self.tier} | {""}):
            _check_cuts(tuple(rule for rule in self.tier if (rule.industry or "") == industry), industry)
        return self

    @model_validator(mode="after")
    def _parts_agree(self) -> TierPolicy:
        rules = [self.inspection, *self.industry.values(), *self.task.values()]
        if self.annual_cap < max(rule.of(tier).visits_per_year for rule in rules for tier in (RISKIEST, NOT_RATED)):
            raise ValueError(f"annual_cap must not be below the visits_per_year of {RISKIEST} and {NOT_RATED}")
        kinds = {_cut_of(rule) for rule in self.tier} - {None}
        if self.stability.band and kinds == {"max_probability"}:
            raise ValueError("stability.band counts points: cuts by max_probability take stability.margin, a share of the cut")
        if self.stability.margin and "max_probability" not in kinds:
            raise ValueError("stability.margin is a share of a risk: cuts by min_score or share take stability.band, in points")
        return self

    @property
    def cut_by(self) -> str:
        """``max_probability``, ``min_score`` or ``share``: how the general tiers are cut."""
        return self.cuts_for(None)[0]

    @property
    def cuts(self) -> tuple[int, ...]:
        """The general cuts after A, B and C as integers: ppm of risk, points, or ppm of subjects."""
        return self.cuts_for(None)[1]

    @property
    def own_cuts(self) -> tuple[str, ...]:
        """The industries that have cuts of their own."""
        return tuple(sorted({rule.industry for rule in self.tier if rule.industry}))

    def cuts_for(self, industry: str | None) -> tuple[str, tuple[int, ...]]:
        """How an industry is cut (its own rules or else the general ones), and the cuts as integers."""
        own = [rule for rule in self.tier if rule.industry == industry] or [rule for rule in self.tier if rule.industry is None]
        return _cut_of(own[0]) or "", _cut_values(own)

    @property
    def sha256(self) -> str:
        """The SHA-256 of its content (keys in order, defaults left out)."""
        document = self.model_dump(mode="json", exclude_defaults=True)
        return sha256_of(compact_json(document))

    def rules_for(self, industry: str | None, *, task: str | None = None) -> InspectionRules:
        """The inspection rules that hold for an industry in a task."""
        return self.task.get(task or "") or self.industry.get(industry or "", self.inspection)


def _cut_of(rule: TierRule) -> str | None:
    cuts = [key for key in ("max_probability", "min_score", "share") if getattr(rule, key) is not None]
    if len(cuts) > 1:
        raise ValueError(f"tier {rule.name}: one of max_probability, min_score and share")
    return cuts[0] if cuts else None


def _cut_values(rules: Sequence[TierRule]) -> tuple[int, ...]:
    key = _cut_of(rules[0]) or ""
    values = [getattr(rule, key) for rule in rules[:-1]]
    return tuple(value if key == "min_score" else ppm(value) for value in values)


def _named(tiers: Sequence[str]) -> str:
    return f"{', '.join(tiers[:-1])} and {tiers[-1]}"


def _check_cuts(rules: tuple[TierRule, ...], industry: str) -> None:
    """All tiers in order, one kind of cut, no gap, no overlap."""
    where = f"tier of industry {industry}" if industry else "tier"
    if tuple(rule.name for rule in rules) != TIERS:
        raise ValueError(f"{where}: {_named(TIERS)}, in this order")
    kinds = {_cut_of(rule) for rule in rules[:-1]}
    if _cut_of(rules[-1]) is not None or len(kinds) != 1 or None in kinds:
        raise ValueError(f"{where}: {_named(TIERS[:-1])} have one cut each, of one kind; {RISKIEST} takes the rest and has none")
    kind, cuts = _cut_of(rules[0]), _cut_values(rules)
    ordered = all(a < b for a, b in pairwise(cuts)) and cuts[0] > 0 and cuts[-1] < 1_000_000
    if kind == "min_score":
        ordered = all(a > b for a, b in pairwise(cuts))
    if kind == "share":
        ordered = sum(cuts) < 1_000_000 and min(cuts) > 0
    if not ordered:
        raise ValueError(f"{where}: {kind} must go strictly from the best tier to the worst and leave room for {RISKIEST}")


def load_policy(folder: str | Path, *, on: str | dt.date) -> TierPolicy:
    """The policy in force on a day: of the folder's files, the newest ``effective`` not after it.

    Args:
        folder: A folder of ``<date>.toml`` files, or one file.
        on: The day.

    Raises:
        ConfigError: No file is in force yet, a file is faulty, or two are effective the same day.
    """
    return find_policy(folder, on=on)[1]


def find_policy(folder: str | Path, *, on: str | dt.date) -> tuple[Path, TierPolicy]:
    """The policy in force on a day, with its file.

    Arguments and errors are those of :func:`load_policy`.
    """
    day = day_of(on, name="on")
    path = Path(folder)
    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    policies = [(file, read_spec(TierPolicy, file)) for file in files]
    in_force = [(file, policy) for file, policy in policies if policy.effective <= day]
    if not in_force:
        raise ConfigError(
            "{path}: expected a policy effective on or before {day} (got {n} later ones)",
            path=path,
            day=day,
            n=len(policies),
        )
    newest = max(policy.effective for _, policy in in_force)
    candidates = [(file, policy) for file, policy in in_force if policy.effective == newest]
    if len(candidates) > 1:
        raise ConfigError("{path}: expected one policy effective {newest} (got {n})", path=path, newest=newest, n=len(candidates))
    return candidates[0]
