"""The rows of a frame, in batches: a caller's table, a file, or what candidates and strata say; never more at a time than asked."""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.policy import TierPolicy
from creditscore.config.tasks import Task
from creditscore.inspection.candidates import BATCH_ROWS, Candidates, Group, placed
from creditscore.inspection.frame_hash import Hashed, rows_by_name
from creditscore.inspection.merkle import canonical_row
from creditscore.inspection.tickets import nonces

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
#: Between the ids in ``merged_with``.
SEPARATOR = ";"


class Kind(NamedTuple):
    """What a row says beside its id and name: few kinds stand for all rows. The fields are columns of a frame."""

    task: str
    industry: str
    region: str
    tier: str
    stratum: str
    inclusion_probability: float
    exempt_reason: str
    merged_with: str


class Cell(NamedTuple):
    """What decides the row of a subject before merging and probabilities."""

    tier: str
    industry: str
    region: str
    stratum: str
    reason: str


class Batch(NamedTuple):
    """Some rows: ids and names in their order, and of each row the place of its kind in ``kinds``."""

    subject_ids: Sequence[str]
    names: Sequence[str]
    places: Sequence[int]
    kinds: Sequence[Kind]


class FrameRows(ABC):
    """The rows of a frame by subject_id; each walk over them gives the same."""

    @abstractmethod
    def batches(self) -> Iterator[Batch]:
        """The rows in batches."""

    def frame(self) -> pd.DataFrame:
        """All rows as a table of :data:`FRAME_COLUMNS`, in memory."""
        columns: dict[str, list[object]] = {name: [] for name in FRAME_COLUMNS}
        for batch in self.batches():
            columns["subject_id"] += batch.subject_ids
            columns["name"] += batch.names
            for name, values in zip(Kind._fields, zip(*batch.kinds, strict=True) if batch.kinds else (), strict=False):
                columns[name] += [values[place] for place in batch.places]
        frame = pd.DataFrame(columns, columns=list(FRAME_COLUMNS), dtype=object)
        return frame.astype({"inclusion_probability": float})

    def content(self) -> str:
        """The hash of the rows, see :func:`creditscore.inspection.merkle.content_of`.

        Raises:
            DrawError: A subject is in the frame twice.
        """
        return self._content

    def root(self, *, key: str, task: str) -> str:
        """The root of the tree over the salted rows, see :func:`creditscore.inspection.frame_hash.tree_of`."""
        return Hashed.of(_salted(*subject_texts(batch), key=key, task=task) for batch in self.batches()).root()

    def counts(self) -> Counter[Kind]:
        """How many rows there are of each kind."""
        return self._counts

    @cached_property
    def _content(self) -> str:
        return self._content_now()

    def _content_now(self) -> str:
        hashed = Hashed.of(subject_texts(batch) for batch in self.batches())
        if hashed.has_twins():  # or two names begin alike in their hashes
            rows_by_name(row for batch in self.batches() for row in subject_rows(batch))
        return hashed.content()

    @cached_property
    def _counts(self) -> Counter[Kind]:
        found = Counter[Kind]()
        for batch in self.batches():
            found.update({batch.kinds[place]: count for place, count in Counter(batch.places).items()})
        return found

    def cells(self) -> Counter[Cell]:
        """How many rows there are by what decides the stratum, and why they left."""
        found = Counter[Cell]()
        for kind, count in self.counts().items():
            found[Cell(kind.tier, kind.industry, kind.region, kind.stratum, kind.exempt_reason)] += count
        return found

    def stay(self) -> Iterator[list[str]]:
        """The ids of those who did not leave the frame, batch by batch."""
        for batch in self.batches():
            stays = [not kind.exempt_reason for kind in batch.kinds]
            yield [subject for subject, place in zip(batch.subject_ids, batch.places, strict=True) if stays[place]]

    def with_chances(self, chances: Mapping[str, float]) -> FrameRows:
        """The same rows with the probability of each stratum; 0 for those who left."""
        return _Changed(self, lambda kind: kind._replace(inclusion_probability=_chance(kind.stratum, kind.exempt_reason, chances)))

    def merged(self, others: Mapping[str, FrameRows]) -> FrameRows:
        """The same rows with ``merged_with``: the tasks, of those given in their order, in whose frames a subject stays too."""
        return _Merged(self, others)


def _chance(stratum: str, reason: str, chances: Mapping[str, float]) -> float:
    return 0.0 if reason else chances[stratum]


@dataclass(frozen=True)
class TableRows(FrameRows):
    """The rows of a table in memory, which may be changed: nothing that was found in it once is kept."""

    table: pd.DataFrame

    def batches(self) -> Iterator[Batch]:
        """The rows in batches, in the order of the table."""
        columns = [self.table[name].tolist() for name in ("subject_id", "name", *Kind._fields)]
        walk = zip(*columns, strict=True)
        while rows := list(islice(walk, BATCH_ROWS)):
            places = dict[Kind, int]()
            of_rows = [places.setdefault(Kind(*row[2:]), len(places)) for row in rows]
            yield Batch([row[0] for row in rows], [row[1] for row in rows], of_rows, list(places))

    def frame(self) -> pd.DataFrame:
        """The table itself."""
        return self.table

    def content(self) -> str:
        """See :meth:`FrameRows.content`."""
        return self._content_now()

    def counts(self) -> Counter[Kind]:
        """See :meth:`FrameRows.counts`."""
        columns = (self.table[name].tolist() for name in Kind._fields)
        return Counter(Kind(*row) for row in zip(*columns, strict=True))


@dataclass(frozen=True)
class CandidateRows(FrameRows):
    """The candidates in a task's population.

    Attributes:
        candidates: Everybody.
        task: The task.
        policy: Who leaves the frame.
        groups: How many of them are in each group.
        strata: The stratum of each group.
        chances: The probability of each stratum.
    """

    candidates: Candidates
    task: Task
    policy: TierPolicy
    groups: Mapping[Group, int]
    strata: Mapping[Group, str]
    chances: Mapping[str, float]

    def batches(self) -> Iterator[Batch]:
        """The rows in batches."""
        for batch in self.candidates.batches():
            chosen = placed(batch, self.task, self.policy)
            if len(chosen.rows):
                rows = pa.array(chosen.rows)
                ids, names = (batch.column(name).take(rows).to_pylist() for name in ("subject_id", "name"))
                yield Batch(ids, names, chosen.group_of.tolist(), [self._kind(group) for group in chosen.groups])

    def cells(self) -> Counter[Cell]:
        """See :meth:`FrameRows.cells`."""
        return Counter({Cell(*one[:3], self.strata[one], one.reason): count for one, count in self.groups.items()})

    def _kind(self, group: Group) -> Kind:
        stratum = self.strata[group]
        chance = _chance(stratum, group.reason, self.chances)
        return Kind(self.task.id, group.industry, group.region, group.tier, stratum, chance, group.reason, "")

    def with_chances(self, chances: Mapping[str, float]) -> FrameRows:
        """See :meth:`FrameRows.with_chances`."""
        return replace(self, chances=chances)


def groups_of(candidates: Candidates, task: Task, policy: TierPolicy) -> Counter[Group]:
    """How many subjects of a task's population are in each group."""
    found = Counter[Group]()
    for batch in candidates.batches():
        chosen = placed(batch, task, policy)
        for place, count in Counter(chosen.group_of.tolist()).items():
            found[chosen.groups[place]] += count
    return found


@dataclass(frozen=True)
class _Changed(FrameRows):
    """Rows whose kinds are changed."""

    rows: FrameRows
    change: Callable[[Kind], Kind]

    def batches(self) -> Iterator[Batch]:
        for batch in self.rows.batches():
            yield batch._replace(kinds=[self.change(kind) for kind in batch.kinds])

    def content(self) -> str:
        return self.rows.content()  # no probability is hashed

    def cells(self) -> Counter[Cell]:
        return self.rows.cells()


@dataclass(frozen=True)
class _Merged(FrameRows):
    """Rows with ``merged_with``. Rows of both sides are by subject_id: they are walked over side by side."""

    rows: FrameRows
    others: Mapping[str, FrameRows]

    def batches(self) -> Iterator[Batch]:
        known = {task: _Known(rows) for task, rows in self.others.items()}
        for batch in self.rows.batches():
            sets = [(task, one.among(batch.subject_ids)) for task, one in known.items()]
            texts = dict[tuple[int, str], int]()
            places = []
            for subject, place in zip(batch.subject_ids, batch.places, strict=True):
                merged = ""
                if not batch.kinds[place].exempt_reason:
                    merged = SEPARATOR.join([task for task, ids in sets if subject in ids])
                places.append(texts.setdefault((place, merged), len(texts)))
            kinds = [batch.kinds[place]._replace(merged_with=merged) for place, merged in texts]
            yield batch._replace(places=places, kinds=kinds)

    def cells(self) -> Counter[Cell]:
        return self.rows.cells()

    def with_chances(self, chances: Mapping[str, float]) -> FrameRows:
        return replace(self, rows=self.rows.with_chances(chances))


class _Known:
    """Who stays in a frame, asked for in the order of ids; ids out of order are all held at once."""

    def __init__(self, rows: FrameRows) -> None:
        self._all: set[str] | None = None
        if type(rows) is TableRows:
            self._all = {subject for ids in rows.stay() for subject in ids}
        self._walk, self._next = rows.stay(), list[str]()

    def among(self, ids: Sequence[str]) -> set[str]:
        if self._all is not None or not ids:
            return self._all or set()
        last, found = ids[-1], set(self._next)
        while not self._next or self._next[-1] < last:
            more = next(self._walk, None)
            if more is None:
                break
            self._next = more or self._next
            found.update(more)
        return found


@dataclass(frozen=True)
class FileRows(FrameRows):
    """The rows of a ``sample.csv`` that this library has written and nobody has changed since, read as they are asked for."""

    path: Path

    def batches(self) -> Iterator[Batch]:
        """The rows in batches."""
        from pyarrow import csv

        names = ["subject_id", "name", *Kind._fields]
        texts = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), include_columns=names, strings_can_be_null=False)
        # A name may hold line ends.
        parsing, reading = csv.ParseOptions(newlines_in_values=True), csv.ReadOptions(block_size=_BLOCK, use_threads=False)
        with csv.open_csv(self.path, reading, parsing, texts) as stream:
            for batch in stream:
                columns = {name: _unguarded(batch.column(name)) for name in names}
                kinds, places = _kinds_of([columns[name] for name in Kind._fields])
                yield Batch(columns["subject_id"].to_pylist(), columns["name"].to_pylist(), places, kinds)


#: Bytes of a file that are read at once.
_BLOCK = 8 << 20


def _unguarded(column: pa.Array) -> pa.Array:
    """See :func:`creditscore.inspection.csv_export.unguard`."""
    return pc.replace_substring_regex(column, "^'", "")


def _kinds_of(columns: Sequence[pa.Array]) -> tuple[list[Kind], list[int]]:
    """The kinds of rows from their columns, and the place of each row's kind."""
    places = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        codes = column.dictionary_encode()
        _found, places = np.unique(places * len(codes.dictionary) + codes.indices.to_numpy(), return_inverse=True)
    firsts = pa.array(np.unique(places, return_index=True)[1])
    cells = (column.take(firsts).to_pylist() for column in columns)
    kinds = [Kind(*row)._replace(inclusion_probability=float(row[_CHANCE])) for row in zip(*cells, strict=True)]
    return kinds, places.tolist()


_CHANCE = Kind._fields.index("inclusion_probability")


def reasons_of(cells: Mapping[Cell, int]) -> dict[str, int]:
    """How many left, by reason in alphabetical order."""
    found = Counter[str]()
    for cell, count in cells.items():
        if cell.reason:
            found[cell.reason] += count
    return dict(sorted(found.items()))


#: What a text holds that has to be written in another way in a row, a line or a list of JSON.
_STRANGE = "^[=+\\-@'＝＋－＠]|[\\x00-\\x1f\",\\\\|]"
_LONG = 8_000


def strange(texts: Sequence[str]) -> list[bool]:
    """Which of these may not stand as they are in a canonical row, a line of a CSV file or a list of JSON."""
    try:
        column = pa.array(texts, pa.string())
    except (pa.ArrowException, UnicodeError, TypeError):
        return [True] * len(texts)
    odd = pc.or_(pc.match_substring_regex(column, _STRANGE), pc.greater(pc.binary_length(column), _LONG))
    found: list[bool] = pc.fill_null(odd, fill_value=True).to_pylist()
    return found


def subject_rows(batch: Batch) -> Iterator[tuple[object, ...]]:
    """The rows in the columns that the hash covers."""
    for subject, name, place in zip(batch.subject_ids, batch.names, batch.places, strict=True):
        kind = batch.kinds[place]
        yield (subject, name, *(getattr(kind, field) for field in SUBJECT_KEYS[2:]))


def subject_texts(batch: Batch) -> tuple[list[str], list[str]]:
    """Ids in NFC and canonical rows. What stands in a kind is written once for all its rows."""
    ends = [canonical_row(("", "", *(getattr(kind, field) for field in SUBJECT_KEYS[2:])))[1:] for kind in batch.kinds]
    rows = [f"{one}|{name}{ends[place]}" for one, name, place in zip(batch.subject_ids, batch.names, batch.places, strict=True)]
    odd = (one or other for one, other in zip(strange(batch.subject_ids), strange(batch.names), strict=True))
    for at in [at for at, is_odd in enumerate(odd) if is_odd]:
        rows[at] = canonical_row((batch.subject_ids[at], batch.names[at])) + ends[batch.places[at]]
    return [one if one.isascii() else unicodedata.normalize("NFC", one) for one in batch.subject_ids], rows


def _salted(names: list[str], rows: list[str], *, key: str, task: str) -> tuple[list[str], list[str]]:
    """Names, and the texts whose hashes are the leaves of the tree."""
    return names, [f"{nonce}|{row}" for nonce, row in zip(nonces(names, key=key, task=task), rows, strict=True)]
