"""The frame of a task: who may be drawn, in which stratum, and how many of each; hashed before there is a seed."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.config.tasks import Task
from creditscore.errors import DrawError
from creditscore.inspection.candidates import Candidates, refuse_unseen
from creditscore.inspection.frame_hash import commitments, draft_commitments, frame_hash, frame_hash_2, rows_by_name
from creditscore.inspection.frame_rows import CandidateRows, FrameRows, TableRows, groups_of, subject_rows
from creditscore.inspection.pool import Pool
from creditscore.inspection.rounding import extra_visits, notes_on
from creditscore.inspection.strata import STRATUM_COLUMNS, Joining, places_of, strata_of, strata_table, with_targets
from creditscore.inspection.task_key import new_key, refuse_other_key
from creditscore.tiering.tiers import Tiers


@dataclass
class SamplingFrame:
    """A frame that can be published.

    Attributes:
        task: The task.
        rows: The subjects, see :attr:`frame`; those of a night stay in a file.
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
    rows: FrameRows
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
        return cls.over(Candidates.of(tiers, register, history, [task]), policy, task=task).changed()

    @classmethod
    def over(cls, candidates: Candidates, policy: TierPolicy, *, task: Task) -> Self:
        """The frame of a task over the candidates of a day, see :meth:`of`, not hashed yet: :meth:`changed` does that.

        It reads the rows of the candidates each time that it needs them.
        """
        refuse_unseen(candidates, task)
        groups = groups_of(candidates, task, policy)
        if not groups:
            raise DrawError("task {task_id}: expected subjects in its population (got none)", task_id=task.id)
        joining = Joining.of(policy, task.id)
        names = strata_of(groups, task, joining)
        strata = strata_table(groups, names, policy, task)
        rows = CandidateRows(candidates, task, policy, groups, names, chances_of(strata))
        about = {
            "task": task.model_dump(mode="json"),
            "as_of": candidates.as_of.isoformat(),
            "policy": {"effective": policy.effective.isoformat(), "basis": policy.basis, "sha256": policy.sha256},
            "joining": joining.to_dict(),
        }
        places = places_of(((one.tier, one.industry, one.region, names[one]) for one in groups), task)
        return cls(task, rows, strata, about, "", notes=notes_on(strata, task, about, places))

    @property
    def frame(self) -> pd.DataFrame:
        """The subjects as a table, the columns of :data:`FRAME_COLUMNS`; from now on it is in memory, and counts if it is changed.

        ``inclusion_probability`` is n/N of the stratum, and 0 for subjects that left the frame.
        """
        if not isinstance(self.rows, TableRows):
            self.rows = TableRows(self.rows.frame())
        return self.rows.table

    def places(self) -> dict[tuple[str, str], dict[str, str]]:
        """By industry and region the stratum of each tier that has subjects there."""
        return places_of(((one.tier, one.industry, one.region, one.stratum) for one in self.rows.cells()), self.task)

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
            return frame_hash_2(self.about, self._strata(), self._subjects())
        return frame_hash(self.about, self._committed())

    def _committed(self) -> dict[str, str]:
        """The commitments to what the frame holds now; those that it carries where its key is not at hand."""
        if self.is_sealed and not self.key:
            return self.commitments
        strata, subjects, task = self.stratum_rows(), self.rows.content(), self.task.id
        people = self.pool.to_dict() if self.pool else None
        if not self.key:
            return draft_commitments(strata, subjects, people)
        return commitments(strata, subjects, people, root=self.rows.root(key=self.key, task=task), key=self.key, task=task)

    def stratum_rows(self) -> dict[str, str]:
        """The canonical row of each stratum by its name."""
        return rows_by_name(self._strata())

    def subject_rows(self) -> dict[str, str]:
        """The canonical row of each subject by its id in NFC.

        Raises:
            DrawError: A subject is in the frame twice.
        """
        return rows_by_name(self._subjects())

    def _strata(self) -> Iterator[tuple[Any, ...]]:
        return zip(*(self.strata[name].tolist() for name in STRATUM_COLUMNS), strict=True)

    def _subjects(self) -> Iterator[tuple[Any, ...]]:
        return (row for batch in self.rows.batches() for row in subject_rows(batch))

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
            self.pool.refuse_too_few(self.task.min_inspectors, self._stay())

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
        copy.frame_hash = copy.hashed_again() if copy.format == 2 else frame_hash(copy.about, copy.commitments)
        return copy

    def with_people(self, staff: Any, recusals: Any = None) -> Self:
        """The frame with the inspectors who may be sent.

        Args:
            staff: ``staff_id, certificate_valid_to`` and, as far as known, ``name, region, department``; None: nobody is assigned.
            recusals: Pairs ``staff_id, subject_id`` that may not meet; or None.

        Raises:
            DrawError: A member of staff is listed twice.
        """
        pool = None if staff is None else Pool.of(staff, recusals, self.task, subject_ids=self._stay())
        return self.changed(pool=pool)

    def _stay(self) -> Iterator[str]:
        """The ids of those who did not leave the frame."""
        return (subject for ids in self.rows.stay() for subject in ids)

    def with_ratios(self, ratios_ppm: Sequence[int]) -> Self:
        """The frame with the ratios of a planner, and new targets, probabilities and notes. ``about`` records the change.

        Args:
            ratios_ppm: One per stratum in the order of ``strata``, in millionths.

        Raises:
            DrawError: The task's named number is less than its floor.
        """
        strata = with_targets(self.strata.assign(ratio_ppm=list(ratios_ppm)), self.task)
        about = {**self.about, "ratios": "edited by the planner"}
        rows = self.rows.with_chances(chances_of(strata))
        return self.changed(strata=strata, rows=rows, about=about, notes=notes_on(strata, self.task, about, self.places()))


def chances_of(strata: pd.DataFrame) -> dict[str, float]:
    """n/N of each stratum, 0 for an empty one. The same double on every machine: one division."""
    pairs = zip(strata["stratum"], strata["target"].tolist(), strata["population"].tolist(), strict=True)
    return {name: n / size if size else 0.0 for name, n, size in pairs}
