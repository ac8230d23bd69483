"""Who took something in does not decide it, however the name is written."""

import pytest

from creditscore.inspection.people import in_common


@pytest.mark.parametrize(
    "other",
    [
        "张三",
        " 张 三 ",
        "张三（代）",
        "张三(代)",
        "张三〔科长〕",
        "张三［代］",
        "张三【局（办）】",
        "张・三",
        "（代）张三",
        "张\u200b三",
        "张三、李四",
        "李四，张三",
        "李四；张三",
        "李四/张三",
        "李四／张 三",
        "李四和张三",
        "李四及张三",
        "李四 与 张三",
        "李四＆张三",
        "李四 张三",
        "李四 and 张三",
        "李和平和张三",
        "张三科长",
        "张三 副局长",
        "执法科：张三",
        "王五、张三（执法科、法制科）",
        "食品科 张三",
        "永州市市场监督管理局 食品科 张三科长",
        "食品科/张三",
    ],
)
def test_one_person(other):
    assert in_common("张三", other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("张三", "张四"),
        ("张三", "张三丰"),
        ("（甲）", "（乙）"),
        ("Li Ming", "Li Min"),
        ("张三、李四", "王五、赵六"),
        # 和 and 及 within names, and a blank within one, part nobody.
        ("张和平", "李和平"),
        ("欧阳和平", "欧阳及第"),
        ("张 三", "李 三"),
        ("张三科长", "李四科长"),
        ("张三 科长", "李四 科长"),
        ("王科长", "李科长"),
        ("执法科：张三", "执法科：李四"),
        ("Anders Brand", "Anna Brand"),
        ("食品科 张三", "食品科 李四"),
        ("市场监管局 张三", "市场监管局 李四"),
        ("市场监管局 食品科 张三", "市场监管局 食品科 李四"),
        ("市局 张三", "市局 李四"),
        ("一科 张三", "一科 李四"),
        ("执法大队 张三、王五", "执法大队 李四"),
        ("检测中心/张三", "检测中心/李四"),
        ("张三 办公室", "李四 办公室"),
    ],
)
def test_two_persons(one, other):
    assert in_common(one, other) is None


def test_letters_are_compared_in_either_case():
    assert in_common("ＬＩ Ming", "li-ming (acting)") is not None
    assert in_common("ＬＩ Ming, Wang Wu", "wang wu") is not None
    assert in_common("Li Ming and Wang Wu", "wang wu") is not None


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        # A name may end like an office: where a sign parts it from others, or nothing else stands in a field, it counts.
        ("李志科、张三", "李志科、王五", "李志科"),
        ("李志科 张三", "李志科", "李志科"),
        ("李科 张三", "李科 王五", "李科"),
        ("食品科", "食品科", "食品科"),
        ("食品科 张三", "食品科", "食品科"),
        ("食品科 市局", "食品科 王五", "食品科"),
        ("食品科 张三、李四", "食品科 李四", "李四"),
        ("食品科 张三", "李四、张 三（代）", "张三"),
        ("张三", "李四", None),
    ],
)
def test_who_is_in_common_is_named(one, other, common):
    assert in_common(one, other) == common
