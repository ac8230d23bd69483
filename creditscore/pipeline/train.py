"""Train the cards of a project and judge them out of time, beside a challenger on the same rows."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from creditscore.config.base import Label
from creditscore.errors import DataError
from creditscore.features.build import build_features
from creditscore.features.calendar import months_before
from creditscore.features.target import TrainingRows, training_rows
from creditscore.models.challenger import fit_lightgbm
from creditscore.models.evaluate import evaluate, paired_difference
from creditscore.models.industry import IndustryScorecards
from creditscore.reporting.adapt import evaluation_by_industry, evaluation_figures
from creditscore.reporting.book import Figure

if TYPE_CHECKING:
    from creditscore.config.policy import TierPolicy
    from creditscore.config.project import Project
    from creditscore.models.scorecard import Scorecard
    from creditscore.records.records import Records

_log = logging.getLogger(__name__)
#: Name of the card that serves industries without one of their own.
POOLED = "all"


@dataclass(frozen=True)
class Trained:
    """The cards of a training, by industry (``all`` is the pooled one), and how they were judged."""

    cards: Mapping[str, Scorecard]
    evaluation: Mapping[str, Figure] = field(default_factory=dict)
    by_industry: pd.DataFrame = field(default_factory=pd.DataFrame)
    shrinkage: pd.DataFrame = field(default_factory=pd.DataFrame)
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    dropped: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[Label, ...] = ()


def train_cards(records: Records, project: Project, *, until: dt.date, policy: TierPolicy) -> Trained:
    """Fit on all labelled rows known by ``until``; judge by a fit on the rows before the last ``test_months``.

    Raises:
        DataError: There are no labelled rows, or all have one outcome.
    """
    rows = training_rows(records, project.targets[project.scorecards.target], until=until)
    features = build_features(records, rows, project.features)
    cards = _fit(features, rows, project, policy)
    figures, by_industry, calibration, notes = _judge(features, rows, project, policy)
    return Trained(
        cards={**cards.scorecards_, POOLED: cards.pooled_},
        evaluation=figures,
        by_industry=by_industry,
        shrinkage=cards.shrinkage_,
        calibration=calibration,
        dropped=rows.dropped,
        notes=notes,
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


def _fit(features: pd.DataFrame, rows: TrainingRows, project: Project, policy: TierPolicy) -> IndustryScorecards:
    people = rows.inspectors if project.scorecards.nuisance == "inspectors" and rows.frame["inspectors"].notna().any() else None
    made = estimator(project, policy, representative=rows.representative)
    return made.fit(features, rows.y, industry=rows.industry, sample_weight=rows.weight, nuisance=people)


def _judge(
    features: pd.DataFrame, rows: TrainingRows, project: Project, policy: TierPolicy
) -> tuple[dict[str, Figure], pd.DataFrame, pd.DataFrame, tuple[Label, ...]]:
    split = months_before(rows.until, project.scorecards.test_months)
    early = (rows.frame["as_of"] < split).to_numpy()
    train, test = rows.before(split), rows.since(split)
    if min((part.frame["y"].nunique() if len(part.frame) else 0) for part in (train, test)) < 2:
        return {}, pd.DataFrame(), pd.DataFrame(), (_no_judgement(project.scorecards.test_months),)
    try:
        cards = _fit(features[early], train, project, policy)
    except DataError as error:
        _log.warning("no out-of-time judgement: %s", error)
        return {}, pd.DataFrame(), pd.DataFrame(), (_no_judgement(project.scorecards.test_months),)
    probability = cards.predict_proba(features[~early], industry=test.industry)[:, 1]
    result = evaluate(
        test.y.to_numpy(), probability, sample_weight=test.weight.to_numpy(), groups=test.industry.to_numpy(),
        subjects=test.frame["subject_id"].to_numpy(),
    )  # fmt: skip
    figures = evaluation_figures(result) | _beside(features, train, test, early, project, probability)
    return figures, evaluation_by_industry(result), _calibration(test, probability), ()


def _beside(
    features: pd.DataFrame, train: TrainingRows, test: TrainingRows, early: np.ndarray, project: Project, ours: np.ndarray
) -> dict[str, Figure]:
    """The challenger's AUC, and the paired difference: the price of interpretability."""
    y, weight = test.y.to_numpy(), test.weight.to_numpy()
    challenger = fit_lightgbm(features[early], train.y, features=project.features, sample_weight=train.weight)
    theirs = challenger.predict_proba(features[~early])[:, 1]
    difference, low, high = paired_difference(y, ours, theirs, sample_weight=weight, subjects=test.frame["subject_id"].to_numpy())
    return {
        "challenger_auc": Figure(evaluate(y, theirs, sample_weight=weight)["auc"]),
        "auc_minus_challenger": Figure(difference, low, high),
    }


def _calibration(test: TrainingRows, probability: np.ndarray) -> pd.DataFrame:
    """Per tenth of the predicted risk (by weight): mean expected and observed share of bad, with a 95 % interval."""
    frame = pd.DataFrame({"p": probability, "y": test.y.to_numpy(), "w": test.weight.to_numpy()}).sort_values(["p", "y", "w"])
    place = (frame["w"].cumsum() - frame["w"] / 2) / frame["w"].sum()
    rows = []
    for tenth, group in frame.groupby((place * 10).astype(int).clip(upper=9)):
        weight = group["w"].sum()
        observed = (group["w"] * group["y"]).sum() / weight
        spread = 1.96 * np.sqrt((group["w"] ** 2 * (group["y"] - observed) ** 2).sum()) / weight
        low, high = max(0.0, observed - spread), min(1.0, observed + spread)
        expected = (group["w"] * group["p"]).sum() / weight
        rows.append({"tenth": int(str(tenth)) + 1, "expected": expected, "observed": observed, "low": low, "high": high})
    return pd.DataFrame(rows)


def _no_judgement(months: int) -> Label:
    return Label(
        zh=f"训练数据中最近{months}个月的结果不足，未做跨期检验；评分卡未经检验。",
        en=f"The last {months} months hold too few outcomes to judge the cards out of time; they are untested.",
    )
