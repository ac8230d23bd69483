"""Who works on a folder or a chain alone, on every system."""

import json
import os
import signal
import subprocess
import sys

import pytest

from creditscore import storage
from creditscore.errors import DataError, LockedError
from creditscore.storage import LOCK, journal, locked, parsed_json

HOLD = """
import sys, time
from pathlib import Path
from creditscore.storage import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""
APPEND = """
import sys
from pathlib import Path
from creditscore import storage
for number in range(25):
    storage.append_chain(Path(sys.argv[1]), [{"who": sys.argv[2], "turn": number}])
"""
IMPORT = """
import sys, warnings
sys.modules["fcntl"] = None
import creditscore
for name in creditscore.__all__:
    getattr(creditscore, name)
import creditscore.cli
"""


def test_a_locked_folder_is_refused_at_once_and_free_afterwards(tmp_path):
    with locked(tmp_path), pytest.raises(LockedError, match="another run holds this folder"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass
    assert (tmp_path / LOCK).is_file()


def test_a_lock_ends_with_the_process_that_held_it(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError), locked(tmp_path):
            pass
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    with locked(tmp_path):
        pass


def test_an_error_inside_frees_the_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    with locked(tmp_path):
        pass


def test_writers_of_a_chain_wait_for_each_other(tmp_path):
    path = tmp_path / "log.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", APPEND, str(path), who]) for who in ("a", "b")]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    lines = storage.read_chain(path)
    assert [line["number"] for line in lines] == list(range(1, 51))
    assert [line["turn"] for line in lines if line["who"] == "a"] == list(range(25))


def test_every_public_name_is_there_on_systems_without_fcntl():
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_json_has_one_form_for_files_and_one_for_hashes():
    document = {"b": [1, 2.5, None, True], "a": "永州 \u2028"}
    assert storage.canonical_json(document) == '{\n  "a": "永州 \u2028",\n  "b": [\n    1,\n    2.5,\n    null,\n    true\n  ]\n}\n'
    assert storage.compact_json(document) == '{"a":"永州 \u2028","b":[1,2.5,null,true]}'
    assert storage.compact_json(json.loads(storage.canonical_json(document))) == storage.compact_json(document)
    for write in (storage.canonical_json, storage.compact_json):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write({"a": float("nan")})


def test_a_file_and_its_bytes_have_the_same_hash(tmp_path):
    for content in (b"", b"abc", bytes(3 << 20)):
        (tmp_path / "file").write_bytes(content)
        assert storage.sha256_file(tmp_path / "file") == storage.sha256_of(content)
    assert storage.sha256_of("永州") == storage.sha256_of("永州".encode())


def interrupted_write(path):
    with storage.atomic_path(path) as partial:
        partial.write_bytes(b"ne")
        raise KeyboardInterrupt


def test_an_interrupted_write_leaves_only_the_old_file(tmp_path):
    path = tmp_path / "file"
    storage.atomic_write(path, b"old")
    with pytest.raises(KeyboardInterrupt):
        interrupted_write(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_head_of_a_chain_shows_what_was_cut_off(tmp_path):
    path = tmp_path / "log.jsonl"
    assert storage.chain_head(path) == "0" * 64
    lines = storage.append_chain(path, [{"what": "a"}, {"what": "b"}])
    assert storage.chain_head(path) == lines[-1]["hash"]
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert [line["what"] for line in storage.read_chain(path)] == ["a"]
    assert storage.chain_head(path) != lines[-1]["hash"]


def test_a_name_leads_to_the_last_version_and_earlier_ones_stay(tmp_path):
    first, second = (storage.new_version(tmp_path / ".runs", "2024-04-30") for _ in range(2))
    name = tmp_path / "2024-04-30"
    for version in (first, second):
        (version / "file").write_text(version.name)
        storage.set_pointer(name, version)
        assert (storage.pointed_to(name), (name / "file").read_text()) == (version, version.name)
    assert storage.versions(tmp_path / ".runs", "2024-04-30") == [first, second]
    assert (first / "file").read_text() == first.name


def test_a_name_is_a_file_where_there_are_no_links(tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError("no links here")

    monkeypatch.setattr(storage.operations, "point", no_links)
    first, second = (storage.new_version(tmp_path / ".runs", "a") for _ in range(2))
    for version in (first, second):
        storage.set_pointer(tmp_path / "a", version)
        assert storage.pointed_to(tmp_path / "a") == version
    assert (tmp_path / "a").read_text("utf-8") == ".runs/a-2\n"


def test_what_is_no_name_is_itself(tmp_path):
    (tmp_path / "file").write_text("no/such/folder")
    for path in (tmp_path, tmp_path / "file", tmp_path / "nothing"):
        assert storage.pointed_to(path) == path


def test_lines_that_a_journal_adds_one_by_one_are_one_chain_that_is_read_once(tmp_path, monkeypatch):
    chain, read = tmp_path / "log.jsonl", []
    storage.append_chain(chain, [{"line": 0}])
    module = sys.modules[journal.__wrapped__.__module__]
    monkeypatch.setattr(module, "read_chain", lambda path: read.append(path) or storage.read_chain(path))
    with journal(tmp_path, "test") as entry:
        added = [line["hash"] for number in (1, 2, 3) for line in entry.append(chain, [{"line": number}])]
    lines = storage.read_chain(chain)
    assert [line["line"] for line in lines] == [0, 1, 2, 3]
    assert [line["hash"] for line in lines[1:]] == added
    assert read == [chain]


def test_a_journal_changes_all_its_files_or_none(tmp_path):
    def write(fail):
        with journal(tmp_path, "test") as entry:
            entry.write(tmp_path / "a" / "new", b"new")
            entry.write(tmp_path / "old", b"changed")
            entry.append(tmp_path / "log.jsonl", [{"what": "line"}])
            if fail:
                raise KeyboardInterrupt

    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        write(fail=True)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    write(fail=False)
    assert ((tmp_path / "old").read_bytes(), (tmp_path / "a" / "new").read_bytes()) == (b"changed", b"new")
    assert [line["what"] for line in storage.read_chain(tmp_path / "log.jsonl")] == ["line"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "log.jsonl", "old"]


@pytest.mark.parametrize(
    "step",
    [
        {"do": "remove", "target": "{outside}"},
        {"do": "remove", "target": "../outside"},
        {"do": "append", "target": "{outside}/chain.jsonl", "base": 0, "text": "x"},
        {"do": "move", "target": "moved", "source": "{outside}"},
        {"do": "append", "target": "chain.jsonl"},
        {"do": "dance", "target": "chain.jsonl"},
        None,
    ],
)
def test_a_journal_that_nobody_decided_here_is_refused_and_touches_nothing(tmp_path, step):
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / ".journal").mkdir(parents=True)
    outside.mkdir()
    if step is not None:
        text = json.dumps({"what": "x", "steps": [step]}).replace("{outside}", outside.as_posix())
        (root / ".journal" / "steps.json").write_text(text)
    with pytest.raises(DataError, match="expected the steps that an interrupted command has decided"):
        storage.complete(root)
    assert outside.is_dir()
    assert [path.name for path in sorted(root.iterdir())] == [".journal"]
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("content", ["[" * 100_000, "[" * 65 + "]" * 65, '{"a":' * 65 + "1" + "}" * 65])
def test_json_that_is_nested_too_deeply_is_refused_like_any_that_is_broken(content):
    with pytest.raises(ValueError, match="deep"):
        parsed_json(content)


def test_brackets_within_texts_are_no_nesting():
    text = '["' + "[{" * 1000 + '", "\\"[", 1]'
    assert parsed_json(text) == json.loads(text)
    assert parsed_json("[" * 64 + "]" * 64)
