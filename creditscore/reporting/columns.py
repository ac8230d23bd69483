"""Tables that are declared once and printed as a sheet of the workbook, on a page of the report and in the terminal."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from creditscore.language import Message, Text, Words, from_json
from creditscore.records.fault_words import code_text
from creditscore.reporting.run_book import RunBook
from creditscore.reporting.terms import TERMS
from creditscore.reporting.words import (
    ALL_INDUSTRIES,
    BETWEEN_PARTS,
    DIGITS,
    EVERYONE,
    GROUP_WORDS,
    METRICS,
    NO,
    RIVALS,
    RULES,
    SETTINGS,
    SHARES,
    TIER_WORDS,
    UNKNOWN_WORD,
    WHOLE_FIGURES,
    YES,
    text_of,
)
from creditscore.spreadsheet import Column, Kind, Sheet
from creditscore.vocabulary import Reason

#: Stands on a page where a number is missing.
NO_FIGURE = "–"
_NUMERIC = ("integer", "number", "percent")
#: From this size on a figure is printed without decimals.
_LARGE = 1000


@dataclass(frozen=True)
class TableColumn(Column):
    """A column of a sheet that is also printed on pages.

    ``digits`` is their number behind the decimal sign on a page: by default one for a percent and three for a number. A
    number from 1,000 on is printed without decimals. ``signed`` whole numbers have a plus or a minus. ``interval`` names
    the columns of the ends of a 95 % interval, which a page prints in the same cell, ``share`` the column of a share that
    it prints in brackets. ``once`` is blank on a page while the first column stays the same.
    """

    digits: int | None = None
    signed: bool = False
    interval: tuple[str, str] | None = None
    share: str | None = None
    once: bool = False

    @property
    def numeric(self) -> bool:
        """Whether its cells are numbers, which pages align to the right."""
        return self.kind in _NUMERIC

    def cell(self, row: Mapping[str, object], words: Words) -> str:
        """What a page prints of a row: text as it is, a dash where a number is missing, nothing for an empty text."""
        value = row.get(self.key)
        if not self.numeric:
            return value.isoformat() if isinstance(value, dt.date) else "" if _is_missing(value) else str(value)
        number = _number(value)
        if number is None:
            return value if isinstance(value, str) else NO_FIGURE
        if self.share is not None:
            return f"{self._text(number, self.digits, words)} ({words.percent(float(str(row[self.share])))})"
        ends = [_number(row.get(key)) for key in self.interval or ()]
        digits = 0 if self.kind == "number" and abs(number) >= _LARGE else self.digits
        low, high = ends or (None, None)
        if low is None or high is None:
            return self._text(number, digits, words)
        return (
            f"{self._text(number, digits, words)} ({self._text(low, digits, words)} {NO_FIGURE} {self._text(high, digits, words)})"
        )

    def rounded(self, value: object) -> float | None:
        """The number that a page prints, for a cell of mixed figures; None where it is missing."""
        number = _number(value)
        if number is None or self.kind == "integer":
            return None if number is None else round(number)
        digits = 3 if self.digits is None else self.digits
        return round(number, digits + 2 if self.kind == "percent" else digits)

    def _text(self, number: float, digits: int | None, words: Words) -> str:
        if self.kind == "percent":
            return words.percent(number, 1 if digits is None else digits)
        if self.kind == "integer":
            return signed(round(number)) if self.signed else words.number(number)
        return words.number(number, 3 if digits is None else digits)


def column(
    key: str,
    kind: Kind = "text",
    *,
    label: Text | None = None,
    width: int | None = None,
    choices: tuple[Text, ...] = (),
    editable: bool = False,
    wrap: bool = False,
    format: str | None = None,
    digits: int | None = None,
    signed: bool = False,
    interval: tuple[str, str] | None = None,
    share: str | None = None,
    once: bool = False,
) -> TableColumn:
    """A column; its label is that of :data:`creditscore.reporting.terms.TERMS` unless ``label`` is given."""
    return TableColumn(
        key, TERMS[key].label if label is None else label, kind, width=width, choices=choices, editable=editable, wrap=wrap,
        format=format, digits=digits, signed=signed, interval=interval, share=share, once=once,
    )  # fmt: skip


def figure_columns(frame: pd.DataFrame) -> tuple[TableColumn, ...]:
    """The columns of a frame of figures by their names; ``x_low`` and ``x_high`` are the interval of ``x``.

    A name that is no known figure is its own label; a column that holds numbers, or nothing, is one of numbers.
    """
    names = [str(name) for name in frame.columns]
    ends = {f"{name}_{end}" for name in names for end in ("low", "high")}
    columns = []
    for name in names:
        if name in ends:
            continue
        key = "industry_label" if name == "industry" else name
        label = METRICS[name] if name in METRICS else TERMS[key].label if key in TERMS else name
        numbers = pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name])
        numeric = numbers or bool(frame[name].isna().all())
        kind: Kind = "text" if not numeric else "integer" if name in WHOLE_FIGURES else "percent" if name in SHARES else "number"
        columns.append(
            column(name, kind, label=label, digits={**SHARES, **DIGITS}.get(name), interval=(f"{name}_low", f"{name}_high"))
        )
    return tuple(columns)


@dataclass(frozen=True)
class Grid:
    """A table as texts, for a page or the terminal. ``numbers`` are the positions of right-aligned columns."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    #: Whether the last row sums the others.
    total: bool = False

    @staticmethod
    def of(columns: Sequence[TableColumn], frames: Iterable[pd.DataFrame], words: Words, *, total: bool = False) -> Grid:
        """The cells of ``columns`` as texts, one row per row of ``frames``; a column that a frame lacks is blank."""
        rows: list[tuple[str, ...]] = []
        above: tuple[str, ...] = ()
        for frame in frames:
            for record in frame.to_dict("records"):
                row = {str(key): value for key, value in record.items()}
                cells = tuple(one.cell(row, words) for one in columns)
                repeated = above[:1] == cells[:1]
                rows.append(tuple("" if one.once and repeated else text for one, text in zip(columns, cells, strict=True)))
                above = cells
        numbers = frozenset(at for at, one in enumerate(columns) if one.numeric)
        return Grid(tuple(words.text(one.label) for one in columns), tuple(rows), numbers, total)


@dataclass(frozen=True)
class RunTable:
    """A table of a run: what it is called, its columns, and its rows.

    ``frames`` gives the rows as frames with the keys of ``columns`` as names; a column that a frame lacks is blank.
    ``note`` says why there are no rows.
    """

    title: Text
    columns: tuple[TableColumn, ...]
    frames: Callable[[RunBook, Words], Iterable[pd.DataFrame]]
    note: Text | Callable[[RunBook], Text] | None = None
    autofilter: bool = True

    def sheet(self, book: RunBook, words: Words) -> Sheet:
        """The table as a sheet; its rows are read once, frame by frame."""
        rows = (row for frame in self.frames(book, words) for row in _rows_of(frame, self.columns))
        note = self.note(book) if callable(self.note) else self.note
        return Sheet(self.title, self.columns, rows, note=note, autofilter=self.autofilter)

    def grid(self, book: RunBook, words: Words, *keys: str) -> Grid:
        """The table for a page, with the columns of ``keys`` in that order; all of them where none are named."""
        return Grid.of(self.pick(*keys), self.frames(book, words), words)

    def pick(self, *keys: str) -> tuple[TableColumn, ...]:
        """The columns of ``keys``, all where none are named."""
        by_key = {one.key: one for one in self.columns}
        return tuple(by_key[key] for key in keys or by_key)


def frame_of(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> pd.DataFrame:
    """Rows in the order of ``columns`` as a frame whose values stay what they are: no whole number turns into a float."""
    return pd.DataFrame(list(rows), columns=[one.key for one in columns], dtype=object)


def signed(value: int) -> str:
    """``+12`` or ``−7`` with a real minus sign."""
    return f"+{value}" if value > 0 else f"−{-value}" if value < 0 else "0"


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _number(value: object) -> float | None:
    """A finite number; whole numbers stay whole, however large."""
    if _is_missing(value) or isinstance(value, str) or not hasattr(value, "__float__"):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _rows_of(frame: pd.DataFrame, columns: Sequence[Column]) -> Iterator[tuple[object, ...]]:
    """The rows of a frame in the order of ``columns``; a column the frame lacks is blank."""
    if frame.empty:
        return iter(())
    parts: list[Sequence[object]] = [frame[one.key].tolist() if one.key in frame else [None] * len(frame) for one in columns]
    return zip(*parts, strict=True)


def figures_grid(frame: pd.DataFrame, words: Words, *, book: RunBook | None = None) -> Grid:
    """A frame of figures, such as a forecast by tier, as a page and the terminal print it; codes of the book in words."""
    labels = {} if book is None else _code_labels(book)
    shown = _with_notes(frame, words)
    for name in shown.columns:
        if pd.api.types.is_bool_dtype(frame[name]):
            shown[name] = [words.text(YES if value else NO) for value in frame[name]]
        elif name in _LABELS or name in labels:
            table = {**_LABELS.get(str(name), {}), **labels.get(str(name), {})}
            shown[name] = [text_of(table, value, words) or NO_FIGURE for value in frame[name]]
    return Grid.of(figure_columns(shown), [shown], words)


def _with_notes(frame: pd.DataFrame, words: Words) -> pd.DataFrame:
    """The frame with its notes in a language; those of runs of earlier versions have no message and stay English."""
    if _NOTE_MESSAGE not in frame:
        return frame.copy()
    pairs = zip(frame["note"], frame[_NOTE_MESSAGE].fillna(""), strict=True)
    notes = [words.text(from_json(kept)) if kept else note for note, kept in pairs]
    return frame.assign(note=pd.Series(notes, index=frame.index, dtype=object)).drop(columns=_NOTE_MESSAGE)


#: The note of a characteristic as JSON, beside its English sentence.
_NOTE_MESSAGE = "note_message"
_LABELS: dict[str, Mapping[str, Text]] = {
    "tier": {**TIER_WORDS, "all": EVERYONE},
    "model": RIVALS,
    "attribute": GROUP_WORDS,
    "setting": SETTINGS,
}


def _code_labels(book: RunBook) -> dict[str, Mapping[str, Text]]:
    """Words for the codes of a run by the column that holds them."""
    industries = industry_labels(book)
    features = {"score": TERMS["score"].label, **characteristic_labels(book)}
    return {"industry": industries, "parent": industries, "name": features, "feature": features}


def industry_labels(book: RunBook) -> dict[str, Text]:
    """The label of each industry by its code, of all of them by ``all``, of an unknown one by an empty code."""
    return {"all": ALL_INDUSTRIES, **book.industries, "": UNKNOWN_WORD}


def label_or_code(table: Mapping[str, Text], codes: pd.Series, words: Words) -> pd.Series:
    """Words for codes; a code without a word is shown as it is."""
    named = {code: words.text(label) for code, label in table.items()}
    return codes.map(named).fillna(codes.astype("object")).astype("object")


def with_labels(book: RunBook, frame: pd.DataFrame, words: Words) -> pd.DataFrame:
    """Names of industries, regions, characteristics and grounds in columns of their own; what is unknown says so."""
    out = frame.copy()
    for name, labels in (("industry", book.industries), ("region", book.regions)):
        if name in out:
            out[f"{name}_label"] = label_or_code({**labels, "": UNKNOWN_WORD}, out[name].fillna(""), words)
    names = characteristic_labels(book)
    for number in range(1, 5):
        if f"reason_{number}" in out:
            out[f"reason_{number}"] = label_or_code(names, out[f"reason_{number}"], words)
    if "rule" in out:
        out["rule"] = out["rule"].map(lambda rule: words.text(rule_text(book, rule)))
    if "evidence" in out:
        out["evidence"] = [_evidence_text(book, evidence, words, names) for evidence in out["evidence"]]
    return out


def characteristic_labels(book: RunBook) -> dict[str, Text]:
    """The label of every characteristic of the run's cards, and of every feature that no card uses, by its name."""
    features: dict[str, Text] = {feature.name: feature.label for feature in book.features}
    return features | {one.name: one.label for card in book.cards.values() for one in card.characteristics}


def _evidence_text(book: RunBook, evidence: object, words: Words, names: dict[str, Text]) -> str | None:
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
