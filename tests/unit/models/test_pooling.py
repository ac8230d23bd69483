"""The slope of the calibration from held-out rows: what a fold without a finding does to it."""

import numpy as np
import pandas as pd
import pytest

from creditscore.models import pooling
from creditscore.models.estimator import OneScoreWarning
from creditscore.models.industry import IndustryScorecards


def few(n=300, seed=0, base=-2.5):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.poisson(1, n), "c": rng.choice(list("uvwxyz"), n)})
    return X, (rng.random(n) < 1 / (1 + np.exp(-(base + 0.8 * X.a)))).astype(int)


def test_folds_that_keep_no_column_do_not_flatten_the_cards():
    X, y = few()
    card = IndustryScorecards().fit(X, y, industry=["f"] * len(X)).pooled_
    (kept,) = card.characteristics
    assert kept.coefficient > 0
    assert len({a.points for a in kept.attributes}) > 2


def slope_with(monkeypatch, *etas):
    """The slope for given predictors of the five folds (functions of the rows held out)."""
    found, parts = [], iter(etas)
    monkeypatch.setattr(pooling, "_held_out", lambda sample, held, *_: next(parts)(sample, held))
    inner = pooling.crossfit
    monkeypatch.setattr("creditscore.models.industry.crossfit", lambda *a: found.append(inner(*a)) or found[-1])
    X, y = few(3000)
    IndustryScorecards().fit(X, y, industry=["f"] * len(X))
    return found[0].slope


def true(sample, held):
    return 0.8 * sample.columns[0].values[held]


def alike(_, held):
    return np.zeros(held.sum())


def test_an_uninformative_fold_leaves_the_slope_to_the_others(monkeypatch):
    assert slope_with(monkeypatch, true, alike, alike, alike, true) == pytest.approx(1.0, abs=0.35)


def test_without_any_finding_in_rows_held_out_the_slope_is_half(monkeypatch):
    assert slope_with(monkeypatch, *[alike] * 5) == pooling.UNPROVEN


def test_held_out_rows_against_the_fit_flatten_the_cards_with_a_note(monkeypatch, caplog):
    with pytest.warns(OneScoreWarning, match="every subject has the score"):
        assert slope_with(monkeypatch, *[lambda sample, held: -true(sample, held)] * 5) == 0
    assert "rows held out show nothing" in caplog.text


def test_row_order_and_weight_scale_do_not_change_the_slope(monkeypatch):
    X, y = few(500)
    weight, order = np.random.default_rng(1).choice([1.0, 3.0], 500), np.random.default_rng(2).permutation(500)
    industry, people = np.array(["f", "g"] * 250), np.array([["p"], ["q", "r"], ["q"], ["p", "r"]] * 125, dtype=object)
    one = IndustryScorecards().fit(X, y, industry=industry, sample_weight=weight, nuisance=people)
    other = IndustryScorecards().fit(
        X.iloc[order], y.iloc[order], industry=industry[order], sample_weight=weight[order] / 1024, nuisance=people[order]
    )
    assert one.pooled_.to_json() == other.pooled_.to_json()


def test_each_row_is_predicted_by_a_fit_without_it():
    rng = np.random.default_rng(4)
    X = pd.DataFrame(rng.normal(size=(1500, 12)), columns=[f"f{k}" for k in range(12)])
    y = (rng.random(1500) < 1 / (1 + np.exp(1.5 - X @ np.full(12, 0.2)))).astype(int).to_numpy()
    weight = np.where(np.arange(1500) % 10 == 0, 0.0, 1.0)
    model = IndustryScorecards().fit(X, y, industry=["f"] * 1500, sample_weight=weight)
    held, seen = model.held_out_probability_, model.predict_proba(X, industry=["f"] * 1500)[:, 1]
    assert (np.isnan(held) == (weight == 0)).all()
    used = weight > 0
    gap = [p[used & (y == 1)].mean() - p[used & (y == 0)].mean() for p in (held, seen)]
    assert 0 < gap[0] < 0.8 * gap[1], "what was fitted tells its own rows apart too well"
    assert abs(held[used].mean() - y[used].mean()) < 0.02
