"""Who works on a folder or a chain alone, on every system."""

import json
import os
import signal
import subprocess
import sys

import pytest

from creditscore import storage
from creditscore.errors import LockedError
from creditscore.storage import LOCK, locked, replace_contents

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


def test_lock_files_stay_where_they_are_while_a_run_is_made_anew(tmp_path):
    storage.append_chain(tmp_path / "log.jsonl", [{"what": "draw"}])
    (tmp_path / "scores.json").write_text(json.dumps({}))
    with replace_contents(tmp_path, except_for=("log.jsonl",)):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".earlier", ".log.jsonl.lock", "log.jsonl"]


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


def test_a_folder_is_replaced_whole_or_comes_back(tmp_path):
    path = tmp_path / "plan"
    path.mkdir()
    (path / "file").write_text("old")
    with storage.new_folder(path) as fresh:
        fresh.mkdir()
        (fresh / "file").write_text("new")
    assert (path / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
    path.rename(tmp_path / ".old-plan")  # what a kill between the two renames leaves
    storage.restore_folders(tmp_path)
    assert (path / "file").read_text() == "new"
