"""One demo of a small city for all tests here; whoever changes it works on a copy."""

import dataclasses
import hashlib
import json
import re
import shutil
from pathlib import Path
from unittest import mock

import pytest
from support.command import Called, creditscore
from support.shared import built_once

from creditscore.pipeline import demo as demo_module

DAY, LATER = "2024-04-30", "2024-05-31"
TASKS = ("2024Q2-food", "2024Q2-general", "2024Q2-safety")
ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "configs" / "yongzhou"


class City:
    """A demo's folder: data, the project with its signed cards, runs, the run of the day, tasks."""

    def __init__(self, root: Path) -> None:
        self.root, self.data, self.project, self.out = root, root / "city" / "data", root / "project", root / "runs"
        self.run, self.tasks = self.out / DAY, self.out / "tasks"

    def night(self, *more, out=None, project=None, as_of=DAY):
        """A run of the city, with the signed cards unless ``--train`` is given."""
        folder = out or self.out
        if folder != self.out:
            # The demo's own tracker has its tables and the cards: to make them again costs a fifth of a run.
            more += ("--tracking-uri", f"sqlite:///{self.out / 'mlflow.db'}")
        return creditscore("run", project or self.project, "--data", self.data, "--as-of", as_of, "--out", folder, *more)


def bytes_of(folder: Path) -> dict[str, str]:
    """SHA-256 by relative path; locks, the ledger and the tracker apart."""
    skip = ("mlflow.db", "mlartifacts", ".lock", ".ledger", ".tracking", ".register.jsonl.lock")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in names.items() if not name.startswith(skip)}


def copied(folder: Path, target: Path) -> Path:
    """A copy of a folder in which names of runs stay names."""
    return Path(shutil.copytree(folder, target, symlinks=True))


def _make_demo(folder: Path) -> None:
    """The demo, its runs before cards were signed, before anything was published or drawn, and what the command said."""

    def keep_before(step, name):
        def kept_and_done(*args, **how):
            if not (folder / name).exists():
                copied(folder / "demo" / "runs", folder / name)
            return step(*args, **how)

        return kept_and_done

    with (
        mock.patch.object(demo_module, "sign_cards", keep_before(demo_module.sign_cards, "trained")),
        mock.patch.object(demo_module, "publish_task", keep_before(demo_module.publish_task, "drafts")),
        mock.patch.object(demo_module, "draw_task", keep_before(demo_module.draw_task, "published")),
    ):
        said = creditscore("demo", "--out", folder / "demo", "--subjects", 3000)
    assert said.code == 0, said.err
    (folder / "said.json").write_text(json.dumps(dataclasses.asdict(said)), "utf-8")


@pytest.fixture(scope="session")
def made_demo(tmp_path_factory):
    return built_once(tmp_path_factory, "demo", _make_demo)


@pytest.fixture(scope="session")
def demo_said(made_demo):
    """A finished demo of 3,000 subjects and what the command said."""
    return City(made_demo / "demo"), Called(**json.loads((made_demo / "said.json").read_text("utf-8")))


@pytest.fixture(scope="session")
def demo(demo_said):
    """The demo's folder, to be read only."""
    return demo_said[0]


@pytest.fixture
def city(demo, tmp_path):
    """A copy of the whole demo, to be changed."""
    return City(copied(demo.root, tmp_path / "demo"))


def _city_before(made_demo: Path, runs: str, target: Path) -> City:
    for name in ("city", "project"):
        copied(made_demo / "demo" / name, target / name)
    copied(made_demo / runs, target / "runs")
    return City(target)


@pytest.fixture
def trained(made_demo, tmp_path):
    """A copy of the demo as it was before the trained cards were signed, to be changed."""
    city = _city_before(made_demo, "trained", tmp_path / "trained")
    for path in city.project.glob("cards/*"):
        if path.name == "signed.toml" or path.suffix == ".json":
            path.unlink()
    return city


@pytest.fixture
def drafts(made_demo, tmp_path):
    """A copy of the demo as it was before any frame was published, to be changed."""
    return _city_before(made_demo, "drafts", tmp_path / "drafts")


@pytest.fixture
def published(made_demo, tmp_path):
    """A copy of the demo as it was before any frame was drawn, to be changed."""
    return _city_before(made_demo, "published", tmp_path / "published")


@pytest.fixture(scope="session")
def later(demo, tmp_path_factory):
    """The demo and a run a month later, with tiers cut by share; to be read only."""

    def make(folder):
        city = City(copied(demo.root, folder / "demo"))
        for policy in (city.project / "tiering").glob("*.toml"):
            text = re.sub(r"^max_probability = .*$", "share = 0.25", policy.read_text("utf-8"), flags=re.M)
            policy.write_text(re.sub(r"^margin = .*$", "", text, flags=re.M), "utf-8")
        said = city.night(as_of=LATER)
        assert said.code == 0, said.err

    return City(built_once(tmp_path_factory, "later", make) / "demo")
