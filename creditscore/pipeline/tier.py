"""Tiers of a run: from scores, policy, the run before and signatures; and the signatures themselves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from creditscore.dataframes import as_frame
from creditscore.engine import unbound
from creditscore.errors import DataError
from creditscore.inspection.objections import Objection, objections_of
from creditscore.inspection.register import REGISTER, Register, register_line
from creditscore.pipeline.out_folder import changing
from creditscore.pipeline.parts import (
    PARTS,
    WHOLE,
    AskedOnce,
    PartFiles,
    RecordsOfPart,
    joined,
    of_part,
    parts_of,
    share_levels_of,
)
from creditscore.pipeline.quarantined import LastKnown, quarantined_subjects
from creditscore.pipeline.run_folder import Deciding, RunFolder
from creditscore.records.adverse.contested import parse_rating_id
from creditscore.records.adverse.endings import exits
from creditscore.records.adverse.readings import READINGS
from creditscore.records.standard.keys import ids_table
from creditscore.reporting.readback import read_decisions
from creditscore.storage import read_parquet, write_parquet
from creditscore.tiering.assignment import assign_tiers
from creditscore.tiering.cohort import SCORE_COLUMNS, with_quarantined
from creditscore.tiering.cuts import ACHIEVED_SCHEMA, achieved_together
from creditscore.tiering.grounds import parse_grounds
from creditscore.tiering.signatures import Review, grounds_hash, latest_reviews, review_body, review_of, set_by
from creditscore.tiering.tiers import ASKED_SCHEMA, TIER_SCHEMA, Tiers
from creditscore.vocabulary import VISIT_PREFIX

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.policy import TierPolicy
    from creditscore.dataframes import Ints
    from creditscore.engine import Engine
    from creditscore.features.spine import Spine
    from creditscore.features.visibility import Bucket
    from creditscore.models.scorecard import Scorecard
    from creditscore.pipeline.score import Scored
    from creditscore.records.records import Records


def tier_subjects(
    folder: RunFolder, records: Records, scored: Scored, policy: TierPolicy, deciding: Deciding, *, trial: bool,
    cards: Iterable[Scorecard] = (), kept: PartFiles | None = None,
) -> Tiers:  # fmt: skip
    """Give every subject in scope its tier and write ``tiers.parquet``, by subject id.

    Subjects without a score are in it too (NR). The column ``trial`` says that the cards are signed by nobody. What
    ``cards`` take points for are the grounds of a tier by score; without any card the features of the project are.

    Of very many subjects one part after the other is judged, and written: memory holds a part. The tiers do not depend on it.
    ``kept`` is where finished parts are kept; by default in the folder of the run, until they are joined.
    """
    before, engine, index = deciding.before, records.engine, records.table("subject_index")
    kept, subjects = kept or PartFiles(folder.file(PARTS)), engine.count(scored.scores)
    parts = parts_of(subjects)
    exits, quarantined = exits_since(records, before, folder.as_of), quarantined_subjects(records, LastKnown.of(before, records))
    places = _places(records, quarantined["subject_id"], parts)
    once, previous = AskedOnce.of(records, policy, folder.as_of), _previous(engine, before)
    levels = share_levels_of(records, scored.scores, policy, folder.as_of) if len(parts) > 1 else None
    read = {name for card in cards for name in card.columns} or None

    def make(part: Bucket, files: dict[str, Path]) -> None:
        scores = of_part(scored.scores.select(*SCORE_COLUMNS), part, index)
        then = None if previous is None else engine.query(of_part(previous, part, index))
        tiers = assign_tiers(
            engine.query(scores.order_by("subject_id")),
            policy,
            previous=then,
            records=RecordsOfPart(once, part),
            subjects=unrated_subjects(records, scored.spine, scored.scores, quarantined[places == part.remainder], part),
            reviews=deciding.signatures,
            exits=exits,
            disputed_scores=scored.disputed,
            as_of=folder.as_of,
            read=read,
            share_levels=levels,
        )
        frames = {"tiers": tiers.frame.assign(trial=trial), "asked": tiers.asked, "achieved": tiers.achieved}
        for name, (schema, _order) in _FILES.items():
            write_parquet(files[name], _table(frames[name].reindex(columns=schema.names), schema))

    made = kept.each("tiers", parts, tuple(_FILES), make, subjects=subjects)
    engine.drop("previous_tiers")
    for name in ("tiers", "asked"):
        joined(folder, engine, name, [files[name] for files in made], _FILES[name][1])
    register = as_frame(records.subjects_on(folder.as_of), needs=["subject_id"], what="subjects of the records")
    reached = achieved_together([read_parquet(files["achieved"]).to_pandas() for files in made])
    kept.leave()
    return Tiers(_frame(folder), reached, with_quarantined(register, quarantined), folder.frame("asked"))


#: The files to which the tiers of a part are written, with their columns and the order of their rows.
_FILES = {
    "tiers": (TIER_SCHEMA.append(pa.field("trial", pa.bool_())), ("subject_id",)),
    "asked": (ASKED_SCHEMA, ("subject_id", "event_id")),
    "achieved": (ACHIEVED_SCHEMA, ("population", "tier")),
}


def _table(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """A frame in the columns of a file; what pandas takes for missing is null."""
    return pa.table([_cells(frame[field.name], field.type) for field in schema], schema=schema)


def _cells(column: pd.Series, kind: pa.DataType) -> pa.Array:
    return pa.nulls(len(column), kind) if column.isna().all() else pa.array(column, kind, from_pandas=True)


def _frame(folder: RunFolder) -> pd.DataFrame:
    """The tiers of a run in the types that :func:`creditscore.tiering.assignment.assign_tiers` gives them."""
    frame = folder.frame("tiers").drop(columns="trial")
    texts = [field.name for field in TIER_SCHEMA if pa.types.is_string(field.type)]
    return frame.astype({"score": "Int32", **dict.fromkeys(texts, "str")})


def _previous(engine: Engine, before: RunFolder | None) -> ir.Table | None:
    """The tiers of the run before, where its file is; None without one."""
    if before is None:
        return None
    engine.register("previous_tiers", before.file("tiers.parquet"))
    return unbound("previous_tiers", pq.read_schema(before.file("tiers.parquet")))


def _places(records: Records, ids: pd.Series, parts: Sequence[Bucket]) -> Ints:
    """In which part each of some subjects is judged: that of its key, or the first where the register lacks it."""
    engine, count = records.engine, len(parts)
    if count == 1:
        return np.zeros(len(ids), dtype=np.int64)
    keys = engine.query(records.table("subject_index").semi_join(ids_table(engine, "placed_ids", ids), "subject_id"))
    engine.drop("placed_ids")
    known = dict(zip(keys["subject_id"].to_pylist(), keys["subject_key"].to_pylist(), strict=True))
    return np.array([known.get(one, 0) % count for one in ids], dtype=np.int64)


def exits_since(records: Records, before: RunFolder | None, as_of: dt.date) -> pa.Table | None:
    """The adverse records that left since the run before; None without one.

    A change that was delivered later than its day counts from tonight on, as far as the run before kept what it knew.
    """
    if before is None:
        return None
    known = before.file("ended.parquet") if before.has("ended") and before.has(READINGS["events"]) else None
    file = None if known is None else before.file(f"{READINGS['events']}.parquet")
    visits = None if known is None or not before.has(READINGS["inspections"]) else before.file(f"{READINGS['inspections']}.parquet")
    return exits(records, after=before.as_of, until=as_of, ended_before=known, read_before=file, visits_before=visits)


def unrated_subjects(
    records: Records, spine: Spine, scores: ir.Table, quarantined: pd.DataFrame, part: Bucket = WHOLE
) -> pd.DataFrame:
    """Subjects of a part that belong in a tier and have no score: those that no card serves, and quarantined ones.

    Returns:
        One row per subject, by id: subject_id, industry, reason; of quarantined ones the columns of
        :func:`creditscore.pipeline.quarantined.quarantined_subjects`.
    """
    rows = spine.table if part.count == 1 else part.of(spine.table)
    left = rows.anti_join(scores, "subject_id").select("subject_id", "industry")
    uncarded = records.engine.query(left).to_pandas().astype(object).assign(reason="no_card")
    both: pd.DataFrame = pd.concat([uncarded.reindex(columns=quarantined.columns), quarantined], ignore_index=True)
    return both.sort_values("subject_id").reset_index(drop=True)


def subjects_in(records: Records, as_of: dt.date) -> dict[str, int]:
    """Subjects of the register by whether they were known on a day: ``known`` and ``not_yet_known``."""
    queries = (records.table("subject_index"), records.versions_on(as_of))
    everyone, known = (records.engine.query(rows.aggregate(n=ibis._.count()))["n"][0].as_py() for rows in queries)
    return {"known": known, "not_yet_known": everyone - known}


def signatures(register: Register, until: dt.date) -> tuple[Review, ...]:
    """The signatures under tiers of a day and of the days before it, in the order in which they were given.

    Raises:
        DataError: A line of the register holds no signature.
    """
    lines = (line for line in register.lines if line["what"] == "signed" and line["as_of"] <= until.isoformat())
    return tuple(review_of(line) for line in lines)


def add_signatures(folder: RunFolder, reviews: Sequence[Review]) -> int:
    """Sign proposed tiers of a run in the register; all of them or none.

    A signature that holds already, the same in every part, is not given again.

    Returns:
        The number of new signatures.

    Raises:
        DataError: A signature is older than the tiers it signs, or lacks a reviewer or a reason; a tier would be approved that
            rests on what its firm has objected to; or the register is damaged.
        LockedError: A run or another command is writing to the same folder.
    """
    if folder.is_trial:
        raise DataError("sign: expected a run with signed cards (got {path}, a trial)", path=folder.shown)
    early = [review for review in reviews if review.on < folder.as_of]
    if early:
        raise DataError(
            "sign: expected a day on or after {as_of}, that of the tiers (got {on})", as_of=folder.as_of, on=early[0].on
        )
    day = folder.as_of.isoformat()
    bodies = [review_body(review) for review in reviews]
    with changing(folder.out, "sign") as entry:
        register = Register.of(folder.out)
        held = latest_reviews(signatures(register, folder.as_of))
        pairs = zip(reviews, bodies, strict=True)
        new = [(review, body) for review, body in pairs if held.get(review.grounds_hash) != review_of(body)]
        _refuse_contested([review for review, _body in new], objections_of(register.lines))
        entry.append(folder.out / REGISTER, [register_line("signed", **body, as_of=day) for _review, body in new])
    return len(new)


def _refuse_contested(reviews: Sequence[Review], objections: Sequence[Objection]) -> None:
    """Refuse to approve a tier that rests on what an objection suspends since the run: that would worsen it meanwhile.

    Raises:
        DataError: Some approval does, and nobody has answered the objection by its day.
    """
    for review in (review for review in reviews if review.decision == "approve"):
        grounds = [record for record, _digest in parse_grounds(review.grounds)]
        for one in (one for one in objections if one.subject_id == review.subject_id and one.on <= review.on):
            if one.suspends and one.as_of(review.on).is_open and any(_is_against(one, record) for record in grounds):
                raise DataError(
                    "sign: {subject_id}: objection {id} of {on} to what this tier rests on is open; leave the firm out: once it is "
                    "answered, the next night asks again if the tier is still proposed",
                    subject_id=review.subject_id,
                    id=one.id,
                    on=one.on,
                )


def _is_against(one: Objection, record: str) -> bool:
    """Whether an objection is against a record as the grounds of a tier name it; a grade by its scheme."""
    if one.against == "rating":
        return record.startswith(f"{parse_rating_id(one.about)[0]}=")
    return {"record": one.about, "visit": VISIT_PREFIX + one.about}.get(one.against) == record


def sign_subjects(
    run: str | Path,
    subject_ids: list[str],
    *,
    reviewer: str,
    reason: str,
    on: dt.date,
    decision: Literal["approve", "reject"] = "approve",
) -> int:
    """Sign the proposed tiers of subjects; the next run of that day puts them into force.

    Returns:
        The number of new signatures.

    Raises:
        DataError: A subject has no proposed tier in this run.
    """
    folder = RunFolder.opened(run)
    if not subject_ids:
        raise DataError("sign: expected subjects to sign (got none)")
    proposed = _proposed(folder)
    unknown = [subject_id for subject_id in subject_ids if subject_id not in proposed]
    if unknown:
        raise DataError(
            "sign: expected subjects with a proposed tier in {run} (got {unknown})",
            run=folder.path.name,
            unknown=", ".join(unknown[:5]),
        )
    reviews = [Review(one, decision, reviewer, reason, grounds_hash(proposed[one]), on) for one in subject_ids]
    return add_signatures(folder, [_on_its_grounds(review, proposed) for review in reviews])


def sign_workbook(run: str | Path, workbook: Path) -> int:
    """Sign every row of 待复核 that has a decision. All rows are good, or none is signed.

    Returns:
        The number of new signatures.

    Raises:
        DataError: A cell cannot be read, or its grounds have changed since; the message names it (``待复核!O7``).
    """
    folder = RunFolder.opened(run)
    proposed = _proposed(folder)
    decisions = read_decisions(workbook).to_dict("records")
    for row in decisions:
        if row["subject_id"] not in proposed:
            raise DataError("{cell}: expected a subject with a proposed tier in this run", cell=row["cell"])
        if row["grounds_hash"] != grounds_hash(proposed[row["subject_id"]]):
            raise DataError("{cell}: the grounds have changed since this sheet was written; sign a new one", cell=row["cell"])
    fields = ("subject_id", "decision", "reviewer", "reason", "grounds_hash", "on")
    reviews = [Review(**{name: row[name] for name in fields}) for row in decisions]
    return add_signatures(folder, [_on_its_grounds(review, proposed) for review in reviews])


def _on_its_grounds(review: Review, proposed: dict[str, dict[str, Any]]) -> Review:
    """The signature with the tier and the records that it is about; a run of an earlier version names no records."""
    row = proposed[review.subject_id]
    if not isinstance(row.get("grounds"), str):
        return review
    return replace(review, raw_tier=str(row["raw_tier"]), grounds=row["grounds"], by=set_by(str(row.get("rule") or "")))


def _proposed(folder: RunFolder) -> dict[str, dict[str, Any]]:
    """The rows of ``tiers.parquet`` that wait for a signature, by subject id."""
    rows = [{str(name): value for name, value in row.items()} for row in folder.frame("tiers").to_dict("records")]
    return {row["subject_id"]: row for row in rows if row["status"] == "proposed"}
