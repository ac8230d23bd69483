"""The tiers of the run before, in the order of today's subjects."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.dataframes import Flags, Texts, as_frame, date_column, texts, unique_ids
from creditscore.errors import DataError
from creditscore.tiering.grounds import grounds_text
from creditscore.tiering.signatures import grounds_hash, set_by
from creditscore.tiering.tiers import NO_TIER, UNRATED, Codes, tier_codes, tier_names
from creditscore.vocabulary import RISKIEST, TIERS, Reason

DISPUTE, INCOMPLETE, ENDED, REJECTED = (
    str(Reason(kind)) for kind in ("dispute", "incomplete", "override_ended", "review_rejected")
)
#: Rules that hold a tier as it was, with the evidence and the signature behind it.
HOLDS = (DISPUTE, INCOMPLETE)
_WAITS, _RISKIEST = str(Reason("stability")), TIERS.index(RISKIEST)


@dataclass(frozen=True)
class Previous:
    """The tiers of the run before, in the order of today's subjects; for a new subject ``NO_TIER`` and empty texts."""

    tier: Codes
    raw: Codes
    rule: Texts
    status: Texts
    reviewer: Texts
    evidence: Texts
    since: npt.NDArray[np.datetime64]
    #: The tier of the last night in which the adverse records were read whole, and from when they are not (missing: they are).
    whole: Codes
    incomplete_since: npt.NDArray[np.datetime64]
    #: The tier on which ``reviewer`` has decided; and the records behind it, or behind what is proposed (None: not known).
    signed: Codes
    grounds: Texts
    #: When a record left whose end could not act yet.
    exit_on: npt.NDArray[np.datetime64]
    #: What the score alone said last, and from when.
    score_tier: Codes
    score_since: npt.NDArray[np.datetime64]
    #: The hash of what each row put to a person.
    asked: Callable[[int], str]
    #: The day of the run before; None where there is none.
    as_of: dt.date | None
    #: Whether the run before says which records its signatures rest on; earlier versions did not.
    tells_grounds: bool

    @classmethod
    def of(cls, ids: pd.Index, previous: Any, *, as_of: dt.date) -> Previous:
        """The earlier tiers of these subjects.

        Args:
            ids: Today's subjects.
            previous: A ``Tiers``, or a frame with ``subject_id`` and ``tier`` and, as far as it has them,
                ``previous_tier``, ``raw_tier``, ``rule``, ``status``, ``reviewer``, ``evidence``, ``waiting_since``,
                ``whole_tier``, ``incomplete_since``, ``signed_tier``, ``grounds``, ``exit_on``, ``score_tier`` and
                ``score_since``. Where it does not say what the score said, as runs of earlier versions do not, that is the raw
                tier which no override set, on its day.
            as_of: Today.

        Raises:
            DataError: They are of a later day than today.
        """
        empty = pd.DataFrame({"subject_id": [], "tier": []}, dtype=object)
        frame = empty if previous is None else as_frame(previous, needs=["subject_id", "tier"], what="previous tiers")
        days = date_column(frame, "as_of")
        later = days > np.datetime64(as_of, "D")
        if later.any():
            raise DataError(
                "previous tiers: expected those of {as_of} or before ({n_later} rows are of a later day)",
                as_of=as_of,
                n_later=int(later.sum()),
            )
        rows = unique_ids(frame, what="previous tiers").get_indexer(ids)

        def aligned(values: npt.NDArray[Any], missing: Any) -> npt.NDArray[Any]:
            return np.append(values, np.array([missing], dtype=values.dtype))[rows]  # -1, a new subject, picks the last

        tier, before = tier_codes(texts(frame, "tier")), tier_codes(texts(frame, "previous_tier"))
        # Nobody sheds a tier by not being rated for a while: the last one lasts until the subject is rated again.
        tier = np.where((tier == UNRATED) & (before >= 0), before, tier)
        incomplete = date_column(frame, "incomplete_since")
        tells = "grounds" in frame.columns
        grounds = texts(frame, "grounds") if tells else _older_grounds(texts(frame, "evidence"))
        names = ("subject_id", "raw_tier", "grounds", "evidence")
        cells = {name: texts(frame, name) for name in names}
        score_tier, score_since = _scores(frame, days)
        return cls(
            tier=aligned(tier, NO_TIER),
            raw=aligned(tier_codes(texts(frame, "raw_tier")), NO_TIER),
            rule=aligned(texts(frame, "rule"), ""),
            status=aligned(texts(frame, "status"), ""),
            reviewer=aligned(texts(frame, "reviewer"), ""),
            evidence=aligned(texts(frame, "evidence"), ""),
            since=aligned(date_column(frame, "waiting_since"), np.datetime64("NaT", "D")),
            whole=aligned(np.where(np.isnat(incomplete), tier, tier_codes(texts(frame, "whole_tier"))), NO_TIER),
            incomplete_since=aligned(incomplete, np.datetime64("NaT", "D")),
            signed=aligned(tier_codes(texts(frame, "signed_tier")), NO_TIER),
            grounds=aligned(grounds, ""),
            exit_on=aligned(date_column(frame, "exit_on"), np.datetime64("NaT", "D")),
            score_tier=aligned(score_tier, NO_TIER),
            score_since=aligned(score_since, np.datetime64("NaT", "D")),
            asked=lambda row: grounds_hash({name: cells[name][rows[row]] for name in names}) if rows[row] >= 0 else "",
            as_of=None if np.isnat(days).all() else pd.Timestamp(np.nanmax(days)).date(),
            tells_grounds=tells,
        )

    def keeps_grounds(self) -> Flags:
        """Whose earlier evidence and signature still say why the tier is what it is, so that a hold keeps them in sight.

        Not those whose tier is not what cuts and overrides said: their evidence is that of another tier.
        """
        kept: Flags = ((self.raw == self.tier) & (self.rule != REJECTED)) | np.isin(self.rule.astype(str), HOLDS)
        return kept

    def was_held_down(self, policy: TierPolicy) -> Flags:
        """Who was held down by a worsening override: of the run before, of a hold since then, or ended and not yet signed."""
        lifting = [one.reason for one in policy.override if one.bound == "at_most"]

        def worsens(text: str) -> bool:
            ground = Reason.parse(text)
            return ground.kind == "override" and not any(ground.is_of(reason) for reason in lifting)

        ground = np.where(np.isin(self.rule.astype(str), HOLDS), self.evidence, self.rule)
        worsening = {text for text in set(ground) if worsens(text)}
        by_override = np.array([text in worsening for text in ground], dtype=bool)
        held: Flags = by_override | ((self.rule == ENDED) & (self.status == "proposed"))
        return held

    def decisions(self) -> pd.DataFrame:
        """The decisions that the run before holds.

        Columns: ``row, decision, reviewer, raw`` (the tier), ``grounds``, ``by`` (what had set it) and ``on`` (the day of the run).
        """
        rejected = (self.rule == REJECTED) & (self.status == "final") & (self.reviewer != "")
        refused = np.where(self.signed >= 0, self.signed, self.raw)  # earlier versions: the raw tier
        if self.tells_grounds:
            approved, raw = (self.signed >= 0) & (self.status != "") & ~rejected, self.signed
        else:
            # A hold that is over leaves the tier that was signed before it; who waited to leave D had signed D once.
            held = np.isin(self.rule.astype(str), HOLDS)
            waits = (self.tier == _RISKIEST) & (np.isin(self.rule.astype(str), (*HOLDS, ENDED, _WAITS)) | (self.raw == UNRATED))
            approved = (self.status == "final") & ((self.reviewer != "") | waits) & ~rejected
            raw = np.where(held | waits, self.tier, self.raw)
        parts = [
            pd.DataFrame(
                {
                    "row": np.flatnonzero(chosen),
                    "decision": decision,
                    "reviewer": self.reviewer[chosen],
                    "raw": tiers[chosen],
                    "grounds": self.grounds[chosen],
                    "by": np.array([set_by(text) for text in self.evidence[chosen]], dtype=object),
                    "on": pd.Timestamp(self.as_of) if self.as_of else pd.NaT,
                }
            )
            for decision, chosen, tiers in (("approve", approved, raw), ("reject", rejected, refused))
        ]
        return pd.concat(parts, ignore_index=True).astype({"on": "datetime64[s]"})

    def put_to_a_person(self, row: int) -> tuple[str, str, str | None]:
        """What a row asked to be signed: its hash, its raw tier and its grounds."""
        return self.asked(row), str(tier_names(self.raw[row : row + 1])[0] or ""), self.grounds[row]


def _older_grounds(evidence: Texts) -> Texts:
    """Of texts of earlier versions: the records of an override, with any values; None behind a score, which named none."""
    by_text: dict[str, str | None] = {}
    for text in set(evidence):
        reason = Reason.parse(text)
        if reason.kind == "override":
            by_text[text] = grounds_text((item, "") for item in (reason.items or (reason.ground,)))
        else:
            by_text[text] = None if text else ""
    return np.array([by_text[text] for text in evidence], dtype=object)


def _scores(frame: pd.DataFrame, days: npt.NDArray[np.datetime64]) -> tuple[Codes, npt.NDArray[np.datetime64]]:
    """What the score alone said in each row, and from when."""
    if "score_tier" in frame.columns:
        return tier_codes(texts(frame, "score_tier")), date_column(frame, "score_since")
    evidence = texts(frame, "evidence")
    by_override = pd.Series(evidence, dtype=object).isin([text for text in set(evidence) if set_by(text) == "override"]).to_numpy()
    return np.where(by_override, NO_TIER, tier_codes(texts(frame, "raw_tier"))).astype(np.int8), days
