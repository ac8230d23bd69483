"""Storage stopped at every operation, twice: the state is that before a command or that after it."""

import contextlib
import errno
import functools
import logging
import os
import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from support.crashes import Trial, stop_everywhere
from support.disks import failure_of, fast_folder, fill, read_only, small_disk

from creditscore import storage
from creditscore.errors import DataError
from creditscore.storage import operations

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills and disks are those of Linux")
OLD, NEW = b"old" * 100, b"new" * 200


@pytest.fixture
def folder(tmp_path, caplog):
    """A folder in memory, where syncing costs nothing. What storage tells of each crash would fill the log."""
    caplog.set_level(logging.ERROR, "creditscore.storage")
    with fast_folder(tmp_path) as fast:
        yield fast / "out"


def tried(trial, **how):
    """The report of a trial, shown by ``pytest -rP``."""
    report = stop_everywhere(trial, **how)
    sys.stdout.write(f"{report}\n")
    assert set(report.ended) <= {"before", "after"}
    assert report.points > 0
    return report


def before_or_after(path, old, new):
    content = path.read_bytes() if path.is_file() else None
    assert content in {old, new}, content
    return "after" if content == new else "before"


@pytest.mark.parametrize("old", [OLD, None], ids=["over an old file", "a new file in a new folder"])
def test_a_file_is_old_or_new(folder, old):
    path = folder / "sub" / "file"

    def prepare(_):
        if old:
            storage.atomic_write(path, old)

    def look(_):
        before_or_after(path, old, NEW)

    def check(_):
        return before_or_after(path, old, NEW)

    def read(_):
        return None

    tried(Trial(folder, prepare, lambda _: storage.atomic_write(path, NEW), check, look=look))
    tried(Trial(folder, prepare, lambda _: storage.atomic_write(path, NEW), check, again=read, look=look, lasting=False))


def test_a_table_is_old_or_new(folder):
    path, old, new = folder / "a.parquet", pa.table({"a": [1]}), pa.table({"a": [1, 2]})

    def check(_):
        rows = storage.read_parquet(path).num_rows
        return {1: "before", 2: "after"}[rows]

    def write(_):
        storage.write_parquet(path, new)

    tried(Trial(folder, lambda _: storage.write_parquet(path, old), write, check, look=check))


@pytest.mark.parametrize("lines", [0, 2])
def test_a_line_of_a_chain_is_there_or_not(folder, lines):
    """Lines appended one by one: none lost, none twice, no chain broken for good."""
    chain = folder / "sub" / "log.jsonl"

    def prepare(_):
        for number in range(lines):
            storage.append_chain(chain, [{"line": number}])

    def append(_):
        if all(line["line"] != lines for line in storage.read_chain(chain)):
            storage.append_chain(chain, [{"line": lines, "text": "x" * 300}])

    def check(_):
        found = [line["line"] for line in storage.read_chain(chain)]
        assert found in (list(range(lines)), list(range(lines + 1))), found
        return "after" if len(found) > lines else "before"

    report = tried(Trial(folder, prepare, append, check, look=check, lasting=False))
    assert set(report.ended) == {"after"}


def test_the_next_line_of_a_chain_follows_after_any_stop(folder):
    chain = folder / "log.jsonl"

    def prepare(_):
        storage.append_chain(chain, [{"line": 0}])

    def check(_):
        found = [line["line"] for line in storage.read_chain(chain)]
        assert found[0] == 0
        assert found in ([0], [0, 1], [0, 2], [0, 1, 2], [0, 2, 2], [0, 1, 2, 2])
        return "after" if 1 in found else "before"

    def again(_):
        storage.append_chain(chain, [{"line": 2}])
        storage.read_chain(chain)

    tried(Trial(folder, prepare, lambda _: storage.append_chain(chain, [{"line": 1, "text": "x" * 300}]), check, again=again))


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_name_points_to_the_old_folder_or_the_new_one(folder, links, monkeypatch):
    name = folder / "2024-04-30"
    if not links:
        monkeypatch.setattr(Path, "symlink_to", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EPERM, "no links here")))

    def prepare(_):
        for day in ("old", "new"):
            operations.make_folder(folder / ".runs" / day)
        storage.set_pointer(name, folder / ".runs" / "old")

    def check(_):
        target = storage.pointed_to(name)
        assert target.is_dir()
        return {"old": "before", "new": "after"}[target.name]

    tried(Trial(folder, prepare, lambda _: storage.set_pointer(name, folder / ".runs" / "new"), check, look=check))


def test_versions_are_numbered_and_none_is_used_twice(folder):
    runs = folder / ".runs"

    def prepare(_):
        operations.make_folder(runs)
        storage.atomic_write(storage.new_version(runs, "day") / "result", OLD)

    def command(_):
        storage.atomic_write(storage.new_version(runs, "day") / "result", NEW)

    def check(_):
        assert (runs / "day-1" / "result").read_bytes() == OLD
        finished = [path / "result" for path in storage.versions(runs, "day") if (path / "result").exists()]
        assert all(path.read_bytes() == NEW for path in finished[1:])
        return "after" if len(finished) > 1 else "before"

    tried(Trial(folder, prepare, command, check, look=check))


def test_a_step_is_in_the_ledger_or_not(folder):
    ledger = storage.StepLedger(folder / "ledger.sqlite")

    def check(_):
        assert ledger.done("run", "one") == "key"
        return {None: "before", "key": "after"}[ledger.done("run", "two")]

    tried(
        Trial(
            folder,
            lambda _: ledger.finish("run", "one", "key"),
            lambda _: ledger.finish("run", "two", "key"),
            check,
            look=check,
        )
    )


def test_a_commit_of_the_ledger_is_on_the_disk_when_it_returns(folder):
    """Its own power-cut safety is SQLite's, where SQLite is asked for it."""
    ledger = storage.StepLedger(folder / "ledger.sqlite")
    ledger.finish("run", "one", "key")
    with ledger._open() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


# A journal with every kind of step.

ONE, TWO = "one.jsonl", "sub/two.jsonl"


def prepare_everything(folder, elsewhere):
    operations.make_folder(folder / "sub")
    operations.make_folder(folder / "runs" / "old")
    operations.make_folder(folder / "runs" / "new")
    operations.make_folder(folder / "draft" / "inner")
    operations.make_folder(folder / "rubbish" / "inner")
    for path in (folder / "replaced", folder / "removed", folder / "rubbish" / "inner" / "a", folder / "rubbish" / "b"):
        storage.atomic_write(path, OLD)
    storage.atomic_write(folder / "draft" / "inner" / "content", NEW)
    storage.atomic_write(folder / "runs" / "new" / "shared", NEW)
    storage.atomic_write(elsewhere / "card", OLD)
    storage.append_chain(folder / ONE, [{"line": 0}])
    storage.set_pointer(folder / "current", folder / "runs" / "old")


def change_everything(folder, elsewhere):
    with storage.journal(folder, "a test") as journal:
        if (folder / "changed").is_file():
            return
        journal.write(folder / "replaced", NEW)
        journal.write(folder / "new" / "deep" / "file", NEW)
        journal.copy(folder / "runs" / "new" / "shared", folder / "new" / "shared")
        journal.remove(folder / "removed")
        journal.remove(folder / "rubbish")
        journal.append(folder / ONE, [{"line": 1, "text": "x" * 200}])
        journal.append(folder / TWO, [{"line": 0}, {"line": 1}])
        journal.move(folder / "draft", folder / "moved" / "task")
        journal.point(folder / "current", folder / "runs" / "new")
        journal.write(elsewhere / "card", NEW)
        journal.write_json(folder / "changed", {"done": True})


def facts_of_everything(folder, elsewhere):
    """Each fact is False before and True after."""

    def content(path, old, new):
        return before_or_after(path, old, new) == "after"

    ones, twos = (len(storage.read_chain(folder / name)) for name in (ONE, TWO))
    assert ones in {1, 2}
    assert twos in {0, 2}
    draft, moved = folder / "draft", folder / "moved" / "task"
    assert draft.exists() != moved.exists(), "the folder that is moved is at one of two names"
    assert ((moved if moved.exists() else draft) / "inner" / "content").read_bytes() == NEW
    assert (folder / "runs" / "new" / "shared").read_bytes() == NEW
    return {
        "replaced": content(folder / "replaced", OLD, NEW),
        "new": content(folder / "new" / "deep" / "file", None, NEW),
        "shared": content(folder / "new" / "shared", None, NEW),
        "removed": not (folder / "removed").exists(),
        "rubbish": not (folder / "rubbish" / "inner" / "a").exists(),
        "one": ones == 2,
        "two": twos == 2,
        "moved": moved.exists(),
        "current": {"old": False, "new": True}[storage.pointed_to(folder / "current").name],
        "card": content(elsewhere / "card", OLD, NEW),
        "changed": (folder / "changed").is_file(),
    }


def a_journal(folder, elsewhere, again=None):
    def look(_):
        ones, twos = (len(storage.read_chain(folder / name)) for name in (ONE, TWO))
        effects = [
            (folder / "replaced").read_bytes() == NEW, (folder / "new").exists(), not (folder / "removed").exists(),
            (folder / "moved" / "task").exists(), storage.pointed_to(folder / "current").name == "new",
            (elsewhere / "card").read_bytes() == NEW, (folder / "changed").exists(),
        ]  # fmt: skip
        assert (ones, twos) == (2, 2) or not any(effects), "an effect shows before its line"

    def check(_):
        facts = facts_of_everything(folder, elsewhere)
        assert len(set(facts.values())) == 1, f"between: {facts}"
        assert not storage.is_pending(folder), "a journal is left"
        return "after" if facts["changed"] else "before"

    return Trial(
        folder,
        lambda _: prepare_everything(folder, elsewhere),
        lambda _: change_everything(folder, elsewhere),
        check,
        again=again,
        look=look,
        elsewhere=(elsewhere,),
    )


def test_a_journal_is_done_or_not(folder):
    """All kinds of steps at once."""
    report = tried(a_journal(folder, folder.with_name("elsewhere")), twice=False)
    assert set(report.ended) == {"after"}


@pytest.mark.slow
def test_a_journal_of_all_steps_is_done_or_not_though_the_next_command_is_stopped_too(folder, tmp_path):
    """One target is on another file system than the journal, where the machine has two."""
    report = tried(a_journal(folder, tmp_path / "elsewhere"))
    assert set(report.ended) == {"after"}


@pytest.mark.slow
def test_a_journal_of_all_steps_is_completed_or_thrown_away_by_the_next_command(folder):
    report = tried(a_journal(folder, folder.with_name("elsewhere"), again=lambda _: storage.complete(folder)))
    assert set(report.ended) == {"before", "after"}


@pytest.mark.parametrize("again", [False, True], ids=["completed", "asked again"])
def test_a_short_journal_is_done_or_not_though_the_next_command_is_stopped_too(folder, tmp_path, again):
    """A line, a file, and a file on another file system than the journal, where the machine has two."""
    card = (tmp_path if again else folder.parent) / "elsewhere" / "card"

    def prepare(_):
        storage.append_chain(folder / ONE, [{"line": 0}])
        storage.atomic_write(card, OLD)

    def command(_):
        with storage.journal(folder, "a test") as journal:
            if len(storage.read_chain(folder / ONE)) == 1:
                journal.append(folder / ONE, [{"line": 1, "text": "x" * 200}])
                journal.write(folder / "sub" / "file", NEW)
                journal.write(card, NEW)
            journal.write(folder / "asked", b"so that a second journal has something to do, too")

    def look(_):
        lines = len(storage.read_chain(folder / ONE))
        effects = {(folder / "sub" / "file").exists(), card.read_bytes() == NEW}
        assert lines == 2 or effects == {False}, "an effect shows before its line"

    def check(_):
        lines, file = len(storage.read_chain(folder / ONE)), before_or_after(folder / "sub" / "file", None, NEW)
        assert {1: "before", 2: "after"}[lines] == file == before_or_after(card, OLD, NEW)
        assert not storage.is_pending(folder), "a journal is left"
        return file

    next_command = command if again else lambda _: storage.complete(folder)
    report = tried(Trial(folder, prepare, command, check, again=next_command, look=look, elsewhere=(card.parent,)))
    assert set(report.ended) == ({"after"} if again else {"before", "after"})


# Disks that are full or read-only for real.


def use_up_inodes(disk, rest):
    """Leave room for ``rest`` more files and folders on the disk."""
    ballast = disk / "ballast"
    ballast.mkdir()
    for number in range(os.statvfs(disk).f_ffree - rest):
        (ballast / str(number)).touch()
    return ballast


@pytest.mark.parametrize("use_up", [fill, use_up_inodes])
def test_a_full_disk_leaves_the_state_before_and_the_next_command_goes_on(tmp_path, caplog, use_up):
    """Room for 0, 1, 2 … more pages or files until the command has enough: each write is the one that fails."""
    caplog.set_level(logging.ERROR, "creditscore.storage")
    disk, failed = tmp_path / "disk", 0
    disk.mkdir()
    for rest in range(60):
        with small_disk(disk, "size=256k,nr_inodes=120"):
            trial = a_journal(disk / "out", disk / "elsewhere")
            trial.prepare(trial.folder)
            ballast = use_up(disk, rest)
            stopped = failure_of(functools.partial(trial.command, trial.folder))
            assert stopped is None or stopped.errno == errno.ENOSPC
            shutil.rmtree(ballast) if ballast.is_dir() else ballast.unlink()
            trial.command(trial.folder)
            assert trial.check(trial.folder) == "after"
        if not stopped:
            break
        failed += 1
    assert failed > 3
    assert not stopped, "the command never had enough room"


@pytest.mark.parametrize("name", ["", "sub", "runs", "runs/new", "draft", "rubbish", "rubbish/inner", "../elsewhere"])
def test_a_read_only_folder_stops_a_journal_and_the_next_command_completes_it(tmp_path, caplog, name):
    caplog.set_level(logging.ERROR, "creditscore.storage")
    trial = a_journal(tmp_path / "out", tmp_path / "elsewhere")
    trial.prepare(trial.folder)
    with read_only((trial.folder / name).resolve()), contextlib.suppress(OSError):
        trial.command(trial.folder)
    trial.command(trial.folder)
    assert trial.check(trial.folder) == "after"


@pytest.mark.parametrize("name", ["sub", "../elsewhere"])
def test_what_cannot_be_done_is_refused_before_it_is_decided_and_stops_no_other_command(tmp_path, name):
    trial = a_journal(tmp_path / "out", tmp_path / "elsewhere")
    trial.prepare(trial.folder)
    with read_only((trial.folder / name).resolve()):
        with pytest.raises(OSError, match="denied"):
            trial.command(trial.folder)
        assert trial.check(trial.folder) == "before"
        with storage.journal(trial.folder, "another") as journal:
            journal.write(trial.folder / "other", b"done")
    assert (trial.folder / "other").read_bytes() == b"done"


def test_a_file_where_a_folder_should_be_is_refused_before_anything_is_decided(folder):
    folder.mkdir()
    (folder / "file").write_bytes(b"")

    def write_below_it():
        with storage.journal(folder, "a test") as journal:
            journal.write(folder / "file" / "deeper" / "new", b"new")

    with pytest.raises(NotADirectoryError):
        write_below_it()
    assert not storage.is_pending(folder)


def test_a_chain_that_somebody_changed_after_a_crash_is_not_overwritten(folder):
    storage.append_chain(folder / ONE, [{"line": 0}])

    def stop(name, paths):
        if name == "append":
            raise OSError(errno.EIO, "the disk is gone")

    def append_in_a_journal():
        with storage.journal(folder, "a test") as journal:
            journal.append(folder / ONE, [{"line": 1}])

    with operations.watch(stop), pytest.raises(OSError, match="the disk is gone"):
        append_in_a_journal()
    storage.append_chain(folder / ONE, [{"line": "of somebody else"}])
    content = (folder / ONE).read_bytes()
    with pytest.raises(DataError, match="it was changed since"):
        storage.complete(folder)
    assert (folder / ONE).read_bytes() == content
    assert storage.is_pending(folder)
