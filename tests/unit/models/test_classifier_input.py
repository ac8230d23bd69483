"""What ScorecardClassifier takes: labels, weights and frames of any kind; what it refuses, and how."""

import numpy as np
import pandas as pd
import pytest
from support.populations import population, spec

from creditscore.errors import DataError, NotFittedError
from creditscore.models.classifier import ScorecardClassifier
from creditscore.models.scorecard import Scorecard


@pytest.mark.parametrize("labels", [("good", "zbad"), (False, True), (1, 2), (-1, 1), (0.0, 1.0)])
def test_any_two_labels_the_larger_is_bad(labels):
    X, y = population(1500)
    reference = ScorecardClassifier().fit(X, y)
    model = ScorecardClassifier().fit(X, [labels[value] for value in y])
    assert model.scorecard_.to_json() == reference.scorecard_.to_json()
    assert list(model.classes_) == list(labels)
    assert set(model.predict(X)) <= set(labels)


@pytest.mark.parametrize(
    ("y", "weight", "message"),
    [
        ([0, 1, None], None, "1 of 3 are missing"),
        ([0, 0, 0], None, "two classes"),
        ([0, 1, 2], None, "two classes"),
        ([0, 1], None, "one value per row"),
        ([0, 1, 1], [1, -1, 1], "weights >= 0"),
        ([0, 1, 1], [1, np.nan, 1], "finite"),
        ([0, 1, 1], [0, 0, 0], "every weight is zero"),
        ([0, 1, 1], [1, 1e200, 1], "times the smallest"),
        ([0, 1, 1], [1, 0, 0], "one class only"),
        ([0, 1, 1], [1, 1], "one value per row"),
    ],
)
def test_data_that_cannot_be_fitted_are_refused(y, weight, message):
    with pytest.raises(DataError, match=message):
        ScorecardClassifier().fit(pd.DataFrame({"a": [1, 2, 3]}), y, sample_weight=weight)


def test_empty_frames_and_absent_declared_columns_are_refused():
    X, y = population(200)
    with pytest.raises(DataError, match="found 0 rows"):
        ScorecardClassifier().fit(X.head(0), [])
    with pytest.raises(DataError, match="tenure is missing"):
        ScorecardClassifier(features=[spec("tenure")]).fit(X, y)


@pytest.mark.parametrize("name", ["", " age", "age\n", "a\u202eb", "x" * 61])
def test_names_that_break_a_line_or_a_file_are_refused(name):
    X, y = population(200)
    with pytest.raises(DataError, match="control characters"):
        ScorecardClassifier().fit(X.rename(columns={"age": name}), y)


def test_columns_may_have_chinese_or_spaced_names():
    """A frame's own column names are kept, in the card, its text and its SQL."""
    X, y = population(1500)
    names = {"age": "Age (years)", "visits": "近24个月检查次数", "grade": "Grade"}
    model, plain = ScorecardClassifier().fit(X.rename(columns=names), y), ScorecardClassifier().fit(X, y)
    card = model.scorecard_
    assert {names.get(name, name) for name in plain.scorecard_.features} == set(card.features)
    assert model.scores(X.rename(columns=names)).tolist() == plain.scores(X).tolist()
    assert Scorecard.from_json(card.to_json()) == card
    assert all(f'"p_{name}"' in card.to_sql("duckdb") for name in card.features)


def test_scores_before_fit_are_refused():
    with pytest.raises(NotFittedError, match="before fit"):
        ScorecardClassifier().predict_proba(pd.DataFrame({"a": [1]}))


def test_polars_arrow_and_pandas_give_one_card():
    import polars as pl
    import pyarrow as pa

    X, y = population(1500)
    reference = ScorecardClassifier().fit(X, y)
    for other in (pl.from_pandas(X), pa.Table.from_pandas(X)):
        model = ScorecardClassifier().fit(other, pl.Series(y))
        assert model.scorecard_.to_json() == reference.scorecard_.to_json()
        assert model.scores(other).tolist() == reference.scores(X).tolist()


def test_arrays_have_columns_x0_x1():
    X, y = population(1500)
    array = X[["visits", "age"]].to_numpy()
    model = ScorecardClassifier().fit(array, y)
    assert set(model.scorecard_.features) <= {"x0", "x1"}
    assert len(model.scores(array)) == len(array)
    with pytest.raises(DataError, match="is expecting 2 features"):
        model.scores(array[:, :1])


def test_for_text_labels_the_bad_one_is_reported(caplog):
    X = pd.DataFrame({"debt": np.arange(200.0)})
    y = np.where(np.random.default_rng(0).random(200) < 0.1 + X.debt / 400, "bad", "good")
    ScorecardClassifier().fit(X, y)
    assert "'good', counts as bad" in caplog.text
    caplog.clear()
    ScorecardClassifier().fit(X, (y == "bad").astype(int))
    assert "counts as bad" not in caplog.text


@pytest.mark.parametrize("turn", [1, -1])
def test_a_separating_column_of_many_values_is_not_constant(turn):
    rng = np.random.default_rng(0)
    y = (rng.random(800) < 0.15).astype(int)
    X = pd.DataFrame({"found_out": turn * (y + rng.normal(0, 0.05, 800))})
    model = ScorecardClassifier(on_leak="warn").fit(X, y)
    assert model.selection_.kept.all(), model.selection_.reason[0]
    assert model.predict_proba(X)[y == 1, 1].min() > model.predict_proba(X)[y == 0, 1].max()
