"""What was answered is asked again with new evidence only, and suspends no more often than the project allows."""

import datetime as dt
from dataclasses import replace

import pytest

from creditscore.errors import DataError
from creditscore.inspection.objection_intake import Answer, Rules, Thing, add_answer, add_objection
from creditscore.inspection.objections import Filing, all_objections, disputed_ranges, history
from creditscore.inspection.register import Register
from creditscore.pipeline.out_folder import changing

RULES = Rules(dt.date(2024, 6, 30), "某条例 第50条", 1, "某规定 第3条")
FIRST = Filing("S1", "record", "E1", "李某", "张三", dt.date(2024, 5, 6), "不实", evidence="卷3")
THING = Thing("penalty", "某局", "D1")


def day(number):
    return dt.date(2024, 5, number)


def file(out, on, new_evidence="", *, filing=FIRST, thing=THING, rules=RULES, **more):
    with changing(out, "objection") as entry:
        return add_objection(entry, replace(filing, on=day(on), new_evidence=new_evidence, **more), thing, rules=rules)


def answer(out, one, outcome, on):
    with changing(out, "objection") as entry:
        withdrawal = ("撤回申请1号", day(on)) if outcome == "withdrawn" else ()
        return add_answer(entry, one.id, Answer(outcome, "已核实", "李四", day(on), *withdrawal))[0]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def lines(out):
    return len(Register.of(out).lines)


@pytest.mark.parametrize("against", ["record", "visit", "rating", "tier", "draw"])
def test_what_was_rejected_is_not_asked_again_without_new_evidence(out, against):
    first = file(out, 6, against=against)
    answer(out, first, "rejected", 8)
    written = lines(out)
    with pytest.raises(DataError, match=r"2024-1: to the same thing, and rejected on 2024-05-08.*--new-evidence"):
        file(out, 9, against=against, grounds="再议")
    assert lines(out) == written
    again = file(out, 9, "决定书〔2024〕3号：已撤销", against=against)
    assert (again.earlier, again.suspends, again.new_evidence) == ("2024-1", True, "决定书〔2024〕3号：已撤销")


@pytest.mark.parametrize("named", ["卷3", " 卷 ３ ", "决定书〔2024〕3号", "不实。"])
def test_evidence_that_was_named_before_is_not_new(out, named):
    answer(out, file(out, 6), "rejected", 8)
    answer(out, file(out, 8, "决定书〔2024〕3号"), "rejected", 9)
    with pytest.raises(DataError, match="expected what was not known when objection 2024-"):
        file(out, 9, named)
    assert file(out, 9, "决定书〔2023〕3号").new_evidence == "决定书〔2023〕3号"


@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_as_many_with_new_evidence_suspend_as_the_project_allows(out, allowed):
    rules, suspended = replace(RULES, suspends_again=allowed), []
    for on in range(6, 11):
        one = file(out, on, f"卷{on}" if on > 6 else "", rules=rules)
        suspended.append(one.suspends)
        answer(out, one, "rejected", on)
    assert suspended == [True] + [number < allowed for number in range(4)]
    assert [one.suspends_basis for one in all_objections(out)] == [""] + ["某规定 第3条"] * 4


def test_after_a_withdrawn_one_the_next_suspends_with_new_evidence_only(out):
    answer(out, file(out, 6), "withdrawn", 7)
    without = file(out, 8)
    assert (without.earlier, without.suspends) == ("2024-1", False)
    answer(out, without, "withdrawn", 8)
    assert file(out, 9, "卷9").suspends  # nothing had suspended again


def test_another_report_of_the_same_document_is_the_same_thing_and_another_firm_is_not(out):
    answer(out, file(out, 6), "rejected", 8)
    with pytest.raises(DataError, match="new evidence"):
        file(out, 9, about="E1b")
    for more in ({"subject_id": "S2"}, {"about": "E9", "thing": replace(THING, document_no="D9")}):
        assert file(out, 9, **more).earlier == ""


def test_one_beside_another_report_that_is_contested_waits_for_its_answer(out):
    file(out, 6)
    with pytest.raises(DataError, match="open still"):
        file(out, 7, about="E1b")


def test_one_that_follows_is_not_dated_before_the_answer(out):
    answer(out, file(out, 6), "rejected", 8)
    with pytest.raises(DataError, match="expected a day on or after 2024-05-08"):
        file(out, 7, "卷7")


def test_one_that_suspends_nothing_hides_nothing_until_it_is_upheld(out):
    visit = {"against": "visit", "about": "V1", "rules": replace(RULES, suspends_again=0)}
    answer(out, file(out, 6, **visit), "rejected", 8)
    again = file(out, 9, "卷9", **visit)

    def hidden():
        return [(since, until, why) for _one, since, until, why in disputed_ranges(all_objections(out), "visit")]

    first = (day(6), day(8), "disputed")
    assert hidden() == [first]
    answer(out, again, "upheld", 12)
    assert hidden() == [first, (day(12), None, "dispute_upheld")]


def test_the_earlier_ones_are_found_in_order(out):
    for on in (6, 7, 8):
        answer(out, file(out, on, f"卷{on}" if on > 6 else ""), "rejected", on)
    known = all_objections(out)
    assert [one.id for one in history(known[-1], known)] == ["2024-2", "2024-1"]


def test_lines_from_before_there_was_such_a_rule_suspend(out):
    file(out, 6)
    (line,) = Register.of(out).lines
    old = {
        name: value
        for name, value in line.items()
        if name not in ("new_evidence", "document_no", "earlier", "suspends", "suspends_basis")
    }
    from creditscore.inspection.objections import objections_of

    assert objections_of([old])[0].suspends


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("张三、王五", "got 张三、王五; 张三 took it in, both with 张三"),
        ("王五、李某（代）", "got 王五、李某（代） and 李某, both with 李某"),
    ],
)
def test_a_refusal_names_whom_both_fields_have_in_common(out, by, said):
    file(out, 6)
    with pytest.raises(DataError) as refused:
        answered(out, "rejected", "已核实", by, day(8))
    assert said in str(refused.value)


def answered(out, *answer):
    with changing(out, "objection") as entry:
        return add_answer(entry, "2024-1", Answer(*answer))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ((), "only who objects withdraws it"),
        (("撤回申请〔2024〕1号",), "only who objects withdraws it"),
        ((" —— ", day(7)), "only who objects withdraws it"),
        (("", day(7)), "only who objects withdraws it"),
        (("撤回申请〔2024〕1号", day(5)), "expected a day from 2024-05-06"),
        (("撤回申请〔2024〕1号", day(9)), "to 2024-05-08"),
    ],
)
def test_only_the_applicants_own_document_withdraws_an_objection(out, document, said):
    file(out, 6)
    written = lines(out)
    with pytest.raises(DataError, match=said):
        answered(out, "withdrawn", "已核实", "李四", day(8), *document)
    assert lines(out) == written


def test_the_document_of_a_withdrawal_is_kept_and_belongs_to_no_other_answer(out):
    file(out, 6)
    with pytest.raises(DataError, match="expected with --outcome withdrawn only"):
        answered(out, "rejected", "已核实", "李四", day(8), "撤回申请〔2024〕1号", day(7))
    said = ("withdrawn", "已核实", "李四", day(8), "撤回申请〔2024〕1号", day(7))
    assert [answered(out, *said)[1] for _again in range(2)] == [True, False]
    (one,) = all_objections(out)
    assert (one.withdrawal, one.withdrawal_date) == ("撤回申请〔2024〕1号", day(7))
    assert (one.as_of(day(7)).withdrawal, one.as_of(day(7)).withdrawal_date) == ("", None)
    with pytest.raises(DataError, match="an answer is not changed"):
        answered(out, *said[:4], "撤回申请〔2024〕2号", day(7))
