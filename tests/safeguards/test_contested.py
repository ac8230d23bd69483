"""A firm objects to the result of a visit, or to a grade, as it does to a record: filed, a night, explained, decided, a night."""

import re
import shutil

import pandas as pd
import pytest
from support.command import creditscore
from support.contested import CLEAN, GRADED, SAID, VISITED, decide, file, listed, place_of, tiers, tiers_of
from support.deliveries import event_line

NAMED = {VISITED: ("--visit", "V1"), GRADED: ("--rating", "national 2024-03-01")}
RULE_BEFORE = {VISITED: "", GRADED: "override:national=差"}


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    return place_of(tmp_path_factory.mktemp("contested"))


@pytest.fixture(scope="module")
def filed(before, tmp_path_factory):
    """Both firms have objected; a night has seen it."""
    copy = tmp_path_factory.mktemp("filed") / "copy"
    shutil.copytree(before, copy, symlinks=True)
    for subject_id, words in NAMED.items():
        assert file(copy, subject_id, *words).code == 0
    tiers(copy, "2024-05-07")
    return copy


@pytest.fixture
def place(filed, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(filed, copy, symlinks=True)
    return copy


def test_a_disputed_result_or_grade_holds_the_tier_and_counts_no_more(before, filed):
    then, now = tiers_of(before, "2024-04-30"), tiers_of(filed, "2024-05-07")
    for subject_id in (VISITED, GRADED):
        assert then.loc[subject_id, ["tier", "rule"]].tolist() == ["C", RULE_BEFORE[subject_id]]
        assert now.loc[subject_id, ["raw_tier", "tier", "rule"]].tolist() == ["A", "C", "dispute"]
    assert [(row["subject_id"], row["holds"], row["held_tier"]) for row in listed(filed, "2024-05-07")] == [
        (VISITED, "tier", "C"),
        (GRADED, "tier", "C"),
    ]
    states = {name: pd.read_parquet(filed / "out" / "2024-05-07" / f"own_{name}.parquet") for name in ("visits", "ratings")}
    assert states["visits"].set_index("inspection_id").loc["V1", "state"] == "disputed"
    assert states["ratings"].set_index(["subject_id", "grade"])["state"].to_dict() == {
        (GRADED, "中"): "counts",
        (GRADED, "差"): "disputed",
    }


def test_it_moves_no_other_firm(before, filed):
    others = [tiers_of(where, day).drop(index=[VISITED, GRADED]) for where, day in ((before, "2024-04-30"), (filed, "2024-05-07"))]
    assert others[0][["score", "tier", "rule"]].equals(others[1][["score", "tier", "rule"]])


def test_what_is_disputed_shields_a_firm_from_nothing_else(filed, tmp_path):
    """It objects to a visit that found nothing: whether that counts or not, a penalty of the same night lowers its tier."""
    copy = tmp_path / "copy"
    shutil.copytree(filed, copy, symlinks=True)
    assert file(copy, "S10", "--visit", "VS10", said=(*SAID[:4], "--on", "2024-05-08", *SAID[6:])).code == 0
    events = copy / "data" / "events.csv"
    penalty = event_line("E2", "S10", "penalty", document_no="D2", event_date="2024-05-02", known_date="2024-05-08")
    events.write_text(f"{events.read_text('utf-8').rstrip()}\n{penalty}\n", "utf-8")
    before, now = tiers_of(copy, "2024-05-07").loc["S10"], tiers(copy, "2024-05-08").loc["S10"]
    assert (before["tier"], now["previous_tier"], now["tier"], now["rule"]) == ("A", "A", "B", "")


def test_the_score_with_what_is_disputed_is_kept_of_those_who_dispute_alone(before, filed):
    earlier = pd.read_parquet(before / "out" / "2024-04-30" / "scores.parquet").set_index("subject_id")["score"]
    kept = pd.read_parquet(filed / "out" / "2024-05-07" / "disputed_scores.parquet").set_index("subject_id")["score"]
    assert kept.to_dict() == earlier[[VISITED, GRADED]].to_dict()
    assert not (before / "out" / "2024-04-30" / "disputed_scores.parquet").exists()


@pytest.mark.parametrize("subject_id", NAMED)
def test_the_firm_is_told_of_it(filed, subject_id):
    said = creditscore("explain", filed / "out" / "2024-05-07", subject_id, "--lang", "en")
    assert said.code == 0, said.err
    assert "2024-05-09" in said.out  # its last day
    # What had set the tier that is held keeps its legal basis in sight.
    assert ("Legal basis: 某通知" in said.out) == (subject_id == GRADED)


def test_upheld_it_is_an_exit_and_rejected_it_counts_again(place):
    assert decide(place, "2024-1", "upheld").code == 0
    assert decide(place, "2024-2", "rejected").code == 0
    now = tiers(place, "2024-05-09")
    assert now.loc[VISITED, ["tier", "rule"]].tolist() == ["A", "record_ended"]
    assert now.loc[GRADED, ["tier", "rule"]].tolist() == ["C", RULE_BEFORE[GRADED]]
    ended = pd.read_parquet(place / "out" / "2024-05-09" / "ended.parquet")
    assert ended[["subject_id", "event_id", "why"]].values.tolist() == [[VISITED, "visit:V1", "dispute_upheld"]]
    again = file(
        place, VISITED, "--visit", "V1", said=("--applicant", "李某", "--by", "张三", "--on", "2024-05-10", "--grounds", "再议")
    )
    assert again.code == 2
    assert "counted no more since 2024-05-08" in again.err


def test_an_upheld_grade_is_an_exit_and_the_one_before_counts_again(place):
    assert decide(place, "2024-2", "upheld").code == 0
    assert decide(place, "2024-1", "withdrawn").code == 0
    now = tiers(place, "2024-05-09")
    assert now.loc[GRADED, ["tier", "rule"]].tolist() == ["A", "override_ended"]
    assert now.loc[VISITED, ["tier", "rule"]].tolist() == ["C", RULE_BEFORE[VISITED]]


def test_report_list_and_monitor_tell_the_same_of_a_night_whatever_is_answered_later(place):
    run = place / "out" / "2024-05-07"
    assert decide(place, "2024-1", "upheld").code == 0
    page = (run / "report.html").read_text("utf-8")
    counted = re.findall(r'<td>(检查结果|外部评价等级)</td>((?:<td class="n">\d+</td>){6})', page)
    assert {name: re.findall(r"\d+", cells) for name, cells in counted} == {
        one: [*"110000"] for one in ("检查结果", "外部评价等级")
    }
    monitored = creditscore("monitor", run, "--json").json["objections"]
    assert [monitored[name] for name in ("open", "overdue", "answered", "upheld")] == [2, 0, 0, 0]
    assert [(row["against"], row["open"]) for row in monitored["by_against"]] == [("rating", 1), ("visit", 1)]
    assert [row["against"] for row in listed(place, "2024-05-07")] == ["visit", "rating"]
    assert [(row["outcome"], row["decided_on"]) for row in listed(place, "2024-05-08", "--all")] == [
        ("", None),
        ("upheld", "2024-05-08"),
    ]


def test_an_older_night_is_rebuilt_as_it_was_after_an_answer(place):
    run, project = place / "out" / "2024-05-07", place / "project"
    assert decide(place, "2024-1", "upheld").code == 0
    again = creditscore("replay", run, "--project", project, "--data", place / "data", "--lang", "en")
    assert (again.code, again.err.count("differ")) == (0, 0), again.err
    before = (run / "tiers.parquet").read_bytes()
    tiers(place, "2024-05-07")
    assert (run / "tiers.parquet").read_bytes() == before


def correct(place, day):
    """The visit is delivered again with another outcome; a night of a day, which takes what it was asked about."""
    file = place / "data" / "inspections.csv"
    told = file.read_text("utf-8")
    corrected = told.replace(
        "V1,S1,2024-02-01,2024-02-01,random,on_site,violation,5", "V1,S1,2024-02-01,2024-02-01,random,on_site,none,"
    )
    assert corrected != told
    file.write_text(corrected, "utf-8")
    done = creditscore("run", place / "project", "--data", place / "data", "--as-of", day, "--out", place / "out", "--accept")
    assert done.code == 0, done.err
    return tiers_of(place, day)


def test_a_result_that_is_corrected_in_favour_of_its_firm_acts_at_once(before, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(before, copy, symlinks=True)
    assert correct(copy, "2024-05-07").loc[VISITED, ["tier", "rule"]].tolist() == ["A", "record_ended"]


def test_a_result_that_is_corrected_while_it_is_contested_acts_whatever_is_answered(place):
    assert correct(place, "2024-05-09").loc[VISITED, "raw_tier"] == "A"
    assert decide(place, "2024-1", "rejected", on="2024-05-10").code == 0
    assert tiers(place, "2024-05-10").loc[VISITED, "tier"] == "A"


@pytest.mark.parametrize("name", [("--visit", "2024-02-01"), ("--rating", "national"), ("--rating", "2024-03-01")])
def test_it_is_named_by_its_day_or_scheme_too(before, tmp_path, name):
    copy = tmp_path / "copy"
    shutil.copytree(before, copy, symlinks=True)
    subject_id = VISITED if name[0] == "--visit" else GRADED
    assert file(copy, subject_id, *name).code == 0
    assert [row["about"] for row in listed(copy, "2024-05-06")] == [NAMED[subject_id][1]]


@pytest.mark.parametrize(
    ("subject_id", "words", "said"),
    [
        (CLEAN, ("--visit", "V1"), "has no 'V1'"),
        (GRADED, ("--record", "D1"), "a record of another firm"),
        (CLEAN, ("--record", "D1"), "too old for every window"),
        ("S3", ("--visit", "V3"), "too old for every window"),
        (GRADED, ("--rating", "2022-03-01"), "replaced by that of 2024-03-01"),
        ("X9", ("--record", "D1"), "the run does not know it"),
    ],
)
def test_what_counts_for_nothing_is_refused_with_what_to_do(before, subject_id, words, said):
    refused = file(before, subject_id, *words)
    assert refused.code == 2
    assert said in refused.err
    assert listed(before, "2024-05-06") == []
