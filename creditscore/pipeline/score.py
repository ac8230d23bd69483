"""Cards as files, scores of a spine with them, and how scores moved between two runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from creditscore.engine import unbound
from creditscore.errors import DataError
from creditscore.features.build import feature_table
from creditscore.features.spine import Spine, spine
from creditscore.language import pgettext
from creditscore.models.monitor import Counts, psi_of_counts, stability_of_counts
from creditscore.models.scorecard import Scorecard
from creditscore.models.scoring_sql import cards_expression, position_counts
from creditscore.pipeline.parts import PARTS, PartFiles, joined, parts_of
from creditscore.records.standard.keys import ids_table
from creditscore.storage import atomic_write, sha256_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.scorecards import Industry
    from creditscore.engine import Engine
    from creditscore.features.visibility import Bucket
    from creditscore.pipeline.run_folder import RunFolder
    from creditscore.records.records import Records

#: The file of a run with the scores of those with an open dispute as if what they dispute counted; absent where nobody has one.
DISPUTED_SCORES = "disputed_scores"
_DISPUTED = pa.schema([("subject_id", pa.string()), ("score", pa.int32()), ("probability_ppm", pa.int32())])
#: The order of rows in the files.
_ORDER = ("subject_id", "as_of")
#: Name of the card that serves industries without one of their own.
POOLED = "all"


def read_cards(folder: Path, *, sha256: Mapping[str, str] | None = None) -> dict[str, Scorecard]:
    """The cards of a folder by industry; the file's name is the industry's code. Empty where there are none.

    Args:
        folder: Where the files are.
        sha256: The hash that each card must have, by industry; not checked without it.

    Raises:
        DataError: A file is no card, is named after another industry than the card's, or has another hash.
    """
    paths = sorted(folder.glob("*.json"))
    return {path.stem: _read_card(path, None if sha256 is None else sha256[path.stem]) for path in paths}


def _read_card(path: Path, sha256: str | None) -> Scorecard:
    try:
        card = Scorecard.from_json(path.read_text("utf-8"), sha256=sha256)
    except UnicodeDecodeError:
        raise DataError("{path}: expected the JSON of a card (got bytes that are not UTF-8)", path=path) from None
    except OSError as error:
        raise DataError("{path}: expected the JSON of a card (got {reason})", path=path, reason=error.strerror) from None
    except DataError as error:
        raise DataError("{path}: {error}", path=path, error=error) from None
    if card.industry != path.stem:
        raise DataError(
            '{path}: expected the card of "{expected}" (got that of "{industry}")',
            path=path,
            expected=path.stem,
            industry=card.industry,
        )
    return card


def write_cards(folder: Path, cards: Mapping[str, Scorecard]) -> None:
    """Write one canonical JSON file per card, named after its industry.

    Raises:
        DataError: The code of an industry cannot be a file name.
    """
    for industry, card in sorted(cards.items()):
        atomic_write(card_file(folder, industry), card.to_json().encode())


def card_file(folder: Path, industry: str) -> Path:
    """The file of an industry's card.

    Raises:
        DataError: The code of the industry cannot be a file name.
    """
    if Path(industry).name != industry or industry.startswith("."):
        raise DataError("expected codes of industries that can be file names (got {industry!r})", industry=industry)
    return folder / f"{industry}.json"


def card_for(industry: str | None, cards: Mapping[str, Scorecard], industries: tuple[Industry, ...]) -> str | None:
    """Which card serves an industry: its own, its nearest parent's, the pooled one; None if there is none of these."""
    parents = {entry.code: entry.parent for entry in industries}
    code = industry
    while code is not None:
        if code in cards:
            return code
        code = parents.get(code)
    return POOLED if POOLED in cards else None


def score_table(
    engine: Engine, features: ir.Table, cards: Mapping[str, Scorecard], industries: tuple[Industry, ...], *, reasons: int = 4
) -> pa.Table:
    """The rows of :func:`scores_of`, by subject and day. For rows of a few subjects or days: they come into this process."""
    scored = scores_of(engine, features, cards, industries, reasons=reasons)
    return engine.query(scored.order_by(["subject_id", "as_of"]))


def scores_of(
    engine: Engine, features: ir.Table, cards: Mapping[str, Scorecard], industries: tuple[Industry, ...], *, reasons: int = 4,
    among: ir.Table | None = None,
) -> ir.Table:  # fmt: skip
    """The columns of ``scores.parquet`` as one expression: one row per row of ``features`` that a card serves.

    Args:
        engine: Where ``features`` is.
        features: ``subject_id``, ``as_of``, ``industry`` and the columns of the cards.
        cards: By industry.
        industries: The tree in which an industry without a card finds its parent.
        reasons: The number of columns ``reason_1`` and so on. Most of the time goes into them; 0 leaves them out.
        among: The rows of which ``features`` are a part, with their ``industry``; by default they are all.

    Raises:
        DataError: No row is served by any card.
    """
    everyone = features if among is None else among
    present: list[str | None] = engine.query(everyone.select("industry").distinct())["industry"].to_pylist()
    served: dict[str, list[str | None]] = {}
    for industry in sorted(present, key=lambda code: code or ""):
        card = card_for(industry, cards, industries)
        if card is not None:
            served.setdefault(card, []).append(industry)
    if not served:
        raise DataError(
            "expected cards for the industries of the subjects (got cards for {cards})",
            cards=", ".join(sorted(cards)) or pgettext("list", "none"),
        )
    parts = []
    for name, codes in sorted(served.items()):
        known = [code for code in codes if code is not None]
        conditions = [features.industry.isin(known)] * bool(known) + [features.industry.isnull()] * (None in codes)
        parts.append((features.filter(reduce(or_, conditions)), cards[name]))
    return cards_expression(parts, top=reasons)


def compare_runs(now: RunFolder, before: RunFolder, engine: Engine) -> pd.DataFrame:
    """How scores and characteristics moved between two runs; the earlier one is the reference.

    The engine counts scores and attributes in the files of both runs; no row of a subject comes into this process.

    Args:
        now: A run.
        before: An earlier one.
        engine: Where to count.

    Returns:
        One row for the score (named ``score``), then one per characteristic of the pooled card: ``name``, ``psi``,
        ``critical`` (what chance alone exceeds in 5 % of cases), ``points_shift`` (mean now less mean before). The score's
        row alone where the features of the two runs differ.
    """
    scores, features = ([_file_table(engine, run, name) for run in (before, now)] for name in ("scores", "features"))
    old, new = (_score_counts(engine, table) for table in scores)
    moved, critical = psi_of_counts(old, new)
    rows = [{"name": "score", "psi": moved, "critical": critical, "points_shift": new.mean - old.mean}]
    cards = read_cards(now.file("scorecards"))
    card = cards.get(POOLED) or next(iter(cards.values()))
    if set(card.columns) <= set(features[0].columns):
        shifts = stability_of_counts(card, *(_attribute_counts(engine, table, card) for table in features))
        rows += [{name: row.get(name) for name in rows[0]} for row in shifts.rename_axis("name").reset_index().to_dict("records")]
    for table in (*scores, *features):
        engine.drop(table.get_name())
    return pd.DataFrame(rows)


def _file_table(engine: Engine, run: RunFolder, name: str) -> ir.Table:
    """A file of a run as a table of the engine, called after the place of the run."""
    import pyarrow.parquet as pq

    path = run.file(f"{name}.parquet")
    table = f"compared_{name}_{sha256_of(str(path))[:12]}"
    engine.register(table, path)
    return unbound(table, pq.read_schema(path))


def _score_counts(engine: Engine, scores: ir.Table) -> Counts:
    counted = engine.query(scores.group_by("score").aggregate(rows=scores.count()).order_by("score"))
    return Counts(counted["score"].to_pylist(), counted["rows"].to_pylist())


def _attribute_counts(engine: Engine, features: ir.Table, card: Scorecard) -> dict[str, list[int]]:
    """By characteristic the rows in each of its attributes."""
    counts = {one.name: [0] * len(one.attributes) for one in card.characteristics}
    for row in engine.query(position_counts(features, card)).to_pylist():
        counts[card.characteristics[row["characteristic"]].name][row["position"]] = row["rows"]
    return counts


@dataclass(frozen=True)
class Scored:
    """The subjects in scope on the day of a run: tables of the engine over the files that were written."""

    spine: Spine
    #: One row per subject in scope, the columns of ``features.parquet``.
    features: ir.Table
    #: One row per subject that a card serves, the columns of ``scores.parquet``: those of :func:`scores_of`, and
    #: ``incomplete``, whether adverse records of the subject were refused.
    scores: ir.Table
    #: Of those of them with an open dispute, the scores that they would have if what they dispute counted.
    disputed: pa.Table = field(default_factory=_DISPUTED.empty_table)


def score_subjects(folder: RunFolder, records: Records, cards: Mapping[str, Scorecard], kept: PartFiles | None = None) -> Scored:
    """Write the features and scores of every subject in scope, and the scores of those with an open dispute as if there were none.

    Rows of all subjects stay in the engine. Of very many subjects, or events, one part after the other is scored.

    Args:
        folder: The run.
        records: What was read.
        cards: By industry.
        kept: Where finished parts are kept; by default in the folder of the run, until they are joined.

    Raises:
        DataError: No subject is in scope; no subject is served by a card.
    """
    # One name in every night: a process with several has the texts of its queries ready.
    rows = spine(records, as_of=folder.as_of, name="spine_of_night")
    engine, kept = records.engine, kept or PartFiles(folder.file(PARTS))
    events = records.outcomes["events"].kept if "events" in records.outcomes else 0

    def make(part: Bucket, files: dict[str, Path]) -> None:
        for name, table in _scored_part(records, rows, cards, part).items():
            engine.write(table, files[name], order_by=_ORDER)
        engine.drop("features")

    subjects = engine.count(rows.table)
    parts = kept.each("scores", parts_of(subjects, events), ("features", "scores"), make, subjects=subjects)
    features, scores = (joined(folder, engine, name, [files[name] for files in parts], _ORDER) for name in ("features", "scores"))
    kept.leave()
    disputed = _disputed_scores(records, rows, scores, cards)
    if disputed.num_rows:
        folder.write(DISPUTED_SCORES, disputed)
    return Scored(rows, features, scores, disputed)


def _scored_part(records: Records, rows: Spine, cards: Mapping[str, Scorecard], part: Bucket) -> dict[str, ir.Table]:
    """Features and scores of a part of the subjects as tables of the engine."""
    project = records.project
    table = feature_table(records, rows, project.features, only=None if part.count == 1 else part)
    scores = scores_of(records.engine, table, cards, project.scorecards.industry, among=rows.table)
    return {"features": table.drop("row_key"), "scores": _with_incomplete(records, scores)}


def _with_incomplete(records: Records, scores: ir.Table) -> ir.Table:
    """Scores with the column ``incomplete``."""
    refused = ids_table(records.engine, "incomplete_ids", records.incomplete["subject_id"].to_pylist()).rename(
        incomplete_id="subject_id"
    )
    marked = scores.left_join(refused, scores["subject_id"] == refused["incomplete_id"])
    return marked.mutate(incomplete=marked["incomplete_id"].notnull()).drop("incomplete_id")


def _disputed_scores(records: Records, rows: Spine, scores: ir.Table, cards: Mapping[str, Scorecard]) -> pa.Table:
    """``subject_id``, ``score`` and ``probability_ppm`` of the scored with an open dispute, as if what they dispute counted."""
    contesting = records.disputed(rows.day)["subject_id"] if rows.day else pa.chunked_array([], pa.string())
    if not len(contesting):
        return _DISPUTED.empty_table()
    asked = scores.semi_join(ids_table(records.engine, "contesting_ids", contesting.to_pylist()), "subject_id")
    chosen = records.engine.query(asked.select("subject_id"))["subject_id"].combine_chunks()
    if not len(chosen):
        return _DISPUTED.empty_table()
    view, project = records.with_disputed(), records.project
    table = feature_table(view, rows.few(view, chosen), project.features, name="disputed_features")
    told = score_table(records.engine, table, cards, project.scorecards.industry, reasons=0)
    records.engine.drop("disputed_features")
    return told.select(_DISPUTED.names).cast(_DISPUTED)
