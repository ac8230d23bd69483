"""The recipe of docs/backups.md: what a copy that is put back allows, what is found, and what is not."""

import json
import shutil

import pytest
from support.command import creditscore
from support.seeds import numbers

from creditscore.inspection.register import REGISTER, Register

from .conftest import DAY, City, bytes_of, copied

FOOD = "2024Q2-food"
SEED = ("--by", "planner", "--on", "2024-05-02", "--seed")


def draw(city, seed="lottery"):
    return creditscore("draw", city.tasks / FOOD, *SEED, numbers(seed), "--lang", "en")


def verify(city, *more):
    return creditscore("verify-plan", city.tasks / FOOD, *more, "--json")


@pytest.fixture
def before(published):
    """The copy from before the draw, and the city after it."""
    backup = copied(published.out, published.root / "backup")
    assert draw(published).code == 0
    return backup, published


def put_back(city, backup):
    """The runs of a city from a copy, in an empty folder."""
    shutil.rmtree(city.out)
    copied(backup, city.out)


def test_a_whole_copy_that_is_put_back_is_as_it_was(before):
    _, city = before
    head = verify(city).json["register_head"]
    backup, files = copied(city.out, city.root / "after"), bytes_of(city.out)
    put_back(city, backup)
    assert bytes_of(city.out) == files
    assert city.run.resolve() == (city.out / ".runs" / f"{DAY}-2").resolve()
    assert verify(city, "--register-head", head).json["ok"]
    assert draw(city, "another").code == 2
    said = city.night("--json")
    assert said.code == 0, said.err
    assert not said.json["fresh"]


def test_a_task_from_before_its_draw_is_not_drawn_again(before):
    backup, city = before
    register = (city.out / REGISTER).read_bytes()
    put_back(city, backup)
    (city.out / REGISTER).write_bytes(register)
    said = verify(city)
    assert said.code == 2
    assert any("a backup from before the draw" in finding for finding in said.json["findings"])
    again = draw(city, "another")
    assert again.code == 2
    assert "drawn already" in again.err
    after = (city.out / REGISTER).read_bytes()
    assert after.startswith(register)
    assert [json.loads(line)["what"] for line in after[len(register) :].splitlines()] == ["draw_refused"]


@pytest.mark.parametrize("lines", [0, 1, -1])
@pytest.mark.parametrize("ledger", [True, False])
def test_a_shortened_register_is_refused(before, lines, ledger):
    _, city = before
    path = city.out / REGISTER
    kept = path.read_bytes().splitlines(keepends=True)[:lines]
    path.write_bytes(b"".join(kept))
    if not ledger:
        (city.out / ".ledger.sqlite").unlink()
    assert verify(city).code == 2
    files = bytes_of(city.out)
    assert draw(city, "another").code == 2
    assert bytes_of(city.out) == files


def test_everything_from_an_older_copy_is_found_by_a_head_that_was_kept_and_only_by_it(before):
    backup, city = before
    head = verify(city).json["register_head"]
    put_back(city, backup)
    unaware = verify(city)
    assert unaware.code == 0
    assert "scope.register_head" in [one["code"] for one in unaware.json["not_covered"]]
    said = verify(city, "--register-head", head)
    assert said.code == 2
    assert any("cut off or written anew" in finding for finding in said.json["findings"])


def test_the_same_frame_and_seed_give_the_same_list_again(before):
    backup, city = before
    drawn = (city.tasks / FOOD / "sample.csv").read_bytes()
    put_back(city, backup)
    assert draw(city).code == 0
    assert (city.tasks / FOOD / "sample.csv").read_bytes() == drawn


def test_a_run_with_a_changed_file_is_not_opened(city):
    table = city.run / "tiers.parquet"
    table.write_bytes(table.read_bytes()[:-1])
    said = creditscore("monitor", city.run, "--reference", city.run, "--lang", "en")
    assert said.code == 2
    assert "tiers.parquet" in said.err


def test_commands_wait_outside_while_the_lock_is_held(published):
    """``flock OUT/.lock`` of the recipe."""
    fcntl = pytest.importorskip("fcntl")
    with (published.out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert draw(published).code == 75
    assert draw(published).code == 0


def test_a_copied_city_is_another_folder(city, tmp_path):
    """Nothing in a run, a task or the register names the place where it lay."""
    moved = City(copied(city.root, tmp_path / "elsewhere"))
    shutil.rmtree(city.root)
    assert Register.of(moved.out).state(FOOD) == "drawn"
    assert verify(moved).code == 0
    assert creditscore("report", moved.run).code == 0
