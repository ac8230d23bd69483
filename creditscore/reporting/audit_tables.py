"""The sheets an auditor reads: distribution and migration, fairness, data quality, cards, the dictionary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from creditscore import vocabulary
from creditscore.config.policy import Measure
from creditscore.config.spec import Label, Language
from creditscore.models.scorecard import Attribute, Scorecard
from creditscore.records.findings import code_words, rule_words, table_words
from creditscore.reporting.columns import column, label_or_code, rows_of, rule_text
from creditscore.reporting.fairness import MINIMUM, fairness_table
from creditscore.reporting.run_book import RunBook, migration_table, tiers_by_industry
from creditscore.reporting.terms import TERMS
from creditscore.reporting.words import (
    ARRIVALS,
    GRADES,
    GROUPS,
    OUT_OF_SCOPE,
    OWNERSHIPS,
    PARTS_PER_MILLION,
    SECTIONS,
    SIZES,
    SOURCES,
    SUBJECT_TYPES,
    TIERS,
    UNITS,
    UNKNOWN,
    say,
    text_of,
)
from creditscore.spreadsheet import BookLanguage, Column, Sheet, label_text

DISTRIBUTION_COLUMNS: tuple[Column, ...] = (
    column("section", width=16),
    column("industry"),
    column("industry_label", width=20),
    column("from_tier", width=10),
    column("tier", width=8),
    column("subjects", "integer"),
    column("share", "percent"),
    column("remark", width=40),
)
MEASURE_COLUMNS: tuple[Column, ...] = (
    column("tier", width=14),
    column("industry_label", width=20),
    column("measure", width=50, wrap=True),
    column("department", width=26),
    column("basis", width=50, wrap=True),
    column("subjects", "integer"),
)
FAIRNESS_COLUMNS: tuple[Column, ...] = (
    column("attribute"),
    column("group", width=22),
    column("subjects", "integer"),
    *(column(f"share_{tier}", "percent") for tier in vocabulary.TIERS),
    column("d_low", "percent"),
    column("d_high", "percent"),
    column("share_NR", "percent"),
    column("visits_per_1000", "number", format="#,##0.0"),
    column("remark", width=26),
)
QUALITY_COLUMNS: tuple[Column, ...] = (
    column("section", width=18),
    column("table", width=14),
    column("check_rule", width=44, wrap=True),
    column("code", width=32),
    column("rows", "integer"),
    column("examples", width=44, wrap=True),
)
CARD_COLUMNS: tuple[Column, ...] = (
    column("card", width=20),
    column("characteristic", width=30),
    column("source", width=12),
    column("unit", width=14),
    column("bin", width=24),
    column("points", "integer"),
    column("weight", "percent"),
    column("bad_rate", "percent"),
    column("woe", "number"),
    column("rows", "integer"),
    column("neutral", width=8),
)
DICTIONARY_COLUMNS: tuple[Column, ...] = (
    column("sheet", width=20),
    column("field", width=24),
    column("zh", width=20),
    column("en", width=26),
    column("meaning_zh", width=48, wrap=True),
    column("meaning_en", width=52, wrap=True),
)


def distribution_sheet(book: RunBook, lang: Language) -> Sheet:
    """Subjects per industry and tier, then per previous tier and tier; without a run before that is said."""
    spread = tiers_by_industry(book).assign(section=say("分级分布", "Distribution").text(lang))
    moves = (
        migration_table(book).rename(columns={"previous_tier": "from_tier"}).assign(section=say("等级迁移", "Migration").text(lang))
    )
    spread["industry_label"] = label_or_code({**book.industries, "": UNKNOWN}, spread["industry"], lang)
    if moves.empty and not spread.empty:
        why = say("没有上期等级（首次运行），无迁移可列", "No previous tiers (first run): nothing has moved")
        moves = pd.DataFrame({"section": [say("等级迁移", "Migration").text(lang)], "remark": [why.text(lang)]})
    rows = [*rows_of(spread, DISTRIBUTION_COLUMNS), *rows_of(moves, DISTRIBUTION_COLUMNS)]
    name = say("分级分布与迁移", "Distribution and migration")
    return Sheet(name, DISTRIBUTION_COLUMNS, rows, note=say("没有分级结果", "No tiers"))


def measure_sheet(book: RunBook, lang: Language) -> Sheet:
    """One row per measure of the policy: the tier, the industry, who takes it, by what rule, and how many it concerns."""
    rows = [
        (
            TIERS[one.tier].text(lang),
            _industry_text(book, one, lang),
            one.name.text(lang),
            one.department,
            one.basis,
            _concerned(book, one),
        )
        for one in book.policy.measure
    ]
    note = say("分级政策没有规定差异化监管措施", "The tier policy names no measures")
    return Sheet(say("差异化监管措施", "Measures"), MEASURE_COLUMNS, rows, note=note)


def _industry_text(book: RunBook, measure: Measure, lang: Language) -> str:
    every = say("全部行业", "All industries").text(lang)
    return every if measure.industry is None else text_of(dict(book.industries), measure.industry, lang)


def _concerned(book: RunBook, measure: Measure) -> int:
    """Subjects of the measure's tier, and of its industry where it has one."""
    if book.tiers.empty:
        return 0
    held = book.tiers["tier"] == measure.tier
    return int((held if measure.industry is None else held & (book.tiers["industry"] == measure.industry)).sum())


def fairness_sheet(book: RunBook, lang: Language) -> Sheet:
    """Shares of tiers and planned visits per group; groups that are too small show no figures."""
    table = fairness_table(book)
    if not table.empty:
        few = say(f"少于 {MINIMUM} 户，不列占比", f"fewer than {MINIMUM}: no shares").text(lang)
        table = table.assign(remark=table["share_D"].isna().map({True: few, False: None}))
        table["group"] = [group_text(book, *pair, lang) for pair in zip(table["attribute"], table["group"], strict=True)]
        table["attribute"] = label_or_code(GROUPS, table["attribute"], lang)
    note = say("没有主体的分组信息", "Nothing is known of groups of subjects")
    return Sheet(say("公平性", "Fairness"), FAIRNESS_COLUMNS, rows_of(table, FAIRNESS_COLUMNS), note=note)


def group_text(book: RunBook, attribute: str, group: str, lang: Language) -> str:
    """The name of a group: a region, kind, size or ownership of subject by its label."""
    tables = {"subject_type": SUBJECT_TYPES, "region": dict(book.regions), "size_class": SIZES, "ownership": OWNERSHIPS}
    return text_of(tables.get(attribute, {}) | GROUPS, group, lang)


def quality_sheet(book: RunBook, lang: Language) -> Sheet:
    """The row equation, what the check-up found, what was quarantined, and why subjects are not rated."""
    name = say("数据质量与未评级", "Data quality and not rated")
    return Sheet(name, QUALITY_COLUMNS, list(_quality_rows(book, lang)), note=say("没有检查结果", "No check-up"))


def row_equation(book: RunBook) -> list[tuple[Label, int]]:
    """The terms of the row equation, the left-hand side first."""
    counts = book.counts
    return [
        (say("输入行数", "Rows in"), counts.rows_in),
        (say("= 已评分", "= scored"), counts.scored),
        (say("+ 未评级", "+ not rated"), counts.not_rated),
        (say("+ 范围外", "+ out of scope"), sum(counts.out_of_scope.values())),
        (say("+ 隔离", "+ quarantined"), counts.quarantined),
        (say("+ 合并的重复行", "+ collapsed duplicates"), counts.collapsed),
    ]


def not_rated_reasons(book: RunBook) -> list[tuple[str, int]]:
    """Subjects that are 未评 by the rule that left them so."""
    if book.tiers.empty:
        return []
    unrated = book.tiers.loc[book.tiers["tier"] == vocabulary.NOT_RATED, "rule"].fillna("")
    return [(str(rule), int(rows)) for rule, rows in unrated.value_counts().sort_index().items()]


def _quality_rows(book: RunBook, lang: Language) -> Iterator[Sequence[object]]:
    balance = say("行数平衡", "Row equation").text(lang)
    for label, rows in row_equation(book):
        yield balance, None, label.text(lang), None, rows, None
    for reason, rows in sorted(book.counts.out_of_scope.items()):
        yield say("范围外", "Out of scope").text(lang), None, text_of(OUT_OF_SCOPE, reason, lang), reason, rows, None
    for code, rows in sorted(book.rejects.items()):
        yield say("隔离", "Quarantined").text(lang), None, code_words(code, lang), code, rows, None
    for rule, rows in not_rated_reasons(book):
        yield say("未评级", "Not rated").text(lang), None, rule_text(book, rule, lang), rule, rows, None
    for row in book.checkup.to_dict("records"):
        keys = row.get("examples")
        shown = keys if keys is None or isinstance(keys, str) else "、".join(str(key) for key in keys)
        table, part = table_words(row.get("table") or "", lang), row.get("code")
        counted = row.get("section") == "rows" and part in ARRIVALS
        rule = ARRIVALS[str(part)].text(lang) if counted else rule_words(row.get("rule") or "", lang)
        yield section_text(row.get("section"), lang), table, rule, part, row.get("rows"), shown


def section_text(section: object, lang: Language) -> str:
    """The section of the check-up a finding stands in."""
    return text_of(SECTIONS, section, lang) or say("体检", "Check-up").text(lang)


def card_sheet(book: RunBook, lang: Language) -> Sheet:
    """One row per attribute of every card, the constant first."""
    rows = [row for key in sorted(book.cards) for row in card_rows(book.cards[key], book, lang)]
    return Sheet(say("评分卡", "Scorecards"), CARD_COLUMNS, rows, note=say("没有评分卡", "No scorecards"))


def card_rows(card: Scorecard, book: RunBook, lang: Language) -> Iterator[Sequence[object]]:
    """The rows of one card in the order of :data:`CARD_COLUMNS`."""
    name = card_name(card, book, lang)
    yield name, say("常数", "Constant").text(lang), None, None, None, card.constant, None, None, None, None, None
    for one in card.characteristics:
        for bin_ in one.attributes:
            yield (
                name,
                one.label.text(lang),
                SOURCES[one.source].text(lang),
                text_of(UNITS, one.unit, lang),
                bin_label(bin_, one.unit).text(lang),
                bin_.points,
                bin_.weight,
                bin_.bad_rate,
                bin_.woe,
                bin_.rows,
                say("是", "yes").text(lang) if bin_.neutral else None,
            )


def card_name(card: Scorecard, book: RunBook, lang: Language) -> str:
    """The industry of a card in words; the card of all industries says so."""
    return text_of({"all": say("全部行业", "All industries"), **book.industries}, card.industry, lang)


_BINS = {"missing": say("缺失", "Missing"), "other": say("其他", "Other")}


def bin_label(bin_: Attribute, unit: str = "") -> Label:
    """An attribute in words that need no notation where an end is open: ``< 1``, ``[1, 3)``, ``≥ 3``.

    Ratios, which features keep in millionths, are printed as ratios: ``< 0.9``.
    """
    if bin_.kind in _BINS:
        return _BINS[bin_.kind]
    if bin_.kind != "interval":
        return GRADES.get(bin_.label, say(bin_.label, bin_.label))
    scale = 1_000_000 if unit == PARTS_PER_MILLION else 1
    lower, upper = (None if end is None else f"{end / scale:,.10g}" for end in (bin_.lower, bin_.upper))
    if lower is None and upper is None:
        return say("任何值", "any value")
    text = f"< {upper}" if lower is None else f"≥ {lower}" if upper is None else f"[{lower}, {upper})"
    return say(text, text)


def dictionary_sheet(sheets: Sequence[Sheet], lang: BookLanguage) -> Sheet:
    """One row per column of every sheet, of this one too: its name in both languages and what it means."""
    rows: list[Sequence[object]] = []
    own = Sheet(say("数据字典", "Dictionary"), DICTIONARY_COLUMNS, rows)
    for sheet in (*sheets, own):
        for one in sheet.columns:
            term = TERMS[one.key]
            rows.append((label_text(sheet.name, lang), one.key, one.label.zh, one.label.en, term.meaning.zh, term.meaning.en))
    return own
