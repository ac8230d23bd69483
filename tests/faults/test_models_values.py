"""Columns, values and labels that differ from those a model was fitted on."""

import logging

import numpy as np
import pandas as pd
import pytest
from support.cards import card, frame
from support.populations import attributes, population, spec

from creditscore.errors import DataError
from creditscore.models.challenger import fit_lightgbm
from creditscore.models.classifier import ScorecardClassifier
from creditscore.models.industry import IndustryScorecards
from creditscore.models.monitor import characteristic_stability


@pytest.fixture(scope="module")
def fitted():
    X, y = population()
    return ScorecardClassifier().fit(X, y), X, y


def test_reordered_columns_give_identical_scores(fitted):
    model, X, y = fitted
    turned = X[X.columns[::-1]]
    assert model.scores(turned).tolist() == model.scores(X).tolist()
    assert model.reasons(turned).equals(model.reasons(X))
    rival = fit_lightgbm(X, y)
    assert (rival.predict_proba(turned) == rival.predict_proba(X)).all()
    assert ScorecardClassifier(features=[spec(name, text=name == "grade") for name in X]).fit(turned, y).scores(X).tolist() == (
        ScorecardClassifier(features=[spec(name, text=name == "grade") for name in X]).fit(X, y).scores(X).tolist()
    )


def test_an_extra_column_changes_no_score(fitted):
    model, X, _ = fitted
    assert model.scores(X.assign(ownership="state", legal_person="x")).tolist() == model.scores(X).tolist()


def test_a_number_column_that_became_text_is_refused_with_its_share(fitted):
    model, X, _ = fitted
    mixed = X.astype({"visits": object})
    mixed.loc[: len(X) // 4 - 1, "visits"] = "three"
    with pytest.raises(DataError, match=r"column visits: expected numbers .*25\.0 % of 3000 rows") as caught:
        model.scores(mixed)
    assert "three" not in str(caught.value)


def test_another_unit_shows_in_stability_and_medians(fitted):
    model, X, _ = fitted
    row = characteristic_stability(model.scorecard_, X, X.assign(age=X.age / 10_000)).loc["age"]
    assert row["psi"] > 0.25 > row["critical"]
    assert row["median_expected"] / row["median_actual"] == pytest.approx(10_000)


def test_missing_has_its_own_bin_and_its_own_reason():
    X, y = population()
    X.loc[(y == 1) & (X.index % 2 == 0), "age"] = np.nan
    one = ScorecardClassifier().fit(X, y).scorecard_
    gone = X.head(1).assign(age=np.nan)
    assert next(a for a in attributes(one, "age") if a.kind == "missing").points < 0
    assert "age" in one.reasons(gone).iloc[0].tolist()
    assert one.labels(gone)["age"].tolist() == ["missing"]
    assert "缺失值" in one.table(lang="zh")["变量分箱"].tolist()


def test_an_empty_column_leaves_the_fit_and_warns_when_scored(fitted, caplog):
    model, X, y = fitted
    empty = X.assign(nothing=np.nan, nobody=pd.Series([None] * len(X), dtype=object))
    left = ScorecardClassifier().fit(empty, y).selection_.set_index("characteristic").reason
    assert left["nothing"] == left["nobody"] == "no values: every row is missing"
    with caplog.at_level(logging.WARNING):
        found = model.scores(X.assign(visits=np.nan))
    assert "characteristic visits: every row is missing" in caplog.text
    assert np.isfinite(found).all()


def test_a_constant_column_is_dropped_with_its_reason(fitted):
    _, X, y = fitted
    model = ScorecardClassifier().fit(X.assign(same=7, word="x"), y)
    assert model.selection_.set_index("characteristic").reason[["same", "word"]].tolist() == ["constant: one attribute"] * 2


def test_infinity_is_missing_with_a_warning_not_the_top_bin(fitted):
    model, X, y = fitted
    for value in (np.inf, -np.inf):
        with pytest.warns(RuntimeWarning, match=r"infinite values are taken as missing: debt \(3000\)"):
            found = model.scores(X.assign(debt=value))
        assert found.tolist() == model.scores(X.assign(debt=np.nan)).tolist()
        with pytest.warns(UserWarning, match="column debt: 1 infinite values"):
            ScorecardClassifier().fit(X.assign(debt=np.r_[value, X.debt[1:]]), y)


def test_a_value_beyond_the_training_range_scores_as_the_end_bin(fitted):
    model, X, _ = fitted
    for extreme, known in ((1e308, X.visits.max()), (-1e308, X.visits.min())):
        assert model.scores(X.assign(visits=extreme)).tolist() == model.scores(X.assign(visits=known)).tolist()


@pytest.mark.parametrize("value", ["12万", "１００"])
def test_a_number_in_words_is_refused_and_not_quoted(fitted, value):
    model, X, y = fitted
    with pytest.raises(DataError, match="column visits: expected numbers") as caught:
        model.scores(X.assign(visits=value))
    assert value not in str(caught.value)
    model = ScorecardClassifier(features=[spec("visits"), spec("debt")]).fit(X.assign(visits=value), y)
    assert "visits: expected numbers" in model.selection_.set_index("characteristic").reason["visits"]


def test_unseen_texts_are_other_and_reported_above_one_percent(fitted, caplog):
    model, X, _ = fitted
    other = next(a.points for a in attributes(model.scorecard_, "grade") if a.kind == "other")
    assert model.points(X.head(5).assign(grade="D"))["grade"].tolist() == [other] * 5
    few, many = (X.assign(grade=X.grade.where(X.index >= len(X) * share, "D")) for share in (0.009, 0.02))
    with caplog.at_level(logging.WARNING):
        model.scores(few)
    assert "grade" not in caplog.text
    with caplog.at_level(logging.WARNING):
        model.scores(many)
    assert "characteristic grade: 2.0 % of the rows have texts that the card does not know" in caplog.text


@pytest.mark.parametrize("gone", [np.nan, None, pd.NA])
def test_a_missing_label_is_refused_with_its_count(fitted, gone):
    _, X, y = fitted
    labels = pd.Series(y, dtype=object)
    labels[:4] = gone
    for model in (ScorecardClassifier(), IndustryScorecards()):
        more = {"industry": "x"} if isinstance(model, IndustryScorecards) else {}
        with pytest.raises(DataError, match="labels: 4 of 3000 are missing"):
            model.fit(X, labels, **{key: [value] * len(X) for key, value in more.items()})


@pytest.mark.parametrize("label", [0, 1])
def test_a_single_class_is_refused(fitted, label):
    _, X, y = fitted
    with pytest.raises(DataError, match="labels: expected two classes"):
        ScorecardClassifier().fit(X, np.full(len(X), label))
    with pytest.raises(DataError, match="labels: expected goods and bads with positive weight"):
        ScorecardClassifier().fit(X, y, sample_weight=(y == label).astype(float))


@pytest.mark.parametrize(
    "leak", [lambda y: y, lambda y: 1 - y, lambda y: np.where(y == 1, "closed", "open"), lambda y: np.where(y, np.nan, 1)]
)
def test_a_column_that_leaks_the_outcome_is_refused_by_name(fitted, leak):
    _, X, y = fitted
    with pytest.raises(DataError, match=r"features: decision \(AUC 1\.000\)"):
        ScorecardClassifier(on_leak="refuse").fit(X.assign(decision=leak(y)), y)
    with pytest.raises(DataError, match="decision"):
        IndustryScorecards().fit(X.assign(decision=leak(y)), y, industry=["x"] * len(X))


def test_an_industry_of_five_bads_leans_on_its_parent_and_is_named(caplog):
    X, y = population(6000)
    small = np.zeros(len(X), dtype=bool)
    small[np.flatnonzero(y == 1)[:5]] = small[np.flatnonzero(y == 0)[:60]] = True
    with caplog.at_level(logging.WARNING):
        cards = IndustryScorecards().fit(X, y, industry=np.where(small, "tiny", "large"))
    assert "industry tiny: few cases: ranked nearly as the parent ranks" in caplog.text
    assert cards.shrinkage_.set_index("industry").own_weight_slopes["tiny"] < 0.1
    apart = (cards.scorecards_["tiny"].points(X) - cards.pooled_.points(X)).abs().to_numpy().max()
    assert apart <= 3


def test_rows_without_any_value_score_by_the_missing_attributes():
    one = card()
    nothing = pd.DataFrame(None, index=range(3), columns=frame(1).columns)
    assert set(one.scores(nothing)) == {one.constant + sum(c.of("missing")[0].points for c in one.characteristics)}
