"""Everyone who gets a tier today: scored subjects, those in scope without a score, and what the register says of them."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.errors import DataError
from creditscore.tiering.columns import Codes, Flags, Texts, as_frame, day_numbers, months_before, texts, unique_ids
from creditscore.tiering.rules.cut import cut_tiers, populations

_SCORES = ("subject_id", "as_of", "industry", "score", "probability_ppm")
_REASONS = ("reason_1", "reason_2", "reason_3", "reason_4")
_OTHERS = ("subject_id", "industry", "reason", "subject_type", "registered_date")
_NEVER = ("government", "institution")


@dataclass(frozen=True)
class Cohort:
    """One row per subject, by subject_id.

    ``rated`` says who has a score and is old enough for it; ``population`` who is cut together;
    ``register`` is the register of that day, if there is one.
    """

    rows: pd.DataFrame
    ids: pd.Index
    rated: Flags
    population: Texts
    register: pd.DataFrame | None
    as_of: dt.date

    def cut(self, policy: TierPolicy, *, band: int = 0, margin: float = 0.0) -> Codes:
        """Tiers by the cuts alone, see :func:`creditscore.tiering.rules.cut.cut_tiers`."""
        score, ppm = (pd.to_numeric(self.rows[name]).fillna(0).to_numpy(dtype=np.int64) for name in ("score", "probability_ppm"))
        return cut_tiers(score, ppm, self.rated, self.population, policy, band=band, margin=margin)

    @property
    def subject_type(self) -> Texts:
        """The types of the subjects; ``""`` where unknown."""
        return texts(self.rows, "subject_type")

    def why_not_rated(self) -> Texts:
        """``not_rated``, ``not_rated:<reason>`` or ``new_subject``; ``""`` for the rated."""
        reason = texts(self.rows, "reason")
        unscored = np.where(reason == "", "not_rated", "not_rated:" + reason)
        return np.where(self.rated, "", np.where(self.rows["score"].notna(), "new_subject", unscored))

    def reasons(self, wanted: Flags) -> Texts:
        """What a score rests on, of the wanted rows: ``score:`` and the reason codes in alphabetical order."""
        result = np.full(len(self.rows), "", dtype=object)
        chosen = np.flatnonzero(wanted)
        columns = [texts(self.rows, name)[chosen] for name in _REASONS]
        for row, *reasons in zip(chosen, *columns, strict=True):
            result[row] = "score:" + ",".join(sorted(filter(None, reasons)))
        return result


def cohort_of(scores: Any, policy: TierPolicy, *, subjects: Any, records: Any, as_of: str | dt.date | None) -> Cohort:
    """Put scores, subjects without a score and the register together.

    Raises:
        DataError: See :func:`creditscore.tiering.assign.assign_tiers`.
    """
    rows, day = _rows(scores, subjects, as_of)
    if day < policy.effective:
        raise DataError(f"policy: expected one effective on or before {day} (got {policy.effective})")
    ids = unique_ids(rows, what="scores and subjects")
    register = None
    if records is not None:
        register = as_frame(records.subjects_on(day), needs=["subject_id"], what="subjects of the records")
        rows = _with_register(rows, ids, register)
    _refuse_public_bodies(rows)
    rated = rows["score"].notna().to_numpy(dtype=bool) & ~_too_new(rows, policy, day)
    return Cohort(rows, ids, rated, populations(texts(rows, "industry"), policy), register, day)


def _rows(scores: Any, subjects: Any, as_of: str | dt.date | None) -> tuple[pd.DataFrame, dt.date]:
    """Scored and unscored subjects under each other, by subject_id, and the day."""
    scored = as_frame(scores, needs=_SCORES, what="scores")
    days: set[dt.date] = set(pd.to_datetime(scored["as_of"]).dt.date)
    if as_of is not None:
        days.add(dt.date.fromisoformat(as_of) if isinstance(as_of, str) else as_of)
    if len(days) != 1:
        raise DataError(f"scores: as_of: expected one day (got {', '.join(map(str, sorted(days))) or 'none'})")
    parts = [_texts_as_objects(scored, (*_SCORES, *_REASONS))]
    if subjects is not None:
        others = as_frame(subjects, needs=["subject_id"], what="subjects without a score")
        parts.append(_texts_as_objects(others, _OTHERS))
    rows = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    rows = rows.reindex(columns=list(dict.fromkeys([*_SCORES, *rows.columns])))
    return rows.sort_values("subject_id", kind="stable", ignore_index=True), days.pop()


def _texts_as_objects(frame: pd.DataFrame, wanted: tuple[str, ...]) -> pd.DataFrame:
    kept = frame[[name for name in wanted if name in frame.columns]]
    numbers = ("score", "probability_ppm")
    return kept.astype({name: object for name in kept.columns if name not in numbers})


def _with_register(rows: pd.DataFrame, ids: pd.Index, register: pd.DataFrame) -> pd.DataFrame:
    """Industry, type and registration date from the register, where the rows do not bring them."""
    place = unique_ids(register, what="subjects of the records").get_indexer(ids)
    found, filled = place >= 0, rows.copy()
    for name in ("industry", "subject_type", "registered_date"):
        if name in register.columns and len(register):
            own = rows[name] if name in rows.columns else pd.Series(None, index=rows.index, dtype=object)
            theirs = pd.Series(register[name].astype(object).to_numpy()[place], index=rows.index)
            filled[name] = own.where(own.notna() | ~found, theirs)
    return filled


def _too_new(rows: pd.DataFrame, policy: TierPolicy, day: dt.date) -> Flags:
    if not policy.new_subject_months:
        return np.zeros(len(rows), dtype=bool)
    registered: Flags = day_numbers(rows, "registered_date") > months_before(day, policy.new_subject_months)
    return registered


def _refuse_public_bodies(rows: pd.DataFrame) -> None:
    bodies = np.isin(texts(rows, "subject_type").astype(str), _NEVER)
    if bodies.any():
        first = rows["subject_id"].to_numpy()[bodies][0]
        raise DataError(f"scores: expected market subjects and practitioners ({int(bodies.sum())} public bodies, first {first})")
