"""One card per industry, each as much its own as its cases allow."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import JsonValue
from sklearn.base import BaseEstimator

from creditscore.config.scorecards import Binning, Industry, Pooling, Scaling, Selection
from creditscore.dataframes import Floats, Ints, feature_frame
from creditscore.errors import DataError
from creditscore.models import fitting
from creditscore.models.calibration import Points
from creditscore.models.classifier import _NotFitted, log_warnings, settings_of, training_of
from creditscore.models.fitting import Fit, SpecialCodes, Splits, fit_core
from creditscore.models.inspector_effects import Connectedness, connectedness
from creditscore.models.pooling import (
    ALL,
    Group,
    Level,
    attribute_table,
    crossfit,
    groups_of,
    levels_of,
    points_of,
    shrinkage_table,
)
from creditscore.models.regression import logistic, one_thread
from creditscore.models.sample import Features, Sample, as_sequence, effective_size, industry_code, read_sample
from creditscore.models.scorecard import Scorecard
from creditscore.models.selection import OnLeak

#: An industry whose own figures weigh less than this is named in the log.
_NEARLY_PARENTS = 0.1
_LOG = logging.getLogger(__name__)
_Pandas = TypeVar("_Pandas", pd.Series, pd.DataFrame)


class IndustryScorecards(BaseEstimator):  # type: ignore[misc]
    """Fits a card for every industry, partially pooled.

    1. Splits, selection and slopes come from all rows together (industries and inspectors as effects).
    2. Per industry, the shares of goods and of bads over the attributes of a characteristic are mixed
       with the parent's by one weight, ``cases / (cases + pooling.attribute_cases)``, and give its WoE;
       these are projected on the trend again. *Cases* are effective cases of the rarer class: with five
       bads nothing is known of where bads lie, however many goods there are.
    3. The calibration has one slope for all, from rows held out; the industry's bad rate is the parent's x
       (O + k) / (E + k) with O bads found, E expected by the parent's card in the effective rows and
       ``k = pooling.intercept_cases``.

    So five bads give nearly the parent's card, five thousand nearly the industry's own. ``shrinkage_``
    shows each figure: own, parent's, used. Scaling all weights changes nothing; repeating rows does
    (cases are counted). ``held_out_probability_`` has for each row handed to ``fit`` the probability of bad
    by a fit that has not seen it (NaN where there is none): what a card would have said before the outcome.

    Args:
        features: As for :class:`ScorecardClassifier`, like all that is not named here.
        pooling: Effective cases that the parent's figures weigh.
        industries: The tree (Industry with ``parent``); industries only found in the data hang from ``all``.
    """

    def __init__(
        self,
        *,
        features: Features = None,
        scaling: Scaling | None = None,
        binning: Binning | None = None,
        selection: Selection | None = None,
        pooling: Pooling | None = None,
        industries: Sequence[Industry] = (),
        ridge: float = 0.05,
        nuisance_ridge: float = 0.002,
        special_codes: SpecialCodes = None,
        splits: Splits = None,
        on_leak: OnLeak = "refuse",
        cut_probabilities: Sequence[float] = (),
        target: str = "",
        representative: bool = True,
    ) -> None:
        self.features = features
        self.scaling = scaling
        self.binning = binning
        self.selection = selection
        self.pooling = pooling
        self.industries = industries
        self.ridge = ridge
        self.nuisance_ridge = nuisance_ridge
        self.special_codes = special_codes
        self.splits = splits
        self.on_leak = on_leak
        self.cut_probabilities = cut_probabilities
        self.target = target
        self.representative = representative

    def fit(
        self,
        X: object,
        y: object,
        *,
        industry: object,
        sample_weight: object | None = None,
        nuisance: object | None = None,
    ) -> "IndustryScorecards":
        """Fit the pooled card and one card per industry.

        Args:
            X: One row per subject and day.
            y: Two classes; the larger is bad.
            industry: Code per row; None where unknown: such rows train the pooled card only.
            sample_weight: 1 / inclusion probability, say; rows of weight 0 are dropped.
            nuisance: Per row a list of inspectors (or one, or None).

        Raises:
            DataError: when the input cannot be used, or a column leaks the outcome.
        """
        sample = read_sample(X, y, features=self.features, sample_weight=sample_weight, nuisance=nuisance, industry=industry)
        with one_thread():
            self._fit(sample)
        return self

    def _fit(self, sample: Sample) -> None:
        fit = fit_core(sample, settings_of(self), beyond_chance=True)
        log_warnings(fit.ledger)
        self.classes_: NDArray[Any] = sample.classes
        self.selection_: pd.DataFrame = fit.ledger.table()
        self.effective_size_ = sample.effective_size
        self.connectedness_: Connectedness | None = (
            None if sample.visits is None else connectedness(sample.visits, sample.weight, sample.industry)
        )
        self.unknown_industries_: dict[str, int] = {}
        self._fit_cards(sample, fit)

    def _fit_cards(self, sample: Sample, fit: Fit) -> None:
        settings, pooling = settings_of(self), self.pooling or Pooling()
        groups = groups_of(sample, fit, self.industries, pooling, settings)
        held_out = crossfit(sample, self.industries, pooling, settings)
        slope = held_out.slope
        if not slope and fit.tables:
            _LOG.warning("calibration: rows held out show nothing of what was fitted; an industry's subjects all have one score")
        levels = levels_of(sample, fit, groups, slope, pooling)
        intercepts = np.array([levels[code].used for code in (ALL, *sample.industries)])[sample.industry + 1]
        self.held_out_probability_: Floats = sample.in_input(logistic(intercepts + held_out.eta))
        cards = {
            code: self._card(sample, fit, group, levels[code], points_of(fit, group, levels[code], slope, settings))
            for code, group in groups.items()
        }
        for code, group in groups.items():
            if group.attribute_weight < _NEARLY_PARENTS:
                share = 100 * group.attribute_weight
                _LOG.warning("industry %s: few cases: its card is nearly that of %s (%.0f %% its own)", code, group.parent, share)
        self.pooled_: Scorecard = cards.pop(ALL)
        self.scorecards_: dict[str, Scorecard] = cards
        self.parents_: dict[str, str] = {code: group.parent for code, group in groups.items() if code != ALL}
        self.shrinkage_: pd.DataFrame = shrinkage_table(sample, groups, levels)
        self.attribute_shrinkage_: pd.DataFrame = attribute_table(groups, smoothing=settings.binning.smoothing)

    @classmethod
    def from_cards(
        cls, cards: Mapping[str, Scorecard], *, pooled: Scorecard | None = None, parents: Mapping[str, str] | None = None
    ) -> "IndustryScorecards":
        """An estimator that scores with cards signed elsewhere. ``pooled`` defaults to the card named ``all``.

        Raises:
            DataError: when there is no card.
        """
        if not cards:
            raise DataError("scorecards: expected at least one card by industry, found none")
        found = cls()
        found.scorecards_ = {code: card for code, card in cards.items() if code != ALL}
        if pooled is not None or ALL in cards:
            found.pooled_ = pooled if pooled is not None else cards[ALL]
        found.parents_ = dict.fromkeys(found.scorecards_, ALL) | dict(parents or {})
        found.unknown_industries_ = {}
        return found

    def _card(self, sample: Sample, fit: Fit, group: Group, level: Level, points: Points) -> Scorecard:
        settings = settings_of(self)
        rows = group.patterns if group.patterns.any() else np.ones(len(group.patterns), dtype=bool)
        names = [table.name for table in group.tables]
        codes, weight = fit.patterns.codes[rows], fit.patterns.weight[rows]
        reference = fitting.baselines(points, codes, weight, names, scaling=settings.scaling, cuts=self.cut_probabilities)
        inside = group.rows
        training: dict[str, JsonValue] = training_of(sample, self.connectedness_) | {
            "rows": int(inside.sum()),
            "bads": int(sample.bad[inside].sum()),
            "effective_size": round(effective_size(sample.weight[inside]), 1),
            "bad_rate": round(level.target, 9),
            "parent": group.parent,
            "attribute_own_weight": round(group.attribute_weight, 6),
            "intercept_own_weight": round(level.own_weight, 6),
        }
        return fitting.scorecard(
            group.tables,
            points,
            name=group.code,
            industry=group.code,
            target=self.target,
            scaling=settings.scaling,
            smoothing=settings.binning.smoothing,
            reference=reference,
            training=training,
            representative=self.representative,
        )

    def card_for(self, industry: str | None) -> Scorecard:
        """The card of an industry; of its parents where it has none; else the pooled one.

        Raises:
            DataError: when there is neither.
        """
        if not hasattr(self, "scorecards_"):
            raise _NotFitted("IndustryScorecards: scores were asked before fit; call fit(X, y, industry=...) first")
        code = industry
        while code is not None and code != ALL:
            if code in self.scorecards_:
                return self.scorecards_[code]
            code = self.parents_.get(code) or next((i.parent for i in self.industries if i.code == code), None)
        if not hasattr(self, "pooled_"):
            raise DataError("industry {industry!r}: there is no card for it and no pooled card (industry 'all')", industry=industry)
        return self.pooled_

    def scores(self, X: object, *, industry: object) -> pd.Series:
        """Whole scores, one per row, index kept. Industries without a card are logged and counted."""
        parts = [card.scores(frame) for card, frame, _ in self._parts(X, industry)]
        return _whole(parts, X)

    def points(self, X: object, *, industry: object) -> pd.DataFrame:
        """Whole points per characteristic; a row's sum + the constant of its card is its score."""
        parts = [card.points(frame) for card, frame, _ in self._parts(X, industry)]
        return _whole(parts, X).fillna(0).astype(np.int32)  # a characteristic that a card does not have

    def reasons(self, X: object, *, industry: object, top: int = 4) -> pd.DataFrame:
        """Names of the characteristics that cost most against the baseline, at most ``top``."""
        parts = [card.reasons(frame, top=top) for card, frame, _ in self._parts(X, industry)]
        return _whole(parts, X)

    def predict_proba(self, X: object, *, industry: object) -> Floats:
        """(n, 2): probabilities of good and bad, calibrated in each industry."""
        found = np.zeros((len(feature_frame(X)), 2))
        for card, frame, rows in self._parts(X, industry):
            found[rows] = card.predict_proba(frame)
        return found

    def _parts(self, X: object, industry: object) -> list[tuple[Scorecard, pd.DataFrame, NDArray[np.intp]]]:
        """Rows by card, numbered 0 ... n - 1."""
        frame = feature_frame(X).reset_index(drop=True)
        codes, names = self._codes(industry, len(frame))
        by_card: dict[str, tuple[Scorecard, list[int]]] = {}
        for place, name in enumerate(names):
            card = self.card_for(name)
            by_card.setdefault(card.sha256, (card, []))[1].append(place)
        found = []
        for card, places in by_card.values():
            rows = np.flatnonzero(np.isin(codes, places))
            found.append((card, frame.iloc[rows], rows))
        return found

    def _codes(self, industry: object, rows: int) -> tuple[Ints, list[str | None]]:
        values = [industry] * rows if industry is None or isinstance(industry, str) else as_sequence(industry, rows, "industry")
        series = pd.Series([industry_code(value) for value in values], dtype=object)
        codes, names = pd.factorize(series, sort=True, use_na_sentinel=True)
        found: list[str | None] = [str(name) for name in names]
        cards = getattr(self, "scorecards_", {})
        self.unknown_industries_ = {
            str(name): int((codes == place).sum()) for place, name in enumerate(found) if name not in cards and name != ALL
        }
        if self.unknown_industries_:
            _LOG.warning(
                "industry %s: no card of its own; the parent's or the pooled card scores", ", ".join(self.unknown_industries_)
            )
        if (codes < 0).any() or not rows:
            codes, found = np.where(codes < 0, len(found), codes), [*found, None]
        return codes.astype(np.int64), found


def _whole(parts: list[_Pandas], X: object) -> _Pandas:
    whole: _Pandas = pd.concat(parts).sort_index()
    whole.index = feature_frame(X).index
    return whole
