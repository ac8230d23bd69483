"""The plan as a workbook."""

import openpyxl
import pytest
from support.tasks import draw

from creditscore.inspection.plan import plan_inspections


@pytest.fixture
def drawn(make_tiers, make_policy, make_task, make_staff):
    plan = plan_inspections(make_tiers(), make_policy(), task=make_task())
    plan.frame["name"] = "=1+1"
    plan.frame_hash = plan.hashed_again()
    return draw(plan, seed="s", staff=make_staff())


@pytest.mark.parametrize(
    ("lang", "sheets"),
    [("zh", ["说明", "抽查比例方案", "抽查名单", "人员匹配"]), ("en", ["About", "Ratios", "Drawn", "Inspectors"])],
)
def test_the_workbook_has_ratios_drawn_subjects_and_inspectors(drawn, tmp_path, lang, sheets):
    book = openpyxl.load_workbook(drawn.to_excel(tmp_path / "plan.xlsx", lang=lang))
    assert book.sheetnames == sheets
    rows = list(book[sheets[2]].values)
    assert [row[0] for row in rows[1:]] == drawn.drawn["subject_id"].tolist()
    assert sum(row[6] for row in list(book[sheets[1]].values)[1:]) == len(drawn.drawn)
    assert any(word in book[sheets[0]]["B2"].value for word in ("不得公布", "not to be published"))


def test_no_name_becomes_a_formula(drawn, tmp_path):
    book = openpyxl.load_workbook(drawn.to_excel(tmp_path / "plan.xlsx"))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.value for cell in cells if cell.value == "=1+1"}
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]


def test_the_same_plan_is_the_same_bytes(drawn, tmp_path):
    assert drawn.to_excel(tmp_path / "one.xlsx").read_bytes() == drawn.to_excel(tmp_path / "two.xlsx").read_bytes()
