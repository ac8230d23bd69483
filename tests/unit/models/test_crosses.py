"""Crosses: found where two characteristics say more together, cells that a reader can work out, nothing where there is none."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from support.cards import card, cross, crossed_card, number
from support.populations import spec

from creditscore.config.scorecards import Selection
from creditscore.errors import DataError
from creditscore.models.characteristic import MAX_CELLS
from creditscore.models.classifier import ScorecardClassifier
from creditscore.models.industry import IndustryScorecards
from creditscore.models.monitor import characteristic_stability
from creditscore.models.scorecard import Scorecard


def rows(seed=0, n=3000, together=1.2):
    """Two numbers, one with missing values, whose signs count together; two that count alone; and a text that is noise."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({name: rng.normal(size=n) for name in "abcd"})
    X["e"] = rng.choice(list("uvw"), n)
    X.loc[rng.random(n) < 0.1, "b"] = np.nan
    a, b = X["a"] > 0, X["b"] > 0.3
    eta = -1.2 + 0.6 * X["a"] + 0.9 * b + 0.5 * X["c"] - 0.4 * X["d"] + together * ((a ^ b) - 0.5)
    return X, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)


def crosses_of(one):
    return [each for each in one.characteristics if each.kind == "cross"]


@pytest.fixture(scope="module")
def fitted():
    X, y = rows()
    return ScorecardClassifier().fit(X, y), X, y


def test_what_two_say_together_is_found_and_pays_on_new_rows(fitted):
    model, X, y = fitted
    (one,) = crosses_of(model.scorecard_)
    assert one.features == ("a", "b")
    assert len(one.attributes) <= MAX_CELLS
    assert set("abcd") <= set(model.scorecard_.features)
    alone = ScorecardClassifier(selection=Selection(max_crosses=0)).fit(X, y)
    new, outcome = rows(seed=1)

    def loss(of):
        bad = of.predict_proba(new)[:, 1]
        return -np.log(np.where(outcome == 1, bad, 1 - bad)).mean()

    assert loss(model) < loss(alone) - 0.01


def test_a_reader_works_out_the_cell_from_the_json(fitted):
    model, X, _ = fitted
    read = Scorecard.from_json(model.scorecard_.to_json())
    assert read == model.scorecard_
    own, (one,) = read.points(X), crosses_of(read)
    first, second = (read.characteristics[read.features.index(name)] for name in one.features)

    def position(of, value):
        if np.isnan(value):
            return [each.kind for each in of.attributes].index("missing")
        return next(
            n for n, each in enumerate(of.attributes)
            if each.kind == "interval" and (each.lower is None or each.lower <= value) and (each.upper is None or value < each.upper)
        )  # fmt: skip

    for row in X.head(200).itertuples():
        pair = (position(first, row.a), position(second, row.b))
        cell = next(each for each in one.attributes if pair in set(product(*each.sides)))
        assert own.loc[row.Index, one.name] == cell.points
    assert (own.sum(axis=1) + read.constant == read.scores(X)).all()
    assert (read.block_points(X).sum(axis=1) == read.scores(X)).all()


def test_the_ledger_and_the_tuning_say_what_was_tried(fitted):
    model = fitted[0]
    row = model.selection_.set_index("characteristic").loc["a × b"]
    assert row["kept"]
    assert "chi-square" in row["note"]
    tried = model.tuning_[model.tuning_["setting"] == "crosses"]
    assert list(tried["value"]) == [0.0, 1.0]
    assert tried["chosen"].tolist() == [False, True]
    assert tried["log_loss"].iloc[0] - tried["standard_error"].iloc[0] > tried["log_loss"].iloc[1]


def test_a_reason_can_be_a_cross(fitted):
    model, X, _ = fitted
    assert "a × b" in set(model.reasons(X).to_numpy().ravel())


def test_nothing_is_crossed_where_each_counts_alone():
    found = [crosses_of(ScorecardClassifier().fit(*rows(seed=seed, together=0.0)).scorecard_) for seed in range(3)]
    assert found == [[], [], []]


@pytest.mark.slow
def test_of_twenty_samples_without_interaction_at_most_one_gets_a_cross():
    found = [crosses_of(ScorecardClassifier().fit(*rows(seed=seed, together=0.0)).scorecard_) for seed in range(20)]
    assert sum(map(bool, found)) <= 1


def test_the_order_of_rows_and_columns_changes_no_cross(fitted):
    model, X, y = fitted
    order = np.random.default_rng(3).permutation(len(X))
    again = ScorecardClassifier().fit(X.iloc[order][["e", "d", "c", "b", "a"]], y[order])
    (one,), (other,) = crosses_of(model.scorecard_), crosses_of(again.scorecard_)
    assert other.model_dump() == one.model_dump()


def test_none_without_rows_held_out_and_none_where_nobody_wants_any():
    X, y = rows()
    assert not crosses_of(ScorecardClassifier(tune="off").fit(X, y).scorecard_)
    assert not crosses_of(ScorecardClassifier(selection=Selection(max_crosses=0)).fit(X, y).scorecard_)
    assert not crosses_of(ScorecardClassifier(selection=Selection(never_crossed=("b",))).fit(X, y).scorecard_)


@pytest.mark.parametrize(
    "other",
    [{"source": "market"}, {"source": "base"}, {"source": "self_declared", "points_cap": 8}, {"absence": "no_fault"}],
    ids=lambda o: str(o),
)
def test_only_two_of_one_source_whose_absence_counts_are_crossed(other):
    X, y = rows()
    features = [spec("a"), spec("b", **other), spec("c"), spec("d")]
    assert not crosses_of(ScorecardClassifier(features=features).fit(X, y).scorecard_)


def test_a_declared_trend_holds_in_main_points_and_cells_together():
    X, y = rows()
    features = [spec("a", trend="higher_is_riskier"), spec("b"), spec("c"), spec("d")]
    model = ScorecardClassifier(features=features).fit(X, y).scorecard_
    ladder = np.linspace(-3, 3, 200)
    for b in (-1.0, 0.0, 1.0, np.nan):
        scores = model.scores(pd.DataFrame({"a": ladder, "b": b, "c": 0.0, "d": 0.0})).to_numpy()
        assert (np.diff(scores) <= 0).all()


def test_cards_of_industries_have_the_crosses_of_all_rows():
    X, y = rows(n=4000)
    industry = np.random.default_rng(0).choice(["food", "shop"], len(X))
    cards = IndustryScorecards(on_leak="warn").fit(X, y, industry=industry)
    scores, own = cards.scores(X, industry=industry), cards.points(X, industry=industry)
    for code, one in cards.scorecards_.items():
        assert [each.features for each in crosses_of(one)] == [("a", "b")]
        here = industry == code
        assert (one.scores(X[here]) == scores[here]).all()
        assert (own[here].sum(axis=1) + one.constant == scores[here]).all()


def test_the_shift_of_a_cross_is_measured(fitted):
    model, X, _ = fitted
    moved = X.assign(b=X["b"].where(X["a"] > 0, 1.0))
    stability = characteristic_stability(model.scorecard_, X, moved)
    assert stability.loc["a × b", "psi"] > stability.loc["a × b", "critical"]


def faulty(**changes):
    one = crossed_card()
    return [*one.characteristics[:-1], one.characteristics[-1].model_copy(update=changes)]


@pytest.mark.parametrize(
    ("characteristics", "said"),
    [
        (lambda: faulty(features=("share", "gone")), "characteristics of the card"),
        (lambda: faulty(source="market"), "its source"),
        (lambda: faulty(attributes=crossed_card().characteristics[-1].attributes[1:]), "lies in one cell"),
    ],
)
def test_a_cross_that_does_not_fit_its_card_is_refused(characteristics, said):
    with pytest.raises(ValueError, match=said):
        card(characteristics=[one.model_dump() | {"attributes": list(one.attributes)} for one in characteristics()], baselines=())


def test_a_cross_of_what_is_self_declared_is_refused():
    one, other = (number(name, (1,), (0, 3), source="self_declared", unverified_cap=5) for name in "ab")
    with pytest.raises(ValueError, match="public, industry, market"):
        cross(one, other, (((0, 1), (2,)), ((0, 1), (2,))), ((0, 0), (0, 0)))


def test_a_cross_reads_the_columns_of_its_two_characteristics():
    one = crossed_card()
    assert "share × kind" not in one.columns
    assert "share × kind" in one.features
    assert "share × kind" not in {**one.splits, **one.trends}
    with pytest.raises(DataError, match="kind"):
        one.scores(pd.DataFrame({name: [0.0] for name in one.columns if name != "kind"}))


def test_who_may_not_be_crossed_is_named_as_a_project_names_it_and_must_be_there():
    X, y = rows(n=1500)
    never = Selection.model_validate({"never_crossed": list(X.columns[:1])})
    assert not crosses_of(ScorecardClassifier(selection=never).fit(X, y).scorecard_)
    with pytest.raises(DataError, match="never_crossed"):
        ScorecardClassifier(selection=Selection(never_crossed=["nobody"])).fit(X, y)


def test_a_rare_cell_that_the_two_alone_miss_by_far_is_held():
    rng = np.random.default_rng(0)
    u = rng.random(10_000)
    both, first, second = u < 0.03, (u >= 0.03) & (u < 0.4), (u >= 0.4) & (u < 0.77)
    a = np.where(both | first, 2.0, np.where(rng.random(len(u)) < 0.5, 1.0, 0.0))
    b = np.where(both | second, 2.0, np.where(rng.random(len(u)) < 0.5, 1.0, 0.0))
    risk = np.where(both, 0.3, np.where(first | second, 0.006, np.where((a == 1) & (b == 1), 0.1, 0.01)))
    fit = ScorecardClassifier().fit(pd.DataFrame({"a": a, "b": b}), (rng.random(len(u)) < risk).astype(int))
    assert crosses_of(fit.scorecard_)
    assert 0.2 < fit.predict_proba(pd.DataFrame({"a": [2.0], "b": [2.0]}))[0, 1] < 0.4


def test_a_cross_counts_among_the_characteristics_that_there_may_be(fitted):
    model, X, y = fitted
    columns = [name for name in model.scorecard_.features if name in X]
    few = ScorecardClassifier(selection=Selection(max_characteristics=len(columns))).fit(X, y).scorecard_
    assert sorted(few.features) == sorted(columns)
    enough = ScorecardClassifier(selection=Selection(max_characteristics=len(columns) + 1)).fit(X, y).scorecard_
    assert enough.features == model.scorecard_.features


def test_a_text_that_reads_like_another_attribute_is_told_from_it_in_the_cells():
    X, y = rows()
    a = np.select([X["a"] > 0.5, X["a"] > 0, X["a"] > -0.7], ["missing", "any", "low"], default="other").astype(object)
    X["a"] = np.where(np.random.default_rng(5).random(len(X)) < 0.05, None, a)
    one = ScorecardClassifier().fit(X, y).scorecard_
    labels = [a.label for a in one.characteristics[one.features.index("a")].attributes]
    assert len(set(labels)) == len(labels)
    (both,) = crosses_of(one)
    text = " ".join(cell.label for cell in both.attributes)
    assert {'"missing"', '"any"', '"other"'} <= set(text.replace(",", "").split())
    assert len({cell.label for cell in both.attributes}) == len(both.attributes)
