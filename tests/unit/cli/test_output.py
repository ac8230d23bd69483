"""Tables and figures for a terminal."""

import pytest

from creditscore.cli.output import decimal, percent, table_lines, whole

NAN = float("nan")


@pytest.mark.parametrize(
    ("text", "shown"),
    [(whole(1234567), "1,234,567"), (whole(NAN), "–"), (percent(0.1234), "12.3 %"), (percent(0.5, 0), "50 %"), (percent(NAN), "–"),
     (decimal(0.7416, 3), "0.742"), (decimal(NAN, 1), "–")],
)  # fmt: skip
def test_figures_have_separators_and_a_dash_for_nothing(text, shown):
    assert text == shown


def test_columns_are_as_wide_as_their_widest_cell():
    assert table_lines(["a", "b"], [["long", "x"], ["y", ""]]) == ["a     b", "long  x", "y     –"]


def test_numbers_stand_to_the_right():
    assert table_lines(["n"], [["1,234"], ["7"]], numbers=[0]) == ["    n", "1,234", "    7"]


def test_chinese_letters_take_two_columns():
    assert table_lines(["等级", "n"], [["A", "1"]]) == ["等级  n", "A     1"]
