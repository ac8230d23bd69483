"""scikit-learn's own checks, and the places where users put a classifier: pipelines, searches, calibration."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from creditscore.config.scorecards import Binning
from creditscore.models.classifier import ScorecardClassifier

#: The documented setting in which repeating a row is the same as weighing it.
EXACT = {"tune": "off", "exponent": 1.0, "cross_fit": False, "binning": Binning(evidence=False)}


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([ScorecardClassifier()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([ScorecardClassifier(**EXACT)])
def test_scikit_learn_checks_in_the_exact_setting(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=900), "b": rng.poisson(2, 900)})
    return X, (rng.random(900) < 1 / (1 + np.exp(1.5 - X.a))).astype(int)


def test_it_works_in_a_pipeline_and_a_search(data):
    X, y = data
    pipe = make_pipeline(FunctionTransformer(), ScorecardClassifier())
    search = GridSearchCV(
        pipe, {"scorecardclassifier__binning": [Binning(max_bins=2), Binning(max_bins=6)]}, scoring="roc_auc", cv=3
    )
    search.fit(X, y)
    assert search.best_score_ > 0.6
    assert cross_val_score(ScorecardClassifier(), X, y, scoring="roc_auc", cv=3).mean() > 0.6


def test_it_can_be_calibrated_and_vote(data):
    X, y = data
    calibrated = CalibratedClassifierCV(ScorecardClassifier(), cv=3).fit(X, y)
    vote = VotingClassifier([("card", ScorecardClassifier()), ("lr", LogisticRegression())], voting="soft").fit(X, y)
    for model in (calibrated, vote):
        assert abs(model.predict_proba(X)[:, 1].mean() - y.mean()) < 0.05
