"""docs/safeguards.md names every safeguard's article and test: each test there exists, and each test here is there."""

import re
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "docs" / "safeguards.md"
#: The safeguards of the design; the others follow.
FIRST = 13


def rows():
    lines = [line for line in TABLE.read_text("utf-8").splitlines() if line.startswith("| ") and not line.startswith("| no. |")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def written_in(files):
    return [test for file in files for test in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), flags=re.M)]


def named_in(row):
    return re.findall(r"`(test_\w+)`", row[3])


def test_every_row_has_its_number_names_an_article_and_tests():
    assert [row[0] for row in rows()] == [str(number) for number in range(1, len(rows()) + 1)]
    assert len(rows()) > FIRST
    assert all(len(row) == 4 and all(row) and named_in(row) for row in rows())
    # In both languages.
    assert all(re.search("[A-Za-z]{3}", row[1]) and re.search("[\u4e00-\u9fff]{2}", row[1]) for row in rows())


def test_every_test_that_is_named_exists_once():
    found = Counter(written_in(HERE.parent.rglob("test_*.py")))
    named = {test for row in rows() for test in named_in(row)}
    assert {test: found[test] for test in named if found[test] != 1} == {}


def test_the_first_thirteen_are_each_shown_from_the_command_line():
    shown = set(written_in([HERE / "test_from_the_command_line.py"]))
    assert [row[0] for row in rows()[:FIRST] if not shown & set(named_in(row))] == []


def test_the_table_misses_no_test_of_this_folder():
    here = [file for file in HERE.glob("test_*.py") if file.name != Path(__file__).name]
    assert set(written_in(here)) - {test for row in rows() for test in named_in(row)} == set()
