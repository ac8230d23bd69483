"""Parts of a night's subjects: what holds a row of each subject in this process does so for one part after the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import ibis

from creditscore.dates import months_before
from creditscore.features.visibility import Bucket
from creditscore.records.records import SUBJECT_COLUMNS
from creditscore.tiering.cuts import levels_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterable

    import ibis.expr.types as ir
    import pyarrow as pa

    from creditscore.config.policy import TierPolicy
    from creditscore.records.records import Records

#: How many subjects are in this process together: some 3 KB each while their tiers are judged.
SUBJECTS_AT_ONCE = 250_000


#: The only part, where all subjects are judged together.
WHOLE = Bucket(0, 1)


def parts_of(subjects: int) -> list[Bucket]:
    """As many parts as keep each at some :data:`SUBJECTS_AT_ONCE` subjects; one where they are few."""
    count = max(1, -(-subjects // SUBJECTS_AT_ONCE))
    return [Bucket(number, count) for number in range(count)]


def of_part(rows: ir.Table, part: Bucket, index: ir.Table) -> ir.Table:
    """The rows of a table with ``subject_id`` that are in a part; whom the register lacks is in the first.

    ``index`` has ``subject_id`` and ``subject_key``.
    """
    if part.count == 1:
        return rows
    index = index.select(part_id="subject_id", part_key="subject_key")
    keyed = rows.left_join(index, rows.subject_id == index.part_id)
    here = ibis.coalesce(keyed.part_key % part.count, 0) == part.remainder
    return keyed.filter(here).drop("part_id", "part_key")


@dataclass(frozen=True)
class AskedOnce:
    """What is asked of the records for all parts, each question once. The answers are about few: whom an override or dispute names.

    Attributes:
        records: What was read.
        as_of: The day.
        kinds: The kinds that overrides name.
        named: The grades that overrides name, by scheme.
    """

    records: Records
    as_of: dt.date
    kinds: tuple[str, ...]
    named: dict[str, list[str]]

    @classmethod
    def of(cls, records: Records, policy: TierPolicy, as_of: dt.date) -> AskedOnce:
        """What the overrides of a policy ask."""
        named: dict[str, list[str]] = {}
        for rule in policy.override:
            if rule.kind is None:
                named.setdefault(str(rule.scheme), []).append(str(rule.grade))
        return cls(records, as_of, tuple(dict.fromkeys(rule.kind for rule in policy.override if rule.kind)), named)

    @cached_property
    def events(self) -> pa.Table:
        """The events of the kinds that overrides name."""
        return self.records.listed(self.kinds, self.as_of)

    @cached_property
    def graded(self) -> dict[str, pa.Table]:
        """The grades that overrides name, by scheme."""
        return {scheme: self.records.grades(scheme, self.as_of, among=among) for scheme, among in self.named.items()}

    @cached_property
    def contested(self) -> pa.Table:
        """The records under dispute."""
        return self.records.disputed(self.as_of)


@dataclass(frozen=True)
class RecordsOfPart:
    """The records as :func:`creditscore.tiering.assignment.assign_tiers` asks them about one part of the subjects."""

    once: AskedOnce
    part: Bucket

    @property
    def incomplete(self) -> pa.Table:
        """Whose adverse records were refused."""
        return self.once.records.incomplete

    def subjects_on(self, as_of: dt.date) -> pa.Table:
        """The register of the part, by id."""
        versions = self.once.records.versions_on(as_of)
        rows = versions if self.part.count == 1 else self.part.of(versions)
        return self.once.records.engine.query(rows.select(*SUBJECT_COLUMNS).order_by("subject_id"))

    def listed(self, _kinds: Iterable[str], _as_of: dt.date) -> pa.Table:
        """The events of the kinds that overrides name, of all subjects."""
        return self.once.events

    def grades(self, scheme: str, _as_of: dt.date) -> pa.Table:
        """The grades that overrides name, of all subjects."""
        return self.once.graded[scheme]

    def disputed(self, _as_of: dt.date) -> pa.Table:
        """The records under dispute, of all subjects."""
        return self.once.contested

    def standing(self, as_of: dt.date, subjects: Iterable[str], *, read: Collection[str] | None = None) -> pa.Table:
        """What may count against some firms."""
        return self.once.records.standing(as_of, subjects, read=read)


def share_levels_of(records: Records, scores: ir.Table, policy: TierPolicy, as_of: dt.date) -> dict[str, tuple[int, ...]]:
    """The lowest score in each cut by share among all rated subjects, by population; counted by the engine."""
    register = records.versions_on(as_of).select(own_id="subject_id", own_industry="industry", registered="registered_date")
    rows = scores.left_join(register, scores.subject_id == register.own_id)
    if policy.new_subject_months:
        rows = rows.filter(~(rows.registered > months_before(as_of, policy.new_subject_months)).fill_null(False))
    industry = ibis.coalesce(rows.industry, rows.own_industry, "")
    if policy.share_within == "industry" and policy.cut_by == "share":
        population = industry
    else:
        own = sorted(policy.own_cuts)
        population = ibis.ifelse(industry.isin(own), industry, "") if own else ibis.literal("")
    counts = rows.select("score", population=population).group_by(["population", "score"]).agg(subjects=ibis._.count())
    return levels_of(records.engine.query(counts).to_pandas(), policy)
