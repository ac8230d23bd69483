"""How much of a source may be quarantined before its whole delivery is taken for broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.errors import DataError
from creditscore.language import _
from creditscore.records.adverse.dates_ahead import DATE_AHEAD
from creditscore.records.fault_words import counted_codes
from creditscore.records.standard.waiting import wait_for_register

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.config.sources import SourceSpec
    from creditscore.records.standard.arrivals import Arrival
    from creditscore.records.standard.contracts import TableCount

#: A source that loses more rows than this is judged by their share; of fewer a share says little.
_FEW = 20


def refuse_too_many(
    count: TableCount, sources: Sequence[SourceSpec], arrivals: Sequence[Arrival], project: Project, register: pa.Table
) -> None:
    """A source whose rows are mostly quarantined is a broken delivery, not a register of offenders.

    Rows that wait for the register, of which ``register`` has the rejects, say nothing of their own source.

    Raises:
        DataError: A source has more than ``_FEW`` quarantined rows, and a larger share of them than ``max_quarantined``.
    """
    of_row = pc.equal(count.rejects["scope"], "row")
    rows = count.rejects.filter(pc.and_not(of_row, wait_for_register(count.rejects, register)))
    quarantined = {one["values"]: one["counts"] for one in pc.value_counts(rows["source"]).to_pylist()}
    for source in sources:
        arrived = sum(one.rows - one.left_out for one in arrivals if one.source == source.name)
        refused = quarantined.get(source.name, 0)
        limit = project.sources.max_quarantined if source.max_quarantined is None else source.max_quarantined
        if refused <= max(_FEW, limit * arrived):
            continue
        own = rows.filter(pc.equal(rows["source"], source.name))
        codes = {code["values"]: code["counts"] for code in pc.value_counts(own["code"]).to_pylist()}
        _refuse_later_register(source, codes, arrived)
        raise DataError(
            'source "{source}" ({file}): expected at most {limit:.1%} of the rows to be quarantined (got {refused} of {arrived}, '
            "{share:.1%}, the first in row {row}: {codes}). Mend the file or the source's rules in sources.toml; if the source is "
            "like this, say so there by max_quarantined of this source",
            source=source.name,
            file=source.location,
            limit=limit,
            refused=refused,
            arrived=arrived,
            share=refused / arrived,
            row=pc.min(own["row"]).as_py(),
            codes=counted_codes(codes),
            to_sender=_(
                "{file}: {refused} of {arrived} rows are wrong ({codes}). That is more than {limit:.1%}: until they are mended the "
                "whole file is left aside. This workbook lists them"
            ),
        )


def _refuse_later_register(source: SourceSpec, codes: Mapping[str, int], arrived: int) -> None:
    """Say so where a register is mostly refused because it is of a later day than the run.

    Its subjects were rated, and which version of them was in force then it does not tell: nobody is rated on a guess.

    Args:
        source: The source.
        codes: How many of its rows are refused, by code.
        arrived: Its rows.

    Raises:
        DataError: Most of them begin or become known after the day.
    """
    ahead = sum(codes.get(f"{DATE_AHEAD}:{column}", 0) for column in ("valid_from", "known_date"))
    if source.table == "subjects" and 2 * ahead > sum(codes.values()):
        raise DataError(
            'source "{source}" ({file}): {ahead} of {arrived} rows are the only ones of a subject that was rated, and begin or '
            "become known after the day. A register with newest versions only cannot be read for a past day: give it with all "
            "versions, or as it was on the day",
            source=source.name,
            file=source.location,
            ahead=ahead,
            arrived=arrived,
            to_sender=_(
                "{file}: {ahead} of {arrived} rows begin or become known after the day that was asked for; look at these days"
            ),
        )
