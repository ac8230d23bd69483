"""Why one subject has its score and tier, what would change it, and how to object: for the subject and for the file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from creditscore.config.policy import Measure
from creditscore.config.spec import Label
from creditscore.errors import DataError
from creditscore.language import DEFAULT_LANGUAGE, Words, _, pgettext
from creditscore.models import reasons, scoring
from creditscore.models.scorecard import Baseline, Scorecard
from creditscore.records.fault_words import code_text
from creditscore.reporting.audit_tables import attribute_text
from creditscore.reporting.columns import Grid, column, frame_of, rule_text, signed
from creditscore.reporting.lookup import measures_for
from creditscore.reporting.nearest_change import NearestChange, nearest_change
from creditscore.reporting.report import render_page
from creditscore.reporting.run_book import RunBook, described
from creditscore.reporting.words import BETWEEN_PARTS, SOURCE_WORDS, TIER_WORDS
from creditscore.vocabulary import SOURCES, Reason, Source

_OBJECT = _(
    "Anyone who believes that a record is wrong may object to the body that made it or to this authority. While the "
    "objection is open the record does not count and the tier neither rises nor falls because of it."
)
_REPAIR = _("A record that was repaired, withdrawn or has expired no longer counts from the day this is in effect and known here.")
_NATURE = _("A tier allocates inspection effort. It is not a verdict, a punishment, a blacklist or a loan decision.")


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
class RefusedRow:
    """A row or value that was refused: where it stands in the delivery, and the code of what is wrong."""

    source: str
    row: str
    code: str


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
    change: NearestChange

    @property
    def reasons(self) -> tuple[Line, ...]:
        """The up to four characteristics that lost most, most first, ties by name."""
        lost = [line for line in self.lines if line.difference > 0]
        return tuple(sorted(lost, key=lambda line: (-line.difference, line.name))[:4])


@dataclass(frozen=True)
class Explanation:
    """What a page about one subject on one day shows.

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
    #: From when records that may count against the subject, or its own row, are refused ("": they are not); the tier of the last
    #: night in which they were read whole; and where they are to be mended.
    incomplete_since: str = ""
    whole_tier: str = ""
    refused: tuple[RefusedRow, ...] = ()

    def to_text(self, lang: str = DEFAULT_LANGUAGE) -> str:
        """Plain text, one fact a line."""
        return "\n".join(_text(self, Words.of(lang))) + "\n"

    def to_html(self, lang: str = DEFAULT_LANGUAGE) -> str:
        """A page for the subject: no script, no link out, everything escaped."""
        parts = _parts(self, Words.of(lang))
        return render_page("explain.html.j2", parts, lang=lang, title=f"{self.subject_id} {self.as_of.isoformat()}")

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.to_text())}</pre>"


def explain_subject(
    book: RunBook, subject_id: str, *, features: pd.DataFrame | None = None, records: pd.DataFrame | None = None
) -> Explanation:
    """Explain one subject of a run.

    Args:
        book: The run: its tiers, cards, policy, and listings in force.
        subject_id: As in ``tiers.parquet``.
        features: The subject's row of ``features.parquet`` (more rows and a ``subject_id`` column are
            allowed). Without it there is the tier and its rule, and no points.
        records: The records behind features: ``feature, kind, event_id, document_no, event_date`` and,
            where of more than one subject, ``subject_id``. Listings behind a rule are added from the book.

    Raises:
        DataError: The run has no such subject, or the score of the features is not the published one.
    """
    tier_rows = book.tiers[book.tiers["subject_id"] == subject_id]
    if len(tier_rows) != 1:
        raise DataError(
            "explain: expected one row of tiers for this subject_id (got {n_rows}); look it up as of another day?",
            n_rows=len(tier_rows),
        )
    row = {str(key): (None if pd.isna(value) else value) for key, value in tier_rows.iloc[0].items()}
    rule = str(row.get("rule") or "")
    scored = _scored(book, subject_id, features)
    return Explanation(
        subject_id=subject_id,
        as_of=book.as_of,
        authority=book.authority,
        name=str(described(book, tier_rows[["subject_id"]])["name"].fillna("").iloc[0]),
        tier=str(row["tier"]),
        raw_tier=str(row.get("raw_tier") or row["tier"]),
        previous_tier=str(row.get("previous_tier") or ""),
        status=str(row.get("status") or "final"),
        rule=rule,
        rule_label=Label.of(rule_text(book, rule)),
        points=None if scored is None else _points(book, *scored, industry=str(row.get("industry") or "")),
        records=_source_records(book, subject_id, rule, records),
        contact=book.contact,
        measures=measures_for(book, str(row["tier"]), row.get("industry")),
        incomplete_since=str(row.get("incomplete_since") or ""),
        whole_tier=str(row.get("whole_tier") or ""),
        refused=_refused_rows(book, subject_id, rule),
    )


def _refused_rows(book: RunBook, subject_id: str, rule: str) -> tuple[RefusedRow, ...]:
    """The subject's own row of the register, if it was refused, then the refused records and values."""
    rows = []
    if "quarantined_at" in book.subjects:
        places = book.subjects.loc[book.subjects["subject_id"] == subject_id, "quarantined_at"].dropna()
        reason = Reason.parse(rule)
        code = reason.ground if reason.kind == "not_rated" else ""
        for place in places:
            source, _mark, number = str(place).rpartition(":")
            rows.append(RefusedRow(source, number, code))
    if not book.incomplete.empty:
        own = book.incomplete[book.incomplete["subject_id"] == subject_id]
        rows += [RefusedRow(str(one["source"]), str(one["row"]), str(one["code"])) for one in own.to_dict("records")]
    return tuple(rows)


def _scored(book: RunBook, subject_id: str, features: pd.DataFrame | None) -> tuple[Scorecard, pd.DataFrame, int] | None:
    """The card, the one row of features and the published score; None where the subject has no score or no row."""
    scores = book.scores[book.scores["subject_id"] == subject_id] if not book.scores.empty else book.scores
    if scores.empty or features is None:
        return None
    row = features[features["subject_id"] == subject_id] if "subject_id" in features else features
    if len(row) != 1:
        raise DataError("explain: expected one row of features (got {n_rows})", n_rows=len(row))
    version = str(scores["scorecard"].iloc[0])
    card = next((card for card in book.cards.values() if card.sha256 == version), None)
    if card is None:
        raise DataError(
            "explain: expected the card {version} among the run's cards (got {n_cards} others)",
            version=version,
            n_cards=len(book.cards),
        )
    published, computed = int(scores["score"].iloc[0]), int(card.scores(row).iloc[0])
    if published != computed:
        raise DataError(
            "explain: features give the score {computed}, published is {published}: they are not of the same run",
            computed=computed,
            published=published,
        )
    return card, row, published


def _points(book: RunBook, card: Scorecard, row: pd.DataFrame, score: int, *, industry: str) -> Points:
    lines, blocks = _lines(card, row, score), scoring.block_points(card, row).iloc[0]
    baseline = _baseline(card, score)
    return Points(
        score=score,
        probability_ppm=int(scoring.probability_ppm(card, card.scores(row)).iloc[0]),
        card=card.sha256,
        constant=card.constant,
        lines=lines,
        blocks={source: int(blocks[f"points_{source}"]) for source in SOURCES},
        baseline_name=baseline.name,
        baseline_score=card.constant + sum(baseline.points.values()),
        change=nearest_change(book, card, {line.name: line.points for line in lines}, score, industry),
    )


def _baseline(card: Scorecard, score: int) -> Baseline:
    """The baseline of the smallest cut above the score; above every cut, the baseline for all scores."""
    with_cut, default = reasons.baselines(card)
    return next((one for one in with_cut if (one.above_score or 0) > score), default)


def _lines(card: Scorecard, row: pd.DataFrame, score: int) -> tuple[Line, ...]:
    bin_numbers, compared = scoring.positions(card, row).iloc[0], _baseline(card, score).points
    lines = []
    for characteristic in card.characteristics:
        bin_, value = characteristic.attributes[int(bin_numbers[characteristic.name])], row[characteristic.name].iloc[0]
        text = "" if pd.isna(value) else str(value)
        lines.append(
            Line(
                characteristic.name,
                characteristic.label,
                characteristic.source,
                text,
                Label.of(attribute_text(characteristic, bin_)),
                bin_.points,
                compared[characteristic.name],
            )
        )
    return tuple(lines)


def _source_records(book: RunBook, subject_id: str, rule: str, records: pd.DataFrame | None) -> tuple[SourceRecord, ...]:
    """Listings behind the rule first, then the records behind features."""
    frames = []
    if not book.lists.empty:
        listed = book.lists[book.lists["subject_id"] == subject_id]
        frames.append(listed[listed["kind"] == Reason.parse(rule).ground].assign(feature=""))
    if records is not None:
        frames.append(records[records["subject_id"] == subject_id] if "subject_id" in records else records)
    source_records = []
    for frame in frames:
        columns = [frame[name] if name in frame else [None] * len(frame) for name in _RECORD]
        source_records += [
            SourceRecord(*("" if pd.isna(cell) else str(cell) for cell in cells)) for cells in zip(*columns, strict=True)
        ]
    return tuple(source_records)


def _tier_sentence(it: Explanation, words: Words) -> str:
    """The tier and what set it."""
    tier = words.text(TIER_WORDS[it.tier])
    if it.status == "proposed":
        return words.text(
            _("Tier {tier}; {raw_tier} is proposed ({rule_label})", tier=tier, raw_tier=it.raw_tier, rule_label=it.rule_label)
        )
    return words.text(_("Tier {tier} ({rule_label})", tier=tier, rule_label=it.rule_label))


def _change_sentence(it: Explanation, points: Points, words: Words) -> str:
    """The nearest change that would alter the tier; a tier that a rule sets ends with the rule's ground."""
    change = points.change
    steps = "；".join(f"{words.text(step.label)} → {words.text(step.bin)} ({signed(step.gain)})" for step in change.steps)
    if not change.tier:
        sentence = _("By score in A already, {margin} points above the next tier.", margin=change.margin)
    elif not steps:
        sentence = _("No change of records alone reaches tier {tier} by score.", tier=change.tier)
    else:
        sentence = _(
            "By score tier {tier} is {points} points away; nearest change: {steps}.",
            tier=change.tier,
            points=change.points,
            steps=steps,
        )
    if Reason.parse(it.rule).kind != "override":
        return words.text(sentence)
    lead = _(
        "The tier is set by a rule ({rule_label}); once its ground has ceased the score gives {by_score}. ",
        rule_label=it.rule_label,
        by_score=change.by_score,
    )
    return words.text(lead) + words.text(sentence)


def _incomplete_lines(it: Explanation, words: Words) -> Iterator[str]:
    """That points and tier are incomplete and since when, what that means for the tier, and which rows are to be mended."""
    if not it.incomplete_since:
        return
    if it.whole_tier:
        sentence = _(
            "Incomplete since {since}: what may count against the subject was refused. Until it is mended or withdrawn the tier "
            "is no better than {whole_tier}, that of the last night in which it was read whole.",
            since=it.incomplete_since,
            whole_tier=it.whole_tier,
        )
    else:
        sentence = _(
            "Incomplete since {since}: what may count against the subject was refused, and never read whole before. Until it is "
            "mended or withdrawn the subject is not rated, unless a rule sets a tier.",
            since=it.incomplete_since,
        )
    yield words.text(sentence)
    for row in it.refused:
        refused = _("Refused: {source}, row {row}", source=row.source, row=row.row)
        faults = (code_text(code) for code in row.code.split(";") if code)
        yield words.text(BETWEEN_PARTS).join([words.text(refused), *(words.text(fault) for fault in faults)])


def _measure_words(measure: Measure, words: Words) -> str:
    """A measure with who takes it and what it rests on."""
    name, by, basis = words.text(measure.name), measure.department, measure.basis
    return words.text(_("{name} ({by}; basis: {basis})", name=name, by=by, basis=basis))


def _line_words(line: Line, words: Words) -> str:
    """A characteristic with the attribute its value falls in."""
    return f"{words.text(line.label)}: {words.text(line.bin)}"


def _text(it: Explanation, words: Words) -> Iterator[str]:
    yield f"{it.subject_id} {it.name}".rstrip() + f" · {it.as_of.isoformat()} · {words.text(it.authority)}"
    yield _tier_sentence(it, words)
    if it.previous_tier:
        yield words.text(_("Previous tier {previous_tier}", previous_tier=it.previous_tier))
    yield from _incomplete_lines(it, words)
    for measure in it.measures:
        yield words.text(_("Measure: ")) + _measure_words(measure, words)
    if it.points is not None:
        yield from _points_text(it, it.points, words)
    for record in it.records:
        where = " · ".join(
            part for part in (record.feature, record.kind, record.event_id, record.document_no, record.event_date) if part
        )
        yield words.text(pgettext("behind a score", "Record")) + f" {where}"
    yield words.text(_REPAIR)
    yield words.text(_OBJECT) + (f" {it.contact}" if it.contact else "")
    yield words.text(_NATURE)


def _points_text(it: Explanation, points: Points, words: Words) -> Iterator[str]:
    risk = words.percent(points.probability_ppm / 1_000_000, 2)
    yield words.text(_("Score {score} (risk {risk}, card {card})", score=points.score, risk=risk, card=points.card[:12]))
    for rank, line in enumerate(points.reasons, start=1):
        yield words.text(_("Reason {rank}: ", rank=rank)) + f"{_line_words(line, words)} ({signed(-line.difference)})"
    yield words.text(_("Constant {constant}", constant=points.constant))
    for line in points.lines:
        base = words.text(_("baseline"))
        yield f"  {_line_words(line, words)}  {signed(line.points)} ({base} {signed(line.baseline)}, {signed(-line.difference)})"
    blocks = [f"{words.text(SOURCE_WORDS[source])} {signed(points.blocks[source])}" for source in SOURCES if source != "base"]
    base = f"{words.text(SOURCE_WORDS['base'])} {points.blocks['base']}"
    yield " · ".join([base, *blocks, words.text(_("total {score}", score=points.score))])
    yield _change_sentence(it, points, words)


def _parts(it: Explanation, words: Words) -> dict[str, object]:
    return {
        "it": it,
        "points": it.points,
        "tier_sentence": _tier_sentence(it, words),
        "change": _change_sentence(it, it.points, words) if it.points else "",
        "reasons": [(_line_words(line, words), signed(-line.difference)) for line in it.points.reasons] if it.points else [],
        "lines": _line_grid(it.points, words) if it.points else None,
        "blocks": _block_grid(it.points, words) if it.points else None,
        "risk": words.percent(it.points.probability_ppm / 1_000_000, 2) if it.points else "",
        "measures": [_measure_words(measure, words) for measure in it.measures],
        "incomplete": list(_incomplete_lines(it, words)),
        "records": _record_grid(it, words),
        "notes": (words.text(_REPAIR), words.text(_OBJECT), words.text(_NATURE)),
    }


def _line_grid(points: Points, words: Words) -> Grid:
    """One row per characteristic between the constant and the sum: points, those of the baseline, and their difference."""
    columns = (
        column("characteristic"),
        column("source"),
        column("bin"),
        column("points", "integer", signed=True),
        column("baseline", "integer", label=_("Baseline"), signed=True),
        column("difference", "integer", label=_("Difference"), signed=True),
    )
    sums = (words.number(points.score), words.number(points.baseline_score))
    constant = words.number(points.constant)
    rows: list[Sequence[object]] = [(words.text(_("Constant")), "", "", constant, constant, 0)]
    for line in points.lines:
        texts = [words.text(text) for text in (line.label, SOURCE_WORDS[line.source], line.bin)]
        rows.append((*texts, line.points, line.baseline, -line.difference))
    rows.append((words.text(_("Total")), "", "", *sums, points.score - points.baseline_score))
    return Grid.of(columns, [frame_of(columns, rows)], words, total=True)


def _block_grid(points: Points, words: Words) -> Grid:
    """One row per source: its points; then the score."""
    columns = (column("source"), column("points", "integer", label=_("Subtotal")))
    rows = [(words.text(SOURCE_WORDS[source]), str(points.blocks[source]).replace("-", "−")) for source in SOURCES]
    frame = frame_of(columns, [*rows, (words.text(_("Score")), str(points.score))])
    return Grid.of(columns, [frame], words, total=True)


def _record_grid(it: Explanation, words: Words) -> Grid:
    """One row per record behind the score or the rule."""
    labels = (pgettext("of a card", "Feature"), _("Kind"), _("Record"), _("Document"), _("Date"))
    columns = [column(name, label=label) for name, label in zip(_RECORD, labels, strict=True)]
    rows = [[getattr(one, name) for name in _RECORD] for one in it.records]
    return Grid.of(columns, [frame_of(columns, rows)], words)
