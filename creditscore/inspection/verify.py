"""``verify_plan``: the check of a plan folder, by :mod:`creditscore.inspection.verify_draw` alone.

That file is the whole check. Nothing is checked here: its findings become sentences, and long lists are cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from creditscore.inspection import verify_draw
from creditscore.language import Message, _

_SHOWN = 50


@dataclass(frozen=True)
class Verification:
    """The outcome: ``ok`` if there are no findings.

    Attributes:
        messages: One per finding, with file and line; at most 50, then one with the number of further findings.
        subjects: The number of subjects of the frame.
        drawn: The number of drawn subjects.
        frame_hash: The SHA-256 of the frame, computed from the files.
        seed: None before the draw.
        log_head: The hash of the last line of ``log.jsonl`` (64 zeros without one). Kept elsewhere, it shows later
            whether lines were cut off or rewritten.
        register_head: The same of the register; empty where none was read.
        limits: What the check cannot show, one sentence each.
        codes: The codes of those sentences, in the same order.
        held: What holds, a sentence for each part of the check in which nothing is wrong.
        asked: What to ask about: it breaks no rule, and ``ok`` does not depend on it.
        asked_codes: The codes of those sentences, in the same order.
    """

    messages: tuple[Message, ...]
    subjects: int = 0
    drawn: int = 0
    frame_hash: str = ""
    seed: str | None = None
    log_head: str = verify_draw.START
    register_head: str = ""
    limits: tuple[Message, ...] = ()
    codes: tuple[str, ...] = ()
    held: tuple[Message, ...] = ()
    asked: tuple[Message, ...] = ()
    asked_codes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the plan is what its frame, its seed and the rules give."""
        return not self.messages

    @property
    def without_key(self) -> bool:
        """Whether it is drawn and no ticket was computed, for want of the frame's key."""
        return self.seed is not None and "scope.key" in self.codes

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings in English."""
        return tuple(map(str, self.messages))

    @property
    def not_covered(self) -> tuple[tuple[str, str], ...]:
        """What the check cannot show: pairs of a code and its English sentence."""
        return tuple(zip(self.codes, map(str, self.limits), strict=True))

    @property
    def to_ask_about(self) -> tuple[tuple[str, str], ...]:
        """What to ask about: pairs of a code and its English sentence."""
        return tuple(zip(self.asked_codes, map(str, self.asked), strict=True))

    @property
    def page(self) -> list[tuple[Message, list[Message]]]:
        """What follows the findings, under its headings.

        What holds, what to ask about, what nobody can know from the files, and what was not checked for want of something.
        """
        headings = [Message(heading) for heading in (*verify_draw.HEADINGS, *verify_draw.LIMITS)]
        wanting = [verify_draw.is_wanting(code) for code in self.codes]
        limits = [[limit for limit, flag in zip(self.limits, wanting, strict=True) if flag == kind] for kind in (False, True)]
        parts = [list(self.held), list(self.asked), *limits]
        return [(heading, told) for heading, told in zip(headings, parts, strict=True) if told]

    def summary(self) -> str:
        """One line for people."""
        if self.findings:
            return f"not verified: {len(self.findings)} findings, the first: {self.findings[0]}"
        state = "drawn as the seed requires" if self.seed is not None else "not drawn yet; frame and targets are sound"
        state = "drawn, no ticket computed for want of the key" if self.without_key else state
        to_ask = f", with {len(self.asked)} to ask about" if self.asked else ""
        return f"verified{to_ask}: {self.subjects:,} subjects, {self.drawn:,} {state}; frame {self.frame_hash[:12]}…"


def verify_plan(
    folder: str | Path,
    *,
    frame_hash: str | None = None,
    log_head: str | None = None,
    publication: str | Path | None = None,
    register: str | Path | None = None,
    register_head: str | None = None,
    key: str | Path | None = None,
    outcome: str | None = None,
) -> Verification:
    """Check a plan folder from its files, and from the register of what may happen once.

    Args:
        folder: Holds ``manifest.json plan.csv sample.csv`` and, when drawn, ``inspectors.csv
            publication.csv``.
        frame_hash: The hash that was published before the draw, if at hand: the manifest's own is
            only as good as the folder.
        log_head: The log head that an earlier verification gave, if one was kept: its line must still be there.
        publication: The list as it was published, if at hand; it is checked beside the one in the folder.
        register: ``register.jsonl`` of the authority; by default the one two folders above, if it is there.
        register_head: The register head that an earlier verification gave, or that was published: its line must still be
            there. Without it a register that was cut off or put back from a backup together with the folder is not found.
        key: The file of the frame's key; by default ``OUT/keys/<task>`` if it is there. Without it no ticket is recomputed.
        outcome: What the declared source of the seed published: a made-up seed of the right form is found by it alone.

    Returns:
        The findings, each with file and line. An unreadable file is a finding, not an error.
    """
    result = verify_draw.verify(
        folder, frame_hash=frame_hash, log_head=log_head, publication=publication, register=register, register_head=register_head,
        key=key, outcome=outcome,
    )  # fmt: skip
    messages = [Message(finding.template, finding.shown) for finding in result.findings[:_SHOWN]]
    if len(result.findings) > _SHOWN:
        messages.append(_("and {count} more", count=len(result.findings) - _SHOWN))
    return Verification(
        tuple(messages), result.subjects, result.drawn, result.frame_hash, result.seed, result.log_head, result.register_head,
        limits=tuple(Message(limit.template, limit.shown) for limit in result.not_covered),
        codes=tuple(limit.code for limit in result.not_covered),
        held=tuple(Message(part.template, part.shown) for part in result.held),
        asked=tuple(Message(one.template, one.shown) for one in result.asked),
        asked_codes=tuple(one.code for one in result.asked),
    )  # fmt: skip
