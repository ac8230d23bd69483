"""Who bears the inspections: tiers and planned visits per kind of subject, with intervals. For audit only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from creditscore.dataframes import Ints
from creditscore.reporting.run_book import RunBook
from creditscore.tiering.tiers import drawn_tiers, shown_tiers
from creditscore.vocabulary import RISKIEST, SHOWN_ORDER

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.engine import Engine

#: Attributes that are audited and never scored.
_AUDITED = ("region", "ownership", "size_class")
_MISSING = "(missing)"


#: How many features are counted over one table that the engine keeps: it holds so many columns, not all.
_AT_A_TIME = 8
_TABLE, _VALUES = "audited_features", "audited_values"
#: Squares of counts are summed in two parts, or they would pass the largest whole number of the engines.
_HALF = 1 << 20


def associations(engine: Engine, features: ir.Table, subjects: ir.Table) -> pd.DataFrame:
    """One row per feature and audited attribute: feature, attribute, association, groups; the strongest first.

    The engine counts and ranks; no row of a subject comes into this process. Attributes and features that take one value only
    have no association and no row. Numbers: the share of the variance of their ranks that groups explain, as a root, what they
    explain by chance alone taken off (epsilon squared, Kelley 1935). Ranks keep one huge value from deciding. Missing values share
    the lowest rank, since a value that is missing can also point to a group. Texts: Cramér's V, corrected for chance likewise.

    Args:
        engine: Holds both tables.
        features: One row per subject: ``subject_id`` and features.
        subjects: The register: one row per subject, ``subject_id`` and the attributes; absent attributes are left out.
    """
    attributes = [name for name in _AUDITED if name in subjects.columns]
    names = [name for name in features.columns if name not in ("subject_id", "as_of", "industry")]
    rows = []
    for start in range(0, len(names) if attributes else 0, _AT_A_TIME):
        part = names[start : start + _AT_A_TIME]
        table = engine.create(_TABLE, _audited(features.select("subject_id", *part), subjects, attributes))
        for name in part:
            value = table[name].cast("int8") if table[name].type().is_boolean() else table[name]
            # One name for every feature: queries over it are written once for each type.
            engine.view(_VALUES, table.select(*(f"audited_{one}" for one in attributes), value=value))
            of_kind = _of_number if value.type().is_numeric() else _of_text
            for attribute, association, groups in of_kind(engine, str(value.type()), tuple(attributes)):
                if association is not None:
                    rows.append({"feature": name, "attribute": attribute, "association": association, "groups": groups})
            engine.drop(_VALUES)
        engine.drop(_TABLE)
    found = pd.DataFrame(rows, columns=["feature", "attribute", "association", "groups"])
    return found.sort_values(["association", "feature", "attribute"], ascending=[False, True, True], ignore_index=True)


def _audited(features: ir.Table, subjects: ir.Table, attributes: Sequence[str]) -> ir.Table:
    """Features with the attributes as ``audited_<attribute>``, in the place of the ids."""
    known = subjects.select(known_id="subject_id", **{f"audited_{name}": subjects[name].cast("string") for name in attributes})
    return features.left_join(known, features["subject_id"] == known["known_id"]).drop("subject_id", "known_id")


@lru_cache(maxsize=64)
def _counted(kind: str, attributes: tuple[str, ...]) -> ir.Table:
    """``attribute, group, value, n``: how many subjects of a group have a value of a type."""
    import ibis

    keys = [f"audited_{attribute}" for attribute in attributes]
    table = ibis.table({**dict.fromkeys(keys, "string"), "value": kind}, name=_VALUES)
    together = table.group_by([*keys, "value"]).aggregate(n=ibis._.count())
    parts = [
        together.select(ibis.literal(attribute).name("attribute"), together[key].fill_null(_MISSING).name("group"), "value", "n")
        for attribute, key in zip(attributes, keys, strict=True)
    ]
    whole = ibis.union(*parts) if len(parts) > 1 else parts[0]
    return whole.group_by(["attribute", "group", "value"]).aggregate(n=whole["n"].sum())


@lru_cache(maxsize=64)
def _rank_sums(kind: str, attributes: tuple[str, ...]) -> ir.Table:
    """By attribute and group the subjects and whole sums over their doubled ranks, see :func:`_correlation_ratio`."""
    import ibis

    counted = _counted(kind, attributes)
    alike = counted["n"].sum().over(group_by=["attribute", "value"])
    # By ranges: equal values end together.
    until = (
        counted["n"].sum().over(ibis.range_window(group_by="attribute", order_by=ibis.asc("value", nulls_first=True), following=0))
    )
    ranked = counted.mutate(alike=alike.cast("int64"), until=until.cast("int64"))
    doubled = ranked["until"] * 2 - ranked["alike"] + 1
    squared = ranked["alike"] * ranked["alike"]
    return ranked.group_by(["attribute", "group"]).aggregate(
        subjects=ranked["n"].sum().cast("int64"), ranks=(ranked["n"] * doubled).sum().cast("int64"),
        high=(ranked["n"] * (squared // _HALF)).sum().cast("int64"), low=(ranked["n"] * (squared % _HALF)).sum().cast("int64"),
    )  # fmt: skip


def _of_number(engine: Engine, kind: str, attributes: tuple[str, ...]) -> Iterator[tuple[str, float | None, int]]:
    """The association of a number with each attribute that has several groups, from whole sums over doubled ranks."""
    by_attribute: dict[str, list[dict[str, int]]] = {}
    for row in engine.query(_rank_sums(kind, attributes)).to_pylist():
        by_attribute.setdefault(row.pop("attribute"), []).append(row)
    for attribute, groups in by_attribute.items():
        if len(groups) > 1:
            yield attribute, _correlation_ratio(groups), len(groups)


def _correlation_ratio(groups: Sequence[Mapping[str, int]]) -> float | None:
    """See :func:`associations`; None where all values are equal. All sums are whole numbers: one division decides."""
    total, cubes = sum(one["subjects"] for one in groups), sum(one["high"] * _HALF + one["low"] for one in groups)
    # Twelve times the sum of squares of ranks about their mean, with ties (Kendall 1945).
    spread = total**3 - cubes
    if spread == 0:
        return None
    # The mean of doubled ranks is total + 1; twelve times the squares of the ranks are three times those of the doubled ones.
    between = 3 * sum(
        (Fraction((one["ranks"] - one["subjects"] * (total + 1)) ** 2, one["subjects"]) for one in groups), Fraction(0)
    )
    within = (spread - between) / max(total - len(groups), 1)
    return math.sqrt(max(Fraction(0), (between - (len(groups) - 1) * within) / spread))


def _of_text(engine: Engine, kind: str, attributes: tuple[str, ...]) -> Iterator[tuple[str, float | None, int]]:
    """The association of a text with each attribute that has several groups, from the table of counts."""
    counts = engine.query(_counted(kind, attributes)).to_pandas()
    for attribute, part in counts.groupby("attribute", sort=True):
        codes, groups = pd.factorize(part["group"], sort=True)
        texts, names = pd.factorize(part["value"].astype(object).where(part["value"].notna(), _MISSING), sort=True)
        if len(groups) > 1 and len(names) > 1:
            cells = np.zeros((len(names), len(groups)), dtype=np.int64)
            np.add.at(cells, (texts, codes), part["n"].to_numpy())
            yield str(attribute), _cramers_v(cells), len(groups)


def _cramers_v(table: Ints) -> float:
    n, (rows, columns) = int(table.sum()), table.shape
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi = float(((table - expected) ** 2 / np.where(expected > 0, expected, 1)).sum()) / n
    corrected = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1))
    smaller = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(corrected / smaller)) if smaller > 0 else 0.0


#: Ownership is read here and nowhere else; it never reaches a feature.
_GROUPS = ("subject_type", "size_class", "region", "ownership")
MINIMUM = 30
_UNKNOWN = "unknown"


def wilson(cases: int, total: int) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927), 95 %; (0, 1) for a total of 0."""
    if total == 0:
        return 0.0, 1.0
    interval = binomtest(cases, total).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def fairness_table(book: RunBook, *, groups: Sequence[str] = _GROUPS, minimum: int = MINIMUM) -> pd.DataFrame:
    """Shares of tiers and planned visits for each group of subjects.

    One row per attribute and group, groups of an attribute by name: ``attribute, group, subjects,
    share_<tier>, share_D? (proposed), share_NR, riskiest_low, riskiest_high`` (Wilson, 95 %, of the riskiest tier's share),
    ``visits_per_1000`` (expected random visits of the plans in the book; without a plan the policy's ratios for one task).
    Figures of groups with fewer than ``minimum`` subjects are missing: they would be noise.
    """
    columns = [
        "attribute",
        "group",
        "subjects",
        *(f"share_{tier}" for tier in SHOWN_ORDER),
        "riskiest_low",
        "riskiest_high",
        "visits_per_1000",
    ]
    if book.tiers.empty or book.subjects.empty:
        return pd.DataFrame({column: [] for column in columns})
    present = [group for group in groups if group in book.subjects]
    people = book.tiers[["subject_id"]].assign(tier=shown_tiers(book.tiers), visits=expected_visits(book).to_numpy())
    people = people.merge(book.subjects[["subject_id", *present]].drop_duplicates("subject_id"), on="subject_id", how="left")
    rows = [row for attribute in present for row in _rows(people, attribute, minimum)]
    return pd.DataFrame(rows, columns=columns)


def expected_visits(book: RunBook) -> pd.Series:
    """Expected random visits to each row of ``book.tiers``: the sum of its inclusion probabilities over the plans."""
    if not book.plans:
        pairs = pd.Series(
            list(zip(book.tiers["industry"].fillna(""), drawn_tiers(book.tiers), strict=True)), index=book.tiers.index
        )
        ratios = {pair: book.policy.rules_for(pair[0]).of(pair[1]).ratio_ppm / 1_000_000 for pair in pairs.unique()}
        return pairs.map(ratios).astype("float64")
    known, total = pd.Index(book.tiers["subject_id"]), np.zeros(len(book.tiers))
    for batch in (batch for plan in book.plans for batch in plan.rows.batches()):
        chances = np.array([kind.inclusion_probability for kind in batch.kinds])[batch.places]
        at = known.get_indexer(pd.Index(batch.subject_ids))
        np.add.at(total, at[at >= 0], chances[at >= 0])
    return pd.Series(total, index=book.tiers.index)


def _rows(people: pd.DataFrame, attribute: str, minimum: int) -> list[list[object]]:
    rows: list[list[object]] = []
    labels = people[attribute].astype("object").where(people[attribute].notna(), _UNKNOWN).astype("str")
    for group, part in people.groupby(labels, sort=True):
        total = len(part)
        if total < minimum:
            rows.append([attribute, group, total, *([None] * (len(SHOWN_ORDER) + 3))])
            continue
        counts = part["tier"].value_counts()
        cases = {tier: int(counts.get(tier, 0)) for tier in SHOWN_ORDER}
        low, high = wilson(cases[RISKIEST], total)
        shares = [cases[tier] / total for tier in SHOWN_ORDER]
        rows.append([attribute, group, total, *shares, low, high, math.fsum(part["visits"]) / total * 1000])
    return rows
