"""The code tables that a project's ids are checked with: those that ship (``codes/*.toml``), or files of the project."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from creditscore.config.codes import RegionTable, UsccTable
from creditscore.config.load import read_spec
from creditscore.errors import ConfigError

if TYPE_CHECKING:
    from creditscore.config.project import Project

_USCC = "gb32100_2015"


@dataclass(frozen=True)
class CodeTables:
    """What unified social credit codes are checked with."""

    uscc: UsccTable
    regions: tuple[RegionTable, ...]

    @property
    def editions(self) -> str:
        """Standards and the days of their issue, such as ``GB 32100-2015 (2015-09-17)``, each once, joined by a comma."""
        tables: tuple[UsccTable | RegionTable, ...] = (self.uscc, *self.regions)
        return ", ".join(dict.fromkeys(f"{table.standard} ({table.issued.isoformat()})" for table in tables))

    def has_region(self, code: str) -> bool:
        """Whether every table that is complete for a region's code knows it."""
        return code.isdigit() and all(code[: table.digits] in table.codes for table in self.regions if code.startswith(table.under))


@cache
def shipped_tables() -> CodeTables:
    """GB 32100-2015 and the provinces of GB/T 2260."""
    return CodeTables(read_spec(UsccTable, _shipped(_USCC)), (_region_table(_shipped("gbt2260_provinces")),))


def tables_of(project: Project) -> CodeTables:
    """The tables that a project's ``sources.toml`` names.

    Raises:
        ConfigError: A table is neither one that ships nor a file of the project.
    """
    return CodeTables(shipped_tables().uscc, tuple(_region_table(_found(name, project.folder)) for name in project.sources.regions))


def _found(name: str, folder: Path) -> Path:
    shipped = _shipped(name)
    if name.isidentifier() and shipped.is_file():
        return shipped
    own = (folder / name).resolve()
    if name.endswith(".toml") and own.is_relative_to(folder.resolve()) and own.is_file():
        return own
    there = ", ".join(sorted(path.stem for path in shipped.parent.glob("gbt2260_*.toml")))
    raise ConfigError(f"{folder / 'sources.toml'}: regions: expected one of {there}, or a TOML file of the project (got {name!r})")


def _shipped(name: str) -> Path:
    return Path(str(files("creditscore.records"))) / "codes" / f"{name}.toml"


@cache
def _region_table(path: Path) -> RegionTable:
    return read_spec(RegionTable, path)
