"""Redraw the inspectors of a sealed plan and name who differs."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from creditscore.errors import DrawError
from creditscore.tiering.people.inspectors import INSPECTOR_COLUMNS, Pool, assign_inspectors
from creditscore.tiering.sealed.sheets import read_csv

#: What the seed and the pool give of each line; names stand in the personnel register.
_GIVEN = ("task", "place", "staff_id", "department", "region", "certificate_valid_to")


def check_inspectors(folder: Path, manifest: dict[str, Any], drawn: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Findings about ``inspectors.csv``, from the pool and the recusals that the manifest holds.

    Args:
        folder: The plan folder.
        manifest: Its manifest.
        drawn: ``(ticket, subject_id, region)`` of the drawn subjects.
    """
    told: dict[str, list[tuple[int, tuple[str, ...]]]] = defaultdict(list)
    for line, cells in read_csv(folder / "inspectors.csv", INSPECTOR_COLUMNS):
        row = dict(zip(INSPECTOR_COLUMNS, cells, strict=True))
        told[row["subject_id"]].append((line, tuple(row[name] for name in _GIVEN)))
    if manifest["inspectors"] is None:
        if told:
            yield "inspectors.csv: names inspectors, and the draw had no staff"
        return
    task = manifest["about"]["task"]
    pool = Pool.from_dict(manifest["inspectors"])
    for member in pool.members:
        if member.certificate_valid_to < task["end"]:
            yield f"manifest.json: inspectors: the certificate of {member.staff_id} does not cover the task"
    try:
        seats, lead = task["min_inspectors"], task["department"]
        teams = assign_inspectors(drawn, pool, seed=manifest["seed"], task=task["id"], number=seats, lead=lead)
    except DrawError as error:
        yield str(error)
        return
    for subject in sorted(set(teams) | set(told)):
        expected, found = _rows(teams.get(subject, []), pool, task["id"]), [row for _, row in told.get(subject, [])]
        if expected != found:
            where = f" line {told[subject][0][0]}" if subject in told else ""
            yield f"inspectors.csv{where}: the inspectors of {subject} are not those that the seed gives"


def _rows(team: Sequence[str], pool: Pool, task: str) -> list[tuple[str, ...]]:
    known = {one.staff_id: (one.department, one.region, one.certificate_valid_to) for one in pool.members}
    return [(task, str(place), staff, *known[staff]) for place, staff in enumerate(team, start=1)]
