"""Builds sheet columns from the dictionary of terms, and rows from frames."""

import datetime as dt
from collections.abc import Iterator, Sequence

import pandas as pd

from creditscore.config.spec import Label, Language
from creditscore.records.findings import code_words
from creditscore.reporting.run_book import RunBook
from creditscore.reporting.terms import TERMS
from creditscore.reporting.words import RULES, UNKNOWN
from creditscore.spreadsheet import BookLanguage, Column, Kind
from creditscore.vocabulary import Reason


def column(
    key: str,
    kind: Kind = "text",
    *,
    width: int | None = None,
    choices: tuple[str, ...] = (),
    editable: bool = False,
    wrap: bool = False,
    format: str | None = None,
) -> Column:
    """A column whose label stands in :data:`creditscore.reporting.terms.TERMS`."""
    label = TERMS[key].label
    return Column(key, label, kind, width=width, choices=choices, editable=editable, wrap=wrap, format=format)


def cell_language(lang: BookLanguage) -> Language:
    """The language of words inside cells: a book in both languages has Chinese cells under joint headers."""
    return "en" if lang == "en" else "zh"


def rows_of(frame: pd.DataFrame, columns: Sequence[Column]) -> Iterator[tuple[object, ...]]:
    """The rows of a frame in the order of ``columns``; a column the frame lacks is blank."""
    if frame.empty:
        return iter(())
    parts: list[Sequence[object]] = []
    for one in columns:
        parts.append(frame[one.key].tolist() if one.key in frame else [None] * len(frame))
    return zip(*parts, strict=True)


def label_or_code(table: dict[str, Label], codes: pd.Series, lang: Language) -> pd.Series:
    """Words for codes; a code without a word stands for itself."""
    words = {code: label.text(lang) for code, label in table.items()}
    return codes.map(words).fillna(codes.astype("object")).astype("object")


def with_labels(book: RunBook, frame: pd.DataFrame, lang: Language) -> pd.DataFrame:
    """Names of industries, regions, characteristics and grounds beside their codes; what is unknown says so."""
    out = frame.copy()
    for name, labels in (("industry", book.industries), ("region", book.regions)):
        if name in out:
            out[f"{name}_label"] = label_or_code({**labels, "": UNKNOWN}, out[name].fillna(""), lang)
    names = characteristic_labels(book)
    for place in range(1, 5):
        if f"reason_{place}" in out:
            out[f"reason_{place}"] = label_or_code(names, out[f"reason_{place}"], lang)
    if "rule" in out:
        out["rule"] = out["rule"].map(lambda rule: rule_text(book, rule, lang))
    if "evidence" in out:
        out["evidence"] = [evidence_text(book, evidence, lang, names) for evidence in out["evidence"]]
    return out


def characteristic_labels(book: RunBook) -> dict[str, Label]:
    """The label of every characteristic of the run's cards, by its name."""
    return {one.name: one.label for card in book.cards.values() for one in card.characteristics}


def evidence_text(book: RunBook, evidence: object, lang: Language, names: dict[str, Label]) -> str | None:
    """The grounds of a tier in words: the characteristics behind a score, the list and its records behind an override."""
    if not isinstance(evidence, str):
        return None
    reason = Reason.parse(evidence)
    if reason.kind == "score":
        joint = "；" if lang == "zh" else "; "
        return joint.join(names[name].text(lang) if name in names else name for name in reason.items if name)
    if reason.kind == "override":
        return f"{_ground_text(book, reason, lang)} {','.join(reason.items)}".strip()
    return evidence


def rule_text(book: RunBook, rule: object, lang: Language) -> str:
    """What decided a tier in words: an override by its kind's label; a text without words as it is."""
    if not isinstance(rule, str):
        return ""
    reason = Reason.parse(rule)
    if reason.kind == "override":
        return _ground_text(book, reason, lang)
    if reason.kind not in RULES:
        return rule
    words = RULES[reason.kind].text(lang)
    return f"{words} ({code_words(reason.ground, lang)})" if reason.ground else words


def _ground_text(book: RunBook, reason: Reason, lang: Language) -> str:
    return book.kinds[reason.ground].text(lang) if reason.ground in book.kinds else reason.ground


def period_text(start: dt.date, end: dt.date) -> str:
    """``2024-05-01 – 2024-06-30``."""
    return f"{start.isoformat()} – {end.isoformat()}"
