"""Which unit sent each row: that of the source, else the one that the row names, else the only one that its source has.

Of a source that neither the project nor its rows give a unit, the name of the source stands in its place.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import ibis
import pyarrow.compute as pc

from creditscore.records.standard.arrivals import ARRIVAL, FIELDS, Arrival, source_number, source_rows
from creditscore.records.standard.contracts import arrived_table, refused_table
from creditscore.records.standard.rejects import COPY
from creditscore.records.tables import TABLES, StandardTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.records.records import Records

#: Units that the rows of one source may name. A unit that nobody knows counts from so many rows on: the cell of a shifted
#: column may be anything, a person's name too.
_MOST_UNITS, _SHARED, _LONGEST = 200, 3, 60
_MANY_DIGITS = re.compile(r"[0-9]{7}")
#: The column of a table that names who sent a row: of a visit or decision the department that made it.
_UNIT = {"events": "provider", "inspections": "department", "decisions": "department"}
#: What may have become of a row.
KEPT, REFUSED, COPIED = "kept", "refused", "copied"


class Units:
    """The sending units of a delivery, and how many rows of each were kept, refused or copies, by source.

    Attributes:
        counts: Rows by source, unit and what became of them; lines that could not be cut are refused rows.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._named: dict[str, set[str]] = {}
        self._specs = {source.name: source for source in records.project.sources.source}
        self.counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for name in TABLES:
            self._count(name)
        counted = {source for source, _unit in self.counts}
        refused = Counter(row["source"] for row in records.rejects.to_pylist() if row["scope"] == "row")
        for arrival in records.arrivals:  # supplements, which have become part of the register
            if arrival.source not in counted:
                counts = self.counts[arrival.source, self.of(arrival.source, None)]
                counts[REFUSED] += refused[arrival.source]
                counts[KEPT] += arrival.rows - arrival.left_out - refused[arrival.source]

    def of(self, source: str, named: str | None) -> str:
        """The unit of a row: without any other, the only one that rows of its source name, else the name of the source.

        Args:
            source: The row's source.
            named: The unit that the row names, if it does.
        """
        units = self._named.get(source, set())
        only = next(iter(units)) if len(units) == 1 else source
        return self._specs[source].provider or (named if named and named in units else only)

    def knows(self, source: str) -> bool:
        """Whether the project has a source of that name; an earlier project may have had others."""
        return source in self._specs

    def of_rejects(self) -> Mapping[tuple[str, int], str]:
        """The unit that each row with a fault names, by source and row; of sources whose rows name none there are no entries."""
        named: dict[tuple[str, int], str] = {}
        for name, table in TABLES.items():
            arrivals = self._records.arrivals_of(name)
            if name not in _UNIT or not arrivals:
                continue
            for rows in (refused_table(table), arrived_table(table)):
                bad = rows.filter((rows.code.notnull() & (rows.code != COPY)) | rows[FIELDS].notnull())
                found = self._records.engine.query(bad.select(ARRIVAL, unit=bad[_UNIT[name]]))
                sources, places = source_rows(arrivals, found[ARRIVAL].combine_chunks())
                triples = zip(sources.to_pylist(), places.to_pylist(), found["unit"].to_pylist(), strict=True)
                named |= {(source, row): self.of(source, unit) for source, row, unit in triples}
        return named

    def _count(self, name: str) -> None:
        table, arrivals = TABLES[name], self._records.arrivals_of(name)
        if not arrivals:
            return
        found: Counter[tuple[str, str | None, str]] = Counter()
        for rows in (arrived_table(table), refused_table(table)):
            for number, unit, outcome, count in self._grouped(rows, table, arrivals):
                found[arrivals[number].source, unit, outcome] += count
        for arrival in arrivals:
            rows_of = Counter[str]()
            for (source, unit, _outcome), count in found.items():
                if source == arrival.source and unit:
                    rows_of[unit] += count
            known = {item.provider for item in self._records.project.catalogue.item} | {
                one.provider for one in self._specs.values()
            }
            fit = [(unit, n) for unit, n in rows_of.items() if unit in known or (n >= _SHARED and _is_readable(unit))]
            self._named[arrival.source] = {unit for unit, _n in sorted(fit, key=lambda pair: (-pair[1], pair[0]))[:_MOST_UNITS]}
            if arrival.refused or not rows_of:  # a source without any row is listed, too
                self.counts[arrival.source, self.of(arrival.source, None)][REFUSED] += len(arrival.refused)
        for (source, unit, outcome), count in found.items():
            self.counts[source, self.of(source, unit)][outcome] += count

    def _grouped(self, rows: ir.Table, table: StandardTable, arrivals: list[Arrival]) -> list[tuple[int, str | None, str, int]]:
        """Rows by source, unit and outcome."""
        marked = rows.select(
            number=source_number(rows, arrivals),
            unit=rows[_UNIT[table.name]] if table.name in _UNIT else ibis.null("string"),
            outcome=ibis.cases((rows.code.isnull(), KEPT), (rows.code == COPY, COPIED), else_=REFUSED),
        )
        counted = self._records.engine.query(marked.group_by("number", "unit", "outcome").agg(rows=marked.count()))
        order = pc.sort_indices(counted, sort_keys=[(name, "ascending") for name in ("number", "unit", "outcome")])
        return [(row["number"], row["unit"], row["outcome"], row["rows"]) for row in counted.take(order).to_pylist()]


def _is_readable(unit: str) -> bool:
    """Whether a cell can be the name of a unit: a short text without a long number."""
    return bool(unit.strip()) and len(unit) <= _LONGEST and unit.isprintable() and not _MANY_DIGITS.search(unit)
