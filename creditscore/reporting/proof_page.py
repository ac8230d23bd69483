"""A firm's own proof in words: each hash with the text it is made of, so that everybody can follow it with any tool."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from creditscore.inspection.frame_hash import FRAME_FORMAT
from creditscore.inspection.merkle import node_of, sha256
from creditscore.language import Message, Words, _, pgettext
from creditscore.storage import compact_json

_VERDICTS = {True: pgettext("proof", "drawn"), False: pgettext("proof", "not drawn"), None: pgettext("proof", "not drawn yet")}


@dataclass(frozen=True)
class _Step:
    """One step: what it is, and the texts and hashes that belong to it."""

    title: Message
    lines: tuple[str, ...]


def proof_text(proof: Mapping[str, Any], words: Words) -> str:
    """The page as plain text."""
    blocks = [words.text(_title(proof)), words.text(_how())]
    blocks += ["\n".join([words.text(step.title), *(f"    {line}" for line in step.lines)]) for step in _steps(proof)]
    return "\n\n".join([*blocks, *map(words.text, _limits(proof))]) + "\n"


def proof_html(proof: Mapping[str, Any], words: Words) -> str:
    """The page as HTML, in one file without anything from elsewhere."""
    title = html.escape(words.text(_title(proof)))
    body = [f"<h1>{title}</h1>", f"<p>{html.escape(words.text(_how()))}</p>"]
    for step in _steps(proof):
        lines = "\n".join(html.escape(line) for line in step.lines)
        body.append(f"<h2>{html.escape(words.text(step.title))}</h2>\n<pre>{lines}</pre>")
    body += [f"<p>{html.escape(words.text(limit))}</p>" for limit in _limits(proof)]
    style = "body{font-family:sans-serif;max-width:60em;margin:2em auto}pre{white-space:pre-wrap;word-break:break-all}"
    head = f'<meta charset="utf-8"><title>{title}</title><style>{style}</style>'
    return f'<!DOCTYPE html>\n<html lang="{words.language}"><head>{head}</head>\n<body>\n' + "\n".join(body) + "\n</body></html>\n"


def _title(proof: Mapping[str, Any]) -> Message:
    return _("Own proof of {subject_id} in task {task}: {verdict}", subject_id=proof["subject_id"], task=proof["task"],
             verdict=_VERDICTS[proof.get("draw", {}).get("drawn")])  # fmt: skip


def _how() -> Message:
    return _(
        'Each line "= …" is the SHA-256 of the text above it, in UTF-8 without a line end. Follow it with any tool, such as: '
        "printf '%s' 'TEXT' | sha256sum. The same does: python verify_draw.py --proof FILE --frame-hash HASH --draw-root HASH "
        "--outcome TEXT."
    )


def _limits(proof: Mapping[str, Any]) -> list[Message]:
    """What the proof cannot show: what only auditors see, and what somebody must look up."""
    limits = [
        _(
            "What this cannot show: that every stratum is complete and every other subject is in its right one. Only auditors, "
            "who have the key, can check that."
        )
    ]
    declared, seed = proof["frame"]["about"]["task"].get("seed"), proof.get("draw", {}).get("seed")
    if declared and seed:
        limits.append(
            _(
                'Nor that the seed is true: compare "{seed}" with what {source} published, and look up whether that issue was '
                "published on that day and not before.",
                seed=seed,
                source="{source}: {name} {issue}, {day}".format_map(declared),
            )
        )
    return limits


def _steps(proof: Mapping[str, Any]) -> list[_Step]:
    frame, draw = proof["frame"], proof.get("draw", {})
    lines = [FRAME_FORMAT, compact_json(frame["about"]), compact_json(frame["commitments"])]
    whole = _Step(
        _("Frame hash: SHA-256 of these three lines, each with a line feed; compare it with the hash that was published"),
        (*lines, f"= {frame['hash']}"),
    )
    if "late" in proof:
        late = proof["late"]
        root = _(
            "Your row, told after the frame; its path leads to the root in line {number} of the register",
            number=late["register"]["number"],
        )
        return [whole, _Step(root, _climbed(late)), _ticket(proof, late["nonce"], late["ticket"])]
    steps = [
        whole,
        _Step(_("Your row; its path leads to subjects in the commitments"), _climbed(proof["subject"])),
        _Step(
            _("Your stratum, with its size and how many are drawn; its path leads to strata in the commitments"),
            _climbed(proof["stratum"]),
        ),
    ]
    if draw:
        steps.append(_ticket(proof, proof["subject"]["nonce"], draw["ticket"]))
        last = _(
            "Your stratum after the draw, with the last ticket that was drawn: yours is drawn if it is not above; the path leads "
            "to the root told with the draw"
        )
        steps.append(_Step(last, _climbed(draw["stratum"])))
    return steps


def _ticket(proof: Mapping[str, Any], nonce: str, ticket: str) -> _Step:
    text = "|".join((proof["draw"]["seed"], proof["task"], proof["subject_id"], nonce))
    return _Step(_("Your ticket: seed, task, id and nonce"), (text, f"= {ticket}"))


def _climbed(leaf: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns, the salted row, and each node on the way to the root."""
    node, lines = sha256(f"{leaf['nonce']}|{leaf['row']}"), ["|".join(leaf["columns"])]
    lines += [f"{leaf['nonce']}|{leaf['row']}", f"= {node}"]
    for siblings in leaf["path"]:
        below = sorted([*siblings, node])
        node = node_of(below)
        lines += ["node|" + "|".join(below), f"= {node}"]
    return tuple(lines)
