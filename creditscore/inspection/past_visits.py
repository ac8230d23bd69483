"""The past random visits behind a forecast: Hájek estimates of violation rates, and the variance of their weighted sums.

A rate is ``sum(w y) / sum(w)`` with ``w = 1/p`` (Hájek 1971; Särndal, Swensson and Wretman 1992,
5.7). The variance of a sum ``sum_g m_g R_g`` is that of its linearised total, by past stratum, plus
what repeated visits to one subject share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.dataframes import Flags, Floats, Texts, as_frame, date_column, texts
from creditscore.inspection.strata import NOT_KNOWN
from creditscore.language import Message, _
from creditscore.tiering.cuts import cut_tiers, populations
from creditscore.tiering.overrides import Fires, overridden
from creditscore.tiering.tiers import NO_TIER, Codes, Tiers, shown_tiers, tier_names
from creditscore.vocabulary import OFF_SITE, PROPOSED, RISKIEST, SAMPLING_TRIGGERS, TIER_ORDER

#: Fewer pairs of visits to one subject say nothing about how persistent a violation is.
_PAIRS = 100
#: Below this many weighted violations the normal variance is too small; a half is added (Jeffreys).
_FEW = 5.0
_NEEDS = ("subject_id", "event_date", "trigger", "outcome")
_CHECKED = ("none", "violation")


@dataclass(frozen=True)
class Rate:
    """The violation rate of a group of past visits.

    ``members`` are flags over the visits; ``effective`` is (sum w)^2 / sum w^2; ``cautious`` the rate with half a violation
    added, for intervals; ``floor`` a variance below which the estimate's own is not believed (0 if not needed).
    """

    members: Flags
    value: float
    visits: int
    effective: float
    cautious: float
    floor: float


@dataclass(frozen=True)
class PastVisits:
    """One element per random visit with a known probability and an outcome.

    ``draw`` is the past stratum in which it was drawn, ``tier`` and ``industry`` the cell whose rate it estimates, and
    ``bad`` is 1 if it found a violation. ``excluded`` is, by tier, the share of visits that could not check anything
    (subject not traceable, closed or refusing; such a visit is made and finds nothing). ``notes`` say what was left out.
    """

    subject: Texts
    draw: Texts
    tier: Texts
    industry: Texts
    probability: Floats
    bad: Floats
    excluded: dict[str, float]
    notes: tuple[Message, ...]

    def rate(self, members: Flags) -> Rate:
        """The Hájek rate of the visits in ``members`` (at least one)."""
        weight = 1 / self.probability[members]
        total = weight.sum()
        value = float((weight * self.bad[members]).sum() / total)
        effective = float(total**2 / (weight**2).sum())
        few = min(value, 1 - value) * effective < _FEW
        cautious = (value * effective + 0.5) / (effective + 1) if few else value
        floor = cautious * (1 - cautious) / (effective + 1) if few else 0.0
        return Rate(members, value, int(members.sum()), effective, cautious, floor)

    def persistence(self) -> float:
        """How much of a finding stays with the subject: the correlation of two visits to one subject, beyond their tiers' rates.

        0 where fewer than 100 pairs say so: then no past draw counts as having settled anything.
        """
        expected = np.zeros(len(self.bad))
        for tier in sorted(set(self.tier)):
            members = self.tier == tier
            expected[members] = self.rate(members).value
        spread = np.sqrt(np.maximum(expected * (1 - expected), 1e-9))
        residual = pd.DataFrame({"subject": self.subject, "r": (self.bad - expected) / spread})
        sums = residual.assign(square=residual["r"] ** 2, one=1.0).groupby("subject")[["r", "square", "one"]].sum()
        pairs = float((sums["one"] * (sums["one"] - 1)).sum())
        if pairs < 2 * _PAIRS:
            return 0.0
        return float(np.clip((sums["r"] ** 2 - sums["square"]).sum() / pairs, 0.0, 1.0))

    def variance(self, rates: Mapping[str, Rate], planned: Mapping[str, float], *, persistent: float) -> float:
        """The variance of ``sum planned[g] x rates[g]``.

        Args:
            rates: By group; groups may overlap.
            planned: The multiplier of each group.
            persistent: The persistent share of outcomes: the finite-population correction ``1 - f`` applies to
                it alone, since the rest of what a visit finds is drawn anew every time.
        """
        linear, floor = np.zeros(len(self.bad)), 0.0
        for name, multiplier in planned.items():
            rate = rates[name]
            weight = 1 / self.probability[rate.members]
            linear[rate.members] += multiplier * weight / weight.sum() * (self.bad[rate.members] - rate.value)
            floor += multiplier**2 * rate.floor
        # Stratified variance of the total; strata with one visit are collapsed into one of them all.
        stratum = pd.Series(self.draw)
        size = stratum.map(stratum.value_counts())
        table = pd.DataFrame({"stratum": stratum.where(size > 1, ""), "z": linear, "f": self.probability})
        groups = table.groupby("stratum")
        n, spread, fraction = groups.size(), groups["z"].var(ddof=1), groups["f"].mean()
        single = groups["z"].sum() ** 2  # a lone visit in all: its own square
        by_draw = float(((1 - persistent * fraction) * n * spread.where(n > 1, single)).sum())
        by_subject = pd.Series(linear).groupby(pd.Series(self.subject)).sum()
        within_subjects = max(float((by_subject**2).sum() - (linear**2).sum()), 0.0)
        return max(by_draw + within_subjects, floor)


def read_past_visits(
    history: Any, tiers: Tiers, policy: TierPolicy, *, frames: Any, scores: Any, records: Any = None
) -> PastVisits:
    """The random on-site visits that say what a tier holds.

    The tier is the one *before* the visit: by ``scores`` as of then (and, with ``records``, the overrides that
    held when the visit's quarter began), else the one in the stratum ``task|tier|industry``. Only where neither
    is known it is today's, which the visit's own finding may have changed; a note says for how many.

    Args:
        history: Inspections.
        tiers: Today's tiers.
        policy: The cuts, for ``scores``.
        frames: ``task, stratum, population, drawn``: n/N where a visit has no probability.
        scores: ``inspection_id, industry, score, probability_ppm`` as of just before each visit.
        records: Where to look up the records that overrides name.
    """
    rows, notes = _random_visits(as_frame(history, needs=_NEEDS, what="history of inspections"), tiers)
    probability = _probabilities(rows, frames)
    known = (probability > 0) & (probability <= 1)
    if not known.all():
        notes.append(_("{visits} random visits have no inclusion probability and are left out", visits=int((~known).sum())))
    rows, probability = rows[known].reset_index(drop=True), probability[known]
    tier, industry = _cells(rows, tiers, policy, scores, records, notes)
    bad = np.where(texts(rows, "outcome") == "violation", 1.0, 0.0)
    unchecked = ~rows["outcome"].isin(_CHECKED).to_numpy()
    pairs = Counter(tier), Counter(tier[unchecked])
    return PastVisits(
        subject=texts(rows, "subject_id"),
        draw=texts(rows, "task") + "|" + texts(rows, "stratum"),
        tier=tier,
        industry=industry,
        probability=probability,
        bad=bad,
        excluded={name: pairs[1][name] / count for name, count in sorted(pairs[0].items())},
        notes=tuple(notes),
    )


def _random_visits(rows: pd.DataFrame, tiers: Tiers) -> tuple[pd.DataFrame, list[Message]]:
    """Random and full-coverage visits made on site by the day of the tiers, in a fixed order."""
    known = (date_column(rows, "event_date") <= np.datetime64(tiers.as_of, "D")) & rows["outcome"].notna().to_numpy(dtype=bool)
    rows = rows[known & rows["trigger"].isin(SAMPLING_TRIGGERS).to_numpy()]
    off_site = texts(rows, "mode") == OFF_SITE
    notes = (
        [_("{visits} random visits were off site: another instrument, left out", visits=int(off_site.sum()))]
        if off_site.any()
        else []
    )
    order = [name for name in ("subject_id", "event_date", "task", "stratum", "inspection_id") if name in rows.columns]
    return rows[~off_site].sort_values(order, kind="stable", ignore_index=True), notes


def _probabilities(rows: pd.DataFrame, frames: Any) -> Floats:
    """The recorded probability, else n/N of the frame; NaN where neither is known."""
    own: Floats = np.full(len(rows), np.nan)
    if "inclusion_probability" in rows.columns:
        own = pd.to_numeric(rows["inclusion_probability"]).to_numpy(dtype=float, na_value=np.nan)
    if frames is None:
        return own
    table = as_frame(frames, needs=["task", "stratum", "population", "drawn"], what="frames")
    keys = pd.MultiIndex.from_arrays([texts(table, "task"), texts(table, "stratum")])
    position = keys.get_indexer(pd.MultiIndex.from_arrays([texts(rows, "task"), texts(rows, "stratum")]))
    rebuilt = np.append(table["drawn"].to_numpy(dtype=float) / table["population"].to_numpy(dtype=float), np.nan)[position]
    return np.where(np.isnan(own), rebuilt, own)


def _cells(
    rows: pd.DataFrame, tiers: Tiers, policy: TierPolicy, scores: Any, records: Any, notes: list[Message]
) -> tuple[Texts, Texts]:
    position = pd.Index(tiers.frame["subject_id"]).get_indexer(pd.Index(rows["subject_id"]))
    shown = shown_tiers(tiers.frame)
    today = np.append(np.where(shown == PROPOSED, RISKIEST, shown), "")[position]
    industry = np.append(texts(tiers.frame, "industry"), "")[position]
    parts = [stratum.split("|") for stratum in texts(rows, "stratum")]
    named = np.array([p[1] if len(p) >= 3 and p[1] in TIER_ORDER else "" for p in parts], dtype=object)
    # Joined strata name no industry: then today's.
    industry = np.array([p[2] if len(p) >= 3 and p[2] else own for p, own in zip(parts, industry, strict=True)], dtype=object)
    tier = named if scores is None else _by_scores(rows, policy, scores, records, named)
    guessed = (tier == "") & (today != "")
    if guessed.any():
        notes.append(
            _("{visits} visits speak for today's tier, that before them is unknown: rates lean outwards", visits=int(guessed.sum()))
        )
    return np.where(tier == "", today, tier), np.where(industry == "", NOT_KNOWN, industry)


def _by_scores(rows: pd.DataFrame, policy: TierPolicy, scores: Any, records: Any, otherwise: Texts) -> Texts:
    """Tiers by the policy's cuts from the scores just before each visit, and its overrides as of then."""
    needs = ["inspection_id", "industry", "score", "probability_ppm"]
    table = as_frame(scores, needs=needs, what="scores before the visits")
    position = pd.Index(table["inspection_id"]).get_indexer(pd.Index(rows["inspection_id"]))
    rated: Flags = table["score"].notna().to_numpy(dtype=bool)
    score, ppm = (pd.to_numeric(table[name]).fillna(0).to_numpy(dtype=np.int64) for name in ("score", "probability_ppm"))
    codes = cut_tiers(score, ppm, rated, populations(texts(table, "industry"), policy), policy)
    codes = np.append(codes, np.int8(NO_TIER))[position]
    if records is not None and policy.override:
        codes = _overridden(rows, codes, policy, records)
    return np.where(codes == NO_TIER, otherwise, tier_names(codes))


def _overridden(rows: pd.DataFrame, codes: Codes, policy: TierPolicy, records: Any) -> Codes:
    """Tiers with the overrides that held on the eve of each visit's quarter."""
    begun = pd.to_datetime(rows["event_date"]).dt.to_period("Q").dt.start_time
    eve = (begun - pd.Timedelta(days=1)).dt.date
    fires = Fires.before(pd.DataFrame({"subject_id": texts(rows, "subject_id"), "as_of": eve}), policy, records=records)
    ruled = overridden(codes, fires).tier
    return np.where(codes == NO_TIER, codes, ruled).astype(np.int8)
