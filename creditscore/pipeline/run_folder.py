"""What a run depends on, as one key: the same key means the same bytes, so nothing is done again."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditscore import _version
from creditscore.config.spec import sha256_file
from creditscore.errors import DataError
from creditscore.records.postgres import fingerprint
from creditscore.storage import canonical_json, damaged, key_of

if TYPE_CHECKING:
    from creditscore.config.project import Project

    pass  # MOVED

#: What is not in the run's own manifest: plans have manifests of their own and change by their one draw.
OWN_MANIFESTS = ("plan/", "reviews.jsonl", "lookups.jsonl", "manifest.json", "explain/", "results/", "edited/")
#: What people write into: it is made anew from the folder, and nothing but the commands that read it back relies on it.
WORKBOOK = "plan.xlsx"
#: Made anew from the folder: a command that was cut short between them and the manifest has damaged nothing.
DOCUMENTS = (WORKBOOK, "report.html")


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @staticmethod
    def of(out: Path, as_of: dt.date) -> RunFolder:
        """The folder of a day below ``out``."""
        return RunFolder(out / as_of.isoformat())

    @staticmethod
    def opened(path: str | Path) -> RunFolder:
        """A finished run.

        Raises:
            DataError: There is no manifest, or a file (the documents for people apart) is not what the manifest says.
        """
        folder = RunFolder(Path(path))
        manifest = folder.manifest()
        if manifest is None:
            raise DataError("{path}: expected a finished run (got no manifest.json)", path=folder.path)
        broken = [name for name in damaged(folder.path, manifest["outputs"]) if name not in DOCUMENTS]
        if broken:
            raise DataError(
                "{path}: expected the files of its manifest (damaged or absent: {broken})",
                path=folder.path,
                broken=", ".join(broken[:5]),
            )
        return folder

    @property
    def out(self) -> Path:
        """The folder that holds all runs."""
        return self.path.parent

    @property
    def as_of(self) -> dt.date:
        """The day of the run.

        Raises:
            DataError: The folder is not called after a day.
        """
        try:
            return dt.date.fromisoformat(self.path.resolve().name)
        except ValueError:
            raise DataError("{path}: expected a run folder OUT/<as_of> such as 2024-04-30", path=self.path) from None

    def file(self, name: str) -> Path:
        """A file of the run by its name in the manifest."""
        return self.path / name

    def plan(self, task: str) -> Path:
        """The folder of a task's plan."""
        return self.path / "plan" / task

    def plans(self) -> list[Path]:
        """The folders of all plans, by task."""
        root = self.path / "plan"
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")) if root.is_dir() else []

    def put_back(self) -> None:
        """Take back plans that an exchange cut short left aside (``.old-<task>``)."""
        for old in sorted((self.path / "plan").glob(".old-*")):
            path = old.with_name(old.name.removeprefix(".old-"))
            if not path.exists():
                old.rename(path)

    def manifest(self) -> dict[str, Any] | None:
        """The manifest of a finished run, or None.

        Raises:
            DataError: There is one, and it cannot be read.
        """
        path = self.file("manifest.json")
        if not path.is_file():
            return None
        try:
            document: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except ValueError:
            raise DataError("{path}: expected the JSON of a manifest", path=path) from None
        return document

    def before(self) -> RunFolder | None:
        """The newest finished run of an earlier day in the same place."""
        if not self.out.is_dir():
            return None
        earlier = [RunFolder(path) for path in sorted(self.out.iterdir()) if _day(path.name) and path.name < self.as_of.isoformat()]
        finished = [folder for folder in earlier if folder.file("manifest.json").is_file()]
        return finished[-1] if finished else None


def _day(name: str) -> bool:
    try:
        dt.date.fromisoformat(name)
    except ValueError:
        return False
    return True


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
