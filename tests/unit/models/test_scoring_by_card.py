"""Rows of many cards, scored together: exactly what each card says of its own rows."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from support.cards import card, crossed_card, frame, number

from creditscore.config.scorecards import Scaling
from creditscore.errors import DataError
from creditscore.models.classifier import ScorecardClassifier
from creditscore.models.estimator import OneScoreWarning
from creditscore.models.industry import IndustryScorecards
from creditscore.models.industry_codes import codes_of
from creditscore.models.scoring_by_card import Deck

ALONE = {"baselines": ()}


def alone(deck, which, rows):
    """Scores and probabilities of bad by each card by itself."""
    scores, bad = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows))
    for position in np.unique(which):
        inside = which == position
        scores[inside] = deck.cards[position].scores(rows[inside]).to_numpy()
        bad[inside] = deck.cards[position].predict_proba(rows[inside])[:, 1]
    return scores, bad


@pytest.mark.parametrize("number_of_cards", [3, 256, 300])
def test_any_number_of_cards_that_are_cut_alike_score_exactly(number_of_cards):
    first, *others = card().characteristics
    last = card(characteristics=(number(first.name, first.edges, (77, -4, -31), source="market"), *others), **ALONE)
    deck = Deck((*(card(constant=position, **ALONE) for position in range(1, number_of_cards)), last))
    rows, which = frame(900), np.arange(900) % number_of_cards
    scores, bad = alone(deck, which, rows)
    assert deck.scores(which, rows).tolist() == scores.tolist()
    assert deck.probabilities(which, deck.scores(which, rows)).tolist() == bad.tolist()


def test_cards_of_other_scalings_other_cuts_and_crosses_are_asked_together():
    other = card(scaling=Scaling(base_score=500, base_odds=10, pdo=40), **ALONE)
    elsewhere = card(characteristics=(number("share", (0.7,), (30, -30)), number("age", (5,), (1, 2))), **ALONE)
    deck = Deck((card(), other, elsewhere, crossed_card()))
    rows, which = frame(900).assign(kind=np.resize(["甲", "乙", "it's", None], 900)), np.arange(900) % 4
    scores, bad = alone(deck, which, rows)
    whole = deck.scores(which, rows)
    assert whole.tolist() == scores.tolist()
    assert deck.probabilities(which, whole).tolist() == bad.tolist()


def test_only_columns_of_the_cards_that_rows_have_are_needed():
    deck = Deck((card(), card(characteristics=(number("elsewhere", (1,), (5, -5)),), **ALONE)))
    rows = frame(50)
    assert deck.scores(np.zeros(50, dtype=np.int64), rows).tolist() == card().scores(rows).tolist()
    with pytest.raises(DataError, match="elsewhere"):
        deck.scores(np.arange(50) % 2, rows)


def test_a_card_that_is_replaced_scores_from_then_on():
    cards = IndustryScorecards.from_cards({"food": card(), "all": card(constant=0)})
    rows = frame(20)
    before = cards.scores(rows, industry="food")
    cards.scorecards_["food"] = card(constant=520)
    assert (cards.scores(rows, industry="food") == before + 8).all()


def test_no_rows_have_no_scores():
    cards = IndustryScorecards.from_cards({"food": card(), "all": card(constant=0)})
    assert cards.scores(frame(5).head(0), industry=[]).tolist() == []
    assert cards.reasons(frame(5).head(0), industry=[]).empty
    assert cards.predict_proba(frame(5).head(0), industry=[]).shape == (0, 2)


CODES = ["b", None, "a", " ", "b", "10"]


@pytest.mark.parametrize(
    "values",
    [
        CODES,
        tuple(CODES),
        np.array(CODES, dtype=object),
        pd.Series(CODES, dtype=object),
        pd.Series(CODES),
        pd.Series(CODES, dtype="category"),
        pl.Series(CODES),
        pa.array(CODES),
        pa.chunked_array([CODES[:2], CODES[2:]]),
        pa.array(CODES).dictionary_encode(),
        np.array(["b", np.nan, "a", pd.NA, "b", 10.0], dtype=object),
    ],
    ids=lambda values: type(values).__name__,
)
def test_codes_of_industries_are_alike_in_every_kind_of_column(values):
    positions, names = codes_of(values, 6)
    assert names == ["10", "a", "b"]
    assert positions.tolist() == [2, -1, 1, -1, 2, 0]


@pytest.mark.parametrize("values", [["a"], pd.Series(["a"]), np.array(["a"]), np.array([["a", "b"]])])
def test_there_is_one_code_per_row(values):
    with pytest.raises(DataError, match="industry: expected one value per row"):
        codes_of(values, 2)


def test_warnings_name_the_line_that_asked():
    rows = frame(20).assign(arrears=np.inf)
    cards = IndustryScorecards.from_cards({"food": card(), "all": card(constant=0)})
    with pytest.warns(RuntimeWarning, match="infinite") as told:
        cards.scores(rows, industry="food")
    assert told[0].filename == __file__
    noise = np.random.default_rng(0).normal(size=300)
    X, y = pd.DataFrame({"a": noise}), np.arange(300) % 2
    for estimator, more in (
        (ScorecardClassifier(tune="off"), {}),
        (IndustryScorecards(tune="off"), {"industry": ["x", "y"] * 150}),
    ):
        with pytest.warns(OneScoreWarning) as told:
            estimator.fit(X, y, **more)
        assert {one.filename for one in told if one.category is OneScoreWarning} == {__file__}
