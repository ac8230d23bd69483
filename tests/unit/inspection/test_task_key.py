"""The key of a frame: its owner's alone, in no other file, and on the disk before the hash that it seals shows."""

import re
import stat

import pytest
from support.plans import a_policy, a_staff, a_task, a_tiers
from support.tasks import KEY, PUBLIC, draw_folder, published

from creditscore.errors import DataError
from creditscore.inspection.merkle import sha256
from creditscore.inspection.plan import plan_inspections
from creditscore.inspection.plan_folder import read_manifest
from creditscore.inspection.register import REGISTER, Register
from creditscore.inspection.task_key import new_key, read_key
from creditscore.storage import operations

TASK = "2024Q2-food"


def plan():
    return plan_inspections(a_tiers(60), a_policy(), task=a_task(), staff=a_staff())


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_every_publication_has_another_key_of_64_digits():
    keys = {new_key() for _ in range(20)}
    assert len(keys) == 20
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)


def test_the_key_is_for_its_owner_alone(tmp_path):
    frame = plan().publish(**PUBLIC, out=tmp_path)
    path = tmp_path / "keys" / TASK
    assert (mode_of(path), mode_of(path.parent)) == (0o600, 0o700)
    assert read_key(path) == frame.key
    assert frame.commitments["key"] == sha256(frame.key) == read_manifest(tmp_path / "tasks" / TASK)["commitments"]["key"]


def test_no_other_file_holds_the_key(tmp_path):
    folder = published(tmp_path, plan())
    draw_folder(folder, seed="s")
    holders = [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert holders == [tmp_path / "keys" / TASK]
    assert KEY not in repr(plan().sealed())


def test_the_key_is_never_readable_by_others_while_it_is_written(tmp_path):
    seen = []

    def look(name, paths):
        for path in tmp_path.rglob("*"):
            if path.is_file() and re.fullmatch(rb"[0-9a-f]{64}\n", path.read_bytes()):
                seen.append(mode_of(path))

    with operations.watch(look):
        plan().publish(**PUBLIC, out=tmp_path)
    assert set(seen) == {0o600}


def test_no_hash_shows_before_the_key_is_on_the_disk(tmp_path):
    """At each operation: whoever finds the line in the register finds the key, whose name is durable by then."""
    synced, shown = [], []

    def look(name, paths):
        if name == "sync_folder" and paths[0].name == "keys" and (paths[0] / TASK).is_file():
            synced.append(name)
        register = tmp_path / REGISTER
        if register.is_file() and b"published" in register.read_bytes():
            shown.append(bool(synced))

    with operations.watch(look):
        plan().publish(**PUBLIC, out=tmp_path)
    assert shown
    assert all(shown)
    assert Register.of(tmp_path).published(TASK)


@pytest.mark.parametrize("content", [b"", b"0" * 63, b"g" * 64, "０".encode() * 64])
def test_a_file_that_holds_no_key_is_refused(tmp_path, content):
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(DataError, match="expected a key, 64 hexadecimal digits"):
        read_key(tmp_path / "key")
