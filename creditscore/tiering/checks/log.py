"""What was logged after the draw: each replacement the next ticket, each late subject by its own."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from creditscore.config.load import sha256_file
from creditscore.errors import DrawError
from creditscore.tiering import chain
from creditscore.tiering.checks.sealed import Sealed
from creditscore.tiering.people.inspectors import INSPECTOR_COLUMNS, Pool
from creditscore.tiering.people.stand_in import Staffed, stand_in
from creditscore.tiering.sealed.join import mode_of
from creditscore.tiering.sealed.log import LOG, entries
from creditscore.tiering.sealed.seal import task_of
from creditscore.tiering.sealed.sheets import read_csv


def check_log(sealed: Sealed) -> Iterator[str]:
    """Findings about ``log.jsonl``; after a replacement out of turn the rest of its kind is not judged."""
    lines = entries(sealed.folder)
    yield from _of_draw(sealed, lines)
    yield from _of_replacements(sealed, [line for line in lines if line["what"] == "replaced"])
    yield from _of_joiners(sealed, [line for line in lines if line["what"] == "joined"])
    yield from _of_teams(sealed, lines)


def check_head(sealed: Sealed, kept: str | None) -> Iterator[str]:
    """That the line whose hash somebody kept still stands in the log."""
    if kept not in (None, chain.START) and kept not in {line["hash"] for line in entries(sealed.folder)}:
        yield f"{LOG}: the line whose hash was kept is not there: lines were cut off or written anew"


def _where(line: Mapping[str, Any]) -> str:
    return f"{LOG} line {line['number']}"


def _of_draw(sealed: Sealed, lines: list[dict[str, Any]]) -> Iterator[str]:
    told, drawn = sealed.manifest, [line for line in lines if line["what"] == "drawn"]
    for line in drawn:
        if (line["seed"], line["frame_hash"], line["on"]) != (sealed.seed, told["frame_hash"], told["drawn_on"]) or len(drawn) > 1:
            yield f"{_where(line)}: says another seed, frame or day than the manifest, or another draw than the first"
        elif line.get("manifest") != sha256_file(sealed.folder / "manifest.json"):
            yield f"{_where(line)}: manifest.json is not the one that was sealed when the draw was logged"


def _of_teams(sealed: Sealed, lines: list[dict[str, Any]]) -> Iterator[str]:
    """Who was sent to a late subject or to one that replaced another: by the seed, after everything logged before."""
    staffed, regions = _staffed(sealed), {row["subject_id"]: row["region"] for row in sealed.rows}
    for at, line in enumerate(lines):
        if line["what"] == "replaced":
            came, region = line["replaced_by"], regions.get(line["replaced_by"], "")
            told: dict[str, Any] = {"for_whom": line["subject_id"]}
        elif line["what"] == "joined" and line["mode"]:
            came, region, told = line["subject_id"], line["region"], {"recused": line["recused"]}
        else:
            continue
        try:
            if line.get("team") != stand_in(staffed, lines[:at], came, region, **told):
                yield f"{_where(line)}: the inspectors of {came} are not those that the seed gives"
        except DrawError as error:
            yield f"{_where(line)}: {error}"


def _staffed(sealed: Sealed) -> Staffed:
    given, rows = sealed.manifest["inspectors"], read_csv(sealed.folder / "inspectors.csv", INSPECTOR_COLUMNS)
    people = pd.DataFrame([cells for _, cells in rows], columns=list(INSPECTOR_COLUMNS), dtype="str")
    people["place"] = pd.to_numeric(people["place"])
    pool = Pool.from_dict(given) if given else None
    return Staffed(pool, people, sealed.seed or "", task_of(sealed.folder, sealed.manifest))


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
        elif (line["mode"], line["ticket"], line["stratum"]) != (mode[subject], sealed.ticket(other), stratum):
            yield f"{_where(line)}: ticket, mode or stratum of {other} is not its own"
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
        if line["stratum"] != sealed.stratum_of(line["tier"], line["industry"], line["region"]):
            yield f"{_where(line)}: {subject} stands in a stratum that is not its own ({line['stratum']})"
        rule = (line["ratio_ppm"], line["on_site_ppm"])
        if stratum is not None and rule != (stratum["ratio_ppm"], stratum["on_site_ppm"]):
            yield f"{_where(line)}: the ratio or the share on site is not that of stratum {line['stratum']}"
        if line["ticket"] != sealed.ticket(subject) or line["mode"] != mode_of(
            line["ticket"], ratio_ppm=line["ratio_ppm"], on_site_ppm=line["on_site_ppm"]
        ):
            yield f"{_where(line)}: {subject} is not drawn, or not left out, as its ticket says"
