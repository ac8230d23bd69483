"""A subject's own row of a sealed plan: what it needs to see for itself that the draw was what the seed gave."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from creditscore.batch import damaged
from creditscore.errors import DrawError
from creditscore.tiering.drawn import SAMPLE_COLUMNS
from creditscore.tiering.sealed.publish import read_manifest
from creditscore.tiering.sealed.seal import strata_from
from creditscore.tiering.sealed.sheets import read_csv

_SEALED = ("sample.csv", "plan.csv")


def own_rows(folder: Path, subject_ids: Iterable[str]) -> list[dict[str, Any]]:
    """One row per subject that stands in the plan's frame, by subject_id; nothing of anybody else's but one ticket.

    ``ticket`` is SHA-256 of ``text_of_ticket = seed|task|subject_id``, to be recomputed with any tool. It is
    drawn if it is not above ``last_ticket``, the last drawn of its stratum (``target`` of ``population``).
    Seed and tickets are empty before the draw.

    Raises:
        DrawError: The sealed files are not those of the manifest.
    """
    manifest = read_manifest(folder)
    if damaged(folder, {name: manifest["files"][name] for name in _SEALED}):
        raise DrawError(f"{folder}: changed since it was sealed; verify-plan names what")
    strata = {row["stratum"]: row for row in strata_from(folder).to_dict("records")}
    wanted, last, found = set(subject_ids), dict[str, str](), list[dict[str, str]]()
    for _, cells in read_csv(folder / "sample.csv", SAMPLE_COLUMNS):
        row = dict(zip(SAMPLE_COLUMNS, cells, strict=True))
        if row["drawn"] == "1":
            last[row["stratum"]] = max(last.get(row["stratum"], ""), row["ticket"])
        if row["subject_id"] in wanted:
            found.append(row)
    task, seed = manifest["about"]["task"]["id"], manifest["seed"]
    return [
        {
            "subject_id": row["subject_id"],
            "task": task,
            "frame_hash": manifest["frame_hash"],
            "stratum": row["stratum"],
            "population": strata[row["stratum"]]["population"],
            "target": strata[row["stratum"]]["target"],
            "exempt_reason": row["exempt_reason"],
            "seed": seed or "",
            "text_of_ticket": f"{seed}|{task}|{row['subject_id']}" if row["ticket"] else "",
            "ticket": row["ticket"],
            "last_ticket": last.get(row["stratum"], ""),
            "drawn": row["drawn"] == "1",
        }
        for row in sorted(found, key=lambda row: row["subject_id"])
    ]
