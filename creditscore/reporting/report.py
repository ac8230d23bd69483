"""The report of a run as one HTML file: no script, no link out, its font inside, the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from creditscore import vocabulary
from creditscore.language import DEFAULT_LANGUAGE, Words, _, pgettext
from creditscore.models.scorecard import Scorecard
from creditscore.reporting import charts
from creditscore.reporting.audit_tables import (
    CARDS,
    DISTRIBUTION,
    FAIRNESS,
    QUALITY,
    card_frame,
    card_name,
    checkup_frame,
    deliveries_grid,
    equation_frame,
    evaluation_frame,
    moves_frame,
    out_of_scope_frame,
    spread_frame,
    unrated_frames,
)
from creditscore.reporting.charts import woff2_subset
from creditscore.reporting.columns import (
    NO_FIGURE,
    Grid,
    TableColumn,
    characteristic_labels,
    column,
    figure_columns,
    figures_grid,
    frame_of,
    label_or_code,
)
from creditscore.reporting.planning_tables import RATIOS, proposed_strata
from creditscore.reporting.run_book import TRIAL_NOTE, PlanPage, RunBook, tier_counts
from creditscore.reporting.words import CELLS, CONTESTED_WORDS, EVERYONE, LEFT_OUT, TIER_WORDS, text_of
from creditscore.storage import atomic_write
from creditscore.tiering.tiers import shown_tiers
from creditscore.vocabulary import HIDDEN_WHILE_OPEN, OBJECTION_OUTCOMES, SHOWN_ORDER, TIER_ORDER

if TYPE_CHECKING:
    import jinja2

_TEMPLATES = Path(__file__).parent / "templates"
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
#: Up to this number of cards each have a picture; of more only the pooled one has.
_PICTURED = 3
#: How many of the strongest associations are printed; ``associations.parquet`` has all.
_ASSOCIATIONS = 12


#: Columns of the table on fairness; the interval of the share of D is printed with it.
_FAIRNESS_KEYS = ("attribute", "group", "subjects", *(f"share_{tier}" for tier in SHOWN_ORDER), "visits_per_1000", "remark")


@cache
def environment() -> jinja2.Environment:
    """Templates that escape everything and refuse a variable that is not there."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
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
    css = Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    fixed = parts | {"words": words, "title": title, "css": css, **words.template_functions()}
    drawn = page.render(fixed | {"font_face": ""})
    source = f'url(data:font/woff2;base64,{woff2_subset(drawn)}) format("woff2")'
    face = f'@font-face {{ font-family: "creditscore report"; src: {source}; }}'
    text = page.render(fixed | {"font_face": Markup(face)})  # noqa: S704 - base64 of our own font
    return text.encode("utf-8", "replace").decode("utf-8")


def _equation(book: RunBook, words: Words) -> Grid:
    """The row equation, with the reasons of what is out of scope under it."""
    terms, reasons = equation_frame(book, words), out_of_scope_frame(book, words)
    reasons["check_rule"] = "　　" + reasons["check_rule"].astype("str")
    columns = (replace(*QUALITY.pick("check_rule"), label=_("Term")), *QUALITY.pick("rows"))
    return Grid.of(columns, [terms[:4], reasons, terms[4:]], words)


def _by_tier(frame: pd.DataFrame, by: list[str], heads: Sequence[TableColumn], words: Words) -> Grid:
    """One row per value of ``by``: the columns ``heads``, then for each tier its subjects and their share.

    Args:
        frame: One row per value of ``by`` and tier: ``tier, subjects, share``.
        by: The column to sort by, and maybe its label.
        heads: Columns of ``by``; ``subjects`` is the sum over the tiers.
        words: The language.
    """
    counts = frame.pivot(index=by, columns="tier", values="subjects")
    shares = frame.pivot(index=by, columns="tier", values="share").add_prefix("share_")
    table = pd.concat([counts, shares, counts.sum(axis=1).rename("subjects")], axis=1).reset_index()
    tiers = (
        column(tier, "integer", label=_("D proposed") if tier == vocabulary.PROPOSED else tier, share=f"share_{tier}")
        for tier in SHOWN_ORDER
    )
    return Grid.of((*heads, *tiers), [table], words)


def _migration(book: RunBook, words: Words) -> Grid:
    """Previous tiers down, tiers across: subjects and share of the previous tier."""
    moves = moves_frame(book, words)
    moves["label"] = label_or_code(TIER_WORDS, moves["from_tier"], words)
    return _by_tier(moves, ["from_tier", "label"], [column("label", label=_("Before \\ now"))], words)


def _achieved(book: RunBook, words: Words) -> Grid:
    """What was asked of a cut by share and what it gave: ties at a cut get the better tier."""
    table = book.achieved[book.achieved["cut"] == "share"] if "cut" in book.achieved else book.achieved
    columns = (
        column("industry_label"),
        column("tier"),
        column("subjects", "integer"),
        column("asked", "percent", label=_("Asked"), digits=2),
        column("achieved", "percent", label=_("Achieved"), digits=2),
    )
    if not table.empty:
        whole = words.text(pgettext("whole population", "All"))
        table = table.assign(
            industry_label=[text_of(dict(book.industries), code, words) or whole for code in table["population"]],
            tier=label_or_code(TIER_WORDS, table["tier"], words),
            asked=table["asked_ppm"] / 1_000_000,
            achieved=table["achieved_ppm"] / 1_000_000,
        )
    return Grid.of(columns, [table], words)


def _evaluation(book: RunBook, words: Words) -> Grid:
    """One row per measure with its interval."""
    frame = evaluation_frame(book)
    across = Grid.of(figure_columns(frame), [frame], words)
    rows = tuple(zip(across.headers, across.rows[0], strict=True)) if across.rows else ()
    return Grid((words.text(_("Metric")), words.text(_("Value (95 % interval)"))), rows, frozenset([1]))


def _left_out(book: RunBook, words: Words) -> Grid:
    """Why visits or subjects did not train, by reason."""
    reasons = [text_of(LEFT_OUT, reason, words) for reason in book.left_out.get("reason", ())]
    columns = (column("reason", label=_("Reason")), column("rows", "integer"))
    return Grid.of(columns, [book.left_out.assign(reason=reasons)], words)


def _swap(book: RunBook, words: Words) -> Grid:
    """Whom card and challenger pick: one row per cell."""
    columns = (
        column("cell", label=_("Picked by")),
        column("rows", "integer"),
        column("share", "percent", label=pgettext("swap set", "Share of weight")),
        column("bad_rate", "percent", label=_("Rate of violations")),
        column("reason", label=_("First reason")),
    )
    names = characteristic_labels(book)
    table = book.swap.assign(
        cell=[text_of(CELLS, cell, words) for cell in book.swap.get("cell", ())],
        reason=[text_of(names, reason, words) or NO_FIGURE for reason in book.swap.get("reason", ())],
    )
    return Grid.of(columns, [table], words)


def _strata(plan: PlanPage, book: RunBook, words: Words) -> Grid:
    """One row per tier of a plan and one for all: strata, subjects, how many of them are proposed for D, target, ratio."""
    rows, proposed = [], proposed_strata(book, plan)
    for tier in (*TIER_ORDER, None):
        part = plan.strata if tier is None else plan.strata[plan.strata["tier"] == tier]
        if part.empty:
            continue
        population, target = int(part["population"].sum()), int(part["target"].sum())
        name, ratio = words.text(EVERYONE if tier is None else TIER_WORDS[tier]), target / population if population else None
        row = {"tier": name, "strata": len(part), "population": population, "target": target, "effective_ratio": ratio}
        rows.append({**row, "of_these_proposed": int(proposed.isin(part["stratum"]).sum())})
    strata = column("strata", "integer", label=RATIOS.pick("stratum")[0].label)
    columns = (*RATIOS.pick("tier"), strata, *RATIOS.pick("population", "of_these_proposed", "target", "effective_ratio"))
    return Grid.of(columns, [pd.DataFrame(rows)], words, total=True)


def _card(card: Scorecard, book: RunBook, words: Words) -> Grid:
    """The points of a card: one row per attribute, the name of a characteristic on its first."""
    frame = card_frame(card, book, words)
    # Points are printed with their sign; the constant is no gain or loss.
    frame.loc[0, "points"] = words.number(card.constant)
    return Grid.of(CARDS.pick("characteristic", "source", "bin", "points", "weight", "bad_rate"), [frame], words)


def _incomplete(book: RunBook, words: Words) -> str:
    """How many subjects have points that are incomplete; nothing where none has."""
    marked = book.scores["incomplete"] if "incomplete" in book.scores else pd.Series(dtype=bool)
    if not marked.any():
        return ""
    sentence = _(
        "Points of {n:,} subjects are incomplete: records that may count against them were refused. Until these are mended or "
        "withdrawn, their tier is no better than in the last night in which they were read whole; without one they are not rated.",
        n=int(marked.sum()),
    )
    return words.text(sentence)


def _parts(book: RunBook, words: Words) -> dict[str, Any]:
    waiting = int((book.tiers["status"] == "proposed").sum()) if "status" in book.tiers else 0
    return {
        "book": book,
        "contents": [(key, words.text(label)) for key, label in _CONTENTS],
        "tiles": list(_tiles(book, words)),
        "waiting": words.number(waiting) if waiting else "",
        "incomplete": _incomplete(book, words),
        "equation": _equation(book, words),
        "tier_table": _by_tier(
            spread_frame(book, words),
            ["industry", "industry_label"],
            DISTRIBUTION.pick("industry_label", "subjects"),
            words,
        ),
        "achieved": _achieved(book, words),
        "migration": _migration(book, words),
        "evaluation": _evaluation(book, words),
        "by_industry": figures_grid(book.by_industry, words, book=book),
        "left_out": _left_out(book, words),
        "rivals": figures_grid(book.rivals, words, book=book),
        "swap": _swap(book, words),
        "shrinkage": figures_grid(book.shrinkage, words, book=book),
        "tuning": figures_grid(book.tuning, words, book=book),
        "selection": figures_grid(book.selection, words, book=book),
        "forecast": figures_grid(book.forecast, words, book=book),
        "trial_note": words.text(TRIAL_NOTE) if book.trial else "",
        "associations": figures_grid(book.associations.head(_ASSOCIATIONS), words, book=book),
        "stability": figures_grid(book.stability, words, book=book),
        "plans": [(plan, _strata(plan, book, words)) for plan in book.plans],
        "fairness": FAIRNESS.grid(book, words, *_FAIRNESS_KEYS),
        "quality": Grid.of(QUALITY.columns, [checkup_frame(book, words)], words),
        "deliveries": deliveries_grid(book, words),
        "unrated": Grid.of(QUALITY.pick("section", "check_rule", "rows"), unrated_frames(book, words), words),
        "objections": _objection_grid(book, words),
        "facts": sorted(book.facts.items()),
    }


def _objection_grid(book: RunBook, words: Words) -> Grid:
    """Objections that the day knew by what they contest: open ones, which suspend and are overdue, and how others were answered."""
    heads = (_("open"), _("suspending"), _("overdue"), _("upheld"), _("rejected"), _("withdrawn"))
    counted = [column(str(head.message), "integer", label=head) for head in heads]
    columns = (column("against", label=_("Objections to")), *counted)
    rows: list[Sequence[object]] = []
    for against in CONTESTED_WORDS if len(book.objections) else ():
        own = book.objections[book.objections["against"] == against]
        outcome = own["outcome"].fillna("")
        overdue = (outcome == "") & (own["due"] < book.as_of)
        # Runs of earlier versions have no such column: each objection suspended what it was against.
        suspends = own["suspends"].fillna(True).astype(bool) if "suspends" in own else pd.Series(True, index=own.index)
        suspending = (outcome == "") & suspends & (against in HIDDEN_WHILE_OPEN)
        counts = [int(suspending.sum()), int(overdue.sum()), *(int((outcome == one).sum()) for one in OBJECTION_OUTCOMES)]
        rows += [(words.text(CONTESTED_WORDS[against]), int((outcome == "").sum()), *counts)] if len(own) else []
    return Grid.of(columns, [frame_of(columns, rows)], words)


def _tiles(book: RunBook, words: Words) -> Iterator[tuple[str, str, str]]:
    """The few figures that come first: what, how much, and what qualifies it."""
    counts, total = tier_counts(book), max(len(book.tiers), 1)
    yield (
        words.text(pgettext("whole population", "Subjects")),
        words.number(len(book.tiers)),
        words.text(_("{scored:,} scored", scored=book.counts.scored)),
    )
    for tier in (tier for tier in vocabulary.SHOWN_ORDER if tier != vocabulary.NOT_RATED):
        proposed = tier == vocabulary.PROPOSED
        more = words.text(_(", drawn in {tier}", tier=vocabulary.RISKIEST_UNSIGNED)) if proposed else ""
        label = words.text(_("D proposed") if proposed else _("Tier {tier}", tier=tier))
        yield label, words.number(counts[tier]), words.percent(counts[tier] / total) + more
    yield words.text(_("Not rated")), words.number(counts["NR"]), words.percent(counts["NR"] / total)
    if "auc" in book.evaluation:
        figure = book.evaluation["auc"]
        known = figure.low is not None and figure.high is not None
        under = f"{words.number(figure.low or 0, 3)} {NO_FIGURE} {words.number(figure.high or 0, 3)}" if known else ""
        yield "AUC", words.number(figure.value, 3), under
    target = sum(int(plan.strata["target"].sum()) for plan in book.plans)
    yield words.text(_("Planned visits")), words.number(target), words.text(_("in {drafts:,} drafts", drafts=len(book.plans)))


def _pictures(book: RunBook, words: Words) -> dict[str, Any]:
    from markupsafe import Markup

    def picture(figure: Any, title: str) -> Markup:
        """A figure as SVG that the page does not escape; ``title`` is for readers who do not see it."""
        return Markup(charts.svg(figure, title=title))  # noqa: S704 - made by charts.svg, which escapes the title

    spread, score_chart, calibration_chart = spread_frame(book, words), "", ""
    names = words.text(_("Shares of tiers"))
    if not book.scores.empty and not book.tiers.empty:
        counted = book.tiers[["subject_id"]].assign(tier=shown_tiers(book.tiers))
        both = book.scores[["subject_id", "score"]].merge(counted, on="subject_id")
        figure = charts.score_distribution(both["score"].tolist(), both["tier"].tolist(), lang=words.language)
        score_chart = picture(figure, words.text(_("Scores")))
    if not book.calibration.empty:
        calibration_chart = picture(charts.calibration(book.calibration, lang=words.language), words.text(_("Calibration")))
    cards = []
    for key in sorted(book.cards):
        card = book.cards[key]
        name = card_name(card, book, words)
        # Twenty pictures of cards weigh more than all the rest; the tables below say the same.
        shown = key == "all" or len(book.cards) <= _PICTURED
        drawn = picture(charts.card_points(card, lang=words.language), name) if shown else ""
        cards.append((name, card, drawn, _card(card, book, words)))
    return {
        "tier_chart": picture(charts.tier_shares(_labelled(spread), lang=words.language), names) if len(spread) else "",
        "score_chart": score_chart,
        "calibration_chart": calibration_chart,
        "cards": cards,
    }


def _labelled(spread: pd.DataFrame) -> pd.DataFrame:
    """Industries by their label; where two have the same, the code follows it."""
    names = dict(zip(spread["industry"], spread["industry_label"], strict=True))
    labels = list(names.values())
    return spread.assign(
        label=[f"{names[code]} {code}" if labels.count(names[code]) > 1 else names[code] for code in spread["industry"]]
    )
