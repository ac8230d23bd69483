"""Every sentence in the code has a translation in every catalogue that ships, and nothing else is in it."""

import ast
import tomllib
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

import creditscore

PACKAGE = Path(creditscore.__file__).parent
CATALOGUES = sorted(PACKAGE.glob("language/*/LC_MESSAGES/creditscore.po"))


@pytest.fixture(scope="module")
def marked():
    """Context and sentence of all that the code marks."""
    mappings = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    methods = [(one["pattern"], one["method"]) for one in mappings]
    keywords = DEFAULT_KEYWORDS | dict.fromkeys(errors())
    return {(context, text) for _, _, text, _, context in extract_from_dir(PACKAGE, methods, keywords=keywords)}


def errors():
    """The names of the classes of errors, wherever they are; each marks the sentence that it is given."""
    classes = [
        node
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    found = {"CreditScoreError"}
    while further := {one.name for one in classes if {ast.unparse(base) for base in one.bases} & found} - found:
        found |= further
    return found


def read(path):
    with path.open("rb") as file:
        return read_po(file)


def fields(template):
    """Names with how often each occurs; a format or conversion may differ by language."""
    return sorted(name for _, name, _, _ in Formatter().parse(template) if name is not None)


def test_the_chinese_catalogue_is_complete(marked):
    (path,) = [path for path in CATALOGUES if path.parts[-3] == "zh"]
    translated = {(one.context, one.id) for one in read(path) if one.id and one.string and not one.fuzzy}
    assert marked - translated == set()


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
class TestCatalogue:
    def test_has_nothing_else(self, path, marked):
        catalogue = read(path)
        assert {(one.context, one.id) for one in catalogue if one.id} - marked == set()
        assert list(catalogue.obsolete) == []

    def test_keeps_the_values_of_each_sentence(self, path):
        entries = [one for one in read(path) if one.id and one.string]
        assert [one.id for one in entries if fields(one.id) != fields(one.string)] == []


def test_the_makefile_names_every_class_of_errors():
    line = next(line for line in (PACKAGE.parent / "Makefile").read_text("utf-8").splitlines() if line.startswith("ERRORS := "))
    assert set(line.split()[2:]) == errors()
