"""The sealed export in parts: together they are the sample, the one-file verifier reads both, and a gap is found."""

import gzip
import shutil
from pathlib import Path

import pytest
from support.plans import a_policy, a_task, a_tiers
from support.tasks import PUBLIC, because, bytes_below, drawn, published

from creditscore.errors import DataError
from creditscore.inspection import verify_draw
from creditscore.inspection.export_parts import export_task, parts_of
from creditscore.inspection.plan import plan_inspections
from creditscore.inspection.plan_folder import FRAME_FILES
from creditscore.inspection.task_folder import TaskFolder
from creditscore.inspection.task_steps import add_void
from creditscore.storage import changed


@pytest.fixture(scope="module")
def task(drawn_out):
    return TaskFolder.opened(drawn_out / "tasks" / "2024Q2-food")


@pytest.fixture
def export(task, tmp_path):
    return export_task(task, tmp_path / "auditors", rows=70, with_key=True)


def codes(folder, **known):
    return {finding.code for finding in verify_draw.verify(folder, **known).findings}


def parts(folder):
    return sorted(folder.glob("sample-*.csv.gz"))


def test_the_parts_are_the_sample_and_verify_like_it(task, export):
    assert [path.name for path in parts(export)] == ["sample-0001.csv.gz", "sample-0002.csv.gz", "sample-0003.csv.gz"]
    first, *later = (gzip.decompress(path.read_bytes()).splitlines(keepends=True) for path in parts(export))
    assert b"".join(first + [line for part in later for line in part[1:]]) == (task.path / "sample.csv").read_bytes()
    assert not (export / "sample.csv").exists()
    mine, theirs = (verify_draw.verify(folder) for folder in (task.path, export))
    assert mine.findings == theirs.findings == []
    assert mine._replace(held=[]) == theirs._replace(held=[])
    assert [part.code for part in mine.held] == [part.code for part in theirs.held]


def test_an_export_is_the_same_bytes_each_time(task, export, tmp_path):
    again = export_task(task, tmp_path / "again", rows=70)
    assert [path.read_bytes() for path in parts(again)] == [path.read_bytes() for path in parts(export)]
    assert not (tmp_path / "again" / "keys").exists()
    for path in (tmp_path / "auditors" / "keys", tmp_path / "auditors" / "keys" / task.task):
        assert path.stat().st_mode & 0o77 == 0


def test_a_changed_line_of_a_part_is_named_as_in_the_whole_file(task, export):
    path = parts(export)[1]
    lines = gzip.decompress(path.read_bytes()).split(b"\r\n")
    lines[3] = lines[3].replace(b"2024Q2-food,S", b"2024Q2-food,T", 1)
    path.write_bytes(gzip.compress(b"\r\n".join(lines)))
    (finding, *_) = verify_draw.verify(export).findings
    assert finding.text.startswith("sample.csv line 74: ")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda paths: paths[1].unlink(), "file.parts"),
        (lambda paths: paths[2].unlink(), "plan.population"),
        (lambda paths: paths[2].rename(paths[2].with_name("sample-0004.csv.gz")), "file.parts"),
        (lambda paths: paths[0].with_name("sample.csv").write_bytes(b""), "file.parts"),
        (lambda paths: paths[0].write_bytes(paths[0].read_bytes()[:-20]), "file.unreadable"),
        (lambda paths: paths[0].write_bytes(b"no gzip"), "file.unreadable"),
        (lambda paths: paths[1].write_bytes(gzip.compress(b"other,columns\r\n")), "file.columns"),
        (lambda paths: shutil.copy(paths[0], paths[0].with_name("sample-0004.csv.gz")), "frame.subject_twice"),
    ],
)
def test_parts_that_are_not_the_sample_are_found(export, change, code):
    change(parts(export))
    assert code in codes(export)


def test_a_cell_with_line_ends_is_not_cut(tmp_path):
    path = tmp_path / "sample.csv"
    path.write_bytes(b'a,b\r\n1,"x\r\ny"\r\n2,z\r\n3,"q ""w"""\r\n')
    assert list(parts_of(path, 1)) == [b'a,b\r\n1,"x\r\ny"\r\n', b"a,b\r\n2,z\r\n", b'a,b\r\n3,"q ""w"""\r\n']
    assert list(parts_of(path, 9)) == [path.read_bytes()]


def test_without_its_sample_or_its_key_nothing_is_exported(export, tmp_path):
    task = TaskFolder(export)
    with pytest.raises(DataError, match=r"sample\.csv"):
        export_task(task, tmp_path / "again")
    (export / "sample.csv").write_bytes(b"")
    (export.parent.parent / "keys" / task.task).unlink()
    with pytest.raises(DataError, match="keys"):
        export_task(task, tmp_path / "again", with_key=True)
    assert not (tmp_path / "again").exists()


def test_an_export_is_not_written_over(task, export):
    with pytest.raises(DataError, match="without an export"):
        export_task(task, Path(export).parent.parent)
    with pytest.raises(DataError, match="without an export"):
        export_task(task, Path(export) / "plan.csv")
    with pytest.raises(DataError, match="1 or more"):
        export_task(task, Path(export).parent.parent / "x", rows=0)


@pytest.mark.parametrize("with_key", [True, False])
def test_voided_frames_go_along_and_their_keys_with_the_key(tmp_path, with_key):
    """A voided frame is a draw that was not taken: without its files and key nobody could ask what it would have drawn."""
    plan = plan_inspections(a_tiers(60), a_policy(), task=a_task())
    for _frame in range(2):
        folder = TaskFolder.opened(published(tmp_path / "out", plan))
        with changed(folder.out, "void") as entry:
            add_void(entry, folder, **because(reason="密钥遗失", by="王五", second="李四", on=PUBLIC["on"]))
    drawn(tmp_path / "out", plan, seed="s")
    other = published(tmp_path / "out", plan_inspections(a_tiers(60), a_policy(), task=a_task(id=f"{folder.task}.void-1.x")))
    exported = export_task(folder, tmp_path / "auditors", with_key=with_key)
    assert verify_draw.verify(exported).findings == []
    assert bytes_below(exported / "voided") == bytes_below(folder.path / "voided")
    assert sorted(bytes_below(exported / "voided")) == sorted(f"{n}/{name}" for n in (1, 2) for name in FRAME_FILES)
    keys = bytes_below(exported.parents[1] / "keys")
    ours = {name: key for name, key in bytes_below(folder.out / "keys").items() if name != other.name}
    assert keys == (ours if with_key else {})
    assert sorted(ours) == [folder.task, f"{folder.task}.void-1", f"{folder.task}.void-2"]
    assert all(path.stat().st_mode & 0o77 == 0 for path in (exported.parents[1] / "keys").glob("*"))
