"""Builds sheet columns from the dictionary of terms, and rows from frames."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from creditscore.language import Message, Text, Words
from creditscore.records.findings import code_text
from creditscore.reporting.run_book import RunBook
from creditscore.reporting.terms import TERMS
from creditscore.reporting.words import BETWEEN_PARTS, RULES, UNKNOWN
from creditscore.spreadsheet import Column, Kind
from creditscore.vocabulary import Reason


def column(
    key: str,
    kind: Kind = "text",
    *,
    width: int | None = None,
    choices: tuple[Text, ...] = (),
    editable: bool = False,
    wrap: bool = False,
    format: str | None = None,
) -> Column:
    """A column whose label stands in :data:`creditscore.reporting.terms.TERMS`."""
    label = TERMS[key].label
    return Column(key, label, kind, width=width, choices=choices, editable=editable, wrap=wrap, format=format)


def rows_of(frame: pd.DataFrame, columns: Sequence[Column]) -> Iterator[tuple[object, ...]]:
    """The rows of a frame in the order of ``columns``; a column the frame lacks is blank."""
    if frame.empty:
        return iter(())
    parts: list[Sequence[object]] = []
    for one in columns:
        parts.append(frame[one.key].tolist() if one.key in frame else [None] * len(frame))
    return zip(*parts, strict=True)


def label_or_code(table: Mapping[str, Text], codes: pd.Series, words: Words) -> pd.Series:
    """Words for codes; a code without a word stands for itself."""
    named = {code: words.text(label) for code, label in table.items()}
    return codes.map(named).fillna(codes.astype("object")).astype("object")


def with_labels(book: RunBook, frame: pd.DataFrame, words: Words) -> pd.DataFrame:
    """Names of industries, regions, characteristics and grounds beside their codes; what is unknown says so."""
    out = frame.copy()
    for name, labels in (("industry", book.industries), ("region", book.regions)):
        if name in out:
            out[f"{name}_label"] = label_or_code({**labels, "": UNKNOWN}, out[name].fillna(""), words)
    names = characteristic_labels(book)
    for place in range(1, 5):
        if f"reason_{place}" in out:
            out[f"reason_{place}"] = label_or_code(names, out[f"reason_{place}"], words)
    if "rule" in out:
        out["rule"] = out["rule"].map(lambda rule: words.text(rule_text(book, rule)))
    if "evidence" in out:
        out["evidence"] = [evidence_text(book, evidence, words, names) for evidence in out["evidence"]]
    return out


def characteristic_labels(book: RunBook) -> dict[str, Text]:
    """The label of every characteristic of the run's cards, by its name."""
    return {one.name: one.label for card in book.cards.values() for one in card.characteristics}


def evidence_text(book: RunBook, evidence: object, words: Words, names: dict[str, Text]) -> str | None:
    """The grounds of a tier in words: the characteristics behind a score, the list and its records behind an override."""
    if not isinstance(evidence, str):
        return None
    reason = Reason.parse(evidence)
    if reason.kind == "score":
        return words.text(BETWEEN_PARTS).join(words.text(names.get(name, name)) for name in reason.items if name)
    if reason.kind == "override":
        return f"{words.text(_ground(book, reason))} {','.join(reason.items)}".strip()
    return evidence


def rule_text(book: RunBook, rule: object) -> Text:
    """What decided a tier in words: an override by its kind's label; a text without words as it is."""
    if not isinstance(rule, str):
        return ""
    reason = Reason.parse(rule)
    if reason.kind == "override":
        return _ground(book, reason)
    if reason.kind not in RULES:
        return rule
    said = RULES[reason.kind]
    return Message("{rule} ({reason})", {"rule": said, "reason": code_text(reason.ground)}) if reason.ground else said


def _ground(book: RunBook, reason: Reason) -> Text:
    return book.kinds.get(reason.ground, reason.ground)


def period_text(start: dt.date, end: dt.date) -> str:
    """``2024-05-01 – 2024-06-30``."""
    return f"{start.isoformat()} – {end.isoformat()}"
