"""An authority without a model begins with its own points or an external rating; the first draws train the first card."""

import datetime as dt
import json
import shutil

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.command import creditscore
from support.seeds import numbers

from creditscore.config.project import load_project
from creditscore.errors import ConfigError, DataError
from creditscore.models.scorecard import Scorecard
from creditscore.pipeline.signed_cards import sign_cards, signed_cards

from .conftest import LATER, PROJECT, bytes_of

DAY = dt.date(2024, 4, 29)

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


@pytest.mark.parametrize("rows", [POINTS, RATING], ids=["expert points", "an external rating alone"])
def test_a_signed_expert_table_gives_scores_tiers_and_frames(city, rows):
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
    task = city.root / "first" / "tasks" / "2024Q2-food"
    told = ("--channel", "gazette 12", "--by", "the head")
    assert creditscore("plan", "publish", task, "--on", "2024-04-30", *told).code == 0
    assert creditscore("draw", task, "--seed", numbers("lottery 03 08"), "--by", "the head").code == 0
    assert creditscore("verify-plan", task).code == 0


def test_an_expert_table_with_an_unknown_variable_leaves_the_cards(city):
    project = city.root / "cold"
    shutil.copytree(PROJECT, project)
    table = workbook(
        city.root / "points.xlsx", [(*("horoscope" if x == "wage_arrears_24m" else x for x in row),) for row in POINTS]
    )
    told = creditscore("sign-cards", project, "--table", table, "--reviewer", "the head", "--on", "2024-04-29")
    assert told.code == 2
    assert "horoscope" in told.err
    assert not list((project / "cards").glob("*.json"))


@pytest.fixture
def cold(tmp_path):
    """A project whose head signed a table of points, and that table."""
    folder = tmp_path / "cold"
    shutil.copytree(PROJECT, folder)
    project, table = load_project(folder), workbook(tmp_path / "points.xlsx", POINTS)
    sign_cards(project, signed_by="the head", on=DAY, table=table)
    return project, table


def kept(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("signed_by", ["", "  ", "x" * 201, "the head\nof the office", "\udce9"])
def test_a_signer_is_named_in_one_line_and_a_refusal_keeps_the_cards(cold, signed_by):
    project, table = cold
    before = kept(project.cards)
    with pytest.raises(DataError, match="who signs"):
        sign_cards(project, signed_by=signed_by, on=DAY, table=table)
    assert kept(project.cards) == before


def test_a_faulty_signature_file_is_refused_before_cards_are_replaced(cold, tmp_path):
    project, _ = cold
    (project.cards / "signed.toml").write_text("[[card]]\nindustry = 1\n")
    before = kept(project.cards)
    with pytest.raises(ConfigError, match="industry"):
        sign_cards(project, signed_by="another", on=DAY, table=workbook(tmp_path / "other.xlsx", RATING))
    assert kept(project.cards) == before


@pytest.mark.parametrize("change", ["name", "kind"])
def test_a_card_of_another_project_is_not_signed(cold, change):
    project, _ = cold
    path = project.cards / "all.json"
    text = path.read_text()
    other = text.replace("wage_arrears_24m", "horoscope") if change == "name" else text
    if change == "kind":
        card = Scorecard.from_json(text)
        (wage,) = [one for one in card.characteristics if one.name == "wage_arrears_24m"]
        (rating,) = [one for one in card.characteristics if one.name == "national_rating"]
        swapped = (rating.model_copy(update={"name": wage.name}), wage.model_copy(update={"name": rating.name}))
        other = card.model_copy(update={"characteristics": swapped}).to_json()
    path.write_text(other)
    before = kept(project.cards)
    with pytest.raises(DataError, match="horoscope" if change == "name" else "wage_arrears_24m as text"):
        sign_cards(project, signed_by="the head", on=DAY)
    assert kept(project.cards) == before


@pytest.mark.parametrize("code", ["All", "../all", "", "food"])
def test_a_signature_of_other_code_serves_no_card_until_signed_again(cold, code):
    project, _ = cold
    path = project.cards / "signed.toml"
    path.write_text(path.read_text().replace('industry = "all"', f'industry = "{code}"'))
    with pytest.raises((DataError, ConfigError)):
        signed_cards(project.cards)
    if code in ("All", "food"):
        made = sign_cards(project, signed_by="the deputy", on=DAY)
        assert made["all"].industry == "all"
        assert list(signed_cards(project.cards)) == ["all"]


def test_a_card_edited_or_signed_twice_is_refused(cold):
    project, _ = cold
    path = project.cards / "all.json"
    path.write_text(path.read_text().replace('"constant": 560', '"constant": 660'))
    with pytest.raises(DataError, match="edited since it was signed"):
        signed_cards(project.cards)
    signatures = project.cards / "signed.toml"
    signatures.write_text(signatures.read_text() * 2)
    with pytest.raises(ConfigError, match="each industry once"):
        signed_cards(project.cards)


def test_a_card_that_cannot_be_read_is_refused(cold):
    project, _ = cold
    path = project.cards / "all.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match=r"all\.json"):
        signed_cards(project.cards)


def test_a_trial_beside_signed_cards_trains_and_leaves_their_drafts(drafts, cold):
    """Also where an industry is named like a path: no file is written there."""
    table = pq.read_table(drafts.data / "subjects.parquet")
    industries = ["../../x" if place % 9 == 0 else text for place, text in enumerate(table["industry"].to_pylist())]
    place = table.schema.get_field_index("industry")
    pq.write_table(table.set_column(place, "industry", pa.array(industries, pa.string())), drafts.data / "subjects.parquet")
    project, _ = cold
    before = bytes_of(drafts.tasks)
    said = drafts.night("--train", "--accept", "--json", project=project.folder, as_of=LATER)
    assert said.code == 0, said.err
    assert said.json["cards"] > 10
    assert said.json["trial"]
    assert (drafts.out / LATER / "drafts").is_dir()
    assert {name for name, text in bytes_of(drafts.tasks).items() if before[name] != text} <= {"tasks.xlsx"}
    assert not list(drafts.root.rglob("x.json"))
