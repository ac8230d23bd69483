"""Conditions on words: a word that no branch names falls to no branch; it is told, and refused where it may hide a fault."""

import pyarrow as pa
import pytest
from pydantic import ValidationError

from creditscore.config.sources import SourceSpec
from creditscore.records.columns.rules import apply_rules
from creditscore.records.tables import TABLES

FOUND = {
    "to": "outcome",
    "rule": "compare",
    "column": "found",
    "op": "==",
    "value": "不合格",
    "then": "violation",
    "otherwise": "none",
}
OTHERS = {**FOUND, "others": ["合格", "基本合格"]}
CASES = {
    "to": "severity", "rule": "cases", "otherwise": 1, "others": ["轻微"],
    "case": [{"column": "found", "op": "==", "value": "严重", "then": 8}, {"column": "count", "op": ">", "value": 2, "then": 5}],
}  # fmt: skip


def read(rule, table="inspections", **columns):
    source = SourceSpec.model_validate({"name": "s", "table": table, "file": "s.csv", "column": [rule]})
    kept = {rule["to"]: TABLES[table].columns[rule["to"]]}
    alone = type(TABLES[table])(
        name=table, columns=kept, key=(), required=tuple({rule["to"]} & {*TABLES[table].required}), soft=TABLES[table].soft,
        ranges=TABLES[table].ranges, counts=TABLES[table].counts,
    )  # fmt: skip
    read, faults = apply_rules(pa.table(columns), source, alone)
    return read[rule["to"]].to_pylist(), faults


def test_a_slip_in_a_word_falls_to_no_branch_and_is_refused():
    values, faults = read(OTHERS, found=["不合格", " 不合格 ", "合格", "不合恪", None])
    assert values == ["violation", "violation", "none", None, None]
    assert faults.codes().to_pylist() == [None, None, None, "NOT_LISTED:outcome", None]
    assert faults.texts().to_pylist()[3] == "不合恪"
    assert dict(faults.words) == {("outcome", "不合恪"): 1}
    assert dict(faults.unmapped) == {"outcome": 1}
    assert sum(faults.normalised.values()) == 1


def test_not_equal_takes_none_but_its_other_words():
    values, faults = read({**OTHERS, "op": "!=", "value": "合格", "others": ["不合格"]}, found=["合格", "不合格", "合各"])
    assert values == ["none", "violation", None]
    assert faults.codes().to_pylist() == [None, None, "NOT_LISTED:outcome"]


def test_an_empty_cell_is_another_word_only_where_it_is_expected():
    assert read(OTHERS, found=["", None])[0] == [None, None]
    values, faults = read({**OTHERS, "others": ["合格", ""]}, found=["", None, "合恪"])
    assert values == ["none", "none", None]
    assert faults.codes().to_pylist() == [None, None, "NOT_LISTED:outcome"]


def test_a_slip_in_a_case_leaves_the_value_in_doubt_and_refuses_a_soft_value_alone():
    values, faults = read(CASES, found=["严重", "轻微", "严种", "严种", None, "轻微"], count=[0, 0, 0, 3, 0, 3])
    assert values == [8, 1, None, None, None, 5]
    assert faults.codes().null_count == 6
    assert faults.fields().to_pylist() == [None, None, "NOT_LISTED:severity", "NOT_LISTED:severity", None, None]


def test_a_word_that_decides_nothing_is_told_and_missing():
    rule = {"to": "ownership", "rule": "compare", "column": "o", "op": "==", "value": "国有", "then": "state", "otherwise": "other"}
    values, faults = read({**rule, "others": ["民营"]}, table="subjects", o=["国有", "民营", "国右"])
    assert values == ["state", "other", None]
    assert faults.codes().null_count == 3
    assert dict(faults.unmapped) == {"ownership": 1}


def test_comparisons_by_size_and_with_numbers_list_no_words():
    values, faults = read({**FOUND, "op": ">=", "value": "b"}, found=["a", "b", "c"])
    assert values == ["none", "violation", "violation"]
    assert not faults.unmapped
    assert read({**FOUND, "value": 1}, found=["1", "2"])[0] == ["violation", "none"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (FOUND, "others: the other words"),
        ({**FOUND, "op": "!=", "otherwise": None}, "others: the other words"),
        ({**OTHERS, "value": 1}, "others: goes with"),
        ({**OTHERS, "others": ["合格", "不合格"]}, "no value names"),
        ({**CASES, "others": []}, "others: the other words"),
    ],
)
def test_a_rule_on_words_says_which_others_it_expects(rule, said):
    with pytest.raises(ValidationError, match=said):
        SourceSpec.model_validate({"name": "s", "table": "inspections", "file": "s.csv", "column": [rule]})


def test_without_an_otherwise_nothing_has_to_be_listed():
    rule = {"to": "verified", "rule": "compare", "column": "v", "op": "==", "value": "是", "then": True}
    values, faults = read(rule, table="events", v=["是", "否"])
    assert values == [True, None]
    assert faults.fields().to_pylist() == [None, "NOT_LISTED:verified"]
