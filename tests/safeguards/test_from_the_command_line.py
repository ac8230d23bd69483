"""What a firm is promised, each by a run from the command line on one small city; docs/safeguards.md names article and test of each."""

import csv
import json
import re
import shutil

import pyarrow.parquet as pq
import pytest
from support.command import creditscore
from support.seeds import numbers

from .conftest import FIRST, PLAIN, SECOND


def tiers_of(city, as_of=SECOND):
    return pq.read_table(city.run(as_of) / "tiers.parquet").to_pandas().set_index("subject_id")


def score_of(city, subject, as_of=SECOND):
    scores = pq.read_table(city.run(as_of) / "scores.parquet").to_pandas().set_index("subject_id")
    return int(scores.loc[subject, "score"])


def refused_with(city, tmp_path, file, text):
    """What a night says when so much more stands in a file of the project; nothing is written."""
    project = shutil.copytree(city.project, tmp_path / "project")
    with (project / file).open("a", encoding="utf-8") as stream:
        stream.write(text)
    said = creditscore("run", project, "--data", city.data, "--as-of", SECOND, "--out", tmp_path / "out")
    assert said.code == 2, said.out
    assert not (tmp_path / "out" / SECOND.isoformat()).exists()
    return said.err


def a_feature(name, kind):
    label = f'{{ zh = "{name}", en = "{name}" }}'
    return f'\n[[feature]]\nname = "{name}"\nlabel = {label}\nunit = "records"\nsource = "public"\nkind = ["{kind}"]\naggregate = "count"\n'


def test_a_record_that_no_catalogue_lists_cannot_count(two_nights, tmp_path):
    assert "gossip" in refused_with(two_nights, tmp_path, "features.toml", a_feature("gossip_24m", "gossip"))


def test_such_a_record_in_the_data_is_refused_and_counts_for_nobody(two_nights):
    assert score_of(two_nights, "hearsay") == score_of(two_nights, PLAIN[0])
    refused = pq.read_table(two_nights.run() / "rejects.parquet").to_pylist()
    assert [(one["code"], one["key"]) for one in refused if one["key"] == "E-hearsay-9"] == [("OFF_CATALOGUE", "E-hearsay-9")]


def test_a_kind_without_a_legal_basis_serves_no_feature(two_nights, tmp_path):
    project = shutil.copytree(two_nights.project, tmp_path / "project")
    file = project / "catalogue.toml"
    assert 'legal_basis = "' in file.read_text("utf-8")
    file.write_text(re.sub('legal_basis = "[^"]*"', 'legal_basis = ""', file.read_text("utf-8")), "utf-8")
    said = creditscore("run", project, "--data", two_nights.data, "--as-of", SECOND, "--out", tmp_path / "out", "--lang", "en")
    assert said.code == 2
    assert "legal basis" in said.err


@pytest.mark.parametrize(
    "name", ["state_owned_flag", "has_local_branch", "local_tax", "hukou", "owner_age", "inspector_id", "petitions"]
)
def test_a_forbidden_factor_cannot_enter(two_nights, tmp_path, name):
    assert name in refused_with(two_nights, tmp_path, "features.toml", a_feature(name, "penalty"))


def test_only_what_was_known_on_the_day_counts(two_nights):
    assert score_of(two_nights, "future", FIRST) == score_of(two_nights, PLAIN[0], FIRST)
    assert score_of(two_nights, "future") == score_of(two_nights, "one")
    assert score_of(two_nights, "repaired", FIRST) == score_of(two_nights, "one", FIRST), (
        "a repair acts from its day on, not before"
    )


def test_while_a_record_is_disputed_the_tier_does_not_move_and_the_record_is_shown(two_nights):
    row = tiers_of(two_nights).loc["disputed"]
    assert (row["raw_tier"], row["tier"], row["rule"]) == ("B", "C", "dispute")
    documents = two_nights.explained("disputed")["documents"]
    assert [(one["id"], one["state"]) for one in documents] == [("E-disputed", "disputed")]


def test_an_explanation_adds_up_to_the_score_and_names_rule_and_documents(two_nights):
    told = two_nights.explained("told_twice")
    points = told["points"]
    assert (
        points["constant"] + sum(line["points"] for line in points["lines"])
        == points["score"]
        == score_of(two_nights, "told_twice")
    )
    assert sum(points["blocks"].values()) == points["score"]
    assert "罚7号" in {one["document_no"] for one in told["documents"]}
    assert two_nights.explained("ended", FIRST)["ground"]["basis"] == "企业信息公示暂行条例 第十七条"


def test_d_holds_only_when_a_named_person_has_signed_with_a_reason(two_nights):
    tiers = tiers_of(two_nights, FIRST)
    assert tiers.loc["grave", ["tier", "status"]].tolist() == ["B", "proposed"]
    assert tiers.loc["cleared", ["tier", "status", "reviewer"]].tolist() == ["D", "final", "R-07"]
    assert tiers.index[tiers["tier"] == "D"].tolist() == ["cleared"]


@pytest.mark.parametrize(("reviewer", "reason"), [("", "核实属实"), ("R-07", "")])
def test_a_signature_without_a_name_or_a_reason_is_refused(city, reviewer, reason):
    who = ("--subject", "grave", "--reviewer", reviewer, "--reason", reason, "--on", SECOND)
    assert creditscore("sign", city.run(), *who).code == 2


def test_bodies_and_persons_are_counted_by_reason_and_never_scored(two_nights):
    counted = json.loads((two_nights.run() / "manifest.json").read_text("utf-8"))["counts"]["out_of_scope"]
    assert (counts := {kind: counted[kind] for kind in ("government", "practitioner")}) == dict.fromkeys(counts, 1)
    for table in ("tiers", "scores", "features"):
        known = pq.read_table(two_nights.run() / f"{table}.parquet", columns=["subject_id"])["subject_id"].to_pylist()
        assert not {"bureau", "worker"} & set(known)


def test_persons_are_not_scored_without_an_impact_assessment(two_nights, tmp_path):
    project = shutil.copytree(two_nights.project, tmp_path / "project")
    file = project / "project.toml"
    file.write_text(file.read_text("utf-8") + '\npopulation = "practitioner"\n', "utf-8")
    said = creditscore("run", project, "--data", two_nights.data, "--as-of", SECOND, "--out", tmp_path / "out")
    assert said.code == 2
    assert "impact_assessment_id" in said.err


@pytest.fixture
def drawn(city):
    """The task of the city, drawn."""
    task = city.out / "tasks" / "one"
    who = ("--by", "李四", "--on", "2024-06-01")
    assert creditscore("plan", "publish", task, "--channel", "公报", *who).code == 0
    assert creditscore("draw", task, "--seed", numbers("03 08 17"), "--by", "李四").code == 0
    return task


def test_what_is_published_tells_no_score_and_no_tier(drawn):
    text = (drawn / "publication.csv").read_text("utf-8-sig")
    header = next(csv.reader(text.splitlines()))
    assert not [name for name in header if re.search("score|tier|stratum|probab|reason|等级|分", name)]
    assert not re.search(r"\b(NR|522|482)\b", text)


def test_everybody_may_be_drawn_and_the_worst_who_are_not_signed_as_c(drawn):
    rows = {row["subject_id"]: row for row in csv.DictReader((drawn / "sample.csv").read_text("utf-8-sig").splitlines())}
    assert {"grave", "young", *PLAIN} <= set(rows)
    assert all(float(row["inclusion_probability"]) > 0 for row in rows.values())
    assert (rows["grave"]["tier"], rows["one"]["tier"], rows["young"]["tier"]) == ("C", "C", "NR")


def test_no_tier_is_exempt(two_nights, tmp_path):
    project = shutil.copytree(two_nights.project, tmp_path / "project")
    file = next((project / "tiering").glob("*.toml"))
    changed = file.read_text("utf-8").replace('"ratio" = 0.01', '"ratio" = 0.0')
    assert changed != file.read_text("utf-8")
    file.write_text(changed, "utf-8")
    said = creditscore("run", project, "--data", two_nights.data, "--as-of", SECOND, "--out", tmp_path / "out")
    assert said.code == 2
    assert "ratio" in said.err


def test_the_report_shows_whom_tiers_and_visits_burden_and_d_proposed_apart(two_nights):
    page = (two_nights.run() / "report.html").read_text("utf-8")
    assert "公平" in page
    assert "拟列 D" in page


def test_no_record_is_no_fault_and_who_is_too_new_is_not_rated(two_nights):
    told = two_nights.explained(PLAIN[0])
    assert all(line["points"] >= 0 for line in told["points"]["lines"]), "a count of 0 is a value and costs nothing"
    assert tiers_of(two_nights).loc["young", ["tier", "rule"]].tolist() == ["NR", "new_subject"]


def test_one_matter_told_by_two_offices_counts_once(two_nights):
    assert score_of(two_nights, "told_twice") == score_of(two_nights, "one")


def test_more_records_never_cost_less(two_nights):
    assert score_of(two_nights, "two") <= score_of(two_nights, "one") < score_of(two_nights, PLAIN[0])


def test_an_explanation_says_how_to_object_and_what_can_be_repaired(city):
    """The record that cost points, its name in an objection, which is taken in by it, and from when it may be repaired, by which rule."""
    (record,) = city.explained("one")["documents"]
    assert (record["named"], record["repairable"]) == ("E-one", True)
    (repair,) = city.explained("one")["advice"]["repairs"]
    gain = score_of(city, PLAIN[0]) - score_of(city, "one")
    assert {name: repair[name] for name in ("document", "since", "is_open", "gain", "apply_to", "basis")} == {
        "document": record["number"], "since": "2024-04-01", "is_open": True, "gain": gain, "apply_to": "某局", "basis": "修复办法 第9条",
    }  # fmt: skip
    page = creditscore("explain", city.run(), "one", "--lang", "zh").out
    advised, listed = page.split("四、您可以做什么")[1].split("六、所依据的记录")
    assert "第 1 号记录（penalty）：现在就可以向某局申请修复" in advised
    assert "2024-04-01 已满" in advised
    assert "修复办法 第9条" in advised
    assert "编号 E-one" in listed
    assert "认为记录有误的，可以向作出记录的单位或本机关提出异议" in listed
    said = ("--applicant", "李某", "--by", "张三", "--on", "2024-05-31", "--grounds", "不实")
    filed = creditscore("objection", "file", city.project, "one", "--out", city.out, "--record", record["named"], *said, "--json")
    assert filed.json["about"] == "E-one", filed.err
    # Who has no record is advised no repair.
    assert city.explained(PLAIN[0])["advice"]["repairs"] == []
    assert "申请修复" not in creditscore("explain", city.run(), PLAIN[0], "--lang", "zh").out


def test_a_register_that_was_changed_is_refused(city):
    register = city.out / "register.jsonl"
    register.write_text(register.read_text("utf-8").replace("R-07", "R-08"), "utf-8")
    assert city.night().code == 2


def test_a_run_can_be_rebuilt_as_it_was(two_nights):
    said = creditscore("replay", two_nights.run(), "--project", two_nights.project, "--data", two_nights.data)
    assert said.code == 0, said.err


def test_a_repair_acts_in_the_night_that_knows_it(two_nights):
    tiers = tiers_of(two_nights)
    assert tiers.loc["repaired", ["previous_tier", "tier", "rule"]].tolist() == ["C", "B", "record_ended"]
    assert tiers.loc["ended", ["previous_tier", "tier", "rule"]].tolist() == ["C", "B", "override_ended"]


def test_d_ends_with_the_record_that_was_signed(two_nights):
    assert tiers_of(two_nights).loc["cleared", ["previous_tier", "tier", "status"]].tolist() == ["D", "B", "final"]
