"""Tiers of a run: scores, policy, the run before, signatures, and subjects that have no score (未评)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import ibis
import pandas as pd
import pyarrow as pa

from creditscore import storage
from creditscore.errors import DataError
from creditscore.pipeline.run_folder import RunFolder
from creditscore.reporting.readback import read_decisions
from creditscore.storage import Ledger, read_parquet
from creditscore.tiering.assignment import assign_tiers
from creditscore.tiering.signatures import Review, append_reviews, grounds_hash, read_reviews
from creditscore.tiering.tiers import Tiers

if TYPE_CHECKING:
    from creditscore.config.policy import TierPolicy
    from creditscore.features.spine import Spine
    from creditscore.pipeline.run_folder import RunFolder
    from creditscore.records.records import Records

_FILE, _STEP = "reviews.jsonl", "signatures"


def signatures(folder: RunFolder) -> tuple[Review, ...]:
    """The signatures given in a run, in their order.

    Raises:
        DataError: A line was changed, removed or added, or the last ones are gone.
    """
    noted = _ledger(folder).done(folder.as_of.isoformat(), _STEP)
    if noted is not None and noted not in {line["hash"] for line in storage.read(folder.file(_FILE))}:
        raise DataError(
            "{as_of}/{FILE}: expected the signature that was given last (lines were cut off)", as_of=folder.as_of, FILE=_FILE
        )
    return read_reviews(folder.file(_FILE))


def add_signatures(folder: RunFolder, reviews: Sequence[Review]) -> None:
    """Sign proposed tiers of a run; all of them or none.

    Raises:
        DataError: A signature is older than the tiers it signs; or see :func:`signatures` and
            :func:`creditscore.tiering.signatures.append_reviews`.
    """
    signatures(folder)
    early = [one for one in reviews if one.on < folder.as_of]
    if early:
        raise DataError(
            "sign: expected a day on or after {as_of}, that of the tiers (got {on})", as_of=folder.as_of, on=early[0].on
        )
    if reviews:
        head = append_reviews(folder.file(_FILE), reviews)
        _ledger(folder).finish(folder.as_of.isoformat(), _STEP, head)


def _ledger(folder: RunFolder) -> Ledger:
    return Ledger(folder.path.resolve().parent / ".ledger.sqlite")


def sign_subjects(
    run: str | Path,
    subject_ids: list[str],
    *,
    reviewer: str,
    reason: str,
    on: dt.date,
    decision: Literal["approve", "reject"] = "approve",
) -> int:
    """Sign the proposed tiers of some subjects; the next ``run`` of that day lets them hold. Returns how many.

    Raises:
        DataError: A subject has no proposed tier in this run.
    """
    folder = RunFolder.opened(run)
    if not subject_ids:
        raise DataError("sign: expected subjects to sign (got none)")
    rows = _proposed(folder)
    unknown = [one for one in subject_ids if one not in rows]
    if unknown:
        raise DataError(
            "sign: expected subjects with a proposed tier in {name} (got {unknown})",
            name=folder.path.name,
            unknown=", ".join(unknown[:5]),
        )
    hashes = {one: grounds_hash(rows[one]) for one in subject_ids}
    add_signatures(folder, [Review(one, decision, reviewer, reason, hashes[one], on) for one in subject_ids])
    return len(subject_ids)


def sign_workbook(run: str | Path, workbook: Path) -> int:
    """Sign every row of 待复核 that has a decision. All rows are good, or none is signed. Returns how many.

    Raises:
        DataError: A cell cannot be read, or its grounds have changed since; the message names it (``待复核!O7``).
    """
    folder = RunFolder.opened(run)
    rows = _proposed(folder)
    told = read_decisions(workbook).to_dict("records")
    for one in told:
        if one["subject_id"] not in rows:
            raise DataError("{cell}: expected a subject with a proposed tier in this run", cell=one["cell"])
        if one["grounds_hash"] != grounds_hash(rows[one["subject_id"]]):
            raise DataError("{cell}: the grounds have changed since this sheet was written; sign a new one", cell=one["cell"])
    keys = ("subject_id", "decision", "reviewer", "reason", "grounds_hash", "on")
    add_signatures(folder, [Review(**{key: one[key] for key in keys}) for one in told])
    return len(told)


def _proposed(folder: RunFolder) -> dict[str, dict[str, Any]]:
    """The rows of tiers that wait for a signature, by subject id."""
    rows = [{str(key): value for key, value in row.items()} for row in read_tiers(folder).to_dict("records")]
    return {row["subject_id"]: row for row in rows if row["status"] == "proposed"}


_USCC = 18
_TEXT = pa.string()
_SCHEMA = pa.schema(
    {
        "subject_id": _TEXT, "as_of": pa.date32(), "industry": _TEXT, "score": pa.int32(), "raw_tier": _TEXT, "tier": _TEXT,
        "previous_tier": _TEXT, "rule": _TEXT, "status": _TEXT, "reviewer": _TEXT, "evidence": _TEXT, "waiting_since": pa.date32(),
    }
)  # fmt: skip


def tier_subjects(
    records: Records, scores: pa.Table, unrated: pd.DataFrame, policy: TierPolicy, folder: RunFolder, *, as_of: dt.date
) -> Tiers:
    """Every subject in scope with its tier; signatures come from the run's own ``reviews.jsonl`` and those before it."""
    before = folder.before()
    previous = read_tiers(before) if before else None
    reviews = [*(signatures(before) if before else ()), *signatures(folder)]
    return assign_tiers(scores, policy, previous=previous, records=records, subjects=unrated, reviews=reviews, as_of=as_of)


def unrated_subjects(records: Records, spine: Spine, scores: pa.Table) -> pd.DataFrame:
    """Subjects that belong in a tier and have no score: quarantined ones, and those no card serves.

    One row each: subject_id, industry, subject_type, reason. A typo in a code is no exemption.
    """
    scored = set(scores["subject_id"].to_pylist())
    rows = spine.frame
    uncarded = rows[~rows["subject_id"].isin(scored)]
    parts = [pd.DataFrame({"subject_id": uncarded["subject_id"], "industry": uncarded["industry"], "reason": "no_card"})]
    rejects = records.rejects.to_pandas()
    bad = rejects[rejects["table"] == "subjects"]
    known = set(records.engine.query(records.table("subject_index").select("subject_id"))["subject_id"].to_pylist())
    # The key is the id and the day of the version; what could not stand in a ticket is listed in the rejects only.
    ids = bad["key"].str.rsplit("|", n=1).str[0]
    quarantined = pd.DataFrame({"subject_id": ids, "industry": None, "reason": bad["code"]})
    usable = quarantined["subject_id"].map(lambda text: _ticketable(text, records)) & ~quarantined["subject_id"].isin(known)
    parts.append(quarantined[usable].drop_duplicates("subject_id"))
    return pd.concat(parts, ignore_index=True).sort_values("subject_id").reset_index(drop=True)


def _ticketable(text: str, records: Records) -> bool:
    """Whether an id can stand in a frame: printable, without ``|``, and not of a body (GB 32100: authority 1, 机构编制)."""
    body = records.project.sources.id_scheme == "uscc" and text.startswith("1") and len(text) == _USCC
    return bool(text) and text.isprintable() and "|" not in text and not body


def subjects_in(records: Records, as_of: dt.date) -> dict[str, int]:
    """Subjects of the register by whether they were known on a day: ``known`` and ``not_yet_known``."""
    engine = records.engine
    everyone = records.table("subject_index")
    known = records.versions_on(as_of)
    all_of_them = engine.query(everyone.aggregate(n=everyone.count()))["n"][0].as_py()
    seen = engine.query(known.aggregate(n=ibis._.count()))["n"][0].as_py()
    return {"known": seen, "not_yet_known": all_of_them - seen}


def tiers_table(tiers: Tiers) -> pa.Table:
    """The rows of ``tiers.parquet``, by subject id."""
    frame = tiers.frame.sort_values("subject_id")
    columns = {field.name: _column(frame[field.name], field.type) for field in _SCHEMA}
    return pa.table(columns, schema=_SCHEMA)


def read_tiers(folder: RunFolder) -> pd.DataFrame:
    """The tiers of a finished run as pandas."""
    frame: pd.DataFrame = read_parquet(folder.file("tiers.parquet")).to_pandas(date_as_object=True)
    return frame


def _column(values: pd.Series, kind: pa.DataType) -> pa.Array:
    cells = [None if value is None or pd.isna(value) else value for value in values.tolist()]
    if pa.types.is_date(kind):
        cells = [None if cell is None else pd.Timestamp(cell).date() for cell in cells]
    if pa.types.is_integer(kind):
        cells = [None if cell is None else int(cell) for cell in cells]
    return pa.array(cells, kind)
