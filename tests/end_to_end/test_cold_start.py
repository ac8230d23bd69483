"""An authority without a model begins with its own points or an external rating; the first draws train the first card."""

import json
import shutil

import pandas as pd
import pyarrow.parquet as pq
import pytest
from support.command import creditscore

from creditscore.models.scorecard import Scorecard

from .conftest import PROJECT

#: The head of the office wrote these: the national rating first, then what the registers tell.
POINTS = [
    ("base", "", "", "", 560, "base"),
    ("national_rating", "", "", "优", 40, "base"),
    ("national_rating", "", "", "良", 20, "base"),
    ("national_rating", "", "", "中", 0, "base"),
    ("national_rating", "", "", "差", -60, "base"),
    ("national_rating", "", "", "missing", 0, "base"),
    ("national_rating", "", "", "other", 0, "base"),
    ("wage_arrears_24m", "", 1, "", 10, "market"),
    ("wage_arrears_24m", 1, "", "", -40, "market"),
    ("wage_arrears_24m", "", "", "missing", 0, "market"),
]
RATING = [row for row in POINTS if row[0] in ("base", "national_rating")]


def workbook(path, rows):
    pd.DataFrame(rows, columns=["variable", "lower", "upper", "category", "points", "source"]).to_excel(path, index=False)
    return path


@pytest.mark.parametrize(("name", "rows"), [("expert points", POINTS), ("an external rating alone", RATING)])
def test_a_project_without_a_model_scores_tiers_and_frames_by_a_signed_table(city, name, rows):
    project = city.root / "cold"
    shutil.copytree(PROJECT, project)
    table = workbook(city.root / "points.xlsx", rows)
    told = creditscore("sign-cards", project, "--table", table, "--reviewer", "the head", "--on", "2024-04-29", "--json")
    assert told.code == 0, told.err
    said = city.night("--json", out=city.root / "first", project=project)
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found["cards"] == 1
    assert found["auc"] is None
    assert found["scored"] > 2000
    assert found["frames"]
    run = city.root / "first" / "2024-04-30"
    scores = pq.read_table(run / "scores.parquet").to_pandas()
    card = Scorecard.from_table(table)
    features = pq.read_table(run / "features.parquet").to_pandas().set_index("subject_id").loc[scores["subject_id"]]
    assert card.scores(features).tolist() == scores["score"].tolist()
    plan = run / "plan" / "2024Q2-food"
    assert creditscore("draw", plan, "--seed", "lottery 03 08").code == 0
    assert creditscore("verify-plan", plan).code == 0
    later = city.night("--train", "--json", out=city.root / "second", project=project)
    assert later.code == 0, later.err
    assert json.loads(later.out)["cards"] > 10, "the random draws of the past years train the first cards"


def test_a_table_with_a_variable_that_is_no_feature_is_refused_and_leaves_the_cards(city):
    project = city.root / "cold"
    shutil.copytree(PROJECT, project)
    table = workbook(
        city.root / "points.xlsx", [(*("horoscope" if x == "wage_arrears_24m" else x for x in row),) for row in POINTS]
    )
    told = creditscore("sign-cards", project, "--table", table, "--reviewer", "the head", "--on", "2024-04-29")
    assert told.code == 2
    assert "horoscope" in told.err
    assert not list((project / "cards").glob("*.json"))
