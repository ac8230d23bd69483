"""The README's script runs as it stands, on a smaller city."""

import re
from pathlib import Path

import pytest

from creditscore.cli.app import app

ROOT = Path(__file__).resolve().parents[2]


def test_the_script_in_the_readme_runs(tmp_path, monkeypatch, capsys):
    text = (ROOT / "README.md").read_text("utf-8")
    code = re.search(r"```python\n(.+?)```", text, re.S).group(1)
    assert code.count("subjects=5000") == 1
    code = code.replace("subjects=5000", "subjects=1500")
    monkeypatch.chdir(ROOT)
    exec(compile(code, "README.md", "exec"), {"out": tmp_path})
    said = capsys.readouterr().out
    assert "Baseline" in said or "points" in said


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_a_readme_names_every_command(readme):
    text = (ROOT / readme).read_text("utf-8")
    names = {command.name for command in app.registered_commands}
    assert {name for name in names if f"`{name}" not in text and f"creditscore {name}" not in text} == set()
