"""Score a spine with cards: each card compiled to SQL over its industries, run by the engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from creditscore.errors import DataError
from creditscore.models.scorecard import Scorecard
from creditscore.models.scoring_sql import score_expression
from creditscore.pipeline.train import POOLED
from creditscore.storage import atomic_write

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.scorecards import Industry
    from creditscore.engine import Engine


def read_cards(folder: Path, *, sha256: Mapping[str, str] | None = None) -> dict[str, Scorecard]:
    """The cards of a folder by industry; the file's name is the industry's code. Empty where there are none.

    Args:
        folder: Where the files lie.
        sha256: The hash of each card, where it is known.

    Raises:
        DataError: A file is no card, is named after another industry than the card's, or has another hash.
    """
    cards = {}
    for path in sorted(folder.glob("*.json")):
        cards[path.stem] = _read_card(path, None if sha256 is None else sha256[path.stem])
    return cards


def _read_card(path: Path, sha256: str | None) -> Scorecard:
    try:
        card = Scorecard.from_json(path.read_text("utf-8"), sha256=sha256)
    except UnicodeDecodeError:
        raise DataError("{path}: expected the JSON of a card (got bytes that are not UTF-8)", path=path) from None
    except OSError as error:
        raise DataError("{path}: expected the JSON of a card (got {strerror})", path=path, strerror=error.strerror) from None
    except DataError as error:
        raise DataError("{path}: {error}", path=path, error=error) from None
    if card.industry != path.stem:
        raise DataError(
            '{path}: expected the card of "{stem}" (got that of "{industry}")', path=path, stem=path.stem, industry=card.industry
        )
    return card


def write_cards(folder: Path, cards: Mapping[str, Scorecard]) -> None:
    """One canonical JSON file per card."""
    for industry, card in sorted(cards.items()):
        if Path(industry).name != industry or industry.startswith("."):
            raise DataError("expected codes of industries that can be file names (got {industry!r})", industry=industry)
        atomic_write(folder / f"{industry}.json", card.to_json().encode())


def card_for(industry: str | None, cards: Mapping[str, Scorecard], industries: tuple[Industry, ...]) -> str | None:
    """Which card serves an industry: its own, its nearest parent's, the pooled one; None where there is none."""
    parents = {entry.code: entry.parent for entry in industries}
    step = industry
    while step is not None:
        if step in cards:
            return step
        step = parents.get(step)
    return POOLED if POOLED in cards else None


def score_table(
    engine: Engine, features: ir.Table, cards: Mapping[str, Scorecard], industries: tuple[Industry, ...], *, reasons: int = 4
) -> pa.Table:
    """The columns of ``scores.parquet``: one row per row of ``features`` that a card serves, by subject and day.

    Args:
        engine: Where ``features`` is.
        features: ``subject_id``, ``as_of``, ``industry`` and the columns of the cards.
        cards: By industry.
        industries: The tree in which an industry without a card finds its parent.
        reasons: How many columns ``reason_1`` … there are; most of the work is theirs, and 0 leaves them out.

    Raises:
        DataError: No row is served by any card.
    """
    found = engine.query(features.select("industry").distinct())["industry"].to_pylist()
    served: dict[str, list[str | None]] = {}
    for industry in sorted(found, key=lambda code: code or ""):
        card = card_for(industry, cards, industries)
        if card is not None:
            served.setdefault(card, []).append(industry)
    if not served:
        raise DataError(
            "expected cards for the industries of the subjects (got cards for {value})", value=", ".join(sorted(cards)) or "none"
        )
    parts = [_scored(engine, features, cards[name], codes, reasons) for name, codes in sorted(served.items())]
    return pa.concat_tables(parts).sort_by([("subject_id", "ascending"), ("as_of", "ascending")])


def _scored(engine: Engine, features: ir.Table, card: Scorecard, industries: list[str | None], reasons: int) -> pa.Table:
    named = [code for code in industries if code is not None]
    chosen = features.industry.isin(named) if named else None
    if None in industries:
        unknown = features.industry.isnull()
        chosen = unknown if chosen is None else chosen | unknown
    return engine.query(score_expression(features.filter(chosen), card, top=reasons))
