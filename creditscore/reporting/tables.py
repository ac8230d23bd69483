"""Tables of the report as plain texts, ready to print: headers, rows, and which columns are numbers."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from creditscore.config.base import Language
from creditscore.models.scorecard import Scorecard
from creditscore.records.checkup_text import code_words, rule_words, table_words
from creditscore.reporting.book import Figure, PlanPage, RunBook, migration_table, tiers_by_industry
from creditscore.reporting.columns import rule_text
from creditscore.reporting.fairness import MINIMUM, fairness_table
from creditscore.reporting.sheets_audit import bin_label, group_text, not_rated_reasons, row_equation, section_text
from creditscore.reporting.terms import TERMS
from creditscore.reporting.words import (
    CELLS,
    COUNTS,
    GROUPS,
    LEFT_OUT,
    METRICS,
    OUT_OF_SCOPE,
    PERCENTS,
    RIVALS,
    SOURCES,
    TIERS,
    say,
    text_of,
)
from creditscore.vocabulary import TIER_ORDER

DASH = "–"


@dataclass(frozen=True)
class Grid:
    """A printed table. ``numbers`` are the places of right-aligned columns."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    #: Whether the last row sums the others.
    total: bool = False


def grid(headers: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = (), total: bool = False) -> Grid:
    """A grid of any sequences."""
    return Grid(tuple(headers), tuple(tuple(row) for row in rows), frozenset(numbers), total)


def whole(value: object) -> str:
    """``12,345``; a dash for what is missing."""
    number = _number(value)
    return DASH if number is None else f"{round(number):,}"


def percent(value: object, digits: int = 1) -> str:
    """``12.3%``."""
    number = _number(value)
    return DASH if number is None else f"{number * 100:.{digits}f}%"


def decimal(value: object, digits: int = 3) -> str:
    """``0.742``."""
    number = _number(value)
    return DASH if number is None else f"{number:,.{digits}f}"


def signed(value: int) -> str:
    """``+12`` or ``−7`` with a real minus sign."""
    return f"+{value}" if value > 0 else f"−{-value}" if value < 0 else "0"


def with_interval(figure: Figure, digits: int = 3) -> str:
    """``0.742 (0.715 – 0.768)``; whole numbers without decimals."""
    digits = 0 if abs(figure.value) >= 1000 else digits
    text = decimal(figure.value, digits)
    if figure.low is None or figure.high is None:
        return text
    return f"{text} ({decimal(figure.low, digits)} {DASH} {decimal(figure.high, digits)})"


def _number(value: object) -> float | None:
    if value is None or value is pd.NA or (not isinstance(value, int | float) and not hasattr(value, "__float__")):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def equation_grid(book: RunBook, lang: Language) -> Grid:
    """The row equation, with the reasons of what is out of scope under it."""
    rows = [(label.text(lang), whole(rows)) for label, rows in row_equation(book)]
    reasons = sorted(book.counts.out_of_scope.items())
    rows[4:4] = [(f"　　{text_of(OUT_OF_SCOPE, reason, lang)}", whole(count)) for reason, count in reasons]
    return grid((say("项", "Term").text(lang), TERMS["rows"].label.text(lang)), rows, numbers=[1])


def tier_grid(book: RunBook, lang: Language) -> Grid:
    """One row per industry, a column per tier: subjects and their share."""
    table = tiers_by_industry(book)
    rows = []
    for industry, part in table.groupby("industry", sort=False):
        counts = dict(zip(part["tier"], part["subjects"], strict=True))
        shares = dict(zip(part["tier"], part["share"], strict=True))
        name = text_of(dict(book.industries), industry, lang) or say("（行业未知）", "(unknown)").text(lang)
        rows.append([name, whole(sum(counts.values())), *(f"{whole(counts[t])} ({percent(shares[t])})" for t in TIER_ORDER)])
    headers = [TERMS["industry_label"].label.text(lang), TERMS["subjects"].label.text(lang), *TIER_ORDER]
    return grid(headers, rows, numbers=range(1, 7))


def achieved_grid(book: RunBook, lang: Language) -> Grid:
    """What was asked of a cut by share and what it gave: ties at a cut get the better tier."""
    table = book.achieved
    asked = table[table["cut"] == "share"] if "cut" in table else table
    rows = []
    for row in asked.to_dict("records"):
        name = text_of(dict(book.industries), row["population"], lang) or say("全部", "All").text(lang)
        shares = [percent(float(row[key]) / 1_000_000, 2) for key in ("asked_ppm", "achieved_ppm")]
        rows.append([name, TIERS[str(row["tier"])].text(lang), whole(row["subjects"]), *shares])
    heads = [TERMS["industry_label"], TERMS["tier"], TERMS["subjects"]]
    words = [say("应占", "Asked").text(lang), say("实占", "Achieved").text(lang)]
    return grid([*(head.label.text(lang) for head in heads), *words], rows, numbers=[2, 3, 4])


def migration_grid(book: RunBook, lang: Language) -> Grid:
    """Previous tiers down, tiers across: subjects and share of the previous tier."""
    table = migration_table(book)
    cells = {(row.previous_tier, row.tier): f"{whole(row.subjects)} ({percent(row.share)})" for row in table.itertuples()}
    before = [tier for tier in TIER_ORDER if tier in set(table["previous_tier"])]
    rows = [[TIERS[tier].text(lang), *(cells.get((tier, after), DASH) for after in TIER_ORDER)] for tier in before]
    return grid([say("上期＼本期", "Before \\ now").text(lang), *TIER_ORDER], rows, numbers=range(1, 6))


def evaluation_grid(book: RunBook, lang: Language) -> Grid:
    """One row per metric with its interval, in the order of ``METRICS``; counts are whole."""
    order = {name: place for place, name in enumerate(METRICS)}
    found = sorted(book.evaluation.items(), key=lambda pair: (order.get(pair[0], len(order)), pair[0]))
    rows = [
        (text_of(METRICS, name, lang), whole(figure.value) if name in COUNTS else with_interval(figure)) for name, figure in found
    ]
    return grid((say("指标", "Metric").text(lang), say("值（95% 区间）", "Value (95 % interval)").text(lang)), rows, numbers=[1])


def left_out_grid(book: RunBook, lang: Language) -> Grid:
    """Why visits or subjects did not train, by reason."""
    rows = [(text_of(LEFT_OUT, row["reason"], lang), whole(row["rows"])) for row in book.left_out.to_dict("records")]
    return grid((say("原因", "Reason").text(lang), say("行数", "Rows").text(lang)), rows, numbers=[1])


def rivals_grid(book: RunBook, lang: Language) -> Grid:
    """One row per rival model: its AUC, and the card's less it."""
    named = (
        book.rivals.assign(model=[text_of(RIVALS, name, lang) for name in book.rivals["model"]])
        if len(book.rivals)
        else book.rivals
    )
    return frame_grid(book, named, lang)


def swap_grid(book: RunBook, lang: Language) -> Grid:
    """Whom card and challenger pick: one row per cell."""
    labels = {one.name: one.label for card in book.cards.values() for one in card.characteristics}
    rows = [
        (text_of(CELLS, row["cell"], lang), whole(row["rows"]), percent(row["share"]), percent(row["bad_rate"], 1),
         text_of(labels, row["reason"], lang) or DASH)
        for row in book.swap.to_dict("records")
    ]  # fmt: skip
    heads = (
        say("谁入选", "Picked by"),
        say("行数", "Rows"),
        say("权重占比", "Share of weight"),
        say("违规率", "Rate of violations"),
    )
    return grid([*(head.text(lang) for head in heads), say("首要原因", "First reason").text(lang)], rows, numbers=[1, 2, 3])


def frame_grid(book: RunBook, frame: pd.DataFrame, lang: Language) -> Grid:
    """Any frame: known columns by their word, ``x_low`` and ``x_high`` folded into ``x``."""
    columns = [
        name for name in map(str, frame.columns) if not (name.endswith(("_low", "_high")) and name.rsplit("_", 1)[0] in frame)
    ]
    rows = [[_cell(book, row, name, lang) for name in columns] for row in frame.to_dict("records")]
    headers = [_header(name, lang) for name in columns]
    return grid(headers, rows, numbers=[at for at, name in enumerate(columns) if pd.api.types.is_numeric_dtype(frame[name])])


def _header(name: str, lang: Language) -> str:
    if name in METRICS:
        return METRICS[name].text(lang)
    return TERMS["industry_label" if name == "industry" else name].label.text(lang) if name in TERMS else name


def _cell(book: RunBook, row: dict[object, object], name: str, lang: Language) -> str:
    value = row[name]
    number = _number(value)
    if isinstance(value, str) or number is None:
        return text_of(dict(book.industries), value, lang) or DASH
    low, high = _number(row.get(f"{name}_low")), _number(row.get(f"{name}_high"))
    if name in PERCENTS:
        return percent(number, 2)
    if number.is_integer() and low is None:
        return whole(number)
    return with_interval(Figure(number, low, high))


def strata_grid(plan: PlanPage, lang: Language) -> Grid:
    """One row per tier of a plan and one for all: subjects, target, ratio after rounding."""
    rows = []
    for tier in (*TIER_ORDER, None):
        part = plan.strata if tier is None else plan.strata[plan.strata["tier"] == tier]
        if part.empty:
            continue
        population, target = int(part["population"].sum()), int(part["target"].sum())
        name = say("合计", "All").text(lang) if tier is None else TIERS[tier].text(lang)
        rows.append(
            [name, whole(len(part)), whole(population), whole(target), percent(target / population if population else None, 2)]
        )
    keys = ("tier", "stratum", "population", "target", "effective_ratio")
    return grid([TERMS[key].label.text(lang) for key in keys], rows, numbers=range(1, 5), total=True)


def fairness_grid(book: RunBook, lang: Language) -> Grid:
    """The fairness table; groups that are too small show only how many they are."""
    rows = []
    for row in fairness_table(book).to_dict("records"):
        group = group_text(book, str(row["attribute"]), str(row["group"]), lang)
        small = _number(row["share_D"]) is None
        shares = [percent(row[f"share_{tier}"]) for tier in ("A", "B", "C")]
        d = f"n < {MINIMUM}" if small else f"{percent(row['share_D'])} ({percent(row['d_low'])} {DASH} {percent(row['d_high'])})"
        visits = decimal(row["visits_per_1000"], 1)
        rows.append(
            [text_of(GROUPS, row["attribute"], lang), group, whole(row["subjects"]), *shares, d, percent(row["share_NR"]), visits]
        )
    headers = ["attribute", "group", "subjects", "share_A", "share_B", "share_C", "share_D", "share_NR", "visits_per_1000"]
    return grid([TERMS[key].label.text(lang) for key in headers], rows, numbers=range(2, 9))


def quality_grid(book: RunBook, lang: Language) -> Grid:
    """What the check-up found; examples are keys of rows."""
    rows = []
    for row in book.checkup.to_dict("records"):
        keys = row.get("examples")
        shown = keys if isinstance(keys, str) else "、".join(str(key) for key in keys) if isinstance(keys, Iterable) else ""
        table, rule, code = (str(row.get(key) or "") for key in ("table", "rule", "code"))
        names = [table_words(table, lang), rule_words(rule, lang), code]
        rows.append([section_text(row.get("section"), lang), *names, whole(row.get("rows")), shown])
    headers = [TERMS[key].label.text(lang) for key in ("section", "table", "check_rule", "code", "rows", "examples")]
    return grid(headers, rows, numbers=[4])


def unrated_grid(book: RunBook, lang: Language) -> Grid:
    """Why subjects are 未评, and what was quarantined, by code."""
    rows = [(say("未评级", "Not rated").text(lang), rule_text(book, rule, lang), whole(n)) for rule, n in not_rated_reasons(book)]
    rows += [(say("隔离", "Quarantined").text(lang), code_words(code, lang), whole(n)) for code, n in sorted(book.rejects.items())]
    return grid(
        (TERMS["section"].label.text(lang), TERMS["code"].label.text(lang), TERMS["rows"].label.text(lang)), rows, numbers=[2]
    )


def card_grid(card: Scorecard, lang: Language) -> Grid:
    """The points table of a card: one row per attribute, the name of a characteristic on its first."""
    rows: list[list[str]] = [[say("常数", "Constant").text(lang), "", "", whole(card.constant), "", ""]]
    for one in card.characteristics:
        for place, bin_ in enumerate(one.attributes):
            name = one.label.text(lang) if place == 0 else ""
            source = SOURCES[one.source].text(lang) if place == 0 else ""
            value = bin_label(bin_, one.unit).text(lang)
            rows.append([name, source, value, signed(bin_.points), percent(bin_.weight), percent(bin_.bad_rate, 2)])
    keys = ("characteristic", "source", "bin", "points", "weight", "bad_rate")
    return grid([TERMS[key].label.text(lang) for key in keys], rows, numbers=[3, 4, 5])
