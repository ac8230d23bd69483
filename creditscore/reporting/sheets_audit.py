"""The sheets an auditor reads: distribution and migration, fairness, data quality, cards, the dictionary."""

from collections.abc import Iterator, Sequence

from creditscore.config.base import Label, Language
from creditscore.models.scorecard import Attribute, Scorecard
from creditscore.records.checkup_text import code_words, rule_words, table_words
from creditscore.reporting.book import RunBook, migration_table, tiers_by_industry
from creditscore.reporting.columns import column, label_or_code, rows_of, rule_text
from creditscore.reporting.fairness import MINIMUM, fairness_table
from creditscore.reporting.words import GROUPS, OUT_OF_SCOPE, SECTIONS, SOURCES, SUBJECT_TYPES, TERMS, say, text_of
from creditscore.spreadsheet import Column, Sheet

DISTRIBUTION_COLUMNS: tuple[Column, ...] = (
    column("section", width=16),
    column("industry"),
    column("industry_label", width=20),
    column("from_tier", width=10),
    column("tier", width=8),
    column("subjects", "integer"),
    column("share", "percent"),
)
FAIRNESS_COLUMNS: tuple[Column, ...] = (
    column("attribute"),
    column("group", width=22),
    column("subjects", "integer"),
    *(column(f"share_{tier}", "percent") for tier in ("A", "B", "C", "D")),
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
    column("code", width=22),
    column("rows", "integer"),
    column("examples", width=44, wrap=True),
)
CARD_COLUMNS: tuple[Column, ...] = (
    column("card", width=20),
    column("characteristic", width=30),
    column("source", width=12),
    column("unit", width=10),
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
    Column("zh", say("中文", "Chinese"), width=20),
    Column("en", say("英文", "English"), width=26),
    Column("meaning_zh", say("含义（中文）", "Meaning (Chinese)"), width=44, wrap=True),
    Column("meaning_en", say("含义（英文）", "Meaning (English)"), width=48, wrap=True),
)


def distribution_sheet(book: RunBook, lang: Language) -> Sheet:
    """Subjects per industry and tier, then per previous tier and tier."""
    spread = tiers_by_industry(book).assign(section=say("分级分布", "Distribution").text(lang))
    moves = (
        migration_table(book).rename(columns={"previous_tier": "from_tier"}).assign(section=say("等级迁移", "Migration").text(lang))
    )
    spread["industry_label"] = label_or_code(dict(book.industries), spread["industry"], lang)
    rows = [*rows_of(spread, DISTRIBUTION_COLUMNS), *rows_of(moves, DISTRIBUTION_COLUMNS)]
    name = say("分级分布与迁移", "Distribution and migration")
    return Sheet(name, DISTRIBUTION_COLUMNS, rows, note=say("没有分级结果", "No tiers"))


def fairness_sheet(book: RunBook, lang: Language) -> Sheet:
    """Shares of tiers and planned visits per group; groups that are too small show no figures."""
    table = fairness_table(book)
    if not table.empty:
        table = table.assign(remark=table["share_D"].isna().map({True: f"n < {MINIMUM}", False: None}))
        table["group"] = [group_text(book, *pair, lang) for pair in zip(table["attribute"], table["group"], strict=True)]
        table["attribute"] = label_or_code(GROUPS, table["attribute"], lang)
    note = say("没有主体的分组信息", "Nothing is known of groups of subjects")
    return Sheet(say("公平性", "Fairness"), FAIRNESS_COLUMNS, rows_of(table, FAIRNESS_COLUMNS), note=note)


def group_text(book: RunBook, attribute: str, group: str, lang: Language) -> str:
    """The name of a group: a region or kind of subject by its label."""
    tables = {"subject_type": SUBJECT_TYPES, "region": dict(book.regions)}
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
    unrated = book.tiers.loc[book.tiers["tier"] == "NR", "rule"].fillna("")
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
        table, rule = table_words(row.get("table") or "", lang), rule_words(row.get("rule") or "", lang)
        yield section_text(row.get("section"), lang), table, rule, row.get("code"), row.get("rows"), shown


def section_text(section: object, lang: Language) -> str:
    """The section of the check-up a finding stands in."""
    return text_of(SECTIONS, section, lang) or say("体检", "Check-up").text(lang)


def card_sheet(book: RunBook, lang: Language) -> Sheet:
    """One row per attribute of every card, the constant first."""
    rows = [row for key in sorted(book.cards) for row in card_rows(book.cards[key], book, lang)]
    return Sheet(say("评分卡", "Scorecards"), CARD_COLUMNS, rows, note=say("没有评分卡", "No scorecards"))


def card_rows(card: Scorecard, book: RunBook, lang: Language) -> Iterator[Sequence[object]]:
    """The rows of one card in the order of :data:`CARD_COLUMNS`."""
    name = text_of(dict(book.industries), card.industry, lang)
    yield name, say("常数", "Constant").text(lang), None, None, None, card.constant, None, None, None, None, None
    for one in card.characteristics:
        for bin_ in one.attributes:
            yield (
                name,
                one.label.text(lang),
                SOURCES[one.source].text(lang),
                one.unit,
                bin_label(bin_).text(lang),
                bin_.points,
                bin_.weight,
                bin_.bad_rate,
                bin_.woe,
                bin_.rows,
                say("是", "yes").text(lang) if bin_.neutral else None,
            )


_BINS = {"missing": say("缺失", "Missing"), "other": say("其他", "Other")}


def bin_label(bin_: Attribute) -> Label:
    """An attribute in words that need no notation where an end is open: ``< 1``, ``[1, 3)``, ``≥ 3``."""
    if bin_.kind in _BINS:
        return _BINS[bin_.kind]
    if bin_.kind != "interval":
        return say(bin_.label, bin_.label)
    if bin_.lower is None and bin_.upper is None:
        return say("任何值", "any value")
    if bin_.lower is None or bin_.upper is None:
        text = f"< {bin_.upper:,.10g}" if bin_.lower is None else f"≥ {bin_.lower:,.10g}"
    else:
        text = f"[{bin_.lower:,.10g}, {bin_.upper:,.10g})"
    return say(text, text)


def dictionary_sheet(sheets: Sequence[Sheet]) -> Sheet:
    """One row per column of every other sheet: its name in both languages and what it means."""
    rows = []
    for sheet in sheets:
        for one in sheet.columns:
            meaning = TERMS[one.key].meaning if one.key in TERMS else say("", "")
            rows.append((sheet.name.zh, one.key, one.label.zh, one.label.en, meaning.zh or None, meaning.en or None))
    return Sheet(say("数据字典", "Dictionary"), DICTIONARY_COLUMNS, rows)
