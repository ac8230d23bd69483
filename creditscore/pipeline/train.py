"""Train the cards of a project and judge them out of time, beside a challenger on the same rows."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from creditscore.config.base import Label
from creditscore.errors import DataError
from creditscore.features.build import build_features
from creditscore.features.calendar import months_before
from creditscore.features.target import CapEffect, TrainingRows, training_rows
from creditscore.models.industry import IndustryScorecards
from creditscore.pipeline.judge import Judgement, judge, unjudged
from creditscore.pipeline.rivals import Held

if TYPE_CHECKING:
    from creditscore.config.policy import TierPolicy
    from creditscore.config.project import Project
    from creditscore.models.scorecard import Scorecard
    from creditscore.models.training.nuisance import Connectedness
    from creditscore.records.records import Records

_log = logging.getLogger(__name__)
#: Name of the card that serves industries without one of their own.
POOLED = "all"


@dataclass(frozen=True)
class Trained:
    """The cards of a training, by industry (``all`` is the pooled one), and how they were judged."""

    cards: Mapping[str, Scorecard]
    judgement: Judgement
    shrinkage: pd.DataFrame
    #: Rows without a label that counts, by reason.
    dropped: pd.DataFrame
    cap: CapEffect | None = None
    linked: Connectedness | None = None
    #: subject_id, as_of and probability of bad of each training row by a fit that has not seen it.
    held_out: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def notes(self) -> tuple[Label, ...]:
        """What a reader must know: a cap on the weights with its bias, how far inspectors can be compared, what was not judged."""
        cap = () if self.cap is None else (_cap_note(self.cap),)
        linked = () if self.linked is None else (_linked_note(self.linked),)
        return (*cap, *linked, *self.judgement.notes)


def train_cards(records: Records, project: Project, *, until: dt.date, policy: TierPolicy) -> Trained:
    """Fit on all labelled rows known by ``until``; judge by a fit on the rows before the last ``test_months``.

    Raises:
        DataError: There are no labelled rows, or all have one outcome.
    """
    rows = training_rows(records, project.targets[project.scorecards.target], until=until)
    features = build_features(records, rows, project.features)
    cards = fit_cards(features, rows, project, policy)
    judged = _judged(features, rows, project, policy)
    return Trained(
        cards={**cards.scorecards_, POOLED: cards.pooled_},
        judgement=judged,
        shrinkage=cards.shrinkage_,
        dropped=rows.dropped,
        cap=rows.cap,
        linked=cards.connectedness_,
        held_out=rows.frame[["subject_id", "as_of"]].assign(probability=cards.held_out_probability_),
    )


def estimator(project: Project, policy: TierPolicy, *, representative: bool) -> IndustryScorecards:
    """The estimator that ``scorecards.toml`` describes, with the policy's cuts by risk as baselines for reasons."""
    spec = project.scorecards
    cuts = tuple(cut / 1_000_000 for cut in policy.cuts) if policy.cut_by == "max_probability" else ()
    return IndustryScorecards(
        features=project.features,
        scaling=spec.scaling,
        binning=spec.binning,
        selection=spec.selection,
        pooling=spec.pooling,
        industries=spec.industry,
        ridge=spec.ridge,
        nuisance_ridge=spec.nuisance_ridge,
        cut_probabilities=cuts,
        target=spec.target,
        representative=representative,
    )


def fit_cards(features: pd.DataFrame, rows: TrainingRows, project: Project, policy: TierPolicy) -> IndustryScorecards:
    """The project's cards on these rows; inspectors are a nuisance where they are known and the project says so."""
    people = rows.inspectors if project.scorecards.nuisance == "inspectors" and rows.frame["inspectors"].notna().any() else None
    made = estimator(project, policy, representative=rows.representative)
    return made.fit(features, rows.y, industry=rows.industry, sample_weight=rows.weight, nuisance=people)


def _judged(features: pd.DataFrame, rows: TrainingRows, project: Project, policy: TierPolicy) -> Judgement:
    """Fit on the rows before the last ``test_months``, judge on the rest."""
    months = project.scorecards.test_months
    split = months_before(rows.until, months)
    early = (rows.frame["as_of"] < split).to_numpy()
    held = Held(rows.before(split), features[early], rows.since(split), features[~early])
    if min((part.frame["y"].nunique() if len(part.frame) else 0) for part in (held.train, held.test)) < 2:
        return unjudged(months)
    try:
        return judge(fit_cards(held.train_features, held.train, project, policy), held, project)
    except DataError as error:
        _log.warning("no out-of-time judgement: %s", error)
        return unjudged(months)


def _cap_note(cap: CapEffect) -> Label:
    before, after = 100 * cap.bad_share_uncapped, 100 * cap.bad_share
    sizes = (f"{cap.effective_size_uncapped:,.0f}", f"{cap.effective_size:,.0f}")
    bias = round(after - before, 2) + 0.0  # never -0.00
    moved, size = f"{before:.2f} % → {after:.2f} % ({bias:+.2f})", " → ".join(sizes)
    return Label(
        zh=f"权重设有上限：{cap.cut:,} 行被截；加权违规率（偏差，百分点）{moved}；有效样本量 {size}。",
        en=f"Weights are capped: {cap.cut:,} rows are cut; weighted bad rate (bias in points) {moved}; effective size {size}.",
    )


def _linked_note(linked: Connectedness) -> Label:
    share, people, groups = f"{100 * linked.largest_share:.1f} %", f"{linked.inspectors:,}", linked.components
    return Label(
        zh=f"检查人员 {people} 名，按共同检查的行业分为 {groups} 组；最大一组占检查权重的 {share}。各组之间无法比较宽严。",
        en=(
            f"{people} inspectors in {groups} group(s) within which they can be compared, the largest with {share} of the visits; "
            "between groups nobody can tell strict inspectors from risky subjects."
        ),
    )
