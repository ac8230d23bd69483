"""The records behind a tier: which of them stand today, and with which values.

The value of a rating is its day: a newer one of the same grade is another record. Earlier versions wrote no day (``""`` where
the digest stands): what rests on such a rating rests on the newest one of that grade on the day of the decision.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.dataframes import Flags, Texts, as_frame, texts
from creditscore.storage import compact_json, sha256_of
from creditscore.tiering.tiers import NO_TIER, Codes
from creditscore.vocabulary import TIERS

#: What a signature covers of a record besides its id.
_VALUES = ("kind", "severity", "amount", "result")
_DIGITS = 12
#: Texts that stand in JSON as they are.
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
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


#: The grounds of a tier by score that rests on no record.
NO_RECORDS = grounds_text([])


@dataclass(frozen=True)
class Standing:
    """The records that may count against some subjects today.

    Attributes:
        rows: One row per record: ``row`` (the position of the subject), ``record`` (its id, or ``scheme=grade`` of a rating
            that an override names), ``digest`` (of its values; ``""`` where they are unknown), ``kind`` (``""`` of a rating),
            ``older_digest`` (the same as earlier versions wrote it), ``event_date``, ``document_no``, ``in_use`` (its retention
            is not over), ``lowers`` (it makes its subject worse today), ``disputed``, and ``counted``: a disputed one counted
            before the dispute.
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
            fired: What overrides fire on today, as :class:`creditscore.tiering.overrides.Fires` has it.
            disputed: Who has an open dispute.
            records: Answers ``standing``, or nothing: then only what fires overrides is known.
            as_of: Today.
            read: The features that the cards read; None for all.
        """
        fired = fired.loc[wanted[fired["row"].to_numpy(dtype=np.int64)], ["row", "record", "kind", "event_date", "lowers"]]
        fired = fired.assign(disputed=False, counted=False, in_use=True, document_no=None)
        fired = fired.assign(
            digest=["" if kind else _day_digest(day) for kind, day in zip(fired["kind"], fired["event_date"], strict=True)]
        )
        fired["older_digest"] = fired["digest"]
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
                "digest": _digests(told, whole=True),
                "older_digest": _digests(told, whole=False),
                "disputed": told["disputed"].to_numpy(dtype=bool),
                "counted": told["counted"].to_numpy(dtype=bool),
                "in_use": told["in_use"].to_numpy(dtype=bool),
                "lowers": told["lowers"].to_numpy(dtype=bool) if "lowers" in told else True,
                **{name: told[name].to_numpy(dtype=object) if name in told else None for name in _SHOWN},
            }
        )
        rated = rows["kind"] == ""
        rows.loc[rated, "digest"] = [_day_digest(day) for day in rows.loc[rated, "event_date"]]
        rows.loc[rated, "older_digest"] = rows.loc[rated, "digest"]
        both = pd.concat([rows[rows["row"] >= 0], fired], ignore_index=True).drop_duplicates(["row", "record"])
        return cls(both, np.zeros(len(ids), dtype=bool))

    def carried(self, policy: TierPolicy, *, as_of: dt.date, new_ones: bool = False) -> Codes:
        """The tier to which disputed records held each subject before the dispute, by overrides that worsen; ``NO_TIER``: none.

        With ``new_ones`` also that to which those would that have been disputed since they came.
        """
        rules = [rule for rule in policy.override if rule.bound != "at_most" and (rule.expires is None or as_of <= rule.expires)]
        tiers = {rule.reason.ground: TIERS.index(rule.tier) for rule in rules}
        open_ones = self.rows[self.rows["disputed"].astype(bool) & (self.rows["counted"].astype(bool) | new_ones)]
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

    def behind_score(self, wanted: Flags) -> Texts:
        """The records on which the tier by the score of the wanted subjects rests, as text; ``""`` for the others."""
        return self.grounds(wanted, self.rows[["row", "record"]].head(0))

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
        named: dict[int, list[tuple[str, str]]] = {}
        for row, record, digest in zip(both["row"].tolist(), both["record"].tolist(), both["digest"].tolist(), strict=True):
            named.setdefault(row, []).append((record, digest))
        result = np.where(wanted, NO_RECORDS, "").astype(object)
        for row, records in named.items():
            result[row] = grounds_text(records)
        return result


def _digests(told: pd.DataFrame, *, whole: bool) -> list[str]:
    """The digest of each record's values.

    ``whole``: a severity is written as the whole number that it is. Earlier versions wrote it with a decimal point wherever
    another record that was asked for with it had none.
    """
    severity = pd.to_numeric(told["severity"]).astype("Float64")
    written = severity.astype("Int64") if whole else severity
    cells = {"severity": written.astype(object).where(severity.notna(), "").to_numpy(dtype=object)}
    columns = [[str(cell) for cell in cells.get(name, texts(told, name))] for name in _VALUES]
    # Of texts without a character that JSON marks, the line is put together by hand: there are very many of them.
    if all(_PLAIN.fullmatch(text) for column in columns for text in set(column)):
        lines = ('["' + '","'.join(values) + '"]' for values in zip(*columns, strict=True))
    else:
        lines = (compact_json(values) for values in zip(*columns, strict=True))
    return [sha256_of(line)[:_DIGITS] for line in lines]


def _digest(values: tuple[object, ...]) -> str:
    return sha256_of(compact_json([str(value) for value in values]))[:_DIGITS]


def _day_digest(day: object) -> str:
    """The digest of a rating: of its day; ``""`` where that is unknown."""
    return "" if day is None or day is pd.NaT else _digest((str(pd.Timestamp(str(day)).date()),))
