"""IndustryScorecards: own figures weigh by cases; unknown industries lean on their parents."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from creditscore.config.scorecards import Industry, Pooling, ScorecardsFile, Selection
from creditscore.config.spec import Label
from creditscore.errors import DataError, NotFittedError
from creditscore.models.estimator import OneScoreWarning
from creditscore.models.industry import IndustryScorecards
from creditscore.models.industry_tree import members, tree_of
from creditscore.models.scorecard import Scorecard

LABEL = Label(zh="业", en="industry")
#: Industries by bads: about 5, 60, 600, 3000.
SIZES = {"tiny": 60, "small": 700, "mid": 6000, "large": 14000}


def economy(seed=0, sizes=SIZES):
    rng = np.random.default_rng(seed)
    industry = np.repeat(list(sizes), list(sizes.values())).astype(object)
    n = len(industry)
    X = pd.DataFrame({"debt": rng.normal(size=n), "visits": rng.poisson(2, n), "noise": rng.normal(size=n)})
    slope = pd.Series(industry).map({"tiny": 1.0, "small": 1.0, "mid": -0.2, "large": 1.0}).to_numpy()
    level = pd.Series(industry).map({"tiny": -3.0, "small": -3.0, "mid": -2.6, "large": -2.2}).to_numpy()
    y = (rng.random(n) < 1 / (1 + np.exp(-(level + slope * X.debt + 0.3 * X.visits)))).astype(int)
    return X, y, industry


@pytest.fixture(scope="module")
def fitted():
    X, y, industry = economy()
    tree = (
        Industry(code="tiny", label=LABEL, parent="small"),
        Industry(code="small", label=LABEL),
        Industry(code="empty", label=LABEL),
    )
    model = IndustryScorecards(industries=tree, cut_probabilities=(0.02, 0.1)).fit(X, y, industry=industry)
    return X, y, industry, model


def woe(card, name):
    return np.array([a.woe for one in card.characteristics if one.name == name for a in one.attributes])


def coefficient(card, name):
    return next(one.coefficient for one in card.characteristics if one.name == name)


def test_an_industry_of_five_bads_has_nearly_its_parents_ranking(fitted):
    *_, model = fitted
    row = model.shrinkage_.set_index("industry").loc["tiny"]
    assert row.bads < 20
    assert row.own_weight_slopes < 0.5
    slopes = model.slope_shrinkage_.set_index(["industry", "characteristic"]).used
    assert abs(slopes["tiny", "debt"] - slopes["small", "debt"]) < 0.25 * abs(slopes["large", "debt"])


def test_an_industry_of_thousands_of_bads_has_its_own_card(fitted):
    *_, model = fitted
    table = model.shrinkage_.set_index("industry")
    assert table.bads["large"] > 2500
    assert table.own_weight_level["large"] > 0.9
    slopes = model.slope_shrinkage_.set_index(["industry", "characteristic"])
    assert slopes.own_weight["large", "debt"] > 0.8


def test_a_different_industry_gets_other_points_for_an_attribute(fitted):
    *_, model = fitted
    spread = {
        code: np.ptp([a.points for c in card.characteristics if c.name == "debt" for a in c.attributes])
        for code, card in model.scorecards_.items()
    }
    assert spread["large"] > 2 * spread["mid"]


def test_attributes_and_their_woe_are_those_of_the_pooled_card_and_coefficients_are_the_industrys(fitted):
    *_, model = fitted
    for card in model.scorecards_.values():
        for one, pooled in zip(card.characteristics, model.pooled_.characteristics, strict=True):
            assert one.edges == pooled.edges
            assert [a.woe for a in one.attributes] == [a.woe for a in pooled.attributes]
            assert one.coefficient >= 0
            points = [round(20 / np.log(2) * one.coefficient * a.woe) for a in one.attributes]
            assert [a.points for a in one.attributes] == points
    assert coefficient(model.scorecards_["large"], "debt") > 3 * coefficient(model.scorecards_["mid"], "debt")


def test_trends_hold_in_every_industry(fitted):
    *_, model = fitted
    for card in model.scorecards_.values():
        for one in card.characteristics:
            points = [a.points for a in one.attributes if a.kind == "interval"]
            if one.trend != "none":
                assert points == sorted(points, reverse=one.trend == "higher_is_riskier")


def test_each_industry_is_calibrated_to_its_shrunk_rate(fitted):
    X, y, industry, model = fitted
    p = model.predict_proba(X, industry=industry)[:, 1]
    for code in ("mid", "large"):
        inside = industry == code
        assert abs(p[inside].mean() / y[inside].mean() - 1) < 0.05
    used = model.shrinkage_.set_index("industry").bad_rate_used
    assert abs(p[industry == "tiny"].mean() / used["tiny"] - 1) < 0.04


def test_an_industry_without_rows_has_its_parents_points(fitted):
    *_, model = fitted
    assert [c.attributes[0].points for c in model.scorecards_["empty"].characteristics] == [
        c.attributes[0].points for c in model.pooled_.characteristics
    ]
    assert model.scorecards_["empty"].constant == pytest.approx(model.pooled_.constant, abs=1)


def test_an_unknown_industry_uses_the_pooled_card_and_is_named(fitted, caplog):
    X, _, _, model = fitted
    found = model.scores(X.head(3), industry=["mars", None, "large"])
    pooled = model.pooled_.scores(X.head(2))
    assert found.tolist()[:2] == pooled.tolist()
    assert found.tolist()[2] == model.scorecards_["large"].scores(X.iloc[[2]]).tolist()[0]
    assert model.unknown_industries_ == {"mars": 1}
    assert "mars" in caplog.text


def test_index_and_order_are_kept(fitted):
    X, _, industry, model = fitted
    some = X.iloc[[20000, 5, 700, 6000]].rename(index=lambda name: f"r{name}")
    codes = industry[[20000, 5, 700, 6000]]
    scores = model.scores(some, industry=codes)
    points = model.points(some, industry=codes)
    constants = np.array([model.scorecards_[code].constant for code in codes])
    assert list(scores.index) == list(some.index)
    assert (points.sum(axis=1) + constants).tolist() == scores.tolist()
    assert model.reasons(some, industry=codes, top=2).shape == (4, 2)
    assert model.scores(some, industry="large").tolist() == model.scorecards_["large"].scores(some).tolist()


def test_no_bads_lower_the_rate_as_far_as_industries_are_seen_to_differ():
    X, y, industry = economy(sizes={"small": 700, "mid": 1500, "large": 1500})
    more = pd.DataFrame({name: np.tile(X[name].to_numpy()[:60], 20) for name in X})
    for rows, low, high in ((1200, 0.0, 0.4), (12, 0.25, 1.2)):
        frame = pd.concat([X, more.head(rows)], ignore_index=True)
        model = IndustryScorecards().fit(
            frame, np.r_[y, np.zeros(rows, dtype=int)], industry=np.r_[industry, np.repeat("clean", rows)]
        )
        inside = frame.tail(rows)
        ratio = model.predict_proba(inside, industry="clean")[:, 1].mean() / model.pooled_.predict_proba(inside)[:, 1].mean()
        assert low < ratio <= high


def test_rows_of_unknown_industry_train_the_pooled_card_only():
    X, y, industry = economy(sizes={"mid": 1500, "large": 1500})
    hidden = industry.copy()
    hidden[industry == "mid"] = None
    model = IndustryScorecards().fit(X, y, industry=hidden)
    assert set(model.scorecards_) == {"large"}
    assert model.pooled_.training["rows"] == 3000


@pytest.mark.parametrize("factor", [0.001, 1000])
def test_scale_and_order_change_no_byte(factor):
    X, y, industry = economy(sizes={"tiny": 80, "mid": 1500, "large": 1500})
    w = np.random.default_rng(1).uniform(0.5, 4, len(X))
    team = [[f"i{k}", f"i{k + 1}"] for k in np.random.default_rng(2).integers(0, 8, len(X))]
    mixed = np.random.default_rng(3).permutation(len(X))
    one = IndustryScorecards().fit(X, y, industry=industry, sample_weight=w, nuisance=team)
    other = IndustryScorecards().fit(
        X.iloc[mixed], y[mixed], industry=industry[mixed], sample_weight=w[mixed] * factor, nuisance=[team[k] for k in mixed]
    )
    assert {k: c.to_json() for k, c in one.scorecards_.items()} == {k: c.to_json() for k, c in other.scorecards_.items()}
    assert one.pooled_.to_json() == other.pooled_.to_json()


def test_declared_distances_go_before_estimated_ones():
    X, y, industry = economy(sizes={"mid": 1500, "large": 1500})
    apart = IndustryScorecards(tune="off", pooling=Pooling(level_sd=50, slope_sd=50)).fit(X, y, industry=industry)
    together = IndustryScorecards(tune="off", pooling=Pooling(level_sd=0, slope_sd=0)).fit(X, y, industry=industry)
    assert (apart.shrinkage_.own_weight_level > 0.9).all()
    assert (together.shrinkage_.own_weight_level == 0).all()
    for card in together.scorecards_.values():
        for one, pooled in zip(card.characteristics, together.pooled_.characteristics, strict=True):
            assert one.coefficient == pytest.approx(pooled.coefficient, abs=2e-6)


def test_the_tables_show_the_shrinkage(fitted):
    *_, model = fitted
    table = model.shrinkage_
    between = table[["level_estimate", "level_prior"]]
    assert (table.level_used >= between.min(axis=1) - 0.15).all()
    assert (table.level_used <= between.max(axis=1) + 0.15).all()
    assert table.prior_sd_assumed.all(), "fewer than eight industries"
    np.testing.assert_allclose(table.bad_rate_gap, table.bad_rate_used - table.bad_rate_observed, atol=2e-9)
    detail = model.slope_shrinkage_
    assert list(detail.columns) == ["industry", "characteristic", "estimate", "prior", "prior_sd", "used", "own_weight"]
    for row in detail.itertuples():
        assert row.used == pytest.approx(coefficient(model.scorecards_[row.industry], row.characteristic), abs=2e-6)


def test_signed_cards_score_without_a_fit(fitted):
    X, _, industry, model = fitted
    again = IndustryScorecards.from_cards({**model.scorecards_, "all": model.pooled_})
    assert again.scores(X, industry=industry).tolist() == model.scores(X, industry=industry).tolist()
    lonely = IndustryScorecards.from_cards({"large": model.scorecards_["large"]})
    with pytest.raises(DataError, match="no pooled card"):
        lonely.scores(X.head(1), industry=["mars"])
    with pytest.raises(DataError, match="at least one card"):
        IndustryScorecards.from_cards({})


def test_a_tree_of_industries_is_pooled_level_by_level():
    tree = (Industry(code="c", label=LABEL, parent="b"), Industry(code="b", label=LABEL))
    assert tree_of(["z"], tree) == {"b": "all", "z": "all", "c": "b"}
    assert members("b", tree_of(["z"], tree)) == {"b", "c"}
    with pytest.raises(DataError, match="pooled card"):
        tree_of(["all"], ())
    with pytest.raises(DataError, match="parent q"):
        tree_of([], (Industry(code="c", label=LABEL, parent="q"),))


def test_X_may_hold_the_column_of_industries_and_tools_that_know_nothing_of_industries_can_use_the_cards(fitted):
    X, y, industry, model = fitted
    few = np.random.default_rng(6).permutation(len(X))[:3000]
    whole = X.iloc[few].assign(branch=industry[few])
    assert model.scores(whole, industry="branch").tolist() == model.scores(whole, industry=industry[few]).tolist()
    with pytest.raises(DataError, match="a code per row"):
        model.scores(whole)
    cards = IndustryScorecards(tune="off", industry_column="branch")
    search = GridSearchCV(cards, {"nuisance_ridge": [0.002, 0.01]}, scoring="roc_auc", cv=2, error_score="raise")
    found = search.fit(whole, y[few]).best_estimator_
    assert "branch" not in found.pooled_.features
    assert set(found.scorecards_) >= {"mid", "small", "large"}
    assert set(found.predict(whole)) <= {0, 1}
    assert found.score(whole, y[few]) == (found.predict(whole) == y[few]).mean()


def test_rows_of_many_industries_score_exactly_as_their_cards_do_one_by_one(fitted):
    X, _, industry, model = fitted
    bins = [
        ("base", None, None, None, 500),
        ("debt", None, 0, None, 40),
        ("debt", 0, None, None, 0),
        ("debt", None, None, "missing", 9),
    ]
    other = Scorecard.from_table(
        pd.DataFrame(bins, columns=["variable", "lower", "upper", "category", "points"]).assign(source="public")
    )
    cards = IndustryScorecards.from_cards({**model.scorecards_, "expert": other, "all": model.pooled_})
    rows = np.random.default_rng(5).permutation(len(X))[:400]
    some, codes = X.iloc[rows].copy(), np.where(np.arange(400) % 7, industry[rows], "expert")
    some.iloc[::9, 0] = np.nan
    scores, points = cards.scores(some, industry=codes), cards.points(some, industry=codes)
    proba, reasons = cards.predict_proba(some, industry=codes), cards.reasons(some, industry=codes, top=2)
    for code in set(codes):
        inside, card = codes == code, cards.card_for(code)
        assert scores[inside].tolist() == card.scores(some[inside]).tolist()
        pd.testing.assert_frame_equal(points.loc[inside, list(card.features)], card.points(some[inside]), check_dtype=False)
        np.testing.assert_array_equal(proba[inside], card.predict_proba(some[inside]))
        pd.testing.assert_frame_equal(reasons[inside], card.reasons(some[inside], top=2))


def test_parameters_clone_and_unfitted_use_is_refused(fitted):
    *_, model = fitted
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        IndustryScorecards().scores(pd.DataFrame({"a": [1]}), industry="x")


def test_integer_industries_keep_their_code_and_blanks_are_unknown():
    X, y, industry = economy(sizes={"mid": 600, "large": 600})
    codes = pd.Series(industry).map({"mid": 561, "large": 562})
    codes[::7] = np.nan
    model = IndustryScorecards().fit(X, y, industry=codes)
    assert list(model.scorecards_) == ["561", "562"]
    assert model.scores(X.tail(2), industry=[562, "562"]).tolist() == model.scorecards_["562"].scores(X.tail(2)).tolist()
    assert model.scores(X.head(3), industry=["", " ", pd.NA]).tolist() == model.pooled_.scores(X.head(3)).tolist()
    assert model.unknown_industries_ == {}
    blank = IndustryScorecards().fit(X, y, industry=codes.astype(object).where(codes.notna(), ""))
    assert blank.pooled_.to_json() == model.pooled_.to_json()


def test_text_groups_set_by_hand_are_taken_as_they_are():
    rng = np.random.default_rng(0)
    texts = np.array([f"t{place:02d}" for place in range(60)])
    place = rng.integers(0, 60, 3000)
    X = pd.DataFrame({"branch": texts[place]})
    y = (rng.random(3000) < np.where(place < 30, 0.07, 0.12)).astype(int)
    model = IndustryScorecards(splits={"branch": [list(texts[:30]), list(texts[30:])]}).fit(X, y, industry=["f"] * 3000)
    assert model.selection_.kept.all(), model.selection_.reason[0]


def test_the_order_of_columns_changes_no_score():
    X, y, industry = economy(3, sizes={"tiny": 200, "small": 900})
    one = IndustryScorecards().fit(X, y, industry=industry)
    other = IndustryScorecards().fit(X[X.columns[::-1]], y, industry=industry)
    assert one.scores(X, industry=industry).tolist() == other.scores(X, industry=industry).tolist()


def test_the_estimator_of_a_file_has_its_figures_and_the_defaults_elsewhere():
    spec = ScorecardsFile(target="violation", ridge=0.2, pooling=Pooling(slope_sd=0.1), industry=(Industry(code="f", label=LABEL),))
    made = IndustryScorecards.from_spec(spec, cut_probabilities=(0.1,), representative=False).get_params()
    assert made == IndustryScorecards(
        target="violation", ridge=0.2, pooling=spec.pooling, industries=spec.industry, cut_probabilities=(0.1,), representative=False,
        scaling=spec.scaling, binning=spec.binning, selection=spec.selection,
    ).get_params()  # fmt: skip


def test_defaults_of_the_estimator_are_those_of_the_file():
    params, spec = IndustryScorecards().get_params(), ScorecardsFile(target="x")
    assert (params["ridge"], params["nuisance_ridge"]) == (spec.ridge, spec.nuisance_ridge)


def test_industries_without_a_characteristic_are_warned_of_in_one_table(caplog):
    X, y, industry = economy(sizes={"small": 700, "mid": 900})
    with pytest.warns(OneScoreWarning) as said:
        IndustryScorecards(tune="off", selection=Selection(min_information_value=5)).fit(X, y, industry=industry)
    assert len(said) == 1
    assert [line.split(":")[0] for line in str(said[0].message).splitlines()[1:]] == ["card all", "card mid", "card small"]
    remarks = [record for record in caplog.records if "leaves" in record.message or "characteristic" in record.message]
    assert len(remarks) <= 1
