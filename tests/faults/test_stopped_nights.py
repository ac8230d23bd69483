"""A night that is stopped goes on behind its finished parts, and its results are those of a night that nobody stopped."""

import random
import sys

import pytest
from support.deliveries import Delivery, event_line, subject_line
from support.nights import night, sign_a_card
from support.tasks import bytes_below

from creditscore.pipeline import parts
from creditscore.pipeline.parts import PARTS
from creditscore.pipeline.run_folder import RunFolder
from creditscore.storage import operations, read_parquet

SUBJECTS, AT_ONCE = 12, 3
TABLES = ("features", "scores", "tiers", "asked")
DAY = "2024-04-30"


class Stopped(BaseException):
    """What ends a process in the middle of an operation."""


@pytest.fixture
def delivery(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "SUBJECTS_AT_ONCE", AT_ONCE)
    made = Delivery(tmp_path)
    made.subjects(*(subject_line(f"S{n}") for n in range(SUBJECTS)))
    made.events(*(event_line(f"E{n}", f"S{n}") for n in range(0, SUBJECTS, 2)))
    sign_a_card(made)
    return made


def parts_made(delivery, out, *, stop=None):
    """A night that is stopped before an operation (None: at its end).

    The files of parts that it wrote, and its operations up to the one that removes them.
    """
    written, seen, over = [], 0, 0

    def watch(name, paths):
        nonlocal seen, over
        if seen == stop:
            raise Stopped
        seen += 1
        if name == "remove_folder" and paths[0].name == PARTS:
            over = seen
        if name == "rename" and PARTS in paths[-1].parts:
            written.append(paths[-1].name)

    with operations.watch(watch):
        assert (night(delivery, out).code == 0) == (stop is None)
    return written, over


def results(out):
    run = RunFolder.opened(out / DAY)
    return {name: read_parquet(run.file(f"{name}.parquet")).to_pylist() for name in TABLES}


@pytest.mark.parametrize("stops", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_only_unfinished_parts_are_made_again(delivery, tmp_path, stops):
    every, over = parts_made(delivery, tmp_path / "whole")
    assert len(every) == len(set(every)) == (2 + 3) * SUBJECTS // AT_ONCE
    whole = results(tmp_path / "whole")
    for number, stop in enumerate(sorted(random.Random(26).sample(range(over // 4, over), stops))):
        out = tmp_path / str(number)
        before, _over = parts_made(delivery, out, stop=stop)
        again, _over = parts_made(delivery, out)
        # A part is several files and done with the last of them: at most one part is made twice.
        assert set(before) | set(again) == set(every) or not before, stop
        assert len(set(before) & set(again)) <= 3, stop
        assert results(out) == whole, stop
        assert not (out / PARTS).exists(), "nothing is left over"
        sys.stdout.write(f"stopped before operation {stop} of {over}: {len(before)} files of parts, then {len(again)}\n")


def test_a_night_of_other_inputs_makes_every_part_and_removes_those_that_it_finds(delivery, tmp_path):
    every, over = parts_made(delivery, tmp_path / "whole")
    out = tmp_path / "out"
    parts_made(delivery, out, stop=over - 1)
    (stale,) = (out / PARTS).iterdir()
    delivery.events(*(event_line(f"E{n}", f"S{n}") for n in range(0, SUBJECTS, 3)))
    again, _over = parts_made(delivery, out)
    assert again == every
    assert not stale.exists()


def test_a_part_that_was_changed_since_is_made_again(delivery, tmp_path):
    whole = tmp_path / "whole"
    _every, over = parts_made(delivery, whole)
    out = tmp_path / "out"
    parts_made(delivery, out, stop=over // 2)
    victim = next((out / PARTS).glob("*/scores-0001-*.parquet"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    again, _over = parts_made(delivery, out)
    assert "scores-0001-of-0004.parquet" in again
    assert "scores-0000-of-0004.parquet" not in again
    assert results(out) == results(whole)


def test_the_same_command_again_changes_nothing(delivery, tmp_path):
    out = tmp_path / "out"
    parts_made(delivery, out)
    before = bytes_below(out)
    written, _over = parts_made(delivery, out)
    assert written == []
    assert bytes_below(out) == before
