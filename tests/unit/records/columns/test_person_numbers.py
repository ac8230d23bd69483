"""Numbers of persons are masked however they are written; codes of firms, document numbers, days and amounts never are."""

import datetime as dt

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from stdnum.cn import ric, uscc

from creditscore.records.columns.person_numbers import is_person_number, is_resident_number, without_person_numbers

PROVINCES = ["11", "13", "21", "31", "37", "43", "44", "50", "51", "53", "54", "62", "65", "81", "82", "83"]
CODE_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
BEFORE = ["", "法定代表人张三，身份证号", "ID:", "ID", "T", "（", "経办 ", "证件", "\u200b"]
AFTER = ["", "，电话未留", "）", " 张三", "张三", "。", "；见附件2"]

places = st.tuples(st.sampled_from(PROVINCES), st.from_regex(r"\A[0-9]{4}\Z")).map("".join)
birthdays = st.dates(dt.date(1927, 1, 1), dt.date(1999, 12, 31))
gaps = st.sampled_from(["", " ", "-", "  ", "\u3000", "－", "."])


@st.composite
def residents(draw):
    first = draw(places) + f"{draw(birthdays):%Y%m%d}" + f"{draw(st.integers(0, 999)):03d}"
    return first + ric.calc_check_digit(first + "0")


@st.composite
def old_residents(draw):
    return draw(places) + f"{draw(birthdays):%y%m%d}" + f"{draw(st.integers(0, 999)):03d}"


mobiles = st.tuples(st.sampled_from("3456789"), st.from_regex(r"\A[0-9]{9}\Z")).map(lambda parts: "1" + "".join(parts))


@st.composite
def written(draw, number, groups):
    """A number as people write it: in groups, in full width, glued to words."""
    cuts, parts = draw(st.sampled_from(groups)), []
    for length in cuts:
        parts.append(number[:length])
        number = number[length:]
    text = draw(gaps).join([*parts, number] if number else parts)
    if draw(st.booleans()):
        text = text.translate({ord(sign): ord(sign) + 0xFEE0 for sign in "0123456789Xx"})
    return draw(st.sampled_from(BEFORE)) + text + draw(st.sampled_from(AFTER))


def assert_hidden(number, shown):
    """A mask stands in a text, and the number does not."""
    bare = "".join(sign for sign in shown if sign.isalnum())
    assert number not in bare
    assert "****" in shown, shown


@given(st.data(), residents())
def test_residents_are_masked(data, number):
    text = data.draw(written(number, [(18,), (6, 8, 4), (6, 4, 4, 4), (3, 3, 4, 4, 4), (4, 4, 4, 4, 2), (1,) * 18]))
    assert_hidden(number, without_person_numbers(text))


@given(st.data(), residents())
def test_residents_with_a_typo_in_the_check_are_masked(data, number):
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    # One in thirty looks as right as the code of an association or body does.
    assume(not uscc.is_valid(wrong))
    assert_hidden(wrong, without_person_numbers(data.draw(written(wrong, [(18,), (6, 8, 4)]))))


@given(st.data(), old_residents())
def test_residents_of_fifteen_digits_are_masked(data, number):
    assert_hidden(number, without_person_numbers(data.draw(written(number, [(15,), (6, 6, 3), (3, 3, 6, 3)]))))


@given(st.data(), mobiles)
@example(data=None, number="13912345678")
def test_mobiles_are_masked(data, number):
    text = f"电话+86 {number}" if data is None else data.draw(written(number, [(11,), (3, 4, 4), (4, 3, 4)]))
    assert_hidden(number, without_person_numbers(text))


@given(residents(), mobiles, st.sampled_from([" ", "，", "/", "电话", "-"]))
def test_two_numbers_side_by_side_are_both_masked(number, mobile, between):
    for text in (f"{number}{between}{mobile}", f"{mobile}{between}{number}"):
        shown = without_person_numbers(text)
        assert_hidden(number, shown)
        assert mobile not in shown


@given(residents(), st.from_regex(r"\A[0-9]{1,3}\Z"), st.from_regex(r"\A[0-9]{1,3}\Z"))
def test_a_right_number_glued_to_other_digits_is_masked(number, before, after):
    for text in (before + number, number + after, before + number + after):
        assert number not in without_person_numbers(text)


@pytest.mark.parametrize(
    "text", ["护照号E12345678", "passport No. G12345678", "护照：AB1234567", "持港澳居民来往内地通行证H1234567801", "台胞证 12345678", "G12345678", "经查，EA1234567持有人", "军官证：军字第1234567号"]
)  # fmt: skip
def test_passports_and_permits_are_masked(text):
    shown = without_person_numbers(text)
    assert "********" in shown
    assert not any(digits in shown for digits in ("1234567", "345678"))


@st.composite
def firm_codes(draw):
    """Right codes of businesses, associations and bodies."""
    first = draw(st.sampled_from(["91", "92", "93", "51", "52", "11", "12", "13"]))
    region = draw(st.sampled_from(["431102", "430000", "110119", "110120", "350100", "431121"]))
    shape = draw(st.sampled_from(["digits", "dates", "signs"]))
    if shape == "dates":
        body = f"{draw(st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31))):%y%m%d}" + draw(st.from_regex(r"\A[0-9]{3}\Z"))
    else:
        signs = "0123456789" if shape == "digits" else CODE_SIGNS
        body = draw(st.text(signs, min_size=9, max_size=9))
    code = first + region + body
    return code + uscc.calc_check_digit(code)


@given(firm_codes(), st.sampled_from(["", "统一社会信用代码：", "向", "（"]), st.sampled_from(["", "。", "公司", "）"]))
@example(code="91110119900307201X", before="", after="")
def test_no_code_of_a_firm_is_masked(code, before, after):
    assume(uscc.is_valid(code))
    # Nobody can tell the code of a body from the right number of a person; codes of firms begin with 9.
    assume(code[0] == "9" or not (is_resident_number(code)))
    text = f"{before}{code}{after}"
    assert without_person_numbers(text) == text
    assert without_person_numbers(text.lower()) == text.lower()
    assert not is_person_number(code)


@given(st.integers(2010, 2030), st.integers(1, 99_999), st.sampled_from(["永市监罚〔{y}〕{n}号", "（{y}）湘1102民初{n}号", "湘永税稽罚{y}{n:06d}", "〔{y}〕第{n:05d}号", "WS{y}{n:06d}", "{y}{n:08d}", "431102{y}0315{n:04d}", "{y}-03-15", "{n:,}.50元", "湘交安{y}字第138{n:08d}号"]))  # fmt: skip
def test_no_document_number_day_or_amount_is_masked(year, number, form):
    text = form.format(y=year, n=number)
    if form.startswith("431102"):
        assume(number < 10_000)
        assume(not ric.is_valid(text) and text[-1] != ric.calc_check_digit(text))
    assert without_person_numbers(text) == text


@given(st.integers(0, 99_999_999))
def test_no_key_is_masked_for_looking_like_a_passport(number):
    assert without_person_numbers(f"E{number:08d}", passports=False) == f"E{number:08d}"


@given(st.text())
def test_what_is_masked_stays_masked_and_other_texts_stay_as_they_are(text):
    once = without_person_numbers(text)
    assert without_person_numbers(once) == once
    assert "*" in once or once == text


@given(st.from_regex(r"\A[0-9A-Za-z〔〕号第字 -]{0,40}\Z"))
def test_masking_again_changes_nothing(text):
    once = without_person_numbers(text)
    assert without_person_numbers(once) == once
