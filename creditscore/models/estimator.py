"""What the estimators of cards share: their parameters, the attributes of a fit, and how a fit becomes a card."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd
import sklearn.exceptions
from pydantic import JsonValue
from sklearn.base import BaseEstimator

from creditscore.config.scorecards import NUISANCE_RIDGE, Binning, Scaling, Selection
from creditscore.config.spec import ppm
from creditscore.dataframes import Flags, Floats, Ints
from creditscore.errors import NotFittedError
from creditscore.models.bin_table import BinTable
from creditscore.models.calibration import CardPoints, slope_of
from creditscore.models.card import Baseline
from creditscore.models.characteristic import Attribute, Characteristic
from creditscore.models.columns import Features
from creditscore.models.crosses import CrossPartition
from creditscore.models.crossfit import HeldOut
from creditscore.models.fitting import Fit, Settings, SpecialCodes, Splits, fit_cut
from creditscore.models.inspector_effects import Connectedness, connectedness
from creditscore.models.regression import one_thread
from creditscore.models.sample import Sample, effective_size, read_sample
from creditscore.models.scorecard import Scorecard
from creditscore.models.scoring import AttributeCodes, ppm_of_score, score_of
from creditscore.models.selection import OnLeak
from creditscore.models.tuning import MakePredictors, Tunable, plain_predictors, tuned, untuned

#: ``auto``: settings that are None are chosen on rows held out; ``off``: they have the documented defaults.
Tune = Literal["auto", "off"]
#: Share of the weight whose mean points are "those just above the cut".
_NEAR_CUT = 0.1
_WEIGHT_DIGITS, _RATE_DIGITS = 9, 6
_log = logging.getLogger(__name__)


class NotFittedEstimator(NotFittedError, sklearn.exceptions.NotFittedError):  # type: ignore[misc]
    """Scores were asked before ``fit``; also the class of error that scikit-learn expects."""


class OneScoreWarning(UserWarning):
    """A card was fitted that gives every subject the same score."""


@dataclass(kw_only=True, eq=False, repr=False)
class CardEstimator(BaseEstimator):  # type: ignore[misc]
    """Base of the estimators. Its fields, and those of a subclass, are the keyword arguments of ``__init__``.

    A parameter is written here with its default and nowhere else: scikit-learn reads the signature that is made of the
    fields, and the fit takes the values by the names of the fields of :class:`~creditscore.models.fitting.Settings`.
    """

    features: Features = None
    scaling: Scaling | None = None
    binning: Binning | None = None
    selection: Selection | None = None
    ridge: float | None = None
    exponent: float | None = None
    tune: Tune = "auto"
    cross_fit: bool = True
    nuisance_ridge: float = NUISANCE_RIDGE
    special_codes: SpecialCodes = None
    splits: Splits = None
    on_leak: OnLeak = "warn"
    cut_probabilities: Sequence[float] = ()
    target: str = ""
    representative: bool = True

    def fit(
        self,
        X: object,
        y: object,
        sample_weight: object | None = None,
        nuisance: object | None = None,
        *,
        time: object | None = None,
        subjects: object | None = None,
        ranking_only: object | None = None,
    ) -> Self:
        """Fit the card, or the cards.

        Args:
            X: One row per subject and day: pandas, polars, Arrow or a 2D array. Missing is missing.
            y: Two classes; the larger is bad.
            sample_weight: 1 / inclusion probability, say; rows of weight 0 are dropped.
            nuisance: Per row a list of inspectors (or one, or None). Their effects are fitted with the
                coefficients and set to their weighted mean when scoring.
            time: When each row was (a day, number or text that can be put in order). Settings are then chosen forward in time.
            subjects: Whom each row is about: rows of one subject are held out together.
            ranking_only: True on rows that may teach which subjects are riskier but never how many are bad, such as visits
                for a complaint. Their weight is not read.

        Raises:
            DataError: The input cannot be used, or a column leaks the outcome.
        """
        return self._fit_rows(
            X, y, sample_weight=sample_weight, nuisance=nuisance, time=time, subjects=subjects, ranking_only=ranking_only
        )

    def _fit_rows(self, X: object, y: object, **facts: object) -> Self:
        """Fit the rows with what is known of each: the arguments of :meth:`fit`, and those that a subclass adds."""
        with one_thread():
            self._learn(X, read_sample(X, y, features=self.features, **facts))
        return self

    def _learn(self, X: object, sample: Sample) -> None:
        """Set the attributes of a fit; ``X`` is what the sample was read from."""
        raise NotImplementedError

    @property
    def _settings(self) -> Settings:
        """How the fit is done; a parameter that is None has the default of ``Settings``."""
        own = {field.name: getattr(self, field.name, None) for field in fields(Settings)}
        return Settings(**{name: value for name, value in own.items() if value is not None})

    @property
    def _free(self) -> tuple[Tunable, ...]:
        """The settings that the rows may choose: those that nobody gave."""
        own = {name: getattr(self, name, 1.0) for name in ("exponent", "ridge", "pooling_factor")}
        given_bins = self.binning is not None and (self.binning.max_bins is not None or not self.binning.evidence)
        free = {name for name, value in own.items() if value is None} | (set() if given_bins else {"max_bins"})
        free |= {"crosses"} if (self.selection or Selection()).max_crosses else set()
        return tuple(name for name in get_args(Tunable) if name in free)

    def _fit_core(
        self,
        sample: Sample,
        *,
        groups: Ints | None = None,
        make_predictors: MakePredictors = plain_predictors,
    ) -> Fit:
        """The part that the fits have in common, with the attributes that follow from it; warnings go to the log.

        The settings that were given or chosen are in ``_used``.

        Args:
            sample: The training rows, with the weights of the design.
            groups: What inspectors are connected by (see :func:`~creditscore.models.inspector_effects.connectedness`).
            make_predictors: How rows held out are predicted while settings are chosen.

        Returns:
            The fit, with the weights of the ranking; :meth:`~creditscore.models.fitting.Fit.for_levels` gives the others.
        """
        if self.tune == "auto":
            chosen = tuned(sample, self._settings, self._free, make_predictors=make_predictors)
        else:
            chosen = untuned(sample, self._settings)
        self._used: Settings = chosen.settings
        ranking = sample.for_ranking(self._used.exponent)
        fit = fit_cut(ranking, chosen.cuts, self._used, chosen.ledger)
        if fit.ledger.warnings:
            _log.warning("%s", "\n".join(fit.ledger.warnings))
        self.classes_: Any = sample.classes
        self.selection_: pd.DataFrame = fit.ledger.table()
        self.tuning_: pd.DataFrame = chosen.table
        self.effective_size_ = sample.effective_size
        self.connectedness_: Connectedness | None = None
        if sample.visits is not None:
            strict = connectedness(sample.visits, sample.weight, sample.subject)
            linked = connectedness(sample.visits, sample.weight, groups)
            self.connectedness_ = replace(linked, components_by_subject=strict.components)
        self._facts: dict[str, JsonValue] = {
            "exponent": self._used.exponent,
            "ridge": self._used.ridge,
            "tuned": not chosen.table.empty,
            "drift_looked_at": chosen.held == "forward",
        }
        if not chosen.table.empty and chosen.held != "forward":
            _log.info("settings: chosen on rows held out by subject; without time=, drift was not looked at")
        return fit

    def _slope(self, sample: Sample, held: HeldOut) -> float:
        """The slope of the calibration from rows held out; the cards record how it was found."""
        slope = slope_of(sample, held, nuisance_ridge=self._used.nuisance_ridge)
        self._facts |= {
            "slope": round(slope.used, 6),
            "slope_found": round(slope.found, 6),
            "slope_own_weight": round(slope.own_weight, 6),
        }
        return slope.used

    def _card(
        self,
        fit: Fit,
        tables: Sequence[BinTable],
        points: CardPoints,
        patterns: Flags | slice,
        *,
        name: str,
        industry: str,
        training: dict[str, JsonValue],
    ) -> Scorecard:
        """The card with these points; its baselines come from the chosen patterns of the fit.

        ``training`` holds the facts about the rows that the card records; facts about the inspectors are added.
        """
        settings, linked, training = self._used, self.connectedness_, training | self._facts
        codes, weight = fit.patterns.codes[patterns], fit.patterns.weight[patterns]
        names = [table.name for table in tables]
        parts = zip(tables, points.points, points.coefficients, strict=True)
        if linked is not None:
            training = training | {
                "inspectors": linked.inspectors,
                "inspector_components": linked.components,
                "inspector_components_by_subject": linked.components_by_subject,
                "largest_component_share": round(linked.largest_share, 6),
            }
        return Scorecard(
            name=name,
            industry=industry,
            target=self.target,
            scaling=settings.scaling,
            constant=points.constant,
            characteristics=tuple(_characteristic(t, p, c) for t, p, c in parts),
            baselines=_baselines(points, codes, weight, names, scaling=settings.scaling, cuts=self.cut_probabilities),
            training=training,
            representative=self.representative,
        )


def warn_of_one_score(cards: Sequence[Scorecard], *, stacklevel: int) -> None:
    """One warning for all cards that give every subject the same score."""
    lines = [f"card {card.name}: every subject has the score {card.lowest}" for card in cards if card.one_score]
    if lines:
        why = (
            "no characteristic tells good from bad in these rows; see selection_ for why each one left, and train on more rows or "
            "outcomes, on other features, or with a lower min_information_value of Selection"
        )
        text = f"{lines[0]}: {why}" if len(cards) == 1 else "\n".join([why, *lines])
        warnings.warn(text, OneScoreWarning, stacklevel=stacklevel)


def training_facts(sample: Sample, rows: Flags | slice = slice(None), *, bad_rate: float) -> dict[str, JsonValue]:
    """The facts about its training rows that a card records. Counts are not weighted, ``bad_rate`` is (0 to 1)."""
    drawn = ~sample.ranking_only[rows]
    bad = sample.bad[rows][drawn]
    facts: dict[str, JsonValue] = {
        "rows": len(bad),
        "bads": int(bad.sum()),
        "effective_size": round(effective_size(sample.weight[rows]), 1),
        "bad_rate": round(bad_rate, 9),
    }
    return facts if drawn.all() else facts | {"rows_for_the_ranking_only": int((~drawn).sum())}


def _characteristic(table: BinTable, points: Ints, coefficient: float) -> Characteristic:
    """One characteristic with its attributes in the order of their codes."""
    partition, bad_rate = table.partition, table.bad_rate
    cross = partition if isinstance(partition, CrossPartition) else None
    factor, bounds = partition.factor, [None, *partition.edges, None]
    attributes = []
    for code, kind in enumerate(partition.kinds):
        interval, rate = kind == "interval", float(bad_rate[code])
        attributes.append(
            Attribute(
                kind=kind,
                lower=bounds[code] if interval else None,
                upper=bounds[code + 1] if interval else None,
                values=partition.values(code),
                sides=cross.cells[code] if cross else None,
                label=partition.label(code),
                rows=int(table.rows[code]),
                weight=min(1.0, round(float(table.weight[code]), _WEIGHT_DIGITS)),
                bad_rate=None if np.isnan(rate) else min(1.0, round(rate, _RATE_DIGITS)),
                woe=float(table.woe[code]),
                points=int(points[code]),
                neutral=bool(table.neutral[code]),
            )
        )
    return Characteristic(
        name=factor.name,
        label=factor.label,
        source=factor.source,
        unit=factor.unit,
        features=tuple(side.factor.name for side in cross.sides) if cross else (),
        kind="cross" if cross else "text" if partition.text else "number",
        trend=partition.trend,
        coefficient=coefficient,
        information_value=round(table.information_value, _RATE_DIGITS),
        unverified_cap=factor.cap,
        ceiling=factor.ceiling,
        attributes=tuple(attributes),
    )


def _baselines(
    points: CardPoints, codes: AttributeCodes, weight: Floats, names: Sequence[str], *, scaling: Scaling, cuts: Sequence[float]
) -> tuple[Baseline, ...]:
    """Mean points of the population, and of the tenth of the weight just above each cut by probability.

    A subject below a cut is compared with those who just reach it: the difference is what it lacks
    (Regulation B, commentary 9(b)(2), both methods).
    """

    def mean(rows: Flags | slice) -> dict[str, int]:
        share = weight[rows] / weight[rows].sum()
        means = {
            name: float((np.bincount(codes[rows, column], weights=share, minlength=len(of)) * of).sum())
            for column, (name, of) in enumerate(zip(names, points.points, strict=True))
        }
        return {name: int(np.floor(round(value, 6) + 0.5)) for name, value in means.items()}

    scores = points.scores(codes)
    baselines = [Baseline(name="population", points=mean(slice(None)))]
    for probability in sorted(set(cuts)):
        cut = _cut_score(scaling, probability)
        near = _just_above(scores, weight, cut)
        if near.any() and all(cut != baseline.above_score for baseline in baselines):
            baselines.append(Baseline(name=f"above_{cut}", above_score=cut, points=mean(near)))
    return tuple(baselines)


def _cut_score(scaling: Scaling, probability: float) -> int:
    """The lowest score whose probability of bad, in whole ppm, is at most ``probability``."""
    limit = ppm(probability)
    score = int(np.floor(score_of(scaling, min(max(probability, 1e-6), 1 - 1e-6)))) - 1
    while ppm_of_score(scaling, score) > limit:
        score += 1
    return score


def _just_above(scores: Ints, weight: Floats, cut: int) -> Flags:
    """Rows from the cut up to the score by which a tenth of all the weight is reached (whole scores)."""
    above = scores >= cut
    if not above.any():
        return above
    values, positions = np.unique(scores[above], return_inverse=True)
    reached = np.cumsum(np.bincount(positions, weights=weight[above])) / weight.sum()
    last = min(int(np.searchsorted(reached, _NEAR_CUT - 1e-9)), len(values) - 1)
    return np.asarray(above & (scores <= values[last]))
