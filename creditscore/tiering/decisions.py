"""What persons have decided about tiers: which of their decisions last today, and what they have refused.

An approval lasts while every record that it rests on stands with its own values; records that came later end none. A refusal
takes the records that it names from the grounds of its tier, as long as they keep their values; what else there is counts. A
decision on a tier by score that rests on no record ends when that tier is left: an approval with the tier itself, a refusal when
the score no longer says it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from creditscore.dataframes import Flags, Texts
from creditscore.tiering.grounds import NO_RECORDS, Standing, parse_grounds
from creditscore.tiering.signatures import Review, grounds_hash
from creditscore.tiering.tiers import NO_TIER, Codes, tier_codes, tier_names

_GIVEN = ["row", "decision", "reviewer", "raw", "grounds", "by", "on"]


@dataclass(frozen=True)
class Decisions:
    """One decision for each subject: ``approve``, ``reject`` or ``""``, by whom, on which tier (``NO_TIER``) and records."""

    decision: Texts
    reviewer: Texts
    grounds: Texts
    tier: Codes

    @classmethod
    def of(cls, rows: pd.DataFrame, size: int) -> Decisions:
        """From rows with at most one decision for each of ``size`` subjects."""
        at = rows["row"].to_numpy(dtype=np.int64)

        def column(name: str) -> Texts:
            cells = np.full(size, "", dtype=object)
            cells[at] = rows[name].fillna("").to_numpy(dtype=object)
            return cells

        tier = np.full(size, NO_TIER, dtype=np.int8)
        tier[at] = rows["raw"].to_numpy(dtype=np.int8)
        return cls(column("decision"), column("reviewer"), column("grounds"), tier)


@dataclass(frozen=True)
class ScoreSpell:
    """Since when the cuts have said the tier that they say today (``tier``, ``since``), nights left out that say nothing."""

    tier: Codes
    since: npt.NDArray[np.datetime64]

    @classmethod
    def of(cls, cut: Codes, silent: Flags, past_tier: Codes, past_since: npt.NDArray[np.datetime64], as_of: dt.date) -> ScoreSpell:
        """Go on from the run before.

        Args:
            cut: What the cuts say today.
            silent: Of whom they say nothing for sure: without a score, or with records that could not be read.
            past_tier: What they said in the run before.
            past_since: Since when.
            as_of: Today.
        """
        goes_on = (silent & (past_tier >= 0)) | ((cut == past_tier) & (cut >= 0))
        since = np.where(goes_on & ~np.isnat(past_since), past_since, np.datetime64(as_of, "D"))
        return cls(np.where(goes_on, past_tier, cut).astype(np.int8), since)


@dataclass(frozen=True)
class SignatureBook:
    """All decisions on some subjects, oldest first, and which of them last today.

    Attributes:
        rows: ``row`` (of the subject), ``decision``, ``reviewer``, ``raw`` (the tier that was decided on, as a number),
            ``grounds`` (text), ``place`` (their order) and ``lasts``: an approval is in force; a refusal holds, as far as its
            tier is proposed on nothing else.
        records: One row per decision and record that it names: ``row``, ``place``, ``record``, ``raw``, ``decision``, ``by``
            (what had set the tier: ``score``, ``override``, ``""`` for nobody knows), and ``same``: the record stands with the
            values that it had.
        size: How many subjects there are.
    """

    rows: pd.DataFrame
    records: pd.DataFrame
    size: int

    @classmethod
    def of(
        cls, ids: pd.Index, earlier: pd.DataFrame, reviews: Sequence[Review], stands: Standing, raw: Codes, grounds: Texts,
        asked_before: Callable[[int], tuple[str, str, str | None]], left: Flags, wanted: Flags, spell: ScoreSpell,
    ) -> SignatureBook:  # fmt: skip
        """The decisions of the run before and of the register, in this order.

        Args:
            ids: Today's subjects.
            earlier: Decisions that the run before holds: ``row, decision, reviewer, raw, grounds, by, on`` (its day); ``grounds``
                missing or ``""`` where an earlier version did not say on which records.
            reviews: The signatures, oldest first.
            stands: Today's records.
            raw: Today's tiers by cuts and overrides.
            grounds: What they rest on.
            asked_before: What the run before put to a person, by the position of the subject: the hash of its row, its raw
                tier and its grounds, None where nobody knows them.
            left: Who lost a record since: ends the decisions of which nobody knows on which records they rest.
            wanted: Whose decisions are asked for.
            spell: Since when the cuts have said what they say.
        """
        given = _given(ids, reviews, raw, grounds, asked_before, wanted)
        own = earlier[wanted[earlier["row"].to_numpy(dtype=np.int64)]]
        rows = pd.concat([own, given], ignore_index=True)
        rows["place"] = np.arange(len(rows))
        row, told = rows["row"].to_numpy(dtype=np.int64), rows["grounds"].fillna("") != ""
        records = _with_today(_exploded(rows[told]), rows, stands)
        broken = set(records.loc[~records["same"] & ~stands.untold[records["row"].to_numpy(dtype=np.int64)], "place"])
        of_records = ~rows["place"].isin(broken) | (rows["decision"] == "reject")
        lasts = np.select([~told, rows["grounds"] == NO_RECORDS], [~left[row], _goes_on(rows, len(own), spell)], of_records)
        return cls(rows.assign(lasts=lasts.astype(bool)), records, len(ids))

    def approved(self, tier: Codes) -> Decisions:
        """The approval of each subject's tier, where it lasts and nobody has decided otherwise on that tier since."""
        last = _last_on(self.rows, tier)
        return Decisions.of(last[last["lasts"].astype(bool) & (last["decision"] == "approve")], self.size)

    @property
    def refusing(self) -> Flags:
        """About whom a person has refused anything."""
        flags = np.zeros(self.size, dtype=bool)
        flags[self.rows.loc[self.rows["decision"] == "reject", "row"].to_numpy(dtype=np.int64)] = True
        return flags

    def refused_records(self) -> pd.DataFrame:
        """The records that a person has refused as grounds of a tier: ``row``, ``tier``, ``record``."""
        return self._last_words().rename(columns={"raw": "tier"})[["row", "tier", "record"]]

    def refused_by_score(self, cut: Codes, grounds: Texts) -> Flags:
        """Whose tier by the cuts a person has refused: it rests on records alone that were refused so, or on none as it did then.

        Args:
            cut: The tiers by the cuts.
            grounds: The records behind them, as text; ``""`` for whom they are not known. Only those of ``refusing`` matter.
        """
        flags = self._all_refused(cut, grounds)
        unknown = self.rows["grounds"].fillna("")
        for text, where in ((NO_RECORDS, grounds == NO_RECORDS), ("", grounds != "")):
            last = _last_on(self.rows[unknown == text], cut)
            at = last.loc[(last["decision"] == "reject") & last["lasts"].astype(bool), "row"].to_numpy(dtype=np.int64)
            flags[at] |= where[at]
        refused: Flags = flags & (cut >= 0) & (self.approved(cut).decision != "approve")
        return refused

    def refusals(self, tier: Codes) -> Decisions:
        """The last refusal of each subject's tier that still takes something from its grounds."""
        unnamed = ~self.rows["place"].isin(self.records["place"]) & self.rows["lasts"].astype(bool)
        in_force = self.rows["place"].isin(self._last_words()["place"]) | unnamed
        return Decisions.of(_last_on(self.rows[in_force & (self.rows["decision"] == "reject")], tier), self.size)

    def _last_words(self, *, on_score: bool = False) -> pd.DataFrame:
        """The last decision on each tier that names each record, where it is a refusal and the record is the same.

        Who refuses what an override makes of a record says nothing about the score; who approves a tier by score gives no
        override its record back.

        Args:
            on_score: Of refusals those only that speak of the score.
        """
        by, refuses = self.records["by"], self.records["decision"] == "reject"
        spoken = by != "override" if on_score else (by != "score") | refuses
        last = self.records[spoken].groupby(["row", "raw", "record"]).tail(1)
        return last[(last["decision"] == "reject") & last["same"].astype(bool)]

    def _all_refused(self, cut: Codes, grounds: Texts) -> Flags:
        """Whose tier by the cuts rests on some records, all of them refused as grounds of it."""
        told = np.flatnonzero((grounds != "") & (grounds != NO_RECORDS))
        named = _exploded(pd.DataFrame({"row": told, "place": 0, "grounds": grounds[told]}))
        row = named["row"].to_numpy(dtype=np.int64)
        own = pd.MultiIndex.from_arrays([row, cut[row].astype(np.int64), named["record"]])
        words = self._last_words(on_score=True)[["row", "raw", "record"]]
        known = own.isin(pd.MultiIndex.from_frame(words.astype({"raw": np.int64})))
        flags = np.zeros(self.size, dtype=bool)
        flags[row] = True
        flags[row[~known]] = False
        return flags


def _last_on(rows: pd.DataFrame, tier: Codes) -> pd.DataFrame:
    """The last decision on each subject's tier."""
    own = rows[rows["raw"].to_numpy() == tier[rows["row"].to_numpy(dtype=np.int64)]]
    last: pd.DataFrame = own.groupby("row").tail(1)
    return last


def _goes_on(rows: pd.DataFrame, carried: int, spell: ScoreSpell) -> Flags:
    """Which decisions on a tier by score alone last: the run before holds them, or the score says the same since they were made.

    Args:
        rows: All decisions, first those that the run before holds.
        carried: How many these are.
        spell: Since when the cuts have said what they say.
    """
    own = pd.MultiIndex.from_frame(rows[["row", "decision", "raw", "grounds"]].fillna(""))
    row, on = rows["row"].to_numpy(dtype=np.int64), pd.to_datetime(rows["on"]).to_numpy(dtype="datetime64[D]")
    same: Flags = own.isin(own[:carried]) | ((spell.tier[row] == rows["raw"].to_numpy()) & (on >= spell.since[row]))
    return same


def _with_today(signed: pd.DataFrame, rows: pd.DataFrame, stands: Standing) -> pd.DataFrame:
    """The records that decisions name, with ``raw`` and ``decision``, and ``same``: they stand today with the values of then.

    A digest that is not known is that of any values; of a rating, whose value is its day, of any day up to the decision.
    """
    today = stands.rows[["row", "record", "digest", "older_digest", "kind", "event_date"]].astype({"row": np.int64})
    found = signed.merge(today, on=["row", "record"], how="left", suffixes=("", "_now"))
    found = found.merge(rows[["place", "raw", "decision", "by", "on"]], on="place", how="left")
    open_ended = (found["digest"] == "") | (found["digest_now"] == "")
    newer = (found["kind"] == "") & (pd.to_datetime(found["event_date"]) > pd.to_datetime(found["on"]))
    equal = (found["digest"] == found["digest_now"]) | (found["digest"] == found["older_digest"])
    same = found["digest_now"].notna() & ((open_ended & ~newer) | equal)
    return found.assign(same=same)[["row", "place", "record", "raw", "decision", "by", "same"]]


def _exploded(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per decision (``place``) and record: ``row, place, record, digest``."""
    parts = [
        (row, place, record, digest)
        for row, place, text in zip(rows["row"], rows["place"], rows["grounds"], strict=True)
        for record, digest in parse_grounds(text)
    ]
    frame = pd.DataFrame(parts, columns=["row", "place", "record", "digest"])
    return frame.astype({"row": np.int64, "place": np.int64, "record": object, "digest": object})


def _given(
    ids: pd.Index, reviews: Sequence[Review], raw: Codes, grounds: Texts, before: Callable[[int], tuple[str, str, str | None]],
    wanted: Flags,
) -> pd.DataFrame:  # fmt: skip
    """The decisions of the register on the wanted subjects, each with its tier and records.

    One of an earlier version has only its hash: it holds for what today, or the run before, puts to the person.
    """
    rows = ids.get_indexer(pd.Index([review.subject_id for review in reviews], dtype=object))
    names, made = tier_names(raw), []
    for row, review in zip(rows.tolist(), reviews, strict=True):
        if row < 0 or not wanted[row]:
            continue
        if review.raw_tier:
            made.append((row, review.decision, review.reviewer, review.raw_tier, review.grounds or None, review.by, review.on))
            continue
        asked = {"subject_id": ids[row], "raw_tier": names[row], "grounds": grounds[row], "evidence": ""}
        for digest, tier, on in ((grounds_hash(asked), names[row], grounds[row]), before(row)):
            if digest == review.grounds_hash:
                made.append((row, review.decision, review.reviewer, tier, on, "", review.on))
                break
    frame = pd.DataFrame(made, columns=_GIVEN)
    return frame.assign(raw=tier_codes(frame["raw"].to_numpy(dtype=object)), on=pd.to_datetime(frame["on"]))
