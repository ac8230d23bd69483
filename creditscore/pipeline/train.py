"""Train the cards of a project and judge them out of time, beside a challenger on the same rows."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from creditscore.config.spec import Label
from creditscore.dates import months_before
from creditscore.errors import DataError
from creditscore.features.build import build_features
from creditscore.features.training_rows import CapEffect, TrainingRows, training_rows
from creditscore.models.challenger import LightGBMChallenger, fit_lightgbm
from creditscore.models.evaluate import evaluate, paired_difference
from creditscore.models.industry import IndustryScorecards
from creditscore.models.inspector_effects import read_visits
from creditscore.models.rivals import LogisticRival, OptbinningRival, fit_logistic, fit_optbinning
from creditscore.models.swap import SwapSet, swap_set
from creditscore.reporting.run_book import Figure, evaluation_by_industry, evaluation_figures

if TYPE_CHECKING:
    from creditscore.config.features import FeatureSpec
    from creditscore.config.policy import TierPolicy
    from creditscore.config.project import Project
    from creditscore.features.training_rows import TrainingRows
    from creditscore.models.industry import IndustryScorecards
    from creditscore.models.inspector_effects import Connectedness
    from creditscore.models.scorecard import Scorecard
    from creditscore.records.records import Records

_log = logging.getLogger(__name__)
#: The column in which a rival sees the industry that the cards are chosen by.
INDUSTRY = "industry_of_card"


@dataclass(frozen=True)
class Held:
    """Rows to fit on and rows to judge on, each with its features."""

    train: TrainingRows
    train_features: pd.DataFrame
    test: TrainingRows
    test_features: pd.DataFrame


@dataclass(frozen=True)
class Comparison:
    """``rivals``: one row per rival with its AUC, and the card's less it with a paired 95 % interval.

    ``swap``: the riskiest fifth by the card and by the challenger, one row per cell, with the card's
    commonest first reason there; empty without the challenger.
    ``absent``: rivals that could not be fitted on these rows.
    """

    rivals: pd.DataFrame
    swap: pd.DataFrame
    absent: tuple[str, ...] = ()


def compare_rivals(cards: IndustryScorecards, held: Held, project: Project) -> Comparison:
    """LightGBM with the cards' trends, tuned forward in time; a logistic regression; optbinning's card as it comes.

    All see the industry.
    The weights are those of the cards (optbinning gets none); what is known of inspectors is not used. A rival that
    cannot be fitted or asked is left out and named: it is never a reason to be without cards.
    """
    ours = cards.predict_proba(held.test_features, industry=held.test.industry)[:, 1]
    theirs = _risks(cards, held, project)
    found = {name: risk for name, risk in theirs.items() if risk is not None}
    rows = [{"model": name, **_beside(held.test, ours, risk)} for name, risk in found.items()]
    absent = tuple(name for name in theirs if name not in found)
    if "lightgbm" in absent:
        return Comparison(pd.DataFrame(rows), pd.DataFrame(), absent)
    told = swap_set(
        held.test.y.to_numpy(), ours, found["lightgbm"], sample_weight=held.test.weight.to_numpy(),
        reasons=cards.reasons(held.test_features, industry=held.test.industry, top=1),
    )  # fmt: skip
    return Comparison(pd.DataFrame(rows), _swapped(told), absent)


def _risks(cards: IndustryScorecards, held: Held, project: Project) -> dict[str, np.ndarray | None]:
    """Probability of bad of each row of ``held.test`` by each rival; columns without a value in ``held.train`` are left out."""
    train, test = _with_industry(held.train, held.train_features), _with_industry(held.test, held.test_features)
    asked: list[FeatureSpec | str] = [*project.features, INDUSTRY]
    columns = [one for one in asked if train[one if isinstance(one, str) else one.name].notna().any()]
    y, weight = held.train.y, held.train.weight
    days = held.train.frame["as_of"].map(lambda day: day.toordinal()).to_numpy()
    fits: dict[str, Callable[[], LightGBMChallenger | LogisticRival | OptbinningRival]] = {
        "lightgbm": lambda: fit_lightgbm(
            train, y, features=columns, sample_weight=weight, time=days, trends=cards.pooled_.trends
        ),
        "logistic": lambda: fit_logistic(train, y, features=columns, sample_weight=weight),
        "optbinning": lambda: fit_optbinning(train, y, features=columns),
    }  # fmt: skip
    found: dict[str, np.ndarray | None] = {}
    for name, fit in fits.items():
        try:
            found[name] = fit().predict_proba(test)[:, 1]
        except Exception as error:  # whatever a rival raises is no fault of the cards
            _log.warning("no comparison with %s: %s: %s", name, type(error).__name__, error)
            found[name] = None
    return found


def _with_industry(rows: TrainingRows, features: pd.DataFrame) -> pd.DataFrame:
    return features.assign(**{INDUSTRY: rows.frame["industry"].astype(object).to_numpy()})


def _beside(test: TrainingRows, ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    y, weight, subjects = test.y.to_numpy(), test.weight.to_numpy(), test.frame["subject_id"].to_numpy()
    difference, low, high = paired_difference(y, ours, theirs, sample_weight=weight, subjects=subjects)
    auc = evaluate(y, theirs, sample_weight=weight, n_boot=0)["auc"]
    return {"auc": auc, "auc_minus_rival": difference, "auc_minus_rival_low": low, "auc_minus_rival_high": high}


def _swapped(found: SwapSet) -> pd.DataFrame:
    table = found.cells.reset_index()
    commonest = [_commonest(found.reasons[cell]) for cell in table["cell"]]
    return table.assign(reason=commonest)


def _commonest(counts: pd.Series) -> str:
    """The reason that stands first most often; of equals the first by name."""
    counts = counts[counts.index != ""]
    return "" if counts.empty or not counts.max() else str(counts.sort_index().idxmax())


@dataclass(frozen=True)
class Judgement:
    """Measures out of time; everything is empty, and a note says so, where there is nothing to judge on."""

    evaluation: Mapping[str, Figure] = field(default_factory=dict)
    by_industry: pd.DataFrame = field(default_factory=pd.DataFrame)
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    rivals: pd.DataFrame = field(default_factory=pd.DataFrame)
    swap: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[Label, ...] = ()


def judge(cards: IndustryScorecards, held: Held, project: Project) -> Judgement:
    """Judge cards that were fitted on ``held.train`` by ``held.test``."""
    test = held.test
    probability = cards.predict_proba(held.test_features, industry=test.industry)[:, 1]
    y, weight, subjects = test.y.to_numpy(), test.weight.to_numpy(), test.frame["subject_id"].to_numpy()
    result = evaluate(y, probability, sample_weight=weight, groups=test.industry.to_numpy(), subjects=subjects)
    compared = compare_rivals(cards, held, project)
    figures = evaluation_figures(result) | _within_inspectors(test, probability) | _challenger(compared.rivals)
    return Judgement(
        figures, evaluation_by_industry(result), _calibration(test, probability), compared.rivals, compared.swap,
        tuple(_absent(name) for name in compared.absent),
    )  # fmt: skip


def unjudged(months: int) -> Judgement:
    """What is said where the last months hold too few outcomes."""
    note = Label(
        zh=f"训练数据中最近{months}个月的结果不足，未做跨期检验；评分卡未经检验。",
        en=f"The last {months} months hold too few outcomes to judge the cards out of time; they are untested.",
    )
    return Judgement(notes=(note,))


def _absent(rival: str) -> Label:
    return Label(
        zh=f"对照模型 {rival} 无法在这些数据上拟合，未作比较；原因见日志。",
        en=f"The rival {rival} could not be fitted on these rows and is not compared; the log says why.",
    )


def _within_inspectors(test: TrainingRows, probability: np.ndarray) -> dict[str, Figure]:
    """AUC among visits of the same inspectors: what the card tells of firms, whoever came."""
    visits = read_visits(test.frame["inspectors"].tolist())
    names = np.array(["+".join(team) or None for team in visits.sets], dtype=object)
    teams = pd.Series(names[visits.team], dtype=object)
    if teams.isna().all():
        return {}
    y, weight, subjects = test.y.to_numpy(), test.weight.to_numpy(), test.frame["subject_id"].to_numpy()
    found = evaluate(y, probability, sample_weight=weight, groups=teams.to_numpy(), subjects=subjects)
    name = "within_group_auc"
    return {"within_inspector_auc": Figure(found[name], *found.intervals.get(name, (None, None)))}


def _challenger(rivals: pd.DataFrame) -> dict[str, Figure]:
    row = next((row for row in rivals.to_dict("records") if row["model"] == "lightgbm"), None)
    if row is None:
        return {}
    gap = Figure(*(row[f"auc_minus_rival{end}"] for end in ("", "_low", "_high")))
    return {"challenger_auc": Figure(row["auc"]), "auc_minus_challenger": gap}


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
