"""``verify_plan``: redraw from the sealed export alone and name whatever differs.

Nothing of the draw's own code is trusted for what matters: tickets are SHA-256 by ``hashlib`` here,
ranks, targets and the published list are worked out again from the files.
"""

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from creditscore.config.base import ppm
from creditscore.config.load import sha256_file
from creditscore.errors import CreditScoreError
from creditscore.tiering.draw import ALGORITHM
from creditscore.tiering.drawn import SAMPLE_COLUMNS
from creditscore.tiering.frame import STRATUM_KEYS, SUBJECT_KEYS, frame_hash
from creditscore.tiering.people.team import check_inspectors
from creditscore.tiering.sealed.publish import PUBLICATION_COLUMNS, line_sum, read_manifest
from creditscore.tiering.sealed.replace import check_replacements
from creditscore.tiering.sealed.seal import strata_from
from creditscore.tiering.sealed.sheets import read_csv
from creditscore.tiering.targets import rounded_up

_SHOWN = 50


@dataclass(frozen=True)
class Verification:
    """The outcome: ``ok`` where nothing was found. ``drawn`` says whether there was a draw to verify."""

    findings: tuple[str, ...]
    subjects: int = 0
    drawn: int = 0
    frame_hash: str = ""
    seed: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the plan is what its frame, its seed and the rules give."""
        return not self.findings

    def summary(self) -> str:
        """One line for people."""
        if self.findings:
            return f"not verified: {len(self.findings)} findings, the first: {self.findings[0]}"
        state = "drawn as the seed says" if self.seed is not None else "not drawn yet; frame and targets are sound"
        return f"verified: {self.subjects:,} subjects, {self.drawn:,} {state}; frame {self.frame_hash[:12]}…"


@dataclass(frozen=True)
class _Row:
    """A line of ``sample.csv``."""

    line: int
    cells: list[str]

    def __getitem__(self, name: str) -> str:
        return self.cells[SAMPLE_COLUMNS.index(name)]

    @property
    def where(self) -> str:
        return f"sample.csv line {self.line}"


@dataclass(frozen=True)
class _Sealed:
    """The export as it was read."""

    folder: Path
    manifest: dict[str, Any]
    rows: list[_Row]
    strata: dict[str, dict[str, Any]]

    @property
    def seed(self) -> str | None:
        seed: str | None = self.manifest["seed"]
        return seed

    @property
    def task(self) -> str:
        return str(self.manifest["about"]["task"]["id"])


def verify_plan(folder: str | Path, *, frame_hash: str | None = None) -> Verification:
    """Check a plan folder from its files alone.

    Args:
        folder: Holds ``manifest.json plan.csv sample.csv`` and, when drawn, ``inspectors.csv
            publication.csv``.
        frame_hash: The hash that was published before the draw, if at hand: the manifest's own is
            only as good as the folder.

    Returns:
        What was found, each with file and line. An unreadable file is a finding, not an error.
    """
    root = Path(folder)
    try:
        sealed = _read(root)
        findings = list(_findings(sealed, frame_hash))
    except (CreditScoreError, KeyError, TypeError, ValueError) as error:
        text = str(error) if isinstance(error, CreditScoreError) else f"{root}: a part of the export is missing ({error})"
        return Verification((text,))
    chosen = sum(row["drawn"] == "1" for row in sealed.rows)
    shown = findings[:_SHOWN]
    if len(findings) > _SHOWN:
        shown.append(f"and {len(findings) - _SHOWN} more")
    return Verification(tuple(shown), len(sealed.rows), chosen, sealed.manifest["frame_hash"], sealed.seed)


def _read(folder: Path) -> _Sealed:
    manifest = read_manifest(folder)
    rows = [_Row(line, cells) for line, cells in read_csv(folder / "sample.csv", SAMPLE_COLUMNS)]
    strata = {
        str(row["stratum"]): {str(key): value for key, value in row.items()} for row in strata_from(folder).to_dict("records")
    }
    return _Sealed(folder, manifest, rows, strata)


def _findings(sealed: _Sealed, published: str | None) -> Iterator[str]:
    lines: dict[int, str] = {}
    for row, text in _of_lines(sealed):
        lines.setdefault(row.line, f"{row.where}: {text}")
    yield from (lines[line] for line in sorted(lines))
    yield from _of_frame(sealed, published)
    yield from _of_targets(sealed)
    if sealed.seed is not None:
        yield from _of_publication(sealed)
        yield from check_replacements(sealed.folder, _waiting(sealed), {row["subject_id"]: row["stratum"] for row in sealed.rows})
        yield from check_inspectors(sealed.folder, sealed.manifest, [_turn(row) for row in sealed.rows if row["drawn"] == "1"])
    elif (sealed.folder / "publication.csv").exists():
        yield "publication.csv: stands beside a plan that is not drawn"
    if not lines:
        yield from _of_files(sealed)


def _turn(row: _Row) -> tuple[str, str, str]:
    return row["ticket"], row["subject_id"], row["region"]


def _of_lines(sealed: _Sealed) -> Iterator[tuple[_Row, str]]:
    """What is wrong with single lines, the most telling first."""
    yield from _of_tickets(sealed)
    yield from _of_strata(sealed)
    yield from _of_ranks(sealed)
    sums = _line_sums(sealed)
    for row in sealed.rows:
        if sums and line_sum(row.cells) not in sums:
            yield row, f"the line of {row['subject_id']} is not one that was written"


def _line_sums(sealed: _Sealed) -> set[str]:
    path = sealed.folder / "sample.sha256"
    return set(path.read_bytes().decode("ascii", "replace").split()) if path.exists() else set()


def _of_tickets(sealed: _Sealed) -> Iterator[tuple[_Row, str]]:
    for row in sealed.rows:
        subject = row["subject_id"]
        if sealed.seed is None or row["exempt_reason"]:
            if row["ticket"] or row["drawn"] not in (("",) if sealed.seed is None else ("0",)):
                yield row, f"{subject} has a ticket or is drawn, and {'left the frame' if sealed.seed else 'nothing is drawn yet'}"
            continue
        if row["ticket"] != _ticket(sealed, row):
            yield row, f"ticket of {subject} is not SHA-256(seed|task|subject)"


def _ticket(sealed: _Sealed, row: _Row) -> str:
    text = unicodedata.normalize("NFC", f"{sealed.seed}|{sealed.task}|{row['subject_id']}")
    return hashlib.sha256(text.encode()).hexdigest()


def _of_strata(sealed: _Sealed) -> Iterator[tuple[_Row, str]]:
    for row in sealed.rows:
        stratum = sealed.strata.get(row["stratum"])
        if stratum is None or row["task"] != sealed.task or stratum["tier"] != row["tier"]:
            yield row, f"{row['subject_id']} stands in a stratum that is not its own ({row['stratum']})"
        elif row["inclusion_probability"] != _probability(stratum, row):
            yield row, f"inclusion probability of {row['subject_id']} is not n/N of its stratum"


def _probability(stratum: dict[str, Any], row: _Row) -> str:
    inside = not row["exempt_reason"] and stratum["population"]
    return repr(stratum["target"] / stratum["population"] if inside else 0.0)


def _of_ranks(sealed: _Sealed) -> Iterator[tuple[_Row, str]]:
    """By tickets computed here, so that a changed ticket does not accuse its neighbours."""
    if sealed.seed is None:
        return
    for stratum, members in _members(sealed).items():
        target = sealed.strata[stratum]["target"] if stratum in sealed.strata else 0
        keys = {row.line: _ticket(sealed, row) for row in members}
        for place, row in enumerate(sorted(members, key=lambda row: keys[row.line])):
            if row["drawn"] != ("1" if place < target else "0"):
                said = "drawn" if row["drawn"] == "1" else "not drawn"
                yield row, f"{row['subject_id']} is said to be {said}, its ticket is number {place + 1} and {target} are drawn"


def _members(sealed: _Sealed) -> dict[str, list[_Row]]:
    members: dict[str, list[_Row]] = defaultdict(list)
    for row in sealed.rows:
        if not row["exempt_reason"]:
            members[row["stratum"]].append(row)
    return members


def _waiting(sealed: _Sealed) -> dict[str, list[str]]:
    """Who was not drawn, by stratum, in the order of their tickets."""
    queues = {}
    for stratum, members in _members(sealed).items():
        queue = sorted((_ticket(sealed, row), row["subject_id"]) for row in members if row["drawn"] != "1")
        queues[stratum] = [subject for _, subject in queue]
    return queues


def _of_frame(sealed: _Sealed, published: str | None) -> Iterator[str]:
    subjects = [[row[name] for name in SUBJECT_KEYS] for row in sealed.rows]
    strata = [[stratum[name] for name in STRATUM_KEYS] for stratum in sealed.strata.values()]
    written = len(_line_sums(sealed))
    if written and written != len(sealed.rows):
        yield f"sample.csv: has {len(sealed.rows):,} subjects, {written:,} were written"
    found = frame_hash(sealed.manifest["about"], strata, subjects)
    if found != sealed.manifest["frame_hash"]:
        yield "manifest.json: frame_hash is not that of task, targets and subjects in plan.csv and sample.csv"
    if published is not None and found != published:
        yield "frame_hash: the frame is not the published one"
    if sealed.manifest["algorithm"] != ALGORITHM:
        yield f"manifest.json: algorithm: expected {ALGORITHM!r}"


def _of_targets(sealed: _Sealed) -> Iterator[str]:
    members = _members(sealed)
    for name, stratum in sealed.strata.items():
        size, target = len(members.get(name, [])), stratum["target"]
        if size != stratum["population"]:
            yield f"plan.csv: {name}: population is {stratum['population']}, sample.csv has {size}"
        needed = rounded_up(stratum["ratio_ppm"], stratum["population"])
        if not needed <= target <= stratum["population"]:
            yield f"plan.csv: {name}: target {target} is not between {needed} (its ratio, rounded up) and the population"
    floor = sealed.manifest["about"]["task"]["min_ratio"]
    total, size = (sum(stratum[key] for stratum in sealed.strata.values()) for key in ("target", "population"))
    if floor is not None and total < rounded_up(ppm(floor), size):
        yield f"plan.csv: {total:,} of {size:,} are less than {floor * 100:g} %: {rounded_up(ppm(floor), size):,} are needed"


def _of_publication(sealed: _Sealed) -> Iterator[str]:
    drawn = {row["subject_id"]: row["name"] for row in sealed.rows if row["drawn"] == "1"}
    seen = set()
    for line, (task, subject, name, *_) in read_csv(sealed.folder / "publication.csv", PUBLICATION_COLUMNS):
        if subject in seen or drawn.get(subject) != name or task != sealed.task:
            yield f"publication.csv line {line}: {subject} is not drawn, stands twice or has another name than in sample.csv"
        seen.add(subject)
    for subject in sorted(set(drawn) - seen):
        yield f"publication.csv: {subject} is drawn and does not stand in it"


def _of_files(sealed: _Sealed) -> Iterator[str]:
    for name, said in sorted(sealed.manifest["files"].items()):
        path = sealed.folder / name
        if name == "publication.csv":
            continue  # results are entered in it after the draw; its subjects are checked above
        if not path.is_file() or sha256_file(path) != said:
            yield f"{name}: its SHA-256 is not that of the manifest"
