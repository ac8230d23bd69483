"""Cells of pages: numbers, shares, intervals and what is missing; and tables that workbook, page and terminal share."""

import datetime as dt

import pandas as pd
import pytest

from creditscore.cli.output import forecast_lines
from creditscore.language import Words
from creditscore.reporting.columns import Grid, RunTable, column, figures_grid

WORDS = Words.of("en")


@pytest.mark.parametrize(
    ("kind", "more", "row", "text"),
    [
        ("integer", {}, {"score": 1234567}, "1,234,567"),
        ("integer", {}, {"score": None}, "–"),
        ("integer", {}, {"score": pd.NA}, "–"),
        ("integer", {}, {}, "–"),
        ("integer", {}, {"score": ""}, ""),
        ("integer", {"signed": True}, {"score": 12}, "+12"),
        ("integer", {"signed": True}, {"score": -7}, "−7"),
        ("integer", {"share": "part"}, {"score": 3, "part": 0.25}, "3 (25.0%)"),
        ("number", {}, {"score": 0.7424}, "0.742"),
        ("number", {}, {"score": float("inf")}, "–"),
        ("number", {}, {"score": 1234.5}, "1,234"),
        ("number", {"digits": 1}, {"score": 0.25}, "0.2"),
        ("number", {"interval": ("low", "high")}, {"score": 0.7, "low": 0.6, "high": 0.8}, "0.700 (0.600 – 0.800)"),
        ("number", {"interval": ("low", "high")}, {"score": 0.7, "low": 0.6, "high": None}, "0.700"),
        ("percent", {}, {"score": 0.0123}, "1.2%"),
        ("percent", {"digits": 2}, {"score": 0.0123}, "1.23%"),
        ("text", {}, {"score": float("nan")}, ""),
        ("date", {}, {"score": dt.date(2024, 4, 30)}, "2024-04-30"),
    ],
)
def test_cells_of_a_page(kind, more, row, text):
    assert column("score", kind, **more).cell(row, WORDS) == text


def test_a_sheet_has_values_and_a_page_texts_of_the_same_rows():
    frames = [pd.DataFrame({"name": ["a", "a"], "share": [0.5, 0.25]}), pd.DataFrame(), pd.DataFrame({"name": ["b"]})]
    table = RunTable("t", (column("name", once=True), column("share", "percent")), lambda _book, _words: frames, note="none")
    assert list(table.sheet(None, WORDS).rows) == [("a", 0.5), ("a", 0.25), ("b", None)]
    grid = table.grid(None, WORDS)
    assert grid.rows == (("a", "50.0%"), ("", "25.0%"), ("b", "–"))
    assert (grid.headers, grid.numbers) == (("Name", "Share"), {1})
    assert table.grid(None, WORDS, "share").headers == ("Share",)


def test_a_column_without_figures_is_one_of_numbers():
    grid = figures_grid(pd.DataFrame({"industry": ["hotel"], "auc": [None]}), WORDS)
    assert grid == Grid(("Industry name", "AUC"), (("hotel", "–"),), frozenset([1]))


class Forecast:
    def table(self):
        figures = {"visits": 15, "rate": 0.0554, "expected": 0.87, "low": 0, "high": 4, "extrapolated": False}
        return pd.DataFrame([{"tier": "A", **figures}, {"tier": "all", **figures, "extrapolated": True}])

    def sentences(self):
        return []


def test_a_forecast_reads_the_same_in_terminal_and_report(book):
    head, first, total = (line.split("  ") for line in forecast_lines(Forecast(), WORDS))
    assert [cell.strip() for cell in first if cell] == ["A low risk", "15", "5.5%", "0.9", "0", "4", "no"]
    assert total[0] == "All"
    grid = figures_grid(Forecast().table(), WORDS, book=book)
    assert [cell.strip() for cell in head if cell] == list(grid.headers)
    assert grid.rows[1] == ("All", "15", "5.5%", "0.9", "0", "4", "yes")


def test_features_and_attributes_are_words_in_the_report(book):
    table = pd.DataFrame({"feature": ["late_reports"], "attribute": ["region"], "association": [0.2], "groups": [3]})
    grid = figures_grid(table, Words.of("zh"), book=book)
    assert grid.rows == (("年报迟报次数", "区划", "0.200", "3"),)
