"""What is wrong with single lines of ``sample.csv``, the most telling first."""

from collections.abc import Iterator
from typing import Any

from creditscore.tiering.checks.sealed import Row, Sealed
from creditscore.tiering.population import REASONS
from creditscore.tiering.sealed.publish import line_sum


def check_lines(sealed: Sealed) -> Iterator[tuple[Row, str]]:
    """Findings by line: tickets, strata and probabilities, places and modes, and lines that nobody wrote."""
    yield from _of_tickets(sealed)
    yield from _of_strata(sealed)
    yield from _of_places(sealed)
    sums = set(line_sums(sealed))
    for row in sealed.rows:
        if sums and line_sum(row.cells) not in sums:
            yield row, f"the line of {row['subject_id']} is not one that was written"


def line_sums(sealed: Sealed) -> list[str]:
    """The short hashes of the lines as they were written; none where the file is absent."""
    path = sealed.folder / "sample.sha256"
    return path.read_bytes().decode("ascii", "replace").split() if path.exists() else []


def _of_tickets(sealed: Sealed) -> Iterator[tuple[Row, str]]:
    for row in sealed.rows:
        subject = row["subject_id"]
        if sealed.seed is None or row["exempt_reason"]:
            if row["ticket"] or row["mode"] or row["drawn"] not in (("",) if sealed.seed is None else ("0",)):
                yield row, f"{subject} has a ticket or is drawn, and {'left the frame' if sealed.seed else 'nothing is drawn yet'}"
            continue
        if row["ticket"] != sealed.ticket(subject):
            yield row, f"ticket of {subject} is not SHA-256(seed|task|subject)"


def _of_strata(sealed: Sealed) -> Iterator[tuple[Row, str]]:
    for row in sealed.rows:
        stratum = sealed.strata.get(row["stratum"])
        own = sealed.stratum_of(row["tier"], row["industry"], row["region"])
        if stratum is None or row["task"] != sealed.task or row["stratum"] != own:
            yield row, f"{row['subject_id']} stands in a stratum that is not its own ({row['stratum']})"
        elif row["exempt_reason"] not in ("", *REASONS):
            yield row, f"{row['subject_id']} left the frame for a reason that is none of {', '.join(REASONS)}"
        elif row["inclusion_probability"] != _probability(stratum, row):
            yield row, f"inclusion probability of {row['subject_id']} is not n/N of its stratum"


def _probability(stratum: dict[str, Any], row: Row) -> str:
    inside = not row["exempt_reason"] and stratum["population"]
    return repr(stratum["target"] / stratum["population"] if inside else 0.0)


def _of_places(sealed: Sealed) -> Iterator[tuple[Row, str]]:
    """By tickets computed here, so that a changed ticket does not accuse its neighbours."""
    if sealed.seed is None:
        return
    for stratum, members in sealed.members().items():
        told = sealed.strata.get(stratum, {})
        target, on_site = told.get("target", 0), told.get("on_site", 0)
        keys = {row.line: sealed.ticket(row["subject_id"]) for row in members}
        for place, row in enumerate(sorted(members, key=lambda row: keys[row.line])):
            if row["drawn"] != ("1" if place < target else "0"):
                said = "drawn" if row["drawn"] == "1" else "not drawn"
                yield row, f"{row['subject_id']} is said to be {said}, its ticket is number {place + 1} and {target} are drawn"
            mode = "" if place >= target else "on_site" if place < on_site else "off_site"
            if row["mode"] != mode:
                yield row, f"{row['subject_id']}: its ticket says {mode or 'no visit'}, the line {row['mode'] or 'no visit'}"
