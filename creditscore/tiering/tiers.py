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
from creditscore.vocabulary import PROPOSED, RISKIEST, RISKIEST_UNSIGNED, SHOWN_ORDER, TIER_ORDER, TIERS

#: A tier as a number: the larger, the riskier. 未评 (NR) and "no tier" are outside that order.
Codes = npt.NDArray[np.int8]
UNRATED = -1
NO_TIER = -2
_RISKIEST, _UNSIGNED = TIERS.index(RISKIEST), TIERS.index(RISKIEST_UNSIGNED)

_TEXT = pa.string()
#: The columns of ``tiers.parquet``, one row per subject in scope, by subject_id; see :class:`Tiers` for what they mean.
TIER_SCHEMA = pa.schema(
    {
        "subject_id": _TEXT, "as_of": pa.date32(), "industry": _TEXT, "score": pa.int32(), "raw_tier": _TEXT, "tier": _TEXT,
        "previous_tier": _TEXT, "rule": _TEXT, "status": _TEXT, "reviewer": _TEXT, "evidence": _TEXT, "waiting_since": pa.date32(),
        "whole_tier": _TEXT, "incomplete_since": pa.date32(), "signed_tier": _TEXT, "grounds": _TEXT, "exit_on": pa.date32(),
        "score_tier": _TEXT, "score_since": pa.date32(),
    }
)  # fmt: skip
#: The columns of ``asked.parquet``, one row per proposed subject and record that stands, by subject and record: ``rests_on``
#: says which ones the signature will rest on.
ASKED_SCHEMA = pa.schema(
    {
        "subject_id": _TEXT, "event_id": _TEXT, "kind": _TEXT, "event_date": pa.date32(), "document_no": _TEXT,
        "disputed": pa.bool_(), "rests_on": pa.bool_(),
    }
)  # fmt: skip


@dataclass(frozen=True)
class Tiers:
    """One row per subject in scope, by subject_id.

    The columns of ``frame`` are those of :data:`TIER_SCHEMA`: ``raw_tier`` (what cuts and overrides say today, of overrides
    without the records that a person has refused as their grounds), ``tier`` (what holds and is drawn from), ``previous_tier``
    (that of the run before; through NR the last one rated), ``rule`` and ``evidence`` (what decided and on which grounds, each
    the text of a :class:`creditscore.vocabulary.Reason`), ``status`` (``proposed`` until a person signs, else ``final``),
    ``reviewer``, ``waiting_since`` (from when a better tier counts its months), ``incomplete_since`` (from when adverse records
    of the subject, or its own row of the register, are refused) and ``whole_tier`` (the tier of the last night before that,
    better than which it may not be; missing without such a night), ``grounds`` (the records behind a decision, or behind what is
    to be signed, each with a digest of its values), ``signed_tier`` (the tier on which ``reviewer`` has decided on them; with the
    rule ``review:rejected`` the one that was refused), ``exit_on`` (when a record left whose end could not act yet),
    ``score_tier`` (what the cuts alone say; that of the last night in which they could) and ``score_since`` (since when they say
    it without a break). In which tier a subject is drawn, and how it is counted, say :func:`drawn_tiers` and :func:`shown_tiers`.

    Attributes:
        frame: The rows.
        achieved: What the cuts gave, see :func:`creditscore.tiering.cuts.achieved`.
        subjects: The register on that day, where it was at hand (names, regions, types).
        asked: The records of those who are proposed, for the signer: the columns of :data:`ASKED_SCHEMA`.
    """

    frame: pd.DataFrame
    achieved: pd.DataFrame = field(default_factory=pd.DataFrame)
    subjects: pd.DataFrame | None = None
    asked: pd.DataFrame = field(default_factory=pd.DataFrame)

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
        """Subjects by the tier that holds, in the order of ``TIER_ORDER``; tiers without subjects are 0."""
        return self.frame["tier"].value_counts().reindex(list(TIER_ORDER), fill_value=0).astype(int).rename("subjects")

    def shown(self) -> pd.Series[int]:
        """Subjects as people count them, in the order of ``SHOWN_ORDER``: those proposed for D are in no other tier."""
        shown = pd.Series(shown_tiers(self.frame), dtype=object)
        return shown.value_counts().reindex(list(SHOWN_ORDER), fill_value=0).astype(int).rename("subjects")

    def migration(self) -> pd.DataFrame:
        """Subjects by earlier tier (rows; ``new`` for those without) and tier now (columns)."""
        before = self.frame["previous_tier"].astype(object).where(self.frame["previous_tier"].notna(), "new")
        table = pd.crosstab(before, self.frame["tier"])
        return table.reindex(index=[*TIER_ORDER, "new"], columns=list(TIER_ORDER), fill_value=0)

    def proposed(self) -> pd.DataFrame:
        """The rows that wait for a signature, with ``grounds_hash``: what the reviewer signs."""
        waiting = self.frame[self.frame["status"] == "proposed"].reset_index(drop=True)
        hashes = [grounds_hash({str(name): cell for name, cell in row.items()}) for row in waiting.to_dict("records")]
        return waiting.assign(grounds_hash=pd.Series(hashes, dtype=object, index=waiting.index))


def _raw_proposed(frame: pd.DataFrame) -> Codes:
    """The tier that each row puts to a person; ``NO_TIER`` where it puts none."""
    raw = tier_codes(texts(frame, "raw_tier"))
    return np.where(texts(frame, "status") == "proposed", raw, NO_TIER).astype(np.int8)


def drawn_tiers(frame: pd.DataFrame) -> Texts:
    """In which tier each row of tiers is drawn: the only place that says so.

    In the tier that holds. Whoever is proposed for a riskier one is drawn until a person has signed in the riskiest that needs
    no signature: in C if D is proposed, whatever the tier was; in B if it is C by two steps. So nobody is seen less because
    a signature is missing.
    """
    tier, proposed = tier_codes(texts(frame, "tier")), _raw_proposed(frame)
    waiting = np.where(proposed == _RISKIEST, _UNSIGNED, proposed - 1)
    counted = (proposed == _RISKIEST) | ((tier >= 0) & (proposed > tier))
    return tier_names(np.where(counted, np.maximum(tier, waiting), tier).astype(np.int8))


def shown_tiers(frame: pd.DataFrame) -> Texts:
    """How each row of tiers is counted for people: ``D?`` where D is proposed and not signed, else the tier that holds."""
    proposed = (_raw_proposed(frame) == _RISKIEST) & (tier_codes(texts(frame, "tier")) != _RISKIEST)
    return np.where(proposed, PROPOSED, texts(frame, "tier"))


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
