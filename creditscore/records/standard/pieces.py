"""The pieces of one source as rows of its standard table: joins, ``where``, column rules and ids, wherever its rows are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.catalogue import CatalogueItem
from creditscore.config.sources import SourceSpec, Where
from creditscore.dataframes import Ints
from creditscore.dates import shift_months
from creditscore.errors import DataError
from creditscore.language import _
from creditscore.records.columns.headers import near_matches
from creditscore.records.columns.personal import personal_columns
from creditscore.records.columns.rules import apply_rules, check_columns
from creditscore.records.columns.sent_cells import BETWEEN_COLUMNS, columns_read, sent_columns, wanted_columns
from creditscore.records.columns.types import Faults, one_array
from creditscore.records.fault_words import counted_codes, line_reasons
from creditscore.records.reading.asked_rows import asked_rows, known_values
from creditscore.records.reading.csv_files import Piece
from creditscore.records.reading.sources import Joins, OpenedSource
from creditscore.records.standard.arrivals import BUCKETS_PER_POWER, Arrival, arriving_schema
from creditscore.records.standard.contradictions import note_contradictions
from creditscore.records.tables import StandardTable

if TYPE_CHECKING:
    from creditscore.config.project import Project

#: A file with a larger share of lines that are no record is refused, not repaired. A small one may have a few, at most one in ten.
_REFUSED_SHARE, _SMALL, _FEW_REFUSED = 0.001, 500, 5
#: So many lines that are no record, and more than every other one, are not read to the end.
_HOPELESS = 10_000
#: Amounts lie between a hundredth and 10^16: 100 buckets a kind, the first of them for 10^-2.5.
_FIRST_BUCKET, _BUCKETS = 10, 100
#: More than any number of months that a catalogue may have.
_MONTHS = 2**16

Identify = Callable[[pa.Table, SourceSpec, Faults], pa.Table]


@dataclass(frozen=True)
class Reading:
    """A source that was opened: what each of its pieces is made into. It holds no row but those of joined files.

    Attributes:
        table: What its rows become.
        project: Whose source it is.
        opened: The source.
        joins: Its joined files, if any.
        wanted: The columns that are read.
        identify: Brings the ids of subjects into one form, and notes their faults.
        with_result: Kinds of which a feature asks for the result: without one a record would pass for one that is not asked for.
    """

    table: StandardTable
    project: Project
    opened: OpenedSource
    joins: Joins | None
    wanted: tuple[str, ...]
    identify: Identify
    with_result: tuple[str, ...]

    @staticmethod
    def of(opened: OpenedSource, table: StandardTable, project: Project, folder: Path, identify: Identify) -> Reading:
        """A source with its joined files read.

        Raises:
            DataError: It does not give what its table needs; a joined file cannot be used.
        """
        source = opened.source
        joins = Joins(source, folder, opened.columns, others=project.sources.source) if source.join else None
        check_columns(joins.columns if joins else opened.columns, source, table, below=opened.below)
        kinds = sorted({kind for feature in project.features if feature.needs_result for kind in feature.kind})
        wanted = wanted_columns(source, table, opened.columns)
        return Reading(table, project, opened, joins, tuple(wanted), identify, tuple(kinds))

    @property
    def source(self) -> SourceSpec:
        """Its declaration."""
        return self.opened.source

    def arrival(self, first: int = 0) -> Arrival:
        """The source of which no row is read yet.

        Args:
            first: The number of its first row among all rows of its table.

        Raises:
            DataError: A column that will be masked is to become an id; a masked id identifies nobody.
        """
        source, opened, wanted = self.source, self.opened, self.wanted
        personal = personal_columns(source, wanted)
        ids = {
            rule.to: name for rule in source.column for name in columns_read(rule) if rule.to.endswith("_id") and name in personal
        }
        if ids:
            raise DataError(
                'source "{source}": {columns} is called like personal data and would be masked: declare it in '
                'personal, with kind = "none" if it is none, or with needed = "…" and the basis',
                source=source.name,
                columns=", ".join(f"{name} (for {to})" for to, name in sorted(ids.items())),
            )
        arrival = Arrival(
            source.name, source.table, source.location, opened.encoding, opened.sha256, first=first,
            unused=tuple(name for name in opened.columns if name not in wanted),
            absent=self.absent,
            masked=tuple(sorted(personal)),
            left_joined=self.joins.left_out if self.joins else (),
            names={name: BETWEEN_COLUMNS.join(sent_columns(source, name)) for name in self.table.columns},
        )  # fmt: skip
        arrival.renamed = near_matches(arrival.absent, arrival.unused)
        if opened.utf8_lines:
            arrival.normalised[_("lines that look like utf-8 in a gb18030 file")] = opened.utf8_lines
        return arrival

    @cached_property
    def absent(self) -> tuple[str, ...]:
        """Standard columns that the source does not fill."""
        names = self.joins.columns if self.joins else self.opened.columns
        filled = {rule.to for rule in self.source.column} | set(names) | ({"provider"} if self.source.provider else set())
        return tuple(name for name in self.table.columns if name not in filled)

    def standardised(self, piece: Piece) -> tuple[pa.Table, Arrival]:
        """A piece in the columns of :func:`arriving_schema`, numbered by its rows' places in the source, and its counts.

        Raises:
            DataError: A rule cannot be applied; lines were lost.
        """
        source, project = self.source, self.project
        found = Arrival(source.name, source.table, source.location, "", "", 0)
        found.add_lines(piece)
        found.normalised.update(piece.normalised)
        raw, rows, cells = (
            (self.joins.extend(piece.table) if self.joins else piece.table),
            piece.rows,
            _refused_cells(piece, source),
        )
        if source.where is not None:
            mask = self._asked(raw, source.where, found, cells.get(source.where.column))
            raw, rows = raw.filter(mask), rows[mask.to_numpy(zero_copy_only=False)]
            cells = {name: codes.filter(mask) for name, codes in cells.items()}
            found.left_out += len(mask) - len(rows)
        standard, faults = apply_rules(
            raw, source, self.table, timezone=project.about.timezone, cells=cells, limits=project.sources.limits
        )
        if "result" in faults.empty:
            wrong = pc.and_(faults.empty["result"], pc.is_in(one_array(standard["kind"]), pa.array(self.with_result, pa.string())))
            faults.note(pc.if_else(wrong, "MISSING:result", pa.scalar(None, pa.string())), "result", alone=True)
        if self.table.name == "subjects":
            note_contradictions(standard, source, self.absent, faults)
        standard = self.identify(standard, source, faults)
        for name in ("normalised", "unmapped", "values", "unreadable", "words"):
            getattr(found, name).update(getattr(faults, name))
        columns = [*standard.columns, pa.array(rows, pa.int64())]
        columns += [faults.codes(), faults.texts(), faults.fields(), faults.field_texts()]
        items = project.catalogue.item
        if "kind" in self.table.columns:
            kinds = pc.index_in(one_array(standard["kind"]), pa.array([item.kind for item in items], pa.string()))
            columns.append(kinds)
        if self.table.name == "events":
            columns.append(_last_days(standard, kinds, items))
            found.amounts.update(_amount_buckets(one_array(standard["amount"]), kinds))
        return pa.Table.from_arrays(columns, schema=arriving_schema(self.table)), found

    def _asked(self, raw: pa.Table, where: Where, found: Arrival, codes: pa.Array | None) -> pa.Array:
        """Which rows are read; values of the others that nothing declares are counted.

        Whether a row is asked for whose cell the reader refused is unknown: it is refused, not left out.
        """
        refused = pa.repeat(pa.scalar(False), raw.num_rows) if codes is None else pc.is_valid(codes)
        seen = raw if codes is None else raw.filter(pc.invert(refused))
        known = known_values(self.source, self.project.sources.source)
        asked = asked_rows(seen, where, self.source.location, known=known)
        found.normalised.update(asked.put_right)
        found.left_empty += asked.empty
        found.left_words.update(asked.unknown)
        found.left_unknown += asked.unknown.total()
        return asked.mask if codes is None else pc.replace_with_mask(refused, pc.invert(refused), asked.mask)


def hopeless(arrival: Arrival) -> bool:
    """Whether so many lines are no record that the others need not be read."""
    return len(arrival.refused) > max(_HOPELESS, arrival.rows / 2)


def refuse_broken(arrival: Arrival, opened: OpenedSource) -> None:
    """Refuse a file with too many lines that are no record: one in a thousand may be, one in any file, and a few of a small one.

    Raises:
        DataError: With the first such lines.
    """
    few = min(_FEW_REFUSED, arrival.rows / 10) if arrival.rows <= _SMALL else 0
    if len(arrival.refused) > max(_REFUSED_SHARE * arrival.rows + 1, few):
        codes = Counter(code for _line, code in arrival.refused)
        raise DataError(
            "{file}: expected {fields} fields in each line and every quote closed where its field ends (got {refused} of "
            "{rows} lines that are no such records: {codes}; {lines}). If texts of a column go on over lines, say over how "
            "many in lines of the source in sources.toml, such as lines = {example}",
            file=arrival.file,
            fields=len(opened.columns),
            refused=len(arrival.refused),
            rows=arrival.rows,
            codes=counted_codes(codes),
            lines=line_reasons(arrival.refused),
            example='{ "…" = 5 }',
            to_sender=_(
                "{file}: {refused} of {rows} lines have not the {fields} columns of the header, or a quote that is not closed "
                "({lines}). A text with a comma in it stands in double quotes; every column is written, also an empty one"
            ),
        )


def _refused_cells(piece: Piece, source: SourceSpec) -> dict[str, pa.Array]:
    """The codes of cells that the reader refused, by column; what a join takes by such a cell is refused like it."""
    cells = dict(piece.cells)
    for join in source.join:
        for own in join.on:
            if own in piece.cells:
                for name in join.take:
                    cells[name] = pc.coalesce(cells[name], piece.cells[own]) if name in cells else piece.cells[own]
    return cells


def _last_days(events: pa.Table, kinds: pa.Array, items: Sequence[CatalogueItem]) -> pa.Array:
    """The last day on which each event counts: ``valid_until``, or the day before its retention ends, the earlier.

    Returns:
        int32 days since 1970-01-01, missing where nothing ends.
    """
    own = pc.cast(one_array(events["valid_until"]), pa.int32())
    dates = one_array(events["event_date"])
    months = pa.array([item.retention_months for item in items], pa.int32()).take(kinds)
    known = pc.and_(pc.is_valid(months), pc.is_valid(dates))
    if not pc.any(known).as_py():
        return own
    days = pc.cast(pc.cast(dates, pa.int32()), pa.int64())
    # There are few days and few periods: each pair of them is computed once.
    pairs = pc.if_else(known, pc.add(pc.multiply(days, _MONTHS), months), pa.scalar(None, pa.int64()))
    encoded = pc.dictionary_encode(pairs)
    distinct = encoded.dictionary.to_numpy()
    ends = shift_months((distinct // _MONTHS).astype("datetime64[D]"), distinct % _MONTHS) - np.timedelta64(1, "D")
    return pc.min_element_wise(own, pa.array(ends.astype(np.int64).astype(np.int32)).take(encoded.indices))


def _amount_buckets(amounts: pa.Array, kinds: pa.Array) -> dict[tuple[int, int], int]:
    """The number of amounts above 0 by the kind's position in the catalogue and by bucket."""
    counted = pc.and_(pc.greater(pc.fill_null(amounts, 0), 0), pc.is_valid(kinds))
    if not counted.true_count:
        return {}
    values = pc.cast(amounts.filter(counted), pa.float64()).to_numpy()
    # One count over all kinds: the bucket number is offset by the kind.
    buckets = np.floor(BUCKETS_PER_POWER * np.log10(values)).astype(np.int64) + _FIRST_BUCKET
    cells: Ints = kinds.filter(counted).to_numpy().astype(np.int64) * _BUCKETS + buckets
    counts = np.bincount(cells)
    return {(int(cell // _BUCKETS), int(cell % _BUCKETS) - _FIRST_BUCKET): int(counts[cell]) for cell in np.flatnonzero(counts)}
