"""``forecast_policy``: what a ratio table would find and cost, from past random draws, before it is signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.config.tasks import Task
from creditscore.dataframes import texts
from creditscore.errors import DataError
from creditscore.inspection.candidates import task_population
from creditscore.inspection.past_visits import PastVisits, Rate, read_past_visits
from creditscore.inspection.strata import JOINED, NOT_KNOWN, Joining, with_rules
from creditscore.language import Message, _
from creditscore.tiering.tiers import Tiers, as_tiers, drawn_tiers, shown_tiers
from creditscore.vocabulary import NOT_RATED, PROPOSED, RISKIEST, SHOWN_ORDER, TIER_ORDER, TIERS

_MILLION = 1_000_000
#: A cell with fewer past visits takes the rate of its tier.
MIN_VISITS = 30
_EVERYONE = "all"
_STRATUM = ["tier", "industry", "on_site_share", "full_coverage"]


@dataclass(frozen=True)
class PolicyForecast:
    """What one round of draws under a policy is expected to find.

    Attributes:
        strata: One row per tier and industry: ``population``, ``visits``, ``on_site`` (how many of them are on
            site; only these are forecast to find anything), ``on_site_share``, ``full_coverage``, ``rate``,
            ``expected``, ``basis`` (the visits its rate comes from: ``tier|industry``, ``tier`` or ``all``; several
            with ``;`` between them), ``extrapolated``.
        tiers: The same by tier, with ``low`` and ``high``.
        total: The same in one row.
        level: Of the prediction intervals.
        notes: What was left out, and where the forecast goes beyond the past visits.
        subjects: Probability of a visit per subject, for :meth:`burden`.
    """

    strata: pd.DataFrame
    tiers: pd.DataFrame
    total: dict[str, float]
    level: float
    notes: tuple[Message, ...]
    subjects: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row per tier and one for all.

        Columns: ``tier population visits on_site visits_per_subject past_visits effective_visits rate expected
        low high share_found extrapolated excluded_share``. ``visits`` and ``visits_per_subject`` count all, ``expected``
        what those on site find; ``low`` and ``high`` bound what the next draw finds on site (violations), its own
        chance included; ``share_found`` is of all violations in the tier.
        """
        return pd.concat([self.tiers, pd.DataFrame([{"tier": _EVERYONE, **self.total}])], ignore_index=True)

    def burden(self, by: str) -> pd.DataFrame:
        """Visits per subject by a column of the register (``size_class``, ``region``, ``subject_type``).

        Raises:
            DataError: The register is not at hand or has no such column.
        """
        if by not in self.subjects.columns:
            raise DataError("burden: expected a register of subjects with the column {by} (give records to assign_tiers)", by=by)
        group = self.subjects[by].astype(object).where(self.subjects[by].notna(), NOT_KNOWN)
        table = self.subjects["visit"].groupby(group).agg(["size", "sum", "mean"]).reset_index()
        return table.set_axis([by, "subjects", "visits", "visits_per_subject"], axis=1)

    def summary(self) -> str:
        """A few sentences for people, in English."""
        return "\n".join(str(sentence) for sentence in self.sentences())

    def sentences(self) -> tuple[Message, ...]:
        """What the forecast comes to, then what to bear in mind."""
        total = self.total
        values = {
            "share": total["share_found"],
            "level": self.level,
            **{key: total[key] for key in ("visits", "expected", "low", "high")},
        }
        outcome = (
            _(
                "{visits:,.0f} visits are expected to find {expected:,.0f} violations "
                "({level:.0%} of such draws: {low:,.0f} to {high:,.0f}), {share:.1%} of all.",
                **values,
            )
            if total["on_site"] == total["visits"]
            else _(
                "{visits:,.0f} visits, {on_site:,.0f} of them on site, are expected to find {expected:,.0f} violations "
                "({level:.0%} of such draws: {low:,.0f} to {high:,.0f}), {share:.1%} of all.",
                on_site=total["on_site"],
                **values,
            )
        )
        return (outcome, *self.notes)


def forecast_policy(
    tiers: Any,
    policy: TierPolicy,
    *,
    history: Any,
    frames: Any = None,
    scores: Any = None,
    records: Any = None,
    task: Task | None = None,
    level: float = 0.95,
) -> PolicyForecast:
    """What a policy would find in one round of draws over these tiers.

    Rates are Hájek estimates from past random on-site visits by tier and industry (by tier where fewer
    than 30 visits are known, from the nearest riskier tier where none). With ``scores`` the visits of a tier
    speak for those whose score gives that tier today (``raw_tier``), whatever tier still holds until a person
    signs; how often a subject is drawn goes by the tier in which it is drawn. Those proposed for D have a row of their own
    and are spoken for by visits to D. Of the visits only the ``on_site_share`` of the
    policy is forecast to find anything: what is checked on paper or online is another instrument. The interval is a
    prediction: the error of the rates, clustered by subject, and the chance of the next draw.

    Args:
        tiers: A ``Tiers`` or a frame of it.
        policy: The ratios to try.
        history: Past inspections with ``trigger, outcome, inclusion_probability, task, stratum``.
        frames: Past frames, where probabilities are to be rebuilt as n/N.
        scores: Scores just before each past visit (``inspection_id, industry, score, probability_ppm``),
            where tiers are cut otherwise than in the past.
        records: With ``scores``: whom the policy's overrides would have met then (answers ``listed_by_row``,
            ``grades_by_row``). Without them a subject that an
            override puts into a tier today is taken to find as those whose score alone gives it.
        task: Only the subjects of this task and its floor; by default everyone. Nobody is exempt: who leaves the
            frame on the day (caps, repeats) is known to the plan alone.
        level: Of the intervals.

    Raises:
        DataError: There is no random visit with a known probability, or no subject to draw; ``level`` is not
            between 0 and 1.
    """
    if not 0 < level < 1:
        raise DataError("level: expected a share between 0 and 1 (got {level})", level=level)
    day_tiers = as_tiers(tiers)
    visits = read_past_visits(history, day_tiers, policy, frames=frames, scores=scores, records=records)
    return forecast_from_visits(
        day_tiers, policy, visits, speaks_by="tier" if scores is None else "raw_tier", task=task, level=level
    )


def forecast_from_visits(
    tiers: Tiers, policy: TierPolicy, visits: PastVisits, *, speaks_by: str, task: Task | None = None, level: float = 0.95
) -> PolicyForecast:
    """:func:`forecast_policy` from past visits whose tiers are known, so that several tasks can share them.

    Args:
        tiers: Today's tiers.
        policy: The ratios to try.
        visits: Of :func:`read_past_visits`.
        speaks_by: The column of ``tiers`` by which past visits speak for a subject: ``tier`` or ``raw_tier``.
        task: Only the subjects of this task and its floor; by default everyone.
        level: Of the intervals, above 0 and below 1.

    Raises:
        DataError: There is no random visit with a known probability, or no subject to draw.
    """
    if not len(visits.bad):
        why = "; ".join(map(str, visits.notes)) or "no visit with trigger random or full_coverage"
        raise DataError("history: expected random visits with a known probability and an outcome (got none: {why})", why=why)
    cells, subjects = _planned(tiers, policy, task, by=speaks_by)
    cells, rates = _with_rates(cells, visits)
    measure = _Measure(visits, rates, visits.persistence(), level)
    present = [tier for tier in SHOWN_ORDER if (cells["shown"] == tier).any()]
    by_tier = pd.DataFrame([measure.row(cells[cells["shown"] == tier], tier) for tier in present])
    total = measure.row(cells, "")
    total.pop("tier")
    return PolicyForecast(_strata(cells), by_tier, total, level, _notes(cells, visits), subjects)


def _planned(tiers: Tiers, policy: TierPolicy, task: Task | None, *, by: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cells (tier x industry x tier whose visits speak x tier shown) with population and visits; and each subject's probability."""
    everyone = tiers.frame.assign(tier=drawn_tiers(tiers.frame))
    rows = everyone if task is None else task_population(tiers, tiers.subjects, task)
    if rows.empty:
        raise DataError(
            "tiers: expected subjects to draw from{where} (got none)", where=_(" in task {task}", task=task.id) if task else ""
        )
    frame = pd.DataFrame({"subject_id": rows["subject_id"], "tier": texts(rows, "tier"), "industry": texts(rows, "industry")})
    own = tiers.frame.set_index("subject_id").reindex(frame["subject_id"])
    frame["shown"] = shown_tiers(own)
    speaks = np.where(frame["shown"] == PROPOSED, RISKIEST, texts(own, by))
    frame["speaks"] = np.where(speaks == "", frame["tier"], speaks)
    frame["industry"] = frame["industry"].where(frame["industry"] != "", NOT_KNOWN)
    frame = _with_chances(frame, policy, task)
    grouped = frame.groupby([*_STRATUM, "speaks", "shown"], sort=True)
    cells = grouped.agg(population=("visit", "size"), visits=("visit", "sum"), on_site=("visit_on_site", "sum")).reset_index()
    frame = frame.drop(columns=["on_site_share", "full_coverage", "visit_on_site"])
    if tiers.subjects is not None:
        columns = [column for column in tiers.subjects.columns if column not in ("industry", "tier", "speaks", "shown", "visit")]
        frame = frame.merge(tiers.subjects[columns], on="subject_id", how="left")
    return cells, frame


def _with_chances(frame: pd.DataFrame, policy: TierPolicy, task: Task | None) -> pd.DataFrame:
    """Each subject with the chance of a visit and of one on site, by its stratum; small strata are joined as in a frame."""
    counted = frame.groupby(["tier", "industry"]).size().rename("n").reset_index()
    rows = zip(counted["tier"].tolist(), counted["industry"].tolist(), counted["n"].tolist(), strict=True)
    sizes = {(tier, industry, ""): n for tier, industry, n in rows}
    joined = Joining.of(policy, task.id if task else None).joined(sizes)
    drawn_with = [JOINED if (*cell, "") in joined else cell[1] for cell in zip(frame["tier"], frame["industry"], strict=True)]
    frame = frame.assign(drawn_with=drawn_with)
    strata = frame.groupby(["tier", "drawn_with"], sort=True).size().rename("population").reset_index()
    strata = with_rules(strata.rename(columns={"drawn_with": "industry"}), policy, task)
    strata["on_site_share"] = strata["on_site_ppm"] / _MILLION
    strata["visit"], strata["visit_on_site"] = (strata[name] / strata["population"] for name in ("target", "on_site"))
    strata = strata.rename(columns={"industry": "drawn_with"})
    chances = strata[["tier", "drawn_with", "on_site_share", "full_coverage", "visit", "visit_on_site"]]
    return frame.merge(chances, on=["tier", "drawn_with"]).drop(columns="drawn_with")


def _with_rates(cells: pd.DataFrame, visits: PastVisits) -> tuple[pd.DataFrame, dict[str, Rate]]:
    """Each cell with the group of past visits its rate comes from; the rates of these groups."""
    counts: dict[str, int] = {tier: int((visits.tier == tier).sum()) for tier in TIER_ORDER}
    rates: dict[str, Rate] = {}
    basis, extrapolated = [], []
    for tier, industry in zip(cells["speaks"], cells["industry"], strict=True):
        source = _source(tier, counts)
        members = np.ones(len(visits.bad), dtype=bool) if source == _EVERYONE else visits.tier == source
        own = members & (visits.industry == industry)
        enough = source == tier and own.sum() >= MIN_VISITS
        name = f"{tier}|{industry}" if enough else source
        if name not in rates:
            rates[name] = visits.rate(own if enough else members)
        basis.append(name)
        extrapolated.append(source != tier)
    cells = cells.assign(basis=basis, extrapolated=extrapolated, rate=[rates[name].value for name in basis])
    return cells.assign(expected=cells["on_site"] * cells["rate"]), rates


def _strata(cells: pd.DataFrame) -> pd.DataFrame:
    """One row per tier and industry."""
    groups = cells.assign(violations=cells["population"] * cells["rate"]).groupby(_STRATUM, sort=True)
    summed = groups[["population", "visits", "on_site", "expected", "violations"]].sum().reset_index()
    summed = summed.astype({"visits": float, "on_site": float}).round({"visits": 0, "on_site": 0})
    summed = summed.astype({"visits": int, "on_site": int})
    summed["rate"] = summed.pop("violations") / summed["population"]
    sources = groups.agg(basis=("basis", lambda names: ";".join(sorted(set(names)))), extrapolated=("extrapolated", "any"))
    return summed.merge(sources.reset_index(), on=_STRATUM)


def _source(tier: str, counts: Mapping[str, int]) -> str:
    """The tier whose visits speak for this one: itself, the nearest riskier one, the nearest safer one; NR: all."""
    if counts[tier]:
        return tier
    if tier == NOT_RATED:
        return _EVERYONE
    position = TIER_ORDER.index(tier)
    nearest = [*TIER_ORDER[position + 1 : len(TIERS)], *reversed(TIER_ORDER[:position])]
    return next((other for other in nearest if counts[other]), _EVERYONE)


@dataclass(frozen=True)
class _Measure:
    """Turns cells into a row of the table."""

    visits: PastVisits
    rates: Mapping[str, Rate]
    persistent: float
    level: float

    def row(self, cells: pd.DataFrame, tier: str) -> dict[str, Any]:
        """The figures of some cells together; ``tier`` is theirs, or ``""`` for all."""
        population, planned = int(cells["population"].sum()), round(float(cells["visits"].sum()))
        violations = float((cells["population"] * cells["rate"]).sum())
        low, high = self.interval(cells)
        mine = self.visits.tier == tier if tier else np.ones(len(self.visits.bad), dtype=bool)
        past = self.visits.rate(mine) if mine.any() else None
        excluded = self.visits.excluded.get(tier, 0.0) if tier else float("nan")
        return {
            "tier": tier,
            "population": population,
            "visits": planned,
            "on_site": round(float(cells["on_site"].sum())),
            "visits_per_subject": planned / population,
            "past_visits": past.visits if past else 0,
            "effective_visits": past.effective if past else 0.0,
            "rate": violations / population,
            "expected": float(cells["expected"].sum()),
            "low": low,
            "high": high,
            "share_found": float(cells["expected"].sum()) / violations if violations else 0.0,
            "extrapolated": bool(cells["extrapolated"].any()),
            "excluded_share": excluded,
        }

    def interval(self, cells: pd.DataFrame) -> tuple[float, float]:
        """The prediction interval of what the planned visits on site find: a gamma with the mean and variance."""
        from scipy.stats import gamma

        planned = {name: float(sum(cells.loc[cells["basis"] == name, "on_site"])) for name in sorted(set(cells["basis"]))}
        cautious = np.array([self.rates[name].cautious for name in cells["basis"]])
        visits, fraction = cells["on_site"].to_numpy(dtype=float), (cells["on_site"] / cells["population"]).to_numpy(dtype=float)
        mean = float((visits * cautious).sum())
        chance = float((visits * cautious * (1 - cautious) * (1 - self.persistent * fraction)).sum())
        spread = chance + self.visits.variance(self.rates, planned, persistent=self.persistent)
        if mean <= 0 or spread <= 0:
            return mean, mean
        tail, scale = (1 - self.level) / 2, spread / mean
        low, high = gamma.ppf([tail, 1 - tail], mean / scale, scale=scale)
        return float(np.floor(low)), float(min(np.ceil(high), visits.sum()))


def _notes(cells: pd.DataFrame, visits: PastVisits) -> tuple[Message, ...]:
    notes = list(visits.notes)
    every, on_site = (cells.groupby("tier")[name].sum().round() for name in ("visits", "on_site"))
    silent = int(every.sum() - on_site.sum())
    if silent:
        notes.append(_("{visits} of the planned visits are off site: what they find is not forecast", visits=silent))
        for tier in (tier for tier in TIER_ORDER if every.get(tier, 0) and not on_site.get(tier, 0)):
            notes.append(
                _("tier {tier}: never visited on site (on_site_share 0): nothing it holds is forecast to be found", tier=tier)
            )
    for tier in TIER_ORDER:
        mine = cells[cells["speaks"] == tier]
        past = int((visits.tier == tier).sum())
        if len(mine) and not past:
            basis = str(mine["basis"].iloc[0])
            notes.append(
                _("tier {tier}: no past random on-site visit; its rate is that of {other} (extrapolated)", tier=tier, other=basis)
                if basis in TIER_ORDER
                else _("tier {tier}: no past random on-site visit; its rate is that of all (extrapolated)", tier=tier)
            )
        elif len(mine) and past < MIN_VISITS:
            notes.append(_("tier {tier}: only {visits} past random visits", tier=tier, visits=past))
    return tuple(notes)
