"""The run book: all that is printed of a run, as plain data, made from the objects of tiering, plans and models."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from creditscore.config.catalogue import CatalogueItem, RepairPeriods
from creditscore.config.features import FeatureSpec
from creditscore.config.objections import LegalStep
from creditscore.config.policy import TierPolicy
from creditscore.config.sources import IdScheme
from creditscore.config.spec import Label
from creditscore.config.tasks import Task
from creditscore.config.work_calendar import WorkCalendar
from creditscore.inspection.frame_rows import FrameRows, TableRows
from creditscore.inspection.plan import DrawnPlan, InspectionPlan
from creditscore.inspection.plan_folder import format_of
from creditscore.inspection.sampling_frame import SamplingFrame
from creditscore.inspection.visits import Opened, Week, visits_of_plans, weeks_of
from creditscore.language import _
from creditscore.models.evaluate import Evaluation
from creditscore.models.scorecard import Scorecard
from creditscore.tiering.tiers import shown_tiers
from creditscore.vocabulary import SHOWN_ORDER

#: What workbooks and the report say of a trial.
TRIAL_NOTE = _("Unsigned, trial: nobody has signed the cards behind these scores and tiers. They are in force for nobody.")


@dataclass(frozen=True)
class RowCounts:
    """The row equation: rows in = scored + not rated + out of scope + quarantined + collapsed duplicates."""

    rows_in: int
    scored: int
    not_rated: int
    quarantined: int = 0
    collapsed: int = 0
    #: Rows by the reason why they are out of scope.
    out_of_scope: Mapping[str, int] = field(default_factory=dict)

    @property
    def accounted(self) -> int:
        """The right-hand side of the equation."""
        return self.scored + self.not_rated + sum(self.out_of_scope.values()) + self.quarantined + self.collapsed

    @property
    def balances(self) -> bool:
        """Whether no row is lost and none is counted twice."""
        return self.rows_in == self.accounted


@dataclass(frozen=True)
class Figure:
    """A measured value with its interval, where one was computed."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class PlanPage:
    """An inspection plan, drawn or not; :func:`creditscore.reporting.run_book.plan_page` makes it of a plan.

    ``strata``: one row per stratum: stratum, tier, industry, population, target, ratio, exempt.
    ``frame``: one row per subject of the task, the columns of ``sample.csv``; of an undrawn plan maybe rows that stay in its file.
    ``overshoot``: visits that rounding up adds; ``raised``: those that the task's floor or named number adds.
    ``inspectors``: one row per drawn subject: subject_id, inspectors (staff ids), certificate, recusal.
    ``visits``: one row per subject whose item is checked (:func:`creditscore.inspection.visits.visits_of_plans`).
    ``weeks``: one row per week of the task: week, week_from, week_to, workdays (missing where its year has no notice).
    ``late_proposed``: ids of those who came after the frame and were proposed for the riskiest tier then; ``late_addresses``: by
    their ids, since the run of the frame does not know them.
    ``staff``: one row per inspector who may go: staff_id, department, staff_region, certificate_valid_to.
    ``draft``: whether its hash is not the one to be told, since publishing makes another one; ``format``: that of its files.
    """

    task: Task
    strata: pd.DataFrame
    frame: pd.DataFrame | FrameRows
    frame_hash: str
    drawn: bool
    overshoot: int = 0
    raised: int = 0
    seed: str = ""
    seed_source: str = ""
    inspectors: pd.DataFrame = field(default_factory=pd.DataFrame)
    visits: pd.DataFrame = field(default_factory=pd.DataFrame)
    weeks: pd.DataFrame = field(default_factory=pd.DataFrame)
    staff: pd.DataFrame = field(default_factory=pd.DataFrame)
    late_proposed: frozenset[str] = frozenset()
    late_addresses: Mapping[str, str] = field(default_factory=dict)
    draft: bool = False
    format: str = ""

    @property
    def rows(self) -> FrameRows:
        """The rows of the frame, in batches."""
        return TableRows(self.frame) if isinstance(self.frame, pd.DataFrame) else self.frame


@dataclass(frozen=True)
class RunBook:
    """One run. Frames that a run does not have are empty; each printed section then says why it is empty.

    ============== ==========================================================================
    frame          one row per
    ============== ==========================================================================
    checkup        finding: section, table, rule, code, rows, examples (keys of rows, no values)
    deliveries     unit and source: what arrived, was refused and since when, was mended (``deliveries.parquet``)
    scores         scored subject: the columns of ``scores.parquet``
    tiers          subject: the columns of ``tiers.parquet``; ``tier`` is what holds, ``raw_tier`` what is proposed
    subjects       subject: ``records.subjects_on(as_of)``
    lists          listing in force: subject_id, kind, event_id, document_no, event_date
    by_industry    industry with a card: rows, effective size, bads, metrics with _low and _high
    shrinkage      industry (and characteristic): how far its figures were pulled to its parent's
    tuning         value of a setting that was tried: its log loss on rows held out, and whether it was chosen
    selection      characteristic of which something was noticed in training, such as drift: psi, and what it is
    calibration    tenth of the scores: expected, observed, low, high
    left_out       reason: rows of the training that have no label that counts
    rivals         rival model: its AUC, and the card's less it
    swap           cell of the riskiest fifth by card and challenger: rows, share, bad rate, commonest reason
    forecast       tier: what one round of draws under the policy is expected to find, with an interval
    stability      the score and each characteristic: psi against the run before, shift in points
    incomplete     subject and refused row or value that may count against it: table, source, row, code
    objections     objection that the day knew: against, about, on, due, kind, provider, outcome, decided_on, suspends
    asked          proposed subject and record that stands: kind, event_date, document_no, disputed, rests_on
    associations   feature and audited attribute: how well one predicts the other (0 to 1), strongest first
    ============== ==========================================================================
    """

    project: Label
    authority: Label
    as_of: dt.date
    counts: RowCounts
    policy: TierPolicy
    purpose: str = "supervision"
    run_id: str = ""
    #: Whether nobody has signed the cards that it scored with.
    trial: bool = False
    contact: str = ""
    checkup: pd.DataFrame = field(default_factory=pd.DataFrame)
    deliveries: pd.DataFrame = field(default_factory=pd.DataFrame)
    rejects: Mapping[str, int] = field(default_factory=dict)
    cards: Mapping[str, Scorecard] = field(default_factory=dict)
    evaluation: Mapping[str, Figure] = field(default_factory=dict)
    by_industry: pd.DataFrame = field(default_factory=pd.DataFrame)
    shrinkage: pd.DataFrame = field(default_factory=pd.DataFrame)
    tuning: pd.DataFrame = field(default_factory=pd.DataFrame)
    selection: pd.DataFrame = field(default_factory=pd.DataFrame)
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    left_out: pd.DataFrame = field(default_factory=pd.DataFrame)
    rivals: pd.DataFrame = field(default_factory=pd.DataFrame)
    swap: pd.DataFrame = field(default_factory=pd.DataFrame)
    scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    tiers: pd.DataFrame = field(default_factory=pd.DataFrame)
    subjects: pd.DataFrame = field(default_factory=pd.DataFrame)
    lists: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: Shares that the cuts gave, of ``Tiers.achieved``.
    achieved: pd.DataFrame = field(default_factory=pd.DataFrame)
    plans: tuple[PlanPage, ...] = ()
    forecast: pd.DataFrame = field(default_factory=pd.DataFrame)
    stability: pd.DataFrame = field(default_factory=pd.DataFrame)
    associations: pd.DataFrame = field(default_factory=pd.DataFrame)
    incomplete: pd.DataFrame = field(default_factory=pd.DataFrame)
    asked: pd.DataFrame = field(default_factory=pd.DataFrame)
    objections: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: What the configuration of the run says of features and kinds, and what its ids are; runs of earlier versions say nothing.
    features: tuple[FeatureSpec, ...] = ()
    catalogue: tuple[CatalogueItem, ...] = ()
    repair_periods: tuple[RepairPeriods, ...] = ()
    id_scheme: IdScheme | None = None
    legal_steps: tuple[LegalStep, ...] = ()
    #: Labels of codes: industries, regions, catalogue kinds.
    industries: Mapping[str, Label] = field(default_factory=dict)
    regions: Mapping[str, Label] = field(default_factory=dict)
    kinds: Mapping[str, Label] = field(default_factory=dict)
    #: Hashes and versions as in the manifest.
    facts: Mapping[str, str] = field(default_factory=dict)
    #: What a reader must know before using a number.
    notes: tuple[Label, ...] = ()


def tier_counts(book: RunBook) -> dict[str, int]:
    """Subjects per tier in the order of ``SHOWN_ORDER``: those proposed for D are counted apart, in no other tier."""
    if book.tiers.empty:
        return dict.fromkeys(SHOWN_ORDER, 0)
    counts = pd.Series(shown_tiers(book.tiers)).value_counts()
    return {tier: int(counts.get(tier, 0)) for tier in SHOWN_ORDER}


def migration_table(book: RunBook) -> pd.DataFrame:
    """One row per previous tier and tier: subjects, share of the previous tier. Empty before there is a previous run."""
    known = book.tiers[book.tiers["previous_tier"].notna()] if "previous_tier" in book.tiers else book.tiers.iloc[:0]
    if known.empty:
        return pd.DataFrame({"previous_tier": [], "tier": [], "subjects": [], "share": []})
    known = known.assign(tier=shown_tiers(known))
    table = known.groupby(["previous_tier", "tier"], observed=True).size().rename("subjects").reset_index()
    order = {tier: number for number, tier in enumerate(SHOWN_ORDER)}
    table = table.sort_values(["previous_tier", "tier"], key=lambda column: column.map(order), ignore_index=True)
    total = table.groupby("previous_tier")["subjects"].transform("sum")
    return table.assign(share=table["subjects"] / total)


def tiers_by_industry(book: RunBook) -> pd.DataFrame:
    """One row per industry and tier: subjects, share within the industry; industries by code, tiers A to NR, D proposed apart."""
    if book.tiers.empty:
        return pd.DataFrame({"industry": [], "tier": [], "subjects": [], "share": []})
    industry = book.tiers["industry"].fillna("")
    shown = pd.Series(shown_tiers(book.tiers), index=book.tiers.index, name="tier")
    counts = pd.crosstab(industry, shown).reindex(columns=list(SHOWN_ORDER), fill_value=0)
    table = counts.rename_axis(index="industry").reset_index().melt("industry", var_name="tier", value_name="subjects")
    table = table.sort_values("industry", kind="stable", ignore_index=True)
    total = table.groupby("industry")["subjects"].transform("sum")
    return table.assign(share=table["subjects"] / total)


def described(book: RunBook, frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with further columns of what is known of its subjects; rows and their order stay.

    Columns of ``frame`` win. The name of a practitioner is a person's and is left out.
    """
    known = book.subjects
    if known.empty:
        return frame.assign(name=None) if "name" not in frame else frame
    if "subject_type" in known:
        known = known.assign(name=known["name"].where(known["subject_type"] != "practitioner", None))
    extra = known.drop_duplicates("subject_id").set_index("subject_id")
    out = frame.copy()
    for column in extra.columns:
        mapped = frame["subject_id"].map(extra[column])
        if column not in frame:
            out[column] = mapped
        elif column == "name" and "subject_type" in extra:
            person = frame["subject_id"].map(extra["subject_type"]) == "practitioner"
            out[column] = frame[column].where(~person, None)
    return out


def plan_page(plan: InspectionPlan | DrawnPlan | Opened) -> PlanPage:
    """A plan on its own, drawn or not, as it is printed."""
    return plan_pages([Opened(plan) if isinstance(plan, DrawnPlan) else plan])[0]


def plan_pages(
    plans: Sequence[InspectionPlan | Opened],
    *,
    calendar: WorkCalendar | None = None,
    results: pd.DataFrame | None = None,
) -> tuple[PlanPage, ...]:
    """The plans of a day in their order: drawn ones with whom to visit now, in which week, and what a visit serves at once.

    ``results`` are visits that were handed in (``task, subject_id, event_date, mode, outcome, severity``): they are shown
    in the list, and ``mode`` is then how the subject was checked.
    """
    days = calendar or WorkCalendar()
    visits = visits_of_plans([one for one in plans if isinstance(one, Opened)], calendar=days)
    if results is not None and len(results):
        visits = _with_results(visits, results)
    pages = []
    for one in plans:
        plan, day = (one.plan.plan, one.plan.drawn_on) if isinstance(one, Opened) else (one, None)
        weeks = weeks_of(plan.task.start, plan.task.end, days, not_before=day)
        if isinstance(one, Opened):
            drawn = one.plan
            own = visits[visits["task"] == drawn.task.id].reset_index(drop=True)
            page = _page(plan, drawn.sample, seed=drawn.seed, seed_source=_seed_source(one), weeks=weeks)
            joined = [line for line in one.log if line["what"] == "joined"]
            late = frozenset(str(line["subject_id"]) for line in joined if line.get("proposed"))
            places = {str(line["subject_id"]): str(line["address"]) for line in joined if line.get("address")}
            page = replace(page, visits=own, inspectors=_teams(drawn, own), staff=_staff(drawn))
            pages.append(replace(page, late_proposed=late, late_addresses=places))
        else:
            pages.append(_page(plan, plan.rows, seed="", seed_source="", weeks=weeks))
    return tuple(pages)


def _seed_source(opened: Opened) -> str:
    """Where the seed comes from, as the log of the draw says."""
    return next((str(line["seed_source"]) for line in opened.log if line["what"] == "drawn" and "seed_source" in line), "")


def _with_results(visits: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    filled_in = results.rename(columns={"event_date": "visited_on", "severity": "found_severity", "mode": "checked"})
    columns = ["task", "subject_id", "visited_on", "checked", "outcome", "found_severity"]
    both = visits.merge(filled_in[columns], on=["task", "subject_id"], how="left", validate="one_to_one")
    both["mode"] = both["checked"].fillna(both["mode"])
    return both.drop(columns="checked")


def _page(plan: SamplingFrame, frame: pd.DataFrame | FrameRows, *, seed: str, seed_source: str, weeks: list[Week]) -> PlanPage:
    return PlanPage(
        task=plan.task,
        strata=plan.strata.assign(ratio=plan.strata["ratio_ppm"] / 1_000_000, on_site_share=plan.strata["on_site_ppm"] / 1_000_000),
        frame=frame,
        frame_hash=plan.frame_hash,
        draft=plan.format > 2 and not plan.is_sealed,
        format=format_of(plan),
        drawn=bool(seed),
        overshoot=plan.overshoot,
        raised=plan.raised,
        seed=seed,
        seed_source=seed_source,
        weeks=pd.DataFrame(
            [(week.number, week.first, week.last, week.workdays if week.known else None) for week in weeks],
            columns=["week", "week_from", "week_to", "workdays"],
        ).astype({"workdays": "Int64"}),
    )


def _teams(drawn: DrawnPlan, visits: pd.DataFrame) -> pd.DataFrame:
    """One row per visit with a team: staff ids, the first day on which one of their certificates ends, who was recused."""
    if drawn.pool is None:
        return pd.DataFrame()
    ends = {member.staff_id: dt.date.fromisoformat(member.certificate_valid_to) for member in drawn.pool.members}
    rows = visits.loc[[bool(team) for team in visits["team"]], ["subject_id", "team"]].rename(columns={"team": "inspectors"})
    rows["certificate"] = [min((ends[staff] for staff in team if staff in ends), default=None) for team in rows["inspectors"]]
    recused: dict[str, list[str]] = {}
    for staff_id, subject_id in sorted(drawn.pool.recusals):
        recused.setdefault(subject_id, []).append(staff_id)
    return rows.assign(recusal=rows["subject_id"].map({subject: "、".join(staff) for subject, staff in recused.items()}))


def _staff(drawn: DrawnPlan) -> pd.DataFrame:
    """One row per inspector who may go."""
    members = drawn.pool.members if drawn.pool else ()
    rows = [(one.staff_id, one.department, one.region, dt.date.fromisoformat(one.certificate_valid_to)) for one in members]
    return pd.DataFrame(rows, columns=["staff_id", "department", "staff_region", "certificate_valid_to"])


def evaluation_figures(evaluation: Evaluation) -> dict[str, Figure]:
    """The measures with their intervals, where there are any."""
    intervals = evaluation.intervals
    return {name: Figure(value, *intervals.get(name, (None, None))) for name, value in evaluation.items()}


def evaluation_by_industry(evaluation: Evaluation) -> pd.DataFrame:
    """One row per industry of an evaluation that had industries as groups."""
    return evaluation.by_group.rename_axis("industry").reset_index()
