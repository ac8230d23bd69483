"""Commands from the command line, killed for real: at every operation, and at any time. Each takes a second or more: ``make slow``."""

import itertools
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import openpyxl
import pytest
from support.apart import KILLED, LOST, call, killed_after, make_ready
from support.disks import fast_folder
from support.seeds import numbers
from support.worlds import DAY, NEXT_DAY, SUBJECTS, World, finished, look, refuse_losses, shown

from creditscore.pipeline.run_folder import RunFolder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="kills are those of Linux"),
]
#: How many kills at any time.
KILLS = 400
CLOSED = {f"S{at:03d}" for at in range(0, SUBJECTS, 2)}
WHO = ("--by", "李四", "--on", "2024-05-20")
TOLD = ("--by", "李四", "--on", "2024-05-19")
GONE = ("--reason", "deregistered", "--evidence", "注销通知书 7", "--second", "王五")
ILL = ("--reason", "ill", "--evidence", "病假条 3", "--second", "王五")
#: The one command that replaces results, what is handed in then, and why.
CORRECTS = "results --correct"
KNOWN_LATER = ("--known", "2024-07-08")
WRONG = ("--reason", "误录", "--evidence", "复核记录 3", "--by", "李四", "--second", "王五")
SAID = ("--applicant", "赵某", "--grounds", "该处罚已撤销")
SECOND = ("--by", "王五", "--on", "2024-05-20")


def words_of(world, name):
    """What is typed for a command."""
    out, task, project = world.out, world.task(), world.folder / "project"
    day = ("--data", world.folder / "data", "--out", out)
    return {
        "run": ("run", project, *day, "--as-of", DAY),
        "run, the same day again": ("run", project, *day, "--as-of", DAY),
        "run, the next day": ("run", project, *day, "--as-of", NEXT_DAY),
        "report": ("report", out / DAY.isoformat(), "--lang", "en"),
        "plan publish": ("plan", "publish", task, "--channel", "公报", "--staff", world.staff, *TOLD),
        "plan void": ("plan", "void", task, "--reason", "名单有误", "--second", "王五", *WHO),
        "plan import": ("plan", "import", out, world.folder / "edited.xlsx"),
        "draw": ("draw", task, "--seed", numbers("双色球 2024060"), *WHO),
        "plan replace": ("plan", "replace", task, "--subject", next(iter(world.drawn()), ""), *GONE, *WHO),
        "plan replace --closed-in": ("plan", "replace", task, "--closed-in", out / NEXT_DAY.isoformat(), *GONE[-2:], *WHO),
        "plan join": ("plan", "join", task, "--run", out / NEXT_DAY.isoformat(), *WHO),
        "plan leave": ("plan", "leave", task, "--staff", "P0", *ILL, *WHO),
        CORRECTS: ("results", task, world.folder / "corrected.xlsx", *KNOWN_LATER, "--correct", *WRONG),
        "results": ("results", task, world.folder / "filled.xlsx", "--known", "2024-06-30", "--data", world.folder / "data"),
        "plan close": ("plan", "close", task, "--reason", "done", "--second", "王五", *WHO),
        "objection file": ("objection", "file", project, "S000", "--out", out, "--record", "E0-0", *SAID, *WHO),
        "objection decide": ("objection", "decide", out, "2024-1", "--outcome", "upheld", "--reason", "已核实", *SECOND),
        "sign-cards": ("sign-cards", project, "--run", out / DAY.isoformat(), "--reviewer", "the head", "--on", "2024-05-20"),
        "prune": ("prune", out, "--keep", "1", "--yes"),
    }[name]


#: The moment before each command.
MOMENTS = {
    "run": "made",
    "run, the same day again": "drawn, delivered again",
    "run, the next day": "drawn",
    "report": "framed",
    "plan publish": "framed",
    "plan void": "published",
    "plan import": "edited",
    "draw": "published",
    "plan replace": "drawn",
    "plan replace --closed-in": "later",
    "plan join": "later",
    "plan leave": "drawn",
    "results": "filled in",
    CORRECTS: "visited",
    "plan close": "drawn",
    "objection file": "framed",
    "objection decide": "objected",
    "sign-cards": "another card",
    "prune": "later, nothing drawn",
}


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Two equal worlds, so that two processes are at work at a time."""
    make_ready()
    with fast_folder(tmp_path_factory.mktemp("worlds")) as folder:
        made = World(folder / "one")
        made.folder.mkdir()
        _keep_moments(made)
        yield made, made.copied_to(folder / "two")


def _do(world, name):
    assert to_the_end(*words_of(world, name)) == 0, name


def _keep_moments(world):
    world.make()
    world.keep("made")
    _do(world, "run")
    world.keep("framed")
    _fill(world.out / DAY.isoformat() / "plan.xlsx", world.folder / "edited.xlsx", "抽查比例方案", {"抽查比例": 1})
    world.keep("edited")
    world.put("framed")
    world.sign_another_card()
    world.keep("another card")
    world.put("framed")
    world.deliver(SUBJECTS + 20, CLOSED)
    _do(world, "run, the next day")
    world.keep("later, nothing drawn")
    world.put("framed")
    _do(world, "objection file")  # every later night and draw goes on with an open one
    world.keep("objected")
    _do(world, "plan publish")
    world.keep("published")
    _do(world, "draw")
    world.keep("drawn")
    _fill(
        world.task() / "plan.xlsx", world.folder / "filled.xlsx", "抽查名单", {"检查日期": "2024-05-21", "检查结果": "未发现问题"}
    )
    world.keep("filled in")
    _do(world, "results")
    _fill(world.folder / "filled.xlsx", world.folder / "corrected.xlsx", "抽查名单", {"检查结果": "查无下落"})
    world.keep("visited")
    world.put("drawn")
    world.deliver(SUBJECTS + 1)
    world.keep("drawn, delivered again")
    world.deliver(SUBJECTS + 20, CLOSED)
    _do(world, "run, the next day")
    world.keep("later")


def _fill(book, into, sheet, values):
    """A copy of a workbook with values in columns of a sheet, in every row."""
    opened = openpyxl.load_workbook(book)
    page = opened[sheet]
    heads = {str(cell.value): cell.column for cell in page[1]}
    for row, (head, value) in itertools.product(range(2, page.max_row + 1), values.items()):
        page.cell(row, heads[head]).value = value
    opened.save(into)


def in_pairs(worlds, do):
    """``do(world, which)`` for both worlds at a time."""
    with ThreadPoolExecutor(len(worlds)) as pool:
        return list(pool.map(do, worlds, range(len(worlds))))


@pytest.mark.parametrize("name", MOMENTS)
def test_a_command_killed_before_any_operation_is_done_by_the_next_call(worlds, name):
    worlds[0].put(MOMENTS[name])
    _do(worlds[0], name)
    after = shown(worlds[0])

    def try_every_other(world, first):
        place = first
        while killed_and_done(world, name, place, after):
            place += len(worlds)
        return place

    ends = in_pairs(worlds, try_every_other)
    operations = min(ends)
    assert max(ends) == operations + 1, "one of them stopped too early"
    sys.stdout.write(f"{name}: killed before each of {operations} operations\n")


def to_the_end(*words):
    while (code := call(*words)) == LOST:
        pass
    return code


def killed_and_done(world, name, place, after):
    """Kill a command before an operation, and ask again; False where it has no such operation."""
    world.put(MOMENTS[name])
    lasting, words = finished(world), words_of(world, name)
    if name == CORRECTS:
        lasting |= {"results": {}}
    while (code := call(*words, dies_at=place)) == LOST:
        world.put(MOMENTS[name])
    if code != KILLED:
        assert code == 0, (place, code)
        return False
    look(world)
    assert to_the_end(*words) in {0, 2}, place
    refuse_losses(world, lasting, pruned=name == "prune")
    assert names_of_difference(world, after) == [], place
    return True


def names_of_difference(world, after):
    now = shown(world)
    return sorted(name for name in {*now, *after} if now.get(name) != after.get(name))


#: What is killed at any time, in turn.
TURNS = ("run", "run, the same day again", "run, the next day", "draw")


def test_kills_at_any_time_lose_nothing_and_draw_nothing_twice(worlds):
    """Up to four kills one after the other, the later ones while a command mends what the earlier ones left; then to the end."""
    lengths, afters = {}, {}
    for name in TURNS:
        worlds[0].put(MOMENTS[name])
        began = time.monotonic()
        _do(worlds[0], name)
        lengths[name], afters[name] = time.monotonic() - began, shown(worlds[0])
    killed, lock, rounds = Counter(), threading.Lock(), itertools.count()

    def play(world, _which):
        while killed.total() < KILLS:
            with lock:
                turn = next(rounds)
            name, chance = TURNS[turn % len(TURNS)], random.Random(turn)
            world.put(MOMENTS[name])
            lasting, words = finished(world), words_of(world, name)
            for _ in range(4):
                if killed_after(chance.uniform(0, lengths[name]), *words):
                    with lock:
                        killed[name] += 1
                refuse_losses_of_now(world, lasting)
            assert to_the_end(*words) in {0, 2}, (turn, name)
            refuse_losses(world, lasting)
            assert names_of_difference(world, afters[name]) == [], (turn, name)

    in_pairs(worlds, play)
    assert killed.total() >= KILLS
    sys.stdout.write(f"kills at any time: {dict(killed)} in {next(rounds)} rounds\n")


def refuse_losses_of_now(world, lasting):
    """What must hold the moment after a kill: finished runs are there, whole and current; chains can be read."""
    look(world)
    for day in lasting["days"]:
        RunFolder.opened(world.out / day)
    for name, hashes in lasting["runs"].items():
        assert finished(world)["runs"][name] == hashes
