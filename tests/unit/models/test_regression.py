"""Weighted, sign-constrained, penalised logistic regression, and the calibration that is folded into points."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from creditscore.config.scorecards import Scaling
from creditscore.models.calibration import calibrate, centred, intercept_for, to_points
from creditscore.models.classifier import ScorecardClassifier
from creditscore.models.inspector_effects import connectedness, read_visits
from creditscore.models.regression import fit_regression, logistic
from creditscore.models.scoring import of_score


def data(n=2000, p=4, seed=0):
    rng = np.random.default_rng(seed)
    woe = rng.normal(size=(n, p))
    y = rng.random(n) < 1 / (1 + np.exp(2 + woe @ np.array([1.0, 0.5, 0.0, -0.7])[:p]))
    w = rng.uniform(0.2, 3, n)
    w /= w.sum()
    return woe, w * ~y, w * y


def objective(fit, woe, good, bad, ridge):
    rate = bad.sum()
    eta = fit.predictor(woe)
    return good @ np.logaddexp(0, eta) + bad @ np.logaddexp(0, -eta) + 0.5 * ridge * rate * (1 - rate) * (fit.coefficients**2).sum()


def test_coefficients_are_never_negative():
    woe, good, bad = data()
    fit = fit_regression(woe, good, bad, ridge=1e-3)
    assert (fit.coefficients >= 0).all()
    assert fit.coefficients[3] == 0
    assert fit.coefficients[0] > 0.8


def test_the_optimum_satisfies_the_kkt_conditions():
    woe, good, bad = data()
    fit = fit_regression(woe, good, bad, ridge=1e-3)
    slack = (good + bad) * logistic(fit.predictor(woe)) - bad
    unit = bad.sum() * good.sum()
    gradient = -(slack @ woe) + 1e-3 * unit * fit.coefficients
    assert abs(slack.sum()) < 1e-10
    assert np.abs(gradient[fit.coefficients > 0]).max() < 1e-10
    assert (gradient[fit.coefficients == 0] >= 0).all()


@given(st.integers(0, 1000))
@settings(max_examples=15)
def test_no_neighbour_is_better(seed):
    woe, good, bad = data(300, 4, seed)
    fit = fit_regression(woe, good, bad, ridge=1e-3)
    best = objective(fit, woe, good, bad, 1e-3)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        from dataclasses import replace

        moved = replace(
            fit,
            intercept=fit.intercept + rng.normal() * 0.01,
            coefficients=np.maximum(fit.coefficients + rng.normal(size=4) * 0.01, 0),
        )
        assert objective(moved, woe, good, bad, 1e-3) >= best - 1e-12


def test_it_agrees_with_scikit_learn_without_the_constraint():
    from sklearn.linear_model import LogisticRegression

    woe, good, bad = data(p=3)
    woe[:, 2] *= -1
    fit = fit_regression(woe, good, bad, ridge=1e-9)
    reference = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000)
    reference.fit(np.r_[woe, woe], np.repeat([0, 1], len(woe)), sample_weight=np.r_[good, bad] * len(woe))
    free = fit.coefficients > 0
    assert free[:2].all()
    np.testing.assert_allclose(-fit.coefficients[:2], reference.coef_[0, :2], atol=0.02)


def test_separated_data_stay_finite():
    woe = np.array([[1.0], [-1.0]])
    fit = fit_regression(woe, np.array([0.5, 0.0]), np.array([0.0, 0.5]), ridge=1e-4)
    assert np.isfinite(fit.coefficients).all()
    assert fit.coefficients[0] > 3


def test_ridge_means_the_same_at_every_base_rate():
    """A penalty per unit of weight would shrink rare outcomes a hundred times more."""
    rng = np.random.default_rng(1)
    woe = rng.normal(size=(4000, 1))
    shrunk = []
    for level in (0.0, 4.0):
        p = 1 / (1 + np.exp(level + woe[:, 0]))
        free, tied = (fit_regression(woe, (1 - p) / 4000, p / 4000, ridge=r).coefficients[0] for r in (1e-9, 0.1))
        shrunk.append(tied / free)
    assert abs(shrunk[0] - shrunk[1]) < 0.05


def test_inspector_effects_equal_those_of_dense_columns():
    rng = np.random.default_rng(2)
    woe, good, bad = data(500, 2)
    place = rng.integers(0, 5, 500)
    design = sparse.csr_matrix((np.ones(500), (np.arange(500), place)), shape=(500, 5))
    fit = fit_regression(woe, good, bad, ridge=1e-3, design=design, design_ridge=0.01)
    slack = (good + bad) * logistic(fit.predictor(woe) + design @ fit.effects) - bad
    unit = bad.sum() * good.sum()
    assert np.abs(design.T @ slack + 0.01 * unit * fit.effects).max() < 1e-10
    assert np.abs(-(slack @ woe) + 1e-3 * unit * fit.coefficients)[fit.coefficients > 0].max() < 1e-10


def test_teams_have_the_mean_of_their_members():
    visits = read_visits([["b", "a"], "a", None, ["a", "b"], np.array(["c"], dtype=object), float("nan")])
    assert visits.sets == ((), ("a",), ("a", "b"), ("c",))
    assert visits.team.tolist() == [2, 1, 0, 2, 3, 0]
    np.testing.assert_allclose(visits.design.toarray()[2], [0.5, 0.5, 0])


def test_connectedness_counts_components_and_the_largest_share():
    visits = read_visits(["a", "b", "c", "d", None])
    alone = connectedness(visits, np.ones(5))
    assert (alone.inspectors, alone.components) == (4, 4)
    linked = connectedness(visits, np.array([1.0, 1.0, 2.0, 1.0, 9.0]), np.array([0, 0, 1, 0, 1]))
    assert linked.components == 2
    assert linked.largest_share == 0.6


def test_inspectors_of_one_industry_are_not_linked_by_subject_where_they_share_none():
    rng = np.random.default_rng(9)
    X = pd.DataFrame({"a": rng.normal(size=600)})
    y = (rng.random(600) < logistic(-1 + X.a.to_numpy())).astype(int)
    who, firms = [f"i{k % 6}" for k in range(600)], [f"s{k % 6}-{k // 12}" for k in range(600)]
    linked = ScorecardClassifier(tune="off", cross_fit=False).fit(X, y, nuisance=who, subjects=firms).connectedness_
    assert linked.components_by_subject == 6
    firms = [f"s{k % 3}-{k // 12}" for k in range(600)]
    linked = ScorecardClassifier(tune="off", cross_fit=False).fit(X, y, nuisance=who, subjects=firms).connectedness_
    assert linked.components_by_subject == 3


def test_calibration_finds_level_and_slope():
    eta = np.random.default_rng(3).normal(size=20000)
    p = logistic(0.5 + 1.7 * eta)
    a, b = calibrate(eta, (1 - p) / 20000, p / 20000)
    assert abs(a - 0.5) < 1e-3
    assert abs(b - 1.7) < 1e-3


def test_a_reversed_score_gets_slope_zero_not_a_negative_one():
    eta = np.random.default_rng(4).normal(size=1000)
    p = logistic(-eta)
    assert calibrate(eta, (1 - p) / 1000, p / 1000)[1] == 0


def test_the_intercept_meets_the_rate():
    eta = np.array([-3.0, 0.0, 2.0])
    a = intercept_for(eta, np.array([1.0, 1.0, 2.0]), 0.013)
    assert np.average(logistic(a + eta), weights=[1, 1, 2]) == pytest.approx(0.013, abs=1e-12)


def test_points_are_whole_and_keep_the_mean_within_half_a_point():
    scaling = Scaling()
    woe = [np.array([0.5, -0.5]), np.array([0.3, 0.0, -0.9])]
    points = to_points(scaling, intercept=-3.2, coefficients=np.array([1.1, 0.7]), woe=woe, caps=[None, None])
    factor = 20 / math.log(2)
    assert points.points[0].tolist() == [round(factor * 0.55), -round(factor * 0.55)]
    rng = np.random.default_rng(5)
    codes = np.column_stack([rng.integers(0, 2, 500), rng.integers(0, 3, 500)]).astype(np.uint8)
    moved = centred(scaling, points, codes, np.full(500, 1 / 500), 0.04)
    mean = np.mean([of_score(scaling, int(score)) for score in moved.scores(codes)])
    assert abs(mean / 0.04 - 1) < math.log(2) / 20


def test_points_caps_bind():
    points = to_points(Scaling(), intercept=0, coefficients=np.array([1.0]), woe=[np.array([0.0, 2.0])], caps=[10])
    assert points.points[0].tolist() == [0, 10]
