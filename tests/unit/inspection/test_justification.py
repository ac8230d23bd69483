"""Who changes what a draw gave says why, what shows it, and who else answers for it; a refusal says what is missing."""

import dataclasses

import pytest

from creditscore.errors import DrawError
from creditscore.inspection.justification import REASONS, Justification
from creditscore.language import Words, _
from creditscore.vocabulary import LEAVE_REASONS, REPLACEMENT_REASONS

WHOLE = Justification(reason="not_found", evidence="现场笔录 2024-7", by="李四", second="王五")
STEP = _("replacement of {subject_id}", subject_id="S1")


def checked(**how):
    changes = {name: how.pop(name) for name in list(how) if name not in ("reasons", "optional")}
    return dataclasses.replace(WHOLE, **changes).checked(STEP, **how)


def test_what_is_whole_is_taken_without_blanks_at_its_ends():
    assert checked(reason=" not_found ", second="王五\n", reasons=REPLACEMENT_REASONS) == WHOLE


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("reason", "a reason"),
        ("evidence", "evidence, such as a document"),
        ("by", "the name of who decided"),
        ("second", "the name of a second person"),
    ],
)
@pytest.mark.parametrize("given", ["", "  ", "——", ".", "两行\n文字"])
def test_a_refusal_says_which_text_is_missing_and_what_was_given(field, told, given):
    with pytest.raises(DrawError) as refused:
        checked(**{field: given})
    assert str(refused.value).startswith(f"replacement of S1: expected {told}")
    assert str(refused.value).endswith(f"(got {given!r})")


@pytest.mark.parametrize("second", ["李四", "李 四（代）", "王五、李四"])
def test_a_refusal_says_that_both_are_one_person(second):
    with pytest.raises(DrawError, match=rf"replacement of S1: expected a second person \(got 李四 and {second}, both with 李四;"):
        checked(second=second)


def test_what_may_be_empty_is_still_refused_where_it_says_nothing_or_names_the_same_person():
    may = ("reason", "evidence", "second")
    assert checked(reason="", evidence=" ", second="", optional=may) == Justification(by="李四")
    for wrong in ({"reason": "."}, {"evidence": "-"}, {"second": "李四"}):
        with pytest.raises(DrawError):
            checked(**wrong, optional=may)


def test_a_reason_of_a_closed_list_is_typed_as_code_and_shown_with_its_word():
    with pytest.raises(DrawError) as refused:
        checked(reason="朋友所托", reasons=REPLACEMENT_REASONS)
    assert "expected a reason of deregistered, revoked, moved_away, not_found" in str(refused.value)
    assert "deregistered（已注销）、revoked（已吊销）" in Words.of("zh").text(refused.value)
    assert "not_found（查无此户）" in Words.of("zh").text(refused.value)


def test_every_reason_of_the_lists_has_a_word_and_no_other():
    assert set(REASONS) == {*REPLACEMENT_REASONS, *LEAVE_REASONS}
    for code, word in REASONS.items():
        assert (str(word), Words.of("zh").text(word).startswith(f"{code}（")) == (code, True)
