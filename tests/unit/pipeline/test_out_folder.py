"""The folder of runs, tasks and register: an older layout is taken over whole, and a register that forgot is refused."""

import datetime as dt
import json
import shutil

import pandas as pd
import pyarrow as pa
import pytest
from support.projects import write_project
from support.runs import TASK, add_plan, finished_run, plan_of
from support.seeds import numbers
from support.tasks import BY, GONE, PUBLIC, because, bytes_below, draw, of_format_2

from creditscore.errors import DataError, DrawError
from creditscore.inspection.plan import DrawnPlan
from creditscore.inspection.plan_folder import LOG, read_log
from creditscore.inspection.register import REGISTER, Register
from creditscore.inspection.task_folder import TaskFolder
from creditscore.inspection.verify import verify_plan
from creditscore.pipeline.credit_check import feedback, lookup
from creditscore.pipeline.draws import draw_task, replace_subject
from creditscore.pipeline.out_folder import changing, held, removed_on_error
from creditscore.pipeline.plans import close_task, import_ratios, publish_task, void_task
from creditscore.pipeline.prune import prunable, prune
from creditscore.pipeline.results import take_results
from creditscore.pipeline.run_folder import FINISHED, LEDGER, MANIFEST, RunFolder
from creditscore.pipeline.run_store import load_book, renew_documents
from creditscore.pipeline.tier import sign_subjects, signatures
from creditscore.records.tables import TABLES
from creditscore.storage import StepLedger, append_chain, chain_head, read_chain, set_pointer, sha256_file, write_parquet
from creditscore.tiering.signatures import Review, review_body

MARCH, APRIL, MAY = dt.date(2024, 3, 31), dt.date(2024, 4, 30), dt.date(2024, 5, 31)
WHO = {"by": BY, "on": dt.date(2024, 6, 3)}
VOID = {"reason": "x", "by": "王五", "second": "赵六", "on": dt.date(2024, 5, 1)}
CLERK = {"reviewer": "李四", "reason": "核实", "on": dt.date(2024, 6, 3)}


# An older layout

ASKED = {"purpose": "监督管理", "by": "某局", "on": dt.date(2024, 5, 6)}


def old_layout(out, project, *, as_of=APRIL):
    """``OUT/<as_of>`` as a folder of its own, as versions before wrote it: a run with its manifest of the first format."""
    made = finished_run(out / "made", project, as_of=as_of)
    path = out / as_of.isoformat()
    shutil.move(made.path, path)
    shutil.rmtree(out / "made")
    manifest = json.loads((path / MANIFEST).read_text("utf-8"))
    (path / MANIFEST).write_text(json.dumps({"trained": True, **{k: v for k, v in manifest.items() if k not in ("trial", "lang")}}))
    return path


def old_plan(path, project, *, drawn):
    """A plan below ``plan/``, drawn with its log or not."""
    plan = plan_of(RunFolder(path), project)
    folder = path / "plan" / plan.task.id
    plan = of_format_2(plan)  # as that layout had it
    plan.to_csv(folder)
    if drawn:
        draw(plan, seed="old seed", on=dt.date(2024, 5, 2)).to_csv(folder)
        sealed = {"frame_hash": plan.frame_hash, "manifest": sha256_file(folder / MANIFEST)}
        append_chain(folder / LOG, [{"what": "drawn", "seed": "old seed", **sealed, "on": "2024-05-02", "by": "x"}])
    return plan


def old_result(path, subject):
    row = dict.fromkeys(TABLES["inspections"].schema.names) | {
        "inspection_id": f"hygiene/{subject}", "subject_id": subject, "event_date": MAY, "known_date": MAY, "task": "hygiene",
        "outcome": "none", "mode": "on_site", "trigger": "random",
    }  # fmt: skip
    write_parquet(
        path / "results" / "inspections-2024-05-31.parquet", pa.Table.from_pylist([row], schema=TABLES["inspections"].schema)
    )


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def old(out, project):
    """A run of the older layout with a drawn plan, results, signatures and credit checks, and a second run after it."""
    path = old_layout(out, project)
    plan = old_plan(path, project, drawn=True)
    old_result(path, DrawnPlan.from_folder(path / "plan" / "hygiene").drawn["subject_id"].iloc[0])
    review = Review("S00003", "approve", "李四", "核实", "a" * 64, dt.date(2024, 5, 2))
    append_chain(path / "reviews.jsonl", [review_body(review)])
    append_chain(path / "lookups.jsonl", [{"what": "looked_up", "subject_id": "S1"}, {"what": "used", "about": 1, "result": "x"}])
    later = old_layout(out, project, as_of=MAY)
    append_chain(later / "lookups.jsonl", [{"what": "looked_up", "subject_id": "S2"}, {"what": "used", "about": 1, "result": "y"}])
    old_plan(later, project, drawn=False)  # a night framed the same task again
    return path, plan, review


def adopt(out):
    with held(out):
        pass


def test_runs_frames_draws_results_signatures_and_checks_are_taken_over(old, out, caplog):
    _path, plan, review = old
    before = {name: (out / "2024-04-30" / name).read_bytes() for name in ("tiers.parquet", "scores.parquet", MANIFEST)}
    adopt(out)
    run = RunFolder.current(out, APRIL)
    assert run.path == out / ".runs" / "2024-04-30-1"
    assert {name: run.file(name).read_bytes() for name in before} == before
    assert RunFolder.opened(out / "2024-04-30") == run
    assert len(load_book(run).tiers) == 40
    assert RunFolder.current(out, MAY).path == out / ".runs" / "2024-05-31-1"
    register = Register.of(out)
    assert [line["what"] for line in register.lines] == ["published", "drawn", "results", "signed"]
    assert (register.drawn("hygiene")["seed"], register.published("hygiene")["frame_hash"]) == ("old seed", plan.frame_hash)
    assert register.state("hygiene") == "drawn"
    assert signatures(register, APRIL) == (review,)
    assert "2 runs of an older layout were taken over" in caplog.text
    folder = TaskFolder.opened(out / "tasks" / "hygiene")
    assert verify_plan(folder.path).ok
    assert folder.origin.run == run.name
    assert [line["what"] for line in read_log(folder.path)] == ["drawn"]
    assert len(pd.read_parquet(folder.path / "results.parquet")) == 1


def test_checks_of_older_runs_are_one_chain_in_which_feedback_still_names_its_check(old, out):
    adopt(out)
    lines = read_chain(out / "lookups.jsonl")
    assert [(line["what"], line["number"], line.get("about"), line["run"]) for line in lines] == [
        ("looked_up", 1, None, "2024-04-30"), ("used", 2, 1, "2024-04-30"), ("looked_up", 3, None, "2024-05-31"), ("used", 4, 3, "2024-05-31"),
    ]  # fmt: skip
    assert lookup(out / "2024-04-30", ["S00001"], **ASKED)["record"].tolist() == [5]
    feedback(out / "2024-05-31", 3, result="x", by="y", on=MAY)


def test_what_was_drawn_under_the_older_layout_is_not_drawn_or_framed_again(old, out):
    for command in (
        lambda: draw_task(out / "tasks" / "hygiene", seed=numbers("new"), by=BY),
        lambda: publish_task(out / "tasks" / "hygiene", **PUBLIC),
        lambda: void_task(out / "tasks" / "hygiene", **because(**VOID)),
    ):
        adopt(out)
        with pytest.raises(DrawError, match=r"(drawn|published) already"):
            command()
    assert DrawnPlan.from_folder(out / "tasks" / "hygiene").seed == "old seed"


def test_to_take_over_twice_changes_nothing(old, out):
    adopt(out)
    before = bytes_below(out)
    adopt(out)
    assert bytes_below(out) == before


@pytest.mark.parametrize("unit", ["hidden", "left over"])
def test_a_finished_run_that_a_killed_rerun_hid_is_found_again(old, out, unit):
    """The older layout moved the finished run into ``.earlier``; plans, reviews and checks stayed where they were."""
    path, plan, _review = old
    aside = path / ".earlier"
    aside.mkdir()
    for file in [
        file for file in path.iterdir() if file.name not in (".earlier", "plan", "results", "reviews.jsonl", "lookups.jsonl")
    ]:
        file.rename(aside / file.name)
    if unit == "left over":
        (path / "features.parquet").write_bytes(b"half")
    before = bytes_below(aside)
    adopt(out)
    run = RunFolder.opened(out / "2024-04-30")
    assert run.path == out / ".runs" / "2024-04-30-1"
    assert bytes_below(run.path) == before
    assert Register.of(out).drawn("hygiene")["frame_hash"] == plan.frame_hash
    assert TaskFolder.opened(out / "tasks" / "hygiene").origin.run == run.name
    assert len(read_chain(out / "lookups.jsonl")) == 4


def test_of_two_frames_of_a_task_the_drawn_one_holds(out, project, caplog):
    first, second = (old_layout(out, project, as_of=day) for day in (APRIL, MAY))
    old_plan(first, project, drawn=False)
    plan = old_plan(second, project, drawn=True)
    adopt(out)
    register = Register.of(out)
    assert [(line["what"], line["frame_hash"]) for line in register.lines] == [
        (what, plan.frame_hash) for what in ("published", "drawn")
    ]
    assert "was framed twice" in caplog.text


def test_a_frame_whose_replacement_was_interrupted_is_taken_over(out, project):
    path = old_layout(out, project)
    plan = old_plan(path, project, drawn=False)
    (path / "plan" / "hygiene").rename(path / "plan" / ".old-hygiene")
    shutil.copytree(path / "plan" / ".old-hygiene", path / "plan" / ".new-other")
    adopt(out)
    assert Register.of(out).published("hygiene")["frame_hash"] == plan.frame_hash
    assert sorted(folder.name for folder in (out / "tasks").iterdir()) == ["hygiene"]


def test_an_unfinished_run_of_the_older_layout_is_no_run(out, project):
    path = old_layout(out, project)
    (path / MANIFEST).unlink()
    adopt(out)
    assert RunFolder.current(out, APRIL) is None
    assert not path.exists()


# A register that forgot


def writing_commands(out, run, task):
    """Every command that writes below ``OUT`` and rests on the register."""
    return {
        "publish": lambda: publish_task(task, **PUBLIC),
        "void": lambda: void_task(task, **because(**VOID)),
        "draw": lambda: draw_task(task, seed=numbers("other"), by=BY),
        "replace": lambda: replace_subject(task, "S00001", **because(**GONE, **WHO)),
        "results": lambda: take_results(task, known=MAY),
        "close": lambda: close_task(task, **because(**WHO, second="赵六", reason="x")),
        "import": lambda: import_ratios(out, run.file("plan.xlsx")),
        "sign": lambda: sign_subjects(run.path, run.frame("tiers").query("status == 'proposed'")["subject_id"].tolist(), **CLERK),
        "report": lambda: renew_documents(run),
        "run": lambda: held(out).__enter__(),
        "plan.publish": lambda: plan_of(run, write_project(out.parent / "again", tasks={"task": [TASK]})).publish(
            out=out, **PUBLIC
        ),
    }


COMMANDS = list(writing_commands(None, None, None))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("ledger", [True, False])
def test_a_register_that_is_gone_is_refused_by_every_writing_command(run, drawn, monkeypatch, command, ledger):
    monkeypatch.setattr(
        "creditscore.pipeline.plans.read_ratios", lambda workbook: pd.DataFrame({"task": [], "stratum": [], "cell": []})
    )
    (run.out / REGISTER).unlink()
    if not ledger:  # its other keeper is gone too
        (run.out / ".ledger.sqlite").unlink()
    before = bytes_below(run.out)
    with pytest.raises(DataError, match=r"put back the newest register"):
        writing_commands(run.out, run, drawn)[command]()
    assert bytes_below(run.out) == before


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("ledger", [True, False])
def test_a_register_from_before_the_draw_is_refused_by_every_writing_command(run, published, monkeypatch, command, ledger):
    monkeypatch.setattr(
        "creditscore.pipeline.plans.read_ratios", lambda workbook: pd.DataFrame({"task": [], "stratum": [], "cell": []})
    )
    backup = (run.out / REGISTER).read_bytes()
    draw_task(published, seed=numbers("s"), by=BY)
    (run.out / REGISTER).write_bytes(backup)
    if not ledger:
        (run.out / ".ledger.sqlite").unlink()
    before = bytes_below(run.out)
    with pytest.raises(DataError, match=r"put back the newest register"):
        writing_commands(run.out, run, published)[command]()
    assert bytes_below(run.out) == before


def test_a_register_that_was_chained_anew_with_another_draw_is_refused(run, drawn):
    path = run.out / REGISTER
    lines = [{k: v for k, v in line.items() if k not in ("number", "previous", "hash")} for line in read_chain(path)]
    path.unlink()
    append_chain(path, [line | ({"seed": "better"} if line["what"] == "drawn" else {}) for line in lines])
    assert chain_head(path)
    with pytest.raises(DataError, match="put back the newest register"):
        adopt(run.out)


@pytest.mark.parametrize("how", ["deleted", "older backup", "draft"])
def test_a_task_is_drawn_once_whatever_becomes_of_its_folder(run, task, project, how):
    backups = {"draft": bytes_below(task)}
    publish_task(task, **PUBLIC)
    backups["older backup"] = bytes_below(task)
    draw_task(task, seed=numbers("s"), by=BY)
    shutil.rmtree(task)
    for name, content in backups.get(how, {}).items():
        (task / name).parent.mkdir(parents=True, exist_ok=True)
        (task / name).write_bytes(content)
    if how == "deleted":
        add_plan(finished_run(run.out, project, as_of=MAY, count=50), project)  # somebody puts another frame there
    with pytest.raises(DrawError, match="drawn already"):
        draw_task(task, seed=numbers("other"), by=BY)
    with pytest.raises(DrawError, match="published already"):
        publish_task(task, **PUBLIC)
    assert [line["what"] for line in Register.of(run.out).lines] == ["published", "drawn", "draw_refused"]


def test_a_task_whose_folder_is_gone_is_named_and_not_drawn(run, drawn):
    shutil.rmtree(drawn)
    with pytest.raises(DataError, match="expected the folder of a task"):
        draw_task(drawn, seed=numbers("other"), by=BY)


@pytest.mark.parametrize("state", ["task", "published", "drawn"])
def test_a_copy_of_a_task_beside_it_is_refused_and_named(run, request, state):
    folder = request.getfixturevalue(state)
    copy = shutil.copytree(folder, folder.with_name("hygiene (copy)"))
    before = bytes_below(run.out)
    for command in (
        lambda: draw_task(copy, seed=numbers("other"), by=BY),
        lambda: publish_task(copy, **PUBLIC),
        lambda: adopt(run.out),
    ):
        with pytest.raises(DataError, match=r"hygiene \(copy\): holds task hygiene, a copy of another folder"):
            command()
    assert bytes_below(run.out) == before


@pytest.mark.parametrize("state", ["published", "drawn"])
def test_tasks_that_were_copied_to_another_out_have_no_register_there(run, request, tmp_path, state):
    request.getfixturevalue(state)
    shutil.copytree(run.out / "tasks", tmp_path / "elsewhere" / "tasks")
    for command in (lambda path: draw_task(path, seed=numbers("other"), by=BY), lambda path: publish_task(path, **PUBLIC)):
        with pytest.raises(DataError, match="put back the newest register"):
            command(tmp_path / "elsewhere" / "tasks" / "hygiene")


# Runs stay as they are


def test_no_command_changes_an_earlier_attempt(run, task, project, monkeypatch):
    later = finished_run(run.out, project, as_of=MAY, count=45)
    before, attempts = bytes_below(run.out / ".runs"), []

    def unchanged():
        now = bytes_below(run.out / ".runs")
        assert {name: now.get(name) for name in before} == before
        attempts.append(len(list((run.out / ".runs").iterdir())))

    strata = plan_of(run, project).strata
    rows = [{"task": "hygiene", "stratum": one, "cell": "E2", "ratio_ppm": 1_000_000} for one in strata["stratum"]]
    monkeypatch.setattr("creditscore.pipeline.plans.read_ratios", lambda workbook: pd.DataFrame(rows))
    import_ratios(run.out, run.file("plan.xlsx"))
    unchanged()
    for command in (
        lambda: sign_subjects(run.shown, run.frame("tiers").query("status == 'proposed'")["subject_id"].tolist(), **CLERK),
        lambda: publish_task(task, **PUBLIC),
        lambda: draw_task(task, seed=numbers("s"), by=BY),
        lambda: lookup(run, ["S00001"], **ASKED),
        lambda: take_results(task, known=MAY),
        lambda: close_task(task, **because(**WHO, second="赵六", reason="x")),
        lambda: renew_documents(run, lang="en"),
        lambda: renew_documents(later),
        lambda: finished_run(run.out, project),
    ):
        command()
        unchanged()
    assert attempts[-1] > 2


def test_documents_made_again_are_a_new_attempt_that_the_day_names(run):
    again = renew_documents(run, lang="en")
    assert again.path.name == "2024-04-30-2"
    assert RunFolder.current(run.out, APRIL) == RunFolder.opened(run.shown) == again
    assert again.manifest()["lang"] == "en"
    first, second = (one.manifest()["outputs"] for one in (run, again))
    assert {name for name in second if first.get(name) != second[name]} == {"plan.xlsx", "report.html"}


def test_documents_of_an_attempt_that_is_not_current_leave_the_name_of_the_day(run, project):
    current = finished_run(run.out, project)
    renew_documents(run)
    assert RunFolder.current(run.out, APRIL) == current


@pytest.mark.parametrize("when", ["filling", "naming"])
def test_a_new_folder_goes_with_its_fault_and_stays_once_its_name_is_decided(out, when):
    folder = RunFolder.new(out, APRIL)

    def fill():
        with removed_on_error(folder.path):
            folder.file(MANIFEST).write_text("{}", "utf-8")
            if when == "naming":
                set_pointer(folder.shown, folder.path)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill()
    assert folder.path.exists() is (when == "naming")


def test_a_change_below_out_waits_for_nobody_and_is_all_or_nothing(out):
    def fail():
        with changing(out, "test") as entry:
            entry.append(out / REGISTER, [{"what": "published", "task": "one"}])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert Register.of(out).lines == ()


def test_names_that_were_lost_in_copying_are_missed_and_may_be_files(run):
    StepLedger(run.out / LEDGER).finish(run.name, FINISHED, "key")
    run.shown.unlink()
    before = bytes_below(run.out)
    for command in (lambda: prune(run.out, keep=1), lambda: prunable(run.out, keep=1), lambda: held(run.out).__enter__()):
        with pytest.raises(DataError, match=f"a file such as {run.as_of} that holds {run.name}"):
            command()
    assert bytes_below(run.out) == before
    run.shown.write_text(run.name)
    assert prune(run.out, keep=1) == []
    assert RunFolder.opened(run.shown) == run
