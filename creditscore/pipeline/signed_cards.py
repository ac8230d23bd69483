"""The cards of a project's ``cards/``: signed by a person, and scored with only as they were signed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from creditscore.config.scorecards import SignedCard, SignedFile
from creditscore.config.spec import read_spec
from creditscore.errors import DataError
from creditscore.models.scorecard import Scorecard
from creditscore.pipeline.run_folder import RunFolder
from creditscore.pipeline.score import POOLED, card_file, read_cards
from creditscore.storage import changed, settle

if TYPE_CHECKING:
    from creditscore.config.project import Project

#: The file of signatures beside the cards.
_SIGNED = "signed.toml"


def signed_cards(folder: Path) -> dict[str, Scorecard]:
    """The cards of ``cards/`` by industry; empty where there are none.

    Raises:
        ConfigError: ``signed.toml`` is absent beside cards, or faulty.
        DataError: A card has no signature or is not what was signed; a signed card is absent.
    """
    settle(folder)
    present = {path.stem for path in folder.glob("*.json")}
    if not present and not (folder / _SIGNED).is_file():
        return {}
    signatures = {card.industry: card.sha256 for card in read_spec(SignedFile, folder / _SIGNED).card}
    if present != set(signatures):
        unsigned, absent = sorted(present - set(signatures)), sorted(set(signatures) - present)
        faults = [f"not signed: {', '.join(unsigned)}"] * bool(unsigned)
        faults += [f"signed, but absent: {', '.join(absent)}"] * bool(absent)
        raise DataError(
            "{folder}: expected one signature in {file} per card ({faults}); sign with creditscore sign-cards",
            folder=folder,
            file=_SIGNED,
            faults="; ".join(faults),
        )
    return read_cards(folder, sha256=signatures)


def sign_cards(
    project: Project, *, signed_by: str, on: dt.date, run: Path | None = None, table: Path | None = None
) -> dict[str, SignedCard]:
    """Sign every card of ``cards/``, whose content is put there first by ``run`` or ``table``.

    A signature of the same content is kept as it is.

    Args:
        project: The project whose runs are to score with the cards.
        signed_by: Who answers for them.
        on: The day of the signature.
        run: A finished run: its cards replace those in ``cards/``.
        table: A workbook of expert points (see :meth:`Scorecard.from_table`): one card for all replaces them.
            An authority without a model begins so, with its own points or with an external A-D rating.

    Returns:
        The signatures by industry.

    Raises:
        ConfigError: ``signed.toml`` is faulty.
        DataError: There are no cards; a file is none; the table is faulty; a card has a variable that is no feature
            of the project, or a text for a number. ``cards/`` stays as it is.
        LockedError: Another command is signing there.
    """
    if not 0 < len(signed_by.strip()) <= 200 or not signed_by.isprintable():
        raise DataError("sign-cards: expected who signs, in 1 to 200 characters of one line (got {length})", length=len(signed_by))
    if run is not None and table is not None:
        raise DataError("sign-cards: expected --run or --table (got both)")
    folder = project.cards
    brought = run is not None or table is not None
    # What comes from elsewhere is read before the lock: a refusal then leaves no folder behind.
    cards = _cards_to_sign(project, run=run, table=table) if brought or not folder.is_dir() else {}
    with changed(folder, "sign-cards") as entry:
        cards = cards or _cards_to_sign(project, run=None, table=None)
        earlier = read_spec(SignedFile, folder / _SIGNED).card if (folder / _SIGNED).is_file() else ()
        signatures = _signatures(cards, earlier=earlier, signed_by=signed_by, on=on)
        if brought:
            for old in folder.glob("*.json"):
                entry.remove(old)
            for industry, card in cards.items():
                entry.write(card_file(folder, industry), card.to_json().encode())
        entry.write(folder / _SIGNED, _toml(signatures).encode())
    return signatures


def _cards_to_sign(project: Project, *, run: Path | None, table: Path | None) -> dict[str, Scorecard]:
    """The cards of a run or of a table of points, else those in ``cards/``.

    Raises:
        DataError: There are none, or one is not a card of this project.
    """
    if table is not None:
        cards = {POOLED: Scorecard.from_table(table, industry=POOLED, scaling=project.scorecards.scaling)}
    else:
        cards = read_cards(project.cards if run is None else RunFolder.opened(run).file("scorecards"))
    if not cards:
        raise DataError(
            "{folder}: expected cards to sign (got none); name a run with --run or a workbook with --table", folder=project.cards
        )
    for industry, card in cards.items():
        _refuse_unknown_features(card, project, where=str(table or run or project.cards / f"{industry}.json"))
    return cards


def _signatures(
    cards: Mapping[str, Scorecard], *, earlier: tuple[SignedCard, ...], signed_by: str, on: dt.date
) -> dict[str, SignedCard]:
    """One signature per card: the earlier one of the same content, else a new one."""
    kept = {(card.industry, card.sha256): card for card in earlier}
    try:
        return {
            industry: kept.get((industry, card.sha256))
            or SignedCard(industry=industry, sha256=card.sha256, signed_by=signed_by, on=on)
            for industry, card in sorted(cards.items())
        }
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        raise DataError("sign-cards: {reason} (got industries {industries})", reason=reason, industries=", ".join(cards)) from None


def _refuse_unknown_features(card: Scorecard, project: Project, *, where: str) -> None:
    """Refuse a card of another project now, not in the next run."""
    kinds = {feature.name: "text" if feature.is_text else "number" for feature in project.features}
    unknown = [one.name for one in card.read if one.name not in kinds]
    if unknown:
        raise DataError(
            "{where}: expected features of {project} (got {unknown})",
            where=where,
            project=project.folder.name,
            unknown=", ".join(unknown),
        )
    other = [f"{one.name} as {one.kind}" for one in card.read if one.kind != kinds[one.name]]
    if other:
        raise DataError(
            "{where}: expected features of {project} as they are there (got {other})",
            where=where,
            project=project.folder.name,
            other=", ".join(other),
        )


def _toml(signatures: Mapping[str, SignedCard]) -> str:
    """The text of ``signed.toml``. JSON's texts are TOML's: both escape quotes, backslashes and controls alike."""

    def text(value: str) -> str:
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "")

    lines = []
    for card in signatures.values():
        lines += ["[[card]]", f"industry = {text(card.industry)}", f"sha256 = {text(card.sha256)}"]
        lines += [f"signed_by = {text(card.signed_by)}", f"on = {card.on.isoformat()}", ""]
    return "\n".join(lines)
