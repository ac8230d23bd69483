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
from creditscore.pipeline.score import read_cards, write_cards
from creditscore.pipeline.train import POOLED
from creditscore.storage import atomic_write

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
            "{folder}: expected one signature in {SIGNED} per card ({told}); sign with creditscore sign-cards",
            folder=folder,
            SIGNED=SIGNED,
            told="; ".join(told),
        )
    return read_cards(folder, sha256={industry: card.sha256 for industry, card in signatures.items()})


def sign_cards(
    project: Project, *, signed_by: str, on: dt.date, run: Path | None = None, table: Path | None = None
) -> dict[str, SignedCard]:
    """Sign every card of ``cards/``, whose content is put there first by ``run`` or ``table``.

    A signature of the same content is kept as it is.

    Args:
        project: The project whose night is to score with the cards.
        signed_by: Who answers for them.
        on: The day of the signature.
        run: A finished run: its cards take the place of those there.
        table: A workbook of expert points (see :meth:`Scorecard.from_table`): one card for all takes their place.
            An authority without a model begins so, be it with its own points or with an external A-D rating.

    Returns:
        The signatures by industry.

    Raises:
        ConfigError: ``signed.toml`` is faulty.
        DataError: There are no cards; a file is none; the table is faulty; a card has a variable that is no feature
            of the project, or a text for a number. The cards that are there stay as they are.
    """
    if not 0 < len(signed_by.strip()) <= 200 or not signed_by.isprintable():
        raise DataError(
            "sign-cards: expected who signs, in 1 to 200 characters of one line (got {n_signed_by})", n_signed_by=len(signed_by)
        )
    if run is not None and table is not None:
        raise DataError("sign-cards: expected --run or --table (got both)")
    folder = project.cards
    if table is not None:
        cards = {POOLED: Scorecard.from_table(table, industry=POOLED, scaling=project.scorecards.scaling)}
    else:
        cards = read_cards(folder if run is None else RunFolder.opened(run).file("scorecards"))
    if not cards:
        raise DataError(
            "{folder}: expected cards to sign (got none); name a run with --run or a workbook with --table", folder=folder
        )
    for industry, card in cards.items():
        _refuse_unknown(card, project, where=str(table or run or folder / f"{industry}.json"))
    made = _signatures(cards, known=_known(folder), signed_by=signed_by, on=on)
    if run is not None or table is not None:
        _replace(folder, cards)
    atomic_write(folder / SIGNED, _toml(made).encode())
    return made


def _replace(folder: Path, cards: Mapping[str, Scorecard]) -> None:
    """These cards in place of those that are there."""
    for old in folder.glob("*.json"):
        old.unlink()
    write_cards(folder, cards)


def _signatures(
    cards: Mapping[str, Scorecard], *, known: tuple[SignedCard, ...], signed_by: str, on: dt.date
) -> dict[str, SignedCard]:
    kept = {(card.industry, card.sha256): card for card in known}
    try:
        return {
            industry: kept.get((industry, card.sha256))
            or SignedCard(industry=industry, sha256=card.sha256, signed_by=signed_by, on=on)
            for industry, card in sorted(cards.items())
        }
    except ValidationError as error:
        raise DataError(
            "sign-cards: {msg} (got industries {cards})", msg=error.errors(include_url=False)[0]["msg"], cards=", ".join(cards)
        ) from None


def _refuse_unknown(card: Scorecard, project: Project, *, where: str) -> None:
    """A card of another project would be found out by the night only."""
    known = {feature.name: "text" if feature.is_text else "number" for feature in project.features}
    unknown = [one.name for one in card.characteristics if one.name not in known]
    if unknown:
        raise DataError(
            "{where}: expected features of {name} (got {unknown})",
            where=where,
            name=project.folder.name,
            unknown=", ".join(unknown),
        )
    other = [f"{one.name} as {one.kind}" for one in card.characteristics if one.kind != known[one.name]]
    if other:
        raise DataError(
            "{where}: expected features of {name} as they are there (got {other})",
            where=where,
            name=project.folder.name,
            other=", ".join(other),
        )


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
