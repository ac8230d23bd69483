"""The frame of a task: who may be drawn, in which stratum, and how many of each; hashed before there is a seed."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.config.tasks import Population, Task
from creditscore.dataframes import Flags, Texts, as_frame, date_column, texts, unique_ids
from creditscore.dates import months_before
from creditscore.errors import DataError, DrawError
from creditscore.inspection.frame_hash import commitments, draft_commitments, frame_hash, frame_hash_2, rows_by_name
from creditscore.inspection.pool import Pool
from creditscore.inspection.rounding import extra_visits, notes_on
from creditscore.inspection.strata import STRATUM_COLUMNS, Joining, places_of, strata_of, strata_table, with_targets
from creditscore.inspection.task_key import new_key, refuse_other_key
from creditscore.tiering.tiers import Tiers, drawn_tiers
from creditscore.vocabulary import SAMPLING_TRIGGERS

#: The columns of a frame: one row per subject of the task's population, by subject_id, those who left it with their reason.
FRAME_COLUMNS = (
    "task", "subject_id", "name", "industry", "region", "tier", "stratum", "inclusion_probability", "exempt_reason", "merged_with",
)  # fmt: skip
#: The columns of a drawn frame, which are those of ``sample.csv``: the same rows. ``verify_draw.py`` has its own copy.
SAMPLE_COLUMNS = (
    "task", "subject_id", "name", "industry", "region", "tier", "stratum", "inclusion_probability", "ticket", "drawn",
    "mode", "exempt_reason", "merged_with",
)  # fmt: skip
#: The columns of a frame that the hash covers, in this order.
SUBJECT_KEYS = ("subject_id", "name", "industry", "region", "tier", "stratum", "exempt_reason", "merged_with")
#: Why a subject leaves a frame before the draw; see ``_exemptions``. ``verify_draw.py`` has its own copy.
EXEMPT_REASONS = ("deregistered", "annual_cap", "repeat")
_REGISTER = ("name", "industry", "last_industry", "region", "subject_type", "status")


@dataclass
class SamplingFrame:
    """A frame that can be published.

    Attributes:
        task: The task.
        frame: The columns of :data:`FRAME_COLUMNS`. ``inclusion_probability`` is n/N of the stratum, and 0 for subjects
            that left the frame.
        strata: The columns of :data:`STRATUM_COLUMNS`, from the safest tier to the riskiest, then NR, then by name.
        about: Task, day and policy as hashed.
        frame_hash: The SHA-256 to publish before the seed is known; of a draft one that says whether it was changed.
        notes: What the planner should know.
        pool: Who may be sent, and who is recused; None where no staff was named. Part of the hash.
        format: 3; 2 for frames that were published by older versions.
        commitments: What the hash covers beside ``about``; empty in format 2.
        key: The key of a published frame; empty for drafts, for format 2, and where it is not at hand.
    """

    task: Task
    frame: pd.DataFrame
    strata: pd.DataFrame
    about: dict[str, Any]
    frame_hash: str
    notes: tuple[str, ...] = ()
    pool: Pool | None = None
    format: int = 3
    commitments: dict[str, str] = field(default_factory=dict)
    key: str = field(default="", repr=False)

    @classmethod
    def of(cls, tiers: Tiers, policy: TierPolicy, *, task: Task, history: Any, register: pd.DataFrame | None) -> Self:
        """The frame of a task over the tiers of a day.

        Args:
            tiers: Who may be drawn; NR is in every frame.
            policy: Ratios, full coverage, caps.
            task: Whom it covers, when, and its floor.
            history: Past inspections (``subject_id, event_date, trigger``), or None: nobody is exempt for a visit.
            register: ``subject_id`` and, as far as known, ``name, industry, region, subject_type, status``; or None.

        Raises:
            DataError: The task asks for regions or types and there is no register.
            DrawError: The task covers nobody.
        """
        day = tiers.as_of
        frame = task_population(tiers, register, task)
        if frame.empty:
            raise DrawError("task {task_id}: expected subjects in its population (got none)", task_id=task.id)
        frame["exempt_reason"] = _exemptions(frame, policy, task, history=history, as_of=day)
        joining = Joining.of(policy, task.id)
        frame["stratum"] = strata_of(frame, task, joining)
        strata = strata_table(frame, policy, task)
        frame = with_probabilities(frame.assign(task=task.id, merged_with=""), strata)
        about = {
            "task": task.model_dump(mode="json"),
            "as_of": day.isoformat(),
            "policy": {"effective": policy.effective.isoformat(), "basis": policy.basis, "sha256": policy.sha256},
            "joining": joining.to_dict(),
        }
        return cls(task, frame, strata, about, "").changed(notes=notes_on(strata, task, about, places_of(frame, task)))

    @property
    def as_of(self) -> dt.date:
        """The day of the tiers behind the frame."""
        return dt.date.fromisoformat(self.about["as_of"])

    @property
    def joining(self) -> Joining | None:
        """Which small strata were joined; None for a frame of before there was such a rule."""
        return Joining.from_dict(self.about["joining"]) if "joining" in self.about else None

    @property
    def overshoot(self) -> int:
        """Visits that rounding up in every stratum adds to the ratios' exact sum, that sum rounded up once."""
        return extra_visits(self.strata)[0]

    @property
    def raised(self) -> int:
        """Visits beyond the ratios that the task's floor or its named number adds."""
        return extra_visits(self.strata)[1]

    def targets(self) -> dict[str, int]:
        """How many to draw, by stratum."""
        return dict(zip(self.strata["stratum"].tolist(), self.strata["target"].tolist(), strict=True))

    def on_site(self) -> dict[str, int]:
        """How many of the drawn are visited on site, by stratum."""
        return dict(zip(self.strata["stratum"].tolist(), self.strata["on_site"].tolist(), strict=True))

    def hashed_again(self) -> str:
        """The frame hash of what the frame holds now. Of a published frame without its key: of its commitments."""
        if self.format == 2:
            return frame_hash_2(self.about, self._rows(STRATUM_COLUMNS, self.strata), self._rows(SUBJECT_KEYS, self.frame))
        return frame_hash(self.about, self._committed())

    def _committed(self) -> dict[str, str]:
        """The commitments to what the frame holds now; those that it carries where its key is not at hand."""
        if self.is_sealed and not self.key:
            return self.commitments
        strata, subjects = self.stratum_rows(), self.subject_rows()
        people = self.pool.to_dict() if self.pool else None
        if not self.key:
            return draft_commitments(strata, subjects, people)
        return commitments(strata, subjects, people, key=self.key, task=self.task.id)

    def stratum_rows(self) -> dict[str, str]:
        """The canonical row of each stratum by its name."""
        return rows_by_name(self._rows(STRATUM_COLUMNS, self.strata))

    def subject_rows(self) -> dict[str, str]:
        """The canonical row of each subject by its id in NFC.

        Raises:
            DrawError: A subject is in the frame twice.
        """
        return rows_by_name(self._rows(SUBJECT_KEYS, self.frame))

    @staticmethod
    def _rows(columns: Sequence[str], frame: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
        return zip(*(frame[name].tolist() for name in columns), strict=True)

    @property
    def is_sealed(self) -> bool:
        """Whether the frame was published with a key."""
        return "key" in self.commitments

    def sealed(self) -> Self:
        """A copy with a new key, to be published; frames of format 2 have none."""
        return self.changed(key=new_key() if self.format > 2 else "")

    def unsealed(self) -> Self:
        """A copy without key, as a draft again."""
        return self.changed(key="", commitments={})

    def refuse_too_few(self) -> None:
        """Refuse a frame whose draw could send nobody somewhere: too few inspectors may go to a subject that stays.

        Raises:
            DrawError: The subject is named.
        """
        if self.pool is not None:
            stays = self.frame["exempt_reason"] == ""
            self.pool.refuse_too_few(self.task.min_inspectors, self.frame.loc[stays, "subject_id"].tolist())

    def refuse_other_key(self) -> None:
        """Refuse a key that is not the one whose hash was published.

        Raises:
            DrawError: It is another one.
        """
        if self.key:
            refuse_other_key(self.key, self.commitments.get("key", ""), self.task.id)

    def check_hash(self) -> None:
        """Refuse a frame that is not the one whose hash it carries.

        Raises:
            DrawError: It was changed since it was hashed.
        """
        if self.hashed_again() != self.frame_hash:
            raise DrawError(
                "task {task_id}: the frame is not the one whose hash was fixed; plan again and publish the new hash",
                task_id=self.task.id,
            )

    def changed(self, **parts: Any) -> Self:
        """A copy with some fields replaced and a new frame hash."""
        copy = dataclasses.replace(self, **{**parts, "frame_hash": ""})
        copy.commitments = {} if copy.format == 2 else copy._committed()
        copy.frame_hash = copy.hashed_again()
        return copy

    def with_people(self, staff: Any, recusals: Any = None) -> Self:
        """The frame with the inspectors who may be sent.

        Args:
            staff: ``staff_id, certificate_valid_to`` and, as far as known, ``name, region, department``; None: nobody is assigned.
            recusals: Pairs ``staff_id, subject_id`` that may not meet; or None.

        Raises:
            DrawError: A member of staff is listed twice.
        """
        stays = self.frame.loc[self.frame["exempt_reason"] == "", "subject_id"]
        pool = None if staff is None else Pool.of(staff, recusals, self.task, subject_ids=stays)
        return self.changed(pool=pool)

    def with_ratios(self, ratios_ppm: Sequence[int]) -> Self:
        """The frame with the ratios of a planner, and new targets, probabilities and notes. ``about`` records the change.

        Args:
            ratios_ppm: One per stratum in the order of ``strata``, in millionths.

        Raises:
            DrawError: The task's named number is less than its floor.
        """
        strata = with_targets(self.strata.assign(ratio_ppm=list(ratios_ppm)), self.task)
        about = {**self.about, "ratios": "edited by the planner"}
        frame = with_probabilities(self.frame, strata)
        return self.changed(
            strata=strata, frame=frame, about=about, notes=notes_on(strata, self.task, about, places_of(frame, self.task))
        )


def task_population(tiers: Tiers, register: pd.DataFrame | None, task: Task) -> pd.DataFrame:
    """The subjects of a task, by subject_id: ``subject_id, tier, name, industry, region, subject_type, status``.

    ``tier`` is the one in which they are drawn. What is unknown is ``""``; an unknown region or type belongs to every task.
    Whose industry is unknown is placed by the last known one, ``last_industry`` of the register; without any it belongs to the
    tasks that take such.

    Raises:
        DataError: The task names regions or types and there is no register to look them up in.
    """
    drawn = tiers.frame[["subject_id", "industry"]].assign(tier=drawn_tiers(tiers.frame))
    rows = drawn.astype(object).sort_values("subject_id", ignore_index=True)
    wanted = {"regions": task.population.regions, "subject_types": task.population.subject_types}
    asked = [name for name, values in wanted.items() if values]
    if register is None and (asked or task.by_region):
        what = ", ".join(asked) or "by_region"
        raise DataError(
            "task {task_id}: {what}: expected a register of subjects to see it in (give records or subjects)",
            task_id=task.id,
            what=what,
        )
    if register is None or not len(register):
        known = {name: np.full(len(rows), "", dtype=object) for name in _REGISTER}
    else:
        entries = as_frame(register, needs=["subject_id"], what="subjects")
        position = unique_ids(entries, what="subjects").get_indexer(pd.Index(rows["subject_id"]))
        known = {name: np.append(texts(entries, name), "")[position] for name in _REGISTER}  # -1, not found, is the ""
    own = texts(rows, "industry")
    known["industry"] = np.where(own == "", known["industry"], own)
    known["industry"] = np.where(known["industry"] == "", known.pop("last_industry"), known["industry"])
    # A practitioner's name is a person's: plans know practitioners by their licence number.
    known["name"] = np.where(known["subject_type"] == "practitioner", "", known["name"])
    frame = pd.DataFrame({"subject_id": rows["subject_id"], "tier": rows["tier"], **known})
    return frame[_in_population(frame, task.population)].reset_index(drop=True)


def _in_population(frame: pd.DataFrame, population: Population) -> Flags:
    inside = np.ones(len(frame), dtype=bool)
    unknown = [""] if population.takes_unknown_trade else []
    if population.industries:
        inside &= frame["industry"].isin([*population.industries, *unknown]).to_numpy()
    if population.subject_types:
        inside &= frame["subject_type"].isin([*population.subject_types, ""]).to_numpy()
    if population.regions:
        prefixes = tuple(_region_prefix(region) for region in population.regions)
        inside &= np.array([region == "" or region.startswith(prefixes) for region in frame["region"]], dtype=bool)
    return inside


def _region_prefix(region: str) -> str:
    """``431100`` is the whole of ``4311``: pairs of zeros at the end name no district."""
    while len(region) > 2 and region.endswith("00"):
        region = region[:-2]
    return region


def _exemptions(frame: pd.DataFrame, policy: TierPolicy, task: Task, *, history: Any, as_of: dt.date) -> Texts:
    """Why a subject leaves the frame before the draw; ``""`` for those who stay.

    ``deregistered``; ``annual_cap``: as many visits of any kind in the calendar year of the task as
    ``policy.annual_cap`` allows (several on one day are one); ``repeat``: drawn at random within the
    ``repeat_within_months`` of its tier before the task starts (not where coverage is full).
    """
    deregistered, annual_cap, repeat = EXEMPT_REASONS
    reason = np.where(frame["status"] == "deregistered", deregistered, "").astype(object)
    if history is None:
        return reason
    visits = as_frame(history, needs=["subject_id", "event_date", "trigger"], what="history of inspections")
    day = date_column(visits, "event_date")
    known = (day <= np.datetime64(as_of, "D")) & ~(date_column(visits, "known_date") > np.datetime64(as_of, "D"))
    visits = pd.DataFrame({"subject_id": visits["subject_id"], "trigger": texts(visits, "trigger"), "day": day})[known]
    this_year = visits[visits["day"] >= np.datetime64(f"{task.start.year}-01-01", "D")]
    counts = this_year.drop_duplicates(["subject_id", "day"])["subject_id"].value_counts()
    capped = frame["subject_id"].isin(counts.index[counts >= policy.annual_cap]).to_numpy()
    reason = np.where((reason == "") & capped, annual_cap, reason)
    return np.where((reason == "") & _drawn_recently(frame, visits, policy, task), repeat, reason)


def _drawn_recently(frame: pd.DataFrame, visits: pd.DataFrame, policy: TierPolicy, task: Task) -> Flags:
    drawn = visits[visits["trigger"].isin(SAMPLING_TRIGGERS)]
    last = drawn.groupby("subject_id")["day"].max().reindex(frame["subject_id"]).to_numpy(dtype="datetime64[D]")
    recent = np.zeros(len(frame), dtype=bool)
    for industry, tier in sorted(set(zip(frame["industry"], frame["tier"], strict=True))):
        months = policy.rules_for(industry, task=task.id).of(tier).repeat_within_months
        if months and industry not in policy.full_coverage:
            rows = (frame["industry"] == industry).to_numpy() & (frame["tier"] == tier).to_numpy()
            recent |= rows & (last > np.datetime64(months_before(task.start, months), "D"))
    return recent


def with_probabilities(frame: pd.DataFrame, strata: pd.DataFrame) -> pd.DataFrame:
    """A frame with n/N of the stratum; 0 for those who left it. The same double on every machine: one division."""
    pairs = zip(strata["stratum"], strata["target"].tolist(), strata["population"].tolist(), strict=True)
    probability = {name: n / size if size else 0.0 for name, n, size in pairs}
    stays = frame["exempt_reason"] == ""
    chances = frame["stratum"].map(probability).where(stays, 0.0).astype(float)
    return frame.assign(inclusion_probability=chances)[list(FRAME_COLUMNS)]
