"""More bad records never lower the risk and more good ones never raise it, whatever the data said: through the fitted card."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.populations import spec

from creditscore.config.scorecards import Binning, Selection
from creditscore.models.classifier import ScorecardClassifier
from creditscore.models.industry import IndustryScorecards

GRADES = ("优", "良", "中", "差")
FEATURES = [
    spec("penalties", "higher_is_riskier", "market"),
    spec("overdue_days", "higher_is_riskier", "public"),
    spec("years_clean", "lower_is_riskier", "industry"),
    spec("training_hours", "lower_is_riskier", "self_declared", points_cap=8),
    spec("rating", "auto", "base", text=True, order=GRADES),
]
#: Some of these random populations have nothing to tell: one score for all falls and rises for nobody.
pytestmark = pytest.mark.filterwarnings("ignore::creditscore.models.estimator.OneScoreWarning")
#: Column, and whether a larger value is a worse one.
WORSE_WHEN_LARGER = {"penalties": True, "overdue_days": True, "years_clean": False, "training_hours": False}
ENDS = [-1e308, -5.0, 0.0, 0.5, 1.0, 3.0, 40.0, 1e6, 1e308]
KEEP_ALL = Selection(min_information_value=0.0, max_correlation=1.0)


def history(seed, rows=700):
    """Outcomes that partly contradict the declared trends, with humps, gaps and missing values."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "penalties": rng.poisson(rng.choice([0.3, 2]), rows).astype(float),
            "overdue_days": np.round(rng.gamma(1, 30, rows)),
            "years_clean": rng.integers(0, 15, rows).astype(float),
            "training_hours": rng.integers(0, 40, rows).astype(float),
            "rating": rng.choice(np.array(GRADES, dtype=object), rows, p=[0.4, 0.3, 0.2, 0.1]),
        }
    )
    signs = rng.choice([-1.0, 0.3, 1.0], 5)
    eta = signs[0] * np.sin(X.penalties) + signs[1] * X.overdue_days / 60 - signs[2] * np.cos(X.years_clean / 2)
    eta += signs[3] * X.training_hours / 40 + signs[4] * X.rating.map({grade: place for place, grade in enumerate(GRADES)}) / 2 - 2
    for name in X:
        X.loc[rng.random(rows) < 0.1, name] = None if name == "rating" else np.nan
    y = rng.random(rows) < 1 / (1 + np.exp(-eta.fillna(0) - rng.normal(size=rows)))
    y[:2] = [False, True]
    return X, y.astype(int), rng.choice([1.0, 3.0, 0.2], rows)


def changed(X, name, values):
    """The first rows of X once with each of the values in one column; shape (values, rows)."""
    base = X.head(25)
    return pd.concat(
        [base.assign(**{name: pd.Series([value] * len(base), dtype=X[name].dtype, index=base.index)}) for value in values]
    )


def check(score, X, name, values, *, falls):
    found = score(changed(X, name, values)).to_numpy().reshape(len(values), -1)
    steps = np.diff(found, axis=0)
    assert (steps <= 0).all() if falls else (steps >= 0).all(), name


def check_all(score, X):
    for name, worse_when_larger in WORSE_WHEN_LARGER.items():
        check(score, X, name, ENDS, falls=worse_when_larger)
    check(score, X, "rating", list(GRADES), falls=True)
    # What is declared never scores less than silence, and silence is no better than the worst that can be declared.
    check(score, X, "training_hours", [np.nan, -1e308], falls=False)
    check(score, X, "training_hours", [np.nan, 0.0, 1e308], falls=False)
    both = X.head(25).assign(penalties=ENDS[-1], overdue_days=ENDS[-1], years_clean=ENDS[0], training_hours=np.nan)
    better = X.head(25).assign(penalties=ENDS[0], overdue_days=ENDS[0], years_clean=ENDS[-1], training_hours=ENDS[-1])
    assert (score(both).to_numpy() <= score(better).to_numpy()).all()


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([2, 4, 8]), st.sampled_from([0.005, 0.05]))
def test_more_bad_records_never_lower_the_risk(seed, bins, share):
    X, y, weight = history(seed)
    model = ScorecardClassifier(
        features=FEATURES, selection=KEEP_ALL, binning=Binning(max_bins=bins, min_share=share), on_leak="warn"
    ).fit(X, y, sample_weight=weight)
    check_all(lambda frame: model.scorecard_.scores(frame), X)
    p = model.predict_proba(changed(X, "penalties", ENDS))[:, 1].reshape(len(ENDS), -1)
    assert (np.diff(p, axis=0) >= 0).all()


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_more_bad_records_never_lower_the_risk_in_small_industries(seed):
    X, y, weight = history(seed, 1500)
    industry = np.random.default_rng(seed).choice(["food", "hotel", "tiny"], len(X), p=[0.7, 0.28, 0.02])
    cards = IndustryScorecards(features=FEATURES, selection=KEEP_ALL, on_leak="warn").fit(
        X, y, industry=industry, sample_weight=weight
    )
    for card in (*cards.scorecards_.values(), cards.pooled_):
        check_all(card.scores, X.reindex(columns=X.columns))


@pytest.mark.parametrize("name", ["penalties", "overdue_days"])
def test_the_trend_binds_against_contrary_data(name):
    X, y, _ = history(3, 3000)
    model = ScorecardClassifier(features=FEATURES, selection=KEEP_ALL).fit(X.assign(**{name: 5 - 4 * y + X.penalties.fillna(0)}), y)
    check(model.scorecard_.scores, X, name, ENDS, falls=True)
