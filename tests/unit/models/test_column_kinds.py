"""A column means the same to the fit and to the score, of whatever type it is."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from creditscore.models import scoring
from creditscore.models.classifier import ScorecardClassifier

N = 1500
RNG = np.random.default_rng(0)
PLACE = RNG.integers(0, 4, N)
BAD = (RNG.random(N) < 0.05 + 0.1 * PLACE).astype(int)
GONE = RNG.random(N) < 0.1


def drawn(value):
    return pd.Series([None if gone else value(int(place)) for place, gone in zip(PLACE, GONE, strict=True)], dtype=object)


def name(place):
    return f"c{place}"


COLUMNS = {
    "category of texts": (drawn(name).astype("category"), "text"),
    "category of whole numbers": (drawn(int).astype("category"), "text"),
    "category of floats": (drawn(lambda place: place / 2).astype("category"), "text"),
    "category of booleans": (drawn(lambda place: place > 1).astype("category"), "text"),
    "ordered category with unused ones": (pd.Categorical(drawn(name), ["c3", "c1", "x", "c2", "c0"], ordered=True), "text"),
    "objects: whole numbers": (drawn(int), "number"),
    "objects: booleans": (drawn(lambda place: place > 1), "number"),
    "objects: decimals": (drawn(Decimal), "number"),
    "objects: texts": (drawn(np.str_), "text"),
    "bool": (PLACE > 1, "number"),
    "boolean": (drawn(lambda place: place > 1).astype("boolean"), "number"),
    "Int64": (drawn(int).astype("Int64"), "number"),
    "float32": ((PLACE / 3).astype("float32"), "number"),
    "int8": (PLACE.astype("int8"), "number"),
    "string": (drawn(name).astype("string"), "text"),
    "str": (drawn(name).astype("str"), "text"),
    "arrow string": (drawn(name).astype(pd.ArrowDtype(pa.string())), "text"),
    "arrow dictionary": (
        pd.Series(pa.array(drawn(name)).dictionary_encode(), dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))),
        "text",
    ),
    "arrow int64": (drawn(int).astype(pd.ArrowDtype(pa.int64())), "number"),
    "arrow decimal": (drawn(Decimal).astype(pd.ArrowDtype(pa.decimal128(18, 2))), "number"),
    "large whole numbers": (PLACE * 10**15 + 1, "number"),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_every_value_scores_where_it_was_fitted(kind):
    column, expected = COLUMNS[kind]
    X = pd.DataFrame({"v": column})
    card = ScorecardClassifier().fit(X, BAD).scorecard_
    (one,) = card.characteristics
    assert one.kind == expected
    for frame in (X, pa.Table.from_pandas(X)):
        found = np.bincount(scoring.positions(card, frame)["v"], minlength=len(one.attributes))
        assert found.tolist() == [attribute.rows for attribute in one.attributes]


@pytest.mark.parametrize("kind", [pl.Categorical, pl.Enum(["c0", "c1", "c2", "c3"]), pl.String])
def test_polars_texts_of_any_kind(kind):
    X = pl.DataFrame({"v": pl.Series(drawn(name).tolist()).cast(kind)})
    model, plain = ScorecardClassifier().fit(X, BAD), ScorecardClassifier().fit(pd.DataFrame({"v": drawn(name)}), BAD)
    assert model.scorecard_.to_json() == plain.scorecard_.to_json()
    assert model.scores(X).tolist() == plain.scores(pd.DataFrame({"v": drawn(name)})).tolist()


@pytest.mark.parametrize(
    "value",
    [
        lambda place: place if place < 2 else name(place),
        lambda place: dt.date(2024, 1, 1 + place),
        lambda place: b"c%d" % place,
        lambda place: [place],
        lambda place: pd.Timedelta(place, "D"),
    ],
)
def test_columns_neither_number_nor_text_are_dropped_with_a_reason(value):
    X = pd.DataFrame({"v": drawn(value), "other": PLACE})
    model = ScorecardClassifier().fit(X, BAD)
    reasons = model.selection_.set_index("characteristic").reason
    assert "expected numbers or texts" in reasons["v"]
    assert model.scorecard_.features == ("other",)
