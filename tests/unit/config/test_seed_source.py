"""The form of a seed: one spelling for each outcome, and enough of them that nobody counts on one."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from creditscore.config.seed_source import SeedSource

BASE = {"source": "lottery", "name": "双色球", "issue": "2024049", "day": dt.date(2024, 5, 2)}


def source(form="6 of 33 + 1 of 16", **more):
    return SeedSource.model_validate({**BASE, "form": form, **more})


@given(st.sets(st.integers(1, 33), min_size=6, max_size=6), st.integers(1, 16))
def test_an_outcome_of_a_lottery_has_one_spelling(red, blue):
    """Every other order, width or sign of the same numbers would be another draw to choose from."""
    text = " ".join(f"{one:02}" for one in sorted(red)) + f" + {blue:02}"
    lottery = source()
    assert lottery.fits(text)
    first, *rest = text.split(" + ")[0].split(" ")
    others = [
        " ".join([*rest, first]) + f" + {blue:02}", text.replace(" + ", "+"), text + " ", " " + text, text.replace("0", "", 1) if "0" in text else text + "0",
        text.translate(str.maketrans("0123456789", "０１２３４５６７８９")), text.replace(" ", "  ", 1), f"{blue:02} + " + text.split(" + ")[0],
    ]  # fmt: skip
    assert not [one for one in others if lottery.fits(one)]


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("7 digits", "0123456", ("123456", "012345x", "٠١٢٣٤٥٦")),
        ("5 digits + 5 digits", "01234 + 56789", ("01234", "0123456789", "01234 56789")),
        ("25 dice", "1" * 25, ("1" * 24, "7" + "1" * 24, "0" + "1" * 24)),
        ("64 hex", "0f" * 32, ("0F" * 32, "0f" * 31)),
        ("4 of 100", "001 020 030 100", ("1 20 30 100", "001 020 030 101", "001 001 020 100", "000 020 030 100")),
    ],
)
def test_each_form_takes_its_signs_alone(form, good, bad):
    assert source(form).fits(good)
    assert not [one for one in bad if source(form).fits(one)]


@pytest.mark.parametrize("form", ["", "numbers", "7 of 6", "0 digits", "6 of 33+1 of 16", "6 of 33 + ", "06 of 33", "5 Digits"])
def test_an_unknown_form_is_refused(form):
    with pytest.raises(ValidationError, match="form: expected groups such as"):
        source(form)


@pytest.mark.parametrize(
    ("form", "enough"), [("24 dice", False), ("25 dice", True), ("19 digits", False), ("20 digits", True), ("16 hex", True)]
)
def test_a_witnessed_seed_has_64_bits(form, enough):
    if enough:
        assert source(form, source="witnessed").written == form
    else:
        with pytest.raises(ValidationError, match="at least 64 bits"):
            source(form, source="witnessed")
    assert source(form).written == form


@pytest.mark.parametrize("form", ["6 of 33 + 1 of 16", "5 of 35 + 2 of 12", "7 of 30", "7 digits", "5 hex", "5 digits + 5 digits"])
def test_the_lotteries_in_use_have_outcomes_enough(form):
    assert source(form).written == form


@pytest.mark.parametrize(
    "form", ["1 of 1", "33 of 33", "1 digits", "3 digits", "5 digits", "6 digits", "4 hex", "32 of 33 + 1 of 16"]
)
def test_a_lottery_of_few_outcomes_is_refused(form):
    """``33 of 33`` has one outcome, known before the frame: the key is then chosen for the draw that it gives."""
    with pytest.raises(ValidationError, match=r"at least 2\^20 outcomes; .* such as 5 digits \+ 5 digits"):
        source(form)


@pytest.mark.parametrize(("name", "written", "seed"), [("drand", "64 hex", "ab" * 32), ("nist", "128 HEX", "AB" * 64)])
def test_a_beacon_has_its_own_form(name, written, seed):
    beacon = source("", source=name)
    assert beacon.written == written
    assert beacon.fits(seed)
    assert not beacon.fits(seed.swapcase())
    with pytest.raises(ValidationError, match="leave it out"):
        source("6 of 33", source=name)


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"issue": " 7"}, {"name": "a|b"}, {"issue": "1\n2"}, {"source": "me"}, {"day": None}, {"extra": 1}]
)
def test_a_source_names_all_of_its_parts(wrong):
    with pytest.raises(ValidationError):
        source(**wrong)
