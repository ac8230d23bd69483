"""docs/safeguards.md names every safeguard's article and test: each test there exists, and each test here is there."""

import re
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "docs" / "safeguards.md"


def rows():
    lines = [
        line for line in TABLE.read_text("utf-8").splitlines() if line.startswith("| ") and not line.startswith("| safeguard |")
    ]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def written_in(files):
    return {test for file in files for test in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), flags=re.M)}


def test_every_row_names_an_article_and_tests_and_the_table_misses_none():
    cells = rows()
    assert all(len(row) == 3 and all(row) for row in cells)
    assert all("test_" in row[2] for row in cells)
    named = {test for row in cells for test in re.findall(r"(?:`|::)(test_\w+)`", row[2])}
    assert not named - written_in(HERE.parent.rglob("test_*.py")), "named and not there"
    here = [file for file in HERE.glob("test_*.py") if file.name != Path(__file__).name]
    assert not written_in(here) - named, "there and not named"
