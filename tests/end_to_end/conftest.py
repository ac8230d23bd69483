"""One demo of a small city for all tests here; whoever changes it works on a copy."""

import hashlib
import shutil
from pathlib import Path

import pytest
from support.command import creditscore

DAY = "2024-04-30"
ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "configs" / "yongzhou"


class City:
    """A demo's folder: data, runs, the run of the day."""

    def __init__(self, root: Path) -> None:
        self.root, self.data, self.out = root, root / "city" / "data", root / "runs"
        self.run = self.out / DAY

    def night(self, *more, out=None, project=PROJECT):
        return creditscore("run", project, "--data", self.data, "--as-of", DAY, "--out", out or self.out, *more)


def bytes_of(folder: Path) -> dict[str, str]:
    """SHA-256 by relative path, the lock, the ledger and the tracker apart."""
    skip = ("mlflow.db", "mlartifacts", ".")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in names.items() if not name.startswith(skip)}


@pytest.fixture(scope="session")
def demo_said(tmp_path_factory):
    """A finished demo of 3,000 subjects and what the command said."""
    root = tmp_path_factory.mktemp("demo")
    said = creditscore("demo", "--out", root, "--subjects", 3000)
    assert said.code == 0, said.err
    return City(root), said


@pytest.fixture(scope="session")
def demo(demo_said):
    """The demo's folder, to be read only."""
    return demo_said[0]


@pytest.fixture
def city(demo, tmp_path):
    """A copy of the demo's data and runs, to be changed."""
    shutil.copytree(demo.root, tmp_path / "demo")
    return City(tmp_path / "demo")
