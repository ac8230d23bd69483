import numpy as np
import pytest
from stdnum.cn import uscc as reference

from creditscore.records.standard.identity import uscc_faults
from creditscore.simulate import tables
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.subjects import (
    PRACTITIONER,
    check_character,
    make_subjects,
    old_numbers,
    organisation_bodies,
    organisation_digit,
    with_wrong_check,
)
from creditscore.simulate.timeline import time_of


@pytest.fixture(scope="module")
def city():
    parameters = CityParameters(subjects=3000, dirt=False)
    return make_subjects(parameters, time_of(parameters), 0)


def test_the_published_test_vector_has_check_character_3():
    first = np.frombuffer(b"91350100M000100Y4", dtype=np.uint8)[None, :]
    assert check_character(first).tobytes() == b"3"
    assert organisation_digit(first[:, 8:16]).tobytes() == b"4"


def test_a_sum_that_31_divides_gives_check_character_0():
    assert check_character(np.frombuffer(b"11500000MB1764395", dtype=np.uint8)[None, :]).tobytes() == b"0"


def test_every_code_passes_stdnum_and_the_organisation_check(city):
    codes = [code.decode() for code in city.code[city.type != PRACTITIONER].tolist()]
    assert all(reference.is_valid(code) for code in codes)
    assert uscc_faults(tables.ascii_texts(city.code[city.type != PRACTITIONER])).null_count == len(codes)


def test_codes_are_unique_and_name_a_county_of_yongzhou(city):
    codes = city.code.tolist()
    assert len(set(codes)) == len(codes)
    assert {code[2:6] for code in codes} == {b"4311"}


def test_authority_and_category_follow_the_type(city):
    heads = {(int(t), code[:2]) for t, code in zip(city.type, city.code.tolist(), strict=True)}
    assert heads == {(0, b"91"), (1, b"92"), (2, b"93"), (3, b"11"), (4, b"12"), (5, b"ZY")}


def test_a_wrong_check_character_changes_nothing_else(city):
    right = city.code[city.type == 0][:200]
    wrong = with_wrong_check(right)
    assert set(uscc_faults(tables.ascii_texts(wrong)).to_pylist()) == {"ID_CHECK_DIGIT"}
    assert [code[:17] for code in wrong.tolist()] == [code[:17] for code in right.tolist()]


def test_old_numbers_have_fifteen_digits(city):
    old = old_numbers(city.code[city.type == 0][:200])
    assert set(uscc_faults(tables.ascii_texts(old)).to_pylist()) == {"ID_OLD_NUMBER"}


def test_serials_up_to_the_largest_city_give_different_bodies():
    bodies = organisation_bodies(np.arange(0, 5_000_000, 37), offset=12345)
    assert len(np.unique(np.ascontiguousarray(bodies).view("S8"))) == len(bodies)
