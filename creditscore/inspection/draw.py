"""The draw: in each stratum the smallest tickets; in pandas, or on an engine for large frames."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from creditscore.dataframes import as_frame
from creditscore.errors import DrawError
from creditscore.inspection.tickets import part, ticket_expression
from creditscore.vocabulary import OFF_SITE, ON_SITE

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.engine import Engine

#: The number of leading hexadecimal digits that are counted: 4,096 heads per stratum.
_DIGITS = 3
_HEADS, _CUTS = "draw_heads", "draw_cuts"
_SCHEMA = pa.schema({"stratum": pa.string(), "head": pa.string()})


def _ranks(stratum: pd.Series, ticket: pd.Series) -> pd.Series[int]:
    """The rank of each ticket in its stratum, 0 for the smallest; -1 for subjects that left the frame (no stratum)."""
    order = pd.DataFrame({"stratum": stratum, "ticket": ticket}).dropna(subset=["stratum"])
    order = order.sort_values(["stratum", "ticket"], kind="stable")
    return order.groupby("stratum", sort=False).cumcount().reindex(stratum.index, fill_value=-1)


def draw(stratum: pd.Series, ticket: pd.Series, *, targets: Mapping[str, int]) -> pd.Series[bool]:
    """Who is drawn: in each stratum the ``targets[stratum]`` smallest tickets.

    Args:
        stratum: The stratum of each subject; missing for subjects that left the frame.
        ticket: Their tickets.
        targets: How many to draw.

    Raises:
        DrawError: A stratum has no target, or fewer subjects than its target.
    """
    sizes: dict[Any, int] = stratum.value_counts().to_dict()
    for name, size in sorted(sizes.items()):
        if name not in targets:
            raise DrawError("stratum {name}: expected a target (got none)", name=name)
        if not 0 <= targets[name] <= size:
            raise DrawError(
                "stratum {name}: expected a target of 0 to {size} (got {target})", name=name, size=size, target=targets[name]
            )
    rank = _ranks(stratum, ticket)
    return (rank >= 0) & (rank < stratum.map(dict(targets)).fillna(0))


def modes(stratum: pd.Series, ticket: pd.Series, drawn: pd.Series[bool], *, on_site: Mapping[str, int]) -> pd.Series[str]:
    """``on_site`` for the ``on_site[stratum]`` smallest tickets, ``off_site`` for the others drawn, ``""`` for the rest.

    The part on site is a random draw too: what it finds speaks for the whole stratum, with p = on_site / N.
    """
    first = _ranks(stratum, ticket) < stratum.map(dict(on_site)).fillna(0)
    return pd.Series("", index=stratum.index).mask(drawn, OFF_SITE).mask(drawn & first, ON_SITE)


def draw_table(
    engine: Engine, subjects: ir.Table, strata: object, *, seed: str, task: str, key: str = ""
) -> tuple[ir.Table, pd.DataFrame]:
    """The same draw in flat memory: the drawn subjects as an expression for the engine, and the last tickets that are drawn.

    Drawn in a stratum are those whose ticket is not above the n-th smallest. Counts of tickets by their first digits say
    near which digits the n-th lies; only the tickets there are fetched and sorted: two passes over the ids.

    Args:
        engine: Holds ``subjects``.
        subjects: ``subject_id`` (NFC), ``stratum``, one row per subject, without those who left the frame.
        strata: A frame ``stratum, target`` and maybe ``on_site``, one row per stratum.
        seed: The seed.
        task: The id of the task.
        key: The key of the frame; without one the tickets are those of format 2.

    Returns:
        The table ``subject_id, stratum, ticket, mode`` of the drawn in no order; and one row per stratum:
        ``stratum, target, on_site, last, last_on_site`` (tickets; ``""`` where none is drawn). Who knows the
        own ticket can compare it with the last one.

    Raises:
        DrawError: A stratum has no target, or fewer subjects than its target; an id cannot be part of a ticket.
    """
    import ibis

    table = as_frame(strata, needs=["stratum", "target"], what="strata")
    wanted = table.assign(on_site=table["on_site"] if "on_site" in table else table["target"])[["stratum", "target", "on_site"]]
    _refuse_ids(engine, subjects)
    tickets = subjects.select("subject_id", "stratum", ticket=ticket_expression(subjects, seed=seed, task=task, key=key))
    cuts = _cuts(engine, tickets, wanted)
    engine.register(_CUTS, pa.Table.from_pandas(cuts[["stratum", "last", "last_on_site"]], preserve_index=False))
    known = ibis.table({"stratum": "string", "last": "string", "last_on_site": "string"}, name=_CUTS)
    joined = tickets.join(known, "stratum")
    drawn = joined.filter(joined["ticket"] <= joined["last"])
    mode = ibis.ifelse(drawn["ticket"] <= drawn["last_on_site"], ON_SITE, OFF_SITE)
    return drawn.select("subject_id", "stratum", "ticket", mode=mode), cuts


def _refuse_ids(engine: Engine, subjects: ir.Table) -> None:
    text = subjects["subject_id"]
    strange = subjects.filter(text.isnull() | (text == "") | text.contains("|"))
    counted = engine.query(strange.aggregate(n=strange.count(), first=strange["subject_id"].min())).to_pylist()[0]
    if counted["n"]:
        part(counted["first"] or "", what="subject_id")
        raise DrawError("subject_id: {n} ids cannot be part of a ticket", n=counted["n"])


def _cuts(engine: Engine, tickets: ir.Table, wanted: pd.DataFrame) -> pd.DataFrame:
    """``wanted`` with the tickets of the last drawn and of the last on site."""
    import ibis

    headed = tickets.mutate(head=tickets["ticket"].substr(0, _DIGITS))
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for row in engine.query(headed.group_by(["stratum", "head"]).aggregate(n=headed.count())).to_pylist():
        counts[row["stratum"]][row["head"]] = row["n"]
    rows: list[tuple[str, int, int]] = list(wanted.itertuples(index=False, name=None))
    _refuse_targets(counts, rows)
    # By stratum and n: the head under which the n-th smallest ticket lies, and its rank there, 0 for the smallest.
    positions: dict[tuple[str, int], tuple[str, int]] = {}
    for name, *numbers in rows:
        heads = sorted(counts[name])
        ends = list(accumulate(counts[name][head] for head in heads))
        for n in filter(None, numbers):
            at = bisect_left(ends, n)
            positions[name, n] = heads[at], n - 1 - (ends[at - 1] if at else 0)
    near = sorted({(name, head) for (name, _), (head, _) in positions.items()})
    engine.register(_HEADS, pa.table({"stratum": [name for name, _ in near], "head": [head for _, head in near]}, schema=_SCHEMA))
    fetched = headed.join(ibis.table({"stratum": "string", "head": "string"}, name=_HEADS), ["stratum", "head"])
    by_head: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in engine.query(fetched.select("stratum", "head", "ticket")).to_pylist():
        by_head[row["stratum"], row["head"]].append(row["ticket"])
    last = {(name, n): sorted(by_head[name, head])[rank] for (name, n), (head, rank) in positions.items()}
    return wanted.assign(
        last=[last.get((name, target), "") for name, target, _ in rows],
        last_on_site=[last.get((name, on_site), "") for name, _, on_site in rows],
    )


def _refuse_targets(counts: Mapping[str, Mapping[str, int]], rows: Sequence[tuple[str, int, int]]) -> None:
    targets = {name: (target, on_site) for name, target, on_site in rows}
    for name in sorted(counts):
        if name not in targets:
            raise DrawError("stratum {name}: expected a target (got none)", name=name)
    for name, (target, on_site) in sorted(targets.items()):
        size = sum(counts.get(name, {}).values())
        if not 0 <= on_site <= target <= size:
            raise DrawError(
                "stratum {name}: expected a target of 0 to {size} (got {target}, {on_site} of it on site)",
                name=name,
                size=size,
                target=target,
                on_site=on_site,
            )
