"""The workbook: ratios, drawn list, signatures, and what an auditor needs to judge them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from creditscore.language import DEFAULT_LANGUAGE, Message, Words, _, pgettext
from creditscore.reporting import audit_tables, planning_tables
from creditscore.reporting.audit_tables import card_name, dictionary_sheet, row_equation
from creditscore.reporting.columns import RunTable, column, frame_of, period_text
from creditscore.reporting.run_book import RunBook, tier_counts
from creditscore.reporting.words import FACTS, PURPOSES, TIER_WORDS, text_of
from creditscore.spreadsheet import BookReport, cell_words, label_text, write_book
from creditscore.spreadsheet.sheets import MAX_ROWS

_WHAT = _("A tier allocates inspection effort. It is not a verdict, a punishment, a blacklist or a loan decision.")
_EDIT = _(
    "Tinted cells may be edited: ratios are read back by creditscore plan import, results by creditscore "
    "results, signatures by creditscore sign."
)


def write_workbook(path: str | Path, book: RunBook, *, lang: str = DEFAULT_LANGUAGE, max_rows: int = MAX_ROWS) -> BookReport:
    """Write the workbook of a run; the same book gives the same bytes.

    Sheets: 说明, 抽查比例方案, 抽查名单, 待复核, 人员匹配, 周工作量, 人员工作量, 差异化监管措施, 分级分布与迁移, 公平性,
    数据质量与未评级, 评分卡, 模型检验, 数据字典. A section without rows says why. Nothing in it is a formula or a link.

    Args:
        path: The file; the old one stays until the new one is complete.
        book: The run.
        lang: The language; ``both`` has headers in Chinese and English over Chinese cells.
        max_rows: Rows of a sheet before it continues in the next.

    Raises:
        DataError: A cell does not fit into Excel.
    """
    words = cell_words(lang)
    pages = [table.sheet(book, words) for table in _TABLES]
    title = label_text(_("{project}: inspection plan", project=book.project), lang)
    pages.append(dictionary_sheet(pages, lang))
    return write_book(path, pages, lang=lang, title=title, created=book.as_of, max_rows=max_rows)


def _about(book: RunBook, words: Words) -> Iterator[tuple[Message, str]]:
    yield _("Project"), words.text(book.project)
    yield _("Authority"), words.text(book.authority)
    yield _("Purpose"), text_of(PURPOSES, book.purpose, words)
    yield _("As of"), book.as_of.isoformat()
    if book.run_id:
        yield _("Run"), book.run_id
    yield pgettext("about", "What this is"), words.text(_WHAT)
    yield _("How to fill in"), words.text(_EDIT)
    for note in book.notes:
        yield _("Note"), words.text(note)
    yield _("Row equation"), " ".join(f"{words.text(label)} {words.number(rows)}" for label, rows in row_equation(book))
    counts = tier_counts(book)
    yield _("Tiers"), "；".join(f"{words.text(TIER_WORDS[tier])} {words.number(counts[tier])}" for tier in counts)
    yield from _about_open(book, words)
    yield _("Tier policy"), f"{book.policy.effective.isoformat()} · {book.policy.basis} · {book.policy.signed_by}"
    yield from _about_plans(book, words)
    for key in sorted(book.cards):
        card = book.cards[key]
        yield _("Scorecard"), f"{card_name(card, book, words)} · sha256 {card.sha256}"
    yield from _about_facts(book, words)
    if book.contact:
        yield _("Contact and objections"), book.contact


def _about_open(book: RunBook, words: Words) -> Iterator[tuple[Message, str]]:
    """How many tiers wait for a signature: until then those subjects are counted and drawn in the tier they had."""
    waiting = int((book.tiers["status"] == "proposed").sum()) if "status" in book.tiers else 0
    if waiting:
        text = _(
            "{waiting:,} proposed tiers wait for a signature (sheet To review); until then the subject is "
            "counted and drawn in the tier it had, B if new",
            waiting=waiting,
        )
        yield _("To be signed"), words.text(text)


def _about_facts(book: RunBook, words: Words) -> Iterator[tuple[Message, str]]:
    """Hashes and versions; those of cards are with the cards."""
    cards = {card.sha256 for card in book.cards.values()}
    for key in sorted(book.facts):
        if book.facts[key] not in cards:
            head, _mark, rest = key.partition(" ")
            yield _("Facts"), f"{text_of(FACTS, head, words)} {rest}".rstrip() + f": {book.facts[key]}"


def _about_plans(book: RunBook, words: Words) -> Iterator[tuple[Message, str]]:
    for plan in book.plans:
        task = plan.task
        subjects, target = int(plan.strata["population"].sum()), int(plan.strata["target"].sum())
        text = _(
            "{label} ({task_id}) {period_text}: frame {subjects:,}, target {target:,}, of these {overshoot:,} "
            "by rounding up, {raised:,} for the floor or number of the task",
            label=task.label,
            task_id=task.id,
            period_text=period_text(task.start, task.end),
            subjects=subjects,
            target=target,
            overshoot=plan.overshoot,
            raised=plan.raised,
        )
        yield pgettext("about", "Task"), words.text(text)
        source = f" ({plan.seed_source})" if plan.seed_source else ""
        state = (
            _("drawn, seed {seed}{source}", seed=plan.seed, source=source)
            if plan.drawn
            else pgettext("state of a plan", "not drawn")
        )
        yield _("Frame hash"), f"{plan.frame_hash} · {words.text(state)}"


def _about_frames(book: RunBook, words: Words) -> Iterator[pd.DataFrame]:
    """What this is, of which day, by which rules, and the hashes to check it by."""
    yield frame_of(_ABOUT.columns, [(words.text(label), content) for label, content in _about(book, words)])


_ABOUT = RunTable(
    _("About"), (column("item", width=30, wrap=True), column("content", width=110, wrap=True)), _about_frames, autofilter=False
)
#: The sheets in their order; the dictionary of all columns follows them.
_TABLES = (
    _ABOUT,
    planning_tables.RATIOS,
    planning_tables.DRAWN_LIST,
    planning_tables.REVIEWS,
    planning_tables.INSPECTORS,
    planning_tables.WEEKS,
    planning_tables.STAFF,
    audit_tables.POLICY_MEASURES,
    audit_tables.DISTRIBUTION,
    audit_tables.FAIRNESS,
    audit_tables.QUALITY,
    audit_tables.CARDS,
    audit_tables.EVALUATION,
)
