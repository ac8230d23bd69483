"""Files of models: rows in another order, files that are truncated, edited or of a newer format."""

import json
import subprocess
import sys

import numpy as np
import pytest
from support.populations import population

from creditscore.errors import ConfigError, DataError
from creditscore.models.challenger import fit_lightgbm, load_lightgbm
from creditscore.models.classifier import ScorecardClassifier
from creditscore.models.industry import IndustryScorecards
from creditscore.models.scorecard import Scorecard


@pytest.fixture(scope="module")
def card():
    return ScorecardClassifier().fit(*population()).scorecard_


def test_shuffled_rows_give_the_same_cards_and_scores():
    X, y = population()
    order = np.random.default_rng(4).permutation(len(X))
    weight, industry = np.random.default_rng(5).uniform(1, 9, len(X)), np.where(X.index % 3, "a", "b")
    one, other = ScorecardClassifier().fit(X, y, weight), ScorecardClassifier().fit(X.iloc[order], y[order], weight[order])
    assert one.scorecard_.sha256 == other.scorecard_.sha256
    assert other.scores(X.iloc[order]).sort_index().tolist() == one.scores(X).tolist()
    cards = [
        IndustryScorecards().fit(X.iloc[o], y[o], industry=industry[o], sample_weight=weight[o]).scorecards_
        for o in (np.arange(len(X)), order)
    ]
    assert {name: c.sha256 for name, c in cards[0].items()} == {name: c.sha256 for name, c in cards[1].items()}


def test_every_truncated_lightgbm_file_is_refused_without_a_crash(tmp_path):
    X, y = population(800)
    model = fit_lightgbm(X, y)
    text, file = model.to_text().encode(), tmp_path / "challenger.json"
    for end in np.linspace(0, len(text) - 1, 19).astype(int):
        file.write_bytes(text[:end])
        with pytest.raises(DataError, match="changed or cut off"):
            load_lightgbm(file, sha256=model.sha256)
    file.write_bytes(text)
    code = (
        "import sys; from creditscore.models.challenger import load_lightgbm as load;"
        "print(load(sys.argv[1], sha256=sys.argv[2]).feature_names)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file), model.sha256], capture_output=True, text=True, check=True)
    assert "visits" in done.stdout


def test_every_truncated_card_is_refused(card):
    text = card.to_json()
    for end in np.linspace(0, len(text) - 2, 60).astype(int):  # what is left but the last line feed
        with pytest.raises(DataError):
            Scorecard.from_json(text[:end])
        with pytest.raises(DataError, match="edited since it was signed"):
            Scorecard.from_json(text[:end], sha256=card.sha256)


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace('"constant": ', '"constant": 1', 1),
        lambda text: text.replace('"representative": true', '"representative": false'),
        lambda text: text + " ",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.encode("utf-8").decode("utf-8-sig") + "\ufeff",
    ],
)
def test_a_card_edited_after_signing_is_refused(card, edit):
    edited = edit(card.to_json())
    assert edited != card.to_json()
    with pytest.raises(DataError, match=f"expected sha256 {card.sha256}"):
        Scorecard.from_json(edited, sha256=card.sha256)


def test_an_edit_without_a_recorded_hash_is_another_version(card):
    data = json.loads(card.to_json())
    data["characteristics"][0]["attributes"][0]["points"] += 1
    edited = Scorecard.from_json(json.dumps(data))
    assert edited.sha256 != card.sha256
    assert card.diff(edited)["difference"].tolist() == [1]


@pytest.mark.parametrize("version", ["creditscore.scorecard/2", "creditscore.scorecard/1.1", "optbinning/1", None])
def test_a_card_of_another_format_is_refused_by_name(card, version):
    data = json.loads(card.to_json()) | {"format": version}
    with pytest.raises(DataError, match=r"expected creditscore\.scorecard/1"):
        Scorecard.from_json(json.dumps(data))


def test_an_unknown_field_of_a_newer_card_is_refused(card):
    data = json.loads(card.to_json()) | {"segments": []}
    with pytest.raises(DataError, match="segments: Extra inputs are not permitted"):
        Scorecard.from_json(json.dumps(data))


def test_features_that_lack_a_column_of_the_card_are_refused(card):
    X, _ = population(50)
    with pytest.raises(DataError, match="columns missing: visits"):
        card.scores(X.drop(columns="visits"))


def test_a_card_nested_too_deeply_is_refused(card):
    with pytest.raises(DataError, match="deep"):
        Scorecard.from_json('{"format": ' + "[" * 500 + "]" * 500 + "}")


def test_an_attribute_of_more_values_than_its_limit_is_refused_at_once(card):
    """Its SQL would take minutes to write: such a text is an id, not a characteristic."""
    document = json.loads(card.to_json())
    document["characteristics"][0] = {
        **document["characteristics"][0],
        "kind": "text",
        "attributes": [
            {
                **document["characteristics"][0]["attributes"][0],
                "kind": "category",
                "lower": None,
                "upper": None,
                "values": [f"v{i}" for i in range(10_001)],
            }
        ]
        + [one for one in document["characteristics"][0]["attributes"] if one["kind"] == "missing"],
    }
    with pytest.raises((DataError, ConfigError), match="values"):
        Scorecard.from_json(json.dumps(document))
