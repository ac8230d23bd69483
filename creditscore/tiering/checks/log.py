"""What was logged after the draw: each replacement the next ticket, each late subject by its own."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from creditscore.tiering.checks.sealed import Sealed
from creditscore.tiering.sealed.join import mode_of
from creditscore.tiering.sealed.log import LOG, entries


def check_log(sealed: Sealed) -> Iterator[str]:
    """Findings about ``log.jsonl``; after a replacement out of turn the rest of its kind is not judged."""
    lines = entries(sealed.folder)
    yield from _of_draw(sealed, lines)
    yield from _of_replacements(sealed, [line for line in lines if line["what"] == "replaced"])
    yield from _of_joiners(sealed, [line for line in lines if line["what"] == "joined"])


def _where(line: Mapping[str, Any]) -> str:
    return f"{LOG} line {line['number']}"


def _of_draw(sealed: Sealed, lines: list[dict[str, Any]]) -> Iterator[str]:
    for line in lines:
        if line["what"] == "drawn" and (line["seed"], line["frame_hash"]) != (sealed.seed, sealed.manifest["frame_hash"]):
            yield f"{_where(line)}: says another seed or frame than the manifest"


def _of_replacements(sealed: Sealed, lines: list[dict[str, Any]]) -> Iterator[str]:
    place = {row["subject_id"]: row["stratum"] for row in sealed.rows}
    mode = {row["subject_id"]: row["mode"] for row in sealed.rows}
    waiting, turn, gone = _waiting(sealed), Counter[str](), set[str]()
    for line in lines:
        subject, other = line["subject_id"], line["replaced_by"]
        stratum = place.get(subject, "")
        queue = waiting.get(stratum, [])
        if subject in gone or not mode.get(subject):
            yield f"{_where(line)}: {subject} is not to be inspected"
        elif turn[stratum] >= len(queue) or queue[turn[stratum]] != other:
            yield f"{_where(line)}: {other} is not the next ticket of the stratum of {subject}"
            return
        elif line["mode"] != mode[subject] or line["ticket"] != sealed.ticket(other):
            yield f"{_where(line)}: ticket or mode of {other} is not its own"
        turn[stratum] += 1
        gone.add(subject)
        mode[other] = line["mode"]


def _waiting(sealed: Sealed) -> dict[str, list[str]]:
    """Who was not drawn, by stratum, in the order of their tickets."""
    queues = {}
    for stratum, members in sealed.members().items():
        queue = sorted((sealed.ticket(row["subject_id"]), row["subject_id"]) for row in members if row["drawn"] != "1")
        queues[stratum] = [subject for _, subject in queue]
    return queues


def _of_joiners(sealed: Sealed, lines: list[dict[str, Any]]) -> Iterator[str]:
    known = {row["subject_id"] for row in sealed.rows}
    for line in lines:
        subject, stratum = line["subject_id"], sealed.strata.get(line["stratum"])
        if subject in known:
            yield f"{_where(line)}: {subject} has a ticket already"
        known.add(subject)
        rule = (line["ratio_ppm"], line["on_site_ppm"])
        if stratum is not None and rule != (stratum["ratio_ppm"], stratum["on_site_ppm"]):
            yield f"{_where(line)}: the ratio or the share on site is not that of stratum {line['stratum']}"
        if line["ticket"] != sealed.ticket(subject) or line["mode"] != mode_of(
            line["ticket"], ratio_ppm=line["ratio_ppm"], on_site_ppm=line["on_site_ppm"]
        ):
            yield f"{_where(line)}: {subject} is not drawn, or not left out, as its ticket says"
