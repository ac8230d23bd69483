"""The one draw of a task and what changes its list afterwards: registered, logged, and in its workbook."""

import datetime as dt
import json
import shutil
from unittest import mock

import pandas as pd
import pyarrow as pa
import pytest
from support.plans import a_staff
from support.runs import finished_run, plan_of
from support.seeds import numbers
from support.tasks import BY, GONE, ILL, KEY, PUBLIC, because, bytes_below

from creditscore import dates
from creditscore.engine import Engine
from creditscore.errors import DataError, DrawError, LockedError
from creditscore.inspection.plan import DrawnPlan
from creditscore.inspection.plan_folder import frame_files, read_log
from creditscore.inspection.register import Register
from creditscore.inspection.verify import verify_plan
from creditscore.pipeline.draws import draw_frame, draw_task, join_late, leave_task, replace_closed, replace_subject
from creditscore.pipeline.plans import close_task, publish_task, void_task
from creditscore.pipeline.run_folder import RunFolder
from creditscore.records.tables import TABLES
from creditscore.reporting.planning_tables import DRAWN_LIST
from creditscore.spreadsheet import read_sheet
from creditscore.storage import locked, write_parquet

MAY = dt.date(2024, 5, 31)
WHO = {"by": "李四", "on": dt.date(2024, 6, 3)}


def first_of_largest_stratum(task):
    """A drawn subject that others of its stratum can replace."""
    sample = DrawnPlan.from_folder(task).sample
    left = sample.groupby("stratum")["drawn"].agg(lambda drawn: (~drawn).sum())
    return sample.loc[sample["drawn"] & (sample["stratum"] == left.idxmax()), "subject_id"].iloc[0]


def workbook(task):
    return (task / "plan.xlsx").read_bytes()


def test_a_draw_is_told_to_register_and_log_and_lists_the_visits(run, published):
    before, runs = workbook(published), bytes_below(run.out / ".runs")
    plan = draw_task(published, seed=numbers("s"), by=" 李四 ", on=dt.date(2024, 5, 2))
    (logged,) = read_log(published, "drawn")
    line = Register.of(run.out).drawn("hygiene")
    assert (logged["seed_source"], logged["by"]) == ("lottery: 双色球 2024049, 2024-05-01", "李四")
    assert (line["seed"], line["frame_hash"], line["on"], line["log"]) == (
        numbers("s"),
        plan.frame_hash,
        "2024-05-02",
        logged["hash"],
    )
    rows = read_sheet(published / "plan.xlsx", DRAWN_LIST.title, columns=DRAWN_LIST.columns)
    assert {row["subject_id"].value for row in rows} == set(plan.drawn["subject_id"])
    assert workbook(published) != before
    assert bytes_below(run.out / ".runs") == runs
    assert verify_plan(published).ok


def test_a_draft_is_not_drawn(run, task):
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match="a draft is not drawn; publish its frame first"):
        draw_task(task, seed=numbers("s"), by=BY)
    assert bytes_below(run.out) == before


def test_a_second_draw_is_refused_and_logged_and_changes_nothing_else(run, drawn):
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match="a frame is drawn once"):
        draw_task(drawn, seed=numbers("other"), by="赵六")
    after = bytes_below(run.out)
    changed = [name for name in after if after[name] != before.get(name) and not name.startswith(".")]
    assert changed == ["register.jsonl", "tasks/hygiene/log.jsonl", "tasks/hygiene/task.json"]
    (line,) = read_log(drawn, "draw_refused")
    told = Register.of(run.out).of_task("hygiene")[-1]
    assert (told["what"], told["log"]) == ("draw_refused", line["hash"])
    assert (line["seed"], line["by"]) == (told["seed"], told["by"]) == (numbers("other"), "赵六")
    assert Register.of(run.out).state("hygiene") == "drawn"
    assert verify_plan(drawn).ok


@pytest.mark.parametrize(
    "seed", ["lottery 7", "3 8 17 21 26 32 + 9", "08 03 17 21 26 32 + 09", "03 08 17 21 26 32", "03 03 17 21 26 32 + 09"]
)
def test_a_seed_of_another_form_is_refused(run, published, seed):
    before = bytes_below(run.out)
    with pytest.raises(
        DrawError, match=r"expected what lottery: 双色球 2024049, 2024-05-01 publishes, written as 6 of 33 \+ 1 of 16"
    ):
        draw_task(published, seed=seed, by=BY)
    assert bytes_below(run.out) == before


def test_a_draw_before_the_day_of_its_seed_is_refused_whatever_day_it_names(run, published):
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match="its seed becomes known on 2024-05-01; no draw before that day"):
        draw_task(published, seed=numbers("s"), by=BY, on=dt.date(2024, 4, 30))
    with (
        mock.patch.object(dates, "today", return_value=dt.date(2024, 4, 30)),
        pytest.raises(DrawError, match="no draw before"),
    ):
        draw_task(published, seed=numbers("s"), by=BY, on=dt.date(2024, 5, 2))
    assert bytes_below(run.out) == before
    assert draw_task(published, seed=numbers("s"), by=BY).drawn_on == dt.date(2024, 5, 1)


@pytest.mark.parametrize("by", ["", "  ", "two\nlines"])
def test_a_draw_needs_the_name_of_who_draws(run, published, by):
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match="by: expected a text in one line"):
        draw_task(published, seed=numbers("s"), by=by)
    assert bytes_below(run.out) == before


def test_a_frame_other_than_the_published_one_is_not_drawn(run, published, project):
    other = plan_of(finished_run(run.out, project, as_of=MAY, count=50), project)
    for name, content in frame_files(other).items():
        (published / name).write_bytes(content)
    with pytest.raises(DrawError, match="expected the published frame"):
        draw_task(published, seed=numbers("s"), by=BY)
    assert Register.of(run.out).drawn("hygiene") is None


def test_a_frame_whose_key_is_lost_is_not_drawn_but_voided(run, published):
    (run.out / "keys" / "hygiene").unlink()
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match=r"expected the key of the frame \(it is lost\): void the frame"):
        draw_task(published, seed=numbers("s"), by=BY)
    assert bytes_below(run.out) == before
    void_task(published, **because(reason="密钥遗失", by=BY, second="赵六", on=dt.date(2024, 5, 1)))
    with pytest.raises(DrawError, match=r"the day of its seed, 2024-05-01, must be later than 2024-05-01"):
        publish_task(published, **PUBLIC)


def test_a_key_of_another_frame_draws_nothing(run, published):
    (run.out / "keys" / "hygiene").write_text("0" * 64, "ascii")
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match="is not the one whose hash was published"):
        draw_task(published, seed=numbers("s"), by=BY)
    assert bytes_below(run.out) == before


def test_a_draw_may_be_verified_by_who_has_no_key_and_then_says_so(drawn, tmp_path):
    copy = shutil.copytree(drawn, tmp_path / "export")
    found = verify_plan(copy)
    assert found.ok
    assert "scope.key" in found.codes


def test_a_folder_from_before_the_draw_is_not_asked_to_be_drawn_again(run, published, tmp_path):
    shutil.copytree(published, tmp_path / "backup")
    draw_task(published, seed=numbers("s"), by=BY, on=dt.date(2024, 5, 2))
    shutil.rmtree(published)
    shutil.copytree(tmp_path / "backup", published)
    with pytest.raises(DrawError, match=r"register line 2 names \(the folder is older"):
        replace_subject(published, "S00000", **because(**GONE, **WHO))


def test_a_folder_outside_of_the_tasks_of_an_out_is_no_task(published, tmp_path):
    copy = shutil.copytree(published, tmp_path / "copy" / "hygiene")
    before = bytes_below(copy)
    with pytest.raises(DataError, match="expected the folder of a task"):
        draw_task(copy, seed=numbers("s"), by=BY)
    assert bytes_below(copy) == before


def test_a_draw_waits_for_nobody(run, published):
    with locked(run.out), pytest.raises(LockedError):
        draw_task(published, seed=numbers("s"), by=BY)
    assert read_log(published) == []


@pytest.mark.parametrize("named", [True, False])
def test_inspectors_come_from_the_run_unless_a_file_is_named(run, task, tmp_path, named):
    run.write("staff", a_staff(6))
    file = tmp_path / "staff.csv"
    a_staff(3).assign(staff_id=["X1", "X2", "X3"]).to_csv(file, index=False)
    publish_task(task, **PUBLIC, staff=file if named else None)
    run.write("staff", a_staff(9).assign(staff_id=[f"Q{number}" for number in range(9)]))  # too late: they are fixed
    teams = set(draw_task(task, seed=numbers("s"), by=BY).inspectors["staff_id"])
    assert teams <= ({"X1", "X2", "X3"} if named else {f"P{number}" for number in range(6)})
    assert teams


def test_an_absent_file_of_inspectors_stops_the_publication(run, task, tmp_path):
    before = bytes_below(run.out)
    with pytest.raises(DataError, match="nothing was done"):
        publish_task(task, **PUBLIC, staff=tmp_path / "none.csv")
    assert bytes_below(run.out) == before


def test_a_replacement_is_told_to_register_and_log_and_renews_the_workbook(run, drawn):
    subject, before = first_of_largest_stratum(drawn), workbook(drawn)
    done = replace_subject(drawn, subject, **because(**GONE, **WHO))
    assert done.subject_id == subject
    assert done.replaced_by not in set(DrawnPlan.from_folder(drawn).drawn["subject_id"])
    (line,) = read_log(drawn, "replaced")
    told = Register.of(run.out).lines[-1]
    assert (told["what"], told["subject_id"], told["replaced_by"], told["log"]) == (
        "replaced",
        subject,
        done.replaced_by,
        line["hash"],
    )
    assert {name: line[name] for name in GONE} == GONE
    assert workbook(drawn) != before
    again = bytes_below(run.out)
    with pytest.raises(DrawError, match="replaced already"):
        replace_subject(drawn, subject, **because(**GONE, **WHO))
    assert bytes_below(run.out) == again


@pytest.mark.parametrize(("outcome", "may"), [("none", False), ("violation", False), ("closed", True), ("not_found", True)])
def test_only_a_subject_that_nobody_met_is_replaced(run, drawn, outcome, may):
    subject = first_of_largest_stratum(drawn)
    row = dict.fromkeys(TABLES["inspections"].schema.names) | {
        "inspection_id": f"hygiene/{subject}", "known_date": MAY, "event_date": MAY, "task": "hygiene", "subject_id": subject,
        "outcome": outcome, "mode": "on_site",
    }  # fmt: skip
    write_parquet(drawn / "results.parquet", pa.Table.from_pylist([row], schema=TABLES["inspections"].schema))
    before = bytes_below(run.out)
    if may:
        assert replace_subject(drawn, subject, **because(**GONE, **WHO)).subject_id == subject
    else:
        with pytest.raises(DrawError, match="its result was handed in"):
            replace_subject(drawn, subject, **because(**GONE, **WHO))
        assert bytes_below(run.out) == before


def test_closed_subjects_are_replaced_until_an_open_one_comes(run, drawn, project):
    subject = first_of_largest_stratum(drawn)
    sample = DrawnPlan.from_folder(drawn).sample
    mates = sample[sample["stratum"] == sample.set_index("subject_id").loc[subject, "stratum"]].sort_values("ticket")
    heir = mates.loc[~mates["drawn"], "subject_id"].iloc[0]
    later = finished_run(run.out, project, as_of=MAY, closed=(subject, heir))
    done = replace_closed(drawn, later.shown, **WHO, second="王五")
    assert [one.subject_id for one in done] == [subject, heir]
    assert done[-1].replaced_by not in (subject, heir)
    assert [line["subject_id"] for line in Register.of(run.out).lines if line["what"] == "replaced"] == [subject, heir]


@pytest.mark.parametrize("wrong", [{"second": ""}, {"second": "李 四"}, {"by": "。"}])
def test_closed_subjects_are_replaced_by_two_persons_or_the_command_is_refused(run, drawn, project, wrong):
    later = finished_run(run.out, project, as_of=MAY, closed=(first_of_largest_stratum(drawn),))
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match="replacements of closed subjects: expected"):
        replace_closed(drawn, later.shown, **{**WHO, "second": "王五", **wrong})
    assert bytes_below(run.out) == before


def test_nothing_changes_where_nobody_has_closed_or_come(run, drawn, project):
    later = finished_run(run.out, project, as_of=MAY)
    before = bytes_below(run.out)
    assert replace_closed(drawn, later.path, **WHO, second="王五") == []
    assert join_late(drawn, later.path, **WHO) == []
    assert bytes_below(run.out) == before


def test_subjects_that_came_later_join_by_the_ratio(run, drawn, project):
    later = finished_run(run.out, project, as_of=MAY, count=45, closed=("S00044",))
    joined = join_late(drawn, later.path, **WHO)
    assert [one.subject_id for one in joined] == ["S00040", "S00041", "S00042", "S00043"]
    told = Register.of(run.out).lines[-1]
    assert (told["subjects"], told["run"]) == (4, later.name)
    before = bytes_below(run.out)
    assert join_late(drawn, later.path, **WHO) == []
    assert bytes_below(run.out) == before


def test_who_came_later_is_listed_with_the_address_that_the_register_has(run, drawn, project):
    later = finished_run(run.out, project, as_of=MAY, count=400)
    register = later.read("subjects").to_pandas()
    register["address"] = [f"某路{at}号" for at in range(len(register))]
    practitioner = register["subject_id"] == "S00041"
    register.loc[practitioner, "subject_type"] = "practitioner"
    real = RunFolder.frame
    with mock.patch.object(RunFolder, "frame", lambda self, name: register if name == "subjects" else real(self, name)):
        joined = join_late(drawn, later.path, **WHO)
    known = dict(zip(register["subject_id"], register["address"], strict=True)) | {"S00041": ""}
    assert {one.subject_id: one.address for one in joined} == {one.subject_id: known[one.subject_id] for one in joined}
    rows = read_sheet(drawn / "plan.xlsx", DRAWN_LIST.title, columns=DRAWN_LIST.columns)
    shown = {row["subject_id"].value: row["address"].value for row in rows}
    late = [one.subject_id for one in joined if one.drawn and one.address]
    assert late
    assert {subject: shown[subject] for subject in late} == {subject: known[subject] for subject in late}


def test_an_inspector_leaves_and_list_register_and_check_know_it(task, run):
    run.write("staff", a_staff(6))
    publish_task(task, **PUBLIC)
    before = draw_task(task, seed=numbers("s"), by=BY).inspectors
    staff = before["staff_id"].iloc[0]
    done = leave_task(task, staff, **because(**ILL))
    theirs = set(before.loc[before["staff_id"] == staff, "subject_id"])
    assert {one.subject_id for one in done.teams} == theirs
    line = Register.of(run.out).lines[-1]
    assert (line["what"], line["staff_id"], line["reason"], line["second"]) == ("left", staff, "ill", "王五")
    rows = read_sheet(task / "plan.xlsx", DRAWN_LIST.title, columns=DRAWN_LIST.columns)
    shown = {row["subject_id"].value: row["inspectors"].value for row in rows}
    assert {one.subject_id: shown[one.subject_id].split("、") for one in done.teams} == {
        one.subject_id: list(one.team) for one in done.teams
    }
    assert verify_plan(task).ok


def test_who_joins_while_proposed_for_d_is_marked_so(run, drawn, project):
    later = finished_run(run.out, project, as_of=MAY, count=400)
    joined = join_late(drawn, later.path, **WHO)
    tiers = later.frame("tiers").set_index("subject_id")
    waiting = {one.subject_id for one in joined if tiers.loc[one.subject_id, "status"] == "proposed"}
    assert {one.subject_id for one in joined if one.proposed} == waiting
    assert {one.tier for one in joined if one.proposed} == {"C"}
    rows = read_sheet(drawn / "plan.xlsx", DRAWN_LIST.title, columns=DRAWN_LIST.columns)
    marked = {row["subject_id"].value for row in rows if row["proposed"].value}
    drawn_late = {one.subject_id for one in joined if one.drawn}
    assert drawn_late & waiting
    assert marked & drawn_late == drawn_late & waiting
    assert verify_plan(drawn).ok


@pytest.mark.parametrize("change", ["replace", "replace closed", "join", "leave"])
@pytest.mark.parametrize(
    ("state", "message"), [("published", "expected a drawn task"), ("closed", "nothing is added to it any more")]
)
def test_the_list_of_a_task_changes_between_its_draw_and_its_end_only(run, published, project, change, state, message):
    later = finished_run(run.out, project, as_of=MAY, count=45)
    if state == "closed":
        draw_task(published, seed=numbers("s"), by=BY)
        close_task(published, **because(by=BY, second="赵六", on=MAY, reason="x"))
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match=message):
        {
            "replace": lambda: replace_subject(published, "S00001", **because(**GONE, **WHO)),
            "replace closed": lambda: replace_closed(published, later.path, **WHO, second="王五"),
            "join": lambda: join_late(published, later.path, **WHO),
            "leave": lambda: leave_task(published, "P0", **because(**ILL)),
        }[change]()
    assert bytes_below(run.out) == before


@pytest.mark.parametrize("command", [replace_closed, join_late])
def test_a_run_of_the_plans_own_day_is_not_later(run, drawn, command):
    more = {"second": "王五"} if command is replace_closed else {}
    with pytest.raises(DataError, match="expected a run of a day after 2024-04-30"):
        command(drawn, run.path, **WHO, **more)


@pytest.mark.parametrize("command", [replace_closed, join_late])
def test_who_closed_or_came_is_told_by_the_night_in_force_alone(run, drawn, project, tmp_path, command):
    """Whoever may name another run makes one in which an enemy is new and a friend has closed."""
    more = {"second": "王五"} if command is replace_closed else {}
    elsewhere = finished_run(tmp_path / "elsewhere", project, as_of=MAY, count=45)
    first = finished_run(run.out, project, as_of=MAY, count=45)
    finished_run(run.out, project, as_of=MAY, count=44)
    before = bytes_below(run.out)
    for other in (elsewhere.shown, elsewhere.path, first.path):
        with pytest.raises(DataError, match="expected the current run of its day"):
            command(drawn, other, **WHO, **more)
    with (
        mock.patch.object(RunFolder, "is_trial", True),
        pytest.raises(DataError, match="a trial, whose tiers are in force for nobody"),
    ):
        command(drawn, first.shown, **WHO, **more)
    assert bytes_below(run.out) == before


@pytest.fixture
def files(tmp_path):
    """A frame of two strata as Parquet, and their targets as CSV."""
    rows = {"subject_id": [f"S{number:02d}" for number in range(20)], "stratum": ["A", "B"] * 10}
    write_parquet(tmp_path / "frame.parquet", pa.table(rows))
    (tmp_path / "strata.csv").write_text("stratum,target,on_site\nA,3,2\nB,1,\n", "utf-8-sig")
    return tmp_path


def draw(files, out="out", **changes):
    (files / "key").write_text(KEY, "ascii")
    options = {"frame": files / "frame.parquet", "strata": files / "strata.csv", "key": files / "key", **changes}
    return draw_frame(Engine.duckdb(), **options, task="t", seed="s", out=files / out)


def test_a_large_frame_is_drawn_once_and_keeps_its_seed(files):
    made = draw(files)
    assert (made.drawn, made.strata) == (4, 2)
    rows = pd.read_parquet(made.file)
    assert rows.groupby("stratum")["mode"].agg(list).to_dict() == {"A": ["on_site", "on_site", "off_site"], "B": ["on_site"]}
    assert json.loads((files / "out" / "manifest.json").read_text("utf-8"))["seed"] == "s"
    with pytest.raises(DrawError, match="a frame is drawn once"):
        draw(files)
    assert draw(files, "again").file.read_bytes() == made.file.read_bytes()


def test_a_large_frame_without_its_columns_or_files_is_refused(files):
    with pytest.raises(DataError, match="expected a file"):
        draw(files, frame=files / "none.parquet")
    write_parquet(files / "frame.parquet", pa.table({"subject_id": ["S1"]}))
    with pytest.raises(DataError, match="stratum missing"):
        draw(files)


@pytest.mark.parametrize("text", ["stratum\nA\n", "stratum,target\nA,many\n"])
def test_strata_without_whole_targets_are_refused(files, text):
    (files / "strata.csv").write_text(text, "utf-8")
    with pytest.raises(DataError, match="with whole numbers"):
        draw(files)


def test_strata_are_read_like_a_source(files):
    rows = {"subject_id": [f"S{number:02d}" for number in range(20)], "stratum": ["企业", "全区"] * 10}
    write_parquet(files / "frame.parquet", pa.table(rows))
    (files / "strata.csv").write_bytes('stratum,target\r"企业",3\r全区,1\r'.encode("gb18030"))
    assert draw(files).drawn == 4
    (files / "strata.csv").write_bytes("stratum,target\n东,3\n西,1\n".encode("gb18030"))
    with pytest.raises(DataError, match=r"strata\.csv: expected bytes that prove their encoding .*--encoding"):
        draw(files, "again")
    rows = {**rows, "stratum": ["东", "西"] * 10}
    write_parquet(files / "frame.parquet", pa.table(rows))
    assert draw(files, "again", encoding="gb18030").drawn == 4


@pytest.mark.parametrize(
    ("text", "told"),
    [("staff_id,name,staff_id\nP1,x,P2\n", "each column once"), ("staff_id,\nP1,x\n", "a name for each column"),
     ('staff_id,name\nP1,"x\nP2,y\n', r"expected 2 fields .*line 2: a quote that is not closed"), ("staff_id,name\nP1\n", "line 2: .*fields")],
)  # fmt: skip
def test_a_file_of_inspectors_that_cannot_be_read_whole_stops_the_publication(run, task, tmp_path, text, told):
    before = bytes_below(run.out)
    (tmp_path / "staff.csv").write_text(text, "utf-8")
    with pytest.raises(DataError, match=told):
        publish_task(task, **PUBLIC, staff=tmp_path / "staff.csv")
    assert bytes_below(run.out) == before
