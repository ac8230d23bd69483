"""The settings that the training rows choose: the rules of the choice, and what is left as it was given."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from creditscore.config.scorecards import RIDGE
from creditscore.models.classifier import ScorecardClassifier
from creditscore.models.tuning import compared, ridge_of


def chosen(losses, subject=None):
    n = len(losses[0])
    subject = np.arange(n) if subject is None else subject
    trials = compared("ridge", range(len(losses)), losses, np.ones(n), subject)
    return [trial.chosen for trial in trials].index(True), trials


def test_a_tie_goes_to_the_simplest():
    loss = np.random.default_rng(0).random(200)
    assert chosen([loss, loss, loss])[0] == 0


def test_the_best_wins_where_the_paired_difference_is_told():
    loss = np.random.default_rng(0).random(200)
    noise = np.random.default_rng(1).normal(0, 0.01, 200)
    assert chosen([loss + 0.05 + noise, loss])[0] == 1, "the losses overlap, their paired difference does not"
    assert chosen([loss + noise - noise.mean() + 1e-6, loss])[0] == 0


def test_repeated_subjects_widen_the_standard_error():
    rng = np.random.default_rng(2)
    per_subject = np.repeat(rng.normal(0.02, 0.1, 50), 20)
    loss = rng.random(1000)
    apart, together = (chosen([loss + per_subject, loss], who)[1][0].error for who in (None, np.repeat(np.arange(50), 20)))
    assert together > 3 * apart


def frame(n=900, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    return X, (rng.random(n) < 1 / (1 + np.exp(1.5 - X.a - 0.5 * X.b))).astype(int).to_numpy(), rng


def test_what_is_given_is_not_chosen():
    X, y, rng = frame()
    weight = rng.choice([1.0, 20.0], len(y))
    model = ScorecardClassifier(ridge=0.2, exponent=1.0).fit(X, y, sample_weight=weight)
    assert set(model.tuning_.setting) <= {"max_bins"}
    assert (model.scorecard_.training["ridge"], model.scorecard_.training["exponent"]) == (0.2, 1.0)
    assert model.get_params()["ridge"] == 0.2
    assert clone(ScorecardClassifier()).get_params()["ridge"] is None


def test_each_setting_has_one_chosen_value_and_time_says_that_drift_was_looked_at():
    X, y, rng = frame()
    weight, time = rng.choice([1.0, 20.0], len(y)), np.arange(len(y))
    for times in (None, time):
        model = ScorecardClassifier().fit(X, y, sample_weight=weight, time=times)
        assert (model.tuning_.groupby("setting").chosen.sum() == 1).all()
        assert {"exponent", "ridge"} <= set(model.tuning_.setting)
        assert model.scorecard_.training["drift_looked_at"] == (times is not None)


def test_few_cases_have_the_documented_settings():
    X, y, _ = frame(120)
    assert y.sum() < 50
    model = ScorecardClassifier().fit(X, y)
    assert model.tuning_.empty
    assert not model.scorecard_.training["tuned"]
    off = ScorecardClassifier(tune="off").fit(X, y)
    assert off.scorecard_.training["ridge"] == RIDGE


def test_equal_weights_leave_no_exponent_to_choose():
    X, y, _ = frame()
    assert "exponent" not in set(ScorecardClassifier().fit(X, y, sample_weight=np.full(len(y), 3.0)).tuning_.setting)


@pytest.mark.parametrize("factor", [3.0, 1 / 7])
def test_the_ridge_counts_in_effective_cases(factor):
    from creditscore.models.sample import read_sample

    X, y, rng = frame()
    weight = rng.uniform(0.5, 3, len(y))
    one, other = (
        ridge_of(16.0, read_sample(X, y, features=None, sample_weight=w, nuisance=None).for_ranking(1.0))
        for w in (weight, weight * factor)
    )
    assert one == pytest.approx(other)
    twice = read_sample(
        pd.concat([X, X]), np.tile(y, 2), features=None, sample_weight=np.tile(weight, 2), nuisance=None
    ).for_ranking(1.0)
    assert ridge_of(16.0, twice) == pytest.approx(one / 2)
