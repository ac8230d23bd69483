"""The life of a task from the command line: each step once, the same command again changes no byte, trials are marked."""

import datetime as dt

import openpyxl
import pandas as pd
import pytest
from support.command import creditscore
from support.projects import write_project
from support.runs import TASK, add_plan, finished_run
from support.seeds import numbers
from support.tasks import BY, PUBLIC, bytes_below

from creditscore import dates
from creditscore.inspection.plan import DrawnPlan
from creditscore.inspection.register import Register
from creditscore.pipeline.draws import draw_task
from creditscore.pipeline.plans import publish_task
from creditscore.pipeline.run_store import write_documents
from creditscore.pipeline.signed_cards import signed_cards
from creditscore.reporting.planning_tables import DRAWN_LIST, RATIOS
from creditscore.spreadsheet import read_sheet

PUBLISH = ("--on", "2024-04-30", "--channel", "公报第1号", "--by", "王五")
VOID = ("--reason", "名单有误", "--by", "王五", "--second", "赵六", "--on", "2024-05-01")
DRAW = ("--seed", numbers("s"), "--by", "李四", "--on", "2024-05-02")
CLOSE = ("--by", "王五", "--second", "赵六", "--on", "2024-07-01", "--reason", "改日再查")


@pytest.fixture
def own(tmp_path, project):
    """A run whose tasks this test may change."""
    return finished_run(tmp_path / "out", project)


@pytest.fixture
def task(own, project):
    return add_plan(own, project)


@pytest.fixture
def published(task):
    publish_task(task, **PUBLIC)
    return task


@pytest.fixture
def drawn(published):
    draw_task(published, seed=numbers("s"), by=BY)
    return published


def state(own):
    return Register.of(own.out).state("hygiene")


def test_a_task_goes_its_way_one_step_at_a_time(own, task):
    said = creditscore("plan", "publish", task, *PUBLISH, "--json")
    assert said.json["frame_hash"] == Register.of(own.out).published("hygiene")["frame_hash"]
    assert creditscore("plan", "void", task, *VOID, "--json").json["void"] == said.json["frame_hash"]
    assert state(own) == "draft"


def test_the_hash_of_a_published_frame_is_told(own, task):
    said = creditscore("plan", "publish", task, *PUBLISH, "--lang", "en")
    assert Register.of(own.out).published("hygiene")["frame_hash"] in said.out
    assert "to be told before the seed is known" in said.out


@pytest.mark.parametrize(("clock", "told"), [(dt.date(2024, 4, 30), False), (dt.date(2024, 5, 1), True)])
def test_it_is_told_when_a_frame_is_published_or_voided_on_or_after_the_day_of_its_seed(task, monkeypatch, clock, told):
    monkeypatch.setattr(dates, "today", lambda: clock)
    void = (*VOID[:-1], "2024-04-30")
    for command, words in (("publish", PUBLISH), ("void", void)):
        said = creditscore("plan", command, task, *words, "--json").json
        assert (said["warning"] is not None) is told
    said = creditscore("plan", "publish", task, *PUBLISH, "--lang", "en").out
    assert ("the machine's own day is 2024-05-01: not before the day of the seed, 2024-05-01" in said) is told


def test_a_draft_is_not_drawn(own, task):
    before = bytes_below(own.out)
    said = creditscore("draw", task, *DRAW, "--lang", "en")
    assert (said.code, said.out) == (2, "")
    assert "publish its frame first (creditscore plan publish)" in said.err
    assert bytes_below(own.out) == before


def test_a_draw_and_its_end(own, published):
    assert creditscore("draw", published, *DRAW, "--json").json["drawn"] == len(DrawnPlan.from_folder(published).drawn)
    assert creditscore("plan", "close", published, *CLOSE, "--json").json == {"closed": "hygiene"}
    assert state(own) == "closed"


@pytest.mark.parametrize(
    ("given", "command"),
    [
        ("published", ("plan", "publish", *PUBLISH)),
        ("drawn", ("plan", "publish", *PUBLISH)),
        ("drawn", ("plan", "void", *VOID)),
        ("task", ("plan", "void", *VOID)),
        ("task", ("plan", "close", *CLOSE)),
        ("published", ("plan", "close", *CLOSE)),
        ("published", ("results", "--known", "2024-06-03")),
    ],
)
def test_a_step_out_of_turn_is_refused_and_changes_no_byte(own, request, given, command):
    folder = request.getfixturevalue(given)
    before = bytes_below(own.out)
    words = command[:2] if command[0] == "plan" else command[:1]
    said = creditscore(*words, folder, *command[len(words) :])
    assert (said.code, said.out) == (2, "")
    assert said.err
    assert bytes_below(own.out) == before


@pytest.mark.parametrize("missing", ["--reason", "--by", "--second"])
def test_to_void_a_frame_each_option_is_needed(published, missing):
    options = dict(zip(VOID[::2], VOID[1::2], strict=True))
    del options[missing]
    said = creditscore("plan", "void", published, *(word for pair in options.items() for word in pair))
    assert said.code == 2
    assert missing in said.err


def test_a_frame_is_voided_by_two_people(own, published):
    before = bytes_below(own.out)
    said = creditscore("plan", "void", published, *VOID, "--second", "王五", "--lang", "en")
    assert (said.code, "second person" in said.err) == (2, True)
    assert bytes_below(own.out) == before


def test_a_second_draw_is_refused_with_the_day_of_the_first_and_logged(own, published):
    creditscore("draw", published, *DRAW)
    before = bytes_below(own.out)
    said = creditscore("draw", published, *DRAW, "--lang", "en")
    assert said.code == 2
    assert "drawn already" in said.err
    assert "2024-05-02" in said.err
    after = bytes_below(own.out)
    assert [name for name in after if after[name] != before.get(name) and not name.startswith(".")] == [
        "register.jsonl",
        "tasks/hygiene/log.jsonl",
        "tasks/hygiene/task.json",
    ]
    said = creditscore("plan", "log", published, "--json").json["log"]
    assert [line["what"] for line in said] == ["published", "drawn", "draw_refused"]


@pytest.fixture
def written(own):
    """The run with its workbook, as people get it."""
    write_documents(own)
    return own.file("plan.xlsx")


def fill_in(path, sheet, cells):
    book = openpyxl.load_workbook(path)
    for address, value in cells.items():
        book[sheet][address.rpartition("!")[2]] = value
    book.save(path)
    book.close()


def test_the_same_ratios_again_change_nothing_and_say_so(own, task, written):
    rows = read_sheet(written, RATIOS.title, columns=RATIOS.columns)
    fill_in(written, "抽查比例方案", {row["ratio"].address: 1 for row in rows})
    assert creditscore("plan", "import", own.out, written, "--json").json["visits"]["hygiene"] == 40
    before = bytes_below(own.out)
    said = creditscore("plan", "import", own.out, written, "--lang", "en")
    assert (said.code, "no ratio has changed" in said.out.lower()) == (0, True)
    assert bytes_below(own.out) == before
    publish_task(task, **PUBLIC)
    before = bytes_below(own.out)
    fill_in(written, "抽查比例方案", {rows[0]["ratio"].address: 0.5})
    before[f"{own.name}/plan.xlsx"] = written.read_bytes()
    said = creditscore("plan", "import", own.out, written, "--lang", "en")
    assert (said.code, "can no longer change" in said.err) == (2, True)
    assert bytes_below(own.out) == before


def test_the_same_results_again_change_nothing_and_say_so(own, drawn):
    rows = read_sheet(drawn / "plan.xlsx", DRAWN_LIST.title, columns=DRAWN_LIST.columns)
    cells = {row["outcome"].address: "未发现问题" for row in rows} | {row["visited_on"].address: "2024-05-20" for row in rows}
    fill_in(drawn / "plan.xlsx", "抽查名单", cells)
    said = creditscore("results", drawn, "--known", "2024-06-03", "--json")
    assert (said.json["new"], said.json["open"]) == (len(rows), 0)
    assert state(own) == "visited"
    before = bytes_below(own.out)
    again = creditscore("results", drawn, "--known", "2024-06-10", "--json")
    assert (again.json["new"], again.json["open"]) == (0, 0)
    assert bytes_below(own.out) == before


def test_the_same_signature_again_changes_nothing_and_says_so(own):
    subject = own.frame("tiers").query("status == 'proposed'")["subject_id"].iloc[0]
    words = ("sign", own.shown, "--subject", subject, "--reviewer", "R", "--reason", "x", "--on", "2024-05-20")
    assert creditscore(*words, "--json").json == {"signed": 1}
    before = bytes_below(own.out)
    said = creditscore(*words, "--lang", "en")
    assert (said.code, "nothing changed" in said.out) == (0, True)
    assert bytes_below(own.out) == before


def test_the_same_cards_signed_again_change_no_byte(own, tmp_path):
    copy = write_project(tmp_path / "project", tasks={"task": [TASK]})
    words = ("sign-cards", copy.folder, "--run", own.shown, "--reviewer", "R", "--on", "2024-05-20", "--json")
    first = creditscore(*words)
    before = bytes_below(copy.folder)
    assert creditscore(*words).json == first.json
    assert bytes_below(copy.folder) == before
    assert set(signed_cards(copy.cards)) == {"all"}


def test_a_closed_task_is_closed_once(own, drawn):
    creditscore("plan", "close", drawn, *CLOSE)
    before = bytes_below(own.out)
    assert creditscore("plan", "close", drawn, *CLOSE).code == 2
    assert bytes_below(own.out) == before


# Trials


def test_a_draft_of_a_trial_is_published_with_trial_only(tmp_path, project):
    trial = finished_run(tmp_path / "out", project, trial=True)
    task = add_plan(trial, project)
    before = bytes_below(trial.out)
    said = creditscore("plan", "publish", task, *PUBLISH, "--lang", "en")
    assert (said.code, "publish with --trial" in said.err) == (2, True)
    assert bytes_below(trial.out) == before
    assert creditscore("plan", "publish", task, *PUBLISH, "--trial").code == 0
    assert Register.of(trial.out).published("hygiene")["trial"] is True


def test_a_night_without_signed_cards_is_refused_with_what_to_do(tmp_path, project, data):
    words = ("run", project.folder, "--data", data, "--as-of", "2024-04-30", "--out", tmp_path / "out")
    said = creditscore(*words, "--lang", "en")
    assert (said.code, said.out) == (2, "")
    for text in ("expected signed cards", "creditscore train", "creditscore sign-cards", "creditscore run --train"):
        assert text in said.err
    assert "应有已签批的评分卡" in creditscore(*words).err


# Prune


def test_prune_says_first_and_removes_on_order(tmp_path, project):
    out = tmp_path / "out"
    for day in ("2024-02-29", "2024-03-31", "2024-04-30"):
        finished_run(out, project, as_of=pd.Timestamp(day).date())
    before = bytes_below(out)
    said = creditscore("prune", out, "--keep", 2, "--json")
    assert (said.json["removed"], [one["folder"] for one in said.json["folders"]]) == (False, ["2024-02-29-1"])
    assert "would be removed with --yes: 1" in creditscore("prune", out, "--keep", 2, "--lang", "en").out
    assert bytes_below(out) == before
    assert creditscore("prune", out, "--keep", 2, "--yes", "--json").json["removed"] is True
    assert sorted(path.name for path in (out / ".runs").iterdir()) == ["2024-03-31-1", "2024-04-30-1"]
    assert "removed: 0" in creditscore("prune", out, "--keep", 2, "--yes", "--lang", "en").out


def test_an_export_for_auditors_verifies_where_it_lies(drawn_out, tmp_path):
    said = creditscore(
        "plan", "export", drawn_out / "tasks" / "2024Q2-food", "--out", tmp_path, "--with-key", "--rows", "70", "--json"
    )
    assert said.json == {"export": str(tmp_path / "tasks" / "2024Q2-food")}
    checked = creditscore("verify-plan", said.json["export"], "--json")
    assert (checked.code, checked.json["findings"], len(checked.json["holds"])) == (0, [], 9)


def test_a_frame_published_anew_once_the_seed_is_known_verifies_and_is_asked_about(published):
    """All dated before the seed: no rule is broken, and the page names the earlier frame and when this one was recorded."""
    earlier = Register.of(published.parents[1]).published(published.name)["frame_hash"]
    assert creditscore("plan", "void", published, *VOID[:-1], "2024-04-30").code == 0
    assert creditscore("plan", "publish", published, *PUBLISH).code == 0
    assert creditscore("draw", published, *DRAW).code == 0
    checked = creditscore("verify-plan", published, "--json")
    asked = {one["code"]: one["text"] for one in checked.json["to_ask_about"]}
    assert (checked.code, set(asked)) == (0, {"ask.recorded", "ask.frame", "ask.void_late"})
    assert earlier in asked["ask.frame"]
