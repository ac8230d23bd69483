"""The register of what may happen once: where a task stands, what was voided, and what is no register any more."""

import datetime as dt
import json

import pytest

from creditscore import dates
from creditscore.errors import DataError
from creditscore.inspection.register import REGISTER, Register, register_line
from creditscore.storage import CHAIN_START, append_chain


def told(out, *lines):
    append_chain(out / REGISTER, [register_line(what, task=task, **body) for what, task, body in lines])
    return Register.of(out)


PUBLISHED, DRAWN, VOID = ("published", "one", {"frame_hash": "f"}), ("drawn", "one", {"seed": "s"}), ("void", "one", {})
SOME, ALL = ("results", "one", {"open": 3}), ("results", "one", {"open": 0})


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        ([], "draft"),
        ([PUBLISHED], "published"),
        ([PUBLISHED, VOID], "draft"),
        ([PUBLISHED, VOID, PUBLISHED], "published"),
        ([PUBLISHED, DRAWN], "drawn"),
        ([PUBLISHED, DRAWN, SOME], "drawn"),
        ([PUBLISHED, DRAWN, SOME, ALL], "visited"),
        ([PUBLISHED, DRAWN, ALL, ("joined", "one", {})], "drawn"),
        ([PUBLISHED, DRAWN, ALL, ("joined", "one", {"drawn": 1})], "drawn"),
        ([PUBLISHED, DRAWN, ALL, ("joined", "one", {"drawn": 0})], "visited"),
        ([PUBLISHED, DRAWN, ("joined", "one", {"drawn": 0})], "drawn"),
        ([PUBLISHED, DRAWN, ("replaced", "one", {}), ("closed", "one", {})], "closed"),
        ([("published", "two", {}), ("drawn", "two", {})], "draft"),
    ],
)
def test_a_task_stands_where_its_last_lines_say(tmp_path, lines, state):
    assert told(tmp_path, *lines).state("one") == state


def test_a_voided_frame_is_counted_and_no_longer_published(tmp_path):
    register = told(
        tmp_path, PUBLISHED, VOID, ("published", "one", {"frame_hash": "g"}), ("published", "two", {}), ("void", "two", {})
    )
    assert register.published("one")["frame_hash"] == "g"
    assert (register.voids("one"), register.voids("two"), register.voids("three")) == (1, 1, 0)
    assert register.published("two") is None
    assert register.tasks() == ["one"]


def test_a_draw_belongs_to_the_frame_that_was_published_last(tmp_path):
    assert told(tmp_path, PUBLISHED, DRAWN).drawn("one")["seed"] == "s"
    assert told(tmp_path / "other", PUBLISHED, VOID, PUBLISHED).drawn("one") is None


def test_an_empty_register_has_the_head_that_every_chain_begins_with(tmp_path):
    assert (Register.of(tmp_path).head, Register.of(tmp_path).tasks()) == (CHAIN_START, [])
    first = told(tmp_path, PUBLISHED).head
    assert first not in (CHAIN_START, told(tmp_path, DRAWN).head)


def test_every_line_names_the_user_of_the_operating_system(tmp_path, monkeypatch):
    monkeypatch.setenv("LOGNAME", "clerk")
    assert told(tmp_path, PUBLISHED).lines[0]["user"] == "clerk"
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(OSError))
    assert told(tmp_path, VOID).lines[1]["user"] == "unknown"


def test_every_line_has_the_day_of_the_machines_own_clock(tmp_path, monkeypatch):
    for day in ("2024-05-01", "2024-05-03"):
        monkeypatch.setattr(dates, "today", lambda day=day: dt.date.fromisoformat(day))
        register = told(tmp_path, ("published", "one", {"on": "2020-01-01"}))
    assert [(line["recorded"], line["on"]) for line in register.lines] == [
        ("2024-05-01", "2020-01-01"), ("2024-05-03", "2020-01-01"),
    ]  # fmt: skip


@pytest.mark.parametrize("fault", ["changed", "removed", "moved"])
def test_a_register_that_was_written_into_is_refused(tmp_path, fault):
    told(tmp_path, PUBLISHED, DRAWN, SOME)
    path = tmp_path / REGISTER
    lines = path.read_text("utf-8").splitlines(keepends=True)
    forged = {
        "changed": [lines[0].replace('"seed"', '"dees"'), json.dumps(json.loads(lines[1]) | {"seed": "t"}) + "\n", lines[2]],
        "removed": [lines[0], lines[2]],
        "moved": [lines[1], lines[0], lines[2]],
    }[fault]
    path.write_text("".join(forged), "utf-8")
    with pytest.raises(DataError, match=rf"{REGISTER} line"):
        Register.of(tmp_path)
