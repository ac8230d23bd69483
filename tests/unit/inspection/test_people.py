"""Who took something in does not decide it, however the name is written."""

import pytest

from creditscore.inspection.people import same_person


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
    ],
)
def test_one_person(other):
    assert same_person("张三", other)


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
    ],
)
def test_two_persons(one, other):
    assert not same_person(one, other)


def test_letters_are_compared_in_either_case():
    assert same_person("ＬＩ Ming", "li-ming (acting)")
    assert same_person("ＬＩ Ming, Wang Wu", "wang wu")
    assert same_person("Li Ming and Wang Wu", "wang wu")
