"""Tiers of a run: scores, policy, the run before, signatures, and subjects that have no score (未评)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import ibis
import pandas as pd
import pyarrow as pa

from creditscore.batch import read_parquet
from creditscore.pipeline.signatures import signatures
from creditscore.tiering.assign import assign_tiers
from creditscore.tiering.tiers import Tiers

if TYPE_CHECKING:
    from creditscore.config.policy import TierPolicy
    from creditscore.features.spine import Spine
    from creditscore.pipeline.folder import RunFolder
    from creditscore.records.records import Records

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
