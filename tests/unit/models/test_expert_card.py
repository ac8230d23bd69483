"""Points an authority wrote itself: read from a frame or a workbook, refused with row numbers."""

import pandas as pd
import pytest

from creditscore.errors import DataError
from creditscore.models.scorecard import Scorecard

NONE = None


def rows(*changes):
    """A good table; ``changes`` are (position, column, value)."""
    table = [
        ["base", NONE, NONE, NONE, 500, "base", "", ""],
        ["penalties", NONE, 1, NONE, 20, "public", "处罚次数", "penalties"],
        ["penalties", 3, NONE, NONE, -30, "public", "处罚次数", "penalties"],
        ["penalties", 1, 3, NONE, 0, "public", "处罚次数", "penalties"],
        ["penalties", NONE, NONE, "missing", 0, "public", "处罚次数", "penalties"],
        ["grade", NONE, NONE, "优|良", 15, "base", "综合评价", ""],
        ["grade", NONE, NONE, "差", -40, "base", "综合评价", ""],
        ["grade", NONE, NONE, "缺失", 0, "base", "综合评价", ""],
        ["grade", NONE, NONE, "其他", -5, "base", "综合评价", ""],
    ]
    frame = pd.DataFrame(
        table, columns=["variable", "lower", "upper", "category", "points", "source", "label_zh", "label_en"], dtype=object
    )
    for position, column, value in changes:
        frame.loc[position, column] = value
    return frame


def test_a_table_of_points_scores():
    card = Scorecard.from_table(rows(), name="2024", industry="food")
    frame = pd.DataFrame({"penalties": [0, 1, 3, None], "grade": ["优", "差", "??", None]})
    assert card.scores(frame).tolist() == [535, 460, 465, 500]
    assert card.characteristics[0].trend == "higher_is_riskier"
    assert card.characteristics[0].label.zh == "处罚次数"
    assert card.characteristics[1].label.en == "grade"
    assert not card.representative


def test_reasons_compare_with_the_best_attribute():
    card = Scorecard.from_table(rows())
    found = card.reasons(pd.DataFrame({"penalties": [1, 0], "grade": ["差", "优"]}), top=2)
    assert found.iloc[0].tolist() == ["grade", "penalties"]
    assert found.iloc[1].isna().all()


def test_the_card_round_trips():
    card = Scorecard.from_table(rows())
    assert Scorecard.from_json(card.to_json()) == card


def test_a_workbook_with_chinese_headers_gives_the_same_card(tmp_path):
    chinese = {
        "variable": "变量名称",
        "lower": "下限",
        "upper": "上限",
        "category": "类别",
        "points": "分数",
        "source": "数据来源",
        "label_zh": "变量含义",
    }
    path = tmp_path / "points.xlsx"
    table = rows().rename(columns=chinese)
    table["数据来源"] = table["数据来源"].map({"base": "基础", "public": "公共"})
    table.to_excel(path, index=False)
    assert Scorecard.from_table(path) == Scorecard.from_table(rows())


def test_a_category_named_na_stays_a_text(tmp_path):
    path = tmp_path / "points.xlsx"
    rows((6, "category", "NA")).to_excel(path, index=False)
    assert Scorecard.from_table(path).characteristics[1].attributes[1].values == ("NA",)


def test_rows_of_a_workbook_are_numbered_as_excel_shows_them(tmp_path):
    path = tmp_path / "points.xlsx"
    table = rows((1, "points", 2.5))
    blank = pd.DataFrame([[NONE] * len(table.columns)], columns=table.columns)
    pd.concat([table[:1], blank, table[1:]]).to_excel(path, index=False)
    with pytest.raises(DataError, match="row 4: penalties: points: expected a whole number"):
        Scorecard.from_table(path)
    table[:0].to_excel(path, index=False)
    with pytest.raises(DataError, match="expected rows below the header"):
        Scorecard.from_table(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([(3, "lower", 0.5)], r"rows 3 and 5: penalties: the bins overlap"),
        ([(3, "lower", 1.5)], r"rows 3 and 5: penalties: the bins leave a gap"),
        ([(3, "upper", 1)], r"row 5: penalties: expected lower < upper"),
        ([(2, "upper", 9)], r"row 4: penalties: expected an empty upper"),
        ([(1, "lower", 0)], r"row 3: penalties: expected an empty lower"),
        ([(1, "source", "weather")], r"row 3: penalties: source: expected one of base, .*got 'weather'"),
        ([(1, "source", "market")], r"rows 3, 4, 5, 6: penalties: expected one source"),
        ([(1, "points", 2.5)], r"row 3: penalties: points: expected a whole number"),
        ([(1, "points", NONE)], r"row 3: penalties: points: expected a whole number"),
        ([(1, "upper", "one")], r"row 3: upper: expected a number"),
        ([(1, "variable", " ")], r"row 3: expected the name"),
        ([(1, "category", "x")], r"row 3: penalties: expected a category or lower and upper"),
        ([(4, "category", "x")], r"penalties has both bins of numbers and categories"),
        ([(7, "category", "好")], r"grade: expected one row missing \(found 0\)"),
        ([(8, "category", "好")], r"grade: expected one row other \(found 0\)"),
        ([(6, "category", "良")], r"rows 7 and 8: grade: the category is in both"),
        ([(0, "variable", "bass")], r"expected one row base"),
        (
            [(5, "variable", "gra\tde"), (6, "variable", "gra\tde"), (7, "variable", "gra\tde"), (8, "variable", "gra\tde")],
            r"rows 7, 8, 9, 10",
        ),
    ],
)
def test_a_faulty_table_is_refused_with_its_rows(changes, said):
    with pytest.raises(DataError, match=said):
        Scorecard.from_table(rows(*changes))


def test_unknown_and_absent_columns_are_refused():
    with pytest.raises(DataError, match="expected columns"):
        Scorecard.from_table(rows().rename(columns={"points": "score"}))
    with pytest.raises(DataError, match=r"nowhere\.xlsx: expected a workbook \(got nothing\)"):
        Scorecard.from_table("nowhere.xlsx")


def test_a_file_that_is_not_a_workbook_is_refused(tmp_path):
    path = tmp_path / "points.xlsx"
    path.write_text("no workbook")
    with pytest.raises(DataError, match=r"expected an \.xlsx workbook"):
        Scorecard.from_table(path)
