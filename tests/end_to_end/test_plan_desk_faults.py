"""The desk of a small night, handled badly: cells that cannot be meant, commands cut short, draws begun and left."""

import csv
import datetime as dt
import io
import json
import shutil

import openpyxl
import pytest
from support.command import creditscore
from support.deliveries import Delivery, event_line, subject_line
from support.nights import night, sign_a_card
from support.seeds import SOURCE, numbers
from support.tasks import GONE, because

import creditscore as cs
from creditscore.errors import DrawError, LockedError
from creditscore.inspection.plan import DrawnPlan, InspectionPlan
from creditscore.pipeline.draws import draw_task, replace_closed, replace_subject
from creditscore.pipeline.plans import import_ratios, publish_task
from creditscore.storage import LOCK, locked

LABEL = {"zh": "任务", "en": "task"}
PERIOD = {"start": dt.date(2024, 5, 1), "end": dt.date(2024, 6, 30)}
TASK = {"label": LABEL, "item": "hygiene", "department": "SAMR", **PERIOD, "seed": SOURCE}
TASKS = [{"id": "one", **TASK, "also_checks": ["two"], "capacity": 30}, {"id": "two", **TASK}]
WHO = {"by": "李四", "on": dt.date(2024, 5, 20)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A night over 120 subjects: C, and a proposed D that is drawn with them."""
    return _night_of(tmp_path_factory.mktemp("desk"), points=(10, -30))


def _night_of(folder, points):
    delivery = Delivery(folder, tasks={"task": TASKS})
    delivery.subjects(*(subject_line(f"S{at:03d}") for at in range(120)))
    delivery.events(*(event_line(f"E{at}-{more}", f"S{at:03d}") for at in range(40) for more in range(1 + at % 3)))
    sign_a_card(delivery, points=points)
    said = night(delivery, folder / "out")
    assert said.code == 0, said.err
    return folder


@pytest.fixture
def delivery(made, tmp_path):
    """A copy of what came in and of what the night made of it, to be changed."""
    shutil.copytree(made, tmp_path / "desk", symlinks=True)
    copy = Delivery.__new__(Delivery)
    copy.data, copy.project = tmp_path / "desk" / "data", cs.load_project(tmp_path / "desk" / "project")
    return copy


@pytest.fixture
def out(delivery):
    return delivery.data.parent / "out"


@pytest.fixture
def run(out):
    return out / "2024-04-30"


def sheet_of(book, name):
    page = book[name]
    return page, {cell.value.split("(")[0]: cell.column for cell in page[1]}


def edited(folder, change, sheet="抽查比例方案"):
    """A copy of the workbook of a run or a task after ``change(page, columns)``."""
    book = openpyxl.load_workbook(folder / "plan.xlsx")
    change(*sheet_of(book, sheet))
    path = folder.parent.parent / "edited.xlsx"
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


def publish(out, *tasks):
    for task in tasks:
        publish_task(out / "tasks" / task, on=dt.date(2024, 4, 30), channel="gazette 12", by="planner")


def draw_all(out, **more):
    publish(out, "one", "two")
    for task in ("one", "two"):
        draw_task(out / "tasks" / task, seed=numbers("lottery"), by="planner", **more)
    return out / "tasks" / "one"


@pytest.fixture
def task(out):
    """The first of two drawn tasks."""
    return draw_all(out)


def results(task, filled, known="2024-06-30"):
    return creditscore("results", task, filled, "--known", known)


def filled_in(task, outcome="未发现问题", day=dt.date(2024, 5, 20), **cells):
    def change(page, columns):
        for row in range(2, page.max_row + 1):
            for name, value in {"检查结果": outcome, "检查日期": day, **cells}.items():
                page.cell(row, columns[name]).value = value

    return edited(task, change, "抽查名单")


# ratios


def test_falling_ratios_and_unknown_strata_are_all_named_by_cell(tmp_path):
    # B, and a proposed D that is drawn in C.
    run = _night_of(tmp_path / "of two tiers", points=(30, -2)) / "out" / "2024-04-30"

    def change(page, columns):
        for row in rows_of(page, columns, "one"):
            page.cell(row, columns["抽查比例"]).value = {"C": 0.001}.get(page.cell(row, columns["等级"]).value, 0.5)

    book = edited(run, change)
    tiers = {told_row["等级"]: told_row["cell"] for told_row in _cells(run, "one")}
    said = creditscore("plan", "import", run.parent, book)
    assert said.code == 2
    assert f"抽查比例方案!{tiers['C']}：抽查比例从 A 到 D 不得降低" in said.err

    def strange(page, columns):
        page.cell(2, columns["层"]).value = "one|A|another"
        page.cell(3, columns["任务编号"]).value = "of another run"

    said = creditscore("plan", "import", run, edited(run, strange))
    assert said.code == 2
    assert all(said.err.count(f"抽查比例方案!{cell}") == 1 for cell in ("E2", "E3"))


def _cells(run, task):
    page, columns = sheet_of(openpyxl.load_workbook(run / "plan.xlsx"), "抽查比例方案")
    for row in rows_of(page, columns, task):
        yield {"等级": page.cell(row, columns["等级"]).value, "cell": page.cell(row, columns["抽查比例"]).coordinate}


def test_edited_ratios_update_notes_lists_and_the_frame_hash(out, run):
    before = told(out / "tasks" / "one")
    visits = import_ratios(out, edited(run, doubled("one")))
    after = told(out / "tasks" / "one")
    assert visits == {"one": after["counts"]["target"]}
    assert any("more than the capacity of 30" in note for note in after["notes"])
    assert not any("capacity" in note for note in before["notes"])
    assert json.loads((run / "manifest.json").read_text("utf-8"))["frames"]["one"] == before["frame_hash"]
    assert cs.verify_plan(out / "tasks" / "one").ok
    merged = [InspectionPlan.from_folder(out / "tasks" / name).frame["merged_with"].unique().tolist() for name in ("one", "two")]
    assert merged == [["two"], ["one"]]
    draw_all(out)
    assert all(cs.verify_plan(out / "tasks" / task).ok for task in ("one", "two"))


def test_ratios_that_the_planner_edited_outlive_the_next_night(out, run, delivery):
    visits = import_ratios(out, edited(run, doubled("one")))
    assert night(delivery, out, as_of="2024-05-01").code == 0
    assert told(out / "tasks" / "one")["counts"]["target"] == visits["one"]


def test_ratios_of_a_published_frame_stay(out, run):
    """New ratios, and so new targets, after the hash was told would make room for another draw."""
    book = edited(run, doubled("one"))
    publish(out, "one")
    with pytest.raises(DrawError, match="can no longer change"):
        import_ratios(out, book)
    draw_task(out / "tasks" / "one", seed=numbers("first"), by="planner")
    with pytest.raises(DrawError, match="drawn already"):
        draw_task(out / "tasks" / "one", seed=numbers("second"), by="planner")


def test_a_run_in_another_language_is_another_run(out, run, delivery):
    first = run.resolve()
    assert "Summary" not in (run / "report.html").read_text("utf-8")
    assert night(delivery, out, "--lang", "en").code == 0
    assert "Summary" in (run / "report.html").read_text("utf-8")
    assert "Summary" not in (first / "report.html").read_text("utf-8")


def test_commands_are_refused_while_a_run_holds_the_lock(out, run):
    book = edited(run, doubled("one"))
    with locked(out):
        with pytest.raises(LockedError):
            publish(out, "one")
        with pytest.raises(LockedError):
            draw_task(out / "tasks" / "one", seed=numbers("s"), by="planner")
        with pytest.raises(LockedError):
            import_ratios(out, book)
    assert told(out / "tasks" / "one")["seed"] is None
    assert (out / LOCK).is_file()


def test_a_changed_probability_in_a_published_sample_is_refused(out):
    publish(out, "one")
    path = out / "tasks" / "one" / "sample.csv"
    head, first, *rows = csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""))
    first[head.index("inclusion_probability")] = "0.9"
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows([head, first, *rows])
    with pytest.raises(DrawError, match="not the one whose hash"):
        draw_task(out / "tasks" / "one", seed=numbers("s"), by="planner")


def test_a_late_run_does_not_remake_a_frame_of_a_later_day(out, delivery):
    publish(out, "two")
    before = told(out / "tasks" / "two")
    said = night(delivery, out, as_of="2024-04-29")
    assert said.code == 0, said.err
    assert [path.name for path in (out / "2024-04-29" / "drafts").iterdir()] == ["one"]
    assert told(out / "tasks" / "two") == before


# results


def test_contradicting_results_are_refused_without_a_data_folder(task):
    assert results(task, filled_in(task), "2024-06-01").code == 0
    said = results(task, filled_in(task, "查无下落"), "2024-06-02")
    assert said.code == 2
    assert "与先前工作簿的结果不同" in said.err
    assert results(task, filled_in(task), "2024-06-03").code == 0


def test_a_visit_before_the_draw_is_refused_by_cell(out):
    task = draw_all(out, on=dt.date(2024, 5, 21))
    said = results(task, filled_in(task))
    assert said.code == 2
    assert "检查日期早于抽取日期 2024-05-21" in said.err


def test_trailing_blanks_pass_and_a_severity_without_violation_fails(task):
    said = results(task, filled_in(task, " 未发现问题 ", 检查方式=" "))
    assert said.code == 0, said.err
    said = results(task, filled_in(task, 严重程度=3))
    assert said.code == 2
    assert "应为空白，因为未发现违法违规" in said.err


def test_a_visited_subject_cannot_be_replaced(out, task, delivery):
    assert results(task, filled_in(task)).code == 0
    first = DrawnPlan.from_folder(task).drawn["subject_id"].iloc[0]
    with pytest.raises(DrawError, match="its result was handed in"):
        replace_subject(task, first, **because(**GONE, **WHO))
    status = {first: "deregistered"}
    delivery.subjects(*(subject_line(f"S{at:03d}", status=status.get(f"S{at:03d}", "active")) for at in range(120)))
    assert night(delivery, out, as_of="2024-06-10").code == 0
    assert replace_closed(task, out / "2024-06-10", **WHO, second="王五") == []


def test_a_replacement_that_closes_later_can_be_replaced(out, task, delivery):
    drawn = DrawnPlan.from_folder(task).sample.groupby("stratum")["drawn"].agg(["sum", "size"])
    stratum = (drawn["size"] - drawn["sum"]).idxmax()
    drawn = DrawnPlan.from_folder(task).drawn
    came = replace_subject(task, drawn.loc[drawn["stratum"] == stratum, "subject_id"].iloc[0], **because(**GONE, **WHO)).replaced_by
    status = {came: "deregistered"}
    delivery.subjects(*(subject_line(f"S{at:03d}", status=status.get(f"S{at:03d}", "active")) for at in range(120)))
    assert night(delivery, out, as_of="2024-06-10").code == 0
    assert [one.subject_id for one in replace_closed(task, out / "2024-06-10", **WHO, second="王五")] == [came]
    assert cs.verify_plan(task).ok
