"""The report of a run as one HTML file: no script, no link out, its font inside, the same bytes each time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from creditscore import vocabulary
from creditscore.config.spec import Language
from creditscore.models.scorecard import Scorecard
from creditscore.records.findings import code_words, rule_words, table_words
from creditscore.reporting import charts
from creditscore.reporting.audit_tables import bin_label, group_text, not_rated_reasons, row_equation, section_text
from creditscore.reporting.charts import woff2_subset
from creditscore.reporting.columns import rule_text
from creditscore.reporting.fairness import MINIMUM, fairness_table
from creditscore.reporting.run_book import Figure, PlanPage, RunBook, migration_table, tier_counts, tiers_by_industry
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
from creditscore.storage import atomic_write
from creditscore.vocabulary import TIER_ORDER

if TYPE_CHECKING:
    import jinja2

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


TEMPLATES = Path(__file__).parent / "templates"
_CONTENTS = (
    ("summary", say("概要", "Summary")),
    ("rows", say("行数平衡", "Row equation")),
    ("tiers", say("分级", "Tiers")),
    ("evaluation", say("模型检验", "How good the cards are")),
    ("plan", say("抽查计划", "Inspection plans")),
    ("forecast", say("预计发现", "What the policy will find")),
    ("stability", say("稳定性", "Stability")),
    ("fairness", say("公平性", "Fairness")),
    ("quality", say("数据质量", "Data quality")),
    ("objection", say("异议与修复", "Objections and repair")),
    ("facts", say("核对信息", "Facts to check by")),
    ("cards", say("附：评分卡", "Annex: scorecards")),
)
#: Up to so many cards each have a picture; of more only the pooled one has.
_PICTURED = 3
#: So many of the strongest associations are printed; ``associations.parquet`` has all.
_ASSOCIATIONS = 12


@cache
def environment() -> jinja2.Environment:
    """Templates that escape everything and refuse a variable that is not there."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_report(path: str | Path, book: RunBook, *, lang: Language = "zh") -> None:
    """Write the report of a run; the old file stays until the new one is complete.

    Raises:
        OSError: The file cannot be written.
    """
    atomic_write(Path(path), render_report(book, lang=lang).encode())


def render_report(book: RunBook, *, lang: Language = "zh") -> str:
    """The report as text. Texts of data are escaped; the only markup not escaped is our own SVG and CSS."""
    parts = _parts(book, lang) | _pictures(book, lang)
    return render_page("report.html.j2", parts, lang=lang, title=f"{book.project.text(lang)} {book.as_of.isoformat()}")


def render_page(template: str, parts: dict[str, Any], *, lang: Language, title: str) -> str:
    """A page with its stylesheet and a font cut to the characters it uses."""
    from markupsafe import Markup

    def words(zh: str, en: str) -> str:
        return zh if lang == "zh" else en

    page = environment().get_template(template)
    css = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    fixed = parts | {"lang": lang, "title": title, "w": words, "css": css}
    drawn = page.render(fixed | {"font_face": ""})
    source = f'url(data:font/woff2;base64,{woff2_subset(drawn)}) format("woff2")'
    face = f'@font-face {{ font-family: "creditscore report"; src: {source}; }}'
    text = page.render(fixed | {"font_face": Markup(face)})  # noqa: S704 - base64 of our own font
    return text.encode("utf-8", "replace").decode("utf-8")


def _parts(book: RunBook, lang: Language) -> dict[str, Any]:
    waiting = int((book.tiers["status"] == "proposed").sum()) if "status" in book.tiers else 0
    return {
        "book": book,
        "contents": [(key, label.text(lang)) for key, label in _CONTENTS],
        "tiles": list(_tiles(book, lang)),
        "waiting": f"{waiting:,}" if waiting else "",
        "equation": equation_grid(book, lang),
        "tier_table": tier_grid(book, lang),
        "achieved": achieved_grid(book, lang),
        "migration": migration_grid(book, lang),
        "evaluation": evaluation_grid(book, lang),
        "by_industry": frame_grid(book, book.by_industry, lang),
        "left_out": left_out_grid(book, lang),
        "rivals": rivals_grid(book, lang),
        "swap": swap_grid(book, lang),
        "shrinkage": frame_grid(book, book.shrinkage, lang),
        "forecast": frame_grid(book, book.forecast, lang),
        "associations": frame_grid(book, book.associations.head(_ASSOCIATIONS), lang),
        "stability": frame_grid(book, book.stability, lang),
        "plans": [(plan, strata_grid(plan, lang)) for plan in book.plans],
        "fairness": fairness_grid(book, lang),
        "quality": quality_grid(book, lang),
        "unrated": unrated_grid(book, lang),
        "facts": sorted(book.facts.items()),
    }


def _tiles(book: RunBook, lang: Language) -> Iterator[tuple[str, str, str]]:
    """The few figures that come first: what, how much, and what qualifies it."""
    counts, total = tier_counts(book), max(len(book.tiers), 1)
    yield (
        say("监管对象", "Subjects").text(lang),
        f"{len(book.tiers):,}",
        say(f"已评分 {book.counts.scored:,}", f"{book.counts.scored:,} scored").text(lang),
    )
    waiting = int((book.tiers["status"] == "proposed").sum()) if "status" in book.tiers else 0
    more = say(f"，另有 {waiting:,} 户待签批", f", {waiting:,} await signature").text(lang) if waiting else ""
    for tier in vocabulary.TIERS:
        under = percent(counts[tier] / total) + (more if tier == "D" else "")
        yield say(f"{tier} 级", f"Tier {tier}").text(lang), f"{counts[tier]:,}", under
    yield say("未评", "Not rated").text(lang), f"{counts['NR']:,}", percent(counts["NR"] / total)
    if "auc" in book.evaluation:
        figure = book.evaluation["auc"]
        under = f"{decimal(figure.low)} – {decimal(figure.high)}" if figure.low is not None else ""
        yield "AUC", decimal(figure.value), under
    target = sum(int(plan.strata["target"].sum()) for plan in book.plans)
    drawn = sum(int(plan.frame["drawn"].astype("bool").sum()) for plan in book.plans if plan.drawn)
    yield say("计划抽查", "Planned visits").text(lang), f"{target:,}", say(f"已抽取 {drawn:,}", f"{drawn:,} drawn").text(lang)


def _pictures(book: RunBook, lang: Language) -> dict[str, Any]:
    from markupsafe import Markup

    def picture(figure: Any, title: str) -> Markup:
        return Markup(charts.svg(figure, title=title))  # noqa: S704 - made by charts.svg, which escapes the title

    spread, score_chart, calibration_chart = tiers_by_industry(book), "", ""
    names = say("等级占比", "Shares of tiers").text(lang)
    if not book.scores.empty and not book.tiers.empty:
        both = book.scores[["subject_id", "score"]].merge(book.tiers[["subject_id", "tier"]], on="subject_id")
        figure = charts.score_distribution(both["score"].tolist(), both["tier"].tolist(), lang=lang)
        score_chart = picture(figure, say("得分分布", "Scores").text(lang))
    if not book.calibration.empty:
        calibration_chart = picture(charts.calibration(book.calibration, lang=lang), say("校准", "Calibration").text(lang))
    cards = []
    for key in sorted(book.cards):
        card = book.cards[key]
        name = text_of(dict(book.industries), card.industry, lang)
        # Twenty pictures of cards weigh more than all the rest; the tables below say the same.
        shown = key == "all" or len(book.cards) <= _PICTURED
        drawn = picture(charts.card_points(card, lang=lang), name) if shown else ""
        cards.append((name, card, drawn, card_grid(card, lang)))
    return {
        "tier_chart": picture(charts.tier_shares(_labelled(book, spread, lang), lang=lang), names) if len(spread) else "",
        "score_chart": score_chart,
        "calibration_chart": calibration_chart,
        "cards": cards,
    }


def _labelled(book: RunBook, spread: pd.DataFrame, lang: Language) -> pd.DataFrame:
    """Industries by their label; where two have the same, the code stands beside it."""
    unknown = say("（行业未知）", "(unknown)").text(lang)
    names = {code: text_of(dict(book.industries), code, lang) or unknown for code in spread["industry"].unique()}
    twice = {name for name in names.values() if list(names.values()).count(name) > 1}
    return spread.assign(label=[f"{names[code]} {code}" if names[code] in twice else names[code] for code in spread["industry"]])
