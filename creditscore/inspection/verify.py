"""``verify_plan``: the check of a plan folder, by :mod:`creditscore.inspection.verify_draw` alone.

That file is the whole check. Nothing is checked here: its findings become sentences, and long lists are cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from creditscore.inspection import verify_draw

_SHOWN = 50


@dataclass(frozen=True)
class Verification:
    """The outcome: ``ok`` if there are no findings.

    Attributes:
        findings: One sentence each, with file and line; at most 50, then one that says how many more there are.
        subjects: Number of subjects of the frame.
        drawn: Number of drawn subjects.
        frame_hash: The SHA-256 of the frame, worked out from the files.
        seed: None before the draw.
        log_head: The hash of the last line of ``log.jsonl`` (64 zeros without one). Kept elsewhere, it shows later
            whether lines were cut off or rewritten.
        not_covered: The codes of what the check cannot see, with a sentence each.
    """

    findings: tuple[str, ...]
    subjects: int = 0
    drawn: int = 0
    frame_hash: str = ""
    seed: str | None = None
    log_head: str = verify_draw.START
    not_covered: tuple[tuple[str, str], ...] = ()

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


def verify_plan(
    folder: str | Path,
    *,
    frame_hash: str | None = None,
    log_head: str | None = None,
    publication: str | Path | None = None,
) -> Verification:
    """Check a plan folder from its files alone.

    Args:
        folder: Holds ``manifest.json plan.csv sample.csv`` and, when drawn, ``inspectors.csv
            publication.csv``.
        frame_hash: The hash that was published before the draw, if at hand: the manifest's own is
            only as good as the folder.
        log_head: The log head that an earlier verification gave, if one was kept: its line must still be there.
        publication: The list as it was published, if at hand; it is checked beside the one in the folder.

    Returns:
        The findings, each with file and line. An unreadable file is a finding, not an error.
    """
    result = verify_draw.verify(folder, frame_hash=frame_hash, log_head=log_head, publication=publication)
    shown = [finding.text for finding in result.findings[:_SHOWN]]
    if len(result.findings) > _SHOWN:
        shown.append(f"and {len(result.findings) - _SHOWN} more")
    scope = tuple((statement.code, statement.text) for statement in result.not_covered)
    return Verification(
        tuple(shown), result.subjects, result.drawn, result.frame_hash, result.seed, result.log_head, not_covered=scope
    )
