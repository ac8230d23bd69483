"""Replay a run: rebuild every output from the same inputs, or list what differs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditscore.errors import DataError
from creditscore.inspection.register import Register
from creditscore.pipeline.known_objections import counted_by, objections_of_run
from creditscore.pipeline.plans import Standing
from creditscore.pipeline.run import make_run
from creditscore.pipeline.run_folder import MANIFEST, RUNS, SNAPSHOT, Deciding, RunFolder, take_snapshot
from creditscore.pipeline.signed_cards import signed_cards
from creditscore.pipeline.tier import signatures
from creditscore.storage import sha256_file

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.engine import Engine
    from creditscore.models.scorecard import Scorecard


def replay_run(project: Project, run: str | Path, *, data: Path, engine: Engine, objections: Path | None = None) -> list[str]:
    """Compute a run again in a temporary folder and compare.

    Args:
        project: The project as it was; its hash must be the manifest's.
        run: The run.
        data: The inputs as they were; their hashes must be the manifest's.
        engine: Where to compute.
        objections: The folder of runs whose objections the run counted; its own by default.

    Returns:
        The outputs whose bytes differ, by name; empty where every output was rebuilt.

    Raises:
        DataError: Inputs or configuration are not those of the run.
    """
    folder = RunFolder.opened(run)
    manifest = folder.manifest() or {}
    if "deciding" not in manifest:
        raise DataError("{path}: expected a run of this version (its manifest is of an older one)", path=run)
    with tempfile.TemporaryDirectory() as temporary:
        again = RunFolder.new(Path(temporary), folder.as_of)
        snapshot = take_snapshot(project, data, again.file(SNAPSHOT), engine)
        _refuse_other_inputs(manifest["facts"], project, snapshot)
        deciding, standing, cards = _as_it_was(folder, manifest, project, objections)
        # A delivery that was accepted then is accepted again.
        make_run(
            again, project, project.policy(folder.as_of), deciding, standing, inputs=snapshot, cards=cards,
            engine=engine, lang=manifest["lang"], accept=True,
        )  # fmt: skip
        new = (again.manifest() or {})["outputs"]
    old = manifest["outputs"]
    return sorted(name for name in old.keys() | new.keys() if new.get(name) != old.get(name))


def _as_it_was(
    folder: RunFolder, manifest: dict[str, Any], project: Project, objections: Path | None
) -> tuple[Deciding, Standing, dict[str, Scorecard]]:
    """What decided the run beside its inputs: the runs it rests on, signatures, published frames, edits, and its signed cards.

    Raises:
        DataError: One of them is not there any more.
    """
    decided, register = manifest["deciding"], Register.of(folder.out)
    cards = signed_cards(project.cards) if not manifest["trial"] else {}
    signed = signatures(register, folder.as_of)[: decided["signatures_counted"]]
    standing = Standing(folder.out, decided["tasks"]["frames"], decided["tasks"]["edits"])
    deciding = Deciding(
        before=_run_of_hash(folder.out, decided["previous"]),
        cards={industry: card.sha256 for industry, card in cards.items()},
        evidence=_run_of_hash(folder.out, decided["evidence"]),
        signatures=signed,
        objections=counted_by(folder, objections_of_run(folder, elsewhere=objections)),
    )
    return deciding, standing, cards


def _run_of_hash(out: Path, sha256: str) -> RunFolder | None:
    """The run whose manifest has a hash; None for no hash."""
    if not sha256:
        return None
    for path in (out / RUNS).glob("*"):
        run = RunFolder(path)
        if run.has_manifest() and sha256_file(run.file(MANIFEST)) == sha256:
            return RunFolder.opened(path)
    raise DataError("replay: expected the run that this one rests on (its manifest {sha256}… is gone)", sha256=sha256[:12])


def _refuse_other_inputs(facts: dict[str, str], project: Project, inputs: dict[str, str]) -> None:
    now = {f"input {name}": sha256 for name, sha256 in inputs.items()}
    then = {name: sha256 for name, sha256 in facts.items() if name.startswith("input ")}
    differing = sorted(name.removeprefix("input ") for name in then | now if then.get(name) != now.get(name))
    if differing:
        raise DataError("replay: expected the inputs of that run (differing: {inputs})", inputs=", ".join(differing))
    if facts["config"] != project.sha256:
        raise DataError("replay: expected the configuration of that run (its hash differs)")
