"""One card for one population, as a scikit-learn classifier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, TransformerMixin

from creditscore.dataframes import Floats, feature_frame
from creditscore.errors import DataError
from creditscore.models.calibration import calibrate, centred, intercept_for, to_points
from creditscore.models.crossfit import held_out
from creditscore.models.estimator import CardEstimator, NotFittedEstimator, training_facts, warn_of_one_score
from creditscore.models.fitting import fit_core
from creditscore.models.sample import Sample
from creditscore.models.scorecard import Scorecard


@dataclass(kw_only=True, eq=False, repr=False)
class ScorecardClassifier(ClassifierMixin, TransformerMixin, CardEstimator):  # type: ignore[misc]
    """Fits a points card: higher score, lower risk; class 1 (the larger, True) is bad.

    ``logit P(bad) = b0 - sum of c_j WoE_j`` with every ``c_j >= 0``, folded into whole points, so that ``probability``
    is a function of the whole score. Bins and coefficients are fitted with weights to the power of ``exponent``; the level
    and the slope of the probabilities with the weights as given, the slope on rows held out (each part of the window,
    else each fifth of the subjects) and shrunk towards 1 by its own variance.

    Scaling all weights changes nothing. Repeating a row is more evidence than weighing it, except in one setting,
    ``tune="off", exponent=1, cross_fit=False, binning=Binning(evidence=False)``: there a whole-number weight is the same
    as repeating the row (only the counts of rows that the card prints, and its effective size, differ).

    ``tuning_`` has a row for each value of a setting that was tried.

    Args:
        features: Specifications (FeatureSpec) of the columns; None takes all, with trend auto.
        scaling: (``Scaling()`` when None, like the next two) base score, base odds (good : bad) and points to double the odds.
        binning: How attributes are cut; shares are of the total weight.
        selection: Which characteristics stay; those of source ``base`` always do.
        ridge: Penalty on the coefficients, as a share of the information of the sample; None: chosen by the rows.
        exponent: Power of the weights in bins and coefficients, 0 to 1; None: chosen by the rows.
        tune: ``auto``: settings that are None, and the number of bins where ``binning`` does not state it, are chosen
            on rows held out, forward in time where ``time`` is given; ``off``: ridge 0.05 and exponent 0.5.
        cross_fit: False: the slope comes from the rows of the fit.
        nuisance_ridge: The same as ``ridge`` for the effects of inspectors.
        special_codes: Values that are no measurements: one list for all columns, or lists by column.
        splits: Cuts by hand, by column: rising edges, or groups of texts. They survive every ``fit``.
        on_leak: ``warn`` of a column that ranks good and bad almost perfectly alone, or ``refuse`` it.
        cut_probabilities: Probabilities at which tiers end, for the baselines of the reasons.
        name: Name of the card.
        target: Name of the target, kept in the card.
        representative: False where the rows are not a random draw of the population.
    """

    name: str = "all"

    def _learn(self, X: object, sample: Sample) -> None:
        self.scorecard_: Scorecard = self._fit_card(sample)
        self.n_features_in_ = len(sample.names)
        if hasattr(X, "columns") or hasattr(X, "column_names"):
            self.feature_names_in_ = np.array(sample.names, dtype=object)

    def _fit_card(self, sample: Sample) -> Scorecard:
        ranking_fit = self._fit_core(sample)
        fit = ranking_fit.for_levels(sample)
        eta: Floats = -(fit.woe @ fit.regression.coefficients)
        if self.cross_fit:
            slope = self._slope(sample, held_out(sample, self._fit_and_predict))
        else:
            slope = calibrate(eta, fit.patterns.good, fit.patterns.bad)[1]
        points = to_points(
            self._used.scaling,
            intercept=intercept_for(slope * eta, fit.patterns.weight, sample.bad_share),
            coefficients=slope * fit.regression.coefficients,
            woe=[table.woe for table in fit.tables],
            caps=[table.partition.most_points for table in fit.tables],
        )
        points = centred(self._used.scaling, points, fit.patterns.codes, fit.patterns.weight, sample.bad_share)
        training = training_facts(sample, bad_rate=sample.bad_share)
        card = self._card(fit, fit.tables, points, slice(None), name=self.name, industry="all", training=training)
        warn_of_one_score([card], stacklevel=6)
        return card

    def _fit_and_predict(self, rest: Sample, out: Sample) -> Floats:
        """The whole fit on some rows, and its predictor for others."""
        settings = replace(self._used, on_leak="warn", judging=True)
        fit = fit_core(rest.for_ranking(settings.exponent), settings)
        return fit.predictor(out) - fit.regression.intercept

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = []  # points are whole numbers
        return tags

    def scores(self, X: object) -> pd.Series:
        """Whole scores, one per row, index kept."""
        return self._fitted().scores(self._frame(X))

    def points(self, X: object) -> pd.DataFrame:
        """Whole points per characteristic; a row's sum + ``scorecard_.constant`` is its score."""
        return self._fitted().points(self._frame(X))

    def transform(self, X: object) -> pd.DataFrame:
        """The same as :meth:`points`, for pipelines and ``set_output``."""
        return self.points(X)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[Any]:
        """Names of the columns of :meth:`transform`: the characteristics of the card, in its order."""
        return np.array(self._fitted().features, dtype=object)

    def reasons(self, X: object, *, top: int = 4) -> pd.DataFrame:
        """Names of the characteristics that cost most against the baseline, at most ``top``."""
        return self._fitted().reasons(self._frame(X), top=top)

    def predict_proba(self, X: object) -> Floats:
        """(n, 2): calibrated probabilities in the order of ``classes_`` (good, bad)."""
        return self._fitted().predict_proba(self._frame(X))

    def predict(self, X: object) -> NDArray[Any]:
        """The class that is more probable."""
        bad = self.predict_proba(X)[:, 1] > 0.5
        labels: NDArray[Any] = self.classes_[bad.astype(np.int64)]
        return labels

    def _fitted(self) -> Scorecard:
        if not hasattr(self, "scorecard_"):
            raise NotFittedEstimator("ScorecardClassifier: scores were asked before fit; call fit(X, y) first")
        return self.scorecard_

    def _frame(self, X: object) -> pd.DataFrame:
        frame = feature_frame(X)
        if not hasattr(self, "feature_names_in_") and frame.shape[1] != self.n_features_in_:
            raise DataError(
                "features: X has {columns} features, but ScorecardClassifier is expecting {expected} features as input",
                columns=frame.shape[1],
                expected=self.n_features_in_,
            )
        return frame
