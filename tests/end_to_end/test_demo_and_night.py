"""The demo, the night run twice, and what it refuses."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.command import creditscore

from creditscore.language import Words
from creditscore.pipeline.demo import SEED
from creditscore.records.records import open_records
from creditscore.reporting.run_book import TRIAL_NOTE
from creditscore.spreadsheet import read_sheet
from creditscore.storage import locked

from .conftest import DAY, LATER, PROJECT, TASKS, bytes_of

FILES = [
    "manifest.json", "checkup.parquet", "rejects.parquet", "features.parquet", "scores.parquet", "tiers.parquet", "plan.xlsx", "report.html",
]  # fmt: skip


def test_the_demo_writes_the_promised_files_and_names_them(demo_said):
    demo, said = demo_said
    assert all((demo.run / name).is_file() for name in FILES)
    assert list((demo.run / "scorecards").glob("*.json"))
    assert sorted(path.name for path in demo.tasks.iterdir()) == [*TASKS, "tasks.xlsx"]
    for task in TASKS:
        written = {path.name for path in (demo.tasks / task).iterdir()}
        assert {"plan.csv", "sample.csv", "inspectors.csv", "publication.csv", "manifest.json", "plan.xlsx"} <= written
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
        str(demo.tasks / "tasks.xlsx"),
    )
    for word in words:
        assert word in said.out


def test_the_demo_goes_the_proper_way_and_shows_each_command(demo_said):
    demo, said = demo_said
    shown = [line.removeprefix("$ creditscore ") for line in said.err.splitlines() if line.startswith("$ ")]
    assert [line.split()[0] for line in shown] == ["simulate", "train", "sign-cards", "run", *["plan"] * 3, *["draw"] * 3]
    manifests = [json.loads(path.read_text("utf-8")) for path in sorted((demo.out / ".runs").glob("*/manifest.json"))]
    assert [manifest["trial"] for manifest in manifests] == [True, False]
    assert demo.run.resolve().name == f"{DAY}-2"


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
    logs = [(demo.tasks / task / "log.jsonl").read_text("utf-8").splitlines() for task in TASKS]
    assert [json.loads(lines[0])["seed_source"] for lines in logs] == ["lottery: 双色球 2024049, 2024-05-02"] * len(TASKS)
    for task in TASKS:
        cover = [str(row["内容"].value) for row in read_sheet(demo.tasks / task / "plan.xlsx", "说明")]
        assert sum(SEED in line and "双色球 2024049" in line for line in cover) == 1
    cover = [str(row["内容"].value) for row in read_sheet(demo.run / "plan.xlsx", "说明")]
    assert "信息目录版次: 2024-04" in cover
    assert "代码标准: GB 32100-2015 (2015-09-17), GB/T 2260-2007 (2007-11-14)" in cover


def test_a_later_night_reports_what_cuts_by_share_gave_and_who_moved(later):
    report = (later.out / LATER / "report.html").read_text("utf-8")
    cuts = report[report.index("按比例划分的结果") : report.index("等级迁移")]
    assert cuts.count("25.00%") >= 4
    assert "上期＼本期" in report


def test_block_subtotals_add_up_to_the_score(demo):
    scores = pq.read_table(demo.run / "scores.parquet").to_pandas()
    blocks = [name for name in scores.columns if name.startswith("points_")]
    assert len(blocks) == 5
    assert (scores[blocks].sum(axis=1) == scores["score"]).all()


def test_repeating_a_run_does_no_work_and_keeps_the_same_bytes(drafts, monkeypatch):
    before = bytes_of(drafts.out)
    stamps = {path: path.stat().st_mtime_ns for path in (drafts.out / ".runs").rglob("*") if path.is_file()}

    def refuse(*_, **__):
        raise AssertionError("the second night read the records")

    monkeypatch.setattr("creditscore.pipeline.run.open_records", refuse)
    second = drafts.night()
    assert second.code == 0, second.err
    assert "结果未变" in second.out
    assert bytes_of(drafts.out) == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_another_folder_and_row_order_train_and_give_the_same_bytes(city):
    shuffled = pq.read_table(city.data / "public_events.parquet")
    order = sorted(range(shuffled.num_rows), key=lambda row: (row * 7919) % shuffled.num_rows)
    pq.write_table(shuffled.take(order), city.data / "public_events.parquet")
    said = city.night("--train", out=city.root / "b")
    assert said.code == 0, said.err
    trained = [out / ".runs" / f"{DAY}-1" for out in (city.out, city.root / "b")]
    a, b = (bytes_of(run) for run in trained)
    # Files that tell where a row stood in its source, or the hash of the source, do differ.
    tell_places = {
        "manifest.json", "rejects.parquet", "incomplete.parquet", "profile.parquet", "checkup.parquet", "book.json", "plan.xlsx",
        "report.html",
    }  # fmt: skip
    assert a.keys() == b.keys()
    assert {name for name in a if a[name] != b[name]} <= tell_places
    told = [json.loads((run / "manifest.json").read_text("utf-8")) for run in trained]
    assert told[0]["contents"] == told[1]["contents"]
    assert all(manifest["trial"] for manifest in told)


def test_signed_cards_score_as_they_did_when_they_were_trained(demo):
    trial, signed = (pq.read_table(demo.out / ".runs" / f"{DAY}-{number}" / "scores.parquet") for number in (1, 2))
    assert trial.equals(signed)


def test_a_signed_night_shows_how_good_its_cards_were_when_they_were_trained(demo):
    trial, signed = (
        json.loads((demo.out / ".runs" / f"{DAY}-{number}" / "manifest.json").read_text("utf-8"))["summary"] for number in (1, 2)
    )
    assert signed["auc"] == trial["auc"] is not None


def test_a_trial_is_marked_everywhere(demo):
    """The demo's first run; the second one, with signed cards, is not marked."""
    note = Words.of("zh").text(TRIAL_NOTE)
    for number, marked in ((1, True), (2, False)):
        run = demo.out / ".runs" / f"{DAY}-{number}"
        assert json.loads((run / "manifest.json").read_text("utf-8"))["trial"] is marked
        assert set(pq.read_table(run / "tiers.parquet")["trial"].to_pylist()) == {marked}
        assert (note in (run / "report.html").read_text("utf-8")) is marked
        assert (note in {row["内容"].value for row in read_sheet(run / "plan.xlsx", "说明")}) is marked


def test_a_trial_does_not_take_the_place_of_a_signed_run(city):
    said = city.night("--train", "--lang", "en")
    assert said.code == 2
    assert "a run with signed cards" in said.err


def test_an_unsigned_or_edited_card_is_refused(city):
    project, out = city.project, city.root / "x"
    (project / "cards" / "signed.toml").unlink()
    said = city.night(out=out)
    assert said.code == 2
    assert "signed.toml" in said.err
    assert creditscore("sign-cards", project, "--reviewer", "the head", "--on", "2024-04-29").code == 0
    card = project / "cards" / "retail.json"
    card.write_text(card.read_text("utf-8").replace('"constant":', '"constant": ', 1), "utf-8")
    said = city.night(out=out)
    assert said.code == 2
    assert "retail.json" in said.err
    card.unlink()
    said = city.night(out=out)
    assert said.code == 2
    assert "signed, but absent: retail" in said.err
    assert not (out / DAY).exists()


def test_a_night_without_signed_cards_says_what_to_do(city):
    said = city.night(out=city.root / "x", project=PROJECT)
    assert said.code == 2
    assert "sign-cards" in said.err
    assert not (city.root / "x" / DAY).exists()


def test_a_held_lock_exits_75(city):
    with locked(city.out):
        said = city.night()
    assert said.code == 75
    assert "另一次运行" in said.err


def test_a_missing_file_is_refused_and_the_old_run_stays(city):
    before = bytes_of(city.out)
    (city.data / "ratings.parquet").unlink()
    said = city.night()
    assert said.code == 2
    assert "ratings.parquet" in said.err
    assert bytes_of(city.out) == before


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
    before = bytes_of(city.out)
    table = pq.read_table(city.data / "inspections.parquet")
    place = table.schema.get_field_index("outcome")
    pq.write_table(table.set_column(place, "outcome", pa.array(["none"] * table.num_rows)), city.data / "inspections.parquet")
    said = city.night("--train", as_of=LATER)
    assert said.code == 2
    assert bytes_of(city.out) == before
    assert not (city.out / LATER).exists()


def test_the_demo_replaces_only_folders_it_created(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "thesis.txt").write_text("mine")
    said = creditscore("demo", "--out", tmp_path, "--subjects", 500)
    assert said.code == 2
    assert (tmp_path / "runs" / "thesis.txt").read_text() == "mine"
