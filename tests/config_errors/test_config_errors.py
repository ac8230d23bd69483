"""One faulty file per error; its second line holds the words that the message must have.

A file begins with ``# into: <file> append|replace`` and ``# says: <words> | <words>``; further parts begin
with ``#--- <file> append|replace``.
"""

import re
import shutil
from pathlib import Path

import pytest
from support.cities import PROJECT

from creditscore.config.project import load_project
from creditscore.errors import ConfigError
from creditscore.features.guard import guard_features

CASES = sorted(Path(__file__).parent.glob("*.toml"))


def spoil(folder: Path, case: str) -> list[str]:
    """Write the parts of a case into a copy of a project that works; returns the words to look for."""
    first, second, body = case.split("\n", 2)
    parts = re.split(r"^#--- (.+)$\n", f"#--- {first.removeprefix('# into: ')}\n{body}", flags=re.M)[1:]
    for target, text in zip(parts[::2], parts[1::2], strict=True):
        name, way = target.split()
        path = folder / name
        old = "" if way == "replace" else path.read_text("utf-8")
        path.write_text(f"{text}\n{old}" if way == "prepend" else f"{old}\n{text}", "utf-8")
    return second.removeprefix("# says: ").split(" | ")


def load_all(folder: Path):
    """Everything that a run reads of a project before it touches data."""
    project = load_project(folder)
    guard_features(project.features, project)
    project.policy("2024-04-30")
    return project


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_message_names_file_key_and_what_was_expected(path, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder)
    words = spoil(folder, path.read_text("utf-8"))
    with pytest.raises(ConfigError) as told:
        load_all(folder)
    assert [word for word in words if word not in str(told.value)] == [], str(told.value)


def test_the_unspoilt_project_loads():
    project = load_all(PROJECT)
    assert guard_features(project.features, project) == []
    assert project.policy("2024-04-30").cut_by == "max_probability"
