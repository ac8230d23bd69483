"""The records behind a tier: which of them stand today, and which signatures therefore last.

A signature lasts while every record that it rests on stands with its own values. Records that came later end none. A
refusal lasts until there is a record that it had not seen.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.dataframes import Flags, Texts, as_frame, texts
from creditscore.storage import compact_json, sha256_of
from creditscore.tiering.signatures import Review, grounds_hash
from creditscore.tiering.tiers import NO_TIER, Codes, tier_codes, tier_names
from creditscore.vocabulary import TIERS

#: What a signature covers of a record besides its id.
_VALUES = ("kind", "severity", "amount", "result")
_DIGITS = 12
#: What the signer sees of it besides its kind.
_SHOWN = ("event_date", "document_no")


def grounds_text(records: Iterable[tuple[str, str]]) -> str:
    """Records with the digests of their values as the column ``grounds`` and the register hold them; ``[]`` for none.

    >>> grounds_text([("E2", ""), ("E1", "0a1b")])
    '[["E1","0a1b"],["E2",""]]'
    """
    return compact_json(sorted(set(records)))


def parse_grounds(text: str) -> list[tuple[str, str]]:
    """The records of a text of :func:`grounds_text`; none of an empty one."""
    return [(str(record), str(digest)) for record, digest in json.loads(text)] if text else []


@dataclass(frozen=True)
class Standing:
    """The records that may count against some subjects today.

    Attributes:
        rows: One row per record: ``row`` (the position of the subject), ``record`` (its id, or ``scheme=grade`` of a rating
            that an override names), ``digest`` (of its values; ``""`` where they are unknown), ``kind``, ``event_date``,
            ``document_no``, ``in_use`` (its retention is not over), ``lowers`` (it makes its subject worse today), ``disputed``,
            and ``counted``: a disputed one counted before the dispute.
        untold: Subjects of whom only some records are known, since one of them is disputed and nobody says which.
    """

    rows: pd.DataFrame
    untold: Flags

    @classmethod
    def of(
        cls, ids: pd.Index, wanted: Flags, fired: pd.DataFrame, disputed: Flags, *, records: Any, as_of: dt.date,
        read: Collection[str] | None = None,
    ) -> Standing:  # fmt: skip
        """The records of the wanted subjects.

        Args:
            ids: Today's subjects.
            wanted: Whose records are asked for.
            fired: The records and ratings on which overrides fire today (``row``, ``record``, ``kind``).
            disputed: Who has an open dispute.
            records: Answers ``standing``, or nothing: then only what fires overrides is known.
            as_of: Today.
            read: The features that the cards read; None for all.
        """
        fired = fired[wanted[fired["row"].to_numpy(dtype=np.int64)]].assign(
            digest="", disputed=False, counted=False, in_use=True, lowers=True, event_date=None, document_no=None
        )
        ask = getattr(records, "standing", None)
        if ask is None:
            return cls(fired, disputed)
        answer = ask(as_of, ids[wanted].tolist()) if read is None else ask(as_of, ids[wanted].tolist(), read=read)
        told = as_frame(answer, needs=["subject_id", "event_id", *_VALUES], what="records that stand")
        rows = pd.DataFrame(
            {
                "row": ids.get_indexer(pd.Index(texts(told, "subject_id"))),
                "record": texts(told, "event_id"),
                "kind": texts(told, "kind"),
                "digest": [_digest(values) for values in zip(*(texts(told, name) for name in _VALUES), strict=True)],
                "disputed": told["disputed"].to_numpy(dtype=bool),
                "counted": told["counted"].to_numpy(dtype=bool),
                "in_use": told["in_use"].to_numpy(dtype=bool),
                "lowers": told["lowers"].to_numpy(dtype=bool) if "lowers" in told else True,
                **{name: told[name].to_numpy(dtype=object) if name in told else None for name in _SHOWN},
            }
        )
        both = pd.concat([rows[rows["row"] >= 0], fired], ignore_index=True).drop_duplicates(["row", "record"])
        return cls(both, np.zeros(len(ids), dtype=bool))

    def carried(self, policy: TierPolicy, *, as_of: dt.date) -> Codes:
        """The tier to which disputed records held each subject before the dispute, by overrides that worsen; ``NO_TIER``: none."""
        rules = [rule for rule in policy.override if rule.bound != "at_most" and (rule.expires is None or as_of <= rule.expires)]
        tiers = {rule.reason.ground: TIERS.index(rule.tier) for rule in rules}
        open_ones = self.rows[self.rows["disputed"].astype(bool) & self.rows["counted"].astype(bool)]
        grounds = open_ones["kind"].where(open_ones["kind"] != "", open_ones["record"])  # a grade has no kind
        worst = open_ones.assign(tier=grounds.map(tiers)).dropna(subset=["tier"]).groupby("row")["tier"].max()
        carried = np.full(len(self.untold), NO_TIER, dtype=np.int8)
        carried[worst.index.to_numpy(dtype=np.int64)] = worst.to_numpy(dtype=np.int8)
        return carried

    def shown(self, ids: pd.Index, wanted: Flags, grounds: Texts) -> pd.DataFrame:
        """What the signer of some tiers sees: one row per record that makes its subject worse, by subject and record.

        Columns: ``subject_id``, ``event_id``, ``kind``, ``event_date``, ``document_no``, ``disputed``, and ``rests_on``: the
        signature will rest on it; the others are further records.
        """
        rows = self.rows[wanted[self.rows["row"].to_numpy(dtype=np.int64)] & self.rows["in_use"].astype(bool)].astype(
            {"row": np.int64}
        )
        signed = {(row, record) for row in np.flatnonzero(wanted).tolist() for record, _ in parse_grounds(grounds[row])}
        named = np.array([pair in signed for pair in zip(rows["row"], rows["record"], strict=True)], dtype=bool)
        rows = rows.assign(rests_on=named)[named | rows["lowers"].to_numpy(dtype=bool)]
        shown = pd.DataFrame(
            {
                "subject_id": ids.to_numpy(dtype=object)[rows["row"].to_numpy()],
                "event_id": rows["record"].to_numpy(dtype=object),
                **{name: rows[name].to_numpy(dtype=object) for name in ("kind", *_SHOWN)},
                "disputed": rows["disputed"].to_numpy(dtype=bool),
                "rests_on": rows["rests_on"].to_numpy(dtype=bool),
            }
        )
        return shown.sort_values(["subject_id", "event_id"], ignore_index=True)

    def grounds(self, wanted: Flags, evidence_records: pd.DataFrame) -> Texts:
        """What a proposed tier of the wanted subjects rests on, as text; ``""`` for the others.

        Args:
            wanted: For whom.
            evidence_records: The records of the override that decided (``row``, ``record``); whom it does not name rests on
                all that lower its points and are not disputed.
        """
        counting = self.rows[~self.rows["disputed"].astype(bool) & self.rows["in_use"].astype(bool)]
        by_override = counting.merge(evidence_records[["row", "record"]].drop_duplicates(), on=["row", "record"])
        by_score = counting[counting["lowers"].astype(bool) & ~counting["row"].isin(evidence_records["row"])]
        both = pd.concat([by_override, by_score])
        both = both[wanted[both["row"].to_numpy(dtype=np.int64)]]
        result = np.where(wanted, "[]", "").astype(object)
        for row, part in both.groupby("row"):
            result[row] = grounds_text(zip(part["record"], part["digest"], strict=True))
        return result


def _digest(values: tuple[object, ...]) -> str:
    return sha256_of(compact_json([str(value) for value in values]))[:_DIGITS]


@dataclass(frozen=True)
class Decisions:
    """The decision that lasts for each subject: ``approve``, ``reject`` or ``""``, by whom, and on which records."""

    decision: Texts
    reviewer: Texts
    grounds: Texts


@dataclass(frozen=True)
class SignatureBook:
    """All decisions on some subjects, oldest first, and which of them last today.

    Attributes:
        rows: ``row`` (of the subject), ``decision``, ``reviewer``, ``raw`` (the tier that was signed, as a number),
            ``grounds`` (text) and ``lasts``.
        size: How many subjects there are.
    """

    rows: pd.DataFrame
    size: int

    @classmethod
    def of(
        cls, ids: pd.Index, earlier: pd.DataFrame, reviews: Sequence[Review], stands: Standing, raw: Codes, grounds: Texts,
        asked_before: Callable[[int], tuple[str, str, str | None]], left: Flags, wanted: Flags,
    ) -> SignatureBook:  # fmt: skip
        """The decisions of the run before and of the register, in this order.

        Args:
            ids: Today's subjects.
            earlier: Decisions that the run before holds: ``row, decision, reviewer, raw, grounds``; ``grounds`` missing or
                ``""`` where an earlier version did not say on which records.
            reviews: The signatures, oldest first.
            stands: Today's records.
            raw: Today's tiers by cuts and overrides.
            grounds: What today's proposals rest on.
            asked_before: What the run before put to a person, by the position of the subject: the hash of its row, its raw
                tier and its grounds, None where nobody knows them.
            left: Who lost a record since: ends the signatures of which nobody knows on which records they rest.
            wanted: Whose decisions are asked for.
        """
        given = _given(ids, reviews, raw, grounds, asked_before, wanted)
        rows = pd.concat([earlier[wanted[earlier["row"].to_numpy(dtype=np.int64)]], given], ignore_index=True)
        rows["place"] = np.arange(len(rows))
        told = rows["grounds"].fillna("") != ""
        signed = _exploded(rows[told])
        found = signed.merge(stands.rows[["row", "record", "digest"]], on=["row", "record"], how="left", suffixes=("", "_now"))
        same = found["digest_now"].notna() & (
            (found["digest"] == "") | (found["digest_now"] == "") | (found["digest"] == found["digest_now"])
        )
        same |= stands.untold[found["row"].to_numpy(dtype=np.int64)]
        broken = set(found.loc[~same, "place"])
        row = rows["row"].to_numpy(dtype=np.int64)
        approved = np.where(told, ~rows["place"].isin(broken), ~left[row])
        today = pd.DataFrame({"row": row, "place": rows["place"], "grounds": grounds[row]})
        seen = _exploded(today).merge(signed, on=["place", "record"], how="left", suffixes=("", "_seen"))
        known = seen["digest_seen"].notna() & (
            (seen["digest"] == "") | (seen["digest_seen"] == "") | (seen["digest"] == seen["digest_seen"])
        )
        refused = ~rows["place"].isin(set(seen.loc[~known, "place"])) | (~told & ~left[row])
        return cls(rows.assign(lasts=np.where(rows["decision"] == "approve", approved, refused)), len(ids))

    def on(self, tier: Codes) -> Decisions:
        """The last decision on each subject's tier, where it lasts: one that was taken back does not come to life again."""
        own = self.rows[self.rows["raw"].to_numpy() == tier[self.rows["row"].to_numpy(dtype=np.int64)]]
        last = own.groupby("row").tail(1)
        last, columns = last[last["lasts"].astype(bool)], []
        for name in ("decision", "reviewer", "grounds"):
            column = np.full(self.size, "", dtype=object)
            column[last["row"].to_numpy(dtype=np.int64)] = last[name].fillna("").to_numpy(dtype=object)
            columns.append(column)
        return Decisions(*columns)


def _exploded(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per decision (``place``) and record: ``row, place, record, digest``."""
    parts = [
        (row, place, record, digest)
        for row, place, text in zip(rows["row"], rows["place"], rows["grounds"], strict=True)
        for record, digest in parse_grounds(text)
    ]
    return pd.DataFrame(parts, columns=["row", "place", "record", "digest"]).astype({"record": object, "digest": object})


def _given(
    ids: pd.Index, reviews: Sequence[Review], raw: Codes, grounds: Texts, before: Callable[[int], tuple[str, str, str | None]],
    wanted: Flags,
) -> pd.DataFrame:  # fmt: skip
    """The decisions of the register on the wanted subjects, each with its tier and records.

    One of an earlier version has only its hash: it holds for what today, or the run before, puts to the person.
    """
    columns = ["row", "decision", "reviewer", "raw", "grounds"]
    rows = ids.get_indexer(pd.Index([review.subject_id for review in reviews], dtype=object))
    names, made = tier_names(raw), []
    for row, review in zip(rows.tolist(), reviews, strict=True):
        if row < 0 or not wanted[row]:
            continue
        if review.raw_tier:
            made.append((row, review.decision, review.reviewer, review.raw_tier, review.grounds or None))
            continue
        asked = {"subject_id": ids[row], "raw_tier": names[row], "grounds": grounds[row], "evidence": ""}
        for digest, tier, on in ((grounds_hash(asked), names[row], grounds[row]), before(row)):
            if digest == review.grounds_hash:
                made.append((row, review.decision, review.reviewer, tier, on))
                break
    frame = pd.DataFrame(made, columns=columns)
    return frame.assign(raw=tier_codes(frame["raw"].to_numpy(dtype=object)))
