"""Slopes and levels of industries in the cards: held-out rows, time, weights, and the order of everything."""

import numpy as np
import pandas as pd
import pytest

from creditscore.config.scorecards import Binning, Pooling, Selection
from creditscore.models import pooling
from creditscore.models.industry import IndustryScorecards
from creditscore.models.mixed import fit_mixed
from creditscore.models.tuning import POOLING_FACTORS


def few(n=300, seed=0, base=-2.5):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.poisson(1, n), "c": rng.choice(list("uvwxyz"), n)})
    return X, (rng.random(n) < 1 / (1 + np.exp(-(base + 0.8 * X.a)))).astype(int)


def branches(seed, *, groups=12, rows=400, level=0.6, slope=0.0, base=-2.2):
    """Branches that differ in level and slope; the rows, their outcomes, branches and true probabilities."""
    rng = np.random.default_rng(seed)
    branch = np.repeat(np.arange(groups), rows)
    X = pd.DataFrame({"a": rng.normal(size=len(branch)), "b": rng.normal(size=len(branch))})
    own = rng.normal(0, slope, groups)[branch], rng.normal(0, level, groups)[branch]
    p = 1 / (1 + np.exp(-(base + own[1] + (0.7 + own[0]) * X.a + 0.4 * X.b).to_numpy()))
    return X, (rng.random(len(p)) < p).astype(int), np.array([f"b{code:02d}" for code in branch]), p


def test_folds_that_keep_no_column_do_not_flatten_the_cards():
    X, y = few()
    card = IndustryScorecards(tune="off").fit(X, y, industry=["f"] * len(X)).pooled_
    kept = [one for one in card.characteristics if one.name == "a"]
    assert kept[0].coefficient > 0
    assert len({a.points for a in kept[0].attributes}) > 2


def test_row_order_and_weight_scale_change_nothing_with_times_subjects_and_inspectors():
    X, y, branch, _ = branches(1, groups=4, rows=500, base=-1.0)
    rng = np.random.default_rng(1)
    order, people = rng.permutation(len(X)), np.array([["p"], ["q", "r"], ["q"], ["p", "r"]] * 500, dtype=object)
    options = {"industry": branch, "sample_weight": rng.choice([1.0, 3.0], len(X)), "nuisance": people}
    options |= {"time": rng.integers(0, 40, len(X)), "subjects": rng.integers(0, 1500, len(X))}
    one = IndustryScorecards(tune="off").fit(X, y, **options)
    moved = {name: np.asarray(values, dtype=object if name == "nuisance" else None)[order] for name, values in options.items()}
    moved["sample_weight"] = moved["sample_weight"] / 1024
    other = IndustryScorecards(tune="off").fit(X.iloc[order], y[order], **moved)
    assert one.pooled_.to_json() == other.pooled_.to_json()
    assert {code: card.to_json() for code, card in one.scorecards_.items()} == {
        c: card.to_json() for c, card in other.scorecards_.items()
    }


def test_each_row_is_predicted_by_a_fit_without_it():
    rng = np.random.default_rng(4)
    X = pd.DataFrame(rng.normal(size=(1500, 12)), columns=[f"f{k}" for k in range(12)])
    y = (rng.random(1500) < 1 / (1 + np.exp(1.5 - X @ np.full(12, 0.2)))).astype(int).to_numpy()
    weight = np.where(np.arange(1500) % 10 == 0, 0.0, 1.0)
    model = IndustryScorecards(tune="off").fit(X, y, industry=["f"] * 1500, sample_weight=weight)
    held, seen = model.held_out_probability_, model.predict_proba(X, industry=["f"] * 1500)[:, 1]
    assert (np.isnan(held) == (weight == 0)).all()
    used = weight > 0
    gap = [p[used & (y == 1)].mean() - p[used & (y == 0)].mean() for p in (held, seen)]
    assert 0 < gap[0] < 0.95 * gap[1], "what was fitted tells its own rows apart too well"
    assert abs(held[used].mean() - y[used].mean()) < 0.02


def test_an_industry_far_below_the_others_is_told_its_own_rate():
    X, y, branch, _ = branches(2, groups=9, rows=500, level=0.3, base=-1.6)
    rng = np.random.default_rng(0)
    small = X.sample(411, random_state=0)
    rare = np.zeros(411, dtype=int)
    rare[rng.permutation(411)[:3]] = 1
    model = IndustryScorecards(tune="off").fit(
        pd.concat([X, small]), np.r_[y, rare], industry=np.r_[branch, np.repeat("rare", 411)]
    )
    row = model.shrinkage_.set_index("industry").loc["rare"]
    assert row.bad_rate_observed == pytest.approx(0.0073, abs=1e-4)
    assert row.bad_rate_used < 0.03


def excess(p, found):
    return float(np.mean(p * np.log(p / found) + (1 - p) * np.log((1 - p) / (1 - found))))


def test_where_slopes_differ_industry_cards_beat_the_pooled_ranking_and_where_they_do_not_nothing_is_lost():
    gain = {}
    for slope in (0.0, 0.5):
        X, y, branch, p = branches(3, rows=500, slope=slope)
        own = IndustryScorecards(tune="off").fit(X, y, industry=branch)
        level = IndustryScorecards(tune="off", pooling=Pooling(slope_sd=0.0)).fit(X, y, industry=branch)
        loss = [excess(p, model.predict_proba(X, industry=branch)[:, 1]) for model in (level, own)]
        gain[slope] = loss[0] - loss[1]
    assert gain[0.0] > -0.001
    assert gain[0.5] > 0.003


def test_declared_distances_hold_in_every_fold_and_leave_no_factor_to_choose(monkeypatch):
    X, y, industry, _ = branches(3, groups=10, rows=250)
    seen = []

    def spy(*args, **more):
        model = fit_mixed(*args, **more)
        seen.append((more["start"].size > 1, model.variances.between[1]))
        return model

    monkeypatch.setattr(pooling, "fit_mixed", spy)
    time = np.arange(len(y)) % 5
    cards = IndustryScorecards(pooling=Pooling(level_sd=0.3, slope_sd=0.0)).fit(X, y, industry=industry, time=time)
    assert len(seen) > 6
    for with_slopes, between in seen:
        assert np.sqrt(between[0]) == pytest.approx(0.3)
        assert not (with_slopes and between[1:].any())
    assert "pooling_factor" not in set(cards.tuning_["setting"])
    one_declared = IndustryScorecards(pooling=Pooling(level_sd=0.3)).fit(X, y, industry=industry, time=time)
    assert "pooling_factor" in set(one_declared.tuning_["setting"])


def test_a_fold_estimates_the_variances_once_for_all_factors(monkeypatch):
    X, y, industry, _ = branches(3, groups=10, rows=250)
    known = []

    def spy(*args, **more):
        known.append((more.get("factor"), more.get("known")))
        return fit_mixed(*args, **more)

    monkeypatch.setattr(pooling, "fit_mixed", spy)
    IndustryScorecards(ridge=0.05, exponent=1.0, binning=Binning(max_bins=5), selection=Selection(max_crosses=0)).fit(
        X, y, industry=industry, time=np.arange(len(y)) % 5
    )
    folds = 3
    assert [of is None for _, of in known[: 3 * folds]] == [True, False, False] * folds
    assert [factor for factor, _ in known[: 3 * folds]] == list(POOLING_FACTORS) * folds
