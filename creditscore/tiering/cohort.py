"""Whom a night puts in tiers: the subjects with and without a score, and what the register says of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.dataframes import Flags, Ints, Texts, as_frame, date_column, texts, unique_ids
from creditscore.dates import day_of, months_before
from creditscore.errors import DataError
from creditscore.tiering.cuts import cut_tiers, levels_of, populations
from creditscore.tiering.tiers import Codes
from creditscore.vocabulary import INDIVIDUALS, MARKET_SUBJECTS, SUBJECT_TYPES, Reason

_SCORES = ("subject_id", "as_of", "industry", "score", "probability_ppm")
_REASONS = ("reason_1", "reason_2", "reason_3", "reason_4")
#: The columns of ``scores.parquet`` that tiers are made of.
SCORE_COLUMNS = (*_SCORES, *_REASONS)
_OTHERS = ("subject_id", "industry", "reason", "subject_type", "registered_date", "quarantined_at")
_NUMBERS = ("score", "probability_ppm")
_NEVER_SCORED = tuple(kind for kind in SUBJECT_TYPES if kind not in (*MARKET_SUBJECTS, *INDIVIDUALS))


@dataclass(frozen=True)
class Cohort:
    """One row per subject, by subject_id.

    ``rated`` marks subjects that have a score and are old enough for a tier. Subjects with the same ``population`` are
    ranked together by cuts by share. ``register`` is the register of that day, or None. ``disputed_scores`` has the score and
    the risk of some of the subjects as they would be if the records that they dispute counted.
    """

    rows: pd.DataFrame
    ids: pd.Index
    rated: Flags
    population: Texts
    register: pd.DataFrame | None
    disputed_scores: pd.DataFrame
    as_of: dt.date
    #: The levels of cuts by share, where these are not all subjects.
    levels: Mapping[str, tuple[int, ...]] | None = None

    def cut(self, policy: TierPolicy, *, band: int = 0, margin: float = 0.0, disputed_count: bool = False) -> Codes:
        """Tiers by the cuts alone, see :func:`creditscore.tiering.cuts.cut_tiers`.

        Args:
            policy: The cuts.
            band: See there.
            margin: See there.
            disputed_count: As if the disputed records of those in ``disputed_scores`` counted. It moves nobody else.
        """
        numbers: dict[str, Ints] = {
            name: pd.to_numeric(self.rows[name]).fillna(0).to_numpy(dtype=np.int64, copy=True) for name in _NUMBERS
        }
        levels = self.levels
        if disputed_count:
            # It moves nobody else: the levels are those without.
            levels = self._own_levels(numbers["score"], policy) if levels is None else levels
            for name, values in numbers.items():
                values[self._known_both] = self.disputed_scores[name].to_numpy(dtype=np.int64)
        score, ppm = numbers["score"], numbers["probability_ppm"]
        return cut_tiers(score, ppm, self.rated, self.population, policy, band=band, margin=margin, levels=levels)

    def _own_levels(self, score: Ints, policy: TierPolicy) -> dict[str, tuple[int, ...]]:
        rated = pd.DataFrame({"population": self.population, "score": score, "subjects": 1})[self.rated]
        return levels_of(rated.groupby(["population", "score"], as_index=False).sum(), policy)

    @property
    def _known_both(self) -> Ints:
        places: Ints = self.ids.get_indexer(pd.Index(self.disputed_scores["subject_id"])).astype(np.int64)
        return places

    @property
    def known_both(self) -> Flags:
        """Whose score is known with and without the records that it disputes."""
        flags: Flags = np.zeros(len(self.ids), dtype=bool)
        flags[self._known_both] = True
        return flags & self.rated

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


def cohort_of(
    scores: Any, policy: TierPolicy, *, subjects: Any, records: Any, disputed_scores: Any, as_of: str | dt.date | None,
    levels: Mapping[str, tuple[int, ...]] | None = None,
) -> Cohort:  # fmt: skip
    """Put scores, subjects without a score and the register together."""
    rows, day = _rows(scores, subjects, as_of)
    if day < policy.effective:
        raise DataError("policy: expected one effective on or before {day} (got {effective})", day=day, effective=policy.effective)
    ids = unique_ids(rows, what="scores and subjects")
    register = None
    if records is not None:
        register = as_frame(records.subjects_on(day), needs=["subject_id"], what="subjects of the records")
        rows = _with_register(rows, ids, register)
        register = with_quarantined(register, subjects)
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
    both = _disputed_scores(disputed_scores, rows, ids)
    return Cohort(rows, ids, rated, populations(texts(rows, "industry"), policy), register, both, day, levels)


def _disputed_scores(disputed_scores: Any, rows: pd.DataFrame, ids: pd.Index) -> pd.DataFrame:
    """The scores with disputed records of those who have one without.

    Raises:
        DataError: A column is missing, or a subject occurs twice.
    """
    names = ["subject_id", *_NUMBERS]
    if disputed_scores is None:
        return rows[names].head(0)
    told = as_frame(disputed_scores, needs=names, what="disputed scores")
    unique_ids(told, what="disputed scores")
    place = ids.get_indexer(pd.Index(told["subject_id"]))
    scored = (place >= 0) & rows["score"].notna().to_numpy(dtype=bool)[place]
    return told.loc[scored, names].reset_index(drop=True)


def _rows(scores: Any, subjects: Any, as_of: str | dt.date | None) -> tuple[pd.DataFrame, dt.date]:
    """Scored and unscored subjects under each other, by subject_id, and the day."""
    scored = as_frame(scores, needs=_SCORES, what="scores")
    days: set[dt.date] = set(pd.to_datetime(scored["as_of"]).dt.date)
    if as_of is not None:
        days.add(day_of(as_of))
    if len(days) != 1:
        raise DataError("scores: as_of: expected one day (got {days})", days=", ".join(map(str, sorted(days))) or "none")
    parts = [_texts_as_objects(scored, SCORE_COLUMNS)]
    if subjects is not None:
        others = as_frame(subjects, needs=["subject_id"], what="subjects without a score")
        parts.append(_texts_as_objects(others, _OTHERS))
    rows = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    rows = rows.reindex(columns=list(dict.fromkeys([*_SCORES, *rows.columns])))
    return rows.sort_values("subject_id", kind="stable", ignore_index=True), days.pop()


def _texts_as_objects(frame: pd.DataFrame, wanted: tuple[str, ...]) -> pd.DataFrame:
    kept = frame[[name for name in wanted if name in frame.columns]]
    texts_of = [name for name in kept.columns if name not in _NUMBERS and not pd.api.types.is_datetime64_dtype(kept[name].dtype)]
    return kept.astype(dict.fromkeys(texts_of, object))


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


def with_quarantined(register: pd.DataFrame, subjects: Any) -> pd.DataFrame:
    """The register with the subjects whose own row was refused, as far as they are described."""
    if subjects is None:
        return register
    others = as_frame(subjects, needs=["subject_id"], what="subjects without a score")
    if "quarantined_at" not in others.columns:
        return register
    refused = others[others["quarantined_at"].notna()]
    new = refused[~refused["subject_id"].isin(register["subject_id"])]
    columns = [*register.columns, "quarantined_at"]
    days = [name for name in register.columns if pd.api.types.is_datetime64_dtype(register[name].dtype)]
    told = new.astype(object).reindex(columns=columns).astype({name: register[name].dtype for name in days})
    both = pd.concat([register, told], ignore_index=True)
    return both.reindex(columns=columns).sort_values("subject_id", kind="stable", ignore_index=True)
