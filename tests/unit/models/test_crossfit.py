"""Rows held out: who is held out together, what the fits may know, and the slope that comes of it."""

import numpy as np
import pandas as pd
import pytest

from creditscore.errors import DataError
from creditscore.models.calibration import UNPROVEN, slope_of
from creditscore.models.classifier import ScorecardClassifier
from creditscore.models.crossfit import HeldOut, forward_folds, held_out, level_folds, subject_folds
from creditscore.models.sample import read_sample


def rows(n=600, seed=0, **given):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.poisson(1, n)})
    y = (rng.random(n) < 1 / (1 + np.exp(1.5 - 0.8 * X.a))).astype(int)
    given = {"sample_weight": None, "nuisance": None, **given}
    return read_sample(X, y, features=None, **given)


def true(_, out):
    return 0.8 * out.columns[0].values


def test_a_subject_is_never_split():
    sample = rows(subjects=[f"s{k % 150}" for k in range(600)])
    folds = subject_folds(sample)
    assert np.sum([fold.held for fold in folds], axis=0).tolist() == [1] * 600
    for fold in folds:
        assert not set(sample.subject[fold.rest]) & set(sample.subject[fold.held])


def test_folds_by_subject_do_not_hang_on_the_order_of_rows():
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"a": rng.normal(size=400), "b": rng.poisson(1, 400)})
    y, subjects = rng.integers(0, 2, 400), np.array([f"s{k}" for k in rng.integers(0, 200, 400)])
    folds = []
    for order in (np.arange(400), rng.permutation(400)):
        sample = read_sample(X.iloc[order], y[order], features=None, sample_weight=None, nuisance=None, subjects=subjects[order])
        number = np.argmax([fold.held for fold in subject_folds(sample)], axis=0)
        folds.append(number[np.argsort(order[sample.rows])])
    assert folds[0].tolist() == folds[1].tolist()


def test_forward_folds_never_know_the_future_and_predict_most_rows():
    sample = rows(time=np.arange(600) // 7)
    folds = forward_folds(sample)
    for fold in folds:
        assert sample.moment[fold.rest].max() < sample.moment[fold.held].min()
    assert np.any([fold.held for fold in folds], axis=0).mean() >= 0.55


def test_levels_hold_out_each_part_with_its_subjects_where_others_are_left():
    strangers = rows(time=np.arange(600) // 7, subjects=[f"s{k // 2}" for k in range(600)])
    for fold in level_folds(strangers):
        assert len(set(strangers.window[fold.held])) == 1
        assert not set(strangers.subject[fold.rest]) & set(strangers.subject[fold.held])
    panel = rows(time=np.arange(600) // 120, subjects=[f"s{k % 120}" for k in range(600)])
    assert all(
        (panel.window[fold.rest] != panel.window[fold.held][0]).all() and fold.rest.sum() == 480 for fold in level_folds(panel)
    )


@pytest.mark.parametrize("times", [None, np.arange(600) // 7])
def test_rows_for_the_ranking_only_are_never_predicted(times):
    ranking_only = [k % 4 == 0 for k in range(600)]
    sample = rows(time=times, ranking_only=ranking_only, sample_weight=[None if r else 2.0 for r in ranking_only])
    known = []
    held = held_out(sample, lambda rest, out: known.append(rest.ranking_only.sum()) or true(rest, out))
    assert not held.there[sample.ranking_only].any()
    assert held.there[~sample.ranking_only].all()
    assert min(known) > 0


def test_rows_for_the_ranking_only_never_enter_a_level():
    rng = np.random.default_rng(2)
    X = pd.DataFrame({"a": rng.normal(size=1200)})
    y = (rng.random(1200) < 1 / (1 + np.exp(2 - X.a))).astype(int).to_numpy()
    extra = np.arange(1200) % 4 == 0
    y = np.where(extra, 1, y)  # visits for a complaint, all bad, of an absurd weight
    weight = np.where(extra, 1e6, 1.0)
    model = ScorecardClassifier(tune="off", exponent=1.0).fit(X, y, sample_weight=weight, ranking_only=extra.tolist())
    mean = model.predict_proba(X[~extra])[:, 1].mean()
    assert abs(mean / y[~extra].mean() - 1) < 0.02
    facts = model.scorecard_.training
    assert facts["bads"] == y[~extra].sum()
    assert facts["rows_for_the_ranking_only"] == 300


def slope(sample, predictor, nuisance_ridge=0.002):
    return slope_of(sample, held_out(sample, predictor), nuisance_ridge=nuisance_ridge)


def test_a_true_predictor_has_slope_one_and_one_twice_too_wide_about_half():
    sample = rows(8000)
    one, wide = slope(sample, true), slope(sample, lambda *parts: 2 * true(*parts))
    assert one.used == pytest.approx(1.0, abs=0.1)
    assert wide.used == pytest.approx(0.5, abs=0.08)
    assert one.own_weight > 0.9


def test_few_cases_leave_the_slope_near_one():
    many, few = (slope(rows(n, seed=3), lambda *parts: 2 * true(*parts)) for n in (8000, 60))
    assert few.own_weight < many.own_weight
    assert min(few.found, 1.0) <= few.used <= max(few.found, 1.0)


def test_rows_of_one_subject_are_no_independent_evidence():
    base = rows(400)
    again = read_sample(
        pd.DataFrame({"a": np.tile(base.columns[0].values, 5), "b": np.tile(base.columns[1].values, 5)}),
        np.tile(base.bad.astype(int), 5),
        features=None,
        sample_weight=None,
        nuisance=None,
        subjects=np.tile([f"s{k}" for k in range(400)], 5).tolist(),
    )
    once, five = slope(base, true), slope(again, true)
    assert five.variance == pytest.approx(once.variance, rel=0.25)


def test_folds_without_a_finding_are_left_out_and_without_any_the_slope_is_half():
    sample = rows(3000)
    calls = iter(range(5))
    some = slope(sample, lambda rest, out: true(rest, out) if next(calls) in (0, 4) else np.zeros(len(out.weight)))
    assert some.found == pytest.approx(1.0, abs=0.35)
    assert slope(sample, lambda rest, out: np.zeros(len(out.weight))).used == UNPROVEN
    assert slope(sample, lambda rest, out: -true(rest, out)).found == 0


def test_where_the_rest_cannot_be_fitted_the_slope_is_one():
    def fails(rest, out):
        raise DataError("no")

    assert slope(rows(), fails).used == 1.0


def test_inspectors_in_districts_do_not_flatten_the_slope():
    """A predictor that knows risk, inspectors of unlike strictness in districts of unlike risk."""
    rng = np.random.default_rng(5)
    n = 12_000
    district = rng.integers(0, 30, n)
    level, strictness = rng.normal(0, 0.7, 30), rng.normal(0, 1.0, 30)
    a = level[district] + rng.normal(0, 0.6, n)
    y = (rng.random(n) < 1 / (1 + np.exp(2 - a - strictness[district] * np.sign(-level[district])))).astype(int)
    X = pd.DataFrame({"a": a})
    teams = [f"i{2 * d + k}" for d, k in zip(district, rng.integers(0, 2, n), strict=True)]
    blind, seeing = (
        slope(read_sample(X, y, features=None, sample_weight=None, nuisance=who), lambda rest, out: out.columns[0].values)
        for who in (None, teams)
    )
    assert abs(np.log(seeing.used)) < 0.5 * abs(np.log(blind.used))


def test_scaling_weights_changes_no_slope():
    weight = np.random.default_rng(6).uniform(0.2, 5, 900)
    found = [slope(rows(900, sample_weight=weight * factor), true) for factor in (1.0, 1024.0)]
    assert found[0] == found[1]


def test_five_bads_of_noise_give_no_range():
    rng = np.random.default_rng(7)
    X = pd.DataFrame(rng.normal(size=(500, 10)), columns=[f"f{k}" for k in range(10)])
    y = np.zeros(500, dtype=int)
    y[rng.choice(500, 5, replace=False)] = 1
    with pytest.warns(UserWarning, match="every subject has the score"):
        model = ScorecardClassifier().fit(X, y)
    scores = model.scores(X)
    assert scores.max() - scores.min() < 60


def test_a_held_out_row_without_predictor_is_not_there():
    held = HeldOut(np.array([np.nan, 1.0]), np.array([-1, 0]), 0.8)
    assert held.there.tolist() == [False, True]
