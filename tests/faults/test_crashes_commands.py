"""The commands that change ``OUT``, a project's cards or a data folder, stopped at every operation: nothing lost, nothing twice."""

import contextlib
import datetime as dt
import functools
import itertools
import logging
import os
import shutil
import sys
import traceback
from types import SimpleNamespace
from unittest import mock

import pytest
from support.crashes import Trial, stop_everywhere
from support.disks import failure_of, fast_folder, fill, read_only, small_disk
from support.seeds import numbers
from support.tasks import GONE, ILL, because
from support.worlds import (
    DAY,
    NEXT_DAY,
    ON,
    SUBJECTS,
    TOLD,
    WHO,
    World,
    edited_ratios,
    entered_results,
    finished,
    look,
    refuse_losses,
    short_documents,
    short_stages,
    shown,
)

from creditscore.config.project import load_project
from creditscore.errors import CreditScoreError, LockedError
from creditscore.inspection.justification import Justification
from creditscore.inspection.objection_intake import Answer
from creditscore.inspection.objections import Filing
from creditscore.inspection.register import Register
from creditscore.pipeline import plans, results
from creditscore.pipeline.draws import draw_task, join_late, leave_task, replace_closed, replace_subject
from creditscore.pipeline.objections import decide_objection, file_objection
from creditscore.pipeline.out_folder import held
from creditscore.pipeline.prune import prune
from creditscore.pipeline.run_folder import RunFolder
from creditscore.pipeline.run_store import renew_documents
from creditscore.pipeline.signed_cards import sign_cards, signed_cards
from creditscore.pipeline.tier import add_signatures
from creditscore.storage import is_pending, settle
from creditscore.tiering.signatures import Review

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills and disks are those of Linux")


def publish(world, task="one"):
    plans.publish_task(world.task(task), channel="公报 2024 第5号", staff=world.staff, **{**WHO, "on": TOLD})


def void(world):
    plans.void_task(world.task(), **because(reason="名单有误", second="王五", **WHO))


def import_ratios(world):
    settle(world.out)  # the sheet of this test is made from the draft
    with mock.patch.object(plans, "read_ratios", return_value=edited_ratios(world)):
        plans.import_ratios(world.out, world.folder / "edited.xlsx")


def draw(world, task="one", seed="双色球 2024060"):
    draw_task(world.task(task), seed=numbers(seed), **WHO)


def replace(world):
    replace_subject(world.task(), world.drawn()[0], **because(**GONE, **WHO))


def replace_all_closed(world):
    replace_closed(world.task(), world.out / NEXT_DAY.isoformat(), **WHO, second="王五")


def join(world):
    join_late(world.task(), world.out / NEXT_DAY.isoformat(), **WHO)


def leave(world):
    leave_task(world.task(), "P0", **because(**{**ILL, **WHO}))


def hand_in_results(world):
    with mock.patch.object(results, "read_results", return_value=entered_results(world)):
        results.take_results(world.task(), known=dt.date(2024, 6, 30), data=world.folder / "data")


def correct_results(world):
    wrong = entered_results(world).assign(outcome=lambda rows: ["violation", *rows["outcome"][1:]])
    with mock.patch.object(results, "read_results", return_value=wrong):
        why = Justification(reason="误录", evidence="复核记录 3", by="王五", second="赵六")
        results.take_results(world.task(), known=dt.date(2024, 7, 8), data=world.folder / "data", correction=why)


def close(world):
    plans.close_task(world.task(), **because(reason="done", second="王五", **WHO))


def sign(world):
    reviews = [Review(f"S{at:03d}", "approve", "李四", "核实属实", f"{at:064d}", ON) for at in range(3)]
    add_signatures(RunFolder.opened(world.out / DAY.isoformat()), reviews)


def sign_new_cards(world):
    run = world.out / DAY.isoformat()
    sign_cards(load_project(world.folder / "project"), signed_by="the head", on=ON, run=run)


def object_to_record(world, grounds="该处罚已撤销"):
    filing = Filing("S000", "record", "E0-0", "赵某", "李四", ON, grounds)
    file_objection(load_project(world.folder / "project"), world.out, filing)


def decide(world, outcome="upheld"):
    decide_objection(world.out, "2024-1", Answer(outcome, "已核实", "王五", ON))


def report(world):
    renew_documents(RunFolder.opened(world.out / DAY.isoformat()), lang="en")


def take_over(world):
    with held(world.out):
        pass


#: What the first command does in a folder of an older version.
OLDER = "taking over an older layout"
#: The one command that replaces results.
CORRECTS = "results --correct"
#: Who has closed a month later: some of those who were drawn.
CLOSED = {f"S{at:03d}" for at in range(0, SUBJECTS, 2)}
#: The moment before each command, and what it does.
COMMANDS = {
    "run": ("made", World.run),
    "run, the same day again": ("delivered again", World.run),
    "run, the next day": ("drawn", lambda world: world.run(NEXT_DAY)),
    "train": ("made", lambda world: world.run(train=True)),
    "report": ("framed", report),
    "plan publish": ("framed", publish),
    "plan void": ("published", void),
    "plan import": ("framed", import_ratios),
    "draw": ("published", draw),
    "plan replace": ("drawn", replace),
    "plan replace --closed-in": ("later", replace_all_closed),
    "plan join": ("later", join),
    "plan leave": ("drawn", leave),
    "results": ("drawn", hand_in_results),
    CORRECTS: ("visited", correct_results),
    "plan close": ("drawn", close),
    "sign": ("framed", sign),
    "sign-cards": ("another card", sign_new_cards),
    "objection file": ("framed", object_to_record),
    "objection decide": ("objected", decide),
    "prune": ("later, nothing drawn", lambda world: prune(world.out, keep=1)),
    OLDER: ("older", lambda world: take_over(world)),
}
#: So many operations apart are the points that are tried at each change of the code; ``make slow`` tries them all.
APART, APART_OF_RUNS = 9, 31


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A world and its moments: real runs of two days, and what the commands make of them."""
    with fast_folder(tmp_path_factory.mktemp("world")) as folder:
        made = World(folder / "world")
        made.folder.mkdir()
        made.make()
        made.keep("made")
        days = {}
        with short_documents():
            for day, subjects, closed in ((DAY, SUBJECTS, ()), (NEXT_DAY, SUBJECTS + 20, CLOSED)):
                made.deliver(subjects, closed)
                made.run(day)
                days[day] = shutil.copytree(made.out / ".runs" / f"{day}-1", folder / f"template-{day}")
        made.engine = SimpleNamespace(name="duckdb")
        with short_stages(days):
            _keep_moments(made)
            yield made


def _keep_moments(world):
    world.put("made")
    world.run()
    world.keep("framed")
    object_to_record(world)
    world.keep("objected")
    world.put("framed")
    world.sign_another_card()
    world.keep("another card")
    world.put("framed")
    world.deliver(SUBJECTS + 1)
    world.keep("delivered again")
    world.run(NEXT_DAY)
    world.keep("later, nothing drawn")
    world.put("framed")
    publish(world)
    world.keep("published")
    draw(world)
    world.keep("drawn")
    hand_in_results(world)
    world.keep("visited")
    world.put("drawn")
    world.run(NEXT_DAY)
    world.keep("later")
    world.put("drawn")
    _make_older(world.out)
    world.keep("older")


def _make_older(out):
    """The layout of older versions: a run is the folder of its day, its plans lie in it, and there is no register."""
    day = out / DAY.isoformat()
    day.unlink()
    (out / ".runs" / f"{DAY}-1").rename(day)
    shutil.copytree(out / "tasks" / "one", day / "plan" / "one", ignore=shutil.ignore_patterns("task.json", "plan.xlsx", ".*"))
    for folder in ("tasks", ".tracking", ".runs"):
        shutil.rmtree(out / folder)
    for file in ("register.jsonl", ".ledger.sqlite"):
        (out / file).unlink()


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL, "creditscore")


def tried(world, name, again=None, **how):
    """Try every point of a command; what it was asked for is done at the end, or nothing of it is."""
    moment, do = COMMANDS[name]

    def command(_):
        with contextlib.suppress(CreditScoreError):
            do(world)

    def check(_):
        refuse_losses(world, lasting, pruned=name == "prune")
        signed_cards(world.folder / "project" / "cards")
        now = shown(world)
        if now not in (before, after):
            raise AssertionError(f"neither before nor after: {difference(now, before)} / {difference(now, after)}")
        return "after" if now == after else "before"

    world.put(moment)
    lasting, before = finished(world), shown(world)
    if name == OLDER:  # its runs, plans and chains get other places: what is shown says whether all of it came along
        lasting = {"runs": {}, "chains": {}, "results": {}, "days": []}
    if name == CORRECTS:
        lasting |= {"results": {}}
    do(world)
    after = shown(world)
    assert before != after
    trial = Trial(world.folder, lambda _: world.put(moment), command, check, again=again or command, look=lambda _: look(world))
    report = stop_everywhere(trial, **how)
    sys.stdout.write(f"{name}: {report}\n")
    return report


def difference(one, other):
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def next_command(world):
    """What any later command does first."""

    def settle_all(_):
        settle(world.folder / "project" / "cards")
        with contextlib.suppress(CreditScoreError), held(world.out):
            pass

    return settle_all


def sign_the_rest(world):
    """Sign what is not signed yet: a second signature under the same tier is another line."""

    def sign_again(_):
        with contextlib.suppress(CreditScoreError), held(world.out):
            signed = any(line["what"] == "signed" for line in Register.of(world.out).lines)
        if not signed:
            sign(world)

    return sign_again


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_stopped_is_done_or_not_when_the_next_one_begins(world, name):
    apart = APART_OF_RUNS if COMMANDS[name][0] in {"made", "delivered again"} or name in {"run, the next day", "report"} else APART
    tried(world, name, next_command(world), kill=False, twice=False, every=apart)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_stopped_anywhere_and_asked_again_is_done_once(world, name):
    """At every operation, with real kills."""
    report = tried(world, name, sign_the_rest(world) if name == "sign" else None, twice=False)
    assert set(report.ended) == {"after"}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_and_the_next_one_may_both_be_stopped(world, name):
    tried(world, name, next_command(world), kill=False, every=APART)


@pytest.mark.parametrize("name", ["objection file", "objection decide"])
def test_what_is_said_of_an_objection_once_more_changes_nothing_and_something_else_is_refused(world, name):
    moment, do = COMMANDS[name]
    other = {
        "objection file": lambda: object_to_record(world, "该处罚非本店"),
        "objection decide": lambda: decide(world, "rejected"),
    }
    world.put(moment)
    do(world)
    after = shown(world)
    do(world)
    assert shown(world) == after
    with pytest.raises(CreditScoreError):
        other[name]()
    assert shown(world) == after


# Two commands at once.

DONE, REFUSED, LOCKED = 0, 2, 75
#: The moment before, and two commands of which only one may have its way.
RIVALS = {
    "two publications": ("framed", publish, publish),
    "two seeds": ("published", lambda world: draw(world, seed="甲"), lambda world: draw(world, seed="乙")),
    "a draw and a void": ("published", draw, void),
    "two replacements": ("drawn", replace, replace),
    "two objections to one record": ("framed", object_to_record, lambda world: object_to_record(world, "该处罚非本店")),
    "two answers": ("objected", decide, lambda world: decide(world, "rejected")),
}


def at_once(world, *commands):
    """The exit codes of commands that begin together, each in a process of its own."""
    reading, writing = os.pipe()
    children = []
    for do in commands:
        child = os.fork()
        if not child:
            os.close(writing)
            os.read(reading, 1)  # returns when the parent closes its end
            os._exit(_code_of(do, world))
        children.append(child)
    os.close(reading)
    os.close(writing)
    return sorted(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)


def _code_of(do, world):
    try:
        do(world)
    except LockedError:
        return LOCKED
    except CreditScoreError:
        return REFUSED
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        return 1
    return DONE


@pytest.mark.parametrize("name", RIVALS)
def test_of_two_commands_at_once_on_one_task_one_has_its_way(world, name):
    moment, one, other = RIVALS[name]
    for _ in range(5):
        world.put(moment)
        lasting = finished(world)
        codes = at_once(world, one, other)
        assert codes in ([DONE, REFUSED], [DONE, LOCKED])
        refuse_losses(world, lasting)
        after = shown(world)
        assert not is_pending(world.out)
        alone = []
        for do in (one, other):
            world.put(moment)
            do(world)
            alone.append(shown(world))
        assert after in alone


def test_a_night_and_a_draw_at_once_do_not_mix(world):
    """Each is done or told to wait; asked again, both are done."""
    for _ in range(3):
        world.put("published")
        lasting = finished(world)
        codes = at_once(world, draw, COMMANDS["run, the next day"][1])
        assert codes in ([DONE, DONE], [DONE, LOCKED])
        refuse_losses(world, lasting)
        for do in (draw, COMMANDS["run, the next day"][1]):
            with contextlib.suppress(CreditScoreError):
                do(world)
        refuse_losses(world, lasting)
        assert Register.of(world.out).state("one") == "drawn"
        assert (world.out / NEXT_DAY.isoformat()).is_symlink()


# Disks that are full or read-only for real.

HANDLED = ["run, the same day again", "plan publish", "draw", "results", "report"]


def moved(world, name, folder):
    """The world in another folder, before a command; what must last, and what is shown after it."""
    other = world.copied_to(folder)
    other.engine = world.engine
    moment, do = COMMANDS[name]
    other.put(moment)
    lasting = finished(other)
    do(other)
    after = shown(other)
    other.put(moment)
    return other, do, lasting, after


@pytest.mark.parametrize("name", HANDLED)
def test_a_full_disk_refuses_a_command_and_the_next_one_does_it(world, name, tmp_path):
    """Less and less is missing, from one page of the disk on: each write is the one that fails."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, "size=4m"):
        other, do, lasting, after = moved(world, name, disk / "world")
        failed = 0
        for rest in itertools.count(0, 3):
            other.put(COMMANDS[name][0])
            fill(disk, rest)
            stopped = failure_of(functools.partial(do, other))
            (disk / "ballast").unlink()
            refuse_losses(other, lasting)
            if stopped is None:
                break
            failed += 1
            with contextlib.suppress(CreditScoreError):
                do(other)
            refuse_losses(other, lasting)
            assert difference(shown(other), after) == [], rest
    assert failed > 2


@pytest.mark.slow
@pytest.mark.parametrize("name", HANDLED)
def test_a_read_only_folder_refuses_a_command_and_the_next_one_does_it(world, name, tmp_path):
    other, do, lasting, after = moved(world, name, tmp_path / "world")
    folders = [other.out, *sorted(path for path in other.out.rglob("*") if path.is_dir() and not path.is_symlink())]
    assert len(folders) > 5
    for folder in folders:
        other.put(COMMANDS[name][0])
        with read_only(folder), contextlib.suppress(CreditScoreError):
            failure_of(functools.partial(do, other))
        refuse_losses(other, lasting)
        with contextlib.suppress(CreditScoreError):
            do(other)
        refuse_losses(other, lasting)
        assert difference(shown(other), after) == [], folder
