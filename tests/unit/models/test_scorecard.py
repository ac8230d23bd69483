"""The card as data: canonical JSON, its hash, and what a card may not be."""

import hashlib
import json
import subprocess
import sys

import pandas as pd
import pytest
from pydantic import ValidationError
from support.cards import attribute, card, number, text
from support.populations import population

from creditscore.config.scorecards import Scaling, ScorecardsFile
from creditscore.errors import DataError
from creditscore.models.classifier import ScorecardClassifier
from creditscore.models.industry import IndustryScorecards
from creditscore.models.scorecard import Baseline, Scorecard


def test_json_round_trip_is_exact():
    one = card()
    again = Scorecard.from_json(one.to_json())
    assert again == one
    assert again.to_json() == one.to_json()
    assert again.characteristics[1].edges == (0.1, 0.30000000000000004, 2.5)


def test_json_is_canonical():
    text = card().to_json()
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=2, ensure_ascii=False) + "\n"
    assert "优" in text


def test_the_hash_is_the_sha256_of_the_text():
    one = card()
    assert one.sha256 == hashlib.sha256(one.to_json().encode()).hexdigest()
    assert card(constant=513).sha256 != one.sha256


def test_a_whole_number_for_a_float_gives_the_same_text():
    bins = number("x", (1, 2.0), (1, 2, 3))
    assert '"upper": 1.0' in card(characteristics=(bins,), baselines=()).to_json()


def _from_table():
    columns = ["variable", "lower", "upper", "category", "points", "source", "label_zh", "label_en"]
    rows = [["base", None, None, None, 500], ["x", None, 1, None, 3], ["x", 1, None, None, 2], ["x", None, None, "missing", 1]]
    return Scorecard.from_table(pd.DataFrame([[*row, "public", "", ""] for row in rows], columns=columns, dtype=object))


def _industry_cards():
    X, y = population(600)
    return IndustryScorecards().fit(X, y, industry=["a", "b"] * 300).scorecards_


_MADE = {
    "classifier": lambda: ScorecardClassifier().fit(*population(600)).scorecard_,
    "classifier, whole numbers": lambda: (
        ScorecardClassifier(scaling=Scaling(base_odds=30, pdo=40)).fit(*population(600)).scorecard_
    ),
    "industry": lambda: _industry_cards()["a"],
    "table": _from_table,
    "hand": lambda: card(scaling=Scaling()),
    "scorecards.toml": lambda: card(scaling=ScorecardsFile(target="violation").scaling),
    "copy": lambda: card(scaling=Scaling().model_copy(update={"pdo": 30})),
    "copy of a card": lambda: card().model_copy(update={"scaling": Scaling(pdo=30), "name": "other"}),
}


@pytest.mark.parametrize("made", _MADE)
def test_the_hash_of_a_card_is_that_of_the_card_read_back(made):
    one = _MADE[made]()
    again = Scorecard.from_json(one.to_json(), sha256=one.sha256)
    assert (again.sha256, again.to_json()) == (one.sha256, one.to_json())


def test_a_copy_has_a_hash_of_its_own():
    one = card()
    before = one.sha256
    copy = one.model_copy(update={"constant": 513})
    assert copy.sha256 == hashlib.sha256(copy.to_json().encode()).hexdigest() != before
    with pytest.raises(ValidationError, match="points for each characteristic"):
        one.model_copy(update={"characteristics": one.characteristics[1:]})


def test_a_signed_card_is_read_with_its_hash():
    one = card()
    assert Scorecard.from_json(one.to_json(), sha256=one.sha256) == one


def test_an_edited_card_is_refused():
    one = card()
    edited = one.to_json().replace('"points": 12', '"points": 13')
    with pytest.raises(DataError, match="edited since it was signed"):
        Scorecard.from_json(edited, sha256=one.sha256)


def test_every_cut_of_a_card_is_refused():
    text = card().to_json()
    for end in range(0, len(text) - 2, 97):
        with pytest.raises(DataError):
            Scorecard.from_json(text[:end])


def test_a_newer_format_is_refused_by_name():
    newer = card().to_json().replace("creditscore.scorecard/1", "creditscore.scorecard/2")
    with pytest.raises(DataError, match=r"expected creditscore.scorecard/1 \(got 'creditscore.scorecard/2'\)"):
        Scorecard.from_json(newer)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"constant": 512', '"constant": NaN', "NaN"),
        ('"constant": 512', '"constant": 512.5', "constant"),
        ('"constant": 512', '"constant": 1, "constant": 512', "twice"),
        ('"constant": 512', '"constant": 512, "secret": 1', "secret"),
        ('"lower": 0.1', '"lower": 0.05', "begins where the one before ends"),
    ],
)
def test_a_text_that_is_not_a_card_is_refused_with_the_position(old, new, said):
    assert old in card().to_json()
    with pytest.raises(DataError, match=said):
        Scorecard.from_json(card().to_json().replace(old, new, 1))


@pytest.mark.parametrize("other", ["[]", "{}", "3", "\ud800", '{"format": 1}'])
def test_other_json_is_refused(other):
    with pytest.raises(DataError):
        Scorecard.from_json(other)


def test_not_finite_training_figures_are_refused_when_written():
    with pytest.raises(DataError, match="training"):
        card(training={"auc": float("nan")}).to_json()


def _number(*attributes):
    return number("x", (), (0,)).model_dump() | {"attributes": tuple(a.model_dump() for a in attributes)}


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ((attribute("interval", 0),), "at least 2"),
        ((attribute("interval", 0), attribute("missing", 0), attribute("missing", 0)), "one attribute of kind missing"),
        ((attribute("interval", 0, upper=1.0), attribute("interval", 0, lower=2.0), attribute("missing", 0)), "begins where"),
        ((attribute("interval", 0, upper=2.0), attribute("interval", 0, lower=1.0), attribute("missing", 0)), "begins where"),
        ((attribute("interval", 0, upper=2.0), attribute("missing", 0)), "open end"),
        ((attribute("missing", 0), attribute("interval", 0)), "attributes stand as"),
        ((attribute("interval", 0), attribute("missing", 0), attribute("other", 0)), "kind"),
        ((attribute("interval", 0), attribute("special", 0, values=("a",)), attribute("missing", 0)), "special codes of a number"),
        (
            (
                attribute("interval", 0),
                attribute("special", 0, values=(1,)),
                attribute("special", 1, values=(1.0,)),
                attribute("missing", 0),
            ),
            "each value in one",
        ),
    ],
)
def test_attributes_with_gaps_or_overlaps_are_refused(attributes, said):
    from creditscore.models.scorecard import Characteristic

    with pytest.raises(ValidationError, match=said):
        Characteristic.model_validate(_number(*attributes))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "interval", "lower": 2.0, "upper": 2.0}, "lower < upper"),
        ({"kind": "interval", "values": (1,)}, "no values"),
        ({"kind": "category"}, "has values"),
        ({"kind": "missing", "lower": 1.0}, "no lower"),
        ({"kind": "interval", "lower": float("inf")}, "finite"),
        ({"kind": "interval", "woe": float("nan")}, "finite"),
        ({"kind": "interval", "weight": 1.2}, "less than or equal to 1"),
    ],
)
def test_a_contradictory_attribute_is_refused(wrong, said):
    with pytest.raises(ValidationError, match=said):
        attribute(points=0, **wrong)


def test_a_category_belongs_to_one_attribute():
    with pytest.raises(ValidationError, match="each value in one"):
        text("t", ((("a", "b"), 1), (("b",), 2)))


def test_self_declared_points_only_add_and_silence_pays_least():
    with pytest.raises(ValidationError, match="from 0 to"):
        number("d", (1,), (-1, 3), source="self_declared")
    with pytest.raises(ValidationError, match="from 0 to 5"):
        number("d", (1,), (0, 6), source="self_declared", unverified_cap=5)
    with pytest.raises(ValidationError, match="not declared"):
        number("d", (1,), (0, 6), missing=1, source="self_declared")


def test_a_baseline_has_points_for_exactly_the_characteristics():
    with pytest.raises(ValidationError, match="differs in age, arrears"):
        card(baselines=(Baseline(name="population", points={"share": 1, "grade": 1, "training": 0}),))


def test_a_characteristic_appears_once():
    one = number("x", (1,), (0, 1))
    with pytest.raises(ValidationError, match="x appears several times"):
        card(characteristics=(one, one), baselines=())


def test_scoring_loads_no_fitting_library_and_no_engine():
    heavy = "optbinning sklearn lightgbm shap duckdb pyspark mlflow ortools"
    code = (
        "import sys, pandas as pd; from creditscore.models.scorecard import Scorecard; import creditscore.models.scoring,"
        " creditscore.models.reasons, creditscore.models.expert_card, creditscore.models.scoring_sql;"
        f"print([m for m in '{heavy}'.split() if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize("given", [None, b"{}", 5, {"format": "creditscore.scorecard/1"}])
def test_input_that_is_not_a_text_is_not_a_card(given):
    with pytest.raises(DataError, match="as text"):
        Scorecard.from_json(given)
