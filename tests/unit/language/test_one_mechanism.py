"""Words for people stand in the catalogues alone: code has English sentences that are marked, and no branch by language."""

import ast
import re
from pathlib import Path

import pytest

import creditscore

PACKAGE = Path(creditscore.__file__).parent
CHINESE = re.compile("[\u4e00-\u9fff]")
#: Files whose strings hold Chinese, and why. Docstrings and comments may name a Chinese term anywhere.
HOLD_CHINESE = {
    "cli/app.py": "the help in one line, in both languages",
    "cli/inspections.py": "the help names a sheet of the workbook",
    "config/catalogue.py": "an English fault names a legal term",
    "config/column_rules.py": "how data says that a date has no end",
    "features/guard.py": "patterns of names of regions",
    "inspection/verify_draw.py": "results of visits as the published lists have them",
    "inspection/people.py": "words between names, and offices behind them",
    "records/columns/person_numbers.py": "patterns of personal data",
    "records/reading/sent_rows.py": "names of columns that hold numbers of documents",
    "models/expert_card.py": "headers and codes of the published form of expert cards",
    "models/evaluate.py": "the code of a group that rows do not name",
    "pipeline/demo.py": "the seed source of the demo, which is sealed into its plans",
    "records/deliveries/checkup.py": "English findings name legal terms",
    "records/columns/dates.py": "an English finding quotes the data",
    "records/reading/error_cells.py": "errors as spreadsheet programs show them",
    "records/columns/personal.py": "patterns of personal data",
    "reporting/words.py": "grades as agencies write them",
    "spreadsheet/sheets.py": "the mark of a text that was cut, in both languages",
}


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith("simulate/"):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


MODULES = list(modules())


def docstrings(tree):
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, holders) and node.body and isinstance(node.body[0], ast.Expr):
            yield id(node.body[0].value)


def test_chinese_stands_in_the_catalogue_and_in_data_alone():
    found = set()
    for name, tree in MODULES:
        texts = set(docstrings(tree))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in texts
                and CHINESE.search(node.value)
            ):
                found.add(name)
    assert found == set(HOLD_CHINESE)


def test_templates_hold_no_chinese():
    pages = sorted(PACKAGE.rglob("*.j2"))
    assert pages
    assert [path.name for path in pages if CHINESE.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(("name", "tree"), MODULES, ids=[name for name, _tree in MODULES])
def test_no_branch_asks_for_a_language(name, tree):
    codes = {"zh", "en"}
    asked = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(one, ast.Constant) and one.value in codes for one in (node.left, *node.comparators))
    ]
    assert asked == []


@pytest.mark.parametrize(("name", "tree"), MODULES, ids=[name for name, _tree in MODULES])
def test_the_mark_of_sentences_is_no_name_of_values(name, tree):
    """A module that marks sentences by ``_`` has no other ``_``: inside a function that would be another thing."""
    marks = any(
        (isinstance(node, ast.ImportFrom) and any(one.name == "_" for one in node.names))
        or (isinstance(node, ast.FunctionDef) and node.name == "_")
        for node in ast.walk(tree)
    )
    other = [
        node.lineno for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "_" and isinstance(node.ctx, ast.Store)
    ]
    assert not marks or other == []
