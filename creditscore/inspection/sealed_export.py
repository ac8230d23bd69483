"""A subject's own row of a sealed plan: what it needs to see for itself that the draw was what the seed gave."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from creditscore.errors import DrawError
from creditscore.inspection.amendments import last_of_ratio
from creditscore.inspection.csv_export import read_csv
from creditscore.inspection.frame_rows import SAMPLE_COLUMNS
from creditscore.inspection.plan_folder import read_log, read_manifest, read_strata
from creditscore.inspection.task_key import key_beside
from creditscore.inspection.tickets import nonces
from creditscore.storage import damaged_files

_SEALED = ("sample.csv", "plan.csv")


def own_rows(folder: Path, subject_ids: Iterable[str]) -> list[dict[str, Any]]:
    """One row per subject that is in the plan's frame or came late, by subject_id; of everybody else one ticket at most.

    ``ticket`` is SHA-256 of ``text_of_ticket = seed|task|subject_id|nonce``, to be recomputed with any tool; the nonce is the
    subject's own (in format 2 there is none), and empty where the key is lost. It is drawn if it is not above ``last_ticket``,
    the last drawn of its stratum (``target`` of ``population``).
    Seed and tickets are empty before the draw. ``standing`` is ``drawn``, ``replaced`` (drawn, and another one is visited
    instead), ``replacement`` (``last_ticket`` is then the last that replaced one of its stratum), ``late`` (by its
    own ticket and the ratio, ``last_ticket`` being the largest that is drawn) or ``""``.

    Raises:
        DataError: A file is missing, or the log is not a whole chain.
        DrawError: The sealed files are not those of the manifest.
    """
    manifest = read_manifest(folder)
    if damaged_files(folder, {name: manifest["files"][name] for name in _SEALED}):
        raise DrawError("{folder}: changed since it was sealed; verify-plan names what", folder=folder)
    strata = {row["stratum"]: row for row in read_strata(folder).to_dict("records")}
    wanted, last, own = set(subject_ids), dict[str, str](), list[dict[str, str]]()
    for _line, cells in read_csv(folder / "sample.csv", SAMPLE_COLUMNS):
        row = dict(zip(SAMPLE_COLUMNS, cells, strict=True))
        if row["drawn"] == "1":
            last[row["stratum"]] = max(last.get(row["stratum"], ""), row["ticket"])
        if row["subject_id"] in wanted:
            own.append(row)
    key = key_beside(folder, manifest["about"]["task"]["id"]) if "key" in manifest.get("commitments", {}) else ""
    rows = [_row(row, manifest, strata[row["stratum"]], last.get(row["stratum"], ""), key) for row in own]
    log = read_log(folder)
    replaced = [line for line in log if line["what"] == "replaced"]
    gone, came = {line["subject_id"] for line in replaced}, {line["replaced_by"] for line in replaced}
    for shown in rows:
        if shown["subject_id"] in came:
            latest = max(line["ticket"] for line in replaced if line["stratum"] == shown["stratum"])
            shown |= {"standing": "replacement", "last_ticket": latest}
        if shown["subject_id"] in gone:
            shown["standing"] = "replaced"
    for line in log:
        if line["what"] == "joined" and line["subject_id"] in wanted:  # a late subject is drawn by its ratio alone
            late = {**line, "exempt_reason": "", "drawn": "1" if line["mode"] else "0"}
            shown = _row(late, manifest, strata.get(line["stratum"], {}), last_of_ratio(line["ratio_ppm"]), key)
            rows.append({**shown, "standing": "late"})
    return sorted(rows, key=lambda row: str(row["subject_id"]))


def _row(row: Mapping[str, Any], manifest: Mapping[str, Any], stratum: Mapping[Any, Any], last: str, key: str) -> dict[str, Any]:
    task, seed, drawn = manifest["about"]["task"]["id"], manifest["seed"], row["drawn"] == "1"
    salted = "commitments" in manifest
    nonce = nonces([unicodedata.normalize("NFC", row["subject_id"])], key=key, task=task)[0] if key else ""
    return {
        "subject_id": row["subject_id"],
        "task": task,
        "frame_hash": manifest["frame_hash"],
        "stratum": row["stratum"],
        "population": stratum.get("population", 0),
        "target": stratum.get("target", 0),
        "exempt_reason": row["exempt_reason"],
        "seed": seed or "",
        "text_of_ticket": _text_of_ticket(seed, task, row["subject_id"], nonce, salted=salted) if row["ticket"] else "",
        **({"nonce": nonce} if salted else {}),
        "ticket": row["ticket"],
        "last_ticket": last,
        "drawn": drawn,
        "standing": "drawn" if drawn else "",
    }


def _text_of_ticket(seed: str, task: str, subject_id: str, nonce: str, *, salted: bool) -> str:
    """What is hashed; empty where the nonce cannot be made."""
    parts = [seed, task, subject_id, *([nonce] if salted else [])]
    return "" if salted and not nonce else "|".join(parts)
