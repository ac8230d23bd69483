"""The planner's workbook: ratios, drawn list, signatures, and what an auditor needs beside them."""

from collections.abc import Iterator
from pathlib import Path

from creditscore.config.spec import Label, Language
from creditscore.reporting.audit_tables import (
    card_name,
    card_sheet,
    dictionary_sheet,
    distribution_sheet,
    fairness_sheet,
    measure_sheet,
    quality_sheet,
    row_equation,
)
from creditscore.reporting.columns import cell_language, column, period_text
from creditscore.reporting.planning_tables import inspector_sheet, list_sheet, ratio_sheet, review_sheet, staff_sheet, week_sheet
from creditscore.reporting.run_book import RunBook, tier_counts
from creditscore.reporting.words import FACTS, PURPOSES, TIERS, say, text_of
from creditscore.spreadsheet import BookLanguage, BookReport, Sheet, label_text, write_book
from creditscore.spreadsheet.sheets import MAX_ROWS

_WHAT = say(
    "等级只用于分配抽查力量，不是认定、处罚、黑名单，也不作为贷款等决定的依据。",
    "A tier allocates inspection effort. It is not a verdict, a punishment, a blacklist or a loan decision.",
)
_EDIT = say(
    "浅黄色单元格可以修改：比例用 creditscore plan import 导回，检查结果用 creditscore results，签批用 creditscore sign。",
    "Tinted cells may be edited: ratios are read back by creditscore plan import, results by creditscore results, "
    "signatures by creditscore sign.",
)


def write_workbook(path: str | Path, book: RunBook, *, lang: BookLanguage = "zh", max_rows: int = MAX_ROWS) -> BookReport:
    """Write the workbook of a run; the same book gives the same bytes.

    Sheets: 说明, 抽查比例方案, 抽查名单, 待复核, 人员匹配, 周工作量, 人员工作量, 差异化监管措施, 分级分布与迁移, 公平性,
    数据质量与未评级, 评分卡, 数据字典. A section without rows says why. Nothing in it is a formula or a link.

    Args:
        path: The file; the old one stays until the new one is complete.
        book: What the run found.
        lang: Chinese, English, or joint headers over Chinese cells.
        max_rows: Rows of a sheet before it continues in the next.

    Raises:
        DataError: A cell does not fit into Excel.
    """
    words = cell_language(lang)
    pages = [
        about_sheet(book, words),
        ratio_sheet(book, words),
        list_sheet(book, words),
        review_sheet(book, words),
        inspector_sheet(book, words),
        week_sheet(book),
        staff_sheet(book, words),
        measure_sheet(book, words),
        distribution_sheet(book, words),
        fairness_sheet(book, words),
        quality_sheet(book, words),
        card_sheet(book, words),
    ]
    title = label_text(say(f"{book.project.zh} 抽查方案", f"{book.project.en}: inspection plan"), lang)
    pages.append(dictionary_sheet(pages, lang))
    return write_book(path, pages, lang=lang, title=title, created=book.as_of, max_rows=max_rows)


def about_sheet(book: RunBook, lang: Language) -> Sheet:
    """The first sheet: what this is, of which day, by which rules, and the hashes to check it by."""
    columns = (column("item", width=30, wrap=True), column("content", width=110, wrap=True))
    rows = [(label.text(lang), content) for label, content in _about(book, lang)]
    return Sheet(say("说明", "About"), columns, rows, autofilter=False)


def _about(book: RunBook, lang: Language) -> Iterator[tuple[Label, str]]:
    yield say("项目", "Project"), book.project.text(lang)
    yield say("机关", "Authority"), book.authority.text(lang)
    yield say("用途", "Purpose"), text_of(PURPOSES, book.purpose, lang)
    yield say("数据截至", "As of"), book.as_of.isoformat()
    if book.run_id:
        yield say("运行编号", "Run"), book.run_id
    yield say("性质", "What this is"), _WHAT.text(lang)
    yield say("如何填写", "How to fill in"), _EDIT.text(lang)
    for note in book.notes:
        yield say("注意", "Note"), note.text(lang)
    yield say("行数平衡", "Row equation"), " ".join(f"{label.text(lang)} {rows:,}" for label, rows in row_equation(book))
    counts = tier_counts(book)
    yield say("分级", "Tiers"), "；".join(f"{TIERS[tier].text(lang)} {counts[tier]:,}" for tier in counts)
    yield from _about_open(book, lang)
    yield say("分级政策", "Tier policy"), f"{book.policy.effective.isoformat()} · {book.policy.basis} · {book.policy.signed_by}"
    yield from _about_plans(book, lang)
    for key in sorted(book.cards):
        card = book.cards[key]
        yield say("评分卡", "Scorecard"), f"{card_name(card, book, lang)} · sha256 {card.sha256}"
    yield from _about_facts(book, lang)
    if book.contact:
        yield say("联系与异议", "Contact and objections"), book.contact


def _about_open(book: RunBook, lang: Language) -> Iterator[tuple[Label, str]]:
    """How many tiers wait for a signature: until then those subjects are counted and drawn in the tier they had."""
    waiting = int((book.tiers["status"] == "proposed").sum()) if "status" in book.tiers else 0
    if waiting:
        text = say(
            f"{waiting:,} 户的拟定等级待签批（见待复核）；签批前按原等级（新入库的按 B 级）统计和抽取",
            f"{waiting:,} proposed tiers wait for a signature (sheet To review); until then the subject is counted and drawn in "
            "the tier it had, B if new",
        )
        yield say("待签批", "To be signed"), text.text(lang)


def _about_facts(book: RunBook, lang: Language) -> Iterator[tuple[Label, str]]:
    """Hashes and versions; those of cards stand with the cards."""
    cards = {card.sha256 for card in book.cards.values()}
    for key in sorted(book.facts):
        if book.facts[key] not in cards:
            head, _, rest = key.partition(" ")
            yield say("核对信息", "Facts"), f"{text_of(FACTS, head, lang)} {rest}".rstrip() + f": {book.facts[key]}"


def _about_plans(book: RunBook, lang: Language) -> Iterator[tuple[Label, str]]:
    for plan in book.plans:
        task = plan.task
        subjects, target = int(plan.strata["population"].sum()), int(plan.strata["target"].sum())
        text = say(
            f"{task.label.zh}（{task.id}）{period_text(task.start, task.end)}，框架 {subjects:,} 户，计划 {target:,} 户，"
            f"其中逐层取整多出 {plan.overshoot:,}，为达到任务规定的比例或户数多出 {plan.raised:,}",
            f"{task.label.en} ({task.id}) {period_text(task.start, task.end)}: frame {subjects:,}, target {target:,}, of these "
            f"{plan.overshoot:,} by rounding up, {plan.raised:,} for the floor or number of the task",
        )
        yield say("抽查任务", "Task"), text.text(lang)
        source = f" ({plan.seed_source})" if plan.seed_source else ""
        state = (
            say(f"已抽取，种子 {plan.seed}{source}", f"drawn, seed {plan.seed}{source}")
            if plan.drawn
            else say("未抽取", "not drawn")
        )
        yield say("框架散列值", "Frame hash"), f"{plan.frame_hash} · {state.text(lang)}"
