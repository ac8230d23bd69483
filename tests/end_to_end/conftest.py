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

DAY = "2024-04-30"
ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "configs" / "yongzhou"


class City:
    """A demo's folder: data, runs, the run of the day."""

    def __init__(self, root: Path) -> None:
        self.root, self.data, self.out = root, root / "city" / "data", root / "runs"
        self.run = self.out / DAY

    def night(self, *more, out=None, project=PROJECT):
        if out is not None:
            # The demo's own tracker has its tables and the cards: to make them again costs a fifth of a run.
            more += ("--tracking-uri", f"sqlite:///{self.out / 'mlflow.db'}")
        return creditscore("run", project, "--data", self.data, "--as-of", DAY, "--out", out or self.out, *more)


def bytes_of(folder: Path) -> dict[str, str]:
    """SHA-256 by relative path, the lock, the ledger and the tracker apart."""
    skip = ("mlflow.db", "mlartifacts", ".")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in names.items() if not name.startswith(skip)}


def _make_demo(folder: Path) -> None:
    """The demo, its runs before anything was drawn, and what the command said."""
    draw = demo_module.draw_plan_folder

    def keep_and_draw(plan, **how):
        if not (folder / "undrawn").exists():
            shutil.copytree(folder / "demo" / "runs", folder / "undrawn")
        return draw(plan, **how)

    with mock.patch.object(demo_module, "draw_plan_folder", keep_and_draw):
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
    """A copy of the demo's data and runs, to be changed."""
    shutil.copytree(demo.root, tmp_path / "demo")
    return City(tmp_path / "demo")


@pytest.fixture(scope="session")
def later(demo, tmp_path_factory):
    """A run of the demo's city a month later, with tiers cut by share; to be read only."""

    def make(folder):
        shutil.copytree(demo.root, folder / "demo")
        project = shutil.copytree(PROJECT, folder / "project")
        for policy in (project / "tiering").glob("*.toml"):
            text = re.sub(r"^max_probability = .*$", "share = 0.25", policy.read_text("utf-8"), flags=re.M)
            policy.write_text(re.sub(r"^margin = .*$", "", text, flags=re.M), "utf-8")
        city = City(folder / "demo")
        said = creditscore("run", project, "--data", city.data, "--as-of", "2024-05-31", "--out", city.out, "--train")
        assert said.code == 0, said.err

    return built_once(tmp_path_factory, "later", make) / "demo" / "runs" / "2024-05-31"


@pytest.fixture
def undrawn(made_demo, tmp_path):
    """A copy of the demo's runs as they were before any plan was drawn, to be changed."""
    return Path(shutil.copytree(made_demo / "undrawn", tmp_path / "undrawn"))
