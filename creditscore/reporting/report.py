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
from creditscore.language import DEFAULT_LANGUAGE, Words, _, pgettext
from creditscore.models.scorecard import Scorecard
from creditscore.records.findings import TABLE_WORDS, code_text, finding_text
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


def equation_grid(book: RunBook, words: Words) -> Grid:
    """The row equation, with the reasons of what is out of scope under it."""
    rows = [(words.text(label), whole(rows)) for label, rows in row_equation(book)]
    reasons = sorted(book.counts.out_of_scope.items())
    rows[4:4] = [(f"　　{text_of(OUT_OF_SCOPE, reason, words)}", whole(count)) for reason, count in reasons]
    return grid((words.text(_("Term")), words.text(TERMS["rows"].label)), rows, numbers=[1])


def tier_grid(book: RunBook, words: Words) -> Grid:
    """One row per industry, a column per tier: subjects and their share."""
    table = tiers_by_industry(book)
    rows = []
    for industry, part in table.groupby("industry", sort=False):
        counts = dict(zip(part["tier"], part["subjects"], strict=True))
        shares = dict(zip(part["tier"], part["share"], strict=True))
        name = text_of(dict(book.industries), industry, words) or words.text(pgettext("industry", "(unknown)"))
        rows.append([name, whole(sum(counts.values())), *(f"{whole(counts[t])} ({percent(shares[t])})" for t in TIER_ORDER)])
    headers = [words.text(TERMS["industry_label"].label), words.text(TERMS["subjects"].label), *TIER_ORDER]
    return grid(headers, rows, numbers=range(1, 7))


def achieved_grid(book: RunBook, words: Words) -> Grid:
    """What was asked of a cut by share and what it gave: ties at a cut get the better tier."""
    table = book.achieved
    asked = table[table["cut"] == "share"] if "cut" in table else table
    rows = []
    for row in asked.to_dict("records"):
        name = text_of(dict(book.industries), row["population"], words) or words.text(pgettext("whole population", "All"))
        shares = [percent(float(row[key]) / 1_000_000, 2) for key in ("asked_ppm", "achieved_ppm")]
        rows.append([name, words.text(TIERS[str(row["tier"])]), whole(row["subjects"]), *shares])
    heads = [TERMS["industry_label"], TERMS["tier"], TERMS["subjects"]]
    shares_asked = [words.text(_("Asked")), words.text(_("Achieved"))]
    return grid([*(words.text(head.label) for head in heads), *shares_asked], rows, numbers=[2, 3, 4])


def migration_grid(book: RunBook, words: Words) -> Grid:
    """Previous tiers down, tiers across: subjects and share of the previous tier."""
    table = migration_table(book)
    cells = {(row.previous_tier, row.tier): f"{whole(row.subjects)} ({percent(row.share)})" for row in table.itertuples()}
    before = [tier for tier in TIER_ORDER if tier in set(table["previous_tier"])]
    rows = [[words.text(TIERS[tier]), *(cells.get((tier, after), DASH) for after in TIER_ORDER)] for tier in before]
    return grid([words.text(_("Before \\ now")), *TIER_ORDER], rows, numbers=range(1, 6))


def evaluation_grid(book: RunBook, words: Words) -> Grid:
    """One row per metric with its interval, in the order of ``METRICS``; counts are whole."""
    order = {name: place for place, name in enumerate(METRICS)}
    found = sorted(book.evaluation.items(), key=lambda pair: (order.get(pair[0], len(order)), pair[0]))
    rows = [
        (text_of(METRICS, name, words), whole(figure.value) if name in COUNTS else with_interval(figure)) for name, figure in found
    ]
    return grid((words.text(_("Metric")), words.text(_("Value (95 % interval)"))), rows, numbers=[1])


def left_out_grid(book: RunBook, words: Words) -> Grid:
    """Why visits or subjects did not train, by reason."""
    rows = [(text_of(LEFT_OUT, row["reason"], words), whole(row["rows"])) for row in book.left_out.to_dict("records")]
    return grid((words.text(_("Reason")), words.text(_("Rows"))), rows, numbers=[1])


def rivals_grid(book: RunBook, words: Words) -> Grid:
    """One row per rival model: its AUC, and the card's less it."""
    named = (
        book.rivals.assign(model=[text_of(RIVALS, name, words) for name in book.rivals["model"]])
        if len(book.rivals)
        else book.rivals
    )
    return frame_grid(book, named, words)


def swap_grid(book: RunBook, words: Words) -> Grid:
    """Whom card and challenger pick: one row per cell."""
    labels = {one.name: one.label for card in book.cards.values() for one in card.characteristics}
    rows = [
        (text_of(CELLS, row["cell"], words), whole(row["rows"]), percent(row["share"]), percent(row["bad_rate"], 1),
         text_of(labels, row["reason"], words) or DASH)
        for row in book.swap.to_dict("records")
    ]  # fmt: skip
    heads = (
        _("Picked by"),
        _("Rows"),
        pgettext("swap set", "Share of weight"),
        _("Rate of violations"),
    )
    return grid([*(words.text(head) for head in heads), words.text(_("First reason"))], rows, numbers=[1, 2, 3])


def frame_grid(book: RunBook, frame: pd.DataFrame, words: Words) -> Grid:
    """Any frame: known columns by their word, ``x_low`` and ``x_high`` folded into ``x``."""
    columns = [
        name for name in map(str, frame.columns) if not (name.endswith(("_low", "_high")) and name.rsplit("_", 1)[0] in frame)
    ]
    rows = [[_cell(book, row, name, words) for name in columns] for row in frame.to_dict("records")]
    headers = [_header(name, words) for name in columns]
    return grid(headers, rows, numbers=[at for at, name in enumerate(columns) if pd.api.types.is_numeric_dtype(frame[name])])


def _header(name: str, words: Words) -> str:
    if name in METRICS:
        return words.text(METRICS[name])
    return words.text(TERMS["industry_label" if name == "industry" else name].label) if name in TERMS else name


def _cell(book: RunBook, row: dict[object, object], name: str, words: Words) -> str:
    value = row[name]
    number = _number(value)
    if isinstance(value, str) or number is None:
        return text_of(dict(book.industries), value, words) or DASH
    low, high = _number(row.get(f"{name}_low")), _number(row.get(f"{name}_high"))
    if name in PERCENTS:
        return percent(number, 2)
    if number.is_integer() and low is None:
        return whole(number)
    return with_interval(Figure(number, low, high))


def strata_grid(plan: PlanPage, words: Words) -> Grid:
    """One row per tier of a plan and one for all: subjects, target, ratio after rounding."""
    rows = []
    for tier in (*TIER_ORDER, None):
        part = plan.strata if tier is None else plan.strata[plan.strata["tier"] == tier]
        if part.empty:
            continue
        population, target = int(part["population"].sum()), int(part["target"].sum())
        name = words.text(_("All")) if tier is None else words.text(TIERS[tier])
        rows.append(
            [name, whole(len(part)), whole(population), whole(target), percent(target / population if population else None, 2)]
        )
    keys = ("tier", "stratum", "population", "target", "effective_ratio")
    return grid([words.text(TERMS[key].label) for key in keys], rows, numbers=range(1, 5), total=True)


def fairness_grid(book: RunBook, words: Words) -> Grid:
    """The fairness table; groups that are too small show only how many they are."""
    rows = []
    for row in fairness_table(book).to_dict("records"):
        group = group_text(book, str(row["attribute"]), str(row["group"]), words)
        small = _number(row["share_D"]) is None
        shares = [percent(row[f"share_{tier}"]) for tier in ("A", "B", "C")]
        d = f"n < {MINIMUM}" if small else f"{percent(row['share_D'])} ({percent(row['d_low'])} {DASH} {percent(row['d_high'])})"
        visits = decimal(row["visits_per_1000"], 1)
        rows.append(
            [text_of(GROUPS, row["attribute"], words), group, whole(row["subjects"]), *shares, d, percent(row["share_NR"]), visits]
        )
    headers = ["attribute", "group", "subjects", "share_A", "share_B", "share_C", "share_D", "share_NR", "visits_per_1000"]
    return grid([words.text(TERMS[key].label) for key in headers], rows, numbers=range(2, 9))


def quality_grid(book: RunBook, words: Words) -> Grid:
    """What the check-up found; examples are keys of rows."""
    rows = []
    for row in book.checkup.to_dict("records"):
        keys = row.get("examples")
        shown = keys if isinstance(keys, str) else "、".join(str(key) for key in keys) if isinstance(keys, Iterable) else ""
        table, code = (str(row.get(key) or "") for key in ("table", "code"))
        names = [text_of(TABLE_WORDS, table, words), words.text(finding_text(row)), code]
        rows.append([section_text(row.get("section"), words), *names, whole(row.get("rows")), shown])
    headers = [words.text(TERMS[key].label) for key in ("section", "table", "check_rule", "code", "rows", "examples")]
    return grid(headers, rows, numbers=[4])


def unrated_grid(book: RunBook, words: Words) -> Grid:
    """Why subjects are 未评, and what was quarantined, by code."""
    rows = [
        (words.text(pgettext("section", "Not rated")), words.text(rule_text(book, rule)), whole(n))
        for rule, n in not_rated_reasons(book)
    ]
    rows += [(words.text(_("Quarantined")), words.text(code_text(code)), whole(n)) for code, n in sorted(book.rejects.items())]
    return grid(
        (words.text(TERMS["section"].label), words.text(TERMS["code"].label), words.text(TERMS["rows"].label)), rows, numbers=[2]
    )


def card_grid(card: Scorecard, words: Words) -> Grid:
    """The points table of a card: one row per attribute, the name of a characteristic on its first."""
    rows: list[list[str]] = [[words.text(_("Constant")), "", "", whole(card.constant), "", ""]]
    for one in card.characteristics:
        for place, bin_ in enumerate(one.attributes):
            name = words.text(one.label) if place == 0 else ""
            source = words.text(SOURCES[one.source]) if place == 0 else ""
            value = words.text(bin_label(bin_, one.unit))
            rows.append([name, source, value, signed(bin_.points), percent(bin_.weight), percent(bin_.bad_rate, 2)])
    keys = ("characteristic", "source", "bin", "points", "weight", "bad_rate")
    return grid([words.text(TERMS[key].label) for key in keys], rows, numbers=[3, 4, 5])


TEMPLATES = Path(__file__).parent / "templates"
_CONTENTS = (
    ("summary", _("Summary")),
    ("rows", _("Row equation")),
    ("tiers", _("Tiers")),
    ("evaluation", _("How good the cards are")),
    ("plan", _("Inspection plans")),
    ("forecast", _("What the policy will find")),
    ("stability", _("Stability")),
    ("fairness", _("Fairness")),
    ("quality", _("Data quality")),
    ("objection", _("Objections and repair")),
    ("facts", _("Facts to check by")),
    ("cards", _("Annex: scorecards")),
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


def write_report(path: str | Path, book: RunBook, *, lang: str = DEFAULT_LANGUAGE) -> None:
    """Write the report of a run; the old file stays until the new one is complete.

    Raises:
        OSError: The file cannot be written.
    """
    atomic_write(Path(path), render_report(book, lang=lang).encode())


def render_report(book: RunBook, *, lang: str = DEFAULT_LANGUAGE) -> str:
    """The report as text. Texts of data are escaped; the only markup not escaped is our own SVG and CSS."""
    words = Words.of(lang)
    parts = _parts(book, words) | _pictures(book, words)
    return render_page("report.html.j2", parts, lang=lang, title=f"{words.text(book.project)} {book.as_of.isoformat()}")


def render_page(template: str, parts: dict[str, Any], *, lang: str, title: str) -> str:
    """A page with its stylesheet and a font cut to the characters it uses."""
    words = Words.of(lang)
    from markupsafe import Markup

    page = environment().get_template(template)
    css = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    fixed = parts | {"words": words, "title": title, "css": css, **words.template_functions()}
    drawn = page.render(fixed | {"font_face": ""})
    source = f'url(data:font/woff2;base64,{woff2_subset(drawn)}) format("woff2")'
    face = f'@font-face {{ font-family: "creditscore report"; src: {source}; }}'
    text = page.render(fixed | {"font_face": Markup(face)})  # noqa: S704 - base64 of our own font
    return text.encode("utf-8", "replace").decode("utf-8")


def _parts(book: RunBook, words: Words) -> dict[str, Any]:
    waiting = int((book.tiers["status"] == "proposed").sum()) if "status" in book.tiers else 0
    return {
        "book": book,
        "contents": [(key, words.text(label)) for key, label in _CONTENTS],
        "tiles": list(_tiles(book, words)),
        "waiting": f"{waiting:,}" if waiting else "",
        "equation": equation_grid(book, words),
        "tier_table": tier_grid(book, words),
        "achieved": achieved_grid(book, words),
        "migration": migration_grid(book, words),
        "evaluation": evaluation_grid(book, words),
        "by_industry": frame_grid(book, book.by_industry, words),
        "left_out": left_out_grid(book, words),
        "rivals": rivals_grid(book, words),
        "swap": swap_grid(book, words),
        "shrinkage": frame_grid(book, book.shrinkage, words),
        "forecast": frame_grid(book, book.forecast, words),
        "associations": frame_grid(book, book.associations.head(_ASSOCIATIONS), words),
        "stability": frame_grid(book, book.stability, words),
        "plans": [(plan, strata_grid(plan, words)) for plan in book.plans],
        "fairness": fairness_grid(book, words),
        "quality": quality_grid(book, words),
        "unrated": unrated_grid(book, words),
        "facts": sorted(book.facts.items()),
    }


def _tiles(book: RunBook, words: Words) -> Iterator[tuple[str, str, str]]:
    """The few figures that come first: what, how much, and what qualifies it."""
    counts, total = tier_counts(book), max(len(book.tiers), 1)
    yield (
        words.text(pgettext("whole population", "Subjects")),
        f"{len(book.tiers):,}",
        words.text(_("{scored:,} scored", scored=book.counts.scored)),
    )
    waiting = int((book.tiers["status"] == "proposed").sum()) if "status" in book.tiers else 0
    more = words.text(_(", {waiting:,} await signature", waiting=waiting)) if waiting else ""
    for tier in vocabulary.TIERS:
        under = percent(counts[tier] / total) + (more if tier == "D" else "")
        yield words.text(_("Tier {tier}", tier=tier)), f"{counts[tier]:,}", under
    yield words.text(_("Not rated")), f"{counts['NR']:,}", percent(counts["NR"] / total)
    if "auc" in book.evaluation:
        figure = book.evaluation["auc"]
        under = f"{decimal(figure.low)} – {decimal(figure.high)}" if figure.low is not None else ""
        yield "AUC", decimal(figure.value), under
    target = sum(int(plan.strata["target"].sum()) for plan in book.plans)
    drawn = sum(int(plan.frame["drawn"].astype("bool").sum()) for plan in book.plans if plan.drawn)
    yield words.text(_("Planned visits")), f"{target:,}", words.text(_("{drawn:,} drawn", drawn=drawn))


def _pictures(book: RunBook, words: Words) -> dict[str, Any]:
    from markupsafe import Markup

    def picture(figure: Any, title: str) -> Markup:
        return Markup(charts.svg(figure, title=title))  # noqa: S704 - made by charts.svg, which escapes the title

    spread, score_chart, calibration_chart = tiers_by_industry(book), "", ""
    names = words.text(_("Shares of tiers"))
    if not book.scores.empty and not book.tiers.empty:
        both = book.scores[["subject_id", "score"]].merge(book.tiers[["subject_id", "tier"]], on="subject_id")
        figure = charts.score_distribution(both["score"].tolist(), both["tier"].tolist(), lang=words.language)
        score_chart = picture(figure, words.text(_("Scores")))
    if not book.calibration.empty:
        calibration_chart = picture(charts.calibration(book.calibration, lang=words.language), words.text(_("Calibration")))
    cards = []
    for key in sorted(book.cards):
        card = book.cards[key]
        name = text_of(dict(book.industries), card.industry, words)
        # Twenty pictures of cards weigh more than all the rest; the tables below say the same.
        shown = key == "all" or len(book.cards) <= _PICTURED
        drawn = picture(charts.card_points(card, lang=words.language), name) if shown else ""
        cards.append((name, card, drawn, card_grid(card, words)))
    return {
        "tier_chart": picture(charts.tier_shares(_labelled(book, spread, words), lang=words.language), names)
        if len(spread)
        else "",
        "score_chart": score_chart,
        "calibration_chart": calibration_chart,
        "cards": cards,
    }


def _labelled(book: RunBook, spread: pd.DataFrame, words: Words) -> pd.DataFrame:
    """Industries by their label; where two have the same, the code stands beside it."""
    unknown = words.text(pgettext("industry", "(unknown)"))
    names = {code: text_of(dict(book.industries), code, words) or unknown for code in spread["industry"].unique()}
    twice = {name for name in names.values() if list(names.values()).count(name) > 1}
    return spread.assign(label=[f"{names[code]} {code}" if names[code] in twice else names[code] for code in spread["industry"]])
