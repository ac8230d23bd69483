"""What a sender reads beside a wrong cell: what is expected there, in words that need no look at the configuration."""

import pandas as pd
import pytest
from support.cities import PROJECT

from creditscore.config.project import load_project
from creditscore.config.sources import Limits, SourceSpec
from creditscore.language import Words
from creditscore.pipeline.reject_folder import id_faults
from creditscore.records.reading.sent_rows import SentRows
from creditscore.reporting.reject_reasons import reason_of

EVENTS = SourceSpec(
    name="court", table="events", file="court.csv", format="csv",
    column=[
        {"to": "kind", "rule": "map", "column": "类型", "values": {"裁判文书": "court_judgment"}, "otherwise": "unknown"},
        {"to": "event_date", "rule": "parse_date", "column": "日期", "formats": ["%Y年%m月%d日"]},
        {"to": "result", "rule": "compare", "column": "结论", "op": "==", "value": "属实", "then": "upheld", "otherwise": "no", "others": ["不实", ""]},
    ],
)  # fmt: skip


@pytest.mark.parametrize(
    ("table", "code", "column", "said"),
    [
        (
            "events",
            "OFF_CATALOGUE",
            "类型",
            "不在约定的用词之内（应为：裁判文书；都不符合的不要勉强套用，请与首页“咨询”所列联系人联系）",
        ),
        (
            "events",
            "NOT_LISTED:result",
            "结论",
            "不在约定的用词之内（应为：属实、不实；都不符合的不要勉强套用，请与首页“咨询”所列联系人联系）",
        ),
        (
            "inspections",
            "NOT_LISTED:mode",
            "mode",
            "不在约定的用词之内（应为：on_site、off_site；都不符合的不要勉强套用，请与首页“咨询”所列联系人联系）",
        ),
        (
            "ratings",
            "NOT_LISTED:grade",
            "grade",
            "不在约定的用词之内（应为：优、差；都不符合的不要勉强套用，请与首页“咨询”所列联系人联系）",
        ),
        ("events", "BAD_DATE:event_date", "日期", "不是约定写法的日期（应为实际存在的日期，写成 2024年01月31日）"),
        ("events", "BAD_DATE:known_date", "入库日期", "不是约定写法的日期（应为实际存在的日期，写成 2024-01-31）"),
        ("events", "BAD_VALUE:amount", "amount", "无法读取的值（应为数字，如 12000.50）"),
        ("events", "BAD_VALUE:severity", "severity", "无法读取的值（应为 1 至 10 的整数，如 3）"),
        ("inspections", "BAD_VALUE:inclusion_probability", "inclusion_probability", "无法读取的值（应为数字，如 0.05）"),
        ("inspections", "OUT_OF_RANGE:inclusion_probability", "inclusion_probability", "超出范围（应大于 0，且不大于 1）"),
        ("events", "DATE_ORDER:known_date", "known_date", "日期先后颠倒（不应早于日期，请核对两个日期）"),
        ("subjects", "TOO_LONG:name", "name", "文字过长：最多 80 个字"),
        ("subjects", "TOO_LONG:address", "address", "文字过长：最多 900 个字"),
    ],
)
def test_a_reason_says_what_is_expected_in_the_cell(table, code, column, said):
    source = EVENTS if table == "events" else SourceSpec(name="other", table=table, file="other.csv", format="csv")
    named = {"grade": ("优", "差")}
    reason = reason_of(source, code, column, cell="?", limits=Limits(name_letters=80, cell_letters=900), listed=named)
    assert Words.of("zh").text(reason) == said


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("9.133112400E+17", "被电子表格转成数字，位数已丢失（请先将该列设为文本格式，再按营业执照重新填写 18 位代码）"),
        ("9143112", "长度不是18位（请对照营业执照逐位核对：共 18 位，为数字和大写字母，不用 I、O、S、V、Z）"),
        ("431128107649999", "15位旧注册号（请填写营业执照上的 18 位统一社会信用代码）"),
        ("91431103MAN9T5MD5A", "代码校验不符（18 位中有一位或几位写错，或相邻两位颠倒，请对照营业执照逐位核对，不要只改末位）"),
        (
            "91431103MAN9T5MD5U",
            "主体不在登记库（或其代码已被隔离）（请核对代码；代码无误的，本行不必改动，登记库中该主体改正后即计入）",
        ),
    ],
)
def test_an_unknown_code_is_told_by_what_is_wrong_with_the_code_itself(sent, said):
    rows = SentRows(("subject_id",), (), {7: (sent,)}, {})
    rejects = pd.DataFrame({"row": [7], "column": ["subject_id"], "code": ["UNKNOWN_SUBJECT"]})
    faults = id_faults(EVENTS, load_project(PROJECT), rows, rejects)
    reason = reason_of(EVENTS, "UNKNOWN_SUBJECT", "subject_id", id_fault=faults.get(sent))
    assert Words.of("zh").text(reason) == said
