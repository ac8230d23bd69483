"""Parts of a night's subjects, one after the other: memory holds one of them, and after a stop the finished ones stay finished."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import ibis
import pyarrow.parquet as pq

from creditscore.dates import months_before
from creditscore.engine import unbound
from creditscore.features.build import EVENTS_AT_ONCE
from creditscore.features.visibility import Bucket
from creditscore.records.records import SUBJECT_COLUMNS
from creditscore.storage import StepLedger, atomic_path, operations, sha256_file, step_key
from creditscore.tiering.cuts import levels_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

    import ibis.expr.types as ir
    import pyarrow as pa

    from creditscore.config.policy import TierPolicy
    from creditscore.engine import Engine
    from creditscore.pipeline.run_folder import RunFolder
    from creditscore.records.records import Records

_log = logging.getLogger(__name__)
#: How many subjects are in this process together: some 3 KB each while their tiers are judged.
SUBJECTS_AT_ONCE = 250_000
#: Where finished parts of nights lie below ``OUT`` until the night has its name.
PARTS = ".parts"


#: The only part, where all subjects are judged together.
WHOLE = Bucket(0, 1)


def parts_of(subjects: int, events: int = 0) -> list[Bucket]:
    """As many parts as keep each at some :data:`SUBJECTS_AT_ONCE` subjects and within a pass of events; one where they are few."""
    count = max(1, -(-subjects // SUBJECTS_AT_ONCE), 1 + events // EVENTS_AT_ONCE)
    return [Bucket(number, count) for number in range(count)]


@dataclass(frozen=True)
class PartFiles:
    """The files of finished parts of one night. They outlive its attempts: a night that was stopped goes on behind them.

    Attributes:
        folder: Where they are.
        ledger: Where each finished part is noted with the hash of its files; None where nothing outlives the night.
    """

    folder: Path
    ledger: StepLedger | None = None

    @staticmethod
    def of_night(out: Path, ledger: StepLedger, key: str) -> PartFiles:
        """Those of the night that a key of its inputs names; of other nights, which will never go on, they are removed."""
        own = out / PARTS / key[:16]
        for path in sorted((out / PARTS).iterdir()) if (out / PARTS).is_dir() else []:
            if path != own:
                _log.info("%s: of a night that was stopped and whose inputs have changed; removed", path)
                ledger.forget(f"{PARTS}/{path.name}")
                operations.remove_folder(path)
        return PartFiles(own, ledger)

    def remove(self) -> None:
        """Remove all files: the night is over."""
        if self.folder.is_dir():
            if self.ledger is not None:
                self.ledger.forget(self._run)
            operations.remove_folder(self.folder.parent if self.ledger is not None else self.folder)

    def leave(self) -> None:
        """The parts of a step are joined: remove them, unless a night that is stopped later can go on behind them."""
        if self.ledger is None:
            self.remove()

    def files(self, part: Bucket, names: Sequence[str]) -> dict[str, Path]:
        """The paths of a part's files, by name."""
        return {name: self.folder / f"{name}-{part.remainder:04d}-of-{part.count:04d}.parquet" for name in names}

    def finished(self, step: str, part: Bucket, names: Sequence[str]) -> bool:
        """Whether an attempt has finished a part, and its files are as they were written."""
        files = self.files(part, names).values()
        if self.ledger is None or not all(path.is_file() for path in files):
            return False
        noted = self.ledger.done(self._run, self._step(step, part))
        return noted is not None and noted == step_key(*map(sha256_file, files))

    def finish(self, step: str, part: Bucket, names: Sequence[str]) -> None:
        """Note a part whose files are written as finished."""
        if self.ledger is not None:
            files = self.files(part, names).values()
            self.ledger.finish(self._run, self._step(step, part), step_key(*map(sha256_file, files)))

    @property
    def _run(self) -> str:
        return f"{PARTS}/{self.folder.name}"

    @staticmethod
    def _step(step: str, part: Bucket) -> str:
        return f"{step} {part.remainder} of {part.count}"

    def each(
        self, step: str, parts: Sequence[Bucket], names: Sequence[str], make: Callable[[Bucket, dict[str, Path]], None],
        *, subjects: int,
    ) -> list[dict[str, Path]]:  # fmt: skip
        """Make the files of each part that no earlier attempt has finished, and tell how it goes on.

        Args:
            step: The step of the night.
            parts: Its parts.
            names: Its files.
            make: Writes the files of a part to their paths.
            subjects: How many all parts have, for the rate that is told.

        Returns:
            The files of each part.
        """
        begun, made = time.monotonic(), 0
        for part in parts:
            if self.finished(step, part, names):
                _log.info("%s: part %d of %d was finished before", step, part.remainder + 1, part.count)
                continue
            make(part, self.files(part, names))
            self.finish(step, part, names)
            made += 1
            if part.count > 1:
                took = time.monotonic() - begun
                rate, left = subjects * made / part.count / max(took, 1e-3), took / made * (part.count - part.remainder - 1)
                told = (step, part.remainder + 1, part.count, f"{rate:,.0f}", round(left))
                _log.info("%s: part %d of %d, %s subjects a second, some %d s left", *told)
        return [self.files(part, names) for part in parts]


def joined(folder: RunFolder, engine: Engine, name: str, paths: Sequence[Path], order: Sequence[str]) -> ir.Table:
    """One file of a run from the files of its parts, in an order; the table of the engine over it."""
    schema, target = pq.read_schema(paths[0]), folder.file(f"{name}.parquet")
    if len(paths) == 1:
        with atomic_path(target) as partial:
            operations.copy(paths[0], partial)
        engine.register(f"run_{name}", target)
        return unbound(f"run_{name}", schema)
    tables = [f"{name}_part_{number}" for number in range(len(paths))]
    for table, path in zip(tables, paths, strict=True):
        engine.register(table, path)
    whole = folder.write_on(engine, name, ibis.union(*(unbound(table, schema) for table in tables)), order_by=order)
    for table in tables:
        engine.drop(table)
    return whole


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
