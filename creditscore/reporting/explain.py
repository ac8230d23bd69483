"""Why one subject has its score and tier, what would change it, and how to object: for the subject and for the file."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from creditscore.config.base import Label, Language
from creditscore.config.policy import Measure
from creditscore.errors import DataError
from creditscore.models.card import in_memory, reasons
from creditscore.models.scorecard import Baseline, Scorecard
from creditscore.reporting.book import RunBook, described
from creditscore.reporting.columns import rule_text
from creditscore.reporting.lookup import measures_for
from creditscore.reporting.nearest import Change, nearest_change
from creditscore.reporting.sheets_audit import bin_label
from creditscore.reporting.words import say
from creditscore.vocabulary import SOURCES, Source

_RECORD = ("feature", "kind", "event_id", "document_no", "event_date")


@dataclass(frozen=True)
class Line:
    """One characteristic: the value's attribute, its points, and the baseline's. Records are those behind the value."""

    name: str
    label: Label
    source: Source
    value: str
    bin: Label
    points: int
    baseline: int

    @property
    def difference(self) -> int:
        """Points lost against the baseline (negative: won)."""
        return self.baseline - self.points


@dataclass(frozen=True)
class SourceRecord:
    """A record behind a score or a rule: what is needed to look it up, no content."""

    feature: str
    kind: str
    event_id: str
    document_no: str
    event_date: str


@dataclass(frozen=True)
class Points:
    """How a score came about. ``constant + sum of points = score``; ``sum of differences = baseline score − score``.

    ``blocks`` are subtotals by source that add up to the score; ``base`` holds the constant.
    """

    score: int
    probability_ppm: int
    card: str
    constant: int
    lines: tuple[Line, ...]
    blocks: Mapping[Source, int]
    baseline_name: str
    baseline_score: int
    change: Change

    @property
    def reasons(self) -> tuple[Line, ...]:
        """The up to four characteristics that lost most, most first, ties by name."""
        lost = [line for line in self.lines if line.difference > 0]
        return tuple(sorted(lost, key=lambda line: (-line.difference, line.name))[:4])


@dataclass(frozen=True)
class Explanation:
    """All that is said of one subject on one day.

    The rule leads: where an override set the tier, points did not. ``points`` is None for a subject
    that is not rated, or whose features were not given. ``measures`` are those of the tier that holds.
    """

    subject_id: str
    as_of: dt.date
    authority: Label
    name: str
    tier: str
    raw_tier: str
    previous_tier: str
    status: str
    rule: str
    rule_label: Label
    points: Points | None
    records: tuple[SourceRecord, ...]
    contact: str
    measures: tuple[Measure, ...] = ()

    def to_text(self, lang: Language = "zh") -> str:
        """Plain text, one fact a line."""
        from creditscore.reporting.explain_print import to_text

        return to_text(self, lang)

    def to_html(self, lang: Language = "zh") -> str:
        """A page for the subject: no script, no link out, everything escaped."""
        from creditscore.reporting.explain_print import to_html

        return to_html(self, lang)

    def _repr_html_(self) -> str:
        from creditscore.reporting.explain_print import to_fragment

        return to_fragment(self, "zh")


def explain_subject(
    book: RunBook, subject_id: str, *, features: pd.DataFrame | None = None, records: pd.DataFrame | None = None
) -> Explanation:
    """Explain one subject of a run.

    Args:
        book: The run: its tiers, cards, policy, and listings in force.
        subject_id: As it stands in ``tiers.parquet``.
        features: The subject's row of ``features.parquet`` (more rows and a ``subject_id`` column are
            allowed). Without it there is the tier and its rule, and no points.
        records: The records behind features: ``feature, kind, event_id, document_no, event_date`` and,
            where of more than one subject, ``subject_id``. Listings behind a rule are added from the book.

    Raises:
        DataError: The run has no such subject, or the score of the features is not the published one.
    """
    found = book.tiers[book.tiers["subject_id"] == subject_id]
    if len(found) != 1:
        raise DataError(f"explain: expected one row of tiers for this subject_id (got {len(found)}); look it up as of another day?")
    row = {str(key): (None if pd.isna(value) else value) for key, value in found.iloc[0].items()}
    rule = str(row.get("rule") or "")
    scored = _scored(book, subject_id, features)
    return Explanation(
        subject_id=subject_id,
        as_of=book.as_of,
        authority=book.authority,
        name=str(described(book, found[["subject_id"]])["name"].fillna("").iloc[0]),
        tier=str(row["tier"]),
        raw_tier=str(row.get("raw_tier") or row["tier"]),
        previous_tier=str(row.get("previous_tier") or ""),
        status=str(row.get("status") or "final"),
        rule=rule,
        rule_label=say(rule_text(book, rule, "zh"), rule_text(book, rule, "en")),
        points=None if scored is None else _points(book, *scored, industry=str(row.get("industry") or "")),
        records=_source_records(book, subject_id, rule, records),
        contact=book.contact,
        measures=measures_for(book, str(row["tier"]), row.get("industry")),
    )


def _scored(book: RunBook, subject_id: str, features: pd.DataFrame | None) -> tuple[Scorecard, pd.DataFrame, int] | None:
    """The card, the one row of features and the published score; None where the subject has no score or no row."""
    scores = book.scores[book.scores["subject_id"] == subject_id] if not book.scores.empty else book.scores
    if scores.empty or features is None:
        return None
    row = features[features["subject_id"] == subject_id] if "subject_id" in features else features
    if len(row) != 1:
        raise DataError(f"explain: expected one row of features (got {len(row)})")
    version = str(scores["scorecard"].iloc[0])
    card = next((card for card in book.cards.values() if card.sha256 == version), None)
    if card is None:
        raise DataError(f"explain: expected the card {version} among the run's cards (got {len(book.cards)} others)")
    published, computed = int(scores["score"].iloc[0]), int(card.scores(row).iloc[0])
    if published != computed:
        raise DataError(f"explain: features give the score {computed}, published is {published}: they are not of the same run")
    return card, row, published


def _points(book: RunBook, card: Scorecard, row: pd.DataFrame, score: int, *, industry: str) -> Points:
    lines, blocks = _lines(card, row, score), in_memory.block_points(card, row).iloc[0]
    baseline = _baseline(card, score)
    return Points(
        score=score,
        probability_ppm=int(in_memory.probability_ppm(card, card.scores(row)).iloc[0]),
        card=card.sha256,
        constant=card.constant,
        lines=lines,
        blocks={source: int(blocks[f"points_{source}"]) for source in SOURCES},
        baseline_name=baseline.name,
        baseline_score=card.constant + sum(baseline.points.values()),
        change=nearest_change(book, card, {line.name: line.points for line in lines}, score, industry),
    )


def _baseline(card: Scorecard, score: int) -> Baseline:
    """The one of the smallest cut above the score, else the one for all."""
    with_cut, default = reasons.baselines(card)
    return next((one for one in with_cut if (one.above_score or 0) > score), default)


def _lines(card: Scorecard, row: pd.DataFrame, score: int) -> tuple[Line, ...]:
    places, compared = in_memory.positions(card, row).iloc[0], _baseline(card, score).points
    lines = []
    for one in card.characteristics:
        bin_, value = one.attributes[int(places[one.name])], row[one.name].iloc[0]
        text = "" if pd.isna(value) else str(value)
        lines.append(Line(one.name, one.label, one.source, text, bin_label(bin_, one.unit), bin_.points, compared[one.name]))
    return tuple(lines)


def _source_records(book: RunBook, subject_id: str, rule: str, records: pd.DataFrame | None) -> tuple[SourceRecord, ...]:
    """Listings behind the rule first, then the records behind features."""
    frames = []
    if not book.lists.empty:
        listed = book.lists[book.lists["subject_id"] == subject_id]
        frames.append(listed[listed["kind"] == rule.removeprefix("override:")].assign(feature=""))
    if records is not None:
        frames.append(records[records["subject_id"] == subject_id] if "subject_id" in records else records)
    found = []
    for frame in frames:
        columns = [frame[name] if name in frame else [None] * len(frame) for name in _RECORD]
        found += [SourceRecord(*("" if pd.isna(cell) else str(cell) for cell in cells)) for cells in zip(*columns, strict=True)]
    return tuple(found)
