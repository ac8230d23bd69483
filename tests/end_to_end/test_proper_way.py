"""A task from the trained cards to its end by the command line alone, every command twice; no run ever changes."""

import json

import openpyxl
import pytest
from support.command import creditscore
from support.seeds import numbers

from creditscore.inspection.register import Register

from .conftest import DAY, LATER, TASKS, bytes_of
from .test_plan_desk import rows_of

FOOD = "2024Q2-food"
SEED = ("--seed", numbers("lottery 03 08"), "--by", "李四", "--on", "2024-05-02")
PUBLISHED = ("--on", DAY, "--channel", "gazette 12", "--by", "李四")


class Way:
    """Calls commands and holds after each that no earlier run has changed and nothing is left half done."""

    def __init__(self, city):
        self.city, self.runs = city, bytes_of(city.out / ".runs")

    def __call__(self, *words, code=0):
        said = creditscore(*words, *(() if "--lang" in words else ("--json",)))
        assert said.code == code, said.err + said.out
        now = bytes_of(self.city.out / ".runs")
        assert {name: now.get(name) for name in self.runs} == self.runs
        assert not list(self.city.out.glob(".journal*"))
        self.runs = now
        return said.json

    def once(self, *words):
        """A command whose second call is refused and changes nothing, except that a second draw is noted."""
        told, before = self(*words), bytes_of(self.city.out)
        self(*words, code=2)
        now = bytes_of(self.city.out)
        noted = {f"tasks/{FOOD}/log.jsonl", f"tasks/{FOOD}/task.json", "register.jsonl"} if words[0] == "draw" else set()
        assert {name for name in before.keys() | now if before.get(name) != now.get(name)} <= noted
        return told

    def idle(self, *words):
        """A command whose second call finds everything done; returns what both said."""
        told, before = self(*words), bytes_of(self.city.out)
        again = self(*words)
        assert bytes_of(self.city.out) == before
        return told, again

    def night(self, command="run", day=DAY):
        where = ("--data", self.city.data, "--as-of", day, "--out", self.city.out)
        return self.idle(command, self.city.project, *where, "--tracking-uri", f"sqlite:///{self.city.out / 'mlflow.db'}")


def doubled(run, task, target):
    """The workbook of a night with twice the ratios of a task."""
    book = openpyxl.load_workbook(run / "plan.xlsx")
    sheet = book["抽查比例方案"]
    column = {cell.value: cell.column for cell in sheet[1]}
    for row in range(2, sheet.max_row + 1):
        if sheet.cell(row, column["任务编号"]).value == task:
            sheet.cell(row, column["抽查比例"]).value = min(1.0, 2 * sheet.cell(row, column["抽查比例"]).value)
    book.save(target)
    return target


def test_the_proper_way_with_every_command_twice(trained):
    city, way = trained, Way(trained)
    food = city.tasks / FOOD
    # Train, sign, run.
    assert [one["fresh"] for one in way.night("train")] == [False, False]  # the fixture trained it
    way("plan", "publish", food, *PUBLISHED, code=2)  # the draft of a trial
    cards, again = way.idle("sign-cards", city.project, "--run", city.run, "--reviewer", "the head", "--on", DAY)
    assert cards == again
    assert [one["fresh"] for one in way.night()] == [True, False]
    # Edit, publish.
    edited = doubled(city.run, FOOD, city.root / "edited.xlsx")
    changed, again = way.idle("plan", "import", city.out, edited)
    assert (list(changed["visits"]), again["visits"]) == ([FOOD], {})
    hashes = {task: way.once("plan", "publish", city.tasks / task, *PUBLISHED)["frame_hash"] for task in TASKS}
    assert way("verify-plan", food, "--frame-hash", hashes[FOOD])["seed"] is None
    # Draw, each once.
    drawn = way.once("draw", food, *SEED)
    assert (drawn["drawn"], drawn["frame_hash"]) == (changed["visits"][FOOD], hashes[FOOD])
    for task in TASKS[1:]:
        way("draw", city.tasks / task, *SEED)
    told = way("verify-plan", food, "--frame-hash", hashes[FOOD])
    assert told["seed"] == SEED[1]
    # A month later: one cannot be visited, others have closed or come.
    who = ("--by", "李四", "--on", LATER)
    gone = rows_of(food / "plan.xlsx")[0]["统一社会信用代码"]
    way.once(
        "plan",
        "replace",
        food,
        "--subject",
        gone,
        "--reason",
        "deregistered",
        "--evidence",
        "注销通知书 7",
        "--second",
        "王五",
        *who,
    )
    assert [one["fresh"] for one in way.night(day=LATER)] == [True, False]
    way.idle("plan", "replace", food, "--closed-in", city.out / LATER, "--second", "王五", *who)
    _joined, again = way.idle("plan", "join", food, "--run", city.out / LATER, *who)
    assert again == {"joined": 0, "drawn": []}
    # Results, the end.
    visits = city.root / "visits.xlsx"
    way("simulate-visits", food, "--truth", city.root / "city" / "truth", "--file", visits)
    taken, again = way.idle("results", food, visits, "--known", "2024-07-05", "--data", city.data)
    assert (taken["new"], taken["open"], again["new"]) == (taken["rows"], 0, 0)
    way.once("plan", "close", food, "--by", "李四", "--on", "2024-07-06")
    kept = ("--log-head", told["log_head"], "--register-head", told["register_head"])
    assert way("verify-plan", food, *kept)["ok"]
    kinds = [line["what"] for line in Register.of(city.out).of_task(FOOD)]
    assert [kind for kind in kinds if kind not in ("replaced", "joined")] == [
        "published",
        "drawn",
        "draw_refused",
        "results",
        "closed",
    ]


def test_rerunning_the_first_of_two_days_leaves_drafts_and_published_tasks(drafts):
    way, food = Way(drafts), drafts.tasks / FOOD
    way("plan", "publish", food, *PUBLISHED)
    way.night(day=LATER)
    before = bytes_of(drafts.tasks)
    others = {task: json.loads((drafts.tasks / task / "task.json").read_text("utf-8"))["run"] for task in TASKS[1:]}
    assert set(others.values()) == {f".runs/{LATER}-1"}
    register = (drafts.out / "register.jsonl").read_bytes()
    said = drafts.night("--lang", "en")  # another language: the day is worked again
    assert said.code == 0, said.err
    assert drafts.run.resolve().name == f"{DAY}-3"
    after = bytes_of(drafts.tasks)
    assert {name for name in before if after[name] != before[name]} <= {"tasks.xlsx"}
    assert (drafts.out / "register.jsonl").read_bytes() == register
    assert creditscore("draw", food, *SEED).code == 0


@pytest.mark.parametrize("second", ["李四", " 李四 "])
def test_a_frame_is_taken_back_by_two_persons_and_published_anew(drafts, second):
    way, food = Way(drafts), drafts.tasks / FOOD
    first = way("plan", "publish", food, *PUBLISHED)["frame_hash"]
    why = ("--reason", "a department is missing", "--by", "李四", "--on", DAY)
    way("plan", "void", food, *why, "--second", second, code=2)
    assert way.once("plan", "void", food, *why, "--second", "王五")["void"] == first
    way("draw", food, *SEED, code=2)
    way("plan", "import", drafts.out, doubled(drafts.run, FOOD, drafts.root / "edited.xlsx"))
    assert way.once("plan", "publish", food, *PUBLISHED)["frame_hash"] != first
    way("draw", food, *SEED)
    assert creditscore("verify-plan", food / "voided" / "1", "--register", drafts.out / "register.jsonl").code == 2
    assert way("verify-plan", food)["ok"]
