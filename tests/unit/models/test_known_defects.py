"""Defects found in other scorecard libraries: this library has none of them."""

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from support.populations import attributes, population, spec

from creditscore.config.scorecards import Binning, Scaling, Selection
from creditscore.errors import DataError
from creditscore.models import scoring
from creditscore.models.classifier import ScorecardClassifier
from creditscore.models.evaluate import evaluate
from creditscore.models.monitor import characteristic_stability, psi
from creditscore.models.scorecard import Scorecard

UNIT = math.log(2) / 20


@pytest.fixture(scope="module")
def fitted():
    X, y = population(4000)
    X.loc[X.index % 7 == 0, "age"] = -9
    return ScorecardClassifier(special_codes={"age": [-9]}).fit(X, y), X, y


def test_weights_are_not_truncated():
    X, y = population()
    w = np.random.default_rng(1).uniform(0.2, 1.0, len(X))
    card = (
        ScorecardClassifier(
            splits={"debt": [0.0]}, features=[spec("debt")], binning=Binning(evidence=False, smoothing=0), exponent=1
        )
        .fit(X, y, w)
        .scorecard_
    )
    low = (X.debt < 0).to_numpy()
    good, bad = w * (y == 0), w * (y == 1)
    expected = math.log(good[low].sum() / good.sum() / (bad[low].sum() / bad.sum()))
    assert attributes(card, "debt")[0].woe == pytest.approx(expected, abs=1e-6)
    assert attributes(card, "debt")[0].weight == pytest.approx(w[low].sum() / w.sum(), abs=1e-8)


def test_tiny_weights_are_as_good_as_large_ones():
    X, y = population(800)
    w = np.random.default_rng(1).uniform(0.2, 1.0, len(X))
    cards = {ScorecardClassifier().fit(X, y, w * scale).scorecard_.to_json() for scale in (1, 1e-3, 1e-9, 1e9)}
    assert len(cards) == 1


def test_missing_special_and_unseen_score_by_their_probability(fitted):
    model, X, _ = fitted
    odd = X.head(3).assign(debt=[np.nan, 0.1, 0.1], age=[20.0, -9.0, 20.0], grade=["A", "A", "never seen"])
    card, p = model.scorecard_, model.predict_proba(odd)[:, 1]
    scale = card.scaling
    scores = scale.base_score + (np.log((1 - p) / p) - math.log(scale.base_odds)) / UNIT
    assert np.abs(scores - model.scores(odd)).max() < 1e-6
    assert model.points(odd)["grade"].iloc[2] == next(a.points for a in attributes(card, "grade") if a.kind == "other")


def test_a_group_that_is_all_bad_or_all_good_is_not_neutral():
    X, y = population()
    X["certificate"] = np.where(y == 1, np.where(np.arange(len(y)) % 3 == 0, np.nan, 1.0), 1.0)
    X["fined"] = np.where(y == 1, np.where(np.arange(len(y)) % 4 == 0, 1.0, 0.0), 0.0)
    card = ScorecardClassifier().fit(X, y).scorecard_
    missing = next(a for a in attributes(card, "certificate") if a.kind == "missing")
    assert missing.bad_rate > 0.9
    assert missing.woe < -2
    assert [a.lower for a in attributes(card, "fined") if a.kind == "interval"] == [None, 1.0]
    assert attributes(card, "fined")[1].woe < -2


def test_monitoring_has_bins_for_missing_special_and_unseen(fitted):
    model, X, _ = fitted
    card = model.scorecard_
    for change, column in (({"grade": "unseen"}, "grade"), ({"debt": np.nan}, "debt"), ({"age": -9.0}, "age")):
        half = X.index % 2 == 0
        moved = X.copy()
        for name, value in change.items():
            moved.loc[half, name] = value
        table = characteristic_stability(card, X, moved)
        assert table.loc[column, "psi"] > 0.25
        assert (table.drop(index=column)["psi"] == 0).all()


def test_monitoring_handles_empty_bins_and_extreme_drift(fitted):
    model, X, _ = fitted
    card = model.scorecard_
    assert (characteristic_stability(card, X, X)["psi"] == 0).all()
    gone = X.assign(debt=1e6, visits=10**6, age=np.nan, grade="unseen", listed=1)
    assert np.isfinite(characteristic_stability(card, X, gone)["psi"]).all()
    assert psi(card.scores(X), card.scores(gone)) > 1


def test_bins_edited_by_hand_survive_fit_clone_and_search(fitted):
    _, X, y = fitted
    model = ScorecardClassifier(special_codes={"age": [-9]}).fit(X, y)
    edited = model.scorecard_.splits | {"debt": [-1.0, 1.0], "grade": [["A"], ["B", "C"]]}
    search = GridSearchCV(clone(ScorecardClassifier(splits=edited)), {"ridge": [0.0005, 0.01]}, cv=2, scoring="roc_auc").fit(X, y)
    again = search.best_estimator_.fit(X, y).scorecard_.splits
    assert again == {name: edited[name] for name in again}
    assert again["debt"] == [-1.0, 1.0]
    assert again["grade"] == [["A"], ["B", "C"]]


def test_a_card_fitted_on_the_cuts_of_another_has_its_woe(fitted):
    """Points may differ by the calibration, whose held-out fits search for cuts of their own where none are given."""
    _, X, y = fitted
    # By evidence a group of texts that a person put together counts for more than one that a search did.
    plain = Binning(evidence=False)
    first = ScorecardClassifier(binning=plain).fit(X, y).scorecard_
    second = ScorecardClassifier(binning=plain, splits=first.splits).fit(X, y).scorecard_
    of = [{one.name: [a.woe for a in one.attributes] for one in card.characteristics} for card in (first, second)]
    assert of[0] == of[1]


def test_points_probability_and_score_agree_in_all_settings():
    X, y = population(1500)
    for settings in (
        {"special_codes": [0]},
        {"binning": Binning(max_bins=2)},
        {"scaling": Scaling(base_score=0, base_odds=1, pdo=7)},
    ):
        model = ScorecardClassifier(**settings).fit(X, y)
        card = model.scorecard_
        assert (card.constant + model.points(X).sum(axis=1) == model.scores(X)).all()
        p, unit = model.predict_proba(X)[:, 1], math.log(2) / card.scaling.pdo
        odds = (model.scores(X) - card.scaling.base_score) * unit + math.log(card.scaling.base_odds)
        assert np.abs(np.log((1 - p) / p) - odds).max() < 1e-9


@pytest.mark.parametrize(
    ("binning", "holds"),
    [
        (Binning(max_bins=3), lambda kept: max(len(one.of("interval")) for one in kept) == 3),
        (Binning(min_share=0.3), lambda kept: min(a.weight for one in kept for a in one.of("interval") if not a.neutral) >= 0.3),
        (Binning(smoothing=0.1), lambda kept: max(abs(a.woe) for one in kept for a in one.attributes) < 0.9),
    ],
)
def test_every_binning_setting_takes_effect(binning, holds):
    X, y = population()
    numbers = [one for one in ScorecardClassifier(binning=binning).fit(X, y).scorecard_.characteristics if one.kind == "number"]
    assert holds(numbers)
    assert not holds([one for one in ScorecardClassifier().fit(X, y).scorecard_.characteristics if one.kind == "number"])


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        ({"debt": [1.0, -1.0]}, "debt: expected rising finite edges"),
        ({"debt": [0.0, np.nan]}, "debt: expected rising finite edges"),
        ({"debt": ["A"]}, "debt: expected rising finite edges"),
        ({"grade": [["A"], ["A", "B"]]}, "grade: expected groups of texts, each text once"),
        ({"grade": [1.5]}, "grade: expected groups of texts"),
        ({"dept": [0.0]}, "splits: dept: expected names of features"),
    ],
)
def test_impossible_cuts_are_refused(splits, said):
    X, y = population(500)
    with pytest.raises(DataError, match=said):
        ScorecardClassifier(splits=splits).fit(X, y)


def test_a_trend_that_the_data_contradict_is_reported():
    X, y = population()
    model = ScorecardClassifier(features=[spec("debt"), spec("visits", "lower_is_riskier")]).fit(X, y)
    assert model.selection_.set_index("characteristic").reason["visits"] != ""


@pytest.mark.parametrize("labels", [(1, 2), (-1, 1), ("bad not", "yes bad"), (False, True)])
def test_labels_may_be_any_two(labels):
    X, y = population(800)
    named = np.array(labels, dtype=object)[y].tolist()
    model = ScorecardClassifier().fit(X, named)
    assert model.scorecard_.to_json() == ScorecardClassifier().fit(X, y).scorecard_.to_json()
    assert set(model.predict(X)) <= set(labels)


def test_one_unusable_column_never_breaks_the_others():
    X, y = population()
    alone = ScorecardClassifier().fit(X, y).scorecard_
    X = X.assign(empty=np.nan, day=pd.Timestamp("2024-01-01"), things=[[1]] * len(X), mixed=[1, "a"] * (len(X) // 2))
    X["category"] = X.grade.astype("category")
    with pytest.warns(UserWarning, match="infinite values"):
        model = ScorecardClassifier(selection=Selection(max_correlation=0.99)).fit(
            X.assign(wide=np.r_[np.inf, np.zeros(len(X) - 1)]), y
        )
    left = model.selection_.set_index("characteristic")
    assert not left.kept[["empty", "day", "things", "mixed", "wide"]].any()
    assert left.kept[["grade", "category"]].sum() == 1
    assert len(model.scorecard_.features) == len(alone.features)


def test_a_card_of_any_columns_reads_back_from_json():
    X, y = population()
    X = X.astype({"visits": "int8", "age": "float32", "grade": "category", "listed": "bool"})
    model = ScorecardClassifier(special_codes={"visits": [0], "grade": ["B"]}).fit(X, y)
    again = Scorecard.from_json(model.scorecard_.to_json())
    assert again == model.scorecard_
    assert again.scores(X).tolist() == model.scores(X).tolist()
    assert {one.name for one in again.characteristics if one.of("special")} == {"visits", "grade"}


@pytest.mark.parametrize(
    "scaling", [Scaling(), Scaling(base_score=1000, base_odds=1, pdo=50), Scaling(base_score=0, base_odds=0.1, pdo=10)]
)
def test_base_score_is_at_base_odds_and_pdo_points_double_them(scaling):
    X, y = population()
    model = ScorecardClassifier(scaling=scaling).fit(X, y)
    p = model.predict_proba(X)[:, 1]
    odds = np.log((1 - p) / p / scaling.base_odds) / math.log(2)
    assert np.abs(scaling.base_score + scaling.pdo * odds - model.scores(X)).max() < 1e-6


def test_rounding_keeps_the_mean_and_bounds_are_reachable():
    X, y = population(6000)
    wide = X.assign(**{f"n{k}": np.random.default_rng(k).normal(size=len(X)) + 0.3 * y for k in range(12)})
    model = ScorecardClassifier().fit(wide, y)
    assert len(model.scorecard_.features) > 10
    assert abs(math.log(model.predict_proba(wide)[:, 1].mean() / y.mean())) < UNIT
    card = model.scorecard_
    assert card.lowest <= model.scores(wide).min() <= model.scores(wide).max() <= card.highest


def test_the_score_includes_the_intercept(fitted):
    model, X, y = fitted
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=UNIT)


def test_points_keep_the_index_and_plain_names(fitted):
    model, X, _ = fitted
    shuffled = X.sample(50, random_state=0)
    points = model.points(shuffled)
    assert points.index.equals(shuffled.index)
    assert all(type(name) is str for name in points.columns)


def test_it_is_a_scikit_learn_classifier_and_transformer(fitted):
    model, X, y = fitted
    assert is_classifier(model)
    assert model.classes_.tolist() == [0, 1]
    assert 0.5 < model.score(X, y) <= 1
    assert np.isfinite(cross_val_score(ScorecardClassifier(), X, y, cv=2)).all()
    assert model.get_feature_names_out().tolist() == list(model.scorecard_.features)
    assert type(clone(model).set_output(transform="polars").fit(X, y).transform(X)).__module__.startswith("polars")


def test_numbers_for_fitted_texts_are_refused_and_categories_pass():
    X, y = population()
    code = X.grade.map({"A": "1", "B": "2", "C": "3"})
    model = ScorecardClassifier().fit(X.assign(grade=code), y)
    with pytest.raises(DataError, match="grade: expected texts"):
        model.scores(X.assign(grade=code.astype(int)))
    same = model.scores(X.assign(grade=code)).tolist()
    for kind in (int, float):
        assert model.scores(X.assign(grade=code.astype(kind).astype("category"))).tolist() == same
    table = pa.Table.from_pandas(X.assign(grade=code.astype(int).astype("category")))
    assert model.scorecard_.scores(table).tolist() == same


def test_a_suppressor_gets_no_coefficient_of_the_wrong_sign():
    rng = np.random.default_rng(3)
    a = rng.normal(size=6000)
    b = 0.8 * a + 0.6 * rng.normal(size=6000)
    y = (rng.random(6000) < 1 / (1 + np.exp(2 - 1.5 * a + 0.9 * b))).astype(int)
    X = pd.DataFrame({"a": a, "b": b})
    model = ScorecardClassifier(features=[spec("a", "higher_is_riskier"), spec("b", "higher_is_riskier")]).fit(X, y)
    assert model.scorecard_.features == ("a",)
    assert model.selection_.set_index("characteristic").reason["b"].startswith("coefficient 0")


def test_the_selection_table_matches_the_card(fitted):
    model, _, _ = fitted
    table = model.selection_.set_index("characteristic")
    assert tuple(table.index[table.kept]) == model.scorecard_.features
    assert (table.reason[table.kept] == "").all()
    assert (table.reason[~table.kept] != "").all()
    assert (table.coefficient[table.kept] > 0).all()
    assert {one.name: round(one.information_value, 6) for one in model.scorecard_.characteristics} == (
        table.information_value[table.kept].to_dict()
    )


# --- measures: mistakes that metric libraries were found to make -------------------------------------------------------


def test_a_bin_that_only_one_sample_has_counts():
    assert psi(["a"] * 70 + ["b"] * 30, ["a"] * 70 + ["c"] * 30) > 0.25
    assert psi(np.zeros(500), np.ones(500)) > 1


def test_the_sign_of_a_score_is_never_guessed():
    y, p = [0, 0, 1, 1], [0.9, 0.8, 0.2, 0.1]
    assert evaluate(y, p)["auc"] == 0
    with pytest.raises(DataError, match="scores are no probabilities"):
        evaluate(y, [1.9, 0.8, 0.2, 0.1])


def test_a_constant_score_has_no_ks_in_any_order_of_rows():
    for y in ([0] * 50 + [1] * 50, [1] * 50 + [0] * 50):
        found = evaluate(y, [0.3] * 100)
        assert (found["ks"], found["auc"]) == (0.0, 0.5)


def test_smoothing_is_the_same_on_both_sides_and_after_the_totals():
    X, y = population()
    weight, size = len(y), (X.listed == 1).sum()
    card = ScorecardClassifier(binning=Binning(evidence=False, smoothing=0.01, max_bins=2)).fit(X, y).scorecard_
    bads = y[X.listed == 1].sum()
    shares = ((size - bads) / (weight - y.sum()) + 0.01, bads / y.sum() + 0.01)
    assert attributes(card, "listed")[1].woe == pytest.approx(math.log(shares[0] / shares[1]), abs=1e-6)


def test_a_missing_value_scores_as_the_rows_it_was_fitted_on(fitted):
    model, X, _ = fitted
    found = scoring.positions(model.scorecard_, X)
    for one in model.scorecard_.characteristics:
        counted = np.bincount(found[one.name], minlength=len(one.attributes))
        assert counted.tolist() == [a.rows for a in one.attributes]
