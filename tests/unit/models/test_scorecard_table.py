"""The card as people print it, and what changes between two."""

import pandas as pd
import pytest
from support.cards import card, number

from creditscore.errors import DataError


def test_the_summary_has_one_row_per_attribute_and_the_constant():
    table = card().table()
    assert list(table.columns) == ["Variable", "Label", "Bin", "Points"]
    assert len(table) == 1 + sum(len(one.attributes) for one in card().characteristics)
    assert table.loc[0, ["Variable", "Points"]].tolist() == ["base", 512]


def test_detailed_has_the_columns_scorecard_users_know():
    table = card().table(style="detailed")
    wanted = {"Variable", "Bin id", "Bin", "Count", "Count (%)", "Event rate", "WoE", "Coefficient", "Points"}
    assert wanted <= set(table.columns)
    assert table["Count"].dtype == "Int64"


def test_chinese_names_on_request():
    table = card().table(style="detailed", lang="zh")
    assert {"变量名称", "变量含义", "变量分箱", "对应分数", "分档WOE值", "坏样本率"} <= set(table.columns)
    assert "缺失值" in set(table["变量分箱"])
    assert "其他" in set(table["变量分箱"])


def test_a_special_code_is_named_in_chinese_and_the_card_keeps_its_hash():
    one = number("arrears", (1,), (0, -5), special=((-9.0, 3),), missing=0)
    called = [a.model_copy(update={"label": "special: -9"}) if a.kind == "special" else a for a in one.attributes]
    named = card(characteristics=(one.model_copy(update={"attributes": tuple(called)}),), baselines=())
    before = named.sha256
    assert "特殊值：-9" in set(named.table(lang="zh")["变量分箱"])
    assert "special: -9" in set(named.table()["Bin"])
    assert named.sha256 == before


def test_an_unknown_style_is_refused():
    with pytest.raises(DataError, match="summary or detailed"):
        card().table(style="short")


def test_a_label_cannot_become_markup():
    one = number("x", (1,), (0, 1), missing=0).model_copy(update={"unit": "u"})
    bad = one.attributes[0].model_copy(update={"label": "<script>"})
    html = card(characteristics=(one.model_copy(update={"attributes": (bad, *one.attributes[1:])}),), baselines=())._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_card_does_not_differ_from_itself():
    assert len(card().diff(card())) == 0


def test_diff_names_points_that_changed():
    changed = number("arrears", (1, 3), (12, -5, -31), missing=-6, source="market")
    found = card().diff(card(characteristics=(changed, *card().characteristics[1:]), constant=500))
    assert found["variable"].tolist() == ["arrears", "base"]
    assert found["difference"].tolist() == [-1, -12]


def test_diff_shows_bins_that_moved_as_removed_and_added():
    moved = number("arrears", (1, 4), (12, -4, -31), missing=-6, source="market")
    found = card().diff(card(characteristics=(moved, *card().characteristics[1:])))
    assert found["change"].value_counts().to_dict() == {"removed": 2, "added": 2}
    assert found.loc[found["change"] == "added", "points_before"].isna().all()


def test_diff_of_a_dropped_characteristic():
    found = card().diff(card(characteristics=card().characteristics[:-1], baselines=()))
    assert set(found["variable"]) == {"age"}
    assert isinstance(found, pd.DataFrame)
