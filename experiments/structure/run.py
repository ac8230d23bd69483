"""How the package is cut: files, lines, names, imports and circles of a checkout.

    python experiments/structure/run.py [PACKAGE_FOLDER ...]

One column per folder. An importable name is a function or class at the top of a module whose name has no leading
underscore; constants are counted in the line below it. The private share counts functions and methods with a leading
underscore (double underscores apart). A module has a single importer when exactly one other module of the package imports
it; ``__init__`` files are left out.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules_of(package: Path) -> dict[str, Path]:
    """Every module of a package by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(tree: ast.Module, names: set[str]) -> set[str]:
    """The package's modules that a module imports, anywhere in its text."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in names else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & names


def top_names(tree: ast.Module) -> tuple[list[str], list[str]]:
    """Functions and classes at the top of a module, and its constants; those without leading underscore."""
    found, constants = [], []
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            constants.append(node.target.id)
        elif isinstance(node, ast.Assign):
            targets = [leaf for target in node.targets for leaf in (target.elts if isinstance(target, ast.Tuple) else [target])]
            constants += [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in found if name[0] != "_"], [name for name in constants if name[0] != "_"]


def circles(edges: dict[str, set[str]]) -> int:
    """Groups of modules that reach each other (strongly connected, of two or more)."""

    def reach(start: str) -> set[str]:
        todo = [start]
        seen: set[str] = set()
        while todo:
            for other in edges.get(todo.pop(), set()) - seen:
                seen.add(other)
                todo.append(other)
        return seen

    reached = {name: reach(name) for name in edges}
    groups = {
        frozenset(other for other in seen if name in reached.get(other, ())) for name, seen in reached.items() if name in seen
    }
    return sum(len(group) > 1 for group in groups)


def measures(package: Path) -> dict[str, str]:
    """The figures of one package folder."""
    paths = modules_of(package)
    texts = {name: path.read_text("utf-8") for name, path in paths.items()}
    trees = {name: ast.parse(text) for name, text in texts.items()}
    edges = {name: imported(tree, set(paths)) - {name} for name, tree in trees.items()}
    lines = sum(text.count("\n") for text in texts.values())
    imports = sum(
        node.end_lineno - node.lineno + 1
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and node.end_lineno
    )
    functions = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, Function)]
    plain = [node for node in functions if not node.name.startswith("__")]
    lengths = sorted(node.end_lineno - node.lineno + 1 for node in functions if node.end_lineno)
    importable = [name for tree in trees.values() for name in top_names(tree)[0]]
    constants = [name for tree in trees.values() for name in top_names(tree)[1]]
    importers: dict[str, set[str]] = defaultdict(set)
    for name, others in edges.items():
        for other in others:
            importers[other].add(name)
    inner = [name for name, path in paths.items() if path.name != "__init__.py"]
    single = [name for name in inner if len(importers[name] - {package.name}) == 1]
    twice = [name for name, count in Counter(importable + constants).items() if count > 1]
    stems = [name for name, count in Counter(name.rsplit(".", 1)[-1] for name in inner).items() if count > 1]
    public = [node for node in functions if not node.name.startswith("_")]
    returns = [node for node in public if "Returns:" in (ast.get_docstring(node) or "")]
    return {
        "files": f"{len(paths)}",
        "lines": f"{lines:,}",
        "importable names": f"{len(importable):,}",
        "public constants": f"{len(constants):,}",
        "lines per importable name": f"{lines / len(importable):.0f}",
        "private share of functions": f"{sum(node.name.startswith('_') for node in plain) / len(plain):.1%}",
        "share of lines that import": f"{imports / lines:.1%}",
        "function lines, median / p90 / max": f"{lengths[len(lengths) // 2]} / {lengths[len(lengths) * 9 // 10]} / {lengths[-1]}",
        "single-importer modules": f"{len(single)}",
        "circles": f"{circles(edges)}",
        "public names defined in several modules": f"{len(twice)}",
        "file names used more than once": f"{len(stems)}",
        "public functions with Returns:": f"{len(returns)} of {len(public)}",
    }


def main() -> None:
    """Print the table."""
    folders = [Path(word) for word in sys.argv[1:]] or [Path(__file__).resolve().parents[2] / "creditscore"]
    columns = [measures(folder) for folder in folders]
    width = max(len(key) for key in columns[0])
    for key in columns[0]:
        print(f"{key:<{width}}  " + "  ".join(f"{column[key]:>14}" for column in columns))


if __name__ == "__main__":
    main()
