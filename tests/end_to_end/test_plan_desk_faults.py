"""The desk of a small night, handled badly: cells that cannot be meant, commands cut short, draws begun and left."""

import datetime as dt
import json
import shutil

import openpyxl
import pytest
from support.command import creditscore
from support.deliveries import Delivery, event_line, subject_line
from support.nights import night, sign_a_card

import creditscore as cs
from creditscore.errors import DrawError, LockedError
from creditscore.inspection.plan import DrawnPlan, InspectionPlan
from creditscore.inspection.plan_folder import BEGUN
from creditscore.pipeline import run_store
from creditscore.pipeline.draws import draw_plan_folder, replace_closed, replace_subject
from creditscore.pipeline.plans import import_ratios
from creditscore.pipeline.run_folder import RunFolder
from creditscore.storage import LOCK, locked

LABEL = {"zh": "任务", "en": "task"}
PERIOD = {"start": dt.date(2024, 5, 1), "end": dt.date(2024, 6, 30)}
TASK = {"label": LABEL, "item": "hygiene", "department": "SAMR", **PERIOD}
TASKS = [{"id": "one", **TASK, "also_checks": ["two"], "capacity": 30}, {"id": "two", **TASK}]
WHO = {"by": "李四", "on": dt.date(2024, 5, 20)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A night over 120 subjects of several tiers."""
    folder = tmp_path_factory.mktemp("desk")
    delivery = Delivery(folder, tasks={"task": TASKS})
    delivery.subjects(*(subject_line(f"S{at:03d}") for at in range(120)))
    delivery.events(*(event_line(f"E{at}-{more}", f"S{at:03d}") for at in range(40) for more in range(1 + at % 3)))
    sign_a_card(delivery)
    said = night(delivery, folder / "out")
    assert said.code == 0, said.err
    return folder


@pytest.fixture
def delivery(made, tmp_path):
    """A copy of what came in and of what the night made of it, to be changed."""
    shutil.copytree(made, tmp_path / "desk")
    copy = Delivery.__new__(Delivery)
    copy.data, copy.project = tmp_path / "desk" / "data", cs.load_project(tmp_path / "desk" / "project")
    return copy


@pytest.fixture
def run(delivery):
    return delivery.data.parent / "out" / "2024-04-30"


def sheet_of(book, name):
    page = book[name]
    return page, {cell.value.split("(")[0]: cell.column for cell in page[1]}


def edited(run, change, sheet="抽查比例方案"):
    """A copy of the workbook after ``change(page, columns)``."""
    book = openpyxl.load_workbook(run / "plan.xlsx")
    change(*sheet_of(book, sheet))
    path = run.parent.parent / "edited.xlsx"
    book.save(path)
    return path


def rows_of(page, columns, task):
    return [row for row in range(2, page.max_row + 1) if page.cell(row, columns["任务编号"]).value == task]


def doubled(task):
    def change(page, columns):
        for row in rows_of(page, columns, task):
            cell = page.cell(row, columns["抽查比例"])
            cell.value = min(1.0, 5 * cell.value)

    return change


def told(plan):
    return json.loads((plan / "manifest.json").read_text("utf-8"))


def draw_all(run, **more):
    for plan in sorted((run / "plan").iterdir()):
        draw_plan_folder(plan, seed="lottery", **more)


def results(run, filled, known="2024-06-30"):
    return creditscore("results", run, filled, "--known", known)


def filled_in(run, outcome="未发现问题", day=dt.date(2024, 5, 20), **cells):
    def change(page, columns):
        for row in range(2, page.max_row + 1):
            for name, value in {"检查结果": outcome, "检查日期": day, **cells}.items():
                page.cell(row, columns[name]).value = value

    return edited(run, change, "抽查名单")


# ratios


def test_falling_ratios_and_unknown_strata_are_all_named_by_cell(run):
    def change(page, columns):
        for row in rows_of(page, columns, "one"):
            page.cell(row, columns["抽查比例"]).value = {"C": 0.001}.get(page.cell(row, columns["等级"]).value, 0.5)

    book = edited(run, change)
    tiers = {told_row["等级"]: told_row["cell"] for told_row in _cells(run, "one")}
    said = creditscore("plan", "import", run, book)
    assert said.code == 2
    assert f"抽查比例方案!{tiers['C']}：抽查比例从 A 到 D 不得降低" in said.err

    def strange(page, columns):
        page.cell(2, columns["层"]).value = "one|A|another"
        page.cell(3, columns["任务编号"]).value = "of another run"

    said = creditscore("plan", "import", run, edited(run, strange))
    assert said.code == 2
    assert said.err.count("应为本次运行的任务和层") == 2


def _cells(run, task):
    page, columns = sheet_of(openpyxl.load_workbook(run / "plan.xlsx"), "抽查比例方案")
    for row in rows_of(page, columns, task):
        yield {"等级": page.cell(row, columns["等级"]).value, "cell": page.cell(row, columns["抽查比例"]).coordinate}


def test_edited_ratios_update_notes_documents_and_the_frame_hash(run):
    before = told(run / "plan" / "one")
    visits = import_ratios(run, edited(run, doubled("one")))
    after = told(run / "plan" / "one")
    assert visits == {"one": after["counts"]["target"]}
    assert any("more than the capacity of 30" in note for note in after["notes"])
    assert not any("capacity" in note for note in before["notes"])
    assert json.loads((run / "manifest.json").read_text("utf-8"))["frames"]["one"] == after["frame_hash"]
    assert cs.verify_plan(run / "plan" / "one").ok
    merged = [InspectionPlan.from_folder(run / "plan" / name).frame["merged_with"].unique().tolist() for name in ("one", "two")]
    assert merged == [["two"], ["one"]]
    draw_all(run)
    assert all(cs.verify_plan(plan).ok for plan in (run / "plan").iterdir())


def test_an_edited_ratio_cannot_change_the_seed_of_a_begun_draw(run):
    """A draw that was cut short has its seed: new ratios, and so new targets, would make room for another one."""
    (run / "plan" / "one" / BEGUN).write_text("first", "utf-8")
    with pytest.raises(DrawError, match="its draw was begun"):
        import_ratios(run, edited(run, doubled("one")))
    with pytest.raises(DrawError, match="another seed was begun"):
        draw_plan_folder(run / "plan" / "one", seed="second")


def test_an_interrupted_import_is_undone_by_the_next_run(run, delivery, monkeypatch):
    book, before = edited(run, doubled("one")), told(run / "plan" / "one")

    def crash(path, target):
        if path.name.startswith(".new-"):
            raise KeyboardInterrupt
        return rename(path, target)

    rename = type(run).rename
    monkeypatch.setattr(type(run), "rename", crash)
    with pytest.raises(KeyboardInterrupt):
        import_ratios(run, book)
    monkeypatch.undo()
    assert not (run / "plan" / "one").exists()
    assert night(delivery, run.parent, "--lang", "en").code == 0  # other documents: the night is worked again
    assert told(run / "plan" / "one")["frame_hash"] == before["frame_hash"]
    assert list((run / "plan").glob(".old-*")) == []


def test_a_run_in_another_language_is_another_run(run, delivery):
    assert "Summary" not in (run / "report.html").read_text("utf-8")
    assert night(delivery, run.parent, "--lang", "en").code == 0
    assert "Summary" in (run / "report.html").read_text("utf-8")


def test_drawing_and_importing_are_refused_while_a_run_holds_the_lock(run):
    book = edited(run, doubled("one"))
    with locked(run.parent):
        with pytest.raises(LockedError):
            draw_plan_folder(run / "plan" / "one", seed="s")
        with pytest.raises(LockedError):
            import_ratios(run, book)
    assert told(run / "plan" / "one")["seed"] is None
    assert (run.parent / LOCK).is_file()


def test_a_changed_probability_in_an_undrawn_sample_is_refused(run):
    path = run / "plan" / "one" / "sample.csv"
    row = next(row for row in path.read_bytes().splitlines() if row.startswith(b"one,"))
    cells = row.split(b",")
    path.write_bytes(path.read_bytes().replace(row, b",".join([*cells[:7], b"0.9", *cells[8:]])))
    with pytest.raises(DrawError, match="not the one whose hash"):
        draw_plan_folder(run / "plan" / "one", seed="s")


# commands that are cut short


@pytest.mark.parametrize("at", ["write_report", "write_json"])
def test_a_draw_interrupted_at_the_documents_leaves_a_usable_run(run, monkeypatch, at):
    def crash(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_store, at, crash)
    with pytest.raises(KeyboardInterrupt):
        draw_plan_folder(run / "plan" / "one", seed="s")
    monkeypatch.undo()
    assert cs.verify_plan(run / "plan" / "one").ok
    RunFolder.opened(run)
    assert creditscore("report", run).code == 0
    assert creditscore("lookup", run, "S001").code == 0


def test_a_late_run_does_not_remake_a_frame_of_a_later_day(run, delivery):
    draw_plan_folder(run / "plan" / "two", seed="s")
    said = night(delivery, run.parent, as_of="2024-04-29")
    assert said.code == 0, said.err
    assert RunFolder(run.parent / "2024-04-29").plans() == []


# results


def test_contradicting_results_are_refused_without_a_data_folder(run):
    draw_all(run)
    assert results(run, filled_in(run), "2024-06-01").code == 0
    said = results(run, filled_in(run, "查无下落"), "2024-06-02")
    assert said.code == 2
    assert "此前上报的结果不同" in said.err
    assert results(run, filled_in(run), "2024-06-03").code == 0


def test_a_visit_before_the_draw_is_refused_by_cell(run):
    draw_all(run, on=dt.date(2024, 5, 21))
    said = results(run, filled_in(run))
    assert said.code == 2
    assert "检查日期早于抽取日期 2024-05-21" in said.err


def test_trailing_blanks_pass_and_a_severity_without_violation_fails(run):
    draw_all(run)
    said = results(run, filled_in(run, " 未发现问题 ", 检查方式=" "))
    assert said.code == 0, said.err
    said = results(run, filled_in(run, 严重程度=3))
    assert said.code == 2
    assert "应为空白，因为未发现违法违规" in said.err


def test_a_visited_subject_cannot_be_replaced(run, delivery):
    draw_all(run)
    assert results(run, filled_in(run)).code == 0
    plan = run / "plan" / "one"
    first = DrawnPlan.from_folder(plan).drawn["subject_id"].iloc[0]
    with pytest.raises(DrawError, match="its result was handed in"):
        replace_subject(plan, first, reason="已注销", **WHO)
    status = {first: "deregistered"}
    delivery.subjects(*(subject_line(f"S{at:03d}", status=status.get(f"S{at:03d}", "active")) for at in range(120)))
    assert night(delivery, run.parent, as_of="2024-06-10").code == 0
    assert replace_closed(plan, run.parent / "2024-06-10", **WHO) == []


def test_a_replacement_that_closes_later_can_be_replaced(run, delivery):
    draw_all(run)
    plan = run / "plan" / "one"
    drawn = DrawnPlan.from_folder(plan).sample.groupby("stratum")["drawn"].agg(["sum", "size"])
    stratum = (drawn["size"] - drawn["sum"]).idxmax()
    drawn = DrawnPlan.from_folder(plan).drawn
    came = replace_subject(plan, drawn.loc[drawn["stratum"] == stratum, "subject_id"].iloc[0], reason="已注销", **WHO).replaced_by
    status = {came: "deregistered"}
    delivery.subjects(*(subject_line(f"S{at:03d}", status=status.get(f"S{at:03d}", "active")) for at in range(120)))
    assert night(delivery, run.parent, as_of="2024-06-10").code == 0
    assert [one.subject_id for one in replace_closed(plan, run.parent / "2024-06-10", **WHO)] == [came]
    assert cs.verify_plan(plan).ok
