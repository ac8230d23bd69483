"""The list of wrong codes to be put right: new ones, of which none is tolerated, and the stock with its deadline (存量整改清单)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from creditscore.dates import day_of
from creditscore.language import DEFAULT_LANGUAGE, Words, _
from creditscore.records.columns.personal import safe_keys
from creditscore.records.columns.types import one_array
from creditscore.records.deliveries.findings import Finding, Level
from creditscore.records.deliveries.outside import Outside
from creditscore.records.fault_words import REASON_WORDS
from creditscore.records.standard.arrivals import ARRIVAL, source_rows
from creditscore.records.standard.contracts import refused_table, several_codes
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    from creditscore.records.records import Records

#: Keys of one finding.
_KEYS = 3
_COLUMNS = ("subject_id", "reason", "reason_zh", "age", "registered_date", "region", "deadline", "overdue", "status")
_TYPES = {
    **dict.fromkeys(_COLUMNS, pa.string()), "registered_date": pa.date32(), "deadline": pa.date32(), "overdue": pa.bool_(),
}  # fmt: skip


def rectification_list(
    records: Records, *, as_of: str | dt.date, before: pd.DataFrame | None = None, outside: Outside | None = None
) -> pd.DataFrame:
    """Subjects with a wrong or doubtful code, to be put right; bodies and others whom the project never scores are not listed.

    Args:
        records: What arrived.
        as_of: The day of the list.
        before: An earlier list; codes that are no longer wrong are then listed as ``fixed``.
        outside: Whom the project never scores, if that is known already.

    Returns:
        One row per code, by age, reason and code: ``age`` is ``new`` (registered on or after the project's
        ``new_since``: none is tolerated) or ``stock`` (``deadline`` is the project's ``rectify_by``);
        ``status`` is ``open`` or ``fixed``. Keys that may be personal are masked.
    """
    day, sources = day_of(as_of), records.project.sources
    outside = outside or Outside.of(records, day)
    frame = pd.concat([_refused_codes(records, outside), _doubtful_codes(records)], ignore_index=True)
    frame = frame[~frame["subject_id"].isin(outside.ids)].drop_duplicates("subject_id")
    since = sources.new_since
    new = [since is not None and registered is not None and registered >= since for registered in frame["registered_date"]]
    frame["age"] = ["new" if is_new else "stock" for is_new in new]
    frame["deadline"] = [None if is_new else sources.rectify_by for is_new in new]
    frame["overdue"] = [is_new or (end is not None and end < day) for is_new, end in zip(new, frame["deadline"], strict=True)]
    frame["reason_zh"] = [Words.of(DEFAULT_LANGUAGE).text(REASON_WORDS.get(reason, "")) for reason in frame["reason"]]
    frame["status"] = "open"
    listed = frame[list(_COLUMNS)]
    if before is not None and len(before):
        gone = ~before["subject_id"].isin({*frame["subject_id"], *outside.ids})
        fixed = before[gone].assign(status="fixed", overdue=False)
        listed = pd.concat([listed, fixed[list(_COLUMNS)]], ignore_index=True) if len(listed) else fixed[list(_COLUMNS)]
    ordered: pd.DataFrame = listed.sort_values(["age", "status", "reason", "subject_id"]).reset_index(drop=True)
    return ordered


def _refused_codes(records: Records, outside: Outside) -> pd.DataFrame:
    """Rows of subjects that were refused for their code; one without a code to be shown is named by ``<source>:<row>``."""
    refused = refused_table(TABLES["subjects"])
    bad = refused.filter(refused.code.startswith("ID_"))
    chosen = bad.select("subject_id", "registered_date", "region", reason=bad.code, arrival=bad[ARRIVAL]).order_by("arrival")
    table = records.engine.query(chosen)
    frame: pd.DataFrame = table.drop_columns(["arrival"]).to_pandas(date_as_object=True)
    keys = safe_keys(table["subject_id"]).to_pylist()
    parts = source_rows(records.arrivals_of("subjects"), one_array(table["arrival"])) if keys else ()
    places = list(zip(*(part.to_pylist() for part in parts), strict=True))
    named = [key or f"{source}:{row}" for key, (source, row) in zip(keys, places, strict=True)]
    frame["subject_id"] = pd.Series(named, dtype="str")
    return frame[[place not in outside.places for place in places]]


def _doubtful_codes(records: Records) -> pd.DataFrame:
    """Codes of subjects that have several."""
    if records.project.sources.id_scheme != "uscc":
        return pd.DataFrame({name: pd.Series(dtype="object") for name in ("subject_id", "reason", "registered_date", "region")})
    codes = records.engine.query(several_codes(records.table("subjects")).order_by("subject_id"))
    frame: pd.DataFrame = codes.drop_columns(["name"]).to_pandas(date_as_object=True)
    return frame.assign(reason="ID_SEVERAL_CODES")


def rectification_table(listed: pd.DataFrame) -> pa.Table:
    """The list as Arrow, for ``rectification.parquet``."""
    return pa.table({name: pa.array(listed[name].tolist(), kind, from_pandas=True) for name, kind in _TYPES.items()})


def share_fixed(listed: pd.DataFrame) -> float | None:
    """Of the stock ever listed, the share put right (the target is 1); None where none was listed."""
    stock = listed[listed["age"] == "stock"]
    return None if stock.empty else float((stock["status"] == "fixed").mean())


def identity_findings(records: Records, day: dt.date, before: pd.DataFrame | None, *, outside: Outside) -> list[Finding]:
    """Wrong codes by reason, new ones as errors; the share of the stock that is fixed."""
    listed = rectification_list(records, as_of=day, before=before, outside=outside)
    findings = []
    for (age, reason), group in listed[listed["status"] == "open"].groupby(["age", "reason"], sort=True):
        rule = _("wrong code of the stock, to be put right")
        if age == "new":
            rule = _("wrong code of a new subject (none is tolerated)")
        level: Level = "error" if age == "new" or group["overdue"].any() else "warning"
        keys = ", ".join(group["subject_id"].tolist()[:_KEYS])
        findings.append(Finding("identity", "subjects", rule, str(reason), len(group), keys, level))
    fixed = int((listed["status"] == "fixed").sum())
    if fixed:
        rule = _("put right, {share:.1%} of the stock", share=share_fixed(listed) or 0)
        findings.append(Finding("identity", "subjects", rule, "FIXED", fixed))
    return findings
