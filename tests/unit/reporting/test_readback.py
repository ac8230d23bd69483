import datetime as dt

import openpyxl
import pytest

from creditscore.errors import DataError
from creditscore.reporting.readback import read_decisions, read_ratios, read_results
from creditscore.reporting.workbook import write_task_workbook, write_workbook
from creditscore.tiering.signatures import grounds_hash


@pytest.fixture(params=["zh", "en", "both"])
def lang(request):
    return request.param


@pytest.fixture
def path(lang, tmp_path, book):
    write_workbook(tmp_path / "plan.xlsx", book, lang=lang)
    return tmp_path / "plan.xlsx"


def edit(path, sheet, cells):
    """Fill in cells by header (as a person would by sight) and row."""
    book = openpyxl.load_workbook(path)
    page = next(page for page in book if page.title.startswith(sheet))
    header = [str(cell.value) for cell in page[1]]
    for (name, row), value in cells.items():
        place = next(at for at, text in enumerate(header) if text.startswith(name))
        page.cell(row, place + 1, value)
    book.save(path)
    book.close()


@pytest.fixture
def chinese(tmp_path, book):
    write_workbook(tmp_path / "plan.xlsx", book)
    return tmp_path / "plan.xlsx"


@pytest.fixture
def listed(tmp_path, book):
    """The workbook of the drawn task."""
    write_task_workbook(tmp_path / "task.xlsx", book, book.plans[0])
    return tmp_path / "task.xlsx"


def test_unedited_ratios_come_back_in_any_language(path, book):
    found = read_ratios(path)
    expected = [round(ratio * 1_000_000) for plan in book.plans for ratio in plan.strata["ratio"]]
    assert found["ratio_ppm"].tolist() == expected
    assert read_decisions(path).empty


def test_a_list_without_results_has_none_in_any_language(tmp_path, book, lang):
    write_task_workbook(tmp_path / "task.xlsx", book, book.plans[0], lang=lang)
    assert read_results(tmp_path / "task.xlsx").empty


def test_a_workbook_of_another_kind_is_refused_by_the_name_of_its_sheet(chinese, listed):
    with pytest.raises(DataError, match="expected a sheet '抽查名单'"):
        read_results(chinese)
    with pytest.raises(DataError, match="expected a sheet '待复核'"):
        read_decisions(listed)


def test_an_edited_ratio_comes_back(chinese):
    edit(chinese, "抽查比例方案", {("抽查比例", 7): 0.125})
    found = read_ratios(chinese)
    assert found.loc[found["cell"] == "抽查比例方案!E7", "ratio_ppm"].tolist() == [125_000]


def test_impossible_ratios_are_named_by_cell(chinese):
    edit(chinese, "抽查比例方案", {("抽查比例", 7): 1.2, ("抽查比例", 8): "lots", ("抽查比例", 9): 0})
    with pytest.raises(DataError) as error:
        read_ratios(chinese)
    for text in ("抽查比例方案!E7: 120 % > 100 %", "抽查比例方案!E8: expected a ratio", "抽查比例方案!E9: 0 %"):
        assert text in str(error.value)


def test_results_come_back_with_codes_and_dates(listed, book):
    edit(listed, "抽查名单", {("检查结果", 3): "发现违法违规", ("检查日期", 3): dt.date(2024, 5, 20), ("严重程度", 3): 4})
    found = read_results(listed).to_dict("records")
    assert len(found) == 1
    assert (found[0]["outcome"], found[0]["mode"], found[0]["severity"]) == ("violation", "on_site", 4)
    assert found[0]["event_date"] == dt.date(2024, 5, 20)
    assert found[0]["subject_id"] in set(book.plans[0].visits["subject_id"])


def test_faulty_results_are_named_by_cell_and_not_quoted(listed):
    edit(listed, "抽查名单", {("检查结果", 3): "张三说没事", ("检查结果", 4): "未发现问题", ("严重程度", 4): 11})
    with pytest.raises(
        DataError, match=r"抽查名单!\w+3: expected one of 未发现问题.*抽查名单!\w+4: expected a date.*whole number from 1 to 10"
    ) as error:
        read_results(listed)
    assert "张三" not in str(error.value)


def test_decisions_come_back_with_the_grounds_they_were_made_on(chinese, book):
    cells = {("签批意见", 2): "同意", ("签批人", 2): "S9", ("理由", 2): "属实", ("签批日期", 2): "2024-05-02"}
    edit(chinese, "待复核", cells)
    found = read_decisions(chinese).to_dict("records")
    row = book.tiers[book.tiers["status"] == "proposed"].sort_values("subject_id").iloc[0]
    assert len(found) == 1
    assert (found[0]["subject_id"], found[0]["decision"], found[0]["on"]) == (row["subject_id"], "approve", dt.date(2024, 5, 2))
    assert found[0]["grounds_hash"] == grounds_hash(row.to_dict())


def test_a_decision_without_a_signer_is_refused(chinese):
    edit(chinese, "待复核", {("签批意见", 2): "同意", ("签批日期", 2): "2024-05-02", ("理由", 2): "属实"})
    with pytest.raises(DataError, match=r"待复核!\w+2: expected an entry"):
        read_decisions(chinese)


def test_many_faults_are_counted(chinese):
    edit(chinese, "抽查比例方案", {("抽查比例", row): 2 for row in range(2, 12)})
    with pytest.raises(DataError, match="and 5 more"):
        read_ratios(chinese)
