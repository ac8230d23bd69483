"""The report of a run as one HTML file: no script, no link out, its font inside, the same bytes each time."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from creditscore import vocabulary
from creditscore.batch import atomic_write
from creditscore.config.base import Language
from creditscore.reporting import charts, tables
from creditscore.reporting.book import RunBook, tier_counts, tiers_by_industry
from creditscore.reporting.fonts import woff2_subset
from creditscore.reporting.words import say, text_of

if TYPE_CHECKING:
    import jinja2

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
def environment() -> "jinja2.Environment":
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
        "equation": tables.equation_grid(book, lang),
        "tier_table": tables.tier_grid(book, lang),
        "achieved": tables.achieved_grid(book, lang),
        "migration": tables.migration_grid(book, lang),
        "evaluation": tables.evaluation_grid(book, lang),
        "by_industry": tables.frame_grid(book, book.by_industry, lang),
        "left_out": tables.left_out_grid(book, lang),
        "rivals": tables.rivals_grid(book, lang),
        "swap": tables.swap_grid(book, lang),
        "shrinkage": tables.frame_grid(book, book.shrinkage, lang),
        "forecast": tables.frame_grid(book, book.forecast, lang),
        "associations": tables.frame_grid(book, book.associations.head(_ASSOCIATIONS), lang),
        "stability": tables.frame_grid(book, book.stability, lang),
        "plans": [(plan, tables.strata_grid(plan, lang)) for plan in book.plans],
        "fairness": tables.fairness_grid(book, lang),
        "quality": tables.quality_grid(book, lang),
        "unrated": tables.unrated_grid(book, lang),
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
        under = tables.percent(counts[tier] / total) + (more if tier == "D" else "")
        yield say(f"{tier} 级", f"Tier {tier}").text(lang), f"{counts[tier]:,}", under
    yield say("未评", "Not rated").text(lang), f"{counts['NR']:,}", tables.percent(counts["NR"] / total)
    if "auc" in book.evaluation:
        figure = book.evaluation["auc"]
        under = f"{tables.decimal(figure.low)} – {tables.decimal(figure.high)}" if figure.low is not None else ""
        yield "AUC", tables.decimal(figure.value), under
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
        cards.append((name, card, drawn, tables.card_grid(card, lang)))
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
