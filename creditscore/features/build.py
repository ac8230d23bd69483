"""Build features: every FeatureSpec over the spine, in one pass per input table and day."""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING

import ibis
import pandas as pd
import pyarrow as pa

from creditscore.errors import DataError
from creditscore.features.guard import guard_features
from creditscore.features.passes import passes
from creditscore.features.spine import SPINE, Spine, spine_from_rows
from creditscore.features.target import TrainingRows
from creditscore.features.visible import OneDay

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec
    from creditscore.features.given import Given
    from creditscore.records.records import Records

#: Columns that stand before the features in ``features.parquet``.
KEYS = ("subject_id", "as_of", "industry")
_log = logging.getLogger(__name__)


def build_features(records: Records, rows: Spine | TrainingRows | Given, features: tuple[FeatureSpec, ...]) -> pd.DataFrame:
    """The features of each row of a spine, in its order, as pandas.

    Args:
        records: What is known.
        rows: A spine, training rows, or a pandas, polars or Arrow table with ``subject_id`` and ``as_of`` (dates,
            points in time or ``"2024-04-30"``); a row that stands twice is kept twice. Training rows leave out
            records whose withdrawal was known when they were made.
        features: Their specifications.

    Returns:
        One row per row of ``rows``, in their order, index (subject_id, as_of); one column per feature.
        Numbers are int64 or float64, float64 with NaN where some are missing; texts are str.

    Raises:
        ConfigError: The guard refuses a feature.
        DataError: A row's subject is unknown; ``rows`` is no table of subjects and days, or a spine of other records.
    """
    trained_on = rows.until if isinstance(rows, TrainingRows) else None
    if isinstance(rows, TrainingRows):
        rows = rows.frame
    made = rows if isinstance(rows, Spine) else spine_from_rows(records, rows, name="given_rows")
    table = feature_table(records, made, features, trained_on=trained_on, name="built_features")
    arrow = records.engine.query(table.order_by("row_key")).drop_columns(["row_key", "industry"])
    frame: pd.DataFrame = arrow.to_pandas().set_index(["subject_id", "as_of"])
    return frame


def feature_table(
    records: Records,
    spine: Spine,
    features: tuple[FeatureSpec, ...],
    *,
    trained_on: dt.date | None = None,
    name: str = "features",
    buckets: int | None = None,
) -> ir.Table:
    """The features of a spine as an engine table: row_key, subject_id, as_of, industry, then one column each.

    The events are looked through once for what is visible, the ratings once per scheme, the visits once; whatever
    the number of features. The passes go over ``buckets`` parts of the subjects one after the other, so that memory
    is bounded; by default one part for each 12.5 million events. The values do not depend on it.
    """
    for warning in guard_features(features, records.project):
        _log.warning(warning)
    if spine.records is not records:
        # Its keys are places in the register of another opening: they would name other subjects here.
        raise DataError("spine: expected one of these records (got one that was made of others)")
    table: ir.Table | None = None
    for part, parts in passes(records, spine, features, trained_on=trained_on, buckets=buckets):
        made = parts.made(features)
        joined = _joined(part, made, features, key="subject_key" if isinstance(parts.rows, OneDay) else "row_key")
        table = records.engine.create(name, joined) if table is None else records.engine.append(name, joined)
        for place in range(len(made)):
            records.engine.drop(f"feature_part_{place}")
    assert table is not None  # noqa: S101 - there is at least one pass
    return table


def _joined(spine: ir.Table, parts: list[ir.Table], features: tuple[FeatureSpec, ...], *, key: str) -> ir.Table:
    """Rows of a spine with their features beside them (an expression over the parts, whose ``row_key`` is ``key``)."""
    joined = spine
    for place, part in enumerate(parts):
        # A name of its own for the key of each: all joins are one expression then, which is compiled once.
        named = part.rename(**{f"_part_row_{place}": "row_key"})
        joined = joined.left_join(named, spine[key] == named[f"_part_row_{place}"])
    return joined.select("row_key", *KEYS, *(_filled(feature, joined) for feature in features))


def _filled(feature: FeatureSpec, joined: ir.Table) -> ir.Value:
    """A row without records has the declared ``empty`` value; a count of nothing is 0."""
    column = joined[feature.name]
    nothing = feature.empty
    if nothing is None and feature.aggregate in ("count", "sum", "distinct", "banded_sum", "on_list"):
        nothing = 0
    return column if nothing is None else column.fill_null(ibis.literal(nothing).cast(column.type())).name(feature.name)


def feature_schema(features: tuple[FeatureSpec, ...]) -> pa.Schema:
    """The columns of ``features.parquet``: keys, then one per feature (int64; float64 for money; text for grades)."""
    keys = [("subject_id", pa.string()), ("as_of", pa.date32()), ("industry", pa.string())]
    kinds = [(f.name, pa.string() if f.is_text else pa.float64() if f.column == "amount" else pa.int64()) for f in features]
    return pa.schema(keys + kinds)


__all__ = ["KEYS", "SPINE", "build_features", "feature_schema", "feature_table"]
