"""``verify_plan``: redraw from the sealed export alone and name whatever differs.

Nothing of the draw's own code is trusted for what matters: tickets are SHA-256 by ``hashlib`` here,
ranks, targets and the published list are worked out again from the files.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from creditscore.errors import CreditScoreError
from creditscore.tiering import chain
from creditscore.tiering.checks.inspectors import check_inspectors
from creditscore.tiering.checks.lines import check_lines
from creditscore.tiering.checks.log import check_head, check_log
from creditscore.tiering.checks.published import check_publication
from creditscore.tiering.checks.sealed import Row, Sealed, read_sealed
from creditscore.tiering.checks.totals import check_counts, check_files, check_frame, check_strata, check_targets
from creditscore.tiering.sealed.log import LOG

_SHOWN = 50


@dataclass(frozen=True)
class Verification:
    """The outcome: ``ok`` where nothing was found.

    ``drawn`` is the number of drawn subjects, ``seed`` is None before the draw. ``log_head`` is the hash of the
    last line of ``log.jsonl`` (64 zeros without one): kept elsewhere, it shows later what was cut off or rewritten.
    """

    findings: tuple[str, ...]
    subjects: int = 0
    drawn: int = 0
    frame_hash: str = ""
    seed: str | None = None
    log_head: str = chain.START

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


def verify_plan(folder: str | Path, *, frame_hash: str | None = None, log_head: str | None = None) -> Verification:
    """Check a plan folder from its files alone.

    Args:
        folder: Holds ``manifest.json plan.csv sample.csv`` and, when drawn, ``inspectors.csv
            publication.csv``.
        frame_hash: The hash that was published before the draw, if at hand: the manifest's own is
            only as good as the folder.
        log_head: A head of the log that an earlier verification told, if one was kept: its line must still be there.

    Returns:
        What was found, each with file and line. An unreadable file is a finding, not an error.
    """
    root = Path(folder)
    try:
        sealed = read_sealed(root)
        findings = [*_findings(sealed, frame_hash), *check_head(sealed, log_head)]
        head = chain.head(root / LOG)
    except (CreditScoreError, AttributeError, KeyError, TypeError, ValueError) as error:
        text = str(error) if isinstance(error, CreditScoreError) else f"{root}: a part of the export is missing ({error})"
        return Verification((text,))
    chosen = sum(row["drawn"] == "1" for row in sealed.rows)
    shown = findings[:_SHOWN]
    if len(findings) > _SHOWN:
        shown.append(f"and {len(findings) - _SHOWN} more")
    return Verification(tuple(shown), len(sealed.rows), chosen, sealed.manifest["frame_hash"], sealed.seed, head)


def _findings(sealed: Sealed, published: str | None) -> Iterator[str]:
    lines: dict[int, str] = {}
    for row, text in check_lines(sealed):
        lines.setdefault(row.line, f"{row.where}: {text}")
    yield from (lines[line] for line in sorted(lines))
    yield from check_frame(sealed, published)
    yield from check_strata(sealed)
    yield from check_targets(sealed)
    if sealed.seed is not None:
        yield from check_publication(sealed)
        yield from check_log(sealed)
        yield from check_inspectors(sealed.folder, sealed.manifest, [_turn(row) for row in sealed.rows if row["drawn"] == "1"])
    elif (sealed.folder / "publication.csv").exists():
        yield "publication.csv: stands beside a plan that is not drawn"
    if not lines:
        yield from check_counts(sealed)
        yield from check_files(sealed)


def _turn(row: Row) -> tuple[str, str, str]:
    return row["ticket"], row["subject_id"], row["region"]
