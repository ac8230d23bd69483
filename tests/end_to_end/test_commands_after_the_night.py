"""Everything that can be asked of, or done to, a finished run."""

import csv
import hashlib
import json
import re

import openpyxl
import pyarrow.parquet as pq
from support.command import ASKING, creditscore
from support.seeds import numbers

from .conftest import DAY, LATER, PROJECT, TASKS, City, bytes_of, copied


def tiers_of(city):
    return pq.read_table(city.run / "tiers.parquet").to_pandas()


def test_explain_says_the_tier_and_sums_to_the_score(city):
    row = tiers_of(city).dropna(subset=["score"]).iloc[0]
    said = creditscore("explain", city.run, row["subject_id"], "--lang", "en", "--html", city.root / "one.html")
    assert said.code == 0, said.err
    assert str(int(row["score"])) in said.out
    assert row["tier"] in said.out
    assert (city.root / "one.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_explain_of_an_unknown_code_is_refused(city):
    said = creditscore("explain", city.run, "91350100M000100Y43")
    assert said.code == 2
    assert len(said.err.splitlines()) == 1


def test_explain_as_json_has_points_that_sum_to_the_score(city):
    row = tiers_of(city).dropna(subset=["score"]).iloc[0]
    told = json.loads(creditscore("explain", city.run, row["subject_id"], "--json").out)
    points = told["points"]
    assert points["constant"] + sum(line["points"] for line in points["lines"]) == points["score"] == row["score"]
    assert set(told["reasons"]) <= {line["name"] for line in points["lines"]}


def test_lookup_answers_in_order_and_notes_the_use(city):
    known = tiers_of(city)["subject_id"].iloc[3]
    (city.root / "codes.txt").write_text(f"91350100M000100Y43\n{known.lower()}\n", "utf-8-sig")
    said = creditscore("lookup", city.run, *ASKING, "--file", city.root / "codes.txt", "--json")
    rows = json.loads(said.out)["rows"]
    assert [row["found"] for row in rows] == [False, True]
    assert rows[1]["subject_id"] == known
    noted = [json.loads(line) for line in (city.out / "lookups.jsonl").read_text("utf-8").splitlines()]
    assert [line["purpose"] for line in noted] == ["supervision", "supervision"]
    assert [row["record"] for row in rows] == [1, 2]
    said = creditscore("feedback", city.run, 2, "--result", "visited first", "--by", "S9", "--on", "2024-05-09")
    assert said.code == 0, said.err
    assert creditscore("feedback", city.run, 3, "--result", "x", "--by", "S9", "--on", "2024-05-09").code == 2


def test_lookup_proves_a_subjects_ticket_by_its_own_row(city):
    plan = city.tasks / "2024Q2-general"
    with (plan / "sample.csv").open(encoding="utf-8-sig", newline="") as stream:
        sample = list(csv.DictReader(stream))
    drawn = next(row for row in sample if row["drawn"] == "1")
    other = next(row for row in sample if row["stratum"] == drawn["stratum"] and row["ticket"] and row["drawn"] == "0")
    said = creditscore("lookup", city.run, *ASKING, drawn["subject_id"], other["subject_id"], "--json")
    for asked, row in zip((drawn, other), said.json["rows"], strict=True):
        own = next(one for one in row["draws"] if one["task"] == plan.name)
        assert own["ticket"] == asked["ticket"] == hashlib.sha256(own["text_of_ticket"].encode()).hexdigest()
        assert own["drawn"] == (own["ticket"] <= own["last_ticket"]) == (asked["drawn"] == "1")
    assert other["subject_id"] not in creditscore("lookup", city.run, *ASKING, drawn["subject_id"], "--json").out


def test_lookup_takes_codes_as_arguments_and_a_file_by_option_only(city, monkeypatch):
    first, second = tiers_of(city)["subject_id"].iloc[[3, 4]]
    monkeypatch.chdir(city.root)
    (city.root / first).write_text(f"{second}\n", "utf-8")
    rows = json.loads(creditscore("lookup", city.run, *ASKING, first, "--json").out)["rows"]
    assert [row["subject_id"] for row in rows] == [first]
    (city.root / "codes.txt").write_text(f"{second}\n", "utf-8")
    said = creditscore("lookup", city.run, *ASKING, "codes.txt")
    assert said.code == 2
    assert "--file" in said.err
    noted = (city.out / "lookups.jsonl").read_text("utf-8").splitlines()
    assert len(noted) == 1


def test_lookup_reads_the_first_column_of_a_table(city):
    known = tiers_of(city)["subject_id"].iloc[3]
    (city.root / "codes.csv").write_text(f'代码,名称\n{known},"甲, 乙"\n', "utf-8-sig")
    book = openpyxl.Workbook()
    for row in (["代码", "名称"], [known, "甲"]):
        book.active.append(row)
    book.save(city.root / "codes.xlsx")
    for name in ("codes.csv", "codes.xlsx"):
        rows = json.loads(creditscore("lookup", city.run, *ASKING, "--file", city.root / name, "--json").out)["rows"]
        assert [row["subject_id"] for row in rows] == [known]
    book.active["A2"] = 911234567890123456
    book.save(city.root / "codes.xlsx")
    said = creditscore("lookup", city.run, *ASKING, "--file", city.root / "codes.xlsx", "--lang", "en")
    assert said.code == 2
    assert "lost digits" in said.err


def test_lookup_speaks_english_too(city):
    known = tiers_of(city)["subject_id"].iloc[3]
    said = creditscore("lookup", city.run, *ASKING, known, "91350100M000100Y43", "--lang", "en")
    assert said.out.isascii() or "–" in said.out
    assert said.out.split()[:2] == ["Subject", "id"]
    assert creditscore("lookup", city.run, *ASKING, known).out.startswith("统一社会信用代码")


def test_a_signed_proposal_takes_effect_when_the_day_is_run_again(city):
    tiers, before = tiers_of(city), bytes_of(city.out / ".runs")
    one = tiers[(tiers["status"] == "proposed") & (tiers["raw_tier"] == "D")]["subject_id"].iloc[0]
    said = creditscore("sign", city.run, "--subject", one, "--reviewer", "R-07", "--reason", "agreed", "--on", "2024-05-06")
    assert said.code == 0, said.err
    assert bytes_of(city.out / ".runs") == before
    assert city.night().code == 0
    row = tiers_of(city).set_index("subject_id").loc[one]
    assert (row["tier"], row["status"], row["reviewer"]) == ("D", "final", "R-07")
    after = bytes_of(city.out / ".runs")
    assert {name: after[name] for name in before} == before


def test_a_signature_without_a_proposed_tier_is_refused(city):
    final = tiers_of(city)
    one = final[final["status"] == "final"]["subject_id"].iloc[0]
    assert creditscore("sign", city.run, "--subject", one, "--reviewer", "R", "--reason", "x", "--on", "2024-05-06").code == 2


def test_signatures_are_imported_from_the_workbook(city):
    book = openpyxl.load_workbook(city.run / "plan.xlsx")
    sheet = book["待复核"]
    header = {cell.value: cell.column for cell in sheet[1]}
    for title, value in (("签批意见", "同意"), ("签批人编号", "R-07"), ("理由", "已核实"), ("签批日期", "2024-05-06")):
        sheet.cell(2, header[title]).value = value
    book.save(city.root / "signed.xlsx")
    said = creditscore("sign", city.run, "--workbook", city.root / "signed.xlsx")
    assert said.code == 0, said.err
    assert "1 户" in said.out
    before = bytes_of(city.out)
    again = creditscore("sign", city.run, "--workbook", city.root / "signed.xlsx", "--json")
    assert json.loads(again.out) == {"signed": 0}
    assert bytes_of(city.out) == before


def test_imported_results_carry_the_probability_of_the_draw(city):
    task = city.tasks / "2024Q2-general"
    book = openpyxl.load_workbook(task / "plan.xlsx")
    sheet = book["抽查名单"]
    header = {cell.value: cell.column for cell in sheet[1]}
    for row, outcome in ((2, "发现违法违规"), (3, "未发现问题")):
        sheet.cell(row, header["检查结果"]).value = outcome
        sheet.cell(row, header["检查日期"]).value = "2024-05-20"
    book.save(city.root / "results.xlsx")
    said = creditscore("results", task, city.root / "results.xlsx", "--known", "2024-05-31", "--json")
    assert said.code == 0, said.err
    table = pq.read_table(said.json["file"]).to_pandas()
    assert sorted(table["outcome"]) == ["none", "violation"]
    assert table["inclusion_probability"].between(0, 1, inclusive="right").all()
    assert set(table["trigger"]) == {"random"}
    assert said.json["open"] == sheet.max_row - 1 - 2


def test_a_ratio_beyond_100_percent_is_named_by_its_cell(city):
    book = openpyxl.load_workbook(city.run / "plan.xlsx")
    sheet = book["抽查比例方案"]
    column = next(cell.column for cell in sheet[1] if cell.value == "抽查比例")
    sheet.cell(7, column).value = 1.2
    book.save(city.root / "edited.xlsx")
    said = creditscore("plan", "import", city.run, city.root / "edited.xlsx")
    assert said.code == 2
    assert f"抽查比例方案!{sheet.cell(7, column).coordinate}：120 % > 100 %" in said.err


def test_edited_ratios_change_drafts_only(drafts):
    task, runs = drafts.tasks / "2024Q2-food", bytes_of(drafts.out / ".runs")
    before = json.loads((task / "manifest.json").read_text("utf-8"))
    book = openpyxl.load_workbook(drafts.run / "plan.xlsx")
    sheet = book["抽查比例方案"]
    column = next(cell.column for cell in sheet[1] if cell.value == "抽查比例")
    named = next(cell.column for cell in sheet[1] if cell.value == "任务编号")
    for row in range(2, sheet.max_row + 1):
        if sheet.cell(row, named).value == task.name:
            sheet.cell(row, column).value = min(1.0, 2 * sheet.cell(row, column).value)
    book.save(drafts.root / "edited.xlsx")
    said = creditscore("plan", "import", drafts.out, drafts.root / "edited.xlsx", "--json")
    assert said.code == 0, said.err
    assert list(said.json["visits"]) == [task.name]
    after = json.loads((task / "manifest.json").read_text("utf-8"))
    assert after["counts"]["target"] > before["counts"]["target"]
    assert after["frame_hash"] != before["frame_hash"]
    assert bytes_of(drafts.out / ".runs") == runs
    told = ("--on", "2024-04-30", "--channel", "gazette 12", "--by", "planner")
    published = creditscore("plan", "publish", task, *told, "--json")
    assert published.code == 0
    sheet.cell(2, column).value = 0.5
    book.save(drafts.root / "edited.xlsx")
    assert creditscore("plan", "import", drafts.out, drafts.root / "edited.xlsx").code == 2
    assert creditscore("draw", task, "--seed", numbers("s 1"), "--by", "planner").code == 0
    verified = creditscore("verify-plan", task, "--frame-hash", published.json["frame_hash"])
    assert verified.code == 0
    assert verified.out.startswith("核对无误")


def test_forecast_of_an_alternative_policy(city):
    said = creditscore(
        "forecast", PROJECT, "--policy", PROJECT / "alternatives" / "henan.toml", "--run", city.run, "--data", city.data, "--json"
    )
    assert said.code == 0, said.err
    told = json.loads(said.out)
    rows = {row["tier"]: row for row in told["tiers"]}
    assert set(rows) <= {"A", "B", "C", "D", "NR", "all"}
    assert "violations" in told["summary"]
    tiers = tiers_of(city)
    assert rows["D"]["population"] == (tiers["raw_tier"] == "D").sum() > 0, (
        "what D's ratio finds is told before the first D is signed"
    )
    assert "proposed tiers are tried as if signed" in told["summary"]
    assert rows["NR"]["population"] == ((tiers["tier"] == "NR") & (tiers["status"] == "final")).sum()
    assert rows["all"]["population"] == len(tiers), "a subject without a score is in the frame, and so in the forecast"


def test_forecast_names_the_ratios_that_find_most_for_a_department(city):
    policy, common = PROJECT / "tiering" / "2024-04-22.toml", ("--run", city.run, "--data", city.data)
    asked = ("--by", "size_class", "--capacity", "市场监督管理局=300", "--json")
    said = creditscore("forecast", PROJECT, "--policy", policy, *common, *asked)
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert {row["size_class"] for row in told["burden"]} >= {"micro", "small"}
    best = told["allocation"]
    assert best["departments"][0]["used"] <= 300
    assert {row["task"] for row in best["strata"]} == {"2024Q2-food", "2024Q2-general"}
    assert best["expected"] > 0
    assert "today's tier" not in told["summary"], "past visits speak for the tier that the card gave before them"
    in_chinese = creditscore("forecast", PROJECT, "--policy", policy, *common, *asked[:-1])
    assert "预计发现违法违规" in in_chinese.out
    # Which objections are known names a folder and an option, as they are.
    (objections,) = [line for line in in_chinese.out.splitlines() if "已知异议" in line]
    others = in_chinese.out.replace(objections, "").replace("2024Q2-food", "").replace("2024Q2-general", "")
    assert re.findall(r"[a-z]{2,}", others) == []
    in_english = creditscore("forecast", PROJECT, "--policy", policy, *common, *asked[:-1], "--lang", "en")
    assert "the ratios that find most" in in_english.out
    for wrong in ("市场监督管理局", "市场监督管理局=²", "nobody=5"):
        assert creditscore("forecast", PROJECT, "--policy", policy, *common, "--capacity", wrong).code == 2


def test_monitor_compares_with_the_run_before(demo, later):
    run = later.out / LATER
    assert creditscore("monitor", demo.run).code == 2
    told = creditscore("monitor", run, "--json")
    assert told.code == 0, told.err
    rows = json.loads(told.out)["rows"]
    assert rows[0]["name"] == "score"
    assert len(rows) > 5
    assert creditscore("monitor", run).out.splitlines()[1].split()[:3] == ["指标", "PSI", "临界值"]
    # A task whose frame was published keeps it: a change of tiers does not change its draw.
    assert not (run / "drafts").exists()
    assert pq.read_table(run / "tiers.parquet").to_pandas()["previous_tier"].notna().mean() > 0.9


def test_report_makes_the_same_documents_in_a_new_folder_and_names_missing_files(city):
    before, first = bytes_of(city.out / ".runs"), city.run.resolve()
    said = creditscore("report", city.run, "--json")
    assert said.code == 0
    assert city.run.resolve() != first
    assert said.json["workbook"] == str(city.run.resolve() / "plan.xlsx")
    assert bytes_of(city.run) == bytes_of(first)
    assert {name: text for name, text in bytes_of(city.out / ".runs").items() if name in before} == before
    (city.run / "scores.parquet").unlink()
    said = creditscore("report", city.run)
    assert said.code == 2
    assert "scores.parquet" in said.err


def test_replay_rebuilds_every_output_or_names_what_differs(city):
    """Also where the tasks were published and drawn since."""
    said = creditscore("replay", city.run, "--project", city.project, "--data", city.data)
    assert said.code == 0, said.err + said.out
    assert said.out == "每个输出都已重新得出\n"
    (city.data / "staff.parquet").write_bytes((city.data / "recusals.parquet").read_bytes())
    other = creditscore("replay", city.run, "--project", city.project, "--data", city.data)
    assert other.code == 2
    assert "staff.parquet" in other.err


def test_prune_says_what_it_would_remove_before_it_removes(later, tmp_path):
    city = City(copied(later.root, tmp_path / "later"))
    before = bytes_of(city.out)
    said = creditscore("prune", city.out, "--keep", "1", "--json")
    assert said.code == 0, said.err
    # The second run of the first day framed the tasks, which are open; the first one trained the cards that are in use.
    assert said.json == {"removed": False, "folders": []}
    for task in TASKS:
        why = ("--reason", "not visited", "--by", "李四", "--second", "王五", "--on", LATER)
        closed = creditscore("plan", "close", city.tasks / task, *why)
        assert closed.code == 0, closed.err
    said = creditscore("prune", city.out, "--keep", "1", "--json")
    assert [one["folder"] for one in said.json["folders"]] == [f"{DAY}-2"]
    assert bytes_of(city.out / ".runs") == {name[6:]: text for name, text in before.items() if name.startswith(".runs/")}
    said = creditscore("prune", city.out, "--keep", "1", "--yes", "--json")
    assert said.code == 0, said.err
    assert said.json["removed"]
    assert sorted(path.name for path in (city.out / ".runs").iterdir()) == [f"{DAY}-1", f"{LATER}-1"]
    assert not city.run.exists()
    assert all(creditscore("verify-plan", city.tasks / task).code == 0 for task in TASKS)


def test_records_lists_bodies_and_repair_reminders(city):
    bodies = creditscore("records", PROJECT, "--data", city.data, "--as-of", "2024-04-30", "--bodies")
    assert bodies.code == 0, bodies.err
    assert bodies.out.splitlines()[0] == "subject_id,kind,event_id,document_no,event_date"
    repair = creditscore("records", PROJECT, "--data", city.data, "--as-of", "2024-04-30", "--repair")
    assert repair.out.splitlines()[0].endswith("may_apply_from")
    told = creditscore("records", PROJECT, "--data", city.data, "--as-of", "2024-04-30", "--repair", "--json")
    assert [row["may_apply_from"] for row in json.loads(told.out)["rows"]] == [
        line.rsplit(",", 1)[1] for line in repair.out.splitlines()[1:]
    ]
    shown = creditscore("records", PROJECT, "--data", city.data, "--as-of", "2024-04-30", "--repair", "--lang", "zh")
    assert "可申请修复之日" in shown.out
    assert creditscore("records", PROJECT, "--data", city.data, "--as-of", "2024-04-30").code == 2


def test_check_prints_the_findings(city):
    said = creditscore(
        "check", PROJECT, "--data", city.data, "--as-of", "2024-04-30", "--excel", city.root / "check.xlsx", "--json"
    )
    assert said.code == 0, said.err
    sections = {row["section"] for row in json.loads(said.out)["findings"]}
    assert {"rows", "refused", "coverage", "late"} <= sections
    assert openpyxl.load_workbook(city.root / "check.xlsx").sheetnames
