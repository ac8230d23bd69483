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
    ],
)
def test_one_person(other):
    assert same_person("张三", other)


@pytest.mark.parametrize(("one", "other"), [("张三", "张四"), ("张三", "张三丰"), ("（甲）", "（乙）"), ("Li Ming", "Li Min")])
def test_two_persons(one, other):
    assert not same_person(one, other)


def test_letters_are_compared_in_either_case():
    assert same_person("ＬＩ Ming", "li-ming (acting)")
