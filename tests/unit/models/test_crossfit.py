"""The slope of the calibration from held-out rows: what a fold without a finding does to it."""

import numpy as np
import pandas as pd
import pytest

from creditscore.models.fit import crossfit
from creditscore.models.industry import IndustryScorecards


def few(n=300, seed=0, base=-2.5):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.poisson(1, n), "c": rng.choice(list("uvwxyz"), n)})
    return X, (rng.random(n) < 1 / (1 + np.exp(-(base + 0.8 * X.a)))).astype(int)


def test_folds_in_which_nothing_is_kept_do_not_flatten_the_cards():
    X, y = few()
    card = IndustryScorecards().fit(X, y, industry=["f"] * len(X)).pooled_
    (kept,) = card.characteristics
    assert kept.coefficient > 0
    assert len({a.points for a in kept.attributes}) > 2


def slope_with(monkeypatch, *etas):
    """The slope for given predictors of the five folds (functions of the rows held out)."""
    found, parts = [], iter(etas)
    monkeypatch.setattr(crossfit, "_held_out", lambda sample, held, *_: next(parts)(sample, held))
    inner = crossfit.crossfitted_slope
    monkeypatch.setattr("creditscore.models.industry.crossfitted_slope", lambda *a: found.append(inner(*a)) or found[-1])
    X, y = few(3000)
    IndustryScorecards().fit(X, y, industry=["f"] * len(X))
    return found[0]


def true(sample, held):
    return 0.8 * sample.columns[0].values[held]


def alike(_, held):
    return np.zeros(held.sum())


def test_a_fold_that_tells_nothing_leaves_the_slope_to_the_others(monkeypatch):
    assert slope_with(monkeypatch, true, alike, alike, alike, true) == pytest.approx(1.0, abs=0.35)


def test_without_any_finding_in_rows_held_out_the_slope_is_half(monkeypatch):
    assert slope_with(monkeypatch, *[alike] * 5) == crossfit.UNPROVEN


def test_held_out_rows_that_deny_the_fit_flatten_the_cards_and_are_told(monkeypatch, caplog):
    assert slope_with(monkeypatch, *[lambda sample, held: -true(sample, held)] * 5) == 0
    assert "rows held out show nothing" in caplog.text


def test_order_of_rows_and_scale_of_weights_are_nothing_to_the_slope(monkeypatch):
    X, y = few(500)
    weight, order = np.random.default_rng(1).choice([1.0, 3.0], 500), np.random.default_rng(2).permutation(500)
    industry, people = np.array(["f", "g"] * 250), np.array([["p"], ["q", "r"], ["q"], ["p", "r"]] * 125, dtype=object)
    one = IndustryScorecards().fit(X, y, industry=industry, sample_weight=weight, nuisance=people)
    other = IndustryScorecards().fit(
        X.iloc[order], y.iloc[order], industry=industry[order], sample_weight=weight[order] / 1024, nuisance=people[order]
    )
    assert one.pooled_.to_json() == other.pooled_.to_json()
