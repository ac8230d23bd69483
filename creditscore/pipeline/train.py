"""Train the cards of a project and judge them out of time, beside rival models on the same rows."""

from __future__ import annotations

import datetime as dt
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from creditscore.dates import months_before
from creditscore.errors import DataError
from creditscore.features.build import build_features
from creditscore.features.guard import under_a_warning
from creditscore.features.training_rows import CapEffect, TrainingRows, training_rows
from creditscore.language import Message, _
from creditscore.models.challenger import LightGBMChallenger, fit_lightgbm
from creditscore.models.estimator import OneScoreWarning
from creditscore.models.evaluate import evaluate, paired_difference
from creditscore.models.industry import IndustryScorecards
from creditscore.models.inspector_effects import read_visits
from creditscore.models.rivals import Rival, fit_logistic, fit_optbinning
from creditscore.models.swap import swap_set
from creditscore.pipeline.score import POOLED
from creditscore.reporting.run_book import Figure, evaluation_by_industry, evaluation_figures

if TYPE_CHECKING:
    from creditscore.config.features import FeatureSpec
    from creditscore.config.policy import TierPolicy
    from creditscore.config.project import Project
    from creditscore.config.spec import Label
    from creditscore.models.inspector_effects import Connectedness
    from creditscore.models.scorecard import Scorecard
    from creditscore.records.records import Records

_log = logging.getLogger(__name__)
#: The column in which a rival sees the industry that the cards are chosen by.
_INDUSTRY = "industry_of_card"
#: The rival whose picks are compared with the card's one by one.
_CHALLENGER = "lightgbm"


@dataclass(frozen=True)
class Held:
    """Rows to fit on and rows to judge on, each with its features. Those to judge on are drawn rows only."""

    train: TrainingRows
    train_features: pd.DataFrame
    test: TrainingRows
    test_features: pd.DataFrame

    @property
    def drawn(self) -> Held:
        """Without the rows that train the ranking only: they have no weight, which rivals need."""
        kept = ~self.train.ranking_only.to_numpy(dtype=bool)
        return replace(self, train=self.train.drawn, train_features=self.train_features[kept])


@dataclass(frozen=True)
class Judgement:
    """How good the cards are on later rows than they were fitted on. If there are no such rows, all is empty, with a note."""

    evaluation: Mapping[str, Figure] = field(default_factory=dict)
    #: One row per industry with a card: rows, effective size, bads, metrics with _low and _high.
    by_industry: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: One row per tenth of the predicted risk: expected and observed share of bad, low, high.
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: One row per rival: its AUC, and the card's less it with a paired 95 % interval.
    rivals: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: One row per cell of the riskiest fifths by card and challenger: the commonest first reason of the card there.
    swap: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[Message, ...] = ()


#: The small frames of a training that the report shows, by their names in :class:`creditscore.reporting.run_book.RunBook`.
TRAINING_FRAMES = ("shrinkage", "tuning", "selection", "left_out", "by_industry", "calibration", "rivals", "swap")


@dataclass(frozen=True)
class Training:
    """The cards that a run scores with, and what is known of how they were made and judged; all but the cards may be empty.

    Attributes:
        cards: By industry; ``all`` is the pooled one.
        evaluation: Measures out of time.
        frames: By the names of :data:`TRAINING_FRAMES`. ``shrinkage``: one row per industry (and characteristic), how far its
            figures were pulled to its parent's. ``tuning``: one row per value of a setting that was tried on rows held out.
            ``selection``: one row per characteristic of which something was noticed, such as drift. ``left_out``: one row
            per reason, rows without a label that counts. The others: see :class:`Judgement`.
        notes: What a reader must know: useless cards, the bias of a cap on weights, comparable inspectors, what is untested.
        held_out: subject_id, as_of and probability of bad of each drawn training row by a fit that did not use it.
    """

    cards: Mapping[str, Scorecard] = field(default_factory=dict)
    evaluation: Mapping[str, Figure] = field(default_factory=dict)
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    notes: tuple[Message | Label, ...] = ()
    held_out: pd.DataFrame = field(default_factory=pd.DataFrame)


def train_cards(records: Records, project: Project, *, until: dt.date, policy: TierPolicy) -> Training:
    """Fit the cards on all labelled rows known by ``until`` (included).

    How good they are is measured by a second fit: on the rows before the last ``test_months``, judged on the rest.

    Raises:
        DataError: There are no labelled rows, or all have one outcome.
    """
    rows = training_rows(records, project.targets[project.scorecards.target], until=until)
    features = build_features(records, rows, project.features)
    cards = fit_cards(features, rows, project, policy)
    fitted = {**cards.scorecards_, POOLED: cards.pooled_}
    judgement = _judge_out_of_time(records, rows, project, policy)
    judged = {name: getattr(judgement, name) for name in ("by_industry", "calibration", "rivals", "swap")}
    cap = () if rows.cap is None else (_cap_note(rows.cap),)
    connected = () if cards.connectedness_ is None else (_connectedness_note(cards.connectedness_),)
    return Training(
        cards=fitted,
        evaluation=judgement.evaluation,
        frames={
            "shrinkage": cards.shrinkage_,
            "tuning": cards.tuning_.rename(columns={"log_loss": "held_out_loss"}),
            "selection": _noticed(cards.selection_),
            "left_out": rows.dropped,
            **judged,
        },
        notes=(*_one_score_notes(fitted), *_ranking_notes(rows), *cap, *connected, *judgement.notes),
        held_out=rows.drawn.frame[["subject_id", "as_of"]].assign(
            probability=cards.held_out_probability_[~rows.ranking_only.to_numpy(dtype=bool)]
        ),
    )


def fit_cards(features: pd.DataFrame, rows: TrainingRows, project: Project, policy: TierPolicy) -> IndustryScorecards:
    """Fit the cards that ``scorecards.toml`` describes on these rows; ``features`` has the same rows as ``rows``.

    If the policy cuts by risk, its cuts set the baselines of reasons. Inspectors are nuisance terms if the project asks
    for it and they are known.

    Raises:
        DataError: All rows have one outcome, or the features cannot be used.
    """
    spec = project.scorecards
    cards = IndustryScorecards.from_spec(
        spec,
        features=project.features,
        cut_probabilities=tuple(cut / 1_000_000 for cut in policy.cuts) if policy.cut_by == "max_probability" else (),
        representative=rows.representative,
    )
    never = sorted({*spec.selection.never_crossed, *under_a_warning(project)})
    cards.selection = spec.selection.model_copy(update={"never_crossed": tuple(never)})
    inspectors = rows.inspectors if spec.nuisance == "inspectors" and rows.frame["inspectors"].notna().any() else None
    with warnings.catch_warnings():
        # The notes of a training name these cards in the reader's language.
        warnings.simplefilter("ignore", OneScoreWarning)
        return cards.fit(
            features,
            rows.y,
            industry=rows.industry,
            sample_weight=rows.weight,
            nuisance=inspectors,
            time=rows.as_of,
            subjects=rows.subject_id,
            ranking_only=rows.ranking_only,
        )


def _judge_out_of_time(records: Records, rows: TrainingRows, project: Project, policy: TierPolicy) -> Judgement:
    """Fit on what was known before the last ``test_months``, judge on the draws of these months."""
    months = project.scorecards.test_months
    try:
        held = _held(records, rows, project, months_before(rows.until, months))
        if held is not None:
            return judge(fit_cards(held.train_features, held.train, project, policy), held, project)
    except DataError as error:
        _log.warning("no out-of-time judgement: %s", error)
    note = _("The last {months} months hold too few outcomes to judge the cards out of time; they are untested.", months=months)
    return Judgement(notes=(note,))


def _held(records: Records, rows: TrainingRows, project: Project, split: dt.date) -> Held | None:
    """The rows known before a day, and those drawn from it on, each with what was known then; None with one outcome only.

    Nothing that was known on or after the day enters the fit: no later result of an earlier visit, no later withdrawal of a
    record. A record whose withdrawal was known only after a row's day counts on it, as it would have counted in a score.

    Raises:
        DataError: There are no rows known before the day.
    """
    test = rows.since(split).drawn
    train = training_rows(records, rows.target, until=split - dt.timedelta(days=1))
    if any(part.frame["y"].nunique() < 2 for part in (train.drawn, test)):
        return None
    then = build_features(records, test.frame[["subject_id", "as_of"]], project.features)
    return Held(train, build_features(records, train, project.features), test, then)


def judge(cards: IndustryScorecards, held: Held, project: Project) -> Judgement:
    """Judge cards that were fitted on ``held.train`` by ``held.test``, beside rivals fitted on the same rows.

    The rivals are LightGBM with the cards' trends, tuned forward in time; a logistic regression; optbinning's card as
    it comes. All are fitted on the drawn rows, see the industry, and have the weights of the design (optbinning takes none);
    what is known of inspectors is not used. A rival that cannot be fitted or asked is left out and named: the cards are kept.
    """
    test = held.test
    probability = cards.predict_proba(held.test_features, industry=test.industry)[:, 1]
    y, weight, subjects = test.y.to_numpy(), test.weight.to_numpy(), test.frame["subject_id"].to_numpy()
    result = evaluate(y, probability, sample_weight=weight, groups=test.industry.to_numpy(), subjects=subjects)
    figures = evaluation_figures(result) | _within_inspectors(test, probability)
    risks = _risks_by_rivals(cards, held, project)
    rivals = []
    for name, risk in risks.items():
        if risk is None:
            continue
        auc = evaluate(y, risk, sample_weight=weight, n_boot=0)["auc"]
        gap = Figure(*paired_difference(y, probability, risk, sample_weight=weight, subjects=subjects))
        rivals.append(
            {
                "model": name,
                "auc": auc,
                "auc_minus_rival": gap.value,
                "auc_minus_rival_low": gap.low,
                "auc_minus_rival_high": gap.high,
            }
        )
        if name == _CHALLENGER:
            figures |= {"challenger_auc": Figure(auc), "auc_minus_challenger": gap}
    return Judgement(
        evaluation=figures,
        by_industry=evaluation_by_industry(result),
        calibration=_calibration(test, probability),
        rivals=pd.DataFrame(rivals),
        swap=_swap(cards, held, probability, risks[_CHALLENGER]),
        notes=tuple(
            _("The rival {name} could not be fitted on these rows and is not compared; the log says why.", name=name)
            for name, risk in risks.items()
            if risk is None
        ),
    )


def _risks_by_rivals(cards: IndustryScorecards, held: Held, project: Project) -> dict[str, np.ndarray | None]:
    """Probability of bad of each row of ``held.test`` by each rival, None where it failed.

    Columns without a value in ``held.train`` are left out.
    """
    held = held.drawn
    train, test = (
        features.assign(**{_INDUSTRY: rows.frame["industry"].astype(object).to_numpy()})
        for rows, features in ((held.train, held.train_features), (held.test, held.test_features))
    )
    candidates: list[FeatureSpec | str] = [*project.features, _INDUSTRY]
    columns = [one for one in candidates if train[one if isinstance(one, str) else one.name].notna().any()]
    y, weight = held.train.y, held.train.weight
    days = held.train.frame["as_of"].map(lambda day: day.toordinal()).to_numpy()
    fits: dict[str, Callable[[], LightGBMChallenger | Rival]] = {
        _CHALLENGER: lambda: fit_lightgbm(
            train, y, features=columns, sample_weight=weight, time=days, trends=cards.pooled_.trends
        ),
        "logistic": lambda: fit_logistic(train, y, features=columns, sample_weight=weight),
        "optbinning": lambda: fit_optbinning(train, y, features=columns),
    }  # fmt: skip
    risks: dict[str, np.ndarray | None] = {}
    for name, fit in fits.items():
        try:
            risks[name] = fit().predict_proba(test)[:, 1]
        except Exception as error:  # whatever a rival raises is no fault of the cards
            _log.warning("no comparison with %s: %s: %s", name, type(error).__name__, error)
            risks[name] = None
    return risks


def _swap(cards: IndustryScorecards, held: Held, ours: np.ndarray, theirs: np.ndarray | None) -> pd.DataFrame:
    """The cells of the swap set with the card's commonest first reason in each; empty without the challenger."""
    if theirs is None:
        return pd.DataFrame()
    reasons = cards.reasons(held.test_features, industry=held.test.industry, top=1)
    swap = swap_set(held.test.y.to_numpy(), ours, theirs, sample_weight=held.test.weight.to_numpy(), reasons=reasons)
    cells, commonest = swap.cells.reset_index(), []
    for cell in cells["cell"]:
        counts = swap.reasons[cell]
        counts = counts[counts.index != ""].sort_index()  # of equals the first by name
        commonest.append(str(counts.idxmax()) if len(counts) and counts.max() else "")
    return cells.assign(reason=commonest)


def _within_inspectors(test: TrainingRows, probability: np.ndarray) -> dict[str, Figure]:
    """AUC among visits of the same inspectors: how well the card ranks firms apart from who inspected them."""
    visits = read_visits(test.frame["inspectors"].tolist())
    names = np.array(["+".join(team) or None for team in visits.sets], dtype=object)
    teams = pd.Series(names[visits.team], dtype=object)
    if teams.isna().all():
        return {}
    y, weight, subjects = test.y.to_numpy(), test.weight.to_numpy(), test.frame["subject_id"].to_numpy()
    result = evaluate(y, probability, sample_weight=weight, groups=teams.to_numpy(), subjects=subjects)
    metric = "within_group_auc"
    return {"within_inspector_auc": Figure(result[metric], *result.intervals.get(metric, (None, None)))}


def _calibration(test: TrainingRows, probability: np.ndarray) -> pd.DataFrame:
    """Per tenth of the predicted risk (by weight): mean expected and observed share of bad, with a 95 % interval."""
    frame = pd.DataFrame({"p": probability, "y": test.y.to_numpy(), "w": test.weight.to_numpy()}).sort_values(["p", "y", "w"])
    rank = (frame["w"].cumsum() - frame["w"] / 2) / frame["w"].sum()
    rows = []
    for tenth, group in frame.groupby((rank * 10).astype(int).clip(upper=9)):
        weight = group["w"].sum()
        observed = (group["w"] * group["y"]).sum() / weight
        spread = 1.96 * np.sqrt((group["w"] ** 2 * (group["y"] - observed) ** 2).sum()) / weight
        low, high = max(0.0, observed - spread), min(1.0, observed + spread)
        expected = (group["w"] * group["p"]).sum() / weight
        rows.append({"tenth": int(str(tenth)) + 1, "expected": expected, "observed": observed, "low": low, "high": high})
    return pd.DataFrame(rows)


def _noticed(selection: pd.DataFrame) -> pd.DataFrame:
    """The lines of the selection of which there is more to say than why a characteristic was kept or left."""
    told = selection[selection["note"] != ""].rename(columns={"characteristic": "name"})
    return told[["name", "kept", "information_value", "drift", "note", "note_message"]].reset_index(drop=True)


def _one_score_notes(cards: Mapping[str, Scorecard]) -> tuple[Message, ...]:
    """A note on the cards that give every subject the same score, if there are any."""
    codes = sorted(code for code, card in cards.items() if card.one_score)
    if not codes:
        return ()
    note = _(
        "The cards of {industries} give every subject the same score: no characteristic tells good from bad in the training rows. "
        "Tiers there follow records and rules alone; train on more visits or other features before such a card is signed.",
        industries=", ".join(codes),
    )
    return (note,)


def _ranking_notes(rows: TrainingRows) -> tuple[Message, ...]:
    """A note on visits for cause that train the ranking, if there are any."""
    count = int(rows.ranking_only.sum())
    if not count:
        return ()
    note = _(
        "{count:,} visits that were not drawn train the ranking only, each as of the day before the record behind it was known; "
        "levels and figures on how good the cards are come from draws alone.",
        count=count,
    )
    return (note,)


def _cap_note(cap: CapEffect) -> Message:
    before, after = 100 * cap.bad_share_uncapped, 100 * cap.bad_share
    sizes = (f"{cap.effective_size_uncapped:,.0f}", f"{cap.effective_size:,.0f}")
    bias = round(after - before, 2) + 0.0  # never -0.00
    moved, size = f"{before:.2f} % → {after:.2f} % ({bias:+.2f})", " → ".join(sizes)
    return _(
        "Weights are capped: {cut:,} rows are cut; weighted bad rate (bias in points) {moved}; effective size {size}.",
        cut=cap.cut,
        moved=moved,
        size=size,
    )


def _connectedness_note(connectedness: Connectedness) -> Message:
    share = f"{100 * connectedness.largest_share:.1f} %"
    people, groups = f"{connectedness.inspectors:,}", connectedness.components
    return _(
        "{people} inspectors in {groups} group(s) within which they can be compared, the largest with {share} "
        "of the visits; between groups nobody can tell strict inspectors from risky subjects.",
        people=people,
        groups=groups,
        share=share,
    )
