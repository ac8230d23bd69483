"""Replay a run: rebuild every output from the same inputs, or list what differs."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from creditscore.errors import DataError
from creditscore.pipeline.run import run_project
from creditscore.pipeline.run_folder import DOCUMENTS, RunFolder, input_hashes

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.engine import Engine


def replay_run(project: Project, run: str | Path, *, data: Path, engine: Engine) -> list[str]:
    """Compute a run again in a temporary folder and compare.

    Args:
        project: The project as it was; its hash must be the manifest's.
        run: The run.
        data: The inputs as they were; their hashes must be the manifest's.
        engine: Where to compute.

    Returns:
        The outputs whose bytes differ, by name; empty where every output was rebuilt.

    Raises:
        DataError: Inputs or configuration are not those of the run.
    """
    folder = RunFolder.opened(run)
    manifest = folder.manifest() or {}
    _refuse_other_inputs(manifest["facts"], project, data)
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary)
        before = folder.before()
        if before:
            shutil.copytree(before.path, out / before.path.name)
        again = RunFolder.of(out, folder.as_of)
        if folder.file("reviews.jsonl").is_file():
            again.path.mkdir(parents=True)
            shutil.copy(folder.file("reviews.jsonl"), again.file("reviews.jsonl"))
        # A delivery that was accepted then is accepted again.
        run_project(project, data=data, as_of=folder.as_of, out=out, engine=engine, train=manifest["trained"], accept=True)
        new = (again.manifest() or {})["outputs"]
    # A draw puts its list into the documents, which then say more than the run did.
    drawn = any((plan / "inspectors.csv").is_file() for plan in folder.plans())
    old = {name: sha256 for name, sha256 in manifest["outputs"].items() if not (drawn and name in DOCUMENTS)}
    return sorted(name for name in old if new.get(name) != old[name])


def _refuse_other_inputs(facts: dict[str, str], project: Project, data: Path) -> None:
    now = {f"input {name}": sha256 for name, sha256 in input_hashes(project, data).items()}
    then = {name: sha256 for name, sha256 in facts.items() if name.startswith("input ")}
    differing = sorted(name.removeprefix("input ") for name in then | now if then.get(name) != now.get(name))
    if differing:
        raise DataError("replay: expected the inputs of that run (differing: {inputs})", inputs=", ".join(differing))
    if facts["config"] != project.sha256:
        raise DataError("replay: expected the configuration of that run (its hash differs)")
