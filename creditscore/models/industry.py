"""One card per industry, each as much its own as its cases allow."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score

from creditscore.config.scorecards import Industry, Pooling, ScorecardsFile
from creditscore.dataframes import Floats, Ints, column_of, feature_frame, index_of, native_table
from creditscore.errors import DataError
from creditscore.models.columns import Features
from creditscore.models.crossfit import held_out
from creditscore.models.estimator import CardEstimator, NotFittedEstimator, training_facts, warn_of_one_score
from creditscore.models.fitting import Fit, Settings, fit_core
from creditscore.models.industry_codes import codes_of
from creditscore.models.industry_tree import ALL, tree_of
from creditscore.models.own_characteristics import only_in_own_industries, without_others
from creditscore.models.pooling import (
    IndustryEffects,
    Levels,
    effects_of,
    inside,
    levels_of,
    points_of,
    shrinkage_table,
    slope_table,
    tables_of,
)
from creditscore.models.reasons import reasons_of
from creditscore.models.regression import logistic
from creditscore.models.sample import Sample
from creditscore.models.scorecard import Scorecard
from creditscore.models.scoring import log_odds
from creditscore.models.scoring_by_card import Deck
from creditscore.models.selection import OnLeak
from creditscore.models.tuning import Predictor, Tunable

#: Industries whose own slopes weigh less than this are named in the log.
_NEARLY_PARENTS = 0.1
_log = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False, repr=False)
class IndustryScorecards(ClassifierMixin, CardEstimator):  # type: ignore[misc]
    """Fits a card for every industry, partially pooled.

    1. Splits, WoE, selection and pooled slopes come from all rows together (industries and inspectors as effects).
    2. Each industry deviates from its parent by a level and a slope per characteristic. How far industries deviate is
       estimated (:mod:`creditscore.models.mixed`), apart from what changes from one part of the training window to the next: what
       differs between industries this year need not differ next year. An industry's card has the attributes and WoE of the
       pooled one, and coefficients of its own, at least 0.
    3. The slope of the calibration is one for all, and levels are shrunk to the parent's by an estimated variance, too: both from
       predictors of rows held out, with the weights of the design.

    So five bads give the parent's ranking and a level that moves as far as industries are seen to differ, five thousand the
    industry's own. ``shrinkage_`` and ``slope_shrinkage_`` show each figure: estimate, prior, used. Scaling all weights changes
    nothing; repeating rows does (cases are counted). ``held_out_probability_`` has for each row handed to ``fit`` the probability
    of bad by a fit without that row (NaN where there is none): what a card would have predicted before the outcome.

    Args:
        features: As for :class:`ScorecardClassifier`, like all arguments that are not listed here.
        pooling: How far industries lie from their parents, where that is not to be estimated.
        pooling_factor: What the estimated variances between industries are multiplied by; None: chosen on rows held out.
        industries: The industries with their parents. Those that are only in the data have the parent ``all``.
        industry_column: The column of X that has the codes of industries, for tools that hand on X and y alone
            (cross-validation, search of settings). It is no feature unless ``features`` names it.
    """

    on_leak: OnLeak = "refuse"
    pooling: Pooling | None = None
    pooling_factor: float | None = None
    industries: Sequence[Industry] = ()
    industry_column: str | None = None

    @classmethod
    def from_spec(
        cls,
        spec: ScorecardsFile,
        *,
        features: Features = None,
        cut_probabilities: Sequence[float] = (),
        representative: bool = True,
    ) -> IndustryScorecards:
        """The estimator that ``scorecards.toml`` describes; what the file does not say has its default."""
        named = {field.name: getattr(spec, field.name) for field in fields(cls) if field.name in type(spec).model_fields}
        return cls(
            **named, industries=spec.industry, features=features, cut_probabilities=cut_probabilities, representative=representative
        )

    def fit(  # type: ignore[override]
        self,
        X: object,
        y: object,
        *,
        industry: object = None,
        sample_weight: object | None = None,
        nuisance: object | None = None,
        time: object | None = None,
        subjects: object | None = None,
        ranking_only: object | None = None,
    ) -> Self:
        """Fit the pooled card and one card per industry; arguments that are not listed here are those of every card's ``fit``.

        Args:
            X: One row per subject and day.
            y: Two classes; the larger is bad.
            industry: Code per row; None where unknown: such rows train the pooled card only. A text: the name of the column of X
                that has them, where X has such a column, else the code of all rows. Without it ``industry_column`` says the column.
            sample_weight: See :meth:`CardEstimator.fit`, as for those that follow.
            nuisance: Inspectors.
            time: When each row was.
            subjects: Whom each row is about.
            ranking_only: Rows for the ranking alone.

        Raises:
            DataError: The input cannot be used, or a column leaks the outcome.
        """
        frame = feature_frame(X)
        column = industry if isinstance(industry, str) and industry in frame.columns else self.industry_column
        industry = self._industries_of(frame, industry)
        # The column says which card a row has; what it tells of the risk is the level of the card.
        frame = frame.drop(columns=column) if self.features is None and column in frame.columns else frame
        return self._fit_rows(
            frame,
            y,
            industry=industry,
            sample_weight=sample_weight,
            nuisance=nuisance,
            time=time,
            subjects=subjects,
            ranking_only=ranking_only,
        )

    def _learn(self, X: object, sample: Sample) -> None:
        self._fit_cards(only_in_own_industries(sample, tree_of(sample.industries, self.industries)))
        self.unknown_industries_: dict[str, int] = {}

    def _fit_cards(self, sample: Sample) -> None:
        self.parents_: dict[str, str] = tree_of(sample.industries, self.industries)
        self._declared = self.pooling or Pooling()
        ranking_fit = self._fit_core(sample, groups=sample.industry, make_predictors=self._predictors_for_tuning)
        effects = effects_of(sample.for_ranking(self._used.exponent), ranking_fit, self.parents_, self._declared, self._used)
        fit, drawn = ranking_fit.for_levels(sample), sample.drawn
        eta = effects.predictor_of(ranking_fit.codes, sample.industry, levels=False)
        slope, there = 1.0, np.zeros(len(eta), dtype=bool)
        if self.cross_fit:
            held = held_out(sample, self._fit_and_predict)
            slope, there = self._slope(sample, held), held.there
            eta = np.where(there, held.eta, eta)
        if not slope and fit.tables:
            _log.warning("calibration: rows held out show nothing of what was fitted; an industry's subjects all have one score")
        levels = levels_of(drawn, slope * eta[~sample.ranking_only], self.parents_, self._declared, self._used.pooling_factor)
        intercepts = np.array([levels.of[code].used for code in (ALL, *sample.industries)])[sample.industry + 1]
        self.held_out_probability_: Floats = sample.in_input(np.where(there, logistic(intercepts + slope * eta), np.nan))
        self.shrinkage_: pd.DataFrame = shrinkage_table(drawn, self.parents_, levels, effects)
        self.slope_shrinkage_: pd.DataFrame = slope_table(self.parents_, effects, slope)
        self._make_cards(drawn, fit, effects, levels, slope)

    def _make_cards(self, drawn: Sample, fit: Fit, effects: IndustryEffects, levels: Levels, slope: float) -> None:
        cards: dict[str, Scorecard] = {}
        shown = self.shrinkage_.set_index("industry")[["own_weight_level", "own_weight_slopes"]]
        for code, level in levels.of.items():
            parent = self.parents_.get(code, "")
            rows, patterns = (inside(of.industry, drawn.industries, code, self.parents_) for of in (drawn, fit.patterns))
            training = training_facts(drawn, rows, bad_rate=level.target) | {"parent": parent}
            if code != ALL:
                training |= {name: float(shown[name][code]) for name in ("own_weight_level", "own_weight_slopes")}
            intercept = 0.0 if code == ALL else -log_odds(self._used.scaling, cards[parent].constant)
            points = points_of(fit, patterns, slope * effects.coefficients(code), level, self._used, intercept=intercept)
            # An industry without rows has the baselines of all.
            chosen = patterns if patterns.any() else slice(None)
            card = self._card(fit, tables_of(fit, patterns), points, chosen, name=code, industry=code, training=training)
            cards[code] = without_others(card, code, drawn, self.parents_)
        warn_of_one_score(list(cards.values()), stacklevel=7)
        leaning = [code for code in self.parents_ if float(shown["own_weight_slopes"][code]) < _NEARLY_PARENTS]
        if leaning and fit.tables:
            _log.warning("industry %s: few cases: ranked nearly as the parent ranks; see shrinkage_", ", ".join(leaning))
        self.pooled_: Scorecard = cards.pop(ALL)
        self.scorecards_: dict[str, Scorecard] = cards

    def _fit_and_predict(self, rest: Sample, out: Sample) -> Floats:
        """The whole fit on some rows, and its predictor for others."""
        settings = replace(self._used, on_leak="warn", judging=True)
        ranking = rest.for_ranking(settings.exponent)
        fit = fit_core(ranking, settings)
        return effects_of(ranking, fit, self.parents_, self._declared, settings).predictor(out)

    def _predictors_for_tuning(self, fit: Fit, rest: Sample, settings: Sequence[Settings]) -> list[Predictor]:
        """Levels and slopes of industries as a fit on some rows has them; variances are estimated for the first of the settings."""
        ranking, known, predictors = rest.for_ranking(settings[0].exponent), None, list[Predictor]()
        for each in settings:
            effects = effects_of(ranking, fit, self.parents_, self._declared, each, known=known)
            known = effects.mixed.estimated
            predictors.append(partial(effects.predictor_of, levels=True))
        return predictors

    @property
    def _free(self) -> tuple[Tunable, ...]:
        """The factor is of no use where both distances are declared."""
        declared = self.pooling is not None and None not in (self.pooling.level_sd, self.pooling.slope_sd)
        return tuple(name for name in super()._free if not (declared and name == "pooling_factor"))

    @classmethod
    def from_cards(
        cls, cards: Mapping[str, Scorecard], *, pooled: Scorecard | None = None, parents: Mapping[str, str] | None = None
    ) -> IndustryScorecards:
        """An estimator that scores with cards signed elsewhere. ``pooled`` defaults to the card named ``all``.

        Raises:
            DataError: There is no card.
        """
        if not cards:
            raise DataError("scorecards: expected at least one card by industry (got none)")
        estimator = cls()
        estimator.scorecards_ = {code: card for code, card in cards.items() if code != ALL}
        if pooled is not None or ALL in cards:
            estimator.pooled_ = pooled if pooled is not None else cards[ALL]
        estimator.parents_ = dict.fromkeys(estimator.scorecards_, ALL) | dict(parents or {})
        estimator.unknown_industries_ = {}
        return estimator

    def card_for(self, industry: str | None) -> Scorecard:
        """The card of an industry; of its parents where it has none; else the pooled one.

        Raises:
            DataError: There is neither.
        """
        cards, code = self._own_cards(), industry
        while code is not None and code != ALL:
            if code in cards:
                return cards[code]
            code = self.parents_.get(code) or next((i.parent for i in self.industries if i.code == code), None)
        if not hasattr(self, "pooled_"):
            raise DataError("industry {industry!r}: there is no card for it and no pooled card (industry 'all')", industry=industry)
        return self.pooled_

    def _own_cards(self) -> dict[str, Scorecard]:
        if not hasattr(self, "scorecards_"):
            raise NotFittedEstimator("IndustryScorecards: scores were asked before fit; call fit(X, y, industry=...) first")
        return self.scorecards_

    def scores(self, X: object, *, industry: object = None) -> pd.Series:
        """Whole scores, one per row, index kept. Industries without a card are logged and counted.

        Args:
            X: The rows.
            industry: A code per row; a text: the name of the column of X that has them, where X has such a column, else the
                code of all rows; None: what ``industry_column`` names.
        """
        asked = self._asked(X, industry)
        whole = asked.deck.scores(asked.which, asked.table)
        return pd.Series(whole, index=index_of(asked.table), name="score")

    def points(self, X: object, *, industry: object = None) -> pd.DataFrame:
        """Whole points per characteristic; a row's sum + the constant of its card is its score."""
        asked = self._asked(X, industry)
        names, points = asked.deck.points(asked.which, asked.table)
        return pd.DataFrame(points.T, index=index_of(asked.table), columns=pd.Index(names, dtype="str"))

    def reasons(self, X: object, *, industry: object = None, top: int = 4) -> pd.DataFrame:
        """Names of the characteristics that cost most against the baseline, at most ``top``."""
        asked = self._asked(X, industry)
        names, points = asked.deck.points(asked.which, asked.table)
        parts = []
        for position in asked.deck.asked(asked.which):
            card, rows = asked.deck.cards[position], np.flatnonzero(asked.which == position)
            own = pd.DataFrame(points[[names.index(name) for name in card.features]][:, rows].T, index=rows, columns=card.features)
            parts.append(reasons_of(card, own, top=top))
        whole = pd.concat(parts).sort_index()
        whole.index = index_of(asked.table)
        return whole

    def predict_proba(self, X: object, *, industry: object = None) -> Floats:
        """(n, 2): probabilities of good and bad, calibrated in each industry."""
        asked = self._asked(X, industry)
        bad = asked.deck.probabilities(asked.which, asked.deck.scores(asked.which, asked.table))
        return np.column_stack([1 - bad, bad])

    def predict(self, X: object, *, industry: object = None) -> NDArray[Any]:
        """The class that is more probable."""
        bad = self.predict_proba(X, industry=industry)[:, 1] > 0.5
        labels: NDArray[Any] = getattr(self, "classes_", np.array([0, 1]))[bad.astype(np.int64)]
        return labels

    def score(self, X: object, y: object, sample_weight: object | None = None, *, industry: object = None) -> float:
        """Share of the rows whose class is predicted rightly."""
        return float(accuracy_score(y, self.predict(X, industry=industry), sample_weight=sample_weight))

    def _asked(self, X: object, industry: object) -> _Asked:
        """The cards that are asked, and the rows of each.

        Sets ``unknown_industries_``: the number of rows by industry without a card of its own.
        """
        table = native_table(X) if hasattr(X, "columns") or hasattr(X, "column_names") else feature_frame(X)
        codes, names = codes_of(self._industries_of(table, industry), len(table))
        cards, counts = getattr(self, "scorecards_", {}), np.bincount(codes + 1, minlength=len(names) + 1)[1:]
        self.unknown_industries_ = {
            name: int(count) for name, count in zip(names, counts, strict=True) if name not in cards and name != ALL
        }
        if self.unknown_industries_:
            _log.warning(
                "industry %s: no card of its own; the parent's or the pooled card scores", ", ".join(self.unknown_industries_)
            )
        deck = self._deck()
        position = {id(card): number for number, card in enumerate(deck.cards)}
        unknown = position[id(self.card_for(None))] if (codes < 0).any() or not len(table) else 0
        of_name = np.array([*(position[id(self.card_for(name))] for name in names), unknown], dtype=np.int64)
        # Code -1, an unknown industry, takes the last.
        return _Asked(table, deck, of_name[codes])

    def _deck(self) -> Deck:
        """All cards, made ready to score. Whoever replaces a card gets another deck."""
        cards = [*([self.pooled_] if hasattr(self, "pooled_") else []), *self._own_cards().values()]
        ready: Deck | None = getattr(self, "_ready", None)
        if ready is None or not ready.holds(cards):
            self._ready = ready = Deck(tuple(cards))
        return ready

    def _industries_of(self, table: pd.DataFrame | pa.Table, industry: object) -> object:
        """The codes that are meant, one per row."""
        industry = self.industry_column if industry is None else industry
        if industry is None:
            raise DataError(
                "industry: expected a code per row, the name of a column of X, or one code for all rows; or set industry_column"
            )
        if not isinstance(industry, str):
            return industry
        columns = table.columns if isinstance(table, pd.DataFrame) else table.column_names
        if industry in columns:
            return column_of(table, industry)
        if industry == self.industry_column:
            raise DataError("industry: X has no column {column}, which industry_column names", column=industry)
        return pd.Series([industry]).repeat(len(table))


@dataclass(frozen=True)
class _Asked:
    """Rows, the cards there are, and the position of each row's card."""

    table: pd.DataFrame | pa.Table
    deck: Deck
    which: Ints
