"""A cell means what it means alone: by one grammar per type, whatever stands beside it, and whichever way in C reads it."""

import itertools
import math
import re
import sys
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal, localcontext

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cells import ODD_TEXTS, TYPES, cells, different_readings, readings, takes

from creditscore.config.column_rules import ParseNumber
from creditscore.records.columns.numbers import read_by_rule, read_number, typed_numbers
from creditscore.records.columns.types import CONTROLS, Faults, as_texts, clean_text, plain_text

MONEY, WHOLE, FLOAT, TRUTH = pa.decimal128(18, 2), pa.int32(), pa.float64(), pa.bool_()


def assert_each_alone(reading, kind, cells, memory):
    """``read(column)[i] == read([column[i]])``, counts included; also for a part of a longer array."""
    make = TYPES[kind][0]
    together, counts = reading(make([None, *cells, None]).slice(1, len(cells)))
    added = {what: Counter() for what in counts}
    for cell, beside_others in zip(cells, together, strict=True):
        key = (id(reading), kind, repr(cell))
        if key not in memory:
            memory[key] = reading(make([cell]))
        (alone,), own = memory[key]
        assert beside_others == alone, (reading.source.column, kind, cell)
        assert not isinstance(alone[0], float) or math.isfinite(alone[0])
        # Every fault has a code and a text.
        assert (alone[1] is None) == (alone[2] is None)
        assert (alone[3] is None) == (alone[4] is None)
        for what, count in own.items():
            added[what].update(count)
    assert counts == added, (reading.source.column, kind, cells)


def prove(columns):
    """The law on so many columns: each draw of cells is read in eight ways."""
    memory, done, all_readings = {}, 0, different_readings()

    @settings(max_examples=columns // 5, database=None, suppress_health_check=list(HealthCheck))
    @given(cells(), st.lists(st.sampled_from(all_readings), min_size=8, max_size=8))
    def law(drawn, several):
        nonlocal done
        if done >= columns:
            return
        kind, values = drawn
        for reading in several:
            if takes(reading, kind):
                assert_each_alone(reading, kind, values, memory)
                done += 1
        if len(memory) > 200_000:
            memory.clear()

    law()
    return done


def test_a_cell_is_read_as_if_it_stood_alone():
    assert prove(2_000) >= 2_000


@pytest.mark.slow
def test_a_hundred_thousand_columns_are_read_cell_by_cell():
    done = prove(100_000)
    sys.stdout.write(f"{done:,} columns\n")
    assert done >= 100_000


@pytest.mark.parametrize(
    "reading", readings()[::7], ids=lambda reading: f"{reading.table.name}-{next(iter(reading.table.columns))}"
)
def test_odd_texts_beside_each_other_are_read_as_alone(reading):
    assert_each_alone(reading, "text", list(ODD_TEXTS), {})


def as_a_child_would(text, kind):
    """The grammar of numbers in other words than the product's."""
    if not text:
        return None, ""
    if kind == TRUTH and text.lower() in ("true", "false"):
        return text.lower() == "true", ""
    if not re.fullmatch(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", text):
        return None, "BAD_VALUE"
    with localcontext() as context:
        context.prec = 500
        number = Decimal(text)
        if abs(number) >= 10**41:  # more digits than any column holds
            return None, "OUT_OF_RANGE"
        if kind == FLOAT:
            return float(text), ""
        if kind == MONEY:
            number = number.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
            return (number, "") if abs(number) < 10**16 else (None, "OUT_OF_RANGE")
    if number != int(number) or (kind == TRUTH and number not in (0, 1)):
        return None, "BAD_VALUE"
    if not -(2**31) <= number < 2**31:
        return None, "OUT_OF_RANGE"
    return (bool(number) if kind == TRUTH else int(number)), ""


def alone(text, kind):
    """A text as a column of itself, where nothing keeps it from the quickest way."""
    faults = Faults(1)
    (value,) = typed_numbers(pa.array([text], pa.string()), kind, "amount", faults).to_pylist()
    (code,) = faults.codes().to_pylist()
    return value, (code or "").partition(":")[0]


@pytest.mark.parametrize("kind", [WHOLE, MONEY, FLOAT, TRUTH], ids=str)
def test_every_short_text_is_read_by_the_grammar_whichever_way(kind):
    texts = ["".join(signs) for length in range(5) for signs in itertools.product("019.-+e", repeat=length)]
    assert len(texts) == sum(7**length for length in range(5))
    for text in texts:
        value, fault, _repairs = read_number(text, kind)
        assert (value, fault) == as_a_child_would(text, kind) == alone(text, kind), text


@given(st.text("0123456789.-", max_size=25), st.sampled_from([WHOLE, MONEY, FLOAT]))
def test_long_texts_of_digits_are_read_by_the_grammar_whichever_way(text, kind):
    value, fault, _repairs = read_number(text, kind)
    assert (value, fault) == alone(text, kind)


@given(st.sampled_from(["int64", "uint64", "float64", "float32", "money", "decimal"]).flatmap(
    lambda name: st.tuples(st.just(name), TYPES[name][1])), st.sampled_from([WHOLE, MONEY, FLOAT, TRUTH]))  # fmt: skip
def test_a_number_means_what_its_text_means(typed, kind):
    name, cell = typed
    column = TYPES[name][0]([cell])
    if name.startswith("float") and not math.isfinite(cell):
        return
    if kind == FLOAT and name in ("decimal", "money", "int64", "uint64"):
        assert typed_numbers(column, kind, "amount", Faults(1)).to_pylist() == [float(cell)]
        return
    faults = Faults(1)
    value = typed_numbers(column, kind, "amount", faults).to_pylist()[0]
    assert (value, (faults.codes()[0].as_py() or "").partition(":")[0]) == read_number(as_texts(column)[0].as_py(), kind)[:2]


@pytest.mark.parametrize("kind", [WHOLE, MONEY, FLOAT, TRUTH], ids=str)
@pytest.mark.parametrize("bits", [8, 16, 32, 64])
@pytest.mark.parametrize("sign", ["int", "uint"])
def test_the_ends_of_every_type_of_whole_numbers_mean_what_their_texts_mean(sign, bits, kind):
    low, high = (0, 2**bits - 1) if sign == "uint" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    ends = [low, low + 1, high // 2, high // 2 + 1, high - 1, high]
    faults = Faults(len(ends))
    values = typed_numbers(pa.array(ends, f"{sign}{bits}"), kind, "amount", faults).to_pylist()
    codes = [(code or "").partition(":")[0] for code in faults.codes().to_pylist()]
    assert list(zip(values, codes, strict=True)) == [read_number(str(end), kind)[:2] for end in ends]


def test_texts_are_cleaned_alike_whichever_way():
    signs = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    around = [f"{sign}x{sign}" for sign in signs]
    # A blank in the column sends all of it the long way.
    cleaned = clean_text(pa.array([*around, " "]), "name", Faults(len(around) + 1)).to_pylist()[:-1]
    assert cleaned == [plain_text(text) or None for text in around]
    changed = [text for text, plain in zip(around, cleaned, strict=True) if text != plain]
    assert len(changed) > 60
    for text in changed:
        assert clean_text(pa.array([text]), "name", Faults(1)).to_pylist() == [plain_text(text) or None]
    within = [sign for sign in signs if re.search(CONTROLS, sign)]
    for sign in within:
        assert clean_text(pa.array([f"店{sign}店"]), "name", Faults(1)).to_pylist() == ["店店"]


@pytest.mark.parametrize(
    ("text", "declared", "value"),
    [
        ("12345,67", {}, None),
        ("1,2,3", {}, None),
        ("1,234", {}, "1234"),
        ("1,234.5", {}, "1234.5"),
        ("1234,567", {}, None),
        ("12,34,567", {}, None),
        ("1,234,567.89", {}, "1234567.89"),
        ("1.234,5", {"decimal": ","}, "1234.5"),
        ("12345,67", {"decimal": ","}, "12345.67"),
        ("1.234", {"decimal": ","}, "1234"),
        ("1.5", {"decimal": ","}, None),
        ("1 234,5", {"decimal": ",", "thousands": " "}, "1234.5"),
        ("1\u00a0234", {"thousands": " "}, "1234"),
        ("1'234.5", {"thousands": "'"}, "1234.5"),
        ("1,234", {"thousands": ""}, None),
        ("１，２３４．５", {}, "1234.5"),
        ("5²", {}, None),
        ("①", {}, None),
        ("½", {}, None),
        ("1e3", {}, None),
        ("0x1F", {}, None),
        (".5", {}, None),
        ("5.", {}, None),
        ("1 2", {}, None),
        ("- 5", {}, None),
        ("-5", {}, "-5"),
        ("12万", {"units": {"万": 10_000}}, "120000"),
        ("12 万", {"units": {"万": 10_000}}, "120000"),
        ("1,234.5万元", {"units": {"万元": 10_000}}, "12345000"),
        ("12两", {"units": {"万": 10_000}}, None),
        ("0.1234567", {}, "0.12"),
    ],
)
def test_a_declared_grammar_takes_its_numbers_and_no_other(text, declared, value):
    rule = ParseNumber.model_validate({"to": "amount", "rule": "parse_number", "column": "sent", **declared})
    number = read_by_rule(text, rule, MONEY)
    assert (number.value, number.fault) == ((None, "BAD_VALUE") if value is None else (Decimal(value), ""))
