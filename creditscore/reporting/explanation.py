"""Why one subject has its score and tier, what would change it, and how to object: for the subject and for the file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from creditscore.config.policy import Measure
from creditscore.config.spec import Label, Language
from creditscore.errors import DataError
from creditscore.models import reasons, scoring
from creditscore.models.scorecard import Baseline, Scorecard
from creditscore.reporting.audit_tables import bin_label
from creditscore.reporting.columns import rule_text
from creditscore.reporting.lookup import measures_for
from creditscore.reporting.nearest_change import Change, nearest_change
from creditscore.reporting.report import Grid, grid, percent, signed
from creditscore.reporting.run_book import RunBook, described
from creditscore.reporting.words import SOURCES as SOURCE_WORDS
from creditscore.reporting.words import TIERS, say
from creditscore.vocabulary import SOURCES, Reason, Source

_OBJECT = say(
    "认为记录有误的，可以向作出记录的单位或本机关提出异议。异议期间该记录不计入，等级既不因此上升也不因此下降。",
    "Whoever holds a record to be wrong may object to the body that made it or to this authority. While the objection is open "
    "the record does not count and the tier neither rises nor falls because of it.",
)
_REPAIR = say(
    "依法完成信用修复、撤销或者期满的记录，自生效且为本机关所知之日起不再计入。",
    "A record that was repaired, withdrawn or has expired no longer counts from the day this is in effect and known here.",
)
_NATURE = say(
    "等级只用于分配抽查力量，不是认定、处罚、黑名单，也不作为贷款等决定的依据。",
    "A tier allocates inspection effort. It is not a verdict, a punishment, a blacklist or a loan decision.",
)


def to_text(it: Explanation, lang: Language) -> str:
    """Plain text, one fact a line; the rule before the points."""
    return "\n".join(_text(it, lang)) + "\n"


def to_html(it: Explanation, lang: Language) -> str:
    """A whole page."""
    from creditscore.reporting.report import render_page

    return render_page("explain.html.j2", _parts(it, lang), lang=lang, title=f"{it.subject_id} {it.as_of.isoformat()}")


def to_fragment(it: Explanation, lang: Language) -> str:
    """The text as a fragment for notebooks."""
    from html import escape

    return f"<pre>{escape(to_text(it, lang))}</pre>"


def tier_sentence(it: Explanation, lang: Language) -> str:
    """The tier and what set it."""
    tier = TIERS[it.tier].text(lang)
    if it.status == "proposed":
        return say(
            f"等级 {tier}；拟定为 {it.raw_tier}，待签批（{it.rule_label.zh}）",
            f"Tier {tier}; {it.raw_tier} is proposed ({it.rule_label.en})",
        ).text(lang)
    return say(f"等级 {tier}（{it.rule_label.zh}）", f"Tier {tier} ({it.rule_label.en})").text(lang)


def change_sentence(it: Explanation, points: Points, lang: Language) -> str:
    """The nearest change that would alter the tier; a tier that a rule sets ends with the rule's ground."""
    change = points.change
    steps = "；".join(f"{step.label.text(lang)} → {step.bin.text(lang)} ({signed(step.gain)})" for step in change.steps)
    if not change.tier:
        said = say(
            f"按分数已是 A 级，距下一级 {change.margin} 分。", f"By score in A already, {change.margin} points above the next tier."
        )
    elif not steps:
        said = say(
            f"按分数升到 {change.tier} 级，改变单项记录不够。", f"No change of records alone reaches tier {change.tier} by score."
        )
    else:
        said = say(
            f"按分数升到 {change.tier} 级还差 {change.points} 分，最近的途径：{steps}。",
            f"By score tier {change.tier} is {change.points} points away; nearest change: {steps}.",
        )
    if Reason.parse(it.rule).kind != "override":
        return said.text(lang)
    lead = say(
        f"等级由规则“{it.rule_label.zh}”确定，其依据失效（修复、撤销、期满）后按分数为 {change.by_score} 级。",
        f"The tier is set by a rule ({it.rule_label.en}); once its ground has ceased the score gives {change.by_score}. ",
    )
    return lead.text(lang) + said.text(lang)


def measure_words(measure: Measure, lang: Language) -> str:
    """A measure with who takes it and what it rests on."""
    name, by, basis = measure.name.text(lang), measure.department, measure.basis
    return say(f"{name}（{by}；依据：{basis}）", f"{name} ({by}; basis: {basis})").text(lang)


def line_words(line: Line, lang: Language) -> str:
    """A characteristic with the attribute its value falls in."""
    return f"{line.label.text(lang)}: {line.bin.text(lang)}"


def _text(it: Explanation, lang: Language) -> Iterator[str]:
    yield f"{it.subject_id} {it.name}".rstrip() + f" · {it.as_of.isoformat()} · {it.authority.text(lang)}"
    yield tier_sentence(it, lang)
    if it.previous_tier:
        yield say(f"上期等级 {it.previous_tier}", f"Previous tier {it.previous_tier}").text(lang)
    for measure in it.measures:
        yield say("监管措施：", "Measure: ").text(lang) + measure_words(measure, lang)
    if it.points is not None:
        yield from _points_text(it, it.points, lang)
    for record in it.records:
        where = " · ".join(
            part for part in (record.feature, record.kind, record.event_id, record.document_no, record.event_date) if part
        )
        yield say("依据记录", "Record").text(lang) + f" {where}"
    yield _REPAIR.text(lang)
    yield _OBJECT.text(lang) + (f" {it.contact}" if it.contact else "")
    yield _NATURE.text(lang)


def _points_text(it: Explanation, points: Points, lang: Language) -> Iterator[str]:
    risk = percent(points.probability_ppm / 1_000_000, 2)
    yield say(
        f"得分 {points.score}（风险 {risk}，评分卡 {points.card[:12]}）",
        f"Score {points.score} (risk {risk}, card {points.card[:12]})",
    ).text(lang)
    for place, line in enumerate(points.reasons, start=1):
        yield say(f"原因{place} ", f"Reason {place}: ").text(lang) + f"{line_words(line, lang)} ({signed(-line.difference)})"
    yield say(f"常数 {points.constant}", f"Constant {points.constant}").text(lang)
    for line in points.lines:
        base = say("基准", "baseline").text(lang)
        yield f"  {line_words(line, lang)}  {signed(line.points)} ({base} {signed(line.baseline)}, {signed(-line.difference)})"
    blocks = [f"{SOURCE_WORDS[source].text(lang)} {signed(points.blocks[source])}" for source in SOURCES if source != "base"]
    base = f"{SOURCE_WORDS['base'].text(lang)} {points.blocks['base']}"
    yield " · ".join([base, *blocks, say(f"合计 {points.score}", f"total {points.score}").text(lang)])
    yield change_sentence(it, points, lang)


def _parts(it: Explanation, lang: Language) -> dict[str, object]:
    return {
        "it": it,
        "points": it.points,
        "tier_sentence": tier_sentence(it, lang),
        "change": change_sentence(it, it.points, lang) if it.points else "",
        "reasons": [(line_words(line, lang), signed(-line.difference)) for line in it.points.reasons] if it.points else [],
        "lines": _line_grid(it.points, lang) if it.points else None,
        "blocks": _block_grid(it.points, lang) if it.points else None,
        "risk": percent(it.points.probability_ppm / 1_000_000, 2) if it.points else "",
        "measures": [measure_words(measure, lang) for measure in it.measures],
        "records": _record_grid(it, lang),
        "notes": (_REPAIR.text(lang), _OBJECT.text(lang), _NATURE.text(lang)),
    }


def _line_grid(points: Points, lang: Language) -> Grid:
    rows = [[say("常数", "Constant").text(lang), "", "", str(points.constant), str(points.constant), "0"]]
    for line in points.lines:
        source = SOURCE_WORDS[line.source].text(lang)
        rows.append(
            [
                line.label.text(lang),
                source,
                line.bin.text(lang),
                signed(line.points),
                signed(line.baseline),
                signed(-line.difference),
            ]
        )
    total = points.score - points.baseline_score
    rows.append([say("合计", "Total").text(lang), "", "", str(points.score), str(points.baseline_score), signed(total)])
    heads = [
        say("指标", "Characteristic"),
        say("来源", "Source"),
        say("取值", "Attribute"),
        say("分值", "Points"),
        say("基准", "Baseline"),
    ]
    return grid([*(head.text(lang) for head in heads), say("差", "Difference").text(lang)], rows, numbers=[3, 4, 5], total=True)


def _block_grid(points: Points, lang: Language) -> Grid:
    rows = [[SOURCE_WORDS[source].text(lang), str(points.blocks[source]).replace("-", "−")] for source in SOURCES]
    heads = [say("来源", "Source").text(lang), say("小计", "Subtotal").text(lang)]
    return grid(heads, [*rows, [say("得分", "Score").text(lang), str(points.score)]], numbers=[1], total=True)


def _record_grid(it: Explanation, lang: Language) -> Grid:
    rows = [[one.feature, one.kind, one.event_id, one.document_no, one.event_date] for one in it.records]
    heads = [say("指标", "Feature"), say("类别", "Kind"), say("记录编号", "Record"), say("文号", "Document"), say("日期", "Date")]
    return grid([head.text(lang) for head in heads], rows)


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
        pass  # MOVED

        return to_text(self, lang)

    def to_html(self, lang: Language = "zh") -> str:
        """A page for the subject: no script, no link out, everything escaped."""
        pass  # MOVED

        return to_html(self, lang)

    def _repr_html_(self) -> str:
        pass  # MOVED

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
        raise DataError(
            "explain: expected one row of tiers for this subject_id (got {n_found}); look it up as of another day?",
            n_found=len(found),
        )
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
        raise DataError("explain: expected one row of features (got {n_row})", n_row=len(row))
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
    """The one of the smallest cut above the score, else the one for all."""
    with_cut, default = reasons.baselines(card)
    return next((one for one in with_cut if (one.above_score or 0) > score), default)


def _lines(card: Scorecard, row: pd.DataFrame, score: int) -> tuple[Line, ...]:
    places, compared = scoring.positions(card, row).iloc[0], _baseline(card, score).points
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
        frames.append(listed[listed["kind"] == Reason.parse(rule).ground].assign(feature=""))
    if records is not None:
        frames.append(records[records["subject_id"] == subject_id] if "subject_id" in records else records)
    found = []
    for frame in frames:
        columns = [frame[name] if name in frame else [None] * len(frame) for name in _RECORD]
        found += [SourceRecord(*("" if pd.isna(cell) else str(cell) for cell in cells)) for cells in zip(*columns, strict=True)]
    return tuple(found)
