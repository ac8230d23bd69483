"""``assign_tiers``: from scores to the tiers that hold today."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from creditscore.config.policy import TierPolicy
from creditscore.dataframes import Flags, Texts, as_frame, date_column, texts, unique_ids
from creditscore.dates import day_of, months_before
from creditscore.errors import DataError
from creditscore.tiering.cuts import achieved, cut_tiers, populations
from creditscore.tiering.signatures import latest_reviews
from creditscore.tiering.tier_rules import (
    Incomplete,
    Previous,
    Settled,
    apply_overrides,
    apply_signatures,
    apply_stability,
    held_by_dispute,
    needs_signature,
)
from creditscore.tiering.tiers import TIER_SCHEMA, UNRATED, Codes, Tiers, tier_names
from creditscore.vocabulary import INDIVIDUALS, MARKET_SUBJECTS, PRESUMED, SUBJECT_TYPES, TIERS, Reason

_SCORES = ("subject_id", "as_of", "industry", "score", "probability_ppm")
_REASONS = ("reason_1", "reason_2", "reason_3", "reason_4")
_OTHERS = ("subject_id", "industry", "reason", "subject_type", "registered_date", "quarantined_at")
_NUMBERS = ("score", "probability_ppm")
_NEVER_SCORED = tuple(kind for kind in SUBJECT_TYPES if kind not in (*MARKET_SUBJECTS, *INDIVIDUALS))


def assign_tiers(
    scores: Any,
    policy: TierPolicy,
    *,
    previous: Any = None,
    records: Any = None,
    subjects: Any = None,
    reviews: Any = None,
    as_of: str | dt.date | None = None,
) -> Tiers:
    """The tier of every subject in scope.

    In this order: the cuts; 未评 (NR) for subjects without a score, registered for fewer than ``new_subject_months``, or
    whose adverse records are refused and were never read whole; the overrides of the policy; stability; open disputes;
    refused adverse records, with which no tier is better than that of the last night in which they were read whole;
    signatures.

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
    stable = apply_stability(ruled.tier, banded, ruled.rule, past, policy, as_of=day)
    disputed = held_by_dispute(cohort.ids, ruled, past, records=records, as_of=day)
    target = np.where(disputed, past.tier, stable.tier).astype(np.int8)
    held = incomplete.holds(target)
    target = np.where(held, incomplete.whole, target).astype(np.int8)
    needs = needs_signature(target, past, cohort.subject_type, ruled.review, policy) & ~disputed & ~stable.waits & ~held
    # What a signature covers: the override and its records, or the reasons behind a score that is to be signed.
    kept = (disputed | held) & (target == past.tier) & past.keeps_grounds()
    by_override = ruled.rule != ""
    evidence = np.where(by_override, ruled.evidence, cohort.reasons(needs & ~by_override))
    evidence = np.where(disputed | held, np.where(kept, past.evidence, ""), evidence)
    # What decided: the last rule to act.
    rule = np.where(ruled.tier == UNRATED, cohort.why_not_rated(never), ruled.rule)
    for reason, flags in (
        (Reason("stability"), stable.waits),
        (Reason("override_ended"), stable.released),
        (Reason("dispute"), disputed),
        (Reason("incomplete"), held),
    ):
        rule = np.where(flags, str(reason), rule)
    signed = latest_reviews(reviews if reviews is not None else ())
    newcomers = np.where(never, UNRATED, TIERS.index(PRESUMED)).astype(np.int8)
    settled = apply_signatures(cohort.ids, ruled.tier, target, rule, evidence, needs, past, signed, newcomers=newcomers)
    settled = replace(settled, reviewer=np.where(kept & (past.reviewer != ""), past.reviewer, settled.reviewer))
    since = np.where(settled.tier == past.tier, stable.since, np.datetime64("NaT", "D"))
    frame = _tiers_frame(cohort, ruled.tier, past, settled, evidence, since, incomplete)
    return Tiers(frame, achieved(cut, cohort.population, policy), cohort.register)


def _without(tiers: Codes, flags: Flags) -> Codes:
    """Tiers in which some subjects are not rated."""
    return np.where(flags, UNRATED, tiers).astype(np.int8)


def _days(days: Any) -> pd.Series:
    """Days as ``datetime.date``, None where there is none."""
    dates = pd.Series(days).dt.date.astype(object)
    return dates.where(dates.notna(), None)


def _tiers_frame(
    cohort: _Cohort, raw: Codes, past: Previous, settled: Settled, evidence: Texts, since: Any, incomplete: Incomplete
) -> pd.DataFrame:
    """The columns of ``TIER_SCHEMA``."""
    frame = pd.DataFrame(
        {
            "subject_id": cohort.ids,
            "as_of": pd.Series([cohort.as_of] * len(cohort.ids), dtype=object),
            "industry": cohort.rows["industry"],
            "score": pd.to_numeric(cohort.rows["score"]).astype("Int32"),
            "raw_tier": tier_names(raw),
            "tier": tier_names(settled.tier),
            "previous_tier": tier_names(past.tier),
            "rule": settled.rule,
            "status": settled.status,
            "reviewer": settled.reviewer,
            "evidence": pd.Series(evidence, dtype=object).replace("", None),
            "waiting_since": _days(since),
            "whole_tier": tier_names(incomplete.whole),
            "incomplete_since": _days(incomplete.since),
        }
    )
    return frame.astype({field.name: "str" for field in TIER_SCHEMA if pa.types.is_string(field.type)})


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
