"""What a run depends on, as one key: the same key means the same bytes, so nothing is done again."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING

from creditscore import _version
from creditscore.batch import canonical_json, key_of
from creditscore.config.load import sha256_file
from creditscore.records.postgres import fingerprint

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.pipeline.folder import RunFolder

#: Libraries whose version may change a result.
_DECIDING = (
    "duckdb",
    "ibis-framework",
    "lightgbm",
    "numpy",
    "optbinning",
    "pandas",
    "pyarrow",
    "pyspark",
    "scikit-learn",
    "scipy",
    "sqlglot",
)


def versions() -> dict[str, str]:
    """The library's version and those of what it computes with."""
    found = {"creditscore": _version.__version__}
    for name in _DECIDING:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def input_hashes(project: Project, data: Path) -> dict[str, str]:
    """SHA-256 of every declared file that is there (sources and what they join), by its name in ``sources.toml``.

    Of a database table, its fingerprint.
    """
    files = sorted({file for source in project.sources.source for file in source.files})
    tables = {source.place: fingerprint(source) for source in project.sources.source if source.format == "postgres"}
    return {name: sha256_file(data / name) for name in files if (data / name).is_file()} | tables


def run_key(
    project: Project, folder: RunFolder, inputs: dict[str, str], *, engine: str, train: bool, cards: dict[str, str], lang: str
) -> str:
    """One key of all that decides a run's content."""
    before = folder.before()
    earlier = [before.file(name) for name in ("manifest.json", "reviews.jsonl")] if before else []
    previous = [sha256_file(path) for path in earlier if path.is_file()]
    reviews = folder.file("reviews.jsonl")
    parts = {
        "inputs": inputs,
        "config": project.sha256,
        "cards": {} if train else cards,
        "previous": previous,
        "reviews": sha256_file(reviews) if reviews.is_file() else "",
        "versions": versions(),
        "engine": engine,
        "train": train,
        "lang": lang,
    }
    return key_of(canonical_json(parts))
