"""The tables an auditor reads: tiers and how they moved, measures, fairness, data quality, cards and how good they are."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

import pandas as pd

from creditscore import vocabulary
from creditscore.language import DEFAULT_LANGUAGE, SOURCE_LANGUAGE, Message, Text, Words, _, pgettext
from creditscore.models.card import Card
from creditscore.models.characteristic import attribute_words
from creditscore.models.scorecard import Attribute, Characteristic, Scorecard, ceiling_text
from creditscore.records.deliveries.by_unit import DELIVERY_COLUMNS
from creditscore.records.deliveries.findings import TABLE_WORDS, finding_text
from creditscore.records.fault_words import code_text
from creditscore.reporting.columns import (
    Grid,
    RunTable,
    TableColumn,
    column,
    figure_columns,
    frame_of,
    industry_labels,
    label_or_code,
    rule_text,
)
from creditscore.reporting.fairness import MINIMUM, fairness_table
from creditscore.reporting.run_book import RunBook, migration_table, tiers_by_industry
from creditscore.reporting.terms import TERMS
from creditscore.reporting.words import (
    ALL_INDUSTRIES,
    ARRIVALS,
    GRADES,
    GROUP_WORDS,
    METRICS,
    OUT_OF_SCOPE,
    OWNERSHIPS,
    PARTS_PER_MILLION,
    SECTIONS,
    SETTINGS,
    SIZES,
    SOURCE_WORDS,
    SUBJECT_TYPE_WORDS,
    TIER_WORDS,
    UNITS,
    YES,
    text_of,
)
from creditscore.spreadsheet import Sheet, cell_words, label_text
from creditscore.tiering.tiers import shown_tiers

_DICTIONARY_COLUMNS = (
    column("sheet", width=20),
    column("field", width=24),
    column("zh", width=20),
    column("en", width=26),
    column("meaning_zh", width=48, wrap=True),
    column("meaning_en", width=52, wrap=True),
)
#: A workbook in a third language names its columns in that one too.
_DICTIONARY_FURTHER = (column("own", width=26), column("meaning_own", width=52, wrap=True))


def spread_frame(book: RunBook, words: Words) -> pd.DataFrame:
    """One row per industry and tier: section, industry, industry_label, tier, subjects, share of the industry."""
    spread = tiers_by_industry(book).assign(section=words.text(_("Distribution")))
    spread["industry_label"] = label_or_code(industry_labels(book), spread["industry"], words)
    return spread


def moves_frame(book: RunBook, words: Words) -> pd.DataFrame:
    """One row per previous tier and tier: section, from_tier, tier, subjects, share of the previous tier."""
    return migration_table(book).rename(columns={"previous_tier": "from_tier"}).assign(section=words.text(_("Migration")))


def _distribution_frames(book: RunBook, words: Words) -> Iterator[pd.DataFrame]:
    """Subjects per industry and tier, then per previous tier and tier; without an earlier run a row says so."""
    proposed = {vocabulary.PROPOSED: words.text(TIER_WORDS[vocabulary.PROPOSED])}
    spread, moves = (frame.replace({"tier": proposed}) for frame in (spread_frame(book, words), moves_frame(book, words)))
    yield spread
    if moves.empty and not spread.empty:
        why = _("No previous tiers (first run): nothing has moved")
        moves = pd.DataFrame({"section": [words.text(_("Migration"))], "remark": [words.text(why)]})
    yield moves


def _measure_frames(book: RunBook, words: Words) -> Iterator[pd.DataFrame]:
    """One row per measure of the policy: the tier, the industry, who takes it, by what rule, and how many it concerns.

    No measure concerns those who are proposed for D until a person has signed: a last row says how many they are.
    """
    rows: list[tuple[object, ...]] = []
    shown = pd.Series(shown_tiers(book.tiers) if not book.tiers.empty else [], dtype=object)
    industries = book.tiers.get("industry", pd.Series(dtype=object)).reset_index(drop=True)
    for one in book.policy.measure:
        held = shown == one.tier
        concerned = int((held if one.industry is None else held & (industries == one.industry)).sum())
        industry = words.text(ALL_INDUSTRIES) if one.industry is None else text_of(dict(book.industries), one.industry, words)
        rows.append((words.text(TIER_WORDS[one.tier]), industry, words.text(one.name), one.department, one.basis, concerned))
    proposed = int((shown == vocabulary.PROPOSED).sum())
    if rows and proposed:
        none = words.text(_("none until a person has signed; drawn in {tier} meanwhile", tier=vocabulary.RISKIEST_UNSIGNED))
        rows.append((words.text(TIER_WORDS[vocabulary.PROPOSED]), words.text(ALL_INDUSTRIES), none, None, None, proposed))
    yield frame_of(POLICY_MEASURES.columns, rows)


def _fairness_frames(book: RunBook, words: Words) -> Iterator[pd.DataFrame]:
    """Shares of tiers and planned visits per group; groups that are too small have no figures and a remark."""
    table = fairness_table(book)
    if not table.empty:
        few = words.text(_("fewer than {MINIMUM}: no shares", MINIMUM=MINIMUM))
        table = table.assign(remark=table[f"share_{vocabulary.RISKIEST}"].isna().map({True: few, False: None}))
        table["group"] = [_group_text(book, *pair, words) for pair in zip(table["attribute"], table["group"], strict=True)]
        table["attribute"] = label_or_code(GROUP_WORDS, table["attribute"], words)
    yield table


def _group_text(book: RunBook, attribute: str, group: str, words: Words) -> str:
    """The name of a group: a region, kind, size or ownership of subject by its label."""
    tables: dict[str, Mapping[str, Text]] = {
        "subject_type": SUBJECT_TYPE_WORDS,
        "region": dict(book.regions),
        "size_class": SIZES,
        "ownership": OWNERSHIPS,
    }
    return text_of({**tables.get(attribute, {}), **GROUP_WORDS}, group, words)


def row_equation(book: RunBook) -> list[tuple[Message, int]]:
    """The terms of the row equation, the left-hand side first."""
    counts = book.counts
    return [
        (_("Rows in"), counts.rows_in),
        (_("= scored"), counts.scored),
        (_("+ without a score"), counts.not_rated),
        (_("+ out of scope"), sum(counts.out_of_scope.values())),
        (_("+ quarantined"), counts.quarantined),
        (_("+ collapsed duplicates"), counts.collapsed),
    ]


def equation_frame(book: RunBook, words: Words) -> pd.DataFrame:
    """One row per term of the row equation: section, check_rule, rows."""
    return _counts(_("Row equation"), [(label, None, rows) for label, rows in row_equation(book)], words)


def out_of_scope_frame(book: RunBook, words: Words) -> pd.DataFrame:
    """One row per reason why rows of the register are not scored: section, check_rule, code, rows."""
    reasons = sorted(book.counts.out_of_scope.items())
    return _counts(_("Out of scope"), [(OUT_OF_SCOPE.get(reason, reason), reason, rows) for reason, rows in reasons], words)


def unrated_frames(book: RunBook, words: Words) -> Iterator[pd.DataFrame]:
    """One row per code of quarantined rows, then one per rule that left subjects without a tier: section, check_rule, rows."""
    yield _counts(_("Quarantined"), [(code_text(code), code, rows) for code, rows in sorted(book.rejects.items())], words)
    if not book.tiers.empty:
        rules = book.tiers.loc[book.tiers["tier"] == vocabulary.NOT_RATED, "rule"].fillna("")
        counts = [(rule_text(book, rule), str(rule), int(rows)) for rule, rows in rules.value_counts().sort_index().items()]
        yield _counts(pgettext("section", "Not rated"), counts, words)


def checkup_frame(book: RunBook, words: Words) -> pd.DataFrame:
    """One row per finding of the check-up, in words; examples are keys of rows."""
    rows = []
    for row in book.checkup.to_dict("records"):
        keys = row.get("examples")
        shown = keys if keys is None or isinstance(keys, str) else "、".join(str(key) for key in keys)
        table, code = text_of(TABLE_WORDS, row.get("table") or "", words), row.get("code")
        arrival = row.get("section") == "rows" and code in ARRIVALS
        rule = words.text(ARRIVALS[str(code)] if arrival else finding_text(row))
        section = text_of(SECTIONS, row.get("section"), words) or words.text(pgettext("section", "Check-up"))
        rows.append((section, table, rule, code, row.get("rows"), shown))
    return frame_of(QUALITY.columns, rows)


#: Columns of the deliveries that a page has no room for.
_NOT_SHOWN = ("source", "copies", "waiting", "before")


def deliveries_grid(book: RunBook, words: Words) -> Grid:
    """What each unit delivered, as a table of a page; no rows where the run does not know."""
    columns = [TableColumn(one.key, one.label, one.kind) for one in DELIVERY_COLUMNS if one.key not in _NOT_SHOWN]
    if book.deliveries.empty:
        return Grid.of(columns, [], words)
    shown = book.deliveries.assign(table=[text_of(TABLE_WORDS, name, words) for name in book.deliveries["table"]])
    return Grid.of(columns, [shown], words)


def _counts(section: Message, counts: Iterable[tuple[Text, str | None, int]], words: Words) -> pd.DataFrame:
    """Rows of the sheet on data quality that count: a text, its code, how many."""
    rows = [(words.text(section), None, words.text(text), code, rows, None) for text, code, rows in counts]
    return frame_of(QUALITY.columns, rows)


def _quality_frames(book: RunBook, words: Words) -> Iterator[pd.DataFrame]:
    """The row equation, what is out of scope, quarantined or not rated, and what the check-up found."""
    yield equation_frame(book, words)
    yield out_of_scope_frame(book, words)
    yield from unrated_frames(book, words)
    yield checkup_frame(book, words)


def card_frame(card: Scorecard, book: RunBook, words: Words) -> pd.DataFrame:
    """One row per attribute of a card, the constant first."""
    name = card_name(card, book, words)
    rows: list[Sequence[object]] = [(name, words.text(_("Constant")), "", "", "", card.constant, "", "", "", "", "")]
    for one in card.characteristics:
        label, source, unit = words.text(one.label), words.text(SOURCE_WORDS[one.source]), text_of(UNITS, one.unit, words)
        for bin_ in one.attributes:
            value, neutral = words.text(attribute_text(one, bin_, card)), words.text(YES) if bin_.neutral else None
            rows.append((name, label, source, unit, value, bin_.points, bin_.weight, bin_.bad_rate, bin_.woe, bin_.rows, neutral))
    return frame_of(CARDS.columns, rows)


def card_name(card: Scorecard, book: RunBook, words: Words) -> str:
    """The industry of a card in words; the card of all industries says so."""
    return text_of({"all": ALL_INDUSTRIES, **book.industries}, card.industry, words)


def attribute_text(one: Characteristic, bin_: Attribute, card: Card | None = None) -> Text:
    """An attribute in words; where a ceiling holds for its points, with who decided it.

    A cell of a cross names both characteristics with their attributes, which are those of the ``card``.
    """
    if card is not None and bin_.sides is not None:
        return _cell_text(card.sides_of(one), bin_.sides)
    label = bin_label(bin_, one.unit)
    if one.ceiling is None or not one.has_record(bin_):
        return label
    return Message("{bin} ({ceiling})", {"bin": label, "ceiling": ceiling_text(one.ceiling)})


def _cell_text(of: Sequence[Characteristic], sides: Sequence[Sequence[int]]) -> Text:
    """Both characteristics of a cross with those of their attributes that the cell takes."""
    (first, second), (own, other) = of, (_side_text(one, group) for one, group in zip(of, sides, strict=True))
    return _("{first}: {own}; {second}: {other}", first=first.label, own=own, second=second.label, other=other)


def _side_text(one: Characteristic, group: Sequence[int]) -> Text:
    """Some attributes of a characteristic; neighbouring intervals are one."""
    if len(group) == len(one.attributes):
        return _("any value")
    texts: list[Text] = []
    interval: Attribute | None = None
    for position in group:
        bin_ = one.attributes[position]
        if interval is not None and bin_.kind == "interval" and interval.upper == bin_.lower:
            bin_ = interval.model_copy(update={"upper": bin_.upper})
            texts.pop()
        interval = bin_ if bin_.kind == "interval" else None
        texts.append(bin_label(bin_, one.unit))
    names = [f"part{number}" for number in range(len(texts))]
    return Message(", ".join(f"{{{name}}}" for name in names), dict(zip(names, texts, strict=True)))


def bin_label(bin_: Attribute, unit: str = "") -> Text:
    """An attribute in words that need no notation where an end is open: ``< 1``, ``[1, 3)``, ``≥ 3``.

    Ratios, which features keep in millionths, are printed as ratios: ``< 0.9``.
    """
    if bin_.kind != "interval":
        return GRADES.get(bin_.label) or attribute_words(bin_.kind, bin_.label)
    scale = 1_000_000 if unit == PARTS_PER_MILLION else 1
    lower, upper = (None if end is None else f"{end / scale:,.10g}" for end in (bin_.lower, bin_.upper))
    if lower is None and upper is None:
        return _("any value")
    return f"< {upper}" if lower is None else f"≥ {lower}" if upper is None else f"[{lower}, {upper})"


def evaluation_frame(book: RunBook) -> pd.DataFrame:
    """One row for the whole test set: each measure in the order of ``METRICS``, ``x_low`` and ``x_high`` where known."""
    order = {name: position for position, name in enumerate(METRICS)}
    row: dict[str, float | None] = {}
    for name, figure in sorted(book.evaluation.items(), key=lambda pair: (order.get(pair[0], len(order)), pair[0])):
        row |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
    return pd.DataFrame([row] if row else []).astype("float64")


def _evaluation_frames(book: RunBook, words: Words) -> Iterator[pd.DataFrame]:
    """One row per measure, of the whole test set and then of each industry; figures are rounded as the report prints them.

    After them, how far industries were pulled to their parents, and what each setting that was tried loses on rows held out.
    """
    rows: list[Sequence[object]] = []
    for frame in (evaluation_frame(book), book.by_industry, book.shrinkage):
        columns = [one for one in figure_columns(frame) if one.numeric]
        for record in frame.to_dict("records"):
            name = text_of(industry_labels(book), record["industry"], words) if "industry" in record else words.text(ALL_INDUSTRIES)
            for one in columns:
                low, high = one.interval or ("", "")
                figures = [one.rounded(record.get(key)) for key in (one.key, low, high)]
                rows.append((name, words.text(one.label), *figures))
    everywhere = words.text(ALL_INDUSTRIES)
    tried = book.tuning.to_dict("records")
    rows += [(everywhere, words.text(setting_text(row)), round(row["held_out_loss"], 5), None, None) for row in tried]
    yield frame_of(EVALUATION.columns, rows)


def setting_text(row: Mapping[Hashable, object]) -> Text:
    """A value of a setting that was tried, and whether it was chosen."""
    figure = METRICS["held_out_loss"]
    tried = {"figure": figure, "setting": SETTINGS.get(str(row["setting"]), str(row["setting"])), "value": f"{row['value']:g}"}
    return _("{figure}: {setting} {value}, chosen", **tried) if row["chosen"] else _("{figure}: {setting} {value}", **tried)


def dictionary_sheet(sheets: Sequence[Sheet], lang: str) -> Sheet:
    """One row per column of every sheet, of this one too: its name and what it means.

    Both are given in Chinese and English, and before that in the workbook's own language where it is a third one.
    """
    both = (Words.of(DEFAULT_LANGUAGE), Words.of(SOURCE_LANGUAGE))
    further = [] if cell_words(lang) in both else [cell_words(lang)]
    columns = (*_DICTIONARY_COLUMNS[:2], *(_DICTIONARY_FURTHER if further else ()), *_DICTIONARY_COLUMNS[2:])
    rows: list[Sequence[object]] = []
    own = Sheet(_("Dictionary"), columns, rows)
    for sheet in (*sheets, own):
        for one in sheet.columns:
            texts = (one.label, TERMS[one.key].meaning)
            named = [words.text(text) for group in (further, both) for text in texts for words in group]
            rows.append((label_text(sheet.name, lang), one.key, *named))
    return own


#: One row per industry and tier, then one per previous tier and tier.
DISTRIBUTION = RunTable(
    _("Distribution and migration"),
    (
        column("section", width=16),
        column("industry"),
        column("industry_label", width=20),
        column("from_tier", width=10),
        column("tier", width=8),
        column("subjects", "integer"),
        column("share", "percent"),
        column("remark", width=40),
    ),
    _distribution_frames,
    note=_("No tiers"),
)
#: One row per measure of the tier policy.
POLICY_MEASURES = RunTable(
    pgettext("sheet", "Measures"),
    (
        column("tier", width=14),
        column("industry_label", width=20),
        column("measure", width=50, wrap=True),
        column("department", width=26),
        column("basis", width=50, wrap=True),
        column("subjects", "integer"),
    ),
    _measure_frames,
    note=_("The tier policy names no measures"),
)
#: One row per group of subjects.
FAIRNESS = RunTable(
    _("Fairness"),
    (
        column("attribute"),
        column("group", width=22),
        column("subjects", "integer"),
        *(column(f"share_{tier}", "percent") for tier in vocabulary.TIERS[:-1]),
        column(f"share_{vocabulary.PROPOSED}", "percent"),
        column(f"share_{vocabulary.RISKIEST}", "percent", interval=("riskiest_low", "riskiest_high")),
        column("riskiest_low", "percent"),
        column("riskiest_high", "percent"),
        column("share_NR", "percent"),
        column("visits_per_1000", "number", format="#,##0.0", digits=1),
        column("remark", width=26),
    ),
    _fairness_frames,
    note=_("Nothing is known of groups of subjects"),
)
#: One row per count of rows and per finding of the check-up.
QUALITY = RunTable(
    _("Data quality and not rated"),
    (
        column("section", width=18),
        column("table", width=14),
        column("check_rule", width=44, wrap=True),
        column("code", width=32),
        column("rows", "integer"),
        column("examples", width=44, wrap=True),
    ),
    _quality_frames,
    note=_("No check-up"),
)
#: One row per attribute of every card, the constant of the card first.
CARDS = RunTable(
    _("Scorecards"),
    (
        column("card", width=20),
        column("characteristic", width=30, once=True),
        column("source", width=12, once=True),
        column("unit", width=14),
        column("bin", width=24),
        column("points", "integer", signed=True),
        column("weight", "percent"),
        column("bad_rate", "percent", digits=2),
        column("woe", "number"),
        column("rows", "integer"),
        column("neutral", width=8),
    ),
    lambda book, words: (card_frame(book.cards[key], book, words) for key in sorted(book.cards)),
    note=_("No scorecards"),
)
#: One row per measure of how good the cards are, over all industries and of each.
EVALUATION = RunTable(
    _("How good the cards are"),
    (
        column("industry_label", width=20),
        column("metric", width=30),
        column("figure", "number", format="General"),
        column("figure_low", "number", format="General"),
        column("figure_high", "number", format="General"),
    ),
    _evaluation_frames,
    note=_("This run has no evaluation (signed cards are in use; see the run that trained them)."),
)
