"""Ask a finished run: the credit check of codes, and the explanation of one subject."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from creditscore.pipeline.book import load_book
from creditscore.pipeline.folder import RunFolder
from creditscore.pipeline.run import RunResult
from creditscore.reporting.explain import Explanation, explain_subject
from creditscore.reporting.lookup import lookup_rows

Run = RunResult | RunFolder | str | Path


def lookup(run: Run, ids: Iterable[str], *, purpose: str = "") -> pd.DataFrame:
    """The credit check (信用核查) of codes against a run, noted in its ``lookups.jsonl``.

    Args:
        run: A run's result or folder.
        ids: Codes; compared in their plain form (half width, upper case).
        purpose: What the answer is used for, for the feedback of use (应用反馈).

    Returns:
        One row per code in the order asked: subject_id, found, tier, status, as_of, scorecard, lists, measures.
    """
    folder = folder_of(run)
    rows = lookup_rows(load_book(folder), ids)
    with folder.file("lookups.jsonl").open("a", encoding="utf-8") as stream:
        for row in rows.to_dict("records"):
            told = {"subject_id": row["subject_id"], "found": bool(row["found"]), "purpose": purpose}
            stream.write(json.dumps(told, ensure_ascii=False, sort_keys=True) + "\n")
    return rows


def explain(run: Run, subject_id: str) -> Explanation:
    """Why a subject has its tier: rule, points against the baseline, blocks, nearest change, how to object.

    Raises:
        DataError: The run has no such subject.
    """
    folder = folder_of(run)
    table = pq.read_table(folder.file("features.parquet"), filters=pc.field("subject_id") == subject_id)
    features: pd.DataFrame = table.to_pandas(date_as_object=True)
    return explain_subject(load_book(folder), subject_id, features=features)


def folder_of(run: Run) -> RunFolder:
    """The checked folder of a run however it is given."""
    if isinstance(run, RunResult):
        return run.folder
    return RunFolder.opened(run.path if isinstance(run, RunFolder) else run)
