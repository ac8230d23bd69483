"""The workbook: ratios, drawn list, signatures, and what an auditor needs to judge them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from creditscore.inspection.plan_folder import INTERNAL
from creditscore.inspection.register import STATES
from creditscore.language import DEFAULT_LANGUAGE, Message, Words, _, pgettext
from creditscore.reporting import audit_tables, planning_tables
from creditscore.reporting.audit_tables import card_name, dictionary_sheet, row_equation
from creditscore.reporting.columns import RunTable, column, frame_of, period_text
from creditscore.reporting.run_book import TRIAL_NOTE, PlanPage, RunBook, tier_counts
from creditscore.reporting.words import FACTS, PURPOSES, TIER_WORDS, text_of
from creditscore.spreadsheet import BookReport, Column, Sheet, cell_words, label_text, write_book
from creditscore.spreadsheet.sheets import MAX_ROWS
from creditscore.vocabulary import RISKIEST_UNSIGNED

_WHAT = _("A tier allocates inspection effort. It is not a verdict, a punishment, a blacklist or a loan decision.")
_EDIT = _("Tinted cells may be edited: ratios are read back by creditscore plan import, signatures by creditscore sign.")
_ENTER = _("Tinted cells are for the results of the visits; creditscore results reads them back.")


def write_workbook(path: str | Path, book: RunBook, *, lang: str = DEFAULT_LANGUAGE, max_rows: int = MAX_ROWS) -> BookReport:
    """Write the workbook of a run; the same book gives the same bytes.

    Sheets: 说明, 抽查比例方案, 待复核, 差异化监管措施, 分级分布与迁移, 公平性, 数据质量与未评级, 评分卡, 模型检验, 数据字典.
    A section without rows says why. Nothing in it is a formula or a link. Lists that were drawn are in the workbooks of
    their tasks, see :func:`write_task_workbook`.

    Args:
        path: The file; the old one stays until the new one is complete.
        book: The run.
        lang: The language; ``both`` has headers in Chinese and English over Chinese cells.
        max_rows: Rows of a sheet before it continues in the next.

    Raises:
        DataError: A cell does not fit into Excel.
    """
    title = label_text(_("{project}: inspection plan", project=book.project), lang)
    return _write(path, book, _TABLES, title=title, lang=lang, max_rows=max_rows)


def write_task_workbook(
    path: str | Path, book: RunBook, plan: PlanPage, *, lang: str = DEFAULT_LANGUAGE, max_rows: int = MAX_ROWS
) -> BookReport:
    """Write the workbook of one published task: whom to visit, who goes, and columns for the results.

    Sheets: 说明, 抽查名单, 人员匹配, 周工作量, 人员工作量, 抽查比例方案, 数据字典. The same task gives the same bytes.

    Args:
        path: The file; the old one stays until the new one is complete.
        book: The run that framed the task, with at least the subjects of the list.
        plan: The task in its present state.
        lang: The language; ``both`` has headers in Chinese and English over Chinese cells.
        max_rows: Rows of a sheet before it continues in the next.

    Raises:
        DataError: A cell does not fit into Excel.
    """
    title = label_text(_("{task}: list of visits", task=plan.task.label), lang)
    return _write(path, replace(book, plans=(plan,)), _TASK_TABLES, title=title, lang=lang, max_rows=max_rows)


def write_index(
    path: str | Path, rows: Sequence[Mapping[str, Any]], *, created: dt.date, lang: str = DEFAULT_LANGUAGE
) -> BookReport:
    """Write the workbook that lists all open tasks.

    Args:
        path: The file.
        rows: One per task: the keys of :data:`INDEX_COLUMNS`, the label of the task as a text to translate, ``state`` as a
            code, ``trial`` and ``overdue``.
        created: The day that the file carries.
        lang: The language.
    """
    words, title = cell_words(lang), _("Open tasks")
    shown = [{**row, "task_label": words.text(row["task_label"]), "state": _state_text(row, words)} for row in rows]
    cells = ([row[one.key] for one in INDEX_COLUMNS] for row in shown)
    return write_book(path, [Sheet(title, INDEX_COLUMNS, cells)], lang=lang, title=label_text(title, lang), created=created)


def _state_text(row: Mapping[str, Any], words: Words) -> str:
    state = words.text(STATES[row["state"]])
    state = words.text(_("{state}, overdue: its seed is known and nothing is drawn", state=state)) if row["overdue"] else state
    return words.text(_("{state} (trial)", state=state)) if row["trial"] else state


#: The columns of the list of open tasks, one row per task.
INDEX_COLUMNS = (
    Column("task", pgettext("open tasks", "Task"), width=16),
    Column("task_label", pgettext("open tasks", "Name"), width=28),
    Column("check_item", pgettext("open tasks", "What is checked"), width=24),
    Column("department", pgettext("open tasks", "Department"), width=20),
    Column("period_from", pgettext("open tasks", "From"), "date", width=12),
    Column("period_to", pgettext("open tasks", "To"), "date", width=12),
    Column("state", pgettext("open tasks", "State"), width=12),
    Column("population", pgettext("open tasks", "Subjects"), "integer"),
    Column("target", pgettext("open tasks", "To draw"), "integer"),
    Column("results", pgettext("open tasks", "With a result"), "integer"),
    Column("open", pgettext("open tasks", "Without a result"), "integer"),
    Column("published_on", pgettext("open tasks", "Published on"), "date", width=12),
    Column("channel", pgettext("open tasks", "Published where"), width=20),
    Column("published_by", pgettext("open tasks", "Published by"), width=14),
    Column("seed_day", pgettext("open tasks", "Seed known on"), "date", width=12),
    Column("drawn_on", pgettext("open tasks", "Drawn on"), "date", width=12),
    Column("seed", pgettext("open tasks", "Seed"), width=26),
    Column("frame_hash", pgettext("open tasks", "Frame hash"), width=66),
)


def _write(path: str | Path, book: RunBook, tables: Sequence[RunTable], *, title: str, lang: str, max_rows: int) -> BookReport:
    words = cell_words(lang)
    pages = [table.sheet(book, words) for table in tables]
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
    yield pgettext("about", "Who may see it"), words.text(INTERNAL)
    if book.trial:
        yield _("Note"), words.text(TRIAL_NOTE)
    yield _("How to fill in"), words.text(_EDIT)
    for note in book.notes:
        yield _("Note"), words.text(note)
    yield _("Row equation"), " ".join(f"{words.text(label)} {words.number(rows)}" for label, rows in row_equation(book))
    counts = tier_counts(book)
    yield _("Tiers"), "；".join(f"{words.text(TIER_WORDS[tier])} {words.number(counts[tier])}" for tier in counts)
    yield from _about_open(book, words)
    yield _("Tier policy"), f"{book.policy.effective.isoformat()} · {book.policy.basis} · {book.policy.signed_by}"
    yield from _about_plans(book, words, undrawn=_("draft; publishing makes the hash that is to be told"))
    for key in sorted(book.cards):
        card = book.cards[key]
        yield _("Scorecard"), f"{card_name(card, book, words)} · sha256 {card.sha256}"
    yield from _about_facts(book, words)
    if book.contact:
        yield _("Contact and objections"), book.contact


def _about_task(book: RunBook, words: Words) -> Iterator[tuple[Message, str]]:
    yield _("Project"), words.text(book.project)
    yield _("Authority"), words.text(book.authority)
    yield _("As of"), book.as_of.isoformat()
    yield pgettext("about", "What this is"), words.text(_WHAT)
    yield pgettext("about", "Who may see it"), words.text(INTERNAL)
    if book.trial:
        yield _("Note"), words.text(TRIAL_NOTE)
    yield _("How to fill in"), words.text(_ENTER)
    yield from _about_plans(book, words, undrawn=pgettext("state of a plan", "not drawn"))
    yield _("Tier policy"), f"{book.policy.effective.isoformat()} · {book.policy.basis} · {book.policy.signed_by}"
    if book.contact:
        yield _("Contact and objections"), book.contact


def _about_open(book: RunBook, words: Words) -> Iterator[tuple[Message, str]]:
    """How many tiers wait for a signature."""
    waiting = int((book.tiers["status"] == "proposed").sum()) if "status" in book.tiers else 0
    if waiting:
        text = _(
            "{waiting:,} proposed tiers wait for a signature (sheet To review); until then whoever is proposed for D is counted "
            "apart and drawn in {tier}",
            waiting=waiting,
            tier=RISKIEST_UNSIGNED,
        )
        yield _("To be signed"), words.text(text)


def _about_facts(book: RunBook, words: Words) -> Iterator[tuple[Message, str]]:
    """Hashes and versions; those of cards are with the cards."""
    cards = {card.sha256 for card in book.cards.values()}
    for key in sorted(book.facts):
        if book.facts[key] not in cards:
            head, _mark, rest = key.partition(" ")
            yield _("Facts"), f"{text_of(FACTS, head, words)} {rest}".rstrip() + f": {book.facts[key]}"


def _about_plans(book: RunBook, words: Words, *, undrawn: Message) -> Iterator[tuple[Message, str]]:
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
        state = _("drawn, seed {seed}{source}", seed=plan.seed, source=source) if plan.drawn else undrawn
        yield _("Hash of the draft") if plan.draft else _("Frame hash"), f"{plan.frame_hash} · {words.text(state)}"
        if plan.format:
            yield pgettext("about", "Format of the plan"), plan.format


def _about_frames(book: RunBook, words: Words) -> Iterator[pd.DataFrame]:
    """What this is, of which day, by which rules, and the hashes to check it by."""
    yield frame_of(_ABOUT.columns, [(words.text(label), content) for label, content in _about(book, words)])


def _about_task_frames(book: RunBook, words: Words) -> Iterator[pd.DataFrame]:
    """What the list is, whose it is, and the hash and seed to check it by."""
    yield frame_of(_ABOUT.columns, [(words.text(label), content) for label, content in _about_task(book, words)])


_ABOUT = RunTable(
    _("About"), (column("item", width=30, wrap=True), column("content", width=110, wrap=True)), _about_frames, autofilter=False
)
_ABOUT_TASK = RunTable(_ABOUT.title, _ABOUT.columns, _about_task_frames, autofilter=False)
#: The sheets in their order; the dictionary of all columns follows them.
_TASK_TABLES = (
    _ABOUT_TASK,
    planning_tables.DRAWN_LIST,
    planning_tables.INSPECTORS,
    planning_tables.WEEKS,
    planning_tables.STAFF,
    planning_tables.RATIOS,
)
_TABLES = (
    _ABOUT,
    planning_tables.RATIOS,
    planning_tables.REVIEWS,
    audit_tables.POLICY_MEASURES,
    audit_tables.DISTRIBUTION,
    audit_tables.FAIRNESS,
    audit_tables.QUALITY,
    audit_tables.CARDS,
    audit_tables.EVALUATION,
)
