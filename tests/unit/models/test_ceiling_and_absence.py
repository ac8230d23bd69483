"""What a person decides about a characteristic: the most points that a grave record leaves, and whether absence is a fault."""

import json

import numpy as np
import pandas as pd
import pytest

from creditscore.config.features import FeatureSpec
from creditscore.config.spec import Label
from creditscore.errors import DataError
from creditscore.models.classifier import ScorecardClassifier
from creditscore.models.scorecard import Scorecard

CEILING = {"points_ceiling": -40, "ceiling_signed_by": "安全生产委员会", "ceiling_basis": "某办法 第9条"}


def spec(name, **more):
    return FeatureSpec(
        name=name, label=Label(en=name), unit="records", source=more.pop("source", "public"), kind=("penalty",),
        aggregate=more.pop("aggregate", "count"), trend="higher_is_riskier", **more,
    )  # fmt: skip


def rows(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    risk = rng.poisson(1.0, n)
    y = (rng.random(n) < 1 / (1 + np.exp(3 - risk))).astype(int)
    return rng, pd.DataFrame({"usual": risk}), y


def fitted(features, X, y):
    return ScorecardClassifier(features=features).fit(X, y)


def points_of(card, name):
    one = next(one for one in card.characteristics if one.name == name)
    return {attribute.label: attribute.points for attribute in one.attributes}


@pytest.mark.parametrize("with_record", [0, 1, 5], ids=["nobody in training", "one good", "five goods"])
def test_a_ceiling_holds_whatever_the_statistics_say(with_record):
    _, X, y = rows()
    X["grave"] = 0
    X.loc[np.flatnonzero(y == 0)[:with_record], "grave"] = 1
    X["rare"] = X["grave"]
    model = fitted([spec("usual"), spec("grave", **CEILING), spec("rare")], X, y)
    card = model.scorecard_
    assert "rare" not in card.features  # what is as rare and has no ceiling is not in the card
    assert points_of(card, "grave") == {"(-inf, 1)": 0, "[1, inf)": -40, "missing": 0}
    one = pd.DataFrame({"usual": [1, 1, 1], "grave": [0, 1, 3], "rare": [0, 0, 0]})
    first, second, third = model.scores(one)
    assert (first - second, first - third) == (40, 40)
    # The level is that of the training rows all the same.
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.05)


def test_points_below_the_ceiling_stay_as_measured():
    _, X, y = rows()
    card = fitted([spec("usual", points_ceiling=-1, ceiling_signed_by="x", ceiling_basis="y")], X, y).scorecard_
    (usual,) = card.characteristics
    (having,) = (attribute for attribute in usual.attributes if usual.has_record(attribute))
    assert having.points == round(20 / np.log(2) * usual.coefficient * having.woe) < -1


def test_the_card_says_who_decided_and_other_cards_do_not_change():
    _, X, y = rows()
    X["grave"] = (np.arange(len(X)) < 3).astype(int)
    plain = fitted([spec("usual")], X, y).scorecard_
    card = fitted([spec("usual"), spec("grave", **CEILING)], X, y).scorecard_
    assert "ceiling" not in plain.to_json()
    told = {one["name"]: one.get("ceiling") for one in json.loads(card.to_json())["characteristics"]}
    assert told == {"usual": None, "grave": {"points": -40, "signed_by": "安全生产委员会", "basis": "某办法 第9条"}}
    assert Scorecard.from_json(card.to_json()).sha256 == card.sha256
    for style in ("summary", "detailed"):
        assert "Ceiling" not in plain.table(style)
        table = card.table(style)
        said = table.loc[table["Ceiling"] != "", ["Variable", "Bin", "Ceiling"]].to_numpy().tolist()
        assert said == [["grave", "[1, inf)", "at most -40 points by decision of 安全生产委员会: 某办法 第9条"]]


def test_a_card_edited_above_its_ceiling_is_refused():
    _, X, y = rows()
    X["grave"] = (np.arange(len(X)) < 3).astype(int)
    card = json.loads(fitted([spec("usual"), spec("grave", **CEILING)], X, y).scorecard_.to_json())
    card["characteristics"][1]["attributes"][1]["points"] = -10
    with pytest.raises(DataError, match="a ceiling of -40 points"):
        Scorecard.from_json(json.dumps(card))


def test_cuts_by_hand_may_not_hide_where_a_ceiling_begins():
    _, X, y = rows()
    with pytest.raises(DataError, match="expected the edge 1"):
        ScorecardClassifier(features=[spec("usual", **CEILING)], splits={"usual": [2.0]}).fit(X, y)


def test_absence_costs_nothing_where_it_is_no_fault_and_what_it_shows_elsewhere():
    rng, X, y = rows()
    # Nearly everybody without a value is bad.
    X["share"] = np.where(y == 1, np.where(rng.random(len(y)) < 0.6, np.nan, 1.0), np.where(rng.random(len(y)) < 0.5, 1.0, 0.0))
    declared = {"aggregate": "share", "share_of": ("x",)}
    missing = {}
    for absence in (None, "own", "no_fault"):
        card = fitted([spec("usual"), spec("share", absence=absence, **declared)], X, y).scorecard_
        missing[absence] = points_of(card, "share")["missing"]
    assert missing[None] == missing["own"] < -10
    assert missing["no_fault"] == 0


def test_the_block_base_forgives_absence_unless_the_feature_says_otherwise():
    rng, X, y = rows()
    X["grade"] = np.where(rng.random(len(y)) < np.where(y == 1, 0.6, 0.1), None, rng.choice(["a", "b"], len(y)))
    rating = {"source": "base", "scheme": "national", "aggregate": "latest", "order": ("a", "b")}
    points = []
    for absence in (None, "own"):
        feature = FeatureSpec(name="grade", label=Label(en="g"), unit="grade", trend="higher_is_riskier", absence=absence, **rating)
        points.append(points_of(fitted([spec("usual"), feature], X, y).scorecard_, "grade")["missing"])
    assert points[0] == 0
    assert points[1] < -10


def test_a_count_of_0_is_a_value_with_points_of_its_own():
    _, X, y = rows()
    points = points_of(fitted([spec("usual")], X, y).scorecard_, "usual")
    assert next(iter(points.values())) > 0
    assert points["missing"] == 0
