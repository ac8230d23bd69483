"""``assign_tiers``: from scores to the tiers that hold today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from creditscore.config.policy import TierPolicy
from creditscore.dataframes import Flags, Texts, as_frame, date_column, texts, unique_ids
from creditscore.dates import day_of, months_before
from creditscore.errors import DataError
from creditscore.tiering.cuts import achieved, cut_tiers, populations
from creditscore.tiering.grounds import Decisions, SignatureBook, Standing
from creditscore.tiering.holds import Incomplete, held_by_dispute, lost_a_record, open_disputes
from creditscore.tiering.previous import Previous
from creditscore.tiering.tier_rules import (
    Settled,
    apply_overrides,
    apply_signatures,
    apply_stability,
    may_need_signature,
    needs_signature,
)
from creditscore.tiering.tiers import NO_TIER, TIER_SCHEMA, UNRATED, Codes, Tiers, tier_names
from creditscore.vocabulary import (
    INDIVIDUALS,
    MARKET_SUBJECTS,
    PRESUMED,
    RISKIEST,
    RISKIEST_UNSIGNED,
    SUBJECT_TYPES,
    TIERS,
    Reason,
)

_SCORES = ("subject_id", "as_of", "industry", "score", "probability_ppm")
_REASONS = ("reason_1", "reason_2", "reason_3", "reason_4")
_OTHERS = ("subject_id", "industry", "reason", "subject_type", "registered_date", "quarantined_at")
_NUMBERS = ("score", "probability_ppm")
_RISKIEST, _UNSIGNED = TIERS.index(RISKIEST), TIERS.index(RISKIEST_UNSIGNED)
_NEVER = np.datetime64("NaT", "D")
_NEVER_SCORED = tuple(kind for kind in SUBJECT_TYPES if kind not in (*MARKET_SUBJECTS, *INDIVIDUALS))


def assign_tiers(
    scores: Any,
    policy: TierPolicy,
    *,
    previous: Any = None,
    records: Any = None,
    subjects: Any = None,
    reviews: Any = None,
    exits: Any = None,
    as_of: str | dt.date | None = None,
) -> Tiers:
    """The tier of every subject in scope.

    In this order: the cuts; 未评 (NR) for subjects without a score, registered for fewer than ``new_subject_months``, or
    whose adverse records are refused and were never read whole; the overrides of the policy; stability, except where an
    adverse record left, or D has lost its signature: then the better tier holds at once; open disputes; refused adverse
    records, with which no tier is better than that of the last night in which they were read whole; signatures.

    Args:
        scores: One row per scored subject: ``subject_id, as_of, industry, score, probability_ppm``
            and, as far as there, ``reason_1`` to ``reason_4``.
        policy: The rules in force on the day.
        previous: The tiers of the run before (``Tiers`` or frame); without it everyone is new.
        records: Answers ``listed``, ``grades``, ``disputed`` and ``subjects_on``, and knows in ``incomplete`` whose
            adverse records were refused. Needed where the policy has overrides.
        subjects: Further subjects in scope that have no score: ``subject_id`` and, as far as known,
            ``industry``, ``reason`` (becomes ``not_rated:<reason>``), ``subject_type``; of those whose row of the register
            was refused ``quarantined_at`` (the row) and further columns of the register.
        reviews: Signatures, oldest first (:class:`creditscore.tiering.signatures.Review`).
        exits: The adverse records that left since the run before (``subject_id``); by default those that ``records.exits``
            finds by their days.
        as_of: The day; by default that of the scores.

    Returns:
        Tiers, one row per subject, ordered by ``subject_id``.

    Raises:
        DataError: A column is missing, a subject occurs twice, the scores are of several days, the
            policy was not in force yet, the earlier tiers are of a later day, a government body or
            institution is scored, or overrides have no records to look in.
    """
    cohort = _cohort_of(scores, policy, subjects=subjects, records=records, as_of=as_of)
    day, cut = cohort.as_of, cohort.cut(policy)
    past = Previous.of(cohort.ids, previous, as_of=day)
    incomplete = Incomplete.of(cohort.refused_among(records), past, as_of=day)
    never = incomplete.never_whole
    # Whoever is ranked for a cut by share stays ranked: a fault moves nobody else.
    ruled = apply_overrides(cohort.ids, _without(cut, never), policy, records=records, as_of=day)
    banded = _without(cohort.cut(policy, band=policy.stability.band, margin=policy.stability.margin), never)
    disputed = open_disputes(cohort.ids, records=records, as_of=day)
    left = lost_a_record(cohort.ids, past, exits, records=records, as_of=day)
    # Only of some the records behind a tier matter: of those who have D, may be put to a person, or are held and let go at once.
    asked = (past.tier == _RISKIEST) | may_need_signature(ruled, past, cohort.subject_type, policy) | (left & disputed)
    stands = Standing.of(cohort.ids, asked, ruled.fired, disputed, records=records, as_of=day)
    grounds = stands.grounds(asked, ruled.fired[ruled.fired["decides"].astype(bool)])
    book = SignatureBook.of(
        cohort.ids, past.decisions(), tuple(reviews or ()), stands, ruled.tier, grounds, past.put_to_a_person, left, asked
    )
    signed_d = book.on(np.full(len(cohort.ids), _RISKIEST, dtype=np.int8))
    lapsed = (past.tier == _RISKIEST) & (signed_d.decision != "approve")
    stable = apply_stability(ruled.tier, banded, ruled.rule, past, policy, left=left | lapsed, as_of=day)
    # What a disputed record held before the dispute it holds still; D only while somebody has signed it.
    carried = np.where(lapsed, np.minimum(stands.carried(policy, as_of=day), _UNSIGNED), stands.carried(policy, as_of=day))
    rises = (left | lapsed) & (ruled.tier >= 0) & (np.maximum(ruled.tier, carried) < past.tier)
    frozen = held_by_dispute(disputed, ruled, past)
    waits = frozen & ~rises
    target = np.where(waits, past.tier, np.where(frozen, np.maximum(ruled.tier, carried), stable.tier)).astype(np.int8)
    held = incomplete.holds(target)
    target = np.where(held, incomplete.whole, target).astype(np.int8)
    released = (stable.released | (frozen & rises)) & (target < past.tier)
    needs = needs_signature(target, past, cohort.subject_type, ruled.review, policy)
    needs &= ~waits & ~stable.waits & ~held & ~released
    # What a signature covers: the override and its records, or the reasons behind a score that is to be signed.
    kept = (waits | held) & (target == past.tier) & past.keeps_grounds()
    by_override = ruled.rule != ""
    evidence = np.where(by_override, ruled.evidence, cohort.reasons(needs & ~by_override))
    evidence = np.where(waits | held, np.where(kept, past.evidence, ""), evidence)
    # What decided: the last rule to act.
    rule = np.where(ruled.tier == UNRATED, cohort.why_not_rated(never), ruled.rule)
    scored = released & (ruled.rule == "")
    for reason, flags in (
        (Reason("stability"), stable.waits),
        (Reason("signature_ended"), scored & lapsed),
        (Reason("record_ended"), scored & left),
        (Reason("override_ended"), scored & stable.ended),
        (Reason("dispute"), waits),
        (Reason("incomplete"), held),
    ):
        rule = np.where(flags, str(reason), rule)
    until_signed = np.where(past.tier >= UNRATED, past.tier, np.where(never, UNRATED, TIERS.index(PRESUMED)))
    until_signed = np.where(lapsed, np.maximum(_UNSIGNED, incomplete.whole), until_signed).astype(np.int8)
    settled = apply_signatures(target, rule, needs, until_signed, book.on(ruled.tier))
    signing = _Signing.of(ruled.tier, past, settled, needs, grounds, book.on(ruled.tier), signed_d, kept)
    # An end acts on the first night on which the firm is rated on whole records.
    blocked = left & (incomplete.flags | (ruled.tier == UNRATED))
    columns = {
        "raw_tier": tier_names(ruled.tier),
        "tier": tier_names(settled.tier),
        "previous_tier": tier_names(past.tier),
        "rule": settled.rule,
        "status": settled.status,
        "reviewer": signing.reviewer,
        "evidence": pd.Series(evidence, dtype=object).replace("", None),
        "signed_tier": tier_names(signing.tier),
        "grounds": pd.Series(signing.grounds, dtype=object).replace("", None),
        "waiting_since": _days(np.where(settled.tier == past.tier, stable.since, _NEVER)),
        "whole_tier": tier_names(incomplete.whole),
        "incomplete_since": _days(incomplete.since),
        "exit_on": _days(np.where(blocked, np.where(np.isnat(past.exit_on), np.datetime64(day, "D"), past.exit_on), _NEVER)),
    }
    told = stands.shown(cohort.ids, settled.status == "proposed", signing.grounds)
    return Tiers(_tiers_frame(cohort, columns), achieved(cut, cohort.population, policy), cohort.register, told)


@dataclass(frozen=True)
class _Signing:
    """Who signed which tier on which records: of a signature that lasts, or of what waits for one."""

    tier: Codes
    reviewer: Texts
    grounds: Texts

    @classmethod
    def of(
        cls, raw: Codes, past: Previous, settled: Settled, needs: Flags, grounds: Texts, lasting: Decisions, signed_d: Decisions,
        kept: Flags,
    ) -> _Signing:  # fmt: skip
        """The signatures to remember.

        D that is held keeps its own, whatever is asked meanwhile; a hold keeps that of the tier it holds.
        """
        approved = needs & (lasting.decision == "approve")
        # Not being rated for a while ends no signature either.
        lasts = (settled.tier == _RISKIEST) | ((settled.tier == UNRATED) & (past.tier == _RISKIEST) & ~needs)
        in_d = lasts & ~approved & (signed_d.decision == "approve")
        carries = kept & (past.signed == settled.tier) & ~in_d
        decided = needs & (lasting.decision != "")
        texts_of = np.select([in_d, carries, decided, needs], [signed_d.grounds, past.grounds, lasting.grounds, grounds], "")
        reviewer = np.where(kept & (past.reviewer != ""), past.reviewer, settled.reviewer)
        named = in_d & (settled.status == "final") & (pd.isna(reviewer)) & (signed_d.reviewer != "")
        signed = np.select([in_d | approved, carries], [np.where(in_d, _RISKIEST, raw), past.signed], NO_TIER)
        return cls(signed.astype(np.int8), np.where(named, signed_d.reviewer, reviewer), texts_of)


def _without(tiers: Codes, flags: Flags) -> Codes:
    """Tiers in which some subjects are not rated."""
    return np.where(flags, UNRATED, tiers).astype(np.int8)


def _days(days: Any) -> pd.Series:
    """Days as ``datetime.date``, None where there is none."""
    dates = pd.Series(days).dt.date.astype(object)
    return dates.where(dates.notna(), None)


def _tiers_frame(cohort: _Cohort, columns: Mapping[str, Any]) -> pd.DataFrame:
    """The columns of ``TIER_SCHEMA``."""
    frame = pd.DataFrame(
        {
            "subject_id": cohort.ids,
            "as_of": pd.Series([cohort.as_of] * len(cohort.ids), dtype=object),
            "industry": cohort.rows["industry"],
            "score": pd.to_numeric(cohort.rows["score"]).astype("Int32"),
            **columns,
        }
    )
    ordered: pd.DataFrame = frame[TIER_SCHEMA.names]
    return ordered.astype({field.name: "str" for field in TIER_SCHEMA if pa.types.is_string(field.type)})


@dataclass(frozen=True)
class _Cohort:
    """One row per subject, by subject_id.

    ``rated`` marks subjects that have a score and are old enough for a tier. Subjects with the same ``population`` are
    ranked together by cuts by share. ``register`` is the register of that day, or None.
    """

    rows: pd.DataFrame
    ids: pd.Index
    rated: Flags
    population: Texts
    register: pd.DataFrame | None
    as_of: dt.date

    def cut(self, policy: TierPolicy, *, band: int = 0, margin: float = 0.0) -> Codes:
        """Tiers by the cuts alone, see :func:`creditscore.tiering.cuts.cut_tiers`."""
        score, ppm = (pd.to_numeric(self.rows[name]).fillna(0).to_numpy(dtype=np.int64) for name in _NUMBERS)
        return cut_tiers(score, ppm, self.rated, self.population, policy, band=band, margin=margin)

    @property
    def subject_type(self) -> Texts:
        """The types of the subjects; ``""`` where unknown."""
        return texts(self.rows, "subject_type")

    def refused_among(self, records: Any) -> Flags:
        """Whose adverse records, or whose own row of the register, were refused."""
        named = getattr(records, "incomplete", None)
        firms = set() if named is None else set(as_frame(named, needs=["subject_id"], what="refused records")["subject_id"])
        refused: Flags = self.ids.isin(firms) | (texts(self.rows, "quarantined_at") != "")
        return refused

    def why_not_rated(self, never_whole: Flags) -> Texts:
        """The reason of those who are not rated; ``""`` for the rated.

        Args:
            never_whole: Whose adverse records are refused and were never read whole.
        """
        why = texts(self.rows, "reason")
        by_text = {text: str(Reason("not_rated", text)) for text in set(why)}
        unscored = np.array([by_text[text] for text in why], dtype=object)
        unrated = np.where(self.rows["score"].notna(), str(Reason("new_subject")), unscored)
        return np.where(self.rated, np.where(never_whole, str(Reason("not_rated", "incomplete")), ""), unrated)

    def reasons(self, wanted: Flags) -> Texts:
        """What a score rests on, of the wanted rows: its reason codes in alphabetical order."""
        result = np.full(len(self.rows), "", dtype=object)
        chosen = np.flatnonzero(wanted)
        columns = [texts(self.rows, name)[chosen] for name in _REASONS]
        for row, *codes in zip(chosen, *columns, strict=True):
            result[row] = str(Reason("score", items=tuple(sorted(filter(None, codes)))))
        return result


def _cohort_of(scores: Any, policy: TierPolicy, *, subjects: Any, records: Any, as_of: str | dt.date | None) -> _Cohort:
    """Put scores, subjects without a score and the register together."""
    rows, day = _rows(scores, subjects, as_of)
    if day < policy.effective:
        raise DataError("policy: expected one effective on or before {day} (got {effective})", day=day, effective=policy.effective)
    ids = unique_ids(rows, what="scores and subjects")
    register = None
    if records is not None:
        register = as_frame(records.subjects_on(day), needs=["subject_id"], what="subjects of the records")
        rows = _with_register(rows, ids, register)
        register = _with_quarantined(register, subjects)
    bodies = np.isin(texts(rows, "subject_type").astype(str), _NEVER_SCORED)
    if bodies.any():
        raise DataError(
            "scores: expected market subjects and practitioners ({n_bodies} public bodies, first {first})",
            n_bodies=int(bodies.sum()),
            first=rows["subject_id"].to_numpy()[bodies][0],
        )
    rated = rows["score"].notna().to_numpy(dtype=bool)
    if policy.new_subject_months:
        rated = rated & ~(date_column(rows, "registered_date") > np.datetime64(months_before(day, policy.new_subject_months), "D"))
    return _Cohort(rows, ids, rated, populations(texts(rows, "industry"), policy), register, day)


def _rows(scores: Any, subjects: Any, as_of: str | dt.date | None) -> tuple[pd.DataFrame, dt.date]:
    """Scored and unscored subjects under each other, by subject_id, and the day."""
    scored = as_frame(scores, needs=_SCORES, what="scores")
    days: set[dt.date] = set(pd.to_datetime(scored["as_of"]).dt.date)
    if as_of is not None:
        days.add(day_of(as_of))
    if len(days) != 1:
        raise DataError("scores: as_of: expected one day (got {days})", days=", ".join(map(str, sorted(days))) or "none")
    parts = [_texts_as_objects(scored, (*_SCORES, *_REASONS))]
    if subjects is not None:
        others = as_frame(subjects, needs=["subject_id"], what="subjects without a score")
        parts.append(_texts_as_objects(others, _OTHERS))
    rows = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    rows = rows.reindex(columns=list(dict.fromkeys([*_SCORES, *rows.columns])))
    return rows.sort_values("subject_id", kind="stable", ignore_index=True), days.pop()


def _texts_as_objects(frame: pd.DataFrame, wanted: tuple[str, ...]) -> pd.DataFrame:
    kept = frame[[name for name in wanted if name in frame.columns]]
    return kept.astype({name: object for name in kept.columns if name not in _NUMBERS})


def _with_register(rows: pd.DataFrame, ids: pd.Index, register: pd.DataFrame) -> pd.DataFrame:
    """Industry, type and registration date from the register, where the rows do not bring them."""
    position = unique_ids(register, what="subjects of the records").get_indexer(ids)
    registered, filled = position >= 0, rows.copy()
    for name in ("industry", "subject_type", "registered_date"):
        if name in register.columns and len(register):
            own = rows[name] if name in rows.columns else pd.Series(None, index=rows.index, dtype=object)
            theirs = pd.Series(register[name].astype(object).to_numpy()[position], index=rows.index)
            filled[name] = own.where(own.notna() | ~registered, theirs)
    return filled


def _with_quarantined(register: pd.DataFrame, subjects: Any) -> pd.DataFrame:
    """The register with the subjects whose own row was refused, as far as they are described."""
    if subjects is None:
        return register
    others = as_frame(subjects, needs=["subject_id"], what="subjects without a score")
    if "quarantined_at" not in others.columns:
        return register
    new = others[others["quarantined_at"].notna() & ~others["subject_id"].isin(register["subject_id"])]
    columns = [*register.columns, "quarantined_at"]
    both = pd.concat([register.astype(object), new.astype(object).reindex(columns=columns)], ignore_index=True)
    return both.reindex(columns=columns).sort_values("subject_id", kind="stable", ignore_index=True)
