"""Which objections a run, a training or the trial of a policy knows: those of its own folder's register, or of another one.

Everything that counts records asks here, so that what was struck out by an upheld objection counts nowhere.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from creditscore.dates import day_number
from creditscore.errors import DataError
from creditscore.inspection.objections import Objection, disputed_ranges, objection_lines, objections_of
from creditscore.inspection.register import REGISTER, Line, Register
from creditscore.language import Message, _
from creditscore.pipeline.run_folder import RunFolder
from creditscore.records.adverse.contested import RATING_RANGES, RECORD_RANGES, VISIT_RANGES, Disputes, parse_rating_id
from creditscore.records.standard.keys import NEVER
from creditscore.vocabulary import Contested


@dataclass(frozen=True)
class KnownObjections:
    """The objections, and their answers, that a register had by a day.

    Attributes:
        lines: The lines of the register, in the order in which they were written.
        until: The last day of these lines.
        folder: The folder of runs with that register.
    """

    lines: tuple[Line, ...]
    until: dt.date
    folder: Path

    @cached_property
    def objections(self) -> tuple[Objection, ...]:
        """The objections, in the order in which they came in."""
        return objections_of(self.lines)

    @property
    def disputes(self) -> Disputes:
        """What they do to records, visits and grades."""
        return disputes_of(self.objections)

    def said(self) -> Message:
        """How many are known, and from where; without any, what to do if they are kept elsewhere."""
        if not self.lines:
            return _(
                "objections known up to {until}: none in {folder}; if they are kept in another folder of runs, name it with "
                "--objections",
                until=self.until,
                folder=self.folder,
            )
        return _(
            "objections known up to {until}: {count:,}, of them {upheld:,} upheld and {open:,} open; from {folder}",
            until=self.until,
            count=len(self.objections),
            upheld=sum(one.outcome == "upheld" for one in self.objections),
            open=sum(one.is_open for one in self.objections),
            folder=self.folder,
        )


def objections_known(out: Path, until: dt.date, *, elsewhere: Path | None = None) -> KnownObjections:
    """The objections that are known in a folder of runs on a day.

    Args:
        out: The folder of runs.
        until: The day.
        elsewhere: Another folder of runs, whose register has them: a trial may have a folder of its own.

    Raises:
        DataError: ``elsewhere`` has no register, or both folders have objections; a register is damaged.
    """
    own = KnownObjections(objection_lines(Register.of(out), until), until, out)
    if elsewhere is None or elsewhere.resolve() == out.resolve():
        return own
    if not (elsewhere / REGISTER).is_file():
        raise DataError(
            "--objections: expected a folder of runs in which objections were taken in (got none in {folder})", folder=elsewhere
        )
    if own.lines:
        raise DataError(
            "--objections: {out} has objections of its own, and those of two folders cannot be told apart; leave the option out, "
            "or use another --out",
            out=out,
        )
    return KnownObjections(objection_lines(Register.of(elsewhere), until), until, elsewhere)


def objections_of_run(run: RunFolder, *, elsewhere: Path | None = None) -> KnownObjections:
    """The objections that are known of the day of a finished run: at least those that the run counted.

    Args:
        run: The run.
        elsewhere: As in :func:`objections_known`.

    Raises:
        DataError: The register lacks some that the run counted; see :func:`objections_known`.
    """
    known, deciding = objections_known(run.out, run.as_of, elsewhere=elsewhere), (run.manifest() or {}).get("deciding", {})
    counted = deciding.get("objections_counted", 0)
    if counted and [line["hash"] for line in known.lines[counted - 1 : counted]] != [deciding["objections"]]:
        raise DataError(
            "{run}: it counted objections that the register of {folder} does not have; name with --objections the folder of runs "
            "in which they were taken in",
            run=run.path,
            folder=known.folder,
        )
    return known


def counted_by(run: RunFolder, known: KnownObjections) -> tuple[Line, ...]:
    """Of the lines that :func:`objections_of_run` gives those that the run counted."""
    return known.lines[: (run.manifest() or {}).get("deciding", {}).get("objections_counted", 0)]


def disputes_of(objections: Sequence[Objection]) -> Disputes:
    """The disputes that objections open and their ends."""
    records = [{"event_id": one.about, **hidden} for one, hidden in _ranges(objections, "record")]
    visits = [{"inspection_id": one.about, **hidden} for one, hidden in _ranges(objections, "visit")]
    grades = [(one, parse_rating_id(one.about), hidden) for one, hidden in _ranges(objections, "rating")]
    ratings = [
        {"subject_id": one.subject_id, "scheme": scheme, "event_day": day_number(day), **hidden}
        for one, (scheme, day), hidden in grades
    ]
    return Disputes(
        pa.Table.from_pylist(records, schema=RECORD_RANGES),
        pa.Table.from_pylist(visits, schema=VISIT_RANGES),
        pa.Table.from_pylist(ratings, schema=RATING_RANGES),
    )


def _ranges(objections: Sequence[Objection], against: Contested) -> Iterator[tuple[Objection, dict[str, Any]]]:
    for one, since, until, why in disputed_ranges(objections, against):
        end = NEVER if until is None else day_number(until)
        yield one, {"hidden_from": day_number(since), "hidden_until": end, "why": why}
