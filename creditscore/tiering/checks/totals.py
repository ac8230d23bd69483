"""The frame's hash, the targets, the counts and the files, worked out again."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd

from creditscore._version import __version__
from creditscore.config.base import ppm
from creditscore.config.load import sha256_file
from creditscore.errors import DrawError
from creditscore.tiering.checks.lines import line_sums
from creditscore.tiering.checks.sealed import Sealed
from creditscore.tiering.draw import ALGORITHM
from creditscore.tiering.frame import STRATUM_KEYS, SUBJECT_KEYS, frame_hash
from creditscore.tiering.sealed.publish import PLAN_COLUMNS
from creditscore.tiering.sealed.seal import task_of
from creditscore.tiering.sealed.sheets import read_csv
from creditscore.tiering.targets import notes_on, overshoot, raised, rounded_up


def check_frame(sealed: Sealed, published: str | None) -> Iterator[str]:
    """The hash of task, targets and subjects against the manifest and, if given, against the published one."""
    subjects = [[row[name] for name in SUBJECT_KEYS] for row in sealed.rows]
    strata = [[stratum[name] for name in STRATUM_KEYS] for stratum in sealed.strata.values()]
    written = len(line_sums(sealed))
    if written and written != len(sealed.rows):
        yield f"sample.csv: has {len(sealed.rows):,} subjects, {written:,} were written"
    found = frame_hash(sealed.manifest["about"], strata, subjects)
    if found != sealed.manifest["frame_hash"]:
        yield "manifest.json: frame_hash is not that of task, targets and subjects in plan.csv and sample.csv"
    if published is not None and found != published:
        yield "frame_hash: the frame is not the published one"
    if sealed.manifest["algorithm"] != ALGORITHM:
        yield f"manifest.json: algorithm: expected {ALGORITHM!r}"


def check_strata(sealed: Sealed) -> Iterator[str]:
    """Lines of ``plan.csv``: each stratum once and under its own name, n/N as printed, and how many left it."""
    left, seen = Counter(row["stratum"] for row in sealed.rows if row["exempt_reason"]), set[str]()
    for line, cells in read_csv(sealed.folder / "plan.csv", PLAN_COLUMNS):
        row = dict(zip(PLAN_COLUMNS, cells, strict=True))
        name, stratum = row["stratum"], sealed.strata[row["stratum"]]
        chance = stratum["target"] / stratum["population"] if stratum["population"] else 0.0
        if name in seen or row["task"] != sealed.task or name != sealed.stratum_of(row["tier"], row["industry"], row["region"]):
            yield f"plan.csv line {line}: {name} stands twice, or is not the stratum of its task, tier, industry and region"
        elif row["inclusion_probability"] != repr(chance):
            yield f"plan.csv line {line}: the inclusion probability of {name} is not n/N"
        elif stratum["exempt"] != left[name]:
            yield f"plan.csv line {line}: {stratum['exempt']} left {name}, sample.csv has {left[name]}"
        seen.add(name)


def check_targets(sealed: Sealed) -> Iterator[str]:
    """Populations, targets and on-site parts of ``plan.csv``, and the floor and the number that the task names."""
    members = sealed.members()
    for name, stratum in sealed.strata.items():
        size, target = len(members.get(name, [])), stratum["target"]
        if size != stratum["population"]:
            yield f"plan.csv: {name}: population is {stratum['population']}, sample.csv has {size}"
        needed = rounded_up(stratum["ratio_ppm"], stratum["population"])
        if not needed <= target <= stratum["population"]:
            yield f"plan.csv: {name}: target {target} is not between {needed} (its ratio, rounded up) and the population"
        if stratum["on_site"] != rounded_up(stratum["on_site_ppm"], target):
            yield f"plan.csv: {name}: on_site {stratum['on_site']} is not its share of {target}, rounded up"
    floor = sealed.manifest["about"]["task"]["min_ratio"]
    total, size = (sum(stratum[key] for stratum in sealed.strata.values()) for key in ("target", "population"))
    if floor is not None and total < rounded_up(ppm(floor), size):
        yield f"plan.csv: {total:,} of {size:,} are less than {floor * 100:g} %: {rounded_up(ppm(floor), size):,} are needed"
    named = sealed.manifest["about"]["task"]["target"]
    if named is not None and total < named:
        yield f"plan.csv: {total:,} are less than the {named:,} that the task names"


def check_counts(sealed: Sealed) -> Iterator[str]:
    """The counts that the manifest tells, from ``plan.csv`` and ``sample.csv``."""
    reasons = Counter(row["exempt_reason"] for row in sealed.rows if row["exempt_reason"])
    sums = {key: sum(stratum[key] for stratum in sealed.strata.values()) for key in ("population", "target", "on_site")}
    found = {"subjects": len(sealed.rows), "exempt": dict(reasons), "strata": len(sealed.strata), **sums}
    if sealed.seed is not None:
        found["drawn"] = sum(row["drawn"] == "1" for row in sealed.rows)
    told = sealed.manifest["counts"]
    for name in sorted(found.keys() | told.keys()):
        if found.get(name) != told.get(name):
            yield f"manifest.json: counts: {name} is {told.get(name)}, the files hold {found.get(name)}"
    yield from _of_rounding(sealed)


def _of_rounding(sealed: Sealed) -> Iterator[str]:
    """Overshoot and raised visits; the notes too, whose words are those of one version."""
    strata, told, about = pd.DataFrame([*sealed.strata.values()]), sealed.manifest, sealed.manifest["about"]
    expected: dict[str, Any] = {"overshoot": overshoot(strata), "raised": raised(strata)}
    if told["version"] == __version__:
        effective, as_of = (dt.date.fromisoformat(day) for day in (about["policy"]["effective"], about["as_of"]))
        try:
            expected["notes"] = list(notes_on(strata, task_of(sealed.folder, told), effective=effective, as_of=as_of))
        except DrawError:  # below the task's floor, which the targets say
            return
    for name, value in expected.items():
        if told[name] != value:
            yield f"manifest.json: {name} is not what plan.csv gives"


def check_files(sealed: Sealed) -> Iterator[str]:
    """The SHA-256 of each file; results are entered in the publication after the draw, so its rows are checked instead."""
    for name, said in sorted(sealed.manifest["files"].items()):
        path = sealed.folder / name
        if name != "publication.csv" and (not path.is_file() or sha256_file(path) != said):
            yield f"{name}: its SHA-256 is not that of the manifest"
