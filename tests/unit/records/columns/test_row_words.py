"""Totals and signatures below a sheet, and the names in them."""

import pyarrow as pa
import pytest

from creditscore.records.columns.personal import safe_keys, shown_texts
from creditscore.records.columns.row_words import is_no_record, row_words, without_signed_names


@pytest.mark.parametrize("text", [*row_words().totals, "合 计", "总计：5", "合计 5145家", "合计（元）", "小计12,000", "“合计”"])
def test_a_total_is_no_record(text):
    assert is_no_record(text)


@pytest.mark.parametrize(
    "text",
    ["填表人：赵某", "制表人 李某某", "注：本表按月报送", "备注", "单位负责人（签字）", "填表日期: 2024年5月", "Prepared by: X"],
)
def test_a_signature_or_a_note_is_no_record(text):
    assert is_no_record(text)


@pytest.mark.parametrize(
    "text", ["", "E1", "合计建材店", "注册局", "说明书印刷厂", "总数据公司", "制表机厂", "91431103MAN9T5MD5U", "审核员之家"]
)
def test_what_only_begins_like_one_is_a_record(text):
    assert not is_no_record(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("填表人:赵某 联系电话:138****0000 (x)", "填表人:赵* 联系电话:138****0000 (x)"),
        ("填表人：赵某某  审核人: 钱某", "填表人：赵*  审核人: 钱*"),
        ("联系人 欧阳某某", "联系人 欧*"),
        ("prepared by: John Smith", "prepared by: J*"),
        ("法定代表人变更登记", "法定代表人变更登记"),
        ("审核通过", "审核通过"),
    ],
)
def test_the_name_behind_a_title_is_masked(text, shown):
    assert without_signed_names(text) == shown


def test_no_list_of_refused_cells_names_who_filled_in_the_form():
    texts = pa.array(["填表人:赵某 联系电话:13812340000"])
    for shown in (safe_keys(texts), shown_texts(texts, keys=True)):
        assert shown.to_pylist() == ["填表人:赵* 联系电话:138****0000"]
