"""The cards of a project's ``cards/``: signed by a person, and scored with only as they were signed."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from creditscore.batch import atomic_write
from creditscore.config.cards import SignedCard, SignedFile
from creditscore.config.load import read_spec
from creditscore.errors import DataError
from creditscore.models.scorecard import Scorecard
from creditscore.pipeline.folder import RunFolder
from creditscore.pipeline.score import read_cards

if TYPE_CHECKING:
    from creditscore.config.project import Project

SIGNED = "signed.toml"


def signed_cards(folder: Path) -> dict[str, Scorecard]:
    """The cards of ``cards/`` by industry; empty where there are none.

    Raises:
        ConfigError: ``signed.toml`` is absent beside cards, or faulty.
        DataError: A card has no signature or is not what was signed; a signed card is absent.
    """
    if not any(folder.glob("*.json")) and not (folder / SIGNED).is_file():
        return {}
    signatures = {card.industry: card for card in read_spec(SignedFile, folder / SIGNED).card}
    there = {path.stem for path in folder.glob("*.json")}
    if there != set(signatures):
        more, less = sorted(there - set(signatures)), sorted(set(signatures) - there)
        told = [f"not signed: {', '.join(more)}"] * bool(more) + [f"signed, but absent: {', '.join(less)}"] * bool(less)
        raise DataError(
            f"{folder}: expected one signature in {SIGNED} per card ({'; '.join(told)}); sign with creditscore sign-cards"
        )
    return read_cards(folder, sha256={industry: card.sha256 for industry, card in signatures.items()})


def sign_cards(project: Project, *, signed_by: str, on: dt.date, run: Path | None = None) -> dict[str, SignedCard]:
    """Sign every card of ``cards/``; with ``run``, put the cards of that run there first.

    Cards of ``cards/`` whose content is signed already keep their signature. Returns the signatures by industry.

    Raises:
        DataError: There are no cards, or a file is none.
    """
    if not signed_by.strip():
        raise DataError("sign-cards: expected who signs (got nothing)")
    folder = project.cards
    if run is not None:
        _replace(folder, RunFolder.opened(run).file("scorecards"))
    cards = read_cards(folder)
    if not cards:
        raise DataError(f"{folder}: expected cards to sign (got none); name a run with --run")
    known = {card.sha256: card for card in _known(folder)}
    made = {
        industry: known.get(card.sha256) or SignedCard(industry=industry, sha256=card.sha256, signed_by=signed_by, on=on)
        for industry, card in sorted(cards.items())
    }
    atomic_write(folder / SIGNED, _toml(made).encode())
    return made


def _replace(folder: Path, source: Path) -> None:
    """The cards of a run in place of those that are there."""
    read_cards(source)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    for path in sorted(source.glob("*.json")):
        shutil.copyfile(path, folder / path.name)


def _known(folder: Path) -> tuple[SignedCard, ...]:
    return read_spec(SignedFile, folder / SIGNED).card if (folder / SIGNED).is_file() else ()


def _toml(signatures: Mapping[str, SignedCard]) -> str:
    """JSON's texts are TOML's: both escape quotes, backslashes and controls alike."""
    lines = []
    for card in signatures.values():
        lines += ["[[card]]", f"industry = {_text(card.industry)}", f"sha256 = {_text(card.sha256)}"]
        lines += [f"signed_by = {_text(card.signed_by)}", f"on = {card.on.isoformat()}", ""]
    return "\n".join(lines)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "")
