"""An objection is taken in by one person, acts at once, has a last day, and is answered by another person: from the command line."""

import datetime as dt
import shutil

import pandas as pd
import pytest
from support.command import creditscore
from support.contested import decide
from support.deliveries import Delivery, csv_sources, event_line, subject_line
from support.nights import night, sign_a_card

from creditscore.inspection.objections import open_objections
from creditscore.inspection.register import Register

#: On a list; with a penalty, of which a rule makes C until 5 May; a body.
LISTED, OTHER, BODY = "S1", "S2", "G1"
OVERRIDES = [
    {"kind": "abnormal_list", "tier": "C", "basis": "某规定 第1条"},
    {"kind": "penalty", "tier": "C", "basis": "某规定 第2条", "expires": dt.date(2024, 5, 5)},
]
DEADLINES = {
    "deadline": [
        {
            "against": ["record"],
            "effective": dt.date(2020, 1, 1),
            "working_days": 3,
            "with_other_unit": 7,
            "basis": "某条例 第50条",
        },
        {"against": ["tier", "draw"], "effective": dt.date(2020, 1, 1), "working_days": 7, "basis": "某条例 第51条"},
    ],
    "step": [
        {
            "against": ["record"],
            "effective": dt.date(2024, 1, 1),
            "label": {"zh": "可以申请行政复议", "en": "you may apply for reconsideration"},
            "basis": "行政复议法 第20条",
        },
    ],
}
BY_SCORE_ALL_ARE_A = [
    {"name": "A", "max_probability": 0.97}, {"name": "B", "max_probability": 0.98}, {"name": "C", "max_probability": 0.99}, {"name": "D"},
]  # fmt: skip
GROUNDS = ("--applicant", "李某", "--by", "张三", "--on", "2024-05-06", "--grounds", "名录已移出")


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """A firm on a list, another one with a penalty, a body; one night."""
    folder = tmp_path_factory.mktemp("objections")
    delivery = Delivery(
        folder,
        sources=csv_sources(),
        objections=DEADLINES,
        policy={"override": OVERRIDES, "tier": BY_SCORE_ALL_ARE_A},
    )
    delivery.subjects(
        subject_line(),
        subject_line(OTHER, "乙店"),
        subject_line(BODY, "某局", subject_type="government"),
    )
    delivery.events(
        event_line("E1", kind="abnormal_list", document_no="D1"),
        event_line("E2", OTHER),
        event_line("E3", BODY, kind="abnormal_list"),
    )
    sign_a_card(delivery)
    assert night(delivery, folder / "out").code == 0
    return folder


@pytest.fixture
def place(before, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(before, copy, symlinks=True)
    return copy


def objection(place, *words, subject=LISTED, said=GROUNDS):
    return creditscore("objection", "file", place / "project", subject, "--out", place / "out", *said, *words, "--lang", "en")


def tier(place, day, subject=LISTED):
    done = creditscore("run", place / "project", "--data", place / "data", "--as-of", day, "--out", place / "out")
    assert done.code == 0, done.err
    return tier_of(place, day, subject)


def tier_of(place, day, subject):
    tiers = pd.read_parquet(place / "out" / day / "tiers.parquet").set_index("subject_id")
    return tiers.loc[subject, "tier"], tiers.loc[subject, "rule"]


def open_ones(place, on):
    return creditscore("objection", "list", place / "out", "--on", on, "--json").json


def test_an_open_objection_freezes_the_tier_and_an_upheld_one_acts_at_once(place):
    assert objection(place, "--record", "E1").code == 0
    assert open_ones(place, "2024-05-06")["rows"][0]["holds"] == "next_night"
    assert tier(place, "2024-05-07") == ("C", "dispute")
    (row,) = open_ones(place, "2024-05-10")["rows"]
    assert (row["holds"], row["held_tier"], row["due"], row["overdue"]) == ("tier", "C", "2024-05-09", True)
    assert decide(place, "2024-1", "upheld").code == 0
    assert tier(place, "2024-05-09")[0] == "A"
    assert open_objections(place / "out", LISTED) == ()


@pytest.mark.parametrize("outcome", ["rejected", "withdrawn"])
def test_after_a_rejected_or_withdrawn_one_the_record_counts_again(place, outcome):
    objection(place, "--record", "E1")
    tier(place, "2024-05-07")
    decide(place, "2024-1", outcome)
    assert tier(place, "2024-05-09") == ("C", "override:abnormal_list")


@pytest.mark.parametrize("outcome", ["rejected", "withdrawn"])
def test_one_with_new_evidence_that_follows_on_the_day_of_the_answer_acts_until_its_own(place, outcome):
    objection(place, "--record", "E1")
    tier(place, "2024-05-07")
    decide(place, "2024-1", outcome)
    said = ("--applicant", "李某", "--by", "张三", "--on", "2024-05-08", "--grounds", "名录已移出，附新证据")
    assert objection(place, "--record", "E1", "--new-evidence", "移出决定书〔2024〕3号：四月已移出", said=said).code == 0
    assert tier(place, "2024-05-09") == ("C", "dispute")
    assert decide(place, "2024-2", "rejected", on="2024-05-10").code == 0
    assert tier(place, "2024-05-11") == ("C", "override:abnormal_list")


def test_it_freezes_only_the_firm_of_the_disputed_record(place):
    first = pd.read_parquet(place / "out" / "2024-04-30" / "tiers.parquet").set_index("subject_id")
    assert first["tier"].to_dict() == {LISTED: "C", OTHER: "C"}
    assert objection(place, "--record", "E1").code == 0
    assert tier(place, "2024-05-07") == ("C", "dispute")
    # The rule for the other one is over: it rises, which it would not if the objection of this one held it.
    assert tier_of(place, "2024-05-07", OTHER) == ("A", "override_ended")
    own = pd.read_parquet(place / "out" / "2024-05-07" / "own_records.parquet").set_index("event_id")["state"]
    assert own.to_dict() == {"E1": "disputed", "E2": "counts"}


def test_one_against_a_tier_changes_nothing_by_itself(place):
    assert objection(place, "--tier", "2024-04-30").code == 0
    assert tier(place, "2024-05-07") == ("C", "override:abnormal_list")
    assert [row["holds"] for row in open_ones(place, "2024-05-07")["rows"]] == ["nothing"]


def test_the_same_intake_and_answer_again_add_nothing(place):
    said = [objection(place, "--record", "E1").out for _again in range(2)]
    answered = [decide(place, "2024-1", "upheld") for _again in range(2)]
    kinds = [line["what"] for line in Register.of(place / "out").lines]
    assert said[0] == said[1]
    assert (kinds.count("objected"), kinds.count("answered")) == (1, 1)
    assert [done.code for done in answered] == [0, 0]
    assert decide(place, "2024-1", "rejected").code == 2


def test_who_took_it_in_does_not_decide_it(place):
    objection(place, "--record", "E1")
    said = decide(place, "2024-1", "upheld", by=" 张 三")
    assert said.code == 2
    assert "second person" in said.err


@pytest.mark.parametrize(
    ("words", "subject", "fault"),
    [
        (("--record", "E2"), LISTED, "--record"),
        (("--record", "E3"), BODY, "never rated"),
        (("--tier", "2024-04-29"), LISTED, "--tier"),
        (("--tier", "2024-04-30"), BODY, "--tier"),
        (("--draw", "nonsense"), LISTED, "--draw"),
        ((), LISTED, "one of --record"),
        (("--record", "E1", "--tier", "2024-04-30"), LISTED, "one of --record"),
    ],
)
def test_one_against_what_is_not_there_or_not_its_own_is_refused(place, words, subject, fault):
    lines = len(Register.of(place / "out").lines)
    said = objection(place, *words, subject=subject)
    assert said.code == 2
    assert fault in said.err
    assert len(Register.of(place / "out").lines) == lines


def test_another_unit_has_the_longer_time_and_working_days_count(place):
    said = creditscore(
        "objection",
        "file",
        place / "project",
        LISTED,
        "--out",
        place / "out",
        *GROUNDS,
        "--record",
        "E1",
        "--other-unit",
        "某局",
        "--json",
    )
    assert (said.json["due"], said.json["basis"]) == ("2024-05-15", "某条例 第50条")


def test_a_firm_names_a_record_by_its_document(place):
    assert objection(place, "--record", "D1").code == 0
    assert open_ones(place, "2024-05-06")["rows"][0]["about"] == "E1"


def test_the_list_is_that_of_its_day(place):
    objection(place, "--record", "E1")
    assert decide(place, "2024-1", "rejected").code == 0
    assert [row["outcome"] for row in open_ones(place, "2024-05-07")["rows"]] == [""]
    assert open_ones(place, "2024-05-08")["rows"] == []


def test_nobody_decides_his_own_and_no_day_lies_ahead(place):
    objection(place, "--record", "E1")
    own = decide(place, "2024-1", "upheld", by="李某")
    assert own.code == 2
    assert "another person than the one who objects" in own.err
    ahead = decide(place, "2024-1", "upheld", on="2999-01-01")
    assert ahead.code == 2
    assert "a day that has come" in ahead.err


def explained(place, day):
    return [creditscore("explain", place / "out" / day, LISTED, "--lang", "en", *more) for more in ((), ("--json",))]


def test_an_explanation_tells_what_its_night_knew_and_apart_from_it_what_came_later(place):
    objection(place, "--record", "E1")
    tier(place, "2024-05-07")
    decide(place, "2024-1", "rejected")
    tier(place, "2024-05-09")
    page, told = explained(place, "2024-04-30")
    assert told.json["objections"] == []
    assert "Objection" not in page.out
    page, told = explained(place, "2024-05-07")
    (one,) = told.json["objections"]
    assert (one["received_since"], one["answered_since"], one["outcome"]) == (False, True, "rejected")
    then, later = page.out.split("since then")
    assert "Objection 2024-1 to record no. 1: received 2024-05-06, answer due by 2024-05-09" in then
    assert "rejected" not in then
    assert "rejected on 2024-05-08" in later
    page, told = explained(place, "2024-05-09")
    (one,) = told.json["objections"]
    assert (one["answered_since"], [step["basis"] for step in one["steps"]]) == (False, ["行政复议法 第20条"])
    for part in ("rejected on 2024-05-08", "已核实", "The record counts.", "you may apply for reconsideration"):
        assert part in page.out
    assert "answer due by" not in page.out
    assert "since then" not in page.out


def test_the_newest_explanation_tells_an_objection_that_no_night_has_seen_apart(place):
    objection(place, "--record", "E1")
    page, told = explained(place, "2024-04-30")
    (one,) = told.json["objections"]
    assert one["received_since"]
    then, later = page.out.split("since then")
    assert "Objection 2024-1" not in then
    assert "It acts from the next night on." in later


def test_an_answer_may_be_given_in_the_words_of_a_language_and_no_bracket_makes_a_second_person(place):
    objection(place, "--record", "E1")
    same = decide(place, "2024-1", "upheld", by="张三（代）")
    assert same.code == 2
    assert "brackets" in same.err
    unknown = decide(place, "2024-1", "maybe")
    assert unknown.code == 2
    assert "rejected / 不成立" in unknown.err
    assert decide(place, "2024-1", "成立").code == 0
    (row,) = creditscore("objection", "list", place / "out", "--on", "2024-05-08", "--all", "--json").json["rows"]
    assert (row["outcome"], row["decided_on"]) == ("upheld", "2024-05-08")
    assert (
        "upheld on 2024-05-08" in creditscore("objection", "list", place / "out", "--on", "2024-05-08", "--all", "--lang", "en").out
    )


def test_a_project_without_deadlines_is_told_which_lines_to_add(place):
    (place / "project" / "objections.toml").unlink()
    said = objection(place, "--record", "E1")
    assert said.code == 2
    assert str(place / "project" / "objections.toml") in said.err
    for line in ("[[deadline]]", 'against = ["record"]', "effective = 2024-05-06", "working_days = ", "basis = "):
        assert line in said.err
    assert open_ones(place, "2024-05-06")["rows"] == []


def test_a_record_is_contested_from_the_day_on_which_it_was_known(place):
    early = objection(
        place, "--record", "E1", said=("--applicant", "李某", "--by", "张三", "--on", "2024-01-01", "--grounds", "不实")
    )
    assert early.code == 2
    assert "2024-01-02" in early.err
    assert "learnt of it" in early.err


@pytest.mark.parametrize(
    ("on", "said"),
    [
        ("2024-04-29", "before the first run, that of 2024-04-30"),
        ("2999-01-01", "a day that has come"),
        ("30.4.2024", "--on"),
    ],
)
def test_a_credit_check_is_of_a_day_that_has_a_run_before_it_and_has_come(before, on, said):
    checked = look_up(before, "2024-04-30", on)
    assert checked.code == 2
    assert said in checked.err
    assert not (before / "out" / "lookups.jsonl").exists()


def test_a_credit_check_says_of_which_day_its_answer_is(place):
    assert "There is no run of 2024-05-06" in look_up(place, "2024-04-30", "2024-05-06").out
    assert look_up(place, "2024-04-30", "2024-04-30", "--json").json["note"] == ""
    tier(place, "2024-05-07")
    assert "that of 2024-05-07" in look_up(place, "2024-04-30", "2024-05-08").out
    early = look_up(place, "2024-05-07", "2024-05-06")
    assert early.code == 2
    assert "ask that of 2024-04-30" in early.err


def test_a_refused_purpose_comes_with_the_list_of_the_project(before):
    said = look_up(before, "2024-04-30", "2024-05-06", purpose="lending")
    assert said.code == 2
    assert "This one answers: supervision" in said.err


def look_up(place, run, on, *more, purpose="supervision"):
    words = ("--purpose", purpose, "--by", "某科", "--on", on, "--lang", "en")
    return creditscore("lookup", place / "out" / run, LISTED, *words, *more)
