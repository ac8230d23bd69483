"""Build hook: the wheel carries compiled catalogues (``.mo``) in place of their sources (``.po``)."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileCatalogues(BuildHookInterface):
    """Compiles into a temporary folder, so that a checkout never holds a compiled catalogue older than its source."""

    _compiled: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile each catalogue and name its place in the wheel; an editable install reads the sources."""
        if version == "editable":
            return
        self._compiled = Path(tempfile.mkdtemp())
        for source in sorted(Path(self.root, "creditscore", "language").glob("*/LC_MESSAGES/*.po")):
            inside = source.relative_to(self.root).with_suffix(".mo")
            target = self._compiled / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as text, target.open("wb") as compiled:
                write_mo(compiled, read_po(text))
            build_data["force_include"][str(target)] = inside.as_posix()

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary folder."""
        if self._compiled is not None:
            shutil.rmtree(self._compiled)
