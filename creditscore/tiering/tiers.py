"""The tiers of one day as a frame, and the tables that show what changed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from creditscore.dataframes import Texts, as_frame, texts, unique_ids
from creditscore.errors import DataError
from creditscore.tiering.signatures import grounds_hash
from creditscore.vocabulary import TIER_ORDER, TIERS

#: A tier as a number: the larger, the riskier. 未评 (NR) and "no tier" are outside that order.
Codes = npt.NDArray[np.int8]
UNRATED = -1
NO_TIER = -2

_TEXT = pa.string()
#: The columns of ``tiers.parquet``, one row per subject in scope, by subject_id; see :class:`Tiers` for what they mean.
TIER_SCHEMA = pa.schema(
    {
        "subject_id": _TEXT, "as_of": pa.date32(), "industry": _TEXT, "score": pa.int32(), "raw_tier": _TEXT, "tier": _TEXT,
        "previous_tier": _TEXT, "rule": _TEXT, "status": _TEXT, "reviewer": _TEXT, "evidence": _TEXT, "waiting_since": pa.date32(),
        "whole_tier": _TEXT, "incomplete_since": pa.date32(),
    }
)  # fmt: skip


@dataclass(frozen=True)
class Tiers:
    """One row per subject in scope, by subject_id.

    The columns of ``frame`` are those of :data:`TIER_SCHEMA`: ``raw_tier`` (what cuts and overrides say today), ``tier``
    (what holds and is drawn from), ``previous_tier`` (that of the run before; through NR the last one rated), ``rule`` and
    ``evidence`` (what decided and on which grounds, each the text of a :class:`creditscore.vocabulary.Reason`), ``status``
    (``proposed`` until a person signs, else ``final``), ``reviewer``, ``waiting_since`` (from when a better tier counts its
    months), ``incomplete_since`` (from when adverse records of the subject, or its own row of the register, are refused) and
    ``whole_tier`` (the tier of the last night before that, better than which it may not be; missing without such a night).

    Attributes:
        frame: The rows.
        achieved: What the cuts gave, see :func:`creditscore.tiering.cuts.achieved`.
        subjects: The register on that day, where it was at hand (names, regions, types).
    """

    frame: pd.DataFrame
    achieved: pd.DataFrame = field(default_factory=pd.DataFrame)
    subjects: pd.DataFrame | None = None

    @property
    def as_of(self) -> dt.date:
        """The day of the tiers.

        Raises:
            DataError: The rows are of several days, or there are none.
        """
        days = pd.to_datetime(self.frame["as_of"]).dt.date.unique()
        if len(days) != 1:
            raise DataError("tiers: expected one as_of (got {n_days})", n_days=len(days))
        day: dt.date = days[0]
        return day

    def counts(self) -> pd.Series[int]:
        """Subjects by tier, in the order of ``TIER_ORDER``; tiers without subjects are 0."""
        return self.frame["tier"].value_counts().reindex(list(TIER_ORDER), fill_value=0).astype(int).rename("subjects")

    def migration(self) -> pd.DataFrame:
        """Subjects by earlier tier (rows; ``new`` for those without) and tier now (columns)."""
        before = self.frame["previous_tier"].astype(object).where(self.frame["previous_tier"].notna(), "new")
        table = pd.crosstab(before, self.frame["tier"])
        return table.reindex(index=[*TIER_ORDER, "new"], columns=list(TIER_ORDER), fill_value=0)

    def proposed(self) -> pd.DataFrame:
        """The rows that wait for a signature, with ``grounds_hash``: what the reviewer signs."""
        waiting = self.frame[self.frame["status"] == "proposed"].reset_index(drop=True)
        parts = zip(waiting["subject_id"], waiting["raw_tier"], waiting["evidence"], strict=True)
        hashes = [grounds_hash({"subject_id": subject, "raw_tier": raw, "evidence": why}) for subject, raw, why in parts]
        return waiting.assign(grounds_hash=pd.Series(hashes, dtype=object, index=waiting.index))


def as_tiers(tiers: Any) -> Tiers:
    """Tiers from what a caller has: a :class:`Tiers`, or a frame of ``tiers.parquet``.

    Raises:
        DataError: A column is missing, a subject occurs twice, or a tier is none.
    """
    if isinstance(tiers, Tiers):
        return tiers
    frame = as_frame(tiers, needs=["subject_id", "as_of", "industry", "tier"], what="tiers")
    unique_ids(frame, what="tiers")
    strange = sorted(set(texts(frame, "tier")) - set(TIER_ORDER))
    if strange:
        raise DataError("tiers: tier: expected one of {tiers} (got {strange!r})", tiers=", ".join(TIER_ORDER), strange=strange[0])
    return Tiers(frame)


def tier_codes(names: Texts) -> Codes:
    """Names of tiers as numbers; ``NR`` is :data:`UNRATED`, an empty text :data:`NO_TIER`.

    Raises:
        DataError: A text is not a tier.
    """
    known: dict[str, int] = {**{name: code for code, name in enumerate(TIERS)}, "NR": UNRATED, "": NO_TIER}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise DataError("tier: expected one of {tiers} (got {unknown!r})", tiers=", ".join(TIER_ORDER), unknown=unknown[0])
    return np.array([known[name] for name in names], dtype=np.int8)


def tier_names(codes: Codes) -> Texts:
    """Numbers as names of tiers; ``None`` where there is none."""
    names = np.array([*TIERS, None, "NR"], dtype=object)  # -2 and -1 count from the end
    return names[codes.astype(np.int64)]
