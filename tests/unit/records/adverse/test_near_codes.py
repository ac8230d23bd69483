"""Codes one slip away: every slip in a right code leads back to it, and nothing that is no slip does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.deliveries import valid_codes

from creditscore.records.adverse.near_codes import near_codes
from creditscore.records.standard.identity import ALPHABET

CODES = valid_codes(20)
A_CODE, A_PLACE, A_SIGN = st.sampled_from(CODES), st.integers(0, 17), st.sampled_from(ALPHABET + "IOZ中")


@given(A_CODE, A_PLACE, A_SIGN)
def test_a_slip_leads_back_to_its_code(code, place, sign):
    slips = {code[:place] + sign + code[place + 1 :], code[:place] + code[place + 1 :], code[:place] + sign + code[place:]}
    if place < 17:
        slips.add(code[:place] + code[place + 1] + code[place] + code[place + 2 :])
    assert all(code in near_codes(slip, "uscc") for slip in slips - {code})


@given(A_CODE, st.sampled_from(CODES))
def test_right_codes_far_away_are_not_near(code, other):
    assert all(sum(a != b for a, b in zip(code, near, strict=True)) <= 2 for near in near_codes(code, "uscc"))
    assert code not in near_codes(code[:4] + other[::-1][:14], "uscc") or code[4:] == other[::-1][:14]


@pytest.mark.parametrize(
    ("slip", "found"), [("5493001KJTIIGC8Y1R13", True), ("5493001KJTIIGC8YR12", True), ("5493001KJTIIGC8Y", False)]
)
def test_legal_entity_identifiers_have_check_digits_too(slip, found):
    assert ("5493001KJTIIGC8Y1R12" in near_codes(slip, "lei")) == found


@pytest.mark.parametrize("scheme", ["local", "practice_licence"])
def test_without_check_characters_nothing_is_near(scheme):
    assert near_codes("S12", scheme) == set()
