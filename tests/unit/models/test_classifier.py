"""ScorecardClassifier: exact under weights, repetition and order; isolated failures; folded calibration."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from support.cards import card
from support.populations import population, spec
from threadpoolctl import threadpool_info, threadpool_limits

from creditscore.config.scorecards import Binning, Selection
from creditscore.errors import DataError
from creditscore.models.classifier import ScorecardClassifier
from creditscore.models.estimator import OneScoreWarning
from creditscore.models.scorecard import Scorecard

#: Shares instead of evidence: a whole weight is then a row repeated.
PLAIN = Binning(evidence=False)


def plain(model):
    """The card without the two counts of rows, which alone may tell a weight from a repetition."""
    card = json.loads(model.scorecard_.to_json())
    for characteristic in card["characteristics"]:
        for attribute in characteristic["attributes"]:
            attribute.pop("rows")
    for key in ("rows", "bads", "effective_size"):
        card["training"].pop(key)
    return card


def attributes(model, name):
    return next(one for one in model.scorecard_.characteristics if one.name == name).attributes


@pytest.mark.parametrize("factor", [0.001, 3e307, 1e-300])
def test_scaling_all_weights_changes_no_byte(factor):
    X, y = population()
    w = np.random.default_rng(1).uniform(0.2, 5, len(X))
    once = ScorecardClassifier(cut_probabilities=(0.02, 0.1)).fit(X, y, sample_weight=w)
    other = ScorecardClassifier(cut_probabilities=(0.02, 0.1)).fit(X, y, sample_weight=w * factor)
    assert once.scorecard_.to_json() == other.scorecard_.to_json()


@pytest.mark.parametrize("sizes", [[1, 2, 3], [2, 3], [0, 1, 4]])
def test_whole_weights_are_repeated_rows_in_the_exact_setting(sizes):
    X, y = population(1500)
    rng = np.random.default_rng(2)
    w = rng.choice(sizes, len(X))
    team = [[f"i{k}"] for k in rng.integers(0, 6, len(X))]
    exact = ScorecardClassifier(cut_probabilities=(0.05,), tune="off", exponent=1.0, cross_fit=False, binning=PLAIN)
    weighed = clone(exact).fit(X, y, sample_weight=w, nuisance=team)
    rows = np.repeat(np.arange(len(X)), w)
    repeated = exact.fit(X.iloc[rows], y[rows], nuisance=[team[row] for row in rows])
    assert len(weighed.scorecard_.characteristics) >= 4
    assert plain(weighed) == plain(repeated)


def test_the_order_of_rows_changes_no_byte():
    X, y = population()
    w = np.random.default_rng(3).uniform(0.2, 5, len(X))
    mixed = np.random.default_rng(4).permutation(len(X))
    once = ScorecardClassifier().fit(X, y, sample_weight=w)
    other = ScorecardClassifier().fit(X.iloc[mixed], y[mixed], sample_weight=w[mixed])
    assert once.scorecard_.to_json() == other.scorecard_.to_json()


def test_the_thread_count_changes_no_byte_and_is_restored():
    X, y = population()
    texts = set()
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            before = [one["num_threads"] for one in threadpool_info()]
            texts.add(ScorecardClassifier().fit(X, y).scorecard_.to_json())
            assert [one["num_threads"] for one in threadpool_info()] == before
    assert len(texts) == 1


def test_rows_of_weight_zero_are_as_if_absent():
    X, y = population(2000)
    w = (np.arange(2000) % 3 > 0).astype(float)
    full = ScorecardClassifier().fit(X, y, sample_weight=w)
    assert full.scorecard_.to_json() == ScorecardClassifier().fit(X[w > 0], y[w > 0]).scorecard_.to_json()


def test_card_and_estimator_agree_and_probability_follows_the_score():
    X, y = population()
    model = ScorecardClassifier().fit(X, y)
    odd = X.head(6).copy()
    odd.loc[odd.index[0], "debt"] = np.nan
    odd.loc[odd.index[1], "grade"] = "never seen"
    odd.loc[odd.index[2], "grade"] = None
    odd.loc[odd.index[3], "debt"] = 1e12
    card = Scorecard.from_json(model.scorecard_.to_json())
    assert card.scores(odd).tolist() == model.scores(odd).tolist()
    p = model.predict_proba(odd)[:, 1]
    logit = np.log((1 - p) / p)
    scale = 600 + 20 / math.log(2) * (logit - math.log(50))
    assert np.abs(scale - model.scores(odd)).max() < 1e-6
    assert (model.points(odd).sum(axis=1) + card.constant).tolist() == model.scores(odd).tolist()
    assert list(model.scores(odd).index) == list(odd.index)


def test_points_add_up_to_what_the_printed_figures_say():
    X, y = population()
    card = ScorecardClassifier().fit(X, y).scorecard_
    for one in card.characteristics:
        for attribute in one.attributes:
            assert attribute.points == round(20 / math.log(2) * one.coefficient * attribute.woe)


def test_mean_probability_is_the_weighted_bad_rate():
    X, y = population(6000)
    w = np.where(X.listed == 1, 0.3, 2.0)
    model = ScorecardClassifier().fit(X, y, sample_weight=w)
    mean = np.average(model.predict_proba(X)[:, 1], weights=w)
    assert abs(mean / np.average(y, weights=w) - 1) < math.log(2) / 20


def test_points_are_monotone_and_coefficients_not_negative():
    X, y = population(3000, seed=5)
    features = [spec("debt", "higher_is_riskier"), spec("visits", "higher_is_riskier"), spec("age", "lower_is_riskier")]
    card = ScorecardClassifier(features=features).fit(X, y).scorecard_
    assert len(card.characteristics) == 3
    for one in card.characteristics:
        points = [a.points for a in one.attributes if a.kind == "interval"]
        assert points == sorted(points, reverse=one.trend == "higher_is_riskier")
        assert one.coefficient > 0


def test_one_bad_column_never_breaks_the_others():
    X, y = population()
    good = ScorecardClassifier().fit(X, y).scorecard_
    X["objects"] = [object() for _ in range(len(X))]
    X["nothing"] = np.nan
    X["dates"] = pd.Timestamp("2024-01-01")
    X["constant"] = 7
    X["ids"] = [f"id{k}" for k in range(len(X))]
    model = ScorecardClassifier().fit(X, y)
    assert model.scorecard_.to_json() == good.to_json()
    left = model.selection_.set_index("characteristic").reason
    assert left["constant"] == "constant: one attribute"
    assert left["ids"].startswith("not cut")
    assert left["nothing"] == "no values: every row is missing"
    assert "dates" in left["dates"]
    assert "objects" in left["objects"]


def test_a_solver_failure_on_one_column_is_shown_in_the_table(monkeypatch):
    from creditscore.models import line_cuts

    real = line_cuts._search

    def fails(good, bad, trend, limits):
        if len(good) < 4:
            raise RuntimeError("no solution")
        return real(good, bad, trend, limits)

    monkeypatch.setattr(line_cuts, "_search", fails)
    X, y = population()
    model = ScorecardClassifier().fit(X, y)
    reasons = model.selection_.set_index("characteristic").reason
    assert "RuntimeError" in reasons["listed"]
    assert reasons["debt"] == ""


def test_a_leak_is_refused_by_name_or_warned_about():
    X, y = population()
    X["outcome_code"] = y * 10
    with pytest.raises(DataError, match="outcome_code"):
        ScorecardClassifier(on_leak="refuse").fit(X, y)
    model = ScorecardClassifier().fit(X, y)
    assert model.selection_.set_index("characteristic").kept["outcome_code"]


def test_a_leak_through_missing_values_is_detected():
    X, y = population()
    X["closed_on"] = np.where(y == 1, np.nan, 5.0)
    with pytest.raises(DataError, match="closed_on"):
        ScorecardClassifier(on_leak="refuse").fit(X, y)


def test_redundant_and_useless_columns_are_dropped_with_a_reason():
    X, y = population()
    rng = np.random.default_rng(6)
    X["debt_again"] = X.debt * 2
    X["noise"] = rng.normal(size=len(X))
    X["rating"] = rng.choice(["good", "fair"], len(X))
    features = [spec("debt"), spec("debt_again"), spec("noise"), spec("rating", source="base", text=True, order=("good", "fair"))]
    model = ScorecardClassifier(features=features, selection=Selection(min_information_value=0.02)).fit(X, y)
    table = model.selection_.set_index("characteristic")
    assert table.kept[["debt", "debt_again"]].sum() == 1
    assert table.reason[["debt", "debt_again"]].str.contains(r"correlation .* with debt").sum() == 1
    assert "information value" in table.reason["noise"]
    assert table.kept["rating"]
    assert "rating" in model.scorecard_.features


def test_a_coefficient_of_zero_takes_the_column_out():
    X, y = population(4000)
    noisy = X.debt.fillna(0) + np.random.default_rng(7).normal(size=len(X)) * 0.3
    X["debt_blurred"] = np.round(noisy, 2)
    model = ScorecardClassifier(selection=Selection(max_correlation=1.0, min_information_value=0.0)).fit(X, y)
    table = model.selection_.set_index("characteristic")
    assert table.kept["debt"]
    for one in model.scorecard_.characteristics:
        assert one.coefficient > 0


def test_no_more_characteristics_than_allowed():
    X, y = population()
    model = ScorecardClassifier(selection=Selection(max_characteristics=2)).fit(X, y)
    assert len(model.scorecard_.characteristics) == 2
    assert model.selection_.reason.str.contains("max_characteristics").any()


def test_self_declared_characteristics_only_add_and_are_capped():
    X, y = population()
    X["declared"] = np.where(np.random.default_rng(8).random(len(X)) < 0.5, np.nan, -X.visits)
    cap = spec("declared", "lower_is_riskier", "self_declared", points_cap=4)
    model = ScorecardClassifier(features=[spec("debt"), cap]).fit(X, y)
    declared = attributes(model, "declared")
    assert min(a.points for a in declared) == 0
    assert next(a.points for a in declared if a.kind == "missing") == 0
    assert max(a.points for a in declared) == 4
    p = model.predict_proba(X)[:, 1].mean()
    assert abs(p / y.mean() - 1) < math.log(2) / 20


def test_edits_by_hand_survive_fit_and_clone():
    X, y = population()
    model = clone(ScorecardClassifier(splits={"debt": [-0.5, 0.5], "grade": [["A"], ["B", "C"]]}))
    for _ in range(2):
        model.fit(X, y)
        debt = [(a.lower, a.upper) for a in attributes(model, "debt") if a.kind == "interval"]
        assert debt == [(None, -0.5), (-0.5, 0.5), (0.5, None)]
        assert [a.values for a in attributes(model, "grade") if a.kind == "category"] == [("A",), ("B", "C")]


def test_special_codes_have_an_attribute_of_their_own():
    X, y = population()
    rng = np.random.default_rng(9)
    special = rng.random(len(X)) < 0.2
    X.loc[special, "age"] = -9
    y = np.where(special, rng.random(len(X)) < 0.6, y).astype(int)
    model = ScorecardClassifier(special_codes={"age": [-9]}).fit(X, y)
    one = next(a for a in attributes(model, "age") if a.kind == "special")
    assert one.values == (-9,)
    assert one.woe < -1
    assert ScorecardClassifier(special_codes=[-9]).fit(X, y).scorecard_.to_json() == model.scorecard_.to_json()


def test_parameters_are_kept_as_given_and_cloned():
    model = ScorecardClassifier(ridge=0.1, binning=Binning(max_bins=3), name="x")
    assert model.get_params()["ridge"] == 0.1
    assert clone(model).get_params() == model.get_params()
    model.set_params(ridge=0.2)
    assert model.ridge == 0.2


def test_baselines_lie_at_the_cuts():
    X, y = population(5000)
    model = ScorecardClassifier(cut_probabilities=(0.05, 0.2)).fit(X, y)
    card = model.scorecard_
    population_mean, *cuts = card.baselines
    assert population_mean.above_score is None
    assert [one.above_score for one in cuts] == sorted((one.above_score for one in cuts), reverse=True)
    for one, limit in zip(cuts, (0.05, 0.2), strict=True):
        at_cut = card.constant + sum(one.points.values())
        assert at_cut >= one.above_score - len(one.points)
        scores, p = model.scores(X), model.predict_proba(X)[:, 1]
        assert p[scores >= one.above_score].max() <= limit + 1e-6
        assert p[scores < one.above_score].min() > limit - 1e-6


def test_a_card_without_any_useful_column_has_only_its_constant():
    rng = np.random.default_rng(10)
    X = pd.DataFrame({"a": np.ones(500)})
    y = (rng.random(500) < 0.1).astype(int)
    with pytest.warns(OneScoreWarning):
        model = ScorecardClassifier().fit(X, y)
    assert model.scorecard_.characteristics == ()
    assert abs(model.predict_proba(X)[:, 1].mean() / y.mean() - 1) < math.log(2) / 20


def test_effective_size_is_kish():
    X, y = population(300)
    w = np.r_[np.ones(299), 100.0]
    assert ScorecardClassifier(binning=PLAIN).fit(X, y, sample_weight=w).effective_size_ == pytest.approx(
        w.sum() ** 2 / (w**2).sum()
    )


def test_a_fit_that_keeps_no_characteristic_says_what_to_do():
    rng = np.random.default_rng(3)
    X, y = pd.DataFrame({"noise": rng.normal(size=400)}), rng.random(400) < 0.1
    with pytest.warns(
        OneScoreWarning, match=r"card all: every subject has the score \d+: no characteristic .*selection_ .*more rows"
    ) as said:
        one = ScorecardClassifier(selection=Selection(min_information_value=5)).fit(X, y).scorecard_
    assert len(said) == 1
    assert said[0].filename == __file__
    assert one.table()["Bin"].tolist() == [f"every subject has the score {one.constant}"]
    assert one.table(lang="zh").iloc[:, 2].tolist() == [f"全部主体得分均为 {one.constant}"]
    assert f"no characteristics, every subject has the score {one.constant}" in repr(one)
    assert f"every subject has the score {one.constant}" in one._repr_html_()


def test_a_card_with_characteristics_has_its_scores_in_its_name():
    one = card()
    assert repr(one).startswith(
        f"<Scorecard food of industry food_service: 5 characteristics, scores {one.lowest} to {one.highest}, "
    )
    assert one.table()["Bin"][0] == ""
