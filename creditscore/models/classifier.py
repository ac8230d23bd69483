"""One card for one population, as a scikit-learn classifier."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import sklearn.exceptions
from numpy.typing import NDArray
from pydantic import JsonValue
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin

from creditscore.config.scorecards import Binning, Scaling, Selection
from creditscore.dataframes import Floats, feature_frame
from creditscore.errors import DataError, NotFittedError
from creditscore.models import fitting
from creditscore.models.calibration import centred, to_points, two_parameter
from creditscore.models.fitting import Fit, Settings, SpecialCodes, Splits, fit_core
from creditscore.models.inspector_effects import Connectedness, connectedness
from creditscore.models.regression import one_thread
from creditscore.models.sample import Features, Sample, read_sample
from creditscore.models.scorecard import Scorecard
from creditscore.models.selection import Ledger, OnLeak


class _NotFitted(NotFittedError, sklearn.exceptions.NotFittedError):  # type: ignore[misc]
    """Also what scikit-learn expects."""


_LOG = logging.getLogger(__name__)


class ScorecardClassifier(ClassifierMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Fits a points card: higher score, lower risk; class 1 (the larger, True) is bad.

    ``logit P(bad) = b0 - sum of c_j WoE_j`` with every ``c_j >= 0``, recalibrated by a two-parameter
    logistic and folded into whole points, so that ``probability`` is a function of the whole score.
    Every smoothing constant, penalty and minimum is a share of the total weight: scaling all weights
    changes nothing, and a whole-number weight is the same as repeating the row (only the counts of
    rows that the card prints, and its effective size, tell them apart).

    Args:
        features: Specifications (FeatureSpec) of the columns; None takes all, with trend auto.
        scaling: (``Scaling()`` when None, like the next two) base score, base odds (good : bad) and points to double the odds.
        binning: How attributes are cut; shares are of the total weight.
        selection: Which characteristics stay; those of source ``base`` always do.
        ridge: Penalty on the coefficients, as a share of the information of the sample.
        nuisance_ridge: The same for the effects of inspectors.
        special_codes: Values that are no measurements: one list for all columns, or lists by column.
        splits: Cuts by hand, by column: rising edges, or groups of texts. They survive every ``fit``.
        on_leak: ``refuse`` a column that ranks good and bad almost perfectly alone, or ``warn``.
        cut_probabilities: Probabilities at which tiers end, for the baselines of the reasons.
        name: Name of the card.
        target: Name of the target, kept in the card.
        representative: False where the rows are not a random draw of the population.
    """

    def __init__(
        self,
        *,
        features: Features = None,
        scaling: Scaling | None = None,
        binning: Binning | None = None,
        selection: Selection | None = None,
        ridge: float = 0.05,
        nuisance_ridge: float = 0.002,
        special_codes: SpecialCodes = None,
        splits: Splits = None,
        on_leak: OnLeak = "refuse",
        cut_probabilities: Sequence[float] = (),
        name: str = "all",
        target: str = "",
        representative: bool = True,
    ) -> None:
        self.features = features
        self.scaling = scaling
        self.binning = binning
        self.selection = selection
        self.ridge = ridge
        self.nuisance_ridge = nuisance_ridge
        self.special_codes = special_codes
        self.splits = splits
        self.on_leak = on_leak
        self.cut_probabilities = cut_probabilities
        self.name = name
        self.target = target
        self.representative = representative

    def fit(
        self, X: object, y: object, sample_weight: object | None = None, nuisance: object | None = None
    ) -> "ScorecardClassifier":
        """Fit the card.

        Args:
            X: One row per subject and day: pandas, polars, Arrow or a 2D array. Missing is missing.
            y: Two classes; the larger is bad.
            sample_weight: 1 / inclusion probability, say; rows of weight 0 are dropped.
            nuisance: Per row a list of inspectors (or one, or None). Their effects are fitted with the
                coefficients and set to their weighted mean when scoring.

        Raises:
            DataError: when the input cannot be used, or a column leaks the outcome.
        """
        sample = read_sample(X, y, features=self.features, sample_weight=sample_weight, nuisance=nuisance)
        with one_thread():
            fit = fit_core(sample, settings_of(self))
            log_warnings(fit.ledger)
            self.connectedness_ = None if sample.visits is None else connectedness(sample.visits, sample.weight)
            self.scorecard_: Scorecard = self._card(sample, fit)
        self.classes_: NDArray[Any] = sample.classes
        self.n_features_in_ = len(sample.names)
        if hasattr(X, "columns") or hasattr(X, "column_names"):
            self.feature_names_in_ = np.array(sample.names, dtype=object)
        self.selection_: pd.DataFrame = fit.ledger.table()
        self.effective_size_ = sample.effective_size
        return self

    def _card(self, sample: Sample, fit: Fit) -> Scorecard:
        patterns, settings = fit.patterns, settings_of(self)
        eta = fit.regression.predictor(fit.woe) + fit.nuisance_mean
        start, slope = two_parameter(eta, patterns.good, patterns.bad)
        points = to_points(
            settings.scaling,
            intercept=start + slope * (fit.regression.intercept + fit.nuisance_mean),
            coefficients=slope * fit.regression.coefficients,
            woe=[table.woe for table in fit.tables],
            caps=[table.partition.factor.cap for table in fit.tables],
        )
        points = centred(settings.scaling, points, patterns.codes, patterns.weight, sample.bad_share)
        names = [table.name for table in fit.tables]
        reference = fitting.baselines(
            points, patterns.codes, patterns.weight, names, scaling=settings.scaling, cuts=self.cut_probabilities
        )
        return fitting.scorecard(
            fit.tables,
            points,
            name=self.name,
            industry="all",
            target=self.target,
            scaling=settings.scaling,
            smoothing=settings.binning.smoothing,
            reference=reference,
            training=training_of(sample, self.connectedness_),
            representative=self.representative,
        )

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
        found: NDArray[Any] = self.classes_[bad.astype(np.int64)]
        return found

    def _fitted(self) -> Scorecard:
        if not hasattr(self, "scorecard_"):
            raise _NotFitted("ScorecardClassifier: scores were asked before fit; call fit(X, y) first")
        return self.scorecard_

    def _frame(self, X: object) -> pd.DataFrame:
        frame = feature_frame(X)
        if not hasattr(self, "feature_names_in_") and frame.shape[1] != self.n_features_in_:
            raise DataError(
                "features: X has {shape} features, but ScorecardClassifier is expecting {n_features_in_} features as input",
                shape=frame.shape[1],
                n_features_in_=self.n_features_in_,
            )
        return frame


def settings_of(estimator: Any) -> Settings:
    """The parameters the estimators have in common; None is the default specification."""
    return Settings(
        estimator.scaling or Scaling(),
        estimator.binning or Binning(),
        estimator.selection or Selection(),
        estimator.ridge,
        estimator.nuisance_ridge,
        estimator.special_codes,
        estimator.splits,
        estimator.on_leak,
    )


def log_warnings(ledger: Ledger) -> None:
    """Say in the log what went against the one who asked for the fit."""
    for line in ledger.warnings:
        _LOG.warning("%s", line)


def training_of(sample: Sample, linked: Connectedness | None) -> dict[str, JsonValue]:
    """What the card says of the rows it was fitted on."""
    found: dict[str, JsonValue] = {
        "rows": len(sample.weight),
        "bads": int(sample.bad.sum()),
        "effective_size": round(sample.effective_size, 1),
        "bad_rate": round(sample.bad_share, 9),
    }
    if linked is not None:
        found |= {
            "inspectors": linked.inspectors,
            "inspector_components": linked.components,
            "largest_component_share": round(linked.largest_share, 6),
        }
    return found
