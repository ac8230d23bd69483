"""The demo, the night run twice, and what it refuses."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.command import creditscore

from creditscore.pipeline.demo import SEED_SOURCE
from creditscore.records.records import open_records
from creditscore.spreadsheet import read_sheet
from creditscore.storage import locked

from .conftest import PROJECT, bytes_of

FILES = [
    "manifest.json", "checkup.parquet", "rejects.parquet", "features.parquet", "scores.parquet", "tiers.parquet", "plan.xlsx", "report.html",
]  # fmt: skip


def test_the_demo_writes_the_promised_files_and_names_them(demo_said):
    demo, said = demo_said
    assert all((demo.run / name).is_file() for name in FILES)
    assert list((demo.run / "scorecards").glob("*.json"))
    tasks = sorted(path.name for path in (demo.run / "plan").iterdir())
    assert tasks == ["2024Q2-food", "2024Q2-general", "2024Q2-safety"]
    for task in tasks:
        written = {path.name for path in (demo.run / "plan" / task).iterdir()}
        assert {"plan.csv", "sample.csv", "inspectors.csv", "publication.csv", "manifest.json"} <= written
    words = (
        "主体",
        "隔离记录",
        "评分卡",
        "AUC",
        "等级",
        "抽查框架",
        "抽取",
        str(demo.run / "plan.xlsx"),
        str(demo.run / "report.html"),
    )
    for word in words:
        assert word in said.out


def test_every_delivered_row_is_accounted_for(demo):
    counts = json.loads((demo.run / "book.json").read_text("utf-8"))["counts"]
    parts = (
        counts["scored"] + counts["not_rated"] + counts["quarantined"] + counts["collapsed"] + sum(counts["out_of_scope"].values())
    )
    assert counts["rows_in"] == parts == pq.read_metadata(demo.data / "subjects.parquet").num_rows
    assert pq.read_metadata(demo.run / "scores.parquet").num_rows == counts["scored"]


def test_documents_show_who_is_inspected_and_the_source_of_the_seed(demo):
    report = (demo.run / "report.html").read_text("utf-8")
    fairness = report[report.index('<h2 id="fairness">') :]
    assert all(word in fairness for word in ("个体工商户", "微型", "每千户"))
    sources = [json.loads(path.read_text("utf-8").splitlines()[0])["seed_source"] for path in demo.run.glob("plan/*/log.jsonl")]
    assert set(sources) == {SEED_SOURCE}
    cover = [str(row["内容"].value) for row in read_sheet(demo.run / "plan.xlsx", "说明")]
    assert sum(SEED_SOURCE in line for line in cover) == len(sources)
    assert "信息目录版次: 2024-04" in cover
    assert "代码标准: GB 32100-2015 (2015-09-17), GB/T 2260-2007 (2007-11-14)" in cover


def test_a_later_night_reports_what_cuts_by_share_gave_and_who_moved(later):
    report = (later / "report.html").read_text("utf-8")
    cuts = report[report.index("按比例划分的结果") : report.index("等级迁移")]
    assert cuts.count("25.00%") >= 4
    assert "上期＼本期" in report


def test_block_subtotals_add_up_to_the_score(demo):
    scores = pq.read_table(demo.run / "scores.parquet").to_pandas()
    blocks = [name for name in scores.columns if name.startswith("points_")]
    assert len(blocks) == 5
    assert (scores[blocks].sum(axis=1) == scores["score"]).all()


def test_repeating_a_run_does_no_work_and_keeps_the_same_bytes(city, undrawn, monkeypatch):
    out = undrawn
    before = bytes_of(out)
    stamps = {path: path.stat().st_mtime_ns for path in (out / "2024-04-30").rglob("*") if path.is_file()}

    def refuse(*_, **__):
        raise AssertionError("the second night read the records")

    monkeypatch.setattr("creditscore.pipeline.run.open_records", refuse)
    second = city.night("--train", out=out)
    assert second.code == 0, second.err
    assert "结果未变" in second.out
    assert bytes_of(out) == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_another_folder_and_row_order_give_the_same_bytes(city, undrawn):
    shuffled = pq.read_table(city.data / "public_events.parquet")
    order = sorted(range(shuffled.num_rows), key=lambda row: (row * 7919) % shuffled.num_rows)
    first, second = undrawn, city.root / "b"
    pq.write_table(shuffled.take(order), city.data / "public_events.parquet")
    assert city.night("--train", out=second).code == 0
    a, b = bytes_of(first), bytes_of(second)
    # Files that tell where a row stood in its source, or the hash of the source, do differ.
    tell_places = ("manifest.json", "rejects.parquet", "checkup.parquet", "book.json", "plan.xlsx", "report.html")
    differing = {name for name in a if a[name] != b[name]}
    assert {name.removeprefix("2024-04-30/") for name in differing} <= set(tell_places)
    told = [json.loads((out / "2024-04-30" / "manifest.json").read_text("utf-8"))["contents"] for out in (first, second)]
    assert told[0] == told[1]


def test_signed_cards_score_without_training(city):
    project = city.root / "project"
    shutil.copytree(PROJECT, project)
    told = creditscore("sign-cards", project, "--run", city.run, "--reviewer", "the head", "--on", "2024-04-29")
    assert told.code == 0, told.err
    out = city.root / "signed"
    said = city.night("--json", out=out, project=project)
    assert said.code == 0, said.err
    assert json.loads(said.out)["auc"] is None
    one, two = (pq.read_table(place / "scores.parquet") for place in (city.run, out / "2024-04-30"))
    assert one.equals(two)


def test_an_unsigned_or_edited_card_is_refused(city):
    project = city.root / "unsigned"
    shutil.copytree(PROJECT, project)
    for card in (city.run / "scorecards").glob("*.json"):
        shutil.copy(card, project / "cards" / card.name)
    said = city.night(out=city.root / "x", project=project)
    assert said.code == 2
    assert "signed.toml" in said.err
    assert creditscore("sign-cards", project, "--reviewer", "the head", "--on", "2024-04-29").code == 0
    card = project / "cards" / "retail.json"
    card.write_text(card.read_text("utf-8").replace('"constant":', '"constant": ', 1), "utf-8")
    said = city.night(out=city.root / "x", project=project)
    assert said.code == 2
    assert "retail.json" in said.err
    card.unlink()
    said = city.night(out=city.root / "x", project=project)
    assert said.code == 2
    assert "signed, but absent: retail" in said.err


def test_a_held_lock_exits_75(city):
    with locked(city.out):
        said = city.night()
    assert said.code == 75
    assert "另一次运行" in said.err


def test_a_missing_file_is_refused_and_the_old_run_stays(city):
    before = bytes_of(city.run)
    (city.data / "ratings.parquet").unlink()
    said = city.night("--train")
    assert said.code == 2
    assert "ratings.parquet" in said.err
    assert bytes_of(city.run) == before


@pytest.mark.parametrize("as_of", ["30.04.2024", "yesterday"])
def test_an_impossible_day_is_refused(city, as_of):
    said = creditscore("run", PROJECT, "--data", city.data, "--as-of", as_of, "--out", city.out)
    assert said.code == 2
    assert "YYYY-MM-DD" in said.err
    assert as_of in said.err


def test_the_public_open_records_is_the_one_that_runs_use():
    assert open_records.__module__ == "creditscore.records.records"


def test_a_run_refused_half_way_keeps_the_earlier_results(city):
    """All visits found nothing: the training is refused after the records were read and checked."""
    before = bytes_of(city.run)
    table = pq.read_table(city.data / "inspections.parquet")
    place = table.schema.get_field_index("outcome")
    pq.write_table(table.set_column(place, "outcome", pa.array(["none"] * table.num_rows)), city.data / "inspections.parquet")
    said = city.night("--train")
    assert said.code == 2
    assert bytes_of(city.run) == before
    assert not (city.run / ".earlier").exists()


def test_the_demo_replaces_only_folders_it_created(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "thesis.txt").write_text("mine")
    said = creditscore("demo", "--out", tmp_path, "--subjects", 500)
    assert said.code == 2
    assert (tmp_path / "runs" / "thesis.txt").read_text() == "mine"


def test_an_industry_named_like_a_path_writes_no_file_there(city):
    table = pq.read_table(city.data / "subjects.parquet")
    industries = ["../../x" if place % 9 == 0 else text for place, text in enumerate(table["industry"].to_pylist())]
    place = table.schema.get_field_index("industry")
    pq.write_table(table.set_column(place, "industry", pa.array(industries, pa.string())), city.data / "subjects.parquet")
    out = city.root / "paths"
    said = city.night("--train", out=out)
    assert said.code == 0, said.err
    assert not list(city.root.rglob("x.json"))
