"""The sheets an auditor reads: distribution and migration, fairness, data quality, cards, the dictionary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from creditscore import vocabulary
from creditscore.config.policy import Measure
from creditscore.language import DEFAULT_LANGUAGE, SOURCE_LANGUAGE, Message, Text, Words, _, pgettext
from creditscore.models.scorecard import Attribute, Scorecard
from creditscore.records.findings import TABLE_WORDS, code_text, finding_text
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
    text_of,
)
from creditscore.spreadsheet import Column, Sheet, cell_words, label_text

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
#: A workbook in a third language names its columns in that one too.
_DICTIONARY_FURTHER = (column("own", width=26), column("meaning_own", width=52, wrap=True))


def distribution_sheet(book: RunBook, words: Words) -> Sheet:
    """Subjects per industry and tier, then per previous tier and tier; without a run before that is said."""
    spread = tiers_by_industry(book).assign(section=words.text(_("Distribution")))
    moves = migration_table(book).rename(columns={"previous_tier": "from_tier"}).assign(section=words.text(_("Migration")))
    spread["industry_label"] = label_or_code({**book.industries, "": UNKNOWN}, spread["industry"], words)
    if moves.empty and not spread.empty:
        why = _("No previous tiers (first run): nothing has moved")
        moves = pd.DataFrame({"section": [words.text(_("Migration"))], "remark": [words.text(why)]})
    rows = [*rows_of(spread, DISTRIBUTION_COLUMNS), *rows_of(moves, DISTRIBUTION_COLUMNS)]
    name = _("Distribution and migration")
    return Sheet(name, DISTRIBUTION_COLUMNS, rows, note=_("No tiers"))


def measure_sheet(book: RunBook, words: Words) -> Sheet:
    """One row per measure of the policy: the tier, the industry, who takes it, by what rule, and how many it concerns."""
    rows = [
        (
            words.text(TIERS[one.tier]),
            _industry_text(book, one, words),
            words.text(one.name),
            one.department,
            one.basis,
            _concerned(book, one),
        )
        for one in book.policy.measure
    ]
    note = _("The tier policy names no measures")
    return Sheet(pgettext("sheet", "Measures"), MEASURE_COLUMNS, rows, note=note)


def _industry_text(book: RunBook, measure: Measure, words: Words) -> str:
    every = words.text(_("All industries"))
    return every if measure.industry is None else text_of(dict(book.industries), measure.industry, words)


def _concerned(book: RunBook, measure: Measure) -> int:
    """Subjects of the measure's tier, and of its industry where it has one."""
    if book.tiers.empty:
        return 0
    held = book.tiers["tier"] == measure.tier
    return int((held if measure.industry is None else held & (book.tiers["industry"] == measure.industry)).sum())


def fairness_sheet(book: RunBook, words: Words) -> Sheet:
    """Shares of tiers and planned visits per group; groups that are too small show no figures."""
    table = fairness_table(book)
    if not table.empty:
        few = words.text(_("fewer than {MINIMUM}: no shares", MINIMUM=MINIMUM))
        table = table.assign(remark=table["share_D"].isna().map({True: few, False: None}))
        table["group"] = [group_text(book, *pair, words) for pair in zip(table["attribute"], table["group"], strict=True)]
        table["attribute"] = label_or_code(GROUPS, table["attribute"], words)
    note = _("Nothing is known of groups of subjects")
    return Sheet(_("Fairness"), FAIRNESS_COLUMNS, rows_of(table, FAIRNESS_COLUMNS), note=note)


def group_text(book: RunBook, attribute: str, group: str, words: Words) -> str:
    """The name of a group: a region, kind, size or ownership of subject by its label."""
    tables: dict[str, Mapping[str, Text]] = {
        "subject_type": SUBJECT_TYPES,
        "region": dict(book.regions),
        "size_class": SIZES,
        "ownership": OWNERSHIPS,
    }
    return text_of({**tables.get(attribute, {}), **GROUPS}, group, words)


def quality_sheet(book: RunBook, words: Words) -> Sheet:
    """The row equation, what the check-up found, what was quarantined, and why subjects are not rated."""
    name = _("Data quality and not rated")
    return Sheet(name, QUALITY_COLUMNS, list(_quality_rows(book, words)), note=_("No check-up"))


def row_equation(book: RunBook) -> list[tuple[Message, int]]:
    """The terms of the row equation, the left-hand side first."""
    counts = book.counts
    return [
        (_("Rows in"), counts.rows_in),
        (_("= scored"), counts.scored),
        (_("+ not rated"), counts.not_rated),
        (_("+ out of scope"), sum(counts.out_of_scope.values())),
        (_("+ quarantined"), counts.quarantined),
        (_("+ collapsed duplicates"), counts.collapsed),
    ]


def not_rated_reasons(book: RunBook) -> list[tuple[str, int]]:
    """Subjects that are 未评 by the rule that left them so."""
    if book.tiers.empty:
        return []
    unrated = book.tiers.loc[book.tiers["tier"] == vocabulary.NOT_RATED, "rule"].fillna("")
    return [(str(rule), int(rows)) for rule, rows in unrated.value_counts().sort_index().items()]


def _quality_rows(book: RunBook, words: Words) -> Iterator[Sequence[object]]:
    balance = words.text(_("Row equation"))
    for label, rows in row_equation(book):
        yield balance, None, words.text(label), None, rows, None
    for reason, rows in sorted(book.counts.out_of_scope.items()):
        yield words.text(_("Out of scope")), None, text_of(OUT_OF_SCOPE, reason, words), reason, rows, None
    for code, rows in sorted(book.rejects.items()):
        yield words.text(_("Quarantined")), None, words.text(code_text(code)), code, rows, None
    for rule, rows in not_rated_reasons(book):
        yield words.text(pgettext("section", "Not rated")), None, words.text(rule_text(book, rule)), rule, rows, None
    for row in book.checkup.to_dict("records"):
        keys = row.get("examples")
        shown = keys if keys is None or isinstance(keys, str) else "、".join(str(key) for key in keys)
        table, part = text_of(TABLE_WORDS, row.get("table") or "", words), row.get("code")
        counted = row.get("section") == "rows" and part in ARRIVALS
        rule = words.text(ARRIVALS[str(part)] if counted else finding_text(row))
        yield section_text(row.get("section"), words), table, rule, part, row.get("rows"), shown


def section_text(section: object, words: Words) -> str:
    """The section of the check-up a finding stands in."""
    return text_of(SECTIONS, section, words) or words.text(pgettext("section", "Check-up"))


def card_sheet(book: RunBook, words: Words) -> Sheet:
    """One row per attribute of every card, the constant first."""
    rows = [row for key in sorted(book.cards) for row in card_rows(book.cards[key], book, words)]
    return Sheet(_("Scorecards"), CARD_COLUMNS, rows, note=_("No scorecards"))


def card_rows(card: Scorecard, book: RunBook, words: Words) -> Iterator[Sequence[object]]:
    """The rows of one card in the order of :data:`CARD_COLUMNS`."""
    name = card_name(card, book, words)
    yield name, words.text(_("Constant")), None, None, None, card.constant, None, None, None, None, None
    for one in card.characteristics:
        for bin_ in one.attributes:
            yield (
                name,
                words.text(one.label),
                words.text(SOURCES[one.source]),
                text_of(UNITS, one.unit, words),
                words.text(bin_label(bin_, one.unit)),
                bin_.points,
                bin_.weight,
                bin_.bad_rate,
                bin_.woe,
                bin_.rows,
                words.text(_("yes")) if bin_.neutral else None,
            )


def card_name(card: Scorecard, book: RunBook, words: Words) -> str:
    """The industry of a card in words; the card of all industries says so."""
    return text_of({"all": _("All industries"), **book.industries}, card.industry, words)


_BINS = {"missing": _("Missing"), "other": _("Other")}


def bin_label(bin_: Attribute, unit: str = "") -> Text:
    """An attribute in words that need no notation where an end is open: ``< 1``, ``[1, 3)``, ``≥ 3``.

    Ratios, which features keep in millionths, are printed as ratios: ``< 0.9``.
    """
    if bin_.kind in _BINS:
        return _BINS[bin_.kind]
    if bin_.kind != "interval":
        return GRADES.get(bin_.label, bin_.label)
    scale = 1_000_000 if unit == PARTS_PER_MILLION else 1
    lower, upper = (None if end is None else f"{end / scale:,.10g}" for end in (bin_.lower, bin_.upper))
    if lower is None and upper is None:
        return _("any value")
    return f"< {upper}" if lower is None else f"≥ {lower}" if upper is None else f"[{lower}, {upper})"


def dictionary_sheet(sheets: Sequence[Sheet], lang: str) -> Sheet:
    """One row per column of every sheet, of this one too: its name and what it means.

    Both are given in Chinese and English, and before that in the workbook's own language where it is a third one.
    """
    both = (Words.of(DEFAULT_LANGUAGE), Words.of(SOURCE_LANGUAGE))
    further = [] if cell_words(lang) in both else [cell_words(lang)]
    columns = (*DICTIONARY_COLUMNS[:2], *(_DICTIONARY_FURTHER if further else ()), *DICTIONARY_COLUMNS[2:])
    rows: list[Sequence[object]] = []
    own = Sheet(_("Dictionary"), columns, rows)
    for sheet in (*sheets, own):
        for one in sheet.columns:
            texts = (one.label, TERMS[one.key].meaning)
            named = [words.text(text) for group in (further, both) for text in texts for words in group]
            rows.append((label_text(sheet.name, lang), one.key, *named))
    return own
