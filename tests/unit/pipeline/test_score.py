"""Cards as files, which card serves whom, and how scores moved."""

import pandas as pd
import pytest
from support.runs import PENALTIES, pooled_card

from creditscore.config.scorecards import Industry
from creditscore.config.spec import Label
from creditscore.engine import Engine
from creditscore.errors import DataError
from creditscore.pipeline.run_folder import RunFolder
from creditscore.pipeline.score import card_for, compare_runs, read_cards, write_cards


def industry(code, parent=None):
    return Industry(code=code, parent=parent, label=Label(zh=code, en=code))


TREE = (industry("trade"), industry("food", "trade"), industry("bakery", "food"))


@pytest.mark.parametrize(
    ("code", "cards", "chosen"),
    [("bakery", ("bakery", "food", "all"), "bakery"), ("bakery", ("trade", "all"), "trade"), ("bakery", ("all",), "all"),
     ("unknown", ("food", "all"), "all"), (None, ("food", "all"), "all"), (None, ("food",), None)],
)  # fmt: skip
def test_the_nearest_card_up_the_tree_serves_an_industry(code, cards, chosen):
    assert card_for(code, dict.fromkeys(cards), TREE) == chosen


def test_cards_come_back_by_the_names_of_their_files(tmp_path):
    cards = {"all": pooled_card(), "food": pooled_card(name="food", industry="food")}
    write_cards(tmp_path, cards)
    assert read_cards(tmp_path) == cards
    assert read_cards(tmp_path, sha256={code: card.sha256 for code, card in cards.items()}) == cards
    assert read_cards(tmp_path / "none") == {}


@pytest.mark.parametrize("code", ["../x", ".hidden", "a/b"])
def test_an_industry_that_is_no_file_name_is_refused(tmp_path, code):
    with pytest.raises(DataError, match="file names"):
        write_cards(tmp_path, {code: pooled_card()})


def test_a_file_that_is_no_card_of_its_name_is_refused(tmp_path):
    path = tmp_path / "all.json"
    path.write_bytes(b"\xff")
    with pytest.raises(DataError, match="bytes that are not UTF-8"):
        read_cards(tmp_path)
    path.write_text("{}", "utf-8")
    with pytest.raises(DataError, match=r"all\.json"):
        read_cards(tmp_path)
    path.write_text(pooled_card(name="food", industry="food").to_json(), "utf-8")
    with pytest.raises(DataError, match=r'expected the card of "all" \(got that of "food"'):
        read_cards(tmp_path)
    path.write_text(pooled_card().to_json(), "utf-8")
    with pytest.raises(DataError, match=r"all\.json"):
        read_cards(tmp_path, sha256={"all": "0" * 64})


def a_run(path, scores, penalties, features=PENALTIES):
    folder = RunFolder(path)
    folder.write("scores", pd.DataFrame({"score": scores}))
    folder.write("features", pd.DataFrame({features: penalties}))
    write_cards(folder.file("scorecards"), {"all": pooled_card()})
    return folder


def test_unmoved_scores_have_no_shift(tmp_path):
    runs = [a_run(tmp_path / name, [500, 510, 520] * 40, [0, 0, 2] * 40) for name in ("now", "before")]
    moved = compare_runs(*runs, Engine.duckdb())
    assert moved["name"].tolist() == ["score", PENALTIES]
    assert moved["psi"].tolist() == [0, 0]
    assert moved["points_shift"].tolist() == [0, 0]


def test_more_penalties_show_as_points_lost(tmp_path):
    before = a_run(tmp_path / "before", [510] * 100, [0] * 90 + [1] * 10)
    now = a_run(tmp_path / "now", [500] * 100, [0] * 50 + [1] * 50)
    moved = compare_runs(now, before, Engine.duckdb()).set_index("name")
    assert moved.loc["score", "points_shift"] == -10
    assert moved.loc[PENALTIES, "points_shift"] == pytest.approx(-16)
    assert moved.loc[PENALTIES, "psi"] > moved.loc[PENALTIES, "critical"]


def test_runs_with_other_features_are_compared_by_score_alone(tmp_path):
    now = a_run(tmp_path / "now", [500] * 100, [0] * 100)
    before = a_run(tmp_path / "before", [500] * 100, [0] * 100, features="other")
    assert compare_runs(now, before, Engine.duckdb())["name"].tolist() == ["score"]
