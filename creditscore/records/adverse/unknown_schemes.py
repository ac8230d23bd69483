"""Ratings under schemes that the project does not name: slips, which hide a grade, and schemes that concern it not.

To let a slip pass may hide an adverse grade; to refuse a true scheme holds every firm that is rated under it. So what may be
a slip or a new name is refused, and the rest is kept and told.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import ibis

from creditscore.records.adverse.dispute_ends import one_slip
from creditscore.records.standard.arrivals import ARRIVAL, Arrival, source_number

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.engine import Engine

_CODE = "NOT_LISTED:scheme"
#: Of a source with more schemes than this, each that is not named is refused: a column of texts is no column of schemes.
_MOST = 50


def doubtful_schemes(engine: Engine, rows: ir.Table, arrivals: Sequence[Arrival], named: Collection[str]) -> ir.Table:
    """Ratings whose scheme may be meant for a named one: ``arrival``, ``why``.

    A scheme that the project does not name may be one if it is a single slip away from a named one, letters of either case being
    the same, or if its source has no row of any named one: then the name may have changed.
    """
    numbered = rows.select(ARRIVAL, "scheme", number=source_number(rows, arrivals))
    unnamed = ~numbered.scheme.isin(list(named))
    found = engine.query(
        numbered.select("number", "scheme").distinct().order_by(["number", "scheme"]).limit(_MOST * len(arrivals) + 1)
    )
    by_source: dict[int, set[str]] = {}
    for row in found.to_pylist():
        by_source.setdefault(row["number"], set()).add(row["scheme"])
    everywhere = found.num_rows > _MOST * len(arrivals)
    doubtful = [ibis.literal(everywhere) & unnamed]
    for number, schemes in by_source.items():
        renamed = not schemes & set(named)
        slips = sorted(one for one in schemes - set(named) if renamed or _is_slip(one, named))
        if slips:
            doubtful.append((numbered.number == number) & numbered.scheme.isin(slips))
    wrong = numbered.filter(reduce(or_, doubtful))
    return wrong.select(ARRIVAL, why=ibis.literal(_CODE))


def _is_slip(scheme: str, named: Collection[str]) -> bool:
    plain = scheme.strip().casefold()
    return any(plain == one.casefold() or one_slip(plain, one.casefold()) for one in named)
